#include "worker-sdk/worker/local_retry.h"

#include <algorithm>
#include <cmath>

namespace perdure::worker {

std::optional<detail::Nanos> LocalRetryDelay(const std::optional<detail::RetryPolicyData>& policy,
                                             std::int32_t attempt, const Failure& failure) {
  static const detail::RetryPolicyData kDefault;
  const detail::RetryPolicyData& rules = policy ? *policy : kDefault;
  if (rules.maximum_attempts > 0 && attempt >= rules.maximum_attempts) return std::nullopt;
  if (const auto* application = std::get_if<ApplicationFailureInfo>(&failure.info)) {
    if (application->non_retryable) return std::nullopt;
    const auto& types = rules.non_retryable_error_types;
    if (std::find(types.begin(), types.end(), application->type) != types.end())
      return std::nullopt;
    if (application->next_retry_delay) return application->next_retry_delay;
  }
  const double initial =
      static_cast<double>(rules.initial_interval.value_or(std::chrono::seconds(1)).count());
  const double factor = rules.backoff_coefficient > 0 ? rules.backoff_coefficient : 2.0;
  const bool has_limit = rules.maximum_interval && rules.maximum_interval->count() > 0;
  const double limit =
      has_limit ? static_cast<double>(rules.maximum_interval->count()) : initial * 100;
  // The power of a large attempt is infinite, which the limit takes care of.
  const double delay = std::min(limit, initial * std::pow(factor, attempt - 1));
  return detail::Nanos(static_cast<std::int64_t>(delay));
}

}  // namespace perdure::worker
