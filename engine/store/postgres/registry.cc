#include "store/postgres/registry.h"

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "store/checks.h"
#include "store/postgres/reads.h"
#include "store/sql/attributes.h"
#include "store/sql/filter_sql.h"

namespace perdure::store::postgres {
namespace {

// Keeps two servers from building indexes at the same time: CREATE INDEX CONCURRENTLY waits for the
// other's transaction, which would wait for it in turn. Tried, not waited for: waiting would hold a
// snapshot that the index build waits for.
constexpr int64_t kIndexLock = 0x70657264757265 + 1;

class IndexLock {
 public:
  explicit IndexLock(Connection& connection) : connection_(connection) {
    const auto rows = connection_.Run(kTryIndexLock, Parameters().Int64(kIndexLock));
    if (!rows.ok()) {
      status_ = rows.status();
    } else if (!rows->Bool(0, 0)) {
      status_ = base::Unavailable("another search attribute's index is being built; try again");
    }
  }
  ~IndexLock() {
    if (status_.ok()) (void)connection_.Run(kIndexUnlock, Parameters().Int64(kIndexLock));
  }
  IndexLock(const IndexLock&) = delete;
  IndexLock& operator=(const IndexLock&) = delete;
  const absl::Status& status() const { return status_; }

 private:
  Connection& connection_;
  absl::Status status_;
};

// How long fencing waits for commits in flight before it ends their sessions.
constexpr char kFenceWaitMax[] = "1s";

absl::Status NameTaken(const std::string& name) {
  return base::NamespaceAlreadyExists(absl::StrCat("Namespace ", name, " already exists."));
}

absl::Status BuildIndex(Connection& connection, const SearchAttributeRow& row) {
  const std::string name = sql::AttributeIndexName(row.name, row.type);
  const auto existing = connection.Run(kIndexIsValid, Parameters().Bytes(name));
  if (!existing.ok()) return existing.status();
  if (existing->size() > 0) {
    if (existing->Bool(0, 0)) return absl::OkStatus();
    // A build that was broken off leaves an index that costs and does not serve.
    absl::Status status =
        connection.RunUnlimited(absl::StrCat("DROP INDEX CONCURRENTLY IF EXISTS ", name));
    if (!status.ok()) return status;
  }
  return connection.RunUnlimited(sql::CreateAttributeIndex(
      row.name, row.type, sql::Dialect::kPostgres, "CONCURRENTLY IF NOT EXISTS"));
}

std::vector<ShardOwner> TakeOwners(const Rows& rows, bool has_number) {
  std::vector<ShardOwner> owners;
  for (int i = 0; i < rows.size(); ++i) {
    if (rows.IsNull(i, 0)) continue;
    owners.push_back({ShardId(static_cast<int32_t>(rows.Int(i, 0))), IncarnationId(rows.Int(i, 1)),
                      ExecutionNumber(has_number ? rows.Int(i, 2) : 0)});
  }
  return owners;
}

std::vector<Incarnation> TakeIncarnations(const Rows& rows) {
  std::vector<Incarnation> found;
  for (int i = 0; i < rows.size(); ++i) {
    if (rows.IsNull(i, 0)) continue;
    Incarnation& one = found.emplace_back();
    one.id = IncarnationId(rows.Int(i, 0));
    one.node = {rows.Bytes(i, 1), rows.Bytes(i, 2), static_cast<int32_t>(rows.Int(i, 3))};
    one.since_heartbeat = absl::Microseconds(rows.Int(i, 4));
    one.is_fenced = rows.Bool(i, 5);
    one.is_leaving = rows.Bool(i, 6);
    one.has_session = rows.Bool(i, 7);
  }
  return found;
}

// The next heartbeat tries again if this cannot.
int64_t RaisedRowFormat(Connection& connection, int64_t agreed) {
  const auto rows = connection.Run(kRaiseRowFormat, Parameters().Int32(kRowFormatPacked));
  return rows.ok() ? rows->Int(0, 0) : agreed;
}

}  // namespace

absl::StatusOr<std::vector<NamespaceRow>> ListNamespaces(Connection& connection) {
  const auto rows = connection.Run(kSelectNamespaces, {});
  if (!rows.ok()) return rows.status();
  std::vector<NamespaceRow> found;
  for (int i = 0; i < rows->size(); ++i) {
    found.push_back({NamespaceNumber(static_cast<int32_t>(rows->Int(i, 0))), rows->Bytes(i, 1),
                     rows->Bytes(i, 2), rows->Bytes(i, 3), rows->Int(i, 4)});
  }
  return found;
}

absl::StatusOr<NamespaceRow> CreateNamespace(Connection& connection, NamespaceRow row) {
  const auto rows =
      connection.Run(kInsertNamespace, Parameters().Bytes(row.id).Bytes(row.name).Bytes(row.data));
  if (!rows.ok()) return rows.status();
  if (rows->size() == 0) return NameTaken(row.name);
  row.number = NamespaceNumber(static_cast<int32_t>(rows->Int(0, 0)));
  row.version = 1;
  return row;
}

absl::StatusOr<NamespaceRow> UpdateNamespace(Connection& connection, NamespaceRow row) {
  const auto rows = connection.Run(
      kUpdateNamespace,
      Parameters().Int32(row.number.value()).Int64(row.version).Bytes(row.name).Bytes(row.data));
  if (absl::IsAlreadyExists(rows.status())) return NameTaken(row.name);
  if (!rows.ok()) return rows.status();
  if (rows->size() > 0) {
    row.id = rows->Bytes(0, 0);
    row.version = rows->Int(0, 1);
    return row;
  }
  const auto existing = connection.Run(kNamespaceExists, Parameters().Int32(row.number.value()));
  if (!existing.ok()) return existing.status();
  if (existing->size() == 0) return base::NamespaceNotFound(row.name);
  return base::FailedPrecondition(
      absl::StrCat("Namespace ", row.name, " was changed by someone else meanwhile."));
}

absl::Status DeleteNamespace(Connection& connection, NamespaceNumber number) {
  return connection.Run(kDeleteNamespace, Parameters().Int32(number.value())).status();
}

absl::StatusOr<std::vector<SearchAttributeRow>> ListSearchAttributes(Connection& connection) {
  const auto rows = connection.Run(kSelectAttributes, {});
  if (!rows.ok()) return rows.status();
  std::vector<SearchAttributeRow> found;
  for (int i = 0; i < rows->size(); ++i) {
    found.push_back({NamespaceNumber(static_cast<int32_t>(rows->Int(i, 0))), rows->Bytes(i, 1),
                     static_cast<query::Type>(rows->Int(i, 2))});
  }
  return found;
}

absl::Status AddSearchAttribute(Connection& connection, const SearchAttributeRow& row) {
  absl::Status status = CheckAttributeName(row.name);
  if (!status.ok()) return status;
  const auto existing = connection.Run(
      kAttributeType, Parameters().Int32(row.namespace_number.value()).Bytes(row.name));
  if (!existing.ok()) return existing.status();
  if (existing->size() > 0 && existing->Int(0, 0) != static_cast<int64_t>(row.type)) {
    return absl::AlreadyExistsError(
        absl::StrCat("Search attribute ", row.name, " is registered with another type."));
  }
  // The index first: a registered attribute always has one, and a failure is repaired by asking
  // again.
  {
    const IndexLock lock(connection);
    if (!lock.status().ok()) return lock.status();
    status = BuildIndex(connection, row);
    if (!status.ok()) return status;
  }
  if (existing->size() > 0) return absl::OkStatus();
  const auto inserted =
      connection.Run(kInsertAttribute, Parameters()
                                           .Int32(row.namespace_number.value())
                                           .Bytes(row.name)
                                           .Int16(static_cast<int64_t>(row.type)));
  return inserted.status();
}

absl::Status RemoveSearchAttribute(Connection& connection, const SearchAttributeRow& row) {
  const auto removed = connection.Run(
      kDeleteAttribute, Parameters().Int32(row.namespace_number.value()).Bytes(row.name));
  if (!removed.ok()) return removed.status();
  if (removed->size() == 0) {
    return base::NotFound(absl::StrCat("Search attribute ", row.name, " doesn't exist."));
  }
  const int64_t type = removed->Int(0, 0);
  const IndexLock lock(connection);
  if (!lock.status().ok()) return lock.status();
  const auto uses = connection.Run(kAttributeUses, Parameters().Bytes(row.name).Int16(type));
  if (!uses.ok()) return uses.status();
  if (uses->Int(0, 0) > 0) return absl::OkStatus();
  return connection.RunUnlimited(
      absl::StrCat("DROP INDEX CONCURRENTLY IF EXISTS ",
                   sql::AttributeIndexName(row.name, static_cast<query::Type>(type))));
}

absl::StatusOr<std::optional<std::string>> GetSetting(Connection& connection,
                                                      const std::string& key) {
  const auto rows = connection.Run(kSelectSetting, Parameters().Bytes(key));
  if (!rows.ok()) return rows.status();
  std::optional<std::string> value;
  if (rows->size() > 0) value = rows->Bytes(0, 0);
  return value;
}

absl::StatusOr<std::string> PutSettingIfAbsent(Connection& connection, const std::string& key,
                                               const std::string& value) {
  const auto rows = connection.Run(kPutSetting, Parameters().Bytes(key).Bytes(value));
  if (!rows.ok()) return rows.status();
  return rows->Bytes(0, 0);
}

absl::StatusOr<IncarnationId> RegisterIncarnation(Connection& connection, const NodeFacts& node,
                                                  std::atomic<int64_t>& row_format) {
  const auto rows = connection.Run(kInsertIncarnation, Parameters()
                                                           .Bytes(node.node_name)
                                                           .Bytes(node.address)
                                                           .Int32(node.roles)
                                                           .Int32(kRowFormatPacked));
  if (!rows.ok()) return rows.status();
  const IncarnationId incarnation(rows->Int(0, 0));
  const absl::Status announced = connection.Announce(incarnation);
  if (!announced.ok()) return announced;
  row_format = RaisedRowFormat(connection, kRowFormatFirst);
  return incarnation;
}

absl::StatusOr<ClusterState> Heartbeat(Connection& connection, IncarnationId incarnation,
                                       bool is_leaving, std::atomic<int64_t>& row_format) {
  const absl::Status announced = connection.Announce(incarnation);
  if (!announced.ok()) return announced;
  const auto rows =
      connection.Run(kHeartbeat, Parameters().Int64(incarnation.value()).Bool(is_leaving));
  if (!rows.ok()) return rows.status();
  if (rows->size() == 0 || rows->Int(0, 10) == 0) return FencedError(incarnation);
  const int64_t agreed = rows->Int(0, 11);
  row_format = agreed < kRowFormatPacked ? RaisedRowFormat(connection, agreed) : agreed;
  ClusterState state;
  state.incarnations = TakeIncarnations(*rows);
  state.shards_version = rows->Int(0, 8);
  state.registry_version = rows->Int(0, 9);
  return state;
}

absl::StatusOr<std::vector<Incarnation>> ListIncarnations(Connection& connection) {
  const auto rows = connection.Run(kSelectIncarnations, {});
  if (!rows.ok()) return rows.status();
  return TakeIncarnations(*rows);
}

absl::Status Fence(Connection& connection, IncarnationId incarnation) {
  // A process that was stopped with half a commit sent would hold its row for ever.
  const auto limit = [&connection](absl::string_view wait_max) {
    return connection.Run(kLockTimeout, Parameters().Bytes(wait_max)).status();
  };
  const absl::Status limited = limit(kFenceWaitMax);
  if (!limited.ok()) return limited;
  absl::Status status = connection.Run(kFence, Parameters().Int64(incarnation.value())).status();
  if (absl::IsUnavailable(status) && !connection.is_lost()) {
    const auto ended = connection.Run(kEndSessions, Parameters().Int32(SessionKey(incarnation)));
    if (!ended.ok()) return ended.status();
    status = connection.Run(kFence, Parameters().Int64(incarnation.value())).status();
  }
  const absl::Status unlimited = limit("0");
  return status.ok() ? unlimited : status;
}

absl::StatusOr<std::vector<ShardOwner>> ClaimShards(Connection& connection, IncarnationId claimant,
                                                    const std::vector<ShardId>& shards) {
  const auto claimed =
      connection.Run(kClaimShards, Parameters().Int64(claimant.value()).Add(ShardArray(shards)));
  if (!claimed.ok()) return claimed.status();
  const auto forgotten = connection.Run(kForgetFenced, {});
  if (!forgotten.ok()) return forgotten.status();
  const auto owned = connection.Run(kOwnedShards, Parameters().Int64(claimant.value()));
  if (!owned.ok()) return owned.status();
  const bool may_own = owned->size() > 0 && !owned->Bool(0, 3);
  if (!may_own) return FencedError(claimant);
  return TakeOwners(*owned, /*has_number=*/true);
}

absl::Status HandOver(Connection& connection, IncarnationId from, IncarnationId to,
                      const std::vector<ShardId>& shards) {
  const auto rows = connection.Run(
      kHandOver, Parameters().Int64(from.value()).Int64(to.value()).Add(ShardArray(shards)));
  if (!rows.ok()) return rows.status();
  if (rows->Int(0, 0) == 0) return FencedError(from);
  return rows->Int(0, 1) == 0 ? CannotTakeError(to) : absl::OkStatus();
}

absl::StatusOr<std::vector<ShardOwner>> ListShards(Connection& connection) {
  const auto rows = connection.Run(kSelectShards, {});
  if (!rows.ok()) return rows.status();
  return TakeOwners(*rows, /*has_number=*/false);
}

}  // namespace perdure::store::postgres
