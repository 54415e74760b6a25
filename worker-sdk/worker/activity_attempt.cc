#include "worker-sdk/worker/activity_attempt.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace perdure::worker {
namespace {

// The interceptors from `at` on, and then the function.
std::optional<Payload> CallThrough(const ActivityAttempt::Interceptors& interceptors,
                                   std::size_t at, const detail::ActivityFunction& function,
                                   activity_context& context, const Payloads& input) {
  if (at == interceptors.size()) return function(context, input);
  return interceptors[at]->execute(
      context, input, [&, at](activity_context& inner_context, const Payloads& inner) {
        return CallThrough(interceptors, at + 1, function, inner_context, inner);
      });
}

}  // namespace

ActivityAttempt::ActivityAttempt(const Host* host, client::Executor* loop, ActivityInfo info,
                                 Payloads input)
    : host_(host), loop_(loop), context_(std::move(info), this), input_(std::move(input)) {}

void ActivityAttempt::Run(const detail::ActivityFunction* function,
                          const Interceptors* interceptors, OnHeartbeat heartbeat, OnDone done) {
  on_heartbeat_ = std::move(heartbeat);
  on_done_ = std::move(done);
  host_->transport->RunBlocking([self = shared_from_this(), function, interceptors]() mutable {
    ActivityResult result = self->Call(*function, *interceptors);
    client::Executor* loop = self->loop_;
    loop->Post([self = std::move(self), result = std::move(result)]() mutable {
      if (OnDone done = std::exchange(self->on_done_, nullptr)) done(std::move(result));
    });
  });
}

ActivityResult ActivityAttempt::Call(const detail::ActivityFunction& function,
                                     const Interceptors& interceptors) {
  detail::ActivityScope scope(&context_);
  ActivityResult result;
  try {
    result.value = CallThrough(interceptors, 0, function, context_, input_);
    if (context_.is_completed_later()) result.kind = ActivityResult::Kind::later;
  } catch (...) {
    result.failure = failure_of(std::current_exception());
    const bool is_canceled = std::holds_alternative<CanceledFailureInfo>(result.failure->info);
    result.kind = is_canceled && context_.cancelled() ? ActivityResult::Kind::canceled
                                                      : ActivityResult::Kind::failed;
  }
  return result;
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
