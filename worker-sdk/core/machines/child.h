// A child workflow. It has two results: that it started (or could not), and how it closed (R30).
//
//   Commanded ──Initiated event──▶ Initiated ──Started event──▶ Started ──close event──▶ Closed
//       │ cancel                      │ StartFailed event
//       ▼                             ▼
//    Dropped                     StartFailed
//
// A cancel after the start was sent is a request to another workflow, a machine of its own
// (CancelExternal); it leaves the child's state alone, and whether it resolves the child is told by
// `resolved`.
#pragma once

#include <string>

#include "perdure/detail/activation.h"
#include "worker-sdk/core/machines/edges.h"

namespace perdure::core {

struct Child {
  enum class State { kCommanded, kInitiated, kStarted, kStartFailed, kClosed, kDropped };
  enum class Input { kInitiatedEvent, kStartedEvent, kStartFailedEvent, kCloseEvent, kCancel };
  static constexpr Edge<State, Input> kEdges[] = {
      {State::kCommanded, Input::kInitiatedEvent, State::kInitiated},
      {State::kCommanded, Input::kCancel, State::kDropped},
      {State::kInitiated, Input::kStartedEvent, State::kStarted},
      {State::kInitiated, Input::kStartFailedEvent, State::kStartFailed},
      {State::kInitiated, Input::kCancel, State::kInitiated},
      {State::kStarted, Input::kCloseEvent, State::kClosed},
      {State::kStarted, Input::kCancel, State::kStarted},
  };
  static constexpr const char* kName = "child workflow";
  static constexpr bool IsFinal(State state) {
    return state == State::kStartFailed || state == State::kClosed || state == State::kDropped;
  }

  State state = State::kCommanded;
  detail::ChildCancellation cancellation = detail::ChildCancellation::wait_completed;
  bool cancel_sent = false;
  bool resolved = false;
  std::int64_t started_event_id = 0;
  std::string namespace_, workflow_id, workflow_type, run_id;
};
static_assert(IsUnambiguous(Child::kEdges));

}  // namespace perdure::core
