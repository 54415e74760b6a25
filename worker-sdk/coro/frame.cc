#include "perdure/detail/frame.h"

#include "perdure/errors.h"
#include "perdure/log.h"
#include "worker-sdk/coro/instance.h"

namespace perdure::detail {

constinit thread_local RunLoop* current_loop = nullptr;

RunLoop& Loop() {
  if (current_loop == nullptr || current_loop->instance == nullptr) {
    throw WorkflowContextError("perdure::workflow was used outside of workflow code");
  }
  return *current_loop;
}

void* AllocateFrame(std::size_t size) {
  Instance* instance = Instance::Current();
  return instance == nullptr ? FrameMemory::AllocateFromHeap(size)
                             : instance->memory.Allocate(size);
}
void FreeFrame(void* memory, std::size_t size) noexcept { FrameMemory::Free(memory, size); }

void PostResume(std::coroutine_handle<> frame, Scope* scope) { Instance::Get().Post(frame, scope); }

void ThrowCanceled(const Scope* scope) {
  throw CanceledError(scope == nullptr || scope->reason().empty() ? "canceled" : scope->reason());
}

void Cancellable::LeaveScope() {
  if (in_ == nullptr) return;
  (before_ == nullptr ? in_->first_ : before_->after_) = after_;
  (after_ == nullptr ? in_->last_ : after_->before_) = before_;
  in_ = nullptr;
  before_ = after_ = nullptr;
}

Scope::Scope(Scope* outer, bool shielded) : outer_(Ref<Scope>::Share(outer)), shielded_(shielded) {
  if (outer == nullptr) return;
  owner = outer->owner;
  before_ = outer->inner_last_;
  (before_ == nullptr ? outer->inner_first_ : before_->after_) = this;
  outer->inner_last_ = this;
  if (outer->requested_ && !shielded) {
    requested_ = true;
    reason_ = outer->reason_;
  }
}

Scope::~Scope() {
  while (first_ != nullptr) first_->LeaveScope();
  if (!outer_) return;
  (before_ == nullptr ? outer_->inner_first_ : before_->after_) = after_;
  (after_ == nullptr ? outer_->inner_last_ : after_->before_) = before_;
}

void Scope::Add(Cancellable* one) {
  one->in_ = this;
  one->before_ = last_;
  one->after_ = nullptr;
  (last_ == nullptr ? first_ : last_->after_) = one;
  last_ = one;
}

void Scope::Cancel(const std::string& reason) {
  if (requested_) return;
  // Throws in queries and validators, before anything has changed.
  if (const Instance* instance = Instance::Current()) static_cast<void>(instance->MayCommand());
  requested_ = true;
  reason_ = reason;
  while (first_ != nullptr) {
    Cancellable* one = first_;
    one->LeaveScope();
    one->OnCancel();
  }
  // Shared while at work: what is canceled may drop the last reference to its scope.
  for (auto inner = Ref<Scope>::Share(inner_first_); inner;) {
    if (!inner->shielded_) inner->Cancel(reason);
    inner = Ref<Scope>::Share(inner->after_);
  }
}

StateBase::~StateBase() {
  const Instance* instance = Instance::Current();
  if (!error || is_observed || instance == nullptr) return;
  const FailurePtr failure = failure_of(error);
  if (!is_cancellation(failure)) {
    instance->Log(static_cast<int>(LogLevel::error),
                  "something failed that nobody waited for: " + failure->message);
  }
}

void StateBase::AddWaiter(Waiter* waiter) {
  waiter->after = nullptr;
  (last_ == nullptr ? first_ : last_->after) = waiter;
  last_ = waiter;
}

void StateBase::RemoveWaiter(Waiter* waiter) {
  Waiter* before = nullptr;
  for (Waiter* one = first_; one != nullptr; before = one, one = one->after) {
    if (one != waiter) continue;
    (before == nullptr ? first_ : before->after) = one->after;
    if (last_ == one) last_ = before;
    return;
  }
}

void StateBase::Wake() {
  is_ready = true;
  Waiter* one = std::exchange(first_, nullptr);
  last_ = nullptr;
  while (one != nullptr) {
    Waiter* after = one->after;
    one->wake(one);
    one = after;
  }
}

void Condition::Register(std::coroutine_handle<> frame) {
  Instance& instance = Instance::Get();
  frame_ = frame;
  scope_ = instance.scope;
  scope_->Add(this);
  instance.Register(this);
}

Condition::~Condition() {
  if (is_listed_) Instance::Get().Unregister(this);
}

void Condition::OnCancel() {
  if (!is_listed_) return;
  Instance& instance = Instance::Get();
  instance.Unregister(this);
  is_canceled_ = true;
  instance.Post(frame_, scope_);
}

void Operation::OnCancel() { Instance::Get().Cancel(*this); }

void Operation::CancelAlone() {
  static_cast<void>(Instance::Get().MayCommand());
  LeaveScope();
  OnCancel();
}

PromiseBase::~PromiseBase() {
  if (is_owned_) Instance::Get().Disown(*this);
}

void StartTimer(OperationState<void>& operation, Nanos delay, std::string_view summary) {
  Instance& instance = Instance::Get();
  StartTimerCommand command;
  // Always a command: whether time passes must not depend on a computed delay being positive.
  command.duration = std::max(delay, Nanos(0));
  command.metadata.summary = std::string(summary);
  instance.Outgoing(&WorkflowInterceptor::start_timer, command);
  if (!instance.Start(operation, operation, OperationKind::timer)) return;
  command.seq = instance.SeqOf(operation);
  instance.Emit(std::move(command));
}

void StartActivity(StateBase& state, Operation& operation, ScheduleActivityCommand command) {
  Instance& instance = Instance::Get();
  instance.Outgoing(&WorkflowInterceptor::start_activity, command);
  if (!instance.Start(state, operation, OperationKind::activity)) return;
  command.seq = instance.SeqOf(operation);
  instance.Emit(std::move(command));
}

void StartLocalActivity(StateBase& state, Operation& operation,
                        ScheduleLocalActivityCommand command) {
  Instance& instance = Instance::Get();
  instance.Outgoing(&WorkflowInterceptor::start_local_activity, command);
  if (!instance.Start(state, operation, OperationKind::local_activity)) return;
  instance.ScheduleLocal(operation, std::move(command));
}

std::string StartChild(StateBase& state, Operation& operation, Ref<State<std::string>> started,
                       StartChildCommand command) {
  Instance& instance = Instance::Get();
  instance.SetStarted(operation, started);
  instance.Outgoing(&WorkflowInterceptor::start_child, command);
  std::string id = command.workflow_id;
  if (!instance.Start(state, operation, OperationKind::child)) {
    started->is_observed = true;
    started->Fail(state.error);
    return id;
  }
  command.seq = instance.SeqOf(operation);
  instance.Emit(std::move(command));
  return id;
}

void SignalExternal(OperationState<void>& operation, SignalExternalCommand command) {
  Instance& instance = Instance::Get();
  instance.Outgoing(&WorkflowInterceptor::signal_external, command);
  if (!instance.Start(operation, operation, OperationKind::signal_external)) return;
  command.seq = instance.SeqOf(operation);
  instance.Emit(std::move(command));
}

void CancelExternal(OperationState<void>& operation, RequestCancelExternalCommand command) {
  Instance& instance = Instance::Get();
  if (!instance.Start(operation, operation, OperationKind::cancel_external)) return;
  command.seq = instance.SeqOf(operation);
  instance.Emit(std::move(command));
}

}  // namespace perdure::detail
