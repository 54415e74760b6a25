// The checks that polls and answers of workers share.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "frontend/call_table.h"
#include "frontend/checks.h"
#include "temporal/api/deployment/v1/message.pb.h"
#include "temporal/api/failure/v1/message.pb.h"

namespace perdure::frontend {

// A worker may name its deployment, but tasks are not routed by it yet: one that asks to be
// versioned is told so rather than given other versions' tasks.
absl::Status CheckVersioning(
    bool uses_build_id_sets,
    const temporal::api::deployment::v1::WorkerDeploymentOptions& deployment);

template <class Request>
absl::Status CheckPollOf(const RequestScope& scope, Request& request) {
  PERDURE_RETURN_IF_ERROR(CheckLongPoll(scope.context, scope.now));
  PERDURE_RETURN_IF_ERROR(CheckIdentity(request.identity(), scope.limits()));
  PERDURE_RETURN_IF_ERROR(CheckVersioning(request.worker_version_capabilities().use_versioning(),
                                          request.deployment_options()));
  return CheckTaskQueueOf(request, scope.limits());
}

// A ServerFailure, not retryable, for what a worker sent that is too large to keep. The oversized
// failure survives as its cause, cut to its message and type.
temporal::api::failure::v1::Failure ServerFailureFor(absl::string_view text);
temporal::api::failure::v1::Failure ServerFailureFor(absl::string_view text,
                                                     temporal::api::failure::v1::Failure oversized);

}  // namespace perdure::frontend
