#include "machines/workflow/run.h"

#include <algorithm>
#include <utility>

namespace perdure::machines {

int64_t EffectiveRunTimeout(int64_t run_timeout_ns, int64_t execution_timeout_ns) {
  return ShorterTimeout(run_timeout_ns, execution_timeout_ns);
}

int64_t EffectiveTaskTimeout(const base::Limits& limits, int64_t task_timeout_ns,
                             int64_t run_timeout_ns) {
  int64_t timeout_ns = task_timeout_ns;
  if (timeout_ns == 0) timeout_ns = absl::ToInt64Nanoseconds(limits.workflow_task_timeout);
  timeout_ns = std::min(timeout_ns, absl::ToInt64Nanoseconds(limits.workflow_task_timeout_max));
  return ShorterTimeout(timeout_ns, run_timeout_ns);
}

int64_t MinimalBackoff(const Draft& draft, int64_t backoff_ns) {
  const int64_t lifetime_ns = draft.now_ns() - draft.info().execution_time_ns();
  const int64_t interval_ns = lifetime_ns + backoff_ns;
  const int64_t minimum_ns = absl::ToInt64Nanoseconds(draft.limits().workflow_id_reuse_interval);
  if (interval_ns < minimum_ns) return minimum_ns - lifetime_ns;
  return backoff_ns;
}

void BeginRun(Draft& draft, RunStart start) {
  auto& attributes = start.attributes;
  const int64_t now_ns = draft.now_ns();
  const int64_t execution_timeout_ns = ToNs(attributes.workflow_execution_timeout());
  const int64_t run_timeout_ns =
      EffectiveRunTimeout(ToNs(attributes.workflow_run_timeout()), execution_timeout_ns);
  // None is told by absence: the SDKs show a zero as a timeout of zero.
  attributes.clear_workflow_run_timeout();
  if (run_timeout_ns > 0) SetDuration(attributes.mutable_workflow_run_timeout(), run_timeout_ns);
  if (execution_timeout_ns == 0) attributes.clear_workflow_execution_timeout();
  SetDuration(attributes.mutable_workflow_task_timeout(),
              EffectiveTaskTimeout(draft.limits(), ToNs(attributes.workflow_task_timeout()),
                                   run_timeout_ns));
  SetDuration(attributes.mutable_first_workflow_task_backoff(), start.backoff_ns);
  attributes.set_workflow_id(start.workflow_id);
  attributes.set_original_execution_run_id(start.run_id);
  if (attributes.first_execution_run_id().empty()) {
    attributes.set_first_execution_run_id(start.run_id);
  }
  if (attributes.attempt() == 0) attributes.set_attempt(1);
  if (attributes.task_queue().kind() == enums::TASK_QUEUE_KIND_UNSPECIFIED) {
    attributes.mutable_task_queue()->set_kind(enums::TASK_QUEUE_KIND_NORMAL);
  }
  const int64_t begin_ns = now_ns + start.backoff_ns;
  int64_t execution_deadline_ns = start.execution_deadline_ns;
  if (execution_deadline_ns == 0 && execution_timeout_ns > 0) {
    execution_deadline_ns = begin_ns + execution_timeout_ns;
  }
  if (execution_deadline_ns != 0) {
    SetTimestamp(attributes.mutable_workflow_execution_expiration_time(), execution_deadline_ns);
  }
  attributes.set_eager_execution_accepted(start.eager_start.has_value());

  pb::Change change;
  pb::Created& created = *change.mutable_created();
  created.set_namespace_number(draft.context().name_space.number);
  created.set_workflow_id(start.workflow_id);
  created.set_run_id(start.run_id);
  created.set_create_request_id(start.create_request_id);
  created.set_created_time_ns(now_ns);
  created.set_execution_deadline_ns(execution_deadline_ns);
  created.set_run_deadline_ns(run_timeout_ns > 0 ? begin_ns + run_timeout_ns : 0);
  created.set_first_task_backoff_until_ns(start.backoff_ns > 0 ? begin_ns : 0);
  created.set_parent_namespace_number(start.parent_namespace_number);
  draft.Emit(std::move(change));

  HistoryEvent started = draft.NewEvent(enums::EVENT_TYPE_WORKFLOW_EXECUTION_STARTED);
  *started.mutable_workflow_execution_started_event_attributes() = std::move(attributes);
  *started.mutable_links() = std::move(start.links);
  if (start.user_metadata.has_value()) *started.mutable_user_metadata() = *start.user_metadata;
  draft.Add(std::move(started));

  if (start.signal.has_value()) {
    HistoryEvent signaled = draft.NewEvent(enums::EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED);
    *signaled.mutable_workflow_execution_signaled_event_attributes() = *std::move(start.signal);
    *signaled.mutable_links() = std::move(start.signal_links);
    draft.Add(std::move(signaled));
    pb::Change request_id;
    request_id.set_signal_request_id(start.signal_request_id);
    if (!start.signal_request_id.empty()) draft.Emit(std::move(request_id));
  }
  if (start.update.has_value()) {
    pb::Change admitted;
    *admitted.mutable_update_admitted() = *start.update;
    draft.Emit(std::move(admitted));
  }
  if (start.backoff_ns > 0) return;
  draft.ScheduleTask(pb::WorkflowTask::NORMAL);
  if (start.eager_start.has_value()) draft.StartTask(*start.eager_start);
}

RunStart NextRunOf(const Draft& draft, std::string run_id, enums::ContinueAsNewInitiator initiator,
                   int64_t backoff_ns) {
  const State& state = draft.state();
  const auto& old = state.started_event->workflow_execution_started_event_attributes();
  RunStart next;
  next.workflow_id = draft.info().workflow_id();
  next.run_id = std::move(run_id);
  next.execution_deadline_ns = draft.info().execution_deadline_ns();
  next.backoff_ns = MinimalBackoff(draft, backoff_ns);
  next.parent_namespace_number = draft.info().parent_namespace_number();
  auto& attributes = next.attributes;
  *attributes.mutable_workflow_type() = old.workflow_type();
  *attributes.mutable_task_queue() = old.task_queue();
  *attributes.mutable_input() = old.input();
  *attributes.mutable_workflow_execution_timeout() = old.workflow_execution_timeout();
  *attributes.mutable_workflow_run_timeout() = old.workflow_run_timeout();
  *attributes.mutable_workflow_task_timeout() = old.workflow_task_timeout();
  attributes.set_continued_execution_run_id(draft.info().run_id());
  attributes.set_initiator(initiator);
  attributes.set_first_execution_run_id(draft.info().first_run_id());
  if (old.has_retry_policy()) *attributes.mutable_retry_policy() = old.retry_policy();
  attributes.set_cron_schedule(old.cron_schedule());
  if (old.has_memo()) *attributes.mutable_memo() = old.memo();
  if (old.has_search_attributes())
    *attributes.mutable_search_attributes() = old.search_attributes();
  if (old.has_header()) *attributes.mutable_header() = old.header();
  attributes.set_identity(old.identity());
  attributes.set_attempt(
      initiator == enums::CONTINUE_AS_NEW_INITIATOR_RETRY ? draft.info().attempt() + 1 : 1);
  if (old.has_parent_workflow_execution()) {
    attributes.set_parent_workflow_namespace(old.parent_workflow_namespace());
    attributes.set_parent_workflow_namespace_id(old.parent_workflow_namespace_id());
    *attributes.mutable_parent_workflow_execution() = old.parent_workflow_execution();
    attributes.set_parent_initiated_event_id(old.parent_initiated_event_id());
  }
  if (old.has_root_workflow_execution()) {
    *attributes.mutable_root_workflow_execution() = old.root_workflow_execution();
  }
  if (draft.info().has_priority()) *attributes.mutable_priority() = draft.info().priority();
  if (draft.info().has_versioning_override()) {
    *attributes.mutable_versioning_override() = draft.info().versioning_override();
  }
  for (const int64_t key : state.reset_points.Keys()) {
    *attributes.mutable_prev_auto_reset_points()->add_points() = *state.reset_points.Find(key);
  }
  for (const int64_t key : state.callbacks.Keys()) {
    *attributes.add_completion_callbacks() = *state.callbacks.Find(key);
  }
  return next;
}

NewRun MakeNewRun(const Context& context, RunStart start) {
  NewRun run;
  run.run_id = start.run_id;
  const State empty;
  Draft draft(empty, context);
  BeginRun(draft, std::move(start));
  run.record = draft.Finish().record;
  return run;
}

}  // namespace perdure::machines
