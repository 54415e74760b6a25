#include "rpc/open_calls.h"

#include <atomic>
#include <thread>

#include "absl/synchronization/notification.h"
#include "gtest/gtest.h"

namespace perdure::rpc {
namespace {

TEST(OpenCalls, AsksForNoneOnceItIsStopping) {
  OpenCalls calls;
  int asked = 0;
  calls.UnlessStopping([&asked] { ++asked; });
  EXPECT_EQ(asked, 1);
  calls.Stop();
  calls.UnlessStopping([&asked] { ++asked; });
  EXPECT_EQ(asked, 1);
}

// Whoever shuts a queue down after Stop() may rely on it. Often, since it takes an unlucky moment
// to show where it is not so.
TEST(OpenCalls, StopWaitsForOneThatIsAsking) {
  for (int round = 0; round < 500; ++round) {
    OpenCalls calls;
    absl::Notification is_asking;
    std::atomic<bool> has_asked = false;
    std::thread asking([&] {
      calls.UnlessStopping([&] {
        is_asking.Notify();
        std::this_thread::yield();
        has_asked = true;
      });
    });
    is_asking.WaitForNotification();
    calls.Stop();
    const bool had_asked = has_asked;
    asking.join();
    ASSERT_TRUE(had_asked) << round;
  }
}

}  // namespace
}  // namespace perdure::rpc
