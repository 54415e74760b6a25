#include "worker-sdk/worker/resource_slots.h"

#include <gtest/gtest.h>

namespace perdure::worker {
namespace {

using namespace std::chrono_literals;

struct SlotsFixture {
  ResourceUse use;
  std::chrono::nanoseconds now = 1h;
  std::shared_ptr<SlotSupplier> slots = MakeResourceSlots(
      {.memory = 0.8, .cpu = 0.9, .minimum = 2, .maximum = 4, .ramp = 50ms}, [this] { return use; },
      [this] { return now; });
  bool Reserve() { return slots->try_reserve({}); }
};

TEST(ResourceSlots, MinimumIsGivenWhateverTheLoad) {
  SlotsFixture fixture;
  fixture.use = {1, 1};
  EXPECT_TRUE(fixture.Reserve());
  EXPECT_TRUE(fixture.Reserve());
  EXPECT_FALSE(fixture.Reserve());
  fixture.slots->release(SlotKind::activity);
  EXPECT_TRUE(fixture.Reserve());
}

TEST(ResourceSlots, MoreAreGivenOneByOneBelowTheTargetsUpToTheMaximum) {
  SlotsFixture fixture;
  EXPECT_TRUE(fixture.Reserve() && fixture.Reserve() && fixture.Reserve());
  EXPECT_FALSE(fixture.Reserve()) << "the last one's load does not show yet";
  fixture.now += 50ms;
  fixture.use.memory = 0.8;
  EXPECT_FALSE(fixture.Reserve());
  fixture.use = {0.9, 0.1};
  EXPECT_FALSE(fixture.Reserve());
  fixture.use = {0.89, 0.79};
  EXPECT_TRUE(fixture.Reserve());
  fixture.now += 50ms;
  EXPECT_FALSE(fixture.Reserve());
}

TEST(ResourceSlots, MachineIsMeasuredInParts) {
  std::chrono::nanoseconds now = 1h;
  const ResourceMeter meter = MachineMeter([&] { return now; });
  ResourceUse use = meter();
  EXPECT_GT(use.memory, 0);
  EXPECT_LT(use.memory, 1.01);
  now += 1s;
  use = meter();
  EXPECT_GE(use.cpu, 0);
}

}  // namespace
}  // namespace perdure::worker
