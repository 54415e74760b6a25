#include "history/assignment.h"

#include <algorithm>
#include <cstdint>
#include <map>

namespace perdure::history {

ShardOwners AssignShards(const std::vector<base::IncarnationId>& members,
                         const ShardOwners& owners) {
  ShardOwners assigned{};
  if (members.empty()) return assigned;
  std::map<base::IncarnationId, int32_t> counts;
  for (const base::IncarnationId member : members) counts[member] = 0;
  for (const base::IncarnationId owner : owners) {
    const auto found = counts.find(owner);
    if (found != counts.end()) ++found->second;
  }
  // The one more that some get goes to those that have the most already.
  std::vector<base::IncarnationId> by_count = members;
  std::stable_sort(by_count.begin(), by_count.end(),
                   [&counts](base::IncarnationId a, base::IncarnationId b) {
                     return counts.at(a) > counts.at(b);
                   });
  const auto size = static_cast<int32_t>(members.size());
  std::map<base::IncarnationId, int32_t> room;
  for (int32_t i = 0; i < size; ++i) {
    room[by_count[static_cast<size_t>(i)]] =
        base::kShardCount / size + (i < base::kShardCount % size ? 1 : 0);
  }
  std::vector<size_t> homeless;
  for (size_t shard = 0; shard < owners.size(); ++shard) {
    const auto found = room.find(owners[shard]);
    if (found == room.end() || found->second == 0) {
      homeless.push_back(shard);
      continue;
    }
    assigned[shard] = found->first;
    --found->second;
  }
  auto taker = room.begin();
  for (const size_t shard : homeless) {
    while (taker->second == 0) ++taker;
    assigned[shard] = taker->first;
    --taker->second;
  }
  return assigned;
}

}  // namespace perdure::history
