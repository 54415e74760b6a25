#include <gtest/gtest.h>

#include "perdure/testing.h"
#include "perdure/workflow.h"

using namespace std::chrono_literals;

std::string greet(std::string name);

struct Greeting {
  perdure::task<std::string> run(std::string name) {
    co_await perdure::workflow::sleep(24h);
    co_return co_await perdure::workflow::activity<&greet>(name, {.start_to_close = 10s});
  }
  using handlers = perdure::define<perdure::entry<&Greeting::run>>;
};

TEST(Greeting, GreetsADayLater) {
  perdure::testing::Environment env;
  perdure::Worker worker(env.client(), env.worker("q"));
  worker.workflow<Greeting>();
  perdure::testing::mock<&greet>(worker, [](const std::string& name) { return "Hi, " + name; });
  worker.start();
  EXPECT_EQ(env.client().execute<&Greeting::run>({.id = "g", .task_queue = "q"}, "Ann"), "Hi, Ann");
}
