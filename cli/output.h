// How answers are printed: tables for people, JSON for programs.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "google/protobuf/message.h"
#include "google/protobuf/timestamp.pb.h"
#include "nlohmann/json.hpp"
#include "temporal/api/common/v1/message.pb.h"

namespace perdure::cli {

enum class Format { kTable, kJson, kJsonLines };

// Keeps the order in which members are added.
using Json = nlohmann::ordered_json;

// The message in the API's JSON, with payloads of JSON shown as what they hold.
Json ToJson(const google::protobuf::Message& message);
void PrintJson(const Json& json, Format format);
// A list: one array, or one line an element.
void PrintJsonList(const std::vector<Json>& list, Format format);

// Left-aligned columns, two spaces apart; the header first. Nothing if there are no rows but the
// header.
void PrintTable(const std::vector<std::vector<std::string>>& rows);
// "  Name   value" lines, for one thing.
void PrintFields(const std::vector<std::pair<std::string, std::string>>& fields);
void PrintLine(absl::string_view line);

std::string TimeText(const google::protobuf::Timestamp& time);
// "WORKFLOW_EXECUTION_STATUS_TIMED_OUT" → "TimedOut".
std::string ShortEnum(absl::string_view name, absl::string_view prefix);

// JSON as it is, other text as it is, anything else as its encoding and size.
std::string PayloadText(const temporal::api::common::v1::Payload& payload);
std::string PayloadsText(const temporal::api::common::v1::Payloads& payloads);

}  // namespace perdure::cli
