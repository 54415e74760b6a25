#include "worker-sdk/core/history_json.h"

#include <gtest/gtest.h>

#include "worker-sdk/core/test_run.h"

namespace perdure::core {
namespace {

namespace enums = temporal::api::enums::v1;

TEST(HistoryJson, ReadsBothKindsOfEnumNames) {
  for (const std::string type :
       {"EVENT_TYPE_WORKFLOW_EXECUTION_STARTED", "WorkflowExecutionStarted"}) {
    for (const std::string kind : {"TASK_QUEUE_KIND_NORMAL", "Normal"}) {
      const auto history = HistoryFromJson(
          R"({"events":[{"eventId":"1","eventTime":"2026-01-02T03:04:05.5Z","eventType":")" + type +
          R"(","someday":{"new":[1]},"workflowExecutionStartedEventAttributes":{"workflowType":{"name":"Test"},)" +
          R"("taskQueue":{"name":"q","kind":")" + kind +
          R"("},"workflowRunTimeout":"0s","memo":{"fields":{"a":{"data":"MQ=="}}}}}]})");
      ASSERT_TRUE(history.ok()) << history.status();
      ASSERT_EQ(history->events_size(), 1);
      const auto& event = history->events(0);
      EXPECT_EQ(event.event_id(), 1);
      EXPECT_EQ(event.event_type(), enums::EVENT_TYPE_WORKFLOW_EXECUTION_STARTED);
      const auto& attributes = event.workflow_execution_started_event_attributes();
      EXPECT_EQ(attributes.workflow_type().name(), "Test");
      EXPECT_EQ(attributes.task_queue().kind(), enums::TASK_QUEUE_KIND_NORMAL);
      EXPECT_EQ(attributes.memo().fields().at("a").data(), "1");
    }
  }
}

TEST(HistoryJson, KeepsWhatItWrites) {
  HistoryBuilder history;
  history.Start();
  history.Task();
  history.Patch("p");
  history.LocalActivity(1, "Load", "1");
  history.ActivityTimedOut(history.ActivityScheduled("1", "Pay"));
  const auto json = HistoryToJson(history.history());
  ASSERT_TRUE(json.ok());
  const auto back = HistoryFromJson(*json);
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(back->DebugString(), history.history().DebugString());
}

TEST(HistoryJson, RefusesWhatIsNone) {
  EXPECT_EQ(HistoryFromJson("nothing").status().code(), absl::StatusCode::kInvalidArgument);
}

// By name a kind of a newer server is nothing; whether that may be ignored is for the replay to say
// (R11).
TEST(HistoryJson, ReadsUnknownKindsAsUnspecified) {
  const auto history =
      HistoryFromJson(R"({"events":[{"eventType":"SomethingNew","workerMayIgnore":true}]})");
  ASSERT_TRUE(history.ok());
  EXPECT_EQ(history->events(0).event_type(), enums::EVENT_TYPE_UNSPECIFIED);
  EXPECT_TRUE(history->events(0).worker_may_ignore());
}

}  // namespace
}  // namespace perdure::core
