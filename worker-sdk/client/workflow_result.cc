// How a workflow ended: waits for the event that closed it, and for the runs that follow it.
#include <memory>
#include <utility>

#include "temporal/api/history/v1/message.pb.h"
#include "worker-sdk/client/rpc_error.h"
#include "worker-sdk/client/server_calls.h"
#include "worker-sdk/core/convert.h"

namespace perdure::client {
namespace {

using temporal::api::history::v1::HistoryEvent;

FailurePtr Shared(std::string message, auto info) {
  auto failure = std::make_shared<Failure>();
  failure->message = std::move(message);
  failure->info = std::move(info);
  return failure;
}

// What the event that closes a run says. Exactly one of next_run_id, failure and result counts, in
// that order.
struct Closing {
  std::string next_run_id;
  bool is_continued_as_new = false;
  FailurePtr failure;
  RetryState retry_state{};
  Payloads result;
};

Closing ReadClosing(HistoryEvent* event) {
  Closing closing;
  switch (event->attributes_case()) {
    case HistoryEvent::kWorkflowExecutionCompletedEventAttributes: {
      auto* completed = event->mutable_workflow_execution_completed_event_attributes();
      closing.next_run_id = completed->new_execution_run_id();
      closing.result = core::FromApi(std::move(*completed->mutable_result()));
      return closing;
    }
    case HistoryEvent::kWorkflowExecutionFailedEventAttributes: {
      auto* failed = event->mutable_workflow_execution_failed_event_attributes();
      closing.next_run_id = failed->new_execution_run_id();
      closing.retry_state = static_cast<RetryState>(failed->retry_state());
      DecodeFailureChain(failed->mutable_failure());
      closing.failure = core::SharedFailure(std::move(*failed->mutable_failure()));
      return closing;
    }
    case HistoryEvent::kWorkflowExecutionTimedOutEventAttributes: {
      const auto& timed_out = event->workflow_execution_timed_out_event_attributes();
      closing.next_run_id = timed_out.new_execution_run_id();
      closing.retry_state = static_cast<RetryState>(timed_out.retry_state());
      closing.failure =
          Shared("workflow timed out", TimeoutFailureInfo{.type = TimeoutType::start_to_close});
      return closing;
    }
    case HistoryEvent::kWorkflowExecutionCanceledEventAttributes: {
      auto* canceled = event->mutable_workflow_execution_canceled_event_attributes();
      CanceledFailureInfo info;
      info.details = core::FromApi(std::move(*canceled->mutable_details()));
      closing.failure = Shared("workflow canceled", std::move(info));
      return closing;
    }
    case HistoryEvent::kWorkflowExecutionTerminatedEventAttributes: {
      const auto& terminated = event->workflow_execution_terminated_event_attributes();
      const std::string& reason = terminated.reason();
      closing.failure = Shared(reason.empty() ? "workflow terminated" : reason,
                               TerminatedFailureInfo{.identity = terminated.identity()});
      return closing;
    }
    case HistoryEvent::kWorkflowExecutionContinuedAsNewEventAttributes:
      closing.next_run_id =
          event->workflow_execution_continued_as_new_event_attributes().new_execution_run_id();
      closing.is_continued_as_new = true;
      return closing;
    default:
      throw RpcError(RpcCode::internal, "the event that closes a run is of an unknown kind");
  }
}

}  // namespace

ResultOutput ServerCalls::workflow_result(ResultInput& input) {
  std::string run_id = input.target.run_id;
  std::string page_token;
  for (;;) {
    api::GetWorkflowExecutionHistoryRequest request;
    api::GetWorkflowExecutionHistoryResponse response;
    request.set_namespace_(connection_->namespace_());
    request.mutable_execution()->set_workflow_id(input.target.workflow_id);
    request.mutable_execution()->set_run_id(run_id);
    request.set_wait_new_event(true);
    request.set_skip_archival(true);
    request.set_history_event_filter_type(
        temporal::api::enums::v1::HISTORY_EVENT_FILTER_TYPE_CLOSE_EVENT);
    request.set_next_page_token(page_token);
    ThrowUnlessOk(Send(CallKind::kLongPoll, PERDURE_WORKFLOW_METHOD("GetWorkflowExecutionHistory"),
                       &request, &response),
                  {.workflow_id = input.target.workflow_id, .run_id = run_id, .workflow_type = {}});
    page_token = response.next_page_token();
    auto* events = response.mutable_history()->mutable_events();
    if (events->empty()) continue;  // The wait was too long for the server; or an empty page.
    Closing closing = ReadClosing(&*events->rbegin());
    if (!closing.next_run_id.empty() && input.follow_runs) {
      run_id = std::move(closing.next_run_id);
      page_token.clear();
      continue;
    }
    if (closing.is_continued_as_new) {
      throw WorkflowContinuedAsNewError(input.target.workflow_id, run_id, closing.next_run_id);
    }
    if (closing.failure) {
      WorkflowFailedError error(input.target.workflow_id, run_id, closing.failure,
                                closing.retry_state);
      error.convert_causes_with(failure_converter());
      throw error;
    }
    return {.run_id = std::move(run_id), .result = std::move(closing.result)};
  }
}

}  // namespace perdure::client
