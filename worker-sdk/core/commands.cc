// RunState: activation of workflow code and the commands it gives.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "worker-sdk/core/api_command.h"
#include "worker-sdk/core/convert.h"
#include "worker-sdk/core/outcome.h"
#include "worker-sdk/core/state.h"

namespace perdure::core {

namespace enums = temporal::api::enums::v1;
using absl::OkStatus;
using absl::Status;

namespace {

// What the server takes as one value of a search attribute.
constexpr std::size_t kVersionsBytesMax = 2048;

// R12: the order of jobs in one activation.
int Rank(const detail::Job& job) {
  struct Visitor {
    int operator()(const detail::StartWorkflowJob&) { return 0; }
    int operator()(const detail::NotifyHasPatchJob&) { return 1; }
    int operator()(const detail::NotifySideEffectJob&) { return 1; }
    int operator()(const detail::NotifyMutableSideEffectJob&) { return 1; }
    int operator()(const detail::UpdateRandomSeedJob&) { return 2; }
    int operator()(const detail::SignalWorkflowJob&) { return 3; }
    int operator()(const detail::DoUpdateJob&) { return 3; }
    int operator()(const detail::FireTimerJob&) { return 4; }
    int operator()(const detail::ResolveActivityJob& resolve) { return resolve.is_local ? 5 : 4; }
    int operator()(const detail::ResolveChildStartJob&) { return 4; }
    int operator()(const detail::ResolveChildJob&) { return 4; }
    int operator()(const detail::ResolveSignalExternalJob&) { return 4; }
    int operator()(const detail::ResolveCancelExternalJob&) { return 4; }
    int operator()(const detail::CancelWorkflowJob&) { return 4; }
    int operator()(const detail::QueryJob&) { return 6; }
  };
  return std::visit(Visitor(), job);
}

void Sort(std::vector<detail::Job>* jobs) {
  const auto less = [](const detail::Job& a, const detail::Job& b) { return Rank(a) < Rank(b); };
  if (jobs->size() > 1 && !std::is_sorted(jobs->begin(), jobs->end(), less)) {
    std::stable_sort(jobs->begin(), jobs->end(), less);
  }
}

bool IsTerminal(const detail::Command& command) {
  return std::holds_alternative<detail::CompleteWorkflowCommand>(command) ||
         std::holds_alternative<detail::FailWorkflowCommand>(command) ||
         std::holds_alternative<detail::CancelWorkflowCommand>(command) ||
         std::holds_alternative<detail::ContinueAsNewCommand>(command);
}

bool Removes(const Payload& value) {
  return value.encoding == "binary/null" || value.data.empty() || value.data == "null" ||
         value.data == "[]";
}

void Merge(const PayloadMap& from, PayloadMap* to) {
  for (const auto& [key, value] : from) {
    if (Removes(value)) {
      to->erase(key);
    } else {
      to->insert_or_assign(key, value);
    }
  }
}

Status OfTaskFailure(const detail::Completion& completion) {
  const std::string message = completion.task_failure->message;
  return completion.is_nondeterminism ? absl::AbortedError(message) : absl::InternalError(message);
}

}  // namespace

Status RunState::Activate() {
  while (!activation_.jobs.empty() || TakeLocalResult()) {
    if (!program_) return absl::InternalError("history does not begin with the start of its run");
    Sort(&activation_.jobs);
    activation_.now = time_;
    activation_.replaying = replaying_;
    activation_.history_length = last_event_id_;
    activation_.history_size_bytes = history_size_bytes_;
    activation_.continue_as_new_suggested = continue_as_new_suggested_;
    activation_.flags = code_flags_;
    if (!replaying_) {
      deployment_name_ = options_->deployment_name;
      build_id_ = options_->build_id;
    }
    activation_.deployment_name = deployment_name_;
    activation_.build_id = build_id_;
    if (auto* start = std::get_if<detail::StartWorkflowJob>(&activation_.jobs.front())) {
      start->info.start_time = time_;
    }
    completion_.commands.clear();
    completion_.used_flags.clear();
    program_->Activate(activation_, &completion_);
    has_run_ = true;
    activation_.jobs.clear();
    if (completion_.task_failure) {
      task_failure_ = completion_.task_failure;
      return OfTaskFailure(completion_);
    }
    versioning_behavior_ = completion_.versioning_behavior;
    if (Status status = TakeCommands(); !status.ok()) return status;
  }
  activate_due_ = false;
  return OkStatus();
}

absl::StatusOr<detail::QueryResultCommand> RunState::Query(detail::QueryJob query) {
  if (!program_)
    return absl::InternalError("the workflow has not begun, so there is nothing to ask");
  const std::string id = query.id;
  detail::Activation activation;
  activation.now = time_;
  // R17: whatever the code knows of replay, a query repeats nothing and must log nothing.
  activation.replaying = true;
  activation.history_length = last_event_id_;
  activation.history_size_bytes = history_size_bytes_;
  activation.continue_as_new_suggested = continue_as_new_suggested_;
  activation.flags = code_flags_;
  activation.deployment_name = deployment_name_;
  activation.build_id = build_id_;
  activation.jobs.emplace_back(std::move(query));
  detail::Completion completion;
  program_->Activate(activation, &completion);
  if (completion.task_failure) return OfTaskFailure(completion);
  for (detail::Command& command : completion.commands) {
    auto* result = std::get_if<detail::QueryResultCommand>(&command);
    if (!result)
      return absl::InternalError("a query handler gave commands, which only workflow code may");
    if (result->id == id) return std::move(*result);
  }
  return absl::InternalError("workflow code did not answer the query");
}

// R25: the run's end comes last, whatever else was asked for in the same activation.
void RunState::MoveTerminalLast() {
  auto& commands = completion_.commands;
  const auto terminal = std::find_if(commands.begin(), commands.end(), IsTerminal);
  if (terminal == commands.end()) return;
  if (!CanUse(CoreFlag::kTerminalCommandLast)) {
    commands.erase(terminal + 1, commands.end());
    return;
  }
  commands.erase(std::remove_if(terminal + 1, commands.end(), IsTerminal), commands.end());
  std::rotate(terminal, terminal + 1, commands.end());
}

Status RunState::TakeCommands() {
  MoveTerminalLast();
  for (const std::uint32_t flag : completion_.used_flags) {
    if (std::find(new_code_flags_.begin(), new_code_flags_.end(), flag) == new_code_flags_.end()) {
      new_code_flags_.push_back(flag);
    }
  }
  for (detail::Command& command : completion_.commands) {
    Status status = std::visit([this](auto& one) { return Do(one); }, command);
    if (!status.ok()) return status;
  }
  // Nobody is there any more to be told.
  if (commanded_end_) {
    activation_.jobs.clear();
    local_results_.clear();
  }
  return OkStatus();
}

bool RunState::CanUse(CoreFlag flag) const {
  return options_->server_has_sdk_metadata && (!replaying_ || core_flags_.Has(flag));
}

std::unique_ptr<ApiCommand> RunState::NewCommand() const {
  return replaying_ ? nullptr : std::make_unique<ApiCommand>();
}

// R23: what was not sent vanishes with its cancel.
void RunState::Drop(MachineTable::Id id) {
  pending_.EraseIf([id](const PendingCommand& pending) { return pending.machine == id; });
  machines_.Remove(id);
}

Status RunState::Do(detail::StartTimerCommand& command) {
  Machine machine;
  machine.seq = command.seq;
  PendingCommand pending{CommandKind::kStartTimer, machines_.Add(std::move(machine))};
  if ((pending.command = NewCommand())) Fill(command, pending.command.get());
  pending_.Push(std::move(pending));
  return OkStatus();
}

Status RunState::Do(detail::CancelTimerCommand& command) {
  const MachineTable::Id id = machines_.BySeq(command.seq);
  auto* timer = machines_.As<Timer>(id);
  if (!timer) return OkStatus();  // It has fired.
  if (!Take(*timer, Timer::Input::kCancel))
    return absl::InternalError("a timer was canceled twice");
  if (timer->state == Timer::State::kDropped) {
    Drop(id);
    return OkStatus();
  }
  PendingCommand pending{CommandKind::kCancelTimer, id};
  if ((pending.command = NewCommand())) {
    pending.command->set_command_type(enums::COMMAND_TYPE_CANCEL_TIMER);
    pending.command->mutable_cancel_timer_command_attributes()->set_timer_id(
        absl::StrCat(command.seq));
  }
  pending_.Push(std::move(pending));
  return OkStatus();
}

Status RunState::Do(detail::ScheduleActivityCommand& command) {
  if (command.activity_id.empty()) command.activity_id = absl::StrCat(command.seq);
  Activity activity;
  activity.cancellation = command.cancellation;
  activity.type = command.activity_type;
  activity.id = command.activity_id;
  Machine machine;
  machine.seq = command.seq;
  machine.kind = std::move(activity);
  PendingCommand pending{CommandKind::kScheduleActivity, machines_.Add(std::move(machine))};
  if ((pending.command = NewCommand())) Fill(command, options_->task_queue, pending.command.get());
  pending_.Push(std::move(pending));
  return OkStatus();
}

// R28.
Status RunState::Do(detail::RequestCancelActivityCommand& command) {
  const MachineTable::Id id = machines_.BySeq(command.seq);
  auto* activity = machines_.As<Activity>(id);
  if (!activity) return OkStatus();  // It has closed.
  const bool abandons = activity->cancellation == detail::ActivityCancellation::abandon;
  const Activity::State before = activity->state;
  if (!Take(*activity, abandons ? Activity::Input::kAbandon : Activity::Input::kCancel)) {
    return absl::InternalError("an activity was canceled in a state where that cannot be");
  }
  if (before == activity->state) return OkStatus();
  const bool dropped = activity->state == Activity::State::kDropped;
  if (dropped || activity->cancellation != detail::ActivityCancellation::wait_completed) {
    activity->resolved = true;
    activation_.jobs.emplace_back(detail::ResolveActivityJob{
        command.seq, CanceledActivity(*activity, machines_[id].event_id), false});
  }
  if (dropped) {
    Drop(id);
  } else if (!abandons) {
    PendingCommand pending{CommandKind::kCancelActivity, id};
    if ((pending.command = NewCommand())) {
      pending.command->set_command_type(enums::COMMAND_TYPE_REQUEST_CANCEL_ACTIVITY_TASK);
      pending.command->mutable_request_cancel_activity_task_command_attributes()
          ->set_scheduled_event_id(machines_[id].event_id);
    }
    pending_.Push(std::move(pending));
  }
  return OkStatus();
}

Status RunState::Do(detail::StartChildCommand& command) {
  Child child;
  child.cancellation = command.cancellation;
  child.namespace_ = command.namespace_.empty() ? options_->namespace_ : command.namespace_;
  child.workflow_id = command.workflow_id;
  child.workflow_type = command.workflow_type;
  Machine machine;
  machine.seq = command.seq;
  machine.kind = std::move(child);
  PendingCommand pending{CommandKind::kStartChild, machines_.Add(std::move(machine))};
  if ((pending.command = NewCommand())) {
    Fill(command, options_->namespace_, options_->task_queue, pending.command.get());
  }
  pending_.Push(std::move(pending));
  return OkStatus();
}

// R30.
Status RunState::Do(detail::CancelChildCommand& command) {
  const MachineTable::Id id = machines_.BySeq(command.seq);
  auto* child = machines_.As<Child>(id);
  if (!child || child->cancel_sent || child->resolved) return OkStatus();
  if (!Take(*child, Child::Input::kCancel)) {
    return absl::InternalError("a child workflow was canceled in a state where that cannot be");
  }
  const bool abandons = child->cancellation == detail::ChildCancellation::abandon;
  if (child->state == Child::State::kDropped) {
    ResolveChildAsCanceled(id);
    Drop(id);
    return OkStatus();
  }
  if (abandons || child->cancellation == detail::ChildCancellation::try_cancel)
    ResolveChildAsCanceled(id);
  if (abandons) return OkStatus();
  child->cancel_sent = true;
  CancelExternal cancel;
  cancel.child_seq = command.seq;
  cancel.workflow_id = child->workflow_id;
  detail::RequestCancelExternalCommand request;
  request.namespace_ = child->namespace_;
  request.workflow_id = child->workflow_id;
  request.run_id = child->run_id;
  request.reason = std::move(command.reason);
  Machine machine;
  machine.kind = std::move(cancel);
  PendingCommand pending{CommandKind::kCancelExternal, machines_.Add(std::move(machine))};
  if ((pending.command = NewCommand())) Fill(request, true, pending.command.get());
  pending_.Push(std::move(pending));
  return OkStatus();
}

Status RunState::Do(detail::SignalExternalCommand& command) {
  SignalExternal signal;
  signal.workflow_id = command.workflow_id;
  signal.name = command.signal_name;
  Machine machine;
  machine.seq = command.seq;
  machine.kind = std::move(signal);
  PendingCommand pending{CommandKind::kSignalExternal, machines_.Add(std::move(machine))};
  if ((pending.command = NewCommand())) Fill(command, options_->namespace_, pending.command.get());
  pending_.Push(std::move(pending));
  return OkStatus();
}

Status RunState::Do(detail::CancelSignalExternalCommand& command) {
  const MachineTable::Id id = machines_.BySeq(command.seq);
  auto* signal = machines_.As<SignalExternal>(id);
  if (!signal || !Take(*signal, SignalExternal::Input::kCancel)) return OkStatus();
  if (signal->state != SignalExternal::State::kDropped) return OkStatus();
  activation_.jobs.emplace_back(detail::ResolveSignalExternalJob{command.seq, MakeCanceled({})});
  Drop(id);
  return OkStatus();
}

Status RunState::Do(detail::RequestCancelExternalCommand& command) {
  CancelExternal cancel;
  cancel.workflow_id = command.workflow_id;
  Machine machine;
  machine.seq = command.seq;
  machine.kind = std::move(cancel);
  PendingCommand pending{CommandKind::kCancelExternal, machines_.Add(std::move(machine))};
  if ((pending.command = NewCommand())) {
    if (command.namespace_.empty()) command.namespace_ = options_->namespace_;
    Fill(command, false, pending.command.get());
  }
  pending_.Push(std::move(pending));
  return OkStatus();
}

// R32 and R33: the marker, once per patch, and the list of all patches as a search attribute.
Status RunState::Do(detail::SetPatchMarkerCommand& command) {
  const auto known = patches_.find(command.patch_id);
  const bool in_history = known != patches_.end();
  if (in_history && known->second) return OkStatus();
  patches_[command.patch_id] = true;
  PendingCommand pending{CommandKind::kPatch};
  pending.name = command.patch_id;
  pending.deprecated = command.deprecated;
  if ((pending.command = NewCommand())) {
    pending.command->set_command_type(enums::COMMAND_TYPE_RECORD_MARKER);
    Write(PatchMarker{command.patch_id, command.deprecated},
          pending.command->mutable_record_marker_command_attributes());
  }
  pending_.Push(std::move(pending));
  // In replay without a marker ahead there was none, so there was no upsert either.
  if ((replaying_ && !in_history) || !CanUse(CoreFlag::kUpsertOnPatch)) return OkStatus();
  std::vector<std::string> commanded;
  for (const auto& [id, is_commanded] : patches_) {
    if (is_commanded) commanded.push_back(id);
  }
  Payload list = KeywordList(commanded);
  if (list.data.size() >= kVersionsBytesMax) return OkStatus();
  detail::UpsertSearchAttributesCommand upsert;
  upsert.search_attributes.emplace(kVersionAttribute, std::move(list));
  PendingCommand pending_upsert{CommandKind::kUpsertSearchAttributes};
  pending_upsert.name = kVersionAttribute;
  if ((pending_upsert.command = NewCommand())) Fill(upsert, pending_upsert.command.get());
  pending_.Push(std::move(pending_upsert));
  return OkStatus();
}

Status RunState::Do(detail::RecordSideEffectCommand& command) {
  PendingCommand pending{CommandKind::kSideEffect};
  pending.number = command.id;
  if ((pending.command = NewCommand())) {
    pending.command->set_command_type(enums::COMMAND_TYPE_RECORD_MARKER);
    Write(SideEffectMarker{command.id, std::move(command.value)},
          pending.command->mutable_record_marker_command_attributes());
  }
  pending_.Push(std::move(pending));
  return OkStatus();
}

Status RunState::Do(detail::RecordMutableSideEffectCommand& command) {
  PendingCommand pending{CommandKind::kMutableSideEffect};
  pending.name = command.id;
  pending.number = command.call;
  if ((pending.command = NewCommand())) {
    pending.command->set_command_type(enums::COMMAND_TYPE_RECORD_MARKER);
    Write(MutableSideEffectMarker{std::move(command.id), command.call, std::move(command.value)},
          pending.command->mutable_record_marker_command_attributes());
  }
  pending_.Push(std::move(pending));
  return OkStatus();
}

Status RunState::Do(detail::UpsertSearchAttributesCommand& command) {
  if (CanUse(CoreFlag::kUpsertOnPatch) && command.search_attributes.count(kVersionAttribute) != 0) {
    // It is the SDK's. The command stays, so that histories of before the flag replay.
    command.search_attributes.clear();
  }
  Merge(command.search_attributes, &search_attributes_);
  PendingCommand pending{CommandKind::kUpsertSearchAttributes};
  pending.name =
      absl::StrJoin(command.search_attributes, ",",
                    [](std::string* out, const auto& entry) { out->append(entry.first); });
  if ((pending.command = NewCommand())) Fill(command, pending.command.get());
  pending_.Push(std::move(pending));
  return OkStatus();
}

Status RunState::Do(detail::UpsertMemoCommand& command) {
  Merge(command.memo, &memo_);
  PendingCommand pending{CommandKind::kModifyProperties};
  if ((pending.command = NewCommand())) Fill(command, pending.command.get());
  pending_.Push(std::move(pending));
  return OkStatus();
}

Status RunState::Do(detail::QueryResultCommand&) {
  return absl::InternalError("workflow code answered a query that nobody asked");
}

void RunState::Terminal(CommandKind kind, std::unique_ptr<ApiCommand> command) {
  commanded_end_ = true;
  PendingCommand pending{kind};
  pending.command = std::move(command);
  pending_.Push(std::move(pending));
  // R45: nobody waits for them any more.
  queued_.clear();
  running_.clear();
  waiting_.clear();
}

Status RunState::Do(detail::CompleteWorkflowCommand& command) {
  auto to = NewCommand();
  if (to) Fill(command, to.get());
  Terminal(CommandKind::kCompleteRun, std::move(to));
  return OkStatus();
}
Status RunState::Do(detail::FailWorkflowCommand& command) {
  auto to = NewCommand();
  if (to) Fill(command, to.get());
  Terminal(CommandKind::kFailRun, std::move(to));
  return OkStatus();
}
Status RunState::Do(detail::CancelWorkflowCommand& command) {
  auto to = NewCommand();
  if (to) Fill(command, to.get());
  Terminal(CommandKind::kCancelRun, std::move(to));
  return OkStatus();
}

Status RunState::Do(detail::ContinueAsNewCommand& command) {
  auto to = NewCommand();
  if (to) {
    // R27: what is not given is as this run has it.
    if (command.workflow_type.empty()) command.workflow_type = workflow_type_;
    if (command.task_queue.empty()) command.task_queue = options_->task_queue;
    if (!command.memo) command.memo = memo_;
    if (!command.search_attributes) command.search_attributes = search_attributes_;
    if (!command.retry_policy) command.retry_policy = retry_policy_;
    Fill(command, to.get());
  }
  Terminal(CommandKind::kContinueAsNew, std::move(to));
  return OkStatus();
}

}  // namespace perdure::core
