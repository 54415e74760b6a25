// The workflow tasks of one loop: polls, the cache of runs, each task from its arrival to its
// answer.
//
// Loop-bound: the poll's answer comes on the loop, the run's code is run right there, and the
// answer leaves from there. With several workflow threads there are several of these, each with its
// own sticky queue; a run lives where its first task was polled, and if another loop gets a task of
// it later, it builds the run from history, as another process would.
//
// Shutdown: StopPolling; then idle() once every task in hand is answered. AbandonLocal ends those
// that wait for local activities.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "perdure/worker_options.h"
#include "temporal/api/workflowservice/v1/request_response.pb.h"
#include "worker-sdk/worker/activity_worker.h"
#include "worker-sdk/worker/local_activities.h"
#include "worker-sdk/worker/poller.h"
#include "worker-sdk/worker/rpc.h"
#include "worker-sdk/worker/run_cache.h"
#include "worker-sdk/worker/run_port.h"
#include "worker-sdk/worker/slot_pool.h"

namespace perdure::worker {

// Eager activities that one workflow task may ask for (R59).
inline constexpr int kEagerActivitiesMax = 3;

class WorkflowWorker {
 public:
  using Task = temporal::api::workflowservice::v1::PollWorkflowTaskQueueResponse;
  using PollRequest = temporal::api::workflowservice::v1::PollWorkflowTaskQueueRequest;
  struct Parts {
    Rpc* rpc;
    // Of this loop: a worker with several gives each its part.
    const WorkerOptions* options;
    const ActivityRegistry* activities;
    SlotPool* slots;
    SlotPool* local_slots;
    // Where eager activities go; null: nowhere.
    ActivityWorker* activity_worker;
    RunFactory make_run;
    std::string sticky_queue;
    std::function<void(const absl::Status&)> fatal;
    // Of all loops of the worker together, for the metric; null: not counted.
    std::atomic<std::int64_t>* cached_runs = nullptr;
  };

  explicit WorkflowWorker(Parts parts);
  WorkflowWorker(const WorkflowWorker&) = delete;
  ~WorkflowWorker();

  void Start(bool server_scales);
  void StopPolling();
  void InterruptPolls();
  void AbandonLocal();
  bool polls_idle() const;
  bool local_idle() const { return local_.idle(); }
  bool tasks_idle() const { return busy_ == 0 && waiting_.empty() && !is_taking_; }
  bool idle() const { return polls_idle() && local_idle() && tasks_idle(); }
  void OnChange(std::function<void()> change);
  // Destroys the cached runs, here on the loop, where their code lived. Only when idle.
  void Finish();

  // A task that came another way than by a poll: from a client that started the workflow here
  // (eager start). Its payloads are decoded.
  void Offer(Task task, Slot slot) { Take({std::move(task), std::move(slot)}); }

  const RunCache& cache() const { return cache_; }
  const std::string& sticky_queue() const { return parts_.sticky_queue; }

 private:
  using Completed = temporal::api::workflowservice::v1::RespondWorkflowTaskCompletedRequest;
  using Accepted = temporal::api::workflowservice::v1::RespondWorkflowTaskCompletedResponse;

  std::unique_ptr<Poller<PollRequest, Task>> MakePoller(bool is_sticky);
  bool is_caching() const { return parts_.options->cache.runs > 0; }

  void Polled(WorkflowTask task);
  void Take(WorkflowTask task);
  bool MakeRoom();
  // A run is not valid any more after each of these: they end in its eviction where the step says
  // so.
  void Begin(CachedRun* run, WorkflowTask task);
  void Do(CachedRun* run, core::Step step);
  void FetchHistory(CachedRun* run, const std::string& token);
  void HoldForLocal(CachedRun* run, core::RunLocalActivities work);
  void TakeOutcomes(CachedRun* run);
  void LocalDone(const std::string& run_id, core::LocalActivityOutcome outcome);
  void Complete(CachedRun* run, core::CompleteTask step);
  void Fill(const CachedRun& run, const core::CompleteTask& step, Completed* request) const;
  std::vector<Slot> ReserveEager(Completed* request);
  void CompletedAnswered(const std::string& run_id, bool closes_run, std::vector<Slot> eager,
                         const absl::Status& status, Accepted* response);
  void AnswerQuery(CachedRun* run, core::AnswerQuery step);
  void Fail(CachedRun* run, core::FailTask step);
  void Report(const std::string& task_token, std::int32_t attempt, bool is_legacy_query,
              core::FailTask step);
  // What its next task may want, of its local activities.
  enum class Keeps {
    nothing,
    outcomes,  // What still runs is stopped: the server does not know the task any more.
    all,
  };
  void Evict(CachedRun* run, Keeps keeps);
  void LeaveLocal(const std::string& run_id, Keeps keeps);
  // The task in hand is over and the run stays.
  void Rest(CachedRun* run);
  void Trim();
  void SweepLater();
  void CountCached(int change);
  void Changed();

  Parts parts_;
  Rpc* const rpc_;
  LocalActivities local_;
  RunCache cache_;
  std::unique_ptr<Poller<PollRequest, Task>> normal_, sticky_;
  // New runs that found no room in the cache.
  std::deque<WorkflowTask> waiting_;
  bool is_taking_ = false;  // The first of them is about to be taken.
  std::int64_t busy_ = 0;   // Runs with a task in hand.
  bool is_stopping_ = false;
  std::unique_ptr<client::Executor::Timer> sweep_;
  std::function<void()> change_;
};

}  // namespace perdure::worker
