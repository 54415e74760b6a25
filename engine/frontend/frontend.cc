#include "frontend/frontend.h"

#include <utility>

#include "base/errors.h"

namespace perdure::frontend {
namespace {

constexpr char kWorkflowService[] = "temporal.api.workflowservice.v1.WorkflowService";
constexpr char kOperatorService[] = "temporal.api.operatorservice.v1.OperatorService";

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
  return calls;
}

}  // namespace

Frontend::Frontend(Dependencies dependencies, base::Metrics* metrics)
    : dependencies_(dependencies), calls_(MakeCalls(dependencies_)), metrics_(metrics) {
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
    reply = Measured(*operation, method.name(), std::move(reply));
  }
  const CallTable::Handler* handler = calls_.Find(method.full_name());
  if (handler == nullptr) {
    std::move(reply)(base::Unimplemented(absl::StrCat(
        "Method ", method.full_name(), " is not supported by this version of Perdure.")));
    return;
  }
  (*handler)(std::move(context), std::move(request), std::move(reply));
}

const Frontend::OperationMetrics* Frontend::MetricsOf(const std::string& full_name) const {
  if (metrics_ == nullptr) return nullptr;
  const auto found = operations_.find(full_name);
  return found == operations_.end() ? &operations_.find("")->second : &found->second;
}

ReplyMessage Frontend::Measured(const OperationMetrics& operation, const std::string& name,
                                ReplyMessage reply) {
  operation.requests->Add();
  return [this, &operation, name, start = dependencies_.loop.Now(), reply = std::move(reply)](
             absl::StatusOr<std::unique_ptr<google::protobuf::Message>> response) mutable {
    operation.latency->Record(dependencies_.loop.Now() - start);
    if (!response.ok()) {
      metrics_
          ->CounterOf("service_errors", "RPCs answered with an error.",
                      {{"operation", name},
                       {"service_name", "frontend"},
                       {"error_type", absl::StatusCodeToString(response.status().code())}})
          .Add();
    }
    std::move(reply)(std::move(response));
  };
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
