// Counts calls that gRPC has handed over and that are not yet wholly done, so that a server can end
// when there are none. Internal to rpc/.
#pragma once

#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace perdure::rpc {

// Thread-safe.
class OpenCalls {
 public:
  void Begin() {
    absl::MutexLock lock(&mutex_);
    ++count_;
  }
  void End() {
    absl::MutexLock lock(&mutex_);
    --count_;
  }
  // From now on no new calls are asked for.
  void Stop() {
    absl::MutexLock lock(&mutex_);
    is_stopping_ = true;
  }
  // Runs `ask`, which asks for a call, unless none are asked for any more. Stop() waits for it, so
  // that no call is asked for on a queue that is shut down after it: gRPC aborts the process then.
  template <class Ask>
  void UnlessStopping(const Ask& ask) {
    absl::MutexLock lock(&mutex_);
    if (!is_stopping_) ask();
  }
  bool IsStopping() const {
    absl::MutexLock lock(&mutex_);
    return is_stopping_;
  }
  // False if some are still open after that time.
  bool AwaitNone(absl::Duration timeout) const {
    absl::MutexLock lock(&mutex_);
    return mutex_.AwaitWithTimeout(
        absl::Condition(
            +[](const OpenCalls* self) ABSL_NO_THREAD_SAFETY_ANALYSIS { return self->count_ == 0; },
            this),
        timeout);
  }

 private:
  mutable absl::Mutex mutex_;
  int64_t count_ ABSL_GUARDED_BY(mutex_) = 0;
  bool is_stopping_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace perdure::rpc
