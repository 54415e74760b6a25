// A timer.
//
//   Commanded ──TimerStarted──▶ Started ──TimerFired──▶ Fired
//       │ cancel                   │ cancel
//       ▼                          ▼
//    Dropped                 CancelCommanded ──TimerCanceled──▶ Canceled
//
// Canceled timers never resolve: the cancel is final for workflow code at once (R24).
#pragma once

#include "worker-sdk/core/machines/edges.h"

namespace perdure::core {

struct Timer {
  enum class State { kCommanded, kStarted, kFired, kCancelCommanded, kCanceled, kDropped };
  enum class Input { kStartedEvent, kFiredEvent, kCanceledEvent, kCancel };
  static constexpr Edge<State, Input> kEdges[] = {
      {State::kCommanded, Input::kStartedEvent, State::kStarted},
      {State::kCommanded, Input::kCancel, State::kDropped},
      {State::kStarted, Input::kFiredEvent, State::kFired},
      {State::kStarted, Input::kCancel, State::kCancelCommanded},
      {State::kCancelCommanded, Input::kCanceledEvent, State::kCanceled},
      // It had fired before the cancel reached the server, which then canceled it all the same.
      {State::kCancelCommanded, Input::kFiredEvent, State::kCancelCommanded},
  };
  static constexpr const char* kName = "timer";
  static constexpr bool IsFinal(State state) {
    return state == State::kFired || state == State::kCanceled || state == State::kDropped;
  }

  State state = State::kCommanded;
};
static_assert(IsUnambiguous(Timer::kEdges));

}  // namespace perdure::core
