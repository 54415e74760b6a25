// The messages between nodes, to and from what services/ says.
#pragma once

#include "absl/status/status.h"
#include "perdure/internal/v1/cluster.pb.h"
#include "services/matching_service.h"
#include "services/tasks.h"

namespace perdure::cluster {

namespace wire = perdure::internal::v1;

wire::TaskKey ToWire(const services::TaskKey& key);
services::TaskKey FromWire(const wire::TaskKey& key, services::NamespacePtr name_space);
wire::WorkflowTask ToWire(const services::WorkflowTask& task);
services::WorkflowTask FromWire(const wire::WorkflowTask& task, services::NamespacePtr name_space);
wire::ActivityTask ToWire(const services::ActivityTask& task);
services::ActivityTask FromWire(const wire::ActivityTask& task, services::NamespacePtr name_space);
wire::Poller ToWire(const services::Poller& poller);
services::Poller FromWire(const wire::Poller& poller);
wire::QueryTaskRequest ToWire(const services::QueryTask& task);
services::QueryTask FromWire(wire::QueryTaskRequest task, services::NamespacePtr name_space);

// A status with all its payloads.
void SetStatus(const absl::Status& status, wire::Answer& answer);
absl::Status StatusOf(const wire::Answer& answer);

// What of the context goes along, and the time that is left at `now`.
void SetContext(const services::CallContext& context, absl::Time now, wire::Request& request);
services::CallContext ContextOf(const wire::Request& request, absl::Time now,
                                std::shared_ptr<services::Cancellation> cancellation);

}  // namespace perdure::cluster
