#include "cli/output.h"

#include <algorithm>
#include <cstdio>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "google/protobuf/util/json_util.h"

namespace perdure::cli {
namespace {

using temporal::api::common::v1::Payload;
using temporal::api::common::v1::Payloads;

// {"metadata": {"encoding": "anNvbi9wbGFpbg=="}, "data": "…"} → what the data says, if it is JSON.
bool Unwrap(const Json& value, Json* held) {
  if (!value.is_object() || !value.contains("metadata")) return false;
  const Json& metadata = value["metadata"];
  if (!metadata.is_object() || !metadata.contains("encoding")) return false;
  if (!metadata["encoding"].is_string()) return false;
  std::string encoding;
  std::string data;
  absl::Base64Unescape(metadata["encoding"].get<std::string>(), &encoding);
  if (encoding == "binary/null") {
    *held = nullptr;
    return true;
  }
  if (!absl::StartsWith(encoding, "json/") || !value.contains("data")) return false;
  absl::Base64Unescape(value["data"].get<std::string>(), &data);
  Json parsed = Json::parse(data, nullptr, /*allow_exceptions=*/false);
  if (parsed.is_discarded()) return false;
  *held = std::move(parsed);
  return true;
}

// As deep as a protobuf message may nest, so the recursion is bounded.
Json Shorten(const Json& value) {
  Json held;
  if (Unwrap(value, &held)) return held;
  if (value.is_object()) {
    if (value.size() == 1 && value.contains("payloads")) return Shorten(value["payloads"]);
    Json shortened = Json::object();
    for (const auto& [key, member] : value.items()) shortened[key] = Shorten(member);
    return shortened;
  }
  if (value.is_array()) {
    Json shortened = Json::array();
    for (const Json& element : value) shortened.push_back(Shorten(element));
    return shortened;
  }
  return value;
}

std::string Dump(const Json& json, int indent) {
  return json.dump(indent, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

Json ToJson(const google::protobuf::Message& message) {
  std::string text;
  google::protobuf::util::JsonPrintOptions options;
  if (!google::protobuf::util::MessageToJsonString(message, &text, options).ok()) return Json();
  return Shorten(Json::parse(text, nullptr, /*allow_exceptions=*/false));
}

void PrintJson(const Json& json, Format format) {
  PrintLine(Dump(json, format == Format::kJsonLines ? -1 : 2));
}

void PrintJsonList(const std::vector<Json>& list, Format format) {
  if (format == Format::kJsonLines) {
    for (const Json& element : list) PrintJson(element, format);
    return;
  }
  PrintJson(Json(list), format);
}

void PrintTable(const std::vector<std::vector<std::string>>& rows) {
  std::vector<size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  for (const auto& row : rows) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      const size_t padding = i + 1 == row.size() ? 0 : widths[i] - row[i].size();
      absl::StrAppend(&line, "  ", row[i], std::string(padding, ' '));
    }
    PrintLine(line);
  }
}

void PrintFields(const std::vector<std::pair<std::string, std::string>>& fields) {
  std::vector<std::vector<std::string>> rows;
  for (const auto& [name, value] : fields) {
    if (!value.empty()) rows.push_back({name, value});
  }
  PrintTable(rows);
}

void PrintLine(absl::string_view line) {
  std::fwrite(line.data(), 1, line.size(), stdout);
  std::fputc('\n', stdout);
  std::fflush(stdout);  // somebody may be following
}

std::string TimeText(const google::protobuf::Timestamp& time) {
  if (time.seconds() == 0 && time.nanos() == 0) return "";
  return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", absl::FromUnixSeconds(time.seconds()),
                          absl::UTCTimeZone());
}

std::string ShortEnum(absl::string_view name, absl::string_view prefix) {
  if (absl::StartsWith(name, prefix)) name.remove_prefix(prefix.size());
  std::string text;
  for (const absl::string_view word : absl::StrSplit(name, '_', absl::SkipEmpty())) {
    std::string lower = absl::AsciiStrToLower(word);
    lower[0] = absl::ascii_toupper(lower[0]);
    text += lower;
  }
  return text;
}

std::string PayloadText(const Payload& payload) {
  const auto found = payload.metadata().find("encoding");
  const std::string encoding = found == payload.metadata().end() ? "" : found->second;
  if (encoding == "binary/null") return "null";
  if (absl::StartsWith(encoding, "json/")) return payload.data();
  return absl::StrCat("<", encoding.empty() ? "no encoding" : encoding, ", ", payload.data().size(),
                      " bytes>");
}

std::string PayloadsText(const Payloads& payloads) {
  return absl::StrJoin(payloads.payloads(), ", ", [](std::string* out, const Payload& payload) {
    out->append(PayloadText(payload));
  });
}

}  // namespace perdure::cli
