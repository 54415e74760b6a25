// This node's side of the cluster, put together: the routers that its frontend, history and
// matching use instead of each other, and what it does for the other nodes.
#pragma once

#include <functional>
#include <memory>

#include "cluster/history_router.h"
#include "cluster/matching_router.h"
#include "cluster/node_handler.h"
#include "cluster/partition_router.h"
#include "cluster/peers.h"
#include "cluster/view.h"

namespace perdure::cluster {

// Thread-safe. Borrows all that it is made with.
class Node {
 public:
  struct Parts {
    runtime::Loop& loop;
    Peers& peers;
    services::Namespaces& namespaces;
    services::HistoryService& history;  // this process's
    services::MatchingService& matching;
    services::Partitions& partitions;
    // Which task queues are this process's from now on.
    std::function<void(services::QueueFilter owned)> set_owned_queues;
    // Pushes what waits for a worker in these queues (again): they have another owner, or their
    // owner does not know what it should hold.
    std::function<void(services::QueueFilter moved)> push_tasks;
    // Reads the registry of namespaces, then calls back.
    std::function<void(std::function<void(const absl::Status&)>)> reload_namespaces;
    // Looks anew who is there.
    std::function<void()> refresh;
    // This node hands over what it has and takes nothing, or no longer so.
    std::function<void(bool is_drained, services::Cluster::Done)> set_drained;
  };
  explicit Node(Parts parts);

  services::HistoryService& history() { return *history_; }
  services::MatchingService& matching() { return *matching_; }
  services::PartitionPeers& partition_peers() { return *partition_peers_; }
  NodeHandler& handler() { return handler_; }
  services::Cluster& cluster() { return keeper_; }
  services::ClusterViewPtr view() const { return keeper_.view(); }

  // From history::ClusterHooks.
  void SetView(services::ClusterViewPtr view);
  void Announce(const services::Member& member);

 private:
  void AskForTasks(const services::ClusterView& view);
  void SetDrained(base::IncarnationId member, bool is_drained, services::Cluster::Done done);

  const Parts parts_;
  ViewKeeper keeper_;
  const std::unique_ptr<services::HistoryService> history_;
  const std::unique_ptr<services::MatchingService> matching_;
  const std::unique_ptr<services::PartitionPeers> partition_peers_;
  NodeHandler handler_;
};

}  // namespace perdure::cluster
