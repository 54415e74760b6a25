#include "server/database_commands.h"

#include <cstdio>

#include "absl/strings/match.h"
#include "store/postgres/check.h"

namespace perdure::server {
namespace {

namespace pg = store::postgres;

bool IsPostgres(const ServerOptions& options) {
  return absl::StartsWith(options.db, "postgres://") ||
         absl::StartsWith(options.db, "postgresql://");
}

int Fail(const absl::Status& status) {
  std::fprintf(stderr, "perdure: %s\n", std::string(status.message()).c_str());
  return 1;
}

int NotPostgres() {
  std::fputs(
      "perdure: db is no postgres:// URL; an SQLite file is checked and migrated when it is "
      "opened\n",
      stderr);
  return 2;
}

const char* MarkOf(pg::Finding::Level level) {
  switch (level) {
    case pg::Finding::Level::kGood:
      return "ok     ";
    case pg::Finding::Level::kWarning:
      return "warning";
    case pg::Finding::Level::kProblem:
      return "PROBLEM";
  }
  return "";
}

}  // namespace

int CheckDatabase(const ServerOptions& options) {
  if (!IsPostgres(options)) return NotPostgres();
  const auto findings = pg::CheckDatabase({.url = options.db});
  if (!findings.ok()) return Fail(findings.status());
  int exit_code = 0;
  for (const pg::Finding& finding : *findings) {
    std::printf("%s  %s%s%s\n", MarkOf(finding.level), finding.what.c_str(),
                finding.advice.empty() ? "" : ": ", finding.advice.c_str());
    if (finding.level == pg::Finding::Level::kProblem) exit_code = 1;
  }
  return exit_code;
}

int ShowMigrations(const ServerOptions& options) {
  if (!IsPostgres(options)) return NotPostgres();
  const auto pending = pg::PendingMigrations({.url = options.db});
  if (!pending.ok()) return Fail(pending.status());
  if (pending->empty()) std::puts("-- Nothing to do: the schema is that of this server.");
  for (const store::sql::Migration& migration : *pending) {
    std::printf("-- %lld %s\n%s\n", static_cast<long long>(migration.version),
                migration.name.c_str(), migration.sql.c_str());
  }
  return 0;
}

}  // namespace perdure::server
