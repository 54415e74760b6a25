// RunState: events of commands against the commands that workflow code gave.
#include <algorithm>
#include <charconv>
#include <utility>

#include "absl/strings/str_cat.h"
#include "worker-sdk/core/state.h"

namespace perdure::core {

namespace enums = temporal::api::enums::v1;
using absl::OkStatus;
using absl::Status;

namespace {

constexpr int kNeighbours = 3;

// Without an allocation: one comparison per timer of a history.
bool IsNumber(const std::string& text, std::uint32_t number) {
  char digits[10];
  const auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
  return std::string_view(digits, static_cast<std::size_t>(end - digits)) == text;
}

bool IsMarker(const Event& event, absl::string_view name) {
  return event.has_marker_recorded_event_attributes() &&
         event.marker_recorded_event_attributes().marker_name() == name;
}

bool UpsertsVersions(const Event& event) {
  return event.has_upsert_workflow_search_attributes_event_attributes() &&
         event.upsert_workflow_search_attributes_event_attributes()
             .search_attributes()
             .indexed_fields()
             .contains(kVersionAttribute);
}

std::string KeepPatch(const std::string& id) {
  return absl::StrCat("History has the patch \"", id, "\": keep `if (workflow::patched(\"", id,
                      "\"))` while runs with it are open, or call workflow::deprecate_patch(\"", id,
                      "\") in its place.");
}

constexpr char kGuardChange[] =
    "If the code was changed on purpose, keep the old way for runs that began before: `if "
    "(workflow::patched(\"what-changed\")) { the new way } else { the old way }`.";

}  // namespace

// A patch marker that no command needs to match, with its upsert (R35). Sets *status where that is
// not allowed.
bool RunState::SkipPatchMarker(const Event& event, Status* status) {
  const auto patch = ReadPatch(event.marker_recorded_event_attributes());
  if (!patch.ok()) {
    *status = patch.status();
    return true;
  }
  const bool has_patch_command =
      !pending_.is_empty() && pending_.front().kind == CommandKind::kPatch;
  if (has_patch_command && (pending_.front().name == patch->id || !patch->deprecated)) return false;
  if (!patch->deprecated) {
    *status = Mismatch(&event, "history has a patch that workflow code does not ask for",
                       KeepPatch(patch->id));
    return true;
  }
  const auto around = events_.Around(event.event_id() + 1, 0, 0);
  skip_next_event_ = !around.empty() && UpsertsVersions(*around[0]);
  return true;
}

Status RunState::MatchCommandEvent(const Event& event) {
  if (IsMarker(event, kLocalActivityMarker)) return MatchLocalActivityMarker(event);
  if (IsMarker(event, kPatchMarker)) {
    Status status;
    if (SkipPatchMarker(event, &status)) return status;
  } else {
    // The run predates these patches.
    while (!pending_.is_empty() && pending_.front().kind == CommandKind::kPatch)
      pending_.PopFront();
  }
  if (pending_.is_empty() || pending_.front().command) {
    return Mismatch(&event, "workflow code gave no command for it", kGuardChange);
  }
  if (Status status = Match(event, pending_.front()); !status.ok()) return status;
  pending_.PopFront();
  return OkStatus();
}

Status RunState::Match(const Event& event, PendingCommand& pending) {
  if (InfoOf(pending.kind).event != event.event_type()) {
    return Mismatch(&event, "workflow code gave another command", kGuardChange);
  }
  switch (pending.kind) {
    case CommandKind::kPatch:
    case CommandKind::kSideEffect:
    case CommandKind::kMutableSideEffect:
    case CommandKind::kLocalActivity:
      return MatchMarker(event, pending);
    case CommandKind::kUpsertSearchAttributes:
      if (CanUse(CoreFlag::kUpsertOnPatch) &&
          Keys(event.upsert_workflow_search_attributes_event_attributes().search_attributes()) !=
              pending.name) {
        return Mismatch(&event, "workflow code upserts other keys", kGuardChange);
      }
      return OkStatus();
    case CommandKind::kModifyProperties:
    case CommandKind::kCompleteRun:
    case CommandKind::kFailRun:
    case CommandKind::kCancelRun:
    case CommandKind::kContinueAsNew:
      return OkStatus();
    default:
      return MatchOperation(event, pending);
  }
}

Status RunState::MatchMarker(const Event& event, const PendingCommand& pending) {
  const MarkerEvent& marker = event.marker_recorded_event_attributes();
  bool matches = false;
  switch (pending.kind) {
    case CommandKind::kPatch: {
      const auto patch =
          marker.marker_name() == kPatchMarker ? ReadPatch(marker) : absl::UnknownError("");
      matches = patch.ok() && patch->id == pending.name;
      break;
    }
    case CommandKind::kSideEffect: {
      const auto effect = marker.marker_name() == kSideEffectMarker ? ReadSideEffect(marker)
                                                                    : absl::UnknownError("");
      matches = effect.ok() && effect->id == pending.number;
      break;
    }
    case CommandKind::kMutableSideEffect: {
      const auto effect = marker.marker_name() == kMutableSideEffectMarker
                              ? ReadMutableSideEffect(marker)
                              : absl::UnknownError("");
      matches = effect.ok() && effect->id == pending.name && effect->call == pending.number;
      break;
    }
    default:
      break;
  }
  if (matches) return OkStatus();
  return Mismatch(&event, "workflow code records another marker", kGuardChange);
}

// Commands with a machine: its edge, and what identifies it (R20).
Status RunState::MatchOperation(const Event& event, const PendingCommand& pending) {
  const MachineTable::Id id = pending.machine;
  Machine& machine = machines_[id];
  const bool checks_ids = CanUse(CoreFlag::kIdAndTypeChecks);
  bool matches = true;
  bool took = false;
  bool begins = true;
  switch (pending.kind) {
    case CommandKind::kStartTimer:
      matches = IsNumber(event.timer_started_event_attributes().timer_id(), machine.seq);
      took = Take(*machines_.As<Timer>(id), Timer::Input::kStartedEvent);
      break;
    case CommandKind::kCancelTimer:
      begins = false;
      matches = event.timer_canceled_event_attributes().started_event_id() == machine.event_id;
      took = Take(*machines_.As<Timer>(id), Timer::Input::kCanceledEvent);
      break;
    case CommandKind::kScheduleActivity: {
      Activity& activity = *machines_.As<Activity>(id);
      const auto& attributes = event.activity_task_scheduled_event_attributes();
      matches = !checks_ids || (attributes.activity_id() == activity.id &&
                                attributes.activity_type().name() == activity.type);
      took = Take(activity, Activity::Input::kScheduledEvent);
      break;
    }
    case CommandKind::kCancelActivity:
      begins = false;
      matches = event.activity_task_cancel_requested_event_attributes().scheduled_event_id() ==
                machine.event_id;
      took = Take(*machines_.As<Activity>(id), Activity::Input::kCancelRequestedEvent);
      break;
    case CommandKind::kStartChild: {
      Child& child = *machines_.As<Child>(id);
      const auto& attributes = event.start_child_workflow_execution_initiated_event_attributes();
      matches = !checks_ids || (attributes.workflow_id() == child.workflow_id &&
                                attributes.workflow_type().name() == child.workflow_type);
      took = Take(child, Child::Input::kInitiatedEvent);
      break;
    }
    case CommandKind::kSignalExternal:
      took = Take(*machines_.As<SignalExternal>(id), SignalExternal::Input::kInitiatedEvent);
      break;
    case CommandKind::kCancelExternal:
      took = Take(*machines_.As<CancelExternal>(id), CancelExternal::Input::kInitiatedEvent);
      break;
    default:
      return MatchUpdate(event, pending);
  }
  if (!matches)
    return Mismatch(&event, "it is not the one that workflow code asked for", kGuardChange);
  if (!took) return Mismatch(&event, "the operation is not in a state where this can happen");
  if (begins) {
    machines_.BindEvent(id, event.event_id());
    return OkStatus();
  }
  const auto* timer = machines_.As<Timer>(id);
  if (timer && Timer::IsFinal(timer->state)) machines_.Remove(id);
  return OkStatus();
}

Status RunState::MatchUpdate(const Event& event, const PendingCommand& pending) {
  Update& update = *machines_.As<Update>(pending.machine);
  const bool accepts = pending.kind == CommandKind::kAcceptUpdate;
  const bool matches =
      accepts
          ? event.workflow_execution_update_accepted_event_attributes().protocol_instance_id() ==
                update.instance_id
          : event.workflow_execution_update_completed_event_attributes().meta().update_id() ==
                update.meta.update_id();
  if (!matches) return Mismatch(&event, "it is about another update than workflow code answers");
  if (!Take(update, accepts ? Update::Input::kAcceptedEvent : Update::Input::kCompletedEvent)) {
    return Mismatch(&event, "the update is not in a state where this can happen");
  }
  if (!Update::IsFinal(update.state)) return OkStatus();
  updates_.erase(update.instance_id);
  machines_.Remove(pending.machine);
  return OkStatus();
}

// The other direction: what workflow code gave up to here must all be in history. Commands that are
// still to be sent are of this task and later (R10), and patches may be newer than the run.
Status RunState::CheckAllMatched() {
  if (!saw_task_completed_) return OkStatus();
  pending_.EraseIf([](const PendingCommand& pending) {
    return pending.kind == CommandKind::kPatch && !pending.command;
  });
  for (const PendingCommand& pending : pending_) {
    if (pending.command) continue;
    return Mismatch(nullptr, "workflow code gave a command that history has no event for",
                    kGuardChange);
  }
  return OkStatus();
}

std::string RunState::Describe(const PendingCommand& pending) const {
  const std::string name = InfoOf(pending.kind).name;
  std::string which;
  const auto* kind =
      pending.machine == MachineTable::kNone ? nullptr : &machines_[pending.machine].kind;
  switch (pending.kind) {
    case CommandKind::kStartTimer:
    case CommandKind::kCancelTimer:
      which = absl::StrCat("timer_id ", machines_[pending.machine].seq);
      break;
    case CommandKind::kScheduleActivity:
    case CommandKind::kCancelActivity:
      which = absl::StrCat("activity_id ", std::get<Activity>(*kind).id, ", type ",
                           std::get<Activity>(*kind).type);
      break;
    case CommandKind::kStartChild:
      which = absl::StrCat("workflow_id ", std::get<Child>(*kind).workflow_id, ", type ",
                           std::get<Child>(*kind).workflow_type);
      break;
    case CommandKind::kSignalExternal:
      which = absl::StrCat("workflow_id ", std::get<SignalExternal>(*kind).workflow_id, ", signal ",
                           std::get<SignalExternal>(*kind).name);
      break;
    case CommandKind::kCancelExternal:
      which = absl::StrCat("workflow_id ", std::get<CancelExternal>(*kind).workflow_id);
      break;
    case CommandKind::kPatch:
      which = absl::StrCat(kPatchMarker, " ", pending.name);
      break;
    case CommandKind::kSideEffect:
      which = absl::StrCat(kSideEffectMarker, " ", pending.number);
      break;
    case CommandKind::kMutableSideEffect:
      which = absl::StrCat(kMutableSideEffectMarker, " ", pending.name, " call ", pending.number);
      break;
    case CommandKind::kLocalActivity:
      which = absl::StrCat(kLocalActivityMarker, " seq ", pending.number);
      break;
    case CommandKind::kUpsertSearchAttributes:
      which = absl::StrCat("keys ", pending.name);
      break;
    case CommandKind::kAcceptUpdate:
    case CommandKind::kCompleteUpdate:
      which = absl::StrCat(pending.kind == CommandKind::kAcceptUpdate ? "accept" : "complete",
                           " update ", std::get<Update>(*kind).instance_id);
      break;
    default:
      break;
  }
  return which.empty() ? name : absl::StrCat(name, " (", which, ")");
}

// Both sides at the first divergence, with a few neighbours of each stream.
Status RunState::Mismatch(const Event* event, const std::string& reason,
                          const std::string& advice) {
  const std::int64_t at = event ? event->event_id() : last_event_id_;
  std::string text =
      absl::StrCat("workflow ", workflow_type_, " (", workflow_id_, ", run ", run_id_,
                   ") left its history: ", reason,
                   "\n  history: ", event ? core::Describe(*event) : "no event", "\n  code:    ");
  auto command = pending_.begin();
  while (command != pending_.end() && command->command) ++command;
  absl::StrAppend(&text, command == pending_.end() ? "no command" : Describe(*command));
  absl::StrAppend(&text, "\nHistory around it:");
  for (const Event* neighbour : events_.Around(at, kNeighbours, kNeighbours)) {
    absl::StrAppend(&text, "\n  ", event && neighbour->event_id() == at ? "> " : "  ",
                    core::Describe(*neighbour));
  }
  absl::StrAppend(&text, "\nCommands of the code from there:");
  for (int i = 0; i <= kNeighbours && command != pending_.end(); ++command, ++i) {
    absl::StrAppend(&text, "\n  ", i == 0 ? "> " : "  ", Describe(*command));
  }
  if (!advice.empty()) absl::StrAppend(&text, "\n", advice);
  return absl::AbortedError(text);
}

}  // namespace perdure::core
