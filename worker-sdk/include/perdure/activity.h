// Writing activities: ordinary functions that may block, fail and be repeated; or coroutines that
// wait without a thread (perdure/activity_coroutine.h).
//
//   std::string greet(std::string name) { return "Hello, " + name; }
//   void copy(perdure::activity_context& context, std::string from) {
//     for (int done = context.details<int>().value_or(0); done < 100; ++done) {
//       context.throw_if_cancelled();
//       ...
//       context.heartbeat(done);
//     }
//   }
//
// An exception thrown by an activity becomes a failure, and the retry policy says whether it is
// tried again; ApplicationError says it precisely. The context need not be passed on:
// activity::context() finds it anywhere on the activity's own thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "perdure/activity_coroutine.h"
#include "perdure/codec.h"
#include "perdure/detail/activation.h"
#include "perdure/detail/function.h"
#include "perdure/errors.h"
#include "perdure/log.h"
#include "perdure/metrics.h"
#include "perdure/payload.h"

namespace perdure {

// What is known of this attempt.
struct ActivityInfo {
  std::string activity_id;
  std::string activity_type;
  std::string task_queue;
  std::string
      task_token;  // Names this attempt to whoever completes it later; empty for local activities.
  std::int32_t attempt = 1;
  bool is_local = false;
  std::string namespace_;
  // Of the workflow that scheduled it; empty for an activity without one.
  std::string workflow_id, workflow_run_id, workflow_type;
  std::string activity_run_id;  // Of an activity without a workflow.
  Timestamp scheduled_time, current_attempt_scheduled_time, started_time;
  std::optional<std::chrono::nanoseconds> schedule_to_close_timeout, start_to_close_timeout,
      heartbeat_timeout;
  std::optional<detail::RetryPolicyData> retry_policy;
  detail::PriorityData priority;
  PayloadMap headers;
  Payloads heartbeat_details;  // The last that an earlier attempt reported.
};

// Why an activity should stop.
enum class CancelReason {
  none,
  cancel_requested,  // The workflow asked for it.
  timed_out,
  not_found,  // The server knows nothing of it any more: its workflow was closed, or another
              // attempt runs.
  worker_shutdown,
  paused,
  reset,
};
std::string_view cancel_reason_name(CancelReason reason);

namespace detail {

// The worker's side of one attempt, or a test's. Thread-safe.
class ActivityHost {
 public:
  virtual ~ActivityHost() = default;
  virtual void Heartbeat(Payloads details) = 0;
  virtual void Log(LogLevel level, std::string_view text) = 0;
  virtual MetricsSink* Metrics() { return nullptr; }
};

}  // namespace detail

// One attempt of an activity, while its function runs. Thread-safe; lives as long as the call, and
// a thread that the activity leaves behind must not touch it.
class activity_context {
 public:
  // For the worker and for tests; `host` outlives the context.
  activity_context(ActivityInfo info, detail::ActivityHost* host);
  activity_context(const activity_context&) = delete;
  activity_context& operator=(const activity_context&) = delete;
  ~activity_context();

  const ActivityInfo& info() const { return info_; }

  // Tells the server that the attempt is alive and how far it is. Cheap: sent at most once in 0.8
  // of the heartbeat timeout, the last details win. Call it more often than the timeout;
  // cancellation is only noticed through it.
  template <class... T>
  void heartbeat(const T&... details) {
    Payloads payloads;
    (payloads.push_back(perdure::encode(details)), ...);
    heartbeat_payloads(std::move(payloads));
  }
  void heartbeat_payloads(Payloads details);
  // What the last attempt that reported anything gave as its `index`-th detail. Throws DecodeError.
  template <class T>
  std::optional<T> details(std::size_t index = 0) const {
    if (index >= info_.heartbeat_details.size()) return std::nullopt;
    return perdure::decode<T>(info_.heartbeat_details[index]);
  }

  bool cancelled() const { return cancel_reason() != CancelReason::none; }
  CancelReason cancel_reason() const;
  // Throws CanceledError once there is a reason to stop; the way to end a cancelled activity.
  void throw_if_cancelled() const;
  // Stops when the activity is cancelled, for whatever reason: for condition variables and
  // jthreads.
  std::stop_token stop_token() const;
  // Waits so long, in real time; throws CanceledError as soon as the activity is cancelled.
  void sleep_for(std::chrono::nanoseconds duration) const;

  // The function's return will not complete the activity: somebody else will, with this token,
  // through Client::activity(token). Throws an Error in a local activity.
  std::string complete_later();
  bool is_completed_later() const;

  void log(LogLevel level, std::string_view text) { host_->Log(level, text); }
  // ClientOptions::metrics, for numbers of the activity's own; null where there is none.
  MetricsSink* metrics() const { return host_->Metrics(); }

  // For the worker and for tests. The first reason stays.
  void request_cancel(CancelReason reason);

 private:
  struct State;
  ActivityInfo info_;
  detail::ActivityHost* host_;
  std::unique_ptr<State> state_;
};

namespace activity {

// The context of the activity that this thread runs. Throws an Error elsewhere.
activity_context& context();
bool in_activity();

template <class... T>
void heartbeat(const T&... details) {
  context().heartbeat(details...);
}
inline const ActivityInfo& info() { return context().info(); }
inline bool cancelled() { return context().cancelled(); }

}  // namespace activity

namespace detail {

// Sets activity::context() while it lives.
class ActivityScope {
 public:
  explicit ActivityScope(activity_context* context);
  ~ActivityScope();
  ActivityScope(const ActivityScope&) = delete;
  ActivityScope& operator=(const ActivityScope&) = delete;

 private:
  activity_context* before_;
};

// Nothing for none. Throws an ApplicationError for more than one.
std::optional<Payload> sole_result(const Payloads& result);

// Absent for a function that returns nothing. Throws what the function throws.
using ActivityFunction =
    std::function<std::optional<Payload>(activity_context&, const Payloads& input)>;
using ActivityCoroutine =
    std::function<task<std::optional<Payload>>(activity_context&, Payloads input)>;
struct ActivityDefinition {
  std::string type;  // Empty for the dynamic activity.
  // One of the two.
  ActivityFunction call;
  ActivityCoroutine start = {};
};

// A result that is Payloads goes out as it is. Throws an ApplicationError where it is several: the
// API has a list, but workflows of all SDKs take one.
template <class R>
std::optional<Payload> encode_activity_result(const R& result) {
  if constexpr (std::is_same_v<R, Payloads>) {
    return sole_result(result);
  } else {
    return perdure::encode(result);
  }
}

template <auto F>
struct activity_call {
  using parameters = typename traits_of<F>::parameters;
  using without_context = without_first<activity_context, parameters>;
  using arguments = typename decayed<typename without_context::type>::type;
  using owner = owner_of<F>;

  template <class Object, std::size_t... I>
  static std::optional<Payload> invoke(Object* object, activity_context& context,
                                       const Payloads& input, std::index_sequence<I...>) {
    arguments values = input_codec<arguments>::decode(input, name_of<F>);
    if constexpr (std::is_void_v<typename traits_of<F>::result>) {
      call<I...>(object, context, values);
      return std::nullopt;
    } else {
      return encode_activity_result<std::remove_cvref_t<typename traits_of<F>::result>>(
          call<I...>(object, context, values));
    }
  }
  template <std::size_t... I, class Object>
  static decltype(auto) call(Object* object, activity_context& context, arguments& values) {
    if constexpr (std::is_void_v<owner> && without_context::dropped) {
      return F(context, std::get<I>(std::move(values))...);
    } else if constexpr (std::is_void_v<owner>) {
      return F(std::get<I>(std::move(values))...);
    } else if constexpr (without_context::dropped) {
      return (object->*F)(context, std::get<I>(std::move(values))...);
    } else {
      return (object->*F)(std::get<I>(std::move(values))...);
    }
  }
  template <class Object>
  static std::optional<Payload> run(Object* object, activity_context& context,
                                    const Payloads& input) {
    return invoke(object, context, input, std::make_index_sequence<std::tuple_size_v<arguments>>());
  }
  // Of one that is a coroutine. The arguments stay in this frame for as long as it runs.
  template <class Object, std::size_t... I>
  static task<std::optional<Payload>> start(Object* object, activity_context& context,
                                            Payloads input, std::index_sequence<I...>) {
    arguments values = input_codec<arguments>::decode(input, name_of<F>);
    auto work = call<I...>(object, context, values);
    if constexpr (std::is_void_v<result_of<F>>) {
      co_await work;
      co_return std::nullopt;
    } else {
      const auto result = co_await work;
      co_return encode_activity_result(result);
    }
  }
  template <class Object>
  static ActivityDefinition define(Object* object, std::string_view name) {
    if constexpr (returns_task<F>) {
      return {std::string(name), nullptr, [object](activity_context& context, Payloads input) {
                return start(object, context, std::move(input),
                             std::make_index_sequence<std::tuple_size_v<arguments>>());
              }};
    } else {
      return {std::string(name), [object](activity_context& context, const Payloads& input) {
                return run(object, context, input);
              }};
    }
  }
};

template <auto F>
ActivityDefinition activity_definition(std::string_view name) {
  static_assert(std::is_void_v<owner_of<F>>,
                "a member function needs its object: activity<&C::f>(object)");
  return activity_call<F>::define(static_cast<void*>(nullptr), name);
}
template <auto F, class Object>
ActivityDefinition activity_definition(Object& object, std::string_view name) {
  return activity_call<F>::define(&object, name);
}

}  // namespace detail
}  // namespace perdure
