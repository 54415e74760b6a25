#include "worker-sdk/core/outcome.h"

#include <utility>

#include "worker-sdk/core/convert.h"

namespace perdure::core {
namespace {

namespace enums = temporal::api::enums::v1;
using detail::CanceledResult;
using detail::CompletedResult;
using detail::FailedResult;
using detail::OperationResult;

CompletedResult Completed(api_common::Payloads* result) {
  CompletedResult completed;
  if (result->payloads_size() > 0)
    completed.value = FromApi(std::move(*result->mutable_payloads(0)));
  return completed;
}

FailurePtr Of(std::string message, FailurePtr cause, decltype(Failure::info) info) {
  Failure failure;
  failure.message = std::move(message);
  failure.cause = std::move(cause);
  failure.info = std::move(info);
  return std::make_shared<const Failure>(std::move(failure));
}

FailurePtr OfActivity(std::string message, const Activity& activity,
                      std::int64_t scheduled_event_id, std::int64_t started_event_id,
                      std::string identity, RetryState retry_state, FailurePtr cause) {
  ActivityFailureInfo info;
  info.scheduled_event_id = scheduled_event_id;
  info.started_event_id = started_event_id;
  info.identity = std::move(identity);
  info.activity_type = activity.type;
  info.activity_id = activity.id;
  info.retry_state = retry_state;
  return Of(std::move(message), std::move(cause), std::move(info));
}

FailurePtr OfChild(std::string message, const Child& child, std::int64_t initiated_event_id,
                   RetryState retry_state, FailurePtr cause) {
  ChildWorkflowFailureInfo info;
  info.namespace_ = child.namespace_;
  info.workflow_id = child.workflow_id;
  info.run_id = child.run_id;
  info.workflow_type = child.workflow_type;
  info.initiated_event_id = initiated_event_id;
  info.started_event_id = child.started_event_id;
  info.retry_state = retry_state;
  return Of(std::move(message), std::move(cause), std::move(info));
}

RetryState State(enums::RetryState state) { return static_cast<RetryState>(state); }

}  // namespace

FailurePtr MakeFailure(std::string message, std::string type) {
  ApplicationFailureInfo info;
  info.type = std::move(type);
  return Of(std::move(message), nullptr, std::move(info));
}

FailurePtr MakeCanceled(Payloads details) {
  return Of("canceled", nullptr, CanceledFailureInfo{std::move(details), {}});
}

bool IsCancellation(const Failure& failure) {
  return std::holds_alternative<CanceledFailureInfo>(failure.info) ||
         (failure.cause && std::holds_alternative<CanceledFailureInfo>(failure.cause->info));
}

OperationResult ActivityOutcome(const Activity& activity, std::int64_t scheduled, Event& event) {
  switch (event.event_type()) {
    case enums::EVENT_TYPE_ACTIVITY_TASK_COMPLETED:
      return Completed(event.mutable_activity_task_completed_event_attributes()->mutable_result());
    case enums::EVENT_TYPE_ACTIVITY_TASK_FAILED: {
      auto& attributes = *event.mutable_activity_task_failed_event_attributes();
      return FailedResult{OfActivity("activity failed", activity, scheduled,
                                     attributes.started_event_id(), attributes.identity(),
                                     State(attributes.retry_state()),
                                     SharedFailure(std::move(*attributes.mutable_failure())))};
    }
    case enums::EVENT_TYPE_ACTIVITY_TASK_TIMED_OUT: {
      auto& attributes = *event.mutable_activity_task_timed_out_event_attributes();
      return FailedResult{OfActivity("activity timed out", activity, scheduled,
                                     attributes.started_event_id(), "",
                                     State(attributes.retry_state()),
                                     SharedFailure(std::move(*attributes.mutable_failure())))};
    }
    default: {
      auto& attributes = *event.mutable_activity_task_canceled_event_attributes();
      return CanceledResult{
          OfActivity("activity canceled", activity, scheduled, attributes.started_event_id(),
                     attributes.identity(), RetryState::cancel_requested,
                     MakeCanceled(FromApi(std::move(*attributes.mutable_details()))))};
    }
  }
}

OperationResult CanceledActivity(const Activity& activity, std::int64_t scheduled) {
  return CanceledResult{OfActivity("activity canceled", activity, scheduled, 0, "",
                                   RetryState::cancel_requested, MakeCanceled({}))};
}

FailurePtr CanceledLocalActivity(const detail::ScheduleLocalActivityCommand& command) {
  ActivityFailureInfo info;
  info.activity_type = command.activity_type;
  info.activity_id = command.activity_id;
  info.retry_state = RetryState::cancel_requested;
  return Of("local activity canceled", MakeCanceled({}), std::move(info));
}

OperationResult ChildOutcome(const Child& child, std::int64_t initiated, Event& event) {
  switch (event.event_type()) {
    case enums::EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_COMPLETED:
      return Completed(
          event.mutable_child_workflow_execution_completed_event_attributes()->mutable_result());
    case enums::EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_FAILED: {
      auto& attributes = *event.mutable_child_workflow_execution_failed_event_attributes();
      return FailedResult{OfChild("child workflow failed", child, initiated,
                                  State(attributes.retry_state()),
                                  SharedFailure(std::move(*attributes.mutable_failure())))};
    }
    case enums::EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_TIMED_OUT:
      return FailedResult{
          OfChild("child workflow timed out", child, initiated,
                  State(event.child_workflow_execution_timed_out_event_attributes().retry_state()),
                  Of("timed out", nullptr, TimeoutFailureInfo{TimeoutType::start_to_close, {}}))};
    case enums::EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_TERMINATED:
      return FailedResult{OfChild("child workflow terminated", child, initiated,
                                  RetryState::non_retryable_failure,
                                  Of("terminated", nullptr, TerminatedFailureInfo{}))};
    default:
      return CanceledResult{OfChild(
          "child workflow canceled", child, initiated, RetryState::non_retryable_failure,
          MakeCanceled(
              FromApi(std::move(*event.mutable_child_workflow_execution_canceled_event_attributes()
                                     ->mutable_details()))))};
  }
}

OperationResult CanceledChild(const Child& child, std::int64_t initiated) {
  return CanceledResult{OfChild("child workflow canceled", child, initiated,
                                RetryState::non_retryable_failure, MakeCanceled({}))};
}

FailurePtr ChildNotStarted(const Child& child, std::int64_t initiated, const char* reason) {
  return OfChild("child workflow could not be started", child, initiated,
                 RetryState::non_retryable_failure, MakeFailure(reason, "ChildWorkflowNotStarted"));
}

}  // namespace perdure::core
