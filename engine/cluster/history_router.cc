#include "cluster/history_router.h"

#include <utility>

#include "cluster/history_methods.h"
#include "cluster/routing.h"

namespace perdure::cluster {
namespace {

using services::CallContext;
using services::NamespacePtr;
using services::Reply;

namespace api = temporal::api::workflowservice::v1;

// Nobody waits for it, and it is said again if it must be.
constexpr absl::Duration kNoticeMax = absl::Seconds(30);

class HistoryRouter final : public HistoryService {
 public:
  HistoryRouter(RoutingParts parts, HistoryService& local) : parts_(parts), local_(local) {}

#define PERDURE_ROUTE(name)                                                                   \
  void name(CallContext context, NamespacePtr name_space, api::name##Request request,         \
            Reply<api::name##Response> reply) override {                                      \
    Route<&HistoryService::name>("history." #name, std::move(context), std::move(name_space), \
                                 std::move(request), std::move(reply));                       \
  }
  PERDURE_HISTORY_METHODS(PERDURE_ROUTE)
#undef PERDURE_ROUTE

  void RecordWorkflowTaskStarted(services::TaskKey task, services::Poller poller,
                                 Reply<api::PollWorkflowTaskQueueResponse> reply) override {
    Record<&HistoryService::RecordWorkflowTaskStarted>(
        "history.RecordWorkflowTaskStarted", std::move(task), std::move(poller), std::move(reply));
  }

  void RecordActivityTaskStarted(services::TaskKey task, services::Poller poller,
                                 Reply<api::PollActivityTaskQueueResponse> reply) override {
    Record<&HistoryService::RecordActivityTaskStarted>(
        "history.RecordActivityTaskStarted", std::move(task), std::move(poller), std::move(reply));
  }

  void StickyWorkerUnavailable(services::TaskKey task) override {
    Journey<wire::Empty>::Plan plan = PlanFor<wire::Empty>(
        "history.StickyWorkerUnavailable", {}, task.name_space->number, task.workflow_id);
    plan.search_max = kNoticeMax;
    plan.here = [this, task](Reply<wire::Empty> done) {
      local_.StickyWorkerUnavailable(task);
      std::move(done)(wire::Empty());
    };
    plan.body = [task] { return ToWire(task).SerializeAsString(); };
    Send<wire::Empty>(parts_, std::move(plan), [](absl::StatusOr<wire::Empty>) {});
  }

  // Any node may hold tasks of that queue.
  void PushOutstandingTasks(NamespacePtr name_space, std::string task_queue,
                            bool activities) override {
    local_.PushOutstandingTasks(name_space, task_queue, activities);
    wire::PushOutstandingTasksRequest body;
    body.set_task_queue(task_queue);
    body.set_activities(activities);
    const services::ClusterViewPtr view = parts_.cluster.view();
    for (const services::Member& member : view->members) {
      if (member.id == view->self || (member.roles & base::kRoleHistory) == 0) continue;
      Journey<wire::Empty>::Plan plan;
      plan.method = "history.PushOutstandingTasks";
      plan.name_space = name_space->number;
      plan.target = [id = member.id](const services::ClusterView& view) { return Find(view, id); };
      plan.here = [](Reply<wire::Empty> done) { std::move(done)(wire::Empty()); };
      plan.body = [bytes = body.SerializeAsString()] { return bytes; };
      SendUntilHeard(parts_, std::move(plan), /*may_be_none=*/true);
    }
  }

  void Deliver(wire::DeliverRequest request, Reply<wire::DeliverResponse> reply) override {
    const base::NamespaceNumber number(request.message().target_namespace_number());
    CallContext context;
    context.deadline = parts_.loop.Now() + kNoticeMax;
    auto plan = PlanFor<wire::DeliverResponse>("history.Deliver", std::move(context), number,
                                               request.message().target_workflow_id());
    auto shared = std::make_shared<wire::DeliverRequest>(std::move(request));
    plan.here = [this, shared](Reply<wire::DeliverResponse> done) {
      local_.Deliver(*shared, std::move(done));
    };
    plan.body = [shared] { return shared->SerializeAsString(); };
    Send(parts_, std::move(plan), std::move(reply));
  }

  void ReclaimNamespace(NamespacePtr name_space) override {
    local_.ReclaimNamespace(std::move(name_space));
  }
  void Drain(absl::AnyInvocable<void() &&> done) override { local_.Drain(std::move(done)); }

 private:
  template <class Response>
  typename Journey<Response>::Plan PlanFor(const char* method, CallContext context,
                                           base::NamespaceNumber number,
                                           const std::string& workflow_id) {
    typename Journey<Response>::Plan plan;
    plan.method = method;
    plan.name_space = number;
    plan.context = std::move(context);
    plan.target = [shard = base::ShardOf(number, workflow_id)](const services::ClusterView& view) {
      return OwnerOf(view, shard);
    };
    return plan;
  }

  template <auto Method, class Request, class Response>
  void Route(const char* name, CallContext context, NamespacePtr name_space, Request request,
             Reply<Response> reply) {
    // As most are: nobody else could have it.
    if (IsAlone(*parts_.cluster.view())) {
      return (local_.*Method)(std::move(context), std::move(name_space), std::move(request),
                              std::move(reply));
    }
    auto plan = PlanFor<Response>(name, context, name_space->number, WorkflowIdOf(request));
    SendRequest<Method>(parts_, local_, std::move(plan), std::move(context), std::move(name_space),
                        std::move(request), std::move(reply));
  }

  template <auto Method, class Response>
  void Record(const char* name, services::TaskKey task, services::Poller poller,
              Reply<Response> reply) {
    if (IsAlone(*parts_.cluster.view())) {
      return (local_.*Method)(std::move(task), std::move(poller), std::move(reply));
    }
    auto plan = PlanFor<Response>(name, {}, task.name_space->number, task.workflow_id);
    plan.here = [this, task, poller](Reply<Response> done) {
      (local_.*Method)(task, poller, std::move(done));
    };
    plan.body = [task, poller] {
      wire::RecordTaskStartedRequest body;
      *body.mutable_task() = ToWire(task);
      *body.mutable_poller() = ToWire(poller);
      return body.SerializeAsString();
    };
    Send(parts_, std::move(plan), std::move(reply));
  }

  const RoutingParts parts_;
  HistoryService& local_;
};

}  // namespace

std::unique_ptr<services::HistoryService> MakeHistoryRouter(runtime::Loop& loop,
                                                            services::Cluster& cluster,
                                                            Peers& peers,
                                                            services::HistoryService& local) {
  return std::make_unique<HistoryRouter>(RoutingParts{loop, cluster, peers}, local);
}

}  // namespace perdure::cluster
