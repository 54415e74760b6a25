// The checks of requests that start or update a workflow, which several RPCs share
// (StartWorkflowExecution, SignalWithStart, ExecuteMultiOperation).
#pragma once

#include "absl/status/status.h"
#include "frontend/call_table.h"

namespace perdure::frontend {

absl::Status CheckStartWorkflow(const RequestScope& scope,
                                api::StartWorkflowExecutionRequest& request);
absl::Status CheckUpdateWorkflow(const RequestScope& scope,
                                 api::UpdateWorkflowExecutionRequest& request);

}  // namespace perdure::frontend
