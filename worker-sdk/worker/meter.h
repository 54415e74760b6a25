// The worker's numbers on their way to the user's sink, labelled with the namespace and the task
// queue.
//
// A value; thread-safe as its sink is. Without a sink each call is one comparison.
#pragma once

#include <array>
#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "perdure/metrics.h"

namespace perdure::worker {

class Meter {
 public:
  // What a number is about, beside namespace and queue: {"activity_type", type}. The second follows
  // the first; each may be empty.
  using Label = MetricLabel;

  Meter() = default;
  Meter(std::shared_ptr<MetricsSink> sink, std::string name_space, std::string task_queue)
      : sink_(std::move(sink)),
        namespace_(std::move(name_space)),
        task_queue_(std::move(task_queue)) {}

  void Count(std::string_view name, Label label = {}, Label second = {}) const {
    if (sink_) With(label, second, [&](MetricLabels labels) { sink_->count(name, labels, 1); });
  }
  void Gauge(std::string_view name, double value, Label label = {}) const {
    if (sink_) With(label, {}, [&](MetricLabels labels) { sink_->gauge(name, labels, value); });
  }
  void Latency(std::string_view name, std::chrono::nanoseconds value, Label label = {},
               Label second = {}) const {
    if (sink_)
      With(label, second, [&](MetricLabels labels) { sink_->latency(name, labels, value); });
  }
  explicit operator bool() const { return sink_ != nullptr; }

 private:
  template <class Function>
  void With(Label label, Label second, Function function) const {
    const std::array<Label, 4> all{Label{"namespace", namespace_}, Label{"task_queue", task_queue_},
                                   label, second};
    const std::size_t given = label.first.empty() ? 0 : second.first.empty() ? 1 : 2;
    function(MetricLabels(all.data(), 2 + given));
  }

  std::shared_ptr<MetricsSink> sink_;  // The user's, shared with the client.
  std::string namespace_;
  std::string task_queue_;
};

}  // namespace perdure::worker
