#include <malloc.h>

#include <stdexcept>

#include "bench/cpp/scenario.h"
#include "bench/cpp/workflows.h"
#include "worker-sdk/core/history_builder.h"
#include "worker-sdk/worker/core_run.h"
#include "worker-sdk/worker/run_cache.h"

namespace perdure::bench {
namespace {

using Task = temporal::api::workflowservice::v1::PollWorkflowTaskQueueResponse;

// The first task of the run, as a server sends it.
Task TaskOf(std::int64_t number) {
  std::string run_id = std::to_string(number);
  run_id = "0197a1b2-c3d4-7000-8000-" + std::string(12 - run_id.size(), '0') + run_id;
  core::HistoryBuilder builder;
  builder.Start("Waiting");
  builder.OpenTask();
  Task task;
  *task.mutable_history() = builder.history();
  auto* started = task.mutable_history()
                      ->mutable_events(0)
                      ->mutable_workflow_execution_started_event_attributes();
  auto* payload = started->mutable_input()->mutable_payloads()->empty()
                      ? started->mutable_input()->add_payloads()
                      : started->mutable_input()->mutable_payloads(0);
  (*payload->mutable_metadata())["encoding"] = "json/plain";
  payload->set_data("\"a customer whose name is long\"");
  started->set_identity("4711@some-host.example.com");
  started->set_original_execution_run_id(run_id);
  started->set_first_execution_run_id(run_id);
  started->mutable_task_queue()->set_name("orders");
  task.mutable_workflow_execution()->set_workflow_id("order-" + run_id);
  task.mutable_workflow_execution()->set_run_id(run_id);
  task.mutable_workflow_type()->set_name("Waiting");
  task.set_started_event_id(3);
  task.set_attempt(1);
  return task;
}

}  // namespace

Figures Memory(const SdkOptions& options) {
  const std::int64_t count = options.count > 0 ? options.count : 20000;
  worker::Host host;
  WorkerOptions worker_options;
  worker_options.task_queue = "orders";
  // Nothing looks after threads here; and the host, which would say that time is real, is empty.
  worker_options.deadlock_limit = std::chrono::nanoseconds(0);
  worker_options.cache = {.runs = count + 1, .bytes = std::int64_t{1} << 40};
  worker::WorkflowRegistry workflows;
  workflows.Add(detail::definition_of<Waiting>());
  const worker::RunFactory make_run =
      worker::MakeCoreRuns(host, worker_options, workflows, /*server_has_sdk_metadata=*/true);
  worker::RunCache cache(worker_options.cache);
  auto add = [&](std::int64_t number) {
    Task task = TaskOf(number);
    auto cached = std::make_unique<worker::CachedRun>();
    cached->owner = {task.workflow_execution().run_id(), task.workflow_execution().workflow_id(),
                     task.workflow_type().name()};
    cached->run = make_run();
    worker::CachedRun* run = cache.Insert(std::move(cached), {});
    const core::Step step = run->run->StartTask(std::move(task));
    const auto* complete = std::get_if<core::CompleteTask>(&step);
    if (complete == nullptr || complete->request.commands_size() != 2) {
      throw std::runtime_error("the run did not command its timer and activity");
    }
    run->run->TaskAccepted({});
    cache.Used(run, {});
  };
  add(0);
  malloc_trim(0);
  const double resident_before = ResidentBytes();
  const double heap_before = static_cast<double>(mallinfo2().uordblks);
  const double begin = OwnCpuSeconds();
  for (std::int64_t i = 1; i <= count; ++i) add(i);
  const auto each = static_cast<double>(count);
  const double start_us = (OwnCpuSeconds() - begin) / each * 1e6;
  const double heap = static_cast<double>(mallinfo2().uordblks) - heap_before;
  const double resident = ResidentBytes() - resident_before;
  const auto counted = static_cast<double>(cache.bytes());
  const double evict = OwnCpuSeconds();
  while (worker::CachedRun* run = cache.Oldest()) cache.Remove(run);
  return {{"run_counted_bytes", counted / each},
          {"run_heap_bytes", heap / each},
          {"run_resident_bytes", resident / each},
          {"run_start_us", start_us},
          {"run_evict_us", (OwnCpuSeconds() - evict) / each * 1e6}};
}

}  // namespace perdure::bench
