#include <algorithm>
#include <memory>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "bench/scenario.h"
#include "bench/worker.h"

namespace perdure::bench {
namespace {

constexpr int64_t kPollersMax = 100;

// Starts workflows, the next when one has ended, and knows how long each took.
class Starter {
 public:
  Starter(Client& client, const Options& options) : client_(client), options_(options) {}

  void Begin() {
    begin_ = absl::Now();
    while (started_ < std::min(options_.in_flight, options_.count)) Start();
  }

  void Ended(const std::string& workflow_id) {
    int64_t number = 0;
    if (!absl::SimpleAtoi(workflow_id.substr(workflow_id.rfind('-') + 1), &number)) return;
    latencies_.push_back(absl::Now() - start_times_[static_cast<size_t>(number)]);
    if (started_ < options_.count) Start();
  }

  int64_t ended() const { return static_cast<int64_t>(latencies_.size()); }
  double PerSecond() const {
    return static_cast<double>(ended()) / absl::ToDoubleSeconds(absl::Now() - begin_);
  }
  std::vector<absl::Duration>& latencies() { return latencies_; }

 private:
  void Start() {
    start_times_.push_back(absl::Now());
    client_.Send<api::StartWorkflowExecutionResponse>(
        "StartWorkflowExecution",
        StartRequest(absl::StrCat(client_.tag(), "-", started_++), client_.tag()),
        [](const auto&) {});
  }

  Client& client_;
  const Options& options_;
  absl::Time begin_;
  int64_t started_ = 0;
  std::vector<absl::Time> start_times_;
  std::vector<absl::Duration> latencies_;
};

}  // namespace

double Quantile(std::vector<absl::Duration>& samples, double share) {
  if (samples.empty()) return 0;
  std::sort(samples.begin(), samples.end());
  const auto index = static_cast<size_t>(share * static_cast<double>(samples.size() - 1));
  return absl::ToDoubleMilliseconds(samples[index]);
}

Figures Workflows(Client& client, const Options& options) {
  Starter starter(client, options);
  const int64_t pollers = std::min(options.in_flight, kPollersMax);
  Worker worker(client,
                {.task_queue = client.tag(),
                 .is_sticky = options.is_like_sdk,
                 .workflow_pollers = pollers,
                 .activity_pollers = pollers},
                [&](const Worker::Task& task, Worker::Answer& answer) -> std::function<void()> {
                  if (task.previous_started_event_id() == 0) {
                    ScheduleActivity(answer, "1", client.tag(), options.is_like_sdk);
                    return {};
                  }
                  CompleteWorkflow(answer);
                  return [&starter, id = task.workflow_execution().workflow_id()] {
                    starter.Ended(id);
                  };
                });
  worker.Begin();
  starter.Begin();
  if (!client.RunUntil([&] { return starter.ended() == options.count; })) return {};
  return {{"workflows_per_second", starter.PerSecond()},
          {"latency_p50_ms", Quantile(starter.latencies(), 0.5)},
          {"latency_p99_ms", Quantile(starter.latencies(), 0.99)}};
}

Figures Timers(Client& client, const Options& options) {
  constexpr absl::Duration kTimer = absl::Milliseconds(10);
  Starter starter(client, options);
  std::vector<absl::Duration> late;
  const int64_t pollers = std::min(options.in_flight, kPollersMax);
  Worker worker(client, {.task_queue = client.tag(), .workflow_pollers = pollers},
                [&](const Worker::Task& task, Worker::Answer& answer) -> std::function<void()> {
                  if (task.previous_started_event_id() == 0) {
                    StartTimer(answer, "1", kTimer);
                    return {};
                  }
                  for (const auto& event : task.history().events()) {
                    if (event.event_type() != enums::EVENT_TYPE_TIMER_STARTED) continue;
                    const absl::Time started = absl::FromUnixSeconds(event.event_time().seconds()) +
                                               absl::Nanoseconds(event.event_time().nanos());
                    late.push_back(absl::Now() - started - kTimer);
                  }
                  CompleteWorkflow(answer);
                  return [&starter, id = task.workflow_execution().workflow_id()] {
                    starter.Ended(id);
                  };
                });
  worker.Begin();
  starter.Begin();
  if (!client.RunUntil([&] { return starter.ended() == options.count; })) return {};
  return {{"timer_late_p50_ms", Quantile(late, 0.5)}, {"timer_late_p99_ms", Quantile(late, 0.99)}};
}

Figures Asleep(Client& client, const Options& options) {
  Starter starter(client, options);
  const int64_t pollers = std::min(options.in_flight, kPollersMax);
  Worker worker(client, {.task_queue = client.tag(), .workflow_pollers = pollers},
                [&](const Worker::Task& task, Worker::Answer& answer) -> std::function<void()> {
                  StartTimer(answer, "1", absl::Hours(24 * 30));
                  return [&starter, id = task.workflow_execution().workflow_id()] {
                    starter.Ended(id);
                  };
                });
  worker.Begin();
  starter.Begin();
  if (!client.RunUntil([&] { return starter.ended() == options.count; })) return {};
  return {{"asleep_per_second", starter.PerSecond()}};
}

Figures Polls(Client& client, const Options& options) {
  for (int64_t i = 0; i < options.count; ++i) {
    const std::string queue = absl::StrCat(client.tag(), "-", i / 10);
    if (i % 2 == 0) {
      api::PollWorkflowTaskQueueRequest poll;
      poll.set_namespace_("default");
      poll.set_identity("bench");
      poll.mutable_task_queue()->set_name(queue);
      client.Send<api::PollWorkflowTaskQueueResponse>("PollWorkflowTaskQueue", poll, [](auto&) {});
    } else {
      api::PollActivityTaskQueueRequest poll;
      poll.set_namespace_("default");
      poll.set_identity("bench");
      poll.mutable_task_queue()->set_name(queue);
      client.Send<api::PollActivityTaskQueueResponse>("PollActivityTaskQueue", poll, [](auto&) {});
    }
  }
  // Long enough for all to arrive; shorter than a poll waits.
  if (!client.WaitUnanswered(absl::Seconds(20))) return {};
  return {{"polls", static_cast<double>(options.count)}};
}

}  // namespace perdure::bench
