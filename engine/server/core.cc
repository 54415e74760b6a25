#include "server/core.h"

#include <random>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "base/errors.h"
#include "base/log.h"
#include "frontend/frontend.h"
#include "frontend/namespace_registry.h"
#include "matching/matching.h"
#include "runtime/runtime.h"
#include "services/unimplemented_history.h"
#include "store/sqlite/sqlite_store.h"

namespace perdure::server {
namespace {

// Waits for an asynchronous call: only while starting, where there is nothing else to do.
template <class T, class Start>
absl::StatusOr<T> Await(const Start& start) {
  absl::StatusOr<T> result = absl::UnknownError("");
  absl::Notification done;
  start([&](absl::StatusOr<T> value) {
    result = std::move(value);
    done.Notify();
  });
  done.WaitForNotification();
  return result;
}

template <class Start>
absl::Status AwaitDone(const Start& start) {
  absl::Status result;
  absl::Notification done;
  start([&](absl::Status status) {
    result = std::move(status);
    done.Notify();
  });
  done.WaitForNotification();
  return result;
}

uint64_t Seed() {
  std::random_device device;
  return (static_cast<uint64_t>(device()) << 32) | device();
}

bool IsPostgres(absl::string_view db) {
  return absl::StartsWith(db, "postgres://") || absl::StartsWith(db, "postgresql://");
}

absl::StatusOr<std::unique_ptr<store::Store>> OpenStore(const std::string& db) {
  if (IsPostgres(db)) return base::Unimplemented("PostgreSQL is not part of this build.");
  store::sqlite::SqliteOptions options;
  options.file = std::string(absl::StripPrefix(db, "sqlite:"));
  return store::sqlite::OpenSqlite(std::move(options));
}

class RealCore final : public Core {
 public:
  explicit RealCore(const ServerOptions& options)
      : settings_(options.settings),
        uuids_(Seed()),
        frontend_loop_(runtime::MakeThreadLoop(Seed())),
        matching_loop_(runtime::MakeThreadLoop(Seed())) {}

  // What calls back goes before what is called: the loops and the store may still call into the
  // registry, matching posts its end to its loop.
  ~RealCore() override {
    matching_.reset();
    matching_loop_.reset();
    frontend_loop_.reset();
    store_.reset();
  }

  absl::Status Start(const ServerOptions& options, base::Metrics& metrics) {
    auto opened = OpenStore(options.db);
    if (!opened.ok()) return opened.status();
    store_ = *std::move(opened);
    auto cluster_id = Await<std::string>([&](auto done) {
      store_->PutSettingIfAbsent("cluster_id", uuids_.Next(), std::move(done));
    });
    if (!cluster_id.ok()) return cluster_id.status();
    cluster_.cluster_id = *cluster_id;
    cluster_.store_name = IsPostgres(options.db) ? "postgres12" : "sqlite";

    namespaces_ =
        std::make_unique<frontend::NamespaceRegistry>(*store_, *frontend_loop_, settings_, uuids_);
    const absl::Status loaded = AwaitDone([&](auto done) {
      namespaces_->Start(
          {.names = options.namespaces, .search_attributes = options.search_attributes},
          std::move(done));
    });
    if (!loaded.ok()) return loaded;
    matching_ = matching::MakeMatching(*matching_loop_, {});
    history_ = std::make_unique<services::UnimplementedHistory>();
    matching_->SetHistory(history_.get());
    frontend_ = std::make_unique<frontend::Frontend>(
        frontend::Dependencies{*namespaces_, *history_, *matching_, *store_, *frontend_loop_,
                               uuids_, cluster_, settings_},
        &metrics);
    return absl::OkStatus();
  }

  services::RpcHandler& handler() override { return *frontend_; }

  void Drain(absl::AnyInvocable<void() &&> done) override {
    matching_->Drain();
    history_->Drain(std::move(done));
  }

 private:
  const base::Settings settings_;
  frontend::UuidSource uuids_;
  frontend::ClusterFacts cluster_;
  std::unique_ptr<frontend::NamespaceRegistry> namespaces_;
  std::unique_ptr<frontend::Frontend> frontend_;
  std::unique_ptr<services::HistoryService> history_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<runtime::Loop> frontend_loop_;
  std::unique_ptr<runtime::Loop> matching_loop_;
  std::unique_ptr<matching::Matching> matching_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Core>> MakeCore(const ServerOptions& options, base::Metrics& metrics,
                                               rpc::Health& health) {
  auto core = std::make_unique<RealCore>(options);
  const absl::Status started = core->Start(options, metrics);
  if (!started.ok()) return started;
  return core;
}

}  // namespace perdure::server
