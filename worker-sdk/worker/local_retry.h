// When a local activity is tried again: the retry policy, applied here, since no server sees the
// attempts. Pure.
#pragma once

#include <optional>

#include "perdure/detail/activation.h"
#include "perdure/failure.h"

namespace perdure::worker {

// The wait before attempt `attempt + 1`, after attempt `attempt` failed like this; absent: it was
// the last.
std::optional<detail::Nanos> LocalRetryDelay(const std::optional<detail::RetryPolicyData>& policy,
                                             std::int32_t attempt, const Failure& failure);

}  // namespace perdure::worker
