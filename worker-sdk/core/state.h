// What a run knows and how it changes: events, look-ahead and commands of workflow code.
//
// The inside of Run (run.h), which adds pages, queries and steps. Loop-bound. Each step that can
// find fault with its input returns a Status: Aborted where workflow code left its history
// (non-determinism), Internal where history or workflow code is broken otherwise. After an error
// the state is of no further use.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "perdure/detail/program.h"
#include "temporal/api/protocol/v1/message.pb.h"
#include "worker-sdk/core/flags.h"
#include "worker-sdk/core/history.h"
#include "worker-sdk/core/machine_table.h"
#include "worker-sdk/core/markers.h"
#include "worker-sdk/core/pending.h"
#include "worker-sdk/core/run.h"

namespace perdure::core {

using ProtocolMessage = temporal::api::protocol::v1::Message;

class RunState {
 public:
  RunState(const RunOptions* options, const MakeProgram* make_program, std::string workflow_id,
           std::string run_id, std::string workflow_type);

  // A task begins. `previous_started` as the server gave it; `live` unless nothing may be
  // commanded.
  void BeginTask(std::int64_t previous_started, bool live, std::vector<ProtocolMessage> messages);
  // Applies one task's events and what lies ahead; jobs gather until Activate.
  absl::Status Apply(const EventQueue::Sequence& sequence);
  // Hands the gathered jobs to workflow code and takes in its commands, until nothing more resolves
  // at once.
  absl::Status Activate();
  // Workflow code's answer to one query; no jobs may be waiting.
  absl::StatusOr<detail::QueryResultCommand> Query(detail::QueryJob query);
  // Outcome of a local activity that ran.
  absl::Status ResolveLocalActivity(LocalActivityOutcome outcome);
  // What is to be sent, taken out.
  void TakeCompletion(
      temporal::api::workflowservice::v1::RespondWorkflowTaskCompletedRequest* request);
  // The server dropped the task that was just completed, and its events (R49).
  void RollBack(std::int64_t started_event_id);
  // Commands that fail the run, instead of what workflow code gave.
  void ReplaceByFailure(FailurePtr failure);
  // Why workflow code failed its task, in full; null where the core found the fault.
  const FailurePtr& task_failure() const { return task_failure_; }
  // Gives memory back between tasks.
  void Shrink();

  bool must_activate() const {
    return activate_due_ && (!activation_.jobs.empty() || !local_results_.empty());
  }
  // Of what is applied next.
  bool is_replaying() const { return replaying_; }
  Nanos run_time() const { return time_ - start_time_; }
  bool has_program() const { return program_ != nullptr; }
  bool is_closed() const { return saw_end_ || commanded_end_; }
  bool commanded_end() const { return commanded_end_; }
  bool has_local_activities() const { return !queued_.empty() || !running_.empty(); }
  // Local activities to start and to cancel since the last call.
  RunLocalActivities TakeLocalActivities();
  EventQueue& events() { return events_; }
  std::int64_t last_event_id() const { return last_event_id_; }
  std::int64_t last_started_event_id() const { return last_started_event_id_; }
  Nanos task_timeout() const { return task_timeout_; }
  const std::string& workflow_id() const { return workflow_id_; }
  const std::string& run_id() const { return run_id_; }
  const std::string& workflow_type() const { return workflow_type_; }
  std::int64_t memory_bytes() const;

 private:
  // apply.cc
  absl::Status ApplyEvent(Event& event, bool is_last_sequence);
  absl::Status ApplyStarted(Event& event);
  void ApplyTaskStarted(const Event& event);
  void ApplyTaskFailed(const Event& event);
  void ApplySignal(Event& event);
  absl::Status ApplyResolution(Event& event);
  absl::Status ApplyToTimer(Event& event, MachineTable::Id id);
  absl::Status ApplyToActivity(Event& event, MachineTable::Id id);
  absl::Status ApplyToChild(Event& event, MachineTable::Id id);
  void ResolveChildAsCanceled(MachineTable::Id id);
  absl::Status ApplyToSignal(Event& event, MachineTable::Id id);
  absl::Status ApplyToCancel(Event& event, MachineTable::Id id);
  absl::Status LookAhead(const EventQueue::Sequence& sequence);
  absl::Status LookAtMarker(const MarkerEvent& marker);
  void NoteCompleted(const Event& event);
  void SetTime(Timestamp time);
  // match.cc
  absl::Status MatchCommandEvent(const Event& event);
  absl::Status Match(const Event& event, PendingCommand& pending);
  absl::Status MatchMarker(const Event& event, const PendingCommand& pending);
  absl::Status MatchOperation(const Event& event, const PendingCommand& pending);
  absl::Status MatchUpdate(const Event& event, const PendingCommand& pending);
  absl::Status CheckAllMatched();
  bool SkipPatchMarker(const Event& event, absl::Status* status);
  absl::Status Mismatch(const Event* event, const std::string& reason,
                        const std::string& advice = "");
  std::string Describe(const PendingCommand& pending) const;
  // commands.cc
  absl::Status TakeCommands();
  absl::Status TakeCommand(detail::Command& command);
  void MoveTerminalLast();
  std::unique_ptr<temporal::api::command::v1::Command> NewCommand() const;
  absl::Status Do(detail::StartTimerCommand& command);
  absl::Status Do(detail::CancelTimerCommand& command);
  absl::Status Do(detail::ScheduleActivityCommand& command);
  absl::Status Do(detail::RequestCancelActivityCommand& command);
  absl::Status Do(detail::ScheduleLocalActivityCommand& command);
  absl::Status Do(detail::RequestCancelLocalActivityCommand& command);
  absl::Status Do(detail::StartChildCommand& command);
  absl::Status Do(detail::CancelChildCommand& command);
  absl::Status Do(detail::SignalExternalCommand& command);
  absl::Status Do(detail::CancelSignalExternalCommand& command);
  absl::Status Do(detail::RequestCancelExternalCommand& command);
  absl::Status Do(detail::SetPatchMarkerCommand& command);
  absl::Status Do(detail::RecordSideEffectCommand& command);
  absl::Status Do(detail::RecordMutableSideEffectCommand& command);
  absl::Status Do(detail::UpsertSearchAttributesCommand& command);
  absl::Status Do(detail::UpsertMemoCommand& command);
  absl::Status Do(detail::UpdateAcceptedCommand& command);
  absl::Status Do(detail::UpdateRejectedCommand& command);
  absl::Status Do(detail::UpdateCompletedCommand& command);
  absl::Status Do(detail::QueryResultCommand& command);
  absl::Status Do(detail::CompleteWorkflowCommand& command);
  absl::Status Do(detail::FailWorkflowCommand& command);
  absl::Status Do(detail::CancelWorkflowCommand& command);
  absl::Status Do(detail::ContinueAsNewCommand& command);
  void Terminal(CommandKind kind, std::unique_ptr<temporal::api::command::v1::Command> command);
  void Drop(MachineTable::Id id);
  bool CanUse(CoreFlag flag) const;
  // local_activity.cc
  void ResolveFromMarker(MachineTable::Id id, LocalActivityMarker marker);
  void TellLater(const LocalActivityMarker& marker);
  bool TakeLocalResult();
  void RecordLocalActivity(MachineTable::Id id, LocalActivityMarker marker);
  absl::Status MatchLocalActivityMarker(const Event& event);
  void RunUnrecorded();
  // update.cc
  absl::Status ApplyMessages(std::int64_t up_to_event_id);
  absl::Status ApplyMessage(ProtocolMessage& message);
  absl::Status AddUpdate(std::string message_id, std::string instance_id,
                         std::int64_t sequencing_event_id,
                         temporal::api::update::v1::Request request, bool run_validator);
  absl::Status ApplyAdmitted(Event& event);
  absl::Status LookAtAccepted(const Event& event);
  absl::Status UpdateOf(const std::string& instance_id, MachineTable::Id* id);
  void SendMessage(const std::string& suffix, const Update& update,
                   const google::protobuf::Message& body);
  void PushUpdateCommand(CommandKind kind, MachineTable::Id id, const char* suffix);

  const RunOptions* options_;
  const MakeProgram* make_program_;
  std::string workflow_id_, run_id_, workflow_type_;
  std::unique_ptr<detail::Program> program_;
  EventQueue events_;
  MachineTable machines_;
  PendingCommands pending_;

  // Of the task.
  std::int64_t previous_started_ = 0;
  bool live_ = false;
  bool replaying_ = true;
  bool activate_due_ = false;
  bool has_run_ = false;  // Workflow code was activated.
  bool skip_next_event_ = false;
  bool saw_task_completed_ = false;
  FailurePtr task_failure_;
  std::vector<ProtocolMessage> messages_, outbox_;
  detail::Activation activation_;
  detail::Completion completion_;

  // Of the run.
  std::int64_t last_event_id_ = 0;
  std::int64_t last_started_event_id_ = 0;
  std::int64_t history_size_bytes_ = 0;
  bool continue_as_new_suggested_ = false;
  bool saw_end_ = false;
  bool commanded_end_ = false;
  Timestamp start_time_, time_;
  Nanos task_timeout_{};
  std::string deployment_name_, build_id_;
  CoreFlags core_flags_;
  std::vector<std::uint32_t> code_flags_, new_code_flags_;
  std::string seen_sdk_name_, seen_sdk_version_;
  detail::VersioningBehavior versioning_behavior_ = detail::VersioningBehavior::unspecified;
  // Patches known to the run, and whether their marker was commanded.
  absl::btree_map<std::string, bool> patches_;
  // What a continue-as-new takes over (R27).
  PayloadMap memo_, search_attributes_;
  std::optional<detail::RetryPolicyData> retry_policy_;

  // Local activities: outcomes seen ahead, by seq; to start, running, to cancel, waiting for their
  // marker.
  absl::flat_hash_map<std::uint32_t, LocalActivityMarker> seen_ahead_;
  // What code is still to be told, each in an activation of its own: so it was when they ended one
  // by one, and conditions were looked at in between.
  struct LocalResult {
    std::int64_t order;
    std::optional<Timestamp> complete_time;
    detail::ResolveActivityJob job;
  };
  std::vector<LocalResult> local_results_;
  std::int64_t local_order_ = 0;
  std::vector<std::uint32_t> queued_, running_, cancels_, waiting_;

  absl::flat_hash_map<std::string, MachineTable::Id> updates_;  // By protocol instance.
  // Requests that history holds but whose acceptance is still to come (R46), by protocol instance.
  absl::flat_hash_map<std::string, temporal::api::update::v1::Request> admitted_;
};

}  // namespace perdure::core
