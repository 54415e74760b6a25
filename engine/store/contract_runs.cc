// The contract on runs: commits, journal, snapshots, currency, wake times.
#include <algorithm>
#include <atomic>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/blocking_counter.h"
#include "gmock/gmock.h"
#include "store/contract.h"

namespace perdure::store {
namespace {

using testing::ElementsAre;

std::vector<int64_t> Sequences(const std::vector<JournalEntry>& entries) {
  std::vector<int64_t> sequences;
  for (const JournalEntry& entry : entries) sequences.push_back(entry.sequence);
  return sequences;
}

TEST_P(StoreContract, LoadsWhatWasCommitted) {
  const TestRun run = NewRun("order-1");
  ExecutionCommit commit = CreateCommit(run);
  commit.journal_record = std::string("bytes\0\xff", 7);
  commit.wake_at = Second(5);
  ASSERT_TRUE(Commit({commit}).ok());

  for (const auto& loaded : {Load(run), LoadCurrent("order-1")}) {
    ASSERT_TRUE(loaded.ok()) << loaded.status();
    EXPECT_EQ(loaded->key, run.key);
    EXPECT_EQ(loaded->namespace_number, run.namespace_number);
    EXPECT_EQ(loaded->workflow_id, run.workflow_id);
    EXPECT_EQ(loaded->run_id, run.run_id);
    EXPECT_TRUE(loaded->is_current);
    EXPECT_FALSE(loaded->is_closed);
    EXPECT_EQ(loaded->wake_at, Second(5));
    EXPECT_FALSE(loaded->snapshot.has_value());
    ASSERT_EQ(loaded->tail.size(), 1u);
    EXPECT_EQ(loaded->tail[0].sequence, 1);
    EXPECT_EQ(loaded->tail[0].record, commit.journal_record);
  }
}

TEST_P(StoreContract, AnswersNotFoundForWhatIsNotThere) {
  EXPECT_TRUE(absl::IsNotFound(LoadCurrent("nobody").status()));
  EXPECT_TRUE(absl::IsNotFound(Load(NewRun("nobody")).status()));
  const TestRun run = MustCreate("here");
  TestRun wrong = run;
  wrong.run_id = RunId("not a uuid");
  EXPECT_TRUE(absl::IsNotFound(Load(wrong).status()));
  EXPECT_TRUE(absl::IsNotFound(LoadCurrent("here", 2).status()));
}

TEST_P(StoreContract, LoadsTheSnapshotAndOnlyTheTailBehindIt) {
  const TestRun run = MustCreate("long");
  for (int64_t sequence = 2; sequence <= 5; ++sequence) {
    ExecutionCommit commit = JournalCommit(run, sequence, absl::StrCat("record ", sequence));
    if (sequence >= 3 && sequence <= 4) {
      commit.snapshot = ExecutionCommit::Snapshot{sequence, absl::StrCat("state ", sequence)};
    }
    ASSERT_TRUE(Commit({commit}).ok());
  }
  const auto loaded = Load(run);
  ASSERT_TRUE(loaded.ok());
  ASSERT_TRUE(loaded->snapshot.has_value());
  EXPECT_EQ(loaded->snapshot->sequence, 4);
  EXPECT_EQ(loaded->snapshot->bytes, "state 4");
  EXPECT_THAT(Sequences(loaded->tail), ElementsAre(5));
  EXPECT_EQ(loaded->tail[0].record, "record 5");
}

TEST_P(StoreContract, RefusesGapsInTheJournal) {
  const TestRun run = MustCreate("gaps");
  EXPECT_TRUE(absl::IsFailedPrecondition(Commit({JournalCommit(run, 3, "too far")})));
  EXPECT_TRUE(absl::IsFailedPrecondition(Commit({JournalCommit(run, 1, "again")})));
  EXPECT_TRUE(Commit({JournalCommit(run, 2, "next")}).ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(Commit({JournalCommit(run, 2, "again")})));
  ExecutionCommit late = CreateCommit(NewRun("late"));
  late.journal_sequence = 2;
  EXPECT_TRUE(absl::IsFailedPrecondition(Commit({late})));
  EXPECT_THAT(Sequences(*Journal({run.key})), ElementsAre(1, 2));
}

TEST_P(StoreContract, RefusesToWriteRunsThatDoNotExist) {
  const TestRun nobody = NewRun("nobody");
  EXPECT_TRUE(absl::IsFailedPrecondition(Commit({JournalCommit(nobody, 1, "x")})));
  EXPECT_TRUE(absl::IsFailedPrecondition(Commit({JournalCommit(nobody, 2, "x")})));
  ExecutionCommit wake;
  wake.key = nobody.key;
  wake.wake_at = Second(1);
  EXPECT_TRUE(absl::IsFailedPrecondition(Commit({wake})));
  ExecutionCommit snapshot;
  snapshot.key = nobody.key;
  snapshot.snapshot = ExecutionCommit::Snapshot{1, "state"};
  EXPECT_TRUE(absl::IsFailedPrecondition(Commit({snapshot})));
  ExecutionCommit row;
  row.key = nobody.key;
  row.visibility = MakeRow(1);
  EXPECT_TRUE(absl::IsFailedPrecondition(Commit({row})));
  ExecutionCommit erase;
  erase.key = nobody.key;
  erase.erase = true;
  EXPECT_TRUE(absl::IsFailedPrecondition(Commit({erase})));
}

TEST_P(StoreContract, RefusesBatchesThatContradictThemselves) {
  TestRun misplaced = NewRun("misplaced");
  misplaced.key.shard = ShardId((misplaced.key.shard.value() + 1) % base::kShardCount);
  EXPECT_TRUE(absl::IsInvalidArgument(Commit({CreateCommit(misplaced)})));
  TestRun unnamed = NewRun("unnamed");
  unnamed.run_id = RunId("run");
  EXPECT_TRUE(absl::IsInvalidArgument(Commit({CreateCommit(unnamed)})));
  ExecutionCommit erased = CreateCommit(NewRun("erased"));
  erased.erase = true;
  EXPECT_TRUE(absl::IsInvalidArgument(Commit({erased})));
  ExecutionCommit unclosed = CreateCommit(NewRun("unclosed"));
  unclosed.visibility = MakeRow(1);
  unclosed.visibility->status = 2;
  EXPECT_TRUE(absl::IsInvalidArgument(Commit({unclosed})));
  ExecutionCommit running = CreateCommit(NewRun("running"));
  running.visibility = MakeRow(1, 2);
  running.visibility->status = 1;
  EXPECT_TRUE(absl::IsInvalidArgument(Commit({running})));
}

TEST_P(StoreContract, CommitsAllOfABatchOrNothing) {
  const TestRun run = MustCreate("whole");
  const TestRun other = NewRun("other");
  EXPECT_FALSE(Commit({CreateCommit(other), JournalCommit(run, 7, "gap")}).ok());
  EXPECT_TRUE(absl::IsNotFound(Load(other).status()));
}

TEST_P(StoreContract, KeepsOneCurrentRunPerWorkflow) {
  const TestRun first = MustCreate("busy");
  const TestRun second = NewRun("busy");
  EXPECT_TRUE(absl::IsAlreadyExists(Commit({CreateCommit(second)})));
  // The same id in another namespace is another workflow.
  MustCreate("busy", std::nullopt, 2);
  // A run that is not current stands beside it.
  EXPECT_TRUE(Commit({CreateCommit(second, /*is_current=*/false)}).ok());
  EXPECT_EQ(LoadCurrent("busy")->run_id, first.run_id);
  EXPECT_FALSE(Load(second)->is_current);
}

TEST_P(StoreContract, RefusesANumberGivenOutTwice) {
  const TestRun run = MustCreate("numbered");
  TestRun twin = NewRun("numbered");
  twin.key = run.key;
  EXPECT_TRUE(absl::IsAlreadyExists(Commit({CreateCommit(twin, false)})));
}

TEST_P(StoreContract, SwapsTheCurrentRunWithinABatch) {
  const TestRun first = MustCreate("chain");
  TestRun last = first;
  for (int i = 0; i < 3; ++i) {
    const TestRun next = NewRun("chain");
    ExecutionCommit closes = JournalCommit(last, 2, "closed");
    closes.stop_being_current = true;
    closes.is_closed = true;
    ASSERT_TRUE(Commit({closes, CreateCommit(next)}).ok());
    EXPECT_EQ(LoadCurrent("chain")->run_id, next.run_id);
    const auto old = Load(last);
    ASSERT_TRUE(old.ok()) << old.status();
    EXPECT_FALSE(old->is_current);
    EXPECT_TRUE(old->is_closed);
    last = next;
  }
}

TEST_P(StoreContract, MakesAFormerRunCurrentAgain) {
  const TestRun first = MustCreate("former");
  const TestRun second = NewRun("former");
  ExecutionCommit stops = JournalCommit(first, 2, "x");
  stops.stop_being_current = true;
  ASSERT_TRUE(Commit({stops, CreateCommit(second)}).ok());
  ExecutionCommit back;
  back.key = first.key;
  back.become_current = true;
  EXPECT_TRUE(absl::IsAlreadyExists(Commit({back})));
  ExecutionCommit gone;
  gone.key = second.key;
  gone.erase = true;
  ASSERT_TRUE(Commit({gone, back}).ok());
  EXPECT_EQ(LoadCurrent("former")->run_id, first.run_id);
}

TEST_P(StoreContract, ErasesEveryRowOfARun) {
  const TestRun run = MustCreate("erased", MakeRow(1));
  ExecutionCommit full = JournalCommit(run, 2, "more");
  full.snapshot = ExecutionCommit::Snapshot{2, "state"};
  full.wake_at = Second(1);
  ASSERT_TRUE(Commit({full}).ok());
  const TestRun kept = MustCreate("kept", MakeRow(2));
  ExecutionCommit gone;
  gone.key = run.key;
  gone.erase = true;
  ASSERT_TRUE(Commit({gone}).ok());
  EXPECT_TRUE(absl::IsNotFound(Load(run).status()));
  EXPECT_TRUE(absl::IsNotFound(LoadCurrent("erased").status()));
  EXPECT_TRUE(Journal({run.key})->empty());
  EXPECT_TRUE(Due(Second(10)).empty());
  EXPECT_THAT(ListIds(""), ElementsAre("kept"));
  // The id can be used again, and nothing of the old run shines through.
  const TestRun again = MustCreate("erased");
  EXPECT_FALSE(Load(again)->snapshot.has_value());
  EXPECT_TRUE(Load(kept).ok());
}

TEST_P(StoreContract, ReadsTheJournalInRangesBothWays) {
  const TestRun run = MustCreate("ranges");
  std::vector<ExecutionCommit> commits;
  for (int64_t sequence = 2; sequence <= 9; ++sequence) {
    commits.push_back(JournalCommit(run, sequence, std::string(10, 'x')));
  }
  ASSERT_TRUE(Commit(std::move(commits)).ok());
  const auto read = [&](JournalRange range) {
    range.key = run.key;
    return Sequences(*Journal(range));
  };
  EXPECT_THAT(read({.from_sequence = 3, .to_sequence = 5}), ElementsAre(3, 4, 5));
  EXPECT_THAT(read({.from_sequence = 3, .to_sequence = 5, .newest_first = true}),
              ElementsAre(5, 4, 3));
  EXPECT_THAT(read({.from_sequence = 7}), ElementsAre(7, 8, 9));
  EXPECT_THAT(read({.newest_first = true, .records_max = 2}), ElementsAre(9, 8));
  EXPECT_THAT(read({.from_sequence = 2, .bytes_max = 20}), ElementsAre(2, 3));
  EXPECT_THAT(read({.from_sequence = 2, .bytes_max = 1}), ElementsAre(2));
  EXPECT_THAT(read({.from_sequence = 10}), ElementsAre());
}

TEST_P(StoreContract, FindsDueRunsEarliestFirst) {
  const auto create = [&](const std::string& id, std::optional<absl::Time> wake_at) {
    const TestRun run = NewRun(id);
    ExecutionCommit commit = CreateCommit(run);
    commit.wake_at = wake_at;
    EXPECT_TRUE(Commit({commit}).ok());
    return run;
  };
  EXPECT_EQ(Earliest(), std::nullopt);
  create("third", Second(3));
  const TestRun first = create("first", Second(1));
  create("second", Second(2));
  create("never", std::nullopt);
  EXPECT_EQ(Earliest(), Second(1));
  const auto ids = [](const std::vector<DueExecution>& due) {
    std::vector<std::string> ids;
    for (const DueExecution& one : due) ids.push_back(one.workflow_id.value());
    return ids;
  };
  EXPECT_THAT(ids(Due(Second(2))), ElementsAre("first", "second"));
  EXPECT_THAT(ids(Due(Second(9), 1)), ElementsAre("first"));
  EXPECT_TRUE(Due(Second(0)).empty());
  const DueExecution due = Due(Second(1)).at(0);
  EXPECT_EQ(due.key, first.key);
  EXPECT_EQ(due.run_id, first.run_id);
  EXPECT_EQ(due.wake_at, Second(1));

  ExecutionCommit sleeps;
  sleeps.key = first.key;
  sleeps.wake_at.emplace(std::nullopt);
  ASSERT_TRUE(Commit({sleeps}).ok());
  EXPECT_EQ(Earliest(), Second(2));
  // Unset leaves it as it is.
  ASSERT_TRUE(Commit({JournalCommit(first, 2, "x")}).ok());
  EXPECT_EQ(Load(first)->wake_at, std::nullopt);
}

// Many may be due at one time: each page goes on where the one before ended.
TEST_P(StoreContract, ReadsDueRunsPageByPage) {
  std::set<std::string> made;
  for (const char* id : {"a", "b", "c", "d", "e"}) {
    ExecutionCommit commit = CreateCommit(NewRun(id));
    commit.wake_at = Second(1);
    ASSERT_TRUE(Commit({commit}).ok());
    made.insert(id);
  }
  ExecutionCommit later = CreateCommit(NewRun("later"));
  later.wake_at = Second(1) + absl::Microseconds(1);
  ASSERT_TRUE(Commit({later}).ok());
  const auto page = [&](DueCursor after, absl::Time until) {
    auto due = Await<std::vector<DueExecution>>([&](Result<std::vector<DueExecution>> result) {
      store_->DueExecutions(AllShards(), after, until, 2, std::move(result));
    });
    EXPECT_TRUE(due.ok()) << due.status();
    return due.ok() ? *std::move(due) : std::vector<DueExecution>();
  };
  std::set<std::string> told;
  DueCursor after;
  for (size_t size : {2u, 2u, 1u}) {
    const std::vector<DueExecution> due = page(after, Second(1));
    ASSERT_EQ(due.size(), size);
    for (const DueExecution& one : due) EXPECT_TRUE(told.insert(one.workflow_id.value()).second);
    after = {due.back().wake_at, due.back().key};
  }
  EXPECT_EQ(told, made);
  EXPECT_TRUE(page(after, Second(1)).empty());
  for (const DueCursor& end : {after, DueCursor::EndOf(Second(1))}) {
    const std::vector<DueExecution> rest = page(end, Second(2));
    ASSERT_EQ(rest.size(), 1u);
    EXPECT_EQ(rest[0].workflow_id, WorkflowId("later"));
  }
}

TEST_P(StoreContract, LooksOnlyAtTheShardsAsked) {
  const TestRun run = NewRun("here");
  ExecutionCommit commit = CreateCommit(run);
  commit.wake_at = Second(1);
  ASSERT_TRUE(Commit({commit}).ok());
  const auto count = [&](std::vector<ShardId> shards) {
    return Await<std::vector<DueExecution>>([&](Result<std::vector<DueExecution>> result) {
             store_->DueExecutions(shards, DueCursor(), Second(9), 10, std::move(result));
           })
        ->size();
  };
  EXPECT_EQ(count({run.key.shard}), 1u);
  EXPECT_EQ(count({ShardId((run.key.shard.value() + 1) % base::kShardCount)}), 0u);
  EXPECT_EQ(count({}), 0u);
}

TEST_P(StoreContract, ListsTheRunsOfANamespace) {
  MustCreate("a", std::nullopt, 1);
  MustCreate("b", std::nullopt, 2);
  MustCreate("c", std::nullopt, 2);
  const auto runs = [&](int32_t number, int64_t limit) {
    return Await<std::vector<DueExecution>>([&](Result<std::vector<DueExecution>> result) {
             store_->RunsOfNamespace(NamespaceNumber(number), limit, std::move(result));
           })
        ->size();
  };
  EXPECT_EQ(runs(2, 10), 2u);
  EXPECT_EQ(runs(2, 1), 1u);
  EXPECT_EQ(runs(3, 10), 0u);
}

TEST_P(StoreContract, TellsWhichWorkflowsHaveACurrentRun) {
  std::set<std::string> made;
  for (const char* id : {"a", "b", "c", "d"}) {
    MustCreate(id);
    made.insert(id);
  }
  const TestRun gone = MustCreate("no longer");
  ExecutionCommit stop = JournalCommit(gone, 2, "x");
  stop.stop_being_current = true;
  ASSERT_TRUE(Commit({stop}).ok());
  std::set<std::string> told;
  ExecutionKey after;
  while (true) {
    const auto page =
        Await<std::vector<CurrentWorkflow>>([&](Result<std::vector<CurrentWorkflow>> result) {
          store_->CurrentWorkflows({.begin = ShardId(0), .end = ShardId(base::kShardCount)}, after,
                                   3, std::move(result));
        });
    ASSERT_TRUE(page.ok()) << page.status();
    ASSERT_LE(page->size(), 3u);
    for (const CurrentWorkflow& workflow : *page) {
      after = workflow.key;
      EXPECT_EQ(workflow.namespace_number, NamespaceNumber(1));
      EXPECT_TRUE(told.insert(workflow.workflow_id.value()).second);
    }
    if (page->size() < 3) break;
  }
  EXPECT_EQ(told, made);
}

TEST_P(StoreContract, TellsTheWorkflowsOfAskedShardsAlone) {
  const TestRun run = MustCreate("a");
  std::vector<ShardId> shards = {run.key.shard};
  for (const char* id : {"b", "c", "d", "e"}) shards.push_back(MustCreate(id).key.shard);
  std::sort(shards.begin(), shards.end());
  const auto count = [&](ShardId begin, ShardId end) {
    return Await<std::vector<CurrentWorkflow>>([&](Result<std::vector<CurrentWorkflow>> result) {
             store_->CurrentWorkflows({.begin = begin, .end = end}, ExecutionKey(), 10,
                                      std::move(result));
           })
        ->size();
  };
  EXPECT_EQ(count(shards[0], shards[4]), 4u);
  EXPECT_EQ(count(shards[1], ShardId(base::kShardCount)), 4u);
  EXPECT_EQ(count(shards[1], shards[3]), 2u);
}

TEST_P(StoreContract, KeepsTimesToTheMicrosecondRoundedDown) {
  const TestRun run = NewRun("fine");
  ExecutionCommit commit = CreateCommit(run);
  commit.wake_at = Second(1) + absl::Nanoseconds(1999);
  ASSERT_TRUE(Commit({commit}).ok());
  EXPECT_EQ(Load(run)->wake_at, Second(1) + absl::Microseconds(1));
}

// Many batches in flight at once, each continuing the one before it.
TEST_P(StoreContract, CommitsInTheOrderGiven) {
  constexpr int64_t kBatches = 200;
  const TestRun run = MustCreate("pipelined");
  absl::BlockingCounter open(kBatches);
  std::atomic<int64_t> expected{2};
  std::atomic<int64_t> failures{0};
  for (int64_t sequence = 2; sequence < 2 + kBatches; ++sequence) {
    ExecutionCommit commit = JournalCommit(run, sequence, "x");
    commit.wake_at = Second(sequence);
    store_->Commit(CommitBatch{incarnation_, {commit}}, [&, sequence](absl::Status status) {
      if (!status.ok() || expected.fetch_add(1) != sequence) failures += 1;
      open.DecrementCount();
    });
  }
  open.Wait();
  EXPECT_EQ(failures, 0);
  EXPECT_EQ(Load(run)->tail.size(), static_cast<size_t>(kBatches + 1));
  EXPECT_EQ(Load(run)->wake_at, Second(1 + kBatches));
}

// A run may be made, changed, replaced and erased by batches that end up in one transaction.
TEST_P(StoreContract, MergesBatchesOfOneRunFaithfully) {
  const TestRun first = NewRun("merged");
  const TestRun second = NewRun("merged");
  ExecutionCommit create = CreateCommit(first);
  create.wake_at = Second(1);
  create.visibility = MakeRow(1);
  ExecutionCommit change = JournalCommit(first, 2, "two");
  change.wake_at.emplace(std::nullopt);
  change.snapshot = ExecutionCommit::Snapshot{2, "state"};
  ExecutionCommit close = JournalCommit(first, 3, "three");
  close.is_closed = true;
  close.stop_being_current = true;
  close.visibility = MakeRow(1, 2);
  ExecutionCommit erase;
  erase.key = first.key;
  erase.erase = true;
  std::vector<std::vector<ExecutionCommit>> batches = {
      {create}, {change}, {close, CreateCommit(second)}, {JournalCommit(second, 2, "x")}, {erase}};
  absl::BlockingCounter open(static_cast<int>(batches.size()));
  std::atomic<int> failures{0};
  for (auto& batch : batches) {
    store_->Commit(CommitBatch{incarnation_, batch}, [&](absl::Status status) {
      if (!status.ok()) failures += 1;
      open.DecrementCount();
    });
  }
  open.Wait();
  EXPECT_EQ(failures, 0);
  EXPECT_TRUE(absl::IsNotFound(Load(first).status()));
  EXPECT_EQ(LoadCurrent("merged")->run_id, second.run_id);
  EXPECT_EQ(LoadCurrent("merged")->tail.size(), 2u);
  EXPECT_TRUE(ListIds("").empty());
}

TEST_P(StoreContract, FailsWhatFollowsAFailedBatch) {
  const TestRun run = MustCreate("follows");
  const TestRun bystander = MustCreate("bystander");
  struct Answer {
    absl::Status status = absl::UnknownError("none");
    int64_t place = 0;
  };
  std::vector<Answer> answers(4);
  absl::BlockingCounter open(4);
  std::atomic<int64_t> place{0};
  const auto give = [&](size_t i, ExecutionCommit commit) {
    store_->Commit(CommitBatch{incarnation_, {std::move(commit)}}, [&, i](absl::Status status) {
      answers[i] = {std::move(status), place.fetch_add(1)};
      open.DecrementCount();
    });
  };
  give(0, JournalCommit(run, 2, "good"));
  give(1, JournalCommit(run, 9, "gap"));
  give(2, JournalCommit(run, 3, "would fit"));
  give(3, JournalCommit(bystander, 2, "would fit"));
  open.Wait();
  EXPECT_TRUE(answers[0].status.ok()) << answers[0].status;
  EXPECT_TRUE(absl::IsFailedPrecondition(answers[1].status)) << answers[1].status;
  for (size_t i = 0; i < answers.size(); ++i) {
    EXPECT_EQ(answers[i].place, static_cast<int64_t>(i));
    // Those that were given after the failure was told may have been committed.
    if (i >= 2 && !answers[i].status.ok()) {
      EXPECT_TRUE(absl::IsUnavailable(answers[i].status)) << answers[i].status;
    }
  }
  const size_t expected = answers[2].status.ok() ? 3 : 2;
  EXPECT_EQ(Load(run)->tail.size(), expected);
  // The store goes on.
  EXPECT_TRUE(Commit({JournalCommit(run, static_cast<int64_t>(expected) + 1, "x")}).ok());
}

TEST_P(StoreContract, AnswersEveryCallWhenDestroyed) {
  const TestRun run = MustCreate("open");
  constexpr int kCalls = 100;
  std::atomic<int> answered{0};
  for (int i = 0; i < kCalls; ++i) {
    store_->Commit(CommitBatch{incarnation_, {JournalCommit(run, 2 + i, "x")}},
                   [&](absl::Status) { answered += 1; });
    store_->Ping([&](absl::Status) { answered += 1; });
  }
  store_ = nullptr;
  EXPECT_EQ(answered, 2 * kCalls);
}

TEST_P(StoreContract, KeepsEverythingWhenReopened) {
  if (!backend().is_durable) GTEST_SKIP() << "a database in memory ends with its store";
  const TestRun run = MustCreate("durable", MakeRow(1));
  ExecutionCommit more = JournalCommit(run, 2, "two");
  more.snapshot = ExecutionCommit::Snapshot{1, "state"};
  ASSERT_TRUE(Commit({more}).ok());
  AddAttribute("Color", query::Type::kKeyword);
  Reopen();
  const auto loaded = Load(run);
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(loaded->snapshot->bytes, "state");
  EXPECT_EQ(loaded->tail.at(0).record, "two");
  EXPECT_THAT(ListIds(""), ElementsAre("durable"));
  // It is another life of the server that goes on.
  EXPECT_TRUE(CommitAs(Register("successor"), {JournalCommit(run, 3, "three")}).ok());
  AddAttribute("Color", query::Type::kKeyword);
}

TEST_P(StoreContract, CountsWhatItDoes) {
  const StoreStatistics before = store_->statistics();
  MustCreate("counted", MakeRow(1));
  const StoreStatistics after = store_->statistics();
  EXPECT_EQ(after.batches - before.batches, 1);
  EXPECT_EQ(after.transactions - before.transactions, 1);
  EXPECT_EQ(after.rows_written - before.rows_written, 3);
  EXPECT_GE(after.statements - before.statements, 1);
}

}  // namespace
}  // namespace perdure::store
