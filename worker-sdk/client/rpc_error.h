// From absl::Status, which modules use, to the exceptions that users see.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "perdure/client_errors.h"

namespace perdure::client {

// What a call was about, for its exceptions. Empty where it was about no workflow.
struct CallSubject {
  std::string workflow_id;
  std::string run_id;
  std::string workflow_type;
};

// Throws the exception that fits an error: WorkflowAlreadyStartedError, WorkflowNotFoundError,
// QueryFailedError by the status's details, PayloadTooLargeError for what the pipeline refused,
// RpcError for all else.
[[noreturn]] void ThrowStatus(const absl::Status& status, const CallSubject& subject = {});
inline void ThrowUnlessOk(const absl::Status& status, const CallSubject& subject = {}) {
  if (!status.ok()) ThrowStatus(status, subject);
}

}  // namespace perdure::client
