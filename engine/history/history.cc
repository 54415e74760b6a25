#include "history/history.h"

#include <atomic>
#include <utility>

#include "base/errors.h"
#include "history/deliveries.h"
#include "history/ownership.h"
#include "history/requests.h"
#include "machines/workflow/decide/activity_options.h"
#include "machines/workflow/decide/request.h"
#include "machines/workflow/decide/task.h"

namespace perdure::history {
namespace {

class HistoryImpl final : public History {
 public:
  HistoryImpl(runtime::Loop& loop, store::Store& store, services::Namespaces& namespaces,
              HistoryOptions options)
      : loop_(loop),
        core_(loop, store, namespaces, options.core),
        ownership_(core_, std::move(options)) {}

  void set_matching(services::MatchingService* matching) override { core_.set_matching(matching); }

  void set_others(services::HistoryService* others) override {
    others_ = others;
    core_.set_others(others);
  }

  void Begin(ClusterHooks hooks) override {
    loop_.Post([this, hooks = std::move(hooks)]() mutable { ownership_.Begin(std::move(hooks)); });
  }

  void LookAtCluster() override {
    loop_.Post([this] { ownership_.Look(); });
  }

  void SetDrained(bool is_drained, services::Cluster::Done done) override {
    loop_.Post([this, is_drained, done = std::move(done)]() mutable {
      std::move(done)(ownership_.SetDrained(is_drained));
    });
  }

  void PushMoved(services::QueueFilter moved) override {
    loop_.Post([this, moved = std::move(moved)] { core_.PushMoved(moved); });
  }

  void Deliver(perdure::internal::v1::DeliverRequest request,
               Reply<perdure::internal::v1::DeliverResponse> reply) override {
    loop_.Post([this, request = std::move(request), reply = std::move(reply)]() mutable {
      DeliverMessage(core_, FromWire(std::move(request)),
                     [reply = std::move(reply)](absl::Status status, std::string run_id) mutable {
                       if (!status.ok()) return std::move(reply)(std::move(status));
                       perdure::internal::v1::DeliverResponse response;
                       response.set_run_id(std::move(run_id));
                       std::move(reply)(std::move(response));
                     });
    });
  }

  ServingState state() const override { return ownership_.state(); }

  void RecordWorkflowTaskStarted(services::TaskKey task, services::Poller poller,
                                 Reply<api::PollWorkflowTaskQueueResponse> reply) override {
    loop_.Post([this, task = std::move(task), poller = std::move(poller),
                reply = std::move(reply)]() mutable {
      TaskStarted(core_, std::move(task), std::move(poller), std::move(reply));
    });
  }

  void RecordActivityTaskStarted(services::TaskKey task, services::Poller poller,
                                 Reply<api::PollActivityTaskQueueResponse> reply) override {
    loop_.Post([this, task = std::move(task), poller = std::move(poller),
                reply = std::move(reply)]() mutable {
      ActivityStarted(core_, std::move(task), std::move(poller), std::move(reply));
    });
  }

  void StickyWorkerUnavailable(services::TaskKey task) override {
    loop_.Post(
        [this, task = std::move(task)]() mutable { StickyUnavailable(core_, std::move(task)); });
  }

  void PushOutstandingTasks(NamespacePtr name_space, std::string task_queue,
                            bool activities) override {
    loop_.Post([this, task_queue = std::move(task_queue), activities] {
      core_.PushAll(task_queue, activities);
    });
  }

  void StartWorkflowExecution(CallContext context, NamespacePtr name_space,
                              api::StartWorkflowExecutionRequest request,
                              Reply<api::StartWorkflowExecutionResponse> reply) override {
    Post(std::move(context), std::move(name_space), std::move(request), std::move(reply), Start);
  }

  void SignalWithStartWorkflowExecution(
      CallContext context, NamespacePtr name_space,
      api::SignalWithStartWorkflowExecutionRequest request,
      Reply<api::SignalWithStartWorkflowExecutionResponse> reply) override {
    Post(std::move(context), std::move(name_space), std::move(request), std::move(reply),
         SignalWithStart);
  }

  void ExecuteMultiOperation(CallContext context, NamespacePtr name_space,
                             api::ExecuteMultiOperationRequest request,
                             Reply<api::ExecuteMultiOperationResponse> reply) override {
    Post(std::move(context), std::move(name_space), std::move(request), std::move(reply),
         history::ExecuteMultiOperation);
  }

  void DeleteWorkflowExecution(CallContext context, NamespacePtr name_space,
                               api::DeleteWorkflowExecutionRequest request,
                               Reply<api::DeleteWorkflowExecutionResponse> reply) override {
    Post(std::move(context), std::move(name_space), std::move(request), std::move(reply), Delete);
  }

  void DescribeWorkflowExecution(CallContext context, NamespacePtr name_space,
                                 api::DescribeWorkflowExecutionRequest request,
                                 Reply<api::DescribeWorkflowExecutionResponse> reply) override {
    Post(std::move(context), std::move(name_space), std::move(request), std::move(reply), Describe);
  }

  void QueryWorkflow(CallContext context, NamespacePtr name_space,
                     api::QueryWorkflowRequest request,
                     Reply<api::QueryWorkflowResponse> reply) override {
    Post(std::move(context), std::move(name_space), std::move(request), std::move(reply), Query);
  }

  void UpdateWorkflowExecution(CallContext context, NamespacePtr name_space,
                               api::UpdateWorkflowExecutionRequest request,
                               Reply<api::UpdateWorkflowExecutionResponse> reply) override {
    Post(std::move(context), std::move(name_space), std::move(request), std::move(reply), Update);
  }

  void PollWorkflowExecutionUpdate(CallContext context, NamespacePtr name_space,
                                   api::PollWorkflowExecutionUpdateRequest request,
                                   Reply<api::PollWorkflowExecutionUpdateResponse> reply) override {
    Post(std::move(context), std::move(name_space), std::move(request), std::move(reply),
         PollUpdate);
  }

  void UpdateWorkflowExecutionOptions(
      CallContext context, NamespacePtr name_space,
      api::UpdateWorkflowExecutionOptionsRequest request,
      Reply<api::UpdateWorkflowExecutionOptionsResponse> reply) override {
    Post(std::move(context), std::move(name_space), std::move(request), std::move(reply), Options);
  }

  void ResetWorkflowExecution(CallContext context, NamespacePtr name_space,
                              api::ResetWorkflowExecutionRequest request,
                              Reply<api::ResetWorkflowExecutionResponse> reply) override {
    Post(std::move(context), std::move(name_space), std::move(request), std::move(reply), Reset);
  }

  void GetWorkflowExecutionHistory(CallContext context, NamespacePtr name_space,
                                   api::GetWorkflowExecutionHistoryRequest request,
                                   Reply<api::GetWorkflowExecutionHistoryResponse> reply) override {
    Post(std::move(context), std::move(name_space), std::move(request), std::move(reply),
         GetHistory);
  }

  void GetWorkflowExecutionHistoryReverse(
      CallContext context, NamespacePtr name_space,
      api::GetWorkflowExecutionHistoryReverseRequest request,
      Reply<api::GetWorkflowExecutionHistoryReverseResponse> reply) override {
    Post(std::move(context), std::move(name_space), std::move(request), std::move(reply),
         GetHistoryReverse);
  }

  void RespondWorkflowTaskCompleted(
      CallContext context, NamespacePtr name_space,
      api::RespondWorkflowTaskCompletedRequest request,
      Reply<api::RespondWorkflowTaskCompletedResponse> reply) override {
    Post(std::move(context), std::move(name_space), std::move(request), std::move(reply),
         TaskCompleted);
  }

  void RespondWorkflowTaskFailed(CallContext context, NamespacePtr name_space,
                                 api::RespondWorkflowTaskFailedRequest request,
                                 Reply<api::RespondWorkflowTaskFailedResponse> reply) override {
    Post(std::move(context), std::move(name_space), std::move(request), std::move(reply),
         TaskFailed);
  }

  void RespondActivityTaskCompleted(
      CallContext context, NamespacePtr name_space,
      api::RespondActivityTaskCompletedRequest request,
      Reply<api::RespondActivityTaskCompletedResponse> reply) override {
    Post(std::move(context), std::move(name_space), std::move(request), std::move(reply),
         ActivityCompleted);
  }

  void RespondActivityTaskFailed(CallContext context, NamespacePtr name_space,
                                 api::RespondActivityTaskFailedRequest request,
                                 Reply<api::RespondActivityTaskFailedResponse> reply) override {
    Post(std::move(context), std::move(name_space), std::move(request), std::move(reply),
         ActivityFailed);
  }

  void RespondActivityTaskCanceled(CallContext context, NamespacePtr name_space,
                                   api::RespondActivityTaskCanceledRequest request,
                                   Reply<api::RespondActivityTaskCanceledResponse> reply) override {
    Post(std::move(context), std::move(name_space), std::move(request), std::move(reply),
         ActivityCanceled);
  }

  void RecordActivityTaskHeartbeat(CallContext context, NamespacePtr name_space,
                                   api::RecordActivityTaskHeartbeatRequest request,
                                   Reply<api::RecordActivityTaskHeartbeatResponse> reply) override {
    Post(std::move(context), std::move(name_space), std::move(request), std::move(reply),
         ActivityHeartbeat);
  }

  void RespondActivityTaskCompletedById(
      CallContext context, NamespacePtr name_space,
      api::RespondActivityTaskCompletedByIdRequest request,
      Reply<api::RespondActivityTaskCompletedByIdResponse> reply) override {
    Post(std::move(context), std::move(name_space), std::move(request), std::move(reply),
         ActivityCompletedById);
  }

  void RespondActivityTaskFailedById(
      CallContext context, NamespacePtr name_space,
      api::RespondActivityTaskFailedByIdRequest request,
      Reply<api::RespondActivityTaskFailedByIdResponse> reply) override {
    Post(std::move(context), std::move(name_space), std::move(request), std::move(reply),
         ActivityFailedById);
  }

  void RespondActivityTaskCanceledById(
      CallContext context, NamespacePtr name_space,
      api::RespondActivityTaskCanceledByIdRequest request,
      Reply<api::RespondActivityTaskCanceledByIdResponse> reply) override {
    Post(std::move(context), std::move(name_space), std::move(request), std::move(reply),
         ActivityCanceledById);
  }

  void RecordActivityTaskHeartbeatById(
      CallContext context, NamespacePtr name_space,
      api::RecordActivityTaskHeartbeatByIdRequest request,
      Reply<api::RecordActivityTaskHeartbeatByIdResponse> reply) override {
    Post(std::move(context), std::move(name_space), std::move(request), std::move(reply),
         ActivityHeartbeatById);
  }

  void SignalWorkflowExecution(CallContext context, NamespacePtr name_space,
                               api::SignalWorkflowExecutionRequest request,
                               Reply<api::SignalWorkflowExecutionResponse> reply) override {
    const std::string workflow_id = request.workflow_execution().workflow_id();
    const std::string run_id = request.workflow_execution().run_id();
    PostDecision(std::move(name_space), workflow_id, run_id, std::move(request), std::move(reply),
                 machines::DecideSignal);
  }

  void RequestCancelWorkflowExecution(
      CallContext context, NamespacePtr name_space,
      api::RequestCancelWorkflowExecutionRequest request,
      Reply<api::RequestCancelWorkflowExecutionResponse> reply) override {
    const std::string workflow_id = request.workflow_execution().workflow_id();
    const std::string run_id = request.workflow_execution().run_id();
    PostDecision(std::move(name_space), workflow_id, run_id, std::move(request), std::move(reply),
                 machines::DecideRequestCancel);
  }

  void TerminateWorkflowExecution(CallContext context, NamespacePtr name_space,
                                  api::TerminateWorkflowExecutionRequest request,
                                  Reply<api::TerminateWorkflowExecutionResponse> reply) override {
    const std::string workflow_id = request.workflow_execution().workflow_id();
    const std::string run_id = request.workflow_execution().run_id();
    PostDecision(std::move(name_space), workflow_id, run_id, std::move(request), std::move(reply),
                 machines::DecideTerminate);
  }

  void PauseWorkflowExecution(CallContext context, NamespacePtr name_space,
                              api::PauseWorkflowExecutionRequest request,
                              Reply<api::PauseWorkflowExecutionResponse> reply) override {
    const std::string workflow_id = request.workflow_id();
    const std::string run_id = request.run_id();
    PostDecision(std::move(name_space), workflow_id, run_id, std::move(request), std::move(reply),
                 machines::DecidePause);
  }

  void UnpauseWorkflowExecution(CallContext context, NamespacePtr name_space,
                                api::UnpauseWorkflowExecutionRequest request,
                                Reply<api::UnpauseWorkflowExecutionResponse> reply) override {
    const std::string workflow_id = request.workflow_id();
    const std::string run_id = request.run_id();
    PostDecision(std::move(name_space), workflow_id, run_id, std::move(request), std::move(reply),
                 machines::DecideUnpause);
  }

  void PauseActivity(CallContext context, NamespacePtr name_space,
                     api::PauseActivityRequest request,
                     Reply<api::PauseActivityResponse> reply) override {
    const std::string workflow_id = request.execution().workflow_id();
    const std::string run_id = request.execution().run_id();
    PostDecision(std::move(name_space), workflow_id, run_id, std::move(request), std::move(reply),
                 machines::DecidePauseActivity);
  }

  void UnpauseActivity(CallContext context, NamespacePtr name_space,
                       api::UnpauseActivityRequest request,
                       Reply<api::UnpauseActivityResponse> reply) override {
    const std::string workflow_id = request.execution().workflow_id();
    const std::string run_id = request.execution().run_id();
    PostDecision(std::move(name_space), workflow_id, run_id, std::move(request), std::move(reply),
                 machines::DecideUnpauseActivity);
  }

  void ResetActivity(CallContext context, NamespacePtr name_space,
                     api::ResetActivityRequest request,
                     Reply<api::ResetActivityResponse> reply) override {
    const std::string workflow_id = request.execution().workflow_id();
    const std::string run_id = request.execution().run_id();
    PostDecision(std::move(name_space), workflow_id, run_id, std::move(request), std::move(reply),
                 machines::DecideResetActivity);
  }

  void UpdateActivityOptions(CallContext context, NamespacePtr name_space,
                             api::UpdateActivityOptionsRequest request,
                             Reply<api::UpdateActivityOptionsResponse> reply) override {
    loop_.Post([this, name_space = std::move(name_space), request = std::move(request),
                reply = std::move(reply)]() mutable {
      const std::string workflow_id = request.execution().workflow_id();
      const std::string run_id = request.execution().run_id();
      auto answer = std::make_shared<api::UpdateActivityOptionsResponse>();
      UpdateRun(
          core_, name_space, workflow_id, run_id,
          [request = std::move(request), answer](const State& state,
                                                 const machines::Context& context) {
            return machines::DecideUpdateActivityOptions(state, request, context, *answer);
          },
          [answer, reply = std::move(reply)](absl::Status status, const ExecutionPtr&) mutable {
            if (!status.ok()) return std::move(reply)(std::move(status));
            std::move(reply)(*answer);
          });
    });
  }

  void ResetStickyTaskQueue(CallContext context, NamespacePtr name_space,
                            api::ResetStickyTaskQueueRequest request,
                            Reply<api::ResetStickyTaskQueueResponse> reply) override {
    const std::string workflow_id = request.execution().workflow_id();
    const std::string run_id = request.execution().run_id();
    PostDecision(std::move(name_space), workflow_id, run_id, std::move(request), std::move(reply),
                 [](const State& state, const api::ResetStickyTaskQueueRequest&,
                    const machines::Context& context) {
                   return machines::DecideStickyReset(state, context);
                 });
  }

  void ReclaimNamespace(NamespacePtr name_space) override {
    loop_.Post([this, name_space = std::move(name_space)] { Reclaim(name_space); });
  }

  void Drain(absl::AnyInvocable<void() &&> done) override {
    loop_.Post([this, done = std::move(done)]() mutable {
      core_.set_draining();
      core_.WakeAllWaiters();
      ownership_.Leave(std::move(done));
    });
  }

 private:
  template <class Request, class Response, class Function>
  void Post(CallContext context, NamespacePtr name_space, Request request, Reply<Response> reply,
            Function function) {
    loop_.Post([this, context = std::move(context), name_space = std::move(name_space),
                request = std::move(request), reply = std::move(reply), function]() mutable {
      function(core_, std::move(context), std::move(name_space), std::move(request),
               std::move(reply));
    });
  }

  // A request whose answer says nothing but that it was done.
  template <class Request, class Response, class Decide>
  void PostDecision(NamespacePtr name_space, const std::string& workflow_id,
                    const std::string& run_id, Request request, Reply<Response> reply,
                    Decide decide) {
    loop_.Post([this, name_space = std::move(name_space), workflow_id, run_id,
                request = std::move(request), reply = std::move(reply), decide]() mutable {
      UpdateRun(
          core_, name_space, workflow_id, run_id,
          [request = std::move(request), decide](const State& state,
                                                 const machines::Context& context) {
            return decide(state, request, context);
          },
          [reply = std::move(reply)](absl::Status status, const ExecutionPtr&) mutable {
            if (!status.ok()) return std::move(reply)(std::move(status));
            std::move(reply)(Response());
          });
    });
  }

  // In rounds, until the store knows no run of it.
  void Reclaim(const NamespacePtr& name_space) {
    constexpr int64_t kRunsMax = 200;
    core_.store().RunsOfNamespace(
        name_space->number, kRunsMax,
        [this, name_space](absl::StatusOr<std::vector<store::DueExecution>> runs) {
          loop_.Post([this, name_space, runs = std::move(runs)] {
            const auto again = [this, name_space] { Reclaim(name_space); };
            if (!runs.ok()) return (void)loop_.After(absl::Seconds(1), again);
            if (runs->empty()) {
              core_.store().DeleteNamespace(name_space->number, [](absl::Status) {});
              return;
            }
            for (const store::DueExecution& run : *runs) {
              api::DeleteWorkflowExecutionRequest request;
              request.mutable_workflow_execution()->set_workflow_id(run.workflow_id.value());
              request.mutable_workflow_execution()->set_run_id(run.run_id.value());
              auto ignore = [](absl::StatusOr<api::DeleteWorkflowExecutionResponse>) {};
              if (others_ != nullptr) {
                others_->DeleteWorkflowExecution(CallContext(), name_space, std::move(request),
                                                 ignore);
              } else {
                Delete(core_, CallContext(), name_space, std::move(request), ignore);
              }
            }
            loop_.After(absl::Milliseconds(200), again);
          });
        });
  }

  runtime::Loop& loop_;
  services::HistoryService* others_ = nullptr;
  Core core_;
  Ownership ownership_;
};

}  // namespace

std::unique_ptr<History> MakeHistory(runtime::Loop& loop, store::Store& store,
                                     services::Namespaces& namespaces, HistoryOptions options) {
  return std::make_unique<HistoryImpl>(loop, store, namespaces, std::move(options));
}

}  // namespace perdure::history
