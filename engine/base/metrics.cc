#include "base/metrics.h"

#include <tuple>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "prometheus/counter.h"
#include "prometheus/family.h"
#include "prometheus/gauge.h"
#include "prometheus/histogram.h"
#include "prometheus/registry.h"
#include "prometheus/text_serializer.h"

namespace perdure::base {
namespace {

class PrometheusCounter : public Counter {
 public:
  explicit PrometheusCounter(prometheus::Counter& target) : target_(target) {}
  void Add(double amount) override { target_.Increment(amount); }
  double Value() const override { return target_.Value(); }

 private:
  prometheus::Counter& target_;
};

class PrometheusGauge : public Gauge {
 public:
  explicit PrometheusGauge(prometheus::Gauge& target) : target_(target) {}
  void Set(double value) override { target_.Set(value); }
  void Add(double amount) override { target_.Increment(amount); }
  double Value() const override { return target_.Value(); }

 private:
  prometheus::Gauge& target_;
};

class PrometheusHistogram : public Histogram {
 public:
  explicit PrometheusHistogram(prometheus::Histogram& target) : target_(target) {}
  void Record(double value) override { target_.Observe(value); }

 private:
  prometheus::Histogram& target_;
};

using HandleKey = std::pair<std::string, MetricLabels>;

}  // namespace

struct Metrics::State {
  absl::Mutex mutex;
  prometheus::Registry registry;
  std::map<HandleKey, std::unique_ptr<PrometheusCounter>> counters ABSL_GUARDED_BY(mutex);
  std::map<HandleKey, std::unique_ptr<PrometheusGauge>> gauges ABSL_GUARDED_BY(mutex);
  std::map<HandleKey, std::unique_ptr<PrometheusHistogram>> histograms ABSL_GUARDED_BY(mutex);
  std::vector<std::function<void()>> refreshers ABSL_GUARDED_BY(mutex);
};

Metrics::Metrics() : state_(std::make_unique<State>()) {}
Metrics::~Metrics() = default;

Counter& Metrics::CounterOf(absl::string_view name, absl::string_view help,
                            const MetricLabels& labels) {
  absl::MutexLock lock(&state_->mutex);
  auto& handle = state_->counters[{std::string(name), labels}];
  if (handle == nullptr) {
    auto& family = prometheus::BuildCounter()
                       .Name(std::string(name))
                       .Help(std::string(help))
                       .Register(state_->registry);
    handle = std::make_unique<PrometheusCounter>(family.Add(labels));
  }
  return *handle;
}

Gauge& Metrics::GaugeOf(absl::string_view name, absl::string_view help,
                        const MetricLabels& labels) {
  absl::MutexLock lock(&state_->mutex);
  auto& handle = state_->gauges[{std::string(name), labels}];
  if (handle == nullptr) {
    auto& family = prometheus::BuildGauge()
                       .Name(std::string(name))
                       .Help(std::string(help))
                       .Register(state_->registry);
    handle = std::make_unique<PrometheusGauge>(family.Add(labels));
  }
  return *handle;
}

Histogram& Metrics::HistogramOf(absl::string_view name, absl::string_view help,
                                const MetricLabels& labels, const std::vector<double>& bounds) {
  absl::MutexLock lock(&state_->mutex);
  auto& handle = state_->histograms[{std::string(name), labels}];
  if (handle == nullptr) {
    auto& family = prometheus::BuildHistogram()
                       .Name(std::string(name))
                       .Help(std::string(help))
                       .Register(state_->registry);
    handle = std::make_unique<PrometheusHistogram>(
        family.Add(labels, bounds.empty() ? LatencyBounds() : bounds));
  }
  return *handle;
}

void Metrics::BeforeScrape(std::function<void()> refresh) {
  absl::MutexLock lock(&state_->mutex);
  state_->refreshers.push_back(std::move(refresh));
}

std::string Metrics::Scrape() {
  std::vector<std::function<void()>> refreshers;
  {
    absl::MutexLock lock(&state_->mutex);
    refreshers = state_->refreshers;
  }
  // Outside the lock: a refresher looks up handles.
  for (const auto& refresh : refreshers) refresh();
  return prometheus::TextSerializer().Serialize(state_->registry.Collect());
}

const std::vector<double>& Metrics::LatencyBounds() {
  static const std::vector<double> bounds = {0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005,
                                             0.01,   0.025,   0.05,   0.1,   0.25,   0.5,
                                             1,      2.5,     5,      10,    30,     60};
  return bounds;
}

const std::vector<double>& Metrics::SizeBounds() {
  static const std::vector<double> bounds = [] {
    std::vector<double> powers;
    for (int64_t power = 1; power <= 65536; power *= 2) {
      powers.push_back(static_cast<double>(power));
    }
    return powers;
  }();
  return bounds;
}

}  // namespace perdure::base
