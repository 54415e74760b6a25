// Spawned tasks, conditions and groups, where they are canceled, fail or are empty.
#include <gtest/gtest.h>

#include "perdure/workflow.h"
#include "worker-sdk/coro/scripted_run.h"

namespace perdure::detail {
namespace {

using namespace std::chrono_literals;

template <class T>
T ResultOf(const Completion& completion) {
  return decode_result<T>(std::get<CompleteWorkflowCommand>(completion.commands.back()).result);
}

// What a timer's command, or its cancel, names.
std::string Timers(const Completion& completion) {
  std::string text;
  for (const Command& command : completion.commands) {
    if (const auto* cancel = std::get_if<CancelTimerCommand>(&command))
      text += std::to_string(cancel->seq) + " ";
  }
  return text;
}

struct Spawning {
  task<std::string> run(std::string how) {
    auto kept = workflow::spawn(work());
    auto canceled = workflow::spawn(work());
    co_await workflow::until([this] { return go; });
    if (how == "before its first step") {
      auto late = workflow::spawn(work());
      late.cancel();
      co_return co_await late;
    }
    canceled.cancel();
    co_return co_await canceled + (kept.done() ? ", all" : ", alone");
  }
  // Waits in its own scope, in an inner one, in a task of its own and in a shielded one.
  task<std::string> work() {
    auto inner = workflow::spawn(one());
    auto beside = scope().spawn(one());
    auto shielded = workflow::spawn(workflow::shield(one()));
    std::string text;
    try {
      co_await workflow::until([] { return false; });
    } catch (const CanceledError&) {
      text = "canceled";
    }
    text += co_await inner + co_await beside;
    text += shielded.done() ? "" : " shielded goes on";
    co_return text;
  }
  workflow::cancel_scope& scope() {
    scopes.push_back(std::make_unique<workflow::cancel_scope>());
    return *scopes.back();
  }
  task<std::string> one() {
    try {
      co_await workflow::sleep(1h);
    } catch (const CanceledError&) {
      co_return " and inside";
    }
    co_return " slept";
  }
  void proceed() { go = true; }
  std::vector<std::unique_ptr<workflow::cancel_scope>> scopes;
  bool go = false;
  using handlers = define<entry<&Spawning::run>, signal<&Spawning::proceed>>;
};

TEST(CancelingASpawnedTask, EndsWhatItStartedAndNothingElse) {
  auto run = ScriptedRun::Of<Spawning>();
  ASSERT_EQ(Kinds(run.Start("waiting")), "timer timer timer timer timer timer");
  const Completion done = run.Signal("proceed");
  EXPECT_EQ(Kinds(done), "cancel-timer cancel-timer complete");
  EXPECT_EQ(Timers(done), "4 5 ");
  EXPECT_EQ(ResultOf<std::string>(done), "canceled and inside and inside shielded goes on, alone");
}

TEST(CancelingASpawnedTask, BeforeItsFirstStepLetsItStartNothing) {
  auto run = ScriptedRun::Of<Spawning>();
  run.Start("before its first step");
  const Completion done = run.Signal("proceed");
  EXPECT_EQ(Kinds(done), "timer complete") << "the shielded one";
  EXPECT_EQ(ResultOf<std::string>(done), "canceled and inside and inside shielded goes on");
}

struct Leaving {
  std::optional<handle<void>> left;
  std::optional<handle<std::string>> last;
  int links = 0;
  task<std::string> run() {
    auto first = workflow::spawn(leave());
    auto again = workflow::timer(2h);
    auto second = workflow::spawn(link());
    co_await workflow::until([this] { return links == 100; });
    first.cancel();
    second.cancel();
    bool is_canceled = false;
    try {
      co_await *left;
    } catch (const CanceledError&) {
      is_canceled = true;
    }
    again.detach();
    const std::string reason = co_await *last;
    co_return is_canceled ? reason : "";
  }
  task<void> leave() {
    left = workflow::timer(1h);
    co_return;
  }
  task<void> link() {
    if (++links < 100) {
      workflow::spawn(link()).detach();
    } else {
      last = workflow::spawn(wait());
    }
    co_return;
  }
  task<std::string> wait() {
    try {
      co_await workflow::sleep(3h);
    } catch (const CanceledError&) {
    }
    co_return workflow::cancel_reason();
  }
  using handlers = define<entry<&Leaving::run>>;
};

TEST(CancelingASpawnedTask, ThatEndedDoesNothingAndWhatItLeftEndsWithTheScopeAroundIt) {
  auto run = ScriptedRun::Of<Leaving>();
  ASSERT_EQ(Kinds(run.Start()), "timer timer timer");
  const Completion done = run.Do(CancelWorkflowJob{"enough"});
  EXPECT_EQ(Kinds(done), "cancel-timer cancel-timer cancel-timer complete");
  EXPECT_EQ(Timers(done), "1 2 3 ");
  EXPECT_EQ(ResultOf<std::string>(done), "enough");
}

struct Gone {
  std::optional<handle<void>> left;
  task<void> run() {
    co_await inside();
    co_await *left;
  }
  task<void> inside() {
    workflow::cancel_scope scope;
    co_await scope.spawn(leave());
  }
  task<void> leave() {
    left = workflow::timer(1h);
    co_return;
  }
  using handlers = define<entry<&Gone::run>>;
};

TEST(CancelingASpawnedTask, WhatItLeftInAScopeThatIsGoneNobodyCancels) {
  auto run = ScriptedRun::Of<Gone>();
  ASSERT_EQ(Kinds(run.Start()), "timer");
  EXPECT_EQ(Kinds(run.Do(CancelWorkflowJob{})), "");
  EXPECT_EQ(Kinds(run.Fire(1)), "complete");
}

struct Mixed {
  task<void> run() {
    auto a = workflow::timer(1h);
    auto b = workflow::spawn(one());
    co_await workflow::sleep(1s);
    auto c = workflow::timer(1h);
    workflow::cancel_scope scope;
    auto d = scope.spawn(one());
    auto e = workflow::spawn(one());
    co_await workflow::sleep(2s);
  }
  task<void> one() { co_await workflow::sleep(1h); }
  using handlers = define<entry<&Mixed::run>>;
};

TEST(CancelingAScope, GoesInTheOrderOfTheStartsWhicheverTaskStarted) {
  auto run = ScriptedRun::Of<Mixed>();
  ASSERT_EQ(Kinds(run.Start()), "timer timer timer");
  ASSERT_EQ(Kinds(run.Fire(2)), "timer timer timer timer");
  EXPECT_EQ(Timers(run.Do(CancelWorkflowJob{})), "1 3 4 5 7 6 ");
}

struct Throwing {
  task<std::string> run() {
    try {
      co_await workflow::until([this] {
        if (go) throw ApplicationError("main");
        return false;
      });
    } catch (const ApplicationError& error) {
      co_return error.what();
    }
    co_return "";
  }
  task<int> watch() {
    co_await workflow::until([this] {
      if (go) throw ApplicationError("update");
      return false;
    });
    co_return 1;
  }
  void proceed() { go = true; }
  bool go = false;
  using handlers =
      define<entry<&Throwing::run>, update<&Throwing::watch>, signal<&Throwing::proceed>>;
};

TEST(ConditionsThatThrow, DoSoWhereTheyAreAwaited) {
  auto run = ScriptedRun::Of<Throwing>();
  run.Start();
  ASSERT_EQ(Kinds(run.Update("u", "watch")), "accept");
  const Completion done = run.Signal("proceed");
  ASSERT_EQ(Kinds(done), "complete update-done");
  EXPECT_EQ(std::get<CompleteWorkflowCommand>(done.commands[0]).result.at(0).data, "\"main\"");
  const auto& update = std::get<UpdateCompletedCommand>(done.commands[1]);
  EXPECT_EQ(std::get<FailurePtr>(update.outcome)->message, "update");
}

struct Empty {
  task<int> run(std::string what) {
    if (what == "any") co_return co_await workflow::any(std::vector<handle<int>>());
    co_return co_await workflow::race(std::vector<task<int>>());
  }
  using handlers = define<entry<&Empty::run>>;
};

TEST(GroupsOfNone, AreRefusedWhereOneResultIsAsked) {
  EXPECT_EQ(Kinds(ScriptedRun::Of<Empty>().Start("any")), "!any() needs at least one handle");
  EXPECT_EQ(Kinds(ScriptedRun::Of<Empty>().Start("race")), "!race() needs at least one task");
}

struct Closing {
  workflow::channel<int> out{1};
  task<std::string> run() {
    co_await out.push(1);
    auto waiting = workflow::spawn(push());
    co_await workflow::sleep(1s);
    out.close();
    std::string text = co_await waiting;
    text += co_await push();
    try {
      static_cast<void>(out.try_push(3));
    } catch (const std::logic_error& error) {
      text += error.what();
    }
    while (const std::optional<int> value = co_await out.pop()) text += std::to_string(*value);
    co_return text;
  }
  task<std::string> push() {
    try {
      co_await out.push(2);
    } catch (const std::logic_error&) {
      co_return "closed ";
    }
    co_return "";
  }
  using handlers = define<entry<&Closing::run>>;
};

TEST(ClosedChannels, TakeNothingAndGiveWhatTheyHold) {
  auto run = ScriptedRun::Of<Closing>();
  run.Start();
  const Completion done = run.Fire(1);
  ASSERT_EQ(Kinds(done), "complete");
  EXPECT_EQ(ResultOf<std::string>(done), "closed closed push to a closed channel1");
}

}  // namespace
}  // namespace perdure::detail
