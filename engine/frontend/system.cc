// What the server says of itself.
//
// Every capability switches an SDK's behaviour, so only what is built is claimed.
#include "base/ids.h"
#include "frontend/call_table.h"

namespace perdure::frontend {
namespace {

// The version of Temporal's server whose behaviour we follow; SDKs and tools gate on it.
constexpr char kServerVersion[] = "1.32.0";
constexpr int64_t kFailoverVersionIncrement = 10;
constexpr int64_t kFailoverVersionFirst = 1;

api::GetSystemInfoResponse SystemInfo() {
  api::GetSystemInfoResponse response;
  response.set_server_version(kServerVersion);
  auto& capabilities = *response.mutable_capabilities();
  capabilities.set_signal_and_query_header(true);
  capabilities.set_internal_error_differentiation(true);
  capabilities.set_activity_failure_include_heartbeat(true);
  capabilities.set_encoded_failure_attributes(true);
  capabilities.set_upsert_memo(true);
  capabilities.set_eager_workflow_start(true);
  capabilities.set_sdk_metadata(true);
  capabilities.set_count_group_by_execution_status(true);
  capabilities.set_supports_schedules(false);
  capabilities.set_build_id_based_versioning(false);
  capabilities.set_nexus(false);
  return response;
}

api::GetClusterInfoResponse ClusterInfo(const ClusterFacts& cluster) {
  api::GetClusterInfoResponse response;
  auto& clients = *response.mutable_supported_clients();
  for (const char* client : {"temporal-go", "temporal-java", "temporal-php", "temporal-typescript",
                             "temporal-cli", "temporal-server"}) {
    clients[client] = "<2.0.0";
  }
  clients["temporal-ui"] = "<3.0.0";
  response.set_server_version(kServerVersion);
  response.set_cluster_id(cluster.cluster_id);
  response.mutable_version_info()->mutable_current()->set_version(kServerVersion);
  response.set_cluster_name(cluster.cluster_name);
  response.set_history_shard_count(base::kShardCount);
  response.set_persistence_store(cluster.store_name);
  response.set_visibility_store(cluster.store_name);
  response.set_initial_failover_version(kFailoverVersionFirst);
  response.set_failover_version_increment(kFailoverVersionIncrement);
  return response;
}

}  // namespace

void AddSystemCalls(CallTable& calls, const Dependencies& dependencies) {
  calls.Add<api::GetSystemInfoRequest, api::GetSystemInfoResponse>(
      "GetSystemInfo",
      [](services::CallContext, api::GetSystemInfoRequest,
         services::Reply<api::GetSystemInfoResponse> reply) { std::move(reply)(SystemInfo()); });
  calls.Add<api::GetClusterInfoRequest, api::GetClusterInfoResponse>(
      "GetClusterInfo", [&dependencies](services::CallContext, api::GetClusterInfoRequest,
                                        services::Reply<api::GetClusterInfoResponse> reply) {
        std::move(reply)(ClusterInfo(dependencies.cluster));
      });
}

}  // namespace perdure::frontend
