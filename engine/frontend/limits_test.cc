#include "frontend/limits.h"

#include <cstring>

#include "gtest/gtest.h"

namespace perdure::frontend {
namespace {

// The settings' defaults and the struct's own are one decision, written down twice.
TEST(Limits, OfDefaultSettingsAreTheDefaults) {
  const services::Limits from_settings = LimitsFrom(base::Settings());
  const services::Limits own;
  static_assert(std::is_trivially_copyable_v<services::Limits>);
  EXPECT_EQ(std::memcmp(&from_settings.blob_size_bytes, &own.blob_size_bytes,
                        offsetof(services::Limits, workflow_task_timeout)),
            0);
  EXPECT_EQ(from_settings.workflow_task_timeout, own.workflow_task_timeout);
  EXPECT_EQ(from_settings.workflow_task_timeout_max, own.workflow_task_timeout_max);
  EXPECT_EQ(from_settings.workflow_task_heartbeat_max, own.workflow_task_heartbeat_max);
  EXPECT_EQ(from_settings.workflow_id_reuse_interval, own.workflow_id_reuse_interval);
  EXPECT_EQ(from_settings.workflow_task_backoff_attempts, own.workflow_task_backoff_attempts);
  EXPECT_EQ(from_settings.workflow_task_backoff_first, own.workflow_task_backoff_first);
  EXPECT_EQ(from_settings.workflow_task_backoff_max, own.workflow_task_backoff_max);
  EXPECT_EQ(from_settings.long_poll_interval, own.long_poll_interval);
}

TEST(Limits, ZeroIsNoLimitWhereItSaysSo) {
  base::Settings settings;
  for (const char* name : {"history.maximumSignalsPerExecution", "history.maxTotalUpdates"}) {
    ASSERT_TRUE(settings.Set(name, "0", "test").ok());
  }
  EXPECT_GT(LimitsFrom(settings).signals_per_execution, 1'000'000'000);
  EXPECT_GT(LimitsFrom(settings).updates_total * 9 / 10, 1'000'000'000);
}

}  // namespace
}  // namespace perdure::frontend
