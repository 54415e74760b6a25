#include "machines/workflow/policy/cron.h"

#include "absl/time/time.h"
#include "gtest/gtest.h"

namespace perdure::machines {
namespace {

int64_t At(const char* text) {
  absl::Time time;
  std::string error;
  EXPECT_TRUE(absl::ParseTime(absl::RFC3339_full, text, &time, &error)) << error;
  return absl::ToUnixNanos(time);
}

struct Tick {
  const char* schedule;
  const char* start;
  const char* close;
  int64_t seconds;
};

TEST(Cron, FindsTheNextTickAfterTheClose) {
  const Tick ticks[] = {
      {"* * * * *", "2026-03-01T10:00:30Z", "2026-03-01T10:00:31Z", 29},
      {"* * * * *", "2026-03-01T10:00:30Z", "2026-03-01T10:05:59Z", 1},
      {"0 * * * *", "2026-03-01T10:00:00Z", "2026-03-01T10:00:00Z", 3600},
      {"30 12 * * *", "2026-03-01T10:00:00Z", "2026-03-01T13:00:00Z", 23 * 3600 + 1800},
      {"0 0 29 2 *", "2026-03-01T00:00:00Z", "2026-03-01T00:00:00Z", 730 * 86400},
      {"0 0 * * MON", "2026-03-01T00:00:00Z", "2026-03-01T00:00:00Z", 86400},
      {"*/15 * * * *", "2026-03-01T10:01:00Z", "2026-03-01T10:16:00Z", 14 * 60},
      {"@hourly", "2026-03-01T10:30:00Z", "2026-03-01T10:30:00Z", 1800},
      {"@daily", "2026-03-01T10:30:00Z", "2026-03-01T23:59:59Z", 1},
      {"@every 10s", "2026-03-01T10:00:00Z", "2026-03-01T10:00:25Z", 5},
      {"@every 1h", "2026-03-01T10:00:00Z", "2026-03-01T10:00:00Z", 3600},
      {"CRON_TZ=America/New_York 0 9 * * *", "2026-01-05T00:00:00Z", "2026-01-05T00:00:00Z",
       14 * 3600},
  };
  for (const Tick& tick : ticks) {
    EXPECT_EQ(CronBackoff(tick.schedule, At(tick.start), At(tick.close)) / 1'000'000'000,
              tick.seconds)
        << tick.schedule;
  }
}

TEST(Cron, RestrictedDaysOfMonthAndWeekAddUp) {
  // 2026-03-01 is a Sunday.
  EXPECT_EQ(CronBackoff("0 0 15 * TUE", At("2026-03-01T00:00:00Z"), At("2026-03-01T00:00:00Z")) /
                1'000'000'000,
            2 * 86400);
}

TEST(Cron, RefusesWhatItCannotRead) {
  for (const char* schedule : {"* * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *",
                               "*/0 * * * *", "5-1 * * * *", "@never", "@every", "@every 0s",
                               "CRON_TZ=Nowhere/Land * * * * *", "a * * * *"}) {
    EXPECT_FALSE(CheckCron(schedule).ok()) << schedule;
  }
  for (const char* schedule :
       {"", "* * * * *", "0-59/5 1,2,3 * JAN-MAR ?", "@yearly", "@every 1m30s"}) {
    EXPECT_TRUE(CheckCron(schedule).ok()) << schedule;
  }
}

}  // namespace
}  // namespace perdure::machines
