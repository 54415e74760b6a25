#include "sim/worker.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace perdure::sim {
namespace {

namespace enums = temporal::api::enums::v1;

constexpr absl::Duration kPollTimeout = absl::Seconds(20);
constexpr absl::Duration kCallTimeout = absl::Seconds(8);

// No other run has it.
std::string NameOf(const temporal::api::common::v1::WorkflowExecution& run) {
  return absl::StrCat(run.workflow_id(), "/", run.run_id().substr(run.run_id().size() - 12));
}

bool IsPassing(const absl::Status& status) {
  return status.code() == absl::StatusCode::kUnavailable ||
         status.code() == absl::StatusCode::kDeadlineExceeded ||
         status.code() == absl::StatusCode::kCancelled ||
         status.code() == absl::StatusCode::kResourceExhausted ||
         status.code() == absl::StatusCode::kAborted || status.code() == absl::StatusCode::kUnknown;
}

}  // namespace

Worker::Worker(Scheduler& scheduler, SimLoop& world, Network& network, Ledger& ledger,
               std::string name)
    : world_(world),
      network_(network),
      ledger_(ledger),
      name_(std::move(name)),
      sticky_queue_(absl::StrCat("sticky-", name_)),
      random_(scheduler.random().Next()) {}

void Worker::Begin() {
  for (int i = 0; i < 2; ++i) {
    PollWorkflow(false);
    PollWorkflow(true);
    PollActivity();
  }
  PollActivity();
}

void Worker::Kill() {
  is_dead_ = true;
  for (const uint64_t call : calls_) network_.Abandon(call);
  calls_.clear();
}

void Worker::Later(absl::Duration delay, runtime::Task task) {
  world_.After(delay, [self = shared_from_this(), task = std::move(task)]() mutable {
    if (!self->is_dead_) std::move(task)();
  });
}

template <class Request, class Response>
void Worker::Call(const char* method, const Request& request, absl::Duration timeout,
                  absl::AnyInvocable<void(absl::StatusOr<Response>) &&> done) {
  // The id is known only after the call has gone out; nothing is answered inside it.
  auto id = std::make_shared<uint64_t>(0);
  *id = network_.Call<Request, Response>(
      server_, method, request, timeout,
      [self = shared_from_this(), id,
       done = std::move(done)](absl::StatusOr<Response> response) mutable {
        self->calls_.erase(*id);
        if (self->is_dead_) return;
        if (!response.ok() && IsPassing(response.status())) {
          self->server_ = (self->server_ + 1) % self->network_.server_count();
        }
        std::move(done)(std::move(response));
      });
  calls_.insert(*id);
}

template <class Request, class Response>
void Worker::CallUntilAnswered(const char* method, const Request& request, int tries,
                               absl::AnyInvocable<void(absl::StatusOr<Response>) &&> done) {
  Call<Request, Response>(method, request, kCallTimeout,
                          [this, method, request, tries,
                           done = std::move(done)](absl::StatusOr<Response> response) mutable {
                            if (response.ok() || !IsPassing(response.status()) || tries <= 1) {
                              return std::move(done)(std::move(response));
                            }
                            Later(absl::Milliseconds(50 + static_cast<int64_t>(random_.Below(500))),
                                  [this, method, request, tries, done = std::move(done)]() mutable {
                                    CallUntilAnswered<Request, Response>(method, request, tries - 1,
                                                                         std::move(done));
                                  });
                          });
}

// --- Workflow tasks

void Worker::PollWorkflow(bool sticky) {
  api::PollWorkflowTaskQueueRequest request;
  request.set_namespace_("default");
  request.set_identity(name_);
  request.mutable_task_queue()->set_name(sticky ? sticky_queue_ : kTaskQueue);
  if (sticky) {
    request.mutable_task_queue()->set_kind(enums::TASK_QUEUE_KIND_STICKY);
    request.mutable_task_queue()->set_normal_name(kTaskQueue);
  }
  Call<api::PollWorkflowTaskQueueRequest, api::PollWorkflowTaskQueueResponse>(
      "PollWorkflowTaskQueue", request, kPollTimeout,
      [this, sticky](absl::StatusOr<api::PollWorkflowTaskQueueResponse> response) {
        const bool failed = !response.ok();
        if (!failed && !response->task_token().empty()) OnTask(*std::move(response));
        const int64_t pause = failed ? 100 + static_cast<int64_t>(random_.Below(400)) : 0;
        Later(absl::Milliseconds(pause), [this, sticky] { PollWorkflow(sticky); });
      });
}

void Worker::OnTask(api::PollWorkflowTaskQueueResponse poll) {
  const auto known_run = cache_.find(poll.workflow_execution().run_id());
  if (poll.has_query() && known_run != cache_.end() && known_run->second.is_completing) {
    // As SDKs do: what the task accepted is shown when it is known to be done.
    return Later(absl::Milliseconds(20),
                 [this, poll = std::move(poll)]() mutable { OnTask(std::move(poll)); });
  }
  ledger_.Count("workflow task taken");
  auto task = std::make_shared<Task>();
  task->poll = std::move(poll);
  const std::string& run_id = task->poll.workflow_execution().run_id();
  ledger_.workflow_of_run[run_id] = task->poll.workflow_execution().workflow_id();
  const auto& history = task->poll.history();
  const int64_t first = history.events_size() == 0 ? 0 : history.events(0).event_id();
  if (first != 1) {
    // Only what is new: the rest is in the cache, or must be fetched.
    const auto cached = cache_.find(run_id);
    const int64_t known =
        cached == cache_.end() ? 0 : static_cast<int64_t>(cached->second.events.size());
    if (cached == cache_.end() || known < first - 1) {
      ledger_.Count("sticky history missed");
      return FetchFrom(std::move(task));
    }
    task->events = cached->second.events;
    if (first > 0) task->events.resize(static_cast<size_t>(first) - 1);
    ledger_.Count("sticky history used");
  }
  for (const HistoryEvent& event : history.events()) task->events.push_back(event);
  task->page_token = task->poll.next_page_token();
  if (!task->page_token.empty()) return FetchFrom(std::move(task));
  OnHistory(std::move(task));
}

// The rest of the history, or (without a page token) all of it.
void Worker::FetchFrom(std::shared_ptr<Task> task) {
  api::GetWorkflowExecutionHistoryRequest request;
  request.set_namespace_("default");
  *request.mutable_execution() = task->poll.workflow_execution();
  request.set_next_page_token(task->page_token);
  CallUntilAnswered<api::GetWorkflowExecutionHistoryRequest,
                    api::GetWorkflowExecutionHistoryResponse>(
      "GetWorkflowExecutionHistory", request, 3,
      [this, task](absl::StatusOr<api::GetWorkflowExecutionHistoryResponse> response) {
        if (!response.ok()) return;  // The task times out.
        for (const HistoryEvent& event : response->history().events()) {
          task->events.push_back(event);
        }
        task->page_token = response->next_page_token();
        if (!task->page_token.empty()) return FetchFrom(task);
        OnHistory(task);
      });
}

// An SDK's worker acts on all it is shown: with the events of a task that is still to come it would
// be ahead of it.
void Worker::CheckQueryHistory(const api::PollWorkflowTaskQueueResponse& poll) {
  bool has_task = false;
  for (const HistoryEvent& event : poll.history().events()) {
    switch (event.event_type()) {
      case enums::EVENT_TYPE_WORKFLOW_TASK_SCHEDULED:
        has_task = true;
        break;
      case enums::EVENT_TYPE_WORKFLOW_TASK_COMPLETED:
      case enums::EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED:
      case enums::EVENT_TYPE_WORKFLOW_EXECUTION_TIMED_OUT:
        has_task = false;
        break;
      default:
        break;
    }
  }
  if (!has_task || !poll.next_page_token().empty()) return;
  ledger_.Wrong(absl::StrCat("a query came with the events of a task that is not done: run ",
                             poll.workflow_execution().run_id()));
}

void Worker::OnHistory(std::shared_ptr<Task> task) {
  const auto& poll = task->poll;
  const std::string& run_id = poll.workflow_execution().run_id();
  const bool is_query = poll.has_query();
  const int64_t last = static_cast<int64_t>(task->events.size());
  for (int64_t i = 0; i < last; ++i) {
    if (task->events[static_cast<size_t>(i)].event_id() != i + 1) {
      ledger_.Wrong(
          absl::StrCat("a worker got a history with a gap: run ", run_id, " event ", i + 1));
      return;
    }
  }
  if (last == 0) return;
  if (!is_query && last < poll.started_event_id()) {
    // Fetched from a moment when the task's start was not yet in history: it is tried again.
    ledger_.Count("history shorter than the task");
    return;
  }
  if (!is_query) task->events.resize(static_cast<size_t>(poll.started_event_id()));
  Replay replay;
  for (const HistoryEvent& event : task->events) {
    replay.See(event);
    // A task's own events may be made anew while nothing followed it; all others are for ever.
    if (event.event_type() != enums::EVENT_TYPE_WORKFLOW_TASK_SCHEDULED &&
        event.event_type() != enums::EVENT_TYPE_WORKFLOW_TASK_STARTED) {
      ledger_.SeeEvent(run_id, event.event_id(), BytesOf(event));
    }
  }
  if (is_query) {
    CheckQueryHistory(poll);
    return AnswerQuery(*task, replay);
  }
  if (random_.Chance(faults_.task_dropped_chance)) {
    ledger_.Count("workflow task dropped");
    cache_.erase(run_id);
    return;
  }
  if (random_.Chance(faults_.task_failed_chance)) {
    ledger_.Count("workflow task failed");
    cache_.erase(run_id);
    api::RespondWorkflowTaskFailedRequest request;
    request.set_namespace_("default");
    request.set_task_token(poll.task_token());
    request.set_identity(name_);
    request.set_cause(enums::WORKFLOW_TASK_FAILED_CAUSE_WORKFLOW_WORKER_UNHANDLED_FAILURE);
    request.mutable_failure()->set_message("simulated");
    CallUntilAnswered<api::RespondWorkflowTaskFailedRequest,
                      api::RespondWorkflowTaskFailedResponse>(
        "RespondWorkflowTaskFailed", request, 3,
        [](absl::StatusOr<api::RespondWorkflowTaskFailedResponse>) {});
    return;
  }
  cache_[run_id].events = task->events;
  Later(absl::Microseconds(static_cast<int64_t>(random_.Below(20'000))),
        [this, task, replay = std::move(replay)] { Complete(*task, replay); });
}

// A worker that has the run knows what it accepted before it sees that as events.
Entries Worker::LogInMemory(const std::string& run_id, const Replay& replay) const {
  const auto cached = cache_.find(run_id);
  const bool knows_more =
      cached != cache_.end() && cached->second.log.size() > replay.log().size() &&
      std::equal(replay.log().begin(), replay.log().end(), cached->second.log.begin());
  return knows_more ? cached->second.log : replay.log();
}

void Worker::AnswerQuery(const Task& task, const Replay& replay) {
  ledger_.Count("query answered alone");
  api::RespondQueryTaskCompletedRequest request;
  request.set_namespace_("default");
  request.set_task_token(task.poll.task_token());
  request.set_completed_type(enums::QUERY_RESULT_TYPE_ANSWERED);
  *request.mutable_query_result() =
      PayloadsOf(JoinLog(LogInMemory(task.poll.workflow_execution().run_id(), replay)));
  Call<api::RespondQueryTaskCompletedRequest, api::RespondQueryTaskCompletedResponse>(
      "RespondQueryTaskCompleted", request, kCallTimeout,
      [](absl::StatusOr<api::RespondQueryTaskCompletedResponse>) {});
}

Worker::Upserts Worker::UpsertsOf(const std::vector<Command>& commands) {
  Upserts upserts;
  for (const Command& command : commands) {
    if (command.has_upsert_workflow_search_attributes_command_attributes()) {
      upserts.attribute = AttributeIn(
          command.upsert_workflow_search_attributes_command_attributes().search_attributes());
    } else if (command.has_modify_workflow_properties_command_attributes()) {
      upserts.memo =
          MemoIn(command.modify_workflow_properties_command_attributes().upserted_memo());
    }
  }
  return upserts;
}

void Worker::Complete(const Task& task, const Replay& replay) {
  const auto& poll = task.poll;
  api::RespondWorkflowTaskCompletedRequest request;
  request.set_namespace_("default");
  request.set_task_token(poll.task_token());
  request.set_identity(name_);
  const std::vector<Message> messages(poll.messages().begin(), poll.messages().end());
  Replay::Next next = replay.Decide(NameOf(poll.workflow_execution()), messages);
  const auto cached = cache_.find(poll.workflow_execution().run_id());
  if (cached != cache_.end()) {
    cached->second.log = next.log;
    cached->second.is_completing = true;
  }
  const Upserts upserts = UpsertsOf(next.commands);
  for (Command& command : next.commands) *request.add_commands() = std::move(command);
  for (Message& message : next.messages) *request.add_messages() = std::move(message);
  for (const auto& [id, query] : poll.queries()) {
    ledger_.Count("query answered with a task");
    auto& result = (*request.mutable_query_results())[id];
    result.set_result_type(enums::QUERY_RESULT_TYPE_ANSWERED);
    *result.mutable_answer() = PayloadsOf(JoinLog(next.log));
  }
  if (random_.Chance(0.7)) {
    request.mutable_sticky_attributes()->mutable_worker_task_queue()->set_name(sticky_queue_);
    request.mutable_sticky_attributes()->mutable_worker_task_queue()->set_kind(
        enums::TASK_QUEUE_KIND_STICKY);
    request.mutable_sticky_attributes()->mutable_worker_task_queue()->set_normal_name(kTaskQueue);
    request.mutable_sticky_attributes()->mutable_schedule_to_start_timeout()->set_seconds(5);
  }
  request.set_return_new_workflow_task(random_.Chance(0.5));
  // As an SDK does while it runs local activities.
  request.set_force_create_new_workflow_task(random_.Chance(0.03));
  const std::string run_id = poll.workflow_execution().run_id();
  CallUntilAnswered<api::RespondWorkflowTaskCompletedRequest,
                    api::RespondWorkflowTaskCompletedResponse>(
      "RespondWorkflowTaskCompleted", request, 4,
      [this, run_id, upserts, execution = poll.workflow_execution()](
          absl::StatusOr<api::RespondWorkflowTaskCompletedResponse> response) {
        const auto completed = cache_.find(run_id);
        if (completed != cache_.end()) completed->second.is_completing = false;
        if (!response.ok()) {
          cache_.erase(run_id);
          if (response.status().code() == absl::StatusCode::kNotFound) {
            ledger_.Count("workflow task lost");
          } else if (IsPassing(response.status())) {
            ledger_.Count("workflow task unanswered");
          } else if (absl::StrContains(response.status().message(), "UnhandledCommand")) {
            ledger_.Count("unhandled command");
          } else if (absl::StrContains(response.status().message(), "wasn't found on the server")) {
            // A crash between the task and its answer: the server lost the update.
            ledger_.Count("update forgotten");
          } else if (absl::StrContains(response.status().message(), "Workflow is paused")) {
            ledger_.Count("next task refused while paused");
          } else {
            ledger_.Wrong(absl::StrCat("a workflow task's completion of ", execution.workflow_id(),
                                       " was refused: ", response.status().ToString()));
          }
          return;
        }
        ledger_.Count("workflow task completed");
        if (upserts.attribute > 0 || upserts.memo > 0) LookForUpserts(execution, upserts);
        OnCompleted(run_id, *std::move(response));
      });
}

void Worker::LookForUpserts(const temporal::api::common::v1::WorkflowExecution& execution,
                            const Upserts& upserts) {
  // It may be gone by now.
  if (ledger_.reusable_ids.contains(execution.workflow_id())) return;
  server_ = static_cast<int>(random_.Below(static_cast<uint64_t>(network_.server_count())));
  api::DescribeWorkflowExecutionRequest describe;
  describe.set_namespace_("default");
  *describe.mutable_execution() = execution;
  CallUntilAnswered<api::DescribeWorkflowExecutionRequest, api::DescribeWorkflowExecutionResponse>(
      "DescribeWorkflowExecution", describe, 3,
      [this, upserts](absl::StatusOr<api::DescribeWorkflowExecutionResponse> response) {
        if (!response.ok()) return ledger_.Count("upsert not looked for");
        CheckUpserts(response->workflow_execution_info(), upserts, "described");
      });
  api::ListWorkflowExecutionsRequest list;
  list.set_namespace_("default");
  list.set_query(absl::StrCat("RunId = '", execution.run_id(), "'"));
  CallUntilAnswered<api::ListWorkflowExecutionsRequest, api::ListWorkflowExecutionsResponse>(
      "ListWorkflowExecutions", list, 3,
      [this, upserts](absl::StatusOr<api::ListWorkflowExecutionsResponse> response) {
        if (!response.ok() || response->executions_size() != 1) {
          return ledger_.Count("upsert not looked for");
        }
        CheckUpserts(response->executions(0), upserts, "listed");
      });
}

// Later tasks may have upserted more.
void Worker::CheckUpserts(const temporal::api::workflow::v1::WorkflowExecutionInfo& info,
                          const Upserts& upserts, const std::string& where) {
  ledger_.Count("upsert looked for");
  const int64_t attribute = AttributeIn(info.search_attributes());
  const int64_t memo = MemoIn(info.memo());
  if (attribute >= upserts.attribute && memo >= upserts.memo) return;
  ledger_.Wrong(absl::StrCat(info.execution().workflow_id(), " ", info.execution().run_id(),
                             ": its upserts of ", upserts.attribute, " and ", upserts.memo,
                             " were acknowledged and it is ", where, " with ", attribute, " and ",
                             memo));
}

void Worker::OnCompleted(const std::string& run_id,
                         api::RespondWorkflowTaskCompletedResponse response) {
  const int64_t reset = response.reset_history_event_id();
  const auto cached = cache_.find(run_id);
  if (reset > 0 && cached != cache_.end() &&
      static_cast<int64_t>(cached->second.events.size()) > reset) {
    ledger_.Count("speculative task dropped");
    cached->second.events.resize(static_cast<size_t>(reset));
  }
  for (const auto& activity : response.activity_tasks()) {
    ledger_.Count("eager activity");
    OnActivity(activity);
  }
  if (response.has_workflow_task() && !response.workflow_task().task_token().empty()) {
    ledger_.Count("workflow task returned");
    OnTask(std::move(*response.mutable_workflow_task()));
  }
}

// --- Activities

void Worker::PollActivity() {
  api::PollActivityTaskQueueRequest request;
  request.set_namespace_("default");
  request.set_identity(name_);
  request.mutable_task_queue()->set_name(kTaskQueue);
  Call<api::PollActivityTaskQueueRequest, api::PollActivityTaskQueueResponse>(
      "PollActivityTaskQueue", request, kPollTimeout,
      [this](absl::StatusOr<api::PollActivityTaskQueueResponse> response) {
        const bool failed = !response.ok();
        if (!failed && !response->task_token().empty()) OnActivity(*std::move(response));
        const int64_t pause = failed ? 100 + static_cast<int64_t>(random_.Below(400)) : 0;
        Later(absl::Milliseconds(pause), [this] { PollActivity(); });
      });
}

void Worker::OnActivity(api::PollActivityTaskQueueResponse response) {
  ledger_.Count("activity taken");
  auto poll = std::make_shared<api::PollActivityTaskQueueResponse>(std::move(response));
  const ActivityInput input = DecodeActivityInput(TextOf(poll->input()));
  if (input.attempts_max == 1) {
    int& starts = ledger_.single_starts[{poll->workflow_execution().run_id(), poll->activity_id()}];
    if (++starts > 1) {
      ledger_.Wrong(absl::StrCat("activity ", poll->activity_id(), " of run ",
                                 poll->workflow_execution().run_id(),
                                 " may be attempted once and was started again"));
    }
  }
  if (input.attempts_max > 0 && poll->attempt() > input.attempts_max) {
    ledger_.Wrong(absl::StrCat("activity ", poll->activity_id(), " of run ",
                               poll->workflow_execution().run_id(), " got attempt ",
                               poll->attempt(), " of ", input.attempts_max));
  }
  const auto paused =
      ledger_.paused_from.find({poll->workflow_execution().run_id(), poll->activity_id()});
  if (paused != ledger_.paused_from.end() && poll->attempt() >= paused->second) {
    ledger_.Wrong(absl::StrCat(poll->workflow_execution().workflow_id(), ": activity ",
                               poll->activity_id(), " of run ", poll->workflow_execution().run_id(),
                               " is paused and attempt ", poll->attempt(), " of it began"));
  }
  if (random_.Chance(faults_.activity_dropped_chance)) {
    ledger_.Count("activity dropped");
    return;
  }
  if (input.waits_for_cancel) return Heartbeat(std::move(poll), 1000, true);
  const bool is_late = random_.Chance(faults_.activity_late_chance);
  if (is_late) {
    ledger_.Count("activity answered late");
    return Later(absl::Seconds(12), [this, poll] { EndActivity(*poll); });
  }
  if (input.has_heartbeat) {
    return Heartbeat(std::move(poll), static_cast<int64_t>(random_.Below(3)), false);
  }
  Later(absl::Microseconds(static_cast<int64_t>(random_.Below(500'000))),
        [this, poll] { EndActivity(*poll); });
}

void Worker::Heartbeat(std::shared_ptr<api::PollActivityTaskQueueResponse> poll, int64_t times,
                       bool waits_for_cancel) {
  if (times == 0) return EndActivity(*poll);
  api::RecordActivityTaskHeartbeatRequest request;
  request.set_namespace_("default");
  request.set_task_token(poll->task_token());
  request.set_identity(name_);
  *request.mutable_details() = PayloadsOf(absl::StrCat(times));
  Call<api::RecordActivityTaskHeartbeatRequest, api::RecordActivityTaskHeartbeatResponse>(
      "RecordActivityTaskHeartbeat", request, absl::Milliseconds(800),
      [this, poll, times,
       waits_for_cancel](absl::StatusOr<api::RecordActivityTaskHeartbeatResponse> response) {
        if (!response.ok() && !IsPassing(response.status())) return;
        if (response.ok() && response->cancel_requested()) {
          ledger_.Count("activity told to cancel");
          api::RespondActivityTaskCanceledRequest cancel;
          cancel.set_namespace_("default");
          cancel.set_task_token(poll->task_token());
          cancel.set_identity(name_);
          CallUntilAnswered<api::RespondActivityTaskCanceledRequest,
                            api::RespondActivityTaskCanceledResponse>(
              "RespondActivityTaskCanceled", cancel, 5,
              [](absl::StatusOr<api::RespondActivityTaskCanceledResponse>) {});
          return;
        }
        Later(absl::Milliseconds(300), [this, poll, times, waits_for_cancel] {
          Heartbeat(poll, waits_for_cancel ? times : times - 1, waits_for_cancel);
        });
      });
}

void Worker::EndActivity(const api::PollActivityTaskQueueResponse& poll) {
  const ActivityInput input = DecodeActivityInput(TextOf(poll.input()));
  if (poll.attempt() <= input.fails) {
    api::RespondActivityTaskFailedRequest request;
    request.set_namespace_("default");
    request.set_task_token(poll.task_token());
    request.set_identity(name_);
    request.mutable_failure()->set_message("as the program says");
    request.mutable_failure()->mutable_application_failure_info()->set_type("planned");
    CallUntilAnswered<api::RespondActivityTaskFailedRequest,
                      api::RespondActivityTaskFailedResponse>(
        "RespondActivityTaskFailed", request, 5,
        [](absl::StatusOr<api::RespondActivityTaskFailedResponse>) {});
    return;
  }
  if (input.seed % 4 == 0) {
    api::RespondActivityTaskCompletedByIdRequest request;
    request.set_namespace_("default");
    request.set_workflow_id(poll.workflow_execution().workflow_id());
    request.set_run_id(poll.workflow_execution().run_id());
    request.set_activity_id(poll.activity_id());
    request.set_identity(name_);
    *request.mutable_result() = PayloadsOf(poll.activity_id());
    CallUntilAnswered<api::RespondActivityTaskCompletedByIdRequest,
                      api::RespondActivityTaskCompletedByIdResponse>(
        "RespondActivityTaskCompletedById", request, 5,
        [](absl::StatusOr<api::RespondActivityTaskCompletedByIdResponse>) {});
    return;
  }
  api::RespondActivityTaskCompletedRequest request;
  request.set_namespace_("default");
  request.set_task_token(poll.task_token());
  request.set_identity(name_);
  *request.mutable_result() = PayloadsOf(poll.activity_id());
  CallUntilAnswered<api::RespondActivityTaskCompletedRequest,
                    api::RespondActivityTaskCompletedResponse>(
      "RespondActivityTaskCompleted", request, 5,
      [](absl::StatusOr<api::RespondActivityTaskCompletedResponse>) {});
}

}  // namespace perdure::sim
