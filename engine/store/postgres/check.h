// What an operator wants to know of a database before a server is started on it, and which
// migrations it would make. Nothing is changed.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "store/postgres/postgres_store.h"
#include "store/sql/migrations.h"

namespace perdure::store::postgres {

struct Finding {
  enum class Level { kGood, kWarning, kProblem };
  Level level = Level::kGood;
  std::string what;    // "fsync is off"
  std::string advice;  // what to do about it; empty if it is good
};

// Version, schema, permissions, durability, connections, clock, latency. Takes some tens of round
// trips and ten small commits. UNAVAILABLE if the database cannot be reached.
absl::StatusOr<std::vector<Finding>> CheckDatabase(const PostgresOptions& options);

// The migrations that a server of this version would make, in order. FAILED_PRECONDITION if a newer
// one has changed the schema already.
absl::StatusOr<std::vector<sql::Migration>> PendingMigrations(const PostgresOptions& options);

}  // namespace perdure::store::postgres
