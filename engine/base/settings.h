// Every setting of the server, in one table: --help, the configuration file, environment variables,
// docs and the Helm schema are generated from it (STYLE.md §9).
//
// `Settings` is a value: defaults, then what the configuration file, the environment and flags set
// over them. Code that needs a value is given the value (services::Limits and such), taken from
// here once by SettingId; nothing looks a setting up by name while it runs. A namespace may
// override the rows whose scope is kNamespace: copy the cluster's Settings, then Set() over it.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"

namespace perdure::base {

// The rows of the table, in its order.
enum class SettingId {
  kBlobSizeWarn,
  kBlobSizeLimit,
  kMemoSizeWarn,
  kMemoSizeLimit,
  kStateSizeWarn,
  kStateSizeLimit,
  kHistorySizeWarn,
  kHistorySizeLimit,
  kHistorySizeSuggest,
  kHistoryCountWarn,
  kHistoryCountLimit,
  kHistoryCountSuggest,
  kPendingActivitiesLimit,
  kPendingChildrenLimit,
  kPendingSignalsLimit,
  kPendingCancelsLimit,
  kSignalsPerExecutionLimit,
  kUpdatesInFlightLimit,
  kUpdatesTotalLimit,
  kBufferedEventsLimit,
  kBufferedBytesLimit,
  kBufferedQueriesLimit,
  kIdLengthLimit,
  kSearchAttributeKeysLimit,
  kSearchAttributeValueLimit,
  kSearchAttributeTotalLimit,
  kCallbacksPerExecutionLimit,
  kLinksPerRequestLimit,
  kLinkSizeLimit,
  kListPageLimit,
  kHistoryPageLimit,
  kHistoryPageBytesLimit,
  kWorkflowTaskTimeoutDefault,
  kWorkflowTaskTimeoutMax,
  kWorkflowTaskHeartbeatMax,
  kWorkflowTaskBackoffAttempts,
  kWorkflowTaskBackoffFirst,
  kWorkflowTaskBackoffMax,
  kWorkflowIdReuseInterval,
  kLongPollInterval,
  kRequestRateLimit,
  kRequestBurstRatio,
  kListRateLimit,
  kRequestBytesLimit,
  kLongPollsLimit,
  kSharedRequestsLimit,
  kTaskQueueSplitRate,
  kCommitGatherMax,
  kRetentionDefault,
  kRetentionMin,
  kLogLevel,
  kLogFormat,
  kCount,
};

enum class SettingType { kInt, kBytes, kDuration, kBool, kText };
enum class SettingScope { kCluster, kNamespace };

struct Setting {
  SettingId id;
  absl::string_view name;   // snake_case: the key in the file; flag --with-dashes; PERDURE_UPPER
  absl::string_view alias;  // the dynamic-config key that users of Temporal know, or empty
  SettingType type;
  absl::string_view default_text;
  int64_t min;  // kInt: the number, kBytes: bytes, kDuration: milliseconds; otherwise unused
  int64_t max;
  SettingScope scope;
  bool is_reloadable;
  // What the simulator may draw from; both 0: it keeps the default.
  int64_t simulation_min;
  int64_t simulation_max;
  absl::string_view sentence;
};

// All rows, ordered by id.
absl::Span<const Setting> SettingTable();
// By name, alias, flag or environment spelling; null if there is none.
const Setting* FindSetting(absl::string_view name);
// The known name or alias, or one of `others`, nearest to a misspelled one; empty if none is near.
std::string SuggestSetting(absl::string_view name, absl::Span<const absl::string_view> others = {});

// Value. Getters abort on a row of another type: that is a bug of ours, found by any test.
class Settings {
 public:
  Settings();

  // INVALID_ARGUMENT names the setting, what is wrong, and for an unknown name the nearest one.
  // `source` is shown by `perdure server config` ("file perdure.yaml", "flag", "environment").
  // Unchanged after an error.
  absl::Status Set(absl::string_view name, absl::string_view text, absl::string_view source);

  int64_t Int(SettingId id) const;  // kInt and kBytes
  absl::Duration Duration(SettingId id) const;
  bool Bool(SettingId id) const;
  const std::string& Text(SettingId id) const;

  // For printing the effective configuration.
  const std::string& TextOf(SettingId id) const { return entries_[Index(id)].text; }
  const std::string& SourceOf(SettingId id) const { return entries_[Index(id)].source; }

 private:
  using Value = std::variant<int64_t, absl::Duration, bool, std::string>;
  struct Entry {
    Value value;
    std::string text;
    std::string source;
  };
  static size_t Index(SettingId id) { return static_cast<size_t>(id); }

  std::vector<Entry> entries_;
};

}  // namespace perdure::base
