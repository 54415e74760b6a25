// Registering, showing, changing and deprecating namespaces.
#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "frontend/call_table.h"
#include "frontend/checks.h"
#include "frontend/namespace_description.h"
#include "frontend/page_tokens.h"
#include "frontend/wire_time.h"

namespace perdure::frontend {
namespace {

namespace enums = temporal::api::enums::v1;
using base::InvalidArgument;
using perdure::store::v1::NamespaceData;
using services::CallContext;
using services::NamespacePtr;
using services::Reply;

// Temporal: `system.maxIDLength` holds for names, and this many bad binaries are kept.
constexpr size_t kNameMax = 1000;
constexpr int64_t kBadBinariesMax = 10;
constexpr int32_t kListPageDefault = 100;

absl::Status CheckRetention(const Dependencies& dependencies,
                            google::protobuf::Duration* retention) {
  const absl::Duration min = dependencies.settings.Duration(base::SettingId::kRetentionMin);
  const bool is_valid = CheckDuration(retention, "").ok() && FromProto(*retention) >= min;
  if (is_valid) return absl::OkStatus();
  return InvalidArgument("A valid retention period is not set on request.");
}

absl::Status CheckName(absl::string_view name) {
  if (name.empty()) return InvalidArgument("Namespace not set on request.");
  if (name.size() > kNameMax) return InvalidArgument("Namespace length exceeds limit.");
  return absl::OkStatus();
}

// There is one cluster: what is not there cannot be chosen.
absl::Status CheckCluster(const Dependencies& dependencies, const std::string& name) {
  if (name.empty() || name == dependencies.cluster.cluster_name) return absl::OkStatus();
  return InvalidArgument(absl::StrCat("Invalid cluster name: ", name));
}

template <class Clusters>
absl::Status CheckClusters(const Dependencies& dependencies, const std::string& active,
                           const Clusters& clusters) {
  PERDURE_RETURN_IF_ERROR(CheckCluster(dependencies, active));
  for (const auto& cluster : clusters) {
    PERDURE_RETURN_IF_ERROR(CheckCluster(dependencies, cluster.cluster_name()));
  }
  if (clusters.size() > 1) return InvalidArgument("A local namespace has one cluster.");
  return absl::OkStatus();
}

absl::Status CheckRegister(const Dependencies& dependencies,
                           api::RegisterNamespaceRequest& request) {
  PERDURE_RETURN_IF_ERROR(CheckName(request.namespace_()));
  if (request.is_global_namespace()) {
    return InvalidArgument("Cannot register global namespace when not enabled");
  }
  PERDURE_RETURN_IF_ERROR(
      CheckClusters(dependencies, request.active_cluster_name(), request.clusters()));
  return CheckRetention(dependencies, request.mutable_workflow_execution_retention_period());
}

void Register(const Dependencies& dependencies, api::RegisterNamespaceRequest request,
              Reply<api::RegisterNamespaceResponse> reply) {
  if (absl::Status status = CheckRegister(dependencies, request); !status.ok()) {
    std::move(reply)(std::move(status));
    return;
  }
  NamespaceData data;
  data.set_state(enums::NAMESPACE_STATE_REGISTERED);
  data.set_description(request.description());
  data.set_owner_email(request.owner_email());
  *data.mutable_data() = request.data();
  *data.mutable_retention() = request.workflow_execution_retention_period();
  *data.mutable_created_time() = ToProto(dependencies.loop.Now());
  dependencies.namespaces.Create(
      request.namespace_(), std::move(data),
      [reply = std::move(reply)](absl::StatusOr<NamespacePtr> created) mutable {
        if (!created.ok()) {
          std::move(reply)(created.status());
          return;
        }
        std::move(reply)(api::RegisterNamespaceResponse());
      });
}

absl::StatusOr<NamespacePtr> FindByNameOrId(const NamespaceRegistry& namespaces,
                                            absl::string_view name, absl::string_view id) {
  if (!name.empty() && !id.empty()) {
    return InvalidArgument("Only one of namespace name or Id should be set on request.");
  }
  if (!id.empty()) return namespaces.FindById(id);
  if (name.empty()) return InvalidArgument("Namespace not set on request.");
  return namespaces.Find(name);
}

void Describe(const Dependencies& dependencies, const api::DescribeNamespaceRequest& request,
              Reply<api::DescribeNamespaceResponse> reply) {
  absl::StatusOr<NamespacePtr> found =
      FindByNameOrId(dependencies.namespaces, request.namespace_(), request.id());
  if (!found.ok()) {
    std::move(reply)(found.status());
    return;
  }
  std::move(reply)(DescribeNamespace(**found, dependencies.cluster.cluster_name));
}

absl::StatusOr<api::ListNamespacesResponse> List(const Dependencies& dependencies,
                                                 const api::ListNamespacesRequest& request) {
  if (request.page_size() < 0) return InvalidArgument("Invalid PageSize.");
  const int32_t page_size = request.page_size() == 0 ? kListPageDefault : request.page_size();
  const absl::StatusOr<int64_t> after =
      ReadPageToken(PageTokenKind::kNamespaces, request.next_page_token());
  if (!after.ok()) return after.status();

  api::ListNamespacesResponse response;
  for (const NamespacePtr& name_space : dependencies.namespaces.All()) {
    if (name_space->number.value() <= *after) continue;
    const bool is_deleted = name_space->data.state() == enums::NAMESPACE_STATE_DELETED;
    if (is_deleted && !request.namespace_filter().include_deleted()) continue;
    if (response.namespaces_size() == page_size) {
      // There is one more: the page ended with the last one added.
      return response;
    }
    *response.add_namespaces() = DescribeNamespace(*name_space, dependencies.cluster.cluster_name);
    response.set_next_page_token(
        WritePageToken(PageTokenKind::kNamespaces, name_space->number.value()));
  }
  response.clear_next_page_token();
  return response;
}

absl::Status MergeBadBinaries(const temporal::api::namespace_::v1::BadBinaries& added,
                              absl::Time now, NamespaceData* data) {
  auto& binaries = *data->mutable_bad_binaries()->mutable_binaries();
  for (const auto& [checksum, info] : added.binaries()) {
    binaries[checksum] = info;
    *binaries[checksum].mutable_create_time() = ToProto(now);
  }
  if (static_cast<int64_t>(binaries.size()) > kBadBinariesMax) {
    return InvalidArgument(
        absl::StrCat("Total resetBinaries cannot exceed the max limit: ", kBadBinariesMax));
  }
  return absl::OkStatus();
}

absl::Status ApplyInfo(const temporal::api::namespace_::v1::UpdateNamespaceInfo& info,
                       NamespaceData* data) {
  if (!info.description().empty()) data->set_description(info.description());
  if (!info.owner_email().empty()) data->set_owner_email(info.owner_email());
  for (const auto& [key, value] : info.data()) (*data->mutable_data())[key] = value;
  const auto state = info.state();
  if (state == enums::NAMESPACE_STATE_UNSPECIFIED || state == data->state()) {
    return absl::OkStatus();
  }
  // Temporal: a namespace goes from registered to deprecated; deleting is the operator's.
  const bool is_legal = data->state() == enums::NAMESPACE_STATE_REGISTERED &&
                        state == enums::NAMESPACE_STATE_DEPRECATED;
  if (!is_legal) {
    return InvalidArgument(absl::StrCat("update NamespaceState from ",
                                        enums::NamespaceState_Name(data->state()), " to ",
                                        enums::NamespaceState_Name(state), " is not allowed"));
  }
  data->set_state(state);
  return absl::OkStatus();
}

absl::Status ApplyConfig(const Dependencies& dependencies,
                         const temporal::api::namespace_::v1::NamespaceConfig& config,
                         NamespaceData* data) {
  if (config.has_workflow_execution_retention_ttl()) {
    google::protobuf::Duration retention = config.workflow_execution_retention_ttl();
    PERDURE_RETURN_IF_ERROR(CheckRetention(dependencies, &retention));
    *data->mutable_retention() = retention;
  }
  PERDURE_RETURN_IF_ERROR(MergeBadBinaries(config.bad_binaries(), dependencies.loop.Now(), data));
  for (const auto& [field, alias] : config.custom_search_attribute_aliases()) {
    (*data->mutable_custom_search_attribute_aliases())[field] = alias;
  }
  return absl::OkStatus();
}

absl::Status ApplyUpdate(const Dependencies& dependencies,
                         const api::UpdateNamespaceRequest& request, NamespaceData* data) {
  if (request.promote_namespace()) {
    return InvalidArgument(
        "global namespace is not enabled on this cluster, cannot update global namespace or "
        "promote local namespace");
  }
  PERDURE_RETURN_IF_ERROR(CheckClusters(dependencies,
                                        request.replication_config().active_cluster_name(),
                                        request.replication_config().clusters()));
  PERDURE_RETURN_IF_ERROR(ApplyInfo(request.update_info(), data));
  PERDURE_RETURN_IF_ERROR(ApplyConfig(dependencies, request.config(), data));
  if (request.delete_bad_binary().empty()) return absl::OkStatus();
  if (data->mutable_bad_binaries()->mutable_binaries()->erase(request.delete_bad_binary()) == 0) {
    return InvalidArgument(
        absl::StrCat("Bad binary checksum ", request.delete_bad_binary(), " doesn't exists."));
  }
  return absl::OkStatus();
}

void Update(const Dependencies& dependencies, const api::UpdateNamespaceRequest& request,
            Reply<api::UpdateNamespaceResponse> reply) {
  absl::StatusOr<NamespacePtr> found =
      FindByNameOrId(dependencies.namespaces, request.namespace_(), "");
  if (!found.ok()) {
    std::move(reply)(found.status());
    return;
  }
  NamespaceData data = (*found)->data;
  if (absl::Status status = ApplyUpdate(dependencies, request, &data); !status.ok()) {
    std::move(reply)(std::move(status));
    return;
  }
  dependencies.namespaces.Update(
      *found, (*found)->name, std::move(data),
      [&dependencies, reply = std::move(reply)](absl::StatusOr<NamespacePtr> updated) mutable {
        if (!updated.ok()) {
          std::move(reply)(updated.status());
          return;
        }
        api::DescribeNamespaceResponse description =
            DescribeNamespace(**updated, dependencies.cluster.cluster_name);
        api::UpdateNamespaceResponse response;
        response.mutable_namespace_info()->Swap(description.mutable_namespace_info());
        response.mutable_config()->Swap(description.mutable_config());
        response.mutable_replication_config()->Swap(description.mutable_replication_config());
        std::move(reply)(std::move(response));
      });
}

void Deprecate(const Dependencies& dependencies, const api::DeprecateNamespaceRequest& request,
               Reply<api::DeprecateNamespaceResponse> reply) {
  absl::StatusOr<NamespacePtr> found =
      FindByNameOrId(dependencies.namespaces, request.namespace_(), "");
  if (!found.ok()) {
    std::move(reply)(found.status());
    return;
  }
  NamespaceData data = (*found)->data;
  data.set_state(enums::NAMESPACE_STATE_DEPRECATED);
  dependencies.namespaces.Update(
      *found, (*found)->name, std::move(data),
      [reply = std::move(reply)](absl::StatusOr<NamespacePtr> updated) mutable {
        if (!updated.ok()) {
          std::move(reply)(updated.status());
          return;
        }
        std::move(reply)(api::DeprecateNamespaceResponse());
      });
}

}  // namespace

void AddNamespaceCalls(CallTable& calls, const Dependencies& dependencies) {
  calls.Add<api::RegisterNamespaceRequest, api::RegisterNamespaceResponse>(
      "RegisterNamespace", [&dependencies](CallContext, auto request, auto reply) {
        Register(dependencies, std::move(request), std::move(reply));
      });
  calls.Add<api::DescribeNamespaceRequest, api::DescribeNamespaceResponse>(
      "DescribeNamespace", [&dependencies](CallContext, const auto& request, auto reply) {
        Describe(dependencies, request, std::move(reply));
      });
  calls.Add<api::ListNamespacesRequest, api::ListNamespacesResponse>(
      "ListNamespaces", [&dependencies](CallContext, const auto& request, auto reply) {
        std::move(reply)(List(dependencies, request));
      });
  calls.Add<api::UpdateNamespaceRequest, api::UpdateNamespaceResponse>(
      "UpdateNamespace", [&dependencies](CallContext, const auto& request, auto reply) {
        Update(dependencies, request, std::move(reply));
      });
  calls.Add<api::DeprecateNamespaceRequest, api::DeprecateNamespaceResponse>(
      "DeprecateNamespace", [&dependencies](CallContext, const auto& request, auto reply) {
        Deprecate(dependencies, request, std::move(reply));
      });
}

}  // namespace perdure::frontend
