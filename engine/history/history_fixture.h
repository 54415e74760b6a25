// A history on a simulated store, in a time that the test moves.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/metrics.h"
#include "gtest/gtest.h"
#include "history/history.h"
#include "runtime/manual_loop.h"
#include "store/simulated/simulated_store.h"

namespace perdure::history {

namespace api = temporal::api::workflowservice::v1;

// Keeps what a worker could be given.
class KeptTasks final : public services::MatchingService {
 public:
  void AddWorkflowTask(services::WorkflowTask task) override { tasks_.push_back(std::move(task)); }
  void AddActivityTask(services::ActivityTask) override {}
  void ForgetTasks(services::NamespacePtr, std::string, base::EventId) override {}
  void Query(services::CallContext, services::QueryTask task,
             services::Reply<api::QueryWorkflowResponse> reply) override {
    queries_.emplace_back(std::move(task), std::move(reply));
  }
  void RespondQueryTaskCompleted(services::CallContext, services::NamespacePtr,
                                 api::RespondQueryTaskCompletedRequest,
                                 services::Reply<api::RespondQueryTaskCompletedResponse>) override {
  }
  void PollWorkflowTaskQueue(services::CallContext, services::NamespacePtr,
                             api::PollWorkflowTaskQueueRequest,
                             services::Reply<api::PollWorkflowTaskQueueResponse>) override {}
  void PollActivityTaskQueue(services::CallContext, services::NamespacePtr,
                             api::PollActivityTaskQueueRequest,
                             services::Reply<api::PollActivityTaskQueueResponse>) override {}
  void DescribeTaskQueue(services::CallContext, services::NamespacePtr,
                         api::DescribeTaskQueueRequest,
                         services::Reply<api::DescribeTaskQueueResponse>) override {}
  void ListTaskQueuePartitions(services::CallContext, services::NamespacePtr,
                               api::ListTaskQueuePartitionsRequest,
                               services::Reply<api::ListTaskQueuePartitionsResponse>) override {}
  void UpdateTaskQueueConfig(services::CallContext, services::NamespacePtr,
                             api::UpdateTaskQueueConfigRequest,
                             services::Reply<api::UpdateTaskQueueConfigResponse>) override {}
  void ShutdownWorker(services::CallContext, services::NamespacePtr, api::ShutdownWorkerRequest,
                      services::Reply<api::ShutdownWorkerResponse>) override {}
  void Drain() override {}

  std::vector<services::WorkflowTask> tasks_;
  std::vector<std::pair<services::QueryTask, services::Reply<api::QueryWorkflowResponse>>> queries_;
};

class OneNamespace final : public services::Namespaces {
 public:
  OneNamespace() { set_retention(absl::Seconds(1)); }
  void set_retention(absl::Duration retention) {
    auto made = std::make_shared<services::Namespace>();
    made->number = base::NamespaceNumber(1);
    made->name = "default";
    made->retention = retention;
    only_ = std::move(made);
  }
  absl::StatusOr<services::NamespacePtr> Find(absl::string_view) const override { return only_; }
  absl::StatusOr<services::NamespacePtr> FindById(absl::string_view) const override {
    return only_;
  }
  services::NamespacePtr FindByNumber(base::NamespaceNumber) const override { return only_; }
  std::vector<services::NamespacePtr> All() const override { return {only_}; }

 private:
  services::NamespacePtr only_;
};

// A simulated store on a loop of its own, and the one of who uses it: both in the same time.
class TwoLoopsTest : public ::testing::Test {
 protected:
  void Advance(absl::Duration duration) {
    const absl::Time end = loop_.Now() + duration;
    do {
      loop_.Advance(std::min(end - loop_.Now(), absl::Milliseconds(1)));
      store_loop_.Advance(loop_.Now() - store_loop_.Now());
      loop_.RunReady();
    } while (loop_.Now() < end);
  }

  runtime::ManualLoop loop_;
  runtime::ManualLoop store_loop_;
  store::simulated::SimulatedDatabase database_;
  std::unique_ptr<store::simulated::SimulatedStore> store_ =
      store::simulated::MakeSimulatedStore(database_, store_loop_, {});
};

class HistoryTest : public TwoLoopsTest {
 protected:
  explicit HistoryTest(HistoryOptions options = {}) {
    options.core.metrics = &metrics_;
    history_ = MakeHistory(loop_, *store_, namespaces_, options);
    history_->set_matching(&matching_);
    history_->set_others(nullptr);
  }
  // Its last answers find the one who asked.
  ~HistoryTest() override { store_.reset(); }
  void BeginToServe() {
    history_->Begin({});
    while (history_->state() != ServingState::kServing) Advance(absl::Milliseconds(1));
  }
  // What is answered goes to `answers`.
  void Start(const std::string& workflow_id,
             std::vector<absl::StatusOr<api::StartWorkflowExecutionResponse>>& answers) {
    api::StartWorkflowExecutionRequest request;
    request.set_workflow_id(workflow_id);
    request.set_request_id("request");
    request.mutable_workflow_type()->set_name("type");
    request.mutable_task_queue()->set_name("queue");
    history_->StartWorkflowExecution({}, namespaces_.All().front(), request,
                                     [&answers](auto answer) { answers.push_back(answer); });
  }
  void Terminate(const std::string& workflow_id) {
    api::TerminateWorkflowExecutionRequest request;
    request.mutable_workflow_execution()->set_workflow_id(workflow_id);
    history_->TerminateWorkflowExecution({}, namespaces_.All().front(), request,
                                         [](const auto& answer) { EXPECT_TRUE(answer.ok()); });
  }
  void Signal(const std::string& workflow_id, std::vector<absl::Status>& answers) {
    api::SignalWorkflowExecutionRequest request;
    request.mutable_workflow_execution()->set_workflow_id(workflow_id);
    request.set_signal_name("signal");
    request.set_request_id(std::to_string(++signals_));
    history_->SignalWorkflowExecution(
        {}, namespaces_.All().front(), request,
        [&answers](const auto& answer) { answers.push_back(answer.status()); });
  }
  int64_t EventsShown(const std::string& workflow_id) {
    api::DescribeWorkflowExecutionRequest request;
    request.mutable_execution()->set_workflow_id(workflow_id);
    int64_t events = -1;
    history_->DescribeWorkflowExecution(
        {}, namespaces_.All().front(), request, [&events](const auto& answer) {
          if (answer.ok()) events = answer->workflow_execution_info().history_length();
        });
    Advance(absl::Seconds(1));
    return events;
  }
  int64_t CommitFailures() {
    return static_cast<int64_t>(metrics_.CounterOf("commit_failures", "").Value());
  }
  std::map<std::string, int64_t> NumbersStored() {
    std::map<std::string, int64_t> numbers;
    store_->RunsOfNamespace(base::NamespaceNumber(1), 100, [&numbers](const auto& found) {
      for (const store::DueExecution& one : *found) {
        numbers[one.workflow_id.value()] = one.key.number.value();
      }
    });
    Advance(absl::Seconds(1));
    return numbers;
  }
  int64_t RunsStored() {
    int64_t runs = -1;
    store_->RunsOfNamespace(base::NamespaceNumber(1), 100,
                            [&runs](const auto& found) { runs = std::ssize(*found); });
    Advance(absl::Seconds(3));
    return runs;
  }

  base::Metrics metrics_;
  OneNamespace namespaces_;
  KeptTasks matching_;
  std::unique_ptr<History> history_;
  int64_t signals_ = 0;
};

}  // namespace perdure::history
