#include "machines/workflow/decide/reset.h"

#include <set>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "machines/workflow/close.h"
#include "machines/workflow/draft.h"

namespace perdure::machines {
namespace {

using temporal::api::workflowservice::v1::ResetWorkflowExecutionRequest;

struct Reapplied {
  bool signals = true;
  bool updates = true;
};

Reapplied WhatIsReapplied(const ResetWorkflowExecutionRequest& request) {
  Reapplied what;
  switch (request.reset_reapply_type()) {
    case enums::RESET_REAPPLY_TYPE_NONE:
      what = {false, false};
      break;
    case enums::RESET_REAPPLY_TYPE_SIGNAL:
      what = {true, false};
      break;
    default:
      break;
  }
  for (const int excluded : request.reset_reapply_exclude_types()) {
    if (excluded == enums::RESET_REAPPLY_EXCLUDE_TYPE_SIGNAL) what.signals = false;
    if (excluded == enums::RESET_REAPPLY_EXCLUDE_TYPE_UPDATE) what.updates = false;
  }
  return what;
}

void ReapplyUpdate(Draft& draft, const temporal::api::update::v1::Request& request) {
  const std::string& id = request.meta().update_id();
  if (draft.state().updates.Contains(id) || draft.state().admitted_updates.Contains(id)) return;
  HistoryEvent event = draft.NewEvent(enums::EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ADMITTED);
  auto* out = event.mutable_workflow_execution_update_admitted_event_attributes();
  *out->mutable_request() = request;
  out->set_origin(enums::UPDATE_ADMITTED_EVENT_ORIGIN_REAPPLY);
  draft.Add(std::move(event));
}

// `signals`: the requests whose signals the new run has.
void Reapply(Draft& draft, const HistoryEvent& event, const Reapplied& what,
             std::set<std::string>& signals) {
  switch (event.event_type()) {
    case enums::EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED: {
      if (!what.signals) return;
      // A request that was repeated is in a run of the chain, and again in the one after it.
      const std::string& request_id =
          event.workflow_execution_signaled_event_attributes().request_id();
      if (!request_id.empty() && !signals.insert(request_id).second) return;
      HistoryEvent again = draft.NewEvent(enums::EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED);
      *again.mutable_workflow_execution_signaled_event_attributes() =
          event.workflow_execution_signaled_event_attributes();
      *again.mutable_links() = event.links();
      draft.Add(std::move(again));
      return;
    }
    case enums::EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ADMITTED:
      if (what.updates) {
        ReapplyUpdate(draft, event.workflow_execution_update_admitted_event_attributes().request());
      }
      return;
    case enums::EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED: {
      const auto& attributes = event.workflow_execution_update_accepted_event_attributes();
      // One that had its admitted event is reapplied by that.
      if (what.updates && attributes.has_accepted_request()) {
        ReapplyUpdate(draft, attributes.accepted_request());
      }
      return;
    }
    case enums::EVENT_TYPE_WORKFLOW_EXECUTION_OPTIONS_UPDATED: {
      HistoryEvent again = draft.NewEvent(enums::EVENT_TYPE_WORKFLOW_EXECUTION_OPTIONS_UPDATED);
      *again.mutable_workflow_execution_options_updated_event_attributes() =
          event.workflow_execution_options_updated_event_attributes();
      draft.Add(std::move(again));
      return;
    }
    default:
      return;
  }
}

// What became of a child, if the new run waits for it. `attributes`: the event's, to be filled in.
template <class Attributes>
void ReapplyChildEvent(Draft& draft, const HistoryEvent& event, Attributes* attributes,
                       HistoryEvent again) {
  const Child* child = draft.state().children.Find(attributes->initiated_event_id());
  if (child == nullptr) return;
  if constexpr (requires { attributes->set_started_event_id(0); }) {
    attributes->set_started_event_id(child->info.started_event_id());
  }
  *again.mutable_links() = event.links();
  draft.Add(std::move(again));
}

// Temporal: children that were initiated before the reset are the new run's.
void ReapplyChild(Draft& draft, const HistoryEvent& event) {
  HistoryEvent again = draft.NewEvent(event.event_type());
  const auto reapply = [&](const auto& attributes, auto* out) {
    *out = attributes;
    // The event is moved with its attributes in it: they stay where they are.
    ReapplyChildEvent(draft, event, out, std::move(again));
  };
  switch (event.event_type()) {
    case enums::EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_FAILED:
      return reapply(event.start_child_workflow_execution_failed_event_attributes(),
                     again.mutable_start_child_workflow_execution_failed_event_attributes());
    case enums::EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_STARTED:
      return reapply(event.child_workflow_execution_started_event_attributes(),
                     again.mutable_child_workflow_execution_started_event_attributes());
    case enums::EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_COMPLETED:
      return reapply(event.child_workflow_execution_completed_event_attributes(),
                     again.mutable_child_workflow_execution_completed_event_attributes());
    case enums::EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_FAILED:
      return reapply(event.child_workflow_execution_failed_event_attributes(),
                     again.mutable_child_workflow_execution_failed_event_attributes());
    case enums::EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_CANCELED:
      return reapply(event.child_workflow_execution_canceled_event_attributes(),
                     again.mutable_child_workflow_execution_canceled_event_attributes());
    case enums::EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_TIMED_OUT:
      return reapply(event.child_workflow_execution_timed_out_event_attributes(),
                     again.mutable_child_workflow_execution_timed_out_event_attributes());
    case enums::EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_TERMINATED:
      return reapply(event.child_workflow_execution_terminated_event_attributes(),
                     again.mutable_child_workflow_execution_terminated_event_attributes());
    default:
      return;
  }
}

// Whether the new run has that child of the run that ends, which may be another than the base run.
bool TakesOn(const ResetInput& input, const Child& child) {
  const EventId id = child.info.initiated_event_id();
  if (id >= input.request->workflow_task_finish_event_id() ||
      id > static_cast<EventId>(input.base_events.size())) {
    return false;
  }
  // A run that was reset keeps the events from before as they are.
  const HistoryEvent& event = input.base_events[id - 1];
  return event.start_child_workflow_execution_initiated_event_attributes().workflow_id() ==
             child.initiated->start_child_workflow_execution_initiated_event_attributes()
                 .workflow_id() &&
         ToNs(event.event_time()) == ToNs(child.initiated->event_time());
}

// The others end as their policies say. By a message of the new run, so that it is there before
// another one that asks for a child of the same id.
void CloseOtherChildren(Draft& draft, const ResetInput& input) {
  if (input.ended == nullptr) return;
  for (const EventId id : input.ended->children.Keys()) {
    const Child& child = *input.ended->children.Find(id);
    if (child.info.is_started() && !TakesOn(input, child)) CloseChild(draft, child);
  }
}

// Children whose start is still under way are asked for again: nobody tells the new run what
// became of the first request. The receiver knows the repeat by its request id.
void RestartChildren(Draft& draft, const ResetInput& input) {
  for (const EventId id : draft.state().children.Keys()) {
    const Child child = *draft.state().children.Find(id);
    if (child.info.is_started()) continue;
    const auto& initiated =
        child.initiated->start_child_workflow_execution_initiated_event_attributes();
    const auto facts = draft.context().find_namespace
                           ? draft.context().find_namespace(initiated.namespace_())
                           : std::nullopt;
    pb::OutboxMessage message;
    message.set_target_namespace_number(facts.has_value() ? facts->number
                                                          : draft.info().namespace_number());
    message.set_target_workflow_id(initiated.workflow_id());
    const Child* asked = input.base->children.Find(id);
    const bool is_inherited = asked != nullptr && !asked->info.request_id().empty();
    pb::Change change;
    pb::PendingChild& info = *change.mutable_child()->mutable_child();
    info = child.info;
    info.set_request_id(is_inherited ? asked->info.request_id()
                                     : absl::StrCat(input.base->info.run_id(), ":", id));
    message.set_request_id(info.request_id());
    draft.Emit(std::move(change));
    message.mutable_start_child()->set_initiated_event_id(id);
    draft.AddOutbox(std::move(message));
  }
}

bool IsResetPoint(enums::EventType type) {
  return type == enums::EVENT_TYPE_WORKFLOW_TASK_COMPLETED ||
         type == enums::EVENT_TYPE_WORKFLOW_TASK_FAILED ||
         type == enums::EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT ||
         type == enums::EVENT_TYPE_WORKFLOW_TASK_STARTED;
}

// Pending activities begin anew, with all their time.
void RestartActivities(Draft& draft) {
  for (const EventId id : draft.state().activities.Keys()) {
    pb::PendingActivity info = draft.state().activities.Find(id)->info;
    info.set_scheduled_time_ns(draft.now_ns());
    info.set_first_scheduled_time_ns(draft.now_ns());
    if (info.schedule_to_close_ns() > 0) {
      info.set_schedule_to_close_deadline_ns(draft.now_ns() + info.schedule_to_close_ns());
    }
    draft.EmitActivity(std::move(info));
  }
}

void EmitCreated(Draft& draft, const ResetInput& input, const HistoryEvent& started) {
  const auto& attributes = started.workflow_execution_started_event_attributes();
  const pb::ExecutionInfo& base = input.base->info;
  pb::Change change;
  pb::Created& created = *change.mutable_created();
  created.set_namespace_number(base.namespace_number());
  created.set_workflow_id(base.workflow_id());
  created.set_run_id(input.new_run_id);
  created.set_create_request_id(input.request->request_id());
  created.set_created_time_ns(draft.now_ns());
  created.set_execution_deadline_ns(base.execution_deadline_ns());
  const int64_t run_ns = ToNs(attributes.workflow_run_timeout());
  // Temporal: the new run has its full run timeout.
  created.set_run_deadline_ns(run_ns > 0 ? draft.now_ns() + run_ns : 0);
  created.set_parent_namespace_number(base.parent_namespace_number());
  created.set_reset_of_run_id(base.run_id());
  draft.Emit(std::move(change));
}

void FailForReset(Draft& draft, const ResetInput& input) {
  if (!draft.state().HasStartedTask()) {
    TaskStart start;
    start.identity = input.request->identity();
    start.request_id = draft.NewUuid();
    draft.StartTask(start);
  }
  HistoryEvent event = draft.NewEvent(enums::EVENT_TYPE_WORKFLOW_TASK_FAILED);
  auto* out = event.mutable_workflow_task_failed_event_attributes();
  out->set_scheduled_event_id(draft.info().workflow_task().scheduled_event_id());
  out->set_started_event_id(draft.info().workflow_task().started_event_id());
  out->set_cause(enums::WORKFLOW_TASK_FAILED_CAUSE_RESET_WORKFLOW);
  out->mutable_failure()->set_message(input.request->reason());
  out->mutable_failure()->mutable_reset_workflow_failure_info();
  out->set_identity(input.request->identity());
  out->set_base_run_id(input.base->info.run_id());
  out->set_new_run_id(input.new_run_id);
  draft.Add(std::move(event));
}

}  // namespace

Decision DecideTerminateForReset(const ResetInput& input, const Context& context) {
  Draft draft(*input.ended, context);
  // A parent knows a child by its first run. What the new run is not, it can't tell of.
  const bool tells_parent = input.ended->info.first_run_id() != input.base->info.first_run_id();
  TerminateForReset(draft, input.request->reason(), tells_parent, [&input](const Child& child) {
    // Behind the message that asks for it; see CloseOtherChildren for the rest.
    return !child.info.is_started() && !TakesOn(input, child);
  });
  return draft.Finish();
}

absl::StatusOr<ResetDecision> DecideReset(const ResetInput& input, const Context& context) {
  const EventId finish_id = input.request->workflow_task_finish_event_id();
  const auto count = static_cast<EventId>(input.base_events.size());
  if (finish_id <= 1 || finish_id > count + 1) {
    return base::InvalidArgument(absl::StrCat(
        "Workflow task finish ID must be > 1 && <= workflow last event ID. finish ID: ", finish_id,
        ", last event ID: ", count));
  }
  if (finish_id <= count && !IsResetPoint(input.base_events[finish_id - 1].event_type())) {
    const auto before = input.base_events[finish_id - 2].event_type();
    const bool follows_task = before == enums::EVENT_TYPE_WORKFLOW_TASK_STARTED ||
                              before == enums::EVENT_TYPE_WORKFLOW_TASK_SCHEDULED;
    if (!follows_task) {
      return base::InvalidArgument(absl::StrCat("Workflow task finish ID ", finish_id,
                                                " is not a workflow task's closing event."));
    }
  }
  const State empty;
  Draft draft(empty, context);
  EmitCreated(draft, input, input.base_events.front());
  std::set<std::string> signals;
  for (EventId id = 1; id < finish_id; ++id) {
    pb::Change change;
    *change.mutable_event() = input.base_events[id - 1];
    const auto& signal = change.event().workflow_execution_signaled_event_attributes();
    if (!signal.request_id().empty()) signals.insert(signal.request_id());
    draft.Emit(std::move(change));
  }
  if (!draft.state().HasTask()) {
    return base::InvalidArgument(
        absl::StrCat("Can only reset workflow to event ID in range after a workflow task was "
                     "scheduled; finish ID: ",
                     finish_id));
  }
  if (!draft.state().pending_cancels.empty() || !draft.state().pending_signals.empty()) {
    return base::InvalidArgument(
        "Can not reset workflow to a point with pending external requests.");
  }
  FailForReset(draft, input);
  CloseOtherChildren(draft, input);
  RestartActivities(draft);
  const Reapplied what = WhatIsReapplied(*input.request);
  for (EventId id = finish_id; id <= count; ++id) {
    Reapply(draft, input.base_events[id - 1], what, signals);
    ReapplyChild(draft, input.base_events[id - 1]);
  }
  // A signal whose answer was lost is sent again: to the new run, which has it.
  for (const std::string& request_id : input.signal_request_ids) {
    if (!what.signals) break;
    pb::Change change;
    change.set_signal_request_id(request_id);
    draft.Emit(std::move(change));
  }
  RestartChildren(draft, input);
  for (const HistoryEvent& event : input.later_events) Reapply(draft, event, what, signals);
  draft.EnsureTask();

  ResetDecision decision;
  decision.created.run_id = input.new_run_id;
  decision.created.record = draft.Finish().record;
  Draft base_draft(*input.base, context);
  pb::Change change;
  change.set_reset_run_id(input.new_run_id);
  base_draft.Emit(std::move(change));
  decision.base = base_draft.Finish();
  return decision;
}

}  // namespace perdure::machines
