#include "worker-sdk/core/run.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "worker-sdk/core/convert.h"
#include "worker-sdk/core/outcome.h"
#include "worker-sdk/core/state.h"

namespace perdure::core {

namespace enums = temporal::api::enums::v1;
namespace service = temporal::api::workflowservice::v1;
using absl::Status;

namespace {

constexpr char kLegacyQuery[] = "legacy";

detail::QueryJob JobOf(std::string id, temporal::api::query::v1::WorkflowQuery query) {
  return {std::move(id), std::move(*query.mutable_query_type()),
          FromApi(std::move(*query.mutable_query_args())),
          FromApi(std::move(*query.mutable_header()))};
}

}  // namespace

class Run::Impl {
 public:
  Impl(const RunOptions* options, const MakeProgram* make_program)
      : options_(options), make_program_(make_program) {}

  void OnCaughtUp(std::function<void()> caught_up) { caught_up_ = std::move(caught_up); }
  Step StartTask(service::PollWorkflowTaskQueueResponse task);
  Step AddHistory(temporal::api::history::v1::History page, std::string next_page_token);
  Step ResolveLocalActivity(LocalActivityOutcome outcome);
  bool ContinuesOurs(const service::PollWorkflowTaskQueueResponse& task) const;
  Step Complete(bool is_heartbeat);
  void TaskAccepted(const service::RespondWorkflowTaskCompletedResponse& response);

  RunState* state() { return state_.get(); }
  const RunState* state() const { return state_.get(); }
  std::int64_t last_started() const { return state_ ? state_->last_started_event_id() : 0; }

 private:
  Step Advance();
  Step Finish();
  Step Fail(const Status& status);
  Step AnswerLegacyQuery();
  Step FailLegacyQuery(const std::string& message, enums::WorkflowTaskFailedCause cause,
                       bool drop_run);
  Status AnswerQueries(service::RespondWorkflowTaskCompletedRequest* request);
  void CloseTask();
  // A task that workflow code answers, rather than one that only asks or replays.
  bool is_live() const { return task_.started_event_id != 0; }

  const RunOptions* options_;
  const MakeProgram* make_program_;
  std::function<void()> caught_up_;
  std::unique_ptr<RunState> state_;
  // What is needed of the task for as long as it is open.
  struct Task {
    std::int64_t started_event_id = 0;
    std::optional<temporal::api::query::v1::WorkflowQuery> query;
    // Ordered, so that answers are given in the same order in each process.
    std::map<std::string, temporal::api::query::v1::WorkflowQuery> queries;
  };
  Task task_;
  bool is_open_ = false;
  std::string next_page_token_;
  bool fetches_whole_history_ = false;
  temporal::api::history::v1::History
      polled_;  // What was polled, while the whole history is fetched (R8).
};

// R10: a sticky task goes on where this run is: behind the last event it knows, or, where it has
// read on for a query, behind the last task it ran for; what it knows of that already is then
// skipped.
bool Run::Impl::ContinuesOurs(const service::PollWorkflowTaskQueueResponse& task) const {
  if (!state_ || !state_->has_program()) return false;
  const auto& events = task.history().events();
  if (events.empty()) return task.started_event_id() == 0;
  const std::int64_t first = events[0].event_id();
  if (first != state_->last_event_id() + 1 && first != state_->last_started_event_id() + 1)
    return false;
  return task.started_event_id() == 0 ||
         task.previous_started_event_id() == state_->last_started_event_id();
}

Step Run::Impl::StartTask(service::PollWorkflowTaskQueueResponse task) {
  const bool continues = ContinuesOurs(task);
  task_ = Task();
  task_.started_event_id = task.started_event_id();
  if (task.has_query()) task_.query = std::move(*task.mutable_query());
  for (auto& [id, query] : *task.mutable_queries()) task_.queries[id] = std::move(query);
  is_open_ = true;
  fetches_whole_history_ = false;
  temporal::api::history::v1::History history = std::move(*task.mutable_history());
  // R17: a query that waited while a task ran is answered from what that led to: it is still open,
  // so a later state than the one it was asked of is as true an answer.
  const bool is_overtaken = continues && history.events().empty() && task_.query;
  const std::int64_t previous_started =
      is_overtaken ? std::max<std::int64_t>(task.previous_started_event_id(), last_started())
                   : task.previous_started_event_id();
  if (!continues) {
    state_ =
        std::make_unique<RunState>(options_, make_program_, task.workflow_execution().workflow_id(),
                                   task.workflow_execution().run_id(), task.workflow_type().name());
  }
  if (task_.query && !task_.queries.empty()) {
    return Fail(absl::InternalError("the server sent two kinds of queries with one task"));
  }
  state_->BeginTask(
      previous_started, is_live(),
      std::vector<ProtocolMessage>(std::make_move_iterator(task.mutable_messages()->begin()),
                                   std::make_move_iterator(task.mutable_messages()->end())));
  const bool begins = !history.events().empty() && history.events(0).event_id() == 1;
  if (!continues && !begins) {
    polled_ = std::move(history);
    fetches_whole_history_ = true;
    state_->events().set_complete(false);
    return NeedHistory{};
  }
  return AddHistory(std::move(history), std::move(*task.mutable_next_page_token()));
}

Step Run::Impl::AddHistory(temporal::api::history::v1::History page, std::string next_page_token) {
  EventQueue& events = state_->events();
  next_page_token_ = std::move(next_page_token);
  Status status = events.Add(std::move(page));
  if (status.ok() && next_page_token_.empty() && fetches_whole_history_) {
    // R8: events of a task that is not written to history yet are in the poll only.
    status = events.Add(std::move(polled_));
    polled_.Clear();
    fetches_whole_history_ = false;
  }
  if (!status.ok()) return Fail(status);
  events.set_complete(next_page_token_.empty());
  if (events.is_complete() && events.last_event_id() < task_.started_event_id) {
    return Fail(absl::InternalError(
        absl::StrCat("the server gave history up to event ", events.last_event_id(),
                     " for a task that began at event ", task_.started_event_id)));
  }
  return Advance();
}

Step Run::Impl::Advance() {
  for (;;) {
    if (state_->must_activate()) {
      if (Status status = state_->Activate(); !status.ok()) return Fail(status);
    }
    EventQueue& events = state_->events();
    auto sequence = events.Next();
    if (sequence) {
      const bool was_replaying = state_->is_replaying();
      if (Status status = state_->Apply(*sequence); !status.ok()) return Fail(status);
      if (was_replaying && !state_->is_replaying() && caught_up_) caught_up_();
      continue;
    }
    // R5 and R7: only the end of all pages tells that there is nothing more.
    if (!events.is_complete()) return NeedHistory{next_page_token_};
    return Finish();
  }
}

Step Run::Impl::Finish() {
  if (task_.query) return AnswerLegacyQuery();
  if (is_live() && !state_->is_closed() && state_->has_local_activities()) {
    return state_->TakeLocalActivities();
  }
  return Complete(false);
}

Step Run::Impl::Complete(bool is_heartbeat) {
  CompleteTask step;
  step.is_heartbeat = is_heartbeat;
  step.closes_run = state_->commanded_end();
  step.run_time = state_->run_time();
  if (is_live()) {
    if (Status status = AnswerQueries(&step.request); !status.ok()) return Fail(status);
    state_->TakeCompletion(&step.request);
    step.request.set_force_create_new_workflow_task(is_heartbeat);
  }
  CloseTask();
  return step;
}

void Run::Impl::CloseTask() {
  is_open_ = false;
  state_->Shrink();
  task_ = Task();
}

// R17: answers to the queries that came with the task, each alone in its activation.
Status Run::Impl::AnswerQueries(service::RespondWorkflowTaskCompletedRequest* request) {
  for (auto& [id, query] : task_.queries) {
    auto result = state_->Query(JobOf(id, std::move(query)));
    auto& to = (*request->mutable_query_results())[id];
    if (result.ok() && std::holds_alternative<Payloads>(result->outcome)) {
      to.set_result_type(enums::QUERY_RESULT_TYPE_ANSWERED);
      *to.mutable_answer() = ToApi(std::move(std::get<Payloads>(result->outcome)));
      continue;
    }
    to.set_result_type(enums::QUERY_RESULT_TYPE_FAILED);
    if (!result.ok()) {
      to.set_error_message(std::string(result.status().message()));
    } else if (const auto& failure = std::get<FailurePtr>(result->outcome)) {
      to.set_error_message(failure->message);
      *to.mutable_failure() = ToApi(*failure);
    }
  }
  return absl::OkStatus();
}

Step Run::Impl::AnswerLegacyQuery() {
  auto result = state_->Query(JobOf(kLegacyQuery, std::move(*task_.query)));
  AnswerQuery step;
  auto& request = step.request;
  if (!result.ok()) {
    return FailLegacyQuery(std::string(result.status().message()),
                           enums::WORKFLOW_TASK_FAILED_CAUSE_WORKFLOW_WORKER_UNHANDLED_FAILURE,
                           false);
  }
  if (auto* answer = std::get_if<Payloads>(&result->outcome)) {
    request.set_completed_type(enums::QUERY_RESULT_TYPE_ANSWERED);
    *request.mutable_query_result() = ToApi(std::move(*answer));
  } else {
    request.set_completed_type(enums::QUERY_RESULT_TYPE_FAILED);
    if (const auto& failure = std::get<FailurePtr>(result->outcome)) {
      request.set_error_message(failure->message);
      *request.mutable_failure() = ToApi(*failure);
    }
  }
  CloseTask();
  return step;
}

Step Run::Impl::FailLegacyQuery(const std::string& message, enums::WorkflowTaskFailedCause cause,
                                bool drop_run) {
  AnswerQuery step;
  step.drop_run = drop_run;
  step.request.set_completed_type(enums::QUERY_RESULT_TYPE_FAILED);
  step.request.set_error_message(message);
  step.request.set_cause(cause);
  step.request.mutable_failure()->set_message(message);
  if (state_) CloseTask();
  return step;
}

Step Run::Impl::Fail(const Status& status) {
  const bool is_nondeterminism = status.code() == absl::StatusCode::kAborted;
  const std::string message(status.message());
  const auto cause = is_nondeterminism
                         ? enums::WORKFLOW_TASK_FAILED_CAUSE_NON_DETERMINISTIC_ERROR
                         : enums::WORKFLOW_TASK_FAILED_CAUSE_WORKFLOW_WORKER_UNHANDLED_FAILURE;
  if (task_.query) return FailLegacyQuery(message, cause, true);
  const FailurePtr failure =
      state_ && state_->task_failure()
          ? state_->task_failure()
          : MakeFailure(message, is_nondeterminism ? "NondeterminismError" : "WorkflowTaskError");
  if (is_nondeterminism && options_->nondeterminism_fails_run && is_live()) {
    state_->ReplaceByFailure(failure);
    CompleteTask step;
    step.closes_run = true;
    state_->TakeCompletion(&step.request);
    return step;
  }
  return FailTask{cause, ToApi(*failure)};
}

Step Run::Impl::ResolveLocalActivity(LocalActivityOutcome outcome) {
  if (!state_) return RunLocalActivities{};
  if (Status status = state_->ResolveLocalActivity(std::move(outcome)); !status.ok())
    return Fail(status);
  if (!is_open_) return RunLocalActivities{};
  if (Status status = state_->Activate(); !status.ok()) return Fail(status);
  return Finish();
}

void Run::Impl::TaskAccepted(const service::RespondWorkflowTaskCompletedResponse& response) {
  if (response.reset_history_event_id() != 0) state_->RollBack(response.reset_history_event_id());
}

Run::Run(const RunOptions* options, const MakeProgram* make_program)
    : impl_(std::make_unique<Impl>(options, make_program)) {}
Run::~Run() = default;

bool Run::Continues(const service::PollWorkflowTaskQueueResponse& task) const {
  return impl_->ContinuesOurs(task);
}
void Run::OnCaughtUp(std::function<void()> caught_up) { impl_->OnCaughtUp(std::move(caught_up)); }
Step Run::StartTask(service::PollWorkflowTaskQueueResponse task) {
  return impl_->StartTask(std::move(task));
}
Step Run::AddHistory(temporal::api::history::v1::History page, std::string next_page_token) {
  return impl_->AddHistory(std::move(page), std::move(next_page_token));
}
Step Run::ResolveLocalActivity(LocalActivityOutcome outcome) {
  return impl_->ResolveLocalActivity(std::move(outcome));
}
Step Run::HeartbeatDue() { return impl_->Complete(true); }
void Run::TaskAccepted(const service::RespondWorkflowTaskCompletedResponse& response) {
  impl_->TaskAccepted(response);
}
bool Run::is_closed() const { return impl_->state() && impl_->state()->is_closed(); }
bool Run::has_local_activities() const {
  return impl_->state() && impl_->state()->has_local_activities();
}
std::int64_t Run::memory_bytes() const {
  return static_cast<std::int64_t>(sizeof(Run) + sizeof(Impl)) +
         (impl_->state() ? impl_->state()->memory_bytes() : 0);
}
const std::string& Run::workflow_id() const { return impl_->state()->workflow_id(); }
const std::string& Run::run_id() const { return impl_->state()->run_id(); }
const std::string& Run::workflow_type() const { return impl_->state()->workflow_type(); }
std::int64_t Run::last_started_event_id() const { return impl_->last_started(); }
Nanos Run::task_timeout() const {
  return impl_->state() ? impl_->state()->task_timeout() : Nanos(0);
}

}  // namespace perdure::core
