// A signal to another workflow: sent, then known to have arrived or not.
//
//   Commanded ──Initiated event──▶ Initiated ──signaled or failed event──▶ Resolved
//       │ cancel
//       ▼
//    Dropped
#pragma once

#include <cstdint>
#include <string>

#include "worker-sdk/core/machines/edges.h"

namespace perdure::core {

struct SignalExternal {
  enum class State { kCommanded, kInitiated, kResolved, kDropped };
  enum class Input { kInitiatedEvent, kResolvedEvent, kCancel };
  static constexpr Edge<State, Input> kEdges[] = {
      {State::kCommanded, Input::kInitiatedEvent, State::kInitiated},
      {State::kInitiated, Input::kResolvedEvent, State::kResolved},
      {State::kCommanded, Input::kCancel, State::kDropped},
      // Once sent it cannot be taken back.
      {State::kInitiated, Input::kCancel, State::kInitiated},
  };
  static constexpr const char* kName = "signal to another workflow";
  static constexpr bool IsFinal(State state) {
    return state == State::kResolved || state == State::kDropped;
  }

  State state = State::kCommanded;
  std::string workflow_id;
  std::string name;
};
static_assert(IsUnambiguous(SignalExternal::kEdges));

}  // namespace perdure::core
