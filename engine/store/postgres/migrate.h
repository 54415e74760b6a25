// Brings the schema up to date, over a connection of its own (libpqxx).
#pragma once

#include "absl/status/status.h"
#include "store/postgres/postgres_store.h"

namespace perdure::store::postgres {

// Servers that start together take turns by an advisory lock; each migration is one transaction with
// the row in schema_versions that remembers it.
absl::Status Migrate(const PostgresOptions& options);

}  // namespace perdure::store::postgres
