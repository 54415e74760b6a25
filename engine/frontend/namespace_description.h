// A namespace as the API shows it.
#pragma once

#include "services/namespaces.h"
#include "temporal/api/workflowservice/v1/request_response.pb.h"

namespace perdure::frontend {

temporal::api::workflowservice::v1::DescribeNamespaceResponse DescribeNamespace(
    const services::Namespace& name_space, const std::string& cluster_name);

}  // namespace perdure::frontend
