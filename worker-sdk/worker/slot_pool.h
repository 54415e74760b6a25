// The slots of one kind of a worker, and who waits for one.
//
// Thread-safe: a worker with several workflow threads has them share a pool; the lock is held for a
// few instructions. A Slot is the permission itself: dropping it gives it back.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "perdure/slots.h"
#include "worker-sdk/client/transport.h"
#include "worker-sdk/worker/meter.h"

namespace perdure::worker {

class SlotPool;

class Slot {
 public:
  Slot() = default;
  explicit Slot(SlotPool* pool) : pool_(pool) {}
  Slot(Slot&& other) noexcept : pool_(std::exchange(other.pool_, nullptr)) {}
  Slot& operator=(Slot&& other) noexcept {
    if (this != &other) {
      Release();
      pool_ = std::exchange(other.pool_, nullptr);
    }
    return *this;
  }
  ~Slot() { Release(); }
  void Release();
  explicit operator bool() const { return pool_ != nullptr; }

 private:
  SlotPool* pool_ = nullptr;
};

class SlotPool {
 public:
  SlotPool(SlotKind kind, std::string task_queue, std::shared_ptr<SlotSupplier> supplier,
           Meter meter = {})
      : kind_(kind),
        task_queue_(std::move(task_queue)),
        supplier_(std::move(supplier)),
        meter_(std::move(meter)) {}
  SlotPool(const SlotPool&) = delete;

  // An empty slot: none is free.
  Slot TryReserve(bool is_sticky = false, bool is_eager = false);
  // Posts `task` to `executor` once, after the next release, or after the supplier's retry
  // interval. A wait is named by `waiter`, so that asking twice waits once.
  void NotifyOnRelease(const void* waiter, client::Executor* executor, client::Executor::Task task);
  // No task of this waiter is posted any more; one that is already under way still runs.
  void Forget(const void* waiter);
  std::optional<std::int64_t> available() const { return supplier_->available(); }
  client::Nanos retry_interval() const { return supplier_->retry_interval(); }
  // Slots in use, of this pool.
  std::int64_t in_use() const {
    absl::MutexLock lock(&mutex_);
    return in_use_;
  }

 private:
  friend class Slot;
  void Release();
  void Count(std::int64_t in_use) const;

  struct Waiter {
    const void* who;
    client::Executor* executor;
    client::Executor::Task task;
  };
  const SlotKind kind_;
  const std::string task_queue_;
  const std::shared_ptr<SlotSupplier>
      supplier_;  // Shared with other workers, where its owner says so.
  const Meter meter_;
  mutable absl::Mutex mutex_;
  std::int64_t in_use_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<Waiter> waiters_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace perdure::worker
