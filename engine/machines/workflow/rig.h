// For this module's tests: one run driven by its Decide functions, as history drives it, with the
// journal that history would write.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/limits.h"
#include "base/random.h"
#include "machines/workflow/decide/activity.h"
#include "machines/workflow/decide/delivery.h"
#include "machines/workflow/decide/request.h"
#include "machines/workflow/decide/task.h"
#include "machines/workflow/decision.h"
#include "machines/workflow/state.h"
#include "machines/workflow/times.h"

namespace perdure::machines {

// Deterministic, for comparing.
std::string SnapshotBytes(const State& state);

// Value-like; not thread-safe. Aborts the test by PERDURE_BUG where the machine finds one.
class Rig {
 public:
  explicit Rig(uint64_t seed = 1);

  // A request for the type "T" on the queue "q", with what `change` makes of it.
  static api::StartWorkflowExecutionRequest StartRequest();
  void Start(const api::StartWorkflowExecutionRequest& request = StartRequest());
  // Goes on with this run, of the decision given last.
  void Adopt(const NewRun& run);

  Context context();
  void Advance(int64_t ns) { now_ns_ += ns; }
  int64_t now_ns() const { return now_ns_; }
  base::Random& random() { return random_; }
  base::Limits& limits() { return limits_; }

  // Applies and journals it. The new runs it brings are kept in new_runs().
  void Apply(const Decision& decision);
  // Closes the journal's record, lazy changes too.
  void Flush();
  // Is the live state what journal and snapshot rebuild? Flushes. The text says what differs.
  std::string Difference();
  // As after a crash: what was not journaled is gone.
  void Crash();

  // --- Shorthands
  // Hands the pending workflow task out; false if there is none or it must not be.
  bool StartTask(const std::string& request_id = "poll");
  perdure::internal::v1::TaskToken TaskToken() const;
  // Completes the started task. Not OK: what the worker is told.
  absl::Status CompleteTask(const api::RespondWorkflowTaskCompletedRequest& request);
  absl::Status CompleteTask(const std::vector<temporal::api::command::v1::Command>& commands);
  // Starts the pending activity of that id.
  absl::Status StartActivity(const std::string& activity_id);
  ActivityAnswer AnswerOf(const std::string& activity_id) const;
  // Runs what is due, after waiting for it. False if nothing ever will be.
  bool RunNextDeadline();
  absl::Status Signal(const std::string& name, const std::string& request_id);

  const State& state() const { return state_; }
  const std::vector<HistoryEvent>& events() const { return events_; }
  // The types of the events from that one on, without their prefix: "WORKFLOW_TASK_SCHEDULED …".
  std::string Types(EventId from = 1) const;
  const HistoryEvent& last_event() const { return events_.back(); }
  const std::vector<NewRun>& new_runs() const { return new_runs_; }
  const std::vector<UpdateNotice>& notices() const { return notices_; }

 private:
  base::Random random_;
  base::Limits limits_;
  std::map<std::string, int> search_attributes_;
  int64_t now_ns_ = 1'700'000'000 * kSecondNs;
  State state_;
  pb::JournalRecord unflushed_;
  EventId unflushed_first_event_id_ = 0;
  std::vector<pb::JournalRecord> journal_;
  // A snapshot taken now and then, and how many records it holds.
  std::string snapshot_;
  size_t snapshot_records_ = 0;
  std::vector<HistoryEvent> events_;
  std::vector<NewRun> new_runs_;
  std::vector<UpdateNotice> notices_;
};

}  // namespace perdure::machines
