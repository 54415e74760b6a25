// A task queue that is split over three nodes: its home and two others, on one loop.
#include "matching/spread.h"

#include <set>

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "gtest/gtest.h"
#include "matching/matching.h"
#include "runtime/manual_loop.h"
#include "services/unimplemented_history.h"

namespace perdure::matching {
namespace {

namespace api = temporal::api::workflowservice::v1;
namespace enums = temporal::api::enums::v1;
namespace wire = perdure::internal::v1;
using PollResult =
    std::shared_ptr<std::optional<absl::StatusOr<api::PollWorkflowTaskQueueResponse>>>;

constexpr int64_t kSplitRate = 10;

class FakeHistory final : public services::UnimplementedHistory {
 public:
  void RecordWorkflowTaskStarted(
      services::TaskKey task, services::Poller poller,
      services::Reply<api::PollWorkflowTaskQueueResponse> reply) override {
    request_ids_.push_back(poller.request_id);
    if (!refusals_.empty()) {
      const absl::Status status = refusals_.front();
      refusals_.erase(refusals_.begin());
      return std::move(reply)(status);
    }
    api::PollWorkflowTaskQueueResponse response;
    response.set_task_token(task.workflow_id);
    std::move(reply)(std::move(response));
  }

  std::vector<std::string> request_ids_;
  std::vector<absl::Status> refusals_;
};

// Node 0 is every queue's home.
class SpreadTest : public testing::Test, public services::PartitionPeers {
 protected:
  SpreadTest() {
    auto name_space = std::make_shared<services::Namespace>();
    name_space->number = base::NamespaceNumber(1);
    name_space->name = "default";
    name_space_ = name_space;
    for (int node = 0; node < 3; ++node) {
      Options options;
      options.host_name = absl::StrCat("node", node);
      options.spread.split_rate = kSplitRate;
      options.metrics = &metrics_;
      nodes_.push_back(MakeMatching(loop_, options));
      nodes_.back()->SetHistory(&history_);
      nodes_.back()->SetPartitionPeers(this);
      nodes_.back()->SetOwned([node](base::NamespaceNumber, const std::string&,
                                     services::QueueKind) { return node == 0; });
    }
    loop_.RunReady();
  }
  ~SpreadTest() override {
    nodes_.clear();
    loop_.RunReady();
  }

  // PartitionPeers, of node 0:
  std::vector<services::Member> others() const override {
    std::vector<services::Member> others;
    for (int node = 1; node < nodes_present_; ++node) {
      others.push_back({.id = base::IncarnationId(node), .node_name = absl::StrCat("node", node)});
    }
    return others;
  }
  void HoldPartition(const services::Member& member, services::NamespacePtr name_space,
                     wire::HoldPartitionRequest request,
                     services::Reply<wire::HoldPartitionResponse> reply) override {
    polls_asked_ += request.polls_wanted();
    if (cut_off_.contains(member.id.value())) {
      return std::move(reply)(base::Unavailable("no answer"));
    }
    nodes_[static_cast<size_t>(member.id.value())]->HoldPartition(name_space, std::move(request),
                                                                  std::move(reply));
  }

  struct PollOptions {
    std::string identity = "worker";
    std::string instance_key;
    absl::Duration timeout = absl::Seconds(60);
    std::shared_ptr<services::Cancellation> cancellation;
  };
  PollResult Poll(size_t node, const PollOptions& options) {
    api::PollWorkflowTaskQueueRequest request;
    request.mutable_task_queue()->set_name("q");
    request.set_identity(options.identity);
    request.set_worker_instance_key(options.instance_key);
    services::CallContext context;
    context.deadline = loop_.Now() + options.timeout;
    context.cancellation = options.cancellation;
    auto result = std::make_shared<PollResult::element_type>();
    nodes_[node]->PollWorkflowTaskQueue(context, name_space_, request,
                                        [result](auto answer) { *result = std::move(answer); });
    loop_.RunReady();
    return result;
  }
  PollResult Poll(size_t node) { return Poll(node, PollOptions()); }

  services::WorkflowTask TaskOf(const std::string& id) {
    services::WorkflowTask task;
    task.key.name_space = name_space_;
    task.key.workflow_id = id;
    task.task_queue = "q";
    return task;
  }
  void Add(const std::string& id) {
    nodes_[0]->AddWorkflowTask(TaskOf(id));
    loop_.RunReady();
  }
  // As the router does; what comes back has to go home.
  void Try(size_t node, const std::string& id) {
    nodes_[node]->TryWorkflowTask(TaskOf(id), [this](services::WorkflowTask task) {
      untaken_.push_back(task.key.workflow_id);
    });
    loop_.RunReady();
  }
  // At home, where each task meets a poll.
  void PassSeconds(int seconds, int64_t tasks_a_second) {
    for (int second = 0; second < seconds; ++second) {
      for (int64_t i = 0; i < tasks_a_second; ++i) {
        Poll(0);
        Add("busy");
      }
      loop_.Advance(absl::Seconds(1));
    }
  }
  bool IsSplit(size_t node = 1) const {
    return nodes_[node]->HasPartition(name_space_->number, "q", services::QueueKind::kWorkflow);
  }
  static std::string TokenOf(const PollResult& poll) {
    if (!poll->has_value()) return "waits";
    if (base::IsShardMoved((*poll)->status())) return "sent home";
    if (!(*poll)->ok()) return std::string((*poll)->status().message());
    return (**poll)->task_token().empty() ? "empty" : (**poll)->task_token();
  }
  api::DescribeTaskQueueResponse Describe() {
    api::DescribeTaskQueueRequest request;
    request.mutable_task_queue()->set_name("q");
    request.set_task_queue_type(enums::TASK_QUEUE_TYPE_WORKFLOW);
    request.set_report_stats(true);
    api::DescribeTaskQueueResponse result;
    nodes_[0]->DescribeTaskQueue({}, name_space_, request,
                                 [&result](auto response) { result = *std::move(response); });
    loop_.RunReady();
    return result;
  }
  std::vector<std::string> Partitions() {
    api::ListTaskQueuePartitionsRequest request;
    request.mutable_task_queue()->set_name("q");
    std::vector<std::string> result;
    nodes_[0]->ListTaskQueuePartitions({}, name_space_, request, [&result](auto response) {
      for (const auto& partition : response->workflow_task_queue_partitions()) {
        result.push_back(partition.key() + "@" + partition.owner_host_name());
      }
    });
    loop_.RunReady();
    return result;
  }

  runtime::ManualLoop loop_;
  base::Metrics metrics_;
  FakeHistory history_;
  services::NamespacePtr name_space_;
  int nodes_present_ = 3;
  std::set<int64_t> cut_off_;
  int64_t polls_asked_ = 0;
  std::vector<std::string> untaken_;
  std::vector<std::unique_ptr<Matching>> nodes_;
};

TEST_F(SpreadTest, IsSplitAfterThreeBusySecondsAndJoinedAfterFiveCalmOnes) {
  PassSeconds(2, kSplitRate);
  EXPECT_FALSE(IsSplit());
  PassSeconds(1, kSplitRate);
  EXPECT_TRUE(IsSplit(1));
  EXPECT_TRUE(IsSplit(2));
  EXPECT_EQ(Partitions(),
            (std::vector<std::string>{"q@node0", "/_sys/q/1@node1", "/_sys/q/2@node2"}));
  // Half of the traffic is enough to stay.
  PassSeconds(7, kSplitRate / 2 + 1);
  EXPECT_TRUE(IsSplit());
  const auto poll = Poll(1);
  PassSeconds(7, kSplitRate / 2 - 1);
  EXPECT_FALSE(IsSplit(1));
  EXPECT_FALSE(IsSplit(2));
  EXPECT_EQ(TokenOf(poll), "sent home");
  EXPECT_EQ(Partitions(), std::vector<std::string>{"q@node0"});
}

TEST_F(SpreadTest, StaysWholeBelowTheRateOrAloneOrWithGapsOrABacklog) {
  PassSeconds(10, kSplitRate - 1);
  EXPECT_FALSE(IsSplit());
  for (int i = 0; i < 5; ++i) {
    PassSeconds(2, kSplitRate);
    PassSeconds(2, 0);
  }
  EXPECT_FALSE(IsSplit());
  nodes_present_ = 1;
  PassSeconds(5, kSplitRate);
  EXPECT_FALSE(IsSplit());
  nodes_present_ = 3;
  Add("waits");
  for (int second = 0; second < 10; ++second) {
    for (int64_t i = 0; i < 2 * kSplitRate; ++i) Add(absl::StrCat(second, " ", i));
    for (int64_t i = 0; i < kSplitRate; ++i) Poll(0);
    loop_.Advance(absl::Seconds(1));
  }
  EXPECT_FALSE(IsSplit());
}

TEST_F(SpreadTest, ATaskMeetsAPollOfItsOwnNodeOrGoesHome) {
  EXPECT_EQ(TokenOf(Poll(1)), "sent home");
  Try(1, "before");
  PassSeconds(3, kSplitRate);
  const auto poll = Poll(1);
  EXPECT_EQ(TokenOf(poll), "waits");
  Try(2, "elsewhere");
  Try(1, "here");
  Try(1, "later");
  EXPECT_EQ(TokenOf(poll), "here");
  EXPECT_EQ(untaken_, (std::vector<std::string>{"before", "elsewhere", "later"}));
}

TEST_F(SpreadTest, ATaskAtHomeCallsAPollThere) {
  PassSeconds(3, kSplitRate);
  const auto first = Poll(2);
  const auto second = Poll(2);
  loop_.Advance(absl::Seconds(1));
  Add("w");
  EXPECT_EQ(TokenOf(first), "sent home");
  EXPECT_EQ(TokenOf(second), "waits");
  EXPECT_EQ(polls_asked_, 1);
  EXPECT_EQ(TokenOf(Poll(0)), "w");
  loop_.Advance(absl::Seconds(1));
  EXPECT_TRUE(IsSplit());
  EXPECT_EQ(polls_asked_, 1) << "no more than are missed";
}

TEST_F(SpreadTest, ABacklogThatLastsJoinsIt) {
  PassSeconds(3, kSplitRate);
  const auto poll = Poll(1);
  Add("served");
  Add("waits");
  EXPECT_EQ(TokenOf(poll), "sent home");
  EXPECT_EQ(TokenOf(Poll(0)), "served");
  loop_.Advance(absl::Milliseconds(90));
  EXPECT_TRUE(IsSplit());
  loop_.Advance(absl::Milliseconds(30));
  EXPECT_FALSE(IsSplit());
  EXPECT_EQ(TokenOf(Poll(0)), "waits");
  PassSeconds(9, kSplitRate);
  EXPECT_FALSE(IsSplit()) << "too soon";
  PassSeconds(4, kSplitRate);
  EXPECT_TRUE(IsSplit());
}

TEST_F(SpreadTest, IsJoinedForLongWhenThePollsAreNotWhereTheTasksCome) {
  PassSeconds(3, kSplitRate);
  for (int second = 0; second < 4; ++second) {
    for (int64_t i = 0; i < kSplitRate; ++i) {
      Poll(1);
      Add("w");
      Poll(0);
    }
    loop_.Advance(absl::Seconds(1));
  }
  EXPECT_FALSE(IsSplit());
  PassSeconds(30, kSplitRate);
  EXPECT_FALSE(IsSplit());
  PassSeconds(31, kSplitRate);
  EXPECT_TRUE(IsSplit());
}

TEST_F(SpreadTest, APartitionThatHearsNoMoreEnds) {
  PassSeconds(3, kSplitRate);
  const auto poll = Poll(1);
  cut_off_ = {1};
  PassSeconds(2, kSplitRate);
  EXPECT_EQ(TokenOf(poll), "waits");
  PassSeconds(2, kSplitRate);
  EXPECT_EQ(TokenOf(poll), "sent home");
  EXPECT_FALSE(IsSplit(1));
  EXPECT_TRUE(IsSplit(2));
  EXPECT_EQ(Partitions(), (std::vector<std::string>{"q@node0", "/_sys/q/1@node2"}));
  cut_off_.clear();
  PassSeconds(1, kSplitRate);
  EXPECT_TRUE(IsSplit(1));
}

TEST_F(SpreadTest, WhatIsRefusedInAPartitionStaysWithItsPollOrGoesHome) {
  PassSeconds(3, kSplitRate);
  // A stale one is nobody's; the poll waits on.
  const auto poll = Poll(1);
  history_.refusals_ = {base::NotFound("gone")};
  Try(1, "stale");
  EXPECT_EQ(TokenOf(poll), "waits");
  // One that history cannot start now asks again under the same request id.
  history_.request_ids_.clear();
  history_.refusals_ = {base::Unavailable("moving")};
  Try(1, "late");
  loop_.Advance(absl::Milliseconds(20));
  EXPECT_EQ(TokenOf(poll), "late");
  ASSERT_EQ(history_.request_ids_.size(), 2u);
  EXPECT_EQ(history_.request_ids_[0], history_.request_ids_[1]);
  EXPECT_TRUE(untaken_.empty());
  // Its poll is gone meanwhile.
  auto cancellation = std::make_shared<services::Cancellation>();
  Poll(1, {.cancellation = cancellation});
  history_.refusals_ = {base::Unavailable("moving"), base::Unavailable("moving")};
  Try(1, "homeward");
  cancellation->Cancel();
  loop_.Advance(absl::Milliseconds(20));
  EXPECT_EQ(untaken_, std::vector<std::string>{"homeward"});
}

TEST_F(SpreadTest, IsDescribedAsIfItHadOneOwner) {
  PassSeconds(3, kSplitRate);
  const double before = Describe().stats().tasks_dispatch_rate();
  for (int i = 0; i < 60; ++i) {
    Poll(1, {.identity = "far"});
    Try(1, "w");
  }
  loop_.Advance(absl::Seconds(1));
  ASSERT_TRUE(IsSplit());
  const auto description = Describe();
  std::set<std::string> pollers;
  for (const auto& poller : description.pollers()) pollers.insert(poller.identity());
  EXPECT_EQ(pollers, (std::set<std::string>{"worker", "far"}));
  // 30 tasks in 3 seconds, and then 90 in 4.
  EXPECT_NEAR(before, 10, 0.1);
  EXPECT_NEAR(description.stats().tasks_dispatch_rate(), 22.5, 0.1);
  EXPECT_NEAR(description.stats().tasks_add_rate(), 22.5, 0.1);
  // Traffic of partitions keeps it split.
  for (int second = 0; second < 10; ++second) {
    for (int64_t i = 0; i < kSplitRate; ++i) {
      Poll(1);
      Try(1, "w");
    }
    loop_.Advance(absl::Seconds(1));
  }
  EXPECT_TRUE(IsSplit());
}

TEST_F(SpreadTest, PollsInPartitionsEndWithTheirCallerTheirWorkerTheirTimeAndTheServer) {
  PassSeconds(3, kSplitRate);
  auto cancellation = std::make_shared<services::Cancellation>();
  const auto cancelled = Poll(1, {.cancellation = cancellation});
  cancellation->Cancel();
  loop_.RunReady();
  EXPECT_EQ(TokenOf(cancelled), "empty");
  const auto of_worker = Poll(1, {.instance_key = "key"});
  api::ShutdownWorkerRequest request;
  request.set_worker_instance_key("key");
  nodes_[1]->ShutdownWorker({}, name_space_, request, [](auto response) {});
  loop_.RunReady();
  EXPECT_EQ(TokenOf(of_worker), "empty");
  const auto timed = Poll(1, {.timeout = absl::Seconds(3)});
  loop_.Advance(absl::Seconds(2));
  EXPECT_EQ(TokenOf(timed), "empty");
  const auto open = Poll(1);
  nodes_[1]->Drain();
  loop_.RunReady();
  EXPECT_EQ(TokenOf(open), "empty");
  EXPECT_FALSE(IsSplit(1));
}

TEST_F(SpreadTest, EndsWhenTheMembersChange) {
  PassSeconds(3, kSplitRate);
  const auto poll = Poll(1);
  nodes_[1]->SetOwned(
      [](base::NamespaceNumber, const std::string&, services::QueueKind) { return true; });
  loop_.RunReady();
  EXPECT_EQ(TokenOf(poll), "sent home");
  EXPECT_FALSE(IsSplit(1));
  PassSeconds(1, kSplitRate);
  EXPECT_FALSE(IsSplit(1)) << "it is the home itself, as far as it knows";
  // The home forgets the queue and the split with it.
  nodes_[0]->SetOwned(
      [](base::NamespaceNumber, const std::string&, services::QueueKind) { return false; });
  loop_.Advance(absl::Seconds(4));
  EXPECT_FALSE(IsSplit(2));
}

TEST_F(SpreadTest, AQueryCallsAPollHome) {
  PassSeconds(3, kSplitRate);
  const auto poll = Poll(1);
  services::QueryTask task;
  task.name_space = name_space_;
  task.task_queue = "q";
  task.query.set_query_type("state");
  services::CallContext context;
  context.deadline = loop_.Now() + absl::Seconds(10);
  nodes_[0]->Query(context, std::move(task), [](auto response) {});
  loop_.RunReady();
  EXPECT_EQ(TokenOf(poll), "sent home");
  const auto at_home = Poll(0);
  ASSERT_TRUE(at_home->has_value());
  EXPECT_EQ((**at_home)->query().query_type(), "state");
}

TEST_F(SpreadTest, ARateLimitJoinsItAndKeepsItWhole) {
  const auto activity_poll = [this](size_t node, double rate) {
    api::PollActivityTaskQueueRequest request;
    request.mutable_task_queue()->set_name("q");
    request.mutable_task_queue_metadata()->mutable_max_tasks_per_second()->set_value(rate);
    services::CallContext context;
    context.deadline = loop_.Now() + absl::Seconds(60);
    auto status = std::make_shared<absl::Status>(absl::UnknownError("waits"));
    nodes_[node]->PollActivityTaskQueue(context, name_space_, request,
                                        [status](auto answer) { *status = answer.status(); });
    loop_.RunReady();
    return status;
  };
  const auto pass_seconds = [&](int seconds, double rate) {
    for (int second = 0; second < seconds; ++second) {
      for (int64_t i = 0; i < kSplitRate; ++i) {
        activity_poll(0, rate);
        services::ActivityTask task;
        task.key.name_space = name_space_;
        task.task_queue = "q";
        nodes_[0]->AddActivityTask(std::move(task));
        loop_.RunReady();
      }
      loop_.Advance(absl::Seconds(1));
    }
  };
  const auto is_split = [this] {
    return nodes_[1]->HasPartition(name_space_->number, "q", services::QueueKind::kActivity);
  };
  pass_seconds(5, 1000);
  EXPECT_FALSE(is_split());
  pass_seconds(4, 100'000);  // What some SDKs send for no limit.
  EXPECT_TRUE(is_split());
  EXPECT_EQ(activity_poll(1, 100'000)->message(), "waits");
  EXPECT_TRUE(base::IsShardMoved(*activity_poll(1, 1000)));
  EXPECT_TRUE(is_split());
  activity_poll(0, 1000);
  EXPECT_FALSE(is_split());
}

}  // namespace
}  // namespace perdure::matching
