#include "machines/workflow/decide/delivery.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "machines/workflow/close.h"
#include "temporal/api/enums/v1/failed_cause.pb.h"

namespace perdure::machines {
namespace {

absl::Status Completed() { return base::NotFound("workflow execution already completed"); }

bool IsParent(const State& state, const Delivery& delivery) {
  return state.info.parent_workflow_id() == delivery.sender_workflow_id &&
         state.info.parent_run_id() == delivery.sender_run_id;
}

// It is the child that is meant, though a run that the sender is a reset of may have started it.
bool IsChild(const State& state, const Delivery& delivery, const std::string& first_run_id) {
  return !first_run_id.empty() && state.info.first_run_id() == first_run_id &&
         state.info.parent_workflow_id() == delivery.sender_workflow_id;
}

bool IsToClose(const State& state, const Delivery& delivery) {
  const pb::CloseChild& close = delivery.message.close_child();
  const bool is_asked_for = !close.start_request_id().empty() &&
                            state.info.create_request_id() == close.start_request_id() &&
                            state.info.parent_workflow_id() == delivery.sender_workflow_id;
  return IsParent(state, delivery) || IsChild(state, delivery, close.child_first_run_id()) ||
         is_asked_for;
}

// True if the child's start is under way by this run's own command. What a run has from the one
// that it is a reset of is asked for in that one's name.
bool AsksItself(const State& state, EventId initiated_id) {
  const std::string own = absl::StrCat(state.info.run_id(), ":", initiated_id);
  for (const uint64_t id : state.outbox.Keys()) {
    const pb::OutboxMessage& message = *state.outbox.Find(id);
    if (message.has_start_child() && message.request_id() == own) return true;
  }
  return false;
}

void AddChildStarted(Draft& draft, EventId initiated_id, const std::string& run_id) {
  const Child* child = draft.state().children.Find(initiated_id);
  if (child == nullptr || child->info.is_started()) return;
  const auto& initiated =
      child->initiated->start_child_workflow_execution_initiated_event_attributes();
  HistoryEvent event = draft.NewEvent(enums::EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_STARTED);
  auto* out = event.mutable_child_workflow_execution_started_event_attributes();
  out->set_namespace_(initiated.namespace_());
  out->set_namespace_id(initiated.namespace_id());
  out->set_initiated_event_id(initiated_id);
  out->mutable_workflow_execution()->set_workflow_id(initiated.workflow_id());
  out->mutable_workflow_execution()->set_run_id(run_id);
  *out->mutable_workflow_type() = initiated.workflow_type();
  if (initiated.has_header()) *out->mutable_header() = initiated.header();
  draft.Add(std::move(event));
}

// Fills what all five close events of a child share.
template <class Attributes>
void Describe(Attributes* out, const Child& child, const pb::ChildClosed& closed) {
  const auto& initiated =
      child.initiated->start_child_workflow_execution_initiated_event_attributes();
  out->set_namespace_(initiated.namespace_());
  out->set_namespace_id(initiated.namespace_id());
  out->mutable_workflow_execution()->set_workflow_id(initiated.workflow_id());
  out->mutable_workflow_execution()->set_run_id(closed.child_run_id());
  out->mutable_workflow_type()->set_name(closed.child_workflow_type());
  out->set_initiated_event_id(child.info.initiated_event_id());
  out->set_started_event_id(child.info.started_event_id());
}

void AddChildClosed(Draft& draft, const Child& child, const pb::ChildClosed& closed) {
  const HistoryEvent& close = closed.close_event();
  switch (close.event_type()) {
    case enums::EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED: {
      HistoryEvent event = draft.NewEvent(enums::EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_COMPLETED);
      auto* out = event.mutable_child_workflow_execution_completed_event_attributes();
      Describe(out, child, closed);
      const auto& attributes = close.workflow_execution_completed_event_attributes();
      if (attributes.has_result()) *out->mutable_result() = attributes.result();
      draft.Add(std::move(event));
      return;
    }
    case enums::EVENT_TYPE_WORKFLOW_EXECUTION_FAILED: {
      HistoryEvent event = draft.NewEvent(enums::EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_FAILED);
      auto* out = event.mutable_child_workflow_execution_failed_event_attributes();
      Describe(out, child, closed);
      *out->mutable_failure() = close.workflow_execution_failed_event_attributes().failure();
      out->set_retry_state(close.workflow_execution_failed_event_attributes().retry_state());
      draft.Add(std::move(event));
      return;
    }
    case enums::EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED: {
      HistoryEvent event = draft.NewEvent(enums::EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_CANCELED);
      auto* out = event.mutable_child_workflow_execution_canceled_event_attributes();
      Describe(out, child, closed);
      const auto& attributes = close.workflow_execution_canceled_event_attributes();
      if (attributes.has_details()) *out->mutable_details() = attributes.details();
      draft.Add(std::move(event));
      return;
    }
    case enums::EVENT_TYPE_WORKFLOW_EXECUTION_TIMED_OUT: {
      HistoryEvent event = draft.NewEvent(enums::EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_TIMED_OUT);
      auto* out = event.mutable_child_workflow_execution_timed_out_event_attributes();
      Describe(out, child, closed);
      out->set_retry_state(close.workflow_execution_timed_out_event_attributes().retry_state());
      draft.Add(std::move(event));
      return;
    }
    default: {
      HistoryEvent event = draft.NewEvent(enums::EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_TERMINATED);
      Describe(event.mutable_child_workflow_execution_terminated_event_attributes(), child, closed);
      draft.Add(std::move(event));
      return;
    }
  }
}

void ChildStartFailed(Draft& draft, EventId initiated_id, const absl::Status& status) {
  const Child* child = draft.state().children.Find(initiated_id);
  if (child == nullptr) return;
  const auto& initiated =
      child->initiated->start_child_workflow_execution_initiated_event_attributes();
  HistoryEvent event = draft.NewEvent(enums::EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_FAILED);
  auto* out = event.mutable_start_child_workflow_execution_failed_event_attributes();
  out->set_namespace_(initiated.namespace_());
  out->set_namespace_id(initiated.namespace_id());
  out->set_workflow_id(initiated.workflow_id());
  *out->mutable_workflow_type() = initiated.workflow_type();
  out->set_cause(status.code() == absl::StatusCode::kAlreadyExists
                     ? enums::START_CHILD_WORKFLOW_EXECUTION_FAILED_CAUSE_WORKFLOW_ALREADY_EXISTS
                     : enums::START_CHILD_WORKFLOW_EXECUTION_FAILED_CAUSE_NAMESPACE_NOT_FOUND);
  out->set_control(initiated.control());
  out->set_initiated_event_id(initiated_id);
  out->set_workflow_task_completed_event_id(initiated.workflow_task_completed_event_id());
  draft.Add(std::move(event));
}

void SignalAnswered(Draft& draft, EventId initiated_id, const absl::Status& status) {
  const EventPtr* found = draft.state().pending_signals.Find(initiated_id);
  if (found == nullptr) return;
  const auto& initiated = (*found)->signal_external_workflow_execution_initiated_event_attributes();
  if (status.ok()) {
    HistoryEvent event = draft.NewEvent(enums::EVENT_TYPE_EXTERNAL_WORKFLOW_EXECUTION_SIGNALED);
    auto* out = event.mutable_external_workflow_execution_signaled_event_attributes();
    out->set_initiated_event_id(initiated_id);
    out->set_namespace_(initiated.namespace_());
    out->set_namespace_id(initiated.namespace_id());
    *out->mutable_workflow_execution() = initiated.workflow_execution();
    out->set_control(initiated.control());
    draft.Add(std::move(event));
    return;
  }
  HistoryEvent event = draft.NewEvent(enums::EVENT_TYPE_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_FAILED);
  auto* out = event.mutable_signal_external_workflow_execution_failed_event_attributes();
  out->set_cause(
      status.code() == absl::StatusCode::kInvalidArgument
          ? enums::SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_FAILED_CAUSE_SIGNAL_COUNT_LIMIT_EXCEEDED
          : enums::
                SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_FAILED_CAUSE_EXTERNAL_WORKFLOW_EXECUTION_NOT_FOUND);
  out->set_workflow_task_completed_event_id(initiated.workflow_task_completed_event_id());
  out->set_namespace_(initiated.namespace_());
  out->set_namespace_id(initiated.namespace_id());
  *out->mutable_workflow_execution() = initiated.workflow_execution();
  out->set_initiated_event_id(initiated_id);
  out->set_control(initiated.control());
  draft.Add(std::move(event));
}

void CancelAnswered(Draft& draft, EventId initiated_id, const absl::Status& status) {
  const EventPtr* found = draft.state().pending_cancels.Find(initiated_id);
  if (found == nullptr) return;
  const auto& initiated =
      (*found)->request_cancel_external_workflow_execution_initiated_event_attributes();
  if (status.ok()) {
    HistoryEvent event =
        draft.NewEvent(enums::EVENT_TYPE_EXTERNAL_WORKFLOW_EXECUTION_CANCEL_REQUESTED);
    auto* out = event.mutable_external_workflow_execution_cancel_requested_event_attributes();
    out->set_initiated_event_id(initiated_id);
    out->set_namespace_(initiated.namespace_());
    out->set_namespace_id(initiated.namespace_id());
    *out->mutable_workflow_execution() = initiated.workflow_execution();
    draft.Add(std::move(event));
    return;
  }
  HistoryEvent event =
      draft.NewEvent(enums::EVENT_TYPE_REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_FAILED);
  auto* out = event.mutable_request_cancel_external_workflow_execution_failed_event_attributes();
  out->set_cause(
      enums::CANCEL_EXTERNAL_WORKFLOW_EXECUTION_FAILED_CAUSE_EXTERNAL_WORKFLOW_EXECUTION_NOT_FOUND);
  out->set_workflow_task_completed_event_id(initiated.workflow_task_completed_event_id());
  out->set_namespace_(initiated.namespace_());
  out->set_namespace_id(initiated.namespace_id());
  *out->mutable_workflow_execution() = initiated.workflow_execution();
  out->set_initiated_event_id(initiated_id);
  out->set_control(initiated.control());
  draft.Add(std::move(event));
}

}  // namespace

absl::StatusOr<StartDecision> DecideStartChild(const State* current, const Delivery& delivery,
                                               const std::string& new_run_id,
                                               const Context& context) {
  const auto& initiated =
      delivery.initiated.start_child_workflow_execution_initiated_event_attributes();
  StartDecision decision;
  if (current != nullptr) {
    const bool is_repeat =
        IsParent(*current, delivery) &&
        current->info.parent_initiated_event_id() == delivery.initiated.event_id();
    // The same from a run that the parent was reset to, or from the parent before its reset.
    const bool is_repeat_of_reset =
        current->info.parent_workflow_id() == delivery.sender_workflow_id &&
        (delivery.message.request_id() == absl::StrCat(current->info.parent_run_id(), ":",
                                                       current->info.parent_initiated_event_id()) ||
         delivery.message.request_id() == current->info.create_request_id());
    if (is_repeat || is_repeat_of_reset) {
      decision.run_id = current->info.first_run_id();
      decision.is_repeat = true;
      return decision;
    }
    IdPolicy policy;
    policy.reuse = initiated.workflow_id_reuse_policy();
    if (policy.reuse == enums::WORKFLOW_ID_REUSE_POLICY_TERMINATE_IF_RUNNING) {
      policy.reuse = enums::WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE;
      policy.conflict = enums::WORKFLOW_ID_CONFLICT_POLICY_TERMINATE_EXISTING;
    }
    const absl::StatusOr<IdAnswer> answer = ApplyIdPolicy(*current, policy, context);
    if (!answer.ok()) return answer.status();
    if (*answer == IdAnswer::kTerminateExisting) {
      Draft draft(*current, context);
      TerminateForNewRun(draft, new_run_id);
      decision.current = draft.Finish();
    }
  }
  api::StartWorkflowExecutionRequest request;
  request.set_workflow_id(initiated.workflow_id());
  *request.mutable_workflow_type() = initiated.workflow_type();
  *request.mutable_task_queue() = initiated.task_queue();
  if (initiated.has_input()) *request.mutable_input() = initiated.input();
  *request.mutable_workflow_execution_timeout() = initiated.workflow_execution_timeout();
  *request.mutable_workflow_run_timeout() = initiated.workflow_run_timeout();
  *request.mutable_workflow_task_timeout() = initiated.workflow_task_timeout();
  request.set_request_id(delivery.message.request_id());
  if (initiated.has_retry_policy()) *request.mutable_retry_policy() = initiated.retry_policy();
  request.set_cron_schedule(initiated.cron_schedule());
  if (initiated.has_memo()) *request.mutable_memo() = initiated.memo();
  if (initiated.has_search_attributes()) {
    *request.mutable_search_attributes() = initiated.search_attributes();
  }
  if (initiated.has_header()) *request.mutable_header() = initiated.header();
  if (initiated.has_versioning_override()) {
    *request.mutable_versioning_override() = initiated.versioning_override();
  }
  // Temporal: a child's priority is its parent's, with what the command says on top.
  temporal::api::common::v1::Priority priority = delivery.sender_priority;
  priority.MergeFrom(initiated.priority());
  if (priority.ByteSizeLong() > 0) *request.mutable_priority() = priority;
  if (delivery.initiated.has_user_metadata()) {
    *request.mutable_user_metadata() = delivery.initiated.user_metadata();
  }
  RunStart start = RunStartOf(request, new_run_id, context);
  start.parent_namespace_number = delivery.sender_namespace.number;
  auto& attributes = start.attributes;
  attributes.set_parent_workflow_namespace(delivery.sender_namespace.name);
  attributes.set_parent_workflow_namespace_id(delivery.sender_namespace.id);
  attributes.mutable_parent_workflow_execution()->set_workflow_id(delivery.sender_workflow_id);
  attributes.mutable_parent_workflow_execution()->set_run_id(delivery.sender_run_id);
  attributes.set_parent_initiated_event_id(delivery.initiated.event_id());
  attributes.mutable_root_workflow_execution()->set_workflow_id(delivery.sender_root_workflow_id);
  attributes.mutable_root_workflow_execution()->set_run_id(delivery.sender_root_run_id);
  decision.created = MakeNewRun(context, std::move(start));
  decision.run_id = new_run_id;
  decision.started = true;
  return decision;
}

absl::StatusOr<Decision> DecideSignalFrom(const State& state, const Delivery& delivery,
                                          const Context& context) {
  const auto& initiated =
      delivery.initiated.signal_external_workflow_execution_initiated_event_attributes();
  // Before all else: it may have closed since it took the signal.
  if (state.signal_request_ids.Contains(delivery.message.request_id())) return Decision();
  if (!state.IsRunning()) return Completed();
  if (initiated.child_workflow_only() && !IsParent(state, delivery) &&
      !IsChild(state, delivery, delivery.message.signal_external().child_first_run_id())) {
    return base::NotFound("workflow parent does not match");
  }
  if (state.info.signal_count() >= context.limits->signals_per_execution) {
    return base::InvalidArgument("exceeded workflow execution limit for signal events");
  }
  Draft draft(state, context);
  pb::Change change;
  change.set_signal_request_id(delivery.message.request_id());
  draft.Emit(std::move(change));
  HistoryEvent event = draft.NewEvent(enums::EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED);
  auto* out = event.mutable_workflow_execution_signaled_event_attributes();
  out->set_signal_name(initiated.signal_name());
  if (initiated.has_input()) *out->mutable_input() = initiated.input();
  out->set_identity("history-service");
  if (initiated.has_header()) *out->mutable_header() = initiated.header();
  out->mutable_external_workflow_execution()->set_workflow_id(delivery.sender_workflow_id);
  out->mutable_external_workflow_execution()->set_run_id(delivery.sender_run_id);
  draft.Add(std::move(event));
  draft.EnsureTask();
  return draft.Finish();
}

absl::StatusOr<Decision> DecideCancelFrom(const State& state, const Delivery& delivery,
                                          const Context& context) {
  const auto& initiated =
      delivery.initiated.request_cancel_external_workflow_execution_initiated_event_attributes();
  if (!state.IsRunning()) return Decision();
  if (initiated.child_workflow_only() && !IsParent(state, delivery) &&
      !IsChild(state, delivery, delivery.message.cancel_external().child_first_run_id())) {
    return base::NotFound("workflow parent does not match");
  }
  if (state.info.cancel_requested()) return Decision();
  Draft draft(state, context);
  HistoryEvent event = draft.NewEvent(enums::EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED);
  auto* out = event.mutable_workflow_execution_cancel_requested_event_attributes();
  out->set_cause(initiated.reason());
  out->set_external_initiated_event_id(delivery.initiated.event_id());
  out->mutable_external_workflow_execution()->set_workflow_id(delivery.sender_workflow_id);
  out->mutable_external_workflow_execution()->set_run_id(delivery.sender_run_id);
  out->set_identity("history-service");
  draft.Add(std::move(event));
  draft.EnsureTask();
  return draft.Finish();
}

absl::StatusOr<Decision> DecideChildClosed(const State& state, const Delivery& delivery,
                                           const Context& context) {
  const pb::ChildClosed& closed = delivery.message.child_closed();
  // Closed, or told before: nothing to do.
  if (!state.IsRunning()) return Decision();
  const Child* pending = state.children.Find(closed.initiated_event_id());
  if (pending == nullptr) return Decision();
  // A run that this one is a reset of may have begun another child with an event of that number.
  const auto& initiated =
      pending->initiated->start_child_workflow_execution_initiated_event_attributes();
  const bool is_other_run =
      pending->info.is_started() && pending->info.started_run_id() != closed.child_first_run_id();
  if (initiated.workflow_id() != closed.child_workflow_id() || is_other_run) return Decision();
  // … and even one with the same id, while this run still asks for its own.
  const bool is_of_before = delivery.is_redirected && !pending->info.is_started();
  if (is_of_before && AsksItself(state, closed.initiated_event_id())) return Decision();
  Draft draft(state, context);
  AddChildStarted(draft, closed.initiated_event_id(), closed.child_first_run_id());
  const Child child = *draft.state().children.Find(closed.initiated_event_id());
  AddChildClosed(draft, child, closed);
  draft.EnsureTask();
  return draft.Finish();
}

absl::StatusOr<Decision> DecideCloseChild(const State& state, const Delivery& delivery,
                                          const Context& context) {
  if (!state.IsRunning() || !IsToClose(state, delivery)) return Decision();
  Draft draft(state, context);
  if (delivery.message.close_child().terminate()) {
    Terminate(draft, "by parent close policy", nullptr, "history-service");
    return draft.Finish();
  }
  if (state.info.cancel_requested()) return Decision();
  HistoryEvent event = draft.NewEvent(enums::EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED);
  auto* out = event.mutable_workflow_execution_cancel_requested_event_attributes();
  out->mutable_external_workflow_execution()->set_workflow_id(delivery.sender_workflow_id);
  out->mutable_external_workflow_execution()->set_run_id(delivery.sender_run_id);
  out->set_identity("history-service");
  draft.Add(std::move(event));
  draft.EnsureTask();
  return draft.Finish();
}

Decision DecideDelivered(const State& state, uint64_t outbox_id, const absl::Status& status,
                         const std::string& run_id, const Context& context) {
  const pb::OutboxMessage* found = state.outbox.Find(outbox_id);
  if (found == nullptr) return Decision();
  const pb::OutboxMessage message = *found;
  Draft draft(state, context);
  pb::Change change;
  change.set_outbox_removed(outbox_id);
  draft.Emit(std::move(change));
  bool tells_workflow = state.IsRunning();
  if (state.IsRunning()) {
    switch (message.message_case()) {
      case pb::OutboxMessage::kStartChild:
        if (status.ok()) {
          AddChildStarted(draft, message.start_child().initiated_event_id(), run_id);
        } else {
          ChildStartFailed(draft, message.start_child().initiated_event_id(), status);
        }
        break;
      case pb::OutboxMessage::kSignalExternal:
        SignalAnswered(draft, message.signal_external().initiated_event_id(), status);
        break;
      case pb::OutboxMessage::kCancelExternal:
        CancelAnswered(draft, message.cancel_external().initiated_event_id(), status);
        break;
      default:
        tells_workflow = false;
        break;
    }
  }
  if (tells_workflow) draft.EnsureTask();
  Decision decision = draft.Finish();
  // A message that comes again is known by its receiver: no need to hurry.
  decision.is_lazy = !tells_workflow;
  return decision;
}

}  // namespace perdure::machines
