// A local activity: run by this worker inside its workflow task, known to history by a marker only
// (R38 to R45).
//
//   live     Running ──outcome, or cancel that does not wait──▶ MarkerCommanded ──marker──▶
//   Recorded replay   Waiting ──outcome seen ahead──▶ Resolved ──marker──▶ Recorded
//            Waiting ──marker──▶ Recorded
//            Waiting ──a task that is not replay──▶ Running (whoever ran it died before it was
//            recorded)
#pragma once

#include <memory>

#include "perdure/detail/activation.h"
#include "worker-sdk/core/machines/edges.h"

namespace perdure::core {

struct LocalActivity {
  enum class State { kRunning, kMarkerCommanded, kWaiting, kResolved, kRecorded };
  enum class Input { kOutcome, kCancelNow, kCancel, kMarkerEvent, kSeenAhead, kLiveTask };
  static constexpr Edge<State, Input> kEdges[] = {
      {State::kRunning, Input::kOutcome, State::kMarkerCommanded},
      {State::kRunning, Input::kCancelNow, State::kMarkerCommanded},
      {State::kRunning, Input::kCancel, State::kRunning},
      {State::kMarkerCommanded, Input::kMarkerEvent, State::kRecorded},
      // It was resolved by its cancel while it ran.
      {State::kMarkerCommanded, Input::kOutcome, State::kMarkerCommanded},
      {State::kMarkerCommanded, Input::kCancel, State::kMarkerCommanded},
      {State::kMarkerCommanded, Input::kCancelNow, State::kMarkerCommanded},
      {State::kWaiting, Input::kSeenAhead, State::kResolved},
      {State::kWaiting, Input::kMarkerEvent, State::kRecorded},
      {State::kWaiting, Input::kLiveTask, State::kRunning},
      {State::kWaiting, Input::kCancel, State::kWaiting},
      {State::kWaiting, Input::kCancelNow, State::kWaiting},
      {State::kResolved, Input::kMarkerEvent, State::kRecorded},
      {State::kResolved, Input::kCancel, State::kResolved},
      {State::kResolved, Input::kCancelNow, State::kResolved},
  };
  static constexpr const char* kName = "local activity";
  static constexpr bool IsFinal(State state) { return state == State::kRecorded; }

  State state = State::kRunning;
  Timestamp scheduled_time;  // Workflow time; what run times are added to (R40).
  // Of which the input is dropped once it is with the worker.
  std::unique_ptr<detail::ScheduleLocalActivityCommand> command;
};
static_assert(IsUnambiguous(LocalActivity::kEdges));

}  // namespace perdure::core
