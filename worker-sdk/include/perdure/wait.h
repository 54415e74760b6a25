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

void SpawnFrame(task<void> work, Scope* scope, Ref<Scope> keep);

template <class T>
task<void> Into(task<T> work, Ref<State<T>> state) {
  try {
    if constexpr (std::is_void_v<T>) {
      co_await work;
    } else {
      state->value.emplace(co_await work);
    }
  } catch (...) {
    state->error = std::current_exception();
  }
  state->Wake();
}
template <class T>
handle<T> SpawnIn(task<T> work, Scope* scope, Ref<Scope> keep) {
  Ref<State<T>> state(new State<T>);
  SpawnFrame(Into<T>(std::move(work), state), scope, std::move(keep));
  return handle<T>(std::move(state));
}

}  // namespace detail

// Waits until predicate() is true. It is asked now, and whenever all code of the workflow waits
// after something happened; it must depend on the workflow's state only and change nothing. Throws
// CanceledError when the scope is canceled.
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
template <class T>
handle<T> spawn(task<T> work) {
  detail::Scope* scope = detail::Loop().scope;
  return detail::SpawnIn<T>(std::move(work), scope, detail::Ref<detail::Scope>::Share(scope));
}

// What is started inside ends when cancel() is called, or when the scope around it is canceled.
// Leaving a scope does not cancel what is still running in it.
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
    return detail::SpawnIn<T>(std::move(work), scope_.get(), scope_);
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

namespace detail {
// Counts down as results come; one waits for it.
struct Countdown {
  struct One : Waiter {
    Countdown* of = nullptr;
    std::size_t index = 0;
    StateBase* state = nullptr;
  };
  std::vector<One> all;
  std::size_t left = 0;
  std::size_t first = SIZE_MAX;         // Index of the first that ended.
  std::size_t first_failed = SIZE_MAX;  // And of the first that failed.

  template <class Handles>
  explicit Countdown(const Handles& handles) : all(handles.size()) {
    for (std::size_t i = 0; i < all.size(); ++i) Watch(i, handles[i].state_for_sdk().get());
  }
  explicit Countdown(std::vector<StateBase*> states) : all(states.size()) {
    for (std::size_t i = 0; i < all.size(); ++i) Watch(i, states[i]);
  }
  Countdown(const Countdown&) = delete;
  ~Countdown() {
    for (One& one : all) {
      if (!one.state->is_ready) one.state->RemoveWaiter(&one);
    }
  }
  void Watch(std::size_t index, StateBase* state) {
    One& one = all[index];
    one.of = this;
    one.index = index;
    one.state = state;
    one.wake = [](Waiter* waiter) {
      static_cast<One*>(waiter)->of->Ended(*static_cast<One*>(waiter));
    };
    ++left;
    if (state->is_ready)
      Ended(one);
    else
      state->AddWaiter(&one);
  }
  void Ended(const One& one) {
    --left;
    if (first == SIZE_MAX) first = one.index;
    if (one.state->error && first_failed == SIZE_MAX) first_failed = one.index;
  }
};
}  // namespace detail

// The index of the first of these to end, well or not. With none, waits for ever.
template <class T>
task<std::size_t> first(std::vector<handle<T>> handles) {
  detail::Countdown countdown(handles);
  co_await until([&] { return countdown.first != SIZE_MAX; });
  co_return countdown.first;
}

// All results, in the order given; throws the first error as soon as it comes (the others go on).
template <class T>
task<std::vector<T>> all(std::vector<handle<T>> handles) {
  detail::Countdown countdown(handles);
  co_await until([&] { return countdown.left == 0 || countdown.first_failed != SIZE_MAX; });
  if (countdown.first_failed != SIZE_MAX)
    static_cast<void>(co_await handles[countdown.first_failed]);
  std::vector<T> results;
  results.reserve(handles.size());
  for (const handle<T>& one : handles) results.push_back(co_await one);
  co_return results;
}
inline task<void> all(std::vector<handle<void>> handles) {
  detail::Countdown countdown(handles);
  co_await until([&] { return countdown.left == 0 || countdown.first_failed != SIZE_MAX; });
  if (countdown.first_failed != SIZE_MAX) co_await handles[countdown.first_failed];
}
// Of different types.
template <class... T>
  requires(sizeof...(T) > 1 && !(std::is_void_v<T> || ...))
task<std::tuple<T...>> all(handle<T>... handles) {
  detail::Countdown countdown(std::vector<detail::StateBase*>{handles.state_for_sdk().get()...});
  co_await until([&] { return countdown.left == 0 || countdown.first_failed != SIZE_MAX; });
  const auto rethrow = [](detail::StateBase& state) {
    state.is_observed = true;
    if (state.error) std::rethrow_exception(state.error);
  };
  if (countdown.first_failed != SIZE_MAX) rethrow(*countdown.all[countdown.first_failed].state);
  co_return std::tuple<T...>(*handles.state_for_sdk()->value...);
}

// The first result; throws the last error when all fail. The others go on.
template <class T>
task<T> any(std::vector<handle<T>> handles) {
  std::size_t succeeded = SIZE_MAX;
  co_await until([&] {
    bool waits = false;
    for (std::size_t i = 0; i < handles.size() && succeeded == SIZE_MAX; ++i) {
      if (!handles[i].done())
        waits = true;
      else if (!handles[i].failed())
        succeeded = i;
    }
    return succeeded != SIZE_MAX || !waits;
  });
  if (succeeded == SIZE_MAX) succeeded = handles.size() - 1;
  for (const handle<T>& one : handles) one.detach();
  co_return co_await handles.at(succeeded);
}

// Runs all; the first to end, well or not, decides, and the others are canceled.
template <class T>
task<T> race(std::vector<task<T>> works) {
  cancel_scope scope;
  std::vector<handle<T>> handles;
  for (task<T>& work : works) handles.push_back(scope.spawn(std::move(work)));
  const std::size_t winner = co_await first(handles);
  for (const handle<T>& one : handles) one.detach();
  scope.cancel("another was first");
  co_return co_await handles[winner];
}

// One at a time; waiters are served in the order in which they came. Keep it in the workflow
// object.
class semaphore {
 public:
  explicit semaphore(std::size_t permits) : free_(permits) {}
  semaphore(const semaphore&) = delete;
  // Of one permit; gives it back when destroyed.
  class permit {
   public:
    explicit permit(semaphore* of) : of_(of) {}
    permit(permit&& other) noexcept : of_(std::exchange(other.of_, nullptr)) {}
    permit& operator=(permit&& other) noexcept {
      std::swap(of_, other.of_);
      return *this;
    }
    ~permit() { release(); }
    void release() {
      if (of_ != nullptr) ++std::exchange(of_, nullptr)->free_;
    }

   private:
    semaphore* of_;
  };
  task<permit> acquire() {
    const std::uint64_t mine = last_ticket_++;
    waiting_.push_back(mine);
    try {
      co_await until([this, mine] {
        if (free_ == 0 || waiting_.front() != mine) return false;
        --free_;
        waiting_.pop_front();
        return true;
      });
    } catch (...) {
      std::erase(waiting_, mine);
      throw;
    }
    co_return permit(this);
  }

 private:
  std::size_t free_;
  std::uint64_t last_ticket_ = 0;
  std::deque<std::uint64_t> waiting_;
};
class mutex : public semaphore {
 public:
  mutex() : semaphore(1) {}
  task<permit> lock() { return acquire(); }
};

// Values from those who push to those who pop, in order. Keep it in the workflow object.
template <class T>
class channel {
 public:
  explicit channel(std::size_t capacity = SIZE_MAX) : capacity_(capacity) {}
  channel(const channel&) = delete;
  // Waits while the channel is full.
  task<void> push(T value) {
    co_await until([this] { return values_.size() < capacity_; });
    values_.push_back(std::move(value));
  }
  // False where it is full.
  bool try_push(T value) {
    if (values_.size() >= capacity_) return false;
    values_.push_back(std::move(value));
    return true;
  }
  // Waits for a value; nullopt once the channel is closed and empty.
  task<std::optional<T>> pop() {
    std::optional<T> value;
    co_await until([this, &value] {
      if (values_.empty()) return is_closed_;
      value = std::move(values_.front());
      values_.pop_front();
      return true;
    });
    co_return value;
  }
  void close() { is_closed_ = true; }
  std::size_t size() const { return values_.size(); }

 private:
  const std::size_t capacity_;
  std::deque<T> values_;
  bool is_closed_ = false;
};

}  // namespace perdure::workflow
