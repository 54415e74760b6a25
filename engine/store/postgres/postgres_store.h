// The store on PostgreSQL (14 or newer): production.
//
// One thread commits: it takes all batches that wait and makes them one transaction of a few
// multi-row statements, sent in one pipeline and so in one round trip. Two small pools read, one
// for runs and one for lists; a third does the registry and ownership, one connection only
// heartbeats, one builds indexes. Nine connections in all at most, each opened when first needed;
// each reconnects by itself, with growing and scattered pauses.
//
// Errors: UNAVAILABLE when nothing was sent, UNKNOWN for commits whose connection was lost before
// the answer, ABORTED for a fenced incarnation. While the database is away calls fail at once.
//
//   auto store = OpenPostgres({.url = "postgresql://perdure@db/perdure"});
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "store/store.h"

namespace perdure::store::postgres {

struct PostgresOptions {
  // A libpq connection string or URL; what it leaves out libpq takes from PGPASSFILE and the like.
  std::string url;
  absl::Duration connect_timeout = absl::Seconds(5);
  // How long the server may work on one statement; lists have their own.
  absl::Duration statement_timeout = absl::Seconds(30);
  absl::Duration list_timeout = absl::Seconds(20);
  // Unacknowledged bytes this old, or a peer this silent, mean the connection is lost.
  absl::Duration silence_max = absl::Seconds(15);
  int64_t run_connections = 2;
  int64_t list_connections = 2;
  int64_t registry_connections = 2;
};

// Connects and brings the schema up to date; several servers may do so at once. UNAVAILABLE if the
// database cannot be reached, FAILED_PRECONDITION if a newer server has changed its schema.
absl::StatusOr<std::unique_ptr<Store>> OpenPostgres(PostgresOptions options);

}  // namespace perdure::store::postgres
