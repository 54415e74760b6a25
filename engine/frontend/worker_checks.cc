#include "frontend/worker_checks.h"

namespace perdure::frontend {

using temporal::api::failure::v1::Failure;

absl::Status CheckVersioning(
    bool uses_build_id_sets,
    const temporal::api::deployment::v1::WorkerDeploymentOptions& deployment) {
  if (uses_build_id_sets) {
    return base::PermissionDenied(
        "Worker versioning v0.1 (Version Set-based, deprecated) is disabled on this namespace.",
        "");
  }
  const bool is_versioned = deployment.worker_versioning_mode() ==
                            temporal::api::enums::v1::WORKER_VERSIONING_MODE_VERSIONED;
  if (!is_versioned) return absl::OkStatus();
  if (deployment.deployment_name().empty() || deployment.build_id().empty()) {
    return base::InvalidArgument("Deployment name and build id must be set together.");
  }
  return base::Unimplemented("Versioned workers are not supported by this version of Perdure.");
}

Failure ServerFailureFor(absl::string_view text) {
  Failure failure;
  failure.set_message(std::string(text));
  failure.mutable_server_failure_info()->set_non_retryable(true);
  return failure;
}

Failure ServerFailureFor(absl::string_view text, Failure oversized) {
  constexpr size_t kMessageMax = 4 << 10;
  Failure failure = ServerFailureFor(text);
  Failure& cause = *failure.mutable_cause();
  cause.set_message(oversized.message().substr(0, kMessageMax));
  cause.set_source(oversized.source().substr(0, kMessageMax));
  if (oversized.has_application_failure_info()) {
    const auto& info = oversized.application_failure_info();
    cause.mutable_application_failure_info()->set_type(info.type().substr(0, kMessageMax));
    cause.mutable_application_failure_info()->set_non_retryable(info.non_retryable());
  }
  return failure;
}

}  // namespace perdure::frontend
