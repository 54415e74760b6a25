#include "perdure/history.h"

#include <cctype>

#include "google/protobuf/descriptor.h"
#include "google/protobuf/util/json_util.h"
#include "nlohmann/json.hpp"
#include "perdure/errors.h"
#include "temporal/api/history/v1/message.pb.h"

namespace perdure {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::EnumDescriptor;
using google::protobuf::FieldDescriptor;
using nlohmann::json;

// "EventType" and "WorkflowExecutionStarted" become EVENT_TYPE and WORKFLOW_EXECUTION_STARTED.
std::string Screaming(std::string_view name) {
  std::string text;
  for (const char c : name) {
    const auto letter = static_cast<unsigned char>(c);
    if (std::isupper(letter) && !text.empty()) text.push_back('_');
    text.push_back(static_cast<char>(std::toupper(letter)));
  }
  return text;
}

// Histories written by tools of years ago name enum values without their prefix:
// "WorkflowExecutionStarted".
void MendEnum(const EnumDescriptor* type, json* value) {
  if (!value->is_string()) return;
  const auto& name = value->get_ref<const std::string&>();
  if (type->FindValueByName(name) != nullptr) return;
  const std::string full = Screaming(type->name()) + "_" + Screaming(name);
  if (type->FindValueByName(full) != nullptr) *value = full;
}

void Mend(const Descriptor* type, json* object);

void MendValue(const FieldDescriptor* field, json* value) {
  if (field->enum_type() != nullptr) {
    MendEnum(field->enum_type(), value);
  } else if (field->message_type() != nullptr) {
    Mend(field->message_type(), value);
  }
}

void Mend(const Descriptor* type, json* object) {
  // Times, durations and the like are no objects in JSON.
  if (!object->is_object()) return;
  for (auto& [name, value] : object->items()) {
    const FieldDescriptor* field = type->FindFieldByCamelcaseName(name);
    if (field == nullptr) field = type->FindFieldByName(name);
    if (field == nullptr) continue;
    if (field->is_map()) {
      const FieldDescriptor* element = field->message_type()->map_value();
      if (!value.is_object()) continue;
      for (auto& [key, entry] : value.items()) MendValue(element, &entry);
    } else if (field->is_repeated()) {
      if (!value.is_array()) continue;
      for (json& element : value) MendValue(field, &element);
    } else {
      MendValue(field, &value);
    }
  }
}

}  // namespace

History History::from_json(std::string workflow_id, std::string_view text) {
  temporal::api::history::v1::History history;
  json document = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (document.is_discarded()) throw DecodeError("$", "a history's JSON cannot be read");
  Mend(history.GetDescriptor(), &document);
  google::protobuf::util::JsonParseOptions options;
  options.ignore_unknown_fields = true;  // Of a newer API: what replay needs, it knows.
  const auto status =
      google::protobuf::util::JsonStringToMessage(document.dump(), &history, options);
  if (!status.ok()) {
    throw DecodeError("$", "not the JSON of a history: " + std::string(status.message()));
  }
  return {std::move(workflow_id), history.SerializeAsString()};
}

std::string History::to_json() const {
  temporal::api::history::v1::History history;
  if (!history.ParseFromString(serialized_)) throw DecodeError("$", "not the bytes of a history");
  std::string text;
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = true;
  const auto status = google::protobuf::util::MessageToJsonString(history, &text, options);
  if (!status.ok()) throw DecodeError("$", std::string(status.message()));
  return text;
}

}  // namespace perdure
