// What is known of runs: descriptions, histories, lists and counts.
#include <utility>

#include "perdure/codec.h"
#include "temporal/api/workflow/v1/message.pb.h"
#include "worker-sdk/client/rpc_error.h"
#include "worker-sdk/client/server_calls.h"
#include "worker-sdk/core/convert.h"

namespace perdure::client {
namespace {

namespace workflow = temporal::api::workflow::v1;

std::optional<Timestamp> Time(bool is_set, const google::protobuf::Timestamp& time) {
  if (!is_set) return std::nullopt;
  return core::FromApi(time);
}

void Read(workflow::WorkflowExecutionInfo* info, WorkflowExecution* execution) {
  execution->workflow_id = info->execution().workflow_id();
  execution->run_id = info->execution().run_id();
  execution->workflow_type = info->type().name();
  execution->task_queue = info->task_queue();
  execution->status = static_cast<WorkflowStatus>(info->status());
  if (info->has_start_time()) execution->start_time = core::FromApi(info->start_time());
  execution->execution_time = Time(info->has_execution_time(), info->execution_time());
  execution->close_time = Time(info->has_close_time(), info->close_time());
  execution->history_length = info->history_length();
  execution->history_size_bytes = info->history_size_bytes();
  execution->parent_workflow_id = info->parent_execution().workflow_id();
  execution->parent_run_id = info->parent_execution().run_id();
  execution->root_workflow_id = info->root_execution().workflow_id();
  execution->root_run_id = info->root_execution().run_id();
  execution->first_run_id = info->first_run_id();
  execution->memo = core::FromApi(std::move(*info->mutable_memo()));
  execution->search_attributes = core::FromApi(std::move(*info->mutable_search_attributes()));
}

PendingActivity Read(workflow::PendingActivityInfo* info) {
  PendingActivity activity;
  activity.activity_id = info->activity_id();
  activity.activity_type = info->activity_type().name();
  activity.is_started = info->state() == temporal::api::enums::v1::PENDING_ACTIVITY_STATE_STARTED;
  activity.is_cancel_requested =
      info->state() == temporal::api::enums::v1::PENDING_ACTIVITY_STATE_CANCEL_REQUESTED;
  activity.is_paused = info->paused();
  activity.attempt = info->attempt();
  activity.maximum_attempts = info->maximum_attempts();
  activity.scheduled_time = Time(info->has_scheduled_time(), info->scheduled_time());
  activity.last_started_time = Time(info->has_last_started_time(), info->last_started_time());
  activity.last_heartbeat_time = Time(info->has_last_heartbeat_time(), info->last_heartbeat_time());
  activity.heartbeat_details = core::FromApi(std::move(*info->mutable_heartbeat_details()));
  if (info->has_last_failure()) {
    DecodeFailureChain(info->mutable_last_failure());
    activity.last_failure = core::SharedFailure(std::move(*info->mutable_last_failure()));
  }
  activity.last_worker_identity = info->last_worker_identity();
  return activity;
}

// Another SDK's text may be in a form that this one cannot read; a description is not to fail of
// it.
std::string Text(bool is_set, temporal::api::common::v1::Payload payload) {
  if (!is_set) return {};
  try {
    return decode<std::string>(core::FromApi(std::move(payload)));
  } catch (const DecodeError&) {
    return {};
  }
}

}  // namespace

WorkflowDescription ServerCalls::describe_workflow(RunTarget& target) {
  api::DescribeWorkflowExecutionRequest request;
  api::DescribeWorkflowExecutionResponse response;
  request.set_namespace_(connection_->namespace_());
  request.mutable_execution()->set_workflow_id(target.workflow_id);
  request.mutable_execution()->set_run_id(target.run_id);
  ThrowUnlessOk(Send(CallKind::kUnary, PERDURE_WORKFLOW_METHOD("DescribeWorkflowExecution"),
                     &request, &response),
                {.workflow_id = target.workflow_id, .run_id = target.run_id, .workflow_type = {}});
  WorkflowDescription description;
  Read(response.mutable_workflow_execution_info(), &description);
  const auto& config = response.execution_config();
  if (description.task_queue.empty()) description.task_queue = config.task_queue().name();
  description.execution_timeout = core::TimeoutFromApi(config.workflow_execution_timeout());
  description.run_timeout = core::TimeoutFromApi(config.workflow_run_timeout());
  description.task_timeout = core::TimeoutFromApi(config.default_workflow_task_timeout());
  const auto& metadata = config.user_metadata();
  description.summary = Text(metadata.has_summary(), metadata.summary());
  description.details = Text(metadata.has_details(), metadata.details());
  for (auto& activity : *response.mutable_pending_activities()) {
    description.pending_activities.push_back(Read(&activity));
  }
  for (const auto& child : response.pending_children()) {
    description.pending_children.push_back({.workflow_id = child.workflow_id(),
                                            .run_id = child.run_id(),
                                            .workflow_type = child.workflow_type_name()});
  }
  description.pending_task_attempt = response.pending_workflow_task().attempt();
  return description;
}

std::string ServerCalls::fetch_history(HistoryInput& input) {
  temporal::api::history::v1::History history;
  std::string page_token;
  do {
    api::GetWorkflowExecutionHistoryRequest request;
    api::GetWorkflowExecutionHistoryResponse response;
    request.set_namespace_(connection_->namespace_());
    request.mutable_execution()->set_workflow_id(input.target.workflow_id);
    request.mutable_execution()->set_run_id(input.target.run_id);
    request.set_next_page_token(page_token);
    ThrowUnlessOk(Send(CallKind::kUnary, PERDURE_WORKFLOW_METHOD("GetWorkflowExecutionHistory"),
                       &request, &response),
                  {.workflow_id = input.target.workflow_id,
                   .run_id = input.target.run_id,
                   .workflow_type = {}});
    for (auto& event : *response.mutable_history()->mutable_events()) {
      *history.add_events() = std::move(event);
    }
    page_token = response.next_page_token();
  } while (!page_token.empty());
  return history.SerializeAsString();
}

ListOutput ServerCalls::list_workflows(ListInput& input) {
  api::ListWorkflowExecutionsRequest request;
  api::ListWorkflowExecutionsResponse response;
  request.set_namespace_(connection_->namespace_());
  request.set_query(input.query);
  request.set_page_size(input.page_size);
  request.set_next_page_token(input.page_token);
  ThrowUnlessOk(Send(CallKind::kUnary, PERDURE_WORKFLOW_METHOD("ListWorkflowExecutions"), &request,
                     &response));
  ListOutput output;
  output.page_token = response.next_page_token();
  for (auto& info : *response.mutable_executions()) Read(&info, &output.executions.emplace_back());
  return output;
}

WorkflowCount ServerCalls::count_workflows(const std::string& query) {
  api::CountWorkflowExecutionsRequest request;
  api::CountWorkflowExecutionsResponse response;
  request.set_namespace_(connection_->namespace_());
  request.set_query(query);
  ThrowUnlessOk(Send(CallKind::kUnary, PERDURE_WORKFLOW_METHOD("CountWorkflowExecutions"), &request,
                     &response));
  WorkflowCount count;
  count.count = response.count();
  for (auto& group : *response.mutable_groups()) {
    WorkflowCount::Group& read = count.groups.emplace_back();
    read.count = group.count();
    for (auto& value : *group.mutable_group_values()) {
      read.values.push_back(core::FromApi(std::move(value)));
    }
  }
  return count;
}

}  // namespace perdure::client
