#include "worker-sdk/coro/run_metrics.h"

#include <vector>

#include "worker-sdk/coro/instance.h"

namespace perdure::detail {

template <class Value>
void RunMetrics::Tell(void (MetricsSink::*what)(std::string_view, MetricLabels, Value),
                      std::string_view name, MetricLabels labels, Value value) const {
  MetricsSink* const sink = run_->Metrics();
  if (sink == nullptr) return;
  std::vector<MetricLabel> all = {{"namespace", run_->info.namespace_},
                                  {"task_queue", run_->info.task_queue},
                                  {"workflow_type", run_->info.workflow_type}};
  all.insert(all.end(), labels.begin(), labels.end());
  const OutsideOfWorkflows outside;
  (sink->*what)(name, all, value);
}

void RunMetrics::count(std::string_view name, MetricLabels labels, double by) {
  Tell(&MetricsSink::count, name, labels, by);
}
void RunMetrics::gauge(std::string_view name, MetricLabels labels, double value) {
  Tell(&MetricsSink::gauge, name, labels, value);
}
void RunMetrics::latency(std::string_view name, MetricLabels labels,
                         std::chrono::nanoseconds value) {
  Tell(&MetricsSink::latency, name, labels, value);
}
void RunMetrics::histogram(std::string_view name, MetricLabels labels, double value) {
  Tell(&MetricsSink::histogram, name, labels, value);
}

}  // namespace perdure::detail
