// Namespaces, attributes, settings, incarnations and shards: small tables, each call one
// transaction. Called on a pool's thread.
#pragma once

#include <atomic>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "store/postgres/connection.h"
#include "store/store.h"

namespace perdure::store::postgres {

absl::StatusOr<std::vector<NamespaceRow>> ListNamespaces(Connection& connection);
absl::StatusOr<NamespaceRow> CreateNamespace(Connection& connection, NamespaceRow row);
absl::StatusOr<NamespaceRow> UpdateNamespace(Connection& connection, NamespaceRow row);
absl::Status DeleteNamespace(Connection& connection, NamespaceNumber number);

absl::StatusOr<std::vector<SearchAttributeRow>> ListSearchAttributes(Connection& connection);
absl::Status AddSearchAttribute(Connection& connection, const SearchAttributeRow& row);
absl::Status RemoveSearchAttribute(Connection& connection, const SearchAttributeRow& row);

absl::StatusOr<std::optional<std::string>> GetSetting(Connection& connection,
                                                      const std::string& key);
absl::StatusOr<std::string> PutSettingIfAbsent(Connection& connection, const std::string& key,
                                               const std::string& value);

// Both also tell the newest format of rows that all servers read, and raise it if they are the
// first that may.
absl::StatusOr<IncarnationId> RegisterIncarnation(Connection& connection, const NodeFacts& node,
                                                  std::atomic<int64_t>& row_format);
absl::StatusOr<ClusterState> Heartbeat(Connection& connection, IncarnationId incarnation,
                                       bool is_leaving, std::atomic<int64_t>& row_format);
absl::StatusOr<std::vector<Incarnation>> ListIncarnations(Connection& connection);
absl::Status Fence(Connection& connection, IncarnationId incarnation);
absl::StatusOr<std::vector<ShardOwner>> ClaimShards(Connection& connection, IncarnationId claimant,
                                                    const std::vector<ShardId>& shards);
absl::Status HandOver(Connection& connection, IncarnationId from, IncarnationId to,
                      const std::vector<ShardId>& shards);
absl::StatusOr<std::vector<ShardOwner>> ListShards(Connection& connection);

}  // namespace perdure::store::postgres
