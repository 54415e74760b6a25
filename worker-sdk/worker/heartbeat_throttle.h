// How often an activity's heartbeats reach the server (R57): the first at once, later ones
// together, the last details win.
//
// Loop-bound. `send` begins a call; its end is told by Answered. Pure otherwise: time is the
// executor's.
#pragma once

#include <memory>
#include <optional>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "perdure/payload.h"
#include "worker-sdk/client/transport.h"

namespace perdure::worker {

class HeartbeatThrottle {
 public:
  using Send = absl::AnyInvocable<void(Payloads)>;
  HeartbeatThrottle(client::Executor* executor, client::Nanos interval, Send send)
      : executor_(executor), interval_(interval), send_(std::move(send)) {}
  HeartbeatThrottle(const HeartbeatThrottle&) = delete;

  // At most this long between two heartbeats that are sent: a part of the timeout, never beyond
  // `max`.
  static client::Nanos Interval(std::optional<client::Nanos> timeout, client::Nanos without,
                                client::Nanos max) {
    const bool has_timeout = timeout && *timeout > client::Nanos(0);
    return std::min(max, has_timeout ? *timeout / 10 * 8 : without);
  }

  void Record(Payloads details) {
    pending_ = std::move(details);
    if (!timer_ && !in_flight_) SendNow();
  }
  void Answered() {
    in_flight_ = false;
    if (flushed_) return Continue();
    if (pending_ && !timer_) SendNow();
  }
  // Sends what waits without waiting longer; `done` once nothing is under way. Nothing is recorded
  // after this.
  void Flush(absl::AnyInvocable<void()> done) {
    flushed_ = std::move(done);
    timer_.reset();
    if (!in_flight_) Continue();
  }

 private:
  void Continue() {
    if (pending_) return SendNow();
    if (auto done = std::exchange(flushed_, nullptr)) done();
  }
  void SendNow() {
    in_flight_ = true;
    if (!flushed_) {
      timer_ = executor_->PostAfter(interval_, [this] {
        timer_.reset();
        if (pending_ && !in_flight_) SendNow();
      });
    }
    Payloads details = std::move(*pending_);
    pending_.reset();
    send_(std::move(details));
  }

  client::Executor* executor_;
  client::Nanos interval_;
  Send send_;
  std::optional<Payloads> pending_;
  bool in_flight_ = false;
  absl::AnyInvocable<void()> flushed_;
  std::unique_ptr<client::Executor::Timer> timer_;
};

}  // namespace perdure::worker
