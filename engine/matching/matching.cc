#include "matching/matching.h"

#include <utility>

#include "matching/engine.h"

namespace perdure::matching {
namespace {

using services::CallContext;
using services::NamespacePtr;
using services::Reply;

// What both kinds of poll request say of the worker.
template <class Request>
std::unique_ptr<Poll> PollOf(const CallContext& context, NamespacePtr name_space,
                             const Request& request) {
  auto poll = std::make_unique<Poll>();
  poll->name_space = std::move(name_space);
  poll->cancellation = context.cancellation;
  poll->worker_instance_key = request.worker_instance_key();
  poll->poller.identity = request.identity();
  poll->poller.task_queue = request.task_queue().name();
  if (request.has_worker_version_capabilities()) {
    poll->has_version_capabilities = true;
    poll->version_capabilities = request.worker_version_capabilities();
    poll->poller.has_worker_version = true;
    poll->poller.worker_version = request.worker_version_capabilities();
  }
  if (request.has_deployment_options()) {
    poll->has_deployment = true;
    poll->deployment = request.deployment_options();
    poll->poller.deployment_name = request.deployment_options().deployment_name();
    poll->poller.build_id = request.deployment_options().build_id();
  }
  return poll;
}

class LoopMatching final : public Matching {
 public:
  LoopMatching(runtime::Loop& loop, Options options)
      : loop_(loop), engine_(std::make_shared<Engine>(loop, std::move(options))) {}
  ~LoopMatching() override {
    Post([](Engine& engine) { engine.Close(); });
  }

  void SetHistory(services::HistoryService* history) override {
    Post([history](Engine& engine) { engine.SetHistory(history); });
  }

  void SetPartitionPeers(services::PartitionPeers* peers) override {
    Post([peers](Engine& engine) { engine.SetPartitionPeers(peers); });
  }

  void AddWorkflowTask(services::WorkflowTask task) override {
    Post([task = std::move(task)](Engine& engine) mutable {
      engine.AddWorkflowTask(std::move(task));
    });
  }
  void AddActivityTask(services::ActivityTask task) override {
    Post([task = std::move(task)](Engine& engine) mutable {
      engine.AddActivityTask(std::move(task));
    });
  }

  void ForgetTasks(NamespacePtr name_space, std::string run_id,
                   base::EventId scheduled_event_id) override {
    Post([number = name_space->number, run_id = std::move(run_id), scheduled_event_id](
             Engine& engine) { engine.ForgetTasks(number, run_id, scheduled_event_id); });
  }

  void Query(CallContext context, services::QueryTask task,
             Reply<api::QueryWorkflowResponse> reply) override {
    Post([context = std::move(context), task = std::move(task),
          reply = std::move(reply)](Engine& engine) mutable {
      engine.Query(std::move(context), std::move(task), std::move(reply));
    });
  }
  void RespondQueryTaskCompleted(CallContext context, NamespacePtr name_space,
                                 api::RespondQueryTaskCompletedRequest request,
                                 Reply<api::RespondQueryTaskCompletedResponse> reply) override {
    Post([name_space = std::move(name_space), request = std::move(request),
          reply = std::move(reply)](Engine& engine) mutable {
      engine.RespondQueryTaskCompleted(name_space, std::move(request), std::move(reply));
    });
  }

  void PollWorkflowTaskQueue(CallContext context, NamespacePtr name_space,
                             api::PollWorkflowTaskQueueRequest request,
                             Reply<api::PollWorkflowTaskQueueResponse> reply) override {
    auto poll = PollOf(context, name_space, request);
    poll->poller.binary_checksum = request.binary_checksum();
    poll->reply = std::move(reply);
    const bool is_sticky =
        request.task_queue().kind() == temporal::api::enums::v1::TASK_QUEUE_KIND_STICKY;
    AddPoll({std::move(name_space), QueueKind::kWorkflow, request.task_queue().name(), is_sticky},
            std::move(poll), context.deadline);
  }
  void PollActivityTaskQueue(CallContext context, NamespacePtr name_space,
                             api::PollActivityTaskQueueRequest request,
                             Reply<api::PollActivityTaskQueueResponse> reply) override {
    auto poll = PollOf(context, name_space, request);
    if (request.task_queue_metadata().has_max_tasks_per_second()) {
      poll->tasks_per_second_max = request.task_queue_metadata().max_tasks_per_second().value();
    }
    poll->reply = std::move(reply);
    AddPoll({std::move(name_space), QueueKind::kActivity, request.task_queue().name(), false},
            std::move(poll), context.deadline);
  }

  void DescribeTaskQueue(CallContext context, NamespacePtr name_space,
                         api::DescribeTaskQueueRequest request,
                         Reply<api::DescribeTaskQueueResponse> reply) override {
    Post([name_space = std::move(name_space), request = std::move(request),
          reply = std::move(reply)](Engine& engine) mutable {
      std::move(reply)(engine.Describe(name_space, request));
    });
  }
  void ListTaskQueuePartitions(CallContext context, NamespacePtr name_space,
                               api::ListTaskQueuePartitionsRequest request,
                               Reply<api::ListTaskQueuePartitionsResponse> reply) override {
    Post([name_space = std::move(name_space), request = std::move(request),
          reply = std::move(reply)](Engine& engine) mutable {
      std::move(reply)(engine.ListPartitions(name_space, request));
    });
  }
  void UpdateTaskQueueConfig(CallContext context, NamespacePtr name_space,
                             api::UpdateTaskQueueConfigRequest request,
                             Reply<api::UpdateTaskQueueConfigResponse> reply) override {
    Post([name_space = std::move(name_space), request = std::move(request),
          reply = std::move(reply)](Engine& engine) mutable {
      std::move(reply)(engine.UpdateConfig(name_space, request));
    });
  }
  void ShutdownWorker(CallContext context, NamespacePtr name_space,
                      api::ShutdownWorkerRequest request,
                      Reply<api::ShutdownWorkerResponse> reply) override {
    Post([name_space = std::move(name_space), request = std::move(request),
          reply = std::move(reply)](Engine& engine) mutable {
      engine.ShutdownWorker(name_space, request);
      std::move(reply)(api::ShutdownWorkerResponse());
    });
  }

  bool HasPartition(base::NamespaceNumber number, const std::string& task_queue,
                    QueueKind kind) const override {
    return engine_->partition_table().Has(number, task_queue, kind);
  }
  void TryWorkflowTask(services::WorkflowTask task,
                       services::Untaken<services::WorkflowTask> untaken) override {
    Post([task = std::move(task), untaken = std::move(untaken)](Engine& engine) mutable {
      engine.TryWorkflowTask(std::move(task), std::move(untaken));
    });
  }
  void TryActivityTask(services::ActivityTask task,
                       services::Untaken<services::ActivityTask> untaken) override {
    Post([task = std::move(task), untaken = std::move(untaken)](Engine& engine) mutable {
      engine.TryActivityTask(std::move(task), std::move(untaken));
    });
  }
  void HoldPartition(NamespacePtr name_space, perdure::internal::v1::HoldPartitionRequest request,
                     Reply<perdure::internal::v1::HoldPartitionResponse> reply) override {
    Post([name_space = std::move(name_space), request = std::move(request),
          reply = std::move(reply)](Engine& engine) mutable {
      engine.HoldPartition(std::move(name_space), request, std::move(reply));
    });
  }

  void MeasureBacklogs(absl::AnyInvocable<void() &&> done) override {
    Post([done = std::move(done)](Engine& engine) mutable {
      engine.MeasureBacklogs();
      std::move(done)();
    });
  }

  void SetServing(bool is_serving) override {
    Post([is_serving](Engine& engine) { engine.SetServing(is_serving); });
  }

  void SetOwned(services::QueueFilter owned) override {
    Post([owned = std::move(owned)](Engine& engine) mutable { engine.SetOwned(std::move(owned)); });
  }

  void Drain() override {
    Post([](Engine& engine) { engine.Drain(); });
  }

 private:
  template <class Function>
  void Post(Function function) {
    loop_.Post([engine = engine_, function = std::move(function)]() mutable { function(*engine); });
  }
  void AddPoll(TaskQueue::Identity identity, std::unique_ptr<Poll> poll, absl::Time deadline) {
    Post(
        [identity = std::move(identity), poll = std::move(poll), deadline](Engine& engine) mutable {
          engine.AddPoll(std::move(identity), std::move(poll), deadline);
        });
  }

  runtime::Loop& loop_;
  // Shared with what is posted to the loop and with replies under way.
  const std::shared_ptr<Engine> engine_;
};

}  // namespace

std::unique_ptr<Matching> MakeMatching(runtime::Loop& loop, Options options) {
  return std::make_unique<LoopMatching>(loop, std::move(options));
}

}  // namespace perdure::matching
