// Metrics for Prometheus: link perdure::prometheus.
//
//   auto metrics = std::make_shared<perdure::PrometheusMetrics>();
//   metrics->serve("0.0.0.0:9464");  // or give metrics->text() to a server of your own
//   auto client = perdure::Client::connect({.metrics = metrics});
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "perdure/metrics.h"

namespace perdure {

struct PrometheusOptions {
  // Upper bounds of the latencies' buckets, in seconds.
  std::vector<double> latency_buckets = {0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2,
                                         0.5,   1,     2,     5,    10,   20,   60};
  // Of the program's own histograms.
  std::vector<double> histogram_buckets = {1, 2, 5, 10, 20, 50, 100, 1e3, 1e4, 1e5, 1e6};
};

// Thread-safe. A metric's labels are fixed by its first use; each set of their values costs memory.
class PrometheusMetrics final : public MetricsSink {
 public:
  explicit PrometheusMetrics(PrometheusOptions options = {});
  ~PrometheusMetrics() override;

  void count(std::string_view name, MetricLabels labels, double by = 1) override;
  void gauge(std::string_view name, MetricLabels labels, double value) override;
  // In seconds, as `name` with the ending _seconds.
  void latency(std::string_view name, MetricLabels labels, std::chrono::nanoseconds value) override;
  void histogram(std::string_view name, MetricLabels labels, double value) override;

  // Everything, in Prometheus's text format.
  std::string text() const;
  // Answers GET /metrics on "host:port" until this is destroyed. Throws std::exception where it
  // cannot listen.
  void serve(const std::string& address);

 private:
  struct Inside;
  std::unique_ptr<Inside> inside_;
};

}  // namespace perdure
