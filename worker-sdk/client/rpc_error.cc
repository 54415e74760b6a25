#include "worker-sdk/client/rpc_error.h"

#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "google/rpc/status.pb.h"
#include "temporal/api/errordetails/v1/message.pb.h"
#include "worker-sdk/client/payload_pipeline.h"
#include "worker-sdk/client/retrying_call.h"
#include "worker-sdk/client/transport.h"
#include "worker-sdk/core/convert.h"

namespace perdure::client {
namespace {

namespace details = temporal::api::errordetails::v1;

std::string_view View(absl::string_view text) { return {text.data(), text.size()}; }

std::string DetailsOf(const absl::Status& status) {
  const auto payload = status.GetPayload(
      absl::string_view(Transport::kDetailsUrl.data(), Transport::kDetailsUrl.size()));
  return payload ? std::string(*payload) : std::string();
}

template <class Detail>
std::optional<Detail> Find(const google::rpc::Status& status) {
  Detail detail;
  for (const auto& any : status.details()) {
    if (any.Is<Detail>() && any.UnpackTo(&detail)) return detail;
  }
  return std::nullopt;
}

// A start with an update is refused with a status for each of the two, one of which says why.
std::optional<absl::Status> ReasonOf(const details::MultiOperationExecutionFailure& failure) {
  for (const auto& operation : failure.statuses()) {
    bool is_aborted = operation.code() == 0;
    google::rpc::Status rpc;
    for (const auto& detail : operation.details()) {
      is_aborted |= detail.Is<temporal::api::failure::v1::MultiOperationExecutionAborted>();
      *rpc.add_details() = detail;
    }
    if (is_aborted) continue;
    rpc.set_code(operation.code());
    rpc.set_message(operation.message());
    absl::Status reason(static_cast<absl::StatusCode>(operation.code()), operation.message());
    const std::string bytes = rpc.SerializeAsString();
    reason.SetPayload(
        absl::string_view(Transport::kDetailsUrl.data(), Transport::kDetailsUrl.size()),
        absl::Cord(absl::string_view(bytes)));
    return reason;
  }
  return std::nullopt;
}

void ThrowTooLarge(const absl::Status& status) {
  const auto payload = status.GetPayload(PayloadPipeline::kTooLargeUrl);
  if (!payload) return;
  const std::vector<std::string> parts = absl::StrSplit(std::string(*payload), '\n');
  std::int64_t size = 0, limit = 0;
  if (parts.size() == 3 && absl::SimpleAtoi(parts[1], &size) &&
      absl::SimpleAtoi(parts[2], &limit)) {
    throw PayloadTooLargeError(parts[0], size, limit);
  }
}

}  // namespace

void ThrowStatus(const absl::Status& status, const CallSubject& subject) {
  ThrowTooLarge(status);
  if (status.GetPayload(kStoppedUrl)) throw CallCanceledError(View(status.message()));
  const std::string bytes = DetailsOf(status);
  const std::string_view message = View(status.message());
  google::rpc::Status rpc;
  rpc.ParseFromString(bytes);
  if (const auto both = Find<details::MultiOperationExecutionFailure>(rpc)) {
    if (const auto reason = ReasonOf(*both)) ThrowStatus(*reason, subject);
  }
  if (const auto failed = Find<details::QueryFailedFailure>(rpc)) {
    temporal::api::failure::v1::Failure failure = failed->failure();
    if (failure.message().empty()) failure.set_message(std::string(message));
    DecodeFailureChain(&failure);
    throw QueryFailedError(core::SharedFailure(std::move(failure)));
  }
  if (const auto started = Find<details::WorkflowExecutionAlreadyStartedFailure>(rpc)) {
    throw WorkflowAlreadyStartedError(subject.workflow_id, subject.workflow_type, started->run_id(),
                                      message, bytes);
  }
  if (status.code() == absl::StatusCode::kNotFound && !subject.workflow_id.empty() &&
      !Find<details::NamespaceNotFoundFailure>(rpc)) {
    throw WorkflowNotFoundError(subject.workflow_id, subject.run_id, message, bytes);
  }
  throw RpcError(static_cast<RpcCode>(status.code()), message, bytes);
}

}  // namespace perdure::client
