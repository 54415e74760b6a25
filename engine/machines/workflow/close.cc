#include "machines/workflow/close.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "machines/workflow/policy/cron.h"
#include "machines/workflow/policy/retry.h"
#include "machines/workflow/run.h"

namespace perdure::machines {
namespace {

using temporal::api::common::v1::Payloads;
using temporal::api::failure::v1::Failure;

void TellParent(Draft& draft, const HistoryEvent& close_event) {
  const pb::ExecutionInfo& info = draft.info();
  if (info.parent_workflow_id().empty()) return;
  pb::OutboxMessage message;
  message.set_target_namespace_number(info.parent_namespace_number());
  message.set_target_workflow_id(info.parent_workflow_id());
  message.set_target_run_id(info.parent_run_id());
  message.set_request_id(absl::StrCat(info.run_id(), ":closed"));
  pb::ChildClosed& closed = *message.mutable_child_closed();
  closed.set_initiated_event_id(info.parent_initiated_event_id());
  closed.set_child_workflow_id(info.workflow_id());
  closed.set_child_run_id(info.run_id());
  closed.set_child_workflow_type(info.workflow_type());
  closed.set_child_first_run_id(info.first_run_id());
  *closed.mutable_close_event() = close_event;
  draft.AddOutbox(std::move(message));
}

void CloseChildren(Draft& draft, absl::FunctionRef<bool(const Child&)> closes) {
  for (const EventId id : draft.state().children.Keys()) {
    const Child child = *draft.state().children.Find(id);
    if (closes(child)) CloseChild(draft, child);
  }
}

void GoOn(Draft& draft, RunStart next) {
  draft.decision().new_runs.push_back(MakeNewRun(draft.context(), std::move(next)));
}

void ContinueByCron(Draft& draft, const std::string& run_id, int64_t backoff_ns,
                    const Payloads* result, const Failure* failure) {
  RunStart next =
      NextRunOf(draft, run_id, enums::CONTINUE_AS_NEW_INITIATOR_CRON_SCHEDULE, backoff_ns);
  next.attributes.clear_completion_callbacks();
  if (result != nullptr) {
    *next.attributes.mutable_last_completion_result() = *result;
  } else {
    const auto& old = draft.state().started_event->workflow_execution_started_event_attributes();
    if (old.has_last_completion_result()) {
      *next.attributes.mutable_last_completion_result() = old.last_completion_result();
    }
  }
  if (failure != nullptr) *next.attributes.mutable_continued_failure() = *failure;
  GoOn(draft, std::move(next));
}

void ContinueByRetry(Draft& draft, const std::string& run_id, int64_t backoff_ns,
                     const Failure& failure) {
  RunStart next = NextRunOf(draft, run_id, enums::CONTINUE_AS_NEW_INITIATOR_RETRY, backoff_ns);
  const auto& old = draft.state().started_event->workflow_execution_started_event_attributes();
  if (old.has_last_completion_result()) {
    *next.attributes.mutable_last_completion_result() = old.last_completion_result();
  }
  *next.attributes.mutable_continued_failure() = failure;
  GoOn(draft, std::move(next));
}

int64_t CronBackoffOf(const Draft& draft) {
  // Temporal counts ticks from when the run was to begin.
  return CronBackoff(draft.info().cron_schedule(), draft.info().execution_time_ns(),
                     draft.now_ns());
}

RetryAnswer WorkflowRetry(const Draft& draft, const Failure& failure) {
  if (!draft.info().has_retry_policy()) return {enums::RETRY_STATE_RETRY_POLICY_NOT_SET, 0};
  RetryQuestion question;
  question.now_ns = draft.now_ns();
  question.attempt = draft.info().attempt();
  question.expiration_ns = draft.info().execution_deadline_ns();
  question.policy = &draft.info().retry_policy();
  question.failure = &failure;
  return DecideRetry(question);
}

void FlushBeforeEnd(Draft& draft) {
  if (draft.state().HasStartedTask()) {
    // Temporal: what ends a run from outside first fails the task that is out.
    draft.FailTask(enums::WORKFLOW_TASK_FAILED_CAUSE_FORCE_CLOSE_COMMAND, nullptr,
                   "history-service");
  }
  draft.FlushBuffer();
}

}  // namespace

void AbortUpdates(Draft& draft, bool continues) {
  for (const std::string& id : draft.state().admitted_updates.Keys()) {
    UpdateNotice notice;
    notice.update_id = id;
    notice.aborted = continues ? base::Unavailable("workflow is continuing as a new run, try again")
                               : base::NotFound("workflow execution already completed");
    draft.Notify(std::move(notice));
    draft.RemoveUpdate(id);
  }
  for (const std::string& id : draft.state().updates.Keys()) {
    if (draft.state().updates.Find(id)->completed_event_id() != 0) continue;
    // Temporal: an accepted update ends as failed with its workflow.
    UpdateNotice notice;
    notice.update_id = id;
    Failure failure;
    failure.set_message(
        "Workflow Update failed because the Workflow completed before the Update completed.");
    failure.set_source("Server");
    failure.mutable_application_failure_info()->set_type("AcceptedUpdateCompletedWorkflow");
    failure.mutable_application_failure_info()->set_non_retryable(true);
    notice.outcome.emplace();
    *notice.outcome->mutable_failure() = std::move(failure);
    draft.Notify(std::move(notice));
  }
}

void Close(Draft& draft, HistoryEvent close_event, const std::string& new_run_id) {
  const bool is_continued =
      close_event.event_type() == enums::EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW;
  AbortUpdates(draft, !new_run_id.empty());
  if (!is_continued) CloseChildren(draft, [](const Child&) { return true; });
  // The parent hears of the chain's end alone.
  if (new_run_id.empty()) TellParent(draft, close_event);
  if (!new_run_id.empty()) {
    pb::Change change;
    change.set_new_run_id(new_run_id);
    draft.Emit(std::move(change));
  }
  draft.Add(std::move(close_event));
}

void CloseChild(Draft& draft, const Child& child) {
  const auto& attributes =
      child.initiated->start_child_workflow_execution_initiated_event_attributes();
  const auto policy = attributes.parent_close_policy();
  if (policy == enums::PARENT_CLOSE_POLICY_ABANDON) return;
  // A child whose start is still under way is told all the same: the start was sent before.
  pb::OutboxMessage message;
  const auto facts = draft.context().find_namespace
                         ? draft.context().find_namespace(attributes.namespace_())
                         : std::nullopt;
  message.set_target_namespace_number(facts.has_value() ? facts->number
                                                        : draft.info().namespace_number());
  message.set_target_workflow_id(attributes.workflow_id());
  message.set_request_id(
      absl::StrCat(draft.info().run_id(), ":", child.info.initiated_event_id(), ":close"));
  pb::CloseChild& close = *message.mutable_close_child();
  close.set_terminate(policy != enums::PARENT_CLOSE_POLICY_REQUEST_CANCEL);
  close.set_child_first_run_id(child.info.started_run_id());
  close.set_start_request_id(child.info.request_id());
  draft.AddOutbox(std::move(message));
}

void Terminate(Draft& draft, const std::string& reason, const Payloads* details,
               const std::string& identity,
               const google::protobuf::RepeatedPtrField<temporal::api::common::v1::Link>* links) {
  FlushBeforeEnd(draft);
  HistoryEvent event = draft.NewEvent(enums::EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED);
  auto* attributes = event.mutable_workflow_execution_terminated_event_attributes();
  attributes->set_reason(reason);
  if (details != nullptr) *attributes->mutable_details() = *details;
  attributes->set_identity(identity);
  if (links != nullptr) *event.mutable_links() = *links;
  Close(draft, std::move(event), "");
}

void TerminateForReset(Draft& draft, const std::string& reason, bool tells_parent,
                       absl::FunctionRef<bool(const Child&)> closes) {
  FlushBeforeEnd(draft);
  HistoryEvent event = draft.NewEvent(enums::EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED);
  auto* attributes = event.mutable_workflow_execution_terminated_event_attributes();
  attributes->set_reason(reason);
  attributes->set_identity("history-resetter");
  AbortUpdates(draft, /*continues=*/false);
  CloseChildren(draft, closes);
  if (tells_parent) TellParent(draft, event);
  draft.Add(std::move(event));
}

void TimeOutRun(Draft& draft, bool is_whole_execution) {
  FlushBeforeEnd(draft);
  Failure failure;
  failure.set_message("workflow timeout");
  failure.set_source("Server");
  failure.mutable_timeout_failure_info()->set_timeout_type(enums::TIMEOUT_TYPE_START_TO_CLOSE);
  RetryAnswer retry{enums::RETRY_STATE_TIMEOUT, 0};
  int64_t cron_ns = 0;
  if (!is_whole_execution) {
    retry = WorkflowRetry(draft, failure);
    if (retry.state != enums::RETRY_STATE_IN_PROGRESS) cron_ns = CronBackoffOf(draft);
  }
  const bool retries = retry.state == enums::RETRY_STATE_IN_PROGRESS;
  const std::string new_run_id = retries || cron_ns > 0 ? draft.NewRunId() : "";
  HistoryEvent event = draft.NewEvent(enums::EVENT_TYPE_WORKFLOW_EXECUTION_TIMED_OUT);
  auto* attributes = event.mutable_workflow_execution_timed_out_event_attributes();
  attributes->set_retry_state(retry.state);
  attributes->set_new_execution_run_id(new_run_id);
  if (retries) {
    ContinueByRetry(draft, new_run_id, retry.interval_ns, failure);
  } else if (cron_ns > 0) {
    ContinueByCron(draft, new_run_id, cron_ns, nullptr, &failure);
  }
  Close(draft, std::move(event), new_run_id);
}

void CompleteRun(Draft& draft, EventId completed_id, HistoryEvent event, const Payloads* result) {
  const int64_t cron_ns = CronBackoffOf(draft);
  const std::string new_run_id = cron_ns > 0 ? draft.NewRunId() : "";
  auto* attributes = event.mutable_workflow_execution_completed_event_attributes();
  attributes->set_workflow_task_completed_event_id(completed_id);
  attributes->set_new_execution_run_id(new_run_id);
  if (cron_ns > 0) {
    const Payloads none;
    ContinueByCron(draft, new_run_id, cron_ns, result != nullptr ? result : &none, nullptr);
  }
  Close(draft, std::move(event), new_run_id);
}

void FailRun(Draft& draft, EventId completed_id, HistoryEvent event, const Failure& failure) {
  const RetryAnswer retry = WorkflowRetry(draft, failure);
  const bool retries = retry.state == enums::RETRY_STATE_IN_PROGRESS;
  const int64_t cron_ns = retries ? 0 : CronBackoffOf(draft);
  const std::string new_run_id = retries || cron_ns > 0 ? draft.NewRunId() : "";
  auto* attributes = event.mutable_workflow_execution_failed_event_attributes();
  attributes->set_workflow_task_completed_event_id(completed_id);
  attributes->set_retry_state(retry.state);
  attributes->set_new_execution_run_id(new_run_id);
  if (retries) {
    ContinueByRetry(draft, new_run_id, retry.interval_ns, failure);
  } else if (cron_ns > 0) {
    ContinueByCron(draft, new_run_id, cron_ns, nullptr, &failure);
  }
  Close(draft, std::move(event), new_run_id);
}

}  // namespace perdure::machines
