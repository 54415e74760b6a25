// An update of the workflow: a request by message, answered by messages and, once accepted, in
// history (R46, R47).
//
//   Requested ──accept──▶ AcceptCommanded ──Accepted event──▶ Accepted ──complete──▶
//   CompleteCommanded
//       │ reject               │ complete                                               │ Completed
//       event ▼                      ▼                                                        ▼
//    Rejected          BothCommanded ──Accepted event──▶ CompleteCommanded          Completed
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "temporal/api/update/v1/message.pb.h"
#include "worker-sdk/core/machines/edges.h"

namespace perdure::core {

struct Update {
  enum class State {
    kRequested,
    kAcceptCommanded,
    kAccepted,
    kBothCommanded,
    kCompleteCommanded,
    kCompleted,
    kRejected
  };
  enum class Input { kAccept, kReject, kComplete, kAcceptedEvent, kCompletedEvent };
  static constexpr Edge<State, Input> kEdges[] = {
      {State::kRequested, Input::kAccept, State::kAcceptCommanded},
      {State::kRequested, Input::kReject, State::kRejected},
      {State::kAcceptCommanded, Input::kAcceptedEvent, State::kAccepted},
      {State::kAcceptCommanded, Input::kComplete, State::kBothCommanded},
      {State::kAccepted, Input::kComplete, State::kCompleteCommanded},
      {State::kBothCommanded, Input::kAcceptedEvent, State::kCompleteCommanded},
      {State::kCompleteCommanded, Input::kCompletedEvent, State::kCompleted},
  };
  static constexpr const char* kName = "update";
  static constexpr bool IsFinal(State state) {
    return state == State::kCompleted || state == State::kRejected;
  }

  State state = State::kRequested;
  std::int64_t sequencing_event_id = 0;
  std::string instance_id, message_id;
  // What the acceptance or rejection repeats; only live, and until it was answered.
  std::unique_ptr<temporal::api::update::v1::Request> request;
  temporal::api::update::v1::Meta meta;
};
static_assert(IsUnambiguous(Update::kEdges));

}  // namespace perdure::core
