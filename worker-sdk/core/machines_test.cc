// The tables of edges, walked: each legal edge is taken, each other input refused, no state is out
// of reach.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "worker-sdk/core/machine_table.h"

namespace perdure::core {
namespace {

template <class Machine>
class Machines : public ::testing::Test {};
using Kinds =
    ::testing::Types<Timer, Activity, Child, SignalExternal, CancelExternal, LocalActivity, Update>;
TYPED_TEST_SUITE(Machines, Kinds);

TYPED_TEST(Machines, TakeLegalEdgesAndRefuseAllOthers) {
  using State = typename TypeParam::State;
  using Input = typename TypeParam::Input;
  int last_state = 0;
  int last_input = 0;
  for (const auto& edge : TypeParam::kEdges) {
    last_state = std::max({last_state, static_cast<int>(edge.from), static_cast<int>(edge.to)});
    last_input = std::max(last_input, static_cast<int>(edge.on));
  }
  for (int from = 0; from <= last_state; ++from) {
    for (int input = 0; input <= last_input; ++input) {
      const Edge<State, Input>* legal = nullptr;
      for (const auto& edge : TypeParam::kEdges) {
        if (static_cast<int>(edge.from) == from && static_cast<int>(edge.on) == input)
          legal = &edge;
      }
      TypeParam machine;
      machine.state = static_cast<State>(from);
      EXPECT_EQ(Take(machine, static_cast<Input>(input)), legal != nullptr)
          << TypeParam::kName << " in state " << from << " on input " << input;
      EXPECT_EQ(static_cast<int>(machine.state), legal ? static_cast<int>(legal->to) : from);
    }
  }
}

TYPED_TEST(Machines, ReachAllStatesAndLeaveNoFinalOne) {
  std::set<int> reached = {0};
  // A local activity of a replay begins in its own state.
  if constexpr (std::is_same_v<TypeParam, LocalActivity>) {
    reached.insert(static_cast<int>(LocalActivity::State::kWaiting));
  }
  for (bool grew = true; grew;) {
    grew = false;
    for (const auto& edge : TypeParam::kEdges) {
      if (reached.count(static_cast<int>(edge.from)) != 0) {
        grew = reached.insert(static_cast<int>(edge.to)).second || grew;
      }
    }
  }
  for (const auto& edge : TypeParam::kEdges) {
    EXPECT_EQ(reached.count(static_cast<int>(edge.from)), 1u) << TypeParam::kName;
    EXPECT_FALSE(TypeParam::IsFinal(edge.from)) << TypeParam::kName;
  }
}

TEST(MachineTable, FindsBySeqAndEventUntilRemoved) {
  MachineTable table;
  Machine machine;
  machine.seq = 7;
  const auto id = table.Add(std::move(machine));
  table.BindEvent(id, 12);
  EXPECT_EQ(table.BySeq(7), id);
  EXPECT_EQ(table.ByEvent(12), id);
  EXPECT_NE(table.As<Timer>(id), nullptr);
  EXPECT_EQ(table.As<Child>(id), nullptr);
  EXPECT_EQ(table.As<Timer>(MachineTable::kNone), nullptr);
  table.Remove(id);
  EXPECT_EQ(table.BySeq(7), MachineTable::kNone);
  EXPECT_EQ(table.ByEvent(12), MachineTable::kNone);
  EXPECT_EQ(table.size(), 0u);
  EXPECT_EQ(table.Add(Machine()), id) << "slots are used again";
}

}  // namespace
}  // namespace perdure::core
