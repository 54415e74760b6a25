// The features on the real engine: once with runs kept in the worker's
// cache and once with none, so that each step is replayed; and then the whole history replayed from
// each of its tasks.
#include <gtest/gtest.h>

#include "perdure/replayer.h"
#include "perdure/testing.h"
#include "perdure/testing_matchers.h"
#include "worker-sdk/testing/features.h"

namespace perdure::testing::features {

// ---- The stage ----

class Features : public ::testing::TestWithParam<bool> {
 protected:
  Features()
      : env_({.search_attributes = {{"Color", SearchAttributeType::keyword},
                                    {"Size", SearchAttributeType::int_}}}),
        worker_(env_.client(), Options()) {
    register_workflows(worker_);
    register_workflows(replayer_);
    worker_.activity<&echo>().activity<&flaky>().activity<&refuse>();
    worker_.start();
  }

  WorkerOptions Options() const {
    WorkerOptions options = env_.worker("q");
    if (GetParam()) options.cache.runs = 100;
    return options;
  }
  template <auto Run, class... A>
  handle_of<Run> Start(const A&... inputs) {
    return env_.client().start<Run>({.id = "w", .task_queue = "q"}, inputs...);
  }
  template <class H>
  void ExpectReplays(const H& handle) {
    const ReplayResult result = replayer_.replay(handle.fetch_history());
    EXPECT_TRUE(result.ok) << result.message;
  }

  Environment env_;
  Worker worker_;
  Replayer replayer_{{.at_every_task = true}};
};
INSTANTIATE_TEST_SUITE_P(, Features, ::testing::Bool(),
                         [](const auto& info) { return info.param ? "Cached" : "Replayed"; });

TEST_P(Features, FailuresOfActivitiesAreTypedExceptions) {
  auto run = Start<&Failures::run>();
  EXPECT_EQ(run.result(), "Bad refused 7 final, twice, unknown, timeout");
  ExpectReplays(run);
}

TEST_P(Features, LocalActivitiesRetryInTheWorker) {
  auto run = Start<&Local::run>();
  EXPECT_EQ(run.result(), "one3Noxy");
  ExpectReplays(run);
}

TEST_P(Features, ALocalActivitysLongBackoffWaitsOnATimer) {
  const Timestamp began = env_.now();
  auto run = Start<&LocalBackoff::run>(std::chrono::seconds(1h));
  EXPECT_EQ(run.result(), 2);
  EXPECT_GE(env_.now() - began, 1h);
  ExpectReplays(run);
}

TEST_P(Features, ChildrenAndExternalWorkflows) {
  auto run = Start<&Parent::run>();
  EXPECT_EQ(run.result(), "12 Negative canceled taken nobody");
  ExpectReplays(run);
}

TEST_P(Features, ContinuesAsNew) {
  auto run = Start<&Continues::run>(3, 0);
  EXPECT_EQ(run.result(), 6);
}

TEST_P(Features, SideEffectsAreRecorded) {
  auto run = Start<&Effects::run>();
  EXPECT_EQ(run.result(), "1112");
  ExpectReplays(run);
}

TEST_P(Features, SearchAttributesMemoAndDetails) {
  auto run = Start<&Shown::run>();
  EXPECT_EQ(run.result(), "red");
  EXPECT_EQ(env_.client().count("Color = 'red'").count, 1);
  ExpectReplays(run);
}

TEST_P(Features, PatchesAreAnsweredAlikeForTheWholeRun) {
  auto run = Start<&Patched::run>();
  EXPECT_EQ(run.result(), "new new");
  ExpectReplays(run);
}

TEST_P(Features, CancellationReachesScopesAndSparesShields) {
  auto run = Start<&Canceled::run>();
  env_.sleep(2s);
  run.cancel("stop");
  try {
    run.result();
    FAIL();
  } catch (const WorkflowFailedError& error) {
    EXPECT_NE(std::string(error.what()).find("cancel"), std::string::npos) << error.what();
  }
  EXPECT_EQ(run.query<&Canceled::what>(), "enough asked");
  ExpectReplays(run);
}

TEST_P(Features, MatchersSayWhatFailsAndWhatHappened) {
  auto run = Start<&Kid::run>(-1);
  EXPECT_THAT([&] { run.result(); }, FailsWith("Negative"));
  EXPECT_THAT([&] { run.result(); }, FailsWith("Negative", ::testing::HasSubstr("neg")));
  EXPECT_THAT([&] { run.result(); }, ::testing::Not(FailsWith("Positive")));
  EXPECT_THAT([&] { run.result(); }, ::testing::Not(IsCanceled()));
  EXPECT_THAT(run.fetch_history(), HasEvents("WorkflowExecutionFailed", 1));
  EXPECT_THAT(run.fetch_history(), HasEvents("TimerStarted", 0));
}

TEST_P(Features, UpdatesSignalsAndQueriesWithDynamicOnes) {
  auto run = Start<&Cart::run>();
  EXPECT_EQ(run.update<&Cart::add>(3), 3);
  EXPECT_EQ(run.update<&Cart::add>(4), 7);
  EXPECT_THROW(run.update<&Cart::add>(-1), UpdateFailedError);
  EXPECT_EQ(run.update<&Cart::twice>(21), 42);
  EXPECT_THROW(run.update<&Cart::twice>(13), UpdateFailedError);
  run.signal_by_name("surprise", 1);
  EXPECT_EQ(run.query<&Cart::signals>(), std::vector<std::string>{"surprise"});
  EXPECT_EQ(run.query_by_name<std::string>("anything", 5), "anything5");
  EXPECT_EQ(run.update_by_name<std::string>("whatever"), "whatever");
  run.signal<&Cart::close>();
  EXPECT_EQ(run.result(), 7);
  ExpectReplays(run);
}

}  // namespace perdure::testing::features
