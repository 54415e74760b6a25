#include "history/history.h"

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "history/history_fixture.h"

namespace perdure::history {
namespace {

// Of different shards, and in another life too: what is later has the larger number.
TEST_F(HistoryTest, NumbersRunsInTheOrderOfTime) {
  BeginToServe();
  std::vector<absl::StatusOr<api::StartWorkflowExecutionResponse>> answers;
  for (const char* id : {"one", "two", "three"}) {
    Start(id, answers);
    Advance(absl::Seconds(1));
  }
  using Numbers = std::map<std::string, int64_t>;
  EXPECT_EQ(NumbersStored(), (Numbers{{"one", 1}, {"two", 2}, {"three", 3}}));
  store_->Fence(base::IncarnationId(1), [](const absl::Status&) {});
  Advance(absl::Seconds(5));
  BeginToServe();
  Start("four", answers);
  Advance(absl::Seconds(1));
  EXPECT_EQ(NumbersStored(), (Numbers{{"one", 1}, {"two", 2}, {"three", 3}, {"four", 4}}));
}

// Both wait for the same read, which finds nothing.
TEST_F(HistoryTest, BeginsOneRunForTwoStartsAtOnce) {
  store_->SetFaults({.read_latency_min = absl::Milliseconds(5)});
  BeginToServe();
  std::vector<absl::StatusOr<api::StartWorkflowExecutionResponse>> answers;
  Start("workflow", answers);
  Start("workflow", answers);
  Advance(absl::Seconds(1));
  ASSERT_EQ(answers.size(), 2U);
  ASSERT_TRUE(answers[0].ok()) << answers[0].status();
  ASSERT_TRUE(answers[1].ok()) << answers[1].status();
  EXPECT_EQ(answers[0]->run_id(), answers[1]->run_id());
  EXPECT_EQ(CommitFailures(), 0);
}

// A second due check begins while the first still reads, and finds the run, too: its erasure is
// not through.
TEST_F(HistoryTest, ErasesARunOnce) {
  BeginToServe();
  std::vector<absl::StatusOr<api::StartWorkflowExecutionResponse>> answers;
  Start("first", answers);
  Start("second", answers);
  Advance(absl::ZeroDuration());
  store_->SetFaults({.read_latency_min = absl::Milliseconds(1500)});
  Terminate("first");
  Advance(absl::Milliseconds(1200));
  Terminate("second");
  Advance(absl::Milliseconds(100));
  store_->SetFaults(
      {.commit_latency_min = absl::Seconds(2), .read_latency_min = absl::Milliseconds(1500)});
  Advance(absl::Seconds(10));
  EXPECT_EQ(CommitFailures(), 0);
  EXPECT_EQ(RunsStored(), 0);
}

// The check of what is due comes while the end of the run is still being committed.
TEST_F(HistoryTest, ErasesARunThatClosedBehindTheCheck) {
  BeginToServe();
  std::vector<absl::StatusOr<api::StartWorkflowExecutionResponse>> answers;
  Start("workflow", answers);
  Advance(absl::ZeroDuration());
  store_->SetFaults({.commit_latency_min = absl::Seconds(3)});
  Terminate("workflow");
  Advance(absl::Seconds(10));
  EXPECT_EQ(CommitFailures(), 0);
  EXPECT_EQ(RunsStored(), 0);
}

// Requests wait while runs leave memory, so it is few at a time; but all that are idle do.
TEST_F(HistoryTest, ForgetsManyIdleRunsALittleAtATime) {
  constexpr int kRuns = 450;
  namespaces_.set_retention(absl::Hours(1));
  BeginToServe();
  std::vector<absl::StatusOr<api::StartWorkflowExecutionResponse>> answers;
  for (int i = 0; i < kRuns; ++i) Start(absl::StrCat(i), answers);
  Advance(absl::ZeroDuration());
  for (int i = 0; i < kRuns; ++i) Terminate(absl::StrCat(i));
  base::Gauge& cached = metrics_.GaugeOf("cache_size", "");
  double before = 0;
  double most_at_once = 0;
  for (int i = 0; i < 10'000; ++i) {
    Advance(absl::Milliseconds(1));
    most_at_once = std::max(most_at_once, before - cached.Value());
    before = cached.Value();
  }
  EXPECT_EQ(before, 0);
  EXPECT_GT(most_at_once, 0);
  EXPECT_LE(most_at_once, 100);
}

// The answer to the first signal's commit is lost, though it is there; the second signal's has left
// before that is heard, and lands after a read that is faster.
TEST_F(HistoryTest, ReadsARunAnewBehindWhatIsUnderWayForIt) {
  BeginToServe();
  std::vector<absl::StatusOr<api::StartWorkflowExecutionResponse>> started;
  Start("workflow", started);
  Advance(absl::Seconds(1));
  std::vector<absl::Status> answers;
  store_->SetFaults({.unknown_chance = 1});
  Signal("workflow", answers);
  loop_.RunReady();
  Signal("workflow", answers);
  loop_.Post([this] {
    store_loop_.RunReady();
    store_->SetFaults({.commit_latency_min = absl::Milliseconds(50)});
  });
  Advance(absl::Seconds(1));
  ASSERT_EQ(answers.size(), 2U);
  EXPECT_EQ(answers[0].code(), absl::StatusCode::kUnavailable);
  EXPECT_TRUE(answers[1].ok()) << answers[1];
  // Started, a task scheduled, two signals.
  EXPECT_EQ(EventsShown("workflow"), 4);
  EXPECT_EQ(CommitFailures(), 1);
}

}  // namespace
}  // namespace perdure::history
