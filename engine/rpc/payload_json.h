// Protobuf messages to and from the JSON of Temporal's HTTP API: the protobuf JSON mapping, with
// payloads in shorthand. A payload of encoding json/plain is its bare value, binary/null is null,
// json/protobuf is its object with the message type under "_protoMessageType", Payloads is an array
// of such; anything else is {"metadata": …, "data": …}.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/message.h"

namespace perdure::rpc {

struct JsonStyle {
  bool has_shorthand = true;
  bool is_pretty = false;
};

absl::StatusOr<std::string> ToJson(const google::protobuf::Message& message, JsonStyle style);
// Fills `message`. INVALID_ARGUMENT tells what is wrong; the message is unspecified then.
absl::Status FromJson(absl::string_view json, google::protobuf::Message& message);

// Sets the field at that path (by proto or JSON names, through nested messages) from text as it
// stands in a path or a query; a repeated field is appended to. NOT_FOUND if there is no such
// field.
absl::Status SetField(absl::string_view path, const std::string& text,
                      google::protobuf::Message& message);

}  // namespace perdure::rpc
