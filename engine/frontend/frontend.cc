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
  const auto* pool = google::protobuf::DescriptorPool::generated_pool();
  for (const std::string& name : calls_.names()) {
    const auto* method = pool->FindMethodByName(name);
    // Not every program that has a frontend has the descriptors of all services: whoever calls has
    // that of what he calls.
    if (method != nullptr) operations_[method] = MakeOperation(method);
  }
  unsupported_ = MakeOperation(nullptr);
}

Frontend::Operation Frontend::MakeOperation(
    const google::protobuf::MethodDescriptor* method) const {
  Operation operation;
  if (method != nullptr) {
    operation.handler = calls_.Find(method->full_name());
    const auto* field = method->input_type()->FindFieldByName("namespace");
    const bool is_name = field != nullptr && !field->is_repeated() &&
                         field->type() == google::protobuf::FieldDescriptor::TYPE_STRING;
    if (is_name) operation.namespace_field = field;
  }
  if (metrics_ == nullptr) return operation;
  const base::MetricLabels labels = {
      {"operation", method == nullptr ? "unsupported" : method->name()},
      {"service_name", "frontend"}};
  operation.requests = &metrics_->CounterOf("service_requests", "RPCs received.", labels);
  operation.latency =
      &metrics_->HistogramOf("service_latency", "Seconds from an RPC to its answer.", labels);
  return operation;
}

const Frontend::Operation& Frontend::OperationOf(
    const google::protobuf::MethodDescriptor& method) const {
  const auto found = operations_.find(&method);
  return found == operations_.end() ? unsupported_ : found->second;
}

services::NamespacePtr Frontend::NamespaceOf(const Operation& operation,
                                             const google::protobuf::Message& request) const {
  if (operation.namespace_field == nullptr) return nullptr;
  std::string unused;
  const std::string& name =
      request.GetReflection()->GetStringReference(request, operation.namespace_field, &unused);
  if (name.empty()) return nullptr;
  auto found = dependencies_.namespaces.Find(name);
  // What handles an unknown one says so in its own words.
  return found.ok() ? *std::move(found) : nullptr;
}

void Frontend::Call(const google::protobuf::MethodDescriptor& method, services::CallContext context,
                    std::unique_ptr<google::protobuf::Message> request, ReplyMessage reply) {
  const Operation& operation = OperationOf(method);
  const services::NamespacePtr name_space = NamespaceOf(operation, *request);
  if (operation.requests != nullptr) {
    reply = Measured(operation, method, name_space, std::move(reply));
  }
  if (operation.handler == nullptr) {
    std::move(reply)(base::Unimplemented(absl::StrCat(
        "Method ", method.full_name(), " is not supported by this version of Perdure.")));
    return;
  }
  const bool waits = Admission::IsLongPoll(method.name(), *request);
  if (name_space != nullptr) {
    const absl::Status admitted = Admit(method, name_space, *request, waits, reply);
    if (!admitted.ok()) return std::move(reply)(admitted);
  }
  if (name_space == nullptr || waits) {
    return (*operation.handler)(std::move(context), std::move(request), std::move(reply));
  }
  CallInTurn(name_space->number, *operation.handler, std::move(context), std::move(request),
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

absl::Status Frontend::Admit(const google::protobuf::MethodDescriptor& method,
                             const services::NamespacePtr& name_space,
                             const google::protobuf::Message& request, bool waits,
                             ReplyMessage& reply) {
  const absl::Time now = dependencies_.loop.Now();
  absl::Status status = admission_.TakeRequest(*name_space, method.name(), now);
  if (!status.ok()) return status;
  status = admission_.TakeBytes(*name_space, request, now);
  if (!status.ok()) return status;
  admission_.NoteSize(*name_space, method.name(), request);
  if (!waits) return absl::OkStatus();
  status = admission_.BeginLongPoll(*name_space, method.name());
  if (!status.ok()) return status;
  reply = [this, name_space, &method, reply = std::move(reply)](
              absl::StatusOr<std::unique_ptr<google::protobuf::Message>> response) mutable {
    admission_.EndLongPoll(*name_space, method.name());
    std::move(reply)(std::move(response));
  };
  return absl::OkStatus();
}

ReplyMessage Frontend::Measured(const Operation& operation,
                                const google::protobuf::MethodDescriptor& method,
                                services::NamespacePtr name_space, ReplyMessage reply) {
  operation.requests->Add();
  return [this, &operation, &method, name_space = std::move(name_space),
          start = dependencies_.loop.Now(), reply = std::move(reply)](
             absl::StatusOr<std::unique_ptr<google::protobuf::Message>> response) mutable {
    operation.latency->Record(dependencies_.loop.Now() - start);
    if (!response.ok()) CountError(method.name(), name_space.get(), response.status());
    std::move(reply)(std::move(response));
  };
}

void Frontend::CountError(const std::string& name, const services::Namespace* name_space,
                          const absl::Status& status) {
  const std::string type = absl::StatusCodeToString(status.code());
  metrics_
      ->CounterOf("service_error_with_type", "RPCs answered with an error.",
                  {{"operation", name}, {"service_name", "frontend"}, {"error_type", type}})
      .Add();
  temporal::api::errordetails::v1::ResourceExhaustedFailure exhausted;
  if (base::GetDetail(status, exhausted)) {
    // Only names of namespaces that there are: a label has a bounded number of values.
    metrics_
        ->CounterOf("service_errors_resource_exhausted", "RPCs refused for want of something.",
                    {{"operation", name},
                     {"service_name", "frontend"},
                     {"namespace", name_space != nullptr ? name_space->name : "_unknown_"},
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
