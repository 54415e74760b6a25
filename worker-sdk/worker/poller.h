// Keeps long polls of one task queue open and hands on what they bring.
//
// Loop-bound. A poll is opened with its slot in hand, so every task that comes can be run. Ends in
// two steps: Stop opens no more polls, Interrupt cancels the open ones; `idle` says that none is
// left.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "worker-sdk/worker/backoff.h"
#include "worker-sdk/worker/poll_scaler.h"
#include "worker-sdk/worker/rpc.h"
#include "worker-sdk/worker/slot_pool.h"

namespace perdure::worker {

// So long a poll stays open on our side; the server answers empty well before.
inline constexpr Nanos kPollTimeout = std::chrono::seconds(70);
inline constexpr Nanos kPollTimeoutBusy = std::chrono::seconds(11);

// The decisions of a poller, without the message types.
class PollerBase {
 public:
  struct Settings {
    std::string name;  // For messages.
    PollerOptions pollers;
    bool is_sticky = false;
    double polls_per_second = 0;  // 0: no limit.
    // Names of what is counted, as the other SDKs have them; empty: not counted.
    std::string_view poller_type = "activity_task";
    std::string_view succeed_metric = {};
    std::string_view empty_metric = "temporal_activity_poll_no_task";
  };
  // `fatal` is told of an error that no repetition can mend; the poller stops by itself then.
  using OnFatal = absl::AnyInvocable<void(const absl::Status&)>;

  PollerBase(Settings settings, Rpc* rpc, SlotPool* slots, OnFatal fatal);
  PollerBase(const PollerBase&) = delete;
  virtual ~PollerBase();

  void Start();
  void Stop();
  void Interrupt();
  bool idle() const { return active_ == 0; }
  std::int64_t active() const { return active_; }
  std::int64_t target() const { return scaler_.target(); }
  void ServerScales() { scaler_.ServerScales(); }
  // Shares slots with another queue's poller: neither takes the last slot while the other has no
  // poll open.
  void SharesWith(const PollerBase* other) { other_ = other; }
  // Called whenever a poll ended after Stop, for whoever waits for `idle`.
  void OnIdle(absl::AnyInvocable<void()> idle) { on_idle_ = std::move(idle); }

 protected:
  // Opens one poll; its end calls Ended.
  virtual std::shared_ptr<Rpc::Handle> Open(Nanos timeout, Slot slot) = 0;
  // `delta`: the server's scaling suggestion, null without one.
  void Ended(const std::shared_ptr<Rpc::Handle>* handle, const absl::Status& status, bool has_task,
             const std::int32_t* delta);
  Rpc* rpc() const { return rpc_; }

 private:
  void Pump();
  void PumpSoon(Nanos delay);
  bool LeavesLastSlot() const;
  Slot Reserve();
  // Time until the rate limit lets one more poll begin; takes the place.
  Nanos TakeRate();
  void Failed(const absl::Status& status);
  void CountActive();
  void Closed();

  const Settings settings_;
  Rpc* const rpc_;
  SlotPool* const slots_;
  OnFatal fatal_;
  absl::AnyInvocable<void()> on_idle_;
  const PollerBase* other_ = nullptr;
  PollScaler scaler_;
  Backoff backoff_, overload_backoff_;
  bool running_ = false;
  bool is_stopped_ = false;
  std::int64_t active_ = 0;
  Nanos next_allowed_{};
  std::set<std::shared_ptr<Rpc::Handle>> open_;
  std::unique_ptr<client::Executor::Timer> timer_;
  // Places of polls that failed and wait before they are opened again.
  std::map<std::int64_t, std::unique_ptr<client::Executor::Timer>> waiting_;
  std::int64_t waits_ = 0;
  std::int64_t failures_ = 0;  // In a row; the log names the first and then every tenth.
  // What is posted with a copy of this does nothing once the poller is gone.
  std::shared_ptr<PollerBase*> alive_;
};

template <class Request, class Response>
class Poller : public PollerBase {
 public:
  using Deliver = absl::AnyInvocable<void(Response&&, Slot)>;
  Poller(Settings settings, Rpc* rpc, SlotPool* slots, std::string method, Request request,
         Deliver deliver, OnFatal fatal)
      : PollerBase(std::move(settings), rpc, slots, std::move(fatal)),
        method_(std::move(method)),
        request_(std::move(request)),
        deliver_(std::move(deliver)) {}

 private:
  std::shared_ptr<Rpc::Handle> Open(Nanos timeout, Slot slot) override {
    auto self_handle = std::make_shared<std::shared_ptr<Rpc::Handle>>();
    *self_handle = rpc()->template Once<Request, Response>(
        method_, request_, timeout,
        [this, self_handle, slot = std::move(slot)](const absl::Status& status,
                                                    Response& response) mutable {
          const bool has_task = status.ok() && !response.task_token().empty();
          std::int32_t delta = 0;
          const bool has_delta = status.ok() && response.has_poller_scaling_decision();
          if (has_delta) delta = response.poller_scaling_decision().poll_request_delta_suggestion();
          const std::shared_ptr<Rpc::Handle> handle = std::move(*self_handle);
          // First the task: polling again before would only delay it.
          if (has_task) {
            deliver_(std::move(response), std::move(slot));
          } else {
            slot.Release();
          }
          Ended(&handle, status, has_task, has_delta ? &delta : nullptr);
        });
    return *self_handle;
  }
  const std::string method_;
  const Request request_;
  Deliver deliver_;
};

}  // namespace perdure::worker
