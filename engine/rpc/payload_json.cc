#include "rpc/payload_json.h"

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/util/json_util.h"
#include "nlohmann/json.hpp"

namespace perdure::rpc {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using Json = nlohmann::ordered_json;

constexpr char kMessageType[] = "_protoMessageType";
// Deeper JSON is refused before anything recurses on it.
constexpr int kDepthMax = 100;

// Base64, standard or URL-safe, padded or not.
bool Decode(const Json& text, std::string& decoded) {
  if (!text.is_string()) return false;
  const auto& encoded = text.get_ref<const std::string&>();
  return absl::Base64Unescape(encoded, &decoded) || absl::WebSafeBase64Unescape(encoded, &decoded);
}

Json Encode(absl::string_view text) { return absl::Base64Escape(text); }

std::string MetadataOf(const Json& payload, const char* key) {
  const auto metadata = payload.find("metadata");
  std::string value;
  if (metadata == payload.end() || !metadata->is_object()) return value;
  const auto found = metadata->find(key);
  if (found == metadata->end() || !Decode(*found, value)) return "";
  return value;
}

// Writing JSON recurses on its depth, and payloads are as deep as their authors like.
bool IsTooDeep(absl::string_view json) {
  int depth = 0;
  bool in_string = false;
  for (size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      if (++depth > kDepthMax) return true;
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return false;
}

// The protobuf form of a payload into shorthand, if it has one.
Json Shorten(Json payload) {
  const std::string encoding = MetadataOf(payload, "encoding");
  if (encoding == "binary/null") return nullptr;
  const std::string message_type = MetadataOf(payload, "messageType");
  const bool is_json = encoding == "json/plain" && payload["metadata"].size() == 1;
  const bool is_message =
      encoding == "json/protobuf" && !message_type.empty() && payload["metadata"].size() == 2;
  std::string data;
  if ((!is_json && !is_message) || !payload.contains("data") || !Decode(payload["data"], data)) {
    return payload;
  }
  if (IsTooDeep(data)) return payload;
  Json value = Json::parse(data, nullptr, false);
  if (value.is_discarded() || (is_message && !value.is_object())) return payload;
  if (is_message) value[kMessageType] = message_type;
  return value;
}

// True for the protobuf form of a payload, so that a user's object is not mistaken for it.
bool IsWholePayload(const Json& value) {
  if (!value.is_object() || !value.contains("metadata")) return false;
  if (!value["metadata"].is_object()) return false;
  std::string ignored;
  for (const auto& [key, member] : value.items()) {
    if (key == "metadata") continue;
    if (key == "externalPayloads" || key == "external_payloads") continue;
    if (key != "data" || !Decode(member, ignored)) return false;
  }
  for (const auto& [key, member] : value["metadata"].items()) {
    if (!Decode(member, ignored)) return false;
  }
  return value.contains("data") || MetadataOf(value, "encoding") == "binary/null";
}

Json Lengthen(Json value) {
  if (IsWholePayload(value)) return value;
  Json payload = Json::object();
  Json& metadata = payload["metadata"];
  if (value.is_null()) {
    metadata["encoding"] = Encode("binary/null");
    return payload;
  }
  metadata["encoding"] = Encode("json/plain");
  if (value.is_object() && value.contains(kMessageType) && value[kMessageType].is_string()) {
    metadata["encoding"] = Encode("json/protobuf");
    metadata["messageType"] = Encode(value[kMessageType].get_ref<const std::string&>());
    value.erase(kMessageType);
  }
  payload["data"] = Encode(value.dump());
  return payload;
}

// Rewrites the payloads in the JSON of a message, found by walking its type along.
class Rewriter {
 public:
  explicit Rewriter(bool shortens) : shortens_(shortens) {}

  void Rewrite(const Descriptor* type, Json& json) const {
    const std::string& name = type->full_name();
    if (name == "temporal.api.common.v1.Payload") {
      json = shortens_ ? Shorten(std::move(json)) : Lengthen(std::move(json));
    } else if (name == "temporal.api.common.v1.Payloads") {
      RewritePayloads(json);
    } else if (json.is_object() && !absl::StartsWith(name, "google.protobuf.")) {
      for (auto& [key, value] : json.items()) {
        const FieldDescriptor* field = FieldOf(type, key);
        if (field != nullptr) RewriteField(field, value);
      }
    }
  }

  static const FieldDescriptor* FieldOf(const Descriptor* type, const std::string& name) {
    const FieldDescriptor* field = type->FindFieldByCamelcaseName(name);
    return field != nullptr ? field : type->FindFieldByName(name);
  }

 private:
  void RewritePayloads(Json& json) const {
    Json list = Json::array();
    if (shortens_) {
      if (json.contains("payloads")) list.swap(json["payloads"]);
      for (Json& payload : list) payload = Shorten(std::move(payload));
      json = std::move(list);
    } else if (json.is_array()) {
      list.swap(json);
      for (Json& payload : list) payload = Lengthen(std::move(payload));
      json = Json::object();
      json["payloads"] = std::move(list);
    } else if (json.is_object() && json.contains("payloads") && json["payloads"].is_array()) {
      for (Json& payload : json["payloads"]) payload = Lengthen(std::move(payload));
    }
  }

  void RewriteField(const FieldDescriptor* field, Json& value) const {
    if (field->is_map()) {
      const FieldDescriptor* element = field->message_type()->map_value();
      if (element->message_type() == nullptr || !value.is_object()) return;
      for (auto& [key, member] : value.items()) Rewrite(element->message_type(), member);
    } else if (field->message_type() == nullptr) {
      return;
    } else if (field->is_repeated()) {
      if (!value.is_array()) return;
      for (Json& member : value) Rewrite(field->message_type(), member);
    } else if (!value.is_null() || IsPayload(field)) {
      Rewrite(field->message_type(), value);
    }
  }

  static bool IsPayload(const FieldDescriptor* field) {
    return field->message_type()->full_name() == "temporal.api.common.v1.Payload";
  }

  const bool shortens_;
};

absl::Status ParseInto(const std::string& json, Message& message) {
  google::protobuf::util::JsonParseOptions options;
  options.ignore_unknown_fields = false;
  const auto status = google::protobuf::util::JsonStringToMessage(json, &message, options);
  if (status.ok()) return absl::OkStatus();
  return base::InvalidArgument(absl::StrCat("The JSON is not a valid ",
                                            message.GetDescriptor()->full_name(), ": ",
                                            std::string(status.message())));
}

// A field's text as the JSON that the protobuf mapping wants for its type.
std::string JsonOfText(const FieldDescriptor& field, const std::string& text) {
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL:
    case FieldDescriptor::CPPTYPE_DOUBLE:
    case FieldDescriptor::CPPTYPE_FLOAT:
    case FieldDescriptor::CPPTYPE_INT32:
    case FieldDescriptor::CPPTYPE_UINT32:
    case FieldDescriptor::CPPTYPE_INT64:
    case FieldDescriptor::CPPTYPE_UINT64: {
      const Json value = Json::parse(text, nullptr, false);
      return value.is_discarded() ? Json(text).dump() : value.dump();
    }
    case FieldDescriptor::CPPTYPE_ENUM: {
      const bool is_number = !text.empty() && text.find_first_not_of("-0123456789") == text.npos;
      return is_number ? text : Json(text).dump();
    }
    case FieldDescriptor::CPPTYPE_STRING:
    case FieldDescriptor::CPPTYPE_MESSAGE:  // Timestamp, Duration, FieldMask and the like.
      break;
  }
  return Json(text).dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

absl::StatusOr<std::string> ToJson(const Message& message, JsonStyle style) {
  std::string text;
  const auto status = google::protobuf::util::MessageToJsonString(message, &text);
  if (!status.ok()) {
    return base::Internal(absl::StrCat("can't write ", message.GetDescriptor()->full_name(),
                                       " as JSON: ", std::string(status.message())));
  }
  if (!style.has_shorthand && !style.is_pretty) return text;
  Json json = Json::parse(text, nullptr, false);
  if (json.is_discarded()) return base::Internal("the protobuf JSON mapping gave invalid JSON");
  if (style.has_shorthand) Rewriter(true).Rewrite(message.GetDescriptor(), json);
  return json.dump(style.is_pretty ? 2 : -1, ' ', false, Json::error_handler_t::replace);
}

absl::Status FromJson(absl::string_view json, Message& message) {
  if (IsTooDeep(json)) return base::InvalidArgument("The JSON is nested too deeply.");
  Json value = Json::parse(json.begin(), json.end(), nullptr, false);
  if (value.is_discarded()) return base::InvalidArgument("The request's body is not valid JSON.");
  Rewriter(false).Rewrite(message.GetDescriptor(), value);
  return ParseInto(value.dump(-1, ' ', false, Json::error_handler_t::replace), message);
}

absl::Status SetField(absl::string_view path, const std::string& text, Message& message) {
  const size_t dot = path.find('.');
  const std::string name(path.substr(0, dot));
  const FieldDescriptor* field = Rewriter::FieldOf(message.GetDescriptor(), name);
  if (field == nullptr || field->is_map()) {
    return absl::NotFoundError(absl::StrCat("no field ", name));
  }
  if (dot != path.npos) {
    if (field->message_type() == nullptr || field->is_repeated()) {
      return absl::NotFoundError(absl::StrCat("no fields within ", name));
    }
    Message* inner = message.GetReflection()->MutableMessage(&message, field);
    return SetField(path.substr(dot + 1), text, *inner);
  }
  // Through a message of its own, so that repeated fields are appended to and the rest is kept.
  const std::unique_ptr<Message> part(message.New());
  const std::string value = JsonOfText(*field, text);
  const absl::Status parsed =
      ParseInto(absl::StrCat("{\"", field->json_name(), "\":", field->is_repeated() ? "[" : "",
                             value, field->is_repeated() ? "]" : "", "}"),
                *part);
  if (!parsed.ok()) {
    return base::InvalidArgument(
        absl::StrCat("The value of ", std::string(path), " is not valid for its type."));
  }
  message.MergeFrom(*part);
  return absl::OkStatus();
}

}  // namespace perdure::rpc
