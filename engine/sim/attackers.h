// What goes wrong in a simulated cluster while it works: crashes, restarts, clocks, stores,
// networks, workers. Each attacker acts at random times until the peace.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "sim/cluster.h"
#include "sim/worker.h"

namespace perdure::sim {

// Which attackers are about, and how strong. Drawn from the seed.
struct War {
  bool crashes = false;
  bool drains = false;
  bool pauses = false;
  bool clock_jumps = false;
  bool cuts = false;  // links between servers
  bool slow_disks = false;
  bool operator_drains = false;
  bool rolls = false;  // all servers are replaced, one by one
  bool worker_restarts = false;
  store::simulated::SimulatedFaults store;
  NetworkFaults network;
  PeerFaults peers;
  WorkerFaults workers;
  absl::Duration mean_gap = absl::Seconds(8);
};
War DrawWar(uint64_t seed);
std::string Describe(const War& war);

class Attackers {
 public:
  Attackers(Scheduler& scheduler, SimLoop& world, Cluster& cluster, Network& network,
            PeerNetwork& peers, Ledger& ledger, std::vector<std::shared_ptr<Worker>>& workers,
            War war);

  void Begin();
  // No more faults: everything is up and stays up.
  void MakePeace();
  void StartWorker(size_t index);

 private:
  void Again(void (Attackers::*attack)());
  void AttackServer();
  void AttackClock();
  void AttackWorker();
  void AttackLink();
  void AttackDisk();
  // By an operator, who asks one server about another.
  void DrainByOperator();
  void SetDrained(int asked, int64_t incarnation, bool is_drained);
  // Takes back what drains are left, again and again: a server that was frozen may yet carry out an
  // old request.
  void TakeDrainsBack();
  // Replaces that server and then those after it.
  void Roll(int server);
  void RollOn(int server, absl::Time limit);
  void AwaitService(int server, absl::Time limit);

  Scheduler& scheduler_;
  SimLoop& world_;
  Cluster& cluster_;
  Network& network_;
  PeerNetwork& peers_;
  Ledger& ledger_;
  std::vector<std::shared_ptr<Worker>>& workers_;
  const War war_;
  base::Random random_;
  int64_t worker_lives_ = 0;
  bool is_peace_ = false;
};

}  // namespace perdure::sim
