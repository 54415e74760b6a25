// Waiting, for workflow code: conditions, scopes, groups, locks, channels.
#pragma once

#include <deque>
#include <string>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "perdure/detail/operation.h"
#include "perdure/errors.h"
#include "perdure/options.h"
#include "perdure/task.h"

namespace perdure::workflow {

namespace detail {

using namespace perdure::detail;

// Waits until Ready() says yes. Ready may take something (a lock, an item): it is asked once more
// only if it said no.
template <class Ready>
class [[nodiscard("wait for it with co_await")]] Until {
 public:
  explicit Until(Ready ready) : ready_(std::move(ready)) {}
  class Awaiter : public Condition {
   public:
    explicit Awaiter(Ready ready) : ready_(std::move(ready)) {}
    bool await_ready() {
      if (Loop().scope->is_requested()) ThrowCanceled(Loop().scope);
      return ready_();
    }
    void await_suspend(std::coroutine_handle<> frame) {
      scope_at_wait_ = Loop().scope;
      Register(frame);
    }
    void await_resume() {
      if (error_) std::rethrow_exception(error_);
      if (is_canceled_) ThrowCanceled(scope_at_wait_);
    }
    bool Check() override { return ready_(); }

   private:
    Ready ready_;
    Scope* scope_at_wait_ = nullptr;
  };
  Awaiter operator co_await() && { return Awaiter(std::move(ready_)); }

 private:
  Ready ready_;
};

void SpawnFrame(task<void> work, Ref<Scope> scope);

// Its handle cancels what goes on in the task, until that has ended.
template <class T>
class SpawnedState final : public State<T> {
 public:
  Ref<Scope> scope;
  void RequestCancel() override {
    if (scope) scope->Cancel("");
  }
};
template <class T>
task<void> Into(task<T> work, Ref<SpawnedState<T>> state) {
  try {
    if constexpr (std::is_void_v<T>) {
      co_await work;
    } else {
      state->value.emplace(co_await work);
    }
  } catch (...) {
    state->error = std::current_exception();
  }
  state->scope->EndTask();
  state->scope = {};
  state->Wake();
}
template <class T>
handle<T> SpawnIn(task<T> work, Scope* outer) {
  Ref<SpawnedState<T>> state(new SpawnedState<T>);
  state->scope = Ref<Scope>(new Scope(outer, Scope::OfTask()));
  SpawnFrame(Into<T>(std::move(work), state), state->scope);
  return handle<T>(Ref<State<T>>(state));
}

}  // namespace detail

// Waits until predicate() is true. It is asked now, and whenever all code of the workflow waits
// after something happened; it must depend on the workflow's state only and change nothing. Throws
// CanceledError when the scope is canceled, and what predicate() throws.
template <class Predicate>
detail::Until<Predicate> until(Predicate predicate) {
  return detail::Until<Predicate>(std::move(predicate));
}

// A timer, under way from now. Below zero counts as zero; even that takes a round trip.
inline handle<void> timer(std::chrono::nanoseconds delay, timer_options options = {}) {
  auto* operation = new detail::OperationState<void>;
  detail::Ref<detail::State<void>> state(operation);
  detail::StartTimer(*operation, delay, options.summary);
  return handle<void>(std::move(state));
}
inline handle<void> sleep(std::chrono::nanoseconds delay, timer_options options = {}) {
  return timer(delay, options);
}

// Lets it run beside the rest. The handle says how it ends; dropping the handle does not stop it.
// Canceling the handle cancels what the task waits for and does from then on, as a cancellation of
// the scope around it would.
template <class T>
handle<T> spawn(task<T> work) {
  return detail::SpawnIn<T>(std::move(work), detail::Loop().scope);
}

// What is started inside ends when cancel() is called, or when the scope around it is canceled.
// Leaving a scope does not cancel what is still running in it. A handle of what was started outside
// is waited for all the same; `until([&] { return handle.done(); })` waits as long as the scope
// lets it.
class cancel_scope {
 public:
  enum class kind { follows_outer, shielded };
  explicit cancel_scope(kind how = kind::follows_outer)
      : scope_(new detail::Scope(detail::Loop().scope, how == kind::shielded)) {}
  cancel_scope(const cancel_scope&) = delete;

  void cancel(const std::string& reason = "") { scope_->Cancel(reason); }
  bool cancel_requested() const { return scope_->is_requested(); }
  // Awaiting the result runs the work in this scope.
  template <class T>
  task<T> run(task<T> work) {
    work.run_in_scope_for_sdk(scope_.get(), scope_);
    return work;
  }
  template <class T>
  handle<T> spawn(task<T> work) {
    return detail::SpawnIn<T>(std::move(work), scope_.get());
  }
  // Starts operations in this scope: `scope.with([&] { return workflow::activity<&f>(...); })`. Not
  // for coroutines.
  template <class F>
  auto with(F start) {
    const Entered entered(scope_.get());
    return start();
  }

 private:
  struct Entered {
    explicit Entered(detail::Scope* scope) : before(std::exchange(detail::Loop().scope, scope)) {}
    ~Entered() { detail::Loop().scope = before; }
    detail::Scope* before;
  };
  detail::Ref<detail::Scope> scope_;
};

// Goes on when everything around it is canceled: for what must be undone or cleaned up.
template <class T>
task<T> shield(task<T> work) {
  cancel_scope scope(cancel_scope::kind::shielded);
  task<T> inside = scope.run(std::move(work));
  co_return co_await inside;
}

// True when the predicate became true, false when the time was over first.
template <class Predicate>
task<bool> until_for(std::chrono::nanoseconds limit, Predicate predicate) {
  if (predicate()) co_return true;
  const handle<void> alarm = timer(limit);
  bool is_met = false;
  co_await until([&] { return (is_met = predicate()) || alarm.done(); });
  if (is_met) alarm.cancel();
  alarm.detach();
  co_return is_met;
}

// Throws TimeoutError when it takes longer; the work is canceled then, and not waited for.
template <class T>
task<T> with_timeout(std::chrono::nanoseconds limit, task<T> work) {
  cancel_scope scope;
  const handle<T> running = scope.spawn(std::move(work));
  const handle<void> alarm = timer(limit);
  co_await until([&] { return running.done() || alarm.done(); });
  alarm.detach();
  if (!running.done()) {
    running.detach();
    scope.cancel("timed out");
    throw TimeoutError("timed out");
  }
  alarm.cancel();
  co_return co_await running;
}

}  // namespace perdure::workflow
