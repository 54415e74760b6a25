// The store on SQLite: the embedded default, for one server process.
//
// One thread writes: it takes all commits that wait and makes them one transaction (WAL,
// synchronous=FULL: on disk when answered). Two more threads read, one for runs and one for lists,
// so that a slow list holds up no load, and one copies the log into the database
// (log_copier.h). A database in memory has one thread for everything.
//
// A file belongs to one server at a time: an OS lock on `<file>.lock`, which goes with the process,
// keeps others out. Errors: UNAVAILABLE for a full disk and failed I/O (the transaction was rolled
// back), ABORTED for a fenced incarnation; the connection is never lost, so nothing is UNKNOWN.
//
//   auto store = OpenSqlite({.file = "/var/lib/perdure/perdure.db"});
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "store/store.h"

namespace perdure::store::sqlite {

struct SqliteOptions {
  // Empty, or ":memory:" as SQLite calls it: in memory, gone with the store.
  std::string file;
  // Of the page cache, and of the log when it begins to be copied into the database; the defaults
  // suit a laptop.
  int64_t cache_size_bytes = 32 << 20;
  int64_t log_pages_max = 4096;
};

// Creates the file if there is none and brings its schema up to date. FAILED_PRECONDITION if
// another server has it open or a newer one has changed its schema.
absl::StatusOr<std::unique_ptr<Store>> OpenSqlite(SqliteOptions options);

}  // namespace perdure::store::sqlite
