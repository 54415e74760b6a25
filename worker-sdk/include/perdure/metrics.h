// Where the SDK's numbers go: the seam between it and a metrics library.
//
// Given in ClientOptions::metrics; the client and its workers report to it. Names and labels are
// the other SDKs': temporal_request, temporal_request_failure, temporal_request_latency, and
// temporal_long_request... for polls, each with `operation` and `namespace`; failures with
// `status_code`, too. perdure/prometheus_metrics.h is one.
#pragma once

#include <chrono>
#include <initializer_list>
#include <span>
#include <string_view>
#include <utility>

namespace perdure {

using MetricLabel = std::pair<std::string_view, std::string_view>;  // Name and value.

// Borrowed for the length of a call: count("orders", {{"kind", "express"}}), or an array or vector.
class MetricLabels : public std::span<const MetricLabel> {
 public:
  using std::span<const MetricLabel>::span;
  MetricLabels(std::initializer_list<MetricLabel> labels) : span(labels.begin(), labels.size()) {}
};

// Thread-safe; called often, so quick.
class MetricsSink {
 public:
  virtual ~MetricsSink() = default;
  virtual void count(std::string_view name, MetricLabels labels = {}, double by = 1) = 0;
  virtual void gauge(std::string_view name, MetricLabels labels, double value) = 0;
  virtual void latency(std::string_view name, MetricLabels labels,
                       std::chrono::nanoseconds value) = 0;
  // How values other than times are spread. Of the program's own numbers only; a sink that does not
  // override it drops them.
  virtual void histogram(std::string_view name, MetricLabels labels, double value) {
    static_cast<void>(name), static_cast<void>(labels), static_cast<void>(value);
  }
};

}  // namespace perdure
