// The workspace of a decision: a state laid over the run's real one, and the record of what was
// changed.
//
// Lives for one Decide call; borrows state and context. Whatever is added here is applied to the
// workspace by State::Apply, the same code that later applies the record to the real state.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "machines/workflow/decision.h"
#include "machines/workflow/state.h"
#include "machines/workflow/times.h"
#include "temporal/api/failure/v1/message.pb.h"
#include "temporal/api/taskqueue/v1/message.pb.h"

namespace perdure::machines {

// How a workflow task is told to whoever starts it.
struct TaskStart {
  std::string identity;
  std::string request_id;
  std::string task_queue;
};

class Draft {
 public:
  Draft(const State& base, const Context& context);
  Draft(const Draft&) = delete;
  Draft& operator=(const Draft&) = delete;

  const State& state() const { return state_; }
  const pb::ExecutionInfo& info() const { return state_.info; }
  const Context& context() const { return context_; }
  const base::Limits& limits() const { return *context_.limits; }
  int64_t now_ns() const { return context_.now_ns; }
  std::string NewUuid() { return context_.random->Uuid(); }
  std::string NewRunId() { return context_.random->TimeUuid(now_ns() / kMillisecondNs); }

  // --- Changes
  // --------------------------------------------------------------------------------------------
  void Emit(pb::Change change);
  // An event of that type at the present time, without an id.
  HistoryEvent NewEvent(enums::EventType type) const;
  // Gives the event its id, or buffers it while a workflow task is started (then returns 0). A
  // pending speculative task becomes a normal one first: events follow it.
  EventId Add(HistoryEvent event);
  // Buffers the event even though no task is started. It gets its id with the next flush.
  void Buffer(HistoryEvent event);
  // Gives the buffered events their ids. Completions go after the rest, so that a Started precedes
  // them. A closed run's are dropped: nothing follows its last event.
  void FlushBuffer();
  void EmitActivity(pb::PendingActivity info);
  // Takes back an admitted update: for good if its admission is an event.
  void RemoveUpdate(const std::string& update_id);
  void EmitSticky(const std::string& task_queue, int64_t schedule_to_start_ns);
  void AddOutbox(pb::OutboxMessage message);
  void Notify(UpdateNotice notice) { decision_.update_notices.push_back(std::move(notice)); }

  // --- Workflow tasks
  // ------------------------------------------------------------------------------------- No task
  // may be pending. `original_scheduled_ns` is carried over by heartbeats, else 0.
  void ScheduleTask(pb::WorkflowTask::Type type, int64_t original_scheduled_ns = 0);
  // Schedules a normal task unless one is pending or the run must not have one now (closed, paused,
  // waiting for its first task).
  void EnsureTask();
  void StartTask(const TaskStart& start);
  // Fails the started task as Temporal does: only a first attempt writes an event.
  void FailTask(enums::WorkflowTaskFailedCause cause,
                const temporal::api::failure::v1::Failure* failure, const std::string& identity,
                const std::string& binary_checksum = "");
  void TimeOutTask(enums::TimeoutType type);
  // Gives a pending speculative task its events.
  void MaterializeTask(const std::string& identity = "");
  void WriteTransientTaskEvents(const std::string& identity);
  temporal::api::taskqueue::v1::TaskQueue CurrentTaskQueue() const;

  Decision Finish() { return std::move(decision_); }
  Decision& decision() { return decision_; }

 private:
  EventId AddWithId(HistoryEvent event, bool was_buffered);
  int64_t TaskTimeout(int32_t attempt) const;
  void AddTaskScheduledEvent(int32_t attempt, int64_t timeout_ns, int64_t time_ns);
  void AddTaskStartedEvent(const pb::WorkflowTask& task, const std::string& identity);
  void FlushEvent(HistoryEvent event, std::vector<std::pair<EventId, EventId>>& started);

  const Context& context_;
  State state_;
  Decision decision_;
};

// A failure of the server's own making.
temporal::api::failure::v1::Failure ServerFailure(const std::string& message);

}  // namespace perdure::machines
