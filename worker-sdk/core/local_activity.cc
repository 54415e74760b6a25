// RunState: local activities (R38 to R45).
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "worker-sdk/core/convert.h"
#include "worker-sdk/core/outcome.h"
#include "worker-sdk/core/state.h"

namespace perdure::core {

using absl::OkStatus;
using absl::Status;

namespace {

void Erase(std::vector<std::uint32_t>* seqs, std::uint32_t seq) {
  seqs->erase(std::remove(seqs->begin(), seqs->end(), seq), seqs->end());
}
bool Contains(const std::vector<std::uint32_t>& seqs, std::uint32_t seq) {
  return std::find(seqs.begin(), seqs.end(), seq) != seqs.end();
}

// What workflow code sees of a local activity that did not succeed: the same as of any activity.
// The marker holds the cause alone, as sdk-core writes it.
FailurePtr OfLocalActivity(const LocalActivityMarker& marker) {
  if (std::holds_alternative<ActivityFailureInfo>(marker.failure->info)) return marker.failure;
  Failure failure;
  failure.message = "local activity failed";
  failure.cause = marker.failure;
  ActivityFailureInfo info;
  info.activity_type = marker.activity_type;
  info.activity_id = marker.activity_id;
  failure.info = std::move(info);
  return std::make_shared<const Failure>(std::move(failure));
}

detail::OperationResult ResultOf(const LocalActivityMarker& marker) {
  if (marker.backoff) {
    return detail::BackoffResult{marker.attempt + 1, *marker.backoff,
                                 marker.original_schedule_time.value_or(Timestamp())};
  }
  if (!marker.failure) return detail::CompletedResult{marker.result};
  if (IsCancellation(*marker.failure)) return detail::CanceledResult{OfLocalActivity(marker)};
  return detail::FailedResult{OfLocalActivity(marker)};
}

}  // namespace

Status RunState::Do(detail::ScheduleLocalActivityCommand& command) {
  const std::uint32_t seq = command.seq;
  if (command.activity_id.empty()) command.activity_id = absl::StrCat(seq);
  LocalActivity activity;
  activity.scheduled_time = time_;
  activity.command = std::make_unique<detail::ScheduleLocalActivityCommand>(std::move(command));
  if (!activity.command->original_schedule_time) activity.command->original_schedule_time = time_;
  activity.state = replaying_ ? LocalActivity::State::kWaiting : LocalActivity::State::kRunning;
  Machine machine;
  machine.seq = seq;
  machine.kind = std::move(activity);
  const MachineTable::Id id = machines_.Add(std::move(machine));
  if (!replaying_) {
    queued_.push_back(seq);
    return OkStatus();
  }
  const auto seen = seen_ahead_.find(seq);
  if (seen == seen_ahead_.end()) {
    waiting_.push_back(seq);
    return OkStatus();
  }
  LocalActivityMarker marker = std::move(seen->second);
  seen_ahead_.erase(seen);
  ResolveFromMarker(id, std::move(marker));
  return OkStatus();
}

Status RunState::Do(detail::RequestCancelLocalActivityCommand& command) {
  const MachineTable::Id id = machines_.BySeq(command.seq);
  auto* activity = machines_.As<LocalActivity>(id);
  if (!activity) return OkStatus();  // It was recorded: nothing to cancel.
  const bool waits =
      activity->command->cancellation == detail::ActivityCancellation::wait_completed;
  const LocalActivity::State before = activity->state;
  if (!Take(*activity, waits ? LocalActivity::Input::kCancel : LocalActivity::Input::kCancelNow)) {
    return absl::InternalError("a local activity was canceled in a state where that cannot be");
  }
  if (before != LocalActivity::State::kRunning) return OkStatus();
  const bool not_started = Contains(queued_, command.seq);
  // Nobody has it yet, so nobody will report its end; and an abandoned one nobody waits for (R41).
  if (not_started) Erase(&queued_, command.seq);
  if (waits && not_started) (void)Take(*activity, LocalActivity::Input::kOutcome);
  if (!not_started && activity->command->cancellation != detail::ActivityCancellation::abandon) {
    cancels_.push_back(command.seq);
  }
  if (waits && !not_started) return OkStatus();
  Erase(&running_, command.seq);
  LocalActivityMarker marker;
  marker.attempt = activity->command->attempt;
  marker.failure = CanceledLocalActivity(*activity->command);
  RecordLocalActivity(id, std::move(marker));
  return OkStatus();
}

// The outcome reaches workflow code, and its marker stands where it did (R39).
void RunState::RecordLocalActivity(MachineTable::Id id, LocalActivityMarker marker) {
  const LocalActivity& activity = *machines_.As<LocalActivity>(id);
  marker.seq = machines_[id].seq;
  marker.activity_id = activity.command->activity_id;
  marker.activity_type = activity.command->activity_type;
  marker.original_schedule_time = activity.command->original_schedule_time;
  marker.order = ++local_order_;
  TellLater(marker);
  PendingCommand pending{CommandKind::kLocalActivity};
  pending.number = marker.seq;
  pending.command = std::make_unique<temporal::api::command::v1::Command>();
  pending.command->set_command_type(temporal::api::enums::v1::COMMAND_TYPE_RECORD_MARKER);
  if (!activity.command->summary.empty()) {
    *pending.command->mutable_user_metadata()->mutable_summary() =
        ToApi(JsonText(activity.command->summary));
  }
  Write(std::move(marker), pending.command->mutable_record_marker_command_attributes());
  pending_.Push(std::move(pending));
}

Status RunState::ResolveLocalActivity(LocalActivityOutcome outcome) {
  Erase(&running_, outcome.seq);
  const MachineTable::Id id = machines_.BySeq(outcome.seq);
  auto* activity = machines_.As<LocalActivity>(id);
  if (!activity) return OkStatus();  // Canceled, and recorded since.
  const bool was_running = activity->state == LocalActivity::State::kRunning;
  if (!Take(*activity, LocalActivity::Input::kOutcome)) {
    return absl::InternalError("a local activity ended that did not run");
  }
  if (!was_running || commanded_end_) return OkStatus();
  LocalActivityMarker marker;
  marker.attempt = outcome.attempt;
  marker.complete_time = activity->scheduled_time + outcome.run_time;
  if (auto* completed = std::get_if<detail::CompletedResult>(&outcome.result)) {
    marker.result = std::move(completed->value);
  } else if (auto* failed = std::get_if<detail::FailedResult>(&outcome.result)) {
    marker.failure = std::move(failed->failure);
  } else if (auto* canceled = std::get_if<detail::CanceledResult>(&outcome.result)) {
    marker.failure = canceled->failure ? std::move(canceled->failure)
                                       : CanceledLocalActivity(*activity->command);
  } else {
    marker.backoff = std::get<detail::BackoffResult>(outcome.result).duration;
  }
  RecordLocalActivity(id, std::move(marker));
  return OkStatus();
}

void RunState::ResolveFromMarker(MachineTable::Id id, LocalActivityMarker marker) {
  auto* activity = machines_.As<LocalActivity>(id);
  if (!Take(*activity, LocalActivity::Input::kSeenAhead)) return;
  Erase(&waiting_, marker.seq);
  TellLater(marker);
}

void RunState::TellLater(const LocalActivityMarker& marker) {
  local_results_.push_back(
      {marker.order, marker.complete_time, {marker.seq, ResultOf(marker), true}});
}

// The one whose marker stands first. R40: with it, workflow time moves.
bool RunState::TakeLocalResult() {
  const auto first = std::min_element(
      local_results_.begin(), local_results_.end(),
      [](const LocalResult& a, const LocalResult& b) { return a.order < b.order; });
  if (first == local_results_.end()) return false;
  if (first->complete_time) SetTime(*first->complete_time);
  activation_.jobs.emplace_back(std::move(first->job));
  local_results_.erase(first);
  return true;
}

Status RunState::MatchLocalActivityMarker(const Event& event) {
  auto marker = ReadLocalActivity(event.marker_recorded_event_attributes());
  if (!marker.ok()) return marker.status();
  const MachineTable::Id id = machines_.BySeq(marker->seq);
  auto* activity = machines_.As<LocalActivity>(id);
  if (!activity) return Mismatch(&event, "workflow code runs no local activity with this number");
  if (CanUse(CoreFlag::kIdAndTypeChecks) &&
      (activity->command->activity_id != marker->activity_id ||
       activity->command->activity_type != marker->activity_type)) {
    return Mismatch(
        &event, absl::StrCat("workflow code runs local activity ", activity->command->activity_id,
                             " of type ", activity->command->activity_type));
  }
  const LocalActivity::State before = activity->state;
  if (!Take(*activity, LocalActivity::Input::kMarkerEvent)) {
    return Mismatch(&event, "the local activity is still running");
  }
  if (before == LocalActivity::State::kWaiting) {
    Erase(&waiting_, marker->seq);
    marker->order = ++local_order_;
    TellLater(*marker);
  }
  const std::int64_t seq = marker->seq;
  pending_.EraseIf([seq](const PendingCommand& pending) {
    return pending.kind == CommandKind::kLocalActivity && pending.number == seq;
  });
  machines_.Remove(id);
  return OkStatus();
}

// A task that is not replay has begun: outcomes that history does not hold were never recorded
// (R39).
void RunState::RunUnrecorded() {
  for (const std::uint32_t seq : waiting_) {
    auto* activity = machines_.As<LocalActivity>(machines_.BySeq(seq));
    if (activity && Take(*activity, LocalActivity::Input::kLiveTask)) queued_.push_back(seq);
  }
  waiting_.clear();
}

RunLocalActivities RunState::TakeLocalActivities() {
  RunLocalActivities step;
  for (const std::uint32_t seq : queued_) {
    LocalActivity& activity = *machines_.As<LocalActivity>(machines_.BySeq(seq));
    LocalActivityCall call;
    // The machine keeps what identifies it; input and headers go with the call.
    call.original_schedule_time = *activity.command->original_schedule_time;
    Payloads input = std::move(activity.command->input);
    PayloadMap headers = std::move(activity.command->headers);
    activity.command->input.clear();
    activity.command->headers.clear();
    call.command = *activity.command;
    call.command.input = std::move(input);
    call.command.headers = std::move(headers);
    step.start.push_back(std::move(call));
    running_.push_back(seq);
  }
  queued_.clear();
  step.canceled = std::move(cancels_);
  cancels_.clear();
  return step;
}

}  // namespace perdure::core
