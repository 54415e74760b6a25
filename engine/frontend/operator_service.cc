// The operator's RPCs: search attributes, deleting a namespace, the list of clusters.
#include "absl/strings/match.h"
#include "frontend/call_table.h"
#include "frontend/checks.h"
#include "frontend/search_attributes.h"
#include "query/attributes.h"
#include "temporal/api/operatorservice/v1/request_response.pb.h"

namespace perdure::frontend {
namespace {

namespace enums = temporal::api::enums::v1;
namespace operator_api = temporal::api::operatorservice::v1;
using base::InvalidArgument;
using perdure::store::v1::NamespaceData;
using services::CallContext;
using services::NamespacePtr;
using services::Reply;

constexpr size_t kAttributeNameMax = 255;
// What the deleted namespace's name is suffixed with: "-deleted-" and this much of its id.
constexpr size_t kDeletedSuffix = 5;

// Temporal: names that begin so are its own, also those to come.
constexpr char kReservedPrefix[] = "Temporal";

bool IsReserved(const std::string& name) {
  return absl::StartsWith(name, kReservedPrefix) || query::SystemFields().count(name) > 0 ||
         query::PredefinedAttributes().count(name) > 0;
}

absl::Status CheckNewAttribute(const std::string& name, int type,
                               const services::Namespace& name_space) {
  if (name.empty()) return InvalidArgument("Search attribute name is not set on request.");
  if (name.size() > kAttributeNameMax) {
    return InvalidArgument("Search attribute name length exceeds limit.");
  }
  if (IsReserved(name)) {
    return InvalidArgument(absl::StrCat("Search attribute ", name, " is reserved by system."));
  }
  query::Type known = query::Type::kKeyword;
  if (!query::TypeFromWire(type, known)) {
    return InvalidArgument(absl::StrCat("Unknown search attribute type: ", type, "."));
  }
  const auto existing = name_space.search_attributes.find(name);
  const bool is_other_type =
      existing != name_space.search_attributes.end() && existing->second != type;
  if (is_other_type) {
    return base::AlreadyExists(absl::StrCat("Search attribute ", name, " already exists."));
  }
  return absl::OkStatus();
}

void AddSearchAttributes(const Dependencies& dependencies,
                         const operator_api::AddSearchAttributesRequest& request,
                         Reply<operator_api::AddSearchAttributesResponse> reply) {
  absl::StatusOr<NamespacePtr> name_space =
      ResolveNamespace(dependencies.namespaces, request.namespace_(), NamespaceUse::kAny);
  if (!name_space.ok()) {
    std::move(reply)(name_space.status());
    return;
  }
  if (request.search_attributes().empty()) {
    std::move(reply)(InvalidArgument("SearchAttributes are not set on request."));
    return;
  }
  services::SearchAttributeTypes added;
  for (const auto& [name, type] : request.search_attributes()) {
    if (absl::Status status = CheckNewAttribute(name, type, **name_space); !status.ok()) {
      std::move(reply)(std::move(status));
      return;
    }
    added[name] = type;
  }
  dependencies.namespaces.AddSearchAttributes(
      *std::move(name_space), std::move(added),
      [reply = std::move(reply)](absl::Status status) mutable {
        if (!status.ok()) {
          std::move(reply)(std::move(status));
          return;
        }
        std::move(reply)(operator_api::AddSearchAttributesResponse());
      });
}

void RemoveSearchAttributes(const Dependencies& dependencies,
                            const operator_api::RemoveSearchAttributesRequest& request,
                            Reply<operator_api::RemoveSearchAttributesResponse> reply) {
  absl::StatusOr<NamespacePtr> name_space =
      ResolveNamespace(dependencies.namespaces, request.namespace_(), NamespaceUse::kAny);
  if (!name_space.ok()) {
    std::move(reply)(name_space.status());
    return;
  }
  if (request.search_attributes().empty()) {
    std::move(reply)(InvalidArgument("SearchAttributes are not set on request."));
    return;
  }
  std::vector<std::string> names;
  for (const std::string& name : request.search_attributes()) {
    if (IsReserved(name)) {
      std::move(reply)(InvalidArgument(
          absl::StrCat("Unable to remove non-custom search attributes: ", name, ".")));
      return;
    }
    if ((*name_space)->search_attributes.count(name) == 0) {
      std::move(reply)(base::NotFound(absl::StrCat("Search attribute ", name, " doesn't exist.")));
      return;
    }
    names.push_back(name);
  }
  dependencies.namespaces.RemoveSearchAttributes(
      *std::move(name_space), std::move(names),
      [reply = std::move(reply)](absl::Status status) mutable {
        if (!status.ok()) {
          std::move(reply)(std::move(status));
          return;
        }
        std::move(reply)(operator_api::RemoveSearchAttributesResponse());
      });
}

absl::StatusOr<operator_api::ListSearchAttributesResponse> ListSearchAttributes(
    const Dependencies& dependencies, const operator_api::ListSearchAttributesRequest& request) {
  absl::StatusOr<NamespacePtr> name_space =
      ResolveNamespace(dependencies.namespaces, request.namespace_(), NamespaceUse::kAny);
  if (!name_space.ok()) return name_space.status();
  operator_api::ListSearchAttributesResponse response;
  for (const auto& [name, type] : (*name_space)->search_attributes) {
    (*response.mutable_custom_attributes())[name] = static_cast<enums::IndexedValueType>(type);
  }
  auto& system = *response.mutable_system_attributes();
  for (const auto& [name, type] : query::SystemFields()) {
    system[name] = static_cast<enums::IndexedValueType>(query::TypeToWire(type));
  }
  for (const auto& [name, type] : query::PredefinedAttributes()) {
    system[name] = static_cast<enums::IndexedValueType>(query::TypeToWire(type));
  }
  return response;
}

// Marked deleted and renamed, so that the name is free at once; history then deletes the runs, and
// at last the namespace, in the background.
void DeleteNamespace(const Dependencies& dependencies,
                     const operator_api::DeleteNamespaceRequest& request,
                     Reply<operator_api::DeleteNamespaceResponse> reply) {
  if (!request.namespace_().empty() && !request.namespace_id().empty()) {
    std::move(reply)(InvalidArgument("Only one of namespace name or Id should be set on request."));
    return;
  }
  absl::StatusOr<NamespacePtr> found =
      request.namespace_id().empty()
          ? (request.namespace_().empty() ? InvalidArgument("Namespace not set on request.")
                                          : dependencies.namespaces.Find(request.namespace_()))
          : dependencies.namespaces.FindById(request.namespace_id());
  if (!found.ok()) {
    std::move(reply)(found.status());
    return;
  }
  const services::Namespace& name_space = **found;
  if (name_space.data.state() == enums::NAMESPACE_STATE_DELETED) {
    operator_api::DeleteNamespaceResponse response;  // a repeat of the same request
    response.set_deleted_namespace(name_space.name);
    std::move(reply)(std::move(response));
    return;
  }
  NamespaceData data = name_space.data;
  data.set_state(enums::NAMESPACE_STATE_DELETED);
  data.set_deleted_name(name_space.name);
  const std::string deleted_name =
      absl::StrCat(name_space.name, "-deleted-", name_space.id.substr(0, kDeletedSuffix));
  dependencies.namespaces.Update(
      *found, deleted_name, std::move(data),
      [&dependencies, reply = std::move(reply)](absl::StatusOr<NamespacePtr> updated) mutable {
        if (!updated.ok()) {
          std::move(reply)(updated.status());
          return;
        }
        operator_api::DeleteNamespaceResponse response;
        response.set_deleted_namespace((*updated)->name);
        dependencies.history.ReclaimNamespace(*std::move(updated));
        std::move(reply)(std::move(response));
      });
}

operator_api::ListClustersResponse ListClusters(const ClusterFacts& cluster) {
  operator_api::ListClustersResponse response;
  auto& self = *response.add_clusters();
  self.set_cluster_name(cluster.cluster_name);
  self.set_cluster_id(cluster.cluster_id);
  self.set_initial_failover_version(1);
  self.set_history_shard_count(base::kShardCount);
  self.set_is_connection_enabled(true);
  return response;
}

}  // namespace

void AddOperatorCalls(CallTable& calls, const Dependencies& dependencies) {
  calls.Add<operator_api::AddSearchAttributesRequest, operator_api::AddSearchAttributesResponse>(
      "AddSearchAttributes", [&dependencies](CallContext, const auto& request, auto reply) {
        AddSearchAttributes(dependencies, request, std::move(reply));
      });
  calls.Add<operator_api::RemoveSearchAttributesRequest,
            operator_api::RemoveSearchAttributesResponse>(
      "RemoveSearchAttributes", [&dependencies](CallContext, const auto& request, auto reply) {
        RemoveSearchAttributes(dependencies, request, std::move(reply));
      });
  calls.Add<operator_api::ListSearchAttributesRequest, operator_api::ListSearchAttributesResponse>(
      "ListSearchAttributes", [&dependencies](CallContext, const auto& request, auto reply) {
        std::move(reply)(ListSearchAttributes(dependencies, request));
      });
  calls.Add<operator_api::DeleteNamespaceRequest, operator_api::DeleteNamespaceResponse>(
      "DeleteNamespace", [&dependencies](CallContext, const auto& request, auto reply) {
        DeleteNamespace(dependencies, request, std::move(reply));
      });
  calls.Add<operator_api::ListClustersRequest, operator_api::ListClustersResponse>(
      "ListClusters", [&dependencies](CallContext, const auto& request, auto reply) {
        std::move(reply)(ListClusters(dependencies.cluster));
      });
}

}  // namespace perdure::frontend
