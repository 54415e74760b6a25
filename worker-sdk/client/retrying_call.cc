#include "worker-sdk/client/retrying_call.h"

#include <mutex>
#include <optional>
#include <random>
#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"

namespace perdure::client {
namespace {

using google::protobuf::Message;

double Random() {
  // Jitter only: nothing is replayed from it.
  thread_local std::minstd_rand generator{std::random_device{}()};
  return std::uniform_real_distribution<double>(0, 1)(generator);
}

// Shared by its handle and by the attempt or timer that is under way. The mutex orders a Cancel
// from another thread with the loop's steps.
class RetryingCall final : public std::enable_shared_from_this<RetryingCall> {
 public:
  RetryingCall(Transport* transport, CallKind kind, std::string_view method, const Message& request,
               Message* response, CallOptions options, Executor* executor, Transport::Done done)
      : transport_(transport),
        method_(method),
        request_(request),
        response_(response),
        options_(std::move(options)),
        executor_(executor),
        done_(std::move(done)),
        retries_(kind, executor->Monotonic()) {}

  void Attempt() {
    std::unique_ptr<Transport::Call> previous;  // Destroyed after the lock.
    const std::lock_guard lock(mutex_);
    timer_.reset();
    if (is_canceled_) {
      FinishLater();
      return;
    }
    previous = std::move(call_);
    call_ = transport_->Start(
        method_, request_, response_, options_, executor_,
        [self = shared_from_this()](absl::Status status) { self->Answer(std::move(status)); });
  }

  void Cancel() {
    const std::lock_guard lock(mutex_);
    if (is_canceled_ || is_done_) return;
    is_canceled_ = true;
    if (call_ != nullptr) call_->Cancel();
    if (timer_ == nullptr) return;
    // The loop is waiting for the next attempt, which is not to be.
    executor_->Post([self = shared_from_this()] { self->CancelWait(); });
  }

 private:
  void Answer(absl::Status status) {
    std::optional<Nanos> wait;
    {
      const std::lock_guard lock(mutex_);
      if (!status.ok() && is_canceled_) {
        status = Canceled();
      } else if (!status.ok()) {
        wait = retries_.Next(status, executor_->Monotonic(), Random());
      }
      if (wait) {
        last_ = std::move(status);
        response_->Clear();
        timer_ = executor_->PostAfter(*wait, [self = shared_from_this()] { self->Attempt(); });
      } else {
        is_done_ = true;
      }
    }
    if (!wait) std::exchange(done_, nullptr)(std::move(status));
  }

  void CancelWait() {
    {
      const std::lock_guard lock(mutex_);
      if (timer_ == nullptr) return;  // The timer came first, and Attempt saw is_canceled_.
      timer_.reset();
      is_done_ = true;
    }
    std::exchange(done_, nullptr)(Canceled());
  }

  void FinishLater() {
    is_done_ = true;
    executor_->Post(
        [self = shared_from_this()] { std::exchange(self->done_, nullptr)(self->Canceled()); });
  }

  // Says why there was a further attempt to cancel.
  absl::Status Canceled() const {
    if (last_.ok()) return absl::CancelledError("the call was canceled");
    return absl::CancelledError(
        absl::StrCat("the call was canceled after ",
                     last_.ToString(absl::StatusToStringMode::kWithNoExtraData)));
  }

  Transport* const transport_;
  const std::string_view method_;
  const Message& request_;
  Message* const response_;
  const CallOptions options_;
  Executor* const executor_;
  Transport::Done done_;
  std::mutex mutex_;  // Guards what follows.
  RetrySchedule retries_;
  absl::Status last_;  // Of the attempt before.
  std::unique_ptr<Transport::Call> call_;
  std::unique_ptr<Executor::Timer> timer_;
  bool is_canceled_ = false;
  bool is_done_ = false;
};

class Handle final : public Transport::Call {
 public:
  explicit Handle(std::shared_ptr<RetryingCall> call) : call_(std::move(call)) {}
  ~Handle() override { call_->Cancel(); }
  void Cancel() override { call_->Cancel(); }

 private:
  const std::shared_ptr<RetryingCall> call_;
};

absl::Status Stopped(absl::Status status) {
  status.SetPayload(kStoppedUrl, absl::Cord());
  return status;
}

}  // namespace

std::unique_ptr<Transport::Call> StartRetrying(Transport* transport, CallKind kind,
                                               std::string_view method, const Message& request,
                                               Message* response, CallOptions options,
                                               Executor* executor, Transport::Done done) {
  auto call = std::make_shared<RetryingCall>(transport, kind, method, request, response,
                                             std::move(options), executor, std::move(done));
  call->Attempt();
  return std::make_unique<Handle>(std::move(call));
}

absl::Status CallBlocking(Transport* transport, CallKind kind, std::string_view method,
                          const Message& request, Message* response, const CallOptions& options,
                          const Waiting& waiting) {
  if (waiting.stop.stop_requested()) {
    return Stopped(absl::CancelledError("the call was canceled before it was sent"));
  }
  absl::Status result;
  bool is_late = false;
  const std::shared_ptr<Transport::Event> answered = transport->NewEvent();
  Executor* const executor = transport->executor();
  const auto call =
      std::make_shared<RetryingCall>(transport, kind, method, request, response, options, executor,
                                     [&result, answered](absl::Status status) {
                                       result = std::move(status);
                                       answered->Set();
                                     });
  call->Attempt();
  {
    // By way of the loop: in the test environment, only the thread that drives may end a call.
    const std::stop_callback on_stop(
        waiting.stop, [executor, call] { executor->Post([call] { call->Cancel(); }); });
    if (!answered->Wait(waiting.limit)) {
      is_late = true;
      call->Cancel();
      answered->Wait(Nanos::max());  // The response is the caller's: it may go only after the call.
    }
  }
  if (result.ok()) return result;
  if (absl::IsCancelled(result) && waiting.stop.stop_requested()) {
    return Stopped(std::move(result));
  }
  if (is_late) {
    return absl::DeadlineExceededError(
        absl::StrCat("no answer within the time given: ", result.message()));
  }
  return result;
}

}  // namespace perdure::client
