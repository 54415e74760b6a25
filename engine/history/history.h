// History as a service: requests from any thread, posted to the loop that holds the runs.
#pragma once

#include <memory>

#include "absl/functional/any_invocable.h"
#include "history/core.h"
#include "runtime/runtime.h"
#include "services/history_service.h"
#include "services/matching_service.h"
#include "services/namespaces.h"
#include "store/store.h"

namespace perdure::history {

enum class ServingState { kStarting, kStandby, kServing, kStoreUnreachable };

struct HistoryOptions {
  CoreOptions core;
  std::string node_name = "perdure";
  std::string address;
  // An owner not heard of for that long is fenced, and its shards are taken over.
  absl::Duration owner_silence_max = absl::Seconds(6);
  // The same for one whose connections to the database are gone, as they are when it was killed.
  // More than an interval between heartbeats: one that lives has connected anew by then. An owner
  // whose last heartbeat is that old shows nothing that it has cached.
  absl::Duration owner_absence_max = absl::Seconds(2);
  absl::Duration heartbeat_interval = absl::Seconds(1);
};

// Owns nothing that is given by reference; all must outlive it. Thread-safe.
class History : public services::HistoryService {
 public:
  // Before anything else.
  virtual void set_matching(services::MatchingService* matching) = 0;
  // Registers this process and takes over the shards, at once or when their owner is gone.
  // `on_state` is called on the loop with every change.
  virtual void Begin(absl::AnyInvocable<void(ServingState)> on_state) = 0;
  virtual ServingState state() const = 0;
};

std::unique_ptr<History> MakeHistory(runtime::Loop& loop, store::Store& store,
                                     services::Namespaces& namespaces, HistoryOptions options);

}  // namespace perdure::history
