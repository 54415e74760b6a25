// task<T>: a piece of workflow code that can wait. handle<T>: something already under way.
//
// A task does nothing until it is awaited (`co_await step()`) or spawned
// (`workflow::spawn(step())`); then it runs as part of its run, on that run's thread. A handle (an
// activity, a timer, a child workflow, a spawned task) is under way from the moment it exists and
// can be awaited any number of times:
//
//   auto a = workflow::activity<&charge>(order, {.start_to_close = 30s});   // both run
//   auto b = workflow::activity<&pack>(order, {.start_to_close = 30s});
//   Receipt receipt = co_await a;
//   co_await b;
//
// Three habits keep coroutines safe, in C++ as such: parameters by value (a reference must outlive
// the whole task), no capturing lambdas as coroutines (the closure dies before the coroutine does;
// refused at compile time), no co_await in a catch block (save what you need, leave the block, then
// wait).
#pragma once

#include <coroutine>
#include <source_location>
#include <string_view>
#include <type_traits>

#include "perdure/detail/frame.h"
#include "perdure/detail/function.h"

namespace perdure {

template <class T>
class task;
template <class T>
class handle;

namespace detail {

class PromiseBase {
 public:
  PromiseBase() = default;
  PromiseBase(const PromiseBase&) = delete;

  static void* operator new(std::size_t size) { return AllocateFrame(size); }
  static void operator delete(void* memory, std::size_t size) noexcept { FreeFrame(memory, size); }

  std::suspend_always initial_suspend() noexcept { return {}; }
  struct FinalAwaiter {
    bool await_ready() noexcept { return false; }
    template <class P>
    void await_suspend(std::coroutine_handle<P> frame) noexcept {
      PromiseBase& promise = frame.promise();
      RunLoop& loop = *current_loop;
      if (promise.awaiting_) {
        loop.scope = promise.awaiting_scope_;
        loop.next = promise.awaiting_;
      } else if (promise.is_owned_) {
        loop.finished = frame;
      }
    }
    void await_resume() noexcept {}
  };
  FinalAwaiter final_suspend() noexcept { return {}; }
  void unhandled_exception() noexcept { error_ = std::current_exception(); }
  // Remembers where the code waits, for stack traces.
  template <class A>
  A&& await_transform(A&& awaited,
                      std::source_location where = std::source_location::current()) noexcept {
    where_ = where;
    return static_cast<A&&>(awaited);
  }
  ~PromiseBase();

 protected:
  std::exception_ptr error_;

 private:
  template <class>
  friend class perdure::task;
  friend class Instance;
  std::coroutine_handle<> awaiting_;  // Whoever waits for this one.
  Scope* awaiting_scope_ = nullptr;
  PromiseBase* awaited_ = nullptr;  // Whom this one waits for, where that is a task.
  std::source_location where_;
  Scope* scope_ = nullptr;  // To run in; null: the one of whoever awaits.
  // Of spawned frames, which the run owns.
  Ref<Scope> keeps_scope_;
  PromiseBase *owned_before_ = nullptr, *owned_after_ = nullptr;
  std::coroutine_handle<> self_;
  bool is_owned_ = false;
};

template <class T>
class Promise : public PromiseBase {
 public:
  task<T> get_return_object() noexcept;
  template <class U = T>
    requires std::is_convertible_v<U&&, T>
  void return_value(U&& value) {
    value_.emplace(std::forward<U>(value));
  }
  T Take() {
    if (error_) std::rethrow_exception(error_);
    return std::move(*value_);
  }

 private:
  std::optional<T> value_;
};
template <>
class Promise<void> : public PromiseBase {
 public:
  task<void> get_return_object() noexcept;
  void return_void() noexcept {}
  void Take() {
    if (error_) std::rethrow_exception(error_);
  }
};

}  // namespace detail

template <class T = void>
class [[nodiscard("a task does nothing until it is awaited or spawned")]] task {
 public:
  using promise_type = detail::Promise<T>;
  using value_type = T;

  task(task&& other) noexcept : frame_(std::exchange(other.frame_, {})) {}
  task(const task&) = delete;
  task& operator=(task&& other) noexcept {
    std::swap(frame_, other.frame_);
    return *this;
  }
  ~task() {
    if (frame_) frame_.destroy();
  }

  // For the compiler; write co_await. An object of its own, because GCC 12 copies what
  // await_transform returns by reference and awaits the copy.
  class Awaiter {
   public:
    explicit Awaiter(std::coroutine_handle<promise_type> frame) noexcept : frame_(frame) {}
    Awaiter(const Awaiter&) = delete;
    bool await_ready() const noexcept { return false; }
    template <class P>
    void await_suspend(std::coroutine_handle<P> awaiting) noexcept {
      detail::PromiseBase& mine = frame_.promise();
      detail::RunLoop& loop = *detail::current_loop;
      mine.awaiting_ = awaiting;
      mine.awaiting_scope_ = loop.scope;
      if constexpr (std::is_base_of_v<detail::PromiseBase, P>) {
        outer_ = &awaiting.promise();
        outer_->awaited_ = &mine;
      }
      if (mine.scope_ != nullptr) loop.scope = mine.scope_;
      loop.next = frame_;
    }
    T await_resume() {
      if (outer_ != nullptr) outer_->awaited_ = nullptr;
      return frame_.promise().Take();
    }

   private:
    std::coroutine_handle<promise_type> frame_;
    detail::PromiseBase* outer_ = nullptr;
  };
  Awaiter operator co_await() const noexcept { return Awaiter(frame_); }

 private:
  friend promise_type;
  explicit task(std::coroutine_handle<promise_type> frame) noexcept : frame_(frame) {}
  std::coroutine_handle<promise_type> frame_;

 public:
  // Inside of the SDK.
  detail::PromiseBase& promise_for_sdk() { return frame_.promise(); }
  void run_in_scope_for_sdk(detail::Scope* scope, detail::Ref<detail::Scope> keep) {
    detail::PromiseBase& mine = frame_.promise();
    mine.scope_ = scope;
    mine.keeps_scope_ = std::move(keep);
  }
  std::coroutine_handle<> frame_for_sdk() const { return frame_; }
  std::coroutine_handle<> release_for_sdk() { return std::exchange(frame_, {}); }
};

namespace detail {

template <class T>
task<T> Promise<T>::get_return_object() noexcept {
  return task<T>(std::coroutine_handle<Promise<T>>::from_promise(*this));
}
inline task<void> Promise<void>::get_return_object() noexcept {
  return task<void>(std::coroutine_handle<Promise<void>>::from_promise(*this));
}

// A closure, by what the compiler calls its type.
template <class A>
inline constexpr bool is_lambda = raw_type_name<A>().find("(lambda at") != std::string_view::npos ||
                                  raw_type_name<A>().find("<lambda(") != std::string_view::npos;
// Of a lambda that is a coroutine. The check stands in a function's body, which is looked at when
// the closure, which is being defined while this is chosen, is complete.
template <class T, class Closure>
class LambdaPromise : public Promise<T> {
 public:
  LambdaPromise() {
    static_assert(std::is_empty_v<Closure>,
                  "a capturing lambda must not be a coroutine: its captures die with the closure, "
                  "before the task ends; "
                  "capture nothing and pass parameters by value");
  }
};
template <class T, class... A>
struct ChoosePromise {
  using type = Promise<T>;
};
template <class T, class First, class... A>
  requires is_lambda<std::remove_cvref_t<First>>
struct ChoosePromise<T, First, A...> {
  using type = LambdaPromise<T, std::remove_cvref_t<First>>;
};
// What would dangle as a coroutine's parameter.
template <class A>
struct CheckParameter {
  static_assert(!std::is_rvalue_reference_v<A>,
                "a coroutine must not take an rvalue reference: the object dies before the task "
                "ends; take it by value");
  static_assert(!std::is_same_v<std::remove_cvref_t<A>, std::string_view>,
                "a coroutine must not take a string_view: the text may die before the task ends; "
                "take std::string");
  static constexpr bool ok = true;
};

}  // namespace detail

template <class T>
class [[nodiscard("whoever drops a handle does not see whether it failed")]] handle {
 public:
  using value_type = T;

  // Has it ended, well or not?
  bool done() const { return state_->is_ready; }
  // Has it ended in an error? Looking at it does not throw.
  bool failed() const { return state_->is_ready && state_->error != nullptr; }
  // Asks it to end early; what that means is up to its cancellation type, and for a spawned task to
  // what it waits for. Nothing once it ended.
  void cancel() const { state_->RequestCancel(); }
  // It goes on by itself, and nobody will ask how it ended.
  void detach() const { state_->is_observed = true; }

  // Waiting ends when that ends which the handle is of. A cancellation of the scope one waits in
  // does not end it, unless that was started in there, too: perdure/wait.h.
  class Awaiter {
   public:
    explicit Awaiter(detail::Ref<detail::State<T>> state, bool takes)
        : state_(std::move(state)), takes_(takes) {}
    Awaiter(const Awaiter&) = delete;
    ~Awaiter() {
      if (waits_ && !state_->is_ready) state_->RemoveWaiter(&waiter_);
    }
    bool await_ready() const noexcept { return state_->is_ready; }
    void await_suspend(std::coroutine_handle<> frame) {
      waiter_.frame = frame;
      waiter_.scope = detail::current_loop->scope;
      state_->AddWaiter(&waiter_);
      waits_ = true;
    }
    T await_resume() {
      state_->is_observed = true;
      if (state_->error) std::rethrow_exception(state_->error);
      if constexpr (!std::is_void_v<T>) {
        if (takes_ && state_->refs == 1) return std::move(*state_->value);
        return *state_->value;
      }
    }

   private:
    detail::Ref<detail::State<T>> state_;
    detail::FrameWaiter waiter_;
    bool waits_ = false;
    bool takes_ = false;
  };
  Awaiter operator co_await() const& { return Awaiter(state_, false); }
  Awaiter operator co_await() && { return Awaiter(std::move(state_), true); }

  // Inside of the SDK.
  explicit handle(detail::Ref<detail::State<T>> state) : state_(std::move(state)) {}
  const detail::Ref<detail::State<T>>& state_for_sdk() const { return state_; }

 protected:
  detail::Ref<detail::State<T>> state_;
};

}  // namespace perdure

template <class T, class... A>
struct std::coroutine_traits<perdure::task<T>, A...> {
  static_assert((perdure::detail::CheckParameter<A>::ok && ...));
  using promise_type = typename perdure::detail::ChoosePromise<T, A...>::type;
};
