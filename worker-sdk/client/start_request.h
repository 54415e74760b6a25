// A start as the API's messages: the same fields stand in a start, a signal-with-start and an
// update-with-start.
#pragma once

#include "perdure/client_calls.h"
#include "temporal/api/workflow/v1/message.pb.h"
#include "worker-sdk/client/connection.h"

namespace perdure::client {

// Fills in all of `request` that comes from the input; moves out of the input.
void FillStart(StartInput input, const Connection& connection,
               api::StartWorkflowExecutionRequest* request);
void FillStart(StartInput input, const Connection& connection,
               api::SignalWithStartWorkflowExecutionRequest* request);
// What a schedule starts: without namespace, identity, request id, delay and conflict policy.
void FillStart(StartInput input, temporal::api::workflow::v1::NewWorkflowExecutionInfo* info);
// Back from there.
StartInput ReadStart(temporal::api::workflow::v1::NewWorkflowExecutionInfo info);

}  // namespace perdure::client
