// Matching alone, on a loop driven by hand, with a history that says yes.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "matching/matching.h"
#include "runtime/manual_loop.h"
#include "services/unimplemented_history.h"

namespace perdure::matching {

namespace api = temporal::api::workflowservice::v1;
namespace enums = temporal::api::enums::v1;

// Starts every task at once, unless told otherwise.
class FakeHistory final : public services::UnimplementedHistory {
 public:
  void RecordWorkflowTaskStarted(
      services::TaskKey task, services::Poller poller,
      services::Reply<api::PollWorkflowTaskQueueResponse> reply) override {
    Record(std::move(task), std::move(poller), std::move(reply));
  }
  void RecordActivityTaskStarted(
      services::TaskKey task, services::Poller poller,
      services::Reply<api::PollActivityTaskQueueResponse> reply) override {
    Record(std::move(task), std::move(poller), std::move(reply));
  }
  void StickyWorkerUnavailable(services::TaskKey task) override {
    sticky_unavailable_.push_back(task.workflow_id);
  }
  void PushOutstandingTasks(services::NamespacePtr name_space, std::string task_queue,
                            bool activities) override {
    pushed_.push_back(absl::StrCat(task_queue, activities ? " activities" : " workflows"));
  }

  std::vector<std::string> started_;                           // "workflow@queue", in order
  std::vector<std::string> request_ids_;                       // of every attempt
  std::map<std::string, std::vector<absl::Status>> refusals_;  // taken from the front, by workflow
  std::vector<std::string> sticky_unavailable_;
  std::vector<std::string> pushed_;

 private:
  template <class Response>
  void Record(services::TaskKey task, services::Poller poller, services::Reply<Response> reply) {
    request_ids_.push_back(poller.request_id);
    auto& refusals = refusals_[task.workflow_id];
    if (!refusals.empty()) {
      const absl::Status status = refusals.front();
      refusals.erase(refusals.begin());
      return std::move(reply)(status);
    }
    started_.push_back(absl::StrCat(task.workflow_id, "@", poller.task_queue));
    Response response;
    response.set_task_token(task.workflow_id);
    std::move(reply)(std::move(response));
  }
};

// What a poll was answered; empty token: no task.
template <class Response>
using Answer = std::shared_ptr<std::optional<Response>>;

class MatchingTest : public testing::Test {
 protected:
  MatchingTest() { Restart(Options()); }
  ~MatchingTest() override {
    matching_.reset();
    loop_.RunReady();
  }

  void Restart(Options options) {
    matching_ = MakeMatching(loop_, options);
    matching_->SetHistory(&history_);
    auto name_space = std::make_shared<services::Namespace>();
    name_space->number = base::NamespaceNumber(1);
    name_space->id = "namespace-id";
    name_space->name = "default";
    name_space_ = name_space;
  }

  // The namespace as it is after an UpdateTaskQueueConfig of that activity queue.
  void Configure(const std::string& queue, float rate) {
    auto name_space = std::make_shared<services::Namespace>(*name_space_);
    ++name_space->version;
    auto& config = (*name_space->data.mutable_activity_task_queue_configs())[queue];
    config.mutable_queue_rate_limit()->mutable_rate_limit()->set_requests_per_second(rate);
    name_space_ = name_space;
  }

  struct PollOptions {
    std::string sticky_normal_name;  // set: the queue is sticky
    std::string instance_key;
    std::string identity = "worker";
    std::optional<double> rate;
    absl::Duration timeout = absl::Seconds(60);
    std::shared_ptr<services::Cancellation> cancellation;
  };
  services::CallContext Context(const PollOptions& options) {
    services::CallContext context;
    context.deadline = loop_.Now() + options.timeout;
    context.cancellation = options.cancellation;
    return context;
  }
  Answer<api::PollWorkflowTaskQueueResponse> PollWorkflow(const std::string& queue,
                                                          const PollOptions& options) {
    api::PollWorkflowTaskQueueRequest request;
    request.mutable_task_queue()->set_name(queue);
    request.set_identity(options.identity);
    request.set_worker_instance_key(options.instance_key);
    if (!options.sticky_normal_name.empty()) {
      request.mutable_task_queue()->set_kind(enums::TASK_QUEUE_KIND_STICKY);
      request.mutable_task_queue()->set_normal_name(options.sticky_normal_name);
    }
    auto answer = std::make_shared<std::optional<api::PollWorkflowTaskQueueResponse>>();
    matching_->PollWorkflowTaskQueue(Context(options), name_space_, request,
                                     [answer](auto response) { *answer = *std::move(response); });
    loop_.RunReady();
    return answer;
  }
  Answer<api::PollWorkflowTaskQueueResponse> PollWorkflow(const std::string& queue) {
    return PollWorkflow(queue, PollOptions());
  }
  Answer<api::PollActivityTaskQueueResponse> PollActivity(const std::string& queue,
                                                          const PollOptions& options) {
    api::PollActivityTaskQueueRequest request;
    request.mutable_task_queue()->set_name(queue);
    request.set_identity(options.identity);
    request.set_worker_instance_key(options.instance_key);
    if (options.rate.has_value()) {
      request.mutable_task_queue_metadata()->mutable_max_tasks_per_second()->set_value(
          *options.rate);
    }
    auto answer = std::make_shared<std::optional<api::PollActivityTaskQueueResponse>>();
    matching_->PollActivityTaskQueue(Context(options), name_space_, request,
                                     [answer](auto response) { *answer = *std::move(response); });
    loop_.RunReady();
    return answer;
  }
  Answer<api::PollActivityTaskQueueResponse> PollActivity(const std::string& queue) {
    return PollActivity(queue, PollOptions());
  }

  void AddWorkflow(const std::string& id, const std::string& queue, int priority = 0) {
    services::WorkflowTask task;
    task.key.name_space = name_space_;
    task.key.workflow_id = id;
    task.task_queue = queue;
    task.priority.set_priority_key(priority);
    matching_->AddWorkflowTask(std::move(task));
    loop_.RunReady();
  }
  void AddSticky(const std::string& id, const std::string& queue, const std::string& normal) {
    services::WorkflowTask task;
    task.key.name_space = name_space_;
    task.key.workflow_id = id;
    task.task_queue = queue;
    task.is_sticky = true;
    task.normal_task_queue = normal;
    matching_->AddWorkflowTask(std::move(task));
    loop_.RunReady();
  }
  void AddActivity(const std::string& id, const std::string& queue) {
    services::ActivityTask task;
    task.key.name_space = name_space_;
    task.key.workflow_id = id;
    task.task_queue = queue;
    matching_->AddActivityTask(std::move(task));
    loop_.RunReady();
  }

  using QueryAnswer = std::shared_ptr<std::optional<absl::StatusOr<api::QueryWorkflowResponse>>>;
  QueryAnswer Query(const std::string& queue, bool is_sticky = false,
                    std::shared_ptr<services::Cancellation> cancellation = nullptr) {
    services::QueryTask task;
    task.name_space = name_space_;
    task.workflow_id = "w";
    task.task_queue = queue;
    task.is_sticky = is_sticky;
    task.query.set_query_type("state");
    task.response.set_previous_started_event_id(3);
    auto answer = std::make_shared<std::optional<absl::StatusOr<api::QueryWorkflowResponse>>>();
    services::CallContext context;
    context.deadline = loop_.Now() + absl::Seconds(10);
    context.cancellation = std::move(cancellation);
    matching_->Query(context, std::move(task),
                     [answer](auto response) { *answer = std::move(response); });
    loop_.RunReady();
    return answer;
  }
  absl::Status RespondQuery(const std::string& token, bool is_failed = false) {
    api::RespondQueryTaskCompletedRequest request;
    request.set_task_token(token);
    request.set_completed_type(is_failed ? enums::QUERY_RESULT_TYPE_FAILED
                                         : enums::QUERY_RESULT_TYPE_ANSWERED);
    request.mutable_query_result()->add_payloads()->set_data("42");
    request.set_error_message("no such query");
    absl::Status status;
    matching_->RespondQueryTaskCompleted({}, name_space_, request,
                                         [&status](auto response) { status = response.status(); });
    loop_.RunReady();
    return status;
  }

  api::DescribeTaskQueueResponse Describe(const std::string& queue, enums::TaskQueueType type) {
    api::DescribeTaskQueueRequest request;
    request.mutable_task_queue()->set_name(queue);
    request.set_task_queue_type(type);
    request.set_report_stats(true);
    request.set_report_config(true);
    request.set_include_task_queue_status(true);
    api::DescribeTaskQueueResponse result;
    matching_->DescribeTaskQueue({}, name_space_, request,
                                 [&result](auto response) { result = *std::move(response); });
    loop_.RunReady();
    return result;
  }
  void ShutdownWorker(const std::string& sticky, const std::string& key) {
    api::ShutdownWorkerRequest request;
    request.set_sticky_task_queue(sticky);
    request.set_worker_instance_key(key);
    request.set_identity("worker");
    matching_->ShutdownWorker({}, name_space_, request, [](auto response) {});
    loop_.RunReady();
  }

  template <class Response>
  static bool IsEmpty(const Answer<Response>& answer) {
    return answer->has_value() && (*answer)->task_token().empty();
  }

  runtime::ManualLoop loop_;
  FakeHistory history_;
  services::NamespacePtr name_space_;
  std::unique_ptr<Matching> matching_;
};

}  // namespace perdure::matching
