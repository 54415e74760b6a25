// The least of the durations noted of late: how long something takes that waits for nobody.
#pragma once

#include <algorithm>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace perdure::store {

// Thread-safe. `now` must not be of different clocks.
class Fastest {
 public:
  void Note(absl::Duration took, absl::Time now) {
    absl::MutexLock lock(&mutex_);
    Turn(now);
    current_ = std::min(current_, took);
  }

  // Of the last one to two seconds; zero if nothing was noted.
  absl::Duration Get(absl::Time now) const {
    absl::MutexLock lock(&mutex_);
    Turn(now);
    const absl::Duration fastest = std::min(former_, current_);
    return fastest == absl::InfiniteDuration() ? absl::ZeroDuration() : fastest;
  }

 private:
  static constexpr absl::Duration kSpan = absl::Seconds(1);

  void Turn(absl::Time now) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (now - begun_at_ < kSpan) return;
    former_ = now - begun_at_ < 2 * kSpan ? current_ : absl::InfiniteDuration();
    current_ = absl::InfiniteDuration();
    begun_at_ = now;
  }

  mutable absl::Mutex mutex_;
  mutable absl::Time begun_at_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  mutable absl::Duration former_ ABSL_GUARDED_BY(mutex_) = absl::InfiniteDuration();
  mutable absl::Duration current_ ABSL_GUARDED_BY(mutex_) = absl::InfiniteDuration();
};

}  // namespace perdure::store
