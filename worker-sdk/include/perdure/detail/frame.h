// What coroutines of a run share: memory, references, cancellation scopes, results. A run is
// single-threaded.
#pragma once

#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <optional>
#include <source_location>
#include <string>
#include <utility>

#include "perdure/payload.h"

namespace perdure::detail {

class Instance;      // One cached run's code: worker-sdk/coro/instance.h.
class ActivityLoop;  // One activity's coroutines: perdure/activity_coroutine.h.
class Scope;

// The part of an Instance, or of an ActivityLoop, that every suspension touches.
struct RunLoop {
  // Trampoline instead of symmetric transfer: who suspends says who is next. GCC overflows the
  // stack in long chains of synchronous awaits with the latter at -O0 and under ASan.
  std::coroutine_handle<> next{};
  // A spawned frame that ended and is to be destroyed.
  std::coroutine_handle<> finished{};
  Scope* scope = nullptr;
  // Whose part this is; one of them is set.
  Instance* instance = nullptr;
  ActivityLoop* activity = nullptr;
};
// Null outside of workflow code and of activities that are coroutines.
extern constinit thread_local RunLoop* current_loop;
// Throws WorkflowContextError outside of workflow code.
RunLoop& Loop();

// Frames, results and scopes of a run live in its own memory, which goes with it. Outside of a run,
// on the heap.
void* AllocateFrame(std::size_t size);
void FreeFrame(void* memory, std::size_t size) noexcept;
struct InFrameMemory {
  static void* operator new(std::size_t size) { return AllocateFrame(size); }
  static void operator delete(void* memory, std::size_t size) noexcept { FreeFrame(memory, size); }
};

// To the end of the queue of what can run.
void PostResume(std::coroutine_handle<> frame, Scope* scope);

// A reference that counts; T has `refs`.
template <class T>
class Ref {
 public:
  Ref() = default;
  // Takes over the one reference that a new object begins with.
  explicit Ref(T* object) : object_(object) {}
  static Ref Share(T* object) {
    if (object != nullptr) ++object->refs;
    return Ref(object);
  }
  Ref(const Ref& other) : object_(other.object_) {
    if (object_ != nullptr) ++object_->refs;
  }
  Ref(Ref&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  template <class U>
    requires std::is_convertible_v<U*, T*>
  Ref(const Ref<U>& other) : Ref(Share(other.get())) {}
  Ref& operator=(Ref other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }
  ~Ref() {
    if (object_ != nullptr && --object_->refs == 0) delete object_;
  }
  T* get() const { return object_; }
  T* operator->() const { return object_; }
  T& operator*() const { return *object_; }
  explicit operator bool() const { return object_ != nullptr; }

 private:
  T* object_ = nullptr;
};

// Something under way that ends early when its scope is canceled.
class Cancellable {
 public:
  virtual void OnCancel() = 0;
  void LeaveScope();

 protected:
  ~Cancellable() { LeaveScope(); }

 private:
  friend class Scope;
  Cancellable *before_ = nullptr, *after_ = nullptr;
  Scope* in_ = nullptr;
  std::uint32_t order_ = 0;  // Among all that was started in the scope's holder.
};

// What a scope belongs to: a handler that runs, or ran.
class ScopeOwner : public InFrameMemory {
 public:
  std::uint32_t refs = 1;
  ScopeOwner() = default;
  ScopeOwner(const ScopeOwner&) = delete;
  virtual ~ScopeOwner() = default;
};

// Cancels what was started inside it: in the order in which it was started, and then its inner
// scopes in the order of their creation. That order is part of what replays must repeat.
//
// The scope of a spawned task is a part of the first around it that is none, its holder: a
// cancellation of the holder goes one way through both, whoever started what. To cancel costs a
// look at what is canceled, and nothing beside.
class Scope : public InFrameMemory {
 public:
  struct OfTask {};
  std::uint32_t refs = 1;

  Scope(Scope* outer, bool shielded);
  Scope(Scope* outer, OfTask);
  Scope(const Scope&) = delete;
  ~Scope();
  void Add(Cancellable* one);
  // Gives how many operations and scopes it looked at, which is what it costs.
  std::int64_t Cancel(const std::string& reason);
  // The task has ended: what it left under way belongs to the scope around it.
  void EndTask();
  bool is_requested() const { return Canceled()->requested_; }
  const std::string& reason() const { return Canceled()->reason_; }
  // Of this scope and those inside it, which may outlive the handler; null: the main function.
  Ref<ScopeOwner> owner;

 private:
  friend class Cancellable;
  bool is_of_task() const { return holder_ != this; }
  // This one, or the first around its task that is canceled, or the holder.
  const Scope* Canceled() const {
    const Scope* one = this;
    while (!one->requested_ && one->is_of_task()) one = one->outer_.get();
    return one;
  }
  void Link();
  void Unlink();
  void Append(Cancellable* one);
  void PutInOrder();
  // A task that spawns its successor and ends, again and again, must not leave a chain of scopes.
  void SkipEndedTasks();

  Ref<Scope> outer_;
  Scope* holder_;
  Cancellable *first_ = nullptr, *last_ = nullptr;
  Scope *inner_first_ = nullptr, *inner_last_ = nullptr, *before_ = nullptr, *after_ = nullptr;
  std::uint32_t order_ = 0;       // As Cancellable's.
  std::uint32_t order_next_ = 0;  // Of a holder.
  bool is_in_order_ = true;       // Unless tasks that ended have left something.
  bool requested_ = false;
  bool has_ended_ = false;
  const bool shielded_;
  std::string reason_;
};

// Somebody who wants to know when a result is there. Unlinked by whoever owns it.
struct Waiter {
  Waiter* after = nullptr;
  void (*wake)(Waiter*) = nullptr;
};
// A coroutine that waits.
struct FrameWaiter : Waiter {
  std::coroutine_handle<> frame;
  Scope* scope = nullptr;
  FrameWaiter() {
    wake = [](Waiter* self) {
      auto* waiter = static_cast<FrameWaiter*>(self);
      PostResume(waiter->frame, waiter->scope);
    };
  }
};

// A result that is there or will be; shared by the run and by handles.
class StateBase : public InFrameMemory {
 public:
  std::uint32_t refs = 1;
  bool is_ready = false;
  bool is_observed = false;  // Somebody looked at the error.
  std::exception_ptr error;
  std::source_location where;  // Of whoever waits.

  StateBase() = default;
  StateBase(const StateBase&) = delete;
  virtual ~StateBase();
  // Ends it early, where it is something that can be.
  virtual void RequestCancel() {}
  void AddWaiter(Waiter* waiter);
  void RemoveWaiter(Waiter* waiter);
  // The value or error is set: wakes all who wait, in the order in which they came.
  void Wake();
  void Fail(std::exception_ptr why) {
    error = std::move(why);
    Wake();
  }

 private:
  Waiter *first_ = nullptr, *last_ = nullptr;
};
template <class T>
class State : public StateBase {
 public:
  std::optional<T> value;
};
template <>
class State<void> : public StateBase {};

// A predicate that a coroutine waits for. Looked at when nothing else can run, in the order of
// registration; what the first true one sets off runs before the next is looked at, so that two
// waiters never both take one thing.
class Condition : public Cancellable {
 public:
  virtual bool Check() = 0;
  void OnCancel() final;

 protected:
  // Both on the run's list until it is met, canceled or destroyed.
  void Register(std::coroutine_handle<> frame);
  ~Condition();
  bool is_canceled_ = false;
  std::exception_ptr error_;  // That Check() threw; for the one who waits.

 private:
  friend class Instance;
  Condition *before_ = nullptr, *after_ = nullptr;
  std::coroutine_handle<> frame_;
  Scope* scope_ = nullptr;
  bool is_listed_ = false;
};

[[noreturn]] void ThrowCanceled(const Scope* scope);

}  // namespace perdure::detail
