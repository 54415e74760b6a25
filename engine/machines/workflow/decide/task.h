// Decisions about workflow tasks: handed out, completed, failed. See workflow-task events in
// ARCHITECTURE.md, "Workflow tasks".
#pragma once

#include "absl/status/statusor.h"
#include "machines/workflow/decision.h"
#include "machines/workflow/draft.h"
#include "perdure/internal/v1/task_token.pb.h"
#include "temporal/api/protocol/v1/message.pb.h"
#include "temporal/api/workflowservice/v1/request_response.pb.h"

namespace perdure::machines {

namespace api = temporal::api::workflowservice::v1;

// Hands the pending task to a worker. Lazy: a task handed out is written with the next thing that
// happens. NOT_FOUND: stale. ALREADY_EXISTS: somebody else has it. A repeat of the same request id
// changes nothing.
absl::StatusOr<Decision> DecideTaskStarted(const State& state, EventId scheduled_event_id,
                                           int64_t stamp, const TaskStart& start,
                                           const Context& context);

// The messages that go out with the started task: the updates marked sent when it started, not
// those that came after.
std::vector<temporal::api::protocol::v1::Message> UpdateMessagesFor(const State& state);

// The started task carries every update that waits.
void MarkUpdatesSent(Draft& draft);
// The task they went out with is lost: they go out again with the next.
void UnsendUpdates(Draft& draft);

struct TaskCompletion {
  Decision decision;
  // Not OK: the decision (the failed task) is committed, and this is the answer.
  absl::Status answer;
  // Set if the completion led to nothing: the worker goes back to this event.
  EventId reset_history_event_id = 0;
};
absl::StatusOr<TaskCompletion> DecideTaskCompleted(
    const State& state, const perdure::internal::v1::TaskToken& token,
    const api::RespondWorkflowTaskCompletedRequest& request, const Context& context);

absl::StatusOr<Decision> DecideTaskFailed(const State& state,
                                          const perdure::internal::v1::TaskToken& token,
                                          const api::RespondWorkflowTaskFailedRequest& request,
                                          const Context& context);

// Gives a speculative task that is out with a worker its events, so that its completion finds it
// with the next owner, who will not know of the update: the worker's acceptance brings the request.
// Nothing to do for any other run.
Decision DecideSpeculativeTaskKept(const State& state, const Context& context);

absl::StatusOr<Decision> DecideStickyReset(const State& state, const Context& context);

// The sticky queue of the pending task has no worker: on to the normal one.
absl::StatusOr<Decision> DecideStickyWorkerUnavailable(const State& state,
                                                       EventId scheduled_event_id, int64_t stamp,
                                                       const Context& context);

// Deadlines that have passed: timers, timeouts, retries, delayed first tasks. Never an error.
Decision DecideDeadlines(const State& state, const Context& context);

// After a load: what a crash may have left undone (buffered events without a started task, an open
// run without the task its events ask for).
Decision DecideRecovery(const State& state, const Context& context);

}  // namespace perdure::machines
