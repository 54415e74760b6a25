// What jobs and commands of workflow code both speak of: policies, names, the run itself.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "perdure/failure.h"
#include "perdure/payload.h"

namespace perdure::detail {

using Nanos = std::chrono::nanoseconds;

struct RetryPolicyData {
  std::optional<Nanos> initial_interval;
  double backoff_coefficient = 0;  // 0: the server's default.
  std::optional<Nanos> maximum_interval;
  std::int32_t maximum_attempts = 0;  // 0: no limit.
  std::vector<std::string> non_retryable_error_types;
};
struct PriorityData {
  std::int32_t priority_key = 0;  // 0: the server's default.
  std::string fairness_key;
  float fairness_weight = 0;
};
// How one thing is called in a user interface. Empty strings are absent.
struct UserMetadataData {
  std::string summary;
  std::string details;
};
struct WorkflowRef {
  std::string workflow_id;
  std::string run_id;
};

// What workflow::info() shows. Set once by the first job of a run.
struct RunInfo {
  std::string namespace_;
  std::string workflow_id;
  std::string run_id;
  std::string workflow_type;
  std::string task_queue;
  std::string first_execution_run_id;
  std::string
      original_execution_run_id;  // What randomness is seeded from, until a reset gives another.
  std::string continued_run_id;
  std::optional<WorkflowRef> parent;
  std::string parent_namespace;
  std::optional<WorkflowRef> root;
  std::int32_t attempt = 1;
  std::string cron_schedule;
  Timestamp start_time;           // Of the first workflow task's start: workflow time begins here.
  Timestamp workflow_start_time;  // Of the started event.
  std::optional<Nanos> execution_timeout, run_timeout, task_timeout;
  std::optional<RetryPolicyData> retry_policy;
  PriorityData priority;
  PayloadMap memo;
  PayloadMap search_attributes;
  PayloadMap headers;
  std::string identity;  // Of who started it.
  Payloads
      last_completion_result;  // Of the run before in a cron chain; empty where there was none.
  FailurePtr last_failure;
};

}  // namespace perdure::detail
