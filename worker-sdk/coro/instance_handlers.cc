// What an Instance does with the workflow class's own functions.
#include <algorithm>

#include "perdure/errors.h"
#include "perdure/json.h"
#include "perdure/log.h"
#include "worker-sdk/coro/instance.h"

namespace perdure::detail {
namespace {

constexpr int kError = static_cast<int>(LogLevel::error);

// In the list of running handlers for as long as its frame lives.
class Running {
 public:
  Running(Instance* instance, const Handler* handler, std::string name, std::string update_id,
          PayloadMap values)
      : instance_(*instance), one_(new RunningHandler) {
    one_->handler = handler;
    one_->name = std::move(name);
    one_->update_id = std::move(update_id);
    one_->values = std::move(values);
    instance_.running_handlers.push_back(one_.get());
    scope_ = Ref<Scope>(new Scope(instance_.root.get(), false));
    scope_->owner = one_;
    instance_.scope = scope_.get();
  }
  Running(const Running&) = delete;
  ~Running() {
    std::erase(instance_.running_handlers, one_.get());
    if (instance_.scope == scope_.get()) instance_.scope = instance_.root.get();
  }

 private:
  Instance& instance_;
  const Ref<RunningHandler> one_;
  Ref<Scope> scope_;
};

// While a query or a validator runs.
class ReadOnly {
 public:
  ReadOnly(bool* is_read_only, PayloadMap** current, PayloadMap values)
      : is_read_only_(is_read_only), current_(current), values_(std::move(values)) {
    *is_read_only_ = true;
    *current_ = &values_;
  }
  ReadOnly(const ReadOnly&) = delete;
  ~ReadOnly() {
    *is_read_only_ = false;
    *current_ = nullptr;
  }

 private:
  bool* const is_read_only_;
  PayloadMap** const current_;
  PayloadMap values_;
};

}  // namespace

const Handler* Instance::Find(HandlerKind kind, std::string_view name) const {
  for (auto added = added_.rbegin(); added != added_.rend(); ++added) {
    const Handler& one = (*added)->handler;
    if (one.kind == kind && one.name == name) return &one;
  }
  for (const Handler& one : table_.handlers) {
    if (one.kind == kind && (kind == HandlerKind::entry || one.name == name)) return &one;
  }
  return nullptr;
}

std::vector<const Handler*> Instance::Handlers() const {
  std::vector<const Handler*> all;
  const auto add = [&](const Handler& one) { all.push_back(&one); };
  for (const Handler& one : table_.handlers) add(one);
  // Those that others hide are left out.
  for (const auto& added : added_) {
    std::erase_if(all, [&](const Handler* one) {
      return one->kind == added->handler.kind && one->name == added->handler.name;
    });
    add(added->handler);
  }
  return all;
}

std::string Instance::NamesOf(HandlerKind kind) const {
  std::string names;
  for (const Handler* one : Handlers()) {
    if (one->kind == kind) names += " " + std::string(one->name);
  }
  return names;
}

void Instance::Add(std::unique_ptr<AddedHandler> added) {
  if (!MayCommand()) return;
  const Handler& handler = added_.emplace_back(std::move(added))->handler;
  // Takes out what is for it, in its order.
  const auto claim = [&](auto* unclaimed, auto run) {
    auto waiting = std::exchange(*unclaimed, {});
    for (auto& one : waiting) {
      if (one.name == handler.name) {
        Spawn(run(std::move(one)), root.get(), {});
      } else {
        unclaimed->push_back(std::move(one));
      }
    }
  };
  if (handler.kind == HandlerKind::signal) {
    claim(&unclaimed_signals_, [&](SignalWorkflowJob job) { return RunSignal(&handler, job); });
  } else if (handler.kind == HandlerKind::update) {
    claim(&unclaimed_updates_, [&](DoUpdateJob job) { return RunUpdate(&handler, job); });
  }
}

void Instance::RefuseUnclaimed() {
  for (DoUpdateJob& job : std::exchange(unclaimed_updates_, {})) {
    try {
      static_cast<void>(UpdateHandler(job.name));
    } catch (const ApplicationError& error) {
      Emit(UpdateRejectedCommand{std::move(job.protocol_instance_id), error.failure_ptr()});
    }
  }
}

void AddHandler(std::unique_ptr<AddedHandler> added) { Instance::Get().Add(std::move(added)); }

const Handler* Instance::FindOrDynamic(HandlerKind kind, HandlerKind dynamic,
                                       std::string_view name) const {
  if (const Handler* handler = Find(kind, name)) return handler;
  return Find(dynamic, "");
}

task<Payloads> Instance::Execute(ExecuteWorkflowInput input) {
  return Find(HandlerKind::entry, "")->run(object_, info.workflow_type, std::move(input.args));
}

task<void> Instance::RunMain(ExecuteWorkflowInput input) {
  try {
    task<Payloads> work = interception_
                              ? interception_->inbound().execute_workflow(std::move(input))
                              : Execute(std::move(input));
    Payloads result = co_await work;
    if (!is_closed_) {
      CompleteWorkflowCommand command;
      command.result = std::move(result);
      Emit(std::move(command));
      Close();
    }
  } catch (...) {
    Fail(std::current_exception());
  }
}

task<void> Instance::HandleSignal(HandleSignalInput input) {
  const Handler* handler =
      FindOrDynamic(HandlerKind::signal, HandlerKind::dynamic_signal, input.name);
  if (handler == nullptr) {
    // An interceptor renamed it.
    Log(kError, "dropped a signal that this workflow does not handle: " + input.name);
    co_return;
  }
  std::optional<task<Payloads>> work;
  try {
    work.emplace(handler->run(ObjectOf(*handler), input.name, std::move(input.args)));
  } catch (const DecodeError& error) {
    // As the other SDKs: one malformed signal must not stop a workflow for ever.
    Log(kError, "dropped a signal " + input.name + " whose input cannot be read: " + error.what());
  }
  if (work) static_cast<void>(co_await *work);
}

task<void> Instance::RunSignal(const Handler* handler, SignalWorkflowJob job) {
  const Running running(this, handler, job.name, std::string(), ValuesOf(job.headers));
  HandleSignalInput input;
  input.name = std::move(job.name);
  input.args = std::move(job.input);
  input.headers = std::move(job.headers);
  try {
    task<void> work = interception_ ? interception_->inbound().handle_signal(std::move(input))
                                    : HandleSignal(std::move(input));
    co_await work;
  } catch (...) {
    Fail(std::current_exception());
  }
}

const Handler& Instance::UpdateHandler(std::string_view name) const {
  if (const Handler* handler =
          FindOrDynamic(HandlerKind::update, HandlerKind::dynamic_update, name)) {
    return *handler;
  }
  throw ApplicationError(
      "unknown update " + std::string(name) + "; known:" + NamesOf(HandlerKind::update),
      {.type = "UnknownUpdate"});
}

void Instance::ValidateUpdate(HandleUpdateInput input) {
  const Handler& handler = UpdateHandler(input.name);
  if (handler.validate != nullptr)
    return handler.validate(ObjectOf(handler), input.name, input.args);
  // Throws for an input that cannot be read; what it makes has not begun.
  static_cast<void>(handler.run(ObjectOf(handler), input.name, std::move(input.args)));
}

task<Payloads> Instance::HandleUpdate(HandleUpdateInput input) {
  const Handler& handler = UpdateHandler(input.name);
  return handler.run(ObjectOf(handler), input.name, std::move(input.args));
}

task<void> Instance::RunUpdate(const Handler* handler, DoUpdateJob job) {
  HandleUpdateInput input;
  input.id = job.id;
  input.name = job.name;
  input.args = std::move(job.input);
  input.headers = std::move(job.headers);
  std::optional<task<Payloads>> work;
  FailurePtr refusal;
  try {
    const ReadOnly reading(&is_read_only, &read_only_values_, ValuesOf(input.headers));
    if (interception_) {
      if (job.run_validator) interception_->inbound().validate_update(input);
    } else {
      if (job.run_validator && handler->validate != nullptr)
        handler->validate(ObjectOf(*handler), input.name, input.args);
      work.emplace(handler->run(ObjectOf(*handler), input.name, std::move(input.args)));
    }
  } catch (...) {
    refusal = FailureOf(std::current_exception());
  }
  if (refusal) {
    Emit(UpdateRejectedCommand{std::move(job.protocol_instance_id), std::move(refusal)});
    co_return;
  }
  Emit(UpdateAcceptedCommand{job.protocol_instance_id});
  const Running running(this, handler, job.name, job.id, ValuesOf(input.headers));
  try {
    if (!work) work.emplace(interception_->inbound().handle_update(std::move(input)));
    Payloads result = co_await *work;
    UpdateCompletedCommand command;
    command.protocol_instance_id = job.protocol_instance_id;
    command.outcome = std::move(result);
    Emit(std::move(command));
  } catch (const FailureError&) {
    UpdateCompletedCommand command;
    command.protocol_instance_id = job.protocol_instance_id;
    command.outcome = FailureOf(std::current_exception());
    Emit(std::move(command));
  } catch (...) {
    Fail(std::current_exception());
  }
}

Payloads Instance::AnswerQuery(QueryJob& job) {
  if (job.name == "__temporal_workflow_metadata")
    return {Metadata(Handlers(), info.workflow_type, current_details)};
  if (job.name == "__stack_trace") {
    Payload payload;
    payload.encoding = "json/plain";
    json::Writer(&payload.data).string(StackText(Waiting()));
    return {payload};
  }
  if (job.name == "__enhanced_stack_trace") return {EnhancedStacks(Waiting())};
  const ReadOnly reading(&is_read_only, &read_only_values_, ValuesOf(job.headers));
  HandleQueryInput input;
  input.name = std::move(job.name);
  input.args = std::move(job.input);
  input.headers = std::move(job.headers);
  if (!interception_) return HandleQuery(input);
  return interception_->inbound().handle_query(std::move(input));
}

Payloads Instance::HandleQuery(const HandleQueryInput& input) {
  const Handler* handler =
      FindOrDynamic(HandlerKind::query, HandlerKind::dynamic_query, input.name);
  if (handler == nullptr) {
    throw ApplicationError(
        "unknown query " + input.name + "; known: __stack_trace" + NamesOf(HandlerKind::query),
        {.type = "UnknownQuery"});
  }
  if (object_ == nullptr)
    throw ApplicationError("the workflow has not run yet", {.type = "NotStarted"});
  return handler->query(ObjectOf(*handler), input.name, input.args);
}

std::vector<WaitingStack> Instance::Waiting() const {
  std::vector<WaitingStack> stacks;
  for (const PromiseBase* outermost = owned_first_; outermost != nullptr;
       outermost = outermost->owned_after_) {
    WaitingStack stack;
    for (const PromiseBase* frame = outermost; frame != nullptr; frame = frame->awaited_) {
      if (frame->where_.line() != 0) stack.push_back(frame->where_);
    }
    if (!stack.empty()) stacks.push_back(std::move(stack));
  }
  return stacks;
}

}  // namespace perdure::detail
