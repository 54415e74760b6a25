#include "rpc/queue_pump.h"

#include <chrono>
#include <memory>

#include "grpcpp/alarm.h"
#include "rpc/tag.h"

namespace perdure::rpc {
namespace {

// How many events are handled before the loop has its turn. Few: what one namespace floods the
// queue with stands in front of the next step of every other one's request.
constexpr int kEventsMax = 8;

// Long past. gRPC takes times before 1970 for the end of time.
constexpr std::chrono::system_clock::time_point kPast;

// gRPC has no other way to wake a queue from outside. Owns itself until the queue gives it back.
class WakeUp final : public Tag {
 public:
  explicit WakeUp(std::atomic<bool>& is_woken) : is_woken_(is_woken) {}

  void Send(grpc::CompletionQueue& queue) { alarm_.Set(&queue, kPast, static_cast<Tag*>(this)); }

  void Complete(bool ok) override {
    is_woken_ = false;
    delete this;
  }

 private:
  std::atomic<bool>& is_woken_;
  grpc::Alarm alarm_;
};

// gRPC's clock reaches less far than Abseil's.
std::chrono::system_clock::time_point DeadlineOf(absl::Time time) {
  if (time < absl::UnixEpoch()) return kPast;
  if (time == absl::InfiniteFuture()) return std::chrono::system_clock::time_point::max();
  return absl::ToChronoTime(time);
}

}  // namespace

void QueuePump::Run(absl::Time until) {
  auto deadline = DeadlineOf(until);
  for (int i = 0; i < kEventsMax; ++i) {
    void* tag = nullptr;
    bool ok = false;
    switch (queue_.AsyncNext(&tag, &ok, deadline)) {
      case grpc::CompletionQueue::GOT_EVENT:
        static_cast<Tag*>(tag)->Complete(ok);
        break;
      case grpc::CompletionQueue::TIMEOUT:
        return;
      case grpc::CompletionQueue::SHUTDOWN:
        is_shut_down_ = true;
        return;
    }
    deadline = kPast;
  }
}

void QueuePump::Wake() {
  if (is_woken_.exchange(true)) return;
  std::make_unique<WakeUp>(is_woken_).release()->Send(queue_);
}

}  // namespace perdure::rpc
