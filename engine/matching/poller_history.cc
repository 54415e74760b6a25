#include "matching/poller_history.h"

#include <algorithm>

#include "google/protobuf/util/time_util.h"
#include "matching/rate_limiter.h"

namespace perdure::matching {

using google::protobuf::util::TimeUtil;
using temporal::api::taskqueue::v1::PollerInfo;

void PollerHistory::Saw(const Poll& poll, absl::Time now) {
  Entry& entry = seen_[poll.poller.identity];
  entry.last_seen = now;
  entry.info.set_identity(poll.poller.identity);
  entry.info.set_rate_per_second(poll.tasks_per_second_max.value_or(RateLimiter::kSystemRate));
  if (poll.has_version_capabilities) {
    *entry.info.mutable_worker_version_capabilities() = poll.version_capabilities;
  }
  if (poll.has_deployment) *entry.info.mutable_deployment_options() = poll.deployment;
}

void PollerHistory::SawElsewhere(const PollerInfo& info, absl::Time when) {
  const auto [entry, is_new] = seen_.try_emplace(info.identity());
  if (!is_new && entry->second.last_seen >= when) return;
  entry->second = {when, info};
}

std::vector<std::pair<PollerInfo, absl::Duration>> PollerHistory::SeenWithin(absl::Duration window,
                                                                             absl::Time now) const {
  std::vector<std::pair<PollerInfo, absl::Duration>> pollers;
  for (const auto& [identity, entry] : seen_) {
    const absl::Duration age = now - entry.last_seen;
    if (age <= window) pollers.emplace_back(entry.info, age);
  }
  return pollers;
}

void PollerHistory::Forget(absl::Time now) {
  for (auto it = seen_.begin(); it != seen_.end();) {
    it = now - it->second.last_seen > kRemembered ? seen_.erase(it) : std::next(it);
  }
}

std::vector<PollerInfo> PollerHistory::Describe(absl::Time now) const {
  std::vector<const Entry*> entries;
  for (const auto& [identity, entry] : seen_) {
    if (now - entry.last_seen <= kRemembered) entries.push_back(&entry);
  }
  std::stable_sort(entries.begin(), entries.end(),
                   [](const Entry* a, const Entry* b) { return a->last_seen > b->last_seen; });
  std::vector<PollerInfo> pollers;
  for (const Entry* entry : entries) {
    pollers.push_back(entry->info);
    *pollers.back().mutable_last_access_time() =
        TimeUtil::NanosecondsToTimestamp(absl::ToUnixNanos(entry->last_seen));
  }
  return pollers;
}

}  // namespace perdure::matching
