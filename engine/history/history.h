// History as a service: requests from any thread, posted to the loop that holds the runs.
#pragma once

#include <memory>

#include "absl/functional/any_invocable.h"
#include "history/core.h"
#include "runtime/runtime.h"
#include "services/cluster.h"
#include "services/history_service.h"
#include "services/matching_service.h"
#include "services/namespaces.h"
#include "store/store.h"

namespace perdure::history {

// Standby: some shard has no owner that lives, as at the start or after this process was fenced.
enum class ServingState { kStarting, kStandby, kServing, kStoreUnreachable };

// What a node's place in the cluster sets off. Each may be empty; all are called on the loop.
struct ClusterHooks {
  absl::AnyInvocable<void(ServingState)> on_state;
  absl::AnyInvocable<void(services::ClusterViewPtr)> on_view;
  // Namespaces or search attributes were changed, here or elsewhere; and once at the start.
  absl::AnyInvocable<void()> on_registry;
  // That member should look at the cluster now: shards have moved.
  absl::AnyInvocable<void(const services::Member&)> announce;
  // Once: a node that was there before has the same address and is none of ours. This one must end.
  absl::AnyInvocable<void(const absl::Status&)> on_rival;
};

struct HistoryOptions {
  CoreOptions core;
  std::string node_name = "perdure";
  // Where the other nodes reach this one; empty: they do not.
  std::string address;
  int32_t roles = base::kAllRoles;
  // An owner not heard of for that long is fenced, and its shards are taken over.
  absl::Duration owner_silence_max = absl::Seconds(6);
  // The same for one whose connections to the database are gone, as they are when it was killed.
  // More than an interval between heartbeats: one that lives has connected anew by then. An owner
  // whose last heartbeat is that old shows nothing that it has cached.
  absl::Duration owner_absence_max = absl::Milliseconds(2500);
  absl::Duration heartbeat_interval = absl::Milliseconds(1200);
};

// Owns nothing that is given by reference; all must outlive it. Thread-safe.
class History : public services::HistoryService {
 public:
  // Before anything else.
  virtual void set_matching(services::MatchingService* matching) = 0;
  // Also before: who brings messages to runs whose shards are not here. Null: all are here.
  virtual void set_others(services::HistoryService* others) = 0;
  // Registers this process and takes its share of the shards, at once or when their owners are
  // gone.
  virtual void Begin(ClusterHooks hooks) = 0;
  virtual ServingState state() const = 0;
  // Something of what the last view said is no longer so.
  virtual void LookAtCluster() = 0;
  // Hands over all shards and takes none, while there are others for all that this node does; or no
  // longer so. As services::Cluster::SetDrained.
  virtual void SetDrained(bool is_drained, services::Cluster::Done done) = 0;
  // These task queues have another owner now: what waits for a worker there is pushed again.
  virtual void PushMoved(services::QueueFilter moved) = 0;
};

std::unique_ptr<History> MakeHistory(runtime::Loop& loop, store::Store& store,
                                     services::Namespaces& namespaces, HistoryOptions options);

}  // namespace perdure::history
