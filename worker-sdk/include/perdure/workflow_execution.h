// What the server tells of a run: lists, counts and descriptions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "perdure/client_errors.h"
#include "perdure/payload.h"

namespace perdure {

struct WorkflowExecution {
  std::string workflow_id, run_id;
  std::string workflow_type;
  std::string task_queue;
  WorkflowStatus status{};
  Timestamp start_time{};
  std::optional<Timestamp> execution_time;  // When its first task could run: start delay and cron.
  std::optional<Timestamp> close_time;
  std::int64_t history_length = 0;
  std::int64_t history_size_bytes = 0;  // Of closed ones in lists.
  std::string parent_workflow_id, parent_run_id;
  std::string root_workflow_id, root_run_id;
  std::string first_run_id;
  PayloadMap memo;
  PayloadMap search_attributes;
};

struct PendingActivity {
  std::string activity_id, activity_type;
  bool is_started = false, is_cancel_requested = false, is_paused = false;
  std::int32_t attempt = 0;
  std::int32_t maximum_attempts = 0;
  std::optional<Timestamp> scheduled_time, last_started_time, last_heartbeat_time;
  Payloads heartbeat_details;
  FailurePtr last_failure;
  std::string last_worker_identity;
};

struct PendingChild {
  std::string workflow_id, run_id, workflow_type;
};

struct WorkflowDescription : WorkflowExecution {
  std::optional<std::chrono::nanoseconds> execution_timeout, run_timeout, task_timeout;
  // For user interfaces, as given at the start.
  std::string summary, details;
  std::vector<PendingActivity> pending_activities;
  std::vector<PendingChild> pending_children;
  // The attempt of the workflow task that waits or runs; 0 where there is none.
  std::int32_t pending_task_attempt = 0;
};

struct WorkflowCount {
  std::int64_t count = 0;
  // Of a query with GROUP BY: the values and how many there are of them.
  struct Group {
    Payloads values;
    std::int64_t count = 0;
  };
  std::vector<Group> groups;
};

}  // namespace perdure
