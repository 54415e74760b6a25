// What every call between modules carries, and how it is answered.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace perdure::services {

// Called exactly once, on any thread. A reply never arrives before what it tells of is committed.
template <class T>
using Reply = absl::AnyInvocable<void(absl::StatusOr<T>) &&>;

// Tells a long poll that its caller is gone. Thread-safe; shared by the transport and whoever holds
// the poll.
class Cancellation {
 public:
  // Runs the callbacks, once, on the calling thread.
  void Cancel() {
    std::vector<absl::AnyInvocable<void() &&>> callbacks;
    {
      absl::MutexLock lock(&mutex_);
      if (cancelled_) return;
      cancelled_ = true;
      callbacks.swap(callbacks_);
    }
    for (auto& callback : callbacks) std::move(callback)();
  }
  bool IsCancelled() const {
    absl::MutexLock lock(&mutex_);
    return cancelled_;
  }
  // Runs `callback` at once if already cancelled. Callbacks should post to a loop.
  void OnCancel(absl::AnyInvocable<void() &&> callback) {
    {
      absl::MutexLock lock(&mutex_);
      if (!cancelled_) {
        callbacks_.push_back(std::move(callback));
        return;
      }
    }
    std::move(callback)();
  }

 private:
  mutable absl::Mutex mutex_;
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<absl::AnyInvocable<void() &&>> callbacks_ ABSL_GUARDED_BY(mutex_);
};

struct CallContext {
  absl::Time deadline = absl::InfiniteFuture();
  std::shared_ptr<Cancellation> cancellation;  // may be null: not cancellable
  // Who calls, as the transport has found out; empty on a server without credentials.
  std::string principal;
};

}  // namespace perdure::services
