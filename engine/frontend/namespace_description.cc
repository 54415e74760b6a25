#include "frontend/namespace_description.h"

namespace perdure::frontend {
namespace {

namespace namespaces = temporal::api::namespace_::v1;
namespace enums = temporal::api::enums::v1;

// Each flag switches a behaviour of the SDKs: only what is built is claimed.
void FillCapabilities(namespaces::NamespaceInfo::Capabilities& capabilities) {
  capabilities.set_eager_workflow_start(true);
  capabilities.set_sync_update(true);
  capabilities.set_async_update(true);
  capabilities.set_workflow_pause(true);
  capabilities.set_poller_autoscaling(true);
  capabilities.set_worker_poll_complete_on_shutdown(true);
}

}  // namespace

temporal::api::workflowservice::v1::DescribeNamespaceResponse DescribeNamespace(
    const services::Namespace& name_space, const std::string& cluster_name) {
  temporal::api::workflowservice::v1::DescribeNamespaceResponse response;
  const perdure::store::v1::NamespaceData& data = name_space.data;

  namespaces::NamespaceInfo& info = *response.mutable_namespace_info();
  info.set_name(name_space.name);
  info.set_id(name_space.id);
  info.set_state(data.state());
  info.set_description(data.description());
  info.set_owner_email(data.owner_email());
  *info.mutable_data() = data.data();
  FillCapabilities(*info.mutable_capabilities());
  info.mutable_limits()->set_blob_size_limit_error(name_space.limits.blob_size_bytes);
  info.mutable_limits()->set_memo_size_limit_error(name_space.limits.memo_size_bytes);
  info.set_supports_schedules(false);

  namespaces::NamespaceConfig& config = *response.mutable_config();
  *config.mutable_workflow_execution_retention_ttl() = data.retention();
  *config.mutable_bad_binaries() = data.bad_binaries();
  *config.mutable_custom_search_attribute_aliases() = data.custom_search_attribute_aliases();
  config.set_history_archival_state(enums::ARCHIVAL_STATE_DISABLED);
  config.set_visibility_archival_state(enums::ARCHIVAL_STATE_DISABLED);

  auto& replication = *response.mutable_replication_config();
  replication.set_active_cluster_name(cluster_name);
  replication.add_clusters()->set_cluster_name(cluster_name);
  replication.set_state(enums::REPLICATION_STATE_NORMAL);
  response.set_is_global_namespace(data.is_global());
  return response;
}

}  // namespace perdure::frontend
