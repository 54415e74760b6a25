#include <deque>

#include "base/errors.h"
#include "cluster/history_router.h"
#include "cluster/node.h"
#include "gtest/gtest.h"
#include "runtime/manual_loop.h"
#include "services/unimplemented_history.h"

namespace perdure::cluster {
namespace {

namespace api = temporal::api::workflowservice::v1;
using base::IncarnationId;

class FakeHistory : public services::UnimplementedHistory {
 public:
  void SignalWorkflowExecution(
      services::CallContext, services::NamespacePtr, api::SignalWorkflowExecutionRequest request,
      services::Reply<api::SignalWorkflowExecutionResponse> reply) override {
    signaled_.push_back(request.workflow_execution().workflow_id());
    if (!refusals_.empty()) {
      const absl::Status refusal = refusals_.front();
      refusals_.pop_front();
      return std::move(reply)(refusal);
    }
    std::move(reply)(api::SignalWorkflowExecutionResponse());
  }

  std::vector<std::string> signaled_;
  std::deque<absl::Status> refusals_;
};

class FakePeers : public Peers {
 public:
  void Call(const services::Member& to, wire::Request request, services::CallContext,
            services::Reply<std::string> reply) override {
    called_.push_back(to.address + " " + request.method());
    requests_.push_back(request);
    absl::StatusOr<std::string> answer = std::string();
    if (!answers_.empty()) {
      answer = answers_.front();
      answers_.pop_front();
    }
    std::move(reply)(std::move(answer));
  }

  std::vector<std::string> called_;
  std::vector<wire::Request> requests_;
  std::deque<absl::StatusOr<std::string>> answers_;
};

class RouterTest : public testing::Test {
 protected:
  RouterTest() {
    auto name_space = std::make_shared<services::Namespace>();
    name_space->number = base::NamespaceNumber(1);
    name_space_ = name_space;
    keeper_.set_refresh([this] { ++refreshes_; });
    router_ = MakeHistoryRouter(loop_, keeper_, peers_, history_);
  }

  // The view of node 1, with another one; `owner` has the workflow "w".
  void SetView(int64_t owner) {
    auto view = std::make_shared<services::ClusterView>();
    view->self = IncarnationId(1);
    view->members = {{.id = IncarnationId(1), .address = "one"},
                     {.id = IncarnationId(2), .address = "two"}};
    const base::ShardId shard = base::ShardOf(name_space_->number, "w");
    view->owners[static_cast<size_t>(shard.value())] = IncarnationId(owner);
    keeper_.Set(std::move(view));
  }

  void Signal() {
    api::SignalWorkflowExecutionRequest request;
    request.mutable_workflow_execution()->set_workflow_id("w");
    request.set_signal_name("s");
    router_->SignalWorkflowExecution(
        {}, name_space_, request,
        [this](absl::StatusOr<api::SignalWorkflowExecutionResponse> response) {
          answers_.push_back(response.status());
        });
    loop_.RunReady();
  }

  runtime::ManualLoop loop_;
  ViewKeeper keeper_;
  FakePeers peers_;
  FakeHistory history_;
  services::NamespacePtr name_space_;
  std::unique_ptr<services::HistoryService> router_;
  std::vector<absl::Status> answers_;
  int refreshes_ = 0;
};

TEST_F(RouterTest, CallsThisProcessForItsOwnShardsAndOthersForTheirs) {
  SetView(1);
  Signal();
  EXPECT_EQ(history_.signaled_, std::vector<std::string>{"w"});
  SetView(2);
  Signal();
  EXPECT_EQ(history_.signaled_.size(), 1u);
  ASSERT_EQ(peers_.called_, std::vector<std::string>{"two history.SignalWorkflowExecution"});
  EXPECT_EQ(peers_.requests_[0].to_incarnation(), 2);
  EXPECT_EQ(peers_.requests_[0].namespace_number(), 1);
  api::SignalWorkflowExecutionRequest sent;
  ASSERT_TRUE(sent.ParseFromString(peers_.requests_[0].body()));
  EXPECT_EQ(sent.signal_name(), "s");
  EXPECT_EQ(answers_, (std::vector<absl::Status>{absl::OkStatus(), absl::OkStatus()}));
}

TEST_F(RouterTest, FollowsAShardThatMovesWithoutTheCallerNoticing) {
  SetView(2);
  peers_.answers_ = {base::ShardMoved(), base::ShardMoved()};
  Signal();
  EXPECT_TRUE(answers_.empty());
  EXPECT_EQ(refreshes_, 1);
  loop_.Advance(absl::Milliseconds(10));
  SetView(1);
  loop_.Advance(absl::Milliseconds(50));
  EXPECT_EQ(history_.signaled_, std::vector<std::string>{"w"});
  EXPECT_EQ(answers_, std::vector<absl::Status>{absl::OkStatus()});
  // And away from this process, too.
  history_.refusals_ = {base::ShardMoved()};
  Signal();
  SetView(2);
  loop_.Advance(absl::Milliseconds(50));
  EXPECT_EQ(answers_.size(), 2u);
  EXPECT_EQ(peers_.called_.back(), "two history.SignalWorkflowExecution");
}

// The other one is dead, and its shards are being claimed.
TEST_F(RouterTest, WaitsForAShardThatNobodyHasYetThoughNobodyElseIsLeft) {
  auto view = std::make_shared<services::ClusterView>();
  view->self = IncarnationId(1);
  view->members = {{.id = IncarnationId(1), .address = "one"}};
  keeper_.Set(view);
  history_.refusals_ = {base::ShardMoved()};
  Signal();
  EXPECT_TRUE(answers_.empty());
  SetView(1);
  history_.refusals_.clear();
  loop_.Advance(absl::Milliseconds(50));
  EXPECT_EQ(answers_, std::vector<absl::Status>{absl::OkStatus()});
}

TEST_F(RouterTest, SendsNothingTwiceThatMayHaveBeenDone) {
  SetView(2);
  peers_.answers_ = {base::Unavailable("the connection was lost")};
  Signal();
  EXPECT_EQ(peers_.called_.size(), 1u);
  ASSERT_EQ(answers_.size(), 1u);
  EXPECT_EQ(answers_[0].code(), absl::StatusCode::kUnavailable);
  peers_.answers_ = {base::NotFound("no such workflow")};
  Signal();
  EXPECT_EQ(answers_.back().code(), absl::StatusCode::kNotFound);
}

TEST_F(RouterTest, GivesUpAfterAWhileAndSaysSoAsAnyServerWould) {
  SetView(0);
  Signal();
  loop_.Advance(absl::Seconds(7));
  EXPECT_TRUE(answers_.empty());
  loop_.Advance(absl::Seconds(2));
  ASSERT_EQ(answers_.size(), 1u);
  EXPECT_EQ(answers_[0].code(), absl::StatusCode::kUnavailable);
  EXPECT_FALSE(base::IsShardMoved(answers_[0])) << "nothing of the cluster's is shown outside";
}

}  // namespace
}  // namespace perdure::cluster
