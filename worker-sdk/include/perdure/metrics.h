// Where the SDK's numbers go: the seam between it and a metrics library.
//
// Given in ClientOptions::metrics; the client and its workers report to it. Names and labels are
// the other SDKs': temporal_request, temporal_request_failure, temporal_request_latency, and
// temporal_long_request... for polls, each with `operation` and `namespace`; failures with
// `status_code`, too. perdure/prometheus_metrics.h is one.
#pragma once

#include <chrono>
#include <span>
#include <string_view>
#include <utility>

namespace perdure {

// Borrowed for the length of a call.
using MetricLabels = std::span<const std::pair<std::string_view, std::string_view>>;

// Thread-safe; called often, so quick.
class MetricsSink {
 public:
  virtual ~MetricsSink() = default;
  virtual void count(std::string_view name, MetricLabels labels, double by = 1) = 0;
  virtual void gauge(std::string_view name, MetricLabels labels, double value) = 0;
  virtual void latency(std::string_view name, MetricLabels labels,
                       std::chrono::nanoseconds value) = 0;
};

}  // namespace perdure
