#include "worker-sdk/coro/instance.h"

#include <execinfo.h>

#include <algorithm>
#include <cstdlib>

#include "perdure/errors.h"
#include "perdure/log.h"
#include "worker-sdk/coro/guard.h"

namespace perdure::detail {
namespace {

constexpr int kWarning = static_cast<int>(LogLevel::warn);

std::uint64_t SplitMix(std::uint64_t* state) {
  std::uint64_t z = *state += 0x9e3779b97f4a7c15;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
  z = (z ^ z >> 27) * 0x94d049bb133111eb;
  return z ^ z >> 31;
}

}  // namespace

// Makes the run the thread's current one.
struct Instance::Entered {
  explicit Entered(Instance* instance) : before(current_loop) { current_loop = instance; }
  ~Entered() { current_loop = before; }
  RunLoop* before;
};

namespace {
// Tells the watch, if there is one.
class Watched {
 public:
  Watched(Watch* watch, const RunInfo& info) : watch_(watch) {
    if (watch_ != nullptr) watch_->Begin(info);
  }
  Watched(const Watched&) = delete;
  ~Watched() {
    if (watch_ != nullptr) watch_->End();
  }

 private:
  Watch* const watch_;
};
}  // namespace

std::unique_ptr<Program> MakeProgram(const HandlerTable& table, const ProgramOptions& options) {
  return std::make_unique<Instance>(table, options);
}

Instance::Instance(const HandlerTable& table, const ProgramOptions& options)
    : table_(table), options_(options) {
  instance = this;
  const Entered entered(this);
  root = Ref<Scope>(new Scope(nullptr, false));
  scope = root.get();
}

Instance::~Instance() {
  const Entered entered(this);
  is_tearing_down_ = true;
  scope = root.get();
  ready_.Clear();
  while (owned_last_ != nullptr) owned_last_->self_.destroy();
  ready_.Clear();
  pending_.Clear();
  interception_.reset();
  if (object_ != nullptr) {
    table_.destroy(object_);
    memory.Free(object_, table_.object_size);
  }
  dying_scope_ = {};
  root = {};
}

Instance* Instance::Current() { return current_loop == nullptr ? nullptr : current_loop->instance; }
Instance& Instance::Get() { return static_cast<Instance&>(Loop()); }

// The texts and payloads that the run's start brought; nothing else in `info` grows.
std::int64_t Instance::InfoBytes() const {
  std::int64_t bytes = 0;
  const auto add = [&bytes](const std::string& text) {
    // Short ones lie in the object itself.
    if (text.capacity() >= sizeof(text) / 2)
      bytes += static_cast<std::int64_t>(text.capacity()) + 9;
  };
  for (const std::string* text :
       {&info.namespace_, &info.workflow_id, &info.run_id, &info.workflow_type, &info.task_queue,
        &info.first_execution_run_id, &info.original_execution_run_id, &info.continued_run_id,
        &info.identity}) {
    add(*text);
  }
  for (const auto* map : {&info.memo, &info.search_attributes, &info.headers}) {
    for (const auto& [key, payload] : *map) {
      bytes += static_cast<std::int64_t>(sizeof key + sizeof payload) + 40;
      for (const std::string* text : {&key, &payload.encoding, &payload.data}) add(*text);
    }
  }
  return bytes;
}

std::int64_t Instance::memory_bytes() const {
  return memory.held_bytes() + pending_.memory_bytes() + InfoBytes() +
         static_cast<std::int64_t>(sizeof *this);
}

bool Instance::MayCommand() const {
  if (is_tearing_down_) return false;
  if (is_read_only) {
    throw WorkflowContextError(
        "queries and validators must not change the workflow: nothing can be started, canceled or "
        "recorded in them");
  }
  return true;
}

void Instance::MayDraw() const {
  if (!is_read_only) return;
  throw WorkflowContextError(
      "queries and validators must not change the workflow: its code would draw other random "
      "numbers in a replay, where they do not run");
}

void Instance::Activate(Activation& activation, Completion* completion) {
  const Watched watched(options_.watch, info);
  const Entered entered(this);
  completion_ = completion;
  first_seq_of_activation_ = next_seq_;
  now = activation.now;
  replaying = activation.replaying;
  history_length = activation.history_length;
  history_size_bytes = activation.history_size_bytes;
  continue_as_new_suggested = activation.continue_as_new_suggested;
  if (deployment_name != activation.deployment_name) deployment_name = activation.deployment_name;
  if (build_id != activation.build_id) build_id = activation.build_id;
  completion->versioning_behavior = table_.versioning_behavior;
  scope = root.get();
  bool starts = false;
  for (Job& job : activation.jobs) {
    try {
      ApplyJob(job, &starts);
    } catch (...) {
      Fail(std::current_exception());
    }
    if (is_failed_) break;
  }
  // Behind the first steps of signals and updates that came before the first task (R14).
  if (starts && !is_failed_) Post(main_, root.get());
  if (!is_failed_) RunToQuiescence();
  if (!is_failed_) RefuseUnclaimed();
  if (!undeterministic_.empty()) FailTask(UndeterministicFailure(), true);
  // Announced for one activation: what was not asked for is the core's to notice.
  side_effects.clear();
  mutable_side_effects.clear();
  completion_ = nullptr;
}

void Instance::ApplyJob(Job& job, bool* starts) {
  *starts |= std::holds_alternative<StartWorkflowJob>(job);
  std::visit([this](auto& one) { Apply(one); }, job);
}

void Instance::Apply(StartWorkflowJob& job) {
  info = std::move(job.info);
  Seed(job.randomness_seed);
  values_ = ValuesOf(info.headers);
  interception_ = Intercept(this, options_.interceptors);
  void* space = memory.Allocate(table_.object_size);
  try {
    table_.construct(space, job.input);
  } catch (...) {
    memory.Free(space, table_.object_size);
    throw;
  }
  object_ = space;
  ExecuteWorkflowInput input;
  input.args = std::move(job.input);
  if (interception_) input.headers = info.headers;
  task<void> main = RunMain(std::move(input));
  PromiseBase& promise = main.promise_for_sdk();
  main_ = main.release_for_sdk();
  Own(promise, main_);
}

void Instance::Apply(SignalWorkflowJob& job) {
  const Handler* handler =
      FindOrDynamic(HandlerKind::signal, HandlerKind::dynamic_signal, job.name);
  if (handler == nullptr) {
    if (unclaimed_signals_.size() == kUnclaimedSignalsMax) {
      Log(kWarning,
          "dropped a signal: too many came that this workflow does not handle: " + job.name);
      return;
    }
    Log(kWarning,
        "a signal came that this workflow does not handle; kept until a handler is "
        "added: " +
            job.name);
    unclaimed_signals_.push_back(std::move(job));
    return;
  }
  Spawn(RunSignal(handler, std::move(job)), root.get(), {});
}

void Instance::Apply(DoUpdateJob& job) {
  const Handler* handler =
      FindOrDynamic(HandlerKind::update, HandlerKind::dynamic_update, job.name);
  if (handler == nullptr) return unclaimed_updates_.push_back(std::move(job));
  Spawn(RunUpdate(handler, std::move(job)), root.get(), {});
}

void Instance::Apply(FireTimerJob& job) {
  Operation* operation = nullptr;
  const Ref<StateBase> state = Take(job.seq, &operation);
  if (!state) return;
  if (operation->again_) {
    // The backoff of a local activity is over.
    ScheduleLocalActivityCommand command = std::move(*operation->again_);
    operation->seq_ = NextSeq();
    operation->kind_ = OperationKind::local_activity;
    pending_.Add(operation->seq_, state, operation);
    ScheduleLocal(*operation, std::move(command));
    return;
  }
  state->Wake();
}

void Instance::Apply(ResolveChildStartJob& job) {
  const PendingTable::Entry* found = pending_.Find(job.seq);
  if (found == nullptr) return;
  const Ref<State<std::string>> started = found->operation->started_;
  if (!job.failure) {
    if (started && !started->is_ready) {
      started->value = std::move(job.run_id);
      started->Wake();
    }
    return;
  }
  Operation* operation = nullptr;
  const Ref<StateBase> state = Take(job.seq, &operation);
  const std::exception_ptr error = ExceptionOf(job.failure);
  if (started && !started->is_ready) {
    started->is_observed = true;
    started->Fail(error);
  }
  if (!state->is_ready) state->Fail(error);
}

void Instance::Apply(CancelWorkflowJob& job) {
  cancel_reason = job.reason;
  root->Cancel(job.reason.empty() ? "workflow canceled" : job.reason);
}

void Instance::Apply(QueryJob& job) {
  QueryResultCommand answer;
  answer.id = job.id;
  try {
    answer.outcome = AnswerQuery(job);
  } catch (...) {
    answer.outcome = FailureOf(std::current_exception());
  }
  Emit(std::move(answer));
}

Ref<StateBase> Instance::Take(std::uint32_t seq, Operation** operation) {
  PendingTable::Entry* found = pending_.Find(seq);
  if (found == nullptr) return {};
  PendingTable::Entry taken = pending_.Take(found);
  *operation = taken.operation;
  (*operation)->LeaveScope();
  return std::move(taken.state);
}

void Instance::Resolve(std::uint32_t seq, OperationResult& result) {
  const PendingTable::Entry* found = pending_.Find(seq);
  if (found == nullptr) return;
  if (const auto* backoff = std::get_if<BackoffResult>(&result))
    return BackOff(*found->operation, *backoff);
  Operation* operation = nullptr;
  const Ref<StateBase> state = Take(seq, &operation);
  if (state->is_ready) return;
  if (const auto* failed = std::get_if<FailedResult>(&result)) {
    state->error = ExceptionOf(failed->failure);
  } else if (const auto* canceled = std::get_if<CanceledResult>(&result)) {
    state->error = ExceptionOf(canceled->failure);
  } else {
    try {
      operation->Accept(std::get<CompletedResult>(result).value);
    } catch (...) {
      state->error = std::current_exception();
    }
  }
  state->Wake();
}

void Instance::ResolveExternal(std::uint32_t seq, const FailurePtr& failure) {
  Operation* operation = nullptr;
  const Ref<StateBase> state = Take(seq, &operation);
  if (!state || state->is_ready) return;
  if (failure) state->error = ExceptionOf(failure);
  state->Wake();
}

bool Instance::Start(StateBase& state, Operation& operation, OperationKind kind) {
  if (!MayCommand()) return false;
  if (scope->is_requested()) {
    state.is_observed = true;
    try {
      ThrowCanceled(scope);
    } catch (...) {
      state.Fail(std::current_exception());
    }
    return false;
  }
  operation.seq_ = NextSeq();
  operation.kind_ = kind;
  scope->Add(&operation);
  pending_.Add(operation.seq_, Ref<StateBase>::Share(&state), &operation);
  return true;
}

void Instance::ScheduleLocal(Operation& operation, ScheduleLocalActivityCommand command) {
  command.seq = operation.seq_;
  operation.again_ = std::make_unique<ScheduleLocalActivityCommand>(command);
  Emit(std::move(command));
}

void Instance::BackOff(Operation& operation, const BackoffResult& backoff) {
  PendingTable::Entry pending = pending_.Take(pending_.Find(operation.seq_));
  operation.again_->attempt = backoff.attempt;
  operation.again_->original_schedule_time = backoff.original_schedule_time;
  operation.seq_ = NextSeq();
  operation.kind_ = OperationKind::timer;
  pending_.Add(operation.seq_, std::move(pending.state), &operation);
  StartTimerCommand timer;
  timer.seq = operation.seq_;
  timer.duration = backoff.duration;
  Emit(std::move(timer));
}

void Instance::Cancel(Operation& operation) {
  if (!MayCommand() || operation.is_cancel_sent_) return;
  operation.is_cancel_sent_ = true;
  const std::uint32_t seq = operation.seq_;
  switch (operation.kind_) {
    case OperationKind::activity:
      return Emit(RequestCancelActivityCommand{seq});
    case OperationKind::local_activity:
      return Emit(RequestCancelLocalActivityCommand{seq});
    case OperationKind::child:
      return Emit(CancelChildCommand{seq, scope->reason()});
    case OperationKind::signal_external:
      // On its way once its task was answered; then its outcome counts.
      if (seq < first_seq_of_activation_) return;
      Emit(CancelSignalExternalCommand{seq});
      break;
    case OperationKind::cancel_external:
      return;
    case OperationKind::timer:
      Emit(CancelTimerCommand{seq});
      break;
  }
  Operation* taken = nullptr;
  const Ref<StateBase> state = Take(seq, &taken);
  if (!state || state->is_ready) return;
  try {
    throw CanceledError("canceled");
  } catch (...) {
    state->Fail(std::current_exception());
  }
}

void Instance::Own(PromiseBase& promise, std::coroutine_handle<> frame) {
  promise.is_owned_ = true;
  promise.self_ = frame;
  promise.owned_before_ = owned_last_;
  (owned_last_ == nullptr ? owned_first_ : owned_last_->owned_after_) = &promise;
  owned_last_ = &promise;
}

void Instance::Disown(PromiseBase& promise) {
  (promise.owned_before_ == nullptr ? owned_first_ : promise.owned_before_->owned_after_) =
      promise.owned_after_;
  (promise.owned_after_ == nullptr ? owned_last_ : promise.owned_after_->owned_before_) =
      promise.owned_before_;
  promise.is_owned_ = false;
  // A frame's parameters are destroyed behind its promise, and their destructors run in its scope.
  dying_scope_ = std::move(promise.keeps_scope_);
}

void Instance::Spawn(task<void> work, Scope* in, Ref<Scope> keep) {
  PromiseBase& promise = work.promise_for_sdk();
  promise.keeps_scope_ = std::move(keep);
  const std::coroutine_handle<> frame = work.release_for_sdk();
  Own(promise, frame);
  Post(frame, in);
}

void Instance::Register(Condition* condition) {
  condition->is_listed_ = true;
  condition->before_ = condition_last_;
  condition->after_ = nullptr;
  (condition_last_ == nullptr ? condition_first_ : condition_last_->after_) = condition;
  condition_last_ = condition;
}

void Instance::Unregister(Condition* condition) {
  if (condition_next_ == condition) condition_next_ = condition->after_;
  (condition->before_ == nullptr ? condition_first_ : condition->before_->after_) =
      condition->after_;
  (condition->after_ == nullptr ? condition_last_ : condition->after_->before_) =
      condition->before_;
  condition->is_listed_ = false;
}

void Instance::RunReady() {
  while (!ready_.empty() && !is_failed_) {
    const ReadyQueue::One one = ready_.Pop();
    scope = one.scope;
    for (std::coroutine_handle<> frame = one.frame; frame;) {
      next = {};
      frame.resume();
      frame = next;
    }
    if (!finished) continue;
    std::exchange(finished, {}).destroy();
    scope = root.get();
    dying_scope_ = {};
  }
}

bool Instance::CheckConditions() {
  bool was_met = false;
  for (condition_next_ = condition_first_; condition_next_ != nullptr && !is_failed_;) {
    Condition* condition = condition_next_;
    condition_next_ = condition->after_;
    scope = condition->scope_;
    try {
      if (!condition->Check()) continue;
    } catch (...) {
      condition->error_ = std::current_exception();
    }
    was_met = true;
    Unregister(condition);
    condition->LeaveScope();
    Post(condition->frame_, condition->scope_);
    RunReady();
  }
  condition_next_ = nullptr;
  return was_met;
}

void Instance::RunToQuiescence() {
  do {
    RunReady();
  } while (!is_failed_ && CheckConditions());
}

void Instance::Seed(std::uint64_t seed) {
  for (std::uint64_t& word : random_) word = SplitMix(&seed);
}

// xoshiro256**: small, fast, and good enough for everything but secrets.
std::uint64_t Instance::Random() {
  MayDraw();
  const auto rotated = [](std::uint64_t x, int by) { return x << by | x >> (64 - by); };
  const std::uint64_t result = rotated(random_[1] * 5, 7) * 9;
  const std::uint64_t shifted = random_[1] << 17;
  random_[2] ^= random_[0];
  random_[3] ^= random_[1];
  random_[1] ^= random_[2];
  random_[0] ^= random_[3];
  random_[2] ^= shifted;
  random_[3] = rotated(random_[3], 45);
  return result;
}

void Instance::Log(int level, std::string_view text) const {
  if (replaying || is_tearing_down_ || !options_.log) return;
  const OutsideOfWorkflows outside;
  options_.log(level, info, text);
}

void Instance::FoundUndeterministic(const char* function, const char* instead) {
  if (is_tearing_down_ || !undeterministic_.empty()) return;
  undeterministic_ =
      std::string("workflow code used ") + function + ", which differs in each replay: " + instead;
  void* frames[32];
  const int count = backtrace(frames, 32);
  const std::unique_ptr<char*, void (*)(void*)> names(backtrace_symbols(frames, count), std::free);
  for (int i = 0; i < count && names != nullptr; ++i)
    undeterministic_ += std::string("\n  at ") + names.get()[i];
}

FailurePtr Instance::UndeterministicFailure() {
  return failure_of(
      std::make_exception_ptr(NondeterminismError(std::exchange(undeterministic_, {}))));
}

bool IsInWorkflowCode() noexcept { return Instance::Current() != nullptr; }
void FoundInWorkflowCode(const char* function, const char* instead) noexcept {
  // Not while it is being written down.
  RunLoop* const loop = std::exchange(current_loop, nullptr);
  loop->instance->FoundUndeterministic(function, instead);
  current_loop = loop;
}

bool Instance::FailsWorkflow(const Failure& failure) const {
  const auto* application = std::get_if<ApplicationFailureInfo>(&failure.info);
  return std::any_of(options_.workflow_failure_types.begin(), options_.workflow_failure_types.end(),
                     [&](const std::string& type) {
                       return type == "*" || (application != nullptr && application->type == type);
                     });
}

void Instance::FailTask(FailurePtr failure, bool is_nondeterminism) {
  if (is_failed_) return;
  is_failed_ = true;
  completion_->commands.clear();
  completion_->task_failure = std::move(failure);
  completion_->is_nondeterminism = is_nondeterminism;
}

void Instance::Fail(const std::exception_ptr& exception) {
  if (is_closed_) return;
  try {
    std::rethrow_exception(exception);
  } catch (const ContinueAsNewRequest& request) {
    Emit(request.command);
    return Close();
  } catch (const FailureError& error) {
    if (root->is_requested() && is_cancellation(error.failure_ptr())) {
      CancelWorkflowCommand command;
      // What workflow code gave on purpose; the details of what it awaited are another's.
      const auto* canceled = std::get_if<CanceledFailureInfo>(&error.failure().info);
      if (canceled != nullptr) command.details = canceled->details;
      Emit(std::move(command));
    } else {
      Emit(FailWorkflowCommand{FailureOf(exception)});
    }
    return Close();
  } catch (const NondeterminismError&) {
    return FailTask(failure_of(exception), true);
  } catch (...) {
    FailurePtr failure = FailureOf(exception);
    if (!FailsWorkflow(*failure)) return FailTask(std::move(failure), false);
    Emit(FailWorkflowCommand{std::move(failure)});
    return Close();
  }
}

void Instance::Close() {
  is_closed_ = true;
  std::string unfinished;
  for (const RunningHandler* running : running_handlers) {
    if (!running->handler->abandons_unfinished) unfinished += " " + running->name;
  }
  if (unfinished.empty()) return;
  Log(kWarning,
      "the workflow ends while handlers still run, and who sent their updates will get an error; "
      "wait for "
      "workflow::all_handlers_finished() first. Running:" +
          unfinished);
}

}  // namespace perdure::detail
