#include "cli/run_result.h"

#include "temporal/api/workflowservice/v1/request_response.pb.h"

namespace perdure::cli {
namespace {

namespace api = temporal::api::workflowservice::v1;
namespace enums = temporal::api::enums::v1;
using temporal::api::history::v1::HistoryEvent;

// A little more than the server holds a poll.
constexpr absl::Duration kPollTimeout = absl::Seconds(70);

absl::StatusOr<HistoryEvent> WaitForCloseEvent(
    Client& client, const temporal::api::common::v1::WorkflowExecution& execution) {
  api::GetWorkflowExecutionHistoryRequest request;
  request.set_namespace_(client.name_space());
  *request.mutable_execution() = execution;
  request.set_wait_new_event(true);
  request.set_history_event_filter_type(enums::HISTORY_EVENT_FILTER_TYPE_CLOSE_EVENT);
  request.set_skip_archival(true);
  while (true) {
    auto page = client.CallFor<api::GetWorkflowExecutionHistoryResponse>(
        kWorkflowService, "GetWorkflowExecutionHistory", request, kPollTimeout);
    if (absl::IsDeadlineExceeded(page.status())) continue;
    if (!page.ok()) return page.status();
    const int count = page->history().events_size();
    if (count > 0) return page->history().events(count - 1);
    if (page->next_page_token().empty()) {
      return absl::InternalError("the server ended the wait without a closing event");
    }
    request.set_next_page_token(page->next_page_token());
  }
}

// The run that goes on after this event, if any.
std::string NextRun(const HistoryEvent& event) {
  switch (event.event_type()) {
    case enums::EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW:
      return event.workflow_execution_continued_as_new_event_attributes().new_execution_run_id();
    case enums::EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED:
      return event.workflow_execution_completed_event_attributes().new_execution_run_id();
    case enums::EVENT_TYPE_WORKFLOW_EXECUTION_FAILED:
      return event.workflow_execution_failed_event_attributes().new_execution_run_id();
    case enums::EVENT_TYPE_WORKFLOW_EXECUTION_TIMED_OUT:
      return event.workflow_execution_timed_out_event_attributes().new_execution_run_id();
    default:
      return "";
  }
}

RunResult ResultOf(const HistoryEvent& event, const std::string& run_id) {
  RunResult result;
  result.run_id = run_id;
  result.status =
      ShortEnum(enums::EventType_Name(event.event_type()), "EVENT_TYPE_WORKFLOW_EXECUTION_");
  if (event.has_workflow_execution_completed_event_attributes()) {
    result.result = event.workflow_execution_completed_event_attributes().result();
  } else if (event.has_workflow_execution_failed_event_attributes()) {
    result.failure = event.workflow_execution_failed_event_attributes().failure();
  } else if (event.has_workflow_execution_terminated_event_attributes()) {
    result.reason = event.workflow_execution_terminated_event_attributes().reason();
  }
  return result;
}

}  // namespace

absl::StatusOr<RunResult> WaitForResult(Client& client,
                                        temporal::api::common::v1::WorkflowExecution execution) {
  while (true) {
    absl::StatusOr<HistoryEvent> event = WaitForCloseEvent(client, execution);
    if (!event.ok()) return event.status();
    const std::string next = NextRun(*event);
    if (next.empty()) return ResultOf(*event, execution.run_id());
    execution.set_run_id(next);
  }
}

std::string FailureText(const temporal::api::failure::v1::Failure& failure) {
  std::string text = failure.message();
  const auto* cause = &failure;
  while (cause->has_cause()) {
    cause = &cause->cause();
    absl::StrAppend(&text, ": ", cause->message());
  }
  return text;
}

absl::Status PrintResult(const RunResult& result, Format format) {
  const bool is_completed = result.status == "Completed";
  if (format == Format::kTable) {
    PrintLine("Results:");
    PrintFields({{"RunId", result.run_id},
                 {"Status", result.status},
                 {"Result", is_completed ? PayloadsText(result.result) : ""},
                 {"Failure", FailureText(result.failure)},
                 {"Reason", result.reason}});
  } else {
    Json json;
    json["runId"] = result.run_id;
    json["status"] = result.status;
    if (is_completed) {
      Json values = ToJson(result.result);
      const bool is_single = values.is_array() && values.size() == 1;
      json["result"] = is_single ? values[0] : values;
    }
    if (!result.failure.message().empty()) json["failure"] = ToJson(result.failure);
    if (!result.reason.empty()) json["reason"] = result.reason;
    PrintJson(json, format);
  }
  if (is_completed) return absl::OkStatus();
  return absl::AbortedError(absl::StrCat("workflow ended as ", result.status));
}

}  // namespace perdure::cli
