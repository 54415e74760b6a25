// The simulated cluster: servers that share one simulated database. Each is the real engine
// (frontend, history, matching) on loops of its own; a crash destroys it whole.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/metrics.h"
#include "base/settings.h"
#include "cluster/node.h"
#include "frontend/frontend.h"
#include "frontend/namespace_registry.h"
#include "history/history.h"
#include "matching/matching.h"
#include "sim/ledger.h"
#include "sim/network.h"
#include "sim/peers.h"
#include "sim/scheduler.h"
#include "store/simulated/simulated_store.h"

namespace perdure::sim {

// One life of one server process.
class Server {
 public:
  // `number` tells its place in the network of servers.
  Server(Scheduler& scheduler, store::simulated::SimulatedDatabase& database, PeerNetwork& peers,
         int number, const base::Settings& settings, const history::CoreOptions& core_options,
         matching::Options matching_options, std::string name, absl::Duration clock_offset,
         store::simulated::SimulatedFaults faults);
  // A crash.
  ~Server();

  // Loads the namespaces and begins; calls `ready` on the frontend's loop once RPCs are taken.
  void Start(absl::AnyInvocable<void()> ready);
  frontend::Frontend& handler() { return *frontend_; }
  cluster::NodeHandler& node_handler() { return node_->handler(); }
  const SimLoop& clock() const { return *frontend_loop_; }
  history::ServingState state() const { return history_->state(); }
  void SetFaults(store::simulated::SimulatedFaults faults) { store_->SetFaults(faults); }
  void JumpClock(absl::Duration by);
  void PauseUntil(absl::Time global);
  // A graceful stop; `done` runs when all is quiet.
  void Drain(absl::AnyInvocable<void() &&> done);

 private:
  void TryStart();

  const base::Settings settings_;
  frontend::UuidSource uuids_;
  frontend::ClusterFacts cluster_;
  absl::AnyInvocable<void()> ready_;
  std::unique_ptr<SimLoop> engine_loop_;
  std::unique_ptr<SimLoop> frontend_loop_;
  std::unique_ptr<SimLoop> store_loop_;  // the database's: its clock does not jump
  std::unique_ptr<store::simulated::SimulatedStore> store_;
  std::unique_ptr<frontend::NamespaceRegistry> namespaces_;
  std::unique_ptr<history::History> history_;
  std::unique_ptr<matching::Matching> matching_;
  std::unique_ptr<cluster::Peers> peers_;
  std::unique_ptr<cluster::Node> node_;
  std::unique_ptr<frontend::Frontend> frontend_;
};

class Cluster {
 public:
  Cluster(Scheduler& scheduler, SimLoop& world, Network& network, PeerNetwork& peers, int servers,
          uint64_t seed);
  ~Cluster();

  store::simulated::SimulatedDatabase& database() { return database_; }
  int size() const { return static_cast<int>(servers_.size()); }
  bool is_up(int server) const { return servers_[static_cast<size_t>(server)] != nullptr; }
  Server* server(int server) { return servers_[static_cast<size_t>(server)].get(); }
  void Start(int server);
  void Crash(int server);
  void DrainThenCrash(int server);
  void SetStoreFaults(store::simulated::SimulatedFaults faults);
  // Task queues that were split and joined, and what that did.
  void CountSplits(Ledger& ledger);
  // How far the clocks of servers are off when they start.
  absl::Duration clock_error() const;
  // For reading what is stored, without faults.
  store::Store& reader() { return *reader_; }

 private:
  Scheduler& scheduler_;
  SimLoop& world_;
  Network& network_;
  PeerNetwork& peers_;
  base::Settings settings_;
  history::CoreOptions core_options_;
  matching::Options matching_options_;
  base::Metrics matching_metrics_;  // of all lives of all servers
  store::simulated::SimulatedFaults faults_;
  store::simulated::SimulatedDatabase database_;
  std::unique_ptr<store::simulated::SimulatedStore> reader_;
  std::vector<std::unique_ptr<Server>> servers_;
  std::vector<absl::Duration> offsets_;
  std::vector<int64_t> lives_;
};

}  // namespace perdure::sim
