#include "machines/workflow/command/handler.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/errors.h"
#include "query/attributes.h"

namespace perdure::machines {

std::string CauseName(enums::WorkflowTaskFailedCause cause) {
  // WORKFLOW_TASK_FAILED_CAUSE_BAD_START_TIMER_ATTRIBUTES → BadStartTimerAttributes.
  constexpr size_t kPrefix = sizeof("WORKFLOW_TASK_FAILED_CAUSE_") - 1;
  const std::string& name = enums::WorkflowTaskFailedCause_Name(cause);
  std::string out;
  if (name.size() <= kPrefix) return out;
  for (const absl::string_view word : absl::StrSplit(name.substr(kPrefix), '_')) {
    absl::StrAppend(&out, word.substr(0, 1), absl::AsciiStrToLower(word.substr(1)));
  }
  return out;
}

bool Completion::Fail(enums::WorkflowTaskFailedCause cause, absl::string_view text) {
  failure = TaskFailure{
      cause, text.empty() ? CauseName(cause) : absl::StrCat(CauseName(cause), ": ", text), false};
  return false;
}

bool Completion::Terminate(enums::WorkflowTaskFailedCause cause, absl::string_view text) {
  failure = TaskFailure{cause, absl::StrCat(CauseName(cause), ": ", text), true};
  return false;
}

HistoryEvent Completion::EventOf(const Command& command, enums::EventType type) const {
  HistoryEvent event = draft.NewEvent(type);
  if (command.has_user_metadata()) *event.mutable_user_metadata() = command.user_metadata();
  *event.mutable_event_group_markers() = command.event_group_markers();
  return event;
}

bool Completion::MayClose() {
  if (!has_buffered_events) return true;
  return Fail(enums::WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND, "");
}

absl::Status CheckDuration(const google::protobuf::Duration& duration) {
  if (duration.seconds() < 0 || duration.nanos() < 0) {
    return base::InvalidArgument("negative durations are not allowed");
  }
  if (duration.nanos() > 999'999'999) return base::InvalidArgument("nanos out of range");
  return absl::OkStatus();
}

int64_t CappedNs(const google::protobuf::Duration& duration) {
  constexpr int64_t kYears = int64_t{100} * 365 * 24 * 3600;
  if (duration.seconds() >= kYears) return kYears * kSecondNs;
  return ToNs(duration);
}

absl::Status CheckSearchAttributes(const Context& context,
                                   const temporal::api::common::v1::SearchAttributes& attributes) {
  const base::Limits& limits = *context.limits;
  if (static_cast<int64_t>(attributes.indexed_fields().size()) > limits.search_attribute_keys) {
    return base::InvalidArgument(absl::StrCat("number of search attributes ",
                                              attributes.indexed_fields().size(), " exceeds limit ",
                                              limits.search_attribute_keys));
  }
  // By name, so that of two wrong ones the same is always reported.
  std::vector<std::string> names;
  for (const auto& [name, payload] : attributes.indexed_fields()) names.push_back(name);
  std::sort(names.begin(), names.end());
  for (const std::string& name : names) {
    const auto found = context.search_attributes->find(name);
    query::Type type;
    if (found == context.search_attributes->end() || !query::TypeFromWire(found->second, type)) {
      return base::InvalidArgument(absl::StrCat("Namespace ", context.name_space.name,
                                                " has no mapping defined for search attribute ",
                                                name));
    }
    const auto& payload = attributes.indexed_fields().at(name);
    if (static_cast<int64_t>(payload.data().size()) > limits.search_attribute_value_bytes) {
      return base::InvalidArgument(absl::StrCat("search attribute ", name, " value size ",
                                                payload.data().size(), " exceeds size limit ",
                                                limits.search_attribute_value_bytes));
    }
    const auto value = query::DecodeNewAttribute(name, payload, type);
    if (!value.ok()) return value.status();
  }
  return absl::OkStatus();
}

int64_t PayloadMapSize(
    const google::protobuf::Map<std::string, temporal::api::common::v1::Payload>& map) {
  int64_t size = 0;
  for (const auto& [name, payload] : map) {
    size += static_cast<int64_t>(name.size() + payload.data().size());
  }
  return size;
}

}  // namespace perdure::machines
