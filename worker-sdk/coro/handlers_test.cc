// Handlers that still run when their workflow ends, and names that nobody handles.
#include <gtest/gtest.h>

#include "perdure/workflow.h"
#include "worker-sdk/coro/scripted_run.h"

namespace perdure::detail {
namespace {

using namespace std::chrono_literals;

struct Leaving {
  task<std::string> run() {
    workflow::on_signal("added, dropped", [this] { return slow(); }, unfinished::abandon);
    workflow::on_signal("added", [this] { return slow(); });
    co_await workflow::until([this] { return !end.empty(); });
    if (end == "well") co_await workflow::until(workflow::all_handlers_finished);
    if (end == "badly") throw ApplicationError("badly");
    if (end == "again") workflow::continue_as_new<&Leaving::run>();
    co_return end;
  }
  task<void> slow() { co_await workflow::sleep(1h); }
  task<void> dropped() { return slow(); }
  task<int> put() {
    EXPECT_FALSE(workflow::all_handlers_finished()) << "this one runs";
    co_await workflow::sleep(1h);
    co_return 1;
  }
  task<int> put_away() { return put(); }
  void close(std::string how) { end = how; }
  bool idle() const { return workflow::all_handlers_finished(); }
  std::string end;
  using handlers = define<entry<&Leaving::run>, signal<&Leaving::slow>,
                          signal<&Leaving::dropped, "", unfinished::abandon>, update<&Leaving::put>,
                          update<&Leaving::put_away, nullptr, "", unfinished::abandon>,
                          signal<&Leaving::close>, query<&Leaving::idle>>;
};

class UnfinishedHandlers : public ::testing::Test {
 protected:
  UnfinishedHandlers() { run_.Start(); }
  // The names in the warning; "none" where there was no warning.
  std::string Warned() const {
    for (const std::string& line : run_.lines()) {
      const auto at = line.find("Running: ");
      if (at != line.npos) return line.substr(at + 9);
    }
    return "none";
  }
  ScriptedRun run_ = ScriptedRun::Of<Leaving>();
};

TEST_F(UnfinishedHandlers, AreWarnedOfByName) {
  run_.Signal("slow");
  run_.Update("u", "put");
  run_.Signal("added");
  EXPECT_EQ(Kinds(run_.Signal("close", "now")), "complete");
  EXPECT_EQ(Warned(), "slow put added");
}

TEST_F(UnfinishedHandlers, AreWarnedOfHoweverTheRunEnds) {
  run_.Signal("slow");
  EXPECT_EQ(Kinds(run_.Signal("close", "badly")), "fail");
  EXPECT_EQ(Warned(), "slow");
  auto again = ScriptedRun::Of<Leaving>();
  again.Start();
  again.Signal("slow");
  EXPECT_EQ(Kinds(again.Signal("close", "again")), "continue");
  EXPECT_EQ(again.lines().size(), 1u);
}

TEST_F(UnfinishedHandlers, ThatMayBeAbandonedAreNot) {
  run_.Signal("dropped");
  run_.Update("u", "put_away");
  run_.Signal("added, dropped");
  EXPECT_EQ(Kinds(run_.Signal("close", "now")), "complete");
  EXPECT_EQ(Warned(), "none");
}

TEST_F(UnfinishedHandlers, AreNotWarnedOfAgainInAReplay) {
  run_.Signal("slow");
  run_.replaying = true;
  EXPECT_EQ(Kinds(run_.Signal("close", "now")), "complete");
  EXPECT_EQ(Warned(), "none");
}

TEST_F(UnfinishedHandlers, AreWaitedForByWhoAsks) {
  EXPECT_TRUE(run_.Query<bool>("idle"));
  run_.Signal("slow");
  run_.Update("u", "put");
  EXPECT_FALSE(run_.Query<bool>("idle"));
  EXPECT_EQ(Kinds(run_.Signal("close", "well")), "");
  EXPECT_EQ(Kinds(run_.Fire(1)), "");
  EXPECT_EQ(Kinds(run_.Fire(2)), "update-done complete");
  EXPECT_EQ(Warned(), "none");
}

class R50UnknownNames : public UnfinishedHandlers {};

TEST_F(R50UnknownNames, UpdatesAreRefusedAndNameTheKnown) {
  const Completion refused = run_.Update("u", "nothing");
  ASSERT_EQ(Kinds(refused), "reject");
  const Failure& failure = *std::get<UpdateRejectedCommand>(refused.commands[0]).failure;
  EXPECT_EQ(failure.message, "unknown update nothing; known: put put_away");
  EXPECT_EQ(std::get<ApplicationFailureInfo>(failure.info).type, "UnknownUpdate");
}

TEST_F(R50UnknownNames, QueriesFailAndNameTheKnown) {
  try {
    run_.Query<int>("nothing");
    FAIL();
  } catch (const ApplicationError& error) {
    EXPECT_STREQ(error.what(), "unknown query nothing; known: __stack_trace idle");
    EXPECT_EQ(error.type(), "UnknownQuery");
  }
}

struct Waiting {
  task<std::string> run() {
    co_await workflow::sleep(1h);
    workflow::on_signal("later", [this](std::string text) { heard += text; });
    co_await workflow::until([this] { return !heard.empty(); });
    co_return heard;
  }
  std::string heard;
  using handlers = define<entry<&Waiting::run>>;
};

TEST_F(R50UnknownNames, SignalsWaitForTheirHandler) {
  auto run = ScriptedRun::Of<Waiting>();
  run.Start();
  EXPECT_EQ(Kinds(run.Signal("later", "kept")), "") << "no reason to fail anything";
  const Completion done = run.Fire(1);
  ASSERT_EQ(Kinds(done), "complete");
  EXPECT_EQ(std::get<CompleteWorkflowCommand>(done.commands[0]).result.at(0).data, "\"kept\"");
}

}  // namespace
}  // namespace perdure::detail
