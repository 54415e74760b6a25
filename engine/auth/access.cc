#include "auth/access.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "temporal/api/operatorservice/v1/request_response.pb.h"
#include "temporal/api/workflowservice/v1/request_response.pb.h"

namespace perdure::auth {
namespace {

namespace api = temporal::api::workflowservice::v1;
namespace operator_api = temporal::api::operatorservice::v1;
using google::protobuf::Message;

constexpr Access kTable[] = {
    {"AddOrUpdateRemoteCluster", Scope::kCluster, Role::kAdmin, Effect::kChange},
    {"AddSearchAttributes", Scope::kNamespace, Role::kAdmin, Effect::kChange},
    {"CountActivityExecutions", Scope::kNamespace, Role::kReader, Effect::kRead},
    {"CountNexusOperationExecutions", Scope::kNamespace, Role::kReader, Effect::kRead},
    {"CountSchedules", Scope::kNamespace, Role::kReader, Effect::kRead},
    {"CountWorkers", Scope::kNamespace, Role::kReader, Effect::kRead},
    {"CountWorkflowExecutions", Scope::kNamespace, Role::kReader, Effect::kRead},
    {"CreateNexusEndpoint", Scope::kCluster, Role::kAdmin, Effect::kChange},
    {"CreateSchedule", Scope::kNamespace, Role::kWriter, Effect::kChange},
    {"CreateWorkerDeployment", Scope::kNamespace, Role::kWriter, Effect::kChange},
    {"CreateWorkerDeploymentVersion", Scope::kNamespace, Role::kWriter, Effect::kChange},
    {"CreateWorkflowRule", Scope::kNamespace, Role::kWriter, Effect::kChange},
    {"DeleteActivityExecution", Scope::kNamespace, Role::kWriter, Effect::kChange},
    {"DeleteNamespace", Scope::kNamespace, Role::kAdmin, Effect::kChange},
    {"DeleteNexusEndpoint", Scope::kCluster, Role::kAdmin, Effect::kChange},
    {"DeleteNexusOperationExecution", Scope::kNamespace, Role::kWriter, Effect::kChange},
    {"DeleteSchedule", Scope::kNamespace, Role::kWriter, Effect::kChange},
    {"DeleteWorkerDeployment", Scope::kNamespace, Role::kWriter, Effect::kChange},
    {"DeleteWorkerDeploymentVersion", Scope::kNamespace, Role::kWriter, Effect::kChange},
    {"DeleteWorkflowExecution", Scope::kNamespace, Role::kWriter, Effect::kChange},
    {"DeleteWorkflowRule", Scope::kNamespace, Role::kWriter, Effect::kChange},
    {"DeprecateNamespace", Scope::kNamespace, Role::kAdmin, Effect::kChange},
    {"DescribeActivityExecution", Scope::kNamespace, Role::kReader, Effect::kRead},
    {"DescribeBatchOperation", Scope::kNamespace, Role::kReader, Effect::kRead},
    {"DescribeDeployment", Scope::kNamespace, Role::kReader, Effect::kRead},
    {"DescribeMembers", Scope::kCluster, Role::kReader, Effect::kRead},
    {"DescribeNamespace", Scope::kNamespace, Role::kReader, Effect::kRead},
    {"DescribeNexusOperationExecution", Scope::kNamespace, Role::kReader, Effect::kRead},
    {"DescribeSchedule", Scope::kNamespace, Role::kReader, Effect::kRead},
    {"DescribeTaskQueue", Scope::kNamespace, Role::kReader, Effect::kRead},
    {"DescribeWorker", Scope::kNamespace, Role::kReader, Effect::kRead},
    {"DescribeWorkerDeployment", Scope::kNamespace, Role::kReader, Effect::kRead},
    {"DescribeWorkerDeploymentVersion", Scope::kNamespace, Role::kReader, Effect::kRead},
    {"DescribeWorkflowExecution", Scope::kNamespace, Role::kReader, Effect::kRead},
    {"DescribeWorkflowRule", Scope::kNamespace, Role::kReader, Effect::kRead},
    {"DrainMember", Scope::kCluster, Role::kAdmin, Effect::kChange},
    {"ExecuteMultiOperation", Scope::kNamespace, Role::kWriter, Effect::kChange},
    {"FetchWorkerConfig", Scope::kNamespace, Role::kWorker, Effect::kRead},
    {"GetClusterInfo", Scope::kCluster, Role::kReader, Effect::kRead},
    {"GetCurrentDeployment", Scope::kNamespace, Role::kReader, Effect::kRead},
    {"GetDeploymentReachability", Scope::kNamespace, Role::kReader, Effect::kRead},
    {"GetNexusEndpoint", Scope::kCluster, Role::kReader, Effect::kRead},
    {"GetSearchAttributes", Scope::kCluster, Role::kReader, Effect::kRead},
    {"GetSystemInfo", Scope::kCluster, Role::kNone, Effect::kRead},
    {"GetWorkerBuildIdCompatibility", Scope::kNamespace, Role::kReader, Effect::kRead},
    {"GetWorkerTaskReachability", Scope::kNamespace, Role::kReader, Effect::kRead},
    {"GetWorkerVersioningRules", Scope::kNamespace, Role::kReader, Effect::kRead},
    {"GetWorkflowExecutionHistory", Scope::kNamespace, Role::kReader, Effect::kRead},
    {"GetWorkflowExecutionHistoryReverse", Scope::kNamespace, Role::kReader, Effect::kRead},
    {"ListActivityExecutions", Scope::kNamespace, Role::kReader, Effect::kRead},
    {"ListArchivedWorkflowExecutions", Scope::kNamespace, Role::kReader, Effect::kRead},
    {"ListBatchOperations", Scope::kNamespace, Role::kReader, Effect::kRead},
    {"ListClosedWorkflowExecutions", Scope::kNamespace, Role::kReader, Effect::kRead},
    {"ListClusters", Scope::kCluster, Role::kReader, Effect::kRead},
    {"ListDeployments", Scope::kNamespace, Role::kReader, Effect::kRead},
    {"ListNamespaces", Scope::kCluster, Role::kReader, Effect::kRead},
    {"ListNexusEndpoints", Scope::kCluster, Role::kReader, Effect::kRead},
    {"ListNexusOperationExecutions", Scope::kNamespace, Role::kReader, Effect::kRead},
    {"ListOpenWorkflowExecutions", Scope::kNamespace, Role::kReader, Effect::kRead},
    {"ListScheduleMatchingTimes", Scope::kNamespace, Role::kReader, Effect::kRead},
    {"ListSchedules", Scope::kNamespace, Role::kReader, Effect::kRead},
    {"ListSearchAttributes", Scope::kNamespace, Role::kReader, Effect::kRead},
    {"ListTaskQueuePartitions", Scope::kNamespace, Role::kReader, Effect::kRead},
    {"ListWorkerDeployments", Scope::kNamespace, Role::kReader, Effect::kRead},
    {"ListWorkers", Scope::kNamespace, Role::kReader, Effect::kRead},
    {"ListWorkflowExecutions", Scope::kNamespace, Role::kReader, Effect::kRead},
    {"ListWorkflowRules", Scope::kNamespace, Role::kReader, Effect::kRead},
    {"PatchSchedule", Scope::kNamespace, Role::kWriter, Effect::kChange},
    {"PauseActivity", Scope::kNamespace, Role::kWriter, Effect::kChange},
    {"PauseActivityExecution", Scope::kNamespace, Role::kWriter, Effect::kChange},
    {"PauseWorkflowExecution", Scope::kNamespace, Role::kWriter, Effect::kChange},
    {"PollActivityExecution", Scope::kNamespace, Role::kReader, Effect::kRead},
    {"PollActivityTaskQueue", Scope::kNamespace, Role::kWorker, Effect::kRead},
    {"PollNexusOperationExecution", Scope::kNamespace, Role::kReader, Effect::kRead},
    {"PollNexusTaskQueue", Scope::kNamespace, Role::kWorker, Effect::kRead},
    {"PollWorkflowExecutionUpdate", Scope::kNamespace, Role::kReader, Effect::kRead},
    {"PollWorkflowTaskQueue", Scope::kNamespace, Role::kWorker, Effect::kRead},
    {"QueryWorkflow", Scope::kNamespace, Role::kReader, Effect::kRead},
    {"RecordActivityTaskHeartbeat", Scope::kNamespace, Role::kWorker, Effect::kRead},
    {"RecordActivityTaskHeartbeatById", Scope::kNamespace, Role::kWorker, Effect::kRead},
    {"RecordWorkerHeartbeat", Scope::kNamespace, Role::kWorker, Effect::kRead},
    {"RegisterNamespace", Scope::kNamespace, Role::kAdmin, Effect::kChange},
    {"RemoveRemoteCluster", Scope::kCluster, Role::kAdmin, Effect::kChange},
    {"RemoveSearchAttributes", Scope::kNamespace, Role::kAdmin, Effect::kChange},
    {"RequestCancelActivityExecution", Scope::kNamespace, Role::kWriter, Effect::kChange},
    {"RequestCancelNexusOperationExecution", Scope::kNamespace, Role::kWriter, Effect::kChange},
    {"RequestCancelWorkflowExecution", Scope::kNamespace, Role::kWriter, Effect::kChange},
    {"ResetActivity", Scope::kNamespace, Role::kWriter, Effect::kChange},
    {"ResetActivityExecution", Scope::kNamespace, Role::kWriter, Effect::kChange},
    {"ResetStickyTaskQueue", Scope::kNamespace, Role::kWorker, Effect::kRead},
    {"ResetWorkflowExecution", Scope::kNamespace, Role::kWriter, Effect::kChange},
    {"RespondActivityTaskCanceled", Scope::kNamespace, Role::kWorker, Effect::kChange},
    {"RespondActivityTaskCanceledById", Scope::kNamespace, Role::kWorker, Effect::kChange},
    {"RespondActivityTaskCompleted", Scope::kNamespace, Role::kWorker, Effect::kChange},
    {"RespondActivityTaskCompletedById", Scope::kNamespace, Role::kWorker, Effect::kChange},
    {"RespondActivityTaskFailed", Scope::kNamespace, Role::kWorker, Effect::kChange},
    {"RespondActivityTaskFailedById", Scope::kNamespace, Role::kWorker, Effect::kChange},
    {"RespondNexusTaskCompleted", Scope::kNamespace, Role::kWorker, Effect::kChange},
    {"RespondNexusTaskFailed", Scope::kNamespace, Role::kWorker, Effect::kChange},
    {"RespondQueryTaskCompleted", Scope::kNamespace, Role::kWorker, Effect::kRead},
    {"RespondWorkflowTaskCompleted", Scope::kNamespace, Role::kWorker, Effect::kChange},
    {"RespondWorkflowTaskFailed", Scope::kNamespace, Role::kWorker, Effect::kChange},
    {"ScanWorkflowExecutions", Scope::kNamespace, Role::kReader, Effect::kRead},
    {"SetCurrentDeployment", Scope::kNamespace, Role::kWriter, Effect::kChange},
    {"SetWorkerDeploymentCurrentVersion", Scope::kNamespace, Role::kWriter, Effect::kChange},
    {"SetWorkerDeploymentManager", Scope::kNamespace, Role::kWriter, Effect::kChange},
    {"SetWorkerDeploymentRampingVersion", Scope::kNamespace, Role::kWriter, Effect::kChange},
    {"ShutdownWorker", Scope::kNamespace, Role::kWorker, Effect::kRead},
    {"SignalWithStartWorkflowExecution", Scope::kNamespace, Role::kWriter, Effect::kChange},
    {"SignalWorkflowExecution", Scope::kNamespace, Role::kWriter, Effect::kChange},
    {"StartActivityExecution", Scope::kNamespace, Role::kWriter, Effect::kChange},
    {"StartBatchOperation", Scope::kNamespace, Role::kWriter, Effect::kChange},
    {"StartNexusOperationExecution", Scope::kNamespace, Role::kWriter, Effect::kChange},
    {"StartWorkflowExecution", Scope::kNamespace, Role::kWriter, Effect::kChange},
    {"StopBatchOperation", Scope::kNamespace, Role::kWriter, Effect::kChange},
    {"TerminateActivityExecution", Scope::kNamespace, Role::kWriter, Effect::kChange},
    {"TerminateNexusOperationExecution", Scope::kNamespace, Role::kWriter, Effect::kChange},
    {"TerminateWorkflowExecution", Scope::kNamespace, Role::kWriter, Effect::kChange},
    {"TriggerWorkflowRule", Scope::kNamespace, Role::kWriter, Effect::kChange},
    {"UnpauseActivity", Scope::kNamespace, Role::kWriter, Effect::kChange},
    {"UnpauseActivityExecution", Scope::kNamespace, Role::kWriter, Effect::kChange},
    {"UnpauseWorkflowExecution", Scope::kNamespace, Role::kWriter, Effect::kChange},
    {"UpdateActivityExecutionOptions", Scope::kNamespace, Role::kWriter, Effect::kChange},
    {"UpdateActivityOptions", Scope::kNamespace, Role::kWriter, Effect::kChange},
    {"UpdateNamespace", Scope::kNamespace, Role::kAdmin, Effect::kChange},
    {"UpdateNexusEndpoint", Scope::kCluster, Role::kAdmin, Effect::kChange},
    {"UpdateSchedule", Scope::kNamespace, Role::kWriter, Effect::kChange},
    {"UpdateTaskQueueConfig", Scope::kNamespace, Role::kWriter, Effect::kChange},
    {"UpdateWorkerBuildIdCompatibility", Scope::kNamespace, Role::kWriter, Effect::kChange},
    {"UpdateWorkerConfig", Scope::kNamespace, Role::kWriter, Effect::kChange},
    {"UpdateWorkerDeploymentVersionComputeConfig", Scope::kNamespace, Role::kWriter,
     Effect::kChange},
    {"UpdateWorkerDeploymentVersionMetadata", Scope::kNamespace, Role::kWriter, Effect::kChange},
    {"UpdateWorkerVersioningRules", Scope::kNamespace, Role::kWriter, Effect::kChange},
    {"UpdateWorkflowExecution", Scope::kNamespace, Role::kWriter, Effect::kChange},
    {"UpdateWorkflowExecutionOptions", Scope::kNamespace, Role::kWriter, Effect::kChange},
    {"ValidateWorkerDeploymentVersionComputeConfig", Scope::kNamespace, Role::kReader,
     Effect::kRead},
};
static_assert(std::is_sorted(std::begin(kTable), std::end(kTable),
                             [](const Access& a, const Access& b) { return a.method < b.method; }));

absl::Status Deny(const Principal& principal, const google::protobuf::MethodDescriptor& method,
                  Role role, absl::string_view where) {
  const std::string reason =
      absl::StrCat(method.name(), " takes the role ", NameOf(role), " in ", where, ".");
  return base::PermissionDenied(
      absl::StrCat("Request unauthorized: ", principal.name, " may not; ", reason), reason);
}

absl::Status NeedIn(const Principal& principal, const google::protobuf::MethodDescriptor& method,
                    Role role, const std::string& name_space) {
  if (principal.RoleIn(name_space) >= role) return absl::OkStatus();
  return Deny(principal, method, role, absl::StrCat("namespace \"", name_space, "\""));
}

// Names a namespace by its id, which nobody has a role by.
bool IsById(const Message& request) {
  if (const auto* describe = dynamic_cast<const api::DescribeNamespaceRequest*>(&request)) {
    return !describe->id().empty();
  }
  const auto* erase = dynamic_cast<const operator_api::DeleteNamespaceRequest*>(&request);
  return erase != nullptr && !erase->namespace_id().empty();
}

// The namespaces, other than its own, that a request acts on.
std::vector<std::string> FurtherNamespaces(const Message& request) {
  std::vector<std::string> names;
  if (const auto* task = dynamic_cast<const api::RespondWorkflowTaskCompletedRequest*>(&request)) {
    for (const auto& command : task->commands()) {
      names.push_back(command.start_child_workflow_execution_command_attributes().namespace_());
      names.push_back(command.signal_external_workflow_execution_command_attributes().namespace_());
      names.push_back(
          command.request_cancel_external_workflow_execution_command_attributes().namespace_());
    }
  } else if (const auto* multi = dynamic_cast<const api::ExecuteMultiOperationRequest*>(&request)) {
    for (const auto& operation : multi->operations()) {
      names.push_back(operation.start_workflow().namespace_());
      names.push_back(operation.update_workflow().namespace_());
    }
  }
  return names;
}

}  // namespace

absl::Span<const Access> AccessTable() { return kTable; }

const Access* FindAccess(absl::string_view method) {
  const auto* found = std::lower_bound(
      std::begin(kTable), std::end(kTable), method,
      [](const Access& access, absl::string_view name) { return access.method < name; });
  return found == std::end(kTable) || found->method != method ? nullptr : found;
}

absl::Status Authorize(const Principal& principal, const google::protobuf::MethodDescriptor& method,
                       absl::string_view name_space, const Message& request) {
  const Access* access = FindAccess(method.name());
  if (access == nullptr) return Deny(principal, method, Role::kAdmin, "the cluster");
  if (access->role == Role::kNone) return absl::OkStatus();
  if (access->scope == Scope::kCluster || IsById(request)) {
    if (principal.system_role >= access->role) return absl::OkStatus();
    return Deny(principal, method, access->role, "the cluster (temporal-system)");
  }
  const std::string own(name_space);
  if (auto status = NeedIn(principal, method, access->role, own); !status.ok()) return status;
  for (const std::string& further : FurtherNamespaces(request)) {
    if (further.empty() || further == own) continue;
    if (auto s = NeedIn(principal, method, Role::kWriter, further); !s.ok()) return s;
  }
  return absl::OkStatus();
}

}  // namespace perdure::auth
