#include "frontend/frontend.h"

#include <utility>

#include "base/errors.h"
#include "temporal/api/enums/v1/failed_cause.pb.h"
#include "temporal/api/errordetails/v1/message.pb.h"

namespace perdure::frontend {
namespace {

constexpr char kWorkflowService[] = "temporal.api.workflowservice.v1.WorkflowService";
constexpr char kClusterService[] = "perdure.cluster.v1.ClusterService";
constexpr char kOperatorService[] = "temporal.api.operatorservice.v1.OperatorService";

// The namespace that a request names; empty if it has no such field.
std::string NamespaceOf(const google::protobuf::Message& request) {
  const auto* field = request.GetDescriptor()->FindFieldByName("namespace");
  const bool is_name = field != nullptr && !field->is_repeated() &&
                       field->type() == google::protobuf::FieldDescriptor::TYPE_STRING;
  return is_name ? request.GetReflection()->GetString(request, field) : std::string();
}

int64_t SharedRequests(const base::Settings& settings, int64_t otherwise) {
  const int64_t limit = settings.Int(base::SettingId::kSharedRequestsLimit);
  return limit > 0 ? limit : otherwise;
}

// Temporal: what a caller can bring about by itself is no failure of the service.
bool IsExpected(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kCancelled:
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kOutOfRange:
    case absl::StatusCode::kUnauthenticated:
    case absl::StatusCode::kUnimplemented:
      return true;
    default:
      return false;
  }
}

CallTable MakeCalls(const Dependencies& dependencies) {
  CallTable calls(kWorkflowService);
  AddSystemCalls(calls, dependencies);
  AddNamespaceCalls(calls, dependencies);
  AddWorkflowCalls(calls, dependencies);
  AddHistoryCalls(calls, dependencies);
  AddUpdateCalls(calls, dependencies);
  AddWorkflowTaskCalls(calls, dependencies);
  AddActivityCalls(calls, dependencies);
  AddActivityOperatorCalls(calls, dependencies);
  AddTaskQueueCalls(calls, dependencies);
  AddVisibilityCalls(calls, dependencies);
  CallTable operator_calls(kOperatorService);
  AddOperatorCalls(operator_calls, dependencies);
  calls.MergeFrom(std::move(operator_calls));
  CallTable cluster_calls(kClusterService);
  AddClusterCalls(cluster_calls, dependencies);
  calls.MergeFrom(std::move(cluster_calls));
  return calls;
}

}  // namespace

Frontend::Frontend(Dependencies dependencies, base::Metrics* metrics, int64_t shared_requests)
    : dependencies_(dependencies),
      calls_(MakeCalls(dependencies_)),
      metrics_(metrics),
      admission_(metrics),
      fair_share_(SharedRequests(dependencies.settings, shared_requests),
                  [this] { return dependencies_.store.statistics().fastest_commit; }) {
  if (metrics_ == nullptr) return;
  std::vector<std::string> names = calls_.names();
  names.push_back("");
  for (const std::string& name : names) {
    const std::string operation = name.empty() ? "unsupported" : name.substr(name.rfind('.') + 1);
    const base::MetricLabels labels = {{"operation", operation}, {"service_name", "frontend"}};
    operations_[name] = {
        &metrics_->CounterOf("service_requests", "RPCs received.", labels),
        &metrics_->HistogramOf("service_latency", "Seconds from an RPC to its answer.", labels)};
  }
}

void Frontend::Call(const google::protobuf::MethodDescriptor& method, services::CallContext context,
                    std::unique_ptr<google::protobuf::Message> request, ReplyMessage reply) {
  if (const OperationMetrics* operation = MetricsOf(method.full_name()); operation != nullptr) {
    reply = Measured(*operation, method.name(), NamespaceOf(*request), std::move(reply));
  }
  const CallTable::Handler* handler = calls_.Find(method.full_name());
  if (handler == nullptr) {
    std::move(reply)(base::Unimplemented(absl::StrCat(
        "Method ", method.full_name(), " is not supported by this version of Perdure.")));
    return;
  }
  const auto admitted = Admit(method, *request, reply);
  if (!admitted.ok()) {
    std::move(reply)(admitted.status());
    return;
  }
  const bool waits = Admission::IsLongPoll(method.name(), *request);
  if (*admitted == nullptr || waits) {
    return (*handler)(std::move(context), std::move(request), std::move(reply));
  }
  CallInTurn((*admitted)->number, *handler, std::move(context), std::move(request),
             std::move(reply));
}

void Frontend::CallInTurn(base::NamespaceNumber name_space, const CallTable::Handler& handler,
                          services::CallContext context,
                          std::unique_ptr<google::protobuf::Message> request, ReplyMessage reply) {
  const absl::Time deadline = context.deadline;
  FairShare::Turn turn = [this, name_space, &handler, context = std::move(context),
                          request = std::move(request),
                          reply = std::move(reply)](absl::Status status) mutable {
    if (!status.ok()) return std::move(reply)(std::move(status));
    handler(std::move(context), std::move(request),
            [this, name_space, reply = std::move(reply)](
                absl::StatusOr<std::unique_ptr<google::protobuf::Message>> response) mutable {
              EndTurn(name_space);
              std::move(reply)(std::move(response));
            });
  };
  if (fair_share_.Enter(name_space, dependencies_.loop.Now(), deadline, turn)) {
    std::move(turn)(absl::OkStatus());
  }
}

void Frontend::EndTurn(base::NamespaceNumber name_space) {
  for (FairShare::Ready& ready : fair_share_.Leave(name_space, dependencies_.loop.Now())) {
    dependencies_.loop.Post([this, ready = std::move(ready)]() mutable {
      const bool has_come_late = !ready.status.ok();
      std::move(ready.turn)(std::move(ready.status));
      if (has_come_late) EndTurn(ready.name_space);
    });
  }
}

absl::StatusOr<services::NamespacePtr> Frontend::Admit(
    const google::protobuf::MethodDescriptor& method, const google::protobuf::Message& request,
    ReplyMessage& reply) {
  const std::string name = NamespaceOf(request);
  if (name.empty()) return services::NamespacePtr();
  auto found = dependencies_.namespaces.Find(name);
  if (!found.ok()) return services::NamespacePtr();  // What handles it says so in its own words.
  const services::NamespacePtr name_space = *std::move(found);
  absl::Status status =
      admission_.TakeRequest(*name_space, method.name(), dependencies_.loop.Now());
  if (!status.ok()) return status;
  status = admission_.TakeBytes(*name_space, request, dependencies_.loop.Now());
  if (!status.ok()) return status;
  admission_.NoteSize(*name_space, method.name(), request);
  if (!Admission::IsLongPoll(method.name(), request)) return name_space;
  status = admission_.BeginLongPoll(*name_space, method.name());
  if (!status.ok()) return status;
  reply = [this, name_space, name = method.name(), reply = std::move(reply)](
              absl::StatusOr<std::unique_ptr<google::protobuf::Message>> response) mutable {
    admission_.EndLongPoll(*name_space, name);
    std::move(reply)(std::move(response));
  };
  return name_space;
}

const Frontend::OperationMetrics* Frontend::MetricsOf(const std::string& full_name) const {
  if (metrics_ == nullptr) return nullptr;
  const auto found = operations_.find(full_name);
  return found == operations_.end() ? &operations_.find("")->second : &found->second;
}

ReplyMessage Frontend::Measured(const OperationMetrics& operation, const std::string& name,
                                std::string name_space, ReplyMessage reply) {
  operation.requests->Add();
  return [this, &operation, name, name_space = std::move(name_space),
          start = dependencies_.loop.Now(), reply = std::move(reply)](
             absl::StatusOr<std::unique_ptr<google::protobuf::Message>> response) mutable {
    operation.latency->Record(dependencies_.loop.Now() - start);
    if (!response.ok()) CountError(name, name_space, response.status());
    std::move(reply)(std::move(response));
  };
}

void Frontend::CountError(const std::string& name, const std::string& name_space,
                          const absl::Status& status) {
  const std::string type = absl::StatusCodeToString(status.code());
  metrics_
      ->CounterOf("service_error_with_type", "RPCs answered with an error.",
                  {{"operation", name}, {"service_name", "frontend"}, {"error_type", type}})
      .Add();
  temporal::api::errordetails::v1::ResourceExhaustedFailure exhausted;
  if (base::GetDetail(status, exhausted)) {
    // Only names of namespaces that there are: a label has a bounded number of values.
    const bool is_known = dependencies_.namespaces.Find(name_space).ok();
    metrics_
        ->CounterOf("service_errors_resource_exhausted", "RPCs refused for want of something.",
                    {{"operation", name},
                     {"service_name", "frontend"},
                     {"namespace", is_known ? name_space : "_unknown_"},
                     {"resource_exhausted_cause",
                      temporal::api::enums::v1::ResourceExhaustedCause_Name(exhausted.cause())}})
        .Add();
  }
  if (IsExpected(status.code())) return;
  metrics_
      ->CounterOf("service_errors", "RPCs that failed for reasons outside the request.",
                  {{"operation", name}, {"service_name", "frontend"}, {"error_type", type}})
      .Add();
}

absl::StatusOr<services::NamespacePtr> ResolveNamespace(const NamespaceRegistry& namespaces,
                                                        absl::string_view name, NamespaceUse use) {
  if (name.empty()) return base::InvalidArgument("Namespace not set on request.");
  absl::StatusOr<services::NamespacePtr> found = namespaces.Find(name);
  if (!found.ok()) return found.status();
  namespace enums = temporal::api::enums::v1;
  const enums::NamespaceState state = (*found)->data.state();
  const bool is_usable = state == enums::NAMESPACE_STATE_REGISTERED ||
                         (use == NamespaceUse::kAny && state == enums::NAMESPACE_STATE_DEPRECATED);
  if (!is_usable) return base::NamespaceInvalidState(name, state);
  return found;
}

}  // namespace perdure::frontend
