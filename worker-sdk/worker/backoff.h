// How long a poller waits before it tries again; other calls follow client/retry.h. Values,
// loop-bound; the randomness is seeded, so that a test and the test environment see the same waits
// each time.
#pragma once

#include <algorithm>
#include <cstdint>
#include <random>

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

}  // namespace perdure::worker
