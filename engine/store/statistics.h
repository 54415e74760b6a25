// What a store counts of its own work, for metrics and benches. Value.
#pragma once

#include <cstdint>

namespace perdure::store {

// What the store has done since it was opened. Exact once the calls counted have been answered.
struct StoreStatistics {
  int64_t batches = 0;  // CommitBatches that were committed
  int64_t transactions =
      0;                   // transactions they were grouped into; batches / transactions = grouping
  int64_t statements = 0;  // statements run for them
  int64_t rows_written = 0;  // rows inserted, updated or deleted for them
  int64_t failed_batches = 0;
  int64_t reads = 0;  // all other calls answered
};

}  // namespace perdure::store
