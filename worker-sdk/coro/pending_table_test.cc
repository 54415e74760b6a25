#include "worker-sdk/coro/pending_table.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace perdure::detail {
namespace {

TEST(PendingTable, FindsWhatWasAddedAndNotTaken) {
  PendingTable table;
  OperationState<void> one;
  table.Add(3, {}, &one);
  table.Add(5, {}, &one);
  EXPECT_EQ(table.Find(4), nullptr);
  EXPECT_EQ(table.Find(6), nullptr);
  ASSERT_NE(table.Find(3), nullptr);
  EXPECT_EQ(table.Take(table.Find(3)).operation, &one);
  EXPECT_EQ(table.Find(3), nullptr);
  ASSERT_NE(table.Find(5), nullptr);
  EXPECT_EQ(table.size(), 1u);
}

TEST(PendingTable, HoldsWhatAMapHolds) {
  PendingTable table;
  std::map<std::uint32_t, Operation*> expected;
  std::vector<OperationState<void>> operations(7);
  std::mt19937 random(1);
  for (std::uint32_t seq = 1; seq < 3000; ++seq) {
    Operation* operation = &operations[seq % operations.size()];
    table.Add(seq, {}, operation);
    expected[seq] = operation;
    // Now few, now many are left.
    while (!expected.empty() && random() % (seq / 500 % 2 == 0 ? 3 : 2) == 0) {
      const auto taken = std::next(expected.begin(), random() % expected.size());
      PendingTable::Entry* entry = table.Find(taken->first);
      ASSERT_NE(entry, nullptr);
      EXPECT_EQ(table.Take(entry).operation, taken->second);
      EXPECT_EQ(table.Find(taken->first), nullptr);
      expected.erase(taken);
    }
    ASSERT_EQ(table.size(), expected.size());
    for (const auto& [key, value] : expected) ASSERT_EQ(table.Find(key)->operation, value);
  }
}

TEST(PendingTable, KeepsAStateUntilItIsTaken) {
  PendingTable table;
  auto* state = new OperationState<void>();
  const Ref<StateBase> mine(state);
  table.Add(1, Ref<StateBase>::Share(state), state);
  EXPECT_EQ(mine->refs, 2u);
  table.Clear();
  EXPECT_EQ(mine->refs, 1u);
  EXPECT_EQ(table.size(), 0u);
}

}  // namespace
}  // namespace perdure::detail
