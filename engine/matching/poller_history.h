// Who has polled a task queue in the last five minutes, by identity.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "matching/poll.h"
#include "temporal/api/taskqueue/v1/message.pb.h"

namespace perdure::matching {

// Loop-bound. Grows with the number of identities, and forgets those not seen for five minutes.
class PollerHistory {
 public:
  static constexpr absl::Duration kRemembered = absl::Minutes(5);

  void Saw(const Poll& poll, absl::Time now);
  // By another node, then.
  void SawElsewhere(const temporal::api::taskqueue::v1::PollerInfo& info, absl::Time when);
  void Remove(const std::string& identity) { seen_.erase(identity); }
  void Forget(absl::Time now);

  int64_t count() const { return static_cast<int64_t>(seen_.size()); }
  // Most recent first.
  std::vector<temporal::api::taskqueue::v1::PollerInfo> Describe(absl::Time now) const;
  // Those seen within `window`, and how long ago.
  std::vector<std::pair<temporal::api::taskqueue::v1::PollerInfo, absl::Duration>> SeenWithin(
      absl::Duration window, absl::Time now) const;

 private:
  struct Entry {
    absl::Time last_seen;
    temporal::api::taskqueue::v1::PollerInfo info;
  };
  std::map<std::string, Entry> seen_;
};

}  // namespace perdure::matching
