// Workflows that a client of this process starts, and whose first task comes back with the answer
// to the start instead of over the task queue.
//
// Thread-safe: clients call it from their threads. A slot is kept from Reserve to Dispatch or
// Release.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "worker-sdk/client/connection.h"
#include "worker-sdk/worker/slot_pool.h"

namespace perdure::worker {

class EagerStarts : public client::EagerStarter {
 public:
  using Task = temporal::api::workflowservice::v1::PollWorkflowTaskQueueResponse;
  // `dispatch` takes a task with its slot to the loop that runs it, from a client's thread.
  EagerStarts(SlotPool* slots, std::string task_queue, std::function<void(Task, Slot)> dispatch)
      : slots_(slots), task_queue_(std::move(task_queue)), dispatch_(std::move(dispatch)) {}

  bool Reserve(const std::string& task_queue) override {
    if (task_queue != task_queue_) return false;
    absl::MutexLock lock(&mutex_);
    if (is_stopped_) return false;
    Slot slot = slots_->TryReserve(/*is_sticky=*/false, /*is_eager=*/true);
    if (!slot) return false;
    reserved_.push_back(std::move(slot));
    ++busy_;
    return true;
  }
  void Dispatch(Task task) override {
    dispatch_(std::move(task), Take());
    Leave();
  }
  void Release() override {
    Take().Release();
    Leave();
  }
  // No further Reserve succeeds.
  void Stop() {
    absl::MutexLock lock(&mutex_);
    is_stopped_ = true;
  }
  // No client has a slot, or is in here with one.
  bool idle() const {
    absl::MutexLock lock(&mutex_);
    return busy_ == 0;
  }

 private:
  Slot Take() {
    absl::MutexLock lock(&mutex_);
    Slot slot = std::move(reserved_.back());
    reserved_.pop_back();
    return slot;
  }

  // The last that a call does here: the worker may be gone as soon as it is idle.
  void Leave() {
    absl::MutexLock lock(&mutex_);
    --busy_;
  }

  SlotPool* const slots_;
  const std::string task_queue_;
  const std::function<void(Task, Slot)> dispatch_;
  mutable absl::Mutex mutex_;
  std::int64_t busy_ ABSL_GUARDED_BY(mutex_) = 0;
  bool is_stopped_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<Slot> reserved_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace perdure::worker
