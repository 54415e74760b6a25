// The one integer that keys all rows of a run here: its number first, so that runs of one time lie
// together, whatever their shards.
#pragma once

#include <cstdint>

#include "store/store.h"

namespace perdure::store::sqlite {

// The statements and the schema say 1024.
static_assert(base::kShardCount == 1024);

inline int64_t RowKey(const ExecutionKey& key) {
  return key.number.value() * base::kShardCount + key.shard.value();
}

inline ExecutionKey FromRowKey(int64_t row_key) {
  return {ShardId(static_cast<int32_t>(row_key % base::kShardCount)),
          ExecutionNumber(row_key / base::kShardCount)};
}

}  // namespace perdure::store::sqlite
