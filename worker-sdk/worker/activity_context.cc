// The activity's own view of its attempt: perdure/activity.h.
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>

#include "perdure/activity.h"

namespace perdure {

namespace {

thread_local activity_context* current = nullptr;

}  // namespace

std::optional<Payload> detail::sole_result(const Payloads& result) {
  if (result.size() > 1) {
    throw ApplicationError("an activity returned " + std::to_string(result.size()) +
                               " payloads, and its result can be one: put them into one value",
                           {.type = "ResultError", .non_retryable = true});
  }
  return result.empty() ? std::nullopt : std::optional(result.front());
}

struct activity_context::State {
  std::stop_source stop;
  std::atomic<CancelReason> reason{CancelReason::none};
  std::atomic<bool> is_later{false};
};

activity_context::activity_context(ActivityInfo info, detail::ActivityHost* host)
    : info_(std::move(info)), host_(host), state_(std::make_unique<State>()) {}

activity_context::~activity_context() = default;

void activity_context::heartbeat_payloads(Payloads details) {
  host_->Heartbeat(std::move(details));
}

CancelReason activity_context::cancel_reason() const { return state_->reason.load(); }

void activity_context::throw_if_cancelled() const {
  if (const CancelReason reason = cancel_reason(); reason != CancelReason::none) {
    throw CanceledError("activity canceled: " + std::string(cancel_reason_name(reason)));
  }
}

std::stop_token activity_context::stop_token() const { return state_->stop.get_token(); }

void activity_context::sleep_for(std::chrono::nanoseconds duration) const {
  std::mutex mutex;
  std::condition_variable_any changed;
  std::unique_lock lock(mutex);
  changed.wait_for(lock, stop_token(), duration, [] { return false; });
  throw_if_cancelled();
}

std::string activity_context::complete_later() {
  if (info_.is_local) throw Error("a local activity cannot be completed later");
  state_->is_later = true;
  return info_.task_token;
}

bool activity_context::is_completed_later() const { return state_->is_later.load(); }

void activity_context::request_cancel(CancelReason reason) {
  CancelReason before = CancelReason::none;
  // The reason first: who is woken by the token may ask for it.
  if (state_->reason.compare_exchange_strong(before, reason)) state_->stop.request_stop();
}

std::string_view cancel_reason_name(CancelReason reason) {
  switch (reason) {
    case CancelReason::none:
      return "none";
    case CancelReason::cancel_requested:
      return "cancel requested";
    case CancelReason::timed_out:
      return "timed out";
    case CancelReason::not_found:
      return "not known to the server any more";
    case CancelReason::worker_shutdown:
      return "worker shutdown";
    case CancelReason::paused:
      return "paused";
    case CancelReason::reset:
      return "reset";
  }
  return "unknown";
}

namespace activity {

activity_context& context() {
  if (current == nullptr) throw Error("perdure::activity:: was used outside an activity");
  return *current;
}

bool in_activity() { return current != nullptr; }

}  // namespace activity

namespace detail {

ActivityScope::ActivityScope(activity_context* context) : before_(current) { current = context; }

ActivityScope::~ActivityScope() { current = before_; }

}  // namespace detail
}  // namespace perdure
