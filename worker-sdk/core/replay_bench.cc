// How fast a history is replayed, from its bytes: 2,000 timers one after the other, 10,005 events.
#include <cstdio>
#include <ctime>

#include "worker-sdk/core/history_builder.h"
#include "worker-sdk/core/replay.h"

namespace perdure::core {
namespace {

constexpr std::uint32_t kTimers = 2000;

// Starts the next timer when one fires, and completes the run after the last.
class Timers : public detail::Program {
 public:
  void Activate(detail::Activation& activation, detail::Completion* completion) override {
    if (next_ <= kTimers) {
      detail::StartTimerCommand command;
      command.seq = next_++;
      command.duration = std::chrono::seconds(1);
      completion->commands.emplace_back(std::move(command));
    } else {
      completion->commands.emplace_back(detail::CompleteWorkflowCommand());
    }
  }
  std::int64_t memory_bytes() const override { return sizeof(*this); }

 private:
  std::uint32_t next_ = 1;
};

double CpuSeconds() {
  std::timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

int Main() {
  HistoryBuilder builder;
  builder.Start();
  for (std::uint32_t seq = 1; seq <= kTimers; ++seq) {
    builder.Task();
    builder.TimerFired(builder.TimerStarted(seq));
  }
  builder.Task();
  builder.Completed();
  // What a server writes beside: who it was, and which request.
  temporal::api::history::v1::History history = builder.history();
  for (auto& event : *history.mutable_events()) {
    event.set_task_id(1048576 + event.event_id());
    if (event.has_workflow_task_started_event_attributes()) {
      event.mutable_workflow_task_started_event_attributes()->set_identity(
          "4711@some-host.example.com");
      event.mutable_workflow_task_started_event_attributes()->set_request_id(
          "5c1f5d6e-6f1b-4a6c-9d57-0c6f3e6e6a11");
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
  const std::string bytes = history.SerializeAsString();
  const MakeProgram make = [](const std::string&) { return std::make_unique<Timers>(); };
  constexpr int kRounds = 100;
  double parse = 0;
  double replay = 0;
  for (int round = 0; round < kRounds; ++round) {
    const double begin = CpuSeconds();
    temporal::api::history::v1::History parsed;
    if (!parsed.ParseFromString(bytes)) return 1;
    const double middle = CpuSeconds();
    const ReplayResult result = ReplayHistory(std::move(parsed), ReplayOptions(), make);
    replay += CpuSeconds() - middle;
    parse += middle - begin;
    if (!result.ok) {
      std::fprintf(stderr, "%s\n", result.message.c_str());
      return 1;
    }
  }
  const double events = static_cast<double>(history.events_size()) * kRounds;
  std::printf(
      "%d events of %.0f bytes each: %.0f events per CPU second (parsing %.0f ns, replay %.0f "
      "ns)\n",
      history.events_size(), static_cast<double>(bytes.size()) / history.events_size(),
      events / (parse + replay), parse / events * 1e9, replay / events * 1e9);
  return 0;
}

}  // namespace
}  // namespace perdure::core

int main() { return perdure::core::Main(); }
