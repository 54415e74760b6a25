// Takes a message from one run to another and brings back the answer. Loop-bound.
#pragma once

#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "history/core.h"
#include "machines/workflow/decide/delivery.h"
#include "perdure/internal/v1/cluster.pb.h"

namespace perdure::history {

// `answered` comes after the receiver's commit; `run_id` is that of a started child.
using Answered = absl::AnyInvocable<void(absl::Status, std::string run_id) &&>;
void DeliverMessage(Core& core, machines::Delivery delivery, Answered answered);

// To and from the form in which it goes to another node.
perdure::internal::v1::DeliverRequest ToWire(const machines::Delivery& delivery);
machines::Delivery FromWire(perdure::internal::v1::DeliverRequest request);

}  // namespace perdure::history
