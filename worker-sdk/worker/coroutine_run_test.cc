// Activities that are coroutines: on the worker's loop, and on a test's thread.
#include <gtest/gtest.h>

#include <thread>

#include "perdure/activity_testing.h"
#include "perdure/interceptor.h"
#include "worker-sdk/core/convert.h"
#include "worker-sdk/worker/testing/worker_fixture.h"

namespace perdure::worker {
namespace {

using namespace std::chrono_literals;

std::thread::id ran_on;

task<std::string> nap(activity_context& context, std::string name) {
  context.heartbeat(name);
  co_await activity::sleep(10s);
  ran_on = std::this_thread::get_id();
  co_return "slept, " + name + (&activity::context() == &context ? "" : "?");
}
task<void> fails() {
  co_await activity::sleep(1s);
  throw ApplicationError("no", {.type = "No"});
}
task<int> at_once(int n) { co_return n + 1; }

// Hands its completer out.
std::vector<completer<std::string>> waiting;
std::atomic<bool> is_waiting{false};  // Orders it before what another thread does with it.
task<std::string> asks() {
  std::string suffix = "not in the small-string buffer, so that a copy is seen";
  // Named, because GCC 12 destroys temporaries that capture such things twice.
  const auto start = [suffix](completer<std::string> done) {
    waiting.push_back(done);
    is_waiting = true;
    is_waiting.notify_all();
  };
  const std::string text = co_await activity::async<std::string>(start);
  co_return text;
}
task<std::string> inner() {
  const std::string text = co_await asks();
  co_return text + "!";
}
task<std::string> outer() {
  std::string text = co_await inner();
  co_return text + "?";
}
struct Counter {
  task<int> add(int n) {
    co_await activity::sleep(1s);
    total += n;
    co_return total;
  }
  int total = 0;
};

class CoroutineActivity : public ::testing::Test {
 protected:
  void Start(WorkerOptions options = {}) {
    waiting.clear();
    fixture_ = std::make_unique<WorkerFixture>(std::move(options));
    fixture_->worker->AddActivity(detail::activity_definition<&nap>("nap"));
    fixture_->worker->AddActivity(detail::activity_definition<&fails>("fails"));
    fixture_->worker->AddActivity(detail::activity_definition<&at_once>("at_once"));
    fixture_->worker->AddActivity(detail::activity_definition<&asks>("asks"));
    fixture_->worker->AddActivity(detail::activity_definition<&outer>("outer"));
    fixture_->worker->AddActivity(detail::activity_definition<&Counter::add>(counter_, "add"));
    fixture_->worker->Start();
    fixture_->server->Run();
  }
  template <class... A>
  void Give(const std::string& type, const std::string& token, const A&... inputs) {
    auto task = fixture_->ActivityTask(type, token);
    (task.mutable_input()->add_payloads()->CopyFrom(core::ToApi(encode(inputs))), ...);
    fixture_->GiveActivity(task);
  }
  std::vector<std::string> Results() const {
    std::vector<std::string> results;
    for (const auto& call : fixture_->server->Sent("RespondActivityTaskCompleted")) {
      results.push_back(
          call->as<api::RespondActivityTaskCompletedRequest>().result().payloads(0).data());
    }
    return results;
  }
  std::size_t Sent(const char* method) const { return fixture_->server->Sent(method).size(); }

  Counter counter_;
  std::unique_ptr<WorkerFixture> fixture_;
};

TEST_F(CoroutineActivity, SleepsOnTheLoopWithoutAThread) {
  Start();
  Give("nap", "1", "Ann");
  Give("nap", "2", "Bob");
  EXPECT_EQ(Sent("RecordActivityTaskHeartbeat"), 2u);
  fixture_->server->Advance(9s);
  EXPECT_TRUE(Results().empty());
  fixture_->server->Advance(1s);
  EXPECT_EQ(Results(), (std::vector<std::string>{"\"slept, Ann\"", "\"slept, Bob\""}));
  EXPECT_EQ(ran_on, std::this_thread::get_id());
  EXPECT_FALSE(activity::in_activity());
}

TEST_F(CoroutineActivity, MayEndWithoutWaiting) {
  Start();
  Give("at_once", "1", 4);
  EXPECT_EQ(Results(), std::vector<std::string>{"5"});
}

TEST_F(CoroutineActivity, MayBeAMember) {
  Start();
  Give("add", "1", 4);
  fixture_->server->Advance(1s);
  EXPECT_EQ(counter_.total, 4);
}

TEST_F(CoroutineActivity, FailsAsAFunctionDoes) {
  Start();
  Give("fails", "1");
  fixture_->server->Advance(1s);
  Give("at_once", "2", "no number");
  const auto failures = fixture_->server->Sent("RespondActivityTaskFailed");
  ASSERT_EQ(failures.size(), 2u);
  EXPECT_EQ(failures[0]
                ->as<api::RespondActivityTaskFailedRequest>()
                .failure()
                .application_failure_info()
                .type(),
            "No");
}

TEST_F(CoroutineActivity, IsCompletedFromAnotherThreadThroughInnerTasks) {
  Start();
  Give("outer", "1");
  ASSERT_EQ(waiting.size(), 1u);
  EXPECT_FALSE(waiting[0].is_over());
  std::thread([] { waiting[0].complete("done"); }).join();
  fixture_->server->Run();
  EXPECT_EQ(Results(), std::vector<std::string>{"\"done!?\""});
  EXPECT_TRUE(waiting[0].is_over());
  waiting[0].complete("again");
  fixture_->server->Run();
  EXPECT_EQ(Results().size(), 1u);
}

TEST_F(CoroutineActivity, AFailedCompletionIsThrown) {
  Start();
  Give("asks", "1");
  waiting.at(0).fail(std::make_exception_ptr(ApplicationError("down", {.type = "Down"})));
  fixture_->server->Run();
  EXPECT_EQ(Sent("RespondActivityTaskFailed"), 1u);
}

TEST_F(CoroutineActivity, CancellationEndsEachWait) {
  Start();
  Give("asks", "1");
  Give("nap", "2", "Ann");
  fixture_->worker->RequestStop();
  fixture_->server->Advance(1s);  // The grace is over at once.
  EXPECT_EQ(Sent("RespondActivityTaskFailed"), 2u);
  EXPECT_TRUE(waiting.at(0).is_over());
  waiting[0].complete("late");
  fixture_->server->Run();
  EXPECT_TRUE(Results().empty());
}

TEST_F(CoroutineActivity, InterceptorsStandAroundAllOfIt) {
  struct Around : WorkerInterceptor {
    task<std::optional<Payload>> execute_activity(activity_context& context,
                                                  ExecuteActivityInput input,
                                                  ActivityNext next) override {
      log += "before ";
      auto result = co_await next(context, std::move(input));
      co_await activity::sleep(5s);
      log += "after";
      co_return result;
    }
    std::string log;
  };
  const auto around = std::make_shared<Around>();
  Start({.interceptors = {around}});
  Give("nap", "1", "Ann");
  fixture_->server->Advance(10s);
  EXPECT_EQ(around->log, "before ");
  fixture_->server->Advance(5s);
  EXPECT_EQ(around->log, "before after");
  EXPECT_EQ(Results().size(), 1u);
}

TEST(CoroutineActivityInATest, RunsToItsEndOnTheThread) {
  testing::ActivityEnvironment env;
  waiting.clear();
  is_waiting = false;
  std::thread other;
  const std::string text = env.run([&](activity_context&) {
    other = std::thread([] {
      is_waiting.wait(false);
      waiting[0].complete("from afar");
    });
    return outer();
  });
  other.join();
  EXPECT_EQ(text, "from afar!?");
}

TEST(CoroutineActivityInATest, IsCancelledWhileItSleeps) {
  testing::ActivityEnvironment env;
  env.on_heartbeat([&](const Payloads&) { env.cancel(); });
  EXPECT_THROW(env.run([](activity_context& context) { return nap(context, "x"); }), CanceledError);
}

TEST(CoroutineActivityInATest, SleepsInRealTime) {
  testing::ActivityEnvironment env;
  const auto began = std::chrono::steady_clock::now();
  env.run([](activity_context&) -> task<void> { co_await activity::sleep(20ms); });
  EXPECT_GE(std::chrono::steady_clock::now() - began, 20ms);
}

TEST(CoroutineActivityWaits, AreNotForOrdinaryFunctions) {
  testing::ActivityEnvironment env;
  env.run([](activity_context&) {
    EXPECT_THROW(activity::sleep(1s).operator co_await().await_ready(), Error);
  });
}

}  // namespace
}  // namespace perdure::worker
