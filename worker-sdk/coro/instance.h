// One cached run's code: coroutines on a deterministic scheduler.
//
// Jobs are applied first, then coroutines run in the order in which they became ready, then
// conditions are looked at; nothing else decides an order (R12 to R14). Loop-bound. Destroying it
// is eviction: frames are destroyed newest first, and what their destructors try to command is
// dropped.
#pragma once

#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "perdure/added_handlers.h"
#include "perdure/detail/handlers.h"
#include "perdure/detail/operation.h"
#include "perdure/failure_converter.h"
#include "worker-sdk/coro/frame_memory.h"
#include "worker-sdk/coro/interception.h"
#include "worker-sdk/coro/pending_table.h"
#include "worker-sdk/coro/run_metrics.h"
#include "worker-sdk/coro/shown.h"

namespace perdure::detail {

// Handles come first in, first out; a vector that is read from the front and refilled.
class ReadyQueue {
 public:
  struct One {
    std::coroutine_handle<> frame;
    Scope* scope;
  };
  bool empty() const { return next_ == all_.size(); }
  void Push(One one) { all_.push_back(one); }
  One Pop() {
    const One one = all_[next_++];
    if (next_ == all_.size()) Clear();
    return one;
  }
  void Clear() {
    all_.clear();
    next_ = 0;
  }

 private:
  std::vector<One> all_;
  std::size_t next_ = 0;
};

// A handler that runs, or what is left of it in scopes that outlive it.
class RunningHandler final : public ScopeOwner {
 public:
  const Handler* handler = nullptr;
  std::string name;
  std::string update_id;  // Empty for signals.
  PayloadMap values;      // That travel along with what it starts.
};
inline const RunningHandler* RunningIn(const Scope* scope) {
  return static_cast<const RunningHandler*>(scope->owner.get());
}

// While it lives the thread is in no workflow code: what it calls is the worker's or the program's,
// and may look at the clock.
class OutsideOfWorkflows {
 public:
  OutsideOfWorkflows() : mine_(std::exchange(current_loop, nullptr)) {}
  OutsideOfWorkflows(const OutsideOfWorkflows&) = delete;
  ~OutsideOfWorkflows() { current_loop = mine_; }

 private:
  RunLoop* const mine_;
};

// A run that gets more signals which nobody handles drops them.
inline constexpr std::size_t kUnclaimedSignalsMax = 10'000;

class Instance final : public Program, public RunLoop {
 public:
  Instance(const HandlerTable& table, const ProgramOptions& options);
  ~Instance() override;

  void Activate(Activation& activation, Completion* completion) override;
  std::int64_t memory_bytes() const override;

  // Null outside of workflow code.
  static Instance* Current();
  // Throws WorkflowContextError outside.
  static Instance& Get();

  // Throws WorkflowContextError in queries and validators; does nothing in destructors that an
  // eviction runs.
  template <class C>
  void Emit(C command) {
    if (MayCommand()) completion_->commands.emplace_back(std::in_place_type<C>, std::move(command));
  }
  bool MayCommand() const;
  // Throws where numbers drawn would be missing in replays.
  void MayDraw() const;
  std::uint32_t NextSeq() { return next_seq_++; }
  void Post(std::coroutine_handle<> frame, Scope* scope) { ready_.Push({frame, scope}); }
  // Registers an operation in the current scope; false where that is canceled, and the operation
  // failed with it.
  bool Start(StateBase& state, Operation& operation, OperationKind kind);
  std::uint32_t SeqOf(const Operation& operation) const { return operation.seq_; }
  void SetStarted(Operation& operation, Ref<State<std::string>> started) {
    operation.started_ = std::move(started);
  }
  // Emits the command, and keeps it for another try after a long backoff.
  void ScheduleLocal(Operation& operation, ScheduleLocalActivityCommand command);
  void Cancel(Operation& operation);
  void Own(PromiseBase& promise, std::coroutine_handle<> frame);
  void Disown(PromiseBase& promise);
  void Register(Condition* condition);
  void Unregister(Condition* condition);
  void Spawn(task<void> work, Scope* scope, Ref<Scope> keep);
  void Log(int level, std::string_view text) const;
  FailurePtr FailureOf(const std::exception_ptr& exception) const {
    return ToFailure(options_.failure_converter, exception);
  }
  std::exception_ptr ExceptionOf(const FailurePtr& failure) const {
    return ToException(options_.failure_converter, failure);
  }
  // Null: nobody wants to know, or knows already.
  MetricsSink* Metrics() const {
    return replaying || is_tearing_down_ ? nullptr : options_.metrics.get();
  }
  std::uint64_t Random();
  void Add(std::unique_ptr<AddedHandler> added);
  std::string_view TypeOfItself(std::string_view type) const {
    return type == table_.type ? std::string_view(info.workflow_type) : type;
  }
  // Where code waits, for who asks.
  std::vector<WaitingStack> Waiting() const;
  // Before Start: lets values travel along, and interceptors change what goes out.
  template <class Input>
  void Outgoing(void (WorkflowInterceptor::*what)(Input&), Input& input) {
    // Where it is not going to be started after all, nobody is asked.
    if (is_tearing_down_ || is_read_only || scope->is_requested()) return;
    if constexpr (requires { input.headers; }) Carry(&input.headers);
    if (interception_) interception_->Outgoing(what, input);
  }
  // Behind the last interceptor.
  task<Payloads> Execute(ExecuteWorkflowInput input);
  task<void> HandleSignal(HandleSignalInput input);
  Payloads HandleQuery(const HandleQueryInput& input);
  void ValidateUpdate(HandleUpdateInput input);
  task<Payloads> HandleUpdate(HandleUpdateInput input);
  // What travels along with what is started now.
  PayloadMap& CurrentValues();
  // The guard found it in this run's code (worker-sdk/coro/guard.h).
  void FoundUndeterministic(const char* function, const char* instead);

  FrameMemory memory;
  RunMetrics metrics{this};
  // What the API shows; set by activations.
  RunInfo info;
  Timestamp now;
  bool replaying = false;
  bool is_read_only = false;
  std::int64_t history_length = 0;
  std::int64_t history_size_bytes = 0;
  bool continue_as_new_suggested = false;
  std::string deployment_name, build_id;
  std::string cancel_reason;
  std::string current_details;
  std::map<std::string, bool, std::less<>> patches;  // Answers given, which stay (R34).
  std::set<std::string, std::less<>> announced_patches;
  std::unordered_map<std::int64_t, Payloads> side_effects;
  std::map<std::pair<std::string, std::int64_t>, Payloads> mutable_side_effects;
  std::map<std::string, std::pair<std::int64_t, Payloads>, std::less<>>
      mutable_values;  // Calls so far; last value.
  std::int64_t side_effect_count = 0;
  std::vector<RunningHandler*> running_handlers;
  RunningHandler* current_handler = nullptr;
  Ref<Scope> root;

 private:
  struct Entered;

  void ApplyJob(Job& job, bool* has_started);
  void Apply(StartWorkflowJob& job);
  void Apply(NotifyHasPatchJob& job) { announced_patches.insert(std::move(job.patch_id)); }
  void Apply(NotifySideEffectJob& job) { side_effects[job.id] = std::move(job.value); }
  void Apply(NotifyMutableSideEffectJob& job) {
    mutable_side_effects[{std::move(job.id), job.call}] = std::move(job.value);
  }
  void Apply(UpdateRandomSeedJob& job) { Seed(job.randomness_seed); }
  void Apply(SignalWorkflowJob& job);
  void Apply(DoUpdateJob& job);
  void Apply(FireTimerJob& job);
  void Apply(ResolveActivityJob& job) { Resolve(job.seq, job.result); }
  void Apply(ResolveChildStartJob& job);
  void Apply(ResolveChildJob& job) { Resolve(job.seq, job.result); }
  void Apply(ResolveSignalExternalJob& job) { ResolveExternal(job.seq, job.failure); }
  void Apply(ResolveCancelExternalJob& job) { ResolveExternal(job.seq, job.failure); }
  void Apply(CancelWorkflowJob& job);
  void Apply(QueryJob& job);

  void Resolve(std::uint32_t seq, OperationResult& result);
  void ResolveExternal(std::uint32_t seq, const FailurePtr& failure);
  void BackOff(Operation& operation, const BackoffResult& backoff);
  // Takes it out of what is waited for; null for one that is not.
  Ref<StateBase> Take(std::uint32_t seq, Operation** operation);
  std::int64_t InfoBytes() const;
  const Handler* Find(HandlerKind kind, std::string_view name) const;
  // All that answer to their names.
  std::vector<const Handler*> Handlers() const;
  // Each with a space before it.
  std::string NamesOf(HandlerKind kind) const;
  void* ObjectOf(const Handler& handler) const {
    return handler.object == nullptr ? object_ : handler.object;
  }
  const Handler* FindOrDynamic(HandlerKind kind, HandlerKind dynamic, std::string_view name) const;
  task<void> RunMain(ExecuteWorkflowInput input);
  task<void> RunSignal(const Handler* handler, SignalWorkflowJob job);
  task<void> RunUpdate(const Handler* handler, DoUpdateJob job);
  Payloads AnswerQuery(QueryJob& job);
  void RefuseUnclaimed();
  // Throws an ApplicationError where there is none.
  const Handler& UpdateHandler(std::string_view name) const;
  // The run's values with those that the headers bring.
  PayloadMap ValuesOf(const PayloadMap& headers) const;
  void Carry(PayloadMap* headers);
  // Runs until nothing can run any more, or the task failed.
  void RunToQuiescence();
  void RunReady();
  bool CheckConditions();
  void Seed(std::uint64_t seed);
  // What an exception that left the code means for run and task (R51).
  void Fail(const std::exception_ptr& exception);
  void Close();
  void FailTask(FailurePtr failure, bool is_nondeterminism);
  bool FailsWorkflow(const Failure& failure) const;
  FailurePtr UndeterministicFailure();

  const HandlerTable& table_;
  const ProgramOptions& options_;
  void* object_ = nullptr;
  std::vector<std::unique_ptr<AddedHandler>> added_;
  // Signals that nobody handles yet.
  std::vector<SignalWorkflowJob> unclaimed_signals_;
  // Updates of this activation that nobody handles: its code may yet add a handler. In a replay one
  // activation can have what came in several, so this must not depend on which.
  std::vector<DoUpdateJob> unclaimed_updates_;
  std::coroutine_handle<> main_;
  std::unique_ptr<Interception> interception_;  // Null: nobody intercepts.
  PayloadMap values_;                       // That travel along with what the main function starts.
  PayloadMap* read_only_values_ = nullptr;  // Of the query or validator that runs.
  bool is_tearing_down_ = false;
  bool is_closed_ = false;
  bool is_failed_ = false;
  Completion* completion_ = nullptr;
  Ref<Scope> dying_scope_;       // Of a spawned frame that is being destroyed.
  std::string undeterministic_;  // What the guard found in this activation.
  std::uint32_t next_seq_ = 1;
  std::uint32_t first_seq_of_activation_ = 1;
  std::uint64_t random_[4] = {};
  ReadyQueue ready_;
  PendingTable pending_;
  Condition *condition_first_ = nullptr, *condition_last_ = nullptr, *condition_next_ = nullptr;
  PromiseBase *owned_first_ = nullptr, *owned_last_ = nullptr;
};

}  // namespace perdure::detail
