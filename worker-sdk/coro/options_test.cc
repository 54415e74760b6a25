// What options say is what is commanded.
#include "perdure/options.h"

#include <gtest/gtest.h>

#include "perdure/workflow.h"
#include "worker-sdk/coro/scripted_run.h"

// Named, for activities that are only declared: GCC wants what is unnamed defined.
namespace perdure::detail::options_test {

using namespace std::chrono_literals;

void work(int n);

template <class C>
const C& Only(const Completion& completion) {
  return std::get<C>(completion.commands.at(0));
}

// Starts one thing, as the code given says.
using Starts = void (*)();
Starts starts = nullptr;
struct One {
  task<int> run(int) {
    starts();
    co_await workflow::until([] { return false; });
    co_return 0;
  }
  using handlers = define<entry<&One::run, "one">>;
};
Completion Start(Starts what) {
  starts = what;
  return ScriptedRun::Of<One>().Start(1);
}

TEST(ActivityOptions, AreCommanded) {
  const Completion completion = Start([] {
    workflow::activity<&work>(1, {.schedule_to_close = 4s,
                                  .schedule_to_start = 3s,
                                  .start_to_close = 2s,
                                  .heartbeat = 1s,
                                  .retry = {.initial_interval = 5s,
                                            .backoff_coefficient = 1.5,
                                            .maximum_interval = 6s,
                                            .maximum_attempts = 7,
                                            .non_retryable = {"Bad", "Worse"}},
                                  .cancellation = activity_cancellation::abandon,
                                  .task_queue = "other",
                                  .id = "a-1",
                                  .eager = false,
                                  .priority = {2, "ann", 0.5},
                                  .summary = "the work"})
        .detach();
  });
  const auto& command = Only<ScheduleActivityCommand>(completion);
  EXPECT_EQ(command.schedule_to_close, 4s);
  EXPECT_EQ(command.schedule_to_start, 3s);
  EXPECT_EQ(command.start_to_close, 2s);
  EXPECT_EQ(command.heartbeat, 1s);
  EXPECT_EQ(command.retry_policy->initial_interval, 5s);
  EXPECT_EQ(command.retry_policy->backoff_coefficient, 1.5);
  EXPECT_EQ(command.retry_policy->maximum_interval, 6s);
  EXPECT_EQ(command.retry_policy->maximum_attempts, 7);
  EXPECT_EQ(command.retry_policy->non_retryable_error_types,
            (std::vector<std::string>{"Bad", "Worse"}));
  EXPECT_EQ(command.cancellation, ActivityCancellation::abandon);
  EXPECT_EQ(command.task_queue, "other");
  EXPECT_EQ(command.activity_id, "a-1");
  EXPECT_FALSE(command.allow_eager);
  EXPECT_EQ(command.priority.priority_key, 2);
  EXPECT_EQ(command.priority.fairness_key, "ann");
  EXPECT_EQ(command.priority.fairness_weight, 0.5f);
  EXPECT_EQ(command.metadata.summary, "the work");
}

TEST(ActivityOptions, LeftOutAreTheServers) {
  const Completion completion =
      Start([] { workflow::activity<&work>(1, {.start_to_close = 2s}).detach(); });
  const auto& command = Only<ScheduleActivityCommand>(completion);
  EXPECT_FALSE(command.schedule_to_close || command.schedule_to_start || command.heartbeat);
  EXPECT_FALSE(command.retry_policy);
  EXPECT_EQ(command.cancellation, ActivityCancellation::try_cancel);
  EXPECT_TRUE(command.allow_eager);
  EXPECT_EQ(command.priority.priority_key, 0);
}

TEST(ActivityOptions, ThatCannotBeAreRefused) {
  EXPECT_EQ(Kinds(Start([] { workflow::activity<&work>(1, {}).detach(); })),
            "!activity work needs a start_to_close or a schedule_to_close timeout");
  EXPECT_EQ(Kinds(Start([] {
              workflow::activity<&work>(1, {.start_to_close = 1s, .heartbeat = -1s}).detach();
            })),
            "!heartbeat must not be negative");
}

struct Mailer {
  void send(activity_context& context, std::string to);
};

TEST(Activities, MayBeMembersWhoseContextIsNoInput) {
  const Completion completion =
      Start([] { workflow::activity<&Mailer::send>("Ann", {.start_to_close = 1s}).detach(); });
  const auto& command = Only<ScheduleActivityCommand>(completion);
  EXPECT_EQ(command.activity_type, "send");
  ASSERT_EQ(command.input.size(), 1u);
  EXPECT_EQ(command.input[0].data, "\"Ann\"");
}

TEST(Activities, MayBeGivenByName) {
  const Completion completion = Start([] {
    workflow::activity_by_name("pack", {.start_to_close = 1s}, 1, "x").detach();
    workflow::local_activity_by_name<int>("weigh", {.start_to_close = 1s}, 2).detach();
    workflow::child_by_name<int>("Ship", {.id = "s"}, 3).detach();
  });
  ASSERT_EQ(Kinds(completion), "activity local child");
  const auto& activity = Only<ScheduleActivityCommand>(completion);
  EXPECT_EQ(activity.activity_type, "pack");
  EXPECT_EQ(activity.input.at(1).data, "\"x\"");
  const auto& local = std::get<ScheduleLocalActivityCommand>(completion.commands[1]);
  EXPECT_EQ(local.activity_type, "weigh");
  EXPECT_EQ(local.input.at(0).data, "2");
  const auto& child = std::get<StartChildCommand>(completion.commands[2]);
  EXPECT_EQ(child.workflow_type, "Ship");
  EXPECT_EQ(child.input.at(0).data, "3");
}

TEST(OtherWorkflows, AreSignaledAndCanceledByTheirIds) {
  const Completion completion = Start([] {
    workflow::external("other", "r-1").signal_by_name("go", 1).detach();
    workflow::external("other").cancel("enough").detach();
    workflow::child_by_name("Ship", {.id = "s"}).signal_by_name("hurry").detach();
  });
  ASSERT_EQ(Kinds(completion), "signal cancel-external child signal");
  const auto& signal = Only<SignalExternalCommand>(completion);
  EXPECT_EQ(signal.workflow_id, "other");
  EXPECT_EQ(signal.run_id, "r-1");
  EXPECT_EQ(signal.signal_name, "go");
  EXPECT_EQ(signal.input.at(0).data, "1");
  EXPECT_FALSE(signal.child_only);
  const auto& cancel = std::get<RequestCancelExternalCommand>(completion.commands[1]);
  EXPECT_EQ(cancel.workflow_id, "other");
  EXPECT_EQ(cancel.run_id, "");
  EXPECT_EQ(cancel.reason, "enough");
  const auto& to_child = std::get<SignalExternalCommand>(completion.commands[3]);
  EXPECT_EQ(to_child.workflow_id, "s");
  EXPECT_TRUE(to_child.child_only);
}

TEST(LocalActivityOptions, AreCommanded) {
  const Completion completion = Start([] {
    workflow::local_activity<&work>(1, {.schedule_to_close = 4s,
                                        .schedule_to_start = 3s,
                                        .start_to_close = 2s,
                                        .retry = {.maximum_attempts = 7},
                                        .local_retry_threshold = 9s,
                                        .cancellation = activity_cancellation::wait_completed,
                                        .id = "l-1",
                                        .summary = "near"})
        .detach();
  });
  const auto& command = Only<ScheduleLocalActivityCommand>(completion);
  EXPECT_EQ(command.schedule_to_close, 4s);
  EXPECT_EQ(command.schedule_to_start, 3s);
  EXPECT_EQ(command.start_to_close, 2s);
  EXPECT_EQ(command.retry_policy->maximum_attempts, 7);
  EXPECT_EQ(command.local_retry_threshold, 9s);
  EXPECT_EQ(command.cancellation, ActivityCancellation::wait_completed);
  EXPECT_EQ(command.activity_id, "l-1");
  EXPECT_EQ(command.summary, "near");
}

TEST(ChildOptions, AreCommanded) {
  const Completion completion = Start([] {
    const PayloadMap memo = {{"m", encode(1)}};
    const PayloadMap found_by = search_attributes({search_key<bool>{"Is"}.set(true)});
    workflow::child<&One::run>(1, {.id = "c-1",
                                   .task_queue = "other",
                                   .namespace_ = "elsewhere",
                                   .execution_timeout = 4s,
                                   .run_timeout = 3s,
                                   .task_timeout = 2s,
                                   .id_reuse = id_reuse_policy::reject_duplicate,
                                   .on_parent_close = parent_close::request_cancel,
                                   .cancellation = child_cancellation::wait_requested,
                                   .retry = {.maximum_attempts = 7},
                                   .cron = "@daily",
                                   .priority = {2, "ann", 0.5},
                                   .summary = "the child",
                                   .details = "more of it",
                                   .memo = &memo,
                                   .search_attributes = &found_by})
        .detach();
  });
  const auto& command = Only<StartChildCommand>(completion);
  EXPECT_EQ(command.workflow_id, "c-1");
  EXPECT_EQ(command.workflow_type, "one");
  EXPECT_EQ(command.task_queue, "other");
  EXPECT_EQ(command.namespace_, "elsewhere");
  EXPECT_EQ(command.execution_timeout, 4s);
  EXPECT_EQ(command.run_timeout, 3s);
  EXPECT_EQ(command.task_timeout, 2s);
  EXPECT_EQ(command.id_reuse_policy, 3);
  EXPECT_EQ(command.parent_close, ParentClose::request_cancel);
  EXPECT_EQ(command.cancellation, ChildCancellation::wait_requested);
  EXPECT_EQ(command.retry_policy->maximum_attempts, 7);
  EXPECT_EQ(command.cron_schedule, "@daily");
  EXPECT_EQ(command.priority.priority_key, 2);
  EXPECT_EQ(command.priority.fairness_key, "ann");
  EXPECT_EQ(command.metadata.summary, "the child");
  EXPECT_EQ(command.metadata.details, "more of it");
  EXPECT_EQ(command.memo.at("m").data, "1");
  EXPECT_EQ(command.search_attributes.at("Is").data, "true");
}

TEST(ChildOptions, LeftOutGiveARandomIdAndTheUsualEnds) {
  const Completion completion = Start([] { workflow::child<&One::run>(1).detach(); });
  const auto& command = Only<StartChildCommand>(completion);
  EXPECT_EQ(command.workflow_id.size(), 36u);
  EXPECT_EQ(command.parent_close, ParentClose::terminate);
  EXPECT_EQ(command.cancellation, ChildCancellation::wait_completed);
}

TEST(TimerOptions, AreCommandedAndBelowZeroIsZero) {
  const Completion completion = Start([] { workflow::timer(-1s, {.summary = "a nap"}).detach(); });
  EXPECT_EQ(Only<StartTimerCommand>(completion).metadata.summary, "a nap");
  EXPECT_EQ(Only<StartTimerCommand>(completion).duration, 0s);
}

TEST(ContinueAsNewOptions, AreCommandedAndWhatIsLeftOutStays) {
  const Completion completion = Start([] {
    const PayloadMap memo = {{"m", encode(1)}};
    workflow::continue_as_new<&One::run>(2,
                                         {.task_queue = "other",
                                          .run_timeout = 3s,
                                          .task_timeout = 2s,
                                          .retry = {.maximum_attempts = 7},
                                          .initial_versioning = versioning_behavior::auto_upgrade,
                                          .memo = &memo});
  });
  const auto& command = Only<ContinueAsNewCommand>(completion);
  EXPECT_EQ(command.workflow_type, "one");
  EXPECT_EQ(command.input.at(0).data, "2");
  EXPECT_EQ(command.task_queue, "other");
  EXPECT_EQ(command.run_timeout, 3s);
  EXPECT_EQ(command.task_timeout, 2s);
  EXPECT_EQ(command.retry_policy->maximum_attempts, 7);
  EXPECT_EQ(command.initial_versioning_behavior, VersioningBehavior::auto_upgrade);
  EXPECT_EQ(command.memo->at("m").data, "1");
  EXPECT_FALSE(command.search_attributes);
}

}  // namespace perdure::detail::options_test
