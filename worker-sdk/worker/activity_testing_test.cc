#include "perdure/activity_testing.h"

#include <gtest/gtest.h>

namespace perdure {
namespace {

// Goes on from where the attempt before came, three steps, unless it is told to stop.
int Climb(activity_context& context) {
  int height = context.details<int>().value_or(0);
  for (int i = 0; i < 3; ++i) {
    context.throw_if_cancelled();
    activity::heartbeat(++height);
  }
  return height;
}

TEST(ActivityEnvironment, RecordsHeartbeatsAndGivesOnTheResult) {
  testing::ActivityEnvironment env;
  env.set_heartbeat_details(40);
  EXPECT_EQ(env.run(&Climb), 43);
  ASSERT_EQ(env.heartbeat_count(), 3u);
  EXPECT_EQ(env.heartbeat<int>(0), 41);
  EXPECT_FALSE(activity::in_activity());
}

TEST(ActivityEnvironment, CancelsFromAHeartbeatAndBeforeTheRun) {
  testing::ActivityEnvironment env;
  env.on_heartbeat([&](const Payloads&) { env.cancel(CancelReason::paused); });
  EXPECT_THROW(env.run(&Climb), CanceledError);
  EXPECT_EQ(env.heartbeat_count(), 1u);
  testing::ActivityEnvironment early;
  early.cancel();
  EXPECT_THROW(early.run(&Climb), CanceledError);
  EXPECT_EQ(early.heartbeat_count(), 0u);
}

TEST(ActivityEnvironment, KnowsOfLaterCompletionAndLog) {
  testing::ActivityEnvironment env;
  env.run([](activity_context& context) {
    context.log(LogLevel::info, "asked");
    EXPECT_EQ(context.complete_later(), "test-token");
  });
  EXPECT_TRUE(env.is_completed_later());
  EXPECT_EQ(env.log(), std::vector<std::string>{"asked"});
}

}  // namespace
}  // namespace perdure
