#include "history/meters.h"

#include "temporal/api/enums/v1/workflow.pb.h"

namespace perdure::history {
namespace {

namespace enums = temporal::api::enums::v1;

constexpr size_t kQueuesMax = 1000;

// Temporal's counter of runs that ended so; empty if it has none.
std::string CounterOf(int status) {
  switch (status) {
    case enums::WORKFLOW_EXECUTION_STATUS_COMPLETED:
      return "workflow_success";
    case enums::WORKFLOW_EXECUTION_STATUS_FAILED:
      return "workflow_failed";
    case enums::WORKFLOW_EXECUTION_STATUS_CANCELED:
      return "workflow_cancel";
    case enums::WORKFLOW_EXECUTION_STATUS_TERMINATED:
      return "workflow_terminate";
    case enums::WORKFLOW_EXECUTION_STATUS_CONTINUED_AS_NEW:
      return "workflow_continued_as_new";
    case enums::WORKFLOW_EXECUTION_STATUS_TIMED_OUT:
      return "workflow_timeout";
    default:
      return "";
  }
}

}  // namespace

Meters::Meters(base::Metrics* metrics) : metrics_(metrics) {
  if (metrics_ == nullptr) return;
  commit_latency_ = &metrics_->HistogramOf(
      "commit_latency", "Seconds from a batch's leaving for the store to its being durable.");
  commit_runs_ =
      &metrics_->HistogramOf("commit_runs", "Runs in one batch.", {}, base::Metrics::SizeBounds());
  commits_failed_ = &metrics_->CounterOf("commit_failures", "Batches that failed.");
  runs_loaded_ = &metrics_->CounterOf("cache_miss", "Runs that were read from the store.");
  runs_erased_ = &metrics_->CounterOf("runs_erased", "Runs removed with all their rows.");
  runs_cached_ = &metrics_->GaugeOf("cache_size", "Runs in memory.");
  timer_lateness_ = &metrics_->HistogramOf(
      "timer_lateness", "Seconds from a deadline of a run in memory to its being acted on.");
}

void Meters::Committed(int64_t runs, absl::Duration took) {
  if (metrics_ == nullptr) return;
  commit_latency_->Record(took);
  commit_runs_->Record(static_cast<double>(runs));
}

void Meters::CommitFailed(int64_t) {
  if (metrics_ != nullptr) commits_failed_->Add();
}

void Meters::RunLoaded() {
  if (metrics_ != nullptr) runs_loaded_->Add();
}

void Meters::RunErased() {
  if (metrics_ != nullptr) runs_erased_->Add();
}

void Meters::RunsCached(int64_t count) {
  if (metrics_ != nullptr) runs_cached_->Set(static_cast<double>(count));
}

void Meters::TimerRan(absl::Duration late) {
  if (metrics_ != nullptr) timer_lateness_->Record(late);
}

void Meters::RunClosed(const services::Namespace& name_space, int status, absl::Duration took) {
  if (metrics_ == nullptr) return;
  const base::MetricLabels labels = {{"namespace", name_space.name},
                                     {"operation", "CompletionStats"}};
  const std::string name = CounterOf(status);
  if (name.empty()) return;
  base::Counter*& counter = closed_[{name_space.number.value(), status}];
  if (counter == nullptr) {
    counter = &metrics_->CounterOf(name, "Runs that ended so.", labels);
  }
  counter->Add();
  base::Histogram*& latency = run_latency_[name_space.number.value()];
  if (latency == nullptr) {
    latency = &metrics_->HistogramOf("workflow_schedule_to_close_latency",
                                     "Seconds from the start of a run to its end.", labels);
  }
  latency->Record(took);
}

void Meters::TaskStarted(const services::Namespace& name_space, const std::string& task_queue,
                         bool is_activity, bool is_sticky, absl::Duration waited) {
  if (metrics_ == nullptr) return;
  QueueKey key(name_space.number.value(), task_queue, is_activity, is_sticky);
  if (!waited_.contains(key) && waited_.size() >= kQueuesMax) std::get<1>(key) = "__other__";
  base::Histogram*& histogram = waited_[key];
  if (histogram == nullptr) {
    histogram = &metrics_->HistogramOf("task_schedule_to_start_latency",
                                       "Seconds that a task waited for a worker.",
                                       {{"namespace", name_space.name},
                                        {"taskqueue", std::get<1>(key)},
                                        {"task_type", is_activity ? "Activity" : "Workflow"},
                                        {"partition", is_sticky ? "__sticky__" : "__normal__"}});
  }
  histogram->Record(waited);
}

void Meters::HistoryGrew(const services::Namespace& name_space, const char* what) {
  if (metrics_ == nullptr) return;
  metrics_
      ->CounterOf("history_warnings", "Runs whose history passed a warning limit or its end.",
                  {{"namespace", name_space.name}, {"what", what}})
      .Add();
}

}  // namespace perdure::history
