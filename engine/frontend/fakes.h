// For this module's tests: a loop that runs when told, a store that holds the registry in memory,
// and services that note what reached them.
#pragma once

#include <deque>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "runtime/runtime.h"
#include "services/history_service.h"
#include "services/matching_service.h"
#include "store/store.h"

namespace perdure::frontend {

// Value-like; not thread-safe. The clock stands still.
class FakeLoop : public runtime::Loop {
 public:
  void Post(runtime::Task task) override { tasks_.push_back(std::move(task)); }
  runtime::TimerId At(absl::Time, runtime::Task) override { return ++timers_; }
  void Cancel(runtime::TimerId) override {}
  bool IsCurrent() const override { return true; }
  absl::Time Now() const override { return absl::FromUnixSeconds(1'700'000'000); }
  base::Random& random() override { return random_; }

  void RunAll() {
    while (!tasks_.empty()) {
      runtime::Task task = std::move(tasks_.front());
      tasks_.pop_front();
      std::move(task)();
    }
  }

 private:
  std::deque<runtime::Task> tasks_;
  runtime::TimerId timers_ = 0;
  base::Random random_{1};
};

// Keeps namespaces and search attributes; answers every call at once, on the caller's thread.
class FakeStore : public store::Store {
 public:
  void ListNamespaces(store::Result<std::vector<store::NamespaceRow>> result) override {
    std::vector<store::NamespaceRow> rows;
    for (const auto& [number, row] : namespaces) rows.push_back(row);
    std::move(result)(std::move(rows));
  }
  void CreateNamespace(store::NamespaceRow row,
                       store::Result<store::NamespaceRow> result) override {
    for (const auto& [number, known] : namespaces) {
      if (known.name == row.name) return std::move(result)(absl::AlreadyExistsError(""));
    }
    row.number = base::NamespaceNumber(static_cast<int32_t>(namespaces.size()) + 1);
    namespaces[row.number] = row;
    std::move(result)(row);
  }
  void UpdateNamespace(store::NamespaceRow row,
                       store::Result<store::NamespaceRow> result) override {
    if (namespaces[row.number].version != row.version) {
      return std::move(result)(absl::FailedPreconditionError(""));
    }
    ++row.version;
    namespaces[row.number] = row;
    std::move(result)(row);
  }
  void ListSearchAttributes(store::Result<std::vector<store::SearchAttributeRow>> result) override {
    std::move(result)(attributes);
  }
  void AddSearchAttribute(store::SearchAttributeRow row, store::Done done) override {
    attributes.push_back(std::move(row));
    std::move(done)(absl::OkStatus());
  }
  void RemoveSearchAttribute(store::SearchAttributeRow row, store::Done done) override {
    std::erase_if(attributes, [&row](const auto& known) { return known.name == row.name; });
    std::move(done)(absl::OkStatus());
  }
  void List(store::ListQuery query, store::Result<store::ListPage> result) override {
    last_list = std::move(query);
    std::move(result)(page);
  }
  void Count(store::CountQuery query, store::Result<store::CountResult> result) override {
    last_count = std::move(query);
    std::move(result)(counted);
  }

  // Not asked by the frontend.
  void Commit(store::CommitBatch, store::Done) override {}
  void LoadExecution(base::NamespaceNumber, base::WorkflowId, std::optional<base::RunId>,
                     store::Result<store::LoadedExecution>) override {}
  void ReadJournal(store::JournalRange, store::Result<std::vector<store::JournalEntry>>) override {}
  void DueExecutions(std::vector<base::ShardId>, store::DueCursor, absl::Time, int64_t,
                     store::Result<std::vector<store::DueExecution>>) override {}
  void EarliestWake(std::vector<base::ShardId>, absl::Time,
                    store::Result<std::optional<absl::Time>>) override {}
  void CurrentWorkflows(store::ShardRange, base::ExecutionKey, int64_t,
                        store::Result<std::vector<store::CurrentWorkflow>>) override {}
  void RunsOfNamespace(base::NamespaceNumber, int64_t,
                       store::Result<std::vector<store::DueExecution>>) override {}
  void DeleteNamespace(base::NamespaceNumber, store::Done) override {}
  void GetSetting(std::string, store::Result<std::optional<std::string>>) override {}
  void PutSettingIfAbsent(std::string, std::string, store::Result<std::string>) override {}
  void RegisterIncarnation(store::NodeFacts, store::Result<base::IncarnationId>) override {}
  void Heartbeat(base::IncarnationId, bool, store::Result<store::ClusterState>) override {}
  void HandOver(base::IncarnationId, base::IncarnationId, std::vector<base::ShardId>,
                store::Done) override {}
  void ListIncarnations(store::Result<std::vector<store::Incarnation>>) override {}
  void Fence(base::IncarnationId, store::Done) override {}
  void ClaimShards(base::IncarnationId, std::vector<base::ShardId>,
                   store::Result<std::vector<store::ShardOwner>>) override {}
  void ListShards(store::Result<std::vector<store::ShardOwner>>) override {}
  void Ping(store::Done) override {}

  std::map<base::NamespaceNumber, store::NamespaceRow> namespaces;
  std::vector<store::SearchAttributeRow> attributes;
  store::ListPage page;
  store::CountResult counted;
  store::ListQuery last_list;
  store::CountQuery last_count;
};

// Answers each RPC empty and notes its name and its request's text.
#define PERDURE_FAKE_RPC(Method)                                                               \
  void Method(services::CallContext, services::NamespacePtr, services::api::Method##Request r, \
              services::Reply<services::api::Method##Response> reply) override {               \
    calls.emplace_back(#Method, r.ShortDebugString());                                         \
    std::move(reply)(services::api::Method##Response());                                       \
  }

class FakeHistory : public services::HistoryService {
 public:
  PERDURE_FAKE_RPC(StartWorkflowExecution)
  PERDURE_FAKE_RPC(SignalWithStartWorkflowExecution)
  PERDURE_FAKE_RPC(ExecuteMultiOperation)
  PERDURE_FAKE_RPC(SignalWorkflowExecution)
  PERDURE_FAKE_RPC(RequestCancelWorkflowExecution)
  PERDURE_FAKE_RPC(TerminateWorkflowExecution)
  PERDURE_FAKE_RPC(ResetWorkflowExecution)
  PERDURE_FAKE_RPC(DeleteWorkflowExecution)
  PERDURE_FAKE_RPC(DescribeWorkflowExecution)
  PERDURE_FAKE_RPC(QueryWorkflow)
  PERDURE_FAKE_RPC(UpdateWorkflowExecution)
  PERDURE_FAKE_RPC(PollWorkflowExecutionUpdate)
  PERDURE_FAKE_RPC(UpdateWorkflowExecutionOptions)
  PERDURE_FAKE_RPC(PauseWorkflowExecution)
  PERDURE_FAKE_RPC(UnpauseWorkflowExecution)
  PERDURE_FAKE_RPC(GetWorkflowExecutionHistory)
  PERDURE_FAKE_RPC(GetWorkflowExecutionHistoryReverse)
  PERDURE_FAKE_RPC(RespondWorkflowTaskCompleted)
  PERDURE_FAKE_RPC(RespondWorkflowTaskFailed)
  PERDURE_FAKE_RPC(ResetStickyTaskQueue)
  PERDURE_FAKE_RPC(RespondActivityTaskCompleted)
  PERDURE_FAKE_RPC(RespondActivityTaskFailed)
  PERDURE_FAKE_RPC(RespondActivityTaskCanceled)
  PERDURE_FAKE_RPC(RecordActivityTaskHeartbeat)
  PERDURE_FAKE_RPC(RespondActivityTaskCompletedById)
  PERDURE_FAKE_RPC(RespondActivityTaskFailedById)
  PERDURE_FAKE_RPC(RespondActivityTaskCanceledById)
  PERDURE_FAKE_RPC(RecordActivityTaskHeartbeatById)
  PERDURE_FAKE_RPC(PauseActivity)
  PERDURE_FAKE_RPC(UnpauseActivity)
  PERDURE_FAKE_RPC(ResetActivity)
  PERDURE_FAKE_RPC(UpdateActivityOptions)

  void RecordWorkflowTaskStarted(
      services::TaskKey, services::Poller,
      services::Reply<services::api::PollWorkflowTaskQueueResponse>) override {}
  void RecordActivityTaskStarted(
      services::TaskKey, services::Poller,
      services::Reply<services::api::PollActivityTaskQueueResponse>) override {}
  void Deliver(perdure::internal::v1::DeliverRequest,
               services::Reply<perdure::internal::v1::DeliverResponse>) override {}
  void StickyWorkerUnavailable(services::TaskKey) override {}
  void PushOutstandingTasks(services::NamespacePtr, std::string, bool) override {}
  void ReclaimNamespace(services::NamespacePtr name_space) override {
    calls.emplace_back("ReclaimNamespace", name_space->name);
  }
  void Drain(absl::AnyInvocable<void() &&> done) override { std::move(done)(); }

  std::vector<std::pair<std::string, std::string>> calls;
};

class FakeMatching : public services::MatchingService {
 public:
  PERDURE_FAKE_RPC(RespondQueryTaskCompleted)
  PERDURE_FAKE_RPC(PollWorkflowTaskQueue)
  PERDURE_FAKE_RPC(PollActivityTaskQueue)
  PERDURE_FAKE_RPC(DescribeTaskQueue)
  PERDURE_FAKE_RPC(ListTaskQueuePartitions)
  PERDURE_FAKE_RPC(UpdateTaskQueueConfig)
  PERDURE_FAKE_RPC(ShutdownWorker)

  void AddWorkflowTask(services::WorkflowTask) override {}
  void AddActivityTask(services::ActivityTask) override {}
  void ForgetTasks(services::NamespacePtr, std::string, base::EventId) override {}
  void Query(services::CallContext, services::QueryTask,
             services::Reply<services::api::QueryWorkflowResponse>) override {}
  void Drain() override {}

  std::vector<std::pair<std::string, std::string>> calls;
};
#undef PERDURE_FAKE_RPC

}  // namespace perdure::frontend
