#include "perdure/prometheus_metrics.h"

#include <map>
#include <mutex>
#include <utility>

#include "prometheus/counter.h"
#include "prometheus/exposer.h"
#include "prometheus/family.h"
#include "prometheus/gauge.h"
#include "prometheus/histogram.h"
#include "prometheus/registry.h"
#include "prometheus/text_serializer.h"

namespace perdure {
namespace {

prometheus::Labels ToLabels(MetricLabels labels) {
  prometheus::Labels result;
  for (const auto& [name, value] : labels) result.emplace(name, value);
  return result;
}

// Name and values; a metric's label names are always the same.
std::string KeyOf(std::string_view name, MetricLabels labels) {
  std::string key(name);
  for (const auto& label : labels) {
    key += '\0';
    key += label.second;
  }
  return key;
}

}  // namespace

struct PrometheusMetrics::Inside {
  // The metric of a name and labels; made where it is the first of them.
  template <class Metric, class Builder, class... A>
  Metric& Find(std::map<std::string, Metric*>* known, std::string_view name, MetricLabels labels,
               Builder builder, const A&... arguments) {
    std::string key = KeyOf(name, labels);
    const std::lock_guard lock(mutex);
    Metric*& metric = (*known)[std::move(key)];
    if (metric == nullptr) {
      auto& family = builder.Name(std::string(name)).Help(std::string(name)).Register(*registry);
      metric = &family.Add(ToLabels(labels), arguments...);
    }
    return *metric;
  }

  std::vector<double> latency_buckets, histogram_buckets;
  // Shared with the exposer.
  const std::shared_ptr<prometheus::Registry> registry =
      std::make_shared<prometheus::Registry>(prometheus::Registry::InsertBehavior::Merge);
  std::mutex mutex;  // Guards the three maps.
  std::map<std::string, prometheus::Counter*> counters;
  std::map<std::string, prometheus::Gauge*> gauges;
  std::map<std::string, prometheus::Histogram*> histograms;
  std::unique_ptr<prometheus::Exposer> exposer;
};

PrometheusMetrics::PrometheusMetrics(PrometheusOptions options)
    : inside_(std::make_unique<Inside>()) {
  inside_->latency_buckets = std::move(options.latency_buckets);
  inside_->histogram_buckets = std::move(options.histogram_buckets);
}

PrometheusMetrics::~PrometheusMetrics() = default;

void PrometheusMetrics::count(std::string_view name, MetricLabels labels, double by) {
  inside_->Find(&inside_->counters, name, labels, prometheus::BuildCounter()).Increment(by);
}

void PrometheusMetrics::gauge(std::string_view name, MetricLabels labels, double value) {
  inside_->Find(&inside_->gauges, name, labels, prometheus::BuildGauge()).Set(value);
}

void PrometheusMetrics::latency(std::string_view name, MetricLabels labels,
                                std::chrono::nanoseconds value) {
  const std::string full = std::string(name) + "_seconds";
  inside_
      ->Find(&inside_->histograms, full, labels, prometheus::BuildHistogram(),
             inside_->latency_buckets)
      .Observe(std::chrono::duration<double>(value).count());
}

void PrometheusMetrics::histogram(std::string_view name, MetricLabels labels, double value) {
  inside_
      ->Find(&inside_->histograms, name, labels, prometheus::BuildHistogram(),
             inside_->histogram_buckets)
      .Observe(value);
}

std::string PrometheusMetrics::text() const {
  return prometheus::TextSerializer().Serialize(inside_->registry->Collect());
}

void PrometheusMetrics::serve(const std::string& address) {
  inside_->exposer = std::make_unique<prometheus::Exposer>(address);
  inside_->exposer->RegisterCollectable(inside_->registry);
}

}  // namespace perdure
