// Handlers that a workflow adds while it runs, for what it knows at run time only:
//
//   perdure::task<void> run(Plan plan) {
//     for (const std::string& step : plan.steps)
//       perdure::workflow::on_signal("finish-" + step, [this, step] { finished.insert(step); });
//     perdure::workflow::on_update("add", [this](Item item) { return add(std::move(item)); });
//     ...
//   }
//   perdure::task<int> add(Item item);        // waits; the lambda does not
//
// A lambda that is a coroutine may capture nothing, here as everywhere; one that captures calls a
// member that is one, as above. A handler hides an earlier one of its name, and those of the class.
//
// Signals that came before their handler are delivered, in their order, when it is added. An update
// without a handler is refused when the code that ran with it waits again; a query at once.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "perdure/define.h"

namespace perdure {
namespace detail {

// Owned by the run, until its end.
struct AddedHandler {
  std::string name;
  std::shared_ptr<void> closure;  // Shared with nobody; forgets its type.
  Handler handler;                // Its name and object are the two above.
};
void AddHandler(std::unique_ptr<AddedHandler> added);

template <class F>
using closure_traits = function_traits<decltype(&F::operator())>;
template <class F>
using closure_inputs = typename decayed<typename closure_traits<F>::parameters>::type;

template <class F>
closure_inputs<F> DecodeClosureInputs(std::string_view name, const Payloads& input) {
  if constexpr (takes_raw<closure_inputs<F>>) {
    return closure_inputs<F>(input);
  } else {
    return input_codec<closure_inputs<F>>::decode(input, name);
  }
}

// A handler and its validator, where it has one.
template <class F, class V>
struct Closures {
  using R = typename closure_traits<F>::result;
  F handler;
  V validator;

  static task<Payloads> Run(void* object, std::string name, Payloads input) {
    auto* self = static_cast<Closures*>(object);
    closure_inputs<F> inputs = DecodeClosureInputs<F>(name, input);
    if constexpr (unwrapped<R>::is_task) {
      return EncodeResult<typename unwrapped<R>::type>(
          std::apply([&](auto&... one) { return self->handler(std::move(one)...); }, inputs));
    } else {
      return CallNow(&self->handler, std::move(inputs));
    }
  }
  // When its turn comes, not when its job is applied. Without the closure's type in its own: it is
  // no coroutine of the closure.
  static task<Payloads> CallNow(void* closure, closure_inputs<F> inputs) {
    F* handler = static_cast<F*>(closure);
    if constexpr (std::is_void_v<R>) {
      std::apply([&](auto&... one) { (*handler)(std::move(one)...); }, inputs);
      co_return Payloads();
    } else {
      const std::remove_cvref_t<R> value =
          std::apply([&](auto&... one) -> R { return (*handler)(std::move(one)...); }, inputs);
      co_return ToPayloads<std::remove_cvref_t<R>>(value);
    }
  }
  static Payloads Query(const void* object, std::string_view name, const Payloads& input) {
    const auto* self = static_cast<const Closures*>(object);
    closure_inputs<F> inputs = DecodeClosureInputs<F>(name, input);
    return ToPayloads<std::remove_cvref_t<R>>(
        std::apply([&](auto&... one) -> R { return self->handler(std::move(one)...); }, inputs));
  }
  static void Validate(const void* object, std::string_view name, const Payloads& input) {
    const auto* self = static_cast<const Closures*>(object);
    closure_inputs<V> inputs = DecodeClosureInputs<V>(name, input);
    std::apply([&](auto&... one) { self->validator(std::move(one)...); }, inputs);
  }
};

template <class F, class V>
std::unique_ptr<AddedHandler> MakeAdded(HandlerKind kind, std::string_view name, unfinished policy,
                                        F handler, V validator) {
  auto added = std::make_unique<AddedHandler>();
  added->name = std::string(name);
  added->closure = std::make_shared<Closures<F, V>>(std::move(handler), std::move(validator));
  added->handler.kind = kind;
  added->handler.name = added->name;
  added->handler.object = added->closure.get();
  added->handler.abandons_unfinished = policy == unfinished::abandon;
  return added;
}

}  // namespace detail

namespace workflow {

template <class F>
void on_signal(std::string_view name, F handler, unfinished policy = unfinished::warn) {
  using R = typename perdure::detail::closure_traits<F>::result;
  static_assert(std::is_void_v<typename perdure::detail::unwrapped<R>::type>,
                "a signal handler returns void or task<void>");
  auto added = perdure::detail::MakeAdded(perdure::detail::HandlerKind::signal, name, policy,
                                          std::move(handler), nullptr);
  added->handler.run = &perdure::detail::Closures<F, std::nullptr_t>::Run;
  perdure::detail::AddHandler(std::move(added));
}

template <class F>
void on_query(std::string_view name, F handler) {
  using Traits = perdure::detail::closure_traits<F>;
  static_assert(Traits::is_const, "a query handler must not be mutable: it changes nothing");
  static_assert(!perdure::detail::unwrapped<typename Traits::result>::is_task,
                "a query handler answers at once: it cannot be a coroutine");
  static_assert(!std::is_void_v<typename Traits::result>, "a query handler returns something");
  auto added = perdure::detail::MakeAdded(perdure::detail::HandlerKind::query, name,
                                          unfinished::warn, std::move(handler), nullptr);
  added->handler.query = &perdure::detail::Closures<F, std::nullptr_t>::Query;
  perdure::detail::AddHandler(std::move(added));
}

// The validator takes what the update takes, and throws to refuse it.
template <class F, class V = std::nullptr_t>
void on_update(std::string_view name, F handler, V validator = nullptr,
               unfinished policy = unfinished::warn) {
  using Closures = perdure::detail::Closures<F, V>;
  auto added = perdure::detail::MakeAdded(perdure::detail::HandlerKind::update, name, policy,
                                          std::move(handler), std::move(validator));
  added->handler.run = &Closures::Run;
  if constexpr (!std::is_null_pointer_v<V>) {
    using Traits = perdure::detail::closure_traits<V>;
    static_assert(Traits::is_const, "a validator must not be mutable: it changes nothing");
    static_assert(std::is_void_v<typename Traits::result>,
                  "a validator returns void; it throws to refuse");
    static_assert(
        std::is_same_v<perdure::detail::closure_inputs<F>, perdure::detail::closure_inputs<V>>,
        "a validator takes what its update takes");
    added->handler.validate = &Closures::Validate;
  }
  perdure::detail::AddHandler(std::move(added));
}

}  // namespace workflow
}  // namespace perdure
