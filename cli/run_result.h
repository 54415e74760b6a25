// Waiting for a run to end, through continue-as-new, retries and cron.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "cli/client.h"
#include "cli/output.h"
#include "temporal/api/common/v1/message.pb.h"
#include "temporal/api/failure/v1/message.pb.h"

namespace perdure::cli {

struct RunResult {
  std::string run_id;  // of the last run of the chain
  std::string status;  // "Completed", "Failed", "Canceled", "Terminated", "TimedOut"
  temporal::api::common::v1::Payloads result;   // of a completed one
  temporal::api::failure::v1::Failure failure;  // of a failed one
  std::string reason;                           // of a terminated one
};

// Waits as long as it takes.
absl::StatusOr<RunResult> WaitForResult(Client& client,
                                        temporal::api::common::v1::WorkflowExecution execution);

// Prints it; an error if the run did not complete, so that the exit code tells.
absl::Status PrintResult(const RunResult& result, Format format);

std::string FailureText(const temporal::api::failure::v1::Failure& failure);

}  // namespace perdure::cli
