// What a client does, as plain requests: the seam that interceptors sit in.
//
// A typed call (Client::start, WorkflowHandle::signal, ...) is turned into one of the inputs below
// and goes through the interceptors, in the order of ClientOptions::interceptors, to the server:
//
//   struct Tracing : perdure::ClientInterceptor {
//     StartOutput start_workflow(StartInput& input, ClientCalls& next) override {
//       input.headers["trace"] = perdure::encode(current_trace());
//       return next.start_workflow(input);
//     }
//   };
//
// All calls block and throw RpcError and its relatives (perdure/client_errors.h). Any thread may
// make them: an interceptor must be thread-safe.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "perdure/client_errors.h"
#include "perdure/detail/activation.h"
#include "perdure/start_options.h"
#include "perdure/workflow_execution.h"

namespace perdure {

using detail::Nanos;

struct StartInput {
  std::string workflow_id, workflow_type, task_queue;
  Payloads args;
  PayloadMap headers, memo, search_attributes;
  id_reuse_policy id_reuse{};
  id_conflict_policy id_conflict{};
  std::optional<Nanos> execution_timeout, run_timeout, task_timeout, start_delay;
  std::optional<detail::RetryPolicyData> retry;
  std::string cron_schedule;
  bool eager_start = false;
  std::string summary, details;
  detail::PriorityData priority;
  versioning_override::kind versioning{};
  std::string pinned_deployment_name, pinned_build_id;
  std::string request_id;
};
struct StartOutput {
  std::string run_id;
  bool is_new = true;  // False: an existing run was used, as the conflict policy allows.
};

// A run: empty run_id is the latest one. first_run_id, where given, refuses runs of another chain.
struct RunTarget {
  std::string workflow_id, run_id, first_run_id;
};

struct SignalInput {
  RunTarget target;
  std::string name;
  Payloads args;
  PayloadMap headers;
  std::string request_id;
};
struct SignalWithStartInput {
  StartInput start;
  std::string signal_name;
  Payloads signal_args;
};

// When a query is refused because of the workflow's status.
enum class query_reject_condition { unspecified, none, not_open, not_completed_cleanly };
struct QueryInput {
  RunTarget target;
  std::string name;
  Payloads args;
  PayloadMap headers;
  query_reject_condition reject{};
};

// How far an update has to be before a call returns. The numbers are the API's.
enum class update_stage { unspecified, admitted, accepted, completed };
struct UpdateInput {
  RunTarget target;
  std::string update_id;
  std::string name;
  Payloads args;
  PayloadMap headers;
  update_stage wait_for = update_stage::accepted;
};
struct UpdateOutput {
  std::string run_id;
  std::string update_id;
  // Where it is known already; a failure otherwise.
  std::optional<Payloads> result;
  FailurePtr failure;
  bool is_done() const { return result.has_value() || failure != nullptr; }
};
struct UpdateWithStartInput {
  StartInput start;
  UpdateInput update;  // Its target is the started workflow.
};
struct UpdateWithStartOutput {
  StartOutput start;
  UpdateOutput update;
};
// Waits, however long, for an update's outcome.
struct PollUpdateInput {
  RunTarget target;
  std::string update_id;
};

struct CancelInput {
  RunTarget target;
  std::string reason;
  std::string request_id;
};
struct TerminateInput {
  RunTarget target;
  std::string reason;
  Payloads details;
};
struct ResultInput {
  RunTarget target;
  // Wait for the run that a retry, a cron schedule or continue-as-new made of it, and so on.
  bool follow_runs = true;
};
struct ResultOutput {
  std::string run_id;  // The run whose result it is.
  Payloads result;
};
struct HistoryInput {
  RunTarget target;
};

struct ListInput {
  std::string query;
  std::int32_t page_size = 0;  // 0: the server's default.
  std::string page_token;
};
struct ListOutput {
  std::vector<WorkflowExecution> executions;
  std::string page_token;  // Empty at the end.
};

// The activity of a completion: by its task token, or, where that is empty, by ids.
struct ActivityTarget {
  std::string task_token;
  std::string workflow_id, run_id, activity_id;
};
struct ActivityHeartbeatOutput {
  bool cancel_requested = false, is_paused = false, was_reset = false;
};

// Of schedules: perdure/schedule.h.
struct CreateScheduleInput;
struct ScheduleTarget;
struct ScheduleDescription;
struct UpdateScheduleInput;
struct PatchScheduleInput;
struct ListSchedulesInput;
struct ListSchedulesOutput;
// Of any method: perdure/raw.h.
struct RawCallInput;

class ClientCalls {
 public:
  virtual ~ClientCalls() = default;
  // The same calls, each of which ends with CallCanceledError once `stop` is requested. It takes
  // the place of the one before.
  virtual std::shared_ptr<ClientCalls> with_stop(std::stop_token stop) const = 0;
  // ClientOptions::failure_converter.
  virtual std::shared_ptr<FailureConverter> failure_converter() const = 0;
  virtual StartOutput start_workflow(StartInput& input) = 0;
  virtual StartOutput signal_with_start(SignalWithStartInput& input) = 0;
  virtual UpdateWithStartOutput update_with_start(UpdateWithStartInput& input) = 0;
  virtual void signal_workflow(SignalInput& input) = 0;
  virtual Payloads query_workflow(QueryInput& input) = 0;
  virtual UpdateOutput start_update(UpdateInput& input) = 0;
  virtual UpdateOutput poll_update(PollUpdateInput& input) = 0;
  virtual void cancel_workflow(CancelInput& input) = 0;
  virtual void terminate_workflow(TerminateInput& input) = 0;
  virtual WorkflowDescription describe_workflow(RunTarget& target) = 0;
  virtual ResultOutput workflow_result(ResultInput& input) = 0;
  // The bytes of temporal.api.history.v1.History.
  virtual std::string fetch_history(HistoryInput& input) = 0;
  virtual ListOutput list_workflows(ListInput& input) = 0;
  virtual WorkflowCount count_workflows(const std::string& query) = 0;
  virtual void complete_activity(ActivityTarget& target, Payloads& result) = 0;
  virtual void fail_activity(ActivityTarget& target, FailurePtr failure,
                             Payloads& last_details) = 0;
  virtual void report_activity_canceled(ActivityTarget& target, Payloads& details) = 0;
  virtual ActivityHeartbeatOutput heartbeat_activity(ActivityTarget& target, Payloads& details) = 0;
  virtual void create_schedule(CreateScheduleInput& input) = 0;
  virtual ScheduleDescription describe_schedule(ScheduleTarget& target) = 0;
  virtual void update_schedule(UpdateScheduleInput& input) = 0;
  virtual void patch_schedule(PatchScheduleInput& input) = 0;
  virtual void delete_schedule(ScheduleTarget& target) = 0;
  virtual ListSchedulesOutput list_schedules(ListSchedulesInput& input) = 0;
  virtual void call_raw(RawCallInput& input) = 0;
};

// Each method may change its input, call next (not at all, once, or again), and change what comes
// back.
class ClientInterceptor {
 public:
  virtual ~ClientInterceptor() = default;
  virtual StartOutput start_workflow(StartInput& input, ClientCalls& next);
  virtual StartOutput signal_with_start(SignalWithStartInput& input, ClientCalls& next);
  virtual UpdateWithStartOutput update_with_start(UpdateWithStartInput& input, ClientCalls& next);
  virtual void signal_workflow(SignalInput& input, ClientCalls& next);
  virtual Payloads query_workflow(QueryInput& input, ClientCalls& next);
  virtual UpdateOutput start_update(UpdateInput& input, ClientCalls& next);
  virtual UpdateOutput poll_update(PollUpdateInput& input, ClientCalls& next);
  virtual void cancel_workflow(CancelInput& input, ClientCalls& next);
  virtual void terminate_workflow(TerminateInput& input, ClientCalls& next);
  virtual WorkflowDescription describe_workflow(RunTarget& target, ClientCalls& next);
  virtual ResultOutput workflow_result(ResultInput& input, ClientCalls& next);
  virtual std::string fetch_history(HistoryInput& input, ClientCalls& next);
  virtual ListOutput list_workflows(ListInput& input, ClientCalls& next);
  virtual WorkflowCount count_workflows(const std::string& query, ClientCalls& next);
  virtual void complete_activity(ActivityTarget& target, Payloads& result, ClientCalls& next);
  virtual void fail_activity(ActivityTarget& target, FailurePtr failure, Payloads& last_details,
                             ClientCalls& next);
  virtual void report_activity_canceled(ActivityTarget& target, Payloads& details,
                                        ClientCalls& next);
  virtual ActivityHeartbeatOutput heartbeat_activity(ActivityTarget& target, Payloads& details,
                                                     ClientCalls& next);
  virtual void create_schedule(CreateScheduleInput& input, ClientCalls& next);
  virtual ScheduleDescription describe_schedule(ScheduleTarget& target, ClientCalls& next);
  virtual void update_schedule(UpdateScheduleInput& input, ClientCalls& next);
  virtual void patch_schedule(PatchScheduleInput& input, ClientCalls& next);
  virtual void delete_schedule(ScheduleTarget& target, ClientCalls& next);
  virtual ListSchedulesOutput list_schedules(ListSchedulesInput& input, ClientCalls& next);
  virtual void call_raw(RawCallInput& input, ClientCalls& next);
};

}  // namespace perdure
