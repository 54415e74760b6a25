#include "store/simulated/simulated_store.h"

#include <map>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "store/contract.h"

namespace perdure::store::simulated {
namespace {

// The smallest deterministic loop: virtual time, run by the test.
class VirtualLoop final : public runtime::Loop {
 public:
  explicit VirtualLoop(uint64_t seed) : random_(seed) {}

  void Post(runtime::Task task) override { At(now_, std::move(task)); }
  runtime::TimerId At(absl::Time when, runtime::Task task) override {
    tasks_[{std::max(when, now_), ++last_id_}] = std::move(task);
    return last_id_;
  }
  void Cancel(runtime::TimerId) override {}
  bool IsCurrent() const override { return true; }
  absl::Time Now() const override { return now_; }
  base::Random& random() override { return random_; }

  bool Step() {
    if (tasks_.empty()) return false;
    auto first = tasks_.extract(tasks_.begin());
    now_ = first.key().first;
    std::move(first.mapped())();
    return true;
  }
  void RunAll() {
    while (Step()) {
    }
  }

 private:
  absl::Time now_ = Second(0);
  std::map<std::pair<absl::Time, runtime::TimerId>, runtime::Task> tasks_;
  runtime::TimerId last_id_ = 0;
  base::Random random_;
};

constexpr char kRunId[] = "44444444-4444-4444-8444-444444444444";

IncarnationId Register(Store& store, VirtualLoop& loop) {
  IncarnationId id;
  store.RegisterIncarnation({.node_name = "node", .address = "address"},
                            [&](absl::StatusOr<IncarnationId> result) {
                              if (result.ok()) id = *result;
                            });
  loop.RunAll();
  return id;
}

ExecutionCommit Create(const std::string& workflow_id, int64_t number) {
  ExecutionCommit commit;
  commit.key = {base::ShardOf(NamespaceNumber(1), workflow_id), ExecutionNumber(number)};
  commit.create =
      ExecutionCommit::Create{NamespaceNumber(1), WorkflowId(workflow_id), RunId(kRunId)};
  commit.journal_sequence = 1;
  commit.journal_record = "first";
  return commit;
}

bool Exists(Store& store, VirtualLoop& loop, const std::string& workflow_id) {
  bool exists = false;
  store.LoadExecution(NamespaceNumber(1), WorkflowId(workflow_id), std::nullopt,
                      [&](absl::StatusOr<LoadedExecution> loaded) { exists = loaded.ok(); });
  loop.RunAll();
  return exists;
}

TEST(SimulatedStore, TakesVirtualTime) {
  SimulatedDatabase database;
  VirtualLoop loop(1);
  const auto store = MakeSimulatedStore(
      database, loop,
      {.commit_latency_min = absl::Milliseconds(5), .commit_latency_max = absl::Milliseconds(9)});
  const IncarnationId id = Register(*store, loop);
  const absl::Time before = loop.Now();
  bool is_done = false;
  store->Commit({id, {Create("slow", 1)}}, [&](absl::Status status) { is_done = status.ok(); });
  loop.RunAll();
  EXPECT_TRUE(is_done);
  EXPECT_GE(loop.Now() - before, absl::Milliseconds(5));
  EXPECT_LE(loop.Now() - before, absl::Milliseconds(9));
}

TEST(SimulatedStore, DoesNothingWhenUnavailable) {
  SimulatedDatabase database;
  VirtualLoop loop(1);
  const auto store = MakeSimulatedStore(database, loop, {});
  const IncarnationId id = Register(*store, loop);
  store->SetFaults({.commit_unavailable_chance = 1});
  absl::Status status;
  store->Commit({id, {Create("away", 1)}}, [&](absl::Status s) { status = s; });
  loop.RunAll();
  EXPECT_TRUE(absl::IsUnavailable(status));
  EXPECT_FALSE(Exists(*store, loop, "away"));
  store->SetFaults({.call_unavailable_chance = 1});
  store->Ping([&](absl::Status s) { status = s; });
  loop.RunAll();
  EXPECT_TRUE(absl::IsUnavailable(status));
}

TEST(SimulatedStore, LosesOutcomesBothWays) {
  bool seen[2] = {false, false};
  for (uint64_t seed = 0; seed < 20; ++seed) {
    SimulatedDatabase database;
    VirtualLoop loop(seed);
    const auto store = MakeSimulatedStore(database, loop, {});
    const IncarnationId id = Register(*store, loop);
    store->SetFaults({.unknown_chance = 1});
    absl::Status status;
    store->Commit({id, {Create("lost", 1)}}, [&](absl::Status s) { status = s; });
    loop.RunAll();
    EXPECT_EQ(status.code(), absl::StatusCode::kUnknown);
    store->SetFaults({});
    seen[Exists(*store, loop, "lost") ? 1 : 0] = true;
  }
  EXPECT_TRUE(seen[0]);
  EXPECT_TRUE(seen[1]);
}

TEST(SimulatedStore, KeepsOnlyWhatWasCommittedThroughACrash) {
  for (const double chance : {0.0, 1.0}) {
    SimulatedDatabase database;
    VirtualLoop loop(7);
    auto store = MakeSimulatedStore(
        database, loop, {.commit_latency_min = absl::Seconds(1), .crash_commits_chance = chance});
    const IncarnationId id = Register(*store, loop);
    store->Commit({id, {Create("kept", 1)}}, [](absl::Status) {});
    loop.RunAll();
    absl::Status in_flight;
    absl::Status queued;
    store->Commit({id, {Create("in flight", 2)}}, [&](absl::Status s) { in_flight = s; });
    loop.Step();
    store->Commit({id, {Create("queued", 3)}}, [&](absl::Status s) { queued = s; });
    store = nullptr;
    EXPECT_TRUE(absl::IsCancelled(in_flight));
    EXPECT_TRUE(absl::IsCancelled(queued));
    loop.RunAll();
    const auto next = MakeSimulatedStore(database, loop, {});
    EXPECT_TRUE(Exists(*next, loop, "kept"));
    EXPECT_EQ(Exists(*next, loop, "in flight"), chance == 1.0);
    EXPECT_FALSE(Exists(*next, loop, "queued"));
  }
}

TEST(SimulatedStore, DoesTheSameForTheSameSeed) {
  const auto run = [](uint64_t seed) {
    SimulatedDatabase database;
    VirtualLoop loop(seed);
    const auto store = MakeSimulatedStore(database, loop,
                                          {.commit_latency_max = absl::Milliseconds(10),
                                           .commit_unavailable_chance = 0.2,
                                           .unknown_chance = 0.2});
    store->SetFaults({});
    const IncarnationId id = Register(*store, loop);
    store->SetFaults({.commit_latency_max = absl::Milliseconds(10),
                      .commit_unavailable_chance = 0.2,
                      .unknown_chance = 0.2});
    for (int64_t i = 1; i <= 50; ++i) {
      store->Commit({id, {Create(absl::StrCat("run-", i), i)}}, [](absl::Status) {});
      loop.Step();
    }
    loop.RunAll();
    return database.Fingerprint();
  };
  EXPECT_EQ(run(5), run(5));
  EXPECT_NE(run(5), run(6));
}

}  // namespace
}  // namespace perdure::store::simulated
