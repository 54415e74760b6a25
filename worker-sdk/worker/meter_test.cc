// The worker's metrics have the other SDKs' names and labels.
#include "worker-sdk/worker/meter.h"

#include <gtest/gtest.h>

#include <map>

#include "worker-sdk/worker/testing/worker_fixture.h"

namespace perdure::worker {
namespace {

// Each number under "name{label=value,...}": counters summed, gauges last, latencies counted.
struct RecordingSink : MetricsSink {
  void count(std::string_view name, MetricLabels labels, double by) override {
    values[Key(name, labels)] += by;
  }
  void gauge(std::string_view name, MetricLabels labels, double value) override {
    values[Key(name, labels)] = value;
  }
  void latency(std::string_view name, MetricLabels labels,
               std::chrono::nanoseconds value) override {
    values[Key(name, labels)] += 1;
    last_latency = value;
  }
  static std::string Key(std::string_view name, MetricLabels labels) {
    std::string key(name);
    for (const auto& [label, value] : labels) {
      if (label == "namespace") {
        EXPECT_EQ(value, "space");
      }
      if (label == "task_queue") {
        EXPECT_EQ(value, "queue");
      }
      if (label != "namespace" && label != "task_queue")
        key.append(" ").append(label).append("=").append(value);
    }
    return key;
  }
  std::map<std::string, double> values;
  std::chrono::nanoseconds last_latency{};
};

TEST(WorkerMetrics, HaveTheNamesOfTheOtherSdks) {
  auto sink = std::make_shared<RecordingSink>();
  WorkerFixture fixture({}, sink);
  fixture.AddActivity(
      "act", [](auto&, const auto&) -> std::optional<Payload> { throw ApplicationError("no"); });
  fixture.StartWorkflows();
  fixture.Give(fixture.Task("r1", "1"));
  auto& values = sink->values;
  EXPECT_EQ(values["temporal_worker_start"], 1);
  EXPECT_EQ(values["temporal_workflow_task_queue_poll_succeed"], 1);
  EXPECT_EQ(values["temporal_workflow_task_execution_latency workflow_type=Flow"], 1);
  EXPECT_EQ(values["temporal_sticky_cache_size"], 1);
  EXPECT_EQ(values["temporal_num_pollers poller_type=workflow_task"], 1);
  EXPECT_EQ(values["temporal_num_pollers poller_type=sticky_workflow_task"], 4);
  EXPECT_EQ(values["temporal_worker_task_slots_used worker_type=WorkflowWorker"], 5);
  EXPECT_EQ(values["temporal_worker_task_slots_available worker_type=WorkflowWorker"], 95);
  fixture.script->on_task = [](const auto&) {
    core::CompleteTask step;
    step.closes_run = true;
    step.run_time = std::chrono::seconds(90);
    step.request.add_commands()->set_command_type(
        temporal::api::enums::v1::COMMAND_TYPE_COMPLETE_WORKFLOW_EXECUTION);
    return step;
  };
  fixture.Give(fixture.Task("r1", "2"), true);
  EXPECT_EQ(values["temporal_sticky_cache_hit"], 1);
  EXPECT_EQ(values["temporal_workflow_completed workflow_type=Flow"], 1);
  EXPECT_EQ(values["temporal_workflow_endtoend_latency workflow_type=Flow"], 1);
  EXPECT_EQ(sink->last_latency, std::chrono::seconds(90));
  EXPECT_EQ(values["temporal_sticky_cache_size"], 0);
  fixture.GiveActivity(fixture.ActivityTask("act", "3"));
  EXPECT_EQ(values["temporal_activity_task_received activity_type=act"], 1);
  EXPECT_EQ(values["temporal_activity_execution_failed activity_type=act"], 1);
  EXPECT_EQ(values["temporal_activity_execution_latency activity_type=act"], 1);
}

}  // namespace
}  // namespace perdure::worker
