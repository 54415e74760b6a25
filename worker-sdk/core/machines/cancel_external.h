// A cancel to another workflow: sent, then known to have arrived or not.
//
//   Commanded ──Initiated event──▶ Initiated ──requested or failed event──▶ Resolved
#pragma once

#include <cstdint>
#include <string>

#include "worker-sdk/core/machines/edges.h"

namespace perdure::core {

struct CancelExternal {
  enum class State { kCommanded, kInitiated, kResolved };
  enum class Input { kInitiatedEvent, kResolvedEvent };
  static constexpr Edge<State, Input> kEdges[] = {
      {State::kCommanded, Input::kInitiatedEvent, State::kInitiated},
      {State::kInitiated, Input::kResolvedEvent, State::kResolved},
  };
  static constexpr const char* kName = "cancel to another workflow";
  static constexpr bool IsFinal(State state) { return state == State::kResolved; }

  State state = State::kCommanded;
  // Not 0: the core made it to cancel this child, and workflow code knows nothing of it.
  std::uint32_t child_seq = 0;
  std::string workflow_id;
};
static_assert(IsUnambiguous(CancelExternal::kEdges));

}  // namespace perdure::core
