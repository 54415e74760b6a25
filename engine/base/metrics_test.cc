#include "base/metrics.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace perdure::base {
namespace {

using ::testing::HasSubstr;

TEST(Metrics, GivesTheSameHandleForTheSameNameAndLabels) {
  Metrics metrics;
  metrics.CounterOf("service_requests", "Requests.", {{"operation", "A"}}).Add();
  metrics.CounterOf("service_requests", "Requests.", {{"operation", "A"}}).Add();
  metrics.CounterOf("service_requests", "Requests.", {{"operation", "B"}}).Add(5);
  const std::string text = metrics.Scrape();
  EXPECT_THAT(text, HasSubstr("service_requests{operation=\"A\"} 2"));
  EXPECT_THAT(text, HasSubstr("service_requests{operation=\"B\"} 5"));
}

TEST(Metrics, RefreshesGaugesBeforeAScrape) {
  Metrics metrics;
  metrics.BeforeScrape([&metrics] { metrics.GaugeOf("backlog", "Tasks waiting.").Set(7); });
  EXPECT_THAT(metrics.Scrape(), HasSubstr("backlog 7"));
}

TEST(Metrics, CountsHistogramsBySeconds) {
  Metrics metrics;
  metrics.HistogramOf("latency", "Seconds.").Record(absl::Milliseconds(3));
  EXPECT_THAT(metrics.Scrape(), HasSubstr("latency_bucket{le=\"0.005\"} 1"));
}

}  // namespace
}  // namespace perdure::base
