// A worker: its loops, what runs on each, and the order in which all that ends (R61).
//
// Made and destroyed on a thread that is no loop's. One or more workflow loops; the first also runs
// the activities' side and the shutdown:
//   no eager activities -> no new polls -> ShutdownWorker, answered -> open polls end (cut short
//   after kPollGrace, at once where the server does not end them itself) -> local activities ->
//   workflow tasks -> activities (cancelled after the grace) -> caches destroyed, each on its loop
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "perdure/worker_options.h"
#include "worker-sdk/worker/activity_worker.h"
#include "worker-sdk/worker/eager_starts.h"
#include "worker-sdk/worker/host.h"
#include "worker-sdk/worker/registry.h"
#include "worker-sdk/worker/rpc.h"
#include "worker-sdk/worker/slot_pool.h"
#include "worker-sdk/worker/workflow_worker.h"

namespace perdure::worker {

// A server that ends polls itself gets so long for it.
inline constexpr Nanos kPollGrace = std::chrono::seconds(11);
// Local activities get this much more than the shutdown grace: their results are lost otherwise.
inline constexpr Nanos kLocalGrace = std::chrono::seconds(10);

// How runs are made, for this worker's options and workflows; core_run.h has the one of programs.
using RunFactoryMaker =
    std::function<RunFactory(const Host&, const WorkerOptions&, const WorkflowRegistry&)>;

}  // namespace perdure::worker

namespace perdure::detail {

class WorkerImpl {
 public:
  // Throws an Error for options that make no worker.
  WorkerImpl(worker::Host host, WorkerOptions options, worker::RunFactoryMaker make_runs);
  WorkerImpl(const WorkerImpl&) = delete;
  ~WorkerImpl();

  void AddWorkflow(WorkflowDefinition definition);
  void AddActivity(ActivityDefinition definition);

  // Asks the server for the namespace, then begins to poll. Throws an Error. Begins nothing, and
  // the worker has stopped, if it is asked to stop or `is_interrupted` says so before it has begun.
  void Start(const std::function<bool()>& is_interrupted = {});
  // Any thread, at any time.
  void RequestStop();
  // True once everything has ended.
  bool WaitStopped(worker::Nanos limit);
  // What ended the worker by itself; OK where it was asked to end.
  absl::Status fatal() const;
  bool is_started() const { return is_started_; }
  const WorkerOptions& options() const { return options_; }
  const worker::Host& host() const { return host_; }

  // Takes the first tasks of workflows that clients of this connection start, from Start on (eager
  // start).
  void Serve(std::shared_ptr<client::Connection> connection) {
    connection_ = std::move(connection);
  }
  // Null for a worker that runs no workflows, and before Start.
  client::EagerStarter* eager_starter() { return eager_.get(); }

 private:
  struct Loop;

  void MakeParts();
  // False if it was interrupted before there was an answer.
  bool DescribeNamespace(const std::function<bool()>& is_interrupted, absl::Status& status,
                         temporal::api::workflowservice::v1::DescribeNamespaceResponse& described);
  void MakeLoop(int index);
  void MakeEager();
  void EndLoops();
  void StartPolling(bool server_scales, bool ends_polls);
  void Fatal(const absl::Status& status);
  void BeginStop();
  void SendShutdown();
  void EndPolls();
  void GraceOver();
  // On the loop: has it ended?
  void CheckLoop(Loop* loop);
  bool EagerIsOver(Loop* loop);
  void CheckAll();

  worker::Host host_;
  const WorkerOptions options_;
  WorkerOptions loop_options_;  // The part of one workflow loop.
  worker::RunFactoryMaker make_runs_;
  worker::WorkflowRegistry workflows_;
  worker::ActivityRegistry activities_;
  std::atomic<std::int64_t> cached_runs_{0};
  std::atomic<bool> is_started_{false};
  std::shared_ptr<client::Transport::Event> stopped_;
  mutable absl::Mutex mutex_;
  absl::Status fatal_ ABSL_GUARDED_BY(mutex_);
  bool is_stop_requested_ ABSL_GUARDED_BY(mutex_) = false;

  std::unique_ptr<worker::SlotPool> workflow_slots_, activity_slots_, local_slots_;
  std::shared_ptr<client::Connection>
      connection_;  // With the client, its copies and other workers; may be null.
  std::unique_ptr<worker::EagerStarts> eager_;
  std::vector<std::unique_ptr<Loop>> loops_;
  // On the first loop.
  std::unique_ptr<worker::Rpc> control_rpc_, activity_rpc_;
  std::unique_ptr<worker::ActivityWorker> activity_worker_;
  bool ends_polls_ = false;  // The server ends a worker's polls at ShutdownWorker.
  bool is_stopping_ = false;
  std::int64_t loops_ended_ = 0;
  bool is_ended_ = false;
  std::unique_ptr<client::Executor::Timer> poll_timer_, grace_timer_, local_grace_timer_;
};

}  // namespace perdure::detail
