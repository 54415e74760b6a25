// START_CHILD_WORKFLOW_EXECUTION, REQUEST_CANCEL_EXTERNAL and SIGNAL_EXTERNAL: what goes out to
// other runs. Each leaves its message in the outbox until the other side's commit is acknowledged.
#include <optional>

#include "absl/strings/str_cat.h"
#include "base/ids.h"
#include "machines/workflow/command/handler.h"
#include "machines/workflow/policy/cron.h"
#include "machines/workflow/policy/retry.h"
#include "machines/workflow/run.h"

namespace perdure::machines {
namespace {

constexpr auto kBadChild = enums::WORKFLOW_TASK_FAILED_CAUSE_BAD_START_CHILD_EXECUTION_ATTRIBUTES;
constexpr auto kBadCancel =
    enums::WORKFLOW_TASK_FAILED_CAUSE_BAD_REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_ATTRIBUTES;
constexpr auto kBadSignal =
    enums::WORKFLOW_TASK_FAILED_CAUSE_BAD_SIGNAL_WORKFLOW_EXECUTION_ATTRIBUTES;

// The namespace a command means: its own, or none (Temporal allows no other by default).
std::optional<NamespaceFacts> Target(const Draft& draft, const std::string& name) {
  const NamespaceFacts& own = draft.context().name_space;
  if (name.empty() || name == own.name) return own;
  return std::nullopt;
}

bool IsTooLong(const Draft& draft, const std::string& id) {
  return id.size() > static_cast<size_t>(draft.limits().id_length);
}

// Names the sender's event, so that the receiver knows a repeat.
std::string RequestIdOf(const Draft& draft, EventId event_id) {
  return absl::StrCat(draft.info().run_id(), ":", event_id);
}

// By which a child is known whose parent is, for all that it knows, the run that this one is a
// reset of. Only a reset looks for it, among all its children.
std::string FirstRunOfChild(const Draft& draft, const std::string& workflow_id) {
  if (draft.info().reset_of_run_id().empty()) return "";
  for (const EventId id : draft.state().children.Keys()) {
    const Child& child = *draft.state().children.Find(id);
    const auto& initiated =
        child.initiated->start_child_workflow_execution_initiated_event_attributes();
    if (initiated.workflow_id() == workflow_id) return child.info.started_run_id();
  }
  return "";
}

}  // namespace

bool HandleStartChild(Completion& completion, const Command& command) {
  Draft& draft = completion.draft;
  const auto& attributes = command.start_child_workflow_execution_command_attributes();
  const std::string& id = attributes.workflow_id();
  const std::string& type = attributes.workflow_type().name();
  const std::optional<NamespaceFacts> target = Target(draft, attributes.namespace_());
  if (!target.has_value()) {
    return completion.Fail(kBadChild, "cross namespace commands are not allowed");
  }
  if (id.empty()) {
    return completion.Fail(kBadChild,
                           absl::StrCat("Required field WorkflowId is not set on "
                                        "StartChildWorkflowExecutionCommand. WorkflowType=",
                                        type));
  }
  if (type.empty()) {
    return completion.Fail(kBadChild,
                           absl::StrCat("Required field WorkflowType is not set on "
                                        "StartChildWorkflowExecutionCommand. WorkflowId=",
                                        id));
  }
  if (IsTooLong(draft, id) || IsTooLong(draft, type)) {
    return completion.Fail(kBadChild,
                           "WorkflowId or WorkflowType on "
                           "StartChildWorkflowExecutionCommand exceeds length limit.");
  }
  for (const auto* duration :
       {&attributes.workflow_execution_timeout(), &attributes.workflow_run_timeout(),
        &attributes.workflow_task_timeout()}) {
    if (const absl::Status status = CheckDuration(*duration); !status.ok()) {
      return completion.Fail(kBadChild,
                             absl::StrCat("Invalid timeout on StartChildWorkflowExecutionCommand: ",
                                          status.message(), ". WorkflowId=", id));
    }
  }
  temporal::api::common::v1::RetryPolicy policy = attributes.retry_policy();
  if (attributes.has_retry_policy()) {
    FillRetryDefaults(policy);
    if (const absl::Status status = CheckRetryPolicy(policy); !status.ok()) {
      return completion.Fail(kBadChild, absl::StrCat("invalid WorkflowRetryPolicy on "
                                                     "StartChildWorkflowExecutionCommand: ",
                                                     status.message()));
    }
  }
  if (const absl::Status status = CheckCron(attributes.cron_schedule()); !status.ok()) {
    return completion.Fail(
        kBadChild, absl::StrCat("invalid CronSchedule on StartChildWorkflowExecutionCommand: ",
                                status.message()));
  }
  if (const absl::Status status =
          CheckSearchAttributes(draft.context(), attributes.search_attributes());
      !status.ok()) {
    return completion.Fail(
        enums::WORKFLOW_TASK_FAILED_CAUSE_BAD_SEARCH_ATTRIBUTES,
        absl::StrCat("invalid SearchAttributes on StartChildWorkflowCommand: ", status.message()));
  }
  if (static_cast<int64_t>(attributes.input().ByteSizeLong()) > draft.limits().blob_size_bytes) {
    return completion.Terminate(
        kBadChild, "StartChildWorkflowExecutionCommandAttributes. Input exceeds size limit.");
  }
  if (static_cast<int64_t>(attributes.memo().ByteSizeLong()) > draft.limits().memo_size_bytes) {
    return completion.Terminate(
        kBadChild, "StartChildWorkflowExecutionCommandAttributes.Memo exceeds size limit.");
  }
  if (draft.state().children.size() >= draft.limits().pending_children) {
    return completion.Fail(
        enums::WORKFLOW_TASK_FAILED_CAUSE_PENDING_CHILD_WORKFLOWS_LIMIT_EXCEEDED,
        absl::StrCat("the number of pending child workflow executions, ",
                     draft.state().children.size(), ", has reached the per-workflow limit of ",
                     draft.limits().pending_children));
  }
  HistoryEvent event =
      completion.EventOf(command, enums::EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED);
  auto* out = event.mutable_start_child_workflow_execution_initiated_event_attributes();
  out->set_namespace_(target->name);
  out->set_namespace_id(target->id);
  out->set_workflow_id(id);
  *out->mutable_workflow_type() = attributes.workflow_type();
  out->mutable_task_queue()->set_name(attributes.task_queue().name().empty()
                                          ? draft.info().task_queue()
                                          : attributes.task_queue().name());
  out->mutable_task_queue()->set_kind(enums::TASK_QUEUE_KIND_NORMAL);
  if (attributes.has_input()) *out->mutable_input() = attributes.input();
  const int64_t execution_ns = CappedNs(attributes.workflow_execution_timeout());
  const int64_t run_ns =
      EffectiveRunTimeout(CappedNs(attributes.workflow_run_timeout()), execution_ns);
  SetDuration(out->mutable_workflow_execution_timeout(), execution_ns);
  SetDuration(out->mutable_workflow_run_timeout(), run_ns);
  SetDuration(
      out->mutable_workflow_task_timeout(),
      EffectiveTaskTimeout(draft.limits(), CappedNs(attributes.workflow_task_timeout()), run_ns));
  out->set_parent_close_policy(attributes.parent_close_policy() ==
                                       enums::PARENT_CLOSE_POLICY_UNSPECIFIED
                                   ? enums::PARENT_CLOSE_POLICY_TERMINATE
                                   : attributes.parent_close_policy());
  out->set_control(attributes.control());
  out->set_workflow_task_completed_event_id(completion.completed_id);
  out->set_workflow_id_reuse_policy(attributes.workflow_id_reuse_policy() ==
                                            enums::WORKFLOW_ID_REUSE_POLICY_UNSPECIFIED
                                        ? enums::WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE
                                        : attributes.workflow_id_reuse_policy());
  if (attributes.has_retry_policy()) *out->mutable_retry_policy() = policy;
  out->set_cron_schedule(attributes.cron_schedule());
  if (attributes.has_header()) *out->mutable_header() = attributes.header();
  if (attributes.has_memo()) *out->mutable_memo() = attributes.memo();
  if (attributes.has_search_attributes()) {
    *out->mutable_search_attributes() = attributes.search_attributes();
  }
  if (attributes.has_priority()) *out->mutable_priority() = attributes.priority();
  if (attributes.has_versioning_override()) {
    *out->mutable_versioning_override() = attributes.versioning_override();
  }
  const EventId initiated_id = draft.Add(std::move(event));
  completion.children_initiated.insert(id);
  pb::OutboxMessage message;
  message.set_target_namespace_number(target->number);
  message.set_target_workflow_id(id);
  message.set_request_id(RequestIdOf(draft, initiated_id));
  message.mutable_start_child()->set_initiated_event_id(initiated_id);
  draft.AddOutbox(std::move(message));
  return true;
}

bool HandleCancelExternal(Completion& completion, const Command& command) {
  Draft& draft = completion.draft;
  const auto& attributes = command.request_cancel_external_workflow_execution_command_attributes();
  const std::string& id = attributes.workflow_id();
  const std::optional<NamespaceFacts> target = Target(draft, attributes.namespace_());
  if (!target.has_value()) {
    return completion.Fail(kBadCancel, "cross namespace commands are not allowed");
  }
  const std::string where = absl::StrCat(". WorkflowId=", id, " RunId=", attributes.run_id(),
                                         " Namespace=", target->name);
  if (id.empty()) {
    return completion.Fail(
        kBadCancel,
        absl::StrCat("WorkflowId is not set on RequestCancelExternalWorkflowExecutionCommand",
                     where));
  }
  if (IsTooLong(draft, id)) {
    return completion.Fail(kBadCancel,
                           "WorkflowId on RequestCancelExternalWorkflowExecutionCommand exceeds "
                           "length limit.");
  }
  if (!attributes.run_id().empty() && !base::IsUuid(attributes.run_id())) {
    return completion.Fail(
        kBadCancel,
        absl::StrCat("Invalid RunId set on RequestCancelExternalWorkflowExecutionCommand", where));
  }
  if (completion.children_initiated.contains(id)) {
    return completion.Fail(kBadCancel,
                           absl::StrCat("Start and RequestCancel for child workflow is not allowed "
                                        "in same workflow task",
                                        where));
  }
  if (draft.state().pending_cancels.size() >= draft.limits().pending_cancels) {
    return completion.Fail(
        enums::WORKFLOW_TASK_FAILED_CAUSE_PENDING_REQUEST_CANCEL_LIMIT_EXCEEDED,
        absl::StrCat("the number of pending requests to cancel external workflows, ",
                     draft.state().pending_cancels.size(),
                     ", has reached the per-workflow limit of ", draft.limits().pending_cancels));
  }
  HistoryEvent event = completion.EventOf(
      command, enums::EVENT_TYPE_REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED);
  auto* out = event.mutable_request_cancel_external_workflow_execution_initiated_event_attributes();
  out->set_workflow_task_completed_event_id(completion.completed_id);
  out->set_namespace_(target->name);
  out->set_namespace_id(target->id);
  out->mutable_workflow_execution()->set_workflow_id(id);
  out->mutable_workflow_execution()->set_run_id(attributes.run_id());
  out->set_control(attributes.control());
  out->set_child_workflow_only(attributes.child_workflow_only());
  out->set_reason(attributes.reason());
  const EventId initiated_id = draft.Add(std::move(event));
  pb::OutboxMessage message;
  message.set_target_namespace_number(target->number);
  message.set_target_workflow_id(id);
  message.set_target_run_id(attributes.run_id());
  message.set_request_id(RequestIdOf(draft, initiated_id));
  message.mutable_cancel_external()->set_initiated_event_id(initiated_id);
  if (attributes.child_workflow_only()) {
    message.mutable_cancel_external()->set_child_first_run_id(FirstRunOfChild(draft, id));
  }
  draft.AddOutbox(std::move(message));
  return true;
}

bool HandleSignalExternal(Completion& completion, const Command& command) {
  Draft& draft = completion.draft;
  const auto& attributes = command.signal_external_workflow_execution_command_attributes();
  const std::string& id = attributes.execution().workflow_id();
  const std::optional<NamespaceFacts> target = Target(draft, attributes.namespace_());
  if (!target.has_value()) {
    return completion.Fail(kBadSignal, "cross namespace commands are not allowed");
  }
  if (id.empty()) {
    return completion.Fail(kBadSignal,
                           "WorkflowId is not set on SignalExternalWorkflowExecutionCommand.");
  }
  if (IsTooLong(draft, id)) {
    return completion.Fail(
        kBadSignal, "WorkflowId on SignalExternalWorkflowExecutionCommand exceeds length limit.");
  }
  if (!attributes.execution().run_id().empty() && !base::IsUuid(attributes.execution().run_id())) {
    return completion.Fail(
        kBadSignal, absl::StrCat("Invalid RunId set on SignalExternalWorkflowExecutionCommand. "
                                 "WorkflowId=",
                                 id, " RunId=", attributes.execution().run_id()));
  }
  if (attributes.signal_name().empty()) {
    return completion.Fail(
        kBadSignal, absl::StrCat("SignalName is not set on SignalExternalWorkflowExecutionCommand. "
                                 "WorkflowId=",
                                 id));
  }
  if (draft.state().pending_signals.size() >= draft.limits().pending_signals) {
    return completion.Fail(
        enums::WORKFLOW_TASK_FAILED_CAUSE_PENDING_SIGNALS_LIMIT_EXCEEDED,
        absl::StrCat("the number of pending signals to external workflows, ",
                     draft.state().pending_signals.size(),
                     ", has reached the per-workflow limit of ", draft.limits().pending_signals));
  }
  if (static_cast<int64_t>(attributes.input().ByteSizeLong()) > draft.limits().blob_size_bytes) {
    return completion.Terminate(
        kBadSignal, "SignalExternalWorkflowExecutionCommandAttributes.Input exceeds size limit.");
  }
  HistoryEvent event =
      completion.EventOf(command, enums::EVENT_TYPE_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED);
  auto* out = event.mutable_signal_external_workflow_execution_initiated_event_attributes();
  out->set_workflow_task_completed_event_id(completion.completed_id);
  out->set_namespace_(target->name);
  out->set_namespace_id(target->id);
  *out->mutable_workflow_execution() = attributes.execution();
  out->set_signal_name(attributes.signal_name());
  if (attributes.has_input()) *out->mutable_input() = attributes.input();
  out->set_control(attributes.control());
  out->set_child_workflow_only(attributes.child_workflow_only());
  if (attributes.has_header()) *out->mutable_header() = attributes.header();
  const EventId initiated_id = draft.Add(std::move(event));
  pb::OutboxMessage message;
  message.set_target_namespace_number(target->number);
  message.set_target_workflow_id(id);
  message.set_target_run_id(attributes.execution().run_id());
  message.set_request_id(RequestIdOf(draft, initiated_id));
  message.mutable_signal_external()->set_initiated_event_id(initiated_id);
  if (attributes.child_workflow_only()) {
    message.mutable_signal_external()->set_child_first_run_id(FirstRunOfChild(draft, id));
  }
  draft.AddOutbox(std::move(message));
  return true;
}

}  // namespace perdure::machines
