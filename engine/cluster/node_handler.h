// What this node does for the others: takes their requests to its own history and matching.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "cluster/peers.h"
#include "runtime/runtime.h"
#include "services/cluster.h"
#include "services/history_service.h"
#include "services/matching_service.h"
#include "services/namespaces.h"
#include "services/partitions.h"

namespace perdure::cluster {

// Thread-safe.
class NodeHandler {
 public:
  struct Parts {
    runtime::Loop& loop;  // for the time
    services::Cluster& cluster;
    services::Namespaces& namespaces;
    services::HistoryService& history;
    services::MatchingService& matching;
    services::Partitions& partitions;
    // Reads the registry anew, and then calls back: another node knows a namespace that this one
    // does not know yet.
    std::function<void(std::function<void(const absl::Status&)>)> reload_namespaces;
    std::function<void(services::QueueFilter)> push_tasks;
    std::function<void(bool is_drained, services::Cluster::Done)> set_drained;
  };
  explicit NodeHandler(Parts parts);

  // `reply` gets the answer's body. base::ShardMoved: meant for another life of this node, or for
  // the owner of what is not here; nothing was done.
  void Handle(wire::Request request, std::shared_ptr<services::Cancellation> cancellation,
              services::Reply<std::string> reply);

 private:
  struct Call {
    services::CallContext context;
    services::NamespacePtr name_space;  // null for what is about none
    std::string body;
    services::Reply<std::string> reply;
  };
  using Method = std::function<void(Call)>;

  void AddHistory();
  void AddMatching();
  void AddPartitions();
  void Begin(const Method& method, wire::Request request,
             std::shared_ptr<services::Cancellation> cancellation,
             services::Reply<std::string> reply, bool has_reloaded);
  // Whether this node holds the queue, as far as it knows; if not, it looks again.
  bool HasQueue(const services::NamespacePtr& name_space, const std::string& task_queue,
                services::QueueKind kind);
  template <class Request, class Handle>
  void AddOwn(const char* name, Handle handle);
  template <class Task, class Add>
  void AddPush(const char* name, services::QueueKind kind, Add add);
  template <auto Member, class Request, class Response>
  void AddPoll(const char* name, services::QueueKind kind);
  template <auto Member, class Request, class Response>
  void AddPlain(const char* name);

  const Parts parts_;
  absl::flat_hash_map<std::string, Method> methods_;
};

}  // namespace perdure::cluster
