#include "worker-sdk/testing/virtual_time.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace perdure::testing {
namespace {

class VirtualTimeTest : public ::testing::Test {
 protected:
  auto Note(std::string what) {
    return [this, what] { seen_.push_back(what); };
  }
  bool Forward(absl::Duration by) {
    return time_.Drive([] { return false; }, time_.Now() + by);
  }

  const absl::Time start_ = absl::FromUnixSeconds(1'800'000'000);
  VirtualTime time_{start_};
  std::vector<std::string> seen_;
};
using Seen = std::vector<std::string>;

TEST_F(VirtualTimeTest, SkipsToTheNextTimerOnlyWhenNothingIsReady) {
  time_.At(start_ + absl::Hours(2), Note("later"));
  time_.At(start_ + absl::Hours(1), [this] {
    seen_.push_back("soon");
    time_.Post(Note("posted"));
  });
  time_.Post(Note("ready"));
  Forward(absl::Hours(3));
  EXPECT_EQ(seen_, (Seen{"ready", "soon", "posted", "later"}));
  EXPECT_EQ(time_.Now(), start_ + absl::Hours(3));
}

TEST_F(VirtualTimeTest, StopsAtItsLimitAndWhenItIsOver) {
  time_.At(start_ + absl::Hours(1), Note("one"));
  time_.At(start_ + absl::Hours(2), Note("two"));
  EXPECT_FALSE(Forward(absl::Minutes(90)));
  EXPECT_EQ(seen_, Seen{"one"});
  EXPECT_EQ(time_.Now(), start_ + absl::Minutes(90));
  EXPECT_TRUE(time_.Drive([this] { return seen_.size() == 2; }, absl::InfiniteFuture()));
  EXPECT_EQ(time_.Now(), start_ + absl::Hours(2));
  EXPECT_FALSE(time_.Drive([] { return false; }, absl::InfiniteFuture())) << "nothing is left";
}

TEST_F(VirtualTimeTest, HousekeepingRunsOnceAfterASkipAndHoldsNoneUp) {
  int kept = 0;
  std::function<void()> keep = [&] {
    ++kept;
    time_.AtLeisure(time_.Now() + absl::Seconds(1), [&] { keep(); });
  };
  keep();
  time_.At(start_ + absl::Hours(24 * 365), Note("a year later"));
  Forward(absl::Hours(24 * 366));
  EXPECT_EQ(seen_, Seen{"a year later"});
  EXPECT_EQ(kept, 3) << "at the beginning, after the timer, at the end";
  EXPECT_FALSE(time_.Drive([] { return false; }, absl::InfiniteFuture()))
      << "it is no work of its own";
}

TEST_F(VirtualTimeTest, CanceledTimersAndThoseBeyondAllTimeDoNotRun) {
  const auto canceled = time_.At(start_ + absl::Hours(1), Note("canceled"));
  const auto leisure = time_.AtLeisure(start_ + absl::Hours(1), Note("leisure"));
  time_.At(start_ + VirtualTime::kNever, Note("never"));
  time_.Cancel(canceled);
  time_.Cancel(leisure);
  time_.Cancel(canceled);
  Forward(VirtualTime::kNever + absl::Hours(1));
  EXPECT_EQ(seen_, Seen{});
}

TEST_F(VirtualTimeTest, WaitsForWhatRunsOutsideBeforeItSkips) {
  time_.At(start_ + absl::Hours(1), Note("timer"));
  time_.RunOutside([this] { time_.Post(Note("outside")); });
  Forward(absl::Hours(2));
  EXPECT_EQ(seen_, (Seen{"outside", "timer"}));
}

}  // namespace
}  // namespace perdure::testing
