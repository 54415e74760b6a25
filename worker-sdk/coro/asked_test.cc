// What a run knows of itself, what it tells and shows, and the answers that it keeps.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "perdure/workflow.h"
#include "worker-sdk/coro/scripted_run.h"

namespace perdure::detail {
namespace {

using namespace std::chrono_literals;

template <class T>
T ResultOf(const Completion& completion) {
  return decode_result<T>(
      std::get<CompleteWorkflowCommand>(completion.commands.at(completion.commands.size() - 1))
          .result);
}

// ---- What it knows of itself ----

struct Knowing {
  task<void> run() {
    co_await workflow::until([] { return false; });
  }
  std::vector<std::int64_t> history() const {
    return {workflow::history_length(), workflow::history_size_bytes(),
            workflow::continue_as_new_suggested()};
  }
  std::vector<std::string> worker() const {
    return {workflow::current_deployment(), workflow::current_build_id()};
  }
  std::vector<std::string> itself() const {
    const workflow_info& info = workflow::info();
    return {info.workflow_id,
            info.run_id,
            info.task_queue,
            info.cron_schedule,
            std::to_string(info.attempt),
            info.parent ? info.parent->workflow_id : "none",
            info.last_failure ? info.last_failure->message : "none"};
  }
  int before() const { return workflow::last_completion_result<int>().value_or(-1); }
  std::vector<std::string> canceled() const {
    return {workflow::cancel_requested() ? "yes" : "no", workflow::cancel_reason()};
  }
  using handlers =
      define<entry<&Knowing::run>, query<&Knowing::history>, query<&Knowing::worker>,
             query<&Knowing::itself>, query<&Knowing::before>, query<&Knowing::canceled>>;
};

// Started with what `info` says, and the ids that Start gives.
Completion StartWith(ScriptedRun* run, RunInfo info) {
  StartWorkflowJob job;
  job.info = std::move(info);
  job.info.workflow_id = "w";
  job.info.run_id = "r";
  return run->Do(std::move(job));
}

using Texts = std::vector<std::string>;
using Numbers = std::vector<std::int64_t>;

TEST(WhatARunKnows, OfItsHistoryIsThatOfTheLastTask) {
  auto run = ScriptedRun::Of<Knowing>();
  run.about.history_length = 3;
  run.about.history_size_bytes = 400;
  run.Start();
  EXPECT_EQ(run.Query<Numbers>("history"), (Numbers{3, 400, 0}));
  run.about.history_length = 5001;
  run.about.history_size_bytes = 70'000;
  run.about.continue_as_new_suggested = true;
  EXPECT_EQ(run.Query<Numbers>("history"), (Numbers{5001, 70'000, 1}));
  run.about.continue_as_new_suggested = false;
  EXPECT_EQ(run.Query<Numbers>("history"), (Numbers{5001, 70'000, 0}));
}

TEST(WhatARunKnows, OfTheWorkerIsOfTheOneThatDoesOrDidTheTask) {
  auto run = ScriptedRun::Of<Knowing>();
  run.Start();
  EXPECT_EQ(run.Query<Texts>("worker"), (Texts{"", ""}));
  run.about.deployment_name = "shop";
  run.about.build_id = "7";
  EXPECT_EQ(run.Query<Texts>("worker"), (Texts{"shop", "7"}));
}

TEST(WhatARunKnows, OfItselfIsWhatItWasStartedWith) {
  auto run = ScriptedRun::Of<Knowing>();
  RunInfo info;
  info.task_queue = "q";
  info.attempt = 3;
  info.cron_schedule = "@daily";
  info.parent = WorkflowRef{"above", "r0"};
  info.last_failure = ApplicationError("last time").failure_ptr();
  info.last_completion_result = {encode(7)};
  StartWith(&run, info);
  EXPECT_EQ(run.Query<Texts>("itself"),
            (Texts{"w", "r", "q", "@daily", "3", "above", "last time"}));
  EXPECT_EQ(run.Query<int>("before"), 7);
  auto first = ScriptedRun::Of<Knowing>();
  StartWith(&first, {});
  EXPECT_EQ(first.Query<Texts>("itself"), (Texts{"w", "r", "", "", "1", "none", "none"}));
  EXPECT_EQ(first.Query<int>("before"), -1);
}

TEST(WhatARunKnows, OfItsCancellationIsTheReason) {
  auto run = ScriptedRun::Of<Knowing>();
  run.Start();
  EXPECT_EQ(run.Query<Texts>("canceled"), (Texts{"no", ""}));
  run.Do(CancelWorkflowJob{"enough"});
  EXPECT_EQ(run.Query<Texts>("canceled"), (Texts{"yes", "enough"}));
}

// ---- Time, randomness, and its log ----

struct Drawing {
  task<std::string> run() {
    workflow::log(LogLevel::info, "begins");
    std::string drawn = workflow::uuid4();
    drawn += " " + Deal();
    const Timestamp before = workflow::now();
    co_await workflow::sleep(1s);
    took = workflow::now() - before;
    workflow::log(LogLevel::info, "goes on");
    co_return drawn + " " + workflow::uuid4();
  }
  std::string Deal() const {
    std::string cards = "abcdefgh";
    for (std::size_t i = cards.size(); i > 1; --i)
      std::swap(cards[i - 1], cards[workflow::random()() % i]);
    return cards;
  }
  std::chrono::nanoseconds took{};
  std::int64_t seconds() const { return took / 1s; }
  using handlers = define<entry<&Drawing::run>, query<&Drawing::seconds>>;
};

struct Drawn {
  std::string text;
  std::vector<std::string> lines;
};
Drawn Draw(std::uint64_t seed, bool replays, std::optional<std::uint64_t> reseeded = {}) {
  auto run = ScriptedRun::Of<Drawing>();
  run.replaying = replays;
  StartWorkflowJob start;
  start.randomness_seed = seed;
  run.Do(std::move(start));
  run.replaying = false;
  const Completion done =
      reseeded ? run.Do(UpdateRandomSeedJob{*reseeded}, FireTimerJob{1}) : run.Do(FireTimerJob{1});
  return {ResultOf<std::string>(done), run.lines()};
}

TEST(Randomness, IsOfItsSeedAlone) {
  const std::string drawn = Draw(7, false).text;
  EXPECT_EQ(Draw(7, true).text, drawn);
  EXPECT_NE(Draw(8, false).text, drawn);
  EXPECT_NE(drawn.substr(0, 36), drawn.substr(46)) << "two ids of one run";
}

TEST(Randomness, BeginsAnewWithANewSeed) {
  const std::string drawn = Draw(7, false).text, reset = Draw(7, false, 9).text;
  EXPECT_EQ(reset.substr(0, 46), drawn.substr(0, 46));
  EXPECT_NE(reset.substr(46), drawn.substr(46));
  EXPECT_EQ(reset.substr(46), Draw(9, false).text.substr(0, 36));
}

TEST(Uuid4, HasItsForm) {
  EXPECT_THAT(Draw(7, false).text.substr(0, 36),
              ::testing::MatchesRegex("[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-"
                                      "[0-9a-f]{12}"));
}

TEST(Now, IsTheTimeOfTheTask) {
  auto run = ScriptedRun::Of<Drawing>();
  run.now = Timestamp(1000s);
  run.Start();
  run.now = Timestamp(1090s);
  run.Fire(1);
  EXPECT_EQ(run.Query<std::int64_t>("seconds"), 90);
}

TEST(TheLog, IsWrittenOnce) {
  EXPECT_EQ(Draw(7, false).lines, (Texts{"begins", "goes on"}));
  EXPECT_EQ(Draw(7, true).lines, (Texts{"goes on"}));
}

// ---- What it shows ----

const search_key<std::string> color{"Color"};
const search_key<std::int64_t> items{"Items"};

struct Showing {
  task<std::string> run() {
    std::string seen = Read();
    workflow::upsert({color.set("red"), items.set(3)});
    workflow::upsert(text_key("Note").set("three red ones"));
    workflow::upsert_memo("who", "Ann");
    seen += Read();
    workflow::upsert(items.unset());
    workflow::remove_memo("who");
    co_return seen + Read();
  }
  std::string Read() const {
    const auto number = workflow::search_attribute(items);
    return workflow::search_attribute(color).value_or("no color") + " " +
           (number ? std::to_string(*number) : "none") + " " +
           workflow::memo<std::string>("who").value_or("nobody") + "; ";
  }
  using handlers = define<entry<&Showing::run>>;
};

TEST(AttributesAndMemo, AreReadAsTheyWereStartedAndChanged) {
  auto run = ScriptedRun::Of<Showing>();
  RunInfo info;
  info.search_attributes = search_attributes({color.set("blue"), items.set(1)});
  info.memo = {{"who", encode("Bob")}};
  EXPECT_EQ(ResultOf<std::string>(StartWith(&run, info)),
            "blue 1 Bob; red 3 Ann; red none nobody; ");
  auto bare = ScriptedRun::Of<Showing>();
  EXPECT_EQ(ResultOf<std::string>(bare.Start()),
            "no color none nobody; red 3 Ann; red none nobody; ");
}

TEST(AttributesAndMemo, AreCommandedWithTheirTypes) {
  const Completion done = ScriptedRun::Of<Showing>().Start();
  ASSERT_EQ(Kinds(done), "search search memo search memo complete");
  const auto& set = std::get<UpsertSearchAttributesCommand>(done.commands[0]).search_attributes;
  EXPECT_EQ(set.at("Color").data, "\"red\"");
  EXPECT_EQ(set.at("Color").metadata.at(0), std::pair(std::string("type"), std::string("Keyword")));
  EXPECT_EQ(set.at("Items").metadata.at(0).second, "Int");
  const auto& text = std::get<UpsertSearchAttributesCommand>(done.commands[1]).search_attributes;
  EXPECT_EQ(text.at("Note").metadata.at(0).second, "Text");
  const auto& unset = std::get<UpsertSearchAttributesCommand>(done.commands[3]).search_attributes;
  EXPECT_EQ(unset.at("Items").encoding, "binary/null");
  EXPECT_EQ(std::get<UpsertMemoCommand>(done.commands[4]).memo.at("who").encoding, "binary/null");
}

struct Detailed {
  task<void> run() {
    workflow::set_current_details("half way");
    co_await workflow::sleep(1s);
    workflow::set_current_details("");
    co_await workflow::sleep(1s);
  }
  using handlers = define<entry<&Detailed::run>>;
};

TEST(CurrentDetails, AreShownAsTheyAreNow) {
  auto run = ScriptedRun::Of<Detailed>();
  run.Start();
  EXPECT_NE(
      run.QueryPayload("__temporal_workflow_metadata").data.find(R"("currentDetails":"half way")"),
      std::string::npos);
  run.Fire(1);
  EXPECT_EQ(run.QueryPayload("__temporal_workflow_metadata").data.find("currentDetails"),
            std::string::npos);
}

// ---- Versions of its code, and what fails it ----

struct Pinned {
  static constexpr auto versioning = versioning_behavior::pinned;
  task<void> run() { co_return; }
  using handlers = define<entry<&Pinned::run>>;
};
struct Moving {
  static constexpr auto versioning = versioning_behavior::auto_upgrade;
  task<void> run() { co_return; }
  using handlers = define<entry<&Moving::run>>;
};

TEST(VersioningBehavior, IsOfTheClass) {
  EXPECT_EQ(ScriptedRun::Of<Pinned>().Start().versioning_behavior, VersioningBehavior::pinned);
  EXPECT_EQ(ScriptedRun::Of<Moving>().Start().versioning_behavior,
            VersioningBehavior::auto_upgrade);
  EXPECT_EQ(ScriptedRun::Of<Detailed>().Start().versioning_behavior,
            VersioningBehavior::unspecified);
}

struct Thrown : std::runtime_error {
  using std::runtime_error::runtime_error;
};
struct Throwing {
  task<void> run(std::string what) {
    if (what == "ours") throw Thrown("ours");
    if (what == "deterministic") throw NondeterminismError("left");
    throw std::out_of_range("theirs");
    co_return;
  }
  task<void> fail() {
    throw Thrown("update");
    co_return;
  }
  using handlers = define<entry<&Throwing::run>, update<&Throwing::fail>>;
};
std::string Outcome(std::vector<std::string> types, const char* what) {
  auto run = ScriptedRun::Of<Throwing>();
  run.options().workflow_failure_types = std::move(types);
  return Kinds(run.Start(what));
}

TEST(R51FailureTypes, FailTheRunInsteadOfItsTask) {
  EXPECT_EQ(Outcome({}, "theirs"), "!theirs");
  EXPECT_EQ(Outcome({"std::out_of_range"}, "theirs"), "fail");
  EXPECT_EQ(Outcome({"std::out_of_range"}, "ours"), "!ours");
  EXPECT_EQ(Outcome({"*"}, "ours"), "fail");
  EXPECT_EQ(Outcome({"*"}, "deterministic"), "!left") << "the core's to decide";
}

// ---- Answers that it keeps ----

struct Patching {
  task<std::string> run() {
    std::string seen = workflow::patched("p") ? "new" : "old";
    co_await workflow::sleep(1s);
    seen += workflow::patched("p") ? " new" : " old";
    seen += workflow::patched("late") ? " new" : " old";
    co_return seen;
  }
  using handlers = define<entry<&Patching::run>>;
};

TEST(R34PatchAnswer, HoldsForTheWholeRun) {
  auto old = ScriptedRun::Of<Patching>();
  old.replaying = true;
  EXPECT_EQ(Kinds(old.Start()), "timer") << "history knows of no patch";
  old.replaying = false;
  const Completion done = old.Fire(1);
  EXPECT_EQ(Kinds(done), "patch complete") << "only the late one";
  EXPECT_EQ(ResultOf<std::string>(done), "old old new");
}

TEST(R34PatchAnswer, IsRecordedOnce) {
  auto run = ScriptedRun::Of<Patching>();
  EXPECT_EQ(Kinds(run.Start()), "patch timer");
  const Completion done = run.Fire(1);
  EXPECT_EQ(Kinds(done), "patch complete");
  EXPECT_EQ(std::get<SetPatchMarkerCommand>(done.commands[0]).patch_id, "late");
  EXPECT_EQ(ResultOf<std::string>(done), "new new new");
}

struct Level {
  task<std::string> run() {
    std::string seen;
    for (int i = 0; i < 4; ++i) {
      seen += std::to_string(workflow::mutable_side_effect("level", [this] { return level; }));
      co_await workflow::until([&] { return told > i; });
    }
    co_return seen;
  }
  void tell(int now) {
    level = now;
    ++told;
  }
  int level = 1, told = 0;
  using handlers = define<entry<&Level::run>, signal<&Level::tell>>;
};

TEST(MutableSideEffect, IsRecordedWhereItsValueChanged) {
  auto run = ScriptedRun::Of<Level>();
  EXPECT_EQ(Kinds(run.Start()), "mutable");
  EXPECT_EQ(Kinds(run.Signal("tell", 1)), "");
  const Completion changed = run.Signal("tell", 2);
  ASSERT_EQ(Kinds(changed), "mutable");
  const auto& command = std::get<RecordMutableSideEffectCommand>(changed.commands[0]);
  EXPECT_EQ(command.id, "level");
  EXPECT_EQ(command.call, 3);
  EXPECT_EQ(command.value.at(0).data, "2");
  EXPECT_EQ(Kinds(run.Signal("tell", 2)), "");
  EXPECT_EQ(ResultOf<std::string>(run.Signal("tell", 9)), "1122");
}

TEST(MutableSideEffect, IsNotAskedAgainInAReplay) {
  auto run = ScriptedRun::Of<Level>();
  run.replaying = true;
  StartWorkflowJob start;
  EXPECT_EQ(Kinds(run.Do(std::move(start), NotifyMutableSideEffectJob{"level", 1, {encode(5)}})),
            "mutable");
  // History has no marker of the second call: the value had not changed.
  EXPECT_EQ(Kinds(run.Signal("tell", 8)), "");
  run.replaying = false;
  EXPECT_EQ(Kinds(run.Signal("tell", 6)), "mutable");
  EXPECT_EQ(Kinds(run.Signal("tell", 6)), "");
  EXPECT_EQ(ResultOf<std::string>(run.Signal("tell", 6)), "5566");
}

}  // namespace
}  // namespace perdure::detail
