#include "store/postgres/migrate.h"

#include <pqxx/pqxx>

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "store/sql/migrations.h"

namespace perdure::store::postgres {
namespace {

// "perdure" in ASCII: the same for every server, unlikely to be another program's.
constexpr int64_t kMigrationLock = 0x70657264757265;

absl::Status MigrateWith(pqxx::connection& connection) {
  const std::vector<sql::Migration> migrations = sql::PostgresMigrations();
  // Held by the session, and so until the connection closes.
  {
    pqxx::nontransaction lock(connection);
    lock.exec("SET client_min_messages = warning");
    lock.exec(absl::StrCat("SELECT pg_advisory_lock(", kMigrationLock, ")"));
    lock.exec(
        "CREATE TABLE IF NOT EXISTS schema_versions ("
        " version integer PRIMARY KEY, name text NOT NULL,"
        " applied_at timestamptz NOT NULL DEFAULT now())");
  }
  int64_t version = 0;
  {
    pqxx::read_transaction read(connection);
    version = read.exec1("SELECT coalesce(max(version), 0) FROM schema_versions")[0].as<int64_t>();
  }
  const absl::Status known = sql::CheckSchemaVersion(version, migrations);
  if (!known.ok()) return known;
  for (const sql::Migration& migration : migrations) {
    if (migration.version <= version) continue;
    pqxx::work transaction(connection);
    transaction.exec(migration.sql);
    transaction.exec_params("INSERT INTO schema_versions (version, name) VALUES ($1, $2)",
                            migration.version, migration.name);
    transaction.commit();
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status Migrate(const PostgresOptions& options) {
  try {
    pqxx::connection connection(options.url);
    return MigrateWith(connection);
  } catch (const pqxx::broken_connection& error) {
    return base::Unavailable(absl::StrCat("postgres: ", error.what()));
  } catch (const std::exception& error) {
    return base::Internal(absl::StrCat("the schema cannot be migrated: ", error.what()));
  }
}

}  // namespace perdure::store::postgres
