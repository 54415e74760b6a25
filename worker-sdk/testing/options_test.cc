// What client, worker and replayer are given alike: failure converters, codecs; and payloads that
// pass through as they are.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "perdure/testing.h"
#include "perdure/testing_matchers.h"
#include "perdure/workflow.h"

namespace perdure::testing::options_test {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// ---- Payloads as they are ----

Payloads pass(Payloads inputs);
Payloads pass(Payloads inputs) {
  if (inputs.size() == 1) return {};
  if (inputs.size() == 2) return {inputs[1]};
  return inputs;
}
task<Payloads> pass_later(Payloads inputs);
task<Payloads> pass_later(Payloads inputs) { co_return Payloads{inputs.at(0)}; }

struct Passing {
  task<Payloads> run(Payloads inputs) {
    const activity_options options = {.start_to_close = 10s, .retry = {.maximum_attempts = 1}};
    const local_activity_options local = {.start_to_close = 10s, .retry = {.maximum_attempts = 1}};
    Payloads results = co_await workflow::activity<&pass>(inputs, options);
    for (Payload& one : co_await workflow::local_activity<&pass_later>(inputs, local)) {
      results.push_back(std::move(one));
    }
    Payloads named = co_await workflow::activity_by_name<Payloads>("pass", options, inputs);
    results.push_back(named.at(0));
    const Payloads one = {inputs.at(0)};
    named = co_await workflow::local_activity_by_name<Payloads>("pass", local, one);
    if (!named.empty()) results.clear();
    co_return results;
  }
  using handlers = define<entry<&Passing::run>>;
};

TEST(RawPayloads, PassThroughActivities) {
  Environment env;
  Worker worker(env.client(), env.worker("q"));
  worker.workflow<Passing>().activity<&pass>().activity<&pass_later>();
  worker.start();
  const Payload one = encode(1), two = encode("two");
  EXPECT_THAT(
      env.client().execute<&Passing::run>({.id = "p", .task_queue = "q"}, Payloads{one, two}),
      ElementsAre(two, one, two));
  EXPECT_THAT(
      [&] {
        env.client().execute<&Passing::run>({.id = "r", .task_queue = "q"},
                                            Payloads{one, two, one});
      },
      FailsWith("ResultError", HasSubstr("3 payloads")));
}

TEST(RawPayloads, PassThroughMockedActivities) {
  Environment env;
  Worker worker(env.client(), env.worker("q"));
  worker.workflow<Passing>();
  mock<&pass>(worker, [](const Payloads& inputs) {
    return inputs.size() == 1 ? Payloads() : Payloads{encode("mocked")};
  });
  mock<&pass_later>(worker, [](const Payloads& inputs) { return Payloads{inputs.at(1)}; });
  worker.start();
  EXPECT_THAT(env.client().execute<&Passing::run>({.id = "p", .task_queue = "q"},
                                                  Payloads{encode(1), encode("two")}),
              ElementsAre(encode("mocked"), encode("two"), encode("mocked")));
}

}  // namespace perdure::testing::options_test
