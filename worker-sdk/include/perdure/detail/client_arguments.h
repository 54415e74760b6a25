// Arguments of a client's calls as payloads, converted to the parameters that the callee declares.
#pragma once

#include <cstddef>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include "perdure/codec.h"
#include "perdure/detail/function.h"

namespace perdure {

// Arguments of one of several callees in one call: client.signal_with_start<&W::run,
// &W::add>(options, args("x"), args(4)). Holds references: for use within the call only.
template <class... A>
constexpr std::tuple<A&&...> args(A&&... values) {
  return std::tuple<A&&...>(std::forward<A>(values)...);
}

namespace detail {

// As the parameter has it, so that what converts implicitly in C++ does here, too.
template <class Parameter, class A>
Payload encode_as(A&& argument) {
  const Parameter& value = std::forward<A>(argument);
  return perdure::encode(value);
}

template <class Parameters>
struct argument_encoder;
template <class... P>
struct argument_encoder<std::tuple<P...>> {
  template <class... A>
  static Payloads encode(A&&... arguments) {
    static_assert(sizeof...(A) == sizeof...(P), "as many arguments as the function has parameters");
    static_assert((std::is_convertible_v<A&&, std::remove_cvref_t<P>> && ...),
                  "an argument does not convert to the function's parameter");
    // All inputs as they are, for what takes them so.
    if constexpr (std::is_same_v<std::tuple<std::remove_cvref_t<P>...>, std::tuple<Payloads>>) {
      return (Payloads(std::forward<A>(arguments)), ...);
    } else {
      Payloads payloads;
      payloads.reserve(sizeof...(P));
      (payloads.push_back(encode_as<std::remove_cvref_t<P>>(std::forward<A>(arguments))), ...);
      return payloads;
    }
  }
};

template <auto F, class... A>
Payloads encode_arguments(A&&... arguments) {
  return argument_encoder<typename traits_of<F>::parameters>::encode(std::forward<A>(arguments)...);
}

// For callees known by name only.
template <class... A>
Payloads encode_untyped(const A&... arguments) {
  Payloads payloads;
  payloads.reserve(sizeof...(A));
  (payloads.push_back(perdure::encode(arguments)), ...);
  return payloads;
}

// Of workflows and handlers known by name only: Payloads alone are all inputs as they are.
template <class... A>
Payloads encode_untyped_inputs(const A&... arguments) {
  if constexpr (std::is_same_v<std::tuple<A...>, std::tuple<Payloads>>) {
    return (arguments, ...);
  } else {
    return encode_untyped(arguments...);
  }
}

// Of args(...).
template <class... A>
Payloads encode_untyped_inputs_of(const std::tuple<A...>& arguments) {
  return std::apply([](const auto&... values) { return encode_untyped_inputs(values...); },
                    arguments);
}

template <auto Run>
std::string_view workflow_name() {
  return owner_of<Run>::handlers::type_name();
}
// W is the class the handle is for; void where only the handler's own is known.
template <class W, auto Member>
std::string_view handler_name() {
  if constexpr (std::is_void_v<W>) {
    return owner_of<Member>::handlers::template name_of<Member>();
  } else {
    static_assert(std::is_base_of_v<owner_of<Member>, W>, "the handler is of another workflow");
    return W::handlers::template name_of<Member>();
  }
}

}  // namespace detail
}  // namespace perdure
