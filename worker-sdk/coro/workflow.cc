#include "perdure/workflow.h"

#include <cstdio>

#include "worker-sdk/coro/instance.h"

namespace perdure::detail {

std::optional<Nanos> ToData(maybe_duration duration, const char* field) {
  const std::optional<Nanos> value = duration.get();
  if (value && *value < Nanos(0))
    throw std::invalid_argument(std::string(field) + " must not be negative");
  return value;
}

std::optional<RetryPolicyData> ToData(const retry_policy& policy) {
  RetryPolicyData data;
  data.initial_interval = ToData(policy.initial_interval, "retry.initial_interval");
  data.backoff_coefficient = policy.backoff_coefficient;
  data.maximum_interval = ToData(policy.maximum_interval, "retry.maximum_interval");
  data.maximum_attempts = policy.maximum_attempts;
  for (const std::string_view name : policy.non_retryable.names) {
    if (!name.empty()) data.non_retryable_error_types.emplace_back(name);
  }
  const bool is_given = data.initial_interval || data.backoff_coefficient != 0 ||
                        data.maximum_interval || data.maximum_attempts != 0 ||
                        !data.non_retryable_error_types.empty();
  if (!is_given) return std::nullopt;
  return data;
}

PriorityData ToData(const priority& priority) {
  return {priority.key, std::string(priority.fairness_key), priority.fairness_weight};
}

ScheduleActivityCommand ActivityCommand(std::string_view type, const activity_options& options) {
  ScheduleActivityCommand command;
  command.activity_id = std::string(options.id);
  command.activity_type = std::string(type);
  command.task_queue = std::string(options.task_queue);
  command.schedule_to_close = ToData(options.schedule_to_close, "schedule_to_close");
  command.schedule_to_start = ToData(options.schedule_to_start, "schedule_to_start");
  command.start_to_close = ToData(options.start_to_close, "start_to_close");
  command.heartbeat = ToData(options.heartbeat, "heartbeat");
  if (!command.schedule_to_close && !command.start_to_close) {
    throw std::invalid_argument("activity " + command.activity_type +
                                " needs a start_to_close or a schedule_to_close timeout");
  }
  command.retry_policy = ToData(options.retry);
  command.cancellation = options.cancellation;
  command.allow_eager = options.eager;
  command.priority = ToData(options.priority);
  command.metadata.summary = std::string(options.summary);
  return command;
}

ScheduleLocalActivityCommand LocalActivityCommand(std::string_view type,
                                                  const local_activity_options& options) {
  ScheduleLocalActivityCommand command;
  command.activity_id = std::string(options.id);
  command.activity_type = std::string(type);
  command.schedule_to_close = ToData(options.schedule_to_close, "schedule_to_close");
  command.schedule_to_start = ToData(options.schedule_to_start, "schedule_to_start");
  command.start_to_close = ToData(options.start_to_close, "start_to_close");
  if (!command.schedule_to_close && !command.start_to_close) {
    throw std::invalid_argument("local activity " + command.activity_type +
                                " needs a start_to_close or a schedule_to_close timeout");
  }
  command.retry_policy = ToData(options.retry);
  if (const auto threshold = ToData(options.local_retry_threshold, "local_retry_threshold")) {
    command.local_retry_threshold = *threshold;
  }
  command.cancellation = options.cancellation;
  command.summary = std::string(options.summary);
  return command;
}

StartChildCommand ChildCommand(std::string_view type, const child_options& options) {
  StartChildCommand command;
  command.workflow_id = options.id.empty() ? workflow::uuid4() : std::string(options.id);
  command.workflow_type = std::string(type);
  command.task_queue = std::string(options.task_queue);
  command.namespace_ = std::string(options.namespace_);
  command.execution_timeout = ToData(options.execution_timeout, "execution_timeout");
  command.run_timeout = ToData(options.run_timeout, "run_timeout");
  command.task_timeout = ToData(options.task_timeout, "task_timeout");
  command.id_reuse_policy = static_cast<std::int32_t>(options.id_reuse);
  command.retry_policy = ToData(options.retry);
  command.cron_schedule = std::string(options.cron);
  if (options.memo != nullptr) command.memo = *options.memo;
  if (options.search_attributes != nullptr) command.search_attributes = *options.search_attributes;
  command.parent_close = options.on_parent_close;
  command.cancellation = options.cancellation;
  command.priority = ToData(options.priority);
  command.metadata.summary = std::string(options.summary);
  command.metadata.details = std::string(options.details);
  return command;
}

ContinueAsNewCommand ContinueCommand(const continue_as_new_options& options) {
  ContinueAsNewCommand command;
  command.task_queue = std::string(options.task_queue);
  command.run_timeout = ToData(options.run_timeout, "run_timeout");
  command.task_timeout = ToData(options.task_timeout, "task_timeout");
  command.retry_policy = ToData(options.retry);
  command.initial_versioning_behavior = options.initial_versioning;
  if (options.memo != nullptr) command.memo = *options.memo;
  if (options.search_attributes != nullptr) command.search_attributes = *options.search_attributes;
  return command;
}

void ThrowContinueAsNew(ContinueAsNewCommand command) {
  Instance& instance = Instance::Get();
  static_cast<void>(instance.MayCommand());
  instance.Outgoing(&WorkflowInterceptor::continue_as_new, command);
  throw ContinueAsNewRequest{std::move(command)};
}

std::string_view TypeOfItself(std::string_view type) { return Instance::Get().TypeOfItself(type); }

}  // namespace perdure::detail

namespace perdure::workflow {

using perdure::detail::Instance;

namespace detail {

void SpawnFrame(task<void> work, Ref<Scope> scope) {
  Instance& instance = Instance::Get();
  static_cast<void>(instance.MayCommand());
  Scope* const in = scope.get();
  instance.Spawn(std::move(work), in, std::move(scope));
}

const Payloads* RecordedSideEffect(std::int64_t* id) {
  Instance& instance = Instance::Get();
  // Before it is counted: what is refused, or destroyed, must leave no trace in replays.
  if (!instance.MayCommand()) return nullptr;
  *id = ++instance.side_effect_count;
  const auto found = instance.side_effects.find(*id);
  if (found == instance.side_effects.end()) return nullptr;
  // The command is made again, to meet its event.
  instance.Emit(RecordSideEffectCommand{*id, found->second});
  return &found->second;
}

void RecordSideEffect(std::int64_t id, Payloads value) {
  Instance::Get().Emit(RecordSideEffectCommand{id, std::move(value)});
}

const Payloads* RecordedMutableSideEffect(const std::string& id, std::int64_t* call,
                                          bool* has_last) {
  Instance& instance = Instance::Get();
  *has_last = false;
  if (!instance.MayCommand()) return nullptr;
  auto& last = instance.mutable_values[id];
  *call = ++last.first;
  *has_last = !last.second.empty();
  const auto found = instance.mutable_side_effects.find({id, *call});
  return found == instance.mutable_side_effects.end() ? nullptr : &found->second;
}

const Payloads& LastMutableValue(const std::string& id) {
  return Instance::Get().mutable_values.at(id).second;
}

void UseMutableValue(const std::string& id, std::int64_t call, Payloads value) {
  RecordMutableSideEffect(id, call, std::move(value));
}

void RecordMutableSideEffect(const std::string& id, std::int64_t call, Payloads value) {
  Instance& instance = Instance::Get();
  instance.mutable_values[id].second = value;
  instance.Emit(RecordMutableSideEffectCommand{id, call, std::move(value)});
}

}  // namespace detail

const workflow_info& info() { return Instance::Get().info; }
Timestamp now() { return Instance::Get().now; }
bool replaying() { return Instance::Get().replaying; }
random_engine::result_type random_engine::operator()() const { return Instance::Get().Random(); }
random_engine random() {
  Instance::Get().MayDraw();
  return {};
}
std::int64_t history_length() { return Instance::Get().history_length; }
std::int64_t history_size_bytes() { return Instance::Get().history_size_bytes; }
bool continue_as_new_suggested() { return Instance::Get().continue_as_new_suggested; }
const std::string& current_build_id() { return Instance::Get().build_id; }
const std::string& current_deployment() { return Instance::Get().deployment_name; }
bool cancel_requested() { return Instance::Get().root->is_requested(); }
const std::string& cancel_reason() { return Instance::Get().cancel_reason; }

std::string uuid4() {
  Instance& instance = Instance::Get();
  const std::uint64_t high = instance.Random();
  const std::uint64_t low = instance.Random();
  char text[37];
  std::snprintf(text, sizeof text, "%08x-%04x-4%03x-%04x-%012llx",
                static_cast<unsigned>(high >> 32), static_cast<unsigned>(high >> 16) & 0xffff,
                static_cast<unsigned>(high) & 0xfff,
                (static_cast<unsigned>(low >> 48) & 0x3fff) | 0x8000,
                static_cast<unsigned long long>(low & 0xffffffffffff));
  return text;
}

void log(LogLevel level, std::string_view text) {
  Instance::Get().Log(static_cast<int>(level), text);
}

MetricsSink& metrics() { return Instance::Get().metrics; }

void set_current_details(std::string_view text) {
  Instance& instance = Instance::Get();
  if (instance.MayCommand()) instance.current_details = std::string(text);
}

handle<void> external::Send(std::string name, Payloads input, bool to_child) const {
  auto* operation = new detail::OperationState<void>;
  detail::Ref<detail::State<void>> state(operation);
  perdure::detail::SignalExternalCommand command;
  command.workflow_id = id_;
  command.run_id = run_id_;
  command.child_only = to_child;
  command.signal_name = std::move(name);
  command.input = std::move(input);
  perdure::detail::SignalExternal(*operation, std::move(command));
  return handle<void>(std::move(state));
}

handle<void> external::cancel(std::string_view reason) const {
  auto* operation = new detail::OperationState<void>;
  detail::Ref<detail::State<void>> state(operation);
  perdure::detail::RequestCancelExternalCommand command;
  command.workflow_id = id_;
  command.run_id = run_id_;
  command.reason = std::string(reason);
  perdure::detail::CancelExternal(*operation, std::move(command));
  return handle<void>(std::move(state));
}

bool patched(std::string_view id) {
  Instance& instance = Instance::Get();
  if (const auto found = instance.patches.find(id); found != instance.patches.end())
    return found->second;
  if (!instance.MayCommand()) return true;
  // R33: what history holds ahead was announced; live, the new path is taken and said so.
  const bool is_new = !instance.replaying || instance.announced_patches.contains(id);
  instance.patches.emplace(std::string(id), is_new);
  if (is_new) instance.Emit(perdure::detail::SetPatchMarkerCommand{std::string(id), false});
  return is_new;
}

void deprecate_patch(std::string_view id) {
  Instance& instance = Instance::Get();
  if (!instance.MayCommand() || instance.patches.contains(id)) return;
  instance.patches.emplace(std::string(id), true);
  instance.Emit(perdure::detail::SetPatchMarkerCommand{std::string(id), true});
}

void upsert_memo_payload(std::string_view key, Payload value) {
  Instance& instance = Instance::Get();
  if (!instance.MayCommand()) return;
  perdure::detail::UpsertMemoCommand command;
  command.memo.emplace(std::string(key), value);
  instance.info.memo.insert_or_assign(std::string(key), std::move(value));
  instance.Emit(std::move(command));
}

void remove_memo(std::string_view key) {
  Instance& instance = Instance::Get();
  if (!instance.MayCommand()) return;
  Payload none;
  none.encoding = perdure::detail::kNull;
  perdure::detail::UpsertMemoCommand command;
  command.memo.emplace(std::string(key), std::move(none));
  if (const auto found = instance.info.memo.find(key); found != instance.info.memo.end()) {
    instance.info.memo.erase(found);
  }
  instance.Emit(std::move(command));
}

void upsert(std::initializer_list<search_attribute_update> updates) {
  Instance& instance = Instance::Get();
  if (!instance.MayCommand()) return;
  perdure::detail::UpsertSearchAttributesCommand command;
  for (const search_attribute_update& update : updates) {
    command.search_attributes.insert_or_assign(update.name, update.value);
    if (update.value.encoding == perdure::detail::kNull) {
      instance.info.search_attributes.erase(update.name);
    } else {
      instance.info.search_attributes.insert_or_assign(update.name, update.value);
    }
  }
  instance.Emit(std::move(command));
}

bool all_handlers_finished() { return Instance::Get().running_handlers.empty(); }

std::optional<update_info> current_update() {
  const auto* running = perdure::detail::RunningIn(Instance::Get().scope);
  if (running == nullptr || running->update_id.empty()) return std::nullopt;
  return update_info{running->update_id, running->name};
}

}  // namespace perdure::workflow
