// What goes to a partition of this process, what goes home, and who may ask for partitions.
#include "cluster/partition_router.h"

#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "cluster/matching_router.h"
#include "cluster/node_handler.h"
#include "cluster/view.h"
#include "gtest/gtest.h"
#include "runtime/manual_loop.h"
#include "services/unimplemented_history.h"

namespace perdure::cluster {
namespace {

namespace api = temporal::api::workflowservice::v1;
using base::IncarnationId;
using services::QueueKind;

#define PERDURE_FAKE_RPC(Rpc)                                                                 \
  void Rpc(services::CallContext, services::NamespacePtr, api::Rpc##Request,                  \
           services::Reply<api::Rpc##Response> reply) override {                              \
    called_.push_back(#Rpc);                                                                  \
    if (absl::Status& status = answers_[#Rpc]; !status.ok()) return std::move(reply)(status); \
    std::move(reply)(api::Rpc##Response());                                                   \
  }

class FakeMatching final : public services::MatchingService, public services::Partitions {
 public:
  PERDURE_FAKE_RPC(RespondQueryTaskCompleted)
  PERDURE_FAKE_RPC(PollWorkflowTaskQueue)
  PERDURE_FAKE_RPC(PollActivityTaskQueue)
  PERDURE_FAKE_RPC(DescribeTaskQueue)
  PERDURE_FAKE_RPC(ListTaskQueuePartitions)
  PERDURE_FAKE_RPC(UpdateTaskQueueConfig)
  PERDURE_FAKE_RPC(ShutdownWorker)

  void AddWorkflowTask(services::WorkflowTask) override { called_.push_back("AddWorkflowTask"); }
  void AddActivityTask(services::ActivityTask) override { called_.push_back("AddActivityTask"); }
  void ForgetTasks(services::NamespacePtr, std::string, base::EventId) override {}
  void Query(services::CallContext, services::QueryTask,
             services::Reply<api::QueryWorkflowResponse>) override {}
  void Drain() override {}

  bool HasPartition(base::NamespaceNumber, const std::string& task_queue,
                    QueueKind kind) const override {
    return partitions_.contains({task_queue, kind});
  }
  void TryWorkflowTask(services::WorkflowTask task,
                       services::Untaken<services::WorkflowTask> untaken) override {
    called_.push_back("TryWorkflowTask");
    if (!takes_tasks_) std::move(untaken)(std::move(task));
  }
  void TryActivityTask(services::ActivityTask task,
                       services::Untaken<services::ActivityTask> untaken) override {
    called_.push_back("TryActivityTask");
    if (!takes_tasks_) std::move(untaken)(std::move(task));
  }
  void HoldPartition(services::NamespacePtr, wire::HoldPartitionRequest request,
                     services::Reply<wire::HoldPartitionResponse> reply) override {
    called_.push_back("HoldPartition");
    wire::HoldPartitionResponse response;
    response.set_polls_waiting(request.polls_wanted());
    std::move(reply)(std::move(response));
  }

  std::set<std::pair<std::string, QueueKind>> partitions_;
  bool takes_tasks_ = true;
  std::map<std::string, absl::Status> answers_;
  std::vector<std::string> called_;
};
#undef PERDURE_FAKE_RPC

class FakePeers final : public Peers {
 public:
  void Call(const services::Member& to, wire::Request request, services::CallContext,
            services::Reply<std::string> reply) override {
    called_.push_back(to.address + " " + request.method());
    requests_.push_back(std::move(request));
    std::move(reply)(answer_);
  }

  std::vector<std::string> called_;
  std::vector<wire::Request> requests_;
  std::string answer_;
};

class OneNamespace final : public services::Namespaces {
 public:
  OneNamespace() {
    auto name_space = std::make_shared<services::Namespace>();
    name_space->number = base::NamespaceNumber(1);
    name_space_ = name_space;
  }
  absl::StatusOr<services::NamespacePtr> Find(absl::string_view) const override {
    return name_space_;
  }
  absl::StatusOr<services::NamespacePtr> FindById(absl::string_view) const override {
    return name_space_;
  }
  services::NamespacePtr FindByNumber(base::NamespaceNumber) const override { return name_space_; }
  std::vector<services::NamespacePtr> All() const override { return {name_space_}; }

  services::NamespacePtr name_space_;
};

// This node is not the home of the task queue "q", of either kind.
class PartitionRouterTest : public testing::Test {
 protected:
  PartitionRouterTest() {
    auto view = std::make_shared<services::ClusterView>();
    for (int64_t id = 1; id <= 4; ++id) {
      view->members.push_back({.id = IncarnationId(id), .address = absl::StrCat("node", id)});
    }
    for (int64_t self = 1; self <= 4; ++self) {
      const bool is_home = HomeIn(*view, QueueKind::kWorkflow) == IncarnationId(self) ||
                           HomeIn(*view, QueueKind::kActivity) == IncarnationId(self);
      if (!is_home) view->self = IncarnationId(self);
    }
    keeper_.set_refresh([] {});
    keeper_.Set(view);
    view_ = view;
    router_ = MakeMatchingRouter(loop_, keeper_, peers_, matching_, matching_);
  }

  IncarnationId HomeIn(const services::ClusterView& view, QueueKind kind) const {
    return MatchingFor(view, base::NamespaceNumber(1), "q", kind)->id;
  }
  std::string HomeAddress(QueueKind kind) const {
    return absl::StrCat("node", HomeIn(*view_, kind).value());
  }
  void PollWorkflows(bool is_sticky = false) {
    api::PollWorkflowTaskQueueRequest request;
    request.mutable_task_queue()->set_name("q");
    request.set_identity("worker");
    if (is_sticky) {
      request.mutable_task_queue()->set_kind(temporal::api::enums::v1::TASK_QUEUE_KIND_STICKY);
    }
    router_->PollWorkflowTaskQueue({}, namespaces_.name_space_, request,
                                   [this](auto answer) { answers_.push_back(answer.status()); });
    loop_.RunReady();
  }
  void AddTasks(bool is_sticky = false) {
    services::WorkflowTask workflow;
    workflow.key.name_space = namespaces_.name_space_;
    workflow.task_queue = "q";
    workflow.is_sticky = is_sticky;
    router_->AddWorkflowTask(std::move(workflow));
    services::ActivityTask activity;
    activity.key.name_space = namespaces_.name_space_;
    activity.task_queue = "q";
    router_->AddActivityTask(std::move(activity));
    loop_.RunReady();
  }

  runtime::ManualLoop loop_;
  ViewKeeper keeper_;
  OneNamespace namespaces_;
  services::UnimplementedHistory history_;
  FakePeers peers_;
  FakeMatching matching_;
  services::ClusterViewPtr view_;
  std::unique_ptr<services::MatchingService> router_;
  std::vector<absl::Status> answers_;
};

TEST_F(PartitionRouterTest, WithoutAPartitionAllGoesHome) {
  matching_.partitions_ = {{"other", QueueKind::kWorkflow}, {"other", QueueKind::kActivity}};
  PollWorkflows();
  AddTasks();
  EXPECT_TRUE(matching_.called_.empty());
  EXPECT_EQ(peers_.called_,
            (std::vector<std::string>{
                HomeAddress(QueueKind::kWorkflow) + " matching.PollWorkflowTaskQueue",
                HomeAddress(QueueKind::kWorkflow) + " matching.AddWorkflowTask",
                HomeAddress(QueueKind::kActivity) + " matching.AddActivityTask"}));
}

TEST_F(PartitionRouterTest, WithAPartitionPollsAndTasksStayHere) {
  matching_.partitions_ = {{"q", QueueKind::kWorkflow}, {"q", QueueKind::kActivity}};
  PollWorkflows();
  AddTasks();
  EXPECT_EQ(matching_.called_, (std::vector<std::string>{"PollWorkflowTaskQueue", "TryWorkflowTask",
                                                         "TryActivityTask"}));
  EXPECT_EQ(answers_, std::vector<absl::Status>{absl::OkStatus()});
  EXPECT_TRUE(peers_.called_.empty());
  // Sticky queues have none, whatever their names.
  PollWorkflows(/*is_sticky=*/true);
  AddTasks(/*is_sticky=*/true);
  EXPECT_EQ(peers_.called_,
            (std::vector<std::string>{
                HomeAddress(QueueKind::kWorkflow) + " matching.PollWorkflowTaskQueue",
                HomeAddress(QueueKind::kWorkflow) + " matching.AddWorkflowTask"}));
}

TEST_F(PartitionRouterTest, WhatAPartitionGivesBackGoesHomeWhole) {
  matching_.partitions_ = {{"q", QueueKind::kWorkflow}, {"q", QueueKind::kActivity}};
  matching_.takes_tasks_ = false;
  matching_.answers_["PollWorkflowTaskQueue"] = base::ShardMoved();
  PollWorkflows();
  AddTasks();
  ASSERT_EQ(peers_.called_,
            (std::vector<std::string>{
                HomeAddress(QueueKind::kWorkflow) + " matching.PollWorkflowTaskQueue",
                HomeAddress(QueueKind::kWorkflow) + " matching.AddWorkflowTask",
                HomeAddress(QueueKind::kActivity) + " matching.AddActivityTask"}));
  EXPECT_EQ(answers_, std::vector<absl::Status>{absl::OkStatus()}) << "the home's answer";
  api::PollWorkflowTaskQueueRequest sent;
  ASSERT_TRUE(sent.ParseFromString(peers_.requests_[0].body()));
  EXPECT_EQ(sent.identity(), "worker");
  // Any other answer is the worker's.
  matching_.answers_["PollWorkflowTaskQueue"] = base::Unavailable("starting");
  PollWorkflows();
  EXPECT_EQ(answers_.back().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(peers_.called_.size(), 3u);
}

TEST_F(PartitionRouterTest, PartitionsAreListedByBothHomes) {
  api::ListTaskQueuePartitionsRequest request;
  request.mutable_task_queue()->set_name("q");
  router_->ListTaskQueuePartitions({}, namespaces_.name_space_, request, [](auto) {});
  EXPECT_EQ(peers_.called_,
            (std::vector<std::string>{
                HomeAddress(QueueKind::kWorkflow) + " matching.ListTaskQueuePartitions",
                HomeAddress(QueueKind::kActivity) + " matching.ListTaskQueuePartitions"}));
}

TEST_F(PartitionRouterTest, TheHomeAsksInItsName) {
  const auto partition_peers = MakePartitionRouter(loop_, keeper_, peers_);
  wire::HoldPartitionResponse response;
  response.set_polls_waiting(7);
  peers_.answer_ = response.SerializeAsString();
  int64_t waiting = 0;
  partition_peers->HoldPartition(
      view_->members[2], namespaces_.name_space_, {},
      [&waiting](auto answer) { waiting = answer.ok() ? answer->polls_waiting() : -1; });
  EXPECT_EQ(waiting, 7);
  EXPECT_EQ(peers_.called_, std::vector<std::string>{"node3 matching.HoldPartition"});
  EXPECT_EQ(peers_.requests_[0].to_incarnation(), 3);
  wire::HoldPartitionRequest sent;
  ASSERT_TRUE(sent.ParseFromString(peers_.requests_[0].body()));
  EXPECT_EQ(sent.home_incarnation(), view_->self.value());
}

TEST_F(PartitionRouterTest, OnlyThoseWhoStayAndDoMatchingAreAsked) {
  auto view = std::make_shared<services::ClusterView>();
  view->self = IncarnationId(1);
  view->members = {{.id = IncarnationId(1)},
                   {.id = IncarnationId(2), .is_leaving = true},
                   {.id = IncarnationId(3), .roles = base::kRoleHistory},
                   {.id = IncarnationId(4)}};
  keeper_.Set(view);
  const auto others = MakePartitionRouter(loop_, keeper_, peers_)->others();
  ASSERT_EQ(others.size(), 1u);
  EXPECT_EQ(others[0].id, IncarnationId(4));
}

TEST_F(PartitionRouterTest, APartitionIsHeldForTheHomeAlone) {
  NodeHandler handler(
      {loop_, keeper_, namespaces_, history_, matching_, matching_,
       [](std::function<void(const absl::Status&)> done) { done(absl::OkStatus()); },
       [](services::QueueFilter) {}, [](bool, services::Cluster::Done) {}});
  const auto ask = [&](IncarnationId home, int task_queue_type) {
    wire::HoldPartitionRequest body;
    body.set_home_incarnation(home.value());
    body.set_task_queue("q");
    body.set_task_queue_type(task_queue_type);
    wire::Request request;
    request.set_to_incarnation(view_->self.value());
    request.set_method("matching.HoldPartition");
    request.set_namespace_number(1);
    request.set_body(body.SerializeAsString());
    absl::Status status = absl::UnknownError("not answered");
    handler.Handle(std::move(request), nullptr,
                   [&status](absl::StatusOr<std::string> answer) { status = answer.status(); });
    return status;
  };
  EXPECT_TRUE(ask(HomeIn(*view_, QueueKind::kActivity), 2).ok());
  EXPECT_EQ(matching_.called_, std::vector<std::string>{"HoldPartition"});
  EXPECT_TRUE(base::IsShardMoved(ask(view_->self, 2)));
  EXPECT_EQ(ask(HomeIn(*view_, QueueKind::kActivity), 3).code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(matching_.called_.size(), 1u);
}

}  // namespace
}  // namespace perdure::cluster
