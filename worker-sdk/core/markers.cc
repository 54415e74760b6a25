#include "worker-sdk/core/markers.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "google/protobuf/struct.pb.h"
#include "google/protobuf/util/json_util.h"
#include "worker-sdk/core/convert.h"

namespace perdure::core {
namespace {

using google::protobuf::Struct;
using google::protobuf::Value;

constexpr char kJson[] = "json/plain";
constexpr char kPatchData[] = "patch-data";
constexpr char kData[] = "data";
constexpr char kResult[] = "result";
constexpr char kSideEffectId[] = "side-effect-id";
constexpr char kCallCounter[] = "mutable-side-effect-call-counter";

absl::Status Malformed(const MarkerEvent& marker) {
  return absl::InvalidArgumentError(
      absl::StrCat("marker ", marker.marker_name(), " has details that cannot be read"));
}

// The payload at `index` of a detail; null where there is none.
const temporal::api::common::v1::Payload* Detail(const MarkerEvent& marker, const char* key,
                                                 int index = 0) {
  const auto found = marker.details().find(key);
  if (found == marker.details().end() || found->second.payloads_size() <= index) return nullptr;
  return &found->second.payloads(index);
}

// Protobuf's own JSON is used both ways: markers are rare, and a parser of ours would be one more
// to prove.
absl::StatusOr<Value> Json(const MarkerEvent& marker, const char* key, int index = 0) {
  const auto* payload = Detail(marker, key, index);
  Value value;
  if (!payload || !google::protobuf::util::JsonStringToMessage(payload->data(), &value).ok()) {
    return Malformed(marker);
  }
  return value;
}

const Value* Field(const Value& value, const char* key) {
  const auto found = value.struct_value().fields().find(key);
  return found == value.struct_value().fields().end() ? nullptr : &found->second;
}
double Number(const Value& value, const char* key) {
  const Value* field = Field(value, key);
  return field ? field->number_value() : 0;
}
std::string String(const Value& value, const char* key) {
  const Value* field = Field(value, key);
  return field ? field->string_value() : std::string();
}

// Times in the marker are objects of seconds and nanos.
std::optional<Nanos> Span(const Value& value, const char* key) {
  const Value* field = Field(value, key);
  if (!field || !field->has_struct_value()) return std::nullopt;
  return std::chrono::seconds(static_cast<std::int64_t>(Number(*field, "seconds"))) +
         Nanos(static_cast<std::int64_t>(Number(*field, "nanos")));
}
std::optional<Timestamp> Time(const Value& value, const char* key) {
  const auto span = Span(value, key);
  if (!span) return std::nullopt;
  return Timestamp(*span);
}

std::string Quoted(std::string_view word) { return JsonText(word).data; }
std::string SpanJson(Nanos span) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(span);
  return absl::StrCat("{\"seconds\":", seconds.count(), ",\"nanos\":", (span - seconds).count(),
                      "}");
}

void SetJson(MarkerCommand* command, const char* key, std::string json) {
  *(*command->mutable_details())[key].add_payloads() = ToApi(Payload{kJson, std::move(json)});
}

}  // namespace

absl::StatusOr<PatchMarker> ReadPatch(const MarkerEvent& marker) {
  PatchMarker patch;
  if (Detail(marker, kPatchData)) {
    const auto json = Json(marker, kPatchData);
    if (!json.ok()) return json.status();
    patch.id = String(*json, "id");
    const Value* deprecated = Field(*json, "deprecated");
    patch.deprecated = deprecated && deprecated->bool_value();
    return patch;
  }
  // As the core wrote them before: two raw details.
  const auto* id = Detail(marker, "patch_id");
  if (!id) return Malformed(marker);
  patch.id = id->data();
  const auto* deprecated = Detail(marker, "deprecated");
  patch.deprecated = deprecated && !deprecated->data().empty() && deprecated->data()[0] == 1;
  return patch;
}

absl::StatusOr<SideEffectMarker> ReadSideEffect(const MarkerEvent& marker) {
  const auto id = Json(marker, kSideEffectId);
  if (!id.ok()) return id.status();
  SideEffectMarker effect;
  effect.id = static_cast<std::int64_t>(id->number_value());
  const auto data = marker.details().find(kData);
  if (data == marker.details().end()) return Malformed(marker);
  effect.value = FromApi(data->second);
  return effect;
}

absl::StatusOr<MutableSideEffectMarker> ReadMutableSideEffect(const MarkerEvent& marker) {
  // The value is inside the details as payloads inside a payload, written as JSON by sdk-go.
  const auto id = Json(marker, kData, 0);
  const auto* inner = Detail(marker, kData, 1);
  const auto call = Json(marker, kCallCounter);
  temporal::api::common::v1::Payloads value;
  if (!id.ok() || !inner || !call.ok() ||
      !google::protobuf::util::JsonStringToMessage(inner->data(), &value).ok()) {
    return Malformed(marker);
  }
  return MutableSideEffectMarker{id->string_value(),
                                 static_cast<std::int64_t>(call->number_value()),
                                 FromApi(std::move(value))};
}

absl::StatusOr<std::uint32_t> ReadLocalActivitySeq(const MarkerEvent& marker) {
  const auto json = Json(marker, kData);
  if (!json.ok()) return json.status();
  return static_cast<std::uint32_t>(Number(*json, "seq"));
}

absl::StatusOr<LocalActivityMarker> ReadLocalActivity(const MarkerEvent& marker) {
  const auto json = Json(marker, kData);
  if (!json.ok()) return json.status();
  LocalActivityMarker activity;
  activity.seq = static_cast<std::uint32_t>(Number(*json, "seq"));
  activity.attempt = static_cast<std::int32_t>(Number(*json, "attempt"));
  activity.activity_id = String(*json, "activity_id");
  activity.activity_type = String(*json, "activity_type");
  activity.complete_time = Time(*json, "complete_time");
  activity.backoff = Span(*json, "backoff");
  activity.original_schedule_time = Time(*json, "original_schedule_time");
  if (const auto* result = Detail(marker, kResult)) activity.result = FromApi(*result);
  if (marker.has_failure()) activity.failure = SharedFailure(marker.failure());
  return activity;
}

void Write(const PatchMarker& marker, MarkerCommand* command) {
  command->set_marker_name(std::string(kPatchMarker));
  SetJson(command, kPatchData,
          absl::StrCat("{\"id\":", Quoted(marker.id),
                       ",\"deprecated\":", marker.deprecated ? "true" : "false", "}"));
}

void Write(SideEffectMarker marker, MarkerCommand* command) {
  command->set_marker_name(std::string(kSideEffectMarker));
  SetJson(command, kSideEffectId, absl::StrCat(marker.id));
  (*command->mutable_details())[kData] = ToApi(std::move(marker.value));
}

void Write(MutableSideEffectMarker marker, MarkerCommand* command) {
  command->set_marker_name(std::string(kMutableSideEffectMarker));
  SetJson(command, kSideEffectId, Quoted(absl::StrCat(marker.id, "_", marker.call)));
  SetJson(command, kCallCounter, absl::StrCat(marker.call));
  SetJson(command, kData, Quoted(marker.id));
  std::string inner;
  (void)google::protobuf::util::MessageToJsonString(ToApi(std::move(marker.value)), &inner);
  *(*command->mutable_details())[kData].add_payloads() = ToApi(Payload{
      "json/protobuf", std::move(inner), {{"messageType", "temporal.api.common.v1.Payloads"}}});
}

void Write(LocalActivityMarker marker, MarkerCommand* command) {
  command->set_marker_name(std::string(kLocalActivityMarker));
  std::string json = absl::StrCat("{\"seq\":", marker.seq, ",\"attempt\":", marker.attempt,
                                  ",\"activity_id\":", Quoted(marker.activity_id),
                                  ",\"activity_type\":", Quoted(marker.activity_type));
  absl::StrAppend(
      &json, ",\"complete_time\":",
      marker.complete_time ? SpanJson(marker.complete_time->time_since_epoch()) : "null");
  absl::StrAppend(&json, ",\"backoff\":", marker.backoff ? SpanJson(*marker.backoff) : "null");
  absl::StrAppend(&json, ",\"original_schedule_time\":",
                  marker.original_schedule_time
                      ? SpanJson(marker.original_schedule_time->time_since_epoch())
                      : "null",
                  "}");
  SetJson(command, kData, std::move(json));
  if (marker.result) {
    *(*command->mutable_details())[kResult].add_payloads() = ToApi(std::move(*marker.result));
  }
  if (marker.failure) *command->mutable_failure() = ToApi(*marker.failure);
}

std::string DescribeMarker(const MarkerEvent& marker) {
  const std::string& name = marker.marker_name();
  std::string which;
  if (name == kPatchMarker) {
    if (const auto patch = ReadPatch(marker); patch.ok()) which = patch->id;
  } else if (name == kLocalActivityMarker) {
    if (const auto activity = ReadLocalActivity(marker); activity.ok()) {
      which = absl::StrCat("seq ", activity->seq, " type ", activity->activity_type);
    }
  } else if (name == kSideEffectMarker) {
    if (const auto effect = ReadSideEffect(marker); effect.ok()) which = absl::StrCat(effect->id);
  } else if (name == kMutableSideEffectMarker) {
    if (const auto effect = ReadMutableSideEffect(marker); effect.ok()) {
      which = absl::StrCat(effect->id, " call ", effect->call);
    }
  }
  return absl::StrCat(name, which.empty() ? "" : " ", which);
}

std::string Keys(const temporal::api::common::v1::SearchAttributes& attributes) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : attributes.indexed_fields()) keys.push_back(key);
  std::sort(keys.begin(), keys.end());
  return absl::StrJoin(keys, ",");
}

Payload KeywordList(const std::vector<std::string>& sorted_words) {
  return Payload{kJson,
                 absl::StrCat("[",
                              absl::StrJoin(sorted_words, ",",
                                            [](std::string* out, const std::string& word) {
                                              absl::StrAppend(out, Quoted(word));
                                            }),
                              "]"),
                 {{"type", "KeywordList"}}};
}

}  // namespace perdure::core
