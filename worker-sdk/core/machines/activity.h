// An activity on a worker.
//
//   Commanded ──Scheduled event──▶ Scheduled ──Started event──▶ (Scheduled) ──close event──▶ Closed
//       │ cancel                      │ cancel (try, wait)             │ cancel (abandon)
//       ▼                             ▼                                ▼
//    Dropped                    CancelCommanded                    Abandoned ──close event──▶
//    Closed
//                                     │ CancelRequested event
//                                     ▼
//                               CancelRequested ──close event──▶ Closed
//
// A started event says nothing to workflow code and may be missing until the close, so it is an
// edge from each state to itself. What was resolved by its cancel (try, abandon) stays to swallow
// its later events (R28).
#pragma once

#include <string>

#include "perdure/detail/activation.h"
#include "worker-sdk/core/machines/edges.h"

namespace perdure::core {

struct Activity {
  enum class State {
    kCommanded,
    kScheduled,
    kCancelCommanded,
    kCancelRequested,
    kAbandoned,
    kClosed,
    kDropped
  };
  enum class Input {
    kScheduledEvent,
    kStartedEvent,
    kCancelRequestedEvent,
    kCloseEvent,
    kCancel,
    kAbandon
  };
  static constexpr Edge<State, Input> kEdges[] = {
      {State::kCommanded, Input::kScheduledEvent, State::kScheduled},
      {State::kCommanded, Input::kCancel, State::kDropped},
      {State::kCommanded, Input::kAbandon, State::kDropped},
      {State::kScheduled, Input::kStartedEvent, State::kScheduled},
      {State::kScheduled, Input::kCloseEvent, State::kClosed},
      {State::kScheduled, Input::kCancel, State::kCancelCommanded},
      {State::kScheduled, Input::kAbandon, State::kAbandoned},
      {State::kCancelCommanded, Input::kCancelRequestedEvent, State::kCancelRequested},
      {State::kCancelRequested, Input::kStartedEvent, State::kCancelRequested},
      {State::kCancelRequested, Input::kCloseEvent, State::kClosed},
      {State::kAbandoned, Input::kStartedEvent, State::kAbandoned},
      {State::kAbandoned, Input::kCloseEvent, State::kClosed},
      // A cancel of what is canceled already says nothing new.
      {State::kCancelCommanded, Input::kCancel, State::kCancelCommanded},
      {State::kCancelRequested, Input::kCancel, State::kCancelRequested},
      {State::kAbandoned, Input::kAbandon, State::kAbandoned},
  };
  static constexpr const char* kName = "activity";
  static constexpr bool IsFinal(State state) {
    return state == State::kClosed || state == State::kDropped;
  }

  State state = State::kCommanded;
  detail::ActivityCancellation cancellation = detail::ActivityCancellation::try_cancel;
  bool resolved = false;
  std::string type;
  std::string id;
};
static_assert(IsUnambiguous(Activity::kEdges));

}  // namespace perdure::core
