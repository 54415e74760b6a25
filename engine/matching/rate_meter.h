// Tasks per second over the last half minute, for statistics.
//
// Value. Counts in buckets of five seconds.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "absl/time/time.h"

namespace perdure::matching {

class RateMeter {
 public:
  void Add(absl::Time now, int64_t count = 1) {
    if (first_ == absl::InfinitePast()) first_ = now;
    Advance(now);
    counts_[bucket_ % kBuckets] += count;
  }

  double PerSecond(absl::Time now) {
    if (first_ == absl::InfinitePast()) return 0;
    Advance(now);
    int64_t total = 0;
    for (const int64_t count : counts_) total += count;
    // Young meters divide by their age, but by no less than a second.
    const double seconds = std::clamp(absl::ToDoubleSeconds(now - first_), 1.0, kWindowSeconds);
    return static_cast<double>(total) / seconds;
  }

 private:
  static constexpr int64_t kBuckets = 6;
  static constexpr int64_t kBucketSeconds = 5;
  static constexpr double kWindowSeconds = kBuckets * kBucketSeconds;

  void Advance(absl::Time now) {
    const int64_t bucket = absl::ToUnixSeconds(now) / kBucketSeconds;
    if (bucket - bucket_ >= kBuckets) counts_.fill(0);
    while (bucket_ < bucket && bucket - bucket_ < kBuckets) counts_[++bucket_ % kBuckets] = 0;
    bucket_ = bucket;
  }

  absl::Time first_ = absl::InfinitePast();
  int64_t bucket_ = 0;
  std::array<int64_t, kBuckets> counts_{};
};

}  // namespace perdure::matching
