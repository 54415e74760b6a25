#include "machines/workflow/policy/retry.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "machines/workflow/times.h"

namespace perdure::machines {
namespace {

namespace enums = temporal::api::enums::v1;
using temporal::api::common::v1::RetryPolicy;
using temporal::api::failure::v1::Failure;

constexpr char kTimeoutPrefix[] = "TemporalTimeout:";

bool IsListed(const RetryPolicy& policy, const std::string& type) {
  const auto& types = policy.non_retryable_error_types();
  return std::find(types.begin(), types.end(), type) != types.end();
}

}  // namespace

std::string TimeoutName(enums::TimeoutType type) {
  switch (type) {
    case enums::TIMEOUT_TYPE_START_TO_CLOSE:
      return "StartToClose";
    case enums::TIMEOUT_TYPE_SCHEDULE_TO_START:
      return "ScheduleToStart";
    case enums::TIMEOUT_TYPE_SCHEDULE_TO_CLOSE:
      return "ScheduleToClose";
    case enums::TIMEOUT_TYPE_HEARTBEAT:
      return "Heartbeat";
    default:
      return "Unspecified";
  }
}

bool IsRetryable(const Failure& failure, const RetryPolicy& policy) {
  if (failure.has_terminated_failure_info() || failure.has_canceled_failure_info()) return false;
  if (failure.has_timeout_failure_info()) {
    const auto type = failure.timeout_failure_info().timeout_type();
    if (type != enums::TIMEOUT_TYPE_START_TO_CLOSE && type != enums::TIMEOUT_TYPE_HEARTBEAT) {
      return false;
    }
    return !IsListed(policy, absl::StrCat(kTimeoutPrefix, TimeoutName(type)));
  }
  if (failure.has_server_failure_info()) return !failure.server_failure_info().non_retryable();
  if (failure.has_application_failure_info()) {
    if (failure.application_failure_info().non_retryable()) return false;
    return !IsListed(policy, failure.application_failure_info().type());
  }
  return true;
}

int64_t RetryInterval(const RetryPolicy& policy, int32_t attempt) {
  const double first = static_cast<double>(ToNs(policy.initial_interval()));
  const double interval = first * std::pow(policy.backoff_coefficient(), std::max(attempt - 1, 0));
  const int64_t max_ns = ToNs(policy.maximum_interval());
  // An interval beyond what can be counted means the maximum, or none at all where there is no
  // maximum.
  if (!(interval < static_cast<double>(std::numeric_limits<int64_t>::max()))) return max_ns;
  const auto interval_ns = static_cast<int64_t>(interval);
  return max_ns > 0 && interval_ns > max_ns ? max_ns : interval_ns;
}

RetryAnswer DecideRetry(const RetryQuestion& question) {
  const RetryPolicy& policy = *question.policy;
  if (question.failure != nullptr && !IsRetryable(*question.failure, policy)) {
    return {enums::RETRY_STATE_NON_RETRYABLE_FAILURE, 0};
  }
  const int32_t attempt = std::max(question.attempt, 1);
  if (policy.maximum_attempts() > 0 && attempt >= policy.maximum_attempts()) {
    return {enums::RETRY_STATE_MAXIMUM_ATTEMPTS_REACHED, 0};
  }
  int64_t interval_ns = RetryInterval(policy, attempt);
  const bool has_own_delay = question.failure != nullptr &&
                             question.failure->has_application_failure_info() &&
                             question.failure->application_failure_info().has_next_retry_delay();
  if (has_own_delay) {
    interval_ns = ToNs(question.failure->application_failure_info().next_retry_delay());
    const int64_t max_ns = ToNs(policy.maximum_interval());
    if (max_ns > 0 && (interval_ns <= 0 || interval_ns > max_ns)) interval_ns = max_ns;
  }
  if (interval_ns <= 0) return {enums::RETRY_STATE_TIMEOUT, 0};
  if (question.expiration_ns != 0 && question.now_ns + interval_ns > question.expiration_ns) {
    return {enums::RETRY_STATE_TIMEOUT, 0};
  }
  return {enums::RETRY_STATE_IN_PROGRESS, interval_ns};
}

void FillRetryDefaults(RetryPolicy& policy) {
  if (ToNs(policy.initial_interval()) == 0) {
    SetDuration(policy.mutable_initial_interval(), kSecondNs);
  }
  if (ToNs(policy.maximum_interval()) == 0) {
    SetDuration(policy.mutable_maximum_interval(), 100 * ToNs(policy.initial_interval()));
  }
  if (policy.backoff_coefficient() == 0) policy.set_backoff_coefficient(2.0);
}

absl::Status CheckRetryPolicy(const RetryPolicy& policy) {
  // One attempt means no retries: the rest does not matter.
  if (policy.maximum_attempts() == 1) return absl::OkStatus();
  if (ToNs(policy.initial_interval()) < 0) {
    return base::InvalidArgument(
        "invalid InitialInterval set on retry policy: negative durations are not allowed");
  }
  if (policy.backoff_coefficient() < 1) {
    return base::InvalidArgument("BackoffCoefficient cannot be less than 1 on retry policy.");
  }
  if (ToNs(policy.maximum_interval()) < 0) {
    return base::InvalidArgument(
        "invalid MaximumInterval set on retry policy: negative durations are not allowed");
  }
  if (ToNs(policy.maximum_interval()) > 0 &&
      ToNs(policy.maximum_interval()) < ToNs(policy.initial_interval())) {
    return base::InvalidArgument(
        "MaximumInterval cannot be less than InitialInterval on retry policy.");
  }
  if (policy.maximum_attempts() < 0) {
    return base::InvalidArgument("MaximumAttempts cannot be negative on retry policy.");
  }
  for (const std::string& type : policy.non_retryable_error_types()) {
    if (!absl::StartsWith(type, kTimeoutPrefix)) continue;
    const std::string name = type.substr(sizeof(kTimeoutPrefix) - 1);
    bool is_known = false;
    for (int value = 1; value <= 4; ++value) {
      is_known |= TimeoutName(static_cast<enums::TimeoutType>(value)) == name;
    }
    if (!is_known) {
      return base::InvalidArgument(absl::StrCat("Invalid timeout type value: ", name, "."));
    }
  }
  return absl::OkStatus();
}

}  // namespace perdure::machines
