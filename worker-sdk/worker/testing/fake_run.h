// Runs whose every answer the test writes.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "worker-sdk/worker/run_port.h"

namespace perdure::worker {

// Shared by a test and the runs made for it. The functions are asked for each step; by default a
// task is answered with no commands.
struct RunScript {
  using Task = temporal::api::workflowservice::v1::PollWorkflowTaskQueueResponse;
  using History = temporal::api::history::v1::History;
  using Accepted = temporal::api::workflowservice::v1::RespondWorkflowTaskCompletedResponse;

  std::function<core::Step(const Task&)> on_task = [](const Task&) { return core::CompleteTask{}; };
  std::function<core::Step(const History&, const std::string&)> on_history =
      [](const History&, const std::string&) { return core::CompleteTask{}; };
  std::function<core::Step(const core::LocalActivityOutcome&)> on_local =
      [](const core::LocalActivityOutcome&) { return core::CompleteTask{}; };
  std::function<core::Step()> on_heartbeat = [] {
    core::CompleteTask step;
    step.is_heartbeat = true;
    step.request.set_force_create_new_workflow_task(true);
    return step;
  };
  std::int64_t bytes = 1000;
  bool is_closed = false;
  bool continues = true;

  // What happened.
  int made = 0;
  int alive = 0;
  std::vector<Task> tasks;
  std::vector<core::LocalActivityOutcome> outcomes;
  std::vector<Accepted> accepted;
};

class FakeRun : public RunPort {
 public:
  explicit FakeRun(std::shared_ptr<RunScript> script) : script_(std::move(script)) {
    ++script_->made;
    ++script_->alive;
  }
  ~FakeRun() override { --script_->alive; }
  core::Step StartTask(RunScript::Task task) override {
    script_->tasks.push_back(task);
    return script_->on_task(task);
  }
  bool Continues(const RunScript::Task&) const override { return script_->continues; }
  core::Step AddHistory(RunScript::History page, std::string token) override {
    return script_->on_history(page, token);
  }
  core::Step ResolveLocalActivity(core::LocalActivityOutcome outcome) override {
    script_->outcomes.push_back(outcome);
    return script_->on_local(outcome);
  }
  core::Step HeartbeatDue() override { return script_->on_heartbeat(); }
  void TaskAccepted(const RunScript::Accepted& response) override {
    script_->accepted.push_back(response);
  }
  bool is_closed() const override { return script_->is_closed; }
  std::int64_t memory_bytes() const override { return script_->bytes; }

 private:
  std::shared_ptr<RunScript> script_;
};

}  // namespace perdure::worker
