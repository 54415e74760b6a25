#include "worker-sdk/worker/slot_pool.h"

#include <algorithm>
#include <atomic>

namespace perdure {
namespace {

class FixedSlots : public SlotSupplier {
 public:
  explicit FixedSlots(std::int64_t count) : free_(count) {}
  bool try_reserve(const SlotRequest&) override {
    std::int64_t free = free_.load();
    while (free > 0) {
      if (free_.compare_exchange_weak(free, free - 1)) return true;
    }
    return false;
  }
  void release(SlotKind) override { ++free_; }
  std::optional<std::int64_t> available() const override { return free_.load(); }

 private:
  std::atomic<std::int64_t> free_;
};

}  // namespace

std::shared_ptr<SlotSupplier> fixed_slots(std::int64_t count) {
  return std::make_shared<FixedSlots>(count);
}

namespace worker {

void Slot::Release() {
  if (SlotPool* pool = std::exchange(pool_, nullptr)) pool->Release();
}

Slot SlotPool::TryReserve(bool is_sticky, bool is_eager) {
  if (!supplier_->try_reserve({kind_, task_queue_, is_sticky, is_eager})) return Slot();
  absl::MutexLock lock(&mutex_);
  Count(++in_use_);
  return Slot(this);
}

void SlotPool::Count(std::int64_t in_use) const {
  if (!meter_) return;
  const Meter::Label label{"worker_type", kind_ == SlotKind::workflow   ? "WorkflowWorker"
                                          : kind_ == SlotKind::activity ? "ActivityWorker"
                                                                        : "LocalActivityWorker"};
  meter_.Gauge("temporal_worker_task_slots_used", static_cast<double>(in_use), label);
  if (const auto free = available()) {
    meter_.Gauge("temporal_worker_task_slots_available", static_cast<double>(*free), label);
  }
}

void SlotPool::NotifyOnRelease(const void* waiter, client::Executor* executor,
                               client::Executor::Task task) {
  absl::MutexLock lock(&mutex_);
  for (const Waiter& known : waiters_) {
    if (known.who == waiter) return;
  }
  waiters_.push_back({waiter, executor, std::move(task)});
}

void SlotPool::Forget(const void* waiter) {
  absl::MutexLock lock(&mutex_);
  std::erase_if(waiters_, [&](const Waiter& known) { return known.who == waiter; });
}

void SlotPool::Release() {
  supplier_->release(kind_);
  std::vector<Waiter> waiters;
  {
    absl::MutexLock lock(&mutex_);
    Count(--in_use_);
    waiters.swap(waiters_);
  }
  // All are told: which of them can use the slot is their business, and there are few.
  for (Waiter& waiter : waiters) waiter.executor->Post(std::move(waiter.task));
}

}  // namespace worker
}  // namespace perdure
