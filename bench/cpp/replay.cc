#include <stdexcept>

#include "bench/cpp/scenario.h"
#include "bench/cpp/workflows.h"
#include "perdure/replayer.h"
#include "worker-sdk/core/history_builder.h"

namespace perdure::bench {
namespace {

constexpr int kTimers = 2000;

// 10,005 events, with what a server writes beside: who it was, and which request.
std::string HistoryBytes() {
  core::HistoryBuilder builder;
  builder.Start("Timers");
  for (std::uint32_t seq = 1; seq <= kTimers; ++seq) {
    builder.Task();
    builder.TimerFired(builder.TimerStarted(seq));
  }
  builder.Task();
  builder.Completed();
  temporal::api::history::v1::History history = builder.history();
  auto* input = history.mutable_events(0)
                    ->mutable_workflow_execution_started_event_attributes()
                    ->mutable_input();
  input->clear_payloads();
  auto* payload = input->add_payloads();
  (*payload->mutable_metadata())["encoding"] = "json/plain";
  payload->set_data(std::to_string(kTimers));
  for (auto& event : *history.mutable_events()) {
    event.set_task_id(1048576 + event.event_id());
    if (event.has_workflow_task_started_event_attributes()) {
      auto* started = event.mutable_workflow_task_started_event_attributes();
      started->set_identity("4711@some-host.example.com");
      started->set_request_id("5c1f5d6e-6f1b-4a6c-9d57-0c6f3e6e6a11");
    }
    if (event.has_workflow_task_completed_event_attributes()) {
      event.mutable_workflow_task_completed_event_attributes()->set_identity(
          "4711@some-host.example.com");
    }
    if (event.has_workflow_task_scheduled_event_attributes()) {
      event.mutable_workflow_task_scheduled_event_attributes()->mutable_task_queue()->set_name(
          "4711@some-host:0c6f3e6e6a11");
    }
  }
  return history.SerializeAsString();
}

}  // namespace

Figures Replay(const SdkOptions& options) {
  const std::int64_t rounds = options.count > 0 ? options.count : 100;
  Replayer replayer;
  replayer.workflow<Timers>();
  const History history("timers-1", HistoryBytes());
  constexpr double kEvents = 5 * kTimers + 5;
  const double begin = OwnCpuSeconds();
  for (std::int64_t i = 0; i < rounds; ++i) {
    const ReplayResult result = replayer.replay(history);
    if (!result.ok) throw std::runtime_error(result.message);
  }
  const double events = kEvents * static_cast<double>(rounds);
  const double took = OwnCpuSeconds() - begin;
  return {{"events_per_cpu_second", events / took}, {"event_ns", took / events * 1e9}};
}

}  // namespace perdure::bench
