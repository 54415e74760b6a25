#include "worker-sdk/worker/activity_attempt.h"

#include <exception>
#include <utility>

#include "absl/strings/str_cat.h"
#include "perdure/context_propagator.h"
#include "perdure/interceptor.h"
#include "worker-sdk/worker/coroutine_run.h"

namespace perdure::worker {

// While it lives, the thread has what the caller sent along.
class ActivityAttempt::Propagated {
 public:
  explicit Propagated(ActivityAttempt* attempt) : attempt_(*attempt) {
    for (const auto& one : attempt_.options_->context_propagators) {
      const PayloadMap& headers = attempt_.info().headers;
      const auto found = headers.find(one->name());
      Restore(*one, found == headers.end() ? nullptr : &found->second);
    }
  }
  Propagated(const Propagated&) = delete;
  ~Propagated() {
    for (const auto& one : attempt_.options_->context_propagators) Restore(*one, nullptr);
  }

 private:
  void Restore(ContextPropagator& propagator, const Payload* value) {
    try {
      propagator.restore(value);
    } catch (const std::exception& error) {
      attempt_.Log(LogLevel::warn, absl::StrCat("the header ", std::string(propagator.name()),
                                                " could not be restored: ", error.what()));
    } catch (...) {
      // From a destructor too, where nothing may leave.
      attempt_.Log(LogLevel::warn, absl::StrCat("the header ", std::string(propagator.name()),
                                                " could not be restored"));
    }
  }
  ActivityAttempt& attempt_;
};

ActivityAttempt::ActivityAttempt(const Host* host, client::Executor* loop, ActivityInfo info,
                                 Payloads input)
    : host_(host), loop_(loop), context_(std::move(info), this), input_(std::move(input)) {}

void ActivityAttempt::Run(const detail::ActivityDefinition* definition,
                          const WorkerOptions* options, OnHeartbeat heartbeat, OnDone done) {
  definition_ = definition;
  options_ = options;
  on_heartbeat_ = std::move(heartbeat);
  on_done_ = std::move(done);
  if (definition->start) {
    // Not from inside the caller, who is not ready for the end yet.
    return loop_->Post([self = shared_from_this()] { self->RunCoroutine(); });
  }
  host_->transport->RunBlocking([self = shared_from_this()]() mutable {
    ActivityResult result = self->ResultOf([&] { return self->CallFunction(); });
    client::Executor* loop = self->loop_;
    loop->Post([self = std::move(self), result = std::move(result)]() mutable {
      self->Done(std::move(result));
    });
  });
}

void ActivityAttempt::RunCoroutine() {
  auto run = std::make_shared<CoroutineRun>(host_->transport.get(), loop_, &context_,
                                            shared_from_this(), [this](auto resume) {
                                              const Propagated propagated(this);
                                              resume();
                                            });
  run->Start(Chain(), [this](CoroutineRun::Work& work) {
    Done(ResultOf([&] { return detail::ResultOf(work); }));
  });
}

std::optional<Payload> ActivityAttempt::CallFunction() {
  const detail::ActivityScope scope(&context_);
  const Propagated propagated(this);
  if (options_->interceptors.empty()) return definition_->call(context_, input_);
  return detail::RunHere(context_, Chain());
}

task<std::optional<Payload>> ActivityAttempt::Chain() {
  ExecuteActivityInput input;
  input.args = std::move(input_);
  if (!options_->interceptors.empty()) input.headers = info().headers;
  return ActivityNext(definition_, &options_->interceptors, 0)(context_, std::move(input));
}

ActivityResult ActivityAttempt::ResultOf(absl::AnyInvocable<std::optional<Payload>()> run) {
  ActivityResult result;
  try {
    result.value = run();
    if (context_.is_completed_later()) result.kind = ActivityResult::Kind::later;
  } catch (...) {
    result.failure = detail::ToFailure(host_->failure_converter, std::current_exception());
    const bool is_canceled = std::holds_alternative<CanceledFailureInfo>(result.failure->info);
    result.kind = is_canceled && context_.cancelled() ? ActivityResult::Kind::canceled
                                                      : ActivityResult::Kind::failed;
  }
  return result;
}

void ActivityAttempt::Done(ActivityResult result) {
  if (OnDone done = std::exchange(on_done_, nullptr)) done(std::move(result));
}

void ActivityAttempt::Detach() {
  on_heartbeat_ = nullptr;
  on_done_ = nullptr;
}

void ActivityAttempt::Redirect(OnDone done) {
  on_heartbeat_ = nullptr;
  on_done_ = std::move(done);
}

std::optional<Payloads> ActivityAttempt::TakeHeartbeat() {
  absl::MutexLock lock(&mutex_);
  return std::exchange(latest_, std::nullopt);
}

void ActivityAttempt::Heartbeat(Payloads details) {
  {
    absl::MutexLock lock(&mutex_);
    latest_ = std::move(details);
    // One message to the loop at a time: an activity may report in a tight loop.
    if (std::exchange(is_posted_, true)) return;
  }
  loop_->Post([self = shared_from_this()] { self->Deliver(); });
}

void ActivityAttempt::Deliver() {
  std::optional<Payloads> details;
  {
    absl::MutexLock lock(&mutex_);
    is_posted_ = false;
    details = std::exchange(latest_, std::nullopt);
  }
  if (details && on_heartbeat_) on_heartbeat_(std::move(*details));
}

void ActivityAttempt::Log(LogLevel level, std::string_view text) {
  const ActivityInfo& about = info();
  worker::Log(*host_, level, text,
              {{"activity_type", about.activity_type},
               {"activity_id", about.activity_id},
               {"attempt", absl::StrCat(about.attempt)},
               {"workflow_id", about.workflow_id},
               {"run_id", about.workflow_run_id}});
}

FailurePtr UnknownActivity(std::string_view type, const ActivityRegistry& registry) {
  Failure failure;
  failure.message = absl::StrCat(
      "activity type ", std::string(type),
      " is not registered on this worker; known: ", registry.empty() ? "none" : registry.Names());
  failure.source = "perdure-cpp";
  failure.info = ApplicationFailureInfo{.type = "NotFoundError"};
  return std::make_shared<const Failure>(std::move(failure));
}

}  // namespace perdure::worker
