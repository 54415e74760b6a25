#include "history/committer.h"

#include "gtest/gtest.h"
#include "runtime/manual_loop.h"
#include "store/simulated/simulated_store.h"

namespace perdure::history {
namespace {

constexpr char kContradiction[] = "contradicts what is stored";

// A committer on a loop of its own, so that the test decides what the store does before what is
// heard of it.
class CommitterTest : public ::testing::Test {
 protected:
  CommitterTest() {
    committer_.set_incarnation(base::IncarnationId(1));
    store_->RegisterIncarnation({}, [](const absl::StatusOr<base::IncarnationId>&) {});
    store_loop_.RunReady();
  }

  static Committer::Hooks NoHooks() {
    Committer::Hooks hooks;
    hooks.drop = [](const std::vector<ExecutionPtr>&) {};
    hooks.fenced = [](const absl::Status&) {};
    hooks.committed = [](const ExecutionPtr&) {};
    return hooks;
  }
  static ExecutionPtr MakeRun(int64_t number) {
    auto run = std::make_shared<Execution>();
    run->key = {base::ShardOf(base::NamespaceNumber(1), "workflow"), base::ExecutionNumber(number)};
    return run;
  }
  void QueueRecord(const ExecutionPtr& run) {
    store::ExecutionCommit& commit = committer_.Queue(run).commit;
    commit.journal_sequence = ++run->last_sequence;
    commit.journal_record = "record";
    if (run->last_sequence > 1) return;
    commit.create =
        store::ExecutionCommit::Create{base::NamespaceNumber(1), base::WorkflowId("workflow"),
                                       base::RunId("44444444-4444-4444-8444-444444444444"), true};
  }
  void RunAll() {
    for (int i = 0; i < 3; ++i) {
      loop_.RunReady();
      store_loop_.RunReady();
    }
    loop_.RunReady();
  }

  runtime::ManualLoop loop_;
  runtime::ManualLoop store_loop_;
  store::simulated::SimulatedDatabase database_;
  std::unique_ptr<store::simulated::SimulatedStore> store_ =
      store::simulated::MakeSimulatedStore(database_, store_loop_, {});
  Meters meters_{nullptr};
  Committer committer_{loop_, *store_, meters_, CommitPace(absl::ZeroDuration()), NoHooks()};
};

TEST_F(CommitterTest, SaysWhatContradictsTheStore) {
  QueueRecord(MakeRun(1));
  RunAll();
  QueueRecord(MakeRun(2));
  ::testing::internal::CaptureStderr();
  RunAll();
  EXPECT_NE(::testing::internal::GetCapturedStderr().find(kContradiction), std::string::npos);
}

// A batch leaves after the store has refused the one before, and before that is heard.
TEST_F(CommitterTest, TakesABatchBehindAFailureForNoContradiction) {
  const ExecutionPtr run = MakeRun(1);
  store_->SetFaults({.commit_unavailable_chance = 1});
  QueueRecord(run);
  loop_.RunReady();
  QueueRecord(run);
  absl::Status status;
  committer_.AfterCommits(run, [&status](absl::Status is) { status = std::move(is); });
  store_loop_.RunReady();
  store_->SetFaults({});
  ::testing::internal::CaptureStderr();
  RunAll();
  EXPECT_EQ(::testing::internal::GetCapturedStderr().find(kContradiction), std::string::npos);
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_TRUE(committer_.IsIdle());
}

}  // namespace
}  // namespace perdure::history
