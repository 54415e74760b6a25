// When a failed call is made again, and when its failure is the answer: as the other SDKs decide
// it.
//
// Pure: time and randomness come in. A RetrySchedule belongs to one call.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "absl/status/status.h"
#include "worker-sdk/client/transport.h"

namespace perdure::client {

enum class CallKind {
  kUnary,
  // Waits for something to happen to a run or an update: ends with it, however long the server is
  // away; but a server that is there and answers with errors only gets ten tries.
  kLongPoll,
  // A worker's poll: a deadline means that there was no task, and an error that no client should
  // see may come from a proxy that is being set up.
  kTaskPoll,
};

struct RetryOptions {
  Nanos interval_initial = std::chrono::milliseconds(100);
  double factor = 1.7;
  double jitter = 0.2;  // Each interval is off by up to this share of it.
  Nanos interval_max = std::chrono::seconds(5);
  // From the first attempt's start; absent: no limit.
  std::optional<Nanos> elapsed_max = std::chrono::seconds(10);
  std::int64_t attempts_max = 10;  // 0: no limit.
  // While a worker's poll is this young, no error is final.
  Nanos grace = Nanos(0);

  static RetryOptions For(CallKind kind);
};

class RetrySchedule {
 public:
  RetrySchedule(CallKind kind, Nanos now) : RetrySchedule(kind, RetryOptions::For(kind), now) {}
  RetrySchedule(CallKind kind, RetryOptions options, Nanos now);

  // How long to wait before the next attempt, or nothing where `status` is the answer. `random`
  // lies in [0, 1).
  std::optional<Nanos> Next(const absl::Status& status, Nanos now, double random);
  std::int64_t attempts() const { return attempts_; }

 private:
  const CallKind kind_;
  const RetryOptions options_;
  const Nanos started_;
  std::int64_t attempts_ = 0;
  std::int64_t errors_ = 0;  // Of a long poll: those that waiting does not help.
  Nanos interval_;
  // Grows with each RESOURCE_EXHAUSTED: a server that has too much to do is left alone for longer.
  Nanos throttle_interval_ = std::chrono::seconds(1);
};

// Whether a call of this kind that failed so may be made again at all.
bool IsRetryable(CallKind kind, const absl::Status& status);
// Larger than one of the two sides accepts: the same message would be refused again.
bool IsMessageTooLarge(const absl::Status& status);

}  // namespace perdure::client
