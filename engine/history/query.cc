// QueryWorkflow: with the next workflow task if there is one, else straight to a worker.
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "history/polls.h"
#include "history/requests.h"
#include "temporal/api/enums/v1/failed_cause.pb.h"

namespace perdure::history {
namespace {

using QueryReply = Reply<api::QueryWorkflowResponse>;
using temporal::api::query::v1::WorkflowQuery;

// How long a worker may take to hear that its task is no more: longer than a task's default
// timeout, and than a client that lost its server takes to find another.
constexpr absl::Duration kStaleTasksLive = absl::Minutes(1);

// As the run is when it is called.
void Route(Core& core, const ExecutionPtr& run, CallContext context, WorkflowQuery query,
           QueryReply reply, bool may_be_sticky);

// The worker that has the run in its cache may be at work on a task that the owner before gave it.
// When it hears that nobody knows of that task it forgets the run, and reads all of its history for
// a query that waits; it would be ahead of the next task then, as in SendDirectly.
bool IsCacheDoubtful(Core& core, const Execution& run) {
  return !run.has_completed_task_here &&
         core.loop().Now() < core.served_since(run.key.shard) + kStaleTasksLive;
}

// A worker that has the run in its cache but does not answer gets five seconds, then another is
// asked. By then there may be a task.
void AskAnother(Core& core, const ExecutionPtr& run, CallContext context, WorkflowQuery query,
                QueryReply reply) {
  core.Show(run->name_space, run->workflow_id, run->run_id,
            [&core, context = std::move(context), query = std::move(query),
             reply = std::move(reply)](absl::StatusOr<ExecutionPtr> found) mutable {
              if (!found.ok()) return std::move(reply)(found.status());
              Route(core, *found, std::move(context), std::move(query), std::move(reply),
                    /*may_be_sticky=*/false);
            });
}

void SendCommitted(Core& core, const ExecutionPtr& run, CallContext context, WorkflowQuery query,
                   QueryReply reply, bool may_be_sticky) {
  const bool is_sticky = may_be_sticky && run->state.IsSticky() && !IsCacheDoubtful(core, *run);
  BuildQueryPoll(
      core, run, is_sticky,
      [&core, run, context, query = std::move(query), reply = std::move(reply),
       is_sticky](absl::StatusOr<api::PollWorkflowTaskQueueResponse> response) mutable {
        if (!response.ok()) return std::move(reply)(response.status());
        services::QueryTask task;
        task.name_space = run->name_space;
        task.workflow_id = run->workflow_id;
        task.run_id = run->run_id;
        task.workflow_type = run->state.info.workflow_type();
        task.is_sticky = is_sticky;
        task.normal_task_queue = run->state.info.task_queue();
        task.task_queue =
            is_sticky ? run->state.info.sticky().task_queue() : run->state.info.task_queue();
        task.query = query;
        task.response = *std::move(response);
        CallContext waiting = context;
        if (is_sticky) {
          waiting.deadline = std::min(waiting.deadline, core.loop().Now() + absl::Seconds(5));
        }
        core.matching().Query(
            waiting, std::move(task),
            [&core, run, context, query = std::move(query), reply = std::move(reply),
             is_sticky](absl::StatusOr<api::QueryWorkflowResponse> answer) mutable {
              const bool tries_again =
                  is_sticky && (answer.status().code() == absl::StatusCode::kUnavailable ||
                                answer.status().code() == absl::StatusCode::kDeadlineExceeded);
              if (!tries_again) return std::move(reply)(std::move(answer));
              core.loop().Post([&core, run, context, query = std::move(query),
                                reply = std::move(reply)]() mutable {
                AskAnother(core, run, std::move(context), std::move(query), std::move(reply));
              });
            });
      });
}

// No task waits or runs: the state is what the last one left. A worker that has not cached the run
// is given what is committed of the history, so that task's events have to be committed first, or
// the answer would not show what the task saw. Nor may it be given more: it would run ahead of the
// next task, and keep the run so.
void SendDirectly(Core& core, const ExecutionPtr& run, CallContext context, WorkflowQuery query,
                  QueryReply reply, bool may_be_sticky) {
  core.committer().AfterCommits(
      run, [&core, run, context, query = std::move(query), reply = std::move(reply),
            may_be_sticky](absl::Status status) mutable {
        if (!status.ok()) return std::move(reply)(std::move(status));
        const bool has_gone_on =
            run->state.IsRunning() && (run->state.HasTask() || run->state.IsPaused());
        const auto next = has_gone_on ? Route : SendCommitted;
        next(core, run, std::move(context), std::move(query), std::move(reply), may_be_sticky);
      });
}

void Buffer(Core& core, const ExecutionPtr& run, CallContext context, WorkflowQuery query,
            QueryReply reply) {
  const std::string id = core.loop().random().Uuid();
  BufferedQuery buffered;
  buffered.query = std::move(query);
  buffered.reply = std::move(reply);
  buffered.context = context;
  if (run->state.HasStartedTask()) {
    const pb::WorkflowTask& task = run->state.info.workflow_task();
    buffered.after_task = {task.scheduled_event_id(), task.attempt()};
  }
  run->queries.emplace(id, std::move(buffered));
  if (context.deadline == absl::InfiniteFuture()) return;
  core.loop().At(context.deadline, [run, id] {
    const auto found = run->queries.find(id);
    if (found == run->queries.end()) return;
    QueryReply reply = std::move(found->second.reply);
    run->queries.erase(found);
    std::move(reply)(absl::DeadlineExceededError("context deadline exceeded"));
  });
}

bool IsRejected(const State& state, int condition) {
  const auto status = state.info.status();
  if (condition == machines::enums::QUERY_REJECT_CONDITION_NOT_OPEN) return !state.IsRunning();
  if (condition == machines::enums::QUERY_REJECT_CONDITION_NOT_COMPLETED_CLEANLY) {
    return !state.IsRunning() && status != machines::enums::WORKFLOW_EXECUTION_STATUS_COMPLETED &&
           status != machines::enums::WORKFLOW_EXECUTION_STATUS_CONTINUED_AS_NEW;
  }
  return false;
}

void Reject(const State& state, QueryReply reply) {
  api::QueryWorkflowResponse response;
  response.mutable_query_rejected()->set_status(state.info.status());
  std::move(reply)(std::move(response));
}

void Route(Core& core, const ExecutionPtr& run, CallContext context, WorkflowQuery query,
           QueryReply reply, bool may_be_sticky) {
  const State& state = run->state;
  // There may be events that no task has shown to the worker.
  if (state.IsPaused()) return Reject(state, std::move(reply));
  const bool goes_directly = !state.IsRunning() || !state.HasTask();
  if (goes_directly) {
    return SendDirectly(core, run, std::move(context), std::move(query), std::move(reply),
                        may_be_sticky);
  }
  if (state.info.workflow_task().attempt() >= 3) {
    return std::move(reply)(
        base::WorkflowNotReady("Cannot query workflow due to Workflow Task in failed state."));
  }
  const int64_t limit = run->name_space->limits.buffered_queries;
  if (static_cast<int64_t>(run->queries.size()) >= limit) {
    return std::move(reply)(
        base::ResourceExhausted(machines::enums::RESOURCE_EXHAUSTED_CAUSE_BUSY_WORKFLOW,
                                "consistent query buffer is full, this may be caused by too many "
                                "queries and workflow not able to process query fast enough"));
  }
  Buffer(core, run, std::move(context), std::move(query), std::move(reply));
}

void QueryRun(Core& core, const ExecutionPtr& run, CallContext context,
              api::QueryWorkflowRequest request, QueryReply reply) {
  const State& state = run->state;
  if (state.IsPaused() || IsRejected(state, request.query_reject_condition())) {
    return Reject(state, std::move(reply));
  }
  if (!state.IsRunning() && !state.HasCompletedAnyTask()) {
    return std::move(reply)(
        base::WorkflowNotReady("Workflow execution closed before WorkflowTaskStarted event"));
  }
  if (!state.HasTask() && !state.HasCompletedAnyTask()) {
    // Nothing has run yet: the first task will carry it, if it comes in time.
    const int64_t until_ns = state.info.first_task_backoff_until_ns();
    if (until_ns != 0 && absl::FromUnixNanos(until_ns) > context.deadline) {
      return std::move(reply)(base::WorkflowNotReady("Workflow task is not scheduled yet."));
    }
    return Buffer(core, run, std::move(context), request.query(), std::move(reply));
  }
  Route(core, run, std::move(context), request.query(), std::move(reply), /*may_be_sticky=*/true);
}

void AnswerOne(QueryReply reply, const temporal::api::query::v1::WorkflowQueryResult& result) {
  if (result.result_type() == machines::enums::QUERY_RESULT_TYPE_ANSWERED) {
    api::QueryWorkflowResponse response;
    *response.mutable_query_result() = result.answer();
    return std::move(reply)(std::move(response));
  }
  std::move(reply)(base::QueryFailed(result.error_message(), result.failure()));
}

}  // namespace

void Query(Core& core, CallContext context, NamespacePtr name_space,
           api::QueryWorkflowRequest request, QueryReply reply) {
  // By value first: the request moves into the callback.
  const std::string workflow_id = request.execution().workflow_id();
  const std::string run_id = request.execution().run_id();
  core.Show(name_space, workflow_id, run_id,
            [&core, context, request = std::move(request),
             reply = std::move(reply)](absl::StatusOr<ExecutionPtr> found) mutable {
              if (!found.ok()) return std::move(reply)(found.status());
              const ExecutionPtr run = *found;
              // The answer may rest on nothing that is not durable.
              core.committer().AfterCommits(
                  run, [&core, run, context, request = std::move(request),
                        reply = std::move(reply)](absl::Status status) mutable {
                    if (!status.ok()) return std::move(reply)(std::move(status));
                    QueryRun(core, run, std::move(context), std::move(request), std::move(reply));
                  });
            });
}

void AnswerQueries(const ExecutionPtr& execution, const QueryResults& results) {
  // In the order of the queries: that of the results differs from process to process.
  for (auto query = execution->queries.begin(); query != execution->queries.end();) {
    const auto result = results.find(query->first);
    if (result == results.end()) {
      ++query;
      continue;
    }
    QueryReply reply = std::move(query->second.reply);
    query = execution->queries.erase(query);
    AnswerOne(std::move(reply), result->second);
  }
}

void ReleaseQueries(Core& core, const ExecutionPtr& execution) {
  if (execution->queries.empty() || execution->state.HasTask()) return;
  auto queries = std::move(execution->queries);
  execution->queries.clear();
  for (auto& [id, query] : queries) {
    Route(core, execution, query.context, std::move(query.query), std::move(query.reply),
          /*may_be_sticky=*/true);
  }
}

}  // namespace perdure::history
