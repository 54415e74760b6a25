// Random workflow programs on the real engine: what they did when they ran, they must do in each
// replay.
//
// A program is drawn from its seed as it runs, so every run of a seed is the same code. It runs
// with runs cached and with none, while signals, updates, queries and a cancellation come at random
// times; then its history is replayed whole and from each of its tasks. PERDURE_RANDOM_PROGRAMS and
// PERDURE_RANDOM_FIRST run others.
#include <gtest/gtest.h>

#include <cstdlib>
#include <random>

#include "perdure/replayer.h"
#include "perdure/testing.h"
#include "perdure/workflow.h"

namespace perdure::testing::random_programs_test {

using namespace std::chrono_literals;

int work(int n);
int work(int n) {
  if (n % 7 == 3) throw ApplicationError("unlucky", {.non_retryable = true});
  return n * 2;
}

// The program's own dice: of its input, not of the workflow's randomness, and part of its state.
class Dice {
 public:
  explicit Dice(std::uint64_t seed = 0) : engine_(seed) {}
  int Below(int n) { return static_cast<int>(engine_() % static_cast<std::uint64_t>(n)); }

 private:
  std::mt19937_64 engine_;
};

struct Random {
  task<std::string> run(std::uint64_t seed, int depth) {
    dice = Dice(seed);
    depth_left = depth;
    std::vector<handle<void>> beside;
    const int branches = 1 + dice.Below(3);
    for (int i = 0; i < branches; ++i) beside.push_back(workflow::spawn(Branch(1 + dice.Below(6))));
    for (const handle<void>& one : beside) {
      try {
        co_await one;
      } catch (const FailureError& error) {
        Note("branch:" + std::string(error.what()).substr(0, 8));
      }
    }
    co_await workflow::shield(workflow_end());
    std::string all;
    for (const std::string& one : notes) all += one + " ";
    co_return all;
  }
  task<void> workflow_end() { co_await workflow::until(workflow::all_handlers_finished); }

  task<void> Branch(int steps) {
    for (int i = 0; i < steps; ++i) {
      const int what = dice.Below(16);
      try {
        co_await Step(what);
      } catch (const CanceledError&) {
        Note("c" + std::to_string(what));
        if (workflow::cancel_requested()) co_return;
      } catch (const FailureError&) {
        Note("f" + std::to_string(what));
      }
    }
  }

  task<void> Step(int what) {
    switch (what) {
      case 0:
      case 1:
        co_await workflow::sleep(std::chrono::milliseconds(dice.Below(3000)));
        break;
      case 2:
      case 3: {
        const int result =
            co_await workflow::activity<&work>(dice.Below(30), {.start_to_close = 5s});
        Note("a" + std::to_string(result));
        break;
      }
      case 4: {
        const int result =
            co_await workflow::local_activity<&work>(dice.Below(30), {.start_to_close = 5s});
        Note("l" + std::to_string(result));
        break;
      }
      case 5:
        co_await CanceledOperations();
        break;
      case 6:
        Note(workflow::patched("p" + std::to_string(dice.Below(3))) ? "new" : "old");
        break;
      case 7:
        Note("s" + std::to_string(workflow::side_effect([] { return 5; })));
        Note("m" + std::to_string(workflow::mutable_side_effect("m", [] { return 6; })));
        break;
      case 8: {
        const bool met = co_await workflow::until_for(2s, [this] { return signals > 1; });
        Note(met ? "met" : "late");
        break;
      }
      case 9: {
        std::vector<task<void>> racers;
        for (int i = 0; i < 3; ++i) racers.push_back(Racer(i));
        co_await workflow::race(std::move(racers));
        break;
      }
      case 10:
        workflow::upsert_memo("step", static_cast<int>(notes.size()));
        break;
      case 11:
        if (depth_left > 0) {
          const std::uint64_t seed = static_cast<std::uint64_t>(dice.Below(1000));
          const auto child = workflow::child<&Random::run>(seed, depth_left - 1);
          if (dice.Below(3) == 0) child.cancel();
          const std::string result = co_await child;
          Note("child" + std::to_string(result.size() > 100 ? 1 : 0));
        }
        break;
      case 12: {
        const auto permit = co_await lock.lock();
        co_await workflow::sleep(10ms);
        Note("locked");
        break;
      }
      case 13:
        co_await CanceledTask();
        break;
      case 14:
        if (workflow::random()() % 2 == 0) co_await workflow::sleep(1ms);
        Note(workflow::uuid4());
        break;
      default:
        co_await workflow::with_timeout(500ms, Racer(dice.Below(3)));
    }
  }
  task<void> CanceledOperations() {
    // Canceled in the task in which it started, or later.
    const handle<void> timer = workflow::timer(10s);
    const handle<int> activity = workflow::activity<&work>(2, {.start_to_close = 5s});
    if (dice.Below(2) == 0) co_await workflow::sleep(1ms);
    timer.cancel();
    activity.cancel();
    timer.detach();
    activity.detach();
  }
  task<void> CanceledTask() {
    // Canceled as a whole, in the task in which it started or later.
    const handle<void> several = workflow::spawn(Several());
    if (dice.Below(2) == 0) co_await workflow::sleep(1ms);
    several.cancel();
    co_await several;
  }
  task<void> Several() {
    auto inner = workflow::spawn(Racer(1));
    auto activity = workflow::activity<&work>(2, {.start_to_close = 5s});
    co_await workflow::shield(Racer(0));
    co_await activity;
    co_await inner;
  }
  task<void> Racer(int i) { co_await workflow::sleep(std::chrono::milliseconds(100 + 300 * i)); }

  task<void> poke(int n) {
    ++signals;
    if (n % 2 == 0) co_await workflow::sleep(50ms);
    Note("poke" + std::to_string(n));
  }
  task<int> ask(int n) {
    Note("ask" + std::to_string(n));
    if (n % 3 == 0) co_return co_await workflow::activity<&work>(n, {.start_to_close = 5s});
    co_await workflow::sleep(20ms);
    co_return n;
  }
  void check(int n) const {
    TryToChange();
    if (n % 5 == 0) throw ApplicationError("refused");
  }
  int count() const {
    TryToChange();
    return static_cast<int>(notes.size());
  }
  // Of what a query or a validator tries, nothing may be left.
  void TryToChange() const {
    const auto try_to = [](auto change) {
      try {
        static_cast<void>(change());
      } catch (const WorkflowContextError&) {
      }
    };
    try_to([] { return workflow::uuid4(); });
    try_to([] { return workflow::patched("p0"); });
    try_to([] { return workflow::side_effect([] { return 1; }); });
    try_to([] { return workflow::mutable_side_effect("m", [] { return 1; }); });
  }

  void Note(std::string text) { notes.push_back(std::move(text)); }

  Dice dice;
  int depth_left = 0;
  int signals = 0;
  std::vector<std::string> notes;
  workflow::mutex lock;
  using handlers = define<entry<&Random::run, "random">, signal<&Random::poke>,
                          update<&Random::ask, &Random::check>, query<&Random::count>>;
};

// Whatever the answer is: the workflow may have ended before.
template <class F>
void Try(F call) {
  try {
    call();
  } catch (const Error&) {
  }
}

void RunSeed(std::uint64_t seed, std::int64_t cached_runs) {
  SCOPED_TRACE("PERDURE_RANDOM_FIRST=" + std::to_string(seed) + ", " + std::to_string(cached_runs) +
               " cached");
  Environment env;
  WorkerOptions options = env.worker("q");
  options.cache.runs = cached_runs;
  options.log = [](LogLevel, std::string_view, const LogFields&) {};
  Worker worker(env.client(), std::move(options));
  worker.workflow<Random>().activity<&work>();
  worker.start();
  const auto run = env.client().start<&Random::run>({.id = "w", .task_queue = "q"}, seed, 2);
  Dice dice(seed + 1000);
  for (int i = dice.Below(8); i > 0; --i) {
    env.sleep(std::chrono::milliseconds(dice.Below(1500)));
    const int n = dice.Below(20);
    switch (dice.Below(6)) {
      case 0:
      case 1:
        Try([&] { run.signal<&Random::poke>(n); });
        break;
      case 2:
      case 3:
        Try([&] { run.update<&Random::ask>(n); });
        break;
      case 4:
        Try([&] { run.query<&Random::count>(); });
        break;
      default:
        if (dice.Below(4) == 0) Try([&] { run.cancel("enough"); });
    }
  }
  Try([&] { run.result(); });
  const WorkflowDescription end = run.describe();
  EXPECT_NE(static_cast<int>(end.status), 1) << "still running";
  Replayer replayer({.at_every_task = true});
  replayer.workflow<Random>();
  const History history = run.fetch_history();
  const ReplayResult replayed = replayer.replay(history);
  EXPECT_TRUE(replayed.ok) << replayed.message;
  if (!replayed.ok && std::getenv("PERDURE_RANDOM_SHOW") != nullptr)
    std::puts(history.to_json().c_str());
  // An answer that comes too late is no fault of the code.
  const std::string json = history.to_json();
  for (const char* cause : {"NON_DETERMINISTIC_ERROR", "WORKFLOW_WORKER_UNHANDLED_FAILURE"}) {
    EXPECT_EQ(json.find(cause), std::string::npos) << json;
  }
}

int FromEnvironment(const char* name, int otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::atoi(text);
}

TEST(RandomPrograms, DoInReplayWhatTheyDid) {
  const int first = FromEnvironment("PERDURE_RANDOM_FIRST", 1);
  const int count = FromEnvironment("PERDURE_RANDOM_PROGRAMS", 60);
  for (int seed = first; seed < first + count && !HasFailure(); ++seed) {
    for (const std::int64_t cached : {100, 0, 1}) RunSeed(static_cast<std::uint64_t>(seed), cached);
  }
}

}  // namespace perdure::testing::random_programs_test
