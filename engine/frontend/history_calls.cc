// Reading a run's history, forwards (also as a long poll) and backwards.
#include <algorithm>

#include "frontend/call_table.h"
#include "frontend/checks.h"

namespace perdure::frontend {
namespace {

namespace enums = temporal::api::enums::v1;
using services::HistoryService;

// Temporal: no page size means the largest, and more than the largest is cut to it.
template <class Request>
absl::Status CheckPage(const services::Limits& limits, Request& request) {
  PERDURE_RETURN_IF_ERROR(CheckExecution(request.has_execution(), request.execution()));
  PERDURE_RETURN_IF_ERROR(CheckPageToken(request.next_page_token()));
  const auto largest = static_cast<int32_t>(limits.history_page_size);
  const int32_t asked = request.maximum_page_size();
  request.set_maximum_page_size(asked <= 0 ? largest : std::min(asked, largest));
  return absl::OkStatus();
}

absl::Status CheckGetHistory(const RequestScope& scope,
                             api::GetWorkflowExecutionHistoryRequest& request) {
  PERDURE_RETURN_IF_ERROR(CheckEnum(request.history_event_filter_type(),
                                    enums::HistoryEventFilterType_IsValid,
                                    "history_event_filter_type"));
  if (request.history_event_filter_type() == enums::HISTORY_EVENT_FILTER_TYPE_UNSPECIFIED) {
    request.set_history_event_filter_type(enums::HISTORY_EVENT_FILTER_TYPE_ALL_EVENT);
  }
  return CheckPage(scope.limits(), request);
}

absl::Status CheckGetHistoryReverse(const RequestScope& scope,
                                    api::GetWorkflowExecutionHistoryReverseRequest& request) {
  return CheckPage(scope.limits(), request);
}

}  // namespace

void AddHistoryCalls(CallTable& calls, const Dependencies& dependencies) {
  AddForward(calls, dependencies, "GetWorkflowExecutionHistory", dependencies.history,
             &HistoryService::GetWorkflowExecutionHistory, &CheckGetHistory);
  AddForward(calls, dependencies, "GetWorkflowExecutionHistoryReverse", dependencies.history,
             &HistoryService::GetWorkflowExecutionHistoryReverse, &CheckGetHistoryReverse);
}

}  // namespace perdure::frontend
