// From flags to the API's messages: inputs, memos, durations, enums.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/duration.pb.h"
#include "google/protobuf/map.h"
#include "temporal/api/common/v1/message.pb.h"

namespace perdure::cli {

using PayloadMap = google::protobuf::Map<std::string, temporal::api::common::v1::Payload>;

temporal::api::common::v1::Payload JsonPayload(absl::string_view json);
// --input values, or the contents of --input-file: each must be JSON.
absl::Status FillPayloads(const std::vector<std::string>& inputs,
                          const std::vector<std::string>& files,
                          temporal::api::common::v1::Payloads* payloads);
// KEY=JSON pairs. A value that is no JSON is taken for a string.
absl::Status FillPairs(const std::vector<std::string>& pairs, PayloadMap* map);
// KEY=TEXT pairs.
absl::StatusOr<std::map<std::string, std::string>> ReadPairs(const std::vector<std::string>& pairs);

// "90s", "1h30m", "72h", "3d"; empty leaves `duration` as it is.
absl::Status FillDuration(absl::string_view flag, const std::string& text,
                          google::protobuf::Duration* duration);

// The number of an enum's value by its short name ("AllowDuplicate") or its full one. `prefix` is
// what the full names begin with. INVALID_ARGUMENT lists what there is.
absl::StatusOr<int> EnumValue(absl::string_view flag, const std::string& text,
                              const google::protobuf::EnumDescriptor& descriptor,
                              absl::string_view prefix);

// "user@host": how this command names itself.
std::string Identity();
// A random UUID.
std::string NewUuid();

}  // namespace perdure::cli
