#include "sim/simulation.h"

#include <algorithm>
#include <cstdio>
#include <memory>

#include "absl/strings/str_cat.h"
#include "sim/attackers.h"
#include "sim/chain_client.h"
#include "sim/checkers.h"
#include "sim/client.h"
#include "sim/eraser.h"
#include "sim/retention_client.h"

namespace perdure::sim {
namespace {

constexpr absl::Duration kPeaceMax = absl::Hours(3);
constexpr int64_t kStepsMax = 20'000'000;

// One alone as often as several.
int DrawSize(base::Random& random) {
  return random.Chance(0.4) ? 1 : 2 + static_cast<int>(random.Below(6));
}

std::vector<std::shared_ptr<Eraser>> StartErasers(Scheduler& scheduler, SimLoop& world,
                                                  Network& network, Ledger& ledger,
                                                  uint64_t number) {
  std::vector<std::shared_ptr<Eraser>> erasers;
  for (uint64_t i = 0; i < number; ++i) {
    erasers.push_back(
        std::make_shared<Eraser>(scheduler, world, network, ledger, absl::StrCat("d", i)));
    ledger.reusable_ids.insert(erasers.back()->workflow_id());
    world.After(absl::Seconds(static_cast<int64_t>(10 * i)),
                [eraser = erasers.back()] { eraser->Begin(); });
  }
  return erasers;
}

std::vector<std::shared_ptr<ChainClient>> StartChains(Scheduler& scheduler, SimLoop& world,
                                                      Network& network, Ledger& ledger,
                                                      base::Random& random) {
  std::vector<std::shared_ptr<ChainClient>> chains;
  const uint64_t number = random.Below(3);
  for (uint64_t i = 0; i < number; ++i) {
    chains.push_back(
        std::make_shared<ChainClient>(scheduler, world, network, ledger, absl::StrCat("k", i)));
    world.After(absl::Milliseconds(static_cast<int64_t>(random.Below(10'000))),
                [chain = chains.back()] { chain->Begin(); });
  }
  return chains;
}

std::vector<std::shared_ptr<RetentionClient>> StartRetention(Scheduler& scheduler, SimLoop& world,
                                                             Network& network, Ledger& ledger,
                                                             base::Random& random) {
  std::vector<std::shared_ptr<RetentionClient>> clients;
  ledger.brief.retention = absl::Seconds(4 + static_cast<int64_t>(random.Below(12)));
  const uint64_t number = random.Below(4);
  for (uint64_t i = 0; i < number; ++i) {
    clients.push_back(
        std::make_shared<RetentionClient>(scheduler, world, network, ledger, absl::StrCat("b", i)));
    world.After(absl::Milliseconds(static_cast<int64_t>(random.Below(20'000))),
                [client = clients.back()] { client->Begin(); });
  }
  return clients;
}

template <class Clients>
bool AreDone(const Clients& clients) {
  return std::all_of(clients.begin(), clients.end(),
                     [](const auto& client) { return client->is_done(); });
}

void SayWhoGoesOn(const std::vector<std::shared_ptr<Client>>& clients,
                  const std::vector<std::shared_ptr<Eraser>>& erasers,
                  const std::vector<std::shared_ptr<ChainClient>>& chains,
                  const std::vector<std::shared_ptr<RetentionClient>>& brief, Ledger& ledger) {
  for (const auto& client : clients) {
    if (!client->is_done()) ledger.Wrong("it does not end: " + client->Describe());
  }
  for (const auto& eraser : erasers) {
    if (!eraser->is_done()) ledger.Wrong(eraser->workflow_id() + ": its deletion does not end");
  }
  for (const auto& chain : chains) {
    if (!chain->is_done()) ledger.Wrong(chain->workflow_id() + ": its chain does not end");
  }
  for (const auto& client : brief) {
    if (!client->is_done()) ledger.Wrong(client->workflow_id() + ": its run does not go");
  }
}

// With the histories of the runs that something is wrong with.
void PrintWrongs(const Verdict& verdict, Checkers& checkers) {
  std::string last;
  for (const std::string& wrong : verdict.wrongs) {
    const std::string workflow_id = wrong.substr(0, wrong.find_first_of(" :"));
    if (workflow_id != last) std::printf("%s", checkers.Explain(workflow_id).c_str());
    last = workflow_id;
  }
}

}  // namespace

Verdict Simulate(uint64_t seed, bool verbose) {
  Scheduler scheduler(seed);
  const std::unique_ptr<SimLoop> world = scheduler.MakeLoop("world");
  Network network(scheduler, *world);
  Ledger ledger;
  base::Random random(seed ^ 0x5eed);
  Verdict verdict;
  {
    PeerNetwork peers(scheduler, *world);
    Cluster cluster(scheduler, *world, network, peers, DrawSize(random), random.Next());
    std::vector<std::shared_ptr<Worker>> workers;
    const War war = DrawWar(seed);
    if (verbose) std::printf("war: %s\n", Describe(war).c_str());
    Attackers attackers(scheduler, *world, cluster, network, peers, ledger, workers, war);
    for (int server = 0; server < cluster.size(); ++server) cluster.Start(server);
    const size_t worker_count = 1 + random.Below(3);
    for (size_t i = 0; i < worker_count; ++i) attackers.StartWorker(i);
    std::vector<std::shared_ptr<Client>> clients;
    const uint64_t client_count = 4 + random.Below(12);
    for (uint64_t i = 0; i < client_count; ++i) {
      clients.push_back(std::make_shared<Client>(scheduler, *world, network, ledger,
                                                 absl::StrCat("w", i), random.Next()));
      world->After(absl::Milliseconds(static_cast<int64_t>(random.Below(20'000))),
                   [client = clients.back()] { client->Begin(); });
    }
    const std::vector<std::shared_ptr<Eraser>> erasers =
        StartErasers(scheduler, *world, network, ledger, random.Below(3));
    const std::vector<std::shared_ptr<ChainClient>> chains =
        StartChains(scheduler, *world, network, ledger, random);
    ledger.brief.clock_error = cluster.clock_error();
    const std::vector<std::shared_ptr<RetentionClient>> brief =
        StartRetention(scheduler, *world, network, ledger, random);
    attackers.Begin();
    scheduler.RunUntil(scheduler.Now() + absl::Seconds(20 + random.Below(60)));
    attackers.MakePeace();

    Checkers checkers(scheduler, cluster, network, ledger);
    const absl::Time limit = scheduler.Now() + kPeaceMax;
    bool is_over = false;
    while (!is_over && scheduler.Now() < limit && scheduler.steps() < kStepsMax) {
      scheduler.RunUntil(scheduler.Now() + absl::Seconds(5));
      // A drain that was under way may still have taken one down.
      for (int server = 0; server < cluster.size(); ++server) {
        if (!cluster.is_up(server)) cluster.Start(server);
      }
      is_over = AreDone(clients) && AreDone(erasers) && AreDone(chains) && AreDone(brief) &&
                checkers.OpenRuns() == 0;
    }
    SayWhoGoesOn(clients, erasers, chains, brief, ledger);
    // What is still on its way between runs arrives.
    scheduler.RunUntil(scheduler.Now() + absl::Seconds(10));
    cluster.CountSplits(ledger);
    verdict.wrongs = ledger.wrongs;
    for (std::string& wrong : checkers.Check()) verdict.wrongs.push_back(std::move(wrong));
    if (verbose) PrintWrongs(verdict, checkers);
    verdict.fingerprint = scheduler.fingerprint() ^ cluster.database().Fingerprint();
    verdict.steps = scheduler.steps();
    verdict.virtual_seconds = absl::ToDoubleSeconds(scheduler.elapsed());
    for (const auto& worker : workers) worker->Kill();
  }
  verdict.counts = ledger.counts;
  // Clients and workers that wait hold each other through the loop.
  world->Kill();
  return verdict;
}

}  // namespace perdure::sim
