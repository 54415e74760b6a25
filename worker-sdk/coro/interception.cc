#include "worker-sdk/coro/interception.h"

#include <utility>

#include "perdure/context_propagator.h"
#include "worker-sdk/coro/instance.h"

namespace perdure {
namespace {

// An ordinary function as the end of a chain of coroutines. Its definition outlives the task.
task<std::optional<Payload>> CallPlain(const detail::ActivityDefinition* activity,
                                       activity_context* context, Payloads args) {
  co_return activity->call(*context, args);
}

}  // namespace

task<Payloads> WorkflowInterceptor::execute_workflow(ExecuteWorkflowInput input,
                                                     WorkflowInbound& next) {
  return next.execute_workflow(std::move(input));
}
task<void> WorkflowInterceptor::handle_signal(HandleSignalInput input, WorkflowInbound& next) {
  return next.handle_signal(std::move(input));
}
Payloads WorkflowInterceptor::handle_query(HandleQueryInput input, WorkflowInbound& next) {
  return next.handle_query(std::move(input));
}
void WorkflowInterceptor::validate_update(HandleUpdateInput input, WorkflowInbound& next) {
  next.validate_update(std::move(input));
}
task<Payloads> WorkflowInterceptor::handle_update(HandleUpdateInput input, WorkflowInbound& next) {
  return next.handle_update(std::move(input));
}

task<std::optional<Payload>> ActivityNext::operator()(activity_context& context,
                                                      ExecuteActivityInput input) const {
  if (at_ < interceptors_->size()) {
    return (*interceptors_)[at_]->execute_activity(context, std::move(input),
                                                   ActivityNext(activity_, interceptors_, at_ + 1));
  }
  if (activity_->start) return activity_->start(context, std::move(input.args));
  return CallPlain(activity_, &context, std::move(input.args));
}

task<std::optional<Payload>> WorkerInterceptor::execute_activity(activity_context& context,
                                                                 ExecuteActivityInput input,
                                                                 ActivityNext next) {
  return next(context, std::move(input));
}

namespace detail {

Interception::Interception(Instance* run, Interceptors all) : all_(std::move(all)) {
  links_.reserve(all_.size() + 1);
  for (const auto& one : all_) links_.emplace_back(run, one.get());
  links_.emplace_back(run, nullptr);
}

task<Payloads> Interception::Link::execute_workflow(ExecuteWorkflowInput input) {
  if (interceptor_ == nullptr) return run_->Execute(std::move(input));
  return interceptor_->execute_workflow(std::move(input), behind());
}
task<void> Interception::Link::handle_signal(HandleSignalInput input) {
  if (interceptor_ == nullptr) return run_->HandleSignal(std::move(input));
  return interceptor_->handle_signal(std::move(input), behind());
}
Payloads Interception::Link::handle_query(HandleQueryInput input) {
  if (interceptor_ == nullptr) return run_->HandleQuery(input);
  return interceptor_->handle_query(std::move(input), behind());
}
void Interception::Link::validate_update(HandleUpdateInput input) {
  if (interceptor_ == nullptr) return run_->ValidateUpdate(std::move(input));
  interceptor_->validate_update(std::move(input), behind());
}
task<Payloads> Interception::Link::handle_update(HandleUpdateInput input) {
  if (interceptor_ == nullptr) return run_->HandleUpdate(std::move(input));
  return interceptor_->handle_update(std::move(input), behind());
}

std::unique_ptr<Interception> Intercept(
    Instance* run, const std::vector<std::shared_ptr<WorkerInterceptor>>& interceptors) {
  Interception::Interceptors all;
  for (const auto& one : interceptors) {
    if (auto made = one->intercept_workflow()) all.push_back(std::move(made));
  }
  if (all.empty()) return nullptr;
  return std::make_unique<Interception>(run, std::move(all));
}

PayloadMap& Instance::CurrentValues() {
  if (read_only_values_ != nullptr) return *read_only_values_;
  if (const RunningHandler* running = RunningIn(scope))
    return const_cast<RunningHandler*>(running)->values;
  return values_;
}

PayloadMap Instance::ValuesOf(const PayloadMap& headers) const {
  PayloadMap values = values_;
  for (const std::string& name : options_.propagated) {
    const auto found = headers.find(name);
    if (found != headers.end()) values.insert_or_assign(name, found->second);
  }
  return values;
}

void Instance::Carry(PayloadMap* headers) {
  for (const auto& [name, value] : CurrentValues()) headers->try_emplace(name, value);
}

}  // namespace detail

namespace workflow {

const Payload* propagated_payload(std::string_view name) {
  const PayloadMap& values = perdure::detail::Instance::Get().CurrentValues();
  const auto found = values.find(name);
  return found == values.end() ? nullptr : &found->second;
}

void propagate_payload(std::string_view name, Payload value) {
  perdure::detail::Instance& instance = perdure::detail::Instance::Get();
  if (!instance.MayCommand()) return;
  instance.CurrentValues().insert_or_assign(std::string(name), std::move(value));
}

void stop_propagating(std::string_view name) {
  perdure::detail::Instance& instance = perdure::detail::Instance::Get();
  if (!instance.MayCommand()) return;
  PayloadMap& values = instance.CurrentValues();
  const auto found = values.find(name);
  if (found != values.end()) values.erase(found);
}

}  // namespace workflow
}  // namespace perdure
