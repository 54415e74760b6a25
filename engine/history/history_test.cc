#include "history/history.h"

#include "base/metrics.h"
#include "gtest/gtest.h"
#include "runtime/manual_loop.h"
#include "store/simulated/simulated_store.h"

namespace perdure::history {
namespace {

namespace api = temporal::api::workflowservice::v1;

// Where no worker ever comes.
class NoMatching final : public services::MatchingService {
 public:
  void AddWorkflowTask(services::WorkflowTask) override {}
  void AddActivityTask(services::ActivityTask) override {}
  void ForgetTasks(services::NamespacePtr, std::string, base::EventId) override {}
  void Query(services::CallContext, services::QueryTask,
             services::Reply<api::QueryWorkflowResponse>) override {}
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
};

class OneNamespace final : public services::Namespaces {
 public:
  OneNamespace() {
    auto made = std::make_shared<services::Namespace>();
    made->number = base::NamespaceNumber(1);
    made->name = "default";
    made->retention = absl::Seconds(1);
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

class HistoryTest : public ::testing::Test {
 protected:
  HistoryTest() {
    HistoryOptions options;
    options.core.metrics = &metrics_;
    history_ = MakeHistory(loop_, *store_, namespaces_, options);
    history_->set_matching(&matching_);
    history_->set_others(nullptr);
  }
  void BeginToServe() {
    history_->Begin({});
    while (history_->state() != ServingState::kServing) loop_.Advance(absl::Milliseconds(1));
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
  int64_t CommitFailures() {
    return static_cast<int64_t>(metrics_.CounterOf("commit_failures", "").Value());
  }
  int64_t RunsStored() {
    int64_t runs = -1;
    store_->RunsOfNamespace(base::NamespaceNumber(1), 100,
                            [&runs](const auto& found) { runs = std::ssize(*found); });
    loop_.Advance(absl::Seconds(3));
    return runs;
  }

  runtime::ManualLoop loop_;
  store::simulated::SimulatedDatabase database_;
  std::unique_ptr<store::simulated::SimulatedStore> store_ =
      store::simulated::MakeSimulatedStore(database_, loop_, {});
  base::Metrics metrics_;
  OneNamespace namespaces_;
  NoMatching matching_;
  std::unique_ptr<History> history_;
};

TEST_F(HistoryTest, RegistersAnewHoweverOftenItIsToldToLook) {
  BeginToServe();
  store_->Fence(base::IncarnationId(1), [](const absl::Status&) {});
  loop_.RunReady();
  for (int i = 0; i < 100; ++i) {
    history_->LookAtCluster();
    loop_.Advance(absl::Milliseconds(10));
  }
  int64_t living = 0;
  store_->ListIncarnations([&living](const auto& all) {
    for (const store::Incarnation& one : *all) living += one.is_fenced ? 0 : 1;
  });
  loop_.RunReady();
  EXPECT_EQ(living, 1);
  EXPECT_EQ(history_->state(), ServingState::kServing);
}

// Both wait for the same read, which finds nothing.
TEST_F(HistoryTest, BeginsOneRunForTwoStartsAtOnce) {
  store_->SetFaults({.read_latency_min = absl::Milliseconds(5)});
  BeginToServe();
  std::vector<absl::StatusOr<api::StartWorkflowExecutionResponse>> answers;
  Start("workflow", answers);
  Start("workflow", answers);
  loop_.Advance(absl::Seconds(1));
  ASSERT_EQ(answers.size(), 2U);
  ASSERT_TRUE(answers[0].ok()) << answers[0].status();
  ASSERT_TRUE(answers[1].ok()) << answers[1].status();
  EXPECT_EQ(answers[0]->run_id(), answers[1]->run_id());
  EXPECT_EQ(CommitFailures(), 0);
}

// A second due check begins while the first still reads, and finds the run, too: its erasure is
// not through.
TEST_F(HistoryTest, ErasesARunOnce) {
  BeginToServe();
  std::vector<absl::StatusOr<api::StartWorkflowExecutionResponse>> answers;
  Start("first", answers);
  Start("second", answers);
  loop_.RunReady();
  store_->SetFaults({.read_latency_min = absl::Milliseconds(1500)});
  Terminate("first");
  loop_.Advance(absl::Milliseconds(1200));
  Terminate("second");
  loop_.Advance(absl::Milliseconds(100));
  store_->SetFaults(
      {.commit_latency_min = absl::Seconds(2), .read_latency_min = absl::Milliseconds(1500)});
  loop_.Advance(absl::Seconds(10));
  EXPECT_EQ(CommitFailures(), 0);
  EXPECT_EQ(RunsStored(), 0);
}

}  // namespace
}  // namespace perdure::history
