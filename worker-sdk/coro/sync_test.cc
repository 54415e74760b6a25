// What the coroutines of one workflow share, and waiting for several things at once.
#include "perdure/sync.h"

#include <gtest/gtest.h>

#include "perdure/workflow.h"
#include "worker-sdk/coro/scripted_run.h"

// Named, for activities that are only declared: GCC wants what is unnamed defined.
namespace perdure::detail::sync_test {

using namespace std::chrono_literals;

std::string find(int place);

template <class T>
T ResultOf(const Completion& completion) {
  return decode_result<T>(
      std::get<CompleteWorkflowCommand>(completion.commands.at(completion.commands.size() - 1))
          .result);
}

// ---- Semaphores ----

struct Inside {
  explicit Inside(int* of) : count(of) { ++*count; }
  Inside(const Inside&) = delete;
  ~Inside() { --*count; }
  int* const count;
};
struct Permits {
  workflow::semaphore two{2};
  std::vector<handle<void>> all;
  std::string seen;
  int inside = 0;
  task<std::string> run(int works) {
    for (int i = 0; i < works; ++i) all.push_back(workflow::spawn(work(i)));
    co_await workflow::until([this] { return released; });
    co_return seen;
  }
  task<void> work(int i) {
    auto permit = co_await two.acquire();
    seen += "+" + std::to_string(i);
    {
      const Inside counted(&inside);
      EXPECT_LE(inside, 2);
      co_await workflow::sleep(1s);
    }
    seen += "-" + std::to_string(i);
    permit.release();
    // Whoever holds none any more holds nobody up.
    co_await workflow::until([this] { return released; });
  }
  void drop(int i) { all[static_cast<std::size_t>(i)].cancel(); }
  void release() { released = true; }
  std::string so_far() const { return seen; }
  bool released = false;
  using handlers = define<entry<&Permits::run>, signal<&Permits::drop>, signal<&Permits::release>,
                          query<&Permits::so_far>>;
};

TEST(ASemaphore, LetsSoManyInAndServesInOrder) {
  auto run = ScriptedRun::Of<Permits>();
  EXPECT_EQ(Kinds(run.Start(4)), "timer timer");
  EXPECT_EQ(Kinds(run.Fire(2)), "timer");
  EXPECT_EQ(Kinds(run.Fire(1)), "timer");
  EXPECT_EQ(Kinds(run.Fire(3)), "");
  EXPECT_EQ(run.Query<std::string>("so_far"), "+0+1-1+2-0+3-2");
}

TEST(ASemaphore, PassesOverWhoIsCanceledAndTakesItsPermitBack) {
  auto run = ScriptedRun::Of<Permits>();
  run.Start(5);
  EXPECT_EQ(Kinds(run.Signal("drop", 2)), "");
  EXPECT_EQ(Kinds(run.Signal("drop", 0)), "cancel-timer timer") << "it held a permit";
  EXPECT_EQ(run.Query<std::string>("so_far"), "+0+1+3");
}

struct Again {
  workflow::mutex lock;
  std::string seen;
  task<std::string> run() {
    auto other = workflow::spawn(take("other "));
    co_await workflow::sleep(1s);
    auto held = co_await lock.lock();
    auto waiting = workflow::spawn(take("waiting "));
    co_await workflow::sleep(1s);
    held.release();
    held = co_await lock.lock();
    seen += "again ";
    co_await waiting;
    co_await other;
    co_return seen;
  }
  task<void> take(std::string who) {
    const auto held = co_await lock.lock();
    seen += who;
  }
  using handlers = define<entry<&Again::run>>;
};

TEST(AMutex, IsNotHadAgainBeforeWhoWaits) {
  auto run = ScriptedRun::Of<Again>();
  run.Start();
  run.Fire(1);
  EXPECT_EQ(ResultOf<std::string>(run.Fire(2)), "other waiting again ");
}

// ---- Channels ----

struct Piped {
  workflow::channel<int> pipe{2};
  std::string popped;
  task<std::string> run() {
    auto pushing = workflow::spawn(push_all());
    co_await workflow::until([this] { return go; });
    while (const std::optional<int> value = co_await pipe.pop()) {
      EXPECT_LE(pipe.size(), 2u);
      popped += std::to_string(*value);
    }
    co_await pushing;
    co_return popped;
  }
  task<void> push_all() {
    for (int i = 1; i <= 5; ++i) {
      co_await pipe.push(i);
      pushed = i;
    }
    pipe.close();
  }
  void proceed() { go = true; }
  int done() const { return pushed; }
  bool go = false;
  int pushed = 0;
  using handlers = define<entry<&Piped::run>, signal<&Piped::proceed>, query<&Piped::done>>;
};

TEST(AChannel, HoldsWhoPushesWhileItIsFull) {
  auto run = ScriptedRun::Of<Piped>();
  run.Start();
  EXPECT_EQ(run.Query<int>("done"), 2);
  EXPECT_EQ(ResultOf<std::string>(run.Signal("proceed")), "12345");
}

struct Trying {
  workflow::channel<int> pipe{1};
  task<std::string> run() {
    std::string seen = pipe.try_push(1) ? "took" : "full";
    seen += pipe.try_push(2) ? " took" : " full";
    auto waiting = workflow::spawn(push(3));
    co_await workflow::sleep(1s);
    // The place that this makes is promised.
    seen += std::to_string(*co_await pipe.pop());
    seen += pipe.try_push(4) ? " took" : " full";
    co_await waiting;
    seen += std::to_string(*co_await pipe.pop());
    seen += pipe.try_push(5) ? " took" : " full";
    co_return seen;
  }
  task<void> push(int value) { co_await pipe.push(value); }
  using handlers = define<entry<&Trying::run>>;
};

TEST(AChannel, IsTriedWithoutWaiting) {
  auto run = ScriptedRun::Of<Trying>();
  run.Start();
  EXPECT_EQ(ResultOf<std::string>(run.Fire(1)), "took full1 full3 took");
}

// Who comes later does not overtake who waits, though it is there when the place gets free.
struct Overtaking {
  workflow::channel<int> full{1}, empty;
  std::string seen;
  task<std::string> run() {
    co_await full.push(1);
    auto pushing = workflow::spawn(push());
    auto popping = workflow::spawn(pop("first "));
    co_await workflow::sleep(1s);
    co_await full.pop();
    co_await full.push(3);
    co_await empty.push(1);
    auto later = workflow::spawn(pop("later "));
    co_await empty.push(2);
    co_await later;
    co_await pushing;
    co_await popping;
    co_return seen + std::to_string(*co_await full.pop());
  }
  task<void> push() {
    co_await full.push(2);
    seen += std::to_string(*co_await full.pop());
  }
  task<void> pop(std::string who) {
    const std::optional<int> value = co_await empty.pop();
    seen += who + std::to_string(*value) + " ";
  }
  using handlers = define<entry<&Overtaking::run>>;
};

TEST(AChannel, ServesInOrder) {
  auto run = ScriptedRun::Of<Overtaking>();
  run.Start();
  EXPECT_EQ(ResultOf<std::string>(run.Fire(1)), "2first 1 later 2 3");
}

struct Popping {
  workflow::channel<int> pipe;
  task<std::string> run() {
    auto canceled = workflow::spawn(pop());
    auto served = workflow::spawn(pop());
    auto late = workflow::spawn(pop());
    co_await workflow::sleep(1s);
    canceled.cancel();
    co_await pipe.push(7);
    std::string seen = co_await canceled + co_await served;
    pipe.close();
    co_return seen + co_await late;
  }
  task<std::string> pop() {
    std::optional<int> value;
    try {
      value = co_await pipe.pop();
    } catch (const CanceledError&) {
      co_return "canceled ";
    }
    co_return value ? std::to_string(*value) : " closed";
  }
  using handlers = define<entry<&Popping::run>>;
};

TEST(AChannel, LosesNoValueToWhoIsCanceledAndEndsForAllWhenItCloses) {
  auto run = ScriptedRun::Of<Popping>();
  run.Start();
  EXPECT_EQ(ResultOf<std::string>(run.Fire(1)), "canceled 7 closed");
}

// ---- Several at once ----

struct Searching {
  task<std::string> run(std::string how) {
    std::vector<handle<std::string>> all;
    for (int place = 1; place <= 3; ++place) {
      all.push_back(workflow::activity<&find>(place, {.start_to_close = 1min}));
    }
    if (how == "any") co_return co_await workflow::any(all);
    if (how == "first") co_return std::to_string(co_await workflow::first(all));
    const std::vector<std::string> results = co_await workflow::all(all);
    std::string text;
    for (const std::string& one : results) text += one;
    co_return text;
  }
  using handlers = define<entry<&Searching::run>>;
};

Completion Fail(ScriptedRun* run, std::uint32_t seq, const char* why) {
  ResolveActivityJob job;
  job.seq = seq;
  job.result = FailedResult{ApplicationError(why).failure_ptr()};
  return run->Do(std::move(job));
}
std::string FailureOf(const Completion& completion) {
  return std::get<FailWorkflowCommand>(completion.commands.at(0)).failure->message;
}

TEST(Any, IsTheFirstThatSucceedsAndLeavesTheOthersAlone) {
  auto run = ScriptedRun::Of<Searching>();
  EXPECT_EQ(Kinds(run.Start("any")), "activity activity activity");
  EXPECT_EQ(Kinds(Fail(&run, 1, "nothing here")), "");
  const Completion done = run.Resolve(3, std::string("third"));
  EXPECT_EQ(Kinds(done), "complete");
  EXPECT_EQ(ResultOf<std::string>(done), "third");
}

TEST(Any, ThrowsTheErrorOfTheLastOfThemWhenAllFail) {
  auto run = ScriptedRun::Of<Searching>();
  run.Start("any");
  Fail(&run, 3, "third");
  EXPECT_EQ(Kinds(Fail(&run, 1, "first")), "");
  EXPECT_EQ(FailureOf(Fail(&run, 2, "second")), "third");
}

TEST(First, IsTheIndexOfWhatEndsFirstWellOrNot) {
  auto run = ScriptedRun::Of<Searching>();
  run.Start("first");
  const Completion done = Fail(&run, 2, "second");
  EXPECT_EQ(Kinds(done), "complete");
  EXPECT_EQ(ResultOf<std::string>(done), "1");
}

TEST(All, GivesResultsInTheOrderGivenAndTheFirstErrorAtOnce) {
  auto run = ScriptedRun::Of<Searching>();
  run.Start("all");
  run.Resolve(3, std::string("c"));
  run.Resolve(1, std::string("a"));
  EXPECT_EQ(ResultOf<std::string>(run.Resolve(2, std::string("b"))), "abc");
  auto failing = ScriptedRun::Of<Searching>();
  failing.Start("all");
  EXPECT_EQ(FailureOf(Fail(&failing, 2, "second")), "second");
}

// ---- The order of one activation ----

struct Both {
  task<std::string> run() {
    auto one = workflow::activity<&find>(1, {.start_to_close = 1min});
    auto two = workflow::activity<&find>(2, {.start_to_close = 1min});
    const std::string found = co_await two;
    co_return found + (one.done() ? " and one is there" : " alone") + (told ? ", told" : "");
  }
  void tell() { told = true; }
  bool told = false;
  using handlers = define<entry<&Both::run>, signal<&Both::tell>>;
};

// Whatever stands behind the job that wakes it, code sees all of the activation.
TEST(R13JobsFirst, AreAllAppliedBeforeCodeRuns) {
  auto run = ScriptedRun::Of<Both>();
  run.Start();
  SignalWorkflowJob tell;
  tell.name = "tell";
  ResolveActivityJob two{2, CompletedResult{encode("two")}, false};
  ResolveActivityJob one{1, CompletedResult{encode("one")}, false};
  const Completion done = run.Do(std::move(tell), std::move(two), std::move(one));
  EXPECT_EQ(ResultOf<std::string>(done), "two and one is there, told");
}

}  // namespace perdure::detail::sync_test
