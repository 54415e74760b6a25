#include "worker-sdk/core/history_json.h"

#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/descriptor.pb.h"
#include "google/protobuf/struct.pb.h"
#include "google/protobuf/util/json_util.h"

namespace perdure::core {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::EnumDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Value;
using temporal::api::history::v1::History;

// "TimerStarted" of enum EventType as "EVENT_TYPE_TIMER_STARTED"; what is no such short form stays.
std::string FullName(const EnumDescriptor& type, const std::string& name) {
  if (name.empty() || type.FindValueByName(name)) return name;
  const auto upper = [](absl::string_view camel) {
    std::string out;
    for (std::size_t i = 0; i < camel.size(); ++i) {
      // A capital begins a word, unless it goes on with a run of capitals.
      if (i > 0 && absl::ascii_isupper(camel[i]) && !absl::ascii_isupper(camel[i - 1])) out += '_';
      out += absl::ascii_toupper(camel[i]);
    }
    return out;
  };
  const std::string full =
      absl::StrCat(upper(absl::string_view(type.name())), "_", upper(absl::string_view(name)));
  return type.FindValueByName(full) ? full : name;
}

const FieldDescriptor* FieldOf(const Descriptor& type, const std::string& name) {
  for (int i = 0; i < type.field_count(); ++i) {
    if (type.field(i)->json_name() == name || type.field(i)->name() == name) return type.field(i);
  }
  return nullptr;
}

// Not FieldDescriptor::is_map(), whose inline code would bring a thread library's once into a pure
// module.
bool IsMap(const FieldDescriptor& field) {
  return field.is_repeated() && field.message_type() && field.message_type()->options().map_entry();
}

void Mend(const Descriptor& type, Value* value);

void MendField(const FieldDescriptor& field, Value* value) {
  if (field.enum_type()) {
    if (!value->string_value().empty())
      value->set_string_value(FullName(*field.enum_type(), value->string_value()));
  } else if (field.message_type()) {
    Mend(*field.message_type(), value);
  }
}

// Walks the JSON beside the message's description, because only that tells which strings are enum
// values.
void Mend(const Descriptor& type, Value* value) {
  if (!value->has_struct_value() || type.well_known_type() != Descriptor::WELLKNOWNTYPE_UNSPECIFIED)
    return;
  for (auto& [name, member] : *value->mutable_struct_value()->mutable_fields()) {
    const FieldDescriptor* field = FieldOf(type, name);
    if (!field) continue;
    if (IsMap(*field)) {
      const FieldDescriptor& of_value = *field->message_type()->FindFieldByName("value");
      if (!member.has_struct_value()) continue;
      for (auto& [key, entry] : *member.mutable_struct_value()->mutable_fields())
        MendField(of_value, &entry);
    } else if (field->is_repeated()) {
      if (!member.has_list_value()) continue;
      for (auto& element : *member.mutable_list_value()->mutable_values())
        MendField(*field, &element);
    } else {
      MendField(*field, &member);
    }
  }
}

absl::Status Malformed(const google::protobuf::util::Status& status) {
  return absl::InvalidArgumentError(
      absl::StrCat("this is no history as JSON: ", status.ToString()));
}

}  // namespace

absl::StatusOr<History> HistoryFromJson(std::string_view json) {
  Value value;
  auto status = google::protobuf::util::JsonStringToMessage(std::string(json), &value);
  if (!status.ok()) return Malformed(status);
  Mend(*History::descriptor(), &value);
  std::string mended;
  status = google::protobuf::util::MessageToJsonString(value, &mended);
  if (!status.ok()) return Malformed(status);
  History history;
  google::protobuf::util::JsonParseOptions options;
  options.ignore_unknown_fields = true;
  status = google::protobuf::util::JsonStringToMessage(mended, &history, options);
  if (!status.ok()) return Malformed(status);
  return history;
}

absl::StatusOr<std::string> HistoryToJson(const History& history) {
  std::string json;
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = true;
  const auto status = google::protobuf::util::MessageToJsonString(history, &json, options);
  if (!status.ok()) return Malformed(status);
  return json;
}

}  // namespace perdure::core
