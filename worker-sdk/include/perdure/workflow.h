// What workflow code may do. Everything here works inside a workflow only (its main function, its
// handlers, what they call), and throws WorkflowContextError elsewhere.
//
//   struct Greeting {
//     perdure::task<std::string> run(std::string name) {
//       co_return co_await perdure::workflow::activity<&greet>(name, {.start_to_close = 10s});
//     }
//     using handlers = perdure::define<perdure::entry<&Greeting::run>>;
//   };
//
// Workflow code is repeated from its history whenever a worker has to rebuild it, so it must do the
// same each time: it asks now(), random() and uuid4() here, waits with sleep() and until(), and
// leaves everything else to activities.
#pragma once

#include <chrono>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include "perdure/added_handlers.h"
#include "perdure/define.h"
#include "perdure/detail/calls.h"
#include "perdure/group.h"
#include "perdure/log.h"
#include "perdure/metrics.h"
#include "perdure/search_attributes.h"
#include "perdure/sync.h"
#include "perdure/wait.h"

namespace perdure {

// Where and what this run is.
using workflow_info = detail::RunInfo;

// A child workflow. Awaiting it gives its result, or throws ChildWorkflowError.
template <class T>
class child_handle : public handle<T> {
 public:
  child_handle(detail::Ref<detail::State<T>> state, detail::Ref<detail::State<std::string>> started,
               std::string id)
      : handle<T>(std::move(state)), started_(std::move(started)), id_(std::move(id)) {}
  const std::string& id() const { return id_; }
  // Awaiting it gives the child's run id, once it has started; or throws why it could not.
  handle<std::string> started() const { return handle<std::string>(started_); }
  template <auto M, class... A>
  handle<void> signal(const A&... inputs) const;
  template <class... A>
  handle<void> signal_by_name(std::string_view name, const A&... inputs) const;

 private:
  detail::Ref<detail::State<std::string>> started_;
  std::string id_;
};

namespace workflow {

const workflow_info& info();
// The workflow's time: when the task that runs now was started. Stands still between waits.
Timestamp now();
// Is this a repetition of what happened already?
bool replaying();
// For std::shuffle, std::uniform_int_distribution and the like; the same numbers in each replay.
// Queries and validators, which no replay repeats, cannot draw any: they throw
// WorkflowContextError, as do those that try to start, record or cancel something.
struct random_engine {
  using result_type = std::uint64_t;
  static constexpr result_type min() { return 0; }
  static constexpr result_type max() { return std::numeric_limits<result_type>::max(); }
  result_type operator()() const;
};
random_engine random();
std::string uuid4();
// Events and bytes of the history so far.
std::int64_t history_length();
std::int64_t history_size_bytes();
// Does the server advise to continue as new, because the history has grown long?
bool continue_as_new_suggested();
// Of the worker that runs this part, or ran it. Empty where it has none.
const std::string& current_build_id();
const std::string& current_deployment();
bool cancel_requested();
const std::string& cancel_reason();

// A line for the worker's log; said once, not in replays.
void log(LogLevel level, std::string_view text);
// ClientOptions::metrics, for numbers of the workflow's own: metrics().count("orders"). Labelled
// with namespace, task_queue and workflow_type. Told once, not in replays; without a sink it does
// nothing.
MetricsSink& metrics();
// A text of any length for user interfaces, changed as the workflow proceeds.
void set_current_details(std::string_view text);

// The result of the run before this one in a cron or retry chain.
template <class T>
std::optional<T> last_completion_result() {
  const Payloads& result = info().last_completion_result;
  if (result.empty()) return std::nullopt;
  return perdure::decode<T>(result.front());
}

// ---- Activities ----
// activity<&charge>(order, {.start_to_close = 30s}): starts it now; awaiting gives its result or
// throws ActivityError; CanceledError where its scope was canceled before it could start. The
// function need only be declared.
template <auto F>
inline constexpr detail::ActivityCall<F, detail::activity_inputs<F>> activity{};
// Runs in this worker, without the server's knowledge until it ends: for short ones.
template <auto F>
inline constexpr detail::LocalActivityCall<F, detail::activity_inputs<F>> local_activity{};
// By name, for activities that another language implements.
template <class R = void, class... A>
handle<R> activity_by_name(std::string_view name, const activity_options& options,
                           const A&... inputs) {
  detail::ScheduleActivityCommand command = detail::ActivityCommand(name, options);
  command.input = detail::EncodeInputValues(inputs...);
  return detail::CallActivity<R>(std::move(command));
}
template <class R = void, class... A>
handle<R> local_activity_by_name(std::string_view name, const local_activity_options& options,
                                 const A&... inputs) {
  detail::ScheduleLocalActivityCommand command = detail::LocalActivityCommand(name, options);
  command.input = detail::EncodeInputValues(inputs...);
  return detail::CallLocalActivity<R>(std::move(command));
}

// ---- Other workflows ----
// child<&Shipment::run>(order, {.id = "s-1"}): starts it now.
template <auto M>
inline constexpr detail::ChildCall<M, detail::inputs_of<M>> child{};
template <class R = void, class... A>
child_handle<R> child_by_name(std::string_view type, const child_options& options,
                              const A&... inputs) {
  detail::StartChildCommand command = detail::ChildCommand(type, options);
  command.input = detail::EncodeInputValues(inputs...);
  return detail::CallChild<R>(std::move(command));
}

// Some workflow, by its id. Awaiting what is sent waits until the server delivered it, or throws.
class external {
 public:
  explicit external(std::string workflow_id, std::string run_id = "")
      : id_(std::move(workflow_id)), run_id_(std::move(run_id)) {}
  template <auto M, class... A>
  handle<void> signal(const A&... inputs) const {
    using W = detail::owner_of<M>;
    return Send(std::string(W::handlers::template name_of<M>()), Inputs<M>(inputs...), false);
  }
  template <class... A>
  handle<void> signal_by_name(std::string_view name, const A&... inputs) const {
    return Send(std::string(name), detail::EncodeInputValues(inputs...), false);
  }
  handle<void> cancel(std::string_view reason = "") const;

 private:
  template <class>
  friend class perdure::child_handle;
  template <auto M, class... A>
  static Payloads Inputs(const A&... inputs) {
    static_assert(std::is_constructible_v<detail::inputs_of<M>, const A&...>,
                  "these are not the handler's parameters");
    detail::inputs_of<M> converted(inputs...);
    return std::apply([](const auto&... one) { return detail::EncodeInputValues(one...); },
                      converted);
  }
  handle<void> Send(std::string name, Payloads input, bool to_child) const;
  std::string id_, run_id_;
};

// Ends this run and begins another of the same workflow with these inputs:
// continue_as_new<&W::run>(state).
template <auto M>
inline constexpr detail::ContinueAsNewCall<M, detail::inputs_of<M>> continue_as_new{};
// The same as a workflow of another type; no type: of this one.
template <class... A>
[[noreturn]] void continue_as_new_by_name(std::string_view type,
                                          const continue_as_new_options& options,
                                          const A&... inputs) {
  detail::ContinueAsNewCommand command = detail::ContinueCommand(options);
  command.workflow_type = std::string(type);
  command.input = detail::EncodeInputValues(inputs...);
  detail::ThrowContinueAsNew(std::move(command));
}

// ---- Versions of the code ----
// May this run take the new path? True for runs that came here with code that has the patch; false
// for older ones. Queries and validators may ask only for what other code has asked before.
bool patched(std::string_view id);
// Says that no run from before the patch is left, so that the old path could be removed.
void deprecate_patch(std::string_view id);

namespace detail {
// The value recorded for this call, or null where there is none yet.
const Payloads* RecordedSideEffect(std::int64_t* id);
void RecordSideEffect(std::int64_t id, Payloads value);
const Payloads* RecordedMutableSideEffect(const std::string& id, std::int64_t* call,
                                          bool* has_last);
const Payloads& LastMutableValue(const std::string& id);
void RecordMutableSideEffect(const std::string& id, std::int64_t call, Payloads value);
void UseMutableValue(const std::string& id, std::int64_t call, Payloads value);
}  // namespace detail

// Calls f once in the run's life and records what it returned; replays get that. f must not wait.
// For what is neither deterministic nor worth an activity.
template <class F>
auto side_effect(F f) -> std::invoke_result_t<F> {
  using R = std::invoke_result_t<F>;
  std::int64_t id = 0;
  if (const Payloads* recorded = detail::RecordedSideEffect(&id))
    return detail::decode_at<R>(*recorded, 0);
  R value = f();
  detail::RecordSideEffect(id, detail::EncodeValues(value));
  return value;
}
// Calls f whenever it comes by, and records the value only where it differs from the last one of
// this id.
template <class F>
auto mutable_side_effect(const std::string& id, F f) -> std::invoke_result_t<F> {
  using R = std::invoke_result_t<F>;
  std::int64_t call = 0;
  bool has_last = false;
  if (const Payloads* recorded = detail::RecordedMutableSideEffect(id, &call, &has_last)) {
    Payloads value = *recorded;
    detail::UseMutableValue(id, call, value);
    return detail::decode_at<R>(value, 0);
  }
  if (has_last && replaying()) return detail::decode_at<R>(detail::LastMutableValue(id), 0);
  Payloads value = detail::EncodeValues(f());
  if (!has_last || detail::LastMutableValue(id) != value)
    detail::RecordMutableSideEffect(id, call, value);
  return detail::decode_at<R>(value, 0);
}

// ---- What is shown of the workflow ----
void upsert_memo_payload(std::string_view key, Payload value);
template <class T>
void upsert_memo(std::string_view key, const T& value) {
  upsert_memo_payload(key, perdure::encode(value));
}
void remove_memo(std::string_view key);
template <class T>
std::optional<T> memo(std::string_view key) {
  const auto found = info().memo.find(key);
  if (found == info().memo.end()) return std::nullopt;
  return perdure::decode<T>(found->second);
}
// upsert(search_key<std::int64_t>{"Items"}.set(5)): visible in lists once the task is answered.
void upsert(std::initializer_list<search_attribute_update> updates);
inline void upsert(const search_attribute_update& update) { upsert({update}); }
template <class T>
std::optional<T> search_attribute(const search_key<T>& key) {
  const auto found = info().search_attributes.find(key.name);
  if (found == info().search_attributes.end()) return std::nullopt;
  return key.decode(found->second);
}

// ---- Handlers ----
// Is no signal or update handler running? Wait for it before the end: `co_await
// until(all_handlers_finished)`. In a handler itself it is never true.
bool all_handlers_finished();
struct update_info {
  std::string id;
  std::string name;
};
// In an update's handler: which one it is.
std::optional<update_info> current_update();

}  // namespace workflow

template <class T>
template <auto M, class... A>
handle<void> child_handle<T>::signal(const A&... inputs) const {
  using W = detail::owner_of<M>;
  return workflow::external(id_).Send(std::string(W::handlers::template name_of<M>()),
                                      workflow::external::Inputs<M>(inputs...), true);
}
template <class T>
template <class... A>
handle<void> child_handle<T>::signal_by_name(std::string_view name, const A&... inputs) const {
  return workflow::external(id_).Send(std::string(name), detail::EncodeInputValues(inputs...),
                                      true);
}

namespace detail {
template <class R>
child_handle<R> CallChild(StartChildCommand command) {
  auto* operation = new OperationState<R>;
  Ref<State<R>> state(operation);
  Ref<State<std::string>> started(new State<std::string>);
  std::string id = StartChild(*operation, *operation, started, std::move(command));
  return child_handle<R>(std::move(state), std::move(started), std::move(id));
}
}  // namespace detail
}  // namespace perdure
