// Between the API's protobuf messages and the plain data that the SDK's users and modules see.
//
// Pure functions, any thread. FromApi takes its message by value: move one in that is not needed
// any more, and its strings move on instead of being copied. ToApi moves out of what is given as an
// rvalue.
#pragma once

#include <chrono>
#include <optional>

#include "perdure/detail/activation.h"
#include "perdure/failure.h"
#include "perdure/payload.h"
#include "temporal/api/common/v1/message.pb.h"
#include "temporal/api/failure/v1/message.pb.h"

namespace perdure::core {

namespace api_common = temporal::api::common::v1;
namespace api_failure = temporal::api::failure::v1;
using perdure::detail::Nanos;

Payload FromApi(api_common::Payload payload);
Payloads FromApi(api_common::Payloads payloads);
PayloadMap FromApi(api_common::Header header);
PayloadMap FromApi(api_common::Memo memo);
PayloadMap FromApi(api_common::SearchAttributes attributes);
// What has a kind or a field of a newer API is kept whole and written back by ToApi.
Failure FromApi(api_failure::Failure failure);
FailurePtr SharedFailure(api_failure::Failure failure);
detail::RetryPolicyData FromApi(api_common::RetryPolicy policy);
detail::PriorityData FromApi(api_common::Priority priority);
// What does not fit 64 bits of nanoseconds (292 years) becomes the nearest value that does.
Nanos FromApi(const google::protobuf::Duration& duration);
Timestamp FromApi(const google::protobuf::Timestamp& timestamp);
// A timeout as the API gives it: zero means none.
std::optional<Nanos> TimeoutFromApi(const google::protobuf::Duration& duration);

api_common::Payload ToApi(Payload payload);
api_common::Payloads ToApi(Payloads payloads);
api_common::Header HeaderToApi(PayloadMap fields);
api_common::Memo MemoToApi(PayloadMap fields);
api_common::SearchAttributes SearchAttributesToApi(PayloadMap fields);
api_failure::Failure ToApi(const Failure& failure);
api_common::RetryPolicy ToApi(detail::RetryPolicyData policy);
api_common::Priority ToApi(detail::PriorityData priority);
google::protobuf::Duration ToApi(Nanos duration);
google::protobuf::Timestamp ToApi(Timestamp timestamp);

// Text as a payload of JSON, which is how user interfaces read summaries.
Payload JsonText(std::string_view text);

// Writes a field only where there is something to write, so that absent stays absent.
//   SetIf(input, [&] { return attributes.mutable_input(); });
template <class Mutable>
void SetIf(Payloads payloads, Mutable mutable_field) {
  if (!payloads.empty()) *mutable_field() = ToApi(std::move(payloads));
}
template <class Mutable>
void SetHeaderIf(PayloadMap fields, Mutable mutable_field) {
  if (!fields.empty()) *mutable_field() = HeaderToApi(std::move(fields));
}
template <class Mutable>
void SetIf(const std::optional<Nanos>& duration, Mutable mutable_field) {
  if (duration) *mutable_field() = ToApi(*duration);
}
template <class Mutable>
void SetIf(std::optional<detail::RetryPolicyData> policy, Mutable mutable_field) {
  if (policy) *mutable_field() = ToApi(std::move(*policy));
}
template <class Mutable>
void SetIf(detail::PriorityData priority, Mutable mutable_field) {
  if (priority.priority_key != 0 || !priority.fairness_key.empty() ||
      priority.fairness_weight != 0) {
    *mutable_field() = ToApi(std::move(priority));
  }
}

}  // namespace perdure::core
