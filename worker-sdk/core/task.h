// What a worker and the core of a run say to each other about one workflow task.
//
// Pure: the worker owns threads, clocks and gRPC, and calls Run (core/run.h) with the values below.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "perdure/detail/activation.h"
#include "temporal/api/command/v1/message.pb.h"
#include "temporal/api/enums/v1/failed_cause.pb.h"
#include "temporal/api/failure/v1/message.pb.h"
#include "temporal/api/workflowservice/v1/request_response.pb.h"

namespace perdure::core {

using perdure::detail::Nanos;

// A local activity to be run by the worker while the workflow task is held open (R38 to R45).
struct LocalActivityCall {
  perdure::detail::ScheduleLocalActivityCommand command;
  Timestamp original_schedule_time;
};
struct LocalActivityOutcome {
  std::uint32_t seq = 0;
  perdure::detail::OperationResult result;
  std::int32_t attempt = 1;
  Nanos run_time{};  // Between its schedule and now; moves workflow time (R40).
};

// Steps: what the worker has to do next for this task. Exactly one is returned by each call into
// Run.

// Fetch the next page of history (GetWorkflowExecutionHistory, from the start where `token` is
// empty) and hand it to Run::AddHistory.
struct NeedHistory {
  std::string next_page_token;
};
// Run these; each outcome goes to Run::ResolveLocalActivity. The task stays open, also where both
// lists are empty: then others still run. `canceled` names ones that run and whose results nobody
// waits for any more (their outcomes may still be given, and do nothing).
struct RunLocalActivities {
  std::vector<LocalActivityCall> start;
  std::vector<std::uint32_t> canceled;
};
// Send this; identity, task token, namespace, sticky attributes, versions and capabilities are the
// worker's to fill in. `closes_run`: the last command ends the run, so it may leave the cache once
// this is accepted.
struct CompleteTask {
  temporal::api::workflowservice::v1::RespondWorkflowTaskCompletedRequest request;
  bool closes_run = false;
  Nanos run_time{};  // From the run's start to now, in workflow time.
  // Local activities go on running after this (a heartbeat of the task, R41).
  bool is_heartbeat = false;
};
struct AnswerQuery {
  // The run could not be brought to where the query asks it: it must leave the cache.
  bool drop_run = false;
  temporal::api::workflowservice::v1::RespondQueryTaskCompletedRequest request;
};
// The run must leave the cache. Whether it is reported depends on the attempt (R52), which is the
// worker's business.
struct FailTask {
  temporal::api::enums::v1::WorkflowTaskFailedCause cause;
  temporal::api::failure::v1::Failure failure;
};
using Step = std::variant<NeedHistory, RunLocalActivities, CompleteTask, AnswerQuery, FailTask>;

}  // namespace perdure::core
