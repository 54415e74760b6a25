// What happens by time alone.
#include <utility>

#include "machines/workflow/close.h"
#include "machines/workflow/decide/activity.h"
#include "machines/workflow/decide/task.h"

namespace perdure::machines {
namespace {

void FireTimer(Draft& draft, EventId started_event_id) {
  const pb::PendingTimer* timer = draft.state().timers.Find(started_event_id);
  if (timer == nullptr) return;
  HistoryEvent event = draft.NewEvent(enums::EVENT_TYPE_TIMER_FIRED);
  auto* out = event.mutable_timer_fired_event_attributes();
  out->set_timer_id(timer->timer_id());
  out->set_started_event_id(started_event_id);
  draft.Add(std::move(event));
  draft.EnsureTask();
}

void TaskDeadlinePassed(Draft& draft) {
  if (!draft.state().HasTask()) return;
  const bool was_started = draft.state().HasStartedTask();
  draft.TimeOutTask(was_started ? enums::TIMEOUT_TYPE_START_TO_CLOSE
                                : enums::TIMEOUT_TYPE_SCHEDULE_TO_START);
  // Stickiness ends with the task that nobody took.
  draft.EmitSticky("", 0);
  UnsendUpdates(draft);
  draft.FlushBuffer();
  draft.EnsureTask();
}

}  // namespace

void UnsendUpdates(Draft& draft) {
  for (const std::string& id : draft.state().admitted_updates.Keys()) {
    pb::AdmittedUpdate update = *draft.state().admitted_updates.Find(id);
    if (!update.is_sent()) continue;
    update.set_is_sent(false);
    pb::Change change;
    *change.mutable_update_admitted() = std::move(update);
    draft.Emit(std::move(change));
  }
}

Decision DecideDeadlines(const State& state, const Context& context) {
  Draft draft(state, context);
  // A bound on one commit; what is left is due at once again.
  constexpr int64_t kDeadlinesMax = 500;
  for (const Deadline& deadline : state.DueDeadlines(context.now_ns, kDeadlinesMax)) {
    if (!draft.state().IsRunning()) break;
    switch (deadline.kind) {
      case DeadlineKind::kRun: {
        const int64_t whole_ns = draft.info().execution_deadline_ns();
        TimeOutRun(draft, whole_ns != 0 && whole_ns <= context.now_ns);
        break;
      }
      case DeadlineKind::kFirstTask: {
        pb::Change change;
        change.mutable_first_task_backoff_over();
        draft.Emit(std::move(change));
        draft.EnsureTask();
        break;
      }
      case DeadlineKind::kWorkflowTask:
        TaskDeadlinePassed(draft);
        break;
      case DeadlineKind::kActivity:
        ActivityDeadlinePassed(draft, deadline.id);
        break;
      case DeadlineKind::kTimer:
        FireTimer(draft, deadline.id);
        break;
    }
  }
  return draft.Finish();
}

}  // namespace perdure::machines
