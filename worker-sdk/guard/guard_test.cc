#include <gtest/gtest.h>

#include <pthread.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <mutex>
#include <thread>

#include "worker-sdk/coro/scripted_run.h"

namespace perdure::detail::guard_test {

using namespace std::chrono_literals;

// Of a kind that its owner cannot lock twice: it is busy, and nobody has to wait to see that.
class OwnedMutex {
 public:
  OwnedMutex() {
    pthread_mutexattr_t kind;
    pthread_mutexattr_init(&kind);
    pthread_mutexattr_settype(&kind, PTHREAD_MUTEX_ERRORCHECK);
    pthread_mutex_init(&mutex_, &kind);
    pthread_mutexattr_destroy(&kind);
  }
  ~OwnedMutex() { pthread_mutex_destroy(&mutex_); }
  int Lock() { return pthread_mutex_lock(&mutex_); }
  int Unlock() { return pthread_mutex_unlock(&mutex_); }

 private:
  pthread_mutex_t mutex_;
};
OwnedMutex busy;
std::mutex unused;

struct Careless {
  task<void> run(std::string how) {
    if (how == "clock") static_cast<void>(std::chrono::system_clock::now());
    if (how == "steady") static_cast<void>(std::chrono::steady_clock::now());
    if (how == "rand") static_cast<void>(std::rand());
    if (how == "sleep") std::this_thread::sleep_for(1ms);
    if (how == "thread") std::thread([] {}).join();
    if (how == "getenv") static_cast<void>(std::getenv("HOME"));
    if (how == "mutex") EXPECT_EQ(busy.Lock(), EDEADLK);
    if (how == "free mutex") const std::lock_guard lock(unused);
    if (how == "log") workflow::log(LogLevel::info, "clock");
    co_return;
  }
  using handlers = define<entry<&Careless::run>>;
};

std::string Outcome(const char* how) {
  auto run = ScriptedRun::Of<Careless>();
  return Kinds(run.Start(how));
}

TEST(Guard, FindsWhatIsNotDeterministicAndSaysWhatToDo) {
  EXPECT_TRUE(
      Outcome("clock").starts_with("!workflow code used the clock, which differs in each replay: "
                                   "use workflow::now(), or an activity\n  at "))
      << Outcome("clock");
  EXPECT_TRUE(Outcome("steady").starts_with("!workflow code used the clock"));
  EXPECT_TRUE(Outcome("rand").starts_with("!workflow code used rand()"));
  EXPECT_TRUE(Outcome("sleep").starts_with("!workflow code used a blocking sleep"));
  EXPECT_TRUE(Outcome("thread").starts_with("!workflow code used a new thread"));
  EXPECT_TRUE(Outcome("getenv").starts_with("!workflow code used getenv()"));
}

TEST(Guard, FindsAMutexOnlyWhereItBlocks) {
  EXPECT_EQ(Outcome("free mutex"), "complete");
  ASSERT_EQ(busy.Lock(), 0);
  const std::string outcome = Outcome("mutex");
  EXPECT_EQ(busy.Unlock(), 0);
  EXPECT_TRUE(outcome.starts_with("!workflow code used a mutex that another thread holds"))
      << outcome;
}

TEST(Guard, LetsTheLogLookAtTheClock) { EXPECT_EQ(Outcome("log"), "complete"); }

TEST(Guard, LetsEveryoneElseDoWhatTheyLike) {
  EXPECT_GT(std::chrono::system_clock::now().time_since_epoch().count(), 0);
}

}  // namespace perdure::detail::guard_test
