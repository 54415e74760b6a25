// Workflow tasks: handed out, completed, failed; activities handed out.
#include <utility>

#include "base/errors.h"
#include "history/polls.h"
#include "history/requests.h"
#include "machines/workflow/decide/activity.h"
#include "machines/workflow/decide/task.h"

namespace perdure::history {
namespace {

machines::TaskStart StartOf(const services::Poller& poller) {
  machines::TaskStart start;
  start.identity = poller.identity;
  start.request_id = poller.request_id;
  start.task_queue = poller.task_queue;
  return start;
}

}  // namespace

void TaskStarted(Core& core, services::TaskKey task, services::Poller poller,
                 Reply<api::PollWorkflowTaskQueueResponse> reply) {
  core.Show(task.name_space, task.workflow_id, task.run_id,
            [&core, task, poller = std::move(poller),
             reply = std::move(reply)](absl::StatusOr<ExecutionPtr> found) mutable {
              if (!found.ok()) return std::move(reply)(found.status());
              const ExecutionPtr run = *found;
              const bool is_sticky = run->state.IsSticky() &&
                                     poller.task_queue == run->state.info.sticky().task_queue() &&
                                     run->state.HasCompletedAnyTask();
              auto decision =
                  machines::DecideTaskStarted(run->state, task.scheduled_event_id, task.stamp,
                                              StartOf(poller), core.ContextFor(task.name_space));
              if (!decision.ok()) return std::move(reply)(decision.status());
              core.Apply(
                  run, *std::move(decision),
                  [&core, run, is_sticky, request_id = poller.request_id,
                   reply = std::move(reply)](absl::Status status) mutable {
                    if (!status.ok()) return std::move(reply)(std::move(status));
                    // While the commit was under way it may have been lost to somebody else.
                    if (!run->state.HasStartedTask() ||
                        run->state.info.workflow_task().request_id() != request_id) {
                      return std::move(reply)(base::NotFound("Workflow task not found."));
                    }
                    const pb::WorkflowTask& started = run->state.info.workflow_task();
                    core.meters().TaskStarted(
                        *run->name_space, run->state.info.task_queue(),
                        /*is_activity=*/false, is_sticky,
                        absl::Nanoseconds(started.started_time_ns() - started.scheduled_time_ns()));
                    BuildWorkflowPoll(core, run, is_sticky, std::move(reply));
                  });
            });
}

void ActivityStarted(Core& core, services::TaskKey task, services::Poller poller,
                     Reply<api::PollActivityTaskQueueResponse> reply) {
  const machines::TaskStart start = StartOf(poller);
  UpdateRun(
      core, task.name_space, task.workflow_id, task.run_id,
      [task, start](const State& state, const machines::Context& context) {
        return machines::DecideActivityStarted(state, task.scheduled_event_id, task.attempt,
                                               task.stamp, start, context);
      },
      [&core, task, request_id = start.request_id, reply = std::move(reply)](
          absl::Status status, const ExecutionPtr& run) mutable {
        if (!status.ok()) return std::move(reply)(std::move(status));
        const machines::Activity* activity = run->state.activities.Find(task.scheduled_event_id);
        // Or timed out, and started again by somebody else, while the commit was under way.
        if (activity == nullptr || activity->info.request_id() != request_id) {
          return std::move(reply)(base::NotFound("the activity closed before it was handed out"));
        }
        core.meters().TaskStarted(
            *run->name_space,
            activity->scheduled->activity_task_scheduled_event_attributes().task_queue().name(),
            /*is_activity=*/true, /*is_sticky=*/false,
            absl::Nanoseconds(activity->info.started_time_ns() -
                              activity->info.scheduled_time_ns()));
        std::move(reply)(BuildActivityPoll(*run, *activity));
      });
}

void StickyUnavailable(Core& core, services::TaskKey task) {
  UpdateRun(
      core, task.name_space, task.workflow_id, task.run_id,
      [task](const State& state, const machines::Context& context) {
        return machines::DecideStickyWorkerUnavailable(state, task.scheduled_event_id, task.stamp,
                                                       context);
      },
      [&core](const absl::Status& status, const ExecutionPtr& run) {
        if (status.ok() && !run->is_dropped) core.PushTasks(run);
      });
}

namespace {

void AnswerCompletion(Core& core, const ExecutionPtr& run, bool returns_task,
                      const std::vector<EventId>& activities, EventId reset_history_event_id,
                      Reply<api::RespondWorkflowTaskCompletedResponse> reply) {
  api::RespondWorkflowTaskCompletedResponse response;
  response.set_reset_history_event_id(reset_history_event_id);
  for (const EventId id : activities) {
    const machines::Activity* activity = run->state.activities.Find(id);
    if (activity == nullptr) continue;
    *response.add_activity_tasks() = BuildActivityPoll(*run, *activity);
  }
  if (!returns_task || !run->state.HasStartedTask()) {
    ReleaseQueries(core, run);
    return std::move(reply)(std::move(response));
  }
  // The same worker has the run in its cache if it said so.
  const bool is_sticky = run->state.IsSticky();
  BuildWorkflowPoll(core, run, is_sticky,
                    [response = std::move(response), reply = std::move(reply)](
                        absl::StatusOr<api::PollWorkflowTaskQueueResponse> task) mutable {
                      if (task.ok()) *response.mutable_workflow_task() = *std::move(task);
                      std::move(reply)(std::move(response));
                    });
}

void CompleteOn(Core& core, const ExecutionPtr& run, const NamespacePtr& name_space,
                const perdure::internal::v1::TaskToken& token,
                const api::RespondWorkflowTaskCompletedRequest& request,
                Reply<api::RespondWorkflowTaskCompletedResponse> reply) {
  auto completion =
      machines::DecideTaskCompleted(run->state, token, request, core.ContextFor(name_space));
  if (!completion.ok()) return Refuse(core, run, completion.status(), std::move(reply));
  const absl::Status answer = completion->answer;
  const bool returns_task = completion->decision.returns_workflow_task;
  const EventId reset_id = completion->reset_history_event_id;
  std::vector<EventId> activities = completion->decision.started_activities;
  core.Apply(
      run, std::move(completion->decision),
      [&core, run, answer, returns_task, reset_id, activities = std::move(activities),
       results = request.query_results(), reply = std::move(reply)](absl::Status status) mutable {
        if (!status.ok()) return std::move(reply)(std::move(status));
        if (!answer.ok()) return std::move(reply)(answer);
        run->has_completed_task_here = true;
        AnswerQueries(run, results);
        AnswerCompletion(core, run, returns_task, activities, reset_id, std::move(reply));
      });
}

}  // namespace

void TaskCompleted(Core& core, CallContext context, NamespacePtr name_space,
                   api::RespondWorkflowTaskCompletedRequest request,
                   Reply<api::RespondWorkflowTaskCompletedResponse> reply) {
  const auto token = ParseTaskToken(request.task_token());
  if (!token.ok()) return std::move(reply)(token.status());
  core.With(name_space, token->workflow_id(), token->run_id(),
            [&core, name_space, token = *token, request = std::move(request),
             reply = std::move(reply)](absl::StatusOr<ExecutionPtr> found) mutable {
              if (!found.ok()) return std::move(reply)(found.status());
              CompleteOn(core, *found, name_space, token, request, std::move(reply));
            });
}

void TaskFailed(Core& core, CallContext context, NamespacePtr name_space,
                api::RespondWorkflowTaskFailedRequest request,
                Reply<api::RespondWorkflowTaskFailedResponse> reply) {
  const auto token = ParseTaskToken(request.task_token());
  if (!token.ok()) return std::move(reply)(token.status());
  UpdateRun(
      core, name_space, token->workflow_id(), token->run_id(),
      [token = *token, request = std::move(request)](const State& state,
                                                     const machines::Context& context) {
        return machines::DecideTaskFailed(state, token, request, context);
      },
      [reply = std::move(reply)](absl::Status status, const ExecutionPtr&) mutable {
        if (!status.ok()) return std::move(reply)(std::move(status));
        std::move(reply)(api::RespondWorkflowTaskFailedResponse());
      });
}

}  // namespace perdure::history
