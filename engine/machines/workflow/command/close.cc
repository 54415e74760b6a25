// COMPLETE, FAIL, CANCEL and CONTINUE_AS_NEW of the workflow.
#include "machines/workflow/close.h"

#include "absl/strings/str_cat.h"
#include "machines/workflow/command/handler.h"
#include "machines/workflow/policy/retry.h"
#include "machines/workflow/run.h"

namespace perdure::machines {
namespace {

constexpr auto kBadContinue = enums::WORKFLOW_TASK_FAILED_CAUSE_BAD_CONTINUE_AS_NEW_ATTRIBUTES;

bool IsTooLarge(const Completion& completion, const google::protobuf::Message& blob) {
  return static_cast<int64_t>(blob.ByteSizeLong()) > completion.draft.limits().blob_size_bytes;
}

}  // namespace

bool HandleCompleteWorkflow(Completion& completion, const Command& command) {
  if (!completion.MayClose()) return false;
  constexpr auto kBad =
      enums::WORKFLOW_TASK_FAILED_CAUSE_BAD_COMPLETE_WORKFLOW_EXECUTION_ATTRIBUTES;
  if (!command.has_complete_workflow_execution_command_attributes()) {
    return completion.Fail(kBad,
                           "CompleteWorkflowExecutionCommandAttributes is not set on "
                           "CompleteWorkflowExecutionCommand.");
  }
  const auto& attributes = command.complete_workflow_execution_command_attributes();
  if (IsTooLarge(completion, attributes.result())) {
    // Temporal names this cause here.
    return completion.Terminate(
        enums::WORKFLOW_TASK_FAILED_CAUSE_BAD_SCHEDULE_ACTIVITY_ATTRIBUTES,
        "CompleteWorkflowExecutionCommandAttributes.Result exceeds size limit.");
  }
  // Of two completions the first counts.
  if (!completion.draft.state().IsRunning()) return true;
  HistoryEvent event = completion.EventOf(command, enums::EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED);
  auto* out = event.mutable_workflow_execution_completed_event_attributes();
  if (attributes.has_result()) *out->mutable_result() = attributes.result();
  CompleteRun(completion.draft, completion.completed_id, std::move(event),
              attributes.has_result() ? &attributes.result() : nullptr);
  return true;
}

bool HandleFailWorkflow(Completion& completion, const Command& command) {
  if (!completion.MayClose()) return false;
  constexpr auto kBad = enums::WORKFLOW_TASK_FAILED_CAUSE_BAD_FAIL_WORKFLOW_EXECUTION_ATTRIBUTES;
  const auto& attributes = command.fail_workflow_execution_command_attributes();
  if (!attributes.has_failure()) {
    return completion.Fail(kBad, "Failure is not set on FailWorkflowExecutionCommand.");
  }
  if (IsTooLarge(completion, attributes.failure())) {
    return completion.Terminate(
        kBad, "FailWorkflowExecutionCommandAttributes.Failure exceeds size limit.");
  }
  if (!completion.draft.state().IsRunning()) return true;
  HistoryEvent event = completion.EventOf(command, enums::EVENT_TYPE_WORKFLOW_EXECUTION_FAILED);
  *event.mutable_workflow_execution_failed_event_attributes()->mutable_failure() =
      attributes.failure();
  FailRun(completion.draft, completion.completed_id, std::move(event), attributes.failure());
  return true;
}

bool HandleCancelWorkflow(Completion& completion, const Command& command) {
  if (!completion.MayClose()) return false;
  if (!command.has_cancel_workflow_execution_command_attributes()) {
    return completion.Fail(
        enums::WORKFLOW_TASK_FAILED_CAUSE_BAD_CANCEL_WORKFLOW_EXECUTION_ATTRIBUTES,
        "CancelWorkflowExecutionCommandAttributes is not set on CancelWorkflowExecutionCommand.");
  }
  if (!completion.draft.state().IsRunning()) return true;
  HistoryEvent event = completion.EventOf(command, enums::EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED);
  auto* out = event.mutable_workflow_execution_canceled_event_attributes();
  out->set_workflow_task_completed_event_id(completion.completed_id);
  const auto& attributes = command.cancel_workflow_execution_command_attributes();
  if (attributes.has_details()) *out->mutable_details() = attributes.details();
  Close(completion.draft, std::move(event), "");
  return true;
}

bool HandleContinueAsNew(Completion& completion, const Command& command) {
  if (!completion.MayClose()) return false;
  Draft& draft = completion.draft;
  if (!command.has_continue_as_new_workflow_execution_command_attributes()) {
    return completion.Fail(kBadContinue,
                           "ContinueAsNewWorkflowExecutionCommandAttributes is not set on "
                           "ContinueAsNewWorkflowExecutionCommand.");
  }
  const auto& attributes = command.continue_as_new_workflow_execution_command_attributes();
  for (const auto* duration :
       {&attributes.workflow_run_timeout(), &attributes.workflow_task_timeout(),
        &attributes.backoff_start_interval()}) {
    if (const absl::Status status = CheckDuration(*duration); !status.ok()) {
      return completion.Fail(
          kBadContinue, absl::StrCat("Invalid timeout on ContinueAsNewWorkflowExecutionCommand: ",
                                     status.message()));
    }
  }
  temporal::api::common::v1::RetryPolicy policy = attributes.retry_policy();
  if (attributes.has_retry_policy()) {
    FillRetryDefaults(policy);
    if (const absl::Status status = CheckRetryPolicy(policy); !status.ok()) {
      return completion.Fail(kBadContinue, absl::StrCat("invalid WorkflowRetryPolicy on "
                                                        "ContinueAsNewWorkflowExecutionCommand: ",
                                                        status.message()));
    }
  }
  if (const absl::Status status =
          CheckSearchAttributes(draft.context(), attributes.search_attributes());
      !status.ok()) {
    return completion.Fail(enums::WORKFLOW_TASK_FAILED_CAUSE_BAD_SEARCH_ATTRIBUTES,
                           absl::StrCat("invalid SearchAttributes on "
                                        "ContinueAsNewWorkflowExecutionCommand: ",
                                        status.message()));
  }
  if (IsTooLarge(completion, attributes.input())) {
    return completion.Terminate(
        kBadContinue, "ContinueAsNewWorkflowExecutionCommandAttributes. Input exceeds size limit.");
  }
  if (static_cast<int64_t>(attributes.memo().ByteSizeLong()) > draft.limits().memo_size_bytes) {
    return completion.Terminate(
        kBadContinue, "ContinueAsNewWorkflowExecutionCommandAttributes. Memo exceeds size limit.");
  }
  if (!draft.state().IsRunning()) return true;

  const std::string run_id = draft.NewRunId();
  const auto initiator = attributes.initiator() == enums::CONTINUE_AS_NEW_INITIATOR_UNSPECIFIED
                             ? enums::CONTINUE_AS_NEW_INITIATOR_WORKFLOW
                             : attributes.initiator();
  RunStart next =
      NextRunOf(draft, run_id, initiator, CappedNs(attributes.backoff_start_interval()));
  auto& start = next.attributes;
  if (!attributes.workflow_type().name().empty())
    *start.mutable_workflow_type() = attributes.workflow_type();
  if (!attributes.task_queue().name().empty()) {
    start.mutable_task_queue()->set_name(attributes.task_queue().name());
    start.mutable_task_queue()->set_kind(enums::TASK_QUEUE_KIND_NORMAL);
  }
  // What the command does not carry is not inherited: the SDK fills in what is to go on.
  *start.mutable_input() = attributes.input();
  if (!attributes.has_input()) start.clear_input();
  if (CappedNs(attributes.workflow_run_timeout()) > 0) {
    *start.mutable_workflow_run_timeout() = attributes.workflow_run_timeout();
  }
  if (CappedNs(attributes.workflow_task_timeout()) > 0) {
    *start.mutable_workflow_task_timeout() = attributes.workflow_task_timeout();
  }
  start.clear_retry_policy();
  if (attributes.has_retry_policy()) *start.mutable_retry_policy() = policy;
  start.set_cron_schedule(attributes.cron_schedule());
  start.clear_memo();
  if (attributes.has_memo()) *start.mutable_memo() = attributes.memo();
  start.clear_search_attributes();
  if (attributes.has_search_attributes()) {
    *start.mutable_search_attributes() = attributes.search_attributes();
  }
  start.clear_header();
  if (attributes.has_header()) *start.mutable_header() = attributes.header();
  if (attributes.has_failure()) *start.mutable_continued_failure() = attributes.failure();
  if (attributes.has_last_completion_result()) {
    *start.mutable_last_completion_result() = attributes.last_completion_result();
  }
  if (command.has_user_metadata()) next.user_metadata = command.user_metadata();

  HistoryEvent event =
      completion.EventOf(command, enums::EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW);
  auto* out = event.mutable_workflow_execution_continued_as_new_event_attributes();
  out->set_new_execution_run_id(run_id);
  *out->mutable_workflow_type() = start.workflow_type();
  *out->mutable_task_queue() = start.task_queue();
  if (start.has_input()) *out->mutable_input() = start.input();
  *out->mutable_workflow_run_timeout() = start.workflow_run_timeout();
  *out->mutable_workflow_task_timeout() = start.workflow_task_timeout();
  out->set_workflow_task_completed_event_id(completion.completed_id);
  // What was asked for; the new run waits longer if the chain spins too fast.
  *out->mutable_backoff_start_interval() = attributes.backoff_start_interval();
  out->set_initiator(initiator);
  if (attributes.has_last_completion_result()) {
    *out->mutable_last_completion_result() = attributes.last_completion_result();
  }
  if (attributes.has_header()) *out->mutable_header() = attributes.header();
  if (attributes.has_memo()) *out->mutable_memo() = attributes.memo();
  if (attributes.has_search_attributes()) {
    *out->mutable_search_attributes() = attributes.search_attributes();
  }
  draft.decision().new_runs.push_back(MakeNewRun(draft.context(), std::move(next)));
  Close(draft, std::move(event), run_id);
  return true;
}

}  // namespace perdure::machines
