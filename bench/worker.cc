#include "bench/worker.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace perdure::bench {
namespace {

void SetDuration(google::protobuf::Duration* out, absl::Duration duration) {
  out->set_seconds(absl::ToInt64Seconds(duration));
  out->set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(duration % absl::Seconds(1))));
}

}  // namespace

Worker::Worker(Client& client, Options options, OnTask on_task)
    : client_(client), options_(std::move(options)), on_task_(std::move(on_task)) {}

void Worker::Begin() {
  for (int64_t i = 0; i < options_.workflow_pollers; ++i) {
    PollWorkflow(options_.task_queue, false);
    if (options_.is_sticky) PollWorkflow(absl::StrCat(options_.task_queue, "-sticky"), true);
  }
  for (int64_t i = 0; i < options_.activity_pollers; ++i) PollActivity();
}

void Worker::PollWorkflow(const std::string& queue, bool is_sticky) {
  api::PollWorkflowTaskQueueRequest request;
  request.set_namespace_("default");
  request.mutable_task_queue()->set_name(queue);
  if (is_sticky) {
    request.mutable_task_queue()->set_kind(enums::TASK_QUEUE_KIND_STICKY);
    request.mutable_task_queue()->set_normal_name(options_.task_queue);
  }
  request.set_identity("bench");
  client_.Send<Task>("PollWorkflowTaskQueue", request, [this, queue, is_sticky](const Task& task) {
    if (!task.task_token().empty()) Handle(task);
    PollWorkflow(queue, is_sticky);
  });
}

void Worker::Handle(const Task& task) {
  Answer answer;
  answer.set_namespace_("default");
  answer.set_identity("bench");
  answer.set_task_token(task.task_token());
  if (options_.is_sticky) {
    auto* sticky = answer.mutable_sticky_attributes();
    sticky->mutable_worker_task_queue()->set_name(absl::StrCat(options_.task_queue, "-sticky"));
    sticky->mutable_worker_task_queue()->set_kind(enums::TASK_QUEUE_KIND_STICKY);
    sticky->mutable_worker_task_queue()->set_normal_name(options_.task_queue);
    sticky->mutable_schedule_to_start_timeout()->set_seconds(10);
    answer.set_return_new_workflow_task(true);
  }
  auto taken = on_task_(task, answer);
  client_.Send<api::RespondWorkflowTaskCompletedResponse>(
      "RespondWorkflowTaskCompleted", answer,
      [this, taken = std::move(taken)](const api::RespondWorkflowTaskCompletedResponse& response) {
        if (taken) taken();
        for (const auto& activity : response.activity_tasks()) HandleActivity(activity);
        if (!response.workflow_task().task_token().empty()) Handle(response.workflow_task());
      });
}

void Worker::PollActivity() {
  api::PollActivityTaskQueueRequest request;
  request.set_namespace_("default");
  request.mutable_task_queue()->set_name(options_.task_queue);
  request.set_identity("bench");
  client_.Send<api::PollActivityTaskQueueResponse>(
      "PollActivityTaskQueue", request, [this](const api::PollActivityTaskQueueResponse& task) {
        if (!task.task_token().empty()) HandleActivity(task);
        PollActivity();
      });
}

void Worker::HandleActivity(const api::PollActivityTaskQueueResponse& task) {
  api::RespondActivityTaskCompletedRequest answer;
  answer.set_namespace_("default");
  answer.set_identity("bench");
  answer.set_task_token(task.task_token());
  client_.Send<api::RespondActivityTaskCompletedResponse>("RespondActivityTaskCompleted", answer,
                                                          [](const auto&) {});
}

void ScheduleActivity(Worker::Answer& answer, const std::string& id, const std::string& task_queue,
                      bool is_eager) {
  auto* command = answer.add_commands();
  command->set_command_type(enums::COMMAND_TYPE_SCHEDULE_ACTIVITY_TASK);
  auto* attributes = command->mutable_schedule_activity_task_command_attributes();
  attributes->set_activity_id(id);
  attributes->mutable_activity_type()->set_name("bench");
  attributes->mutable_task_queue()->set_name(task_queue);
  attributes->mutable_start_to_close_timeout()->set_seconds(60);
  attributes->set_request_eager_execution(is_eager);
}

void StartTimer(Worker::Answer& answer, const std::string& id, absl::Duration duration) {
  auto* command = answer.add_commands();
  command->set_command_type(enums::COMMAND_TYPE_START_TIMER);
  auto* attributes = command->mutable_start_timer_command_attributes();
  attributes->set_timer_id(id);
  SetDuration(attributes->mutable_start_to_fire_timeout(), duration);
}

void CompleteWorkflow(Worker::Answer& answer) {
  auto* command = answer.add_commands();
  command->set_command_type(enums::COMMAND_TYPE_COMPLETE_WORKFLOW_EXECUTION);
  command->mutable_complete_workflow_execution_command_attributes();
}

api::StartWorkflowExecutionRequest StartRequest(const std::string& workflow_id,
                                                const std::string& task_queue) {
  api::StartWorkflowExecutionRequest request;
  request.set_namespace_("default");
  request.set_workflow_id(workflow_id);
  request.set_request_id(workflow_id);
  request.mutable_workflow_type()->set_name("bench");
  request.mutable_task_queue()->set_name(task_queue);
  request.set_identity("bench");
  return request;
}

}  // namespace perdure::bench
