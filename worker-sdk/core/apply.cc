// RunState: events of history.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "worker-sdk/core/convert.h"
#include "worker-sdk/core/outcome.h"
#include "worker-sdk/core/seed.h"
#include "worker-sdk/core/state.h"

namespace perdure::core {

namespace enums = temporal::api::enums::v1;
using absl::OkStatus;
using absl::Status;

namespace {

Status NotInState(const Event& event, const char* kind) {
  return absl::AbortedError(absl::StrCat("history event ", core::Describe(event),
                                         " cannot happen to its ", kind, " in the state it is in"));
}

}  // namespace

Status RunState::Apply(const EventQueue::Sequence& sequence) {
  // What governs this task was written when it completed, which lies ahead (R36).
  for (const auto& event : sequence.events) {
    if (event->has_workflow_task_completed_event_attributes()) NoteCompleted(*event);
  }
  for (const auto& event : sequence.ahead) {
    if (event->has_workflow_task_completed_event_attributes()) {
      NoteCompleted(*event);
      break;
    }
  }
  saw_task_completed_ = false;
  for (std::size_t i = 0; i < sequence.events.size(); ++i) {
    Event& event = *sequence.events[i];
    if (Status status = ApplyEvent(event, sequence.is_last); !status.ok()) return status;
    last_event_id_ = event.event_id();
  }
  if (Status status = CheckAllMatched(); !status.ok()) return status;
  if (sequence.is_last && !messages_.empty()) {
    if (Status status = ApplyMessages(last_event_id_); !status.ok()) return status;
  }
  if (sequence.ends_in_task) {
    ApplyTaskStarted(*sequence.events.back());
    activate_due_ = true;
    if (!replaying_) RunUnrecorded();
    if (Status status = LookAhead(sequence); !status.ok()) return status;
  } else if (saw_end_ && !has_run_) {
    // Ended from outside before it ever ran: queries still want code that knows its input.
    activate_due_ = true;
  }
  return OkStatus();
}

Status RunState::ApplyEvent(Event& event, bool is_last_sequence) {
  const EventType type = event.event_type();
  const std::int64_t id = event.event_id();
  const bool is_command = IsCommandEvent(type);
  // R18: what neither the code nor an earlier task of it can have seen is new.
  if (replaying_ && live_ && is_last_sequence && id > previous_started_ && !is_command &&
      type != enums::EVENT_TYPE_WORKFLOW_TASK_COMPLETED) {
    replaying_ = false;
  }
  if (!messages_.empty()) {
    if (Status status = ApplyMessages(id - 1); !status.ok()) return status;
  }
  if (EndsRun(type)) saw_end_ = true;
  if (skip_next_event_) {
    skip_next_event_ = false;
    return OkStatus();
  }
  if (is_command) return MatchCommandEvent(event);
  switch (type) {
    case enums::EVENT_TYPE_WORKFLOW_EXECUTION_STARTED:
      return ApplyStarted(event);
    case enums::EVENT_TYPE_WORKFLOW_TASK_STARTED:
      return OkStatus();  // Counts only at the end of the sequence: ApplyTaskStarted.
    case enums::EVENT_TYPE_WORKFLOW_TASK_COMPLETED:
      saw_task_completed_ = true;
      return OkStatus();
    case enums::EVENT_TYPE_WORKFLOW_TASK_FAILED:
      ApplyTaskFailed(event);
      return OkStatus();
    case enums::EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED:
      ApplySignal(event);
      return OkStatus();
    case enums::EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED:
      activation_.jobs.emplace_back(detail::CancelWorkflowJob{std::move(
          *event.mutable_workflow_execution_cancel_requested_event_attributes()->mutable_cause())});
      return OkStatus();
    case enums::EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ADMITTED:
      return ApplyAdmitted(event);
    default:
      if (InitiatingEventId(event) != 0) return ApplyResolution(event);
      if (IsWithoutEffect(type) || event.worker_may_ignore()) return OkStatus();
      // R11: to go on without knowing what it means could lead anywhere.
      return absl::InternalError(
          absl::StrCat("history event ", core::Describe(event),
                       " is of a kind that this version of the SDK does not know"));
  }
}

Status RunState::ApplyStarted(Event& event) {
  auto& from = *event.mutable_workflow_execution_started_event_attributes();
  if (workflow_type_.empty()) workflow_type_ = from.workflow_type().name();
  if (workflow_id_.empty()) workflow_id_ = from.workflow_id();
  program_ = (*make_program_)(workflow_type_);
  if (!program_) {
    return absl::InternalError(absl::StrCat(
        "workflow type ", workflow_type_, " is not registered with this worker, which knows ",
        options_->registered_types.empty() ? "none" : options_->registered_types,
        "; register it before the worker runs, as in worker.workflow<", workflow_type_, ">()"));
  }
  detail::StartWorkflowJob job;
  detail::RunInfo& info = job.info;
  info.namespace_ = options_->namespace_;
  info.workflow_id = workflow_id_;
  info.run_id = run_id_.empty() ? from.original_execution_run_id() : run_id_;
  info.workflow_type = workflow_type_;
  info.task_queue = from.task_queue().name();
  info.first_execution_run_id = from.first_execution_run_id();
  info.original_execution_run_id = from.original_execution_run_id();
  info.continued_run_id = from.continued_execution_run_id();
  if (from.has_parent_workflow_execution()) {
    info.parent = detail::WorkflowRef{from.parent_workflow_execution().workflow_id(),
                                      from.parent_workflow_execution().run_id()};
    info.parent_namespace = from.parent_workflow_namespace();
  }
  if (from.has_root_workflow_execution()) {
    info.root = detail::WorkflowRef{from.root_workflow_execution().workflow_id(),
                                    from.root_workflow_execution().run_id()};
  }
  info.attempt = std::max(from.attempt(), 1);
  info.cron_schedule = from.cron_schedule();
  info.workflow_start_time = FromApi(event.event_time());
  info.execution_timeout = TimeoutFromApi(from.workflow_execution_timeout());
  info.run_timeout = TimeoutFromApi(from.workflow_run_timeout());
  info.task_timeout = TimeoutFromApi(from.workflow_task_timeout());
  if (from.has_retry_policy()) info.retry_policy = FromApi(from.retry_policy());
  info.priority = FromApi(from.priority());
  info.memo = FromApi(std::move(*from.mutable_memo()));
  info.search_attributes = FromApi(std::move(*from.mutable_search_attributes()));
  info.headers = FromApi(std::move(*from.mutable_header()));
  info.identity = from.identity();
  if (from.has_last_completion_result()) {
    info.last_completion_result = FromApi(std::move(*from.mutable_last_completion_result()));
  }
  if (from.has_continued_failure())
    info.last_failure = SharedFailure(std::move(*from.mutable_continued_failure()));
  task_timeout_ = info.task_timeout.value_or(Nanos(0));
  memo_ = info.memo;
  search_attributes_ = info.search_attributes;
  retry_policy_ = info.retry_policy;
  job.input = FromApi(std::move(*from.mutable_input()));
  job.randomness_seed = SeedFrom(
      info.original_execution_run_id.empty() ? info.run_id : info.original_execution_run_id);
  start_time_ = info.workflow_start_time;
  SetTime(info.workflow_start_time);
  activation_.jobs.emplace_back(std::move(job));
  return OkStatus();
}

void RunState::ApplyTaskStarted(const Event& event) {
  const auto& attributes = event.workflow_task_started_event_attributes();
  history_size_bytes_ = attributes.history_size_bytes();
  continue_as_new_suggested_ = attributes.suggest_continue_as_new();
  last_started_event_id_ = event.event_id();
  SetTime(FromApi(event.event_time()));
}

void RunState::ApplyTaskFailed(const Event& event) {
  const auto& attributes = event.workflow_task_failed_event_attributes();
  if (attributes.cause() != enums::WORKFLOW_TASK_FAILED_CAUSE_RESET_WORKFLOW) return;
  // R53: what comes after a reset must not repeat the random numbers of the run it was reset from.
  activation_.jobs.emplace_back(detail::UpdateRandomSeedJob{SeedFrom(attributes.new_run_id())});
}

void RunState::ApplySignal(Event& event) {
  auto& from = *event.mutable_workflow_execution_signaled_event_attributes();
  detail::SignalWorkflowJob job;
  // Copied, as reports of what comes later show it.
  job.name = from.signal_name();
  job.input = FromApi(std::move(*from.mutable_input()));
  job.identity = std::move(*from.mutable_identity());
  job.headers = FromApi(std::move(*from.mutable_header()));
  activation_.jobs.emplace_back(std::move(job));
}

void RunState::SetTime(Timestamp time) { time_ = std::max(time_, time); }

void RunState::NoteCompleted(const Event& event) {
  const auto& from = event.workflow_task_completed_event_attributes();
  if (options_->server_has_sdk_metadata && from.has_sdk_metadata()) {
    const auto& metadata = from.sdk_metadata();
    for (const std::uint32_t flag : metadata.core_used_flags()) core_flags_.Add(flag);
    for (const std::uint32_t flag : metadata.lang_used_flags()) {
      const auto at = std::lower_bound(code_flags_.begin(), code_flags_.end(), flag);
      if (at == code_flags_.end() || *at != flag) code_flags_.insert(at, flag);
    }
    if (!metadata.sdk_name().empty()) seen_sdk_name_ = metadata.sdk_name();
    if (!metadata.sdk_version().empty()) seen_sdk_version_ = metadata.sdk_version();
  }
  if (from.has_deployment_version()) {
    deployment_name_ = from.deployment_version().deployment_name();
    build_id_ = from.deployment_version().build_id();
  } else if (!from.worker_deployment_name().empty() || from.has_worker_version()) {
    deployment_name_ = from.worker_deployment_name();
    build_id_ = from.worker_version().build_id();
  }
}

// R33: what workflow code recorded in the task that it is about to repeat.
Status RunState::LookAhead(const EventQueue::Sequence& sequence) {
  for (const auto& event : sequence.ahead) {
    Status status;
    if (event->has_marker_recorded_event_attributes()) {
      status = LookAtMarker(event->marker_recorded_event_attributes());
    } else if (event->has_workflow_execution_update_accepted_event_attributes()) {
      status = LookAtAccepted(*event);
    }
    if (!status.ok()) return status;
  }
  return OkStatus();
}

Status RunState::LookAtMarker(const MarkerEvent& marker) {
  const std::string& name = marker.marker_name();
  if (name == kPatchMarker) {
    auto patch = ReadPatch(marker);
    if (!patch.ok()) return patch.status();
    patches_.emplace(patch->id, false);
    activation_.jobs.emplace_back(detail::NotifyHasPatchJob{std::move(patch->id)});
  } else if (name == kSideEffectMarker) {
    auto effect = ReadSideEffect(marker);
    if (!effect.ok()) return effect.status();
    activation_.jobs.emplace_back(
        detail::NotifySideEffectJob{effect->id, std::move(effect->value)});
  } else if (name == kMutableSideEffectMarker) {
    auto effect = ReadMutableSideEffect(marker);
    if (!effect.ok()) return effect.status();
    activation_.jobs.emplace_back(detail::NotifyMutableSideEffectJob{
        std::move(effect->id), effect->call, std::move(effect->value)});
  } else if (name == kLocalActivityMarker) {
    auto activity = ReadLocalActivity(marker);
    if (!activity.ok()) return activity.status();
    activity->order = ++local_order_;
    const MachineTable::Id id = machines_.BySeq(activity->seq);
    auto* machine = machines_.As<LocalActivity>(id);
    if (machine && machine->state == LocalActivity::State::kWaiting) {
      ResolveFromMarker(id, std::move(*activity));
    } else if (!machine) {
      const std::uint32_t seq = activity->seq;
      seen_ahead_.insert_or_assign(seq, std::move(*activity));
    }
  }
  return OkStatus();
}

Status RunState::ApplyResolution(Event& event) {
  const std::int64_t initiating = InitiatingEventId(event);
  const MachineTable::Id id = machines_.ByEvent(initiating);
  if (id == MachineTable::kNone) {
    // R24: the timer was canceled before.
    if (event.has_timer_fired_event_attributes() && initiating < event.event_id())
      return OkStatus();
    return Mismatch(&event, absl::StrCat("the event is about event ", initiating,
                                         ", which began nothing that workflow code waits for"));
  }
  switch (machines_[id].kind.index()) {
    case 0:
      return ApplyToTimer(event, id);
    case 1:
      return ApplyToActivity(event, id);
    case 2:
      return ApplyToChild(event, id);
    case 3:
      return ApplyToSignal(event, id);
    case 4:
      return ApplyToCancel(event, id);
    default:
      return NotInState(event, "operation");
  }
}

Status RunState::ApplyToTimer(Event& event, MachineTable::Id id) {
  Timer& timer = *machines_.As<Timer>(id);
  if (!event.has_timer_fired_event_attributes() || !Take(timer, Timer::Input::kFiredEvent)) {
    return NotInState(event, Timer::kName);
  }
  if (timer.state != Timer::State::kFired) return OkStatus();
  activation_.jobs.emplace_back(detail::FireTimerJob{machines_[id].seq});
  machines_.Remove(id);
  return OkStatus();
}

Status RunState::ApplyToActivity(Event& event, MachineTable::Id id) {
  Activity& activity = *machines_.As<Activity>(id);
  const bool is_start = event.has_activity_task_started_event_attributes();
  if (!Take(activity, is_start ? Activity::Input::kStartedEvent : Activity::Input::kCloseEvent)) {
    return NotInState(event, Activity::kName);
  }
  if (is_start) return OkStatus();
  if (!activity.resolved) {
    activation_.jobs.emplace_back(detail::ResolveActivityJob{
        machines_[id].seq, ActivityOutcome(activity, machines_[id].event_id, event), false});
  }
  machines_.Remove(id);
  return OkStatus();
}

Status RunState::ApplyToChild(Event& event, MachineTable::Id id) {
  Child& child = *machines_.As<Child>(id);
  const std::uint32_t seq = machines_[id].seq;
  const std::int64_t initiated = machines_[id].event_id;
  if (event.has_child_workflow_execution_started_event_attributes()) {
    if (!Take(child, Child::Input::kStartedEvent)) return NotInState(event, Child::kName);
    child.run_id =
        event.child_workflow_execution_started_event_attributes().workflow_execution().run_id();
    child.started_event_id = event.event_id();
    if (!child.resolved) {
      activation_.jobs.emplace_back(
          detail::ResolveChildStartJob{seq, child.run_id, nullptr, false});
    }
    return OkStatus();
  }
  if (event.has_start_child_workflow_execution_failed_event_attributes()) {
    if (!Take(child, Child::Input::kStartFailedEvent)) return NotInState(event, Child::kName);
    const auto cause = event.start_child_workflow_execution_failed_event_attributes().cause();
    const bool exists =
        cause == enums::START_CHILD_WORKFLOW_EXECUTION_FAILED_CAUSE_WORKFLOW_ALREADY_EXISTS;
    if (!child.resolved) {
      activation_.jobs.emplace_back(detail::ResolveChildStartJob{
          seq, "",
          ChildNotStarted(child, initiated,
                          exists ? "a workflow with this id is running already"
                                 : "its namespace does not exist"),
          exists});
    }
    machines_.Remove(id);
    return OkStatus();
  }
  if (!Take(child, Child::Input::kCloseEvent)) return NotInState(event, Child::kName);
  if (!child.resolved) {
    activation_.jobs.emplace_back(
        detail::ResolveChildJob{seq, ChildOutcome(child, initiated, event)});
  }
  machines_.Remove(id);
  return OkStatus();
}

Status RunState::ApplyToSignal(Event& event, MachineTable::Id id) {
  SignalExternal& signal = *machines_.As<SignalExternal>(id);
  if (!Take(signal, SignalExternal::Input::kResolvedEvent))
    return NotInState(event, SignalExternal::kName);
  FailurePtr failure;
  if (event.has_signal_external_workflow_execution_failed_event_attributes()) {
    const auto cause = event.signal_external_workflow_execution_failed_event_attributes().cause();
    failure = MakeFailure(absl::StrCat("signal ", signal.name,
                                       " could not be delivered to workflow ", signal.workflow_id),
                          enums::SignalExternalWorkflowExecutionFailedCause_Name(cause));
  }
  activation_.jobs.emplace_back(
      detail::ResolveSignalExternalJob{machines_[id].seq, std::move(failure)});
  machines_.Remove(id);
  return OkStatus();
}

Status RunState::ApplyToCancel(Event& event, MachineTable::Id id) {
  CancelExternal& cancel = *machines_.As<CancelExternal>(id);
  if (!Take(cancel, CancelExternal::Input::kResolvedEvent))
    return NotInState(event, CancelExternal::kName);
  FailurePtr failure;
  if (event.has_request_cancel_external_workflow_execution_failed_event_attributes()) {
    const auto cause =
        event.request_cancel_external_workflow_execution_failed_event_attributes().cause();
    failure =
        MakeFailure(absl::StrCat("workflow ", cancel.workflow_id, " could not be asked to cancel"),
                    enums::CancelExternalWorkflowExecutionFailedCause_Name(cause));
  }
  if (cancel.child_seq == 0) {
    activation_.jobs.emplace_back(
        detail::ResolveCancelExternalJob{machines_[id].seq, std::move(failure)});
  } else if (!failure) {
    const MachineTable::Id child_id = machines_.BySeq(cancel.child_seq);
    auto* child = machines_.As<Child>(child_id);
    if (child && !child->resolved &&
        child->cancellation == detail::ChildCancellation::wait_requested) {
      ResolveChildAsCanceled(child_id);
    }
  }
  machines_.Remove(id);
  return OkStatus();
}

// Before it is known to have started, the start is what is canceled, and stands for both results.
void RunState::ResolveChildAsCanceled(MachineTable::Id id) {
  Child& child = *machines_.As<Child>(id);
  child.resolved = true;
  auto canceled = CanceledChild(child, machines_[id].event_id);
  if (child.state == Child::State::kStarted) {
    activation_.jobs.emplace_back(detail::ResolveChildJob{machines_[id].seq, std::move(canceled)});
  } else {
    activation_.jobs.emplace_back(detail::ResolveChildStartJob{
        machines_[id].seq, "", std::get<detail::CanceledResult>(canceled).failure, false});
  }
}

}  // namespace perdure::core
