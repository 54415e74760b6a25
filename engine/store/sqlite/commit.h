// Writes one batch inside a transaction that the caller has begun and ends.
#pragma once

#include "absl/status/status.h"
#include "store/sqlite/connection.h"
#include "store/store.h"

namespace perdure::store::sqlite {

// On error the transaction holds a part of the batch: the caller must roll it back. Adds the
// statements it ran to `statements`.
absl::Status ApplyBatch(Connection& connection, const CommitBatch& batch, int64_t& statements);

}  // namespace perdure::store::sqlite
