// R17: queries.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "worker-sdk/core/test_run.h"

namespace perdure::core {
namespace {

namespace enums = temporal::api::enums::v1;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

HistoryBuilder Waiting() {
  HistoryBuilder history;
  history.Start();
  history.Task();
  history.TimerStarted(1);
  return history;
}

struct Live {
  std::vector<std::shared_ptr<Trace>> traces;
  RunOptions options;
  MakeProgram make;
  core::Run run;
  explicit Live(MakeScript script)
      : make(ProgramOf(std::move(script), &traces)), run(&options, &make) {}
};
MakeScript Timer() { return Reacts({{"start", {StartTimer(1)}}}); }

Task Query(const HistoryBuilder& history, std::int64_t first, std::int64_t last,
           std::int64_t previous) {
  Task task = TaskOf(history.history(), first, last, previous);
  task.set_started_event_id(0);
  task.mutable_query()->set_query_type("status");
  return task;
}

TEST(R17LegacyQuery, IsAnsweredOnItsOwnFromTheWholeHistory) {
  Live live(Timer());
  const Step step = live.run.StartTask(Query(Waiting(), 1, 5, 3));
  ASSERT_TRUE(std::holds_alternative<AnswerQuery>(step)) << FailureOf(step);
  const auto& request = std::get<AnswerQuery>(step).request;
  EXPECT_EQ(request.completed_type(), enums::QUERY_RESULT_TYPE_ANSWERED);
  EXPECT_EQ(request.query_result().payloads(0).data(), "\"answer\"");
  EXPECT_THAT(live.traces[0]->activations, ElementsAre("replay: start", "replay: query(status)"));
}

TEST(R17LegacyQuery, IsAnsweredFromTheCacheWithoutHistory) {
  const HistoryBuilder history = Waiting();
  Live live(Timer());
  (void)live.run.StartTask(TaskOf(history.history(), 1, 3, 0));
  const Step step = live.run.StartTask(Query(history, 1, 0, 3));
  ASSERT_TRUE(std::holds_alternative<AnswerQuery>(step)) << step.index() << FailureOf(step);
  EXPECT_THAT(live.traces[0]->activations, ElementsAre("live: start", "replay: query(status)"));
  // The run goes on as if nothing had been asked.
  HistoryBuilder more = history;
  more.TimerFired(5);
  more.OpenTask();
  const Step next = live.run.StartTask(TaskOf(more.history(), 4, 8, 3));
  EXPECT_TRUE(std::holds_alternative<CompleteTask>(next)) << FailureOf(next);
  EXPECT_EQ(live.traces.size(), 1u);
}

TEST(R17LegacyQuery, WithoutHistoryOrCacheAsksForAllOfIt) {
  const HistoryBuilder history = Waiting();
  Live live(Timer());
  Step step = live.run.StartTask(Query(history, 1, 0, 3));
  ASSERT_TRUE(std::holds_alternative<NeedHistory>(step));
  step = live.run.AddHistory(history.history(), "");
  EXPECT_TRUE(std::holds_alternative<AnswerQuery>(step));
}

TEST(R17LegacyQuery, ThatATaskOvertookIsAnsweredFromWhatThatLedTo) {
  const HistoryBuilder first = Waiting();
  HistoryBuilder history = first;
  history.TimerFired(5);
  history.OpenTask();
  Live live(Reacts({{"start", {StartTimer(1)}}, {"timer(1)", {StartTimer(2)}}}));
  (void)live.run.StartTask(TaskOf(first.history(), 1, 3, 0));
  (void)live.run.StartTask(TaskOf(history.history(), 4, 8, 3));
  // Asked after the first task, handed over after the second.
  const Step step = live.run.StartTask(Query(history, 1, 0, 3));
  ASSERT_TRUE(std::holds_alternative<AnswerQuery>(step)) << FailureOf(step);
  EXPECT_EQ(std::get<AnswerQuery>(step).request.completed_type(),
            enums::QUERY_RESULT_TYPE_ANSWERED);
  EXPECT_FALSE(std::get<AnswerQuery>(step).drop_run);
  EXPECT_THAT(live.traces[0]->activations,
              ElementsAre("live: start", "live: timer(1)", "replay: query(status)"));
}

TEST(R17LegacyQuery, OfAClosedRunIsAnswered) {
  HistoryBuilder history = Waiting();
  history.TimerFired(5);
  history.Task();
  history.Completed();
  Live live(Reacts({{"start", {StartTimer(1)}}, {"timer(1)", {Complete()}}}));
  const Step step = live.run.StartTask(Query(history, 1, history.last_id(), 8));
  ASSERT_TRUE(std::holds_alternative<AnswerQuery>(step)) << FailureOf(step);
  EXPECT_TRUE(live.run.is_closed());
  EXPECT_THAT(live.traces[0]->activations,
              ElementsAre("replay: start", "replay: timer(1)", "replay: query(status)"));
}

TEST(R17LegacyQuery, SeesWhatTheLastTaskLedToAlsoWithoutCommands) {
  HistoryBuilder history = Waiting();
  history.Signaled("a");
  history.Task();
  Live live(Timer());
  const Step step = live.run.StartTask(Query(history, 1, history.last_id(), 8));
  ASSERT_TRUE(std::holds_alternative<AnswerQuery>(step)) << FailureOf(step);
  EXPECT_THAT(live.traces[0]->activations,
              ElementsAre("replay: start", "replay: signal(a)", "replay: query(status)"));
}

TEST(R17LegacyQuery, ReadsOnWithoutLosingWhatTheNextTaskBrings) {
  HistoryBuilder history = Waiting();
  history.Signaled("a");
  history.TaskScheduled();
  Live live(Timer());
  const Step step = live.run.StartTask(Query(history, 1, history.last_id(), 3));
  ASSERT_TRUE(std::holds_alternative<AnswerQuery>(step)) << FailureOf(step);
  EXPECT_THAT(live.traces[0]->activations, ElementsAre("replay: start", "replay: query(status)"));
  // The task that follows begins behind the last one, not behind what was read for the query.
  history.TaskStarted();
  const Step next = live.run.StartTask(TaskOf(history.history(), 4, history.last_id(), 3));
  ASSERT_TRUE(std::holds_alternative<CompleteTask>(next)) << next.index() << FailureOf(next);
  EXPECT_EQ(live.traces.size(), 1u);
  EXPECT_THAT(live.traces[0]->activations,
              ElementsAre("replay: start", "replay: query(status)", "live: signal(a)"));
}

TEST(R17LegacyQuery, FailsWhereHistoryCannotBeFollowed) {
  HistoryBuilder history = Waiting();
  Live live(Reacts({}));
  const Step step = live.run.StartTask(Query(history, 1, 5, 3));
  ASSERT_TRUE(std::holds_alternative<AnswerQuery>(step));
  EXPECT_TRUE(std::get<AnswerQuery>(step).drop_run);
  EXPECT_EQ(std::get<AnswerQuery>(step).request.completed_type(), enums::QUERY_RESULT_TYPE_FAILED);
  EXPECT_EQ(std::get<AnswerQuery>(step).request.cause(),
            enums::WORKFLOW_TASK_FAILED_CAUSE_NON_DETERMINISTIC_ERROR);
  EXPECT_THAT(std::get<AnswerQuery>(step).request.error_message(), HasSubstr("5 TimerStarted"));
}

TEST(R17LegacyQuery, RunsNoLocalActivities) {
  HistoryBuilder history;
  history.Start();
  history.Task();
  history.TimerStarted(2);
  Live live(Reacts({{"start", {ScheduleLocal(1, "Load"), StartTimer(2)}}}));
  const Step step = live.run.StartTask(Query(history, 1, 5, 3));
  EXPECT_TRUE(std::holds_alternative<AnswerQuery>(step)) << step.index();
}

TEST(R17Queries, OfATaskAreAnsweredWithItsCompletion) {
  HistoryBuilder history = Waiting();
  history.TimerFired(5);
  history.OpenTask();
  Live live(Reacts({{"start", {StartTimer(1)}}, {"timer(1)", {Complete()}}}));
  Task task = TaskOf(history.history(), 1, 8, 3);
  (*task.mutable_queries())["b"].set_query_type("second");
  (*task.mutable_queries())["a"].set_query_type("first");
  const Step step = live.run.StartTask(std::move(task));
  ASSERT_TRUE(std::holds_alternative<CompleteTask>(step));
  const auto& request = std::get<CompleteTask>(step).request;
  EXPECT_EQ(request.query_results_size(), 2);
  EXPECT_EQ(request.query_results().at("a").result_type(), enums::QUERY_RESULT_TYPE_ANSWERED);
  EXPECT_EQ(CommandTypes(request), "CompleteWorkflowExecution");
  EXPECT_THAT(live.traces[0]->activations,
              ElementsAre("replay: start", "live: timer(1)", "replay: query(first)",
                          "replay: query(second)"));
}

TEST(R17Queries, ThatFailSayWhyAndHarmNothing) {
  const MakeScript script = []() -> Script {
    return [](detail::Activation& activation, detail::Completion* completion) {
      for (const auto& job : activation.jobs) {
        const auto* query = std::get_if<detail::QueryJob>(&job);
        if (!query) continue;
        Failure failure;
        failure.message = "unknown query; known: status";
        if (query->name == "unknown") {
          completion->commands.emplace_back(detail::QueryResultCommand{
              query->id, FailurePtr(std::make_shared<const Failure>(failure))});
        }
        if (query->name == "commands") completion->commands.push_back(StartTimer(9));
      }
    };
  };
  HistoryBuilder history;
  history.Start();
  history.OpenTask();
  Live live(script);
  Task task = TaskOf(history.history(), 1, 3, 0);
  (*task.mutable_queries())["1"].set_query_type("unknown");
  (*task.mutable_queries())["2"].set_query_type("commands");
  (*task.mutable_queries())["3"].set_query_type("silent");
  const Step step = live.run.StartTask(std::move(task));
  ASSERT_TRUE(std::holds_alternative<CompleteTask>(step));
  const auto& results = std::get<CompleteTask>(step).request.query_results();
  for (const auto& [id, result] : results)
    EXPECT_EQ(result.result_type(), enums::QUERY_RESULT_TYPE_FAILED) << id;
  EXPECT_EQ(results.at("1").error_message(), "unknown query; known: status");
  EXPECT_EQ(results.at("1").failure().message(), "unknown query; known: status");
  EXPECT_THAT(results.at("2").error_message(), HasSubstr("gave commands"));
  EXPECT_THAT(results.at("3").error_message(), HasSubstr("did not answer"));
  EXPECT_EQ(std::get<CompleteTask>(step).request.commands_size(), 0);
}

TEST(R17Queries, OfBothKindsAtOnceAreAnError) {
  HistoryBuilder history = Waiting();
  Live live(Timer());
  Task task = Query(history, 1, 5, 3);
  (*task.mutable_queries())["1"].set_query_type("x");
  const Step step = live.run.StartTask(std::move(task));
  ASSERT_TRUE(std::holds_alternative<AnswerQuery>(step));
  EXPECT_TRUE(std::get<AnswerQuery>(step).drop_run);
  EXPECT_THAT(std::get<AnswerQuery>(step).request.error_message(),
              HasSubstr("two kinds of queries"));
}

}  // namespace
}  // namespace perdure::core
