// A completion queue as a loop's pump. Internal to rpc/.
#pragma once

#include <atomic>

#include "absl/time/time.h"
#include "grpcpp/completion_queue.h"
#include "runtime/runtime.h"

namespace perdure::rpc {

// Run: one thread at a time. Wake: thread-safe, not after the queue's shutdown.
class QueuePump final : public runtime::Pump {
 public:
  explicit QueuePump(grpc::CompletionQueue& queue) : queue_(queue) {}

  void Run(absl::Time until) override;
  void Wake() override;
  bool is_shut_down() const { return is_shut_down_; }

 private:
  grpc::CompletionQueue& queue_;
  // A wake-up is in the queue.
  std::atomic<bool> is_woken_{false};
  bool is_shut_down_ = false;
};

}  // namespace perdure::rpc
