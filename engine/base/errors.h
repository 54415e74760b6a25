// Every error that a caller of the API can see, decided once: gRPC code, text, and the typed detail
// that Temporal's SDKs branch on. One currency: absl::Status; the detail rides as a payload and is
// put into google.rpc.Status by rpc/. Codes of absl::StatusCode equal gRPC's.
//
// Source of code and detail: temporal.api.errordetails.v1 and Temporal's serviceerror package.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/message.h"

namespace perdure::base {

// A status carrying one detail message, which rpc/ packs as google.protobuf.Any.
absl::Status WithDetail(absl::StatusCode code, absl::string_view text,
                        const google::protobuf::Message& detail);
// The detail's full type name and serialized bytes, if any.
struct ErrorDetail {
  std::string type_name;
  std::string bytes;
};
std::optional<ErrorDetail> DetailOf(const absl::Status& status);
// True and filled if the status carries a detail of the message's type.
bool GetDetail(const absl::Status& status, google::protobuf::Message& detail);

// INVALID_ARGUMENT without a detail.
absl::Status InvalidArgument(absl::string_view text);
// NOT_FOUND with NotFoundFailure.
absl::Status NotFound(absl::string_view text);
absl::Status NamespaceNotFound(absl::string_view name);
absl::Status NamespaceAlreadyExists(absl::string_view text);
// FAILED_PRECONDITION with NamespaceInvalidStateFailure.
absl::Status NamespaceInvalidState(absl::string_view name, int state);
// ALREADY_EXISTS with WorkflowExecutionAlreadyStartedFailure.
absl::Status WorkflowAlreadyStarted(absl::string_view text, absl::string_view start_request_id,
                                    absl::string_view run_id, absl::string_view first_run_id = "");
// RESOURCE_EXHAUSTED with ResourceExhaustedFailure; `cause` is
// temporal.api.enums.v1.ResourceExhaustedCause, the scope is the namespace.
absl::Status ResourceExhausted(int cause, absl::string_view text);
// FAILED_PRECONDITION with WorkflowNotReadyFailure.
absl::Status WorkflowNotReady(absl::string_view text);
absl::Status PermissionDenied(absl::string_view text, absl::string_view reason);
// INVALID_ARGUMENT with QueryFailedFailure.
absl::Status QueryFailed(absl::string_view text, const google::protobuf::Message& failure);
// For ExecuteMultiOperation: one status per operation, with MultiOperationExecutionFailure. The
// code is that of the first operation that failed by itself; an OK status stands for an operation
// that was given up because of the others.
absl::Status MultiOperationFailed(std::vector<absl::Status> statuses);
absl::Status Unimplemented(absl::string_view text);
absl::Status Unavailable(absl::string_view text);
// UNAVAILABLE: this process does not own the shard that the workflow is in (any more, or yet).
// Whoever routes knows it by IsShardMoved and asks the owner; a client just tries again.
absl::Status ShardMoved();
bool IsShardMoved(const absl::Status& status);
absl::Status Internal(absl::string_view text);
absl::Status FailedPrecondition(absl::string_view text);
absl::Status AlreadyExists(absl::string_view text);

}  // namespace perdure::base
