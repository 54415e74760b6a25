// The state of one workflow run, and the only code that changes it.
//
// A State is a value built by applying changes in order, live or from the journal: same changes,
// same state. It has two uses: the real state of a run (owned by history's cached execution,
// loop-bound), and a workspace laid over it while a decision is made (Draft). ARCHITECTURE.md,
// "Decide and Apply".
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/btree_set.h"
#include "base/ids.h"
#include "machines/workflow/entity_map.h"
#include "perdure/store/v1/execution.pb.h"
#include "temporal/api/history/v1/message.pb.h"

namespace perdure::machines {

namespace pb = perdure::store::v1;
namespace enums = temporal::api::enums::v1;
using base::EventId;
using temporal::api::history::v1::HistoryEvent;
using EventPtr =
    std::shared_ptr<const HistoryEvent>;  // shared by state, workspaces and dispatched tasks

struct Activity {
  EventPtr scheduled;
  pb::PendingActivity info;
  // The attempt's time has come and it was handed to matching. Not persisted: after a restart it
  // comes again.
  bool is_due = false;
};

struct Child {
  EventPtr initiated;
  pb::PendingChild info;
};

// What a run waits for in time. One entry an entity: its earliest deadline.
enum class DeadlineKind { kRun, kFirstTask, kWorkflowTask, kActivity, kTimer };

struct Deadline {
  int64_t time_ns = 0;
  DeadlineKind kind = DeadlineKind::kRun;
  EventId id = 0;  // of the activity's or timer's first event; 0 for the others

  friend auto operator<=>(const Deadline&, const Deadline&) = default;
  friend bool operator==(const Deadline&, const Deadline&) = default;
};

class State {
 public:
  static constexpr int64_t kResetPointsMax = 20;

  State() = default;

  // A workspace over `base`, which must outlive it. Has no deadline index.
  static State Over(const State& base);

  // Applies a whole record; each record is one journal entry.
  void ApplyRecord(const pb::JournalRecord& record);
  // Closes a record whose changes were applied one by one; `first_event_id` is what next_event_id
  // was before.
  void EndRecord(EventId first_event_id);
  // Applies one change. Cannot fail: whatever decided has checked.
  void Apply(const pb::Change& change);

  pb::Snapshot ToSnapshot() const;
  // What a snapshot takes, in bytes and roughly, without the events that history holds: an
  // activity's input counts there, the details of its heartbeat here. Walks the whole state.
  int64_t SizeBytes() const;
  static State FromSnapshot(const pb::Snapshot& snapshot);

  // The earliest deadline, if any. Only on a state that is no workspace.
  std::optional<Deadline> NextDeadline() const;
  // Those at or before `now_ns`, earliest first, at most `limit`.
  std::vector<Deadline> DueDeadlines(int64_t now_ns, int64_t limit) const;

  bool Exists() const { return !info.run_id().empty(); }
  bool IsRunning() const {
    return info.status() == enums::WORKFLOW_EXECUTION_STATUS_RUNNING ||
           info.status() == enums::WORKFLOW_EXECUTION_STATUS_PAUSED;
  }
  bool IsPaused() const { return info.has_pause(); }
  bool HasTask() const { return info.workflow_task().type() != pb::WorkflowTask::NONE; }
  bool HasStartedTask() const { return HasTask() && info.workflow_task().started_event_id() != 0; }
  bool HasUnstartedTask() const { return HasTask() && !HasStartedTask(); }
  bool HasCompletedAnyTask() const { return info.last_task_started_event_id() != 0; }
  bool IsSticky() const { return !info.sticky().task_queue().empty(); }
  bool WaitsForFirstTask() const { return info.first_task_backoff_until_ns() != 0; }
  // In which journal record an event stands; 0 if in none.
  int64_t SequenceOf(EventId event_id) const;

  pb::ExecutionInfo info;
  EventPtr started_event;
  EventPtr close_event;
  EntityMap<EventId, Activity> activities;
  EntityMap<std::string, EventId> activity_ids;
  EntityMap<EventId, pb::PendingTimer> timers;
  EntityMap<std::string, EventId> timer_ids;
  EntityMap<EventId, Child> children;
  EntityMap<EventId, EventPtr> pending_signals;
  EntityMap<EventId, EventPtr> pending_cancels;
  EntityMap<std::string, pb::UpdateState> updates;
  int64_t open_update_count = 0;  // of those, how many have not completed
  // Not persisted, unless they have an admitted event.
  EntityMap<std::string, pb::AdmittedUpdate> admitted_updates;
  EntityMap<int64_t, std::string> admitted_order;
  EntityMap<std::string, bool> signal_request_ids;
  EntityMap<std::string, pb::RequestId> request_ids;
  EntityMap<int64_t, EventPtr> buffered_events;
  EntityMap<uint64_t, pb::OutboxMessage> outbox;
  EntityMap<std::string, temporal::api::common::v1::Payload> memo;
  EntityMap<std::string, temporal::api::common::v1::Payload> search_attributes;
  // At most kResetPointsMax, the newest. Temporal: history.historyMaxAutoResetPoints.
  EntityMap<int64_t, temporal::api::workflow::v1::ResetPointInfo> reset_points;
  EntityMap<int64_t, temporal::api::common::v1::Callback> callbacks;
  // The first event id of each journal record, by sequence - 1.
  std::vector<EventId> record_first_event_ids;

 private:
  void ApplyEvent(const HistoryEvent& event, bool was_buffered);
  void ApplyEventEffect(const HistoryEvent& event, bool is_buffered);
  void ApplyStarted(const HistoryEvent& event);
  void ApplyWorkflowTaskEvent(const HistoryEvent& event);
  void ApplyActivityScheduled(const HistoryEvent& event);
  void ApplyActivityEvent(const HistoryEvent& event);
  void ApplyChildEvent(const HistoryEvent& event, bool is_buffered);
  void ApplyUpdateEvent(const HistoryEvent& event);
  void ApplyClosed(const HistoryEvent& event, enums::WorkflowExecutionStatus status);
  void ApplyOptionsUpdated(const HistoryEvent& event);
  // Ids that a buffered event gets when it is flushed.
  void ApplyFlushed(const HistoryEvent& event);
  void FailTask(bool increment_attempt);
  void ClearTask();
  void ClearPending();
  void RemoveActivity(EventId scheduled_event_id);
  void RemoveTimer(const std::string& timer_id, EventId started_event_id);
  void AddResetPoint(const temporal::api::workflow::v1::ResetPointInfo& point);
  void AddAdmitted(const pb::AdmittedUpdate& update);
  void RemoveAdmitted(const std::string& update_id);

  void Reindex(DeadlineKind kind, EventId id);
  int64_t DeadlineOf(DeadlineKind kind, EventId id) const;
  void ReindexAll();

  bool is_workspace_ = false;
  int64_t last_buffer_key_ = 0;
  int64_t last_admitted_key_ = 0;
  absl::btree_set<Deadline> deadlines_;
  absl::btree_map<std::pair<DeadlineKind, EventId>, int64_t> deadline_times_;
};

// The earliest deadline of a pending activity (0: none) and what it means.
enum class ActivityDeadlineKind {
  kNone,
  kDispatch,  // a retry's time has come
  kScheduleToClose,
  kScheduleToStart,
  kStartToClose,
  kHeartbeat
};
struct ActivityDeadline {
  int64_t time_ns = 0;
  ActivityDeadlineKind kind = ActivityDeadlineKind::kNone;
};
ActivityDeadline EarliestDeadline(const Activity& activity);

// True for changes that exist only in memory and are left out of the journal.
bool IsVolatile(const pb::Change& change);

}  // namespace perdure::machines
