#include "store/sqlite/registry.h"

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/errors.h"
#include "store/checks.h"
#include "store/sql/attributes.h"
#include "store/sql/filter_sql.h"
#include "store/sqlite/reads.h"
#include "store/sqlite/statements.h"

namespace perdure::store::sqlite {
namespace {

// Runs `body`, which gives an absl::Status or StatusOr, in a transaction; rolls back on an error.
template <class Body>
auto InTransaction(Connection& connection, Body body) -> decltype(body()) {
  absl::Status begun = connection.Execute("BEGIN IMMEDIATE");
  if (!begun.ok()) return begun;
  auto result = body();
  if (result.ok()) {
    absl::Status committed = connection.Execute("COMMIT");
    if (committed.ok()) return result;
    result = committed;
  }
  (void)connection.Execute("ROLLBACK");
  return result;
}

absl::Status NameTaken(const std::string& name) {
  return base::NamespaceAlreadyExists(absl::StrCat("Namespace ", name, " already exists."));
}

std::vector<ShardOwner> TakeOwners(Query& query, bool has_number) {
  std::vector<ShardOwner> owners;
  while (query.Next()) {
    owners.push_back({ShardId(static_cast<int32_t>(query.Int64(0))), IncarnationId(query.Int64(1)),
                      ExecutionNumber(has_number ? query.Int64(2) : 0)});
  }
  return owners;
}

}  // namespace

absl::StatusOr<std::vector<NamespaceRow>> ListNamespaces(Connection& connection) {
  Query query(connection, kSelectNamespaces);
  std::vector<NamespaceRow> rows;
  while (query.Next()) {
    rows.push_back({NamespaceNumber(static_cast<int32_t>(query.Int64(0))), query.Text(1),
                    query.Text(2), query.Text(3), query.Int64(4)});
  }
  if (!query.status().ok()) return query.status();
  return rows;
}

absl::StatusOr<NamespaceRow> CreateNamespace(Connection& connection, NamespaceRow row) {
  const int64_t before = connection.rows_changed();
  Query query(connection, kInsertNamespace);
  query.Bind(row.id, row.name, Blob{row.data});
  const absl::Status status = query.Run();
  if (!status.ok()) return status;
  if (connection.rows_changed() == before) return NameTaken(row.name);
  row.number = NamespaceNumber(static_cast<int32_t>(connection.last_insert_id()));
  row.version = 1;
  return row;
}

absl::StatusOr<NamespaceRow> UpdateNamespace(Connection& connection, NamespaceRow row) {
  const int64_t before = connection.rows_changed();
  Query update(connection, kUpdateNamespace);
  update.Bind(row.number.value(), row.version, row.name, Blob{row.data});
  const absl::Status status = update.Run();
  if (absl::IsAlreadyExists(status)) return NameTaken(row.name);
  if (!status.ok()) return status;
  Query query(connection, kNamespaceVersion);
  query.Bind(row.number.value());
  if (!query.Next()) {
    return query.status().ok() ? base::NamespaceNotFound(row.name) : query.status();
  }
  if (connection.rows_changed() == before) {
    return base::FailedPrecondition(
        absl::StrCat("Namespace ", row.name, " was changed by someone else meanwhile."));
  }
  row.id = query.Text(0);
  row.version = query.Int64(1);
  return row;
}

absl::Status DeleteNamespace(Connection& connection, NamespaceNumber number) {
  return InTransaction(connection, [&]() -> absl::Status {
    for (Sql* sql : {&kDeleteNamespace, &kDeleteNamespaceAttributes}) {
      Query query(connection, *sql);
      query.Bind(number.value());
      absl::Status status = query.Run();
      if (!status.ok()) return status;
    }
    return absl::OkStatus();
  });
}

absl::StatusOr<std::vector<SearchAttributeRow>> ListSearchAttributes(Connection& connection) {
  Query query(connection, kSelectAttributes);
  std::vector<SearchAttributeRow> rows;
  while (query.Next()) {
    rows.push_back({NamespaceNumber(static_cast<int32_t>(query.Int64(0))), query.Text(1),
                    static_cast<query::Type>(query.Int64(2))});
  }
  if (!query.status().ok()) return query.status();
  return rows;
}

absl::Status CreateAttributeIndexes(Connection& connection) {
  const auto attributes = ListSearchAttributes(connection);
  if (!attributes.ok()) return attributes.status();
  for (const SearchAttributeRow& row : *attributes) {
    absl::Status status = connection.Execute(
        sql::CreateAttributeIndex(row.name, row.type, sql::Dialect::kSqlite, "IF NOT EXISTS"));
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status AddSearchAttribute(Connection& connection, const SearchAttributeRow& row) {
  const absl::Status name_status = CheckAttributeName(row.name);
  if (!name_status.ok()) return name_status;
  const auto type = static_cast<int64_t>(row.type);
  return InTransaction(connection, [&]() -> absl::Status {
    {
      Query existing(connection, kSelectAttribute);
      existing.Bind(row.namespace_number.value(), row.name);
      if (existing.Next()) {
        if (existing.Int64(0) == type) return absl::OkStatus();
        return absl::AlreadyExistsError(
            absl::StrCat("Search attribute ", row.name, " is registered with another type."));
      }
      if (!existing.status().ok()) return existing.status();
    }
    Query insert(connection, kInsertAttribute);
    insert.Bind(row.namespace_number.value(), row.name, type);
    const absl::Status status = insert.Run();
    if (!status.ok()) return status;
    return connection.Execute(
        sql::CreateAttributeIndex(row.name, row.type, sql::Dialect::kSqlite, "IF NOT EXISTS"));
  });
}

absl::Status RemoveSearchAttribute(Connection& connection, const SearchAttributeRow& row) {
  return InTransaction(connection, [&]() -> absl::Status {
    std::optional<query::Type> type;
    {
      Query existing(connection, kSelectAttribute);
      existing.Bind(row.namespace_number.value(), row.name);
      if (existing.Next()) type = static_cast<query::Type>(existing.Int64(0));
      if (!existing.status().ok()) return existing.status();
    }
    if (!type.has_value()) {
      return base::NotFound(absl::StrCat("Search attribute ", row.name, " doesn't exist."));
    }
    Query remove(connection, kDeleteAttribute);
    remove.Bind(row.namespace_number.value(), row.name);
    const absl::Status status = remove.Run();
    if (!status.ok()) return status;
    {
      Query uses(connection, kAttributeUses);
      uses.Bind(row.name, static_cast<int64_t>(*type));
      if (!uses.Next() || uses.Int64(0) > 0) return uses.status();
    }
    return connection.Execute(
        absl::StrCat("DROP INDEX IF EXISTS ", sql::AttributeIndexName(row.name, *type)));
  });
}

absl::StatusOr<std::optional<std::string>> GetSetting(Connection& connection,
                                                      const std::string& key) {
  Query query(connection, kSelectSetting);
  query.Bind(key);
  std::optional<std::string> value;
  if (query.Next()) value = query.Text(0);
  if (!query.status().ok()) return query.status();
  return value;
}

absl::StatusOr<std::string> PutSettingIfAbsent(Connection& connection, const std::string& key,
                                               const std::string& value) {
  Query insert(connection, kInsertSetting);
  insert.Bind(key, value);
  const absl::Status status = insert.Run();
  if (!status.ok()) return status;
  auto stored = GetSetting(connection, key);
  if (!stored.ok()) return stored.status();
  return stored->value_or(value);
}

absl::StatusOr<IncarnationId> RegisterIncarnation(Connection& connection, const NodeFacts& node) {
  Query query(connection, kInsertIncarnation);
  query.Bind(node.node_name, node.address, absl::GetCurrentTimeNanos() / 1000, node.roles);
  const absl::Status status = query.Run();
  if (!status.ok()) return status;
  return IncarnationId(connection.last_insert_id());
}

absl::StatusOr<ClusterState> Heartbeat(Connection& connection, IncarnationId incarnation,
                                       bool is_leaving) {
  const int64_t before = connection.rows_changed();
  {
    Query query(connection, kHeartbeat);
    query.Bind(incarnation.value(), absl::GetCurrentTimeNanos() / 1000, is_leaving ? 1 : 0);
    const absl::Status status = query.Run();
    if (!status.ok()) return status;
  }
  if (connection.rows_changed() == before) return FencedError(incarnation);
  auto incarnations = ListIncarnations(connection);
  if (!incarnations.ok()) return incarnations.status();
  ClusterState state;
  state.incarnations = *std::move(incarnations);
  return state;
}

absl::StatusOr<std::vector<Incarnation>> ListIncarnations(Connection& connection) {
  const int64_t now_us = absl::GetCurrentTimeNanos() / 1000;
  Query query(connection, kSelectIncarnations);
  std::vector<Incarnation> found;
  while (query.Next()) {
    Incarnation& one = found.emplace_back();
    one.id = IncarnationId(query.Int64(0));
    one.node = {query.Text(1), query.Text(2), static_cast<int32_t>(query.Int64(5))};
    one.since_heartbeat = absl::Microseconds(now_us - query.Int64(3));
    one.is_fenced = query.Int64(4) != 0;
    one.is_leaving = query.Int64(6) != 0;
  }
  if (!query.status().ok()) return query.status();
  return found;
}

// Commits and this run on one thread, one after the other: nothing is in flight here.
absl::Status Fence(Connection& connection, IncarnationId incarnation) {
  Query query(connection, kFence);
  query.Bind(incarnation.value());
  return query.Run();
}

absl::StatusOr<std::vector<ShardOwner>> ClaimShards(Connection& connection, IncarnationId claimant,
                                                    const std::vector<ShardId>& shards) {
  const std::string list = ShardList(shards);
  using Owners = absl::StatusOr<std::vector<ShardOwner>>;
  return InTransaction(connection, [&]() -> Owners {
    {
      Query fenced(connection, kIncarnationIsFenced);
      fenced.Bind(claimant.value());
      if (!fenced.Next() || fenced.Int64(0) != 0) {
        return fenced.status().ok() ? FencedError(claimant) : fenced.status();
      }
    }
    Query claim(connection, kClaimShards);
    claim.Bind(claimant.value(), list);
    const absl::Status status = claim.Run();
    if (!status.ok()) return status;
    Query owned(connection, kOwnedShards);
    owned.Bind(claimant.value());
    std::vector<ShardOwner> owners = TakeOwners(owned, /*has_number=*/true);
    if (!owned.status().ok()) return owned.status();
    return owners;
  });
}

absl::Status HandOver(Connection& connection, IncarnationId from, IncarnationId to,
                      const std::vector<ShardId>& shards) {
  const std::string list = ShardList(shards);
  return InTransaction(connection, [&]() -> absl::Status {
    for (const IncarnationId one : {from, to}) {
      Query state(connection, kIncarnationIsFenced);
      state.Bind(one.value());
      const bool is_there = state.Next();
      if (!state.status().ok()) return state.status();
      if (one == from && (!is_there || state.Int64(0) != 0)) return FencedError(from);
      const bool may_take = is_there && state.Int64(0) == 0 && state.Int64(1) == 0;
      if (one == to && !may_take) return CannotTakeError(to);
    }
    Query move(connection, kHandOver);
    move.Bind(from.value(), to.value(), list);
    return move.Run();
  });
}

absl::StatusOr<std::vector<ShardOwner>> ListShards(Connection& connection) {
  Query query(connection, kSelectShards);
  std::vector<ShardOwner> owners = TakeOwners(query, /*has_number=*/false);
  if (!query.status().ok()) return query.status();
  return owners;
}

}  // namespace perdure::store::sqlite
