// What does this compiler do with the temporaries of an expression that awaits? Some versions of GCC destroy aggregates
// with non-trivial members twice. Exits with 0 if all is well; prints what is not.
//
// Run at configure time by PerdureCanary.cmake, because behaviour decides, not version numbers.
#include <coroutine>
#include <cstdio>
#include <exception>

namespace {

int alive = 0;
int odd = 0;

// Counts itself; knows whether it was ever constructed.
struct Counted {
  Counted() : self(this) { ++alive; }
  Counted(const Counted&) : self(this) { ++alive; }
  Counted(Counted&&) noexcept : self(this) { ++alive; }
  ~Counted() {
    if (self != this) ++odd;
    self = nullptr;
    --alive;
  }
  Counted* self;
};
struct Aggregate {
  int number = 0;
  Counted counted;
};

struct Task {
  struct promise_type {
    Task get_return_object() { return Task{std::coroutine_handle<promise_type>::from_promise(*this)}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_always final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() { std::terminate(); }
  };
  std::coroutine_handle<promise_type> frame;
};
struct Later {
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<>) const noexcept {}
  int await_resume() const noexcept { return 1; }
};

Later Take(const Aggregate&) { return {}; }
Later TakeByValue(Aggregate) { return {}; }

Task ByReference() { co_await Take(Aggregate{.number = 1}); }
Task ByValue() { co_await TakeByValue({.number = 1}); }

int Check(const char* what, Task (*run)()) {
  alive = odd = 0;
  const Task task = run();
  task.frame.resume();
  task.frame.destroy();
  if (alive == 0 && odd == 0) return 0;
  std::printf("%s: %d too many or too few, %d never constructed\n", what, alive, odd);
  return 1;
}

}  // namespace

int main() {
  int problems = Check("an aggregate temporary by reference", ByReference);
  problems += Check("an aggregate temporary by value", ByValue);
  return problems;
}
