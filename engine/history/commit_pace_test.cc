#include "history/commit_pace.h"

#include "gtest/gtest.h"

namespace perdure::history {
namespace {

constexpr absl::Duration kGatherMax = absl::Milliseconds(3);
const absl::Time kBegin = absl::UnixEpoch() + absl::Hours(1);

// `runs` of them commit one after the other, `apart`; the time after it.
absl::Time Commit(CommitPace& pace, int runs, int commits, absl::Duration apart) {
  absl::Time now = kBegin;
  for (int i = 0; i < commits; ++i) {
    now += apart;
    pace.Left({base::ShardId(0), base::ExecutionNumber(i % runs)}, now);
  }
  return now;
}

void GoOn(CommitPace& pace, absl::Duration after) {
  for (int i = 0; i < 100; ++i) pace.WentOn(after);
}

void ExpectAtOnce(const CommitPace& pace, absl::Time now) {
  EXPECT_EQ(pace.InFlightMax(now), 2);
  EXPECT_EQ(pace.NextAt(now), now);
}

TEST(CommitPace, FewerThanFourRunsWaitForNothing) {
  for (const int runs : {1, 2, 3}) {
    CommitPace pace(kGatherMax);
    GoOn(pace, absl::Milliseconds(10));
    ExpectAtOnce(pace, Commit(pace, runs, 20, absl::Milliseconds(1)));
  }
}

TEST(CommitPace, SeveralRunsWaitForTheBatchBeforeThem) {
  CommitPace pace(kGatherMax);
  const absl::Time now = Commit(pace, 4, 20, absl::Milliseconds(1));
  EXPECT_EQ(pace.InFlightMax(now), 1);
  EXPECT_EQ(pace.NextAt(now), now);  // Nothing is known of how long they take.
}

TEST(CommitPace, SeveralRunsWaitAsLongAsTheyTakeToGoOn) {
  CommitPace pace(kGatherMax);
  GoOn(pace, absl::Milliseconds(1));
  const absl::Time now = Commit(pace, 4, 20, absl::Milliseconds(1));
  EXPECT_GT(pace.NextAt(now), now + absl::Microseconds(900));
  EXPECT_LE(pace.NextAt(now), now + absl::Milliseconds(1));
  const absl::Time later = now + absl::Milliseconds(2);
  EXPECT_EQ(pace.NextAt(later), later);
}

TEST(CommitPace, NobodyWaitsLongerThanAllowed) {
  CommitPace pace(kGatherMax);
  GoOn(pace, absl::Hours(1));
  const absl::Time now = Commit(pace, 8, 20, absl::Milliseconds(1));
  EXPECT_EQ(pace.NextAt(now), now + kGatherMax);
}

TEST(CommitPace, ForgetsPausesSoon) {
  CommitPace pace(kGatherMax);
  GoOn(pace, absl::Hours(1));
  GoOn(pace, absl::ZeroDuration());
  const absl::Time now = Commit(pace, 8, 20, absl::Milliseconds(1));
  EXPECT_LT(pace.NextAt(now), now + absl::Microseconds(100));
}

TEST(CommitPace, RunsThatCommitNowAndThenAreAlone) {
  CommitPace pace(kGatherMax);
  GoOn(pace, absl::Hours(1));
  const absl::Time now = Commit(pace, 8, 20, absl::Milliseconds(10));
  ExpectAtOnce(pace, now);
}

TEST(CommitPace, WithoutGatheringNothingIsTimed) {
  CommitPace pace(absl::ZeroDuration());
  GoOn(pace, absl::Hours(1));
  const absl::Time now = Commit(pace, 8, 20, absl::Milliseconds(1));
  EXPECT_EQ(pace.InFlightMax(now), 1);
  EXPECT_EQ(pace.NextAt(now), now);
}

}  // namespace
}  // namespace perdure::history
