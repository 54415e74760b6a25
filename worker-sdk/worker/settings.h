// The parts of WorkerOptions and of the host that go into requests.
#pragma once

#include <optional>

#include "perdure/worker_options.h"
#include "temporal/api/deployment/v1/message.pb.h"
#include "temporal/api/enums/v1/task_queue.pb.h"
#include "temporal/api/taskqueue/v1/message.pb.h"
#include "worker-sdk/worker/host.h"

namespace perdure::worker {

inline bool HasDeployment(const WorkerOptions& options) {
  return !options.deployment.name.empty() || !options.deployment.build_id.empty();
}

inline temporal::api::deployment::v1::WorkerDeploymentOptions DeploymentOf(
    const WorkerOptions& options) {
  temporal::api::deployment::v1::WorkerDeploymentOptions deployment;
  deployment.set_deployment_name(options.deployment.name);
  deployment.set_build_id(options.deployment.build_id);
  deployment.set_worker_versioning_mode(
      options.deployment.use_versioning
          ? temporal::api::enums::v1::WORKER_VERSIONING_MODE_VERSIONED
          : temporal::api::enums::v1::WORKER_VERSIONING_MODE_UNVERSIONED);
  return deployment;
}

// Who asks, in every kind of request that has these fields.
template <class Request>
void SetSender(const Host& host, const WorkerOptions& options, Request* request) {
  request->set_namespace_(host.namespace_);
  request->set_identity(host.identity);
  if (HasDeployment(options)) *request->mutable_deployment_options() = DeploymentOf(options);
}

inline void SetTaskQueue(const std::string& name, temporal::api::taskqueue::v1::TaskQueue* queue) {
  queue->set_name(name);
  queue->set_kind(temporal::api::enums::v1::TASK_QUEUE_KIND_NORMAL);
}

}  // namespace perdure::worker
