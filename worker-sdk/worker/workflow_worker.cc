#include "worker-sdk/worker/workflow_worker.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "worker-sdk/client/payload_pipeline.h"
#include "worker-sdk/client/retry.h"
#include "worker-sdk/core/convert.h"
#include "worker-sdk/worker/settings.h"

namespace perdure::worker {
namespace {

namespace api = temporal::api::workflowservice::v1;
namespace enums = temporal::api::enums::v1;
using Phase = CachedRun::Phase;

// The timeout of the task, which only its scheduled event tells; zero where the event is not in
// this page.
Nanos TaskTimeout(const api::PollWorkflowTaskQueueResponse& task) {
  const auto& events = task.history().events();
  for (int i = events.size() - 1; i >= 0; --i) {
    if (!events[i].has_workflow_task_scheduled_event_attributes()) continue;
    return core::FromApi(
        events[i].workflow_task_scheduled_event_attributes().start_to_close_timeout());
  }
  return Nanos(0);
}

// An answer that no repetition gets to the server fails the task, so that its user learns of it.
std::optional<core::FailTask> UnsendableAnswer(const absl::Status& status) {
  core::FailTask fail;
  if (client::IsMessageTooLarge(status)) {
    fail.cause = enums::WORKFLOW_TASK_FAILED_CAUSE_GRPC_MESSAGE_TOO_LARGE;
  } else if (WasNotSent(status)) {
    fail.cause = status.GetPayload(client::PayloadPipeline::kTooLargeUrl)
                     ? enums::WORKFLOW_TASK_FAILED_CAUSE_PAYLOADS_TOO_LARGE
                     : enums::WORKFLOW_TASK_FAILED_CAUSE_WORKFLOW_WORKER_UNHANDLED_FAILURE;
  } else {
    return std::nullopt;
  }
  fail.failure.set_message(
      absl::StrCat("the workflow task's answer cannot be sent: ", std::string(status.message())));
  fail.failure.mutable_application_failure_info()->set_type("AnswerNotSent");
  return fail;
}

// What is counted when a run ends by its last command.
std::string_view EndingOf(const api::RespondWorkflowTaskCompletedRequest& request) {
  if (request.commands().empty()) return {};
  switch (request.commands().rbegin()->command_type()) {
    case enums::COMMAND_TYPE_COMPLETE_WORKFLOW_EXECUTION:
      return "temporal_workflow_completed";
    case enums::COMMAND_TYPE_FAIL_WORKFLOW_EXECUTION:
      return "temporal_workflow_failed";
    case enums::COMMAND_TYPE_CANCEL_WORKFLOW_EXECUTION:
      return "temporal_workflow_canceled";
    case enums::COMMAND_TYPE_CONTINUE_AS_NEW_WORKFLOW_EXECUTION:
      return "temporal_workflow_continue_as_new";
    default:
      return {};
  }
}

PollerOptions Share(PollerOptions pollers, double ratio, bool is_sticky) {
  // Autoscaling finds the right share of each queue by itself.
  if (pollers.autoscale) return pollers;
  const std::int64_t normal = std::max<std::int64_t>(
      1, static_cast<std::int64_t>(static_cast<double>(pollers.maximum) * ratio));
  pollers.maximum = is_sticky ? std::max<std::int64_t>(1, pollers.maximum - normal) : normal;
  return pollers;
}

}  // namespace

WorkflowWorker::WorkflowWorker(Parts parts)
    : parts_(std::move(parts)),
      rpc_(parts_.rpc),
      local_(&parts_.rpc->host(), parts_.rpc->executor(), parts_.options, parts_.activities,
             parts_.local_slots,
             [this](const std::string& run_id, core::LocalActivityOutcome outcome) {
               LocalDone(run_id, std::move(outcome));
             }),
      cache_(parts_.options->cache),
      normal_(MakePoller(false)),
      sticky_(is_caching() ? MakePoller(true) : nullptr) {
  if (!sticky_) return;
  normal_->SharesWith(sticky_.get());
  sticky_->SharesWith(normal_.get());
}

WorkflowWorker::~WorkflowWorker() = default;

std::unique_ptr<Poller<WorkflowWorker::PollRequest, WorkflowWorker::Task>>
WorkflowWorker::MakePoller(bool is_sticky) {
  const WorkerOptions& options = *parts_.options;
  PollRequest request;
  SetSender(rpc_->host(), options, &request);
  request.set_worker_instance_key(rpc_->host().instance_key);
  SetTaskQueue(options.task_queue, request.mutable_task_queue());
  if (is_sticky) {
    request.mutable_task_queue()->set_name(parts_.sticky_queue);
    request.mutable_task_queue()->set_kind(enums::TASK_QUEUE_KIND_STICKY);
    request.mutable_task_queue()->set_normal_name(options.task_queue);
  }
  PollerOptions pollers = options.workflow_pollers;
  if (is_caching()) pollers = Share(pollers, options.nonsticky_poll_ratio, is_sticky);
  return std::make_unique<Poller<PollRequest, Task>>(
      PollerBase::Settings{
          absl::StrCat(is_sticky ? "sticky:" : "workflow:", options.task_queue), pollers, is_sticky,
          0, is_sticky ? "sticky_workflow_task" : "workflow_task",
          "temporal_workflow_task_queue_poll_succeed", "temporal_workflow_task_queue_poll_empty"},
      rpc_, parts_.slots, "PollWorkflowTaskQueue", std::move(request),
      [this](Task&& task, Slot slot) { Polled({std::move(task), std::move(slot)}); }, parts_.fatal);
}

void WorkflowWorker::OnChange(std::function<void()> change) {
  change_ = change;
  normal_->OnIdle(change);
  if (sticky_) sticky_->OnIdle(change);
  local_.OnIdle(change);
}

void WorkflowWorker::Changed() {
  if (change_) change_();
}

void WorkflowWorker::Start(bool server_scales) {
  if (server_scales) normal_->ServerScales();
  if (server_scales && sticky_) sticky_->ServerScales();
  normal_->Start();
  if (sticky_) sticky_->Start();
  SweepLater();
}

void WorkflowWorker::StopPolling() {
  is_stopping_ = true;
  sweep_.reset();
  local_.DropLeft();
  normal_->Stop();
  if (sticky_) sticky_->Stop();
}

void WorkflowWorker::InterruptPolls() {
  normal_->Interrupt();
  if (sticky_) sticky_->Interrupt();
}

bool WorkflowWorker::polls_idle() const { return normal_->idle() && (!sticky_ || sticky_->idle()); }

void WorkflowWorker::AbandonLocal() {
  local_.DropAll(CancelReason::worker_shutdown);
  std::vector<CachedRun*> held;
  cache_.ForEach([&](CachedRun* run) {
    if (run->phase == Phase::local) held.push_back(run);
  });
  // Unanswered: the tasks time out, and another worker repeats them.
  for (CachedRun* run : held) Evict(run, Keeps::nothing);
}

void WorkflowWorker::Polled(WorkflowTask task) {
  const absl::Status status =
      rpc_->host().decode ? rpc_->host().decode(&task.response) : absl::OkStatus();
  if (status.ok()) return Take(std::move(task));
  core::FailTask fail;
  fail.cause = enums::WORKFLOW_TASK_FAILED_CAUSE_WORKFLOW_WORKER_UNHANDLED_FAILURE;
  fail.failure.set_message(
      absl::StrCat("the task's payloads could not be decoded: ", std::string(status.message())));
  fail.failure.mutable_application_failure_info()->set_type("PayloadDecodeError");
  Log(rpc_->host(), LogLevel::error, fail.failure.message());
  Report(task.response.task_token(), task.response.attempt(), task.response.has_query(),
         std::move(fail));
}

void WorkflowWorker::Take(WorkflowTask task) {
  const std::string& run_id = task.response.workflow_execution().run_id();
  CachedRun* run = cache_.Find(run_id);
  if (run != nullptr && run->phase != Phase::idle) {
    // One task of a run at a time (R55).
    if (task.response.has_query()) {
      run->queries.push_back(std::move(task));
    } else {
      run->next = std::make_unique<WorkflowTask>(std::move(task));
    }
    return;
  }
  const bool is_begun = task.response.previous_started_event_id() > 0;
  if (run != nullptr) {
    rpc_->host().meter.Count("temporal_sticky_cache_hit");
    return Begin(run, std::move(task));
  }
  if (is_begun) rpc_->host().meter.Count("temporal_sticky_cache_miss");
  if (!MakeRoom()) {
    waiting_.push_back(std::move(task));
    return;
  }
  auto fresh = std::make_unique<CachedRun>();
  fresh->owner = {run_id, task.response.workflow_execution().workflow_id(),
                  task.response.workflow_type().name()};
  fresh->run = parts_.make_run();
  CountCached(1);
  Begin(cache_.Insert(std::move(fresh), rpc_->executor()->Monotonic()), std::move(task));
}

bool WorkflowWorker::MakeRoom() {
  while (cache_.is_full()) {
    CachedRun* oldest = cache_.Oldest();
    if (oldest == nullptr) return false;
    rpc_->host().meter.Count("temporal_sticky_cache_total_forced_eviction");
    Evict(oldest, Keeps::all);
  }
  return true;
}

void WorkflowWorker::Begin(CachedRun* run, WorkflowTask task) {
  if (run->phase == Phase::idle) ++busy_;
  run->phase = Phase::history;
  run->slot = std::move(task.slot);
  run->task_token = task.response.task_token();
  run->attempt = task.response.attempt();
  run->is_legacy_query = task.response.has_query();
  run->task_received = rpc_->executor()->Monotonic();
  if (const Nanos timeout = TaskTimeout(task.response); timeout > Nanos(0))
    run->task_timeout = timeout;
  if (task.response.has_scheduled_time() && task.response.has_started_time()) {
    rpc_->host().meter.Latency(
        "temporal_workflow_task_schedule_to_start_latency",
        core::FromApi(task.response.started_time()) - core::FromApi(task.response.scheduled_time()),
        {"workflow_type", run->owner.workflow_type});
  }
  if (!run->run->Continues(task.response)) {
    run->outcomes.clear();
    run->has_unclaimed = local_.StartOver(run->owner.run_id);
  }
  Do(run, run->run->StartTask(std::move(task.response)));
}

void WorkflowWorker::Do(CachedRun* run, core::Step step) {
  struct Visitor {
    WorkflowWorker* worker;
    CachedRun* run;
    void operator()(core::NeedHistory& need) { worker->FetchHistory(run, need.next_page_token); }
    void operator()(core::RunLocalActivities& work) { worker->HoldForLocal(run, std::move(work)); }
    void operator()(core::CompleteTask& complete) { worker->Complete(run, std::move(complete)); }
    void operator()(core::AnswerQuery& answer) { worker->AnswerQuery(run, std::move(answer)); }
    void operator()(core::FailTask& fail) { worker->Fail(run, std::move(fail)); }
  };
  // What the run still wants it starts again before the first answer of its new life; a query
  // starts nothing.
  const bool is_answer = std::holds_alternative<core::CompleteTask>(step);
  if (is_answer && std::exchange(run->has_unclaimed, false))
    local_.DropUnclaimed(run->owner.run_id);
  std::visit(Visitor{this, run}, step);
}

void WorkflowWorker::FetchHistory(CachedRun* run, const std::string& token) {
  run->phase = Phase::history;
  auto request = std::make_unique<api::GetWorkflowExecutionHistoryRequest>();
  request->set_namespace_(rpc_->host().namespace_);
  request->mutable_execution()->set_workflow_id(run->owner.workflow_id);
  request->mutable_execution()->set_run_id(run->owner.run_id);
  request->set_next_page_token(token);
  rpc_->Call<api::GetWorkflowExecutionHistoryResponse>(
      "GetWorkflowExecutionHistory", std::move(request),
      [this, run_id = run->owner.run_id](const absl::Status& status,
                                         api::GetWorkflowExecutionHistoryResponse& response) {
        CachedRun* run = cache_.Find(run_id);
        if (run == nullptr) return;
        if (!status.ok()) {
          Log(rpc_->host(), LogLevel::warn, "the history of a run could not be fetched",
              {{"workflow_id", run->owner.workflow_id},
               {"run_id", run_id},
               {"error", std::string(status.ToString())}});
          return Evict(run, Keeps::all);
        }
        Do(run, run->run->AddHistory(std::move(*response.mutable_history()),
                                     std::move(*response.mutable_next_page_token())));
      });
}

void WorkflowWorker::HoldForLocal(CachedRun* run, core::RunLocalActivities work) {
  run->phase = Phase::starting;
  const LocalOwner owner = run->owner;
  for (const std::uint32_t seq : work.canceled) local_.Cancel(owner.run_id, seq);
  for (core::LocalActivityCall& call : work.start) local_.Start(owner, std::move(call));
  run->phase = Phase::local;
  if (!run->heartbeat) {
    // The server is told that the task is alive before it gives it up (R41).
    const Nanos due =
        run->task_received + run->task_timeout / 10 * 8 - rpc_->executor()->Monotonic();
    run->heartbeat =
        rpc_->executor()->PostAfter(std::max(due, Nanos(0)), [this, run_id = owner.run_id] {
          CachedRun* run = cache_.Find(run_id);
          if (run != nullptr && run->phase == Phase::local) Do(run, run->run->HeartbeatDue());
        });
  }
  TakeOutcomes(run);
}

void WorkflowWorker::TakeOutcomes(CachedRun* run) {
  if (run->phase != Phase::local || run->outcomes.empty()) return;
  core::LocalActivityOutcome outcome = std::move(run->outcomes.front());
  run->outcomes.erase(run->outcomes.begin());
  local_.Taken(run->owner.run_id, outcome.seq);
  Do(run, run->run->ResolveLocalActivity(std::move(outcome)));
}

void WorkflowWorker::LocalDone(const std::string& run_id, core::LocalActivityOutcome outcome) {
  CachedRun* run = cache_.Find(run_id);
  if (run == nullptr) return;
  run->outcomes.push_back(std::move(outcome));
  TakeOutcomes(run);
}

void WorkflowWorker::Fill(const CachedRun& run, const core::CompleteTask& step,
                          Completed* request) const {
  const WorkerOptions& options = *parts_.options;
  SetSender(rpc_->host(), options, request);
  request->set_task_token(run.task_token);
  request->set_worker_instance_key(rpc_->host().instance_key);
  request->mutable_capabilities()->set_discard_speculative_workflow_task_with_events(true);
  // A worker that ends takes no more tasks, except to let its local activities finish.
  request->set_return_new_workflow_task(!is_stopping_ || step.is_heartbeat);
  if (is_caching() && !step.closes_run && (!is_stopping_ || step.is_heartbeat)) {
    auto* sticky = request->mutable_sticky_attributes();
    sticky->mutable_worker_task_queue()->set_name(parts_.sticky_queue);
    sticky->mutable_worker_task_queue()->set_kind(enums::TASK_QUEUE_KIND_STICKY);
    sticky->mutable_worker_task_queue()->set_normal_name(options.task_queue);
    *sticky->mutable_schedule_to_start_timeout() = core::ToApi(options.sticky_timeout);
  }
  if (options.deployment.use_versioning &&
      request->versioning_behavior() == enums::VERSIONING_BEHAVIOR_UNSPECIFIED) {
    request->set_versioning_behavior(
        static_cast<enums::VersioningBehavior>(options.deployment.default_behavior));
  }
}

std::vector<Slot> WorkflowWorker::ReserveEager(Completed* request) {
  std::vector<Slot> slots;
  for (auto& command : *request->mutable_commands()) {
    if (!command.has_schedule_activity_task_command_attributes()) continue;
    auto* schedule = command.mutable_schedule_activity_task_command_attributes();
    if (!schedule->request_eager_execution()) continue;
    Slot slot;
    const bool is_ours = schedule->task_queue().name().empty() ||
                         schedule->task_queue().name() == parts_.options->task_queue;
    if (is_ours && parts_.activity_worker != nullptr && slots.size() < kEagerActivitiesMax &&
        parts_.activities->Find(schedule->activity_type().name()) != nullptr) {
      slot = parts_.activity_worker->ReserveEager();
    }
    if (slot) {
      slots.push_back(std::move(slot));
    } else {
      schedule->set_request_eager_execution(false);
    }
  }
  return slots;
}

void WorkflowWorker::Complete(CachedRun* run, core::CompleteTask step) {
  run->phase = Phase::answering;
  run->heartbeat.reset();
  auto request = std::make_unique<Completed>();
  request->Swap(&step.request);
  Fill(*run, step, request.get());
  std::vector<Slot> eager = ReserveEager(request.get());
  rpc_->host().meter.Latency("temporal_workflow_task_execution_latency",
                             rpc_->executor()->Monotonic() - run->task_received,
                             {"workflow_type", run->owner.workflow_type});
  const std::string_view ending = step.closes_run ? EndingOf(*request) : std::string_view();
  rpc_->Call<Accepted>(
      "RespondWorkflowTaskCompleted", std::move(request),
      [this, run_id = run->owner.run_id, closes_run = step.closes_run, ending,
       run_time = step.run_time, type = run->owner.workflow_type,
       eager = std::move(eager)](const absl::Status& status, Accepted& response) mutable {
        if (status.ok() && !ending.empty()) {
          rpc_->host().meter.Count(ending, {"workflow_type", type});
          rpc_->host().meter.Latency("temporal_workflow_endtoend_latency", run_time,
                                     {"workflow_type", type});
        }
        CompletedAnswered(run_id, closes_run, std::move(eager), status, &response);
      });
}

void WorkflowWorker::CompletedAnswered(const std::string& run_id, bool closes_run,
                                       std::vector<Slot> eager, const absl::Status& status,
                                       Accepted* response) {
  CachedRun* run = cache_.Find(run_id);
  if (run == nullptr) return;
  if (auto fail = UnsendableAnswer(status)) return Fail(run, std::move(*fail));
  if (!status.ok()) {
    // NotFound: the task was given up. InvalidArgument: something came that the commands did not
    // know of (R26).
    const bool is_unknown = status.code() == absl::StatusCode::kNotFound;
    const bool is_expected = is_unknown || status.code() == absl::StatusCode::kInvalidArgument;
    Log(rpc_->host(), is_expected ? LogLevel::debug : LogLevel::warn,
        "a workflow task's answer was not accepted",
        {{"workflow_id", run->owner.workflow_id},
         {"run_id", run_id},
         {"error", std::string(status.ToString())}});
    return Evict(run, is_unknown ? Keeps::outcomes : Keeps::all);
  }
  local_.Told(run_id);
  run->run->TaskAccepted(*response);
  for (auto& task : *response->mutable_activity_tasks()) {
    if (eager.empty()) break;
    parts_.activity_worker->ExecuteEager(std::move(task), std::move(eager.back()));
    eager.pop_back();
  }
  if (closes_run || run->run->is_closed()) return Evict(run, Keeps::nothing);
  if (response->has_workflow_task() && !response->workflow_task().task_token().empty()) {
    // Newer than what is buffered; the slot goes on to it.
    run->next.reset();
    cache_.Used(run, rpc_->executor()->Monotonic());
    return Begin(run, {std::move(*response->mutable_workflow_task()), std::move(run->slot)});
  }
  Rest(run);
}

void WorkflowWorker::AnswerQuery(CachedRun* run, core::AnswerQuery step) {
  run->phase = Phase::answering;
  auto request = std::make_unique<api::RespondQueryTaskCompletedRequest>();
  request->Swap(&step.request);
  request->set_namespace_(rpc_->host().namespace_);
  request->set_task_token(run->task_token);
  rpc_->Call<api::RespondQueryTaskCompletedResponse>(
      "RespondQueryTaskCompleted", std::move(request),
      [this, run_id = run->owner.run_id, drop_run = step.drop_run](
          const absl::Status& status, const api::RespondQueryTaskCompletedResponse&) {
        if (!status.ok()) {
          Log(rpc_->host(), LogLevel::debug, "a query's answer was not accepted",
              {{"run_id", run_id}, {"error", std::string(status.ToString())}});
        }
        CachedRun* run = cache_.Find(run_id);
        if (run == nullptr) return;
        if (run->run->is_closed()) return Evict(run, Keeps::nothing);
        if (drop_run) return Evict(run, Keeps::all);
        Rest(run);
      });
}

void WorkflowWorker::Fail(CachedRun* run, core::FailTask step) {
  Log(rpc_->host(), LogLevel::error, "a workflow task failed",
      {{"workflow_id", run->owner.workflow_id},
       {"run_id", run->owner.run_id},
       {"workflow_type", run->owner.workflow_type},
       {"attempt", absl::StrCat(run->attempt)},
       {"error", step.failure.message()}});
  const bool is_nondeterminism =
      step.cause == enums::WORKFLOW_TASK_FAILED_CAUSE_NON_DETERMINISTIC_ERROR;
  rpc_->host().meter.Count(
      "temporal_workflow_task_execution_failed",
      {"failure_reason", is_nondeterminism ? "NonDeterminismError" : "WorkflowError"});
  // An outcome that is too large to be sent would be again.
  const bool is_sendable =
      step.cause == enums::WORKFLOW_TASK_FAILED_CAUSE_WORKFLOW_WORKER_UNHANDLED_FAILURE ||
      is_nondeterminism;
  Report(run->task_token, run->attempt, run->is_legacy_query, std::move(step));
  Evict(run, is_sendable ? Keeps::outcomes : Keeps::nothing);
}

void WorkflowWorker::Report(const std::string& task_token, std::int32_t attempt,
                            bool is_legacy_query, core::FailTask step) {
  auto ignore = [](const absl::Status&, const auto&) {};
  if (is_legacy_query) {
    auto request = std::make_unique<api::RespondQueryTaskCompletedRequest>();
    request->set_namespace_(rpc_->host().namespace_);
    request->set_task_token(task_token);
    request->set_completed_type(enums::QUERY_RESULT_TYPE_FAILED);
    request->set_error_message(step.failure.message());
    request->set_cause(step.cause);
    request->mutable_failure()->Swap(&step.failure);
    rpc_->Call<api::RespondQueryTaskCompletedResponse>("RespondQueryTaskCompleted",
                                                       std::move(request), ignore);
  } else if (attempt <= 1) {
    // Later attempts are left to time out: answering each would only make the server repeat them
    // faster (R52).
    auto request = std::make_unique<api::RespondWorkflowTaskFailedRequest>();
    SetSender(rpc_->host(), *parts_.options, request.get());
    request->set_task_token(task_token);
    request->set_cause(step.cause);
    request->mutable_failure()->Swap(&step.failure);
    rpc_->Call<api::RespondWorkflowTaskFailedResponse>("RespondWorkflowTaskFailed",
                                                       std::move(request), ignore);
  }
}

void WorkflowWorker::LeaveLocal(const std::string& run_id, Keeps keeps) {
  // A worker that ends gets no more tasks.
  if (keeps == Keeps::nothing || is_stopping_) return local_.Drop(run_id);
  local_.Leave(run_id, keeps == Keeps::outcomes);
}

void WorkflowWorker::Evict(CachedRun* run, Keeps keeps) {
  LeaveLocal(run->owner.run_id, keeps);
  if (run->phase != Phase::idle) --busy_;
  std::unique_ptr<CachedRun> gone = cache_.Remove(run);
  std::unique_ptr<WorkflowTask> next = std::move(gone->next);
  std::vector<WorkflowTask> queries = std::move(gone->queries);
  gone.reset();
  CountCached(-1);
  // What waited for the run begins it anew, from history; with a place in the cache, others can
  // begin, too.
  if (next) waiting_.push_front(std::move(*next));
  for (WorkflowTask& query : queries) waiting_.push_back(std::move(query));
  Trim();
}

void WorkflowWorker::Rest(CachedRun* run) {
  run->phase = Phase::idle;
  --busy_;
  run->heartbeat.reset();
  run->slot.Release();
  run->task_token = std::string();  // Gives its memory back.
  cache_.Used(run, rpc_->executor()->Monotonic());
  if (run->next || !run->queries.empty()) {
    const bool is_next = run->next != nullptr;
    WorkflowTask task = is_next ? std::move(*run->next) : std::move(run->queries.front());
    if (is_next) {
      run->next.reset();
    } else {
      run->queries.erase(run->queries.begin());
    }
    return Begin(run, std::move(task));
  }
  if (!is_caching()) return Evict(run, Keeps::all);
  Trim();
}

void WorkflowWorker::Trim() {
  while (cache_.is_over_bytes() && cache_.Oldest() != nullptr) {
    CachedRun* oldest = cache_.Oldest();
    // It may have local activities that outlived a task that the server took back.
    LeaveLocal(oldest->owner.run_id, Keeps::all);
    cache_.Remove(oldest);
    CountCached(-1);
    rpc_->host().meter.Count("temporal_sticky_cache_total_forced_eviction");
  }
  // A task is taken from the loop, not from here, so that one run's end does not run inside
  // another's.
  const bool has_room = !cache_.is_full() || cache_.Oldest() != nullptr;
  if (!waiting_.empty() && has_room && !std::exchange(is_taking_, true)) {
    rpc_->executor()->Post([this] {
      is_taking_ = false;
      WorkflowTask task = std::move(waiting_.front());
      waiting_.pop_front();
      Take(std::move(task));
      if (!waiting_.empty()) Trim();
    });
  }
  Changed();
}

void WorkflowWorker::CountCached(int change) {
  if (parts_.cached_runs == nullptr) return;
  rpc_->host().meter.Gauge("temporal_sticky_cache_size",
                           static_cast<double>(*parts_.cached_runs += change));
}

void WorkflowWorker::Finish() {
  is_stopping_ = true;
  sweep_.reset();
  while (CachedRun* run = cache_.Oldest()) {
    cache_.Remove(run);
    CountCached(-1);
  }
}

void WorkflowWorker::SweepLater() {
  const Nanos idle = parts_.options->cache.idle;
  if (idle <= Nanos(0) || !is_caching()) return;
  sweep_ =
      rpc_->executor()->PostAfter(std::max<Nanos>(idle / 4, std::chrono::milliseconds(10)), [this] {
        while (CachedRun* run = cache_.Expired(rpc_->executor()->Monotonic()))
          Evict(run, Keeps::nothing);
        SweepLater();
      });
}

}  // namespace perdure::worker
