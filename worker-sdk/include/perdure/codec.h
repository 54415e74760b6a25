// Values to payloads and back.
//
//   Payload p = perdure::encode(order);           // json/plain, {"id": "o-1", ...}
//   Order order = perdure::decode<Order>(p);      // throws DecodeError, which names the path in
//   the value
//
// What becomes of a type:
//   std::vector<std::byte>, std::vector<std::uint8_t>   binary/plain
//   an empty std::optional, std::nullptr_t, monostate   binary/null
//   protobuf messages                                   json/protobuf; include perdure/protobuf.h
//   Payload                                             itself
//   Payloads, as the one input or the result            themselves
//   all else                                            json/plain, see perdure/json.h
// The other SDKs read and write the same. Own types: specialise perdure::codec, or
// perdure::json_format.
#pragma once

#include "perdure/json.h"

namespace perdure {

namespace detail {
inline constexpr std::string_view kJson = "json/plain";
inline constexpr std::string_view kBytes = "binary/plain";
inline constexpr std::string_view kNull = "binary/null";
// Throws DecodeError unless the payload's encoding is the one expected.
void check_encoding(const Payload& payload, std::string_view expected);
// Is it binary/null, or JSON's null?
bool is_null(const Payload& payload);
}  // namespace detail

// The customization point. encode may throw DecodeError for a value that has no form (NaN, broken
// UTF-8).
template <class T>
struct codec {
  static Payload encode(const T& value) {
    static_assert(
        !requires { T::descriptor(); }, "include \"perdure/protobuf.h\" to use protobuf messages");
    Payload payload;
    if constexpr (json::shape::Bytes<T>) {
      payload.encoding = detail::kBytes;
      payload.data.assign(reinterpret_cast<const char*>(value.data()), value.size());
    } else if constexpr (std::is_same_v<T, std::nullptr_t> || std::is_same_v<T, std::monostate>) {
      payload.encoding = detail::kNull;
    } else if constexpr (json::shape::is_optional<T>) {
      if (value) return codec<typename T::value_type>::encode(*value);
      payload.encoding = detail::kNull;
    } else {
      payload.encoding = detail::kJson;
      json::Writer writer(&payload.data);
      json::write(writer, value);
    }
    return payload;
  }

  static T decode(const Payload& payload) {
    if constexpr (std::is_same_v<T, std::nullptr_t> || std::is_same_v<T, std::monostate>) {
      return {};
    } else if constexpr (json::shape::is_optional<T>) {
      if (detail::is_null(payload)) return std::nullopt;
      return codec<typename T::value_type>::decode(payload);
    } else {
      T value{};
      if constexpr (json::shape::Bytes<T>) {
        if (payload.encoding == detail::kBytes) {
          const auto* data = reinterpret_cast<const typename T::value_type*>(payload.data.data());
          value.assign(data, data + payload.data.size());
          return value;
        }
      }
      // A struct may come as null from a language whose function returned nothing.
      if (payload.encoding == detail::kNull) return value;
      detail::check_encoding(payload, detail::kJson);
      const json::Document document(payload.data);
      json::read(document.root(), value);
      return value;
    }
  }
};

template <>
struct codec<Payload> {
  static Payload encode(const Payload& value) { return value; }
  static Payload decode(const Payload& payload) { return payload; }
};

template <class T>
Payload encode(const T& value) {
  if constexpr (std::is_convertible_v<const T&, std::string_view> &&
                !std::is_same_v<T, std::string> && !std::is_null_pointer_v<T>) {
    return codec<std::string>::encode(std::string(std::string_view(value)));
  } else {
    return codec<T>::encode(value);
  }
}

template <class T>
T decode(const Payload& payload) {
  return codec<T>::decode(payload);
}

namespace detail {

// One input after another. A missing one is the default of its type, as other SDKs have it, so that
// a function may be given more parameters while callers of the old form still run.
template <class T>
T decode_at(const Payloads& payloads, std::size_t index) {
  if (index >= payloads.size()) return T{};
  return codec<T>::decode(payloads[index]);
}

// Throws the error again, saying which argument of what it is about.
[[noreturn]] void throw_argument_error(const DecodeError& error, std::size_t index,
                                       std::string_view callee);
template <class T>
T decode_argument(const Payloads& payloads, std::size_t index, std::string_view callee) {
  try {
    return decode_at<T>(payloads, index);
  } catch (const DecodeError& error) {
    throw_argument_error(error, index, callee);
  }
}

template <class Tuple>
struct input_codec;
template <class... A>
struct input_codec<std::tuple<A...>> {
  // Errors name the callee.
  static std::tuple<A...> decode(const Payloads& payloads, std::string_view callee) {
    static_cast<void>(payloads);
    static_cast<void>(callee);
    return [&]<std::size_t... I>(std::index_sequence<I...>) {
      // Braces: decoded from first to last.
      return std::tuple<A...>{decode_argument<A>(payloads, I, callee)...};
    }(std::index_sequence_for<A...>{});
  }
};

// Payloads alone are all inputs as they are.
template <>
struct input_codec<std::tuple<Payloads>> {
  static std::tuple<Payloads> decode(const Payloads& payloads, std::string_view) {
    return {payloads};
  }
};

// A result that is Payloads is what came, as it is.
template <class T>
T decode_result(const Payloads& payloads) {
  if constexpr (std::is_same_v<T, Payloads>) {
    return payloads;
  } else if constexpr (!std::is_void_v<T>) {
    return decode_at<T>(payloads, 0);
  }
}
template <class T>
T decode_result(const std::optional<Payload>& payload) {
  if constexpr (std::is_same_v<T, Payloads>) {
    return payload ? Payloads{*payload} : Payloads();
  } else if constexpr (!std::is_void_v<T>) {
    if (!payload) return T{};
    return codec<T>::decode(*payload);
  }
}

}  // namespace detail
}  // namespace perdure
