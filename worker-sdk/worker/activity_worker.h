// The activities that come from the server: polls for them, runs them, keeps them alive, answers.
//
// Loop-bound, on one executor, except what is marked thread-safe. Shutdown: StopPolling, then
// CancelAll when the grace is over, then idle() once everything that runs has returned and is
// answered.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "perdure/worker_options.h"
#include "temporal/api/workflowservice/v1/request_response.pb.h"
#include "worker-sdk/worker/activity_attempt.h"
#include "worker-sdk/worker/heartbeat_throttle.h"
#include "worker-sdk/worker/poller.h"
#include "worker-sdk/worker/registry.h"
#include "worker-sdk/worker/rpc.h"
#include "worker-sdk/worker/slot_pool.h"

namespace perdure::worker {

// The server gives up on an attempt by itself; so much later we do, too, in case its word does not
// reach us (R58).
inline constexpr Nanos kLocalTimeoutDelay = std::chrono::seconds(5);

class ActivityWorker {
 public:
  using Task = temporal::api::workflowservice::v1::PollActivityTaskQueueResponse;

  // All outlive this. `slots` is shared with the workflow side, for eager activities.
  ActivityWorker(Rpc* rpc, const WorkerOptions* options, const ActivityRegistry* registry,
                 SlotPool* slots, PollerBase::OnFatal fatal);
  ActivityWorker(const ActivityWorker&) = delete;
  ~ActivityWorker();

  void Start(bool server_scales);
  void StopEager() { is_eager_allowed_ = false; }
  void StopPolling();
  void InterruptPolls();
  // Every attempt, those that come later too.
  void CancelAll(CancelReason reason);
  bool polls_idle() const { return poller_->idle(); }
  bool idle() const { return polls_idle() && running_.empty() && handed_over_ == 0; }
  // Called after each change that may have made it idle.
  void OnChange(absl::AnyInvocable<void()> change);

  // Thread-safe. A slot for an activity that a workflow task is about to schedule; empty: over the
  // task queue then.
  Slot ReserveEager();
  // Thread-safe: a task that came with the answer to a workflow task.
  void ExecuteEager(Task task, Slot slot);

  std::int64_t running() const { return static_cast<std::int64_t>(running_.size()); }

 private:
  struct Running;
  using Id = std::int64_t;

  void Polled(Task&& task, Slot slot);
  Id Hold(const Task& task, Slot slot);
  void Execute(Id id, Task&& task);
  void WatchTimeouts(Id id, Running* running);
  void Heartbeat(Id id, Payloads details);
  void SendHeartbeat(Id id, Payloads details);
  void Cancel(Id id, CancelReason reason);
  void Done(Id id, ActivityResult result);
  void Answer(Id id, ActivityResult result);
  void Complete(Id id, std::optional<Payload> value);
  void Fail(Id id, const Failure& failure);
  void ReportCanceled(Id id, const Failure& failure);
  template <class Response, class Request>
  void Send(Id id, std::string_view method, std::unique_ptr<Request> request);
  void Forget(Id id);
  Running* Find(Id id);

  Rpc* const rpc_;
  const WorkerOptions& options_;
  const ActivityRegistry& registry_;
  SlotPool* const slots_;
  std::unique_ptr<Poller<temporal::api::workflowservice::v1::PollActivityTaskQueueRequest, Task>>
      poller_;
  std::atomic<bool> is_eager_allowed_;
  // Eager tasks on their way to this loop.
  std::atomic<std::int64_t> handed_over_{0};
  CancelReason cancel_all_ = CancelReason::none;
  std::map<Id, std::unique_ptr<Running>> running_;
  Id last_id_ = 0;
  absl::AnyInvocable<void()> on_change_;
};

}  // namespace perdure::worker
