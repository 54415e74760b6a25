// Histories as JSON, as `temporal workflow show -o json` and the web UI write them.
#pragma once

#include <string_view>

#include "absl/status/statusor.h"
#include "temporal/api/history/v1/message.pb.h"

namespace perdure::core {

// Enum values may be EVENT_TYPE_TIMER_STARTED or, as older tools write, TimerStarted; fields may be
// named in camel or snake case, and unknown ones are skipped. InvalidArgument where it is no
// history.
absl::StatusOr<temporal::api::history::v1::History> HistoryFromJson(std::string_view json);
// With the enum names of the API.
absl::StatusOr<std::string> HistoryToJson(const temporal::api::history::v1::History& history);

}  // namespace perdure::core
