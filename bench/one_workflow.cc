// Scenarios in which all falls on one workflow.
#include <algorithm>
#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/types/span.h"
#include "bench/scenario.h"
#include "bench/worker.h"

namespace perdure::bench {
namespace {

// Starts the one workflow and waits until it is there; false if it cannot be started.
bool StartOne(Client& client) {
  bool is_there = false;
  client.Send<api::StartWorkflowExecutionResponse>("StartWorkflowExecution",
                                                   StartRequest(client.tag(), client.tag()),
                                                   [&](const auto&) { is_there = true; });
  return client.RunUntil([&] { return is_there; });
}

// The median of the milliseconds from one to the next: a disk that stalls now and then must not
// pass for a cost that grows.
double TypicalStep(absl::Span<const absl::Time> times) {
  std::vector<double> steps;
  for (size_t i = 1; i < times.size(); ++i) {
    steps.push_back(absl::ToDoubleMilliseconds(times[i] - times[i - 1]));
  }
  const auto middle = steps.begin() + static_cast<std::ptrdiff_t>(steps.size() / 2);
  std::nth_element(steps.begin(), middle, steps.end());
  return *middle;
}

}  // namespace

Figures Sequential(Client& client, const Options& options) {
  std::vector<absl::Time> times;  // when the answer that schedules activity i is given
  bool has_ended = false;
  Worker worker(
      client,
      {.task_queue = client.tag(), .is_sticky = true, .workflow_pollers = 1, .activity_pollers = 1},
      [&](const Worker::Task& task, Worker::Answer& answer) -> std::function<void()> {
        times.push_back(absl::Now());
        const auto number = static_cast<int64_t>(times.size());
        if (number <= options.count) {
          ScheduleActivity(answer, absl::StrCat(number), client.tag());
          return {};
        }
        CompleteWorkflow(answer);
        return [&has_ended] { has_ended = true; };
      });
  worker.Begin();
  if (!StartOne(client) || !client.RunUntil([&] { return has_ended; })) return {};
  const size_t tenth = std::max<size_t>(times.size() / 10, 2);
  const double first = TypicalStep(absl::MakeSpan(times).first(tenth));
  const double last = TypicalStep(absl::MakeSpan(times).last(tenth));
  return {{"activity_first_tenth_ms", first},
          {"activity_last_tenth_ms", last},
          {"last_to_first", last / first}};
}

Figures Signals(Client& client, const Options& options) {
  Worker worker(client, {.task_queue = client.tag(), .is_sticky = true, .workflow_pollers = 1},
                [](const Worker::Task&, Worker::Answer&) -> std::function<void()> { return {}; });
  worker.Begin();
  if (!StartOne(client)) return {};
  int64_t sent = 0;
  int64_t answered = 0;
  std::function<void()> send = [&] {
    api::SignalWorkflowExecutionRequest request;
    request.set_namespace_("default");
    request.mutable_workflow_execution()->set_workflow_id(client.tag());
    request.set_signal_name("bench");
    request.set_identity("bench");
    request.set_request_id(absl::StrCat(client.tag(), "-", ++sent));
    client.Send<api::SignalWorkflowExecutionResponse>("SignalWorkflowExecution", request,
                                                      [&](const auto&) {
                                                        ++answered;
                                                        if (sent < options.count) send();
                                                      });
  };
  const absl::Time begin = absl::Now();
  while (sent < std::min(options.in_flight, options.count)) send();
  if (!client.RunUntil([&] { return answered == options.count; })) return {};
  return {{"signals_per_second",
           static_cast<double>(answered) / absl::ToDoubleSeconds(absl::Now() - begin)}};
}

Figures Updates(Client& client, const Options& options) {
  Worker worker(client, {.task_queue = client.tag(), .is_sticky = true, .workflow_pollers = 2},
                [](const Worker::Task& task, Worker::Answer& answer) -> std::function<void()> {
                  for (const auto& message : task.messages()) {
                    temporal::api::update::v1::Request request;
                    if (!message.body().UnpackTo(&request)) continue;
                    auto* accepted = answer.add_messages();
                    accepted->set_id(message.id() + "/accept");
                    accepted->set_protocol_instance_id(message.protocol_instance_id());
                    temporal::api::update::v1::Acceptance acceptance;
                    acceptance.set_accepted_request_message_id(message.id());
                    acceptance.set_accepted_request_sequencing_event_id(message.event_id());
                    *acceptance.mutable_accepted_request() = request;
                    accepted->mutable_body()->PackFrom(acceptance);
                    auto* completed = answer.add_messages();
                    completed->set_id(message.id() + "/complete");
                    completed->set_protocol_instance_id(message.protocol_instance_id());
                    temporal::api::update::v1::Response response;
                    *response.mutable_meta() = request.meta();
                    response.mutable_outcome()->mutable_success();
                    completed->mutable_body()->PackFrom(response);
                    for (const std::string& id : {accepted->id(), completed->id()}) {
                      auto* command = answer.add_commands();
                      command->set_command_type(enums::COMMAND_TYPE_PROTOCOL_MESSAGE);
                      command->mutable_protocol_message_command_attributes()->set_message_id(id);
                    }
                  }
                  return {};
                });
  worker.Begin();
  if (!StartOne(client)) return {};
  std::vector<absl::Duration> latencies;
  absl::Time sent;
  std::function<void()> send = [&] {
    api::UpdateWorkflowExecutionRequest request;
    request.set_namespace_("default");
    request.mutable_workflow_execution()->set_workflow_id(client.tag());
    request.mutable_wait_policy()->set_lifecycle_stage(
        enums::UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_COMPLETED);
    request.mutable_request()->mutable_meta()->set_update_id(absl::StrCat("u", latencies.size()));
    request.mutable_request()->mutable_input()->set_name("bench");
    sent = absl::Now();
    client.Send<api::UpdateWorkflowExecutionResponse>(
        "UpdateWorkflowExecution", request, [&](const auto&) {
          latencies.push_back(absl::Now() - sent);
          if (static_cast<int64_t>(latencies.size()) < options.count) send();
        });
  };
  send();
  const auto is_done = [&] { return static_cast<int64_t>(latencies.size()) == options.count; };
  if (!client.RunUntil(is_done)) return {};
  return {{"update_p50_ms", Quantile(latencies, 0.5)},
          {"update_p99_ms", Quantile(latencies, 0.99)}};
}

}  // namespace perdure::bench
