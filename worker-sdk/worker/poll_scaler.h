// How many polls to keep open (R60). A value, loop-bound, without a clock: the poller says what
// came and when.
#pragma once

#include <algorithm>
#include <cstdint>

#include "perdure/worker_options.h"
#include "worker-sdk/client/transport.h"

namespace perdure::worker {

using client::Nanos;

class PollScaler {
 public:
  explicit PollScaler(const PollerOptions& options)
      : autoscale_(options.autoscale),
        min_(std::max<std::int64_t>(1, options.minimum)),
        max_(std::max<std::int64_t>(1, options.maximum)),
        target_(options.autoscale ? std::clamp(options.initial, min_, std::max(min_, max_))
                                  : max_) {}

  // The server scales for certain (a capability of the namespace), so empty polls may count from
  // the beginning.
  void ServerScales() { server_scales_ = true; }

  // A poll came back. `delta` is the server's suggestion, where it made one.
  void Answered(bool has_task, const std::int32_t* delta, Nanos now) {
    if (!autoscale_) return;
    Turn(now);
    if (has_task) ++taken_now_;
    if (delta != nullptr) {
      server_scales_ = true;
      // More polls help only while more polls bring more work.
      if (*delta < 0 || may_grow_) Change(*delta);
    } else if (!has_task && server_scales_) {
      Change(-1);
    }
  }
  void Failed(bool overload) {
    if (!autoscale_ || !server_scales_) return;
    Change(overload ? target_ / 2 - target_ : -1);
  }
  std::int64_t target() const { return target_; }
  // Tasks come often: a poll should not be left waiting for a minute after the rush.
  bool is_busy() const { return autoscale_ && taken_now_ > 1; }

 private:
  static constexpr Nanos kPeriod = std::chrono::milliseconds(100);
  void Turn(Nanos now) {
    if (now - period_start_ < kPeriod) return;
    // After a quiet period there is nothing to compare with: growing is allowed.
    const bool adjacent = now - period_start_ < 2 * kPeriod;
    may_grow_ = !adjacent || taken_now_ * 10 >= taken_before_ * 11;
    taken_before_ = adjacent ? taken_now_ : 0;
    taken_now_ = 0;
    period_start_ = now;
  }
  void Change(std::int64_t by) { target_ = std::clamp(target_ + by, min_, std::max(min_, max_)); }

  bool autoscale_;
  std::int64_t min_, max_, target_;
  bool server_scales_ = false;
  bool may_grow_ = true;
  std::int64_t taken_now_ = 0, taken_before_ = 0;
  Nanos period_start_{};
};

}  // namespace perdure::worker
