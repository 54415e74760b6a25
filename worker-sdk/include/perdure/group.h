// Waiting for several things at once: all of them, the first, the first that succeeds.
#pragma once

#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "perdure/wait.h"

namespace perdure::workflow {

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

// The first result; when all fail, throws the error of the last of them, as they stand in the
// vector. The others go on. With none, throws std::invalid_argument.
template <class T>
task<T> any(std::vector<handle<T>> handles) {
  if (handles.empty()) throw std::invalid_argument("any() needs at least one handle");
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

// Runs all; the first to end, well or not, decides, and the others are canceled. With none, throws
// std::invalid_argument.
template <class T>
task<T> race(std::vector<task<T>> works) {
  if (works.empty()) throw std::invalid_argument("race() needs at least one task");
  cancel_scope scope;
  std::vector<handle<T>> handles;
  for (task<T>& work : works) handles.push_back(scope.spawn(std::move(work)));
  const std::size_t winner = co_await first(handles);
  for (const handle<T>& one : handles) one.detach();
  scope.cancel("another was first");
  co_return co_await handles[winner];
}

}  // namespace perdure::workflow
