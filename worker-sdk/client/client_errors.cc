#include "perdure/client_errors.h"

#include <array>
#include <memory>
#include <utility>

namespace perdure {
namespace {

std::string Join(std::initializer_list<std::string_view> parts) {
  std::string text;
  for (const std::string_view part : parts) text += part;
  return text;
}

std::string Run(std::string_view workflow_id, std::string_view run_id) {
  if (run_id.empty()) return Join({"workflow \"", workflow_id, "\""});
  return Join({"workflow \"", workflow_id, "\" (run ", run_id, ")"});
}

FailurePtr Wrap(std::string message, FailurePtr cause) {
  auto failure = std::make_shared<Failure>();
  failure->message = std::move(message);
  failure->cause = std::move(cause);
  return failure;
}

std::string_view MessageOf(const FailurePtr& failure) {
  return failure ? std::string_view(failure->message) : std::string_view("no reason given");
}

constexpr std::array<std::string_view, 17> kCodes = {
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
};
constexpr std::array<std::string_view, 9> kStatuses = {
    "unspecified", "running",          "completed", "failed", "canceled",
    "terminated",  "continued as new", "timed out", "paused",
};

}  // namespace

std::string_view to_string(RpcCode code) {
  const auto index = static_cast<std::size_t>(code);
  return index < kCodes.size() ? kCodes[index] : "unknown code";
}

std::string_view to_string(WorkflowStatus status) {
  const auto index = static_cast<std::size_t>(status);
  return index < kStatuses.size() ? kStatuses[index] : "unknown status";
}

RpcError::RpcError(RpcCode code, std::string_view message, std::string details)
    : RpcError(Join({to_string(code), ": ", message}), code, message, std::move(details)) {}

RpcError::RpcError(std::string what, RpcCode code, std::string_view message, std::string details)
    : Error(std::move(what)), code_(code), message_(message), details_(std::move(details)) {}

CallCanceledError::CallCanceledError(std::string_view message)
    : RpcError(RpcCode::canceled, message) {}

ConnectError::ConnectError(std::string_view target, RpcCode code, std::string_view message)
    : RpcError(Join({"cannot connect to ", target, ": ", message, " (", to_string(code), ")"}),
               code, message, {}),
      target_(target) {}

WorkflowNotFoundError::WorkflowNotFoundError(std::string_view workflow_id, std::string_view run_id,
                                             std::string_view message, std::string details)
    : RpcError(Join({Run(workflow_id, run_id), ": ", message}), RpcCode::not_found, message,
               std::move(details)),
      workflow_id_(workflow_id),
      run_id_(run_id) {}

WorkflowAlreadyStartedError::WorkflowAlreadyStartedError(std::string_view workflow_id,
                                                         std::string_view workflow_type,
                                                         std::string_view run_id,
                                                         std::string_view message,
                                                         std::string details)
    : RpcError(Join({Run(workflow_id, run_id), " has been started already: ", message}),
               RpcCode::already_exists, message, std::move(details)),
      workflow_id_(workflow_id),
      workflow_type_(workflow_type),
      run_id_(run_id) {}

WorkflowFailedError::WorkflowFailedError(std::string_view workflow_id, std::string_view run_id,
                                         FailurePtr reason, RetryState retry_state)
    : FailureError(Wrap(Join({Run(workflow_id, run_id), " failed: ", MessageOf(reason)}), reason)),
      workflow_id_(workflow_id),
      run_id_(run_id),
      retry_state_(retry_state) {}

WorkflowContinuedAsNewError::WorkflowContinuedAsNewError(std::string_view workflow_id,
                                                         std::string_view run_id,
                                                         std::string_view new_run_id)
    : Error(Join({Run(workflow_id, run_id), " continued as run ", new_run_id})),
      new_run_id_(new_run_id) {}

QueryRejectedError::QueryRejectedError(WorkflowStatus status)
    : Error(Join({"the query was rejected: the workflow is ", to_string(status)})),
      status_(status) {}

UpdateFailedError::UpdateFailedError(std::string_view update_id, std::string_view workflow_id,
                                     FailurePtr reason)
    : FailureError(Wrap(Join({"update \"", update_id, "\" of ", Run(workflow_id, {}),
                              " failed: ", MessageOf(reason)}),
                        reason)),
      update_id_(update_id) {}

PayloadTooLargeError::PayloadTooLargeError(std::string_view field, std::int64_t size_bytes,
                                           std::int64_t limit_bytes)
    : Error(Join({field, " has ", std::to_string(size_bytes), " bytes; at most ",
                  std::to_string(limit_bytes), " can be sent"})),
      field_(field),
      size_bytes_(size_bytes) {}

}  // namespace perdure
