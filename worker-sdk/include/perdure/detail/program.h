// What the core and the worker know of workflow and activity code: names and functions, no types of
// the user's.
#pragma once

#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "perdure/detail/activation.h"

namespace perdure {
class FailureConverter;
class MetricsSink;
class WorkerInterceptor;
}  // namespace perdure

namespace perdure::detail {

// The code of one run, alive while the run is cached. Loop-bound: made, activated and destroyed on
// one thread at a time. Destroying it in the middle is eviction: destructors of the code's locals
// run and can command nothing.
class Program {
 public:
  virtual ~Program() = default;
  // Applies all jobs, then runs the code until it waits for something. The first activation's first
  // job is StartWorkflowJob. Throws nothing: what the code throws is in the completion. Appends to
  // *completion, which the caller made empty (its buffers are kept from call to call).
  virtual void Activate(Activation& activation, Completion* completion) = 0;
  // Bytes the run's code holds now; what the cache counts.
  virtual std::int64_t memory_bytes() const = 0;
};

// Is told when workflow code takes its thread and when it lets go of it. Called by each thread that
// runs workflows.
class Watch {
 public:
  virtual ~Watch() = default;
  // `info` lives until End.
  virtual void Begin(const RunInfo& info) = 0;
  virtual void End() = 0;
};

// Settings of a worker that workflow code sees.
struct ProgramOptions {
  // A line of a workflow's log that is not a repetition; level as in perdure/log.h.
  std::function<void(int level, const RunInfo&, std::string_view text)> log;
  // Failure types (ApplicationFailureInfo::type or the C++ type's name) that fail the workflow
  // instead of its task; "*" is every exception (R51).
  std::vector<std::string> workflow_failure_types;
  Watch* watch = nullptr;
  // For the workflow's own numbers that are no repetition; shared with the client. Null: none.
  std::shared_ptr<MetricsSink> metrics;
  // Shared with the client. Null: the default one.
  std::shared_ptr<FailureConverter> failure_converter;
  std::vector<std::shared_ptr<WorkerInterceptor>> interceptors;
  // Headers that travel along with what a workflow starts.
  std::vector<std::string> propagated;
};

struct WorkflowDefinition {
  std::string type;  // Empty for the dynamic workflow.
  VersioningBehavior versioning_behavior = VersioningBehavior::unspecified;
  std::function<std::unique_ptr<Program>(const ProgramOptions&)> make;
};

}  // namespace perdure::detail
