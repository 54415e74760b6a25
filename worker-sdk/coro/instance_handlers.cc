// What an Instance does with the workflow class's own functions.
#include <algorithm>

#include "perdure/errors.h"
#include "perdure/json.h"
#include "perdure/log.h"
#include "worker-sdk/coro/instance.h"

namespace perdure::detail {
namespace {

constexpr int kError = static_cast<int>(LogLevel::error);

// Wrappers of the SDK's own say nothing to users.
bool IsOurs(std::string_view file) {
  return file.find("coro/instance") != file.npos || file.find("include/perdure/") != file.npos;
}

void WriteDefinitions(json::Writer* to, std::string_view key, std::span<const Handler> handlers,
                      HandlerKind kind) {
  const auto is_kind = [kind](const Handler& one) { return one.kind == kind; };
  if (std::none_of(handlers.begin(), handlers.end(), is_kind)) return;
  to->key(key);
  to->begin('[');
  for (const Handler& one : handlers) {
    if (!is_kind(one)) continue;
    to->begin('{');
    to->key("name");
    to->string(one.name);
    if (!one.description.empty()) {
      to->key("description");
      to->string(one.description);
    }
    to->end('}');
  }
  to->end(']');
}

// temporal.api.sdk.v1.WorkflowMetadata, which user interfaces ask for.
Payload Metadata(const HandlerTable& table, std::string_view type,
                 std::string_view current_details) {
  Payload payload;
  payload.encoding = "json/protobuf";
  payload.metadata = {{"messageType", "temporal.api.sdk.v1.WorkflowMetadata"}};
  json::Writer to(&payload.data);
  to.begin('{');
  to.key("definition");
  to.begin('{');
  to.key("type");
  to.string(type);
  WriteDefinitions(&to, "queryDefinitions", table.handlers, HandlerKind::query);
  WriteDefinitions(&to, "signalDefinitions", table.handlers, HandlerKind::signal);
  WriteDefinitions(&to, "updateDefinitions", table.handlers, HandlerKind::update);
  to.end('}');
  if (!current_details.empty()) {
    to.key("currentDetails");
    to.string(current_details);
  }
  to.end('}');
  return payload;
}

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
  ~Running() { std::erase(instance_.running_handlers, one_.get()); }

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
  for (const Handler& one : table_.handlers) {
    if (one.kind == kind && (kind == HandlerKind::entry || one.name == name)) return &one;
  }
  return nullptr;
}

const Handler* Instance::FindOrDynamic(HandlerKind kind, HandlerKind dynamic,
                                       std::string_view name) const {
  if (const Handler* handler = Find(kind, name)) return handler;
  return Find(dynamic, "");
}

task<Payloads> Instance::Execute(ExecuteWorkflowInput input) {
  return Find(HandlerKind::entry, "")->run(object_, std::string(), std::move(input.args));
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
    work.emplace(handler->run(object_, input.name, std::move(input.args)));
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
  std::string message = "unknown update " + std::string(name) + "; known:";
  for (const Handler& one : table_.handlers) {
    if (one.kind == HandlerKind::update) message += " " + std::string(one.name);
  }
  throw ApplicationError(message, {.type = "UnknownUpdate"});
}

void Instance::ValidateUpdate(HandleUpdateInput input) {
  const Handler& handler = UpdateHandler(input.name);
  if (handler.validate != nullptr) return handler.validate(object_, input.name, input.args);
  // Throws for an input that cannot be read; what it makes has not begun.
  static_cast<void>(handler.run(object_, input.name, std::move(input.args)));
}

task<Payloads> Instance::HandleUpdate(HandleUpdateInput input) {
  return UpdateHandler(input.name).run(object_, input.name, std::move(input.args));
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
        handler->validate(object_, input.name, input.args);
      work.emplace(handler->run(object_, input.name, std::move(input.args)));
    }
  } catch (...) {
    refusal = failure_of(std::current_exception());
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
  } catch (const FailureError& error) {
    UpdateCompletedCommand command;
    command.protocol_instance_id = job.protocol_instance_id;
    command.outcome = error.failure_ptr();
    Emit(std::move(command));
  } catch (...) {
    Fail(std::current_exception());
  }
}

Payloads Instance::AnswerQuery(QueryJob& job) {
  if (job.name == "__temporal_workflow_metadata")
    return {Metadata(table_, info.workflow_type, current_details)};
  if (job.name == "__stack_trace") {
    Payload payload;
    payload.encoding = "json/plain";
    json::Writer(&payload.data).string(StackTraces());
    return {payload};
  }
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
    std::string message = "unknown query " + input.name + "; known: __stack_trace";
    for (const Handler& one : table_.handlers) {
      if (one.kind == HandlerKind::query) message += " " + std::string(one.name);
    }
    throw ApplicationError(message, {.type = "UnknownQuery"});
  }
  if (object_ == nullptr)
    throw ApplicationError("the workflow has not run yet", {.type = "NotStarted"});
  return handler->query(object_, input.name, input.args);
}

std::string Instance::StackTraces() const {
  std::string text;
  for (const PromiseBase* root_frame = owned_first_; root_frame != nullptr;
       root_frame = root_frame->owned_after_) {
    std::string lines;
    for (const PromiseBase* frame = root_frame; frame != nullptr; frame = frame->awaited_) {
      const std::source_location& where = frame->where_;
      if (where.line() == 0 || IsOurs(where.file_name())) continue;
      lines = "  at " + std::string(where.function_name()) + " (" + where.file_name() + ":" +
              std::to_string(where.line()) + ")\n" + lines;
    }
    if (!lines.empty()) text += "waiting:\n" + lines;
  }
  return text;
}

}  // namespace perdure::detail
