#include "sim/replay.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "base/check.h"
#include "temporal/api/update/v1/message.pb.h"

namespace perdure::sim {
namespace {

namespace enums = temporal::api::enums::v1;
namespace update = temporal::api::update::v1;

constexpr absl::string_view kLinkPrefix = "link ";

void SetMilliseconds(google::protobuf::Duration* duration, int64_t ms) {
  duration->set_seconds(ms / 1000);
  duration->set_nanos(static_cast<int32_t>(ms % 1000) * 1'000'000);
}

Command CommandOf(enums::CommandType type) {
  Command command;
  command.set_command_type(type);
  return command;
}

Command TimerCommand(const std::string& id, int64_t ms) {
  Command command = CommandOf(enums::COMMAND_TYPE_START_TIMER);
  auto* a = command.mutable_start_timer_command_attributes();
  a->set_timer_id(id);
  SetMilliseconds(a->mutable_start_to_fire_timeout(), ms);
  return command;
}

void AddUpserts(const Operation& op, std::vector<Command>& commands) {
  if (op.seed % 3 != 0) {
    Command command = CommandOf(enums::COMMAND_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES);
    auto& fields = *command.mutable_upsert_workflow_search_attributes_command_attributes()
                        ->mutable_search_attributes()
                        ->mutable_indexed_fields();
    auto& payload = fields[kUpsertedAttribute];
    (*payload.mutable_metadata())["encoding"] = "json/plain";
    payload.set_data(absl::StrCat("\"", AttributeText(op.value), "\""));
    commands.push_back(std::move(command));
  }
  if (op.seed % 3 != 1) {
    Command command = CommandOf(enums::COMMAND_TYPE_MODIFY_WORKFLOW_PROPERTIES);
    auto& fields = *command.mutable_modify_workflow_properties_command_attributes()
                        ->mutable_upserted_memo()
                        ->mutable_fields();
    fields[kUpsertedMemo] = PayloadsOf(absl::StrCat(op.value)).payloads(0);
    commands.push_back(std::move(command));
  }
}

Command ActivityCommand(const Operation& op) {
  Command command = CommandOf(enums::COMMAND_TYPE_SCHEDULE_ACTIVITY_TASK);
  auto* a = command.mutable_schedule_activity_task_command_attributes();
  a->set_activity_id(op.id);
  a->mutable_activity_type()->set_name("work");
  a->mutable_task_queue()->set_name(kTaskQueue);
  SetMilliseconds(a->mutable_start_to_close_timeout(), op.start_to_close_ms);
  if (op.heartbeat_ms > 0) SetMilliseconds(a->mutable_heartbeat_timeout(), op.heartbeat_ms);
  SetMilliseconds(a->mutable_retry_policy()->mutable_initial_interval(),
                  100 + static_cast<int64_t>(op.seed % 900));
  a->mutable_retry_policy()->set_backoff_coefficient(1.5);
  SetMilliseconds(a->mutable_retry_policy()->mutable_maximum_interval(), 5000);
  a->mutable_retry_policy()->set_maximum_attempts(op.attempts_max);
  a->set_request_eager_execution(op.seed % 3 == 0);
  ActivityInput input{.seed = op.seed,
                      .fails = op.fails,
                      .attempts_max = op.attempts_max,
                      .waits_for_cancel = op.kind == OperationKind::kCancelledActivity,
                      .has_heartbeat = op.heartbeat_ms > 0};
  *a->mutable_input() = PayloadsOf(Encode(input));
  return command;
}

// The number that follows the result of the link before; the first has none before it.
int64_t LinkAfter(const std::string& result) {
  int64_t last = 0;
  if (!result.empty()) PERDURE_CHECK(absl::SimpleAtoi(result.substr(kLinkPrefix.size()), &last));
  return last + 1;
}

}  // namespace

std::string AttributeText(int64_t value) { return absl::StrCat("v", value); }

int64_t AttributeIn(const temporal::api::common::v1::SearchAttributes& attributes) {
  const auto found = attributes.indexed_fields().find(kUpsertedAttribute);
  if (found == attributes.indexed_fields().end()) return 0;
  absl::string_view text = found->second.data();  // "v7", as JSON
  int64_t value = 0;
  const bool is_value = absl::ConsumePrefix(&text, "\"v") && absl::ConsumeSuffix(&text, "\"") &&
                        absl::SimpleAtoi(text, &value);
  return is_value ? value : 0;
}

int64_t MemoIn(const temporal::api::common::v1::Memo& memo) {
  const auto found = memo.fields().find(kUpsertedMemo);
  int64_t value = 0;
  const bool is_value =
      found != memo.fields().end() && absl::SimpleAtoi(found->second.data(), &value);
  return is_value ? value : 0;
}

std::string LinkResult(int64_t link) { return absl::StrCat(kLinkPrefix, link); }

std::string NextRunAfter(const HistoryEvent& event) {
  switch (event.event_type()) {
    case enums::EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW:
      return event.workflow_execution_continued_as_new_event_attributes().new_execution_run_id();
    case enums::EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED:
      return event.workflow_execution_completed_event_attributes().new_execution_run_id();
    case enums::EVENT_TYPE_WORKFLOW_EXECUTION_FAILED:
      return event.workflow_execution_failed_event_attributes().new_execution_run_id();
    case enums::EVENT_TYPE_WORKFLOW_EXECUTION_TIMED_OUT:
      return event.workflow_execution_timed_out_event_attributes().new_execution_run_id();
    default:
      return "";
  }
}

std::string JoinLog(const Entries& log) { return absl::StrJoin(log, ","); }

Entries SplitLog(const std::string& text) { return absl::StrSplit(text, ',', absl::SkipEmpty()); }

// --- Folding

void Replay::Append(Entries& log, const std::string& entry) {
  if (std::find(log.begin(), log.end(), entry) == log.end()) log.push_back(entry);
}

void Replay::Begin(const std::string& id, int64_t event_id) {
  progress_[id].first_event = event_id;
  ids_[event_id] = id;
}

void Replay::End(int64_t first_event, const std::string& outcome) {
  const auto id = ids_.find(first_event);
  if (id == ids_.end()) return;
  Progress& progress = progress_[id->second];
  progress.is_done = true;
  progress.outcome = outcome;
}

void Replay::See(const HistoryEvent& event) {
  const int64_t id = event.event_id();
  switch (event.event_type()) {
    case enums::EVENT_TYPE_WORKFLOW_EXECUTION_STARTED: {
      const auto& a = event.workflow_execution_started_event_attributes();
      input_ = DecodeProgramInput(TextOf(a.input()));
      program_ = MakeProgram(input_);
      log_ = SplitLog(input_.log);
      attempt_ = a.attempt();
      has_run_timeout_ = a.has_workflow_run_timeout();
      if (input_.is_link) link_ = LinkAfter(TextOf(a.last_completion_result()));
      return;
    }
    case enums::EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED:
      ++signals_;
      return Append(log_, TextOf(event.workflow_execution_signaled_event_attributes().input()));
    case enums::EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED:
      is_cancel_requested_ = true;
      return;
    case enums::EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
      return Begin(event.activity_task_scheduled_event_attributes().activity_id(), id);
    case enums::EVENT_TYPE_ACTIVITY_TASK_CANCEL_REQUESTED: {
      const auto found =
          ids_.find(event.activity_task_cancel_requested_event_attributes().scheduled_event_id());
      if (found != ids_.end()) progress_[found->second].is_cancel_requested = true;
      return;
    }
    case enums::EVENT_TYPE_ACTIVITY_TASK_COMPLETED:
      return End(event.activity_task_completed_event_attributes().scheduled_event_id(), "ok");
    case enums::EVENT_TYPE_ACTIVITY_TASK_FAILED:
      return End(event.activity_task_failed_event_attributes().scheduled_event_id(), "failed");
    case enums::EVENT_TYPE_ACTIVITY_TASK_TIMED_OUT:
      return End(event.activity_task_timed_out_event_attributes().scheduled_event_id(), "timeout");
    case enums::EVENT_TYPE_ACTIVITY_TASK_CANCELED:
      return End(event.activity_task_canceled_event_attributes().scheduled_event_id(), "canceled");
    case enums::EVENT_TYPE_TIMER_STARTED:
      return Begin(event.timer_started_event_attributes().timer_id(), id);
    case enums::EVENT_TYPE_TIMER_FIRED:
      return End(event.timer_fired_event_attributes().started_event_id(), "ok");
    case enums::EVENT_TYPE_TIMER_CANCELED:
      return End(event.timer_canceled_event_attributes().started_event_id(), "canceled");
    case enums::EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED:
      return Begin(event.start_child_workflow_execution_initiated_event_attributes().control(), id);
    case enums::EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_FAILED:
      return End(
          event.start_child_workflow_execution_failed_event_attributes().initiated_event_id(),
          "refused");
    case enums::EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_STARTED: {
      const int64_t first =
          event.child_workflow_execution_started_event_attributes().initiated_event_id();
      const auto found = ids_.find(first);
      for (const auto& step : program_.steps) {
        for (const Operation& op : step) {
          if (found != ids_.end() && op.id == found->second &&
              (op.kind == OperationKind::kAbandonedChild ||
               op.kind == OperationKind::kLastingChild)) {
            End(first, "ok");
          }
        }
      }
      return;
    }
    default:
      return SeeOthers(event);
  }
}

void Replay::SeeUpsert(int64_t event_id, int64_t value) {
  Begin(UpsertId(value), event_id);
  End(event_id, "ok");
}

void Replay::SeeOthers(const HistoryEvent& event) {
  const int64_t id = event.event_id();
  const auto end_child = [this](const auto& a, const std::string& outcome) {
    const auto found = ids_.find(a.initiated_event_id());
    // One that is not waited for ended when it started.
    if (found != ids_.end() && !progress_[found->second].is_done) {
      End(a.initiated_event_id(), outcome);
    }
  };
  switch (event.event_type()) {
    case enums::EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_COMPLETED:
      return end_child(event.child_workflow_execution_completed_event_attributes(), "ok");
    case enums::EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_FAILED:
      return end_child(event.child_workflow_execution_failed_event_attributes(), "failed");
    case enums::EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_CANCELED:
      return end_child(event.child_workflow_execution_canceled_event_attributes(), "canceled");
    case enums::EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_TERMINATED:
      return end_child(event.child_workflow_execution_terminated_event_attributes(), "terminated");
    case enums::EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_TIMED_OUT:
      return end_child(event.child_workflow_execution_timed_out_event_attributes(), "timeout");
    case enums::EVENT_TYPE_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED:
      return Begin(event.signal_external_workflow_execution_initiated_event_attributes().control(),
                   id);
    case enums::EVENT_TYPE_EXTERNAL_WORKFLOW_EXECUTION_SIGNALED:
      return End(event.external_workflow_execution_signaled_event_attributes().initiated_event_id(),
                 "ok");
    case enums::EVENT_TYPE_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_FAILED:
      return End(
          event.signal_external_workflow_execution_failed_event_attributes().initiated_event_id(),
          "refused");
    case enums::EVENT_TYPE_MARKER_RECORDED:
      Begin(event.marker_recorded_event_attributes().marker_name(), id);
      return End(id, "ok");
    case enums::EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES:
      attribute_ = AttributeIn(
          event.upsert_workflow_search_attributes_event_attributes().search_attributes());
      return SeeUpsert(id, attribute_);
    case enums::EVENT_TYPE_WORKFLOW_PROPERTIES_MODIFIED:
      memo_ = MemoIn(event.workflow_properties_modified_event_attributes().upserted_memo());
      return SeeUpsert(id, memo_);
    case enums::EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ADMITTED: {
      // As SDKs do: this is its request, and the next task gets it.
      const auto& a = event.workflow_execution_update_admitted_event_attributes();
      Message request;
      request.set_protocol_instance_id(a.request().meta().update_id());
      request.set_id(absl::StrCat(request.protocol_instance_id(), "/request"));
      request.set_event_id(id);
      request.mutable_body()->PackFrom(a.request());
      return admitted_.push_back(std::move(request));
    }
    case enums::EVENT_TYPE_WORKFLOW_TASK_COMPLETED:
      return admitted_.clear();
    case enums::EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED: {
      const auto& a = event.workflow_execution_update_accepted_event_attributes();
      accepted_.insert(a.protocol_instance_id());
      return Append(log_, a.protocol_instance_id());
    }
    case enums::EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_COMPLETED:
      completed_.insert(
          event.workflow_execution_update_completed_event_attributes().meta().update_id());
      return;
    default:
      return;
  }
}

// --- Deciding

const Replay::Progress* Replay::Find(const std::string& id) const {
  const auto found = progress_.find(id);
  return found == progress_.end() ? nullptr : &found->second;
}

bool Replay::HasFired(const std::string& timer_id) const {
  const Progress* timer = Find(timer_id);
  return timer != nullptr && timer->is_done;
}

bool Replay::IsDone(const Operation& op) const {
  if (op.kind == OperationKind::kWaitForSignals) return signals() >= op.signals;
  const Progress* progress = Find(op.id);
  return progress != nullptr && progress->is_done;
}

Command Replay::ChildCommand(const Operation& op, const std::string& run_name) const {
  Command command = CommandOf(enums::COMMAND_TYPE_START_CHILD_WORKFLOW_EXECUTION);
  auto* a = command.mutable_start_child_workflow_execution_command_attributes();
  a->set_workflow_id(absl::StrCat(run_name, ".", op.id));
  if (op.kind == OperationKind::kReusedChild) {
    a->set_workflow_id(absl::StrCat(run_name.substr(0, run_name.find('/')), kReusedSuffix));
    a->set_workflow_id_reuse_policy(static_cast<enums::WorkflowIdReusePolicy>(op.reuse_policy));
  }
  a->mutable_workflow_type()->set_name(kWorkflowType);
  a->mutable_task_queue()->set_name(kTaskQueue);
  a->set_control(op.id);
  a->set_parent_close_policy(static_cast<enums::ParentClosePolicy>(op.close_policy));
  const ProgramInput input{
      .seed = op.seed, .depth = input_.depth + 1, .lasts = op.kind == OperationKind::kLastingChild};
  const Program program = MakeProgram(input);
  if (program.attempts_max > 1) {
    a->mutable_retry_policy()->mutable_initial_interval()->set_seconds(1);
    a->mutable_retry_policy()->set_maximum_attempts(program.attempts_max);
  }
  *a->mutable_input() = PayloadsOf(Encode(input));
  return command;
}

bool Replay::Work(const Operation& op, const std::string& run_name, Next& next) const {
  const Progress* progress = Find(op.id);
  const bool is_new = progress == nullptr;
  switch (op.kind) {
    case OperationKind::kActivity:
      if (is_new) next.commands.push_back(ActivityCommand(op));
      return false;
    case OperationKind::kCancelledActivity:
      if (is_new) {
        next.commands.push_back(ActivityCommand(op));
        next.commands.push_back(TimerCommand(absl::StrCat(op.id, "/stop"), op.delay_ms));
      } else if (HasFired(absl::StrCat(op.id, "/stop")) && !progress->is_cancel_requested &&
                 !progress->is_done) {
        Command command = CommandOf(enums::COMMAND_TYPE_REQUEST_CANCEL_ACTIVITY_TASK);
        command.mutable_request_cancel_activity_task_command_attributes()->set_scheduled_event_id(
            progress->first_event);
        next.commands.push_back(std::move(command));
      }
      return false;
    case OperationKind::kTimer:
      if (is_new) next.commands.push_back(TimerCommand(op.id, op.delay_ms));
      return false;
    case OperationKind::kCancelledTimer:
      if (is_new) {
        next.commands.push_back(TimerCommand(op.id, 24 * 3600 * 1000));
        next.commands.push_back(TimerCommand(absl::StrCat(op.id, "/stop"), op.delay_ms));
      } else if (HasFired(absl::StrCat(op.id, "/stop")) && !progress->is_done) {
        Command command = CommandOf(enums::COMMAND_TYPE_CANCEL_TIMER);
        command.mutable_cancel_timer_command_attributes()->set_timer_id(op.id);
        next.commands.push_back(std::move(command));
        return true;  // No event tells of it: the command is the end.
      }
      return false;
    case OperationKind::kChild:
    case OperationKind::kAbandonedChild:
    case OperationKind::kLastingChild:
    case OperationKind::kReusedChild: {
      if (!is_new) return false;
      next.commands.push_back(ChildCommand(op, run_name));
      return false;
    }
    case OperationKind::kWaitForSignals:
      return false;
    case OperationKind::kSignalPeer: {
      if (!is_new) return false;
      Command command = CommandOf(enums::COMMAND_TYPE_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION);
      auto* a = command.mutable_signal_external_workflow_execution_command_attributes();
      a->mutable_execution()->set_workflow_id(absl::StrCat("w", op.seed % 4));
      a->set_signal_name("peer");
      a->set_control(op.id);
      *a->mutable_input() = PayloadsOf(absl::StrCat("peer:", run_name, ".", op.id));
      next.commands.push_back(std::move(command));
      return false;
    }
    case OperationKind::kMarker: {
      if (!is_new) return false;
      Command command = CommandOf(enums::COMMAND_TYPE_RECORD_MARKER);
      command.mutable_record_marker_command_attributes()->set_marker_name(op.id);
      next.commands.push_back(std::move(command));
      return true;
    }
    case OperationKind::kUpsert:
      if (is_new) AddUpserts(op, next.commands);
      return true;
  }
  return false;
}

void Replay::AnswerUpdates(const std::vector<Message>& requests, Next& next,
                           std::set<std::string>& open) const {
  const auto say = [&next](const std::string& update_id, const std::string& what,
                           const google::protobuf::Message& body) {
    Message message;
    message.set_id(absl::StrCat(update_id, "/", what));
    message.set_protocol_instance_id(update_id);
    message.mutable_body()->PackFrom(body);
    Command command = CommandOf(enums::COMMAND_TYPE_PROTOCOL_MESSAGE);
    command.mutable_protocol_message_command_attributes()->set_message_id(message.id());
    next.messages.push_back(std::move(message));
    // Temporal's SDKs name rejections in no command.
    if (what != "reject") next.commands.push_back(std::move(command));
  };
  Entries& log = next.log;
  // With the log up to itself.
  const auto respond = [&say, &log](const std::string& update_id) {
    update::Response response;
    response.mutable_meta()->set_update_id(update_id);
    const Entries seen(log.begin(), std::find(log.begin(), log.end(), update_id) + 1);
    *response.mutable_outcome()->mutable_success() = PayloadsOf("done:" + JoinLog(seen));
    say(update_id, "complete", response);
  };
  for (const Message& message : requests) {
    update::Request request;
    if (!message.body().UnpackTo(&request)) continue;
    const std::string& id = message.protocol_instance_id();
    if (accepted_.contains(id)) continue;
    const UpdateManner manner = MannerOf(id);
    if (manner == UpdateManner::kReject) {
      update::Rejection rejection;
      rejection.set_rejected_request_message_id(message.id());
      *rejection.mutable_rejected_request() = request;
      rejection.mutable_failure()->set_message("rejected");
      rejection.mutable_failure()->mutable_application_failure_info()->set_type("rejected");
      say(id, "reject", rejection);
      continue;
    }
    update::Acceptance acceptance;
    acceptance.set_accepted_request_message_id(message.id());
    acceptance.set_accepted_request_sequencing_event_id(message.event_id());
    *acceptance.mutable_accepted_request() = request;
    say(id, "accept", acceptance);
    Append(log, id);
    if (manner == UpdateManner::kAnswerAtOnce) {
      respond(id);
    } else {
      next.commands.push_back(
          TimerCommand("update/" + id, 1 + static_cast<int64_t>(HashOf(id) % 3000)));
      open.insert(id);
    }
  }
  for (const std::string& id : accepted_) {
    if (completed_.contains(id)) continue;
    if (HasFired("update/" + id)) {
      respond(id);
    } else {
      open.insert(id);
    }
  }
}

Command Replay::Finish(const Entries& log) const {
  if (is_cancel_requested_) {
    Command command = CommandOf(enums::COMMAND_TYPE_CANCEL_WORKFLOW_EXECUTION);
    command.mutable_cancel_workflow_execution_command_attributes();
    return command;
  }
  if (input_.is_link) return FinishLink();
  if (input_.generation < program_.generations) {
    Command command = CommandOf(enums::COMMAND_TYPE_CONTINUE_AS_NEW_WORKFLOW_EXECUTION);
    auto* a = command.mutable_continue_as_new_workflow_execution_command_attributes();
    a->mutable_workflow_type()->set_name(kWorkflowType);
    a->mutable_task_queue()->set_name(kTaskQueue);
    if (program_.attempts_max > 1) {
      SetMilliseconds(a->mutable_retry_policy()->mutable_initial_interval(), 1000);
      a->mutable_retry_policy()->set_maximum_attempts(program_.attempts_max);
    }
    ProgramInput input = input_;
    input.signals = signals();
    input.log = JoinLog(log);
    ++input.generation;
    *a->mutable_input() = PayloadsOf(Encode(input));
    return command;
  }
  if (attempt_ <= program_.failing_attempts) {
    Command command = CommandOf(enums::COMMAND_TYPE_FAIL_WORKFLOW_EXECUTION);
    auto* failure = command.mutable_fail_workflow_execution_command_attributes()->mutable_failure();
    failure->set_message(Result());
    failure->mutable_application_failure_info()->set_type("program");
    return command;
  }
  Command command = CommandOf(enums::COMMAND_TYPE_COMPLETE_WORKFLOW_EXECUTION);
  *command.mutable_complete_workflow_execution_command_attributes()->mutable_result() =
      PayloadsOf(Result());
  return command;
}

LinkManner Replay::link_manner() const {
  return MannerOfLink(input_.seed, link_, attempt_, has_run_timeout_);
}

Command Replay::FinishLink() const {
  const LinkManner manner = link_manner();
  if (manner == LinkManner::kCompletes) {
    Command command = CommandOf(enums::COMMAND_TYPE_COMPLETE_WORKFLOW_EXECUTION);
    *command.mutable_complete_workflow_execution_command_attributes()->mutable_result() =
        PayloadsOf(Result());
    return command;
  }
  Command command = CommandOf(enums::COMMAND_TYPE_FAIL_WORKFLOW_EXECUTION);
  auto* failure = command.mutable_fail_workflow_execution_command_attributes()->mutable_failure();
  failure->set_message(absl::StrCat(LinkResult(link_), " attempt ", attempt_));
  failure->mutable_application_failure_info()->set_type(
      manner == LinkManner::kFailsForGood ? kFinalFailure : "passing");
  return command;
}

Replay::Next Replay::Decide(const std::string& run_name,
                            const std::vector<Message>& requests) const {
  Next next;
  next.log = log_;
  std::set<std::string> open_updates;
  std::vector<Message> all = admitted_;
  all.insert(all.end(), requests.begin(), requests.end());
  AnswerUpdates(all, next, open_updates);
  bool is_over = true;
  if (!is_cancel_requested_) {
    for (const auto& step : program_.steps) {
      for (const Operation& op : step) {
        const bool ends_now = Work(op, run_name, next);
        if (!ends_now && !IsDone(op)) is_over = false;
      }
      if (!is_over) break;
    }
    const bool hangs = input_.is_link && link_manner() == LinkManner::kHangs;
    if (hangs || input_.lasts) is_over = false;
  }
  if (is_over && open_updates.empty()) next.commands.push_back(Finish(next.log));
  return next;
}

// --- Judging

std::string Replay::Result() const {
  if (input_.is_link) return LinkResult(link_);
  std::string result;
  for (const auto& step : program_.steps) {
    for (const Operation& op : step) {
      const Progress* progress = Find(op.id);
      if (op.kind == OperationKind::kWaitForSignals) continue;
      std::string outcome = progress == nullptr ? "" : progress->outcome;
      // What ends by its command has no event when the result is made.
      if (op.kind == OperationKind::kMarker || op.kind == OperationKind::kUpsert) outcome = "ok";
      if (op.kind == OperationKind::kCancelledTimer) outcome = "canceled";
      absl::StrAppend(&result, op.id, "=", outcome, ";");
    }
  }
  absl::StrAppend(&result, "signals=", signals());
  return result;
}

std::vector<std::string> Replay::Wrongs() const {
  std::vector<std::string> wrongs;
  for (const auto& step : program_.steps) {
    for (const Operation& op : step) {
      const Progress* progress = Find(op.id);
      if (progress == nullptr || !progress->is_done) continue;
      // A link's run timeout bounds its activities.
      if (input_.is_link && progress->outcome == "timeout") continue;
      if (!MayEndAs(op, progress->outcome)) {
        wrongs.push_back(absl::StrCat("operation ", op.id, " must not end as ", progress->outcome));
      }
    }
  }
  return wrongs;
}

}  // namespace perdure::sim
