// How long to wait before trying again. Values, loop-bound; the randomness is seeded, so that a
// test and the test environment see the same waits each time.
#pragma once

#include <algorithm>
#include <cstdint>
#include <random>

#include "absl/status/status.h"
#include "worker-sdk/client/transport.h"

namespace perdure::worker {

using client::Nanos;

struct BackoffPolicy {
  Nanos initial;
  Nanos maximum;
  double factor;
};
// A poll that failed, and one that the server refused for load.
inline constexpr BackoffPolicy kPollBackoff{std::chrono::milliseconds(200),
                                            std::chrono::seconds(10), 2.0};
inline constexpr BackoffPolicy kPollOverloadBackoff{std::chrono::seconds(1),
                                                    std::chrono::seconds(10), 2.0};
// Answers and fetches.
inline constexpr BackoffPolicy kCallBackoff{std::chrono::milliseconds(100), std::chrono::seconds(5),
                                            1.7};
inline constexpr BackoffPolicy kCallOverloadBackoff{std::chrono::seconds(1),
                                                    std::chrono::seconds(10), 1.7};

class Backoff {
 public:
  Backoff(BackoffPolicy policy, std::uint32_t seed)
      : policy_(policy), next_(policy.initial), random_(seed | 1) {}

  // The wait with a jitter of a fifth to both sides; the next one is longer.
  Nanos Next() {
    const Nanos base = next_;
    next_ = std::min(
        policy_.maximum,
        Nanos(static_cast<std::int64_t>(static_cast<double>(base.count()) * policy_.factor)));
    const double part = static_cast<double>(random_()) / static_cast<double>(random_.max());
    return Nanos(static_cast<std::int64_t>(static_cast<double>(base.count()) * (0.8 + 0.4 * part)));
  }
  void Reset() { next_ = policy_.initial; }

 private:
  BackoffPolicy policy_;
  Nanos next_;
  std::minstd_rand random_;
};

// May the same call succeed a moment later?
inline bool IsTransient(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kResourceExhausted:
    case absl::StatusCode::kInternal:
    case absl::StatusCode::kUnknown:
    case absl::StatusCode::kAborted:
    case absl::StatusCode::kOutOfRange:
    case absl::StatusCode::kDataLoss:
    case absl::StatusCode::kDeadlineExceeded:
      return true;
    default:
      return false;
  }
}
// A message over the limit of one side's gRPC: no repetition helps.
inline bool IsMessageTooLarge(const absl::Status& status) {
  if (status.code() != absl::StatusCode::kResourceExhausted &&
      status.code() != absl::StatusCode::kOutOfRange) {
    return false;
  }
  return status.message().find("larger than max") != std::string_view::npos ||
         status.message().find("message too large") != std::string_view::npos;
}

}  // namespace perdure::worker
