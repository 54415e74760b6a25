#include "base/errors.h"

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/any.pb.h"
#include "temporal/api/errordetails/v1/message.pb.h"
#include "temporal/api/failure/v1/message.pb.h"

namespace perdure::base {
namespace {

// Stays between servers: no message of that name exists.
constexpr char kShardMovedUrl[] = "perdure/shard-moved";

namespace details = temporal::api::errordetails::v1;

constexpr char kTypePrefix[] = "type.googleapis.com/";

}  // namespace

absl::Status WithDetail(absl::StatusCode code, absl::string_view text,
                        const google::protobuf::Message& detail) {
  absl::Status status(code, text);
  status.SetPayload(absl::StrCat(kTypePrefix, detail.GetTypeName()),
                    absl::Cord(absl::string_view(detail.SerializeAsString())));
  return status;
}

std::optional<ErrorDetail> DetailOf(const absl::Status& status) {
  std::optional<ErrorDetail> found;
  status.ForEachPayload([&found](absl::string_view url, const absl::Cord& bytes) {
    if (found.has_value()) return;
    if (url.substr(0, sizeof(kTypePrefix) - 1) != kTypePrefix) return;
    found = ErrorDetail{std::string(url.substr(sizeof(kTypePrefix) - 1)), std::string(bytes)};
  });
  return found;
}

bool GetDetail(const absl::Status& status, google::protobuf::Message& detail) {
  const auto payload = status.GetPayload(absl::StrCat(kTypePrefix, detail.GetTypeName()));
  return payload.has_value() && detail.ParseFromString(std::string(*payload));
}

absl::Status InvalidArgument(absl::string_view text) { return absl::InvalidArgumentError(text); }

absl::Status NotFound(absl::string_view text) {
  return WithDetail(absl::StatusCode::kNotFound, text, details::NotFoundFailure());
}

absl::Status NamespaceNotFound(absl::string_view name) {
  details::NamespaceNotFoundFailure detail;
  detail.set_namespace_(std::string(name));
  return WithDetail(absl::StatusCode::kNotFound, absl::StrCat("Namespace ", name, " is not found."),
                    detail);
}

absl::Status NamespaceAlreadyExists(absl::string_view text) {
  return WithDetail(absl::StatusCode::kAlreadyExists, text,
                    details::NamespaceAlreadyExistsFailure());
}

absl::Status NamespaceInvalidState(absl::string_view name, int state) {
  details::NamespaceInvalidStateFailure detail;
  detail.set_namespace_(std::string(name));
  detail.set_state(static_cast<temporal::api::enums::v1::NamespaceState>(state));
  return WithDetail(absl::StatusCode::kFailedPrecondition,
                    absl::StrCat("Namespace ", name, " has invalid state for this request."),
                    detail);
}

absl::Status WorkflowAlreadyStarted(absl::string_view text, absl::string_view start_request_id,
                                    absl::string_view run_id, absl::string_view first_run_id) {
  details::WorkflowExecutionAlreadyStartedFailure detail;
  detail.set_start_request_id(std::string(start_request_id));
  detail.set_run_id(std::string(run_id));
  detail.set_first_execution_run_id(std::string(first_run_id));
  return WithDetail(absl::StatusCode::kAlreadyExists, text, detail);
}

absl::Status ResourceExhausted(int cause, absl::string_view text) {
  details::ResourceExhaustedFailure detail;
  detail.set_cause(static_cast<temporal::api::enums::v1::ResourceExhaustedCause>(cause));
  detail.set_scope(temporal::api::enums::v1::RESOURCE_EXHAUSTED_SCOPE_NAMESPACE);
  return WithDetail(absl::StatusCode::kResourceExhausted, text, detail);
}

absl::Status WorkflowNotReady(absl::string_view text) {
  return WithDetail(absl::StatusCode::kFailedPrecondition, text,
                    details::WorkflowNotReadyFailure());
}

absl::Status PermissionDenied(absl::string_view text, absl::string_view reason) {
  details::PermissionDeniedFailure detail;
  detail.set_reason(std::string(reason));
  return WithDetail(absl::StatusCode::kPermissionDenied, text, detail);
}

absl::Status QueryFailed(absl::string_view text, const google::protobuf::Message& failure) {
  details::QueryFailedFailure detail;
  if (failure.GetTypeName() == detail.failure().GetTypeName()) {
    detail.mutable_failure()->CopyFrom(failure);
  }
  return WithDetail(absl::StatusCode::kInvalidArgument, text, detail);
}

absl::Status MultiOperationFailed(std::vector<absl::Status> statuses) {
  details::MultiOperationExecutionFailure detail;
  absl::StatusCode code = absl::StatusCode::kAborted;
  for (absl::Status& status : statuses) {
    const temporal::api::failure::v1::MultiOperationExecutionAborted aborted;
    if (status.ok()) {
      status = WithDetail(absl::StatusCode::kAborted, "Operation was aborted.", aborted);
    } else if (code == absl::StatusCode::kAborted) {
      code = status.code();
    }
    auto& operation = *detail.add_statuses();
    operation.set_code(static_cast<int32_t>(status.code()));
    operation.set_message(std::string(status.message()));
    if (const std::optional<ErrorDetail> found = DetailOf(status); found.has_value()) {
      google::protobuf::Any& any = *operation.add_details();
      any.set_type_url(absl::StrCat(kTypePrefix, found->type_name));
      any.set_value(found->bytes);
    }
  }
  return WithDetail(code, "Update-with-Start could not be executed.", detail);
}

absl::Status Unimplemented(absl::string_view text) { return absl::UnimplementedError(text); }
absl::Status Unavailable(absl::string_view text) { return absl::UnavailableError(text); }
absl::Status ShardMoved() {
  absl::Status status = Unavailable("the workflow's shard is with another server, try again");
  status.SetPayload(kShardMovedUrl, absl::Cord());
  return status;
}

bool IsShardMoved(const absl::Status& status) {
  return status.GetPayload(kShardMovedUrl).has_value();
}

absl::Status Internal(absl::string_view text) { return absl::InternalError(text); }
absl::Status AlreadyExists(absl::string_view text) { return absl::AlreadyExistsError(text); }
absl::Status FailedPrecondition(absl::string_view text) {
  return absl::FailedPreconditionError(text);
}

}  // namespace perdure::base
