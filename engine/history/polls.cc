#include "history/polls.h"

#include <utility>

#include "base/errors.h"
#include "history/events.h"
#include "machines/workflow/decide/activity.h"
#include "machines/workflow/decide/task.h"
#include "machines/workflow/times.h"

namespace perdure::history {
namespace {

using perdure::internal::v1::HistoryPageToken;
using perdure::internal::v1::TaskToken;

// Attempts beyond the first and speculative tasks have no events yet: the worker is shown what they
// will be.
void AddTransientEvents(const Execution& execution, temporal::api::history::v1::History* history) {
  const pb::WorkflowTask& task = execution.state.info.workflow_task();
  if (task.has_events() || task.type() == pb::WorkflowTask::NONE) return;
  HistoryEvent* scheduled = history->add_events();
  scheduled->set_event_id(task.scheduled_event_id());
  scheduled->set_event_type(machines::enums::EVENT_TYPE_WORKFLOW_TASK_SCHEDULED);
  machines::SetTimestamp(scheduled->mutable_event_time(), task.scheduled_time_ns());
  auto* scheduled_attributes = scheduled->mutable_workflow_task_scheduled_event_attributes();
  scheduled_attributes->mutable_task_queue()->set_name(execution.state.info.task_queue());
  scheduled_attributes->mutable_task_queue()->set_kind(machines::enums::TASK_QUEUE_KIND_NORMAL);
  machines::SetDuration(scheduled_attributes->mutable_start_to_close_timeout(), task.timeout_ns());
  scheduled_attributes->set_attempt(task.attempt());
  if (task.started_event_id() == 0) return;
  HistoryEvent* started = history->add_events();
  started->set_event_id(task.started_event_id());
  started->set_event_type(machines::enums::EVENT_TYPE_WORKFLOW_TASK_STARTED);
  machines::SetTimestamp(started->mutable_event_time(), task.started_time_ns());
  auto* attributes = started->mutable_workflow_task_started_event_attributes();
  attributes->set_scheduled_event_id(task.scheduled_event_id());
  attributes->set_identity(task.identity());
  attributes->set_request_id(task.request_id());
  attributes->set_suggest_continue_as_new(task.suggest_continue_as_new());
  for (const int reason : task.suggest_reasons()) {
    attributes->add_suggest_continue_as_new_reasons(
        static_cast<machines::enums::SuggestContinueAsNewReason>(reason));
  }
  attributes->set_history_size_bytes(task.history_size_bytes());
}

void FillRun(const Execution& execution, api::PollWorkflowTaskQueueResponse& response) {
  const pb::ExecutionInfo& info = execution.state.info;
  response.mutable_workflow_execution()->set_workflow_id(execution.workflow_id);
  response.mutable_workflow_execution()->set_run_id(execution.run_id);
  response.mutable_workflow_type()->set_name(info.workflow_type());
  response.set_previous_started_event_id(info.last_task_started_event_id());
  response.mutable_workflow_execution_task_queue()->set_name(info.task_queue());
  response.mutable_workflow_execution_task_queue()->set_kind(
      machines::enums::TASK_QUEUE_KIND_NORMAL);
}

// Adds the first page of [from, end) and what follows the last one.
void AddHistory(Core& core, const ExecutionPtr& execution, EventId from, EventId end,
                api::PollWorkflowTaskQueueResponse response, WorkflowPollResult result) {
  EventRange range;
  range.from = from;
  range.end = end;
  range.events_max = execution->name_space->limits.history_page_size;
  range.bytes_max = execution->name_space->limits.history_page_bytes;
  // Taken now: by the time the pages are read, the run may have gone on.
  temporal::api::history::v1::History transient;
  AddTransientEvents(*execution, &transient);
  ReadEvents(core, execution, range,
             [execution, end, transient = std::move(transient), response = std::move(response),
              result = std::move(result)](absl::StatusOr<EventPage> page) mutable {
               if (!page.ok()) return std::move(result)(page.status());
               for (const auto& event : page->events) {
                 *response.mutable_history()->add_events() = *event;
               }
               response.mutable_history();
               if (page->next < end) {
                 HistoryPageToken token;
                 token.set_run_id(execution->run_id);
                 token.set_next_event_id(page->next);
                 token.set_last_event_id(end - 1);
                 token.set_transient_events(transient.SerializeAsString());
                 response.set_next_page_token(token.SerializeAsString());
               } else {
                 for (HistoryEvent& event : *transient.mutable_events()) {
                   *response.mutable_history()->add_events() = std::move(event);
                 }
               }
               std::move(result)(std::move(response));
             });
}

}  // namespace

absl::StatusOr<TaskToken> ParseTaskToken(const std::string& bytes) {
  TaskToken token;
  const bool is_valid = !bytes.empty() && bytes.size() < 8192 && token.ParseFromString(bytes) &&
                        token.namespace_number() > 0 && !token.workflow_id().empty();
  if (!is_valid) return base::InvalidArgument("Error deserializing task token.");
  return token;
}

void BuildWorkflowPoll(Core& core, const ExecutionPtr& execution, bool is_sticky,
                       WorkflowPollResult result) {
  Execution& run = *execution;
  const pb::ExecutionInfo& info = run.state.info;
  const pb::WorkflowTask& task = info.workflow_task();
  api::PollWorkflowTaskQueueResponse response;
  FillRun(run, response);
  TaskToken token;
  token.set_namespace_number(info.namespace_number());
  token.set_workflow_id(run.workflow_id);
  token.set_run_id(run.run_id);
  token.set_scheduled_event_id(task.scheduled_event_id());
  token.set_started_event_id(task.started_event_id());
  token.set_attempt(task.attempt());
  token.set_started_time_ns(task.started_time_ns());
  response.set_task_token(token.SerializeAsString());
  response.set_started_event_id(task.started_event_id());
  response.set_attempt(task.attempt());
  machines::SetTimestamp(response.mutable_scheduled_time(), task.scheduled_time_ns());
  machines::SetTimestamp(response.mutable_started_time(), task.started_time_ns());
  for (auto& message : machines::UpdateMessagesFor(run.state)) {
    *response.add_messages() = std::move(message);
  }
  const std::pair<EventId, int64_t> this_task(task.scheduled_event_id(), task.attempt());
  for (auto& [id, query] : run.queries) {
    if (query.after_task == this_task) continue;
    (*response.mutable_queries())[id] = query.query;
    query.is_sent = true;
  }
  const EventId from = is_sticky ? info.last_task_started_event_id() + 1 : 1;
  AddHistory(core, execution, from, info.next_event_id(), std::move(response), std::move(result));
}

void BuildQueryPoll(Core& core, const ExecutionPtr& execution, bool is_sticky,
                    WorkflowPollResult result) {
  api::PollWorkflowTaskQueueResponse response;
  FillRun(*execution, response);
  // Temporal: no started event id; a worker takes one as the last event it must have seen.
  response.set_attempt(1);
  // A worker that has the run needs no history to answer.
  if (is_sticky) {
    response.mutable_history();
    return std::move(result)(std::move(response));
  }
  AddHistory(core, execution, 1, execution->committed_next_event_id, std::move(response),
             std::move(result));
}

api::PollActivityTaskQueueResponse BuildActivityPoll(const Execution& execution,
                                                     const machines::Activity& activity) {
  const pb::ExecutionInfo& info = execution.state.info;
  const pb::PendingActivity& pending = activity.info;
  const auto& scheduled = activity.scheduled->activity_task_scheduled_event_attributes();
  api::PollActivityTaskQueueResponse response;
  response.set_task_token(machines::ActivityTokenOf(execution.state, activity).SerializeAsString());
  response.set_workflow_namespace(execution.name_space->name);
  response.mutable_workflow_type()->set_name(info.workflow_type());
  response.mutable_workflow_execution()->set_workflow_id(execution.workflow_id);
  response.mutable_workflow_execution()->set_run_id(execution.run_id);
  *response.mutable_activity_type() = scheduled.activity_type();
  response.set_activity_id(scheduled.activity_id());
  if (scheduled.has_header()) *response.mutable_header() = scheduled.header();
  if (scheduled.has_input()) *response.mutable_input() = scheduled.input();
  if (pending.has_heartbeat_details()) {
    *response.mutable_heartbeat_details() = pending.heartbeat_details();
  }
  machines::SetTimestamp(response.mutable_scheduled_time(), pending.first_scheduled_time_ns());
  machines::SetTimestamp(response.mutable_current_attempt_scheduled_time(),
                         pending.scheduled_time_ns());
  machines::SetTimestamp(response.mutable_started_time(), pending.started_time_ns());
  response.set_attempt(pending.attempt());
  machines::SetDuration(response.mutable_schedule_to_close_timeout(),
                        pending.schedule_to_close_ns());
  machines::SetDuration(response.mutable_start_to_close_timeout(), pending.start_to_close_ns());
  machines::SetDuration(response.mutable_heartbeat_timeout(), pending.heartbeat_ns());
  if (pending.has_retry_policy()) *response.mutable_retry_policy() = pending.retry_policy();
  temporal::api::common::v1::Priority priority = info.priority();
  priority.MergeFrom(pending.priority());
  if (priority.ByteSizeLong() > 0) *response.mutable_priority() = priority;
  return response;
}

}  // namespace perdure::history
