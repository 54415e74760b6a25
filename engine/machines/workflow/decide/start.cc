// Starting a run: request ids, id policies, delays.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "machines/workflow/close.h"
#include "machines/workflow/decide/request.h"
#include "machines/workflow/policy/cron.h"
#include "machines/workflow/policy/retry.h"
#include "temporal/api/enums/v1/failed_cause.pb.h"

namespace perdure::machines {
namespace {

// A repeat of the request that started, or was attached to, the current run.
bool IsRepeat(const State& current, const std::string& request_id) {
  if (request_id.empty()) return false;
  return current.info.create_request_id() == request_id || current.request_ids.Contains(request_id);
}

StartDecision RepeatOf(const State& current, const std::string& request_id) {
  StartDecision decision;
  decision.run_id = current.info.run_id();
  decision.is_repeat = true;
  decision.started = current.info.create_request_id() == request_id;
  decision.status = current.info.status();
  return decision;
}

IdPolicy PolicyOf(enums::WorkflowIdReusePolicy reuse, enums::WorkflowIdConflictPolicy conflict,
                  enums::WorkflowIdConflictPolicy default_conflict) {
  IdPolicy policy{reuse, conflict};
  if (policy.reuse == enums::WORKFLOW_ID_REUSE_POLICY_UNSPECIFIED) {
    policy.reuse = enums::WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE;
  }
  if (policy.conflict == enums::WORKFLOW_ID_CONFLICT_POLICY_UNSPECIFIED) {
    policy.conflict = default_conflict;
  }
  // Temporal: the old reuse policy stands for a conflict policy.
  if (policy.reuse == enums::WORKFLOW_ID_REUSE_POLICY_TERMINATE_IF_RUNNING) {
    policy.reuse = enums::WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE;
    policy.conflict = enums::WORKFLOW_ID_CONFLICT_POLICY_TERMINATE_EXISTING;
  }
  return policy;
}

absl::Status AlreadyStarted(const State& current, absl::string_view before,
                            absl::string_view after) {
  return base::WorkflowAlreadyStarted(
      absl::StrCat(before, " WorkflowId: ", current.info.workflow_id(),
                   ", RunId: ", current.info.run_id(), after),
      current.info.create_request_id(), current.info.run_id(), current.info.first_run_id());
}

absl::Status TooSoon(const State& current, const Context& context, absl::string_view what) {
  const int64_t minimum_ns = absl::ToInt64Nanoseconds(context.limits->workflow_id_reuse_interval);
  const int64_t since_ns = context.now_ns - current.info.start_time_ns();
  if (minimum_ns == 0 || minimum_ns < since_ns) return absl::OkStatus();
  return base::ResourceExhausted(
      enums::RESOURCE_EXHAUSTED_CAUSE_BUSY_WORKFLOW,
      absl::StrCat("Too many ", what, " for workflow ", current.info.workflow_id(),
                   ". Time since last start: ", since_ns / kMillisecondNs, " ms"));
}

// USE_EXISTING with options: the request id, callbacks and links join the running run.
Decision Attach(const State& current, const api::StartWorkflowExecutionRequest& request,
                const Context& context) {
  const auto& options = request.on_conflict_options();
  const bool attaches = options.attach_request_id() || options.attach_completion_callbacks() ||
                        options.attach_links();
  if (!attaches) return Decision();
  Draft draft(current, context);
  HistoryEvent event = draft.NewEvent(enums::EVENT_TYPE_WORKFLOW_EXECUTION_OPTIONS_UPDATED);
  auto* out = event.mutable_workflow_execution_options_updated_event_attributes();
  if (options.attach_request_id()) out->set_attached_request_id(request.request_id());
  if (options.attach_completion_callbacks()) {
    *out->mutable_attached_completion_callbacks() = request.completion_callbacks();
  }
  if (options.attach_links()) *event.mutable_links() = request.links();
  out->set_identity(request.identity());
  const EventId id = draft.Add(std::move(event));
  if (options.attach_request_id()) {
    pb::Change change;
    change.mutable_request_id()->set_request_id(request.request_id());
    change.mutable_request_id()->set_event_id(id);
    change.mutable_request_id()->set_event_type(
        enums::EVENT_TYPE_WORKFLOW_EXECUTION_OPTIONS_UPDATED);
    draft.Emit(std::move(change));
  }
  return draft.Finish();
}

int64_t FirstBackoff(const api::StartWorkflowExecutionRequest& request, int64_t now_ns) {
  if (!request.cron_schedule().empty()) {
    return CronBackoff(request.cron_schedule(), now_ns, now_ns);
  }
  return ToNs(request.workflow_start_delay());
}

}  // namespace

// Temporal: its frontend refuses these before it looks for a run.
absl::Status CheckSchedule(const std::string& schedule, const Context& context) {
  if (schedule.empty()) return absl::OkStatus();
  if (!CheckCron(schedule).ok()) return base::InvalidArgument("invalid CronSchedule.");
  if (CronBackoff(schedule, context.now_ns, context.now_ns) > 0) return absl::OkStatus();
  return base::InvalidArgument(
      "invalid CronSchedule, no time can be found to satisfy the schedule");
}

absl::StatusOr<IdAnswer> ApplyIdPolicy(const State& current, const IdPolicy& policy,
                                       const Context& context) {
  if (current.IsRunning()) {
    switch (policy.conflict) {
      case enums::WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING:
        return IdAnswer::kUseExisting;
      case enums::WORKFLOW_ID_CONFLICT_POLICY_TERMINATE_EXISTING: {
        absl::Status status = TooSoon(current, context, "restarts");
        if (!status.ok()) return status;
        return IdAnswer::kTerminateExisting;
      }
      default:
        return AlreadyStarted(current, "Workflow execution is already running.", ".");
    }
  }
  const auto status = current.info.status();
  const bool failed = status == enums::WORKFLOW_EXECUTION_STATUS_FAILED ||
                      status == enums::WORKFLOW_EXECUTION_STATUS_CANCELED ||
                      status == enums::WORKFLOW_EXECUTION_STATUS_TERMINATED ||
                      status == enums::WORKFLOW_EXECUTION_STATUS_TIMED_OUT;
  if (policy.reuse == enums::WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE_FAILED_ONLY && !failed) {
    return AlreadyStarted(
        current, "Workflow execution already finished successfully.",
        ". Workflow Id reuse policy: allow duplicate workflow Id if last run failed.");
  }
  if (policy.reuse == enums::WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE) {
    return AlreadyStarted(current, "Workflow execution already finished.",
                          ". Workflow Id reuse policy: reject duplicate workflow Id.");
  }
  absl::Status soon = TooSoon(current, context, "starts");
  if (!soon.ok()) return soon;
  return IdAnswer::kStart;
}

void TerminateForNewRun(Draft& draft, const std::string& new_run_id) {
  temporal::api::common::v1::Payloads details;
  auto* payload = details.add_payloads();
  (*payload->mutable_metadata())["encoding"] = "json/plain";
  payload->set_data(absl::StrCat("\"terminated by new runID: ", new_run_id, "\""));
  Terminate(draft, "TerminateIfRunning WorkflowIdReusePolicy", &details, "history-service");
}

RunStart RunStartOf(const api::StartWorkflowExecutionRequest& request, const std::string& run_id,
                    const Context& context) {
  RunStart start;
  start.workflow_id = request.workflow_id();
  start.run_id = run_id;
  start.create_request_id = request.request_id();
  start.backoff_ns = FirstBackoff(request, context.now_ns);
  start.links = request.links();
  if (request.has_user_metadata()) start.user_metadata = request.user_metadata();
  auto& attributes = start.attributes;
  *attributes.mutable_workflow_type() = request.workflow_type();
  *attributes.mutable_task_queue() = request.task_queue();
  if (request.has_input()) *attributes.mutable_input() = request.input();
  *attributes.mutable_workflow_execution_timeout() = request.workflow_execution_timeout();
  *attributes.mutable_workflow_run_timeout() = request.workflow_run_timeout();
  *attributes.mutable_workflow_task_timeout() = request.workflow_task_timeout();
  attributes.set_identity(request.identity());
  if (request.has_retry_policy()) {
    *attributes.mutable_retry_policy() = request.retry_policy();
    FillRetryDefaults(*attributes.mutable_retry_policy());
  }
  attributes.set_cron_schedule(request.cron_schedule());
  if (!request.cron_schedule().empty()) {
    attributes.set_initiator(enums::CONTINUE_AS_NEW_INITIATOR_CRON_SCHEDULE);
  }
  if (request.has_memo()) *attributes.mutable_memo() = request.memo();
  if (request.has_search_attributes()) {
    *attributes.mutable_search_attributes() = request.search_attributes();
  }
  if (request.has_header()) *attributes.mutable_header() = request.header();
  if (request.has_continued_failure()) {
    *attributes.mutable_continued_failure() = request.continued_failure();
  }
  if (request.has_last_completion_result()) {
    *attributes.mutable_last_completion_result() = request.last_completion_result();
  }
  *attributes.mutable_completion_callbacks() = request.completion_callbacks();
  if (request.has_versioning_override()) {
    *attributes.mutable_versioning_override() = request.versioning_override();
  }
  if (request.has_priority()) *attributes.mutable_priority() = request.priority();
  return start;
}

absl::StatusOr<StartDecision> DecideStart(const State* current,
                                          const api::StartWorkflowExecutionRequest& request,
                                          const std::string& new_run_id, const Context& context) {
  if (absl::Status status = CheckSchedule(request.cron_schedule(), context); !status.ok()) {
    return status;
  }
  StartDecision decision;
  if (current != nullptr) {
    if (IsRepeat(*current, request.request_id())) return RepeatOf(*current, request.request_id());
    const IdPolicy policy =
        PolicyOf(request.workflow_id_reuse_policy(), request.workflow_id_conflict_policy(),
                 enums::WORKFLOW_ID_CONFLICT_POLICY_FAIL);
    const absl::StatusOr<IdAnswer> answer = ApplyIdPolicy(*current, policy, context);
    if (!answer.ok()) return answer.status();
    if (*answer == IdAnswer::kUseExisting) {
      decision.current = Attach(*current, request, context);
      decision.run_id = current->info.run_id();
      return decision;
    }
    if (*answer == IdAnswer::kTerminateExisting) {
      Draft draft(*current, context);
      TerminateForNewRun(draft, new_run_id);
      decision.current = draft.Finish();
    }
  }
  RunStart start = RunStartOf(request, new_run_id, context);
  if (request.request_eager_execution() && start.backoff_ns == 0) {
    TaskStart eager;
    eager.identity = request.identity();
    eager.request_id = request.request_id();
    eager.task_queue = request.task_queue().name();
    start.eager_start = std::move(eager);
    decision.is_eager = true;
  }
  decision.created = MakeNewRun(context, std::move(start));
  decision.run_id = new_run_id;
  decision.started = true;
  return decision;
}

absl::StatusOr<StartDecision> DecideSignalWithStart(
    const State* current, const api::SignalWithStartWorkflowExecutionRequest& request,
    const std::string& new_run_id, const Context& context) {
  if (absl::Status status = CheckSchedule(request.cron_schedule(), context); !status.ok()) {
    return status;
  }
  StartDecision decision;
  if (current != nullptr) {
    const bool is_repeat = IsRepeat(*current, request.request_id()) ||
                           current->signal_request_ids.Contains(request.request_id());
    if (is_repeat) return RepeatOf(*current, request.request_id());
    const IdPolicy policy =
        PolicyOf(request.workflow_id_reuse_policy(), request.workflow_id_conflict_policy(),
                 enums::WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING);
    const absl::StatusOr<IdAnswer> answer = ApplyIdPolicy(*current, policy, context);
    if (!answer.ok()) return answer.status();
    if (*answer == IdAnswer::kUseExisting) {
      api::SignalWorkflowExecutionRequest signal;
      signal.set_signal_name(request.signal_name());
      if (request.has_signal_input()) *signal.mutable_input() = request.signal_input();
      signal.set_identity(request.identity());
      if (request.has_header()) *signal.mutable_header() = request.header();
      signal.set_request_id(request.request_id());
      *signal.mutable_links() = request.links();
      absl::StatusOr<Decision> signaled = DecideSignal(*current, signal, context);
      if (!signaled.ok()) return signaled.status();
      decision.current = *std::move(signaled);
      decision.run_id = current->info.run_id();
      return decision;
    }
    if (*answer == IdAnswer::kTerminateExisting) {
      Draft draft(*current, context);
      TerminateForNewRun(draft, new_run_id);
      decision.current = draft.Finish();
    }
  }
  api::StartWorkflowExecutionRequest plain;
  plain.set_workflow_id(request.workflow_id());
  *plain.mutable_workflow_type() = request.workflow_type();
  *plain.mutable_task_queue() = request.task_queue();
  if (request.has_input()) *plain.mutable_input() = request.input();
  *plain.mutable_workflow_execution_timeout() = request.workflow_execution_timeout();
  *plain.mutable_workflow_run_timeout() = request.workflow_run_timeout();
  *plain.mutable_workflow_task_timeout() = request.workflow_task_timeout();
  plain.set_identity(request.identity());
  plain.set_request_id(request.request_id());
  if (request.has_retry_policy()) *plain.mutable_retry_policy() = request.retry_policy();
  plain.set_cron_schedule(request.cron_schedule());
  if (request.has_memo()) *plain.mutable_memo() = request.memo();
  if (request.has_search_attributes()) {
    *plain.mutable_search_attributes() = request.search_attributes();
  }
  if (request.has_header()) *plain.mutable_header() = request.header();
  *plain.mutable_workflow_start_delay() = request.workflow_start_delay();
  if (request.has_user_metadata()) *plain.mutable_user_metadata() = request.user_metadata();
  if (request.has_versioning_override()) {
    *plain.mutable_versioning_override() = request.versioning_override();
  }
  if (request.has_priority()) *plain.mutable_priority() = request.priority();
  *plain.mutable_links() = request.links();
  RunStart start = RunStartOf(plain, new_run_id, context);
  start.signal.emplace();
  start.signal->set_signal_name(request.signal_name());
  if (request.has_signal_input()) *start.signal->mutable_input() = request.signal_input();
  start.signal->set_identity(request.identity());
  if (request.has_header()) *start.signal->mutable_header() = request.header();
  start.signal->set_request_id(request.request_id());
  start.signal_request_id = request.request_id();
  start.signal_links = request.links();
  decision.created = MakeNewRun(context, std::move(start));
  decision.run_id = new_run_id;
  decision.started = true;
  return decision;
}

}  // namespace perdure::machines
