#include "store/postgres/check.h"

#include <algorithm>
#include <pqxx/pqxx>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/errors.h"

namespace perdure::store::postgres {
namespace {

using Level = Finding::Level;

constexpr int kOldestVersion = 130000;
// As postgres_store.h says, a node at most.
constexpr int64_t kConnectionsPerNode = 9;
constexpr absl::Duration kClockApartMax = absl::Seconds(5);
constexpr absl::Duration kRoundTripMax = absl::Milliseconds(5);
constexpr absl::Duration kCommitMax = absl::Milliseconds(20);

int64_t SchemaVersion(pqxx::connection& connection) {
  pqxx::read_transaction read(connection);
  const bool is_there =
      read.exec1("SELECT to_regclass('schema_versions') IS NOT NULL")[0].as<bool>();
  if (!is_there) return 0;
  return read.exec1("SELECT coalesce(max(version), 0) FROM schema_versions")[0].as<int64_t>();
}

void CheckVersion(pqxx::nontransaction& session, std::vector<Finding>& findings) {
  const auto row = session.exec1(
      "SELECT current_setting('server_version_num')::integer, current_setting('server_version'),"
      " pg_is_in_recovery()");
  const auto name = row[1].as<std::string>();
  if (row[0].as<int>() < kOldestVersion) {
    findings.push_back(
        {Level::kProblem, absl::StrCat("PostgreSQL ", name), "13 or newer is needed"});
  } else {
    findings.push_back({Level::kGood, absl::StrCat("PostgreSQL ", name), ""});
  }
  if (row[2].as<bool>()) {
    findings.push_back(
        {Level::kProblem, "the database is a replica", "give the address of the primary"});
  }
}

void CheckSchema(int64_t version, std::vector<Finding>& findings) {
  const std::vector<sql::Migration> migrations = sql::PostgresMigrations();
  const int64_t newest = migrations.back().version;
  if (version > newest) {
    findings.push_back(
        {Level::kProblem,
         absl::StrCat("the schema has version ", version, ", this server knows ", newest),
         "a newer server was here: use one of its version"});
  } else if (version < newest) {
    findings.push_back({Level::kGood,
                        version == 0 ? std::string("the database is empty")
                                     : absl::StrCat("the schema has version ", version),
                        absl::StrCat("the server makes ", newest - version,
                                     " migrations when it starts (perdure server migrate "
                                     "--dry-run shows them)")});
  } else {
    findings.push_back({Level::kGood, absl::StrCat("the schema has version ", version), ""});
  }
}

void CheckPermissions(pqxx::nontransaction& session, std::vector<Finding>& findings) {
  const auto row = session.exec1(
      "SELECT current_user, current_schema() IS NOT NULL"
      " AND has_schema_privilege(current_schema(), 'CREATE'),"
      " (SELECT count(*) FROM pg_tables WHERE schemaname = current_schema()"
      "  AND tablename IN ('executions', 'journal', 'visibility', 'shards', 'incarnations')"
      "  AND NOT pg_has_role(tableowner, 'USAGE'))");
  const auto user = row[0].as<std::string>();
  if (!row[1].as<bool>()) {
    findings.push_back({Level::kProblem, absl::StrCat(user, " may not create tables"),
                        "GRANT CREATE ON SCHEMA to it: the server migrates its own schema"});
  } else if (row[2].as<int>() > 0) {
    findings.push_back({Level::kProblem, absl::StrCat("tables of the schema are not ", user, "'s"),
                        "connect as their owner, or make it a member of that role"});
  } else {
    findings.push_back({Level::kGood, absl::StrCat(user, " may create and change tables"), ""});
  }
  findings.push_back({Level::kGood, "no extension is needed", ""});
}

void CheckDurability(pqxx::nontransaction& session, std::vector<Finding>& findings) {
  const auto row = session.exec1(
      "SELECT current_setting('fsync'), current_setting('full_page_writes'),"
      " current_setting('synchronous_commit'), current_setting('autovacuum')");
  const auto is_off = [&row](int column) { return row[column].as<std::string>() == "off"; };
  bool is_good = true;
  const auto must_be_on = [&](int column, const char* name, const char* advice) {
    if (!is_off(column)) return;
    is_good = false;
    findings.push_back({Level::kProblem, absl::StrCat(name, " is off"), advice});
  };
  must_be_on(0, "fsync", "a crash of the machine can lose or destroy everything: switch it on");
  must_be_on(1, "full_page_writes", "a crash of the machine can destroy pages: switch it on");
  must_be_on(2, "synchronous_commit",
             "what was acknowledged is lost with the machine: switch it on, or to local");
  if (is_good) findings.push_back({Level::kGood, "commits are on disk when they are answered", ""});
  if (is_off(3)) {
    findings.push_back({Level::kWarning, "autovacuum is off",
                        "tables grow without end: switch it on, or vacuum yourself"});
  }
}

void CheckConnections(pqxx::nontransaction& session, std::vector<Finding>& findings) {
  const auto row = session.exec1(
      "SELECT current_setting('max_connections')::bigint"
      " - current_setting('superuser_reserved_connections')::bigint,"
      " (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend')");
  const int64_t free = row[0].as<int64_t>() - row[1].as<int64_t>();
  const std::string what =
      absl::StrCat(free, " of ", row[0].as<int64_t>(), " connections are free");
  if (free < kConnectionsPerNode) {
    findings.push_back(
        {Level::kProblem, what,
         absl::StrCat("a node takes up to ", kConnectionsPerNode, ": raise max_connections")});
  } else {
    findings.push_back({Level::kGood,
                        absl::StrCat(what, ", enough for ", free / kConnectionsPerNode, " nodes"),
                        ""});
  }
}

void CheckClock(pqxx::nontransaction& session, std::vector<Finding>& findings) {
  const absl::Time before = absl::Now();
  const auto there = absl::FromUnixMicros(
      session.exec1("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint")[0]
          .as<int64_t>());
  const absl::Duration apart = there - (before + (absl::Now() - before) / 2);
  if (absl::AbsDuration(apart) > kClockApartMax) {
    findings.push_back({Level::kWarning,
                        absl::StrCat("the database's clock and this one are ",
                                     absl::FormatDuration(apart), " apart"),
                        "timers fire by the clock of the node: keep clocks together (NTP)"});
  } else {
    findings.push_back({Level::kGood, "the clocks agree", ""});
  }
}

template <class Act>
absl::Duration MedianOf(int times, Act act) {
  std::vector<absl::Duration> taken;
  for (int i = 0; i < times; ++i) {
    const absl::Time before = absl::Now();
    act();
    taken.push_back(absl::Now() - before);
  }
  std::sort(taken.begin(), taken.end());
  return taken[taken.size() / 2];
}

void CheckLatency(pqxx::nontransaction& session, std::vector<Finding>& findings) {
  const auto tell = [&findings](const char* what, absl::Duration took, absl::Duration max,
                                const char* advice) {
    const absl::Duration shown = absl::Trunc(took, absl::Microseconds(10));
    findings.push_back({took > max ? Level::kWarning : Level::kGood,
                        absl::StrCat(what, " takes ", absl::FormatDuration(shown)),
                        took > max ? advice : ""});
  };
  tell("a round trip", MedianOf(20, [&] { session.exec1("SELECT 1"); }), kRoundTripMax,
       "each workflow waits for several: bring server and database closer together");
  // A record that says nothing, to have something to write.
  tell("a commit",
       MedianOf(10,
                [&] { session.exec1("SELECT pg_logical_emit_message(true, 'perdure', 'check')"); }),
       kCommitMax, "each step of a workflow waits for one: look at the disk of the WAL");
}

template <class Result, class Act>
absl::StatusOr<Result> Connected(const PostgresOptions& options, Act act) {
  try {
    pqxx::connection connection(options.url);
    return act(connection);
  } catch (const pqxx::broken_connection& error) {
    return base::Unavailable(absl::StrCat("postgres: ", error.what()));
  } catch (const std::exception& error) {
    return base::Internal(absl::StrCat("postgres: ", error.what()));
  }
}

}  // namespace

absl::StatusOr<std::vector<Finding>> CheckDatabase(const PostgresOptions& options) {
  using Findings = std::vector<Finding>;
  return Connected<Findings>(options, [](pqxx::connection& connection) -> absl::StatusOr<Findings> {
    Findings findings;
    const int64_t version = SchemaVersion(connection);
    pqxx::nontransaction session(connection);
    CheckVersion(session, findings);
    CheckSchema(version, findings);
    CheckPermissions(session, findings);
    CheckDurability(session, findings);
    CheckConnections(session, findings);
    CheckClock(session, findings);
    CheckLatency(session, findings);
    return findings;
  });
}

absl::StatusOr<std::vector<sql::Migration>> PendingMigrations(const PostgresOptions& options) {
  using Migrations = std::vector<sql::Migration>;
  return Connected<Migrations>(
      options, [](pqxx::connection& connection) -> absl::StatusOr<Migrations> {
        const int64_t version = SchemaVersion(connection);
        Migrations migrations = sql::PostgresMigrations();
        const absl::Status known = sql::CheckSchemaVersion(version, migrations);
        if (!known.ok()) return known;
        std::erase_if(migrations,
                      [version](const sql::Migration& one) { return one.version <= version; });
        return migrations;
      });
}

}  // namespace perdure::store::postgres
