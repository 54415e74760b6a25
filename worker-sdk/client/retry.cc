#include "worker-sdk/client/retry.h"

#include <algorithm>

#include "absl/strings/match.h"

namespace perdure::client {
namespace {

constexpr double kThrottleFactor = 2;
constexpr std::int64_t kErrorsMax = 10;
constexpr Nanos kThrottleIntervalMax = std::chrono::seconds(10);

Nanos Scaled(Nanos interval, double factor) {
  return Nanos(static_cast<std::int64_t>(static_cast<double>(interval.count()) * factor));
}

// Will a server that is restarted or relieved take the call? Other errors are repeated in the hope
// of another node.
bool IsPassing(const absl::Status& status) {
  return status.code() == absl::StatusCode::kUnavailable ||
         status.code() == absl::StatusCode::kResourceExhausted ||
         status.code() == absl::StatusCode::kDeadlineExceeded;
}

}  // namespace

RetryOptions RetryOptions::For(CallKind kind) {
  RetryOptions options;
  if (kind == CallKind::kUnary) return options;
  options.elapsed_max.reset();
  options.attempts_max = 0;
  if (kind == CallKind::kTaskPoll) {
    options.interval_initial = std::chrono::milliseconds(200);
    options.factor = 2;
    options.interval_max = std::chrono::seconds(10);
    options.grace = std::chrono::seconds(60);
  }
  return options;
}

RetrySchedule::RetrySchedule(CallKind kind, RetryOptions options, Nanos now)
    : kind_(kind), options_(options), started_(now), interval_(options.interval_initial) {}

std::optional<Nanos> RetrySchedule::Next(const absl::Status& status, Nanos now, double random) {
  ++attempts_;
  if (options_.attempts_max > 0 && attempts_ >= options_.attempts_max) return std::nullopt;
  if (kind_ == CallKind::kLongPoll && !IsPassing(status) && ++errors_ >= kErrorsMax) {
    return std::nullopt;
  }
  const Nanos elapsed = now - started_;
  if (!IsRetryable(kind_, status)) {
    const bool is_early = kind_ == CallKind::kTaskPoll && elapsed <= options_.grace;
    if (!is_early || IsMessageTooLarge(status)) return std::nullopt;
    return options_.interval_max;
  }
  if (options_.elapsed_max && elapsed > *options_.elapsed_max) return std::nullopt;
  const double jitter = 1 + options_.jitter * (2 * random - 1);
  Nanos wait = Scaled(interval_, jitter);
  interval_ = std::min(Scaled(interval_, options_.factor), options_.interval_max);
  if (status.code() == absl::StatusCode::kResourceExhausted) {
    wait = std::max(wait, Scaled(throttle_interval_, jitter));
    throttle_interval_ =
        std::min(Scaled(throttle_interval_, kThrottleFactor), kThrottleIntervalMax);
  }
  return wait;
}

bool IsRetryable(CallKind kind, const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kDataLoss:
    case absl::StatusCode::kInternal:
    case absl::StatusCode::kUnknown:
    case absl::StatusCode::kAborted:
    case absl::StatusCode::kUnavailable:
      return true;
    case absl::StatusCode::kOutOfRange:
    case absl::StatusCode::kResourceExhausted:
      return !IsMessageTooLarge(status);
    case absl::StatusCode::kDeadlineExceeded:
      return kind != CallKind::kUnary;
    case absl::StatusCode::kCancelled:
      return kind == CallKind::kTaskPoll;
    default:  // absl::StatusCode asks for a default.
      return false;
  }
}

bool IsMessageTooLarge(const absl::Status& status) {
  if (status.code() != absl::StatusCode::kResourceExhausted &&
      status.code() != absl::StatusCode::kOutOfRange) {
    return false;
  }
  return absl::StrContains(status.message(), "larger than max") ||
         absl::StrContains(status.message(), "message too large");
}

}  // namespace perdure::client
