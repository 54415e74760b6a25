#include "history/history.h"

#include <map>

#include "absl/strings/str_cat.h"
#include "base/metrics.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/manual_loop.h"
#include "store/simulated/simulated_store.h"

namespace perdure::history {
namespace {

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

class HistoryTest : public ::testing::Test {
 protected:
  explicit HistoryTest(HistoryOptions options = {}) {
    options.core.metrics = &metrics_;
    history_ = MakeHistory(loop_, *store_, namespaces_, options);
    history_->set_matching(&matching_);
    history_->set_others(nullptr);
  }
  // Its last answers find the one who asked.
  ~HistoryTest() override { store_.reset(); }
  void Advance(absl::Duration duration) {
    const absl::Time end = loop_.Now() + duration;
    do {
      loop_.Advance(std::min(end - loop_.Now(), absl::Milliseconds(1)));
      store_loop_.Advance(loop_.Now() - store_loop_.Now());
      loop_.RunReady();
    } while (loop_.Now() < end);
  }
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

  runtime::ManualLoop loop_;
  runtime::ManualLoop store_loop_;
  store::simulated::SimulatedDatabase database_;
  std::unique_ptr<store::simulated::SimulatedStore> store_ =
      store::simulated::MakeSimulatedStore(database_, store_loop_, {});
  base::Metrics metrics_;
  OneNamespace namespaces_;
  KeptTasks matching_;
  std::unique_ptr<History> history_;
  int64_t signals_ = 0;
};

TEST_F(HistoryTest, RegistersAnewHoweverOftenItIsToldToLook) {
  BeginToServe();
  store_->Fence(base::IncarnationId(1), [](const absl::Status&) {});
  Advance(absl::ZeroDuration());
  for (int i = 0; i < 100; ++i) {
    history_->LookAtCluster();
    Advance(absl::Milliseconds(10));
  }
  int64_t living = 0;
  store_->ListIncarnations([&living](const auto& all) {
    for (const store::Incarnation& one : *all) living += one.is_fenced ? 0 : 1;
  });
  Advance(absl::ZeroDuration());
  EXPECT_EQ(living, 1);
  EXPECT_EQ(history_->state(), ServingState::kServing);
}

// Of different shards, and in another life too: what is later has the larger number.
TEST_F(HistoryTest, NumbersRunsInTheOrderOfTime) {
  BeginToServe();
  std::vector<absl::StatusOr<api::StartWorkflowExecutionResponse>> answers;
  for (const char* id : {"one", "two", "three"}) {
    Start(id, answers);
    Advance(absl::Seconds(1));
  }
  using Numbers = std::map<std::string, int64_t>;
  EXPECT_EQ(NumbersStored(), (Numbers{{"one", 1}, {"two", 2}, {"three", 3}}));
  store_->Fence(base::IncarnationId(1), [](const absl::Status&) {});
  Advance(absl::Seconds(5));
  BeginToServe();
  Start("four", answers);
  Advance(absl::Seconds(1));
  EXPECT_EQ(NumbersStored(), (Numbers{{"one", 1}, {"two", 2}, {"three", 3}, {"four", 4}}));
}

class TwoHostsTest : public HistoryTest {
 protected:
  TwoHostsTest() : HistoryTest({.core = {}, .node_name = "here", .address = "127.0.0.1:7234"}) {}
  // A node that comes first and beats, if it lives, each second.
  void Other(const std::string& name, bool lives) {
    store_->RegisterIncarnation({name, "127.0.0.1:7234"}, [](const auto&) {});
    Advance(absl::ZeroDuration());
    if (lives) Beat();
  }
  bool IsFenced() {
    bool is_fenced = false;
    store_->ListIncarnations([&](const auto& all) { is_fenced = all->front().is_fenced; });
    Advance(absl::ZeroDuration());
    return is_fenced;
  }
  void Begin() {
    ClusterHooks hooks;
    hooks.on_rival = [this](const absl::Status& refusal) { refusals_.push_back(refusal); };
    history_->Begin(std::move(hooks));
    Advance(absl::Seconds(5));
  }
  std::vector<absl::Status> refusals_;
  bool has_all_shards_ = false;

 private:
  void Beat() {
    store_->Heartbeat(base::IncarnationId(1), false, [](const auto&) {});
    loop_.After(absl::Seconds(1), [this] { Beat(); });
  }
};

// Killed and started again: nobody waits for its silence.
TEST_F(TwoHostsTest, FencesItsFormerLifeAtOnce) {
  Other("here", /*lives=*/false);
  history_->Begin({});
  Advance(absl::Milliseconds(100));
  EXPECT_TRUE(IsFenced());
}

// Its shards still are its former life's.
TEST_F(TwoHostsTest, DoesNotSayThatItServesWhileItsFormerLifeIsFenced) {
  Other("here", /*lives=*/false);
  std::vector<base::ShardId> all;
  for (int32_t i = 0; i < base::kShardCount; ++i) all.emplace_back(i);
  store_->ClaimShards(base::IncarnationId(1), all, [](const auto&) {});
  Advance(absl::ZeroDuration());
  std::vector<bool> had_all_shards;
  ClusterHooks hooks;
  hooks.on_state = [&](ServingState state) {
    if (state == ServingState::kServing) had_all_shards.push_back(has_all_shards_);
  };
  hooks.on_view = [this](services::ClusterViewPtr view) { has_all_shards_ = view->is_sole_owner; };
  history_->Begin(std::move(hooks));
  Advance(absl::Seconds(1));
  EXPECT_EQ(had_all_shards, std::vector<bool>{true});
}

// Both say 127.0.0.1, each of itself.
TEST_F(TwoHostsTest, DoesNotFenceALivingNodeOfAnotherHost) {
  Other("there", /*lives=*/true);
  Begin();
  EXPECT_FALSE(IsFenced());
  ASSERT_EQ(refusals_.size(), 1U);
  EXPECT_THAT(std::string(refusals_[0].message()), testing::HasSubstr("--advertise"));
}

TEST_F(TwoHostsTest, IsNotRefusedForANodeThatWasNotHeardOfSince) {
  Other("there", /*lives=*/false);
  Begin();
  Advance(absl::Seconds(2));
  EXPECT_TRUE(IsFenced());
  EXPECT_TRUE(refusals_.empty());
}

// Both wait for the same read, which finds nothing.
TEST_F(HistoryTest, BeginsOneRunForTwoStartsAtOnce) {
  store_->SetFaults({.read_latency_min = absl::Milliseconds(5)});
  BeginToServe();
  std::vector<absl::StatusOr<api::StartWorkflowExecutionResponse>> answers;
  Start("workflow", answers);
  Start("workflow", answers);
  Advance(absl::Seconds(1));
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
  Advance(absl::ZeroDuration());
  store_->SetFaults({.read_latency_min = absl::Milliseconds(1500)});
  Terminate("first");
  Advance(absl::Milliseconds(1200));
  Terminate("second");
  Advance(absl::Milliseconds(100));
  store_->SetFaults(
      {.commit_latency_min = absl::Seconds(2), .read_latency_min = absl::Milliseconds(1500)});
  Advance(absl::Seconds(10));
  EXPECT_EQ(CommitFailures(), 0);
  EXPECT_EQ(RunsStored(), 0);
}

// The check of what is due comes while the end of the run is still being committed.
TEST_F(HistoryTest, ErasesARunThatClosedBehindTheCheck) {
  BeginToServe();
  std::vector<absl::StatusOr<api::StartWorkflowExecutionResponse>> answers;
  Start("workflow", answers);
  Advance(absl::ZeroDuration());
  store_->SetFaults({.commit_latency_min = absl::Seconds(3)});
  Terminate("workflow");
  Advance(absl::Seconds(10));
  EXPECT_EQ(CommitFailures(), 0);
  EXPECT_EQ(RunsStored(), 0);
}

// Requests wait while runs leave memory, so it is few at a time; but all that are idle do.
TEST_F(HistoryTest, ForgetsManyIdleRunsALittleAtATime) {
  constexpr int kRuns = 450;
  namespaces_.set_retention(absl::Hours(1));
  BeginToServe();
  std::vector<absl::StatusOr<api::StartWorkflowExecutionResponse>> answers;
  for (int i = 0; i < kRuns; ++i) Start(absl::StrCat(i), answers);
  Advance(absl::ZeroDuration());
  for (int i = 0; i < kRuns; ++i) Terminate(absl::StrCat(i));
  base::Gauge& cached = metrics_.GaugeOf("cache_size", "");
  double before = 0;
  double most_at_once = 0;
  for (int i = 0; i < 10'000; ++i) {
    Advance(absl::Milliseconds(1));
    most_at_once = std::max(most_at_once, before - cached.Value());
    before = cached.Value();
  }
  EXPECT_EQ(before, 0);
  EXPECT_GT(most_at_once, 0);
  EXPECT_LE(most_at_once, 100);
}

// The answer to the first signal's commit is lost, though it is there; the second signal's has left
// before that is heard, and lands after a read that is faster.
TEST_F(HistoryTest, ReadsARunAnewBehindWhatIsUnderWayForIt) {
  BeginToServe();
  std::vector<absl::StatusOr<api::StartWorkflowExecutionResponse>> started;
  Start("workflow", started);
  Advance(absl::Seconds(1));
  std::vector<absl::Status> answers;
  store_->SetFaults({.unknown_chance = 1});
  Signal("workflow", answers);
  loop_.RunReady();
  Signal("workflow", answers);
  loop_.Post([this] {
    store_loop_.RunReady();
    store_->SetFaults({.commit_latency_min = absl::Milliseconds(50)});
  });
  Advance(absl::Seconds(1));
  ASSERT_EQ(answers.size(), 2U);
  EXPECT_EQ(answers[0].code(), absl::StatusCode::kUnavailable);
  EXPECT_TRUE(answers[1].ok()) << answers[1];
  // Started, a task scheduled, two signals.
  EXPECT_EQ(EventsShown("workflow"), 4);
  EXPECT_EQ(CommitFailures(), 1);
}

class QueryTest : public HistoryTest {
 protected:
  // A run whose first task a worker has completed that keeps it in its cache.
  void BeginCachedRun() {
    BeginToServe();
    std::vector<absl::StatusOr<api::StartWorkflowExecutionResponse>> started;
    Start("workflow", started);
    Advance(absl::Seconds(1));
    api::RespondWorkflowTaskCompletedRequest request;
    request.set_task_token(TakeTask().task_token());
    auto& sticky = *request.mutable_sticky_attributes();
    sticky.mutable_worker_task_queue()->set_name("sticky");
    sticky.mutable_schedule_to_start_timeout()->set_seconds(10);
    history_->RespondWorkflowTaskCompleted(
        {}, namespaces_.All().front(), request,
        [](const auto& answer) { EXPECT_TRUE(answer.ok()) << answer.status(); });
    Advance(absl::Seconds(1));
  }
  // The last one that was scheduled.
  api::PollWorkflowTaskQueueResponse TakeTask() {
    api::PollWorkflowTaskQueueResponse task;
    services::Poller poller;
    poller.request_id = "poll";
    poller.task_queue = matching_.tasks_.back().task_queue;
    history_->RecordWorkflowTaskStarted(
        matching_.tasks_.back().key, poller,
        [&task](absl::StatusOr<api::PollWorkflowTaskQueueResponse> taken) {
          ASSERT_TRUE(taken.ok()) << taken.status();
          task = *std::move(taken);
        });
    Advance(absl::Milliseconds(1));
    return task;
  }
  void Query() {
    api::QueryWorkflowRequest request;
    request.mutable_execution()->set_workflow_id("workflow");
    request.mutable_query()->set_query_type("state");
    history_->QueryWorkflow({}, namespaces_.All().front(), request,
                            [this](const auto& answer) { answers_.push_back(answer.status()); });
  }
  void RefuseLastQuery() {
    auto reply = std::move(matching_.queries_.back().second);
    std::move(reply)(absl::UnavailableError("sticky worker unavailable"));
    Advance(absl::Milliseconds(1));
  }
  std::vector<absl::Status> answers_;
};

// A worker that was given the signal's event with the query would act on it before the task comes,
// and in another order than one that gets the task alone.
TEST_F(QueryTest, GoesWithTheTaskThatCameWhileACacheWasAsked) {
  BeginCachedRun();
  Query();
  Advance(absl::Milliseconds(1));
  ASSERT_EQ(matching_.queries_.size(), 1U);
  EXPECT_TRUE(matching_.queries_[0].first.is_sticky);
  std::vector<absl::Status> signaled;
  Signal("workflow", signaled);
  Advance(absl::Seconds(1));
  RefuseLastQuery();
  EXPECT_EQ(matching_.queries_.size(), 1U);
  EXPECT_THAT(answers_, testing::IsEmpty());
  EXPECT_EQ(TakeTask().queries_size(), 1);
}

// The signal's commit is under way when the query is asked again.
TEST_F(QueryTest, GoesWithTheTaskThatIsBeingScheduled) {
  BeginCachedRun();
  Query();
  Advance(absl::Milliseconds(1));
  ASSERT_EQ(matching_.queries_.size(), 1U);
  store_->SetFaults({.commit_latency_min = absl::Milliseconds(50)});
  std::vector<absl::Status> signaled;
  Signal("workflow", signaled);
  loop_.RunReady();
  RefuseLastQuery();
  Advance(absl::Seconds(1));
  EXPECT_EQ(signaled, std::vector<absl::Status>{absl::OkStatus()});
  EXPECT_EQ(matching_.queries_.size(), 1U);
  EXPECT_EQ(TakeTask().queries_size(), 1);
}

// The cache may be lost just now, by the answer to a task of the owner before.
TEST_F(QueryTest, TrustsNoCacheForAWhileAfterATakeover) {
  BeginCachedRun();
  store_->Fence(base::IncarnationId(1), [](const auto&) {});
  Advance(absl::Seconds(5));
  ASSERT_EQ(history_->state(), ServingState::kServing);
  Query();
  Advance(absl::Milliseconds(1));
  ASSERT_EQ(matching_.queries_.size(), 1U);
  EXPECT_FALSE(matching_.queries_[0].first.is_sticky);
  EXPECT_EQ(matching_.queries_[0].first.response.history().events_size(), 4);
  Advance(absl::Minutes(2));
  Query();
  Advance(absl::Milliseconds(1));
  ASSERT_EQ(matching_.queries_.size(), 2U);
  EXPECT_TRUE(matching_.queries_[1].first.is_sticky);
}

TEST_F(QueryTest, AsksAnotherWorkerWithTheWholeHistoryIfNothingCame) {
  BeginCachedRun();
  Query();
  Advance(absl::Milliseconds(1));
  ASSERT_EQ(matching_.queries_.size(), 1U);
  RefuseLastQuery();
  ASSERT_EQ(matching_.queries_.size(), 2U);
  const services::QueryTask& again = matching_.queries_[1].first;
  EXPECT_FALSE(again.is_sticky);
  // Started, and a task scheduled, started and completed.
  EXPECT_EQ(again.response.history().events_size(), 4);
}

}  // namespace
}  // namespace perdure::history
