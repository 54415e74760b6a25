#include "history/assignment.h"

#include <algorithm>
#include <map>

#include "base/random.h"
#include "gtest/gtest.h"

namespace perdure::history {
namespace {

using base::IncarnationId;
using Members = std::vector<IncarnationId>;

std::map<IncarnationId, int> Counts(const ShardOwners& owners) {
  std::map<IncarnationId, int> counts;
  for (const IncarnationId owner : owners) ++counts[owner];
  return counts;
}

int Moves(const ShardOwners& from, const ShardOwners& to) {
  int moves = 0;
  for (size_t i = 0; i < from.size(); ++i) moves += from[i] != to[i] ? 1 : 0;
  return moves;
}

TEST(AssignShards, GivesAllToOneAndNothingToNobody) {
  EXPECT_EQ(Counts(AssignShards({IncarnationId(7)}, {})),
            (std::map<IncarnationId, int>{{IncarnationId(7), 1024}}));
  EXPECT_EQ(AssignShards({}, {}), ShardOwners());
}

TEST(AssignShards, MovesOnlyWhatANewMemberGets) {
  const ShardOwners two = AssignShards({IncarnationId(1), IncarnationId(2)}, {});
  const ShardOwners three =
      AssignShards({IncarnationId(1), IncarnationId(2), IncarnationId(3)}, two);
  EXPECT_EQ(Counts(three)[IncarnationId(3)], 341);
  EXPECT_EQ(Moves(two, three), 341);
}

TEST(AssignShards, MovesOnlyWhatAMemberThatIsGoneHad) {
  const ShardOwners three =
      AssignShards({IncarnationId(1), IncarnationId(2), IncarnationId(3)}, {});
  const int of_second = Counts(three)[IncarnationId(2)];
  const ShardOwners two = AssignShards({IncarnationId(1), IncarnationId(3)}, three);
  EXPECT_EQ(Moves(three, two), of_second);
}

// Whatever comes and goes: even shares, nothing moves twice, and what is assigned stays assigned.
TEST(AssignShards, IsEvenAndAtRestAfterAnyChanges) {
  base::Random random(1);
  ShardOwners owners{};
  for (int round = 0; round < 300; ++round) {
    Members members;
    for (int64_t id = 1; id <= 9; ++id) {
      if (random.Chance(0.5)) members.emplace_back(id);
    }
    if (members.empty()) continue;
    const ShardOwners next = AssignShards(members, owners);
    const auto counts = Counts(next);
    ASSERT_EQ(counts.size(), members.size());
    int least = 1024;
    int most = 0;
    for (const auto& [member, count] : counts) {
      EXPECT_TRUE(std::find(members.begin(), members.end(), member) != members.end());
      least = std::min(least, count);
      most = std::max(most, count);
    }
    EXPECT_LE(most - least, 1);
    EXPECT_EQ(AssignShards(members, next), next);
    owners = next;
  }
}

}  // namespace
}  // namespace perdure::history
