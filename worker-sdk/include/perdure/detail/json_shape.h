// Which form a type has in JSON: decided by what it is, see perdure/json.h.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <variant>
#include <vector>

namespace perdure {

template <class T>
struct json_format;

namespace json::shape {
template <class T>
inline constexpr bool is_optional = false;
template <class T>
inline constexpr bool is_optional<std::optional<T>> = true;
template <class T>
inline constexpr bool is_pointer = false;
template <class T>
inline constexpr bool is_pointer<std::unique_ptr<T>> = true;
template <class T>
inline constexpr bool is_pointer<std::shared_ptr<T>> = true;
template <class T>
inline constexpr bool is_variant = false;
template <class... T>
inline constexpr bool is_variant<std::variant<T...>> = true;
template <class T>
inline constexpr bool is_duration = false;
template <class R, class P>
inline constexpr bool is_duration<std::chrono::duration<R, P>> = true;
template <class T>
inline constexpr bool is_time = false;
template <class D>
inline constexpr bool is_time<std::chrono::time_point<std::chrono::system_clock, D>> = true;
template <class T>
concept Tuple = requires { std::tuple_size<T>::value; } && !requires(T t) { t.begin(); };
template <class T>
concept Map = requires { typename T::mapped_type; };
template <class T>
concept Set = requires { typename T::key_type; } && !Map<T>;
template <class T>
concept Sequence = requires(T t) {
  t.begin();
  t.end();
  typename T::value_type;
} && !std::is_convertible_v<T, std::string_view>;
template <class T>
concept Bytes =
    std::is_same_v<T, std::vector<std::byte>> || std::is_same_v<T, std::vector<std::uint8_t>>;
template <class T>
concept Custom = !requires { json_format<T>::is_default; };
template <class T>
concept PlainStruct = std::is_aggregate_v<T> && std::is_class_v<T> && !Sequence<T> && !Custom<T> &&
                      !std::is_same_v<T, std::monostate>;
template <class T>
concept NamedEnum = std::is_enum_v<T> && !std::is_convertible_v<T, int>;
}  // namespace json::shape
}  // namespace perdure
