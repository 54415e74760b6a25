#include "worker-sdk/worker/watchdog.h"

#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <string>

namespace perdure::worker {
namespace {

using namespace std::chrono_literals;

struct Reports {
  std::mutex mutex;
  std::condition_variable changed;
  std::atomic<int> count{0};
  std::string text, workflow_id;
  LogSink Sink() {
    return [this](LogLevel, std::string_view line, const LogFields& fields) {
      const std::lock_guard lock(mutex);
      text = std::string(line);
      workflow_id = fields.at(1).second;
      ++count;
      changed.notify_all();
    };
  }
};

TEST(Watchdog, ReportsCodeThatUsesTheProcessorOnceWithItsStack) {
  Reports reports;
  Watchdog watchdog(20ms, reports.Sink());
  detail::RunInfo info;
  info.workflow_id = "w-1";
  watchdog.Begin(info);
  while (reports.count == 0) {
  }
  watchdog.End();
  const std::lock_guard lock(reports.mutex);
  EXPECT_EQ(reports.workflow_id, "w-1");
  EXPECT_NE(reports.text.find("has used the processor"), std::string::npos) << reports.text;
  EXPECT_NE(reports.text.find("\n  at "), std::string::npos) << reports.text;
}

TEST(Watchdog, ReportsCodeThatBlocks) {
  Reports reports;
  Watchdog watchdog(20ms, reports.Sink());
  detail::RunInfo info;
  watchdog.Begin(info);
  {
    std::unique_lock lock(reports.mutex);
    reports.changed.wait(lock, [&] { return reports.count > 0; });
  }
  watchdog.End();
  EXPECT_NE(reports.text.find("has blocked its thread"), std::string::npos) << reports.text;
}

TEST(Watchdog, SaysNothingOfAThreadThatRunsNoWorkflow) {
  Reports reports;
  {
    Watchdog watchdog(1ms, reports.Sink());
    detail::RunInfo info;
    for (int i = 0; i < 1000; ++i) {
      watchdog.Begin(info);
      watchdog.End();
    }
  }
  EXPECT_EQ(reports.count, 0);
}

}  // namespace
}  // namespace perdure::worker
