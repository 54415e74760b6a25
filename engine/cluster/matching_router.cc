#include "cluster/matching_router.h"

#include <atomic>
#include <utility>

#include "base/errors.h"
#include "cluster/routing.h"
#include "perdure/internal/v1/matching.pb.h"
#include "temporal/api/enums/v1/task_queue.pb.h"

namespace perdure::cluster {
namespace {

using services::CallContext;
using services::MatchingService;
using services::NamespacePtr;
using services::QueueKind;
using services::Reply;

namespace api = temporal::api::workflowservice::v1;

constexpr absl::Duration kNoticeMax = absl::Seconds(30);

QueueKind KindOf(int task_queue_type) {
  return task_queue_type == temporal::api::enums::v1::TASK_QUEUE_TYPE_ACTIVITY
             ? QueueKind::kActivity
             : QueueKind::kWorkflow;
}

class MatchingRouter final : public MatchingService {
 public:
  MatchingRouter(RoutingParts parts, MatchingService& local, services::Partitions& partitions)
      : parts_(parts), local_(local), partitions_(partitions) {}

  void AddWorkflowTask(services::WorkflowTask task) override {
    if (IsAlone()) return local_.AddWorkflowTask(std::move(task));
    if (!task.is_sticky && HasPartition(task.key.name_space, task.task_queue, kWorkflow)) {
      return partitions_.TryWorkflowTask(std::move(task), [this](services::WorkflowTask untaken) {
        PushHome(std::move(untaken));
      });
    }
    PushHome(std::move(task));
  }

  void AddActivityTask(services::ActivityTask task) override {
    if (IsAlone()) return local_.AddActivityTask(std::move(task));
    if (HasPartition(task.key.name_space, task.task_queue, kActivity)) {
      return partitions_.TryActivityTask(std::move(task), [this](services::ActivityTask untaken) {
        PushHome(std::move(untaken));
      });
    }
    PushHome(std::move(task));
  }

  // Its tasks may be on several queues; and hardly ever is there one.
  void ForgetTasks(NamespacePtr name_space, std::string run_id,
                   base::EventId scheduled_event_id) override {
    local_.ForgetTasks(name_space, run_id, scheduled_event_id);
    if (IsAlone()) return;
    wire::ForgetTasksRequest body;
    body.set_run_id(run_id);
    body.set_scheduled_event_id(scheduled_event_id);
    TellOthers("matching.ForgetTasks", name_space, body.SerializeAsString(), [] {});
  }

  void Query(CallContext context, services::QueryTask task,
             Reply<api::QueryWorkflowResponse> reply) override {
    if (IsAlone()) return local_.Query(std::move(context), std::move(task), std::move(reply));
    auto plan = PlanFor<api::QueryWorkflowResponse>("matching.Query", context, task.name_space,
                                                    task.task_queue, QueueKind::kWorkflow);
    auto shared = std::make_shared<services::QueryTask>(std::move(task));
    plan.here = [this, shared, context](Reply<api::QueryWorkflowResponse> done) {
      local_.Query(context, *shared, std::move(done));
    };
    plan.body = [shared] { return ToWire(*shared).SerializeAsString(); };
    Send(parts_, std::move(plan), std::move(reply));
  }

  void RespondQueryTaskCompleted(CallContext context, NamespacePtr name_space,
                                 api::RespondQueryTaskCompletedRequest request,
                                 Reply<api::RespondQueryTaskCompletedResponse> reply) override {
    perdure::internal::v1::QueryTaskToken token;
    // One that cannot be read is refused by whoever gets it.
    const std::string queue =
        token.ParseFromString(request.task_token()) ? token.task_queue() : std::string();
    Route<&MatchingService::RespondQueryTaskCompleted>(
        "matching.RespondQueryTaskCompleted", queue, QueueKind::kWorkflow, std::move(context),
        std::move(name_space), std::move(request), std::move(reply));
  }

  void PollWorkflowTaskQueue(CallContext context, NamespacePtr name_space,
                             api::PollWorkflowTaskQueueRequest request,
                             Reply<api::PollWorkflowTaskQueueResponse> reply) override {
    const bool is_sticky =
        request.task_queue().kind() == temporal::api::enums::v1::TASK_QUEUE_KIND_STICKY;
    Poll<&MatchingService::PollWorkflowTaskQueue>(
        "matching.PollWorkflowTaskQueue", kWorkflow, is_sticky, std::move(context),
        std::move(name_space), std::move(request), std::move(reply));
  }

  void PollActivityTaskQueue(CallContext context, NamespacePtr name_space,
                             api::PollActivityTaskQueueRequest request,
                             Reply<api::PollActivityTaskQueueResponse> reply) override {
    Poll<&MatchingService::PollActivityTaskQueue>(
        "matching.PollActivityTaskQueue", kActivity, /*is_sticky=*/false, std::move(context),
        std::move(name_space), std::move(request), std::move(reply));
  }

  void DescribeTaskQueue(CallContext context, NamespacePtr name_space,
                         api::DescribeTaskQueueRequest request,
                         Reply<api::DescribeTaskQueueResponse> reply) override {
    const std::string queue = request.task_queue().name();
    const QueueKind kind = KindOf(request.task_queue_type());
    Route<&MatchingService::DescribeTaskQueue>("matching.DescribeTaskQueue", queue, kind,
                                               std::move(context), std::move(name_space),
                                               std::move(request), std::move(reply));
  }

  void ListTaskQueuePartitions(CallContext context, NamespacePtr name_space,
                               api::ListTaskQueuePartitionsRequest request,
                               Reply<api::ListTaskQueuePartitionsResponse> reply) override {
    if (IsAlone()) {
      return local_.ListTaskQueuePartitions(std::move(context), std::move(name_space),
                                            std::move(request), std::move(reply));
    }
    // The two queues of that name have homes of their own; each knows its partitions.
    using Response = api::ListTaskQueuePartitionsResponse;
    const auto ask = [this, context, name_space, request](QueueKind kind, Reply<Response> answer) {
      Route<&MatchingService::ListTaskQueuePartitions>("matching.ListTaskQueuePartitions",
                                                       request.task_queue().name(), kind, context,
                                                       name_space, request, std::move(answer));
    };
    ask(kWorkflow, [ask, reply = std::move(reply)](absl::StatusOr<Response> workflows) mutable {
      if (!workflows.ok()) return std::move(reply)(workflows.status());
      ask(kActivity, [workflows = *std::move(workflows),
                      reply = std::move(reply)](absl::StatusOr<Response> activities) mutable {
        if (!activities.ok()) return std::move(reply)(activities.status());
        *workflows.mutable_activity_task_queue_partitions() =
            std::move(*activities->mutable_activity_task_queue_partitions());
        std::move(reply)(std::move(workflows));
      });
    });
  }

  void UpdateTaskQueueConfig(CallContext context, NamespacePtr name_space,
                             api::UpdateTaskQueueConfigRequest request,
                             Reply<api::UpdateTaskQueueConfigResponse> reply) override {
    const std::string queue = request.task_queue();
    const QueueKind kind = KindOf(request.task_queue_type());
    Route<&MatchingService::UpdateTaskQueueConfig>("matching.UpdateTaskQueueConfig", queue, kind,
                                                   std::move(context), std::move(name_space),
                                                   std::move(request), std::move(reply));
  }

  // Its polls may be on several queues: everybody is told, and all have ended when it is answered.
  void ShutdownWorker(CallContext context, NamespacePtr name_space,
                      api::ShutdownWorkerRequest request,
                      Reply<api::ShutdownWorkerResponse> reply) override {
    if (IsAlone()) {
      return local_.ShutdownWorker(std::move(context), std::move(name_space), std::move(request),
                                   std::move(reply));
    }
    const std::string body = request.SerializeAsString();
    local_.ShutdownWorker(
        std::move(context), name_space, std::move(request),
        [this, name_space, body,
         reply = std::move(reply)](absl::StatusOr<api::ShutdownWorkerResponse> here) mutable {
          if (!here.ok()) return std::move(reply)(std::move(here));
          auto shared = std::make_shared<Reply<api::ShutdownWorkerResponse>>(std::move(reply));
          TellOthers("matching.ShutdownWorker", name_space, body,
                     [shared, here = *std::move(here)] { std::move (*shared)(here); });
        });
  }

  void Drain() override { local_.Drain(); }

 private:
  static constexpr QueueKind kWorkflow = QueueKind::kWorkflow;
  static constexpr QueueKind kActivity = QueueKind::kActivity;

  bool IsAlone() const { return parts_.cluster.view()->members.size() <= 1; }
  bool HasPartition(const NamespacePtr& name_space, const std::string& queue,
                    QueueKind kind) const {
    return partitions_.HasPartition(name_space->number, queue, kind);
  }

  template <class Response>
  typename Journey<Response>::Plan PlanFor(const char* method, CallContext context,
                                           const NamespacePtr& name_space,
                                           const std::string& task_queue, QueueKind kind) {
    typename Journey<Response>::Plan plan;
    plan.method = method;
    plan.name_space = name_space->number;
    plan.context = std::move(context);
    plan.target = [number = name_space->number, task_queue,
                   kind](const services::ClusterView& view) {
      return MatchingFor(view, number, task_queue, kind);
    };
    return plan;
  }

  template <auto Method, class Request, class Response>
  void Route(const char* name, const std::string& task_queue, QueueKind kind, CallContext context,
             NamespacePtr name_space, Request request, Reply<Response> reply) {
    if (IsAlone()) {
      return (local_.*Method)(std::move(context), std::move(name_space), std::move(request),
                              std::move(reply));
    }
    auto plan = PlanFor<Response>(name, context, name_space, task_queue, kind);
    SendRequest<Method>(parts_, local_, std::move(plan), std::move(context), std::move(name_space),
                        std::move(request), std::move(reply));
  }

  // In a partition here, if there is one, for as long as that wants it; then at home.
  template <auto Method, class Request, class Response>
  void Poll(const char* name, QueueKind kind, bool is_sticky, CallContext context,
            NamespacePtr name_space, Request request, Reply<Response> reply) {
    const std::string queue = request.task_queue().name();
    if (IsAlone() || is_sticky || !HasPartition(name_space, queue, kind)) {
      return Route<Method>(name, queue, kind, std::move(context), std::move(name_space),
                           std::move(request), std::move(reply));
    }
    // The partition takes what it needs of the request; the home gets all of it.
    Request copy = request;
    auto tried = [this, name, queue, kind, context, name_space, request = std::move(request),
                  reply = std::move(reply)](absl::StatusOr<Response> answer) mutable {
      if (!base::IsShardMoved(answer.status())) return std::move(reply)(std::move(answer));
      Route<Method>(name, queue, kind, std::move(context), std::move(name_space),
                    std::move(request), std::move(reply));
    };
    (local_.*Method)(std::move(context), std::move(name_space), std::move(copy), std::move(tried));
  }

  void PushHome(services::WorkflowTask task) {
    Push("matching.AddWorkflowTask", kWorkflow, std::move(task),
         [this](const services::WorkflowTask& task) { local_.AddWorkflowTask(task); });
  }
  void PushHome(services::ActivityTask task) {
    Push("matching.AddActivityTask", kActivity, std::move(task),
         [this](const services::ActivityTask& task) { local_.AddActivityTask(task); });
  }

  template <class Task, class Here>
  void Push(const char* method, QueueKind kind, Task task, Here here) {
    auto plan = PlanFor<wire::Empty>(method, {}, task.key.name_space, task.task_queue, kind);
    auto shared = std::make_shared<Task>(std::move(task));
    plan.here = [shared, here](Reply<wire::Empty> done) {
      here(*shared);
      std::move(done)(wire::Empty());
    };
    plan.body = [shared] { return ToWire(*shared).SerializeAsString(); };
    SendUntilHeard(parts_, std::move(plan));
  }

  // To all others that do matching; `done` when each has answered or cannot.
  void TellOthers(const char* method, const NamespacePtr& name_space, const std::string& body,
                  std::function<void()> done) {
    const services::ClusterViewPtr view = parts_.cluster.view();
    auto open = std::make_shared<std::atomic<int>>(1);
    const auto ended = [open, done = std::move(done)] {
      if (open->fetch_sub(1) == 1) done();
    };
    for (const services::Member& member : view->members) {
      if (member.id == view->self || (member.roles & base::kRoleMatching) == 0) continue;
      open->fetch_add(1);
      wire::Request request;
      request.set_to_incarnation(member.id.value());
      request.set_method(method);
      request.set_namespace_number(name_space->number.value());
      request.set_body(body);
      CallContext context;
      context.deadline = parts_.loop.Now() + kNoticeMax;
      parts_.peers.Call(member, std::move(request), std::move(context),
                        [ended](absl::StatusOr<std::string>) { ended(); });
    }
    ended();
  }

  const RoutingParts parts_;
  MatchingService& local_;
  services::Partitions& partitions_;
};

}  // namespace

std::unique_ptr<services::MatchingService> MakeMatchingRouter(runtime::Loop& loop,
                                                              services::Cluster& cluster,
                                                              Peers& peers,
                                                              services::MatchingService& local,
                                                              services::Partitions& partitions) {
  return std::make_unique<MatchingRouter>(RoutingParts{loop, cluster, peers}, local, partitions);
}

}  // namespace perdure::cluster
