// Protobuf messages as inputs and results: json/protobuf, readable in user interfaces, as the other
// SDKs send them; binary/protobuf and plain JSON are understood too.
//
//   #include "orders.pb.h"
//   #include "perdure/protobuf.h"
//   perdure::task<orders::Receipt> run(orders::Cart cart);
//
// Include it before the workflows and activities that use messages. Throws DecodeError for a
// payload of another message.
#pragma once

#include <concepts>
#include <string>

#include "google/protobuf/message.h"
#include "perdure/codec.h"

namespace perdure {

namespace detail {
Payload EncodeProtobuf(const google::protobuf::Message& message);
void DecodeProtobuf(const Payload& payload, google::protobuf::Message* message);
}  // namespace detail

template <std::derived_from<google::protobuf::Message> T>
struct codec<T> {
  static Payload encode(const T& value) { return detail::EncodeProtobuf(value); }
  static T decode(const Payload& payload) {
    T value;
    detail::DecodeProtobuf(payload, &value);
    return value;
  }
};

// binary/protobuf instead: smaller, and opaque to people.
template <std::derived_from<google::protobuf::Message> T>
struct as_binary {
  T message;
};
template <class T>
struct codec<as_binary<T>> {
  static Payload encode(const as_binary<T>& value) {
    Payload payload;
    payload.encoding = "binary/protobuf";
    payload.data = value.message.SerializeAsString();
    payload.metadata = {{"messageType", std::string(T::descriptor()->full_name())}};
    return payload;
  }
  static as_binary<T> decode(const Payload& payload) { return {codec<T>::decode(payload)}; }
};

}  // namespace perdure
