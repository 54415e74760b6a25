// Checks of what operators do: resets, pauses, deletions.
#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "sim/checkers.h"

namespace perdure::sim {
namespace {

namespace enums = temporal::api::enums::v1;

}  // namespace

void Checkers::CheckResets() {
  std::map<std::string, int> current;
  for (const auto& [run_id, run] : runs_) {
    if (run.row.is_current) ++current[run.workflow_id];
  }
  for (const auto& [run_id, run] : runs_) {
    // When the last run of a chain is deleted, those before it stay.
    const int least = ledger_.reusable_ids.contains(run.workflow_id) ? 0 : 1;
    if (current[run.workflow_id] > 1 || current[run.workflow_id] < least) {
      Wrong(run, absl::StrCat("its id has ", current[run.workflow_id], " current runs"));
    }
  }
  for (const auto& [workflow_id, record] : ledger_.workflows) {
    CheckReset(workflow_id, record);
    const bool has_one_log = MakeProgram({.seed = record.seed}).attempts_max <= 1;
    if (record.may_be_reset && has_one_log) CheckNothingLost(workflow_id, record);
  }
}

void Checkers::CheckReset(const std::string& workflow_id, const WorkflowRecord& record) {
  int64_t reset_runs = 0;
  for (const auto& [run_id, run] : runs_) {
    if (run.workflow_id == workflow_id && !run.state.info.reset_of_run_id().empty()) ++reset_runs;
  }
  if (reset_runs != static_cast<int64_t>(record.resets.size())) {
    wrongs_.push_back(absl::StrCat(workflow_id, ": ", record.resets.size(),
                                   " resets were acknowledged and ", reset_runs,
                                   " were carried out"));
  }
  for (const auto& [run_id, base_id] : record.resets) {
    const auto reset = runs_.find(run_id);
    const auto base = runs_.find(base_id);
    if (reset == runs_.end() || base == runs_.end()) {
      wrongs_.push_back(absl::StrCat(workflow_id, " ", run_id, ": a reset to it from ", base_id,
                                     " was acknowledged and they are not there"));
      continue;
    }
    if (reset->second.state.info.reset_of_run_id() != base_id) {
      Wrong(reset->second, "it does not know that it is a reset of " + base_id);
    }
    if (base->second.state.info.reset_run_id() != run_id) {
      Wrong(base->second, "it does not know that it was reset to " + run_id);
    }
  }
}

// Whatever was acknowledged is known to the last run.
void Checkers::CheckNothingLost(const std::string& workflow_id, const WorkflowRecord& record) {
  for (const auto& [run_id, run] : runs_) {
    if (run.workflow_id != workflow_id || !run.row.is_current) continue;
    const Entries& log = run.replay.log();
    const auto check = [&](const std::string& entry) {
      if (std::find(log.begin(), log.end(), entry) != log.end()) return;
      Wrong(run, absl::StrCat(entry, " was acknowledged and this last run does not know it"));
    };
    for (const auto& [input, promise] : record.signals) {
      if (promise.is_acknowledged) check(input);
    }
    for (const auto& [update_id, outcome] : record.updates) check(update_id);
  }
}

// No workflow task begins between a pause and its end.
void Checkers::CheckPauses() {
  for (const auto& [run_id, run] : runs_) {
    bool is_paused = false;
    for (const HistoryEvent& event : run.events) {
      if (event.has_workflow_execution_paused_event_attributes()) is_paused = true;
      if (event.has_workflow_execution_unpaused_event_attributes()) is_paused = false;
      if (is_paused && event.has_workflow_task_started_event_attributes()) {
        Wrong(run, absl::StrCat("workflow task ", event.event_id(), " began while it was paused"));
      }
    }
  }
}

// Nothing is left of what was deleted.
void Checkers::CheckDeletions() {
  for (const std::string& run_id : ledger_.deleted_runs) {
    const auto found = runs_.find(run_id);
    if (found != runs_.end()) Wrong(found->second, "its deletion was acknowledged and it is there");
  }
}

// Open runs are there, and nothing is left of those that went.
void Checkers::CheckRetention() {
  const auto namespaces = Await<std::vector<store::NamespaceRow>>(
      [this](auto done) { cluster_.reader().ListNamespaces(std::move(done)); });
  if (!namespaces.ok()) return wrongs_.push_back("the namespaces cannot be read");
  for (const store::NamespaceRow& row : *namespaces) {
    if (row.name != kBriefNamespace) continue;
    const auto runs = Await<std::vector<store::DueExecution>>([&](auto done) {
      cluster_.reader().RunsOfNamespace(row.number, 1'000'000, std::move(done));
    });
    if (!runs.ok()) return wrongs_.push_back("the brief namespace cannot be read");
    std::set<std::string> there;
    std::set<store::ExecutionKey> keys;
    for (const store::DueExecution& run : *runs) {
      there.insert(run.run_id.value());
      keys.insert(run.key);
    }
    for (const auto& [run_id, run] : runs_) keys.insert(run.row.key);
    for (const auto& [run_id, workflow_id] : ledger_.brief.open_runs) {
      if (there.contains(run_id)) continue;
      wrongs_.push_back(absl::StrCat(workflow_id, " ", run_id, ": it was open and is not there"));
    }
    for (const auto& [run_id, workflow_id] : ledger_.brief.gone_runs) {
      if (there.contains(run_id)) {
        wrongs_.push_back(absl::StrCat(workflow_id, " ", run_id, ": it was gone and is there"));
      }
      CheckGone(row.number, workflow_id, keys);
    }
  }
}

// No journal is left without its run.
void Checkers::CheckGone(base::NamespaceNumber number, const std::string& workflow_id,
                         const std::set<store::ExecutionKey>& rows) {
  constexpr int64_t kNumbersMax = 100;
  for (int64_t i = 1; i <= kNumbersMax; ++i) {
    store::JournalRange range;
    range.key = {base::ShardOf(number, workflow_id), base::ExecutionNumber(i)};
    if (rows.contains(range.key)) continue;
    range.bytes_max = INT64_MAX / 2;
    range.records_max = INT64_MAX / 2;
    const auto journal = Await<std::vector<store::JournalEntry>>(
        [&](auto done) { cluster_.reader().ReadJournal(range, std::move(done)); });
    if (journal.ok() && !journal->empty()) {
      wrongs_.push_back(absl::StrCat(workflow_id, ": a journal is left of a run that is gone"));
    }
  }
}

// Every server has shards, those too that were drained and are no longer.
void Checkers::CheckShares() {
  const auto owners = Await<std::vector<store::ShardOwner>>(
      [this](auto done) { cluster_.reader().ListShards(std::move(done)); });
  std::set<base::IncarnationId> incarnations;
  if (owners.ok()) {
    for (const store::ShardOwner& owner : *owners) incarnations.insert(owner.owner);
  }
  if (static_cast<int>(incarnations.size()) != cluster_.size()) {
    wrongs_.push_back(absl::StrCat("the cluster has ", cluster_.size(), " servers and ",
                                   incarnations.size(), " of them have shards"));
  }
}

}  // namespace perdure::sim
