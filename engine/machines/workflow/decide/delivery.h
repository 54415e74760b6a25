// Decisions about messages between executions: what a receiver makes of one, and what a sender
// makes of the answer. A receiver knows a repeat by its request id, so a message may come twice.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "machines/workflow/decide/request.h"
#include "machines/workflow/decision.h"

namespace perdure::machines {

// Who sends, and the event that caused it (null for what has none).
struct Delivery {
  pb::OutboxMessage message;
  HistoryEvent initiated;
  NamespaceFacts sender_namespace;
  std::string sender_workflow_id;
  std::string sender_run_id;
  std::string sender_root_workflow_id;
  std::string sender_root_run_id;
  temporal::api::common::v1::Priority sender_priority;
  // It was for a run that the receiver is a reset of.
  bool is_redirected = false;
};

// --- At the receiver
// --------------------------------------------------------------------------------------
// ALREADY_EXISTS with its detail: another run has that id.
absl::StatusOr<StartDecision> DecideStartChild(const State* current, const Delivery& delivery,
                                               const std::string& new_run_id,
                                               const Context& context);
absl::StatusOr<Decision> DecideSignalFrom(const State& state, const Delivery& delivery,
                                          const Context& context);
absl::StatusOr<Decision> DecideCancelFrom(const State& state, const Delivery& delivery,
                                          const Context& context);
absl::StatusOr<Decision> DecideChildClosed(const State& state, const Delivery& delivery,
                                           const Context& context);
absl::StatusOr<Decision> DecideCloseChild(const State& state, const Delivery& delivery,
                                          const Context& context);

// --- At the sender
// ---------------------------------------------------------------------------------------- `status`
// is the receiver's; `run_id` what a started child got.
Decision DecideDelivered(const State& state, uint64_t outbox_id, const absl::Status& status,
                         const std::string& run_id, const Context& context);

}  // namespace perdure::machines
