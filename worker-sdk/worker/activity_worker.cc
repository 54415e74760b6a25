#include "worker-sdk/worker/activity_worker.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "worker-sdk/core/convert.h"
#include "worker-sdk/worker/settings.h"

namespace perdure::worker {
namespace {

namespace api = temporal::api::workflowservice::v1;
using client::Executor;

ActivityInfo InfoOf(api::PollActivityTaskQueueResponse* task, const WorkerOptions& options) {
  ActivityInfo info;
  info.activity_id = std::move(*task->mutable_activity_id());
  info.activity_type = std::move(*task->mutable_activity_type()->mutable_name());
  info.task_queue = options.task_queue;
  info.task_token = task->task_token();
  info.attempt = task->attempt();
  info.namespace_ = std::move(*task->mutable_workflow_namespace());
  info.workflow_id = std::move(*task->mutable_workflow_execution()->mutable_workflow_id());
  info.workflow_run_id = std::move(*task->mutable_workflow_execution()->mutable_run_id());
  info.workflow_type = std::move(*task->mutable_workflow_type()->mutable_name());
  info.activity_run_id = std::move(*task->mutable_activity_run_id());
  info.scheduled_time = core::FromApi(task->scheduled_time());
  info.current_attempt_scheduled_time = core::FromApi(task->current_attempt_scheduled_time());
  info.started_time = core::FromApi(task->started_time());
  info.schedule_to_close_timeout = core::TimeoutFromApi(task->schedule_to_close_timeout());
  info.start_to_close_timeout = core::TimeoutFromApi(task->start_to_close_timeout());
  info.heartbeat_timeout = core::TimeoutFromApi(task->heartbeat_timeout());
  if (task->has_retry_policy())
    info.retry_policy = core::FromApi(std::move(*task->mutable_retry_policy()));
  info.priority = core::FromApi(std::move(*task->mutable_priority()));
  info.headers = core::FromApi(std::move(*task->mutable_header()));
  info.heartbeat_details = core::FromApi(std::move(*task->mutable_heartbeat_details()));
  return info;
}

Failure ApplicationFailure(std::string type, std::string message) {
  Failure failure;
  failure.message = std::move(message);
  failure.source = "perdure-cpp";
  failure.info = ApplicationFailureInfo{.type = std::move(type)};
  return failure;
}

// What a cancelled attempt is reported as, when the workflow did not ask for its cancellation: a
// failure, so that the retry policy gives the activity another attempt.
Failure StoppedFailure(CancelReason reason) {
  return ApplicationFailure(
      reason == CancelReason::worker_shutdown ? "WorkerShutdown"
      : reason == CancelReason::paused        ? "ActivityPause"
                                              : "ActivityReset",
      absl::StrCat("the activity was stopped: ", std::string(cancel_reason_name(reason))));
}

}  // namespace

// One attempt in hand, from its task to the answer's answer.
struct ActivityWorker::Running {
  std::shared_ptr<ActivityAttempt> attempt;
  std::string token;
  Slot slot;
  std::unique_ptr<HeartbeatThrottle> heartbeats;
  CancelReason reason = CancelReason::none;
  // The server has given up on the attempt: an answer would only be refused.
  bool is_unknown = false;
  // The outcome could not be sent, for its size or in a codec; what is sent instead says so.
  bool is_unsendable = false;
  Nanos started{};
  std::unique_ptr<Executor::Timer> close_timer, heartbeat_timer;
};

ActivityWorker::ActivityWorker(Rpc* rpc, const WorkerOptions* options,
                               const ActivityRegistry* registry, SlotPool* slots,
                               PollerBase::OnFatal fatal)
    : rpc_(rpc),
      options_(*options),
      registry_(*registry),
      slots_(slots),
      // Rate limits are kept where polls begin; an eager activity would pass them by (R59).
      is_eager_allowed_(options->eager_activities && options->max_activities_per_second <= 0 &&
                        options->max_task_queue_activities_per_second <= 0) {
  api::PollActivityTaskQueueRequest request;
  SetSender(rpc->host(), options_, &request);
  SetTaskQueue(options_.task_queue, request.mutable_task_queue());
  request.set_worker_instance_key(rpc->host().instance_key);
  if (options_.max_task_queue_activities_per_second > 0) {
    request.mutable_task_queue_metadata()->mutable_max_tasks_per_second()->set_value(
        options_.max_task_queue_activities_per_second);
  }
  poller_ = std::make_unique<Poller<api::PollActivityTaskQueueRequest, Task>>(
      PollerBase::Settings{absl::StrCat("activity:", options_.task_queue),
                           options_.activity_pollers, false, options_.max_activities_per_second},
      rpc, slots, "PollActivityTaskQueue", std::move(request),
      [this](Task&& task, Slot slot) { Polled(std::move(task), std::move(slot)); },
      std::move(fatal));
}

ActivityWorker::~ActivityWorker() {
  for (auto& [id, running] : running_) running->attempt->Detach();
}

void ActivityWorker::OnChange(absl::AnyInvocable<void()> change) {
  on_change_ = std::move(change);
  poller_->OnIdle([this] { on_change_(); });
}

void ActivityWorker::Start(bool server_scales) {
  if (server_scales) poller_->ServerScales();
  poller_->Start();
}

void ActivityWorker::StopPolling() { poller_->Stop(); }

void ActivityWorker::InterruptPolls() { poller_->Interrupt(); }

Slot ActivityWorker::ReserveEager() {
  if (!is_eager_allowed_) return Slot();
  return slots_->TryReserve(/*is_sticky=*/false, /*is_eager=*/true);
}

void ActivityWorker::ExecuteEager(Task task, Slot slot) {
  ++handed_over_;
  rpc_->executor()->Post([this, task = std::move(task), slot = std::move(slot)]() mutable {
    --handed_over_;
    const Id id = Hold(task, std::move(slot));
    Execute(id, std::move(task));
  });
}

ActivityWorker::Id ActivityWorker::Hold(const Task& task, Slot slot) {
  const Id id = ++last_id_;
  Running* running = (running_[id] = std::make_unique<Running>()).get();
  running->token = task.task_token();
  running->slot = std::move(slot);
  running->started = rpc_->executor()->Monotonic();
  return id;
}

void ActivityWorker::Polled(Task&& task, Slot slot) {
  const Id id = Hold(task, std::move(slot));
  const absl::Status status = rpc_->host().decode ? rpc_->host().decode(&task) : absl::OkStatus();
  if (status.ok()) return Execute(id, std::move(task));
  Fail(id, ApplicationFailure("PayloadDecodeError",
                              absl::StrCat("the activity's input could not be decoded: ",
                                           std::string(status.message()))));
}

void ActivityWorker::Execute(Id id, Task&& task) {
  Running* running = Find(id);
  const Meter& meter = rpc_->host().meter;
  meter.Count("temporal_activity_task_received", {"activity_type", task.activity_type().name()});
  meter.Latency(
      "temporal_activity_schedule_to_start_latency",
      core::FromApi(task.started_time()) - core::FromApi(task.current_attempt_scheduled_time()),
      {"activity_type", task.activity_type().name()});
  ActivityInfo info = InfoOf(&task, options_);
  const detail::ActivityDefinition* definition = registry_.Find(info.activity_type);
  if (definition == nullptr) {
    const FailurePtr failure = UnknownActivity(info.activity_type, registry_);
    Log(rpc_->host(), LogLevel::error, failure->message);
    return Fail(id, *failure);
  }
  running->attempt =
      std::make_shared<ActivityAttempt>(&rpc_->host(), rpc_->executor(), std::move(info),
                                        core::FromApi(std::move(*task.mutable_input())));
  running->heartbeats = std::make_unique<HeartbeatThrottle>(
      rpc_->executor(),
      HeartbeatThrottle::Interval(running->attempt->info().heartbeat_timeout,
                                  options_.default_heartbeat_throttle,
                                  options_.max_heartbeat_throttle),
      [this, id](Payloads details) { SendHeartbeat(id, std::move(details)); });
  WatchTimeouts(id, running);
  if (cancel_all_ != CancelReason::none) Cancel(id, cancel_all_);
  running->attempt->Run(
      definition, &options_, [this, id](Payloads details) { Heartbeat(id, std::move(details)); },
      [this, id](ActivityResult result) { Done(id, std::move(result)); });
}

void ActivityWorker::WatchTimeouts(Id id, Running* running) {
  const ActivityInfo& info = running->attempt->info();
  auto watch = [&](std::optional<Nanos> timeout) -> std::unique_ptr<Executor::Timer> {
    if (!timeout) return nullptr;
    return rpc_->executor()->PostAfter(*timeout + kLocalTimeoutDelay,
                                       [this, id] { Cancel(id, CancelReason::timed_out); });
  };
  if (!running->close_timer) running->close_timer = watch(info.start_to_close_timeout);
  running->heartbeat_timer = watch(info.heartbeat_timeout);
}

void ActivityWorker::Heartbeat(Id id, Payloads details) {
  Running* running = Find(id);
  if (running == nullptr || running->is_unknown) return;
  WatchTimeouts(id, running);
  running->heartbeats->Record(std::move(details));
}

void ActivityWorker::SendHeartbeat(Id id, Payloads details) {
  Running* running = Find(id);
  auto request = std::make_unique<api::RecordActivityTaskHeartbeatRequest>();
  request->set_task_token(running->token);
  request->set_namespace_(rpc_->host().namespace_);
  request->set_identity(rpc_->host().identity);
  core::SetIf(std::move(details), [&] { return request->mutable_details(); });
  rpc_->Call<api::RecordActivityTaskHeartbeatResponse>(
      "RecordActivityTaskHeartbeat", std::move(request),
      [this, id](const absl::Status& status,
                 const api::RecordActivityTaskHeartbeatResponse& response) {
        Running* running = Find(id);
        if (running == nullptr) return;
        if (status.code() == absl::StatusCode::kNotFound) {
          Cancel(id, CancelReason::not_found);
        } else if (status.ok() && response.cancel_requested()) {
          Cancel(id, CancelReason::cancel_requested);
        } else if (status.ok() && response.activity_reset()) {
          Cancel(id, CancelReason::reset);
        } else if (status.ok() && response.activity_paused()) {
          Cancel(id, CancelReason::paused);
        } else if (!status.ok()) {
          Log(rpc_->host(), LogLevel::warn, "a heartbeat was not accepted",
              {{"activity_id", running->attempt->info().activity_id},
               {"error", std::string(status.ToString())}});
        }
        running->heartbeats->Answered();
      });
}

void ActivityWorker::Cancel(Id id, CancelReason reason) {
  Running* running = Find(id);
  if (running == nullptr) return;
  if (reason == CancelReason::not_found || reason == CancelReason::timed_out)
    running->is_unknown = true;
  if (running->reason != CancelReason::none) return;
  running->reason = reason;
  running->attempt->Cancel(reason);
}

void ActivityWorker::CancelAll(CancelReason reason) {
  cancel_all_ = reason;
  for (auto& [id, running] : running_) {
    if (running->attempt) Cancel(id, reason);
  }
}

void ActivityWorker::Done(Id id, ActivityResult result) {
  Running* running = Find(id);
  running->close_timer.reset();
  running->heartbeat_timer.reset();
  const ActivityInfo& info = running->attempt->info();
  const Meter& meter = rpc_->host().meter;
  meter.Latency("temporal_activity_execution_latency",
                rpc_->executor()->Monotonic() - running->started,
                {"activity_type", info.activity_type});
  if (result.kind == ActivityResult::Kind::completed) {
    meter.Latency("temporal_activity_succeed_endtoend_latency",
                  rpc_->executor()->WallClock() - info.scheduled_time,
                  {"activity_type", info.activity_type});
  }
  if (running->is_unknown) return Forget(id);
  if (result.kind == ActivityResult::Kind::completed) return Answer(id, std::move(result));
  // The next attempt, or who completes the activity later, finds the last details only if they are
  // sent first.
  if (auto latest = running->attempt->TakeHeartbeat())
    running->heartbeats->Record(std::move(*latest));
  running->heartbeats->Flush(
      [this, id, result = std::move(result)]() mutable { Answer(id, std::move(result)); });
}

void ActivityWorker::Answer(Id id, ActivityResult result) {
  Running* running = Find(id);
  if (running->is_unknown) return Forget(id);
  switch (result.kind) {
    case ActivityResult::Kind::completed:
      return Complete(id, std::move(result.value));
    case ActivityResult::Kind::later:
      return Forget(id);
    case ActivityResult::Kind::canceled:
      if (running->reason == CancelReason::cancel_requested)
        return ReportCanceled(id, *result.failure);
      return Fail(id, StoppedFailure(running->reason));
    case ActivityResult::Kind::failed: {
      const auto* application = std::get_if<ApplicationFailureInfo>(&result.failure->info);
      const bool is_benign =
          application != nullptr && application->category == FailureCategory::benign;
      if (!is_benign)
        rpc_->host().meter.Count("temporal_activity_execution_failed",
                                 {"activity_type", running->attempt->info().activity_type});
      Log(rpc_->host(), is_benign ? LogLevel::debug : LogLevel::warn, "an activity failed",
          {{"activity_type", running->attempt->info().activity_type},
           {"activity_id", running->attempt->info().activity_id},
           {"attempt", absl::StrCat(running->attempt->info().attempt)},
           {"workflow_id", running->attempt->info().workflow_id},
           {"error", result.failure->message}});
      return Fail(id, *result.failure);
    }
  }
}

void ActivityWorker::Complete(Id id, std::optional<Payload> value) {
  auto request = std::make_unique<api::RespondActivityTaskCompletedRequest>();
  SetSender(rpc_->host(), options_, request.get());
  request->set_task_token(Find(id)->token);
  if (value) *request->mutable_result()->add_payloads() = core::ToApi(std::move(*value));
  Send<api::RespondActivityTaskCompletedResponse>(id, "RespondActivityTaskCompleted",
                                                  std::move(request));
}

void ActivityWorker::Fail(Id id, const Failure& failure) {
  auto request = std::make_unique<api::RespondActivityTaskFailedRequest>();
  SetSender(rpc_->host(), options_, request.get());
  request->set_task_token(Find(id)->token);
  *request->mutable_failure() = core::ToApi(failure);
  Send<api::RespondActivityTaskFailedResponse>(id, "RespondActivityTaskFailed", std::move(request));
}

void ActivityWorker::ReportCanceled(Id id, const Failure& failure) {
  auto request = std::make_unique<api::RespondActivityTaskCanceledRequest>();
  SetSender(rpc_->host(), options_, request.get());
  request->set_task_token(Find(id)->token);
  core::SetIf(std::get<CanceledFailureInfo>(failure.info).details,
              [&] { return request->mutable_details(); });
  Send<api::RespondActivityTaskCanceledResponse>(id, "RespondActivityTaskCanceled",
                                                 std::move(request));
}

template <class Response, class Request>
void ActivityWorker::Send(Id id, std::string_view method, std::unique_ptr<Request> request) {
  rpc_->Call<Response>(
      method, std::move(request), [this, id](const absl::Status& status, const Response&) {
        if (WasNotSent(status) && !std::exchange(Find(id)->is_unsendable, true)) {
          return Fail(id, ApplicationFailure("AnswerNotSent", std::string(status.message())));
        }
        // NotFound is what a canceled or timed-out activity is answered with: nothing is lost.
        if (!status.ok()) {
          Log(rpc_->host(),
              status.code() == absl::StatusCode::kNotFound ? LogLevel::debug : LogLevel::warn,
              "an activity's outcome was not accepted",
              {{"error", std::string(status.ToString())}});
        }
        Forget(id);
      });
}

void ActivityWorker::Forget(Id id) {
  running_.erase(id);
  if (on_change_) on_change_();
}

ActivityWorker::Running* ActivityWorker::Find(Id id) {
  const auto found = running_.find(id);
  return found == running_.end() ? nullptr : found->second.get();
}

}  // namespace perdure::worker
