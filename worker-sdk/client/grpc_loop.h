// The executor of programs: a thread that drives a gRPC completion queue and, between completions,
// runs what was posted and the timers that are due.
//
// One thread for both is the cheapest form: a call started with this executor is answered on it
// without a hop. Destroying the loop runs what was posted, drops the timers and waits for the calls
// that are under way, whose owners should have canceled them; it may not happen on the loop itself.
#pragma once

#include <atomic>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
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
  gpr_timespec NextDeadline() const;
  // Waits without the queue while no call is under way; false where it may not.
  bool Park();

  grpc::CompletionQueue queue_;
  grpc::Alarm wake_;
  std::mutex mutex_;
  std::vector<Task> posted_;  // Guarded by mutex_, as the three below.
  bool is_asleep_ = false;
  bool is_waking_ = false;  // wake_ is set and its completion has not been seen.
  bool is_parked_ = false;
  std::condition_variable unpark_;
  std::atomic<bool> is_stopping_{false};
  std::atomic<std::int64_t> calls_{0};
  // Shared with the timers' handles, which may outlive the loop.
  std::shared_ptr<Timers> timers_;
  std::vector<Task> running_;  // Keeps its memory from turn to turn.
  std::thread::id thread_id_;
  std::thread thread_;
};

}  // namespace perdure::client
