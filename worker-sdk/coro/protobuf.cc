#include "perdure/protobuf.h"

#include "google/protobuf/util/json_util.h"

namespace perdure::detail {
namespace {

constexpr const char* kJsonProtobuf = "json/protobuf";
constexpr const char* kBinaryProtobuf = "binary/protobuf";
constexpr const char* kMessageType = "messageType";

}  // namespace

Payload EncodeProtobuf(const google::protobuf::Message& message) {
  Payload payload;
  payload.encoding = kJsonProtobuf;
  payload.metadata = {{kMessageType, std::string(message.GetTypeName())}};
  const auto status = google::protobuf::util::MessageToJsonString(message, &payload.data);
  if (!status.ok())
    throw DecodeError("$", "not expressible as JSON: " + std::string(status.message()));
  return payload;
}

void DecodeProtobuf(const Payload& payload, google::protobuf::Message* message) {
  for (const auto& [key, value] : payload.metadata) {
    if (key == kMessageType && value != message->GetTypeName()) {
      throw DecodeError("$",
                        "the payload is a " + value + ", expected a " + message->GetTypeName());
    }
  }
  if (payload.encoding == kNull) return;
  if (payload.encoding == kBinaryProtobuf) {
    if (!message->ParseFromString(payload.data))
      throw DecodeError("$", "not the bytes of a " + message->GetTypeName());
    return;
  }
  if (payload.encoding != kJsonProtobuf && payload.encoding != kJson)
    check_encoding(payload, kJsonProtobuf);
  google::protobuf::util::JsonParseOptions options;
  options.ignore_unknown_fields = true;
  const auto status = google::protobuf::util::JsonStringToMessage(payload.data, message, options);
  if (!status.ok())
    throw DecodeError("$",
                      "not a " + message->GetTypeName() + ": " + std::string(status.message()));
}

}  // namespace perdure::detail
