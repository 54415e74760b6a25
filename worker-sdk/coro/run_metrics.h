// The numbers that workflow code tells: workflow::metrics().
//
// Adds what every number of a run is labelled with, and drops what is a repetition. Owned by the
// run, and loop-bound as it is. Without a sink, and in replays, each call is a comparison.
#pragma once

#include "perdure/metrics.h"

namespace perdure::detail {

class Instance;

class RunMetrics final : public MetricsSink {
 public:
  explicit RunMetrics(const Instance* run) : run_(run) {}
  void count(std::string_view name, MetricLabels labels, double by) override;
  void gauge(std::string_view name, MetricLabels labels, double value) override;
  void latency(std::string_view name, MetricLabels labels, std::chrono::nanoseconds value) override;
  void histogram(std::string_view name, MetricLabels labels, double value) override;

 private:
  template <class Value>
  void Tell(void (MetricsSink::*what)(std::string_view, MetricLabels, Value), std::string_view name,
            MetricLabels labels, Value value) const;

  const Instance* const run_;
};

}  // namespace perdure::detail
