// Calls with options that are seldom given: what is sent for them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "perdure/client.h"
#include "perdure/define.h"
#include "perdure/schedule.h"
#include "perdure/search_attributes.h"
#include "temporal/api/workflowservice/v1/request_response.pb.h"
#include "worker-sdk/client/connection.h"
#include "worker-sdk/client/scripted_server.h"

namespace perdure {
namespace {

using namespace std::chrono_literals;
namespace api = temporal::api::workflowservice::v1;
using client::ScriptedServer;

class Calls : public ::testing::Test {
 protected:
  Calls() : client_(Client::connect({.target = server_.target(), .lazy = true})) {}
  api::StartWorkflowExecutionRequest Started(const start_options& options) {
    server_.Answers<api::StartWorkflowExecutionResponse>("StartWorkflowExecution");
    client_.start_by_name<void>("Order", options);
    return server_.Last<api::StartWorkflowExecutionRequest>("StartWorkflowExecution");
  }

  ScriptedServer server_;
  Client client_;
};

// ---- Starts ----

TEST_F(Calls, AStartTakesItsTimes) {
  const auto request = Started({.task_queue = "q",
                                .execution_timeout = 4s,
                                .run_timeout = 3s,
                                .task_timeout = 2s,
                                .start_delay = 1s,
                                .cron = "@daily"});
  EXPECT_EQ(request.workflow_execution_timeout().seconds(), 4);
  EXPECT_EQ(request.workflow_run_timeout().seconds(), 3);
  EXPECT_EQ(request.workflow_task_timeout().seconds(), 2);
  EXPECT_EQ(request.workflow_start_delay().seconds(), 1);
  EXPECT_EQ(request.cron_schedule(), "@daily");
}

TEST_F(Calls, AStartTakesWhatIsShownAndFound) {
  const PayloadMap found_by = search_attributes(
      {text_key("Note").set("three red ones"), search_key<std::string>{"Color"}.set("red")});
  const PayloadMap headers = {{"by", encode("me")}};
  const auto request = Started({.task_queue = "q",
                                .search_attributes = &found_by,
                                .headers = &headers,
                                .summary = "an order",
                                .details = "of three",
                                .request_id = "once"});
  const auto& attributes = request.search_attributes().indexed_fields();
  EXPECT_EQ(attributes.at("Note").data(), "\"three red ones\"");
  EXPECT_EQ(attributes.at("Note").metadata().at("type"), "Text");
  EXPECT_EQ(attributes.at("Color").metadata().at("type"), "Keyword");
  EXPECT_EQ(request.header().fields().at("by").data(), "\"me\"");
  EXPECT_EQ(request.user_metadata().summary().data(), "\"an order\"");
  EXPECT_EQ(request.user_metadata().details().data(), "\"of three\"");
  EXPECT_EQ(request.request_id(), "once");
}

TEST_F(Calls, AStartTakesItsPriority) {
  const auto request = Started({.task_queue = "q", .priority = {2, "ann", 0.5}});
  EXPECT_EQ(request.priority().priority_key(), 2);
  EXPECT_EQ(request.priority().fairness_key(), "ann");
  EXPECT_EQ(request.priority().fairness_weight(), 0.5f);
  EXPECT_FALSE(Started({.task_queue = "q"}).has_priority());
}

// A worker that has one slot for queue "q".
struct OneSlot : client::EagerStarter {
  bool Reserve(const std::string& task_queue) override {
    return task_queue == "q" && std::exchange(is_free, false);
  }
  void Dispatch(api::PollWorkflowTaskQueueResponse task) override { token = task.task_token(); }
  void Release() override { is_free = true; }
  bool is_free = true;
  std::string token;
};

TEST_F(Calls, AnEagerStartAsksForItsTaskWhereAWorkerCanTakeIt) {
  EXPECT_FALSE(Started({.task_queue = "q", .eager = true}).request_eager_execution());
  OneSlot worker;
  client_.connection()->AddEagerStarter(&worker);
  EXPECT_FALSE(Started({.task_queue = "q"}).request_eager_execution()) << "it was not asked for";
  EXPECT_FALSE(Started({.task_queue = "other", .eager = true}).request_eager_execution());
  EXPECT_TRUE(Started({.task_queue = "q", .eager = true}).request_eager_execution());
  EXPECT_TRUE(worker.is_free) << "no task came with the answer";
  api::StartWorkflowExecutionResponse response;
  response.mutable_eager_workflow_task()->set_task_token("first");
  server_.Answers("StartWorkflowExecution", response);
  client_.start_by_name<void>("Order", {.task_queue = "q", .eager = true});
  EXPECT_EQ(worker.token, "first");
  EXPECT_FALSE(worker.is_free);
  client_.connection()->RemoveEagerStarter(&worker);
}

TEST_F(Calls, ExecuteByNameStartsAndWaits) {
  api::StartWorkflowExecutionResponse started;
  started.set_run_id("r");
  server_.Answers("StartWorkflowExecution", started);
  api::GetWorkflowExecutionHistoryResponse closed;
  auto* event = closed.mutable_history()->add_events();
  event->set_event_type(temporal::api::enums::v1::EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED);
  auto* result = event->mutable_workflow_execution_completed_event_attributes()
                     ->mutable_result()
                     ->add_payloads();
  (*result->mutable_metadata())["encoding"] = "json/plain";
  result->set_data("42");
  server_.Answers("GetWorkflowExecutionHistory", closed);
  EXPECT_EQ(client_.execute_by_name<int>("Convert", {.id = "c", .task_queue = "go"}, 4, "text"),
            42);
  const auto request = server_.Last<api::StartWorkflowExecutionRequest>("StartWorkflowExecution");
  EXPECT_EQ(request.workflow_type().name(), "Convert");
  EXPECT_EQ(request.input().payloads(0).data(), "4");
  EXPECT_EQ(request.input().payloads(1).data(), "\"text\"");
  const auto waited =
      server_.Last<api::GetWorkflowExecutionHistoryRequest>("GetWorkflowExecutionHistory");
  EXPECT_EQ(waited.execution().workflow_id(), "c");
  EXPECT_EQ(waited.execution().run_id(), "r");
}

// ---- Schedules ----

TEST_F(Calls, AScheduleIsSentWithAllThatItSays) {
  server_.Answers<api::CreateScheduleResponse>("CreateSchedule");
  ScheduleSpec spec;
  spec.intervals = {{.every = 24h, .offset = 3h}};
  spec.calendars = {{.hour = {{.start = 8, .end = 18, .step = 2}}, .comment = "by day"}};
  spec.skip = {{.day_of_week = {{.start = 0}}}};
  spec.cron = {"@weekly"};
  spec.start_time = Timestamp(100s);
  spec.end_time = Timestamp(200s);
  spec.jitter = 5s;
  spec.time_zone = "Europe/Berlin";
  ScheduleOptions options;
  options.policy = {schedule_overlap::cancel_other, 1h, true, true};
  options.state = {"made by a test", true, 9};
  options.trigger_immediately = true;
  options.memo = {{"m", encode(1)}};
  options.search_attributes = search_attributes({search_key<bool>{"Is"}.set(true)});
  client_.schedules().create_by_name("nightly", "Report", spec, {.task_queue = "q"}, options, "eu");
  const auto request = server_.Last<api::CreateScheduleRequest>("CreateSchedule");
  EXPECT_EQ(request.schedule_id(), "nightly");
  EXPECT_EQ(request.initial_patch().trigger_immediately().overlap_policy(), 4);
  EXPECT_EQ(request.memo().fields().at("m").data(), "1");
  EXPECT_EQ(request.search_attributes().indexed_fields().at("Is").data(), "true");
  const auto& start = request.schedule().action().start_workflow();
  EXPECT_EQ(start.workflow_id(), "nightly");
  EXPECT_EQ(start.workflow_type().name(), "Report");
  EXPECT_EQ(start.input().payloads(0).data(), "\"eu\"");
  const auto& sent = request.schedule().spec();
  EXPECT_EQ(sent.interval(0).interval().seconds(), 24 * 3600);
  EXPECT_EQ(sent.interval(0).phase().seconds(), 3 * 3600);
  EXPECT_EQ(sent.structured_calendar(0).hour(0).end(), 18);
  EXPECT_EQ(sent.structured_calendar(0).minute(0).end(), 0) << "left out: the full hour";
  EXPECT_EQ(sent.structured_calendar(0).day_of_week(0).end(), 6) << "left out: every day";
  EXPECT_EQ(sent.exclude_structured_calendar(0).day_of_week(0).start(), 0);
  EXPECT_EQ(sent.cron_string(0), "@weekly");
  // What the server tells of it is the same again.
  api::DescribeScheduleResponse description;
  *description.mutable_schedule() = request.schedule();
  description.mutable_info()->set_action_count(3);
  server_.Answers("DescribeSchedule", description);
  const ScheduleDescription read = client_.schedules().handle("nightly").describe();
  EXPECT_EQ(read.action_count, 3);
  const Schedule& schedule = read.schedule;
  EXPECT_EQ(schedule.spec.intervals.at(0).offset, 3h);
  EXPECT_EQ(schedule.spec.calendars.at(0).hour.at(0).step, 2);
  EXPECT_EQ(schedule.spec.calendars.at(0).comment, "by day");
  EXPECT_EQ(schedule.spec.start_time, Timestamp(100s));
  EXPECT_EQ(schedule.spec.end_time, Timestamp(200s));
  EXPECT_EQ(schedule.spec.jitter, 5s);
  EXPECT_EQ(schedule.spec.time_zone, "Europe/Berlin");
  EXPECT_EQ(schedule.policy.overlap, schedule_overlap::cancel_other);
  EXPECT_EQ(schedule.policy.catchup_window, 1h);
  EXPECT_TRUE(schedule.policy.pause_on_failure);
  EXPECT_TRUE(schedule.policy.keep_workflow_id);
  EXPECT_EQ(schedule.state.note, "made by a test");
  EXPECT_TRUE(schedule.state.is_paused);
  EXPECT_EQ(schedule.state.remaining_actions, 9);
  EXPECT_EQ(schedule.action.workflow_type, "Report");
}

TEST_F(Calls, SchedulesAreListedPageByPage) {
  server_.OnCall<api::ListSchedulesRequest, api::ListSchedulesResponse>(
      "ListSchedules", [](const auto& request) -> absl::StatusOr<api::ListSchedulesResponse> {
        EXPECT_EQ(request.query(), "Is = true");
        api::ListSchedulesResponse page;
        const std::string& token = request.next_page_token();
        if (token.empty()) page.add_schedules()->set_schedule_id("one");
        if (token == "2") page.add_schedules()->set_schedule_id("two");
        if (token.empty()) page.set_next_page_token("1");  // An empty one comes between.
        if (token == "1") page.set_next_page_token("2");
        return page;
      });
  std::string ids;
  for (const auto& entry : client_.schedules().list("Is = true")) ids += entry.id + " ";
  EXPECT_EQ(ids, "one two ");
  EXPECT_EQ(server_.CountOf("ListSchedules"), 3);
}

TEST_F(Calls, ABackfillSaysFromWhenToWhenAndHow) {
  server_.Answers<api::PatchScheduleResponse>("PatchSchedule");
  const auto nightly = client_.schedules().handle("nightly");
  nightly.backfill(Timestamp(100s), Timestamp(200s), schedule_overlap::buffer_all);
  auto request = server_.Last<api::PatchScheduleRequest>("PatchSchedule");
  EXPECT_EQ(request.schedule_id(), "nightly");
  ASSERT_EQ(request.patch().backfill_request_size(), 1);
  const auto& backfill = request.patch().backfill_request(0);
  EXPECT_EQ(backfill.start_time().seconds(), 100);
  EXPECT_EQ(backfill.end_time().seconds(), 200);
  EXPECT_EQ(backfill.overlap_policy(),
            temporal::api::enums::v1::SCHEDULE_OVERLAP_POLICY_BUFFER_ALL);
  EXPECT_FALSE(request.patch().has_trigger_immediately());
  nightly.trigger(schedule_overlap::allow_all);
  request = server_.Last<api::PatchScheduleRequest>("PatchSchedule");
  EXPECT_EQ(request.patch().trigger_immediately().overlap_policy(),
            temporal::api::enums::v1::SCHEDULE_OVERLAP_POLICY_ALLOW_ALL);
  EXPECT_EQ(request.patch().backfill_request_size(), 0);
}

TEST_F(Calls, AScheduleUpdateIsMadeAgainAfterAConflict) {
  api::DescribeScheduleResponse description;
  description.set_conflict_token("token");
  description.mutable_schedule()->mutable_state()->set_notes("before");
  auto* start = description.mutable_schedule()->mutable_action()->mutable_start_workflow();
  start->mutable_workflow_type()->set_name("Order");
  start->mutable_input()->add_payloads()->set_data("\"Ann\"");
  server_.Answers("DescribeSchedule", description);
  int updates = 0;
  server_.On("UpdateSchedule", [&updates](const auto&) -> ScriptedServer::Reply {
    if (++updates == 1) return absl::FailedPreconditionError("mismatched conflict token");
    return std::string();
  });
  client_.schedules().handle("nightly").update([](Schedule& schedule) {
    EXPECT_EQ(schedule.state.note, "before");
    schedule.state.note = "after";
    schedule.spec.intervals = {{.every = std::chrono::hours(1)}};
  });
  EXPECT_EQ(updates, 2);
  const auto request = server_.Last<api::UpdateScheduleRequest>("UpdateSchedule");
  EXPECT_EQ(request.conflict_token(), "token");
  EXPECT_EQ(request.schedule().state().notes(), "after");
  EXPECT_EQ(request.schedule().spec().interval(0).interval().seconds(), 3600);
  EXPECT_EQ(request.schedule().action().start_workflow().input().payloads(0).data(), "\"Ann\"");
}

// ---- Activities ----

TEST_F(Calls, AnActivityThatObeyedItsCancellationSaysSoByTokenAndByIds) {
  server_.Answers<api::RespondActivityTaskCanceledResponse>("RespondActivityTaskCanceled");
  server_.Answers<api::RespondActivityTaskCanceledByIdResponse>("RespondActivityTaskCanceledById");
  client_.activity("token").report_canceled("swept", 7);
  const auto by_token =
      server_.Last<api::RespondActivityTaskCanceledRequest>("RespondActivityTaskCanceled");
  EXPECT_EQ(by_token.task_token(), "token");
  EXPECT_EQ(by_token.details().payloads(0).data(), "\"swept\"");
  EXPECT_EQ(by_token.details().payloads(1).data(), "7");
  client_.activity("w", "r", "a").report_canceled();
  const auto by_ids =
      server_.Last<api::RespondActivityTaskCanceledByIdRequest>("RespondActivityTaskCanceledById");
  EXPECT_EQ(by_ids.workflow_id(), "w");
  EXPECT_EQ(by_ids.run_id(), "r");
  EXPECT_EQ(by_ids.activity_id(), "a");
  EXPECT_FALSE(by_ids.has_details());
}

}  // namespace
}  // namespace perdure
