// START_TIMER and CANCEL_TIMER.
#include "absl/strings/str_cat.h"
#include "machines/workflow/command/handler.h"

namespace perdure::machines {
namespace {

constexpr auto kBadStart = enums::WORKFLOW_TASK_FAILED_CAUSE_BAD_START_TIMER_ATTRIBUTES;
constexpr auto kBadCancel = enums::WORKFLOW_TASK_FAILED_CAUSE_BAD_CANCEL_TIMER_ATTRIBUTES;

// The started event id of a timer whose TimerFired waits in the buffer; 0 if none.
EventId BufferedFiring(const State& state, const std::string& timer_id) {
  for (const int64_t key : state.buffered_events.Keys()) {
    const HistoryEvent& event = **state.buffered_events.Find(key);
    if (event.event_type() == enums::EVENT_TYPE_TIMER_FIRED &&
        event.timer_fired_event_attributes().timer_id() == timer_id) {
      return event.timer_fired_event_attributes().started_event_id();
    }
  }
  return 0;
}

}  // namespace

bool HandleStartTimer(Completion& completion, const Command& command) {
  Draft& draft = completion.draft;
  const auto& attributes = command.start_timer_command_attributes();
  const std::string& id = attributes.timer_id();
  if (id.empty()) return completion.Fail(kBadStart, "TimerId is not set on StartTimerCommand.");
  if (id.size() > static_cast<size_t>(draft.limits().id_length)) {
    return completion.Fail(
        kBadStart, absl::StrCat("TimerId on StartTimerCommand exceeds length limit. TimerId=", id,
                                " Length=", id.size(), " Limit=", draft.limits().id_length));
  }
  if (const absl::Status status = CheckDuration(attributes.start_to_fire_timeout()); !status.ok()) {
    return completion.Fail(
        kBadStart, absl::StrCat("An invalid StartToFireTimeout is set on StartTimerCommand: ",
                                status.message(), ". TimerId=", id));
  }
  if (draft.state().timer_ids.Contains(id)) {
    return completion.Fail(enums::WORKFLOW_TASK_FAILED_CAUSE_START_TIMER_DUPLICATE_ID,
                           absl::StrCat("timerId ", id, " already exists."));
  }
  HistoryEvent event = completion.EventOf(command, enums::EVENT_TYPE_TIMER_STARTED);
  auto* out = event.mutable_timer_started_event_attributes();
  out->set_timer_id(id);
  SetDuration(out->mutable_start_to_fire_timeout(), CappedNs(attributes.start_to_fire_timeout()));
  out->set_workflow_task_completed_event_id(completion.completed_id);
  draft.Add(std::move(event));
  return true;
}

bool HandleCancelTimer(Completion& completion, const Command& command) {
  Draft& draft = completion.draft;
  const std::string& id = command.cancel_timer_command_attributes().timer_id();
  if (id.empty()) return completion.Fail(kBadCancel, "TimerId is not set on CancelTimerCommand.");
  EventId started_id = 0;
  const EventId* found = draft.state().timer_ids.Find(id);
  if (found != nullptr) {
    started_id = *found;
  } else {
    // It fired while this task was out: the firing is taken back.
    started_id = BufferedFiring(draft.state(), id);
    if (started_id == 0) {
      return completion.Fail(kBadCancel, absl::StrCat("timer ", id, " is not pending"));
    }
    pb::Change change;
    change.set_buffered_timer_removed(id);
    draft.Emit(std::move(change));
    if (draft.state().buffered_events.empty()) completion.has_buffered_events = false;
  }
  HistoryEvent event = completion.EventOf(command, enums::EVENT_TYPE_TIMER_CANCELED);
  auto* out = event.mutable_timer_canceled_event_attributes();
  out->set_timer_id(id);
  out->set_started_event_id(started_id);
  out->set_workflow_task_completed_event_id(completion.completed_id);
  out->set_identity(completion.request.identity());
  draft.Add(std::move(event));
  return true;
}

}  // namespace perdure::machines
