#include "worker-sdk/worker/core_run.h"

#include "worker-sdk/worker/watchdog.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "perdure/context_propagator.h"
#include "worker-sdk/client/grpc_transport.h"
#include "worker-sdk/core/run.h"

namespace perdure::worker {
namespace {

// What the runs of one loop share.
struct Shared {
  core::RunOptions run_options;
  std::unique_ptr<Watchdog> watchdog;
  detail::ProgramOptions program_options;
  core::MakeProgram make_program;
  // For the replays' latency; empty without a sink.
  Meter meter;
  client::Executor* clock = nullptr;
};

class CoreRun : public RunPort {
 public:
  explicit CoreRun(std::shared_ptr<const Shared> shared)
      : shared_(std::move(shared)), run_(&shared_->run_options, &shared_->make_program) {
    if (shared_->meter) run_.OnCaughtUp([this] { CaughtUp(); });
  }

  bool Continues(const temporal::api::workflowservice::v1::PollWorkflowTaskQueueResponse& task)
      const override {
    return run_.Continues(task);
  }
  core::Step StartTask(
      temporal::api::workflowservice::v1::PollWorkflowTaskQueueResponse task) override {
    replay_begun_.reset();
    if (shared_->meter && task.previous_started_event_id() > 0 && !run_.Continues(task)) {
      replay_begun_ = shared_->clock->Monotonic();
    }
    return run_.StartTask(std::move(task));
  }
  core::Step AddHistory(temporal::api::history::v1::History page,
                        std::string next_page_token) override {
    return run_.AddHistory(std::move(page), std::move(next_page_token));
  }
  core::Step ResolveLocalActivity(core::LocalActivityOutcome outcome) override {
    return run_.ResolveLocalActivity(std::move(outcome));
  }
  core::Step HeartbeatDue() override { return run_.HeartbeatDue(); }
  void TaskAccepted(const temporal::api::workflowservice::v1::RespondWorkflowTaskCompletedResponse&
                        response) override {
    run_.TaskAccepted(response);
  }
  bool is_closed() const override { return run_.is_closed(); }
  std::int64_t memory_bytes() const override { return run_.memory_bytes(); }

 private:
  void CaughtUp() {
    if (!replay_begun_) return;
    shared_->meter.Latency("temporal_workflow_task_replay_latency",
                           shared_->clock->Monotonic() - *replay_begun_,
                           {"workflow_type", run_.workflow_type()});
    replay_begun_.reset();
  }

  const std::shared_ptr<const Shared>
      shared_;  // Of all runs of the loop; before run_, which refers to it.
  core::Run run_;
  std::optional<Nanos> replay_begun_;  // The task's history is replayed from its start since then.
};

}  // namespace

RunFactory MakeCoreRuns(const Host& host, const WorkerOptions& options,
                        const WorkflowRegistry& workflows, bool server_has_sdk_metadata) {
  auto shared = std::make_shared<Shared>();
  core::RunOptions& run = shared->run_options;
  run.namespace_ = host.namespace_;
  run.task_queue = options.task_queue;
  run.server_has_sdk_metadata = server_has_sdk_metadata;
  run.sdk_name = std::string(client::kClientName);
  run.sdk_version = std::string(client::kClientVersion);
  run.deployment_name = options.deployment.name;
  run.build_id = options.deployment.build_id;
  run.registered_types = workflows.Names();
  const auto& types = options.workflow_failure_types;
  run.nondeterminism_fails_run =
      std::find(types.begin(), types.end(), "*") != types.end() ||
      std::find(types.begin(), types.end(), "NondeterminismError") != types.end();
  detail::ProgramOptions& program = shared->program_options;
  program.workflow_failure_types = types;
  program.interceptors = options.interceptors;
  program.metrics = host.metrics;
  program.failure_converter = host.failure_converter;
  for (const auto& propagator : options.context_propagators) {
    program.propagated.emplace_back(propagator->name());
  }
  if (options.deadlock_limit > Nanos(0) && host.transport->is_real_time()) {
    shared->watchdog = std::make_unique<Watchdog>(options.deadlock_limit, host.log);
    program.watch = shared->watchdog.get();
  }
  program.log = [log = host.log](int level, const detail::RunInfo& info, std::string_view text) {
    if (!log) return;
    log(static_cast<LogLevel>(level), text,
        {{"workflow_type", info.workflow_type},
         {"workflow_id", info.workflow_id},
         {"run_id", info.run_id}});
  };
  shared->meter = host.meter;
  if (host.meter) shared->clock = host.transport->executor();
  shared->make_program = [&workflows,
                          &program](const std::string& type) -> std::unique_ptr<detail::Program> {
    const detail::WorkflowDefinition* definition = workflows.Find(type);
    return definition == nullptr ? nullptr : definition->make(program);
  };
  return [shared = std::shared_ptr<const Shared>(std::move(shared))] {
    return std::make_unique<CoreRun>(shared);
  };
}

}  // namespace perdure::worker
