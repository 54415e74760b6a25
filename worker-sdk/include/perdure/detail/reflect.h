// The fields of a plain struct and the names of an enum, as the compiler knows them: no macros, no
// field lists.
//
// A plain struct is an aggregate without base classes of up to 40 fields. Tried on Clang 19 and
// GCC 12.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include "perdure/detail/function.h"

namespace perdure::detail {

// Converts to anything but the struct itself, so that a copy is never taken for a first field.
template <class Owner>
struct AnyField {
  template <class T>
    requires(!std::is_same_v<std::remove_cvref_t<T>, Owner>)
  operator T() const;
};

template <class T, std::size_t... I>
constexpr bool takes_fields(std::index_sequence<I...>) {
  return requires { T{(static_cast<void>(I), AnyField<T>{})...}; };
}
template <class T, std::size_t N>
constexpr std::size_t count_fields() {
  if constexpr (N == 0 || takes_fields<T>(std::make_index_sequence<N>{})) {
    return N;
  } else {
    return count_fields<T, N - 1>();
  }
}
inline constexpr std::size_t kFieldsMax = 40;
// Counted from above, by halves first, so that most structs cost few instantiations.
template <class T>
inline constexpr std::size_t field_count =
    !takes_fields<T>(std::make_index_sequence<9>{})    ? count_fields<T, 8>()
    : !takes_fields<T>(std::make_index_sequence<17>{}) ? count_fields<T, 16>()
                                                       : count_fields<T, kFieldsMax>();

// Calls f(field...) with references to all fields.
template <class T, class F>
constexpr decltype(auto) with_fields(T& value, F&& f) {
  constexpr std::size_t n = field_count<std::remove_cv_t<T>>;
  // clang-format off
#define PERDURE_FIELDS(count, ...) \
  else if constexpr (n == count) { auto& [__VA_ARGS__] = value; return f(__VA_ARGS__); }
  if constexpr (n == 0) { return f(); }
  PERDURE_FIELDS(1, f0)
  PERDURE_FIELDS(2, f0, f1)
  PERDURE_FIELDS(3, f0, f1, f2)
  PERDURE_FIELDS(4, f0, f1, f2, f3)
  PERDURE_FIELDS(5, f0, f1, f2, f3, f4)
  PERDURE_FIELDS(6, f0, f1, f2, f3, f4, f5)
  PERDURE_FIELDS(7, f0, f1, f2, f3, f4, f5, f6)
  PERDURE_FIELDS(8, f0, f1, f2, f3, f4, f5, f6, f7)
  PERDURE_FIELDS(9, f0, f1, f2, f3, f4, f5, f6, f7, f8)
  PERDURE_FIELDS(10, f0, f1, f2, f3, f4, f5, f6, f7, f8, f9)
  PERDURE_FIELDS(11, f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10)
  PERDURE_FIELDS(12, f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11)
  PERDURE_FIELDS(13, f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12)
  PERDURE_FIELDS(14, f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13)
  PERDURE_FIELDS(15, f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14)
  PERDURE_FIELDS(16, f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15)
  PERDURE_FIELDS(17, f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16)
  PERDURE_FIELDS(18, f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16,
      f17)
  PERDURE_FIELDS(19, f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16,
      f17, f18)
  PERDURE_FIELDS(20, f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16,
      f17, f18, f19)
  PERDURE_FIELDS(21, f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16,
      f17, f18, f19, f20)
  PERDURE_FIELDS(22, f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16,
      f17, f18, f19, f20, f21)
  PERDURE_FIELDS(23, f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16,
      f17, f18, f19, f20, f21, f22)
  PERDURE_FIELDS(24, f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16,
      f17, f18, f19, f20, f21, f22, f23)
  PERDURE_FIELDS(25, f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16,
      f17, f18, f19, f20, f21, f22, f23, f24)
  PERDURE_FIELDS(26, f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16,
      f17, f18, f19, f20, f21, f22, f23, f24, f25)
  PERDURE_FIELDS(27, f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16,
      f17, f18, f19, f20, f21, f22, f23, f24, f25, f26)
  PERDURE_FIELDS(28, f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16,
      f17, f18, f19, f20, f21, f22, f23, f24, f25, f26, f27)
  PERDURE_FIELDS(29, f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16,
      f17, f18, f19, f20, f21, f22, f23, f24, f25, f26, f27, f28)
  PERDURE_FIELDS(30, f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16,
      f17, f18, f19, f20, f21, f22, f23, f24, f25, f26, f27, f28, f29)
  PERDURE_FIELDS(31, f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16,
      f17, f18, f19, f20, f21, f22, f23, f24, f25, f26, f27, f28, f29, f30)
  PERDURE_FIELDS(32, f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16,
      f17, f18, f19, f20, f21, f22, f23, f24, f25, f26, f27, f28, f29, f30, f31)
  PERDURE_FIELDS(33, f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16,
      f17, f18, f19, f20, f21, f22, f23, f24, f25, f26, f27, f28, f29, f30, f31, f32)
  PERDURE_FIELDS(34, f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16,
      f17, f18, f19, f20, f21, f22, f23, f24, f25, f26, f27, f28, f29, f30, f31, f32, f33)
  PERDURE_FIELDS(35, f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16,
      f17, f18, f19, f20, f21, f22, f23, f24, f25, f26, f27, f28, f29, f30, f31, f32, f33, f34)
  PERDURE_FIELDS(36, f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16,
      f17, f18, f19, f20, f21, f22, f23, f24, f25, f26, f27, f28, f29, f30, f31, f32, f33, f34,
      f35)
  PERDURE_FIELDS(37, f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16,
      f17, f18, f19, f20, f21, f22, f23, f24, f25, f26, f27, f28, f29, f30, f31, f32, f33, f34,
      f35, f36)
  PERDURE_FIELDS(38, f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16,
      f17, f18, f19, f20, f21, f22, f23, f24, f25, f26, f27, f28, f29, f30, f31, f32, f33, f34,
      f35, f36, f37)
  PERDURE_FIELDS(39, f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16,
      f17, f18, f19, f20, f21, f22, f23, f24, f25, f26, f27, f28, f29, f30, f31, f32, f33, f34,
      f35, f36, f37, f38)
  PERDURE_FIELDS(40, f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16,
      f17, f18, f19, f20, f21, f22, f23, f24, f25, f26, f27, f28, f29, f30, f31, f32, f33, f34,
      f35, f36, f37, f38, f39)
#undef PERDURE_FIELDS
  // clang-format on
}

template <class T>
struct Wrapped {
  T value;
};
#if defined(__clang__)
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wundefined-var-template"
#pragma clang diagnostic ignored "-Wundefined-internal"
#endif
// Never defined: only addresses inside it are formed, and only while compiling.
template <class T>
extern const Wrapped<T> imagined;

template <class F>
struct FieldAddress {
  const F* address;
};
template <class T>
constexpr auto field_addresses() {
  return with_fields(imagined<T>.value, [](auto&... field) {
    return std::make_tuple(FieldAddress<std::remove_cvref_t<decltype(field)>>{&field}...);
  });
}
template <auto V>
constexpr std::string_view raw_field_name() {
  return __PRETTY_FUNCTION__;
}
// GCC: "... V = FieldAddress<int>{(& imagined<Order>.Wrapped<Order>::value.Order::total)}; ..."
// Clang: "... [V = FieldAddress<int>{&imagined.value.total}]"
constexpr std::string_view last_field_name(std::string_view text) {
  const auto end = text.rfind('}');
  text = text.substr(0, end);
  while (!text.empty() && text.back() == ')') text.remove_suffix(1);
  const auto start = text.find_last_of(":.& (");
  return start == text.npos ? text : text.substr(start + 1);
}
template <class T, std::size_t I>
inline constexpr std::string_view field_name =
    last_field_name(raw_field_name<std::get<I>(field_addresses<T>())>());
#if defined(__clang__)
#pragma clang diagnostic pop
#endif

// Names of the values 0 to 127 of an enum class; all of them come from one instantiation.
inline constexpr int kEnumMax = 128;
template <class E, E... V>
constexpr std::string_view raw_enum_names() {
  return __PRETTY_FUNCTION__;
}
template <class E, int... I>
constexpr std::string_view raw_enum_names(std::integer_sequence<int, I...>) {
  return raw_enum_names<E, static_cast<E>(I)...>();
}
template <class E>
constexpr std::array<std::string_view, kEnumMax> list_enum_names() {
  std::array<std::string_view, kEnumMax> names{};
  std::string_view text = raw_enum_names<E>(std::make_integer_sequence<int, kEnumMax>{});
  text.remove_prefix(text.rfind("V = ") + 5);
  for (int i = 0; i < kEnumMax; ++i) {
    const auto end = text.find_first_of(",>}");
    const std::string_view one = text.substr(0, end);
    // "(Color)7" where the value has no name.
    if (one.find('(') == one.npos) {
      const auto start = one.rfind(':');
      names[static_cast<std::size_t>(i)] = start == one.npos ? one : one.substr(start + 1);
    }
    text.remove_prefix(end + 1);
    while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  }
  return names;
}
template <class E>
inline constexpr std::array<std::string_view, kEnumMax> enum_names = list_enum_names<E>();

}  // namespace perdure::detail
