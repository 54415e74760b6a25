// Typed calls from workflow code: inputs are taken from the callee's signature, not deduced, so
// that conversions and wrong types behave as in a plain call.
#pragma once

#include <concepts>

#include "perdure/detail/compiler.h"
#include "perdure/detail/function.h"
#include "perdure/detail/operation.h"
#include "perdure/options.h"
#include "perdure/task.h"

namespace perdure {
class activity_context;

template <class T>
class child_handle;

namespace detail {

// The name is what a refused program's author reads: `Order order{...}; co_await
// activity<&charge>(order, ...);`
template <class T>
concept this_compiler_destroys_such_temporaries_twice_so_name_the_struct_first =
    (PERDURE_DESTROYS_AGGREGATE_TEMPORARIES_TWICE != 0) && std::is_aggregate_v<T> &&
    !std::is_trivially_destructible_v<T>;

// One input: an object that has a name, or what converts to one.
template <class T>
class Input {
 public:
  Input(const T& value) noexcept : value_(&value) {}
  Input(T&&)
    requires this_compiler_destroys_such_temporaries_twice_so_name_the_struct_first<T>
  = delete;
  template <class U>
    requires(!std::same_as<std::remove_cvref_t<U>, T> &&
             !std::same_as<std::remove_cvref_t<U>, Input> && std::convertible_to<U, T>)
  Input(U&& value) : own_(std::forward<U>(value)), value_(&*own_) {}
  Input(const Input&) = delete;
  const T& operator*() const { return *value_; }

 private:
  std::optional<T> own_;
  const T* value_;
};

template <class... A>
Payloads EncodeAll(const Input<A>&... inputs) {
  Payloads payloads;
  payloads.reserve(sizeof...(A));
  (payloads.push_back(codec<A>::encode(*inputs)), ...);
  return payloads;
}
template <class... A>
Payloads EncodeValues(const A&... values) {
  Payloads payloads;
  payloads.reserve(sizeof...(A));
  (payloads.push_back(perdure::encode(values)), ...);
  return payloads;
}

// Payloads alone are all inputs as they are, which is how callees that take such are given theirs.
template <class... A>
inline constexpr bool are_raw = std::is_same_v<std::tuple<A...>, std::tuple<Payloads>>;
template <class... A>
Payloads EncodeInputs(const Input<A>&... inputs) {
  if constexpr (are_raw<A...>) {
    return (*inputs, ...);
  } else {
    return EncodeAll<A...>(inputs...);
  }
}
template <class... A>
Payloads EncodeInputValues(const A&... values) {
  if constexpr (are_raw<A...>) {
    return (values, ...);
  } else {
    return EncodeValues(values...);
  }
}

// The parameters that are inputs, without references.
template <auto F>
using activity_inputs = typename decayed<
    typename without_first<activity_context, typename traits_of<F>::parameters>::type>::type;
template <auto F>
using inputs_of = typename decayed<typename traits_of<F>::parameters>::type;

ScheduleActivityCommand ActivityCommand(std::string_view type, const activity_options& options);
ScheduleLocalActivityCommand LocalActivityCommand(std::string_view type,
                                                  const local_activity_options& options);
StartChildCommand ChildCommand(std::string_view type, const child_options& options);
ContinueAsNewCommand ContinueCommand(const continue_as_new_options& options);

template <class R>
handle<R> CallActivity(ScheduleActivityCommand command) {
  auto* operation = new OperationState<R>;
  Ref<State<R>> state(operation);
  StartActivity(*operation, *operation, std::move(command));
  return handle<R>(std::move(state));
}
template <class R>
handle<R> CallLocalActivity(ScheduleLocalActivityCommand command) {
  auto* operation = new OperationState<R>;
  Ref<State<R>> state(operation);
  StartLocalActivity(*operation, *operation, std::move(command));
  return handle<R>(std::move(state));
}
template <class R>
child_handle<R> CallChild(StartChildCommand command);

template <auto F, class Inputs>
struct ActivityCall;
template <auto F, class... A>
struct ActivityCall<F, std::tuple<A...>> {
  handle<result_of<F>> operator()(const Input<A>&... inputs, activity_options options) const {
    ScheduleActivityCommand command = ActivityCommand(name_of<F>, options);
    command.input = EncodeInputs<A...>(inputs...);
    return CallActivity<result_of<F>>(std::move(command));
  }
};
template <auto F, class Inputs>
struct LocalActivityCall;
template <auto F, class... A>
struct LocalActivityCall<F, std::tuple<A...>> {
  handle<result_of<F>> operator()(const Input<A>&... inputs, local_activity_options options) const {
    ScheduleLocalActivityCommand command = LocalActivityCommand(name_of<F>, options);
    command.input = EncodeInputs<A...>(inputs...);
    return CallLocalActivity<result_of<F>>(std::move(command));
  }
};
template <auto F, class Inputs>
struct ChildCall;
template <auto F, class... A>
struct ChildCall<F, std::tuple<A...>> {
  child_handle<result_of<F>> operator()(const Input<A>&... inputs,
                                        child_options options = {}) const {
    StartChildCommand command = ChildCommand(owner_of<F>::handlers::type_name(), options);
    command.input = EncodeInputs<A...>(inputs...);
    return CallChild<result_of<F>>(std::move(command));
  }
};
[[noreturn]] void ThrowContinueAsNew(ContinueAsNewCommand command);
// A class may run under another type than its own, the dynamic workflow does: the run's type where
// `type` is its class's.
std::string_view TypeOfItself(std::string_view type);

template <auto F, class Inputs>
struct ContinueAsNewCall;
template <auto F, class... A>
struct ContinueAsNewCall<F, std::tuple<A...>> {
  [[noreturn]] void operator()(const Input<A>&... inputs,
                               continue_as_new_options options = {}) const {
    ContinueAsNewCommand command = ContinueCommand(options);
    command.workflow_type = std::string(TypeOfItself(owner_of<F>::handlers::type_name()));
    command.input = EncodeInputs<A...>(inputs...);
    ThrowContinueAsNew(std::move(command));
  }
};

}  // namespace detail
}  // namespace perdure
