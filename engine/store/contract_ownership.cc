// The contract on the registry, incarnations, fencing and shards.
#include <algorithm>
#include <atomic>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/blocking_counter.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "store/contract.h"

namespace perdure::store {
namespace {

using Owners = std::vector<ShardOwner>;

absl::StatusOr<Owners> Claim(Store& store, IncarnationId claimant, std::vector<ShardId> shards) {
  return Await<Owners>([&](Result<Owners> result) {
    store.ClaimShards(claimant, std::move(shards), std::move(result));
  });
}

absl::Status Fence(Store& store, IncarnationId incarnation) {
  return AwaitDone([&](Done done) { store.Fence(incarnation, std::move(done)); });
}

absl::StatusOr<ClusterState> State(Store& store, IncarnationId incarnation,
                                   bool is_leaving = false) {
  return Await<ClusterState>([&](Result<ClusterState> result) {
    store.Heartbeat(incarnation, is_leaving, std::move(result));
  });
}

absl::Status Heartbeat(Store& store, IncarnationId incarnation) {
  return State(store, incarnation).status();
}

absl::StatusOr<NamespaceRow> CreateNamespace(Store& store, const std::string& name) {
  NamespaceRow row;
  row.id = absl::StrCat("id of ", name);
  row.name = name;
  row.data = std::string("data\0", 5);
  return Await<NamespaceRow>(
      [&](Result<NamespaceRow> result) { store.CreateNamespace(row, std::move(result)); });
}

absl::StatusOr<NamespaceRow> UpdateNamespace(Store& store, NamespaceRow row) {
  return Await<NamespaceRow>(
      [&](Result<NamespaceRow> result) { store.UpdateNamespace(row, std::move(result)); });
}

TEST_P(StoreContract, KeepsNamespaces) {
  const auto list = [&] {
    return *Await<std::vector<NamespaceRow>>([&](Result<std::vector<NamespaceRow>> result) {
      store_->ListNamespaces(std::move(result));
    });
  };
  EXPECT_TRUE(list().empty());
  const auto first = CreateNamespace(*store_, "first");
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(first->version, 1);
  EXPECT_EQ(CreateNamespace(*store_, "first").status().code(), absl::StatusCode::kAlreadyExists);
  const auto second = CreateNamespace(*store_, "second");
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_NE(first->number, second->number);
  ASSERT_EQ(list().size(), 2u);
  EXPECT_EQ(list()[0].id, "id of first");
  EXPECT_EQ(list()[0].name, "first");
  EXPECT_EQ(list()[0].data, first->data);
  EXPECT_EQ(list()[0].number, first->number);

  NamespaceRow changed = *first;
  changed.name = "renamed";
  changed.data = "new";
  const auto updated = UpdateNamespace(*store_, changed);
  ASSERT_TRUE(updated.ok()) << updated.status();
  EXPECT_EQ(updated->version, 2);
  // The version read is stale now.
  EXPECT_TRUE(absl::IsFailedPrecondition(UpdateNamespace(*store_, changed).status()));
  NamespaceRow taken = *updated;
  taken.name = "second";
  EXPECT_TRUE(absl::IsAlreadyExists(UpdateNamespace(*store_, taken).status()));
  EXPECT_EQ(list()[0].name, "renamed");

  EXPECT_TRUE(
      AwaitDone([&](Done done) { store_->DeleteNamespace(second->number, std::move(done)); }).ok());
  EXPECT_EQ(list().size(), 1u);
  EXPECT_TRUE(absl::IsNotFound(UpdateNamespace(*store_, *second).status()));
  // Numbers are never reused.
  EXPECT_GT(CreateNamespace(*store_, "third")->number, second->number);
}

TEST_P(StoreContract, GivesANameToOneOfManyAtOnce) {
  constexpr int kAtOnce = 20;
  absl::BlockingCounter open(kAtOnce);
  std::atomic<int> created{0};
  std::atomic<int> refused{0};
  for (int i = 0; i < kAtOnce; ++i) {
    NamespaceRow row;
    row.id = absl::StrCat("id ", i);
    row.name = "wanted";
    store_->CreateNamespace(row, [&](absl::StatusOr<NamespaceRow> result) {
      if (result.ok()) created += 1;
      if (absl::IsAlreadyExists(result.status())) refused += 1;
      open.DecrementCount();
    });
  }
  open.Wait();
  EXPECT_EQ(created, 1);
  EXPECT_EQ(refused, kAtOnce - 1);
}

TEST_P(StoreContract, KeepsTheFirstValueOfASetting) {
  const auto get = [&](const std::string& key) {
    return *Await<std::optional<std::string>>([&](Result<std::optional<std::string>> result) {
      store_->GetSetting(key, std::move(result));
    });
  };
  const auto put = [&](const std::string& key, const std::string& value) {
    return *Await<std::string>([&](Result<std::string> result) {
      store_->PutSettingIfAbsent(key, value, std::move(result));
    });
  };
  EXPECT_EQ(get("cluster_id"), std::nullopt);
  EXPECT_EQ(put("cluster_id", "one"), "one");
  EXPECT_EQ(put("cluster_id", "two"), "one");
  EXPECT_EQ(get("cluster_id"), "one");
}

TEST_P(StoreContract, RegistersIncarnations) {
  const IncarnationId second = Register("second");
  EXPECT_NE(second, incarnation_);
  EXPECT_TRUE(Heartbeat(*store_, second).ok());
  const auto list = Await<std::vector<Incarnation>>([&](Result<std::vector<Incarnation>> result) {
    store_->ListIncarnations(std::move(result));
  });
  ASSERT_EQ(list->size(), 2u);
  const Incarnation& listed = (*list)[1];
  EXPECT_EQ(listed.id, second);
  EXPECT_EQ(listed.node.node_name, "second");
  EXPECT_EQ(listed.node.address, "127.0.0.1:7233");
  EXPECT_EQ(listed.node.roles, base::kAllRoles);
  EXPECT_FALSE(listed.is_fenced);
  EXPECT_GE(listed.since_heartbeat, absl::ZeroDuration());
  EXPECT_LT(listed.since_heartbeat, absl::Minutes(1));
  EXPECT_TRUE(AwaitDone([&](Done done) { store_->Ping(std::move(done)); }).ok());
}

// A server that ended without a word is known by it that nothing connects it any more.
TEST_P(StoreContract, TellsWhetherAnIncarnationHasASession) {
  if (!backend().is_shareable) GTEST_SKIP() << "one server at a time";
  std::unique_ptr<Store> other = database_->Open();
  const auto registered = Await<IncarnationId>([&](Result<IncarnationId> result) {
    other->RegisterIncarnation({.node_name = "other", .address = "127.0.0.1:7233"},
                               std::move(result));
  });
  ASSERT_TRUE(registered.ok()) << registered.status();
  const auto has_session = [&](IncarnationId id) {
    const auto list = Await<std::vector<Incarnation>>([&](Result<std::vector<Incarnation>> result) {
      store_->ListIncarnations(std::move(result));
    });
    const auto found = std::find_if(list->begin(), list->end(),
                                    [&](const Incarnation& listed) { return listed.id == id; });
    EXPECT_NE(found, list->end());
    return found->has_session;
  };
  EXPECT_TRUE(has_session(incarnation_));
  EXPECT_TRUE(has_session(*registered));
  other.reset();
  const absl::Time deadline = absl::Now() + absl::Seconds(20);
  while (has_session(*registered)) ASSERT_LT(absl::Now(), deadline);
  EXPECT_TRUE(has_session(incarnation_));
}

TEST_P(StoreContract, RefusesCommitsOfAFencedIncarnation) {
  const TestRun run = MustCreate("fenced");
  const IncarnationId successor = Register("successor");
  ASSERT_TRUE(Fence(*store_, incarnation_).ok());
  EXPECT_TRUE(absl::IsAborted(Commit({JournalCommit(run, 2, "stale")})));
  // That comes before whatever else is wrong with a batch.
  TestRun twin = NewRun("fenced");
  twin.key = run.key;
  EXPECT_TRUE(absl::IsAborted(Commit({CreateCommit(twin)})));
  EXPECT_TRUE(absl::IsAborted(Commit({JournalCommit(run, 7, "gap")})));
  ExecutionCommit wake;
  wake.key = run.key;
  wake.wake_at = Second(1);
  EXPECT_TRUE(absl::IsAborted(Commit({wake})));
  EXPECT_TRUE(absl::IsAborted(Commit({})));
  EXPECT_TRUE(absl::IsAborted(Heartbeat(*store_, incarnation_)));
  EXPECT_TRUE(absl::IsAborted(Claim(*store_, incarnation_, {run.key.shard}).status()));
  EXPECT_TRUE(absl::IsAborted(CommitAs(IncarnationId(12345), {JournalCommit(run, 2, "x")})));
  EXPECT_TRUE(CommitAs(successor, {JournalCommit(run, 2, "fresh")}).ok());
  EXPECT_EQ(Load(run)->tail.at(1).record, "fresh");
  // Fencing twice is no error.
  EXPECT_TRUE(Fence(*store_, incarnation_).ok());
}

// After Fence has answered, the journal does not move any more, whatever was in flight.
TEST_P(StoreContract, FencesCommitsInFlight) {
  constexpr int64_t kBatches = 300;
  const TestRun run = MustCreate("moving");
  std::unique_ptr<Store> other = backend().is_shareable ? database_->Open() : nullptr;
  Store& fencer = other ? *other : *store_;
  absl::BlockingCounter open(kBatches);
  std::atomic<int64_t> committed{1};
  for (int64_t sequence = 2; sequence < 2 + kBatches; ++sequence) {
    store_->Commit(CommitBatch{incarnation_, {JournalCommit(run, sequence, "x")}},
                   [&](absl::Status status) {
                     if (status.ok()) committed += 1;
                     open.DecrementCount();
                   });
  }
  ASSERT_TRUE(Fence(fencer, incarnation_).ok());
  const auto at_fence = Journal({.key = run.key, .records_max = 1000});
  open.Wait();
  const auto at_end = Journal({.key = run.key, .records_max = 1000});
  EXPECT_EQ(at_fence->size(), at_end->size());
  EXPECT_EQ(static_cast<int64_t>(at_end->size()), committed);
}

// A heartbeat is not held up by commits, nor commits by heartbeats.
TEST_P(StoreContract, HeartbeatsBesideCommits) {
  constexpr int kRounds = 50;
  const TestRun run = MustCreate("beating");
  absl::BlockingCounter open(2 * kRounds);
  std::atomic<int> failures{0};
  const auto done = [&](const absl::Status& status) {
    if (!status.ok()) failures += 1;
    open.DecrementCount();
  };
  for (int i = 0; i < kRounds; ++i) {
    store_->Commit(CommitBatch{incarnation_, {JournalCommit(run, 2 + i, "x")}}, done);
    store_->Heartbeat(incarnation_, /*is_leaving=*/false,
                      [&](absl::StatusOr<ClusterState> state) { done(state.status()); });
  }
  open.Wait();
  EXPECT_EQ(failures, 0);
}

TEST_P(StoreContract, GivesAShardToOneOwner) {
  const std::vector<ShardId> wanted = {ShardId(1), ShardId(2), ShardId(1023)};
  const auto mine = Claim(*store_, incarnation_, wanted);
  ASSERT_TRUE(mine.ok()) << mine.status();
  EXPECT_EQ(mine->size(), 3u);
  const IncarnationId second = Register("second");
  const auto rest = Claim(*store_, second, {ShardId(2), ShardId(3)});
  ASSERT_TRUE(rest.ok()) << rest.status();
  ASSERT_EQ(rest->size(), 1u);
  EXPECT_EQ((*rest)[0].shard, ShardId(3));
  const auto list =
      Await<Owners>([&](Result<Owners> result) { store_->ListShards(std::move(result)); });
  EXPECT_EQ(list->size(), 4u);
  // Once the first is fenced, what it had is free, but only what is asked for moves.
  ASSERT_TRUE(Fence(*store_, incarnation_).ok());
  EXPECT_EQ(Claim(*store_, second, {ShardId(2)})->size(), 2u);
  EXPECT_EQ(Claim(*store_, second, AllShards())->size(), 1024u);
}

TEST_P(StoreContract, HandsShardsOver) {
  const IncarnationId second = Register("second");
  const std::vector<ShardId> some = {ShardId(1), ShardId(2), ShardId(3)};
  ASSERT_EQ(Claim(*store_, incarnation_, some)->size(), 3u);
  ASSERT_EQ(Claim(*store_, second, {ShardId(9)})->size(), 1u);
  const auto hand_over = [&](IncarnationId from, IncarnationId to, std::vector<ShardId> shards) {
    return AwaitDone(
        [&](Done done) { store_->HandOver(from, to, std::move(shards), std::move(done)); });
  };
  // What the giver does not own stays where it is.
  EXPECT_TRUE(hand_over(incarnation_, second, {ShardId(2), ShardId(3), ShardId(9)}).ok());
  EXPECT_EQ(Claim(*store_, incarnation_, {})->size(), 1u);
  EXPECT_EQ(Claim(*store_, second, {})->size(), 3u);
  EXPECT_TRUE(
      absl::IsFailedPrecondition(hand_over(incarnation_, IncarnationId(12345), {ShardId(1)})));
  ASSERT_TRUE(State(*store_, second, /*is_leaving=*/true).ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(hand_over(incarnation_, second, {ShardId(1)})));
  ASSERT_TRUE(Fence(*store_, second).ok());
  EXPECT_TRUE(absl::IsAborted(hand_over(second, incarnation_, {ShardId(2)})));
  EXPECT_EQ(Claim(*store_, incarnation_, {})->size(), 1u);
}

TEST_P(StoreContract, TellsAHeartbeatWhatIsNew) {
  const auto before = State(*store_, incarnation_);
  ASSERT_TRUE(before.ok()) << before.status();
  ASSERT_EQ(before->incarnations.size(), 1u);
  EXPECT_EQ(before->incarnations[0].id, incarnation_);
  EXPECT_FALSE(before->incarnations[0].is_leaving);
  const auto matching = Await<IncarnationId>([&](Result<IncarnationId> result) {
    store_->RegisterIncarnation({.node_name = "m", .address = "a:1", .roles = base::kRoleMatching},
                                std::move(result));
  });
  ASSERT_TRUE(matching.ok()) << matching.status();
  ASSERT_TRUE(State(*store_, *matching, /*is_leaving=*/true).ok());
  const auto after = State(*store_, incarnation_);
  ASSERT_EQ(after->incarnations.size(), 2u);
  EXPECT_EQ(after->incarnations[1].node.roles, base::kRoleMatching);
  EXPECT_TRUE(after->incarnations[1].is_leaving);
  ASSERT_TRUE(State(*store_, *matching).ok());
  EXPECT_FALSE(State(*store_, incarnation_)->incarnations[1].is_leaving)
      << "it has changed its mind";
  EXPECT_EQ(after->shards_version, before->shards_version);
  EXPECT_EQ(after->registry_version, before->registry_version);
  if (!backend().is_shareable) return;
  ASSERT_TRUE(Claim(*store_, incarnation_, {ShardId(5)}).ok());
  const int64_t shards = State(*store_, incarnation_)->shards_version;
  EXPECT_GT(shards, before->shards_version);
  const auto created = CreateNamespace(*store_, "new");
  ASSERT_TRUE(created.ok());
  const int64_t registry = State(*store_, incarnation_)->registry_version;
  EXPECT_GT(registry, before->registry_version);
  ASSERT_TRUE(AwaitDone([&](Done done) {
                store_->AddSearchAttribute({created->number, "Color", query::Type::kKeyword},
                                           std::move(done));
              }).ok());
  EXPECT_GT(State(*store_, incarnation_)->registry_version, registry);
  EXPECT_EQ(State(*store_, incarnation_)->shards_version, shards);
}

// Or a larger one, but none beyond those of other shards.
TEST_P(StoreContract, TellsAnOwnerTheLargestNumberEverGiven) {
  const TestRun other = MustCreate("other");
  const TestRun first = MustCreate("numbers");
  ASSERT_NE(other.key.shard, first.key.shard);
  const auto last_number = [&] {
    const auto owners = Claim(*store_, incarnation_, {first.key.shard});
    EXPECT_TRUE(owners.ok()) << owners.status();
    return owners->at(0).last_number.value();
  };
  EXPECT_EQ(last_number(), first.key.number.value());
  TestRun larger = NewRun("numbers");
  larger.key.number = ExecutionNumber(70);
  ASSERT_TRUE(Commit({CreateCommit(larger, false)}).ok());
  EXPECT_EQ(last_number(), 70);
  // Also after the run that had it is gone, whichever goes first.
  TestRun largest = NewRun("other");
  largest.key.number = ExecutionNumber(80);
  ASSERT_TRUE(Commit({CreateCommit(largest, false)}).ok());
  for (const TestRun& run : {larger, first, largest, other}) {
    ExecutionCommit gone;
    gone.key = run.key;
    gone.erase = true;
    ASSERT_TRUE(Commit({gone}).ok());
    EXPECT_GE(last_number(), 70);
    EXPECT_LE(last_number(), 80);
  }
}

TEST_P(StoreContract, SharesADatabaseBetweenServers) {
  if (!backend().is_shareable) GTEST_SKIP() << "one server at a time";
  const std::unique_ptr<Store> other = database_->Open();
  const TestRun run = MustCreate("shared");
  const auto loaded = Await<LoadedExecution>([&](Result<LoadedExecution> result) {
    other->LoadExecution(run.namespace_number, run.workflow_id, std::nullopt, std::move(result));
  });
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(loaded->run_id, run.run_id);
}

}  // namespace
}  // namespace perdure::store
