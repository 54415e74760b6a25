// What client, worker and replayer are given alike: failure converters, codecs; and payloads that
// pass through as they are.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>

#include "perdure/failure_converter.h"
#include "perdure/payload_codec.h"
#include "perdure/replayer.h"
#include "perdure/testing.h"
#include "perdure/testing_matchers.h"
#include "perdure/workflow.h"

namespace perdure::testing::options_test {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// ---- A failure converter ----

struct OutOfStock : std::runtime_error {
  explicit OutOfStock(int how_many) : std::runtime_error("out of stock"), left(how_many) {}
  int left;
};

class ShopFailures : public FailureConverter {
 public:
  FailurePtr to_failure(const std::exception_ptr& exception) override {
    try {
      std::rethrow_exception(exception);
    } catch (const OutOfStock& error) {
      return ApplicationError(error.what(), {.type = "OutOfStock"}, {encode(error.left)})
          .failure_ptr();
    } catch (...) {
      return FailureConverter::to_failure(exception);
    }
  }
  std::exception_ptr to_exception(const FailurePtr& failure) override {
    const auto* info = std::get_if<ApplicationFailureInfo>(&failure->info);
    if (info == nullptr || info->type != "OutOfStock") {
      return FailureConverter::to_exception(failure);
    }
    return std::make_exception_ptr(OutOfStock(decode<int>(info->details.at(0))));
  }
};

int take(int count);
int take(int count) { throw OutOfStock(count - 1); }

// What is left, as the exception says that caused the error; -1 for another exception.
template <class Error>
int LeftBy(const Error& error) {
  try {
    error.rethrow_cause();
  } catch (const OutOfStock& cause) {
    return cause.left;
  } catch (...) {
  }
  return -1;
}

struct Shop {
  task<int> run(bool fails) {
    const activity_options options = {.start_to_close = 10s, .retry = {.maximum_attempts = 1}};
    int left = 0;
    try {
      co_await workflow::activity<&take>(8, options);
    } catch (const ActivityError& error) {
      left = LeftBy(error);
    }
    if (left < 0) co_await workflow::sleep(1s);
    co_await workflow::until([this] { return is_closed; });
    if (fails) throw OutOfStock(left);
    co_return left;
  }
  void close() { is_closed = true; }
  task<int> add(int count) {
    co_await workflow::sleep(1s);
    throw ApplicationError("no", {}, {}, ShopFailures().to_failure(Of(count)));
  }
  static std::exception_ptr Of(int count) { return std::make_exception_ptr(OutOfStock(count)); }
  int ask() const { throw OutOfStock(3); }
  bool is_closed = false;
  using handlers =
      define<entry<&Shop::run>, signal<&Shop::close>, query<&Shop::ask>, update<&Shop::add>>;
};

TEST(FailureConverter, IsUsedByWorkerClientAndReplayerAlike) {
  const auto converter = std::make_shared<ShopFailures>();
  Environment env({.failure_converter = converter});
  WorkerOptions options = env.worker("q");
  options.workflow_failure_types = {"*"};
  Worker worker(env.client(), options);
  worker.workflow<Shop>().activity<&take>();
  worker.start();
  auto shop = env.client().start<&Shop::run>({.id = "s", .task_queue = "q"}, true);
  EXPECT_THAT([&] { shop.query<&Shop::ask>(); },
              ::testing::ThrowsMessage<QueryFailedError>("out of stock"));
  try {
    shop.update<&Shop::add>(5);
    FAIL();
  } catch (const UpdateFailedError& error) {
    try {
      error.rethrow_cause();
      FAIL();
    } catch (const ApplicationError& cause) {
      EXPECT_EQ(LeftBy(cause), 5);
    }
  }
  shop.signal<&Shop::close>();
  try {
    shop.result();
    FAIL();
  } catch (const WorkflowFailedError& error) {
    EXPECT_EQ(LeftBy(error), 7);
  }
  const History history = shop.fetch_history();
  Replayer replayer({.workflow_failure_types = {"*"}, .failure_converter = converter});
  replayer.workflow<Shop>();
  EXPECT_TRUE(replayer.replay(history).ok);
  Replayer plain;
  plain.workflow<Shop>();
  EXPECT_TRUE(plain.replay(history).is_nondeterminism);
}

class Throwing : public FailureConverter {
 public:
  FailurePtr to_failure(const std::exception_ptr&) override { throw std::runtime_error("worse"); }
};

TEST(FailureConverter, WhatItThrowsTakesThePlace) {
  const FailurePtr failure = perdure::detail::ToFailure(std::make_shared<Throwing>(), Shop::Of(1));
  EXPECT_EQ(failure->message, "worse");
  EXPECT_EQ(perdure::detail::ToFailure(nullptr, Shop::Of(1))->message, "out of stock");
}

// ---- Codecs ----

class Reversing final : public PayloadCodec {
 public:
  Payloads encode(Payloads payloads) override {
    for (Payload& payload : payloads) {
      payload.encoding = "reversed/" + payload.encoding;
      payload.data = std::string(payload.data.rbegin(), payload.data.rend());
    }
    return payloads;
  }
  Payloads decode(Payloads payloads) override {
    for (Payload& payload : payloads) {
      if (payload.encoding.rfind("reversed/", 0) != 0) continue;
      payload.encoding.erase(0, 9);
      payload.data = std::string(payload.data.rbegin(), payload.data.rend());
    }
    return payloads;
  }
};

std::string greet(std::string name);
std::string greet(std::string name) {
  if (name == "Nobody") throw ApplicationError("who is that?");
  return "Hello, " + name;
}

struct Greeting {
  task<std::string> run(std::string name) {
    co_return co_await workflow::activity<&greet>(
        name, {.start_to_close = 10s, .retry = {.maximum_attempts = 1}});
  }
  using handlers = define<entry<&Greeting::run>>;
};

TEST(EnvironmentCodecs, HideWhatTheServerHolds) {
  struct Counting final : PayloadCodec {
    Payloads encode(Payloads payloads) override {
      encoded += payloads.size();
      return Reversing().encode(std::move(payloads));
    }
    Payloads decode(Payloads payloads) override {
      for (const Payload& payload : payloads) decoded += payload.encoding.rfind("rev", 0) == 0;
      return Reversing().decode(std::move(payloads));
    }
    std::atomic<std::size_t> encoded = 0, decoded = 0;
  };
  const auto codec = std::make_shared<Counting>();
  Environment env({.codecs = {codec}, .encode_failure_attributes = true});
  Worker worker(env.client(), env.worker("q"));
  worker.workflow<Greeting>().activity<&greet>();
  worker.start();
  EXPECT_EQ(env.client().execute<&Greeting::run>({.id = "a", .task_queue = "q"}, "Ann"),
            "Hello, Ann");
  // The input of the workflow and of the activity, and both results.
  EXPECT_EQ(codec->encoded, 4U);
  EXPECT_GE(codec->decoded, 4U);
  codec->encoded = 0;
  auto failed = env.client().start<&Greeting::run>({.id = "b", .task_queue = "q"}, "Nobody");
  EXPECT_THAT([&] { failed.result(); }, FailsWith("", "who is that?"));
  // Beside two inputs: the activity's failure, the workflow's and its cause.
  EXPECT_EQ(codec->encoded, 5U);
}

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
    const Payloads later = co_await workflow::local_activity<&pass_later>(inputs, local);
    results.insert(results.end(), later.begin(), later.end());
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
