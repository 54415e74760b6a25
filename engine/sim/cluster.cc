#include "sim/cluster.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "matching/spread.h"

namespace perdure::sim {
namespace {

// Any task splits its queue, or nearly any, and hardly anything joins it again.
matching::SpreadOptions DrawSpread(base::Random& random) {
  matching::SpreadOptions spread;
  spread.split_rate = 1 + static_cast<int64_t>(random.Below(3));
  spread.busy_seconds = 1 + static_cast<int>(random.Below(2));
  spread.calm_seconds = 1 + static_cast<int>(random.Below(10));
  spread.backlog_max = absl::Milliseconds(10 + static_cast<int64_t>(random.Below(1000)));
  spread.pause_after_join = absl::Milliseconds(static_cast<int64_t>(random.Below(3000)));
  spread.vain_seconds = 1 + static_cast<int>(random.Below(10));
  spread.pause_after_vain = absl::Milliseconds(static_cast<int64_t>(random.Below(5000)));
  return spread;
}

}  // namespace

Server::Server(Scheduler& scheduler, store::simulated::SimulatedDatabase& database,
               PeerNetwork& peers, int number, const base::Settings& settings,
               const history::CoreOptions& core_options, matching::Options matching_options,
               std::string name, absl::Duration clock_offset,
               store::simulated::SimulatedFaults faults)
    : settings_(settings),
      uuids_(scheduler.random().Next()),
      cluster_{.cluster_id = "simulated"},
      engine_loop_(scheduler.MakeLoop(name + " engine")),
      frontend_loop_(scheduler.MakeLoop(name + " frontend")),
      store_loop_(scheduler.MakeLoop(name + " store")) {
  JumpClock(clock_offset);
  store_ = store::simulated::MakeSimulatedStore(database, *store_loop_, faults);
  namespaces_ =
      std::make_unique<frontend::NamespaceRegistry>(*store_, *frontend_loop_, settings_, uuids_);
  matching_options.host_name = name;
  matching_ = matching::MakeMatching(*engine_loop_, matching_options);
  history::HistoryOptions history_options;
  history_options.core = core_options;
  history_options.node_name = std::move(name);
  history_options.address = PeerNetwork::AddressOf(number);
  history_ = history::MakeHistory(*engine_loop_, *store_, *namespaces_, history_options);
  peers_ = peers.PeersOf(number);
  node_ = std::make_unique<cluster::Node>(cluster::Node::Parts{
      *engine_loop_, *peers_, *namespaces_, *history_, *matching_, *matching_,
      [this](services::QueueFilter owned) { matching_->SetOwned(std::move(owned)); },
      [this](services::QueueFilter moved) { history_->PushMoved(std::move(moved)); },
      [this](std::function<void(const absl::Status&)> done) {
        namespaces_->Reload(std::move(done));
      },
      [this] { history_->LookAtCluster(); },
      [this](bool is_drained, services::Cluster::Done done) {
        history_->SetDrained(is_drained, std::move(done));
      }});
  history_->set_matching(&node_->matching());
  history_->set_others(&node_->history());
  matching_->SetHistory(&node_->history());
  matching_->SetPartitionPeers(&node_->partition_peers());
  frontend_ = std::make_unique<frontend::Frontend>(
      frontend::Dependencies{*namespaces_, node_->history(), node_->matching(), *store_,
                             *frontend_loop_, uuids_, cluster_, settings_, &node_->cluster()},
      nullptr);
}

Server::~Server() {
  engine_loop_->Kill();
  frontend_loop_->Kill();
  // Commits in flight are there or not; then nothing of it runs any more.
  store_.reset();
  store_loop_->Kill();
  matching_.reset();
  frontend_.reset();
  history_.reset();
  node_.reset();
  peers_.reset();
  namespaces_.reset();
}

void Server::Start(absl::AnyInvocable<void()> ready) {
  ready_ = std::move(ready);
  frontend_loop_->Post([this] { TryStart(); });
}

void Server::TryStart() {
  namespaces_->Start({.names = {"default"}}, [this](absl::Status status) {
    frontend_loop_->Post([this, status = std::move(status)] {
      if (!status.ok()) {
        frontend_loop_->After(absl::Milliseconds(500), [this] { TryStart(); });
        return;
      }
      matching_->SetServing(false);
      history::ClusterHooks hooks;
      hooks.on_state = [this](history::ServingState state) {
        matching_->SetServing(state == history::ServingState::kServing);
      };
      hooks.on_view = [this](services::ClusterViewPtr view) { node_->SetView(std::move(view)); };
      hooks.on_registry = [this] { namespaces_->Reload([](const absl::Status&) {}); };
      hooks.announce = [this](const services::Member& member) { node_->Announce(member); };
      history_->Begin(std::move(hooks));
      ready_();
    });
  });
}

void Server::JumpClock(absl::Duration by) {
  engine_loop_->JumpClock(by);
  frontend_loop_->JumpClock(by);
}

void Server::PauseUntil(absl::Time global) {
  engine_loop_->PauseUntil(global);
  frontend_loop_->PauseUntil(global);
}

void Server::Drain(absl::AnyInvocable<void() &&> done) {
  matching_->Drain();
  history_->Drain(std::move(done));
}

Cluster::Cluster(Scheduler& scheduler, SimLoop& world, Network& network, PeerNetwork& peers,
                 int servers, uint64_t seed)
    : scheduler_(scheduler), world_(world), network_(network), peers_(peers) {
  base::Random random(seed);
  reader_ = store::simulated::MakeSimulatedStore(database_, world_, {});
  servers_.resize(static_cast<size_t>(servers));
  lives_.resize(static_cast<size_t>(servers));
  const uint64_t spread_ms = random.Chance(0.25) ? 300'000 : 2000;
  for (int i = 0; i < servers; ++i) {
    // Clocks differ by up to a second; in some clusters by minutes.
    offsets_.push_back(absl::Milliseconds(static_cast<int64_t>(random.Below(spread_ms)) -
                                          static_cast<int64_t>(spread_ms / 2)));
    network_.SetServer(i, nullptr, nullptr);
  }
  // Far below what a namespace may have in production.
  PERDURE_CHECK(settings_.Set("retention_min", "1s", "simulation").ok());
  // Small caches and snapshots make the rare paths common.
  if (random.Chance(0.5)) core_options_.cached_runs_max = static_cast<int64_t>(random.Below(8));
  if (random.Chance(0.5)) core_options_.idle_max = absl::Seconds(10);
  if (random.Chance(0.5)) {
    core_options_.journal_bytes_min = static_cast<int64_t>(random.Below(8000));
    core_options_.journal_growth_max = 1;
  }
  if (random.Chance(0.5)) core_options_.recent_bytes_max = static_cast<int64_t>(random.Below(4000));
  if (random.Chance(0.5)) core_options_.gather_max = absl::Milliseconds(3);
  matching_options_.metrics = &matching_metrics_;
  if (random.Chance(0.6)) matching_options_.spread = DrawSpread(random);
}

Cluster::~Cluster() {
  for (int i = 0; i < size(); ++i) {
    if (is_up(i)) Crash(i);
  }
}

void Cluster::Start(int server) {
  const auto index = static_cast<size_t>(server);
  PERDURE_CHECK(servers_[index] == nullptr);
  const int64_t life = ++lives_[index];
  servers_[index] = std::make_unique<Server>(
      scheduler_, database_, peers_, server, settings_, core_options_, matching_options_,
      absl::StrCat("server", server, ".", life), offsets_[index], faults_);
  peers_.SetServer(server, &servers_[index]->node_handler());
  servers_[index]->Start([this, server, life] {
    world_.Post([this, server, life] {
      const auto index = static_cast<size_t>(server);
      if (lives_[index] != life || servers_[index] == nullptr) return;
      network_.SetServer(server, &servers_[index]->handler(), &servers_[index]->clock());
    });
  });
}

void Cluster::Crash(int server) {
  const auto index = static_cast<size_t>(server);
  network_.SetServer(server, nullptr, nullptr);
  peers_.SetServer(server, nullptr);
  ++lives_[index];
  servers_[index].reset();
}

void Cluster::DrainThenCrash(int server) {
  const auto index = static_cast<size_t>(server);
  if (servers_[index] == nullptr) return;
  const int64_t life = lives_[index];
  const auto end = [this, server, life] {
    world_.Post([this, server, life] {
      if (lives_[static_cast<size_t>(server)] == life && is_up(server)) Crash(server);
    });
  };
  servers_[index]->Drain(end);
  // A server that does not come to rest is killed in the end, as an operator would.
  world_.After(absl::Seconds(10), end);
}

void Cluster::CountSplits(Ledger& ledger) {
  const matching::SpreadMetrics metrics = matching::MakeSpreadMetrics(&matching_metrics_);
  const auto count = [&ledger](const char* what, const base::Counter* counter) {
    const auto times = static_cast<int64_t>(counter->Value());
    if (times > 0) ledger.counts[what] += times;
  };
  count("task queue split", metrics.splits);
  count("task queue joined", metrics.joins);
  count("poll sent home from a partition", metrics.polls_sent_home);
  count("task met a poll in a partition", metrics.matched);
}

absl::Duration Cluster::clock_error() const {
  absl::Duration most;
  for (const absl::Duration offset : offsets_) most = std::max(most, absl::AbsDuration(offset));
  return most;
}

void Cluster::SetStoreFaults(store::simulated::SimulatedFaults faults) {
  faults_ = faults;
  for (auto& server : servers_) {
    if (server != nullptr) server->SetFaults(faults);
  }
}

}  // namespace perdure::sim
