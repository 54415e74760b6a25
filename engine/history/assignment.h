// Which node should own which shard. Pure: nodes that know the same come to the same.
#pragma once

#include <array>
#include <vector>

#include "base/ids.h"

namespace perdure::history {

using ShardOwners = std::array<base::IncarnationId, base::kShardCount>;

// Each member gets as many shards as the others, give or take one, and as few as possible move:
// `owners` are the present ones, those that are no members counting as none. `members` are sorted;
// without any, nobody owns anything.
ShardOwners AssignShards(const std::vector<base::IncarnationId>& members,
                         const ShardOwners& owners);

}  // namespace perdure::history
