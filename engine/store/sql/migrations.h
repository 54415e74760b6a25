// The schema's migrations, embedded in the binary from migrations/<database>/NNNN_what.sql.
//
// A store applies those above the version it finds, each in one transaction, while it holds a lock
// that keeps other servers out; `CheckSchemaVersion` refuses a database that a newer server has
// changed.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"

namespace perdure::store::sql {

struct Migration {
  int64_t version = 0;
  std::string name;
  std::string sql;
};

// In the order of their versions, which are 1, 2, 3 …
std::vector<Migration> PostgresMigrations();
std::vector<Migration> SqliteMigrations();

// FAILED_PRECONDITION if the database is newer than the migrations known.
absl::Status CheckSchemaVersion(int64_t found, const std::vector<Migration>& migrations);

}  // namespace perdure::store::sql
