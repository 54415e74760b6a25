// What markers of history mean: names, details, encoding.
//
// Patches and local activities are written as Temporal's own core writes them, side effects as
// sdk-go does, so that user interfaces and tools show them for what they are.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "perdure/detail/activation.h"
#include "temporal/api/command/v1/message.pb.h"
#include "temporal/api/history/v1/message.pb.h"

namespace perdure::core {

inline constexpr absl::string_view kPatchMarker = "core_patch";
inline constexpr absl::string_view kLocalActivityMarker = "core_local_activity";
inline constexpr absl::string_view kSideEffectMarker = "SideEffect";
inline constexpr absl::string_view kMutableSideEffectMarker = "MutableSideEffect";
// The search attribute that lists the patches of a run.
inline constexpr char kVersionAttribute[] = "TemporalChangeVersion";

using MarkerEvent = temporal::api::history::v1::MarkerRecordedEventAttributes;
using MarkerCommand = temporal::api::command::v1::RecordMarkerCommandAttributes;

struct PatchMarker {
  std::string id;
  bool deprecated = false;
};
struct SideEffectMarker {
  std::int64_t id = 0;
  Payloads value;
};
struct MutableSideEffectMarker {
  std::string id;
  std::int64_t call = 0;
  Payloads value;
};
struct LocalActivityMarker {
  // The place of its marker among those of the run: the order in which code is told.
  std::int64_t order = 0;
  std::uint32_t seq = 0;
  std::int32_t attempt = 1;
  std::string activity_id, activity_type;
  std::optional<Timestamp> complete_time;
  std::optional<detail::Nanos> backoff;
  std::optional<Timestamp> original_schedule_time;
  std::optional<Payload> result;
  FailurePtr failure;  // Null: it completed, or is to be tried again.
};

// Reading: InvalidArgument where the details are not what the marker's name promises.
absl::StatusOr<PatchMarker> ReadPatch(const MarkerEvent& marker);
absl::StatusOr<SideEffectMarker> ReadSideEffect(const MarkerEvent& marker);
absl::StatusOr<MutableSideEffectMarker> ReadMutableSideEffect(const MarkerEvent& marker);
absl::StatusOr<LocalActivityMarker> ReadLocalActivity(const MarkerEvent& marker);
// Only what tells one from the other.
absl::StatusOr<std::uint32_t> ReadLocalActivitySeq(const MarkerEvent& marker);

void Write(const PatchMarker& marker, MarkerCommand* command);
void Write(SideEffectMarker marker, MarkerCommand* command);
void Write(MutableSideEffectMarker marker, MarkerCommand* command);
void Write(LocalActivityMarker marker, MarkerCommand* command);

// "core_patch new-fee".
std::string DescribeMarker(const MarkerEvent& marker);
// The names of search attributes, sorted, with commas.
std::string Keys(const temporal::api::common::v1::SearchAttributes& attributes);
// ["a","b"] with the type KeywordList: the value of TemporalChangeVersion.
Payload KeywordList(const std::vector<std::string>& sorted_words);

}  // namespace perdure::core
