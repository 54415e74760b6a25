// Whether a task queue is busy, told at most once a second.
//
// Value. Costs a comparison and a sum for each task.
#pragma once

#include <cstdint>

#include "absl/time/time.h"

namespace perdure::matching {

class Traffic {
 public:
  static constexpr absl::Duration kWindow = absl::Seconds(1);

  // 0: it never is.
  void set_busy_rate(int64_t tasks_per_second) { busy_rate_ = tasks_per_second; }
  // True for the task with which a window's count reaches the rate.
  bool Add(absl::Time now) {
    ++total_;
    if (busy_rate_ == 0) return false;
    if (now - window_begin_ >= kWindow) {
      window_begin_ = now;
      window_count_ = 0;
    }
    return ++window_count_ == busy_rate_;
  }
  void AddElsewhere(int64_t count) { total_ += count; }
  // All tasks so far.
  int64_t total() const { return total_; }

 private:
  int64_t busy_rate_ = 0;
  int64_t total_ = 0;
  absl::Time window_begin_ = absl::InfinitePast();
  int64_t window_count_ = 0;
};

}  // namespace perdure::matching
