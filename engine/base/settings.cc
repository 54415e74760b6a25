#include "base/settings.h"

#include <algorithm>
#include <array>

#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "base/check.h"

namespace perdure::base {
namespace {

using enum SettingId;
using enum SettingType;
using enum SettingScope;

constexpr int64_t kKiB = 1 << 10;
constexpr int64_t kMiB = 1 << 20;
constexpr int64_t kSecond = 1000;  // durations are in milliseconds here
constexpr int64_t kHour = 3600 * kSecond;
constexpr int64_t kMany = 1'000'000'000;

// id, name, alias, type, default, min, max, scope, reloadable, simulation min and max, sentence
constexpr auto kTable = std::to_array<Setting>({
    {kBlobSizeWarn, "blob_size_warn", "limit.blobSize.warn", kBytes, "512KiB", 1, 64 * kMiB,
     kNamespace, true, 0, 0, "Requests larger than this are counted, and the first is logged."},
    {kBlobSizeLimit, "blob_size_limit", "limit.blobSize.error", kBytes, "2MiB", kKiB, 64 * kMiB,
     kNamespace, true, 0, 0, "Largest payload, in bytes, that a request or a command may carry."},
    {kMemoSizeWarn, "memo_size_warn", "limit.memoSize.warn", kBytes, "2KiB", 1, 64 * kMiB,
     kNamespace, true, 0, 0, "Memos larger than this are counted, and the first is logged."},
    {kMemoSizeLimit, "memo_size_limit", "limit.memoSize.error", kBytes, "2MiB", kKiB, 64 * kMiB,
     kNamespace, true, 0, 0, "Largest memo of a workflow, in bytes."},
    {kStateSizeWarn, "state_size_warn", "limit.mutableStateSize.warn", kBytes, "1MiB", 1,
     1024 * kMiB, kNamespace, true, 0, 0,
     "A run whose state (what is pending, buffered, memo) outgrows this is logged and counted."},
    {kStateSizeLimit, "state_size_limit", "limit.mutableStateSize.error", kBytes, "8MiB", kKiB,
     1024 * kMiB, kNamespace, true, 0, 0, "A run whose state outgrows this is terminated."},
    {kHistorySizeWarn, "history_size_warn", "limit.historySize.warn", kBytes, "10MiB", 1,
     1024 * kMiB, kNamespace, true, 0, 0,
     "A run whose history outgrows this is logged, once, and counted."},
    {kHistorySizeLimit, "history_size_limit", "limit.historySize.error", kBytes, "50MiB", kKiB,
     1024 * kMiB, kNamespace, true, 0, 0, "A run whose history outgrows this is terminated."},
    {kHistorySizeSuggest, "history_size_suggest", "limit.historySize.suggestContinueAsNew", kBytes,
     "4MiB", 1, 1024 * kMiB, kNamespace, true, 0, 0,
     "From this history size on, workers are told to continue as new."},
    {kHistoryCountWarn, "history_count_warn", "limit.historyCount.warn", kInt, "10240", 1, kMany,
     kNamespace, true, 0, 0, "A run with more events than this is logged, once, and counted."},
    {kHistoryCountLimit, "history_count_limit", "limit.historyCount.error", kInt, "51200", 10,
     kMany, kNamespace, true, 0, 0, "A run with more events than this is terminated."},
    {kHistoryCountSuggest, "history_count_suggest", "limit.historyCount.suggestContinueAsNew", kInt,
     "4096", 1, kMany, kNamespace, true, 5, 100,
     "From this number of events on, workers are told to continue as new."},
    {kPendingActivitiesLimit, "pending_activities_limit", "limit.numPendingActivities.error", kInt,
     "2000", 1, kMany, kNamespace, true, 5, 50, "Activities that a run may have open at once."},
    {kPendingChildrenLimit, "pending_children_limit", "limit.numPendingChildExecutions.error", kInt,
     "2000", 1, kMany, kNamespace, true, 5, 50,
     "Child workflows that a run may have open at once."},
    {kPendingSignalsLimit, "pending_signals_limit", "limit.numPendingSignals.error", kInt, "2000",
     1, kMany, kNamespace, true, 5, 50,
     "Signals to other workflows that a run may have under way at once."},
    {kPendingCancelsLimit, "pending_cancels_limit", "limit.numPendingCancelRequests.error", kInt,
     "2000", 1, kMany, kNamespace, true, 5, 50,
     "Cancel requests to other workflows that a run may have under way at once."},
    {kSignalsPerExecutionLimit, "signals_per_execution_limit", "history.maximumSignalsPerExecution",
     kInt, "10000", 0, kMany, kNamespace, true, 0, 0,
     "Signals that one run takes in its life; 0 for no limit."},
    {kUpdatesInFlightLimit, "updates_in_flight_limit", "history.maxInFlightUpdates", kInt, "10", 0,
     kMany, kNamespace, true, 2, 10,
     "Updates of one run that may be open at once; 0 for no limit."},
    {kUpdatesTotalLimit, "updates_total_limit", "history.maxTotalUpdates", kInt, "2000", 0, kMany,
     kNamespace, true, 0, 0, "Updates that one run takes in its life; 0 for no limit."},
    {kBufferedEventsLimit, "buffered_events_limit", "history.maximumBufferedEventsBatch", kInt,
     "100", 1, kMany, kNamespace, true, 5, 100,
     "Events held back while a workflow task runs, before that task is failed to make room."},
    {kBufferedBytesLimit, "buffered_bytes_limit", "history.maximumBufferedEventsSizeInBytes",
     kBytes, "2MiB", kKiB, 64 * kMiB, kNamespace, true, 0, 0,
     "Bytes of events held back while a workflow task runs, before that task is failed."},
    {kBufferedQueriesLimit, "buffered_queries_limit", "history.MaxBufferedQueryCount", kInt, "1", 1,
     kMany, kNamespace, true, 1, 5, "Queries that may wait for a run's next workflow task."},
    {kIdLengthLimit, "id_length_limit", "limit.maxIDLength", kInt, "1000", 1, 1000, kNamespace,
     true, 0, 0, "Longest id, name or type in bytes."},
    {kSearchAttributeKeysLimit, "search_attribute_keys_limit",
     "frontend.searchAttributesNumberOfKeysLimit", kInt, "100", 1, kMany, kNamespace, true, 0, 0,
     "Search attributes that one workflow may set."},
    {kSearchAttributeValueLimit, "search_attribute_value_limit",
     "frontend.searchAttributesSizeOfValueLimit", kBytes, "2KiB", 1, 64 * kMiB, kNamespace, true, 0,
     0, "Largest value of one search attribute, in bytes."},
    {kSearchAttributeTotalLimit, "search_attribute_total_limit",
     "frontend.searchAttributesTotalSizeLimit", kBytes, "40KiB", 1, 64 * kMiB, kNamespace, true, 0,
     0, "All search attributes of one workflow together, in bytes."},
    {kCallbacksPerExecutionLimit, "callbacks_per_execution_limit", "system.maxCallbacksPerWorkflow",
     kInt, "32", 0, kMany, kNamespace, true, 0, 0,
     "Completion callbacks that one workflow may carry."},
    {kLinksPerRequestLimit, "links_per_request_limit", "frontend.maxlinksPerRequest", kInt, "10", 0,
     kMany, kNamespace, true, 0, 0, "Links that one request may attach."},
    {kLinkSizeLimit, "link_size_limit", "frontend.linkMaxSize", kBytes, "4000", 1, kMiB, kNamespace,
     true, 0, 0, "Largest link, in bytes."},
    {kListPageLimit, "list_page_limit", "frontend.visibilityMaxPageSize", kInt, "1000", 1, 100000,
     kNamespace, true, 0, 0, "Rows in one page of a list of workflows."},
    {kHistoryPageLimit, "history_page_limit", "frontend.historyMaxPageSize", kInt, "256", 1, 100000,
     kNamespace, true, 5, 256, "Events in one page of a history."},
    {kHistoryPageBytesLimit, "history_page_bytes_limit", "", kBytes, "2MiB", kKiB, 3 * kMiB,
     kNamespace, true, kKiB, 2 * kMiB, "Bytes in one page of a history, unless one event is more."},
    {kWorkflowTaskTimeoutDefault, "workflow_task_timeout_default",
     "history.defaultWorkflowTaskTimeout", kDuration, "10s", kSecond, kHour, kNamespace, true, 0, 0,
     "Start-to-close timeout of a workflow task when the start request names none."},
    {kWorkflowTaskTimeoutMax, "workflow_task_timeout_max", "history.maxWorkflowTaskTimeout",
     kDuration, "2m", kSecond, kHour, kNamespace, true, 0, 0,
     "Longest start-to-close timeout of a workflow task; more is cut to this."},
    {kWorkflowTaskHeartbeatMax, "workflow_task_heartbeat_max",
     "history.workflowTaskHeartbeatTimeout", kDuration, "30m", kSecond, 24 * kHour, kNamespace,
     true, 0, 0, "How long a worker may keep one workflow task by heartbeats."},
    {kWorkflowTaskBackoffAttempts, "workflow_task_backoff_attempts", "", kInt, "3", 1, 1000,
     kNamespace, true, 0, 0,
     "From this attempt of a workflow task on, its timeout grows from one to the next."},
    {kWorkflowTaskBackoffFirst, "workflow_task_backoff_first", "", kDuration, "5s", 100, kHour,
     kNamespace, true, 0, 0, "What that timeout first grows by."},
    {kWorkflowTaskBackoffMax, "workflow_task_backoff_max", "", kDuration, "10m", kSecond,
     24 * kHour, kNamespace, true, 0, 0, "What that timeout grows by at most."},
    {kWorkflowIdReuseInterval, "workflow_id_reuse_interval",
     "history.workflowIdReuseMinimalInterval", kDuration, "1s", 0, kHour, kNamespace, true, 0, 0,
     "Least time between two starts of the same workflow id; 0 for none."},
    {kLongPollInterval, "long_poll_interval", "history.longPollExpirationInterval", kDuration,
     "20s", kSecond, 100 * 365 * 24 * kHour, kNamespace, true, 0, 0,
     "How long a wait for history or for an update is held before it is answered empty."},
    {kRequestRateLimit, "request_rate_limit", "frontend.namespaceRPS", kInt, "0", 0, kMany,
     kNamespace, true, 0, 0,
     "Requests per second that one namespace may make, lists aside; 0 for no limit."},
    {kRequestBurstRatio, "request_burst_ratio", "frontend.namespaceBurstRatio", kInt, "2", 1, 1000,
     kNamespace, true, 0, 0, "How many seconds' worth of requests may come at once."},
    {kListRateLimit, "list_rate_limit", "frontend.namespaceRPS.visibility", kInt, "0", 0, kMany,
     kNamespace, true, 0, 0,
     "Lists and counts per second that one namespace may make; 0 for no limit."},
    {kRequestBytesLimit, "request_bytes_limit", "", kBytes, "0", 0, kMany, kNamespace, true, 0, 0,
     "Bytes of requests per second that one namespace may send; 0 for no limit."},
    {kLongPollsLimit, "long_polls_limit", "frontend.namespaceCount", kInt, "12000", 0, kMany,
     kNamespace, true, 0, 0,
     "Long polls of one kind that one namespace may hold at once; 0 for no limit."},
    {kSharedRequestsLimit, "shared_requests_limit", "", kInt, "0", 0, kMany, kCluster, false, 0, 0,
     "Requests at work at once while several namespaces ask, each for its share (one alone: 16 "
     "times "
     "that); 0: four for each core."},
    {kTaskQueueSplitRate, "task_queue_split_rate", "", kInt, "300", 0, kMany, kCluster, false, 0, 0,
     "Tasks per second from which a task queue is split over all nodes; 0: never."},
    {kCommitGatherMax, "commit_gather_max", "", kDuration, "3ms", 0, 100, kCluster, false, 0, 0,
     "How long a commit may wait for those of other runs, where several commit at once."},
    {kRetentionDefault, "retention_default", "", kDuration, "24h", kHour, 100 * 365 * 24 * kHour,
     kCluster, true, 0, 0, "Retention of namespaces that the server creates by itself."},
    {kRetentionMin, "retention_min", "system.namespaceMinRetentionLocal", kDuration, "1h", 0,
     24 * 365 * kHour, kCluster, true, 0, 0, "Shortest retention that a namespace may have."},
    {kLogLevel, "log_level", "", kText, "info", 0, 0, kCluster, true, 0, 0,
     "Least level that is logged: debug, info, warning or error."},
    {kLogFormat, "log_format", "", kText, "text", 0, 0, kCluster, false, 0, 0,
     "How log lines look: text or json."},
});
static_assert(kTable.size() == static_cast<size_t>(kCount));

constexpr bool TableIsInOrder() {
  for (size_t i = 0; i < kTable.size(); ++i) {
    if (static_cast<size_t>(kTable[i].id) != i) return false;
  }
  return true;
}
static_assert(TableIsInOrder());

// Names compare without regard to case, dashes or dots, so that flags, environment variables and
// dynamic-config keys all find their row.
std::string Fold(absl::string_view name) {
  std::string folded = absl::AsciiStrToLower(name);
  return absl::StrReplaceAll(folded, {{"-", "_"}});
}

bool ParseBytes(absl::string_view text, int64_t* value) {
  struct Unit {
    absl::string_view suffix;
    int64_t factor;
  };
  constexpr Unit kUnits[] = {{"kib", kKiB}, {"mib", kMiB},       {"gib", 1024 * kMiB},
                             {"kb", 1000},  {"mb", 1000 * 1000}, {"gb", 1000 * 1000 * 1000},
                             {"b", 1}};
  const std::string lower = absl::AsciiStrToLower(text);
  absl::string_view number = lower;
  int64_t factor = 1;
  for (const Unit& unit : kUnits) {
    if (absl::EndsWith(number, unit.suffix)) {
      number.remove_suffix(unit.suffix.size());
      factor = unit.factor;
      break;
    }
  }
  if (!absl::SimpleAtoi(absl::StripAsciiWhitespace(number), value)) return false;
  return !__builtin_mul_overflow(*value, factor, value);
}

int64_t EditDistance(absl::string_view a, absl::string_view b) {
  std::vector<int64_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = static_cast<int64_t>(j);
  for (size_t i = 1; i <= a.size(); ++i) {
    int64_t diagonal = row[0];
    row[0] = static_cast<int64_t>(i);
    for (size_t j = 1; j <= b.size(); ++j) {
      const int64_t substituted = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, substituted});
    }
  }
  return row[b.size()];
}

absl::Status Invalid(const Setting& setting, absl::string_view text, absl::string_view why) {
  return absl::InvalidArgumentError(
      absl::StrCat("setting ", setting.name, ": \"", text, "\" ", why));
}

using Value = std::variant<int64_t, absl::Duration, bool, std::string>;

absl::StatusOr<Value> ParseDuration(const Setting& setting, absl::string_view text) {
  absl::Duration duration;
  int64_t seconds = 0;
  if (absl::SimpleAtoi(text, &seconds)) {
    duration = absl::Seconds(seconds);
  } else if (!absl::ParseDuration(text, &duration)) {
    return Invalid(setting, text, "is not a duration such as 10s, 5m or 24h");
  }
  const absl::Duration min = absl::Milliseconds(setting.min);
  const absl::Duration max = absl::Milliseconds(setting.max);
  if (duration < min || duration > max) {
    return Invalid(setting, text,
                   absl::StrCat("is not between ", absl::FormatDuration(min), " and ",
                                absl::FormatDuration(max)));
  }
  return Value(duration);
}

absl::StatusOr<Value> Parse(const Setting& setting, absl::string_view text) {
  switch (setting.type) {
    case kInt:
    case kBytes: {
      int64_t number = 0;
      const bool is_number =
          setting.type == kBytes ? ParseBytes(text, &number) : absl::SimpleAtoi(text, &number);
      if (!is_number) {
        return Invalid(setting, text,
                       setting.type == kBytes ? "is not a size such as 4096, 64KiB or 2MiB"
                                              : "is not a whole number");
      }
      if (number < setting.min || number > setting.max) {
        return Invalid(setting, text,
                       absl::StrCat("is not between ", setting.min, " and ", setting.max));
      }
      return Value(number);
    }
    case kDuration:
      return ParseDuration(setting, text);
    case kBool: {
      bool is_true = false;
      if (!absl::SimpleAtob(text, &is_true)) return Invalid(setting, text, "is not true or false");
      return Value(is_true);
    }
    case kText:
      return Value(std::string(text));
  }
  return Invalid(setting, text, "has no type");
}

}  // namespace

absl::Span<const Setting> SettingTable() { return kTable; }

const Setting* FindSetting(absl::string_view name) {
  const std::string folded = Fold(name);
  for (const Setting& setting : kTable) {
    if (folded == setting.name) return &setting;
    if (!setting.alias.empty() && folded == Fold(setting.alias)) return &setting;
  }
  return nullptr;
}

std::string SuggestSetting(absl::string_view name, absl::Span<const absl::string_view> others) {
  const std::string folded = Fold(name);
  absl::string_view nearest;
  // A name with a third of its letters wrong is another name.
  int64_t least = static_cast<int64_t>(folded.size()) / 3 + 1;
  const auto consider = [&](absl::string_view known) {
    if (known.empty()) return;
    const int64_t distance = EditDistance(folded, Fold(known));
    if (distance >= least) return;
    least = distance;
    nearest = known;
  };
  for (const Setting& setting : kTable) {
    consider(setting.name);
    consider(setting.alias);
  }
  for (const absl::string_view other : others) consider(other);
  return std::string(nearest);
}

Settings::Settings() {
  entries_.reserve(kTable.size());
  for (const Setting& setting : kTable) {
    absl::StatusOr<Value> value = Parse(setting, setting.default_text);
    PERDURE_CHECK(value.ok());
    entries_.push_back({*std::move(value), std::string(setting.default_text), "default"});
  }
}

absl::Status Settings::Set(absl::string_view name, absl::string_view text,
                           absl::string_view source) {
  const Setting* setting = FindSetting(name);
  if (setting == nullptr) {
    const std::string nearest = SuggestSetting(name);
    return absl::InvalidArgumentError(
        absl::StrCat("unknown setting \"", name, "\"",
                     nearest.empty() ? "" : absl::StrCat("; did you mean \"", nearest, "\"?")));
  }
  absl::StatusOr<Value> value = Parse(*setting, absl::StripAsciiWhitespace(text));
  if (!value.ok()) return value.status();
  entries_[Index(setting->id)] = {*std::move(value), std::string(text), std::string(source)};
  return absl::OkStatus();
}

int64_t Settings::Int(SettingId id) const {
  const auto* value = std::get_if<int64_t>(&entries_[Index(id)].value);
  PERDURE_CHECK(value != nullptr);
  return *value;
}

absl::Duration Settings::Duration(SettingId id) const {
  const auto* value = std::get_if<absl::Duration>(&entries_[Index(id)].value);
  PERDURE_CHECK(value != nullptr);
  return *value;
}

bool Settings::Bool(SettingId id) const {
  const auto* value = std::get_if<bool>(&entries_[Index(id)].value);
  PERDURE_CHECK(value != nullptr);
  return *value;
}

const std::string& Settings::Text(SettingId id) const {
  const auto* value = std::get_if<std::string>(&entries_[Index(id)].value);
  PERDURE_CHECK(value != nullptr);
  return *value;
}

}  // namespace perdure::base
