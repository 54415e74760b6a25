#include "frontend/limits.h"

namespace perdure::frontend {
namespace {

// More than anything can count to, and far enough from the end of the numbers to be reckoned with.
constexpr int64_t kNoLimit = int64_t{1} << 50;

int64_t OrNone(int64_t limit) { return limit == 0 ? kNoLimit : limit; }

}  // namespace

services::Limits LimitsFrom(const base::Settings& settings) {
  using enum base::SettingId;
  services::Limits limits;
  limits.blob_size_bytes = settings.Int(kBlobSizeLimit);
  limits.memo_size_bytes = settings.Int(kMemoSizeLimit);
  limits.state_size_bytes = settings.Int(kStateSizeLimit);
  limits.history_size_bytes = settings.Int(kHistorySizeLimit);
  limits.history_size_suggest_bytes = settings.Int(kHistorySizeSuggest);
  limits.history_count = settings.Int(kHistoryCountLimit);
  limits.history_count_suggest = settings.Int(kHistoryCountSuggest);
  limits.pending_activities = settings.Int(kPendingActivitiesLimit);
  limits.pending_children = settings.Int(kPendingChildrenLimit);
  limits.pending_signals = settings.Int(kPendingSignalsLimit);
  limits.pending_cancels = settings.Int(kPendingCancelsLimit);
  limits.signals_per_execution = OrNone(settings.Int(kSignalsPerExecutionLimit));
  limits.updates_in_flight = OrNone(settings.Int(kUpdatesInFlightLimit));
  limits.updates_total = OrNone(settings.Int(kUpdatesTotalLimit));
  limits.buffered_events = settings.Int(kBufferedEventsLimit);
  limits.buffered_bytes = settings.Int(kBufferedBytesLimit);
  limits.buffered_queries = settings.Int(kBufferedQueriesLimit);
  limits.id_length = settings.Int(kIdLengthLimit);
  limits.search_attribute_keys = settings.Int(kSearchAttributeKeysLimit);
  limits.search_attribute_value_bytes = settings.Int(kSearchAttributeValueLimit);
  limits.search_attribute_total_bytes = settings.Int(kSearchAttributeTotalLimit);
  limits.callbacks_per_execution = settings.Int(kCallbacksPerExecutionLimit);
  limits.links_per_request = settings.Int(kLinksPerRequestLimit);
  limits.link_size_bytes = settings.Int(kLinkSizeLimit);
  limits.list_page_size = settings.Int(kListPageLimit);
  limits.history_page_size = settings.Int(kHistoryPageLimit);
  limits.history_page_bytes = settings.Int(kHistoryPageBytesLimit);
  limits.blob_size_warn_bytes = settings.Int(kBlobSizeWarn);
  limits.memo_size_warn_bytes = settings.Int(kMemoSizeWarn);
  limits.state_size_warn_bytes = settings.Int(kStateSizeWarn);
  limits.history_size_warn_bytes = settings.Int(kHistorySizeWarn);
  limits.history_count_warn = settings.Int(kHistoryCountWarn);
  limits.request_rate = settings.Int(kRequestRateLimit);
  limits.request_burst_ratio = settings.Int(kRequestBurstRatio);
  limits.list_rate = settings.Int(kListRateLimit);
  limits.request_bytes_rate = settings.Int(kRequestBytesLimit);
  limits.long_polls = settings.Int(kLongPollsLimit);
  limits.workflow_task_timeout = settings.Duration(kWorkflowTaskTimeoutDefault);
  limits.workflow_task_timeout_max = settings.Duration(kWorkflowTaskTimeoutMax);
  limits.workflow_task_heartbeat_max = settings.Duration(kWorkflowTaskHeartbeatMax);
  limits.workflow_task_backoff_attempts =
      static_cast<int32_t>(settings.Int(kWorkflowTaskBackoffAttempts));
  limits.workflow_task_backoff_first = settings.Duration(kWorkflowTaskBackoffFirst);
  limits.workflow_task_backoff_max = settings.Duration(kWorkflowTaskBackoffMax);
  limits.workflow_id_reuse_interval = settings.Duration(kWorkflowIdReuseInterval);
  limits.long_poll_interval = settings.Duration(kLongPollInterval);
  return limits;
}

}  // namespace perdure::frontend
