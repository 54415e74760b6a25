// What an activity is told of its attempt, and how it learns that it should stop.
#include <gtest/gtest.h>

#include <condition_variable>
#include <map>
#include <mutex>

#include "perdure/activity_testing.h"
#include "worker-sdk/core/convert.h"
#include "worker-sdk/worker/testing/worker_fixture.h"

namespace perdure::worker {
namespace {

using namespace std::chrono_literals;

api::PollActivityTaskQueueResponse FullTask() {
  auto task = WorkerFixture::ActivityTask("act", "token");
  task.set_attempt(3);
  task.set_workflow_namespace("space");
  task.mutable_workflow_type()->set_name("Flow");
  task.mutable_workflow_execution()->set_workflow_id("w");
  task.mutable_workflow_execution()->set_run_id("r");
  task.mutable_scheduled_time()->set_seconds(100);
  task.mutable_current_attempt_scheduled_time()->set_seconds(200);
  task.mutable_started_time()->set_seconds(201);
  task.mutable_schedule_to_close_timeout()->set_seconds(60);
  task.mutable_start_to_close_timeout()->set_seconds(50);
  task.mutable_heartbeat_timeout()->set_seconds(40);
  task.mutable_retry_policy()->set_maximum_attempts(7);
  task.mutable_priority()->set_priority_key(2);
  (*task.mutable_header()->mutable_fields())["by"] = core::ToApi(encode("me"));
  *task.mutable_heartbeat_details()->add_payloads() = core::ToApi(encode(40));
  return task;
}

TEST(ActivityInfo, IsWhatTheTaskSays) {
  WorkerFixture fixture;
  ActivityInfo info;
  std::optional<int> detail, other;
  fixture.AddActivity("act", [&](activity_context& context, const Payloads&) {
    info = context.info();
    detail = context.details<int>();
    other = context.details<int>(1);
    return std::nullopt;
  });
  fixture.worker->Start();
  fixture.server->Run();
  fixture.GiveActivity(FullTask());
  EXPECT_EQ(info.activity_id, "id-token");
  EXPECT_EQ(info.activity_type, "act");
  EXPECT_EQ(info.task_queue, "queue");
  EXPECT_EQ(info.task_token, "token");
  EXPECT_EQ(info.attempt, 3);
  EXPECT_FALSE(info.is_local);
  EXPECT_EQ(info.namespace_, "space");
  EXPECT_EQ(info.workflow_id, "w");
  EXPECT_EQ(info.workflow_run_id, "r");
  EXPECT_EQ(info.workflow_type, "Flow");
  EXPECT_EQ(info.scheduled_time, Timestamp(100s));
  EXPECT_EQ(info.current_attempt_scheduled_time, Timestamp(200s));
  EXPECT_EQ(info.started_time, Timestamp(201s));
  EXPECT_EQ(info.schedule_to_close_timeout, 60s);
  EXPECT_EQ(info.start_to_close_timeout, 50s);
  EXPECT_EQ(info.heartbeat_timeout, 40s);
  EXPECT_EQ(info.retry_policy->maximum_attempts, 7);
  EXPECT_EQ(info.priority.priority_key, 2);
  EXPECT_EQ(info.headers.at("by").data, "\"me\"");
  EXPECT_EQ(detail, 40);
  EXPECT_EQ(other, std::nullopt);
}

TEST(ActivityLog, HasTheIdsOfTheActivity) {
  std::map<std::string, std::string> fields;
  WorkerOptions options;
  options.log = [&](LogLevel level, std::string_view text, const LogFields& given) {
    if (text != "half way") return;
    EXPECT_EQ(level, LogLevel::warn);
    for (const auto& [key, value] : given) fields[std::string(key)] = std::string(value);
  };
  WorkerFixture fixture(std::move(options));
  fixture.AddActivity("act", [](activity_context& context, const Payloads&) {
    context.log(LogLevel::warn, "half way");
    return std::nullopt;
  });
  fixture.worker->Start();
  fixture.server->Run();
  fixture.GiveActivity(FullTask());
  EXPECT_EQ(fields["activity_id"], "id-token");
  EXPECT_EQ(fields["activity_type"], "act");
  EXPECT_EQ(fields["workflow_id"], "w");
  EXPECT_EQ(fields["attempt"], "3");
}

TEST(StopToken, WakesWhatWaitsWithIt) {
  testing::ActivityEnvironment env;
  env.on_heartbeat([&](const Payloads&) { env.cancel(CancelReason::paused); });
  env.run([](activity_context& context) {
    std::mutex mutex;
    std::condition_variable_any changed;
    std::unique_lock lock(mutex);
    EXPECT_FALSE(context.stop_token().stop_requested());
    context.heartbeat();
    EXPECT_FALSE(changed.wait(lock, context.stop_token(), [] { return false; }));
    EXPECT_EQ(context.cancel_reason(), CancelReason::paused);
  });
}

TEST(Cancelled, IsForTheFirstReason) {
  testing::ActivityEnvironment env;
  env.run([&](activity_context& context) {
    context.throw_if_cancelled();
    EXPECT_FALSE(context.cancelled());
    env.cancel(CancelReason::worker_shutdown);
    env.cancel(CancelReason::cancel_requested);
    EXPECT_TRUE(activity::cancelled());
    EXPECT_EQ(context.cancel_reason(), CancelReason::worker_shutdown);
    EXPECT_THROW(context.throw_if_cancelled(), CanceledError);
    EXPECT_THROW(context.sleep_for(1h), CanceledError);
  });
}

// A supplier of the user's own: as many as it is told, whoever asks.
struct OwnSlots : SlotSupplier {
  bool try_reserve(const SlotRequest& request) override {
    EXPECT_EQ(request.kind, SlotKind::activity);
    EXPECT_EQ(request.task_queue, "queue");
    if (free == 0) return false;
    --free;
    return true;
  }
  void release(SlotKind) override { ++free; }
  std::chrono::nanoseconds retry_interval() const override { return 3s; }
  int free = 1;
};

TEST(OwnSlotSupplier, StandsInPlaceOfTheNumberAndIsAskedAgain) {
  auto slots = std::make_shared<OwnSlots>();
  WorkerOptions options;
  options.max_concurrent_activities = 50;
  options.activity_slots = slots;
  WorkerFixture fixture(std::move(options));
  fixture.AddActivity("act", [](auto&, const auto&) { return std::nullopt; });
  fixture.worker->Start();
  fixture.server->Run();
  EXPECT_EQ(fixture.server->Open("PollActivityTaskQueue").size(), 1u);
  slots->free = 2;
  fixture.server->Advance(2s);
  EXPECT_EQ(fixture.server->Open("PollActivityTaskQueue").size(), 1u);
  fixture.server->Advance(2s);
  EXPECT_EQ(fixture.server->Open("PollActivityTaskQueue").size(), 3u);
}

}  // namespace
}  // namespace perdure::worker
