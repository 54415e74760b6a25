// The reading half of perdure/json.h, which includes it at its end.
#pragma once

#include "perdure/json.h"

namespace perdure::json {

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

}  // namespace perdure::json
