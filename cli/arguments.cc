#include "cli/arguments.h"

#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <random>
#include <sstream>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "base/ids.h"
#include "cli/output.h"

namespace perdure::cli {
namespace {

using temporal::api::common::v1::Payload;
using temporal::api::common::v1::Payloads;

absl::Status AddInput(const std::string& text, Payloads* payloads) {
  if (!Json::accept(text)) {
    return absl::InvalidArgumentError(
        absl::StrCat("input is not JSON: ", text, " (a string needs its quotes: '\"text\"')"));
  }
  *payloads->add_payloads() = JsonPayload(text);
  return absl::OkStatus();
}

absl::Status SplitPair(const std::string& pair, std::string* key, std::string* value) {
  const size_t equals = pair.find('=');
  if (equals == std::string::npos || equals == 0) {
    return absl::InvalidArgumentError(absl::StrCat("\"", pair, "\" is not KEY=VALUE"));
  }
  *key = pair.substr(0, equals);
  *value = pair.substr(equals + 1);
  return absl::OkStatus();
}

}  // namespace

Payload JsonPayload(absl::string_view json) {
  Payload payload;
  (*payload.mutable_metadata())["encoding"] = "json/plain";
  payload.set_data(std::string(json));
  return payload;
}

absl::Status FillPayloads(const std::vector<std::string>& inputs,
                          const std::vector<std::string>& files, Payloads* payloads) {
  for (const std::string& input : inputs) {
    if (absl::Status status = AddInput(input, payloads); !status.ok()) return status;
  }
  for (const std::string& path : files) {
    std::ifstream file(path, std::ios::binary);
    if (!file) return absl::InvalidArgumentError(absl::StrCat("cannot read ", path));
    std::ostringstream content;
    content << file.rdbuf();
    if (absl::Status status = AddInput(content.str(), payloads); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status FillPairs(const std::vector<std::string>& pairs, PayloadMap* map) {
  for (const std::string& pair : pairs) {
    std::string key;
    std::string value;
    if (absl::Status status = SplitPair(pair, &key, &value); !status.ok()) return status;
    (*map)[key] = JsonPayload(Json::accept(value) ? value : Json(value).dump());
  }
  return absl::OkStatus();
}

absl::StatusOr<std::map<std::string, std::string>> ReadPairs(
    const std::vector<std::string>& pairs) {
  std::map<std::string, std::string> map;
  for (const std::string& pair : pairs) {
    std::string key;
    std::string value;
    if (absl::Status status = SplitPair(pair, &key, &value); !status.ok()) return status;
    map[key] = value;
  }
  return map;
}

absl::Status FillDuration(absl::string_view flag, const std::string& text,
                          google::protobuf::Duration* duration) {
  if (text.empty()) return absl::OkStatus();
  absl::Duration parsed;
  int64_t days = 0;
  const bool is_days = absl::EndsWith(text, "d") &&
                       absl::SimpleAtoi(absl::string_view(text).substr(0, text.size() - 1), &days);
  if (is_days) {
    parsed = absl::Hours(24) * days;
  } else if (!absl::ParseDuration(text, &parsed)) {
    return absl::InvalidArgumentError(
        absl::StrCat(flag, ": \"", text, "\" is not a duration such as 90s, 24h or 3d"));
  }
  duration->set_seconds(absl::IDivDuration(parsed, absl::Seconds(1), &parsed));
  duration->set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(parsed)));
  return absl::OkStatus();
}

absl::StatusOr<int> EnumValue(absl::string_view flag, const std::string& text,
                              const google::protobuf::EnumDescriptor& descriptor,
                              absl::string_view prefix) {
  std::vector<std::string> known;
  for (int i = 1; i < descriptor.value_count(); ++i) {
    const auto& value = *descriptor.value(i);
    const std::string short_name = ShortEnum(value.name(), prefix);
    const bool is_same = absl::EqualsIgnoreCase(text, short_name) || text == value.name();
    if (is_same) return value.number();
    known.push_back(short_name);
  }
  return absl::InvalidArgumentError(
      absl::StrCat(flag, ": \"", text, "\" is none of ", absl::StrJoin(known, ", ")));
}

std::string Identity() {
  char host[256] = "unknown";
  gethostname(host, sizeof(host) - 1);
  const char* user = std::getenv("USER");
  return absl::StrCat("perdure-cli:", user == nullptr ? "unknown" : user, "@", host);
}

std::string NewUuid() {
  std::random_device device;
  const auto next = [&device] {
    return static_cast<uint64_t>(device()) << 32 | static_cast<uint64_t>(device());
  };
  const uint64_t high = next();
  return base::FormatUuid(high, next());
}

}  // namespace perdure::cli
