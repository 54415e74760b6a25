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
  Scope& holder = *in_->holder_;
  (before_ == nullptr ? holder.first_ : before_->after_) = after_;
  (after_ == nullptr ? holder.last_ : after_->before_) = before_;
  before_ = after_ = nullptr;
  Scope* const left = std::exchange(in_, nullptr);
  if (!left->is_of_task()) return;
  --left->held_;
  const Ref<Scope> dropped(left);
}

Scope::Scope(Scope* outer, bool shielded)
    : outer_(Ref<Scope>::Share(outer)), holder_(this), shielded_(shielded) {
  if (outer == nullptr) return;
  owner = outer->owner;
  Scope& holder = *outer->holder_;
  before_ = holder.inner_last_;
  (before_ == nullptr ? holder.inner_first_ : before_->after_) = this;
  holder.inner_last_ = this;
  if (outer->is_requested() && !shielded) {
    requested_ = true;
    reason_ = outer->reason();
  }
}

Scope::Scope(Scope* outer, OfTask)
    : owner(outer->owner),
      outer_(Ref<Scope>::Share(outer)),
      holder_(outer->holder_),
      shielded_(false) {
  outer->SkipEndedTasks();
}

Scope::~Scope() {
  while (first_ != nullptr) first_->LeaveScope();
  if (!outer_ || is_of_task()) return;
  Scope& holder = *outer_->holder_;
  (before_ == nullptr ? holder.inner_first_ : before_->after_) = after_;
  (after_ == nullptr ? holder.inner_last_ : after_->before_) = before_;
}

void Scope::Add(Cancellable* one) {
  if (is_of_task()) {
    // Until it leaves.
    ++refs;
    ++held_;
  }
  one->in_ = this;
  one->before_ = holder_->last_;
  one->after_ = nullptr;
  (holder_->last_ == nullptr ? holder_->first_ : holder_->last_->after_) = one;
  holder_->last_ = one;
}

bool Scope::IsInside(const Scope* task) const {
  const Scope* one = this;
  while (one != task && one->is_of_task()) one = one->outer_.get();
  return one == task;
}

void Scope::SkipEndedTasks() {
  if (!is_of_task()) return;
  while (outer_->has_ended_) {
    if (outer_->requested_ && !requested_) {
      requested_ = true;
      reason_ = outer_->reason_;
    }
    outer_ = outer_->outer_;
  }
}

void Scope::EndTask() {
  has_ended_ = true;
  SkipEndedTasks();
  for (Cancellable* one = holder_->first_; held_ > 0; one = one->after_) {
    if (one->in_ != this) continue;
    --held_;
    --refs;  // Whoever calls has another.
    one->in_ = outer_.get();
    if (!outer_->is_of_task()) continue;
    ++outer_->refs;
    ++outer_->held_;
  }
}

void Scope::Cancel(const std::string& reason) {
  if (requested_) return;
  // Throws in queries and validators, before anything has changed.
  if (const Instance* instance = Instance::Current()) static_cast<void>(instance->MayCommand());
  requested_ = true;
  reason_ = reason;
  if (is_of_task()) return CancelTask(reason);
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

void Scope::CancelTask(const std::string& reason) {
  for (Cancellable* one = holder_->first_; one != nullptr;) {
    Cancellable* const after = one->after_;
    if (one->in_->IsInside(this)) {
      one->LeaveScope();
      one->OnCancel();
    }
    one = after;
  }
  for (auto inner = Ref<Scope>::Share(holder_->inner_first_); inner;) {
    if (!inner->shielded_ && inner->outer_->IsInside(this)) inner->Cancel(reason);
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
