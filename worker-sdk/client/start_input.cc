// From the options of a start, which borrow, to its input, which owns.
#include <utility>

#include "perdure/client.h"
#include "worker-sdk/client/server_calls.h"

namespace perdure::detail {
StartInput start_input(std::string_view type, const start_options& options, Payloads arguments) {
  StartInput input;
  input.workflow_id = options.id.empty() ? client::RandomId() : std::string(options.id);
  input.workflow_type = std::string(type);
  input.task_queue = std::string(options.task_queue);
  input.args = std::move(arguments);
  if (options.headers) input.headers = *options.headers;
  if (options.memo) input.memo = *options.memo;
  if (options.search_attributes) input.search_attributes = *options.search_attributes;
  input.id_reuse = options.id_reuse;
  input.id_conflict = options.id_conflict;
  input.execution_timeout = ToData(options.execution_timeout, "execution_timeout");
  input.run_timeout = ToData(options.run_timeout, "run_timeout");
  input.task_timeout = ToData(options.task_timeout, "task_timeout");
  input.start_delay = ToData(options.start_delay, "start_delay");
  input.retry = ToData(options.retry);
  input.cron_schedule = std::string(options.cron);
  input.eager_start = options.eager;
  input.summary = std::string(options.summary);
  input.details = std::string(options.details);
  input.priority = ToData(options.priority);
  input.versioning = options.versioning.what;
  input.pinned_deployment_name = std::string(options.versioning.deployment_name);
  input.pinned_build_id = std::string(options.versioning.build_id);
  input.request_id = std::string(options.request_id);
  return input;
}

}  // namespace perdure::detail
