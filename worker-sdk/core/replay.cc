#include "worker-sdk/core/replay.h"

#include <utility>
#include <variant>

#include "worker-sdk/core/events.h"

namespace perdure::core {
namespace {

using temporal::api::history::v1::History;

ReplayResult ReplayOne(History history, const ReplayOptions& options,
                       const MakeProgram& make_program) {
  ReplayResult result;
  temporal::api::workflowservice::v1::PollWorkflowTaskQueueResponse task;
  if (!history.events().empty()) {
    result.last_event_id = history.events(history.events_size() - 1).event_id();
    const auto& started = history.events(0).workflow_execution_started_event_attributes();
    task.mutable_workflow_type()->set_name(started.workflow_type().name());
    task.mutable_workflow_execution()->set_workflow_id(
        options.workflow_id.empty() ? started.workflow_id() : options.workflow_id);
    task.mutable_workflow_execution()->set_run_id(
        options.run_id.empty() ? started.original_execution_run_id() : options.run_id);
  }
  *task.mutable_history() = std::move(history);
  Run run(&options.run, &make_program);
  const Step step = run.StartTask(std::move(task));
  if (const auto* failed = std::get_if<FailTask>(&step)) {
    result.ok = false;
    result.is_nondeterminism =
        failed->cause ==
        temporal::api::enums::v1::WORKFLOW_TASK_FAILED_CAUSE_NON_DETERMINISTIC_ERROR;
    result.message = failed->failure.message();
  } else if (!std::holds_alternative<CompleteTask>(step)) {
    result.ok = false;
    result.message = "the history does not begin with the start of a run";
  }
  return result;
}

}  // namespace

ReplayResult ReplayHistory(History history, const ReplayOptions& options,
                           const MakeProgram& make_program) {
  if (options.at_every_task) {
    History part;
    for (const auto& event : history.events()) {
      *part.add_events() = event;
      if (event.event_type() != temporal::api::enums::v1::EVENT_TYPE_WORKFLOW_TASK_STARTED)
        continue;
      ReplayResult result = ReplayOne(part, options, make_program);
      if (!result.ok) return result;
    }
  }
  return ReplayOne(std::move(history), options, make_program);
}

}  // namespace perdure::core
