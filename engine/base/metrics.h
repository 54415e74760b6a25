// Counters, gauges and histograms for Prometheus, under Temporal's names where dashboards know
// them (service_requests, service_errors, service_latency …). Passed by constructor: one Metrics
// per process, one per simulated node.
//
// Thread-safe. Handles are cheap to keep and must be kept on hot paths: looking one up takes a
// lock and hashes its labels. They live as long as the Metrics they came from.
//
// Labels multiply: use only what has a bounded number of values (operation, namespace, task
// queue kind), never workflow ids.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace perdure::base {

using MetricLabels = std::map<std::string, std::string>;

class Counter {
 public:
  virtual ~Counter() = default;
  virtual void Add(double amount = 1) = 0;
  virtual double Value() const = 0;
};

class Gauge {
 public:
  virtual ~Gauge() = default;
  virtual void Set(double value) = 0;
  virtual void Add(double amount) = 0;
  virtual double Value() const = 0;
};

class Histogram {
 public:
  virtual ~Histogram() = default;
  virtual void Record(double value) = 0;
  void Record(absl::Duration duration) { Record(absl::ToDoubleSeconds(duration)); }
};

class Metrics {
 public:
  Metrics();
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  // The same name and labels give the same handle. `help` of the first call counts.
  Counter& CounterOf(absl::string_view name, absl::string_view help,
                     const MetricLabels& labels = {});
  Gauge& GaugeOf(absl::string_view name, absl::string_view help, const MetricLabels& labels = {});
  // Empty bounds: LatencyBounds().
  Histogram& HistogramOf(absl::string_view name, absl::string_view help,
                         const MetricLabels& labels = {}, const std::vector<double>& bounds = {});

  // Runs before each scrape, to set gauges from what is cheap to read but not worth pushing.
  void BeforeScrape(std::function<void()> refresh);
  // The text exposition format (content type "text/plain; version=0.0.4").
  std::string Scrape();

  // Seconds, from 0.1 ms to 60 s.
  static const std::vector<double>& LatencyBounds();
  // Powers of two from 1 to 65,536: batch sizes, counts.
  static const std::vector<double>& SizeBounds();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace perdure::base
