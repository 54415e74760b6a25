#include "perdure/detail/frame.h"

#include <algorithm>
#include <functional>
#include <queue>
#include <utility>
#include <vector>

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
  before_ = after_ = nullptr;
  Scope* const left = std::exchange(in_, nullptr);
  if (!left->is_of_task()) return;
  const Ref<Scope> dropped(left);
}

Scope::Scope(Scope* outer, bool shielded)
    : outer_(Ref<Scope>::Share(outer)), holder_(this), shielded_(shielded) {
  if (outer == nullptr) return;
  owner = outer->owner;
  Link();
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
  Link();
}

Scope::~Scope() {
  while (first_ != nullptr) first_->LeaveScope();
  if (outer_) Unlink();
}

void Scope::Link() {
  order_ = outer_->holder_->order_next_++;
  before_ = outer_->inner_last_;
  after_ = nullptr;
  (before_ == nullptr ? outer_->inner_first_ : before_->after_) = this;
  outer_->inner_last_ = this;
}

void Scope::Unlink() {
  (before_ == nullptr ? outer_->inner_first_ : before_->after_) = after_;
  (after_ == nullptr ? outer_->inner_last_ : after_->before_) = before_;
}

void Scope::Add(Cancellable* one) {
  if (is_of_task()) ++refs;  // Until it leaves.
  one->in_ = this;
  one->order_ = holder_->order_next_++;
  Append(one);
}

void Scope::Append(Cancellable* one) {
  one->before_ = last_;
  one->after_ = nullptr;
  (last_ == nullptr ? first_ : last_->after_) = one;
  last_ = one;
}

void Scope::SkipEndedTasks() {
  if (!is_of_task() || !outer_->has_ended_) return;
  Unlink();
  while (outer_->has_ended_) {
    if (outer_->requested_ && !requested_) {
      requested_ = true;
      reason_ = outer_->reason_;
    }
    outer_ = outer_->outer_;
  }
  Link();
}

void Scope::EndTask() {
  has_ended_ = true;
  SkipEndedTasks();
  while (first_ != nullptr) {
    Cancellable* const one = first_;
    const std::uint32_t order = one->order_;
    one->LeaveScope();  // Whoever calls has another reference.
    outer_->is_in_order_ &= outer_->last_ == nullptr || outer_->last_->order_ < order;
    outer_->Add(one);
    one->order_ = order;
  }
}

void Scope::PutInOrder() {
  if (std::exchange(is_in_order_, true)) return;
  std::vector<Cancellable*> all;
  for (Cancellable* one = first_; one != nullptr; one = one->after_) all.push_back(one);
  std::sort(all.begin(), all.end(),
            [](const auto* a, const auto* b) { return a->order_ < b->order_; });
  first_ = last_ = nullptr;
  for (Cancellable* one : all) Append(one);
}

std::int64_t Scope::Cancel(const std::string& reason) {
  if (requested_) return 0;
  // Throws in queries and validators, before anything has changed.
  if (const Instance* instance = Instance::Current()) static_cast<void>(instance->MayCommand());
  requested_ = true;
  reason_ = reason;
  // Shared while at work: what is canceled may drop the last reference to its scope.
  std::vector<Ref<Scope>> parts = {Ref<Scope>::Share(this)};  // With the tasks inside.
  std::vector<Ref<Scope>> others;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    for (Scope* inner = parts[i]->inner_first_; inner != nullptr; inner = inner->after_) {
      (inner->is_of_task() ? parts : others).push_back(Ref<Scope>::Share(inner));
    }
  }
  std::int64_t looked_at = static_cast<std::int64_t>(parts.size() + others.size());
  // Each part has its own in order; the eldest of their first ones is next.
  using First = std::pair<std::uint32_t, Scope*>;
  std::priority_queue<First, std::vector<First>, std::greater<>> firsts;
  const auto wait_turn = [&firsts](Scope* part) {
    if (part->first_ != nullptr) firsts.emplace(part->first_->order_, part);
  };
  for (const Ref<Scope>& part : parts) {
    part->PutInOrder();
    wait_turn(part.get());
  }
  while (!firsts.empty()) {
    const auto [order, part] = firsts.top();
    firsts.pop();
    Cancellable* const one = part->first_;
    if (one != nullptr && one->order_ == order) {
      one->LeaveScope();
      one->OnCancel();
      ++looked_at;
    }
    wait_turn(part);
  }
  std::sort(others.begin(), others.end(),
            [](const auto& a, const auto& b) { return a->order_ < b->order_; });
  for (const Ref<Scope>& inner : others) {
    if (!inner->shielded_) looked_at += inner->Cancel(reason);
  }
  return looked_at;
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
