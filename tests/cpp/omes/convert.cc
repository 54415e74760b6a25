#include "convert.h"

#include "perdure/errors.h"

namespace omes {

void refuse(std::string what) {
  throw perdure::ApplicationError("this worker cannot do it: " + what,
                                  {.type = "NotSupported", .non_retryable = true});
}

std::chrono::nanoseconds to_nanoseconds(const google::protobuf::Duration& duration) {
  return std::chrono::seconds(duration.seconds()) + std::chrono::nanoseconds(duration.nanos());
}

perdure::Payload to_payload(const common::Payload& payload) {
  perdure::Payload result;
  result.data = payload.data();
  // By key, as the SDK keeps them.
  const std::map<std::string, std::string> metadata(payload.metadata().begin(),
                                                    payload.metadata().end());
  for (const auto& [key, value] : metadata) {
    if (key == "encoding")
      result.encoding = value;
    else
      result.metadata.emplace_back(key, value);
  }
  return result;
}

common::Payload from_payload(const perdure::Payload& payload) {
  common::Payload result;
  result.set_data(payload.data);
  if (!payload.encoding.empty()) (*result.mutable_metadata())["encoding"] = payload.encoding;
  for (const auto& [key, value] : payload.metadata) (*result.mutable_metadata())[key] = value;
  return result;
}

perdure::retry_policy to_retry(const common::RetryPolicy& policy) {
  perdure::retry_policy result;
  if (policy.has_initial_interval())
    result.initial_interval = to_nanoseconds(policy.initial_interval());
  result.backoff_coefficient = policy.backoff_coefficient();
  if (policy.has_maximum_interval())
    result.maximum_interval = to_nanoseconds(policy.maximum_interval());
  result.maximum_attempts = policy.maximum_attempts();
  const int names = policy.non_retryable_error_types_size();
  if (names > static_cast<int>(std::size(result.non_retryable.names)))
    refuse("retry_policy.non_retryable_error_types: " + std::to_string(names) + " names");
  for (int i = 0; i < names; ++i)
    result.non_retryable.names[i] = policy.non_retryable_error_types(i);
  return result;
}

}  // namespace omes
