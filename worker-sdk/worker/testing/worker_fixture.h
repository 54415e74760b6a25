// A whole worker against a server that the test plays, and the messages such a test needs.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "perdure/worker_options.h"
#include "worker-sdk/worker/testing/fake_run.h"
#include "worker-sdk/worker/testing/fake_server.h"
#include "worker-sdk/worker/worker_impl.h"

namespace perdure::worker {

namespace api = temporal::api::workflowservice::v1;

class WorkerFixture {
 public:
  explicit WorkerFixture(WorkerOptions options = {},
                         std::shared_ptr<MetricsSink> metrics = nullptr) {
    if (options.task_queue.empty()) options.task_queue = "queue";
    Host host;
    host.transport = server;
    host.metrics = std::move(metrics);
    host.namespace_ = "space";
    host.identity = "me";
    host.instance_key = "key";
    host.encode = [this](google::protobuf::Message* message) {
      return message->GetDescriptor()->name() == refused_type
                 ? absl::InvalidArgumentError("too large")
                 : absl::OkStatus();
    };
    host.decode = [this](google::protobuf::Message* message) {
      return message->GetDescriptor()->name() == undecodable_type ? absl::InternalError("no key")
                                                                  : absl::OkStatus();
    };
    host.log = [this](LogLevel level, std::string_view text, const LogFields& fields) {
      log.emplace_back(text);
    };
    worker = std::make_unique<detail::WorkerImpl>(
        std::move(host), std::move(options),
        [this](const Host&, const WorkerOptions&, const WorkflowRegistry&) -> RunFactory {
          return [this] { return std::make_unique<FakeRun>(script); };
        });
  }
  // Registers one workflow and starts.
  void StartWorkflows() {
    worker->AddWorkflow({"Flow", detail::VersioningBehavior::unspecified, nullptr});
    worker->Start();
    server->Run();
  }
  void AddActivity(const std::string& name, detail::ActivityFunction call) {
    worker->AddActivity({name, std::move(call)});
  }

  // Open polls of one of the worker's queues.
  std::vector<FakeServer::CallPtr> Polls(bool is_sticky) {
    std::vector<FakeServer::CallPtr> found;
    for (const auto& call : server->Open("PollWorkflowTaskQueue")) {
      const auto& request = call->as<api::PollWorkflowTaskQueueRequest>();
      if (!request.task_queue().normal_name().empty() == is_sticky) found.push_back(call);
    }
    return found;
  }
  static api::PollWorkflowTaskQueueResponse Task(const std::string& run_id,
                                                 const std::string& token, int attempt = 1) {
    api::PollWorkflowTaskQueueResponse task;
    task.set_task_token(token);
    task.mutable_workflow_execution()->set_workflow_id("wf-" + run_id);
    task.mutable_workflow_execution()->set_run_id(run_id);
    task.mutable_workflow_type()->set_name("Flow");
    task.set_attempt(attempt);
    task.set_started_event_id(3);
    auto* scheduled = task.mutable_history()->add_events();
    scheduled->mutable_workflow_task_scheduled_event_attributes()
        ->mutable_start_to_close_timeout()
        ->set_seconds(10);
    return task;
  }
  static api::PollActivityTaskQueueResponse ActivityTask(const std::string& type,
                                                         const std::string& token) {
    api::PollActivityTaskQueueResponse task;
    task.set_task_token(token);
    task.mutable_activity_type()->set_name(type);
    task.set_activity_id("id-" + token);
    task.set_attempt(1);
    return task;
  }
  void Give(const api::PollWorkflowTaskQueueResponse& task, bool is_sticky = false) {
    server->Answer(Polls(is_sticky).front(), task);
  }
  void GiveActivity(const api::PollActivityTaskQueueResponse& task) {
    server->Answer(server->Open("PollActivityTaskQueue").front(), task);
  }
  bool HasLog(std::string_view text) const {
    for (const std::string& line : log) {
      if (line.find(text) != line.npos) return true;
    }
    return false;
  }

  std::shared_ptr<FakeServer> server = std::make_shared<FakeServer>();
  std::shared_ptr<RunScript> script = std::make_shared<RunScript>();
  std::vector<std::string> log;
  // Messages of these types are refused by the codecs.
  std::string refused_type, undecodable_type;
  std::unique_ptr<detail::WorkerImpl> worker;
};

}  // namespace perdure::worker
