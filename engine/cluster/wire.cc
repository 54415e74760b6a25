#include "cluster/wire.h"

#include <algorithm>
#include <utility>

namespace perdure::cluster {

wire::TaskKey ToWire(const services::TaskKey& key) {
  wire::TaskKey out;
  out.set_namespace_number(key.name_space->number.value());
  out.set_workflow_id(key.workflow_id);
  out.set_run_id(key.run_id);
  out.set_scheduled_event_id(key.scheduled_event_id);
  out.set_attempt(key.attempt);
  out.set_stamp(key.stamp);
  return out;
}

services::TaskKey FromWire(const wire::TaskKey& key, services::NamespacePtr name_space) {
  services::TaskKey out;
  out.name_space = std::move(name_space);
  out.workflow_id = key.workflow_id();
  out.run_id = key.run_id();
  out.scheduled_event_id = key.scheduled_event_id();
  out.attempt = key.attempt();
  out.stamp = key.stamp();
  return out;
}

wire::WorkflowTask ToWire(const services::WorkflowTask& task) {
  wire::WorkflowTask out;
  *out.mutable_key() = ToWire(task.key);
  out.set_task_queue(task.task_queue);
  out.set_is_sticky(task.is_sticky);
  out.set_normal_task_queue(task.normal_task_queue);
  *out.mutable_priority() = task.priority;
  out.set_scheduled_time_ns(absl::ToUnixNanos(task.scheduled_time));
  return out;
}

services::WorkflowTask FromWire(const wire::WorkflowTask& task, services::NamespacePtr name_space) {
  services::WorkflowTask out;
  out.key = FromWire(task.key(), std::move(name_space));
  out.task_queue = task.task_queue();
  out.is_sticky = task.is_sticky();
  out.normal_task_queue = task.normal_task_queue();
  out.priority = task.priority();
  out.scheduled_time = absl::FromUnixNanos(task.scheduled_time_ns());
  return out;
}

wire::ActivityTask ToWire(const services::ActivityTask& task) {
  wire::ActivityTask out;
  *out.mutable_key() = ToWire(task.key);
  out.set_task_queue(task.task_queue);
  *out.mutable_priority() = task.priority;
  out.set_scheduled_time_ns(absl::ToUnixNanos(task.scheduled_time));
  return out;
}

services::ActivityTask FromWire(const wire::ActivityTask& task, services::NamespacePtr name_space) {
  services::ActivityTask out;
  out.key = FromWire(task.key(), std::move(name_space));
  out.task_queue = task.task_queue();
  out.priority = task.priority();
  out.scheduled_time = absl::FromUnixNanos(task.scheduled_time_ns());
  return out;
}

wire::Poller ToWire(const services::Poller& poller) {
  wire::Poller out;
  out.set_identity(poller.identity);
  out.set_request_id(poller.request_id);
  out.set_task_queue(poller.task_queue);
  out.set_binary_checksum(poller.binary_checksum);
  if (poller.has_worker_version) *out.mutable_worker_version() = poller.worker_version;
  out.set_deployment_name(poller.deployment_name);
  out.set_build_id(poller.build_id);
  return out;
}

services::Poller FromWire(const wire::Poller& poller) {
  services::Poller out;
  out.identity = poller.identity();
  out.request_id = poller.request_id();
  out.task_queue = poller.task_queue();
  out.binary_checksum = poller.binary_checksum();
  out.worker_version = poller.worker_version();
  out.has_worker_version = poller.has_worker_version();
  out.deployment_name = poller.deployment_name();
  out.build_id = poller.build_id();
  return out;
}

wire::QueryTaskRequest ToWire(const services::QueryTask& task) {
  wire::QueryTaskRequest out;
  out.set_workflow_id(task.workflow_id);
  out.set_run_id(task.run_id);
  out.set_workflow_type(task.workflow_type);
  out.set_task_queue(task.task_queue);
  out.set_is_sticky(task.is_sticky);
  out.set_normal_task_queue(task.normal_task_queue);
  *out.mutable_query() = task.query;
  *out.mutable_response() = task.response;
  return out;
}

services::QueryTask FromWire(wire::QueryTaskRequest task, services::NamespacePtr name_space) {
  services::QueryTask out;
  out.name_space = std::move(name_space);
  out.workflow_id = task.workflow_id();
  out.run_id = task.run_id();
  out.workflow_type = task.workflow_type();
  out.task_queue = task.task_queue();
  out.is_sticky = task.is_sticky();
  out.normal_task_queue = task.normal_task_queue();
  out.query = std::move(*task.mutable_query());
  out.response = std::move(*task.mutable_response());
  return out;
}

void SetStatus(const absl::Status& status, wire::Answer& answer) {
  answer.set_code(static_cast<int>(status.code()));
  answer.set_message(std::string(status.message()));
  status.ForEachPayload([&answer](absl::string_view url, const absl::Cord& bytes) {
    wire::Answer::Payload& payload = *answer.add_payloads();
    payload.set_url(std::string(url));
    payload.set_bytes(std::string(bytes));
  });
}

absl::Status StatusOf(const wire::Answer& answer) {
  absl::Status status(static_cast<absl::StatusCode>(answer.code()), answer.message());
  for (const wire::Answer::Payload& payload : answer.payloads()) {
    status.SetPayload(payload.url(), absl::Cord(payload.bytes()));
  }
  return status;
}

void SetContext(const services::CallContext& context, absl::Time now, wire::Request& request) {
  if (context.deadline != absl::InfiniteFuture()) {
    request.set_timeout_us(std::max<int64_t>(1, absl::ToInt64Microseconds(context.deadline - now)));
  }
}

services::CallContext ContextOf(const wire::Request& request, absl::Time now,
                                std::shared_ptr<services::Cancellation> cancellation) {
  services::CallContext context;
  if (request.timeout_us() > 0) context.deadline = now + absl::Microseconds(request.timeout_us());
  context.cancellation = std::move(cancellation);
  return context;
}

}  // namespace perdure::cluster
