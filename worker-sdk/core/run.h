// One run as its worker sees it: history in, what to send to the server out.
//
// Pure: no clock, thread or gRPC. Loop-bound: one thread at a time, the one its Program lives on.
// Between tasks it keeps what later events refer to, not the history itself.
//
//   Run run(&options, programs);
//   Step step = run.StartTask(std::move(polled));  // or AddHistory/ResolveLocalActivity afterwards
//   ... do what the step says ...
//   run.TaskAccepted(response), or drop the run
//
// After FailTask the run is of no further use and must be dropped, as must one whose completion the
// server did not take (R26, R52): the next task then brings, or asks for, the whole history.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "perdure/detail/program.h"
#include "worker-sdk/core/task.h"

namespace perdure::core {

struct RunOptions {
  std::string namespace_;
  std::string task_queue;
  // GetSystemInfo's capability: without it no flags are written or believed (R36).
  bool server_has_sdk_metadata = true;
  std::string sdk_name, sdk_version;
  // Of this worker; what workflow code sees as the version of a task that is not replay.
  std::string deployment_name, build_id;
  // Leaving its history fails the run instead of its task (R51).
  bool nondeterminism_fails_run = false;
  // For the message about a workflow type that is not registered, as in "Order, Refund".
  std::string registered_types;
};

// Null: this worker does not know the type.
using MakeProgram = std::function<std::unique_ptr<detail::Program>(const std::string& type)>;

class Run {
 public:
  // Both outlive the run; options are read at any time.
  Run(const RunOptions* options, const MakeProgram* make_program);
  ~Run();
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  // Will StartTask go on from here? False also for the first task.
  bool Continues(
      const temporal::api::workflowservice::v1::PollWorkflowTaskQueueResponse& task) const;
  // `caught_up` is called in each StartTask or AddHistory that leaves off repeating what earlier
  // tasks did, before workflow code goes on from there.
  void OnCaughtUp(std::function<void()> caught_up);
  // A polled task, of the first or a later (sticky) task of the run. A sticky task whose history
  // does not continue what this run knows asks for the whole history and starts over, with a new
  // Program. A task with started_event_id 0 and no query only replays: its step is a CompleteTask
  // that says nothing.
  Step StartTask(temporal::api::workflowservice::v1::PollWorkflowTaskQueueResponse task);
  // The page that NeedHistory asked for, with the token of the one after it.
  Step AddHistory(temporal::api::history::v1::History page, std::string next_page_token);
  // May come while no task is open (after a heartbeat): it is kept for the next task and the step
  // is empty RunLocalActivities.
  Step ResolveLocalActivity(LocalActivityOutcome outcome);
  // 0.8 of the task's timeout passed since it started, with local activities still running (R41).
  // Only after a RunLocalActivities; the step is a CompleteTask.
  Step HeartbeatDue();
  // The server took the last CompleteTask.
  void TaskAccepted(
      const temporal::api::workflowservice::v1::RespondWorkflowTaskCompletedResponse& response);

  // It ended, in history or by a command that was accepted: it may leave the cache.
  bool is_closed() const;
  // Started local activities of which no outcome came yet; dropping the run cancels them.
  bool has_local_activities() const;
  std::int64_t memory_bytes() const;
  // Of the task; only after StartTask.
  const std::string& workflow_id() const;
  const std::string& run_id() const;
  const std::string& workflow_type() const;
  // Of the last task that workflow code ran for; what a sticky task must name as its previous.
  std::int64_t last_started_event_id() const;
  // As the start of the run gave it; zero before. The worker times HeartbeatDue by it.
  Nanos task_timeout() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace perdure::core
