// C++ values as JSON: what json/plain payloads hold.
//
//   bool, numbers               as JSON has them; an integer that does not fit its type is an error
//   std::string                 a string of valid UTF-8
//   plain struct                an object with the fields' names
//   enum class                  the enumerator's name (its number, if it has no name among 0..127)
//   std::optional               the value or null
//   std::vector, array, pair, tuple, set     an array (pair and tuple of fixed length)
//   std::map, unordered_map with string keys an object
//   std::unique_ptr, shared_ptr the value or null
//   std::chrono::duration       seconds, as "1.5s" (protobuf's form); a number of seconds is
//   understood too std::chrono::sys_time       RFC 3339, "2026-11-21T10:00:00.5Z"
//   std::vector<std::byte>      base64
//   std::variant                a plain struct by its name, {"Card": {...}}; anything else as
//   itself, and when it
//                               is read, the first alternative that can hold what is found
//   JsonValue                   any JSON, kept as its text
// When a struct is read, unknown members are skipped and missing ones keep the struct's own
// default; a value of the wrong kind is a DecodeError that names the path. Own types: specialise
// perdure::json_format.
#pragma once

#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "perdure/detail/json_shape.h"
#include "perdure/detail/json_text.h"
#include "perdure/detail/reflect.h"

namespace perdure {

// Any JSON, as text.
struct JsonValue {
  std::string text = "null";
};

// How a type of yours looks in JSON, when it is no plain struct:
//   template <> struct perdure::json_format<Money> {
//     static void write(json::Writer& to, const Money& money) { json::write(to, money.text()); }
//     static void read(const json::Reader& from, Money& money) { money =
//     Money::parse(from.string()); }
//   };
template <class T>
struct json_format {
  static constexpr bool is_default = true;
};

namespace json {

template <class T>
void write(Writer& to, const T& value);
template <class T>
void read(const Reader& from, T& value);

template <class T>
void write_struct(Writer& to, const T& value) {
  to.begin('{');
  detail::with_fields(value, [&](const auto&... field) {
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      ((to.key(detail::field_name<T, I>), write(to, field)), ...);
    }(std::make_index_sequence<sizeof...(field)>{});
  });
  to.end('}');
}

template <class T>
void write_variant(Writer& to, const T& value) {
  std::visit(
      [&]<class A>(const A& held) {
        if constexpr (std::is_same_v<A, std::monostate>) {
          to.null();
        } else if constexpr (shape::PlainStruct<A>) {
          to.begin('{');
          to.key(detail::type_name_of<A>);
          write(to, held);
          to.end('}');
        } else {
          write(to, held);
        }
      },
      value);
}

template <class T>
void write_enum(Writer& to, T value) {
  const auto number = static_cast<std::int64_t>(value);
  if (number >= 0 && number < detail::kEnumMax) {
    const std::string_view name = detail::enum_names<T>[static_cast<std::size_t>(number)];
    if (!name.empty()) return to.string(name);
  }
  to.integer(number);
}

template <class T>
void write(Writer& to, const T& value) {
  if constexpr (shape::Custom<T>)
    json_format<T>::write(to, value);
  else if constexpr (std::is_same_v<T, JsonValue>)
    to.value(value.text);
  else if constexpr (std::is_same_v<T, bool>)
    to.boolean(value);
  else if constexpr (shape::NamedEnum<T>)
    write_enum(to, value);
  else if constexpr (std::is_enum_v<T>)
    to.integer(static_cast<std::int64_t>(value));
  else if constexpr (std::is_floating_point_v<T>)
    to.number(value);
  else if constexpr (std::is_integral_v<T>)
    to.integer(value);
  else if constexpr (std::is_convertible_v<const T&, std::string_view>)
    to.string(value);
  else if constexpr (shape::is_optional<T> || shape::is_pointer<T>) {
    if (value)
      write(to, *value);
    else
      to.null();
  } else if constexpr (shape::is_variant<T>)
    write_variant(to, value);
  else if constexpr (shape::is_duration<T>) {
    to.string(duration_text(std::chrono::duration_cast<std::chrono::nanoseconds>(value)));
  } else if constexpr (shape::is_time<T>)
    to.string(time_text(Timestamp(value)));
  else if constexpr (shape::Bytes<T>) {
    to.string(to_base64(reinterpret_cast<const std::byte*>(value.data()), value.size()));
  } else if constexpr (shape::Map<T>) {
    static_assert(std::is_convertible_v<typename T::key_type, std::string_view>,
                  "JSON objects have string keys");
    to.begin('{');
    for (const auto& [key, one] : value) {
      to.key(key);
      write(to, one);
    }
    to.end('}');
  } else if constexpr (shape::Sequence<T>) {
    to.begin('[');
    for (const auto& one : value) write<typename T::value_type>(to, one);
    to.end(']');
  } else if constexpr (shape::Tuple<T>) {
    to.begin('[');
    std::apply([&](const auto&... one) { (write(to, one), ...); }, value);
    to.end(']');
  } else if constexpr (shape::PlainStruct<T>)
    write_struct(to, value);
  else
    static_assert(sizeof(T) == 0,
                  "no JSON form: make it a plain struct or specialise perdure::json_format");
}

}  // namespace json
}  // namespace perdure

#include "perdure/detail/json_read.h"
