#include "store/fastest.h"

#include "gtest/gtest.h"

namespace perdure::store {
namespace {

TEST(Fastest, KnowsTheLeastOfTheLastSeconds) {
  const absl::Time begin = absl::FromUnixSeconds(1'700'000'000);
  const auto at = [begin](double seconds) { return begin + absl::Seconds(seconds); };
  Fastest fastest;
  EXPECT_EQ(fastest.Get(at(0)), absl::ZeroDuration());
  fastest.Note(absl::Milliseconds(5), at(0));
  fastest.Note(absl::Milliseconds(3), at(0.1));
  fastest.Note(absl::Milliseconds(4), at(0.2));
  EXPECT_EQ(fastest.Get(at(0.3)), absl::Milliseconds(3));
  fastest.Note(absl::Milliseconds(7), at(1.2));
  EXPECT_EQ(fastest.Get(at(1.3)), absl::Milliseconds(3));
  EXPECT_EQ(fastest.Get(at(2.4)), absl::Milliseconds(7));
  fastest.Note(absl::Milliseconds(9), at(2.5));
  EXPECT_EQ(fastest.Get(at(5)), absl::ZeroDuration()) << "that was too long ago";
}

}  // namespace
}  // namespace perdure::store
