// What a workflow is given: by its start, by its options, by runs before it, by whoever is
// registered for what nobody is registered for.
#include <gtest/gtest.h>

#include "perdure/replayer.h"
#include "perdure/testing.h"
#include "perdure/testing_matchers.h"
#include "perdure/workflow.h"

namespace perdure::testing {
namespace {

using namespace std::chrono_literals;

// ---- Dynamic workflows and activities ----

struct Any {
  task<std::string> run(Payloads input) {
    std::string seen = workflow::info().workflow_type + "(" + std::to_string(input.size()) + ")";
    std::string first;
    if (!input.empty()) first = input[0].data;
    const int called =
        co_await workflow::activity_by_name<int>("count", {.start_to_close = 10s}, first, 2);
    co_return seen + " " + std::to_string(called);
  }
  using handlers = define<entry<&Any::run>>;
};
struct Known {
  task<std::string> run() { co_return "known"; }
  using handlers = define<entry<&Known::run>>;
};
int known() { return -1; }

TEST(DynamicRegistrations, RunWhatHasNoneOfItsOwn) {
  Environment env;
  Worker worker(env.client(), env.worker("q"));
  std::vector<std::string> called;
  worker.workflow<Known>().dynamic_workflow<Any>().activity<&known>().dynamic_activity(
      [&](activity_context&, std::string_view type, const Payloads& input) {
        called.emplace_back(type);
        return std::optional(encode(static_cast<int>(input.size())));
      });
  worker.start();
  const Client& client = env.client();
  const start_options options{.task_queue = "q", .run_timeout = 1h};
  EXPECT_EQ(client.execute_by_name<std::string>("Whatever", options, 1, "x"), "Whatever(2) 2");
  EXPECT_EQ(client.execute_by_name<std::string>("Other", options), "Other(0) 2");
  EXPECT_EQ(client.execute<&Known::run>(options), "known");
  EXPECT_EQ(called, (std::vector<std::string>{"count", "count"}));
}

// ---- Runs one after another ----

struct Tries {
  task<std::string> run(int failures) {
    const workflow_info& info = workflow::info();
    if (info.attempt <= failures)
      throw ApplicationError("attempt " + std::to_string(info.attempt), {.type = "Early"});
    co_return std::to_string(info.attempt) + " after " +
        (info.last_failure ? info.last_failure->message : "nothing");
  }
  using handlers = define<entry<&Tries::run>>;
};

TEST(WorkflowRetry, RunsItAgainAndShowsWhatFailed) {
  Environment env;
  Worker worker(env.client(), env.worker("q"));
  worker.workflow<Tries>();
  worker.start();
  const Timestamp began = env.now();
  EXPECT_EQ(env.client().execute<&Tries::run>(
                {.task_queue = "q", .retry = {.initial_interval = 1h, .maximum_attempts = 5}}, 2),
            "3 after attempt 2");
  EXPECT_GE(env.now() - began, 3h) << "an hour and two";
  EXPECT_THAT([&] { env.client().execute<&Tries::run>({.task_queue = "q"}, 1); },
              FailsWith("Early", "attempt 1"));
  EXPECT_THAT(
      [&] {
        env.client().execute<&Tries::run>(
            {.task_queue = "q", .retry = {.maximum_attempts = 5, .non_retryable = {"Early"}}}, 3);
      },
      FailsWith("Early", "attempt 1"));
}

std::vector<int> daily;
struct Daily {
  task<int> run() {
    const int before = workflow::last_completion_result<int>().value_or(0);
    if (!workflow::replaying()) daily.push_back(before);
    co_return before + 1;
  }
  using handlers = define<entry<&Daily::run>>;
};

TEST(Cron, GivesEachRunTheResultOfTheLast) {
  daily.clear();
  Environment env;
  Worker worker(env.client(), env.worker("q"));
  worker.workflow<Daily>();
  worker.start();
  auto run = env.client().start<&Daily::run>({.id = "d", .task_queue = "q", .cron = "0 3 * * *"});
  env.sleep(3 * 24h);
  run.terminate();
  EXPECT_EQ(daily, (std::vector<int>{0, 1, 2}));
}

TEST(StartDelay, PassesBeforeTheFirstTask) {
  daily.clear();
  Environment env;
  Worker worker(env.client(), env.worker("q"));
  worker.workflow<Daily>();
  worker.start();
  const Timestamp began = env.now();
  auto run = env.client().start<&Daily::run>({.task_queue = "q", .start_delay = 2h});
  env.sleep(119min);
  EXPECT_TRUE(daily.empty());
  EXPECT_EQ(run.result(), 1);
  EXPECT_EQ(env.now() - began, 2h);
}

// ---- Time that does not pass ----

TEST(Settling, LetsEverythingHappenThatNeedsNoTime) {
  daily.clear();
  Environment env({.start_time = Timestamp(1000h)});
  EXPECT_EQ(env.now(), Timestamp(1000h));
  Worker worker(env.client(), env.worker("q"));
  worker.workflow<Daily>();
  worker.start();
  env.client().start<&Daily::run>({.task_queue = "q"});
  env.settle();
  EXPECT_EQ(daily, (std::vector<int>{0}));
  EXPECT_EQ(env.now(), Timestamp(1000h));
}

// ---- Priorities ----

std::string priority_of(const perdure::detail::PriorityData& given) {
  return std::to_string(given.priority_key) + given.fairness_key;
}
std::string urgency() { return priority_of(activity::info().priority); }
struct Urgent {
  task<std::string> run(bool is_child) {
    std::string seen = priority_of(workflow::info().priority);
    seen += " " + co_await workflow::activity<&urgency>({.start_to_close = 10s});
    seen += " " +
            co_await workflow::activity<&urgency>({.start_to_close = 10s, .priority = {.key = 5}});
    if (!is_child) {
      seen += "; " + co_await workflow::child<&Urgent::run>(true);
      seen += "; " + co_await workflow::child<&Urgent::run>(true, {.priority = {1, "bob"}});
    }
    co_return seen;
  }
  using handlers = define<entry<&Urgent::run>>;
};

TEST(Priority, IsTheWorkflowsWhereNoOtherIsGiven) {
  Environment env;
  Worker worker(env.client(), env.worker("q"));
  worker.workflow<Urgent>().activity<&urgency>();
  worker.start();
  EXPECT_EQ(env.client().execute<&Urgent::run>({.task_queue = "q", .priority = {2, "ann"}}, false),
            "2ann 2ann 5ann; 2ann 2ann 5ann; 1bob 1bob 5bob");
}

// ---- Texts that are found, shown, and told ----

struct Noting {
  task<void> run() {
    workflow::upsert(text_key("Note").set("three red ones"));
    co_return;
  }
  using handlers = define<entry<&Noting::run>>;
};

TEST(TextAttributes, AreFoundByTheirWords) {
  Environment env({.search_attributes = {{"Note", SearchAttributeType::text}}});
  Worker worker(env.client(), env.worker("q"));
  worker.workflow<Noting>();
  worker.start();
  env.client().execute<&Noting::run>({.task_queue = "q", .summary = "notes", .details = "of all"});
  EXPECT_EQ(env.client().count("Note = 'red'").count, 1);
  EXPECT_EQ(env.client().count("Note = 'blue'").count, 0);
  for (const WorkflowExecution& run : env.client().list("Note = 'red'")) {
    const auto described = env.client().handle_by_name(run.workflow_id).describe();
    EXPECT_EQ(described.summary, "notes");
    EXPECT_EQ(described.details, "of all");
  }
}

struct Built {
  task<std::string> run() {
    co_return workflow::current_deployment() + " " + workflow::current_build_id();
  }
  using handlers = define<entry<&Built::run>>;
};

TEST(CurrentBuild, IsThatOfTheWorker) {
  Environment env;
  WorkerOptions options = env.worker("q");
  options.deployment.name = "shop";
  options.deployment.build_id = "7";
  Worker worker(env.client(), options);
  worker.workflow<Built>();
  worker.start();
  EXPECT_EQ(env.client().execute<&Built::run>({.task_queue = "q"}), "shop 7");
}

// ---- Ends ----

struct Bug : std::runtime_error {
  using std::runtime_error::runtime_error;
};
struct Buggy {
  task<void> run() {
    throw Bug("oh");
    co_return;
  }
  using handlers = define<entry<&Buggy::run>>;
};

TEST(WorkflowFailureTypes, FailTheWorkflowWithTheTypeOfTheException) {
  Environment env;
  WorkerOptions options = env.worker("q");
  options.workflow_failure_types = {"*"};
  Worker worker(env.client(), options);
  worker.workflow<Buggy>();
  worker.start();
  EXPECT_THAT([&] { env.client().execute<&Buggy::run>({.task_queue = "q", .run_timeout = 1h}); },
              FailsWith("perdure::testing::(anonymous namespace)::Bug", "oh"));
}

std::string token_of_later;
void later(activity_context& context) { token_of_later = context.complete_later(); }
struct Waits {
  task<std::string> run() {
    auto waiting = workflow::activity<&later>(
        {.start_to_close = 30min, .cancellation = activity_cancellation::wait_completed});
    co_await workflow::until([this] { return told; });
    waiting.cancel();
    std::string seen;
    try {
      co_await waiting;
    } catch (const ActivityError& error) {
      const auto* canceled = error.cause_as<CanceledFailureInfo>();
      if (canceled != nullptr) seen = decode<std::string>(canceled->details.at(0));
    }
    co_return seen;
  }
  void cancel() { told = true; }
  bool told = false;
  using handlers = define<entry<&Waits::run>, signal<&Waits::cancel>>;
};

TEST(ActivitiesCompletedLater, SayFromOutsideThatTheyObeyed) {
  Environment env;
  Worker worker(env.client(), env.worker("q"));
  worker.workflow<Waits>().activity<&later>();
  worker.start();
  auto run = env.client().start<&Waits::run>({.task_queue = "q", .run_timeout = 1h});
  env.sleep(1s);
  auto activity = env.client().activity(token_of_later);
  EXPECT_FALSE(activity.heartbeat(1).cancel_requested);
  run.signal<&Waits::cancel>();
  env.settle();
  EXPECT_TRUE(activity.heartbeat(2).cancel_requested);
  activity.report_canceled("swept");
  EXPECT_EQ(run.result(), "swept");
}

struct Canceling {
  task<std::string> run() {
    co_await workflow::external("asked").cancel("enough");
    try {
      co_await workflow::external("nobody").cancel();
    } catch (const FailureError&) {
      co_return "nobody is there";
    }
    co_return "";
  }
  using handlers = define<entry<&Canceling::run>>;
};
struct Asked {
  task<void> run() { co_await workflow::sleep(24h); }
  using handlers = define<entry<&Asked::run>>;
};

TEST(OtherWorkflows, AreCanceledByTheirIds) {
  Environment env;
  Worker worker(env.client(), env.worker("q"));
  worker.workflow<Canceling>().workflow<Asked>();
  worker.start();
  auto asked = env.client().start<&Asked::run>({.id = "asked", .task_queue = "q"});
  EXPECT_EQ(env.client().execute<&Canceling::run>({.task_queue = "q", .run_timeout = 1h}),
            "nobody is there");
  EXPECT_THAT([&] { asked.result(); }, IsCanceled());
  EXPECT_THAT([&] { asked.result(); }, ::testing::Not(FailsWith("Any")));
  EXPECT_THAT([] {}, ::testing::Not(IsCanceled()));
  EXPECT_THAT([] {}, ::testing::Not(FailsWith("Any")));
}

TEST(ManyHistories, AreReplayedAllAlsoBehindOneThatFails) {
  Environment env;
  Worker worker(env.client(), env.worker("q"));
  worker.workflow<Asked>().workflow<Known>();
  worker.start();
  auto asked = env.client().start<&Asked::run>({.id = "a", .task_queue = "q"});
  auto known = env.client().start<&Known::run>({.id = "k", .task_queue = "q"});
  asked.result();
  known.result();
  Replayer replayer;
  replayer.workflow<Known>();
  const auto results = replayer.replay(std::vector{asked.fetch_history(), known.fetch_history()});
  ASSERT_EQ(results.size(), 2u);
  EXPECT_EQ(results[0].workflow_id, "a");
  EXPECT_FALSE(results[0].ok) << "no such workflow is registered";
  EXPECT_FALSE(results[0].is_nondeterminism);
  EXPECT_EQ(results[1].workflow_id, "k");
  EXPECT_TRUE(results[1].ok) << results[1].message;
}

struct Hasty {
  task<void> run() {
    co_await workflow::until([this] { return is_asked; });
    co_await workflow::sleep(1s);
  }
  task<int> ask() {
    is_asked = true;
    co_await workflow::sleep(1h);
    co_return 1;
  }
  bool is_asked = false;
  using handlers = define<entry<&Hasty::run>, update<&Hasty::ask>>;
};

TEST(UnfinishedUpdates, AreErrorsForWhoSentThemAndAreWarnedOf) {
  Environment env;
  WorkerOptions options = env.worker("q");
  std::string warned;
  options.log = [&](LogLevel level, std::string_view text, const LogFields&) {
    if (level == LogLevel::warn) warned = std::string(text);
  };
  Worker worker(env.client(), options);
  worker.workflow<Hasty>();
  worker.start();
  auto run = env.client().start<&Hasty::run>({.task_queue = "q"});
  EXPECT_THROW(run.update<&Hasty::ask>(), Error);
  run.result();
  EXPECT_NE(warned.find("Running: ask"), warned.npos) << warned;
}

}  // namespace
}  // namespace perdure::testing
