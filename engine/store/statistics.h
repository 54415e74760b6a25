// What a store counts of its own work, for metrics and benches. Value.
#pragma once

#include <cstdint>

#include "absl/time/time.h"

namespace perdure::store {

// What the store has done since it was opened. Exact once the calls counted have been answered.
struct StoreStatistics {
  // CommitBatches that were committed, and the transactions they were grouped into.
  int64_t batches = 0;
  int64_t transactions = 0;
  // Statements run and rows inserted, updated or deleted for them.
  int64_t statements = 0;
  int64_t rows_written = 0;
  int64_t failed_batches = 0;
  // All other calls answered.
  int64_t reads = 0;
  // How long the fastest transaction of the last second or two took, all of it; zero if there was
  // none.
  absl::Duration fastest_commit;
  // How often the database was found to be another one than before (a failover, a restore), and
  // records that it had acknowledged and no longer has.
  int64_t lineage_changes = 0;
  int64_t records_lost = 0;
};

}  // namespace perdure::store
