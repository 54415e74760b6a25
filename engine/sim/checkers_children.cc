// Checks of child workflows: each was started once, its id was used again only where that is
// allowed, and its parent's end did to it what was agreed and nothing else.
#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "sim/checkers.h"

namespace perdure::sim {
namespace {

namespace enums = temporal::api::enums::v1;
using Initiated = temporal::api::history::v1::StartChildWorkflowExecutionInitiatedEventAttributes;

// Null if the parent has no such event.
const Initiated* InitiatedBy(const std::vector<HistoryEvent>& parent, int64_t event_id) {
  if (event_id < 1 || event_id > static_cast<int64_t>(parent.size())) return nullptr;
  const HistoryEvent& event = parent[static_cast<size_t>(event_id) - 1];
  if (!event.has_start_child_workflow_execution_initiated_event_attributes()) return nullptr;
  return &event.start_child_workflow_execution_initiated_event_attributes();
}

bool IsTerminatedByPolicy(const std::vector<HistoryEvent>& events) {
  return events.back().workflow_execution_terminated_event_attributes().reason() ==
         "by parent close policy";
}

bool IsCancelledBy(const std::vector<HistoryEvent>& events, const std::string& parent_workflow_id) {
  return std::any_of(events.begin(), events.end(), [&](const HistoryEvent& event) {
    return event.workflow_execution_cancel_requested_event_attributes()
               .external_workflow_execution()
               .workflow_id() == parent_workflow_id;
  });
}

}  // namespace

void Checkers::CheckChildren() {
  // By parent's run and event: the first run of the child.
  std::map<std::pair<std::string, int64_t>, std::string> starts;
  std::map<std::string, std::vector<const Run*>> reused;  // first runs by id
  for (const auto& [run_id, run] : runs_) {
    const auto& info = run.state.info;
    if (info.parent_run_id().empty() || run.events.empty()) continue;
    const auto parent = runs_.find(info.parent_run_id());
    if (parent == runs_.end()) {
      if (!ledger_.deleted_runs.contains(info.parent_run_id())) Wrong(run, "it has no parent");
      continue;
    }
    CheckChild(run, parent->second);
    const auto [start, is_new] = starts.emplace(
        std::pair(info.parent_run_id(), info.parent_initiated_event_id()), info.first_run_id());
    if (!is_new && start->second != info.first_run_id()) {
      Wrong(run, "its parent's command started another child too");
    }
    if (info.first_run_id() == run_id && absl::EndsWith(run.workflow_id, kReusedSuffix)) {
      reused[run.workflow_id].push_back(&run);
    }
  }
  for (auto& [workflow_id, chains] : reused) {
    // In the order of their rows.
    std::sort(chains.begin(), chains.end(),
              [](const Run* a, const Run* b) { return a->row.key < b->row.key; });
    CheckReuse(chains);
  }
}

void Checkers::CheckChild(const Run& child, const Run& parent) {
  const Initiated* initiated =
      InitiatedBy(parent.events, child.state.info.parent_initiated_event_id());
  if (initiated == nullptr || initiated->workflow_id() != child.workflow_id) {
    return Wrong(child, "its parent did not ask for it");
  }
  const auto policy = initiated->parent_close_policy();
  const bool is_terminated = IsTerminatedByPolicy(child.events);
  const bool is_cancelled = IsCancelledBy(child.events, parent.workflow_id);
  if (is_terminated && policy != enums::PARENT_CLOSE_POLICY_TERMINATE) {
    Wrong(child, "its parent's end terminated it against the policy");
  }
  if (is_cancelled && policy != enums::PARENT_CLOSE_POLICY_REQUEST_CANCEL) {
    Wrong(child, "its parent's end cancelled it against the policy");
  }
  const bool goes_on =
      !parent.events.empty() &&
      parent.events.back().has_workflow_execution_continued_as_new_event_attributes();
  // A reset takes its children on, and may end after all.
  const bool was_reset = !parent.state.info.reset_run_id().empty();
  if ((is_terminated || is_cancelled) && goes_on && !was_reset) {
    Wrong(child, "it was closed though its parent went on");
  }
  if (!child.replay.input().lasts) return;
  const bool is_as_agreed =
      policy == enums::PARENT_CLOSE_POLICY_TERMINATE ? is_terminated : is_cancelled;
  if (!is_as_agreed) Wrong(child, "its parent's end did not close it");
}

// `chains`: first runs under one id, each with the end of the one before in mind.
void Checkers::CheckReuse(const std::vector<const Run*>& chains) {
  for (size_t i = 1; i < chains.size(); ++i) {
    const Run& child = *chains[i];
    const Run& parent = runs_.at(child.state.info.parent_run_id());
    const Initiated* initiated =
        InitiatedBy(parent.events, child.state.info.parent_initiated_event_id());
    if (initiated == nullptr) continue;
    if (initiated->workflow_id_reuse_policy() == enums::WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE) {
      Wrong(child, "its id was used before");
    }
    // The last run of the chain before.
    const Run* last = chains[i - 1];
    while (!NextRunAfter(last->events.back()).empty() &&
           runs_.contains(NextRunAfter(last->events.back()))) {
      last = &runs_.at(NextRunAfter(last->events.back()));
    }
    const bool needs_failure = initiated->workflow_id_reuse_policy() ==
                               enums::WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE_FAILED_ONLY;
    if (needs_failure && last->state.info.status() == enums::WORKFLOW_EXECUTION_STATUS_COMPLETED) {
      Wrong(child, "its id was used before, with success");
    }
    if (child.row.key.number <= last->row.key.number) {
      Wrong(child, "its id was free only later");
    }
  }
}

}  // namespace perdure::sim
