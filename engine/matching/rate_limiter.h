// How fast a task queue may hand out tasks: a rate with a burst of one second's worth.
//
// Value. Kept as the time at which the next task is due, so a change of rate takes effect at once.
#pragma once

#include <optional>

#include "absl/time/time.h"

namespace perdure::matching {

class RateLimiter {
 public:
  enum class Source { kSystem, kWorker, kApi };
  // Temporal: what a queue does without any limit is reported as this many tasks per second.
  static constexpr double kSystemRate = 100'000;

  // What the last poll said (nullopt: nothing), and what UpdateTaskQueueConfig said, which wins.
  void SetWorkerRate(std::optional<double> rate, absl::Time now) {
    worker_rate_ = rate;
    Clip(now);
  }
  void SetApiRate(std::optional<double> rate, absl::Time now) {
    api_rate_ = rate;
    Clip(now);
  }

  double rate() const { return Effective().first; }
  Source source() const { return Effective().second; }

  // When the next task may go: not after the present if at once, InfiniteFuture at a rate of zero.
  absl::Time ReadyAt() const { return rate() <= 0 ? absl::InfiniteFuture() : due_; }
  // A task goes now.
  void Take(absl::Time now) {
    const absl::Time earliest = now - absl::Seconds(1);
    due_ = (due_ > earliest ? due_ : earliest) + Interval();
  }

 private:
  // A queue that was slow a moment ago may have a due time far off: at the new rate, one interval.
  void Clip(absl::Time now) {
    if (rate() > 0 && due_ > now + Interval()) due_ = now + Interval();
  }
  absl::Duration Interval() const { return absl::Seconds(1 / rate()); }
  std::pair<double, Source> Effective() const {
    const std::optional<double> asked = api_rate_.has_value() ? api_rate_ : worker_rate_;
    if (!asked.has_value() || *asked >= kSystemRate) return {kSystemRate, Source::kSystem};
    return {*asked < 0 ? 0 : *asked, api_rate_.has_value() ? Source::kApi : Source::kWorker};
  }

  std::optional<double> worker_rate_;
  std::optional<double> api_rate_;
  absl::Time due_ = absl::InfinitePast();
};

}  // namespace perdure::matching
