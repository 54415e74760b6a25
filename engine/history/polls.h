// What a worker gets with a task. Loop-bound.
#pragma once

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "history/core.h"
#include "perdure/internal/v1/task_token.pb.h"
#include "services/tasks.h"

namespace perdure::history {

// The answer to a poll for the run's started workflow task. `is_sticky`: the worker has the run in its cache and
// gets only what is new.
using WorkflowPollResult = absl::AnyInvocable<void(absl::StatusOr<api::PollWorkflowTaskQueueResponse>) &&>;
void BuildWorkflowPoll(Core& core, const ExecutionPtr& execution, bool is_sticky,
                       WorkflowPollResult result);

// The same for a query that goes out alone: history, but no task.
void BuildQueryPoll(Core& core, const ExecutionPtr& execution, bool is_sticky,
                    WorkflowPollResult result);

api::PollActivityTaskQueueResponse BuildActivityPoll(const Execution& execution,
                                                     const machines::Activity& activity);

// INVALID_ARGUMENT if it is none of ours.
absl::StatusOr<perdure::internal::v1::TaskToken> ParseTaskToken(const std::string& bytes);

}  // namespace perdure::history
