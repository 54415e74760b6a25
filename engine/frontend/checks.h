// The checks of form that many requests share. Each answers INVALID_ARGUMENT with the text that
// Temporal's frontend gives, and some fill in a default or cut a value, as Temporal does: a check
// that takes a pointer may change what it points to.
//
// Pure functions of the request and the limits.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/errors.h"
#include "frontend/uuid_source.h"
#include "google/protobuf/repeated_ptr_field.h"
#include "services/call.h"
#include "services/namespaces.h"
#include "temporal/api/common/v1/message.pb.h"
#include "temporal/api/enums/v1/workflow.pb.h"
#include "temporal/api/taskqueue/v1/message.pb.h"

namespace perdure::frontend {

// Returns from the enclosing function if the expression is an error.
#define PERDURE_RETURN_IF_ERROR(expression)                                 \
  do {                                                                      \
    if (absl::Status status_ = (expression); !status_.ok()) return status_; \
  } while (false)

namespace common = temporal::api::common::v1;

// A long poll's deadline: INVALID_ARGUMENT if there is none, FAILED_PRECONDITION below two seconds.
absl::Status CheckLongPoll(const services::CallContext& context, absl::Time now);

absl::Status CheckWorkflowId(absl::string_view workflow_id, const services::Limits& limits);
// Set, with a workflow id, and a run id that is empty or a UUID.
absl::Status CheckExecution(bool is_set, const common::WorkflowExecution& execution);
absl::Status CheckIdentity(absl::string_view identity, const services::Limits& limits);
// An id, name or type that may be empty: "<field> length exceeds limit."
absl::Status CheckLength(absl::string_view text, absl::string_view field,
                         const services::Limits& limits);
// Fills in a fresh one if empty.
absl::Status CheckRequestId(std::string* request_id, const services::Limits& limits,
                            UuidSource& uuids);
absl::Status CheckWorkflowType(bool is_set, const common::WorkflowType& type,
                               const services::Limits& limits);

// A task queue that a worker polls or somebody describes. Fills in the kind.
absl::Status CheckTaskQueue(temporal::api::taskqueue::v1::TaskQueue* task_queue,
                            const services::Limits& limits);
template <class Request>
absl::Status CheckTaskQueueOf(Request& request, const services::Limits& limits) {
  if (!request.has_task_queue()) return base::InvalidArgument("taskQueue is not set");
  return CheckTaskQueue(request.mutable_task_queue(), limits);
}

// Not negative, not absurd; more than a hundred years is cut to that. `error` begins the text.
absl::Status CheckDuration(google::protobuf::Duration* duration, absl::string_view error);
// Fills in the defaults of what is unset, as for workflows: without a policy there is no retry.
absl::Status CheckRetryPolicy(common::RetryPolicy* policy);
absl::Status CheckPriority(const common::Priority& priority);
absl::Status CheckLinks(const google::protobuf::RepeatedPtrField<common::Link>& links,
                        const services::Limits& limits);
absl::Status CheckCallbacks(const google::protobuf::RepeatedPtrField<common::Callback>& callbacks,
                            const services::Limits& limits);

// "Blob data size exceeds limit."
absl::Status CheckBlob(int64_t size_bytes, const services::Limits& limits);
template <class Message>
absl::Status CheckPayloads(const Message& message, const services::Limits& limits) {
  return CheckBlob(static_cast<int64_t>(message.ByteSizeLong()), limits);
}
absl::Status CheckMemo(const common::Memo& memo, const services::Limits& limits);

// Fills in defaults (reuse: allow duplicates; conflict: `conflict_default`) and turns the retired
// TERMINATE_IF_RUNNING into its conflict policy.
absl::Status CheckIdPolicies(temporal::api::enums::v1::WorkflowIdReusePolicy* reuse,
                             temporal::api::enums::v1::WorkflowIdConflictPolicy* conflict,
                             temporal::api::enums::v1::WorkflowIdConflictPolicy conflict_default);

// A task token: opaque here, but neither empty nor larger than any that a server makes.
absl::Status CheckTaskToken(absl::string_view token);
// A page token of history's: the same.
absl::Status CheckPageToken(absl::string_view token);

// An enum's number that this version of the API does not know.
template <class Enum>
absl::Status CheckEnum(Enum value, bool (*is_valid)(int), absl::string_view field) {
  if (is_valid(static_cast<int>(value))) return absl::OkStatus();
  return base::InvalidArgument(
      absl::StrCat("Unknown value ", static_cast<int>(value), " of ", field, "."));
}

}  // namespace perdure::frontend
