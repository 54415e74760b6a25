// The executor of programs: a thread that drives a gRPC completion queue and, between completions,
// runs what was posted and the timers that are due.
//
// One thread for both is the cheapest form: a call started with this executor is answered on it
// without a hop. While no call is under way the thread waits on a condition instead of the queue:
// gRPC lets only one thread of the process read from sockets at a time, and an idle loop in that
// place would read the others' answers and have to wake them. Destroying the loop runs what was
// posted, drops the timers and waits for the calls that are under way, whose owners should have
// canceled them; it may not happen on the loop itself.
#pragma once

#include <atomic>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "grpcpp/alarm.h"
#include "grpcpp/completion_queue.h"
#include "worker-sdk/client/transport.h"

namespace perdure::client {

class GrpcLoop final : public Executor {
 public:
  // What the completion queue's tags point to.
  class Tag {
   public:
    virtual ~Tag() = default;
    // Runs on the loop, once per operation that was started with this tag.
    virtual void Complete(bool ok) = 0;
  };

  explicit GrpcLoop(std::string_view name);
  ~GrpcLoop() override;

  void Post(Task task) override;
  std::unique_ptr<Timer> PostAfter(Nanos delay, Task task) override;
  Nanos Monotonic() const override;
  Timestamp WallClock() const override;

  // For calls: between BeginCall and EndCall (which runs on the loop) the loop does not end.
  grpc::CompletionQueue* queue() { return &queue_; }
  void BeginCall();
  void EndCall() { calls_.fetch_sub(1, std::memory_order_relaxed); }
  bool IsLoopThread() const { return std::this_thread::get_id() == thread_id_; }

 private:
  struct Timers;
  class TimerHandle;

  void Run(const std::string& name);
  // True if there was something to run.
  bool RunPosted();
  bool RunTimers();
  // When the next timer is due, on the monotonic clock; absent without timers.
  std::optional<Nanos> NextDue() const;
  void WaitForWork();
  void WaitOnQueue(std::optional<Nanos> due);

  grpc::CompletionQueue queue_;
  grpc::Alarm wake_;
  std::mutex mutex_;
  std::vector<Task> posted_;  // Guarded by mutex_, as the two below.
  enum class Wait { kNone, kCondition, kQueue };
  Wait wait_ = Wait::kNone;
  bool is_waking_ = false;  // wake_ is set and its completion has not been seen.
  std::condition_variable changed_;
  std::atomic<bool> is_stopping_{false};
  std::atomic<std::int64_t> calls_{0};
  // Shared with the timers' handles, which may outlive the loop.
  std::shared_ptr<Timers> timers_;
  std::vector<Task> running_;  // Keeps its memory from turn to turn.
  std::thread::id thread_id_;
  std::thread thread_;
};

}  // namespace perdure::client
