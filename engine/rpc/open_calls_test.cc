#include "rpc/open_calls.h"

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

// Whoever shuts a queue down after Stop() may rely on it.
TEST(OpenCalls, StopWaitsForOneThatIsAsking) {
  OpenCalls calls;
  absl::Notification is_asking;
  bool has_asked = false;
  std::thread asking([&] {
    calls.UnlessStopping([&] {
      is_asking.Notify();
      std::this_thread::yield();
      has_asked = true;
    });
  });
  is_asking.WaitForNotification();
  calls.Stop();
  EXPECT_TRUE(has_asked);
  asking.join();
}

}  // namespace
}  // namespace perdure::rpc
