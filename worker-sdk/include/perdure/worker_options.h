// What a worker is told about itself. Every number has a default that fits most programs.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "perdure/activity.h"
#include "perdure/detail/activation.h"
#include "perdure/log.h"
#include "perdure/payload.h"
#include "perdure/slots.h"

namespace perdure {

class ContextPropagator;
class WorkerInterceptor;

// How many polls a worker keeps open on a task queue. With `autoscale` the server says when more or
// fewer help, between `minimum` and `maximum`, beginning at `initial`; without it there are always
// `maximum`.
struct PollerOptions {
  std::int64_t maximum = 5;
  bool autoscale = false;
  std::int64_t minimum = 1;
  std::int64_t initial = 5;
};

// Runs that wait keep their state in memory; a run that is put out is replayed from its history
// when it goes on.
struct CacheOptions {
  std::int64_t runs = 10'000;  // 0: none is kept.
  std::int64_t bytes = 256 << 20;
  std::chrono::nanoseconds idle =
      std::chrono::minutes(10);  // Without a task for so long: put out. 0: never.
};

// Which build this worker is, for versioned deployments. Without `use_versioning` the names only
// inform.
struct DeploymentOptions {
  std::string name;
  std::string build_id;
  bool use_versioning = false;
  detail::VersioningBehavior default_behavior = detail::VersioningBehavior::unspecified;
};

struct WorkerOptions {
  std::string task_queue;
  std::string identity;  // Empty: the client's.

  std::int64_t max_concurrent_workflow_tasks = 100;
  std::int64_t max_concurrent_activities = 100;
  std::int64_t max_concurrent_local_activities = 100;
  // In place of the three numbers above, where set.
  std::shared_ptr<SlotSupplier> workflow_slots, activity_slots, local_activity_slots;

  PollerOptions workflow_pollers, activity_pollers;
  // The part of the workflow pollers that asks for work that is in nobody's cache.
  double nonsticky_poll_ratio = 0.2;
  CacheOptions cache;
  // How long a task waits for the worker that has its run cached, before any worker may have it.
  std::chrono::nanoseconds sticky_timeout = std::chrono::seconds(10);
  // Threads that run workflow code; each has its own cache, slots and polls, a part of what is
  // given above.
  int workflow_threads = 1;

  // Activities get this long to finish after stop() before they are cancelled
  // (CancelReason::worker_shutdown).
  std::chrono::nanoseconds shutdown_grace{};

  // 0: no limit. Of this worker, and of the whole task queue (kept by the server; the last worker's
  // value counts).
  double max_activities_per_second = 0;
  double max_task_queue_activities_per_second = 0;
  std::chrono::nanoseconds max_heartbeat_throttle = std::chrono::seconds(60);
  std::chrono::nanoseconds default_heartbeat_throttle = std::chrono::seconds(30);
  // Activities of this worker's workflows start here without the way over the task queue, when a
  // slot is free.
  bool eager_activities = true;

  // A worker polls for what it has registered; these leave one side out although it is registered
  // (activities that are called locally only, for instance).
  bool no_remote_activities = false;
  bool no_workflows = false;

  DeploymentOptions deployment;
  // Failure types, or C++ type names of exceptions, that fail a workflow instead of its task; "*"
  // is all.
  std::vector<std::string> workflow_failure_types;
  // Workflow code that holds its thread longer than this is reported with its stack, and goes on;
  // 0: never. Uses the signal SIGRTMIN+7 on that thread. Link with -rdynamic for names of
  // functions.
  std::chrono::nanoseconds deadlock_limit = std::chrono::seconds(2);

  // Around workflows and activities (perdure/interceptor.h); the first is the outermost.
  std::vector<std::shared_ptr<WorkerInterceptor>> interceptors;
  // Carry what travels along (perdure/context_propagator.h).
  std::vector<std::shared_ptr<ContextPropagator>> context_propagators;

  LogSink log;  // Empty: stderr, from LogLevel::info on.
};

}  // namespace perdure
