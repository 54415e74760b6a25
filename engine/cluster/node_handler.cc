#include "cluster/node_handler.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "cluster/history_methods.h"
#include "cluster/view.h"
#include "cluster/wire.h"

namespace perdure::cluster {
namespace {

using services::MatchingService;
using services::QueueKind;
using services::Reply;

namespace api = temporal::api::workflowservice::v1;

absl::Status Unreadable() {
  return base::InvalidArgument("a request of another node is unreadable");
}

absl::Status NotRead(const absl::Status& why) {
  return base::Unavailable(absl::StrCat("the namespaces cannot be read: ", why.message()));
}

template <class Service>
Service& ServiceOf(const NodeHandler::Parts& parts) {
  if constexpr (std::is_same_v<Service, services::HistoryService>) {
    return parts.history;
  } else {
    return parts.matching;
  }
}

template <class Message>
Reply<Message> Serialized(Reply<std::string> reply) {
  return [reply = std::move(reply)](absl::StatusOr<Message> answer) mutable {
    if (!answer.ok()) return std::move(reply)(answer.status());
    std::move(reply)(answer->SerializeAsString());
  };
}

}  // namespace

NodeHandler::NodeHandler(Parts parts) : parts_(std::move(parts)) {
  AddHistory();
  AddMatching();
  AddPartitions();
  methods_["cluster.Look"] = [this](Call call) {
    parts_.cluster.Refresh();
    std::move(call.reply)(std::string());
  };
  methods_["cluster.Drain"] = [this](Call call) {
    wire::DrainRequest request;
    if (!request.ParseFromString(call.body)) return std::move(call.reply)(Unreadable());
    parts_.set_drained(request.is_drained(),
                       [reply = std::move(call.reply)](const absl::Status& status) mutable {
                         if (!status.ok()) return std::move(reply)(status);
                         std::move(reply)(std::string());
                       });
  };
}

void NodeHandler::Handle(wire::Request request,
                         std::shared_ptr<services::Cancellation> cancellation,
                         Reply<std::string> reply) {
  const services::ClusterViewPtr view = parts_.cluster.view();
  if (request.to_incarnation() != view->self.value() || view->members.empty()) {
    return std::move(reply)(base::ShardMoved());
  }
  const auto method = methods_.find(request.method());
  if (method == methods_.end()) {
    return std::move(reply)(
        base::Unimplemented(absl::StrCat("this node does not know ", request.method())));
  }
  Begin(method->second, std::move(request), std::move(cancellation), std::move(reply),
        /*has_reloaded=*/false);
}

void NodeHandler::Begin(const Method& method, wire::Request request,
                        std::shared_ptr<services::Cancellation> cancellation,
                        Reply<std::string> reply, bool has_reloaded) {
  Call call;
  const base::NamespaceNumber number(request.namespace_number());
  if (number.value() != 0) {
    call.name_space = parts_.namespaces.FindByNumber(number);
    if (call.name_space == nullptr && has_reloaded) {
      return std::move(reply)(base::NotFound("the namespace is gone"));
    }
    if (call.name_space == nullptr) {
      // Made or changed a moment ago by another node.
      auto shared = std::make_shared<Reply<std::string>>(std::move(reply));
      return parts_.reload_namespaces([this, &method, request = std::move(request),
                                       cancellation = std::move(cancellation),
                                       shared](const absl::Status& status) mutable {
        // It may well be there.
        if (!status.ok()) {
          return std::move(*shared)(NotRead(status));
        }
        Begin(method, std::move(request), std::move(cancellation), std::move(*shared),
              /*has_reloaded=*/true);
      });
    }
  }
  call.context = ContextOf(request, parts_.loop.Now(), std::move(cancellation));
  call.body = std::move(*request.mutable_body());
  call.reply = std::move(reply);
  method(std::move(call));
}

// What is about a namespace, and says so; of another node nothing is taken on trust.
template <class Request, class Handle>
void NodeHandler::AddOwn(const char* name, Handle handle) {
  methods_[name] = [handle = std::move(handle)](Call call) {
    Request request;
    if (call.name_space == nullptr || !request.ParseFromString(call.body)) {
      return std::move(call.reply)(Unreadable());
    }
    handle(std::move(request), std::move(call));
  };
}

template <auto Member, class Request, class Response>
void NodeHandler::AddPlain(const char* name) {
  AddOwn<Request>(name, [this](Request request, Call call) {
    using Service = typename SignatureOf<decltype(Member)>::ServiceType;
    (ServiceOf<Service>(parts_).*Member)(std::move(call.context), std::move(call.name_space),
                                         std::move(request),
                                         Serialized<Response>(std::move(call.reply)));
  });
}

void NodeHandler::AddHistory() {
  ForEachHistoryMethod([this]<auto Member>(const char* name) {
    using Types = SignatureOf<decltype(Member)>;
    AddPlain<Member, typename Types::RequestType, typename Types::ResponseType>(name);
  });
  AddOwn<wire::RecordTaskStartedRequest>(
      "history.RecordWorkflowTaskStarted",
      [this](wire::RecordTaskStartedRequest request, Call call) {
        parts_.history.RecordWorkflowTaskStarted(
            FromWire(request.task(), call.name_space), FromWire(request.poller()),
            Serialized<api::PollWorkflowTaskQueueResponse>(std::move(call.reply)));
      });
  AddOwn<wire::RecordTaskStartedRequest>(
      "history.RecordActivityTaskStarted",
      [this](wire::RecordTaskStartedRequest request, Call call) {
        parts_.history.RecordActivityTaskStarted(
            FromWire(request.task(), call.name_space), FromWire(request.poller()),
            Serialized<api::PollActivityTaskQueueResponse>(std::move(call.reply)));
      });
  AddOwn<wire::TaskKey>("history.StickyWorkerUnavailable", [this](wire::TaskKey key, Call call) {
    parts_.history.StickyWorkerUnavailable(FromWire(key, call.name_space));
    std::move(call.reply)(std::string());
  });
  AddOwn<wire::PushOutstandingTasksRequest>(
      "history.PushOutstandingTasks", [this](wire::PushOutstandingTasksRequest request, Call call) {
        parts_.history.PushOutstandingTasks(call.name_space, request.task_queue(),
                                            request.activities());
        std::move(call.reply)(std::string());
      });
  AddOwn<wire::DeliverRequest>("history.Deliver", [this](wire::DeliverRequest request, Call call) {
    parts_.history.Deliver(std::move(request),
                           Serialized<wire::DeliverResponse>(std::move(call.reply)));
  });
  // About no namespace.
  methods_["history.PushTasksTo"] = [this](Call call) {
    wire::PushTasksToRequest request;
    if (!request.ParseFromString(call.body)) return std::move(call.reply)(Unreadable());
    const services::ClusterViewPtr view = parts_.cluster.view();
    parts_.push_tasks([view, owner = base::IncarnationId(request.incarnation())](
                          base::NamespaceNumber number, const std::string& queue, QueueKind kind) {
      const services::Member* member = MatchingFor(*view, number, queue, kind);
      return member != nullptr && member->id == owner;
    });
    std::move(call.reply)(std::string());
  };
}

bool NodeHandler::HasQueue(const services::NamespacePtr& name_space, const std::string& task_queue,
                           QueueKind kind) {
  const services::ClusterViewPtr view = parts_.cluster.view();
  if (IsSelf(*view, MatchingFor(*view, name_space->number, task_queue, kind))) return true;
  parts_.cluster.Refresh();
  return false;
}

template <auto Member, class Request, class Response>
void NodeHandler::AddPoll(const char* name, QueueKind kind) {
  AddOwn<Request>(name, [this, kind](Request request, Call call) {
    if (!HasQueue(call.name_space, request.task_queue().name(), kind)) {
      return std::move(call.reply)(base::ShardMoved());
    }
    (parts_.matching.*Member)(std::move(call.context), std::move(call.name_space),
                              std::move(request), Serialized<Response>(std::move(call.reply)));
  });
}

template <class Task, class Add>
void NodeHandler::AddPush(const char* name, QueueKind kind, Add add) {
  AddOwn<Task>(name, [this, kind, add](Task task, Call call) {
    if (!HasQueue(call.name_space, task.task_queue(), kind)) {
      return std::move(call.reply)(base::ShardMoved());
    }
    add(FromWire(task, call.name_space));
    std::move(call.reply)(std::string());
  });
}

void NodeHandler::AddMatching() {
  AddPoll<&MatchingService::PollWorkflowTaskQueue, api::PollWorkflowTaskQueueRequest,
          api::PollWorkflowTaskQueueResponse>("matching.PollWorkflowTaskQueue",
                                              QueueKind::kWorkflow);
  AddPoll<&MatchingService::PollActivityTaskQueue, api::PollActivityTaskQueueRequest,
          api::PollActivityTaskQueueResponse>("matching.PollActivityTaskQueue",
                                              QueueKind::kActivity);
  AddPlain<&MatchingService::RespondQueryTaskCompleted, api::RespondQueryTaskCompletedRequest,
           api::RespondQueryTaskCompletedResponse>("matching.RespondQueryTaskCompleted");
  AddPlain<&MatchingService::DescribeTaskQueue, api::DescribeTaskQueueRequest,
           api::DescribeTaskQueueResponse>("matching.DescribeTaskQueue");
  AddPlain<&MatchingService::ListTaskQueuePartitions, api::ListTaskQueuePartitionsRequest,
           api::ListTaskQueuePartitionsResponse>("matching.ListTaskQueuePartitions");
  AddOwn<api::UpdateTaskQueueConfigRequest>(
      "matching.UpdateTaskQueueConfig",
      [this](api::UpdateTaskQueueConfigRequest request, Call call) {
        // The caller has changed the namespace a moment ago.
        auto shared = std::make_shared<Call>(std::move(call));
        parts_.reload_namespaces(
            [this, request = std::move(request), shared](const absl::Status& status) {
              if (!status.ok()) return std::move(shared->reply)(NotRead(status));
              auto name_space = parts_.namespaces.FindByNumber(shared->name_space->number);
              if (name_space == nullptr) {
                return std::move(shared->reply)(base::NotFound("the namespace is gone"));
              }
              parts_.matching.UpdateTaskQueueConfig(
                  std::move(shared->context), std::move(name_space), request,
                  Serialized<api::UpdateTaskQueueConfigResponse>(std::move(shared->reply)));
            });
      });
  AddPlain<&MatchingService::ShutdownWorker, api::ShutdownWorkerRequest,
           api::ShutdownWorkerResponse>("matching.ShutdownWorker");
  AddPush<wire::WorkflowTask>(
      "matching.AddWorkflowTask", QueueKind::kWorkflow,
      [this](services::WorkflowTask task) { parts_.matching.AddWorkflowTask(std::move(task)); });
  AddPush<wire::ActivityTask>(
      "matching.AddActivityTask", QueueKind::kActivity,
      [this](services::ActivityTask task) { parts_.matching.AddActivityTask(std::move(task)); });
  AddOwn<wire::ForgetTasksRequest>("matching.ForgetTasks", [this](wire::ForgetTasksRequest request,
                                                                  Call call) {
    parts_.matching.ForgetTasks(call.name_space, request.run_id(), request.scheduled_event_id());
    std::move(call.reply)(std::string());
  });
  AddOwn<wire::QueryTaskRequest>(
      "matching.Query", [this](wire::QueryTaskRequest request, Call call) {
        if (!HasQueue(call.name_space, request.task_queue(), QueueKind::kWorkflow)) {
          return std::move(call.reply)(base::ShardMoved());
        }
        parts_.matching.Query(std::move(call.context),
                              FromWire(std::move(request), std::move(call.name_space)),
                              Serialized<api::QueryWorkflowResponse>(std::move(call.reply)));
      });
}

void NodeHandler::AddPartitions() {
  AddOwn<wire::HoldPartitionRequest>(
      "matching.HoldPartition", [this](wire::HoldPartitionRequest request, Call call) {
        if (request.task_queue_type() != static_cast<int32_t>(QueueKind::kWorkflow) &&
            request.task_queue_type() != static_cast<int32_t>(QueueKind::kActivity)) {
          return std::move(call.reply)(base::InvalidArgument("unknown task_queue_type"));
        }
        const services::ClusterViewPtr view = parts_.cluster.view();
        const services::Member* home =
            MatchingFor(*view, call.name_space->number, request.task_queue(),
                        static_cast<QueueKind>(request.task_queue_type()));
        // Polls would be sent from here to another home than the one that asks for them.
        if (home == nullptr || home->id.value() != request.home_incarnation()) {
          parts_.cluster.Refresh();
          return std::move(call.reply)(base::ShardMoved());
        }
        parts_.partitions.HoldPartition(
            std::move(call.name_space), std::move(request),
            Serialized<wire::HoldPartitionResponse>(std::move(call.reply)));
      });
}

}  // namespace perdure::cluster
