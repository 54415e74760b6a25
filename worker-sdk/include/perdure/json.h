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

#include "perdure/detail/reflect.h"
#include "perdure/errors.h"

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

// Appends JSON text. A value, a struct's members and an array's elements are written in order;
// commas are its care.
class Writer {
 public:
  explicit Writer(std::string* to) : to_(*to) {}
  void null() { value("null"); }
  void boolean(bool value) { this->value(value ? "true" : "false"); }
  template <std::integral T>
  void integer(T value) {
    char text[24];
    const auto end = std::to_chars(text, text + sizeof text, value).ptr;
    this->value({text, static_cast<std::size_t>(end - text)});
  }
  // Throws DecodeError for NaN and infinities, which JSON lacks.
  void number(double value);
  void number(float value);
  // Throws DecodeError for what is not UTF-8.
  void string(std::string_view text);
  // Text that is JSON already.
  void value(std::string_view json) {
    if (comma_) to_ += ',';
    to_ += json;
    comma_ = true;
  }
  void begin(char bracket) {
    if (comma_) to_ += ',';
    to_ += bracket;
    comma_ = false;
  }
  void end(char bracket) {
    to_ += bracket;
    comma_ = true;
  }
  void key(std::string_view name) {
    string(name);
    to_ += ':';
    comma_ = false;
  }

 private:
  std::string& to_;
  bool comma_ = false;
};

enum class Kind { null, boolean, number, string, array, object };

// One value of a parsed document, and where it is. Valid while its Document and the readers above
// it are.
class Reader {
 public:
  Kind kind() const;
  bool boolean() const;
  std::int64_t integer() const;  // Throws where the number is no integer or too large.
  std::uint64_t unsigned_integer() const;
  double number() const;
  std::string_view string() const;
  std::size_t size() const;                 // Of an array; anything else throws.
  std::size_t member_count() const;         // Of an object.
  Reader element(std::size_t index) const;  // Of an array.
  // Members of an object, in the order of their names.
  class Members;
  Members members() const;
  std::string_view key() const { return key_; }  // Of a member: its name.
  std::string text() const;                      // The value as JSON.
  std::string path() const;
  [[noreturn]] void fail(std::string_view problem) const;

 private:
  friend class Document;
  friend class Members;
  Reader(const void* node, const Reader* parent) : node_(node), parent_(parent) {}
  [[noreturn]] void wrong_kind(std::string_view expected) const;
  const void* node_;
  const Reader* parent_;
  std::string_view key_{};
  std::size_t index_ = 0;
};

class Reader::Members {
 public:
  ~Members();
  Members(const Members&) = delete;
  bool next();  // To the first or the next member; false after the last.
  const Reader& value() const { return current_; }

 private:
  friend class Reader;
  explicit Members(const Reader& object);
  const Reader& object_;
  Reader current_;
  // An iterator of the parsed object.
  alignas(void*) unsigned char at_[32];
  bool started_ = false;
};

// A parsed text. Throws DecodeError where it is not JSON, or nests deeper than 200 levels.
class Document {
 public:
  explicit Document(std::string_view text);
  ~Document();
  Document(const Document&) = delete;
  Reader root() const;

 private:
  void* parsed_;
};

std::string to_base64(const std::byte* data, std::size_t size);
std::vector<std::byte> from_base64(const Reader& from);
std::string duration_text(std::chrono::nanoseconds duration);
std::chrono::nanoseconds duration_from(const Reader& from);
std::string time_text(Timestamp time);
Timestamp time_from(const Reader& from);

template <class T>
void write(Writer& to, const T& value);
template <class T>
void read(const Reader& from, T& value);

namespace shape {
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
}  // namespace shape

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
void read_struct(const Reader& from, T& value) {
  auto members = from.members();
  while (members.next()) {
    const Reader& member = members.value();
    detail::with_fields(value, [&](auto&... field) {
      [&]<std::size_t... I>(std::index_sequence<I...>) {
        static_cast<void>(
            ((member.key() == detail::field_name<T, I> && (read(member, field), true)) || ...));
      }(std::make_index_sequence<sizeof...(field)>{});
    });
  }
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

// Can a value of this kind be read as an A?
template <class A>
bool fits(const Reader& from) {
  const Kind kind = from.kind();
  if constexpr (std::is_same_v<A, std::monostate>)
    return kind == Kind::null;
  else if constexpr (std::is_same_v<A, bool>)
    return kind == Kind::boolean;
  else if constexpr (std::is_floating_point_v<A>)
    return kind == Kind::number;
  else if constexpr (std::is_integral_v<A>) {
    return kind == Kind::number && from.text().find_first_of(".eE") == std::string::npos;
  } else if constexpr (shape::is_optional<A>)
    return kind == Kind::null || fits<typename A::value_type>(from);
  else if constexpr (shape::PlainStruct<A>) {
    if (kind != Kind::object || from.member_count() != 1) return false;
    auto members = from.members();
    return members.next() && members.value().key() == detail::type_name_of<A>;
  } else if constexpr (shape::Bytes<A> || shape::NamedEnum<A> ||
                       std::is_convertible_v<A, std::string_view>) {
    return kind == Kind::string;
  } else if constexpr (shape::Map<A>)
    return kind == Kind::object;
  else if constexpr (shape::Sequence<A> || shape::Tuple<A>)
    return kind == Kind::array;
  else
    return true;
}

template <std::size_t I = 0, class... A>
void read_variant(const Reader& from, std::variant<A...>& value) {
  if constexpr (I == sizeof...(A)) {
    from.fail("no alternative of the variant holds this");
  } else {
    using Alternative = std::variant_alternative_t<I, std::variant<A...>>;
    if (!fits<Alternative>(from)) return read_variant<I + 1>(from, value);
    if constexpr (shape::PlainStruct<Alternative>) {
      auto members = from.members();
      members.next();
      read(members.value(), value.template emplace<I>());
    } else if constexpr (std::is_same_v<Alternative, std::monostate>) {
      value.template emplace<I>();
    } else {
      read(from, value.template emplace<I>());
    }
  }
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
void read_enum(const Reader& from, T& value) {
  if (from.kind() == Kind::number) {
    value = static_cast<T>(from.integer());
    return;
  }
  const std::string_view name = from.string();
  for (std::size_t i = 0; i < detail::enum_names<T>.size(); ++i) {
    if (detail::enum_names<T>[i] == name) {
      value = static_cast<T>(i);
      return;
    }
  }
  from.fail("no enumerator is called \"" + std::string(name) + "\"");
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

template <class T>
void read_integer(const Reader& from, T& value) {
  if constexpr (std::is_unsigned_v<T>) {
    const std::uint64_t number = from.unsigned_integer();
    if (number > std::numeric_limits<T>::max()) from.fail("the number is too large");
    value = static_cast<T>(number);
  } else {
    const std::int64_t number = from.integer();
    if (number < std::numeric_limits<T>::min() || number > std::numeric_limits<T>::max()) {
      from.fail("the number does not fit");
    }
    value = static_cast<T>(number);
  }
}

template <class T>
void read_map(const Reader& from, T& value) {
  value.clear();
  auto members = from.members();
  while (members.next()) {
    read(members.value(), value[typename T::key_type(members.value().key())]);
  }
}

template <class T>
void read_sequence(const Reader& from, T& value) {
  const std::size_t size = from.size();
  if constexpr (requires { std::tuple_size<T>::value; }) {
    if (size != std::tuple_size<T>::value) from.fail("an array of another length was expected");
    for (std::size_t i = 0; i < size; ++i) read(from.element(i), value[i]);
  } else {
    value.clear();
    for (std::size_t i = 0; i < size; ++i) {
      typename T::value_type one{};
      read(from.element(i), one);
      value.insert(value.end(), std::move(one));
    }
  }
}

template <class T>
void read_tuple(const Reader& from, T& value) {
  if (from.size() != std::tuple_size_v<T>) from.fail("an array of another length was expected");
  [&]<std::size_t... I>(std::index_sequence<I...>) {
    (read(from.element(I), std::get<I>(value)), ...);
  }(std::make_index_sequence<std::tuple_size_v<T>>{});
}

template <class T>
void read_optional(const Reader& from, T& value) {
  if (from.kind() == Kind::null) {
    value.reset();
  } else if constexpr (shape::is_optional<T>) {
    read(from, value.emplace());
  } else {
    auto held = std::make_unique<std::remove_const_t<typename T::element_type>>();
    read(from, *held);
    value = std::move(held);
  }
}

template <class T>
void read(const Reader& from, T& value) {
  if constexpr (shape::Custom<T>)
    json_format<T>::read(from, value);
  else if constexpr (std::is_same_v<T, JsonValue>)
    value.text = from.text();
  else if constexpr (std::is_same_v<T, bool>)
    value = from.boolean();
  else if constexpr (shape::NamedEnum<T>)
    read_enum(from, value);
  else if constexpr (std::is_enum_v<T>)
    value = static_cast<T>(from.integer());
  else if constexpr (std::is_floating_point_v<T>)
    value = static_cast<T>(from.number());
  else if constexpr (std::is_integral_v<T>)
    read_integer(from, value);
  else if constexpr (std::is_same_v<T, std::string>)
    value = from.string();
  else if constexpr (shape::is_optional<T> || shape::is_pointer<T>)
    read_optional(from, value);
  else if constexpr (shape::is_variant<T>)
    read_variant(from, value);
  else if constexpr (shape::is_duration<T>)
    value = std::chrono::duration_cast<T>(duration_from(from));
  else if constexpr (shape::is_time<T>) {
    value = std::chrono::time_point_cast<typename T::duration>(time_from(from));
  } else if constexpr (shape::Bytes<T>) {
    const auto bytes = from_base64(from);
    const auto* data = reinterpret_cast<const typename T::value_type*>(bytes.data());
    value.assign(data, data + bytes.size());
  } else if constexpr (shape::Map<T>)
    read_map(from, value);
  else if constexpr (shape::Sequence<T>)
    read_sequence(from, value);
  else if constexpr (shape::Tuple<T>)
    read_tuple(from, value);
  else if constexpr (shape::PlainStruct<T>)
    read_struct(from, value);
  else
    static_assert(sizeof(T) == 0,
                  "no JSON form: make it a plain struct or specialise perdure::json_format");
}

}  // namespace json
}  // namespace perdure
