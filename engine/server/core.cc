#include "server/core.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <random>
#include <thread>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/synchronization/notification.h"
#include "base/log.h"
#include "cluster/node.h"
#include "frontend/frontend.h"
#include "frontend/namespace_registry.h"
#include "history/history.h"
#include "history/rival.h"
#include "matching/matching.h"
#include "rpc/peer_client.h"
#include "rpc/peer_server.h"
#include "runtime/runtime.h"
#include "store/postgres/postgres_store.h"
#include "store/sqlite/sqlite_store.h"

namespace perdure::server {
namespace {

// Waits for an asynchronous call: only while starting, where there is nothing else to do.
template <class Result, class Start>
Result Await(const Start& start) {
  Result result = absl::UnknownError("not answered");
  absl::Notification done;
  start([&](Result answer) {
    result = std::move(answer);
    done.Notify();
  });
  done.WaitForNotification();
  return result;
}

constexpr int kInternalPort = 7234;
constexpr absl::Duration kReadRegistryAgain = absl::Seconds(1);
// How long a scrape waits for a busy engine.
constexpr absl::Duration kMeasureMax = absl::Seconds(1);
// How long a server that stops waits for the ends of calls that it sent on.
constexpr absl::Duration kForwardedMax = absl::Milliseconds(300);

uint64_t Seed() {
  std::random_device device;
  return (static_cast<uint64_t>(device()) << 32) | device();
}

std::string HostName() {
  std::array<char, 256> name{};
  return gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "perdure";
}

bool IsPostgres(absl::string_view db) {
  return absl::StartsWith(db, "postgres://") || absl::StartsWith(db, "postgresql://");
}

absl::StatusOr<std::unique_ptr<store::Store>> OpenStore(const std::string& db) {
  if (IsPostgres(db)) return store::postgres::OpenPostgres({.url = db});
  return store::sqlite::OpenSqlite({.file = std::string(absl::StripPrefix(db, "sqlite:"))});
}

rpc::ServingState HealthOf(history::ServingState state) {
  switch (state) {
    case history::ServingState::kStarting:
      return rpc::ServingState::kStarting;
    case history::ServingState::kStandby:
      return rpc::ServingState::kStandby;
    case history::ServingState::kServing:
      return rpc::ServingState::kServing;
    case history::ServingState::kStoreUnreachable:
      return rpc::ServingState::kStoreUnreachable;
  }
  return rpc::ServingState::kStarting;
}

// Enough that a core with one of them waiting for its commit has others to work at, and few enough
// that nobody waits long behind another namespace's.
int64_t SharedRequests() {
  return 4 * static_cast<int64_t>(std::max(1U, std::thread::hardware_concurrency()));
}

class RealCore final : public Core {
 public:
  RealCore(const base::Settings& settings, rpc::CallQueue calls)
      : settings_(settings),
        calls_(calls),
        uuids_(Seed()),
        engine_loop_(runtime::MakeThreadLoop(Seed())),
        frontend_loop_(runtime::MakeThreadLoop(Seed())) {}

  // First what runs by itself, on threads of its own, then what it might still have called into; so
  // that the rest is destroyed with nobody else about.
  ~RealCore() override {
    if (peer_server_ != nullptr) peer_server_->Close();
    peer_server_.reset();
    if (peers_ != nullptr) peers_->Close();
    matching_.reset();
    store_.reset();
    engine_loop_.reset();
    frontend_loop_.reset();
  }

  absl::Status Start(const ServerOptions& options, base::Metrics& metrics, rpc::Health& health) {
    auto opened = OpenStore(options.db);
    if (!opened.ok()) return opened.status();
    store_ = *std::move(opened);
    auto cluster_id = Await<absl::StatusOr<std::string>>([&](auto done) {
      store_->PutSettingIfAbsent("cluster_id", uuids_.Next(), std::move(done));
    });
    if (!cluster_id.ok()) return cluster_id.status();
    cluster_.cluster_id = *std::move(cluster_id);
    cluster_.store_name = IsPostgres(options.db) ? "postgres12" : "sqlite";

    namespaces_ =
        std::make_unique<frontend::NamespaceRegistry>(*store_, *frontend_loop_, settings_, uuids_);
    namespaces_->set_settings_of(SettingsOfNamespaces(options));
    const auto loaded = Await<absl::Status>([&](auto done) {
      namespaces_->Start(
          {.names = options.namespaces, .search_attributes = options.search_attributes},
          std::move(done));
    });
    if (!loaded.ok()) return loaded;

    const std::string host = HostName();
    std::string address;
    if (store_->is_shared()) {
      auto listening = ListenForNodes(options, host, metrics);
      if (!listening.ok()) return listening.status();
      address = *std::move(listening);
    }
    matching::Options matching_options;
    matching_options.host_name = host;
    matching_options.metrics = &metrics;
    matching_options.spread.split_rate = settings_.Int(base::SettingId::kTaskQueueSplitRate);
    matching_ = matching::MakeMatching(*engine_loop_, matching_options);
    history::HistoryOptions history_options;
    history_options.node_name = host;
    history_options.core.metrics = &metrics;
    history_options.core.gather_max = settings_.Duration(base::SettingId::kCommitGatherMax);
    history_options.address = address;
    history_options.roles = options.roles;
    const auto alone = AwaitNoRival(history_options);
    if (!alone.ok()) return alone;
    has_frontend_ = (options.roles & base::kRoleFrontend) != 0;
    history_ = history::MakeHistory(*engine_loop_, *store_, *namespaces_, history_options);
    MakeNode(options, metrics);
    frontend_ = std::make_unique<frontend::Frontend>(
        frontend::Dependencies{*namespaces_, node_->history(), node_->matching(), *store_,
                               *frontend_loop_, uuids_, cluster_, settings_, &node_->cluster()},
        &metrics, SharedRequests());
    metrics.BeforeScrape([this, &metrics] { Measure(metrics); });
    Begin(health);
    return absl::OkStatus();
  }

  services::RpcHandler* handler() override { return has_frontend_ ? frontend_.get() : nullptr; }
  runtime::ThreadLoop& engine_loop() override { return *engine_loop_; }

  bool has_others() const override { return node_->view()->members.size() > 1; }

  void EndForwardedCalls() override {
    if (peers_ != nullptr) peers_->EndCalls(kForwardedMax);
  }
  void Drain(absl::AnyInvocable<void() &&> done) override {
    matching_->Drain();
    history_->Drain(std::move(done));
  }

 private:
  // Gives the address that the others are told.
  absl::StatusOr<std::string> ListenForNodes(const ServerOptions& options, const std::string& host,
                                             base::Metrics& metrics) {
    if (auto status = CheckInternal(options.security, options.ip); !status.ok()) return status;
    rpc::PeerServerOptions peer_options;
    peer_options.ip = options.ip;
    peer_options.tls = options.security.internal_tls;
    peer_options.metrics = &metrics;
    peer_options.port = options.internal_port.value_or(kInternalPort);
    auto listening = rpc::PeerServer::Start(peer_options, calls_);
    if (!listening.ok() && !options.internal_port.has_value()) {
      peer_options.port = 0;
      listening = rpc::PeerServer::Start(peer_options, calls_);
    }
    if (!listening.ok()) return listening.status();
    peer_server_ = *std::move(listening);
    if (!options.advertise.empty()) return options.advertise;
    const bool is_any = options.ip == "0.0.0.0" || options.ip == "::" || options.ip == "[::]";
    return absl::StrCat(is_any ? host : options.ip, ":", peer_server_->port());
  }

  // One that was heard of just now may be dead: then it is soon known.
  absl::Status AwaitNoRival(const history::HistoryOptions& options) {
    if (!store_->is_shared()) return absl::OkStatus();
    const history::Silence silence{.max = options.owner_silence_max,
                                   .max_without_session = options.owner_absence_max};
    return Await<absl::Status>([&](auto done) {
      history::AwaitNoRival(*engine_loop_, *store_,
                            {options.node_name, options.address, options.roles}, silence,
                            std::move(done));
    });
  }

  void MakeNode(const ServerOptions& options, base::Metrics& metrics) {
    rpc::PeerOptions peer_options;
    peer_options.tls = options.security.internal_tls;
    // Nodes find each other by address; the CA signs nobody else.
    peer_options.tls.verifies_host_name = false;
    peer_options.metrics = &metrics;
    peers_ = rpc::MakePeers(*engine_loop_, peer_options, calls_);
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
  }

  void Begin(rpc::Health& health) {
    matching_->SetServing(false);
    history::ClusterHooks hooks;
    hooks.on_state = [this, &health](history::ServingState state) {
      matching_->SetServing(state == history::ServingState::kServing);
      health.Set(HealthOf(state));
      base::LogInfo("server state", {{"state", rpc::NameOf(HealthOf(state))}});
    };
    hooks.on_view = [this](services::ClusterViewPtr view) { node_->SetView(std::move(view)); };
    hooks.on_registry = [this] { ReadRegistry(); };
    hooks.announce = [this](const services::Member& member) { node_->Announce(member); };
    hooks.on_rival = [](const absl::Status& refusal) {
      base::LogError("the server stops", {{"error", refusal}});
      kill(getpid(), SIGTERM);
    };
    history_->Begin(std::move(hooks));
    if (peer_server_ == nullptr) return;
    peer_server_->Open([&handler = node_->handler()](auto request, auto cancellation, auto reply) {
      handler.Handle(std::move(request), std::move(cancellation), std::move(reply));
    });
  }

  // Until it has been read: what was changed there is waited for.
  void ReadRegistry() {
    namespaces_->Reload([this](const absl::Status& status) {
      if (status.ok() || absl::IsCancelled(status)) return;
      base::LogWarning("namespaces not read anew", {{"error", status}});
      engine_loop_->AtLeisure(kReadRegistryAgain, [this] { ReadRegistry(); });
    });
  }

  // Before each scrape: what is cheaper to read than to keep pushing.
  void Measure(base::Metrics& metrics) {
    const store::StoreStatistics statistics = store_->statistics();
    const auto set = [&metrics](const char* name, const char* help, int64_t value) {
      metrics.GaugeOf(name, help).Set(static_cast<double>(value));
    };
    set("store_batches", "Batches committed since the start.", statistics.batches);
    set("store_transactions", "Transactions that took.", statistics.transactions);
    set("store_statements", "Statements that these took.", statistics.statements);
    set("store_rows_written", "Rows that these wrote.", statistics.rows_written);
    set("store_failed_batches", "Batches that failed.", statistics.failed_batches);
    set("store_reads", "Reads and other small requests.", statistics.reads);
    set("store_lineage_changes", "How often the database was found to be another one than before.",
        statistics.lineage_changes);
    set("store_records_lost", "Records that the database had acknowledged and no longer has.",
        statistics.records_lost);
    // Shared with the loop, which may come to it after the wait has been given up.
    auto measured = std::make_shared<absl::Notification>();
    matching_->MeasureBacklogs([measured] { measured->Notify(); });
    measured->WaitForNotificationWithTimeout(kMeasureMax);
  }

  const base::Settings settings_;
  const rpc::CallQueue calls_;
  frontend::UuidSource uuids_;
  frontend::ClusterFacts cluster_;
  std::unique_ptr<frontend::NamespaceRegistry> namespaces_;
  std::unique_ptr<frontend::Frontend> frontend_;
  bool has_frontend_ = true;
  std::unique_ptr<rpc::PeerServer> peer_server_;
  std::unique_ptr<rpc::NodePeers> peers_;
  std::unique_ptr<cluster::Node> node_;
  std::unique_ptr<history::History> history_;
  std::unique_ptr<store::Store> store_;
  // History and matching hand every task to and fro: on one loop that wakes no other thread.
  std::unique_ptr<runtime::ThreadLoop> engine_loop_;
  std::unique_ptr<runtime::Loop> frontend_loop_;
  std::unique_ptr<matching::Matching> matching_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Core>> MakeCore(const ServerOptions& options, base::Metrics& metrics,
                                               rpc::Health& health, rpc::CallQueue calls) {
  auto core = std::make_unique<RealCore>(options.settings, calls);
  const absl::Status started = core->Start(options, metrics, health);
  if (!started.ok()) return started;
  return core;
}

}  // namespace perdure::server
