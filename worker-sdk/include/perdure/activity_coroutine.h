// Activities that are coroutines: they wait without holding a thread.
//
//   perdure::task<std::string> fetch(perdure::activity_context& context, std::string url) {
//     for (int attempt = 0; attempt < 3; ++attempt) {
//       Reply reply = co_await perdure::activity::async<Reply>([&](perdure::completer<Reply> done)
//       {
//         http.get(url, [done](Reply reply) { done.complete(std::move(reply)); });  // any thread
//       });
//       if (reply.ok()) co_return reply.body;
//       context.heartbeat(attempt);
//       co_await perdure::activity::sleep(1s);
//     }
//     throw perdure::ApplicationError("no answer");
//   }
//
// Between two waits such code runs on a loop of the worker, beside workflow code: it must not
// block. Each wait ends with CanceledError as soon as the activity is cancelled. Parameters by
// value, as in workflows; the context may be a reference.
#pragma once

#include <atomic>
#include <chrono>
#include <coroutine>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <utility>

#include "perdure/detail/compiler.h"
#include "perdure/task.h"

namespace perdure {

class activity_context;

namespace detail {

// What the coroutines of one attempt run on: a loop of the worker, or the calling thread.
class ActivityLoop : public RunLoop {
 public:
  class Timer {
   public:
    virtual ~Timer() = default;
  };
  explicit ActivityLoop(activity_context* context) : context_(context) { activity = this; }
  ActivityLoop(const ActivityLoop&) = delete;
  virtual ~ActivityLoop() = default;
  // Throws an Error outside of an activity's coroutine.
  static ActivityLoop& Get();

  // Any thread: `frame` goes on here, after this returned.
  virtual void Post(std::coroutine_handle<> frame) = 0;
  // On the loop. Dropping the timer there stops it.
  virtual std::unique_ptr<Timer> PostAfter(std::chrono::nanoseconds delay,
                                           std::function<void()> then) = 0;
  // Keeps it, and time in tests, for something that goes on elsewhere.
  virtual std::shared_ptr<ActivityLoop> Share(bool is_elsewhere) = 0;
  // Does nothing else run on its thread meanwhile?
  virtual bool has_own_thread() const { return false; }
  activity_context& context() const { return *context_; }

 protected:
  // Until it waits or ends.
  void Resume(std::coroutine_handle<> frame);

 private:
  activity_context* const context_;
};

// One wait of a coroutine. The first to settle it decides how it ends; that may be any thread.
class ActivityWait {
 public:
  ActivityWait(std::shared_ptr<ActivityLoop> loop, std::coroutine_handle<> frame)
      : loop_(std::move(loop)), frame_(frame) {}
  bool is_settled() const { return is_settled_.load(); }
  // True for the first, who then calls Go.
  bool Claim() { return !is_settled_.exchange(true); }
  void Go() {
    const std::shared_ptr<ActivityLoop> loop = std::move(loop_);
    loop->Post(frame_);
  }
  void Settle() {
    if (Claim()) Go();
  }

 private:
  std::atomic<bool> is_settled_{false};
  std::shared_ptr<ActivityLoop> loop_;  // With the attempt, until it goes on.
  const std::coroutine_handle<> frame_;
};
template <class T>
class ActivityResultWait : public ActivityWait {
 public:
  using ActivityWait::ActivityWait;
  std::optional<T> value;
  std::exception_ptr error;
};
template <>
class ActivityResultWait<void> : public ActivityWait {
 public:
  using ActivityWait::ActivityWait;
  std::exception_ptr error;
};

std::stop_token StopTokenOf(const activity_context& context);
void ThrowIfCancelled(const activity_context& context);

// Settles the wait when the activity is cancelled.
class CancelWatch {
 public:
  CancelWatch(const activity_context& context, std::shared_ptr<ActivityWait> wait)
      : callback_(StopTokenOf(context), Settle{std::move(wait)}) {}

 private:
  struct Settle {
    std::shared_ptr<ActivityWait> wait;
    void operator()() const { wait->Settle(); }
  };
  std::stop_callback<Settle> callback_;
};

}  // namespace detail

// Ends one activity::async(). A value: copied to wherever the result comes from. Thread-safe; the
// first call counts, what comes later is dropped.
template <class T = void>
class completer {
 public:
  explicit completer(std::shared_ptr<detail::ActivityResultWait<T>> wait)
      : wait_(std::move(wait)) {}
  template <class U = T>
    requires(!std::is_void_v<U>)
  void complete(U value) const {
    if (!wait_->Claim()) return;
    wait_->value.emplace(std::move(value));
    wait_->Go();
  }
  void complete() const
    requires std::is_void_v<T>
  {
    wait_->Settle();
  }
  void fail(std::exception_ptr error) const {
    if (!wait_->Claim()) return;
    wait_->error = std::move(error);
    wait_->Go();
  }
  // Does nobody wait any more? True once it ended or the activity was cancelled.
  bool is_over() const { return wait_->is_settled(); }

 private:
  std::shared_ptr<detail::ActivityResultWait<T>> wait_;  // With the waiting coroutine.
};

namespace activity {

namespace detail {

using namespace perdure::detail;

// Awaiters are objects of their own, as task's is, for GCC 12.
class SleepAwaiter {
 public:
  explicit SleepAwaiter(std::chrono::nanoseconds duration) : duration_(duration) {}
  SleepAwaiter(const SleepAwaiter&) = delete;
  bool await_ready() const {
    ThrowIfCancelled(ActivityLoop::Get().context());
    return false;
  }
  void await_suspend(std::coroutine_handle<> frame) {
    ActivityLoop& loop = ActivityLoop::Get();
    auto wait = std::make_shared<ActivityWait>(loop.Share(false), frame);
    timer_ = loop.PostAfter(duration_, [wait] { wait->Settle(); });
    watch_.emplace(loop.context(), std::move(wait));
  }
  void await_resume() {
    watch_.reset();
    timer_.reset();
    ThrowIfCancelled(ActivityLoop::Get().context());
  }

 private:
  const std::chrono::nanoseconds duration_;
  std::unique_ptr<ActivityLoop::Timer> timer_;
  std::optional<CancelWatch> watch_;
};
class [[nodiscard("wait for it with co_await")]] Sleep {
 public:
  explicit Sleep(std::chrono::nanoseconds duration) : duration_(duration) {}
  SleepAwaiter operator co_await() const { return SleepAwaiter(duration_); }

 private:
  std::chrono::nanoseconds duration_;
};

template <class T, class Start>
class AsyncAwaiter {
 public:
  explicit AsyncAwaiter(Start start) : start_(std::move(start)) {}
  AsyncAwaiter(const AsyncAwaiter&) = delete;
  bool await_ready() const {
    ThrowIfCancelled(ActivityLoop::Get().context());
    return false;
  }
  void await_suspend(std::coroutine_handle<> frame) {
    ActivityLoop& loop = ActivityLoop::Get();
    wait_ = std::make_shared<ActivityResultWait<T>>(loop.Share(true), frame);
    const completer<T> done(wait_);
    try {
      start_(done);
    } catch (...) {
      done.fail(std::current_exception());
    }
    watch_.emplace(loop.context(), wait_);
  }
  T await_resume() {
    watch_.reset();
    if (wait_->error) std::rethrow_exception(wait_->error);
    if constexpr (std::is_void_v<T>) {
      ThrowIfCancelled(ActivityLoop::Get().context());
    } else {
      if (!wait_->value) ThrowIfCancelled(ActivityLoop::Get().context());
      return std::move(wait_->value).value();
    }
  }

 private:
  Start start_;
  std::shared_ptr<ActivityResultWait<T>> wait_;  // With the completers.
  std::optional<CancelWatch> watch_;
};
template <class T, class Start>
class [[nodiscard("wait for it with co_await")]] Async {
 public:
  explicit Async(Start start) : start_(std::move(start)) {}
  AsyncAwaiter<T, Start> operator co_await() && {
    return AsyncAwaiter<T, Start>(std::move(start_));
  }

 private:
  Start start_;
};

}  // namespace detail

// Waits so long without a thread; throws CanceledError as soon as the activity is cancelled.
inline detail::Sleep sleep(std::chrono::nanoseconds duration) { return detail::Sleep(duration); }

// Calls start(completer<T>) now, and waits until one of the completer's copies was used, on
// whatever thread. Throws what it was failed with; CanceledError when the activity is cancelled
// first, and what comes after that is dropped.
template <class T = void, class Start>
detail::Async<T, std::decay_t<Start>> async(Start&& start) {
  static_assert(PERDURE_DESTROYS_AGGREGATE_TEMPORARIES_TWICE == 0 ||
                    std::is_lvalue_reference_v<Start> || std::is_trivially_destructible_v<Start>,
                "this compiler destroys such a closure twice in an expression with co_await: name "
                "the lambda first, or capture by reference");
  return detail::Async<T, std::decay_t<Start>>(std::forward<Start>(start));
}

}  // namespace activity

namespace detail {

// Of one that has ended.
template <class T>
T ResultOf(const task<T>& work) {
  return std::coroutine_handle<Promise<T>>::from_address(work.frame_for_sdk().address())
      .promise()
      .Take();
}
// Runs a coroutine of an activity to its end on the calling thread, which waits with it.
void RunHere(activity_context& context, std::coroutine_handle<> root);
template <class T>
T RunHere(activity_context& context, task<T> work) {
  // The task keeps the frame.
  RunHere(context, work.frame_for_sdk());
  return ResultOf(work);
}

}  // namespace detail
}  // namespace perdure
