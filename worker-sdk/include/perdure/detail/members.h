// Member functions of workflow classes as handlers without types: inputs are decoded, results
// encoded.
#pragma once

#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>

#include "perdure/codec.h"
#include "perdure/detail/handlers.h"

namespace perdure::detail {

template <class M>
inline constexpr bool is_member = !std::is_void_v<typename function_traits<M>::owner>;

// A function that takes all inputs as they came: (Payloads), or (std::string name, Payloads) for
// dynamic handlers.
template <class Inputs>
inline constexpr bool takes_raw = std::is_same_v<Inputs, std::tuple<Payloads>>;

template <class R>
Payloads ToPayloads(const R& value) {
  if constexpr (std::is_same_v<R, Payloads>)
    return value;
  else {
    Payloads payloads;
    payloads.push_back(codec<R>::encode(value));
    return payloads;
  }
}
template <class R>
task<Payloads> EncodeResult(task<R> work) {
  if constexpr (std::is_void_v<R>) {
    co_await work;
    co_return Payloads();
  } else {
    const R value = co_await work;
    co_return ToPayloads<R>(value);
  }
}
// Calls a plain function when its turn comes, not when its job is applied.
template <auto M, class W, class Inputs>
task<Payloads> CallPlain(W* object, Inputs inputs) {
  using R = typename traits_of<M>::result;
  if constexpr (std::is_void_v<R>) {
    std::apply([&](auto&... input) { (object->*M)(std::move(input)...); }, inputs);
    co_return Payloads();
  } else {
    const std::remove_cvref_t<R> value =
        std::apply([&](auto&... input) -> R { return (object->*M)(std::move(input)...); }, inputs);
    co_return ToPayloads<std::remove_cvref_t<R>>(value);
  }
}

template <auto M>
using member_inputs = typename decayed<typename traits_of<M>::parameters>::type;

// The inputs of a handler; throws DecodeError.
template <auto M>
member_inputs<M> DecodeInputs(std::string_view name, const Payloads& input, bool is_dynamic) {
  using Inputs = member_inputs<M>;
  if constexpr (takes_raw<Inputs>) {
    return Inputs(input);
  } else if constexpr (std::is_same_v<Inputs, std::tuple<std::string, Payloads>>) {
    if (is_dynamic) return Inputs(std::string(name), input);
    return input_codec<Inputs>::decode(input, name);
  } else {
    return input_codec<Inputs>::decode(input, name);
  }
}

template <class W, auto M, bool kDynamic>
task<Payloads> RunMember(void* object, std::string name, Payloads input) {
  auto* self = static_cast<W*>(object);
  member_inputs<M> inputs = DecodeInputs<M>(name, input, kDynamic);
  if constexpr (returns_task<M>) {
    return EncodeResult<result_of<M>>(
        std::apply([&](auto&... one) { return (self->*M)(std::move(one)...); }, inputs));
  } else {
    return CallPlain<M, W, member_inputs<M>>(self, std::move(inputs));
  }
}
template <class W, auto M, bool kDynamic>
Payloads QueryMember(const void* object, std::string_view name, const Payloads& input) {
  const auto* self = static_cast<const W*>(object);
  member_inputs<M> inputs = DecodeInputs<M>(name, input, kDynamic);
  using R = std::remove_cvref_t<typename traits_of<M>::result>;
  return ToPayloads<R>(
      std::apply([&](auto&... one) -> R { return (self->*M)(std::move(one)...); }, inputs));
}
template <class W, auto V, bool kDynamic>
void ValidateMember(const void* object, std::string_view name, const Payloads& input) {
  const auto* self = static_cast<const W*>(object);
  member_inputs<V> inputs = DecodeInputs<V>(name, input, kDynamic);
  std::apply([&](auto&... one) { (self->*V)(std::move(one)...); }, inputs);
}

template <auto M>
constexpr std::string_view NameOr(std::string_view given) {
  return given.empty() ? name_of<M> : given;
}
template <auto V>
inline constexpr bool is_given = !std::is_null_pointer_v<std::remove_cv_t<decltype(V)>>;

// By type, because GCC with sanitizers cannot compare addresses of functions while it compiles.
template <auto V>
struct FunctionTag {};
template <auto A, auto B>
constexpr bool is_same_function() {
  return std::is_same_v<FunctionTag<A>, FunctionTag<B>>;
}

}  // namespace perdure::detail
