// The way between the simulated servers: requests and answers that take time, get lost, or never
// come through, in one direction or in both.
//
// Loop-bound to the world's loop but for Call.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "cluster/node_handler.h"
#include "cluster/peers.h"
#include "sim/scheduler.h"

namespace perdure::sim {

struct PeerFaults {
  double request_lost_chance = 0;
  double answer_lost_chance = 0;
  // Nothing comes twice: that is TCP's part.
  absl::Duration latency_max = absl::Milliseconds(1);
};

// All servers' links. A server that crashes loses what it had open.
class PeerNetwork {
 public:
  PeerNetwork(Scheduler& scheduler, SimLoop& world) : scheduler_(scheduler), world_(world) {}

  void SetFaults(PeerFaults faults) { faults_ = faults; }
  // Nothing that `from` sends reaches `to` any more, whatever it is.
  void Cut(int from, int to) { cuts_.insert({from, to}); }
  void HealAll() { cuts_.clear(); }
  // Null: the server is down.
  void SetServer(int server, cluster::NodeHandler* handler);
  static std::string AddressOf(int server);

  // For the server of that number, in its present life. Must not outlive this.
  std::unique_ptr<cluster::Peers> PeersOf(int server);

 private:
  class Link;
  struct Server {
    cluster::NodeHandler* handler = nullptr;
    int64_t life = 0;
  };
  struct Open {
    int from = 0;
    int to = 0;
    services::Reply<std::string> reply;
    runtime::TimerId timer = 0;
    std::shared_ptr<services::Cancellation> cancellation;  // the receiver's
  };

  void Send(int from, int64_t life, const std::string& address, cluster::wire::Request request,
            services::CallContext context, services::Reply<std::string> reply);
  void Arrive(uint64_t call, int from, int to, int64_t life, cluster::wire::Request request);
  void Finish(uint64_t call, absl::StatusOr<std::string> answer);
  absl::Duration Latency();
  bool IsCut(int from, int to) const { return cuts_.contains({from, to}); }

  Scheduler& scheduler_;
  SimLoop& world_;
  PeerFaults faults_;
  std::set<std::pair<int, int>> cuts_;
  std::map<int, Server> servers_;
  uint64_t last_call_ = 0;
  std::map<uint64_t, Open> open_;
};

}  // namespace perdure::sim
