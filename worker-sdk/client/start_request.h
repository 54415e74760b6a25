// A start as the API's messages: the same fields stand in a start, a signal-with-start and an
// update-with-start.
#pragma once

#include "perdure/client_calls.h"
#include "worker-sdk/client/connection.h"

namespace perdure::client {

// Fills in all of `request` that comes from the input; moves out of the input.
void FillStart(StartInput input, const Connection& connection,
               api::StartWorkflowExecutionRequest* request);
void FillStart(StartInput input, const Connection& connection,
               api::SignalWithStartWorkflowExecutionRequest* request);

}  // namespace perdure::client
