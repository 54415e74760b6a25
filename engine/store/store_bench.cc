// Measures commits: small workflows of five transitions each, a given number of them at a time.
//
//   store_bench sqlite FILE | sqlite-memory | postgres URL | simulated   [seconds per step]
//
// One line a step: transitions and workflows a second, what one workflow costs in transactions,
// statements and rows, and, for PostgreSQL, in bytes of WAL.
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <pqxx/pqxx>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/blocking_counter.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "base/random.h"
#include "runtime/runtime.h"
#include "store/postgres/postgres_store.h"
#include "store/simulated/simulated_store.h"
#include "store/sqlite/sqlite_store.h"

namespace perdure::store {
namespace {

constexpr int kTransitions = 5;
constexpr size_t kRecordBytes = 250;

// One workflow after the other, until the time is over.
class Client {
 public:
  Client(Store& store, IncarnationId incarnation, int64_t index, int64_t round, absl::Time end,
         std::atomic<int64_t>& finished, absl::BlockingCounter& running)
      : store_(store),
        incarnation_(incarnation),
        index_(index),
        round_(round),
        end_(end),
        random_(static_cast<uint64_t>(index * 1000 + round)),
        finished_(finished),
        running_(running) {}

  void Begin() {
    workflow_id_ = absl::StrCat("order-", round_, "-", index_, "-", ++made_);
    run_id_ = random_.Uuid();
    key_ = {base::ShardOf(NamespaceNumber(1), workflow_id_),
            ExecutionNumber(absl::GetCurrentTimeNanos() * 256 + index_ % 256)};
    started_ = absl::Now();
    transition_ = 0;
    Next();
  }

 private:
  void Next() {
    ++transition_;
    ExecutionCommit commit;
    commit.key = key_;
    commit.journal_sequence = transition_;
    commit.journal_record = std::string(kRecordBytes, static_cast<char>('a' + transition_));
    if (transition_ == 1) {
      commit.create =
          ExecutionCommit::Create{NamespaceNumber(1), WorkflowId(workflow_id_), RunId(run_id_)};
      commit.wake_at = started_;
      commit.visibility = Row();
    }
    if (transition_ == kTransitions) {
      commit.is_closed = true;
      commit.wake_at = started_ + absl::Hours(72);
      commit.visibility = Row();
      commit.visibility->status = 2;
      commit.visibility->close_time = absl::Now();
    }
    store_.Commit({incarnation_, {std::move(commit)}}, [this](absl::Status status) {
      if (!status.ok()) {
        std::fprintf(stderr, "%s\n", status.ToString().c_str());
        std::abort();
      }
      if (transition_ < kTransitions) return Next();
      finished_ += 1;
      if (absl::Now() < end_) return Begin();
      running_.DecrementCount();
    });
  }

  VisibilityRow Row() const {
    VisibilityRow row;
    row.workflow_type = "OrderWorkflow";
    row.task_queue = "orders";
    row.start_time = started_;
    row.execution_time = started_;
    row.root_workflow_id = workflow_id_;
    row.root_run_id = run_id_;
    return row;
  }

  Store& store_;
  const IncarnationId incarnation_;
  const int64_t index_;
  const int64_t round_;
  const absl::Time end_;
  base::Random random_;
  std::atomic<int64_t>& finished_;
  absl::BlockingCounter& running_;
  std::string workflow_id_;
  std::string run_id_;
  ExecutionKey key_;
  absl::Time started_;
  int transition_ = 0;
  int64_t made_ = 0;
};

int64_t WalPosition(const std::string& url) {
  if (url.empty()) return 0;
  pqxx::connection connection(url);
  pqxx::nontransaction query(connection);
  return query.exec1("SELECT (pg_current_wal_lsn() - '0/0')::bigint")[0].as<int64_t>();
}

void Step(Store& store, IncarnationId incarnation, int64_t at_once, absl::Duration duration,
          const std::string& url) {
  std::atomic<int64_t> finished{0};
  absl::BlockingCounter running(static_cast<int>(at_once));
  const StoreStatistics before = store.statistics();
  const int64_t wal_before = WalPosition(url);
  const absl::Time start = absl::Now();
  std::vector<std::unique_ptr<Client>> clients;
  for (int64_t i = 0; i < at_once; ++i) {
    clients.push_back(std::make_unique<Client>(store, incarnation, i,
                                               absl::ToUnixMillis(start) % 100000 + at_once,
                                               start + duration, finished, running));
  }
  for (auto& client : clients) client->Begin();
  running.Wait();
  const double seconds = absl::ToDoubleSeconds(absl::Now() - start);
  const StoreStatistics after = store.statistics();
  const auto workflows = static_cast<double>(finished.load());
  const auto each = [workflows](int64_t from, int64_t to) {
    return static_cast<double>(to - from) / workflows;
  };
  std::printf(
      "%5lld at once: %9.0f transitions/s %8.0f workflows/s | a workflow: %5.2f transactions "
      "%5.2f statements %5.2f rows %6.0f WAL bytes\n",
      static_cast<long long>(at_once), workflows * kTransitions / seconds, workflows / seconds,
      each(before.transactions, after.transactions), each(before.statements, after.statements),
      each(before.rows_written, after.rows_written), each(wal_before, WalPosition(url)));
}

int Main(int argc, char** argv) {
  const std::string kind = argc > 1 ? argv[1] : "";
  const bool has_place = kind == "sqlite" || kind == "postgres";
  const std::string place = has_place && argc > 2 ? argv[2] : "";
  const int seconds_at = has_place ? 3 : 2;
  const double seconds = argc > seconds_at ? std::atof(argv[seconds_at]) : 2;
  // The loop and the database outlive the store.
  const std::unique_ptr<runtime::Loop> loop = runtime::MakeThreadLoop(1);
  simulated::SimulatedDatabase database;
  absl::StatusOr<std::unique_ptr<Store>> store = absl::InvalidArgumentError(
      "usage: store_bench sqlite FILE | sqlite-memory | postgres URL | simulated [seconds]");
  if (kind == "sqlite" || kind == "sqlite-memory") store = sqlite::OpenSqlite({.file = place});
  if (kind == "postgres") store = postgres::OpenPostgres({.url = place});
  if (kind == "simulated") store = simulated::MakeSimulatedStore(database, *loop, {});
  if (!store.ok()) {
    std::fprintf(stderr, "%s\n", store.status().ToString().c_str());
    return 1;
  }
  IncarnationId incarnation;
  absl::Notification registered;
  (*store)->RegisterIncarnation({.node_name = "bench"}, [&](absl::StatusOr<IncarnationId> id) {
    incarnation = id.value_or(IncarnationId());
    registered.Notify();
  });
  registered.WaitForNotification();
  for (const int64_t at_once : {1, 16, 128, 1024}) {
    Step(**store, incarnation, at_once, absl::Seconds(seconds), kind == "postgres" ? place : "");
  }
  return 0;
}

}  // namespace
}  // namespace perdure::store

int main(int argc, char** argv) { return perdure::store::Main(argc, argv); }
