// Rows of the list as the API shows them.
#pragma once

#include <string>

#include "absl/strings/string_view.h"
#include "services/namespaces.h"
#include "store/store.h"
#include "temporal/api/enums/v1/workflow.pb.h"
#include "temporal/api/workflow/v1/message.pb.h"
#include "temporal/api/workflowservice/v1/request_response.pb.h"

namespace perdure::frontend {

temporal::api::workflow::v1::WorkflowExecutionInfo ExecutionInfoFrom(
    const store::ListedExecution& listed, const services::Namespace& name_space);

temporal::api::workflowservice::v1::CountWorkflowExecutionsResponse CountResponseFrom(
    const store::CountResult& result, absl::string_view group_by,
    const services::Namespace& name_space);

// "Running", "ContinuedAsNew" …: how the filter language and groups spell a status.
std::string StatusNameOf(temporal::api::enums::v1::WorkflowExecutionStatus status);

}  // namespace perdure::frontend
