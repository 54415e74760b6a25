// R28 to R31: activities, children, signals and cancels to other workflows.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "worker-sdk/core/test_run.h"

namespace perdure::core {
namespace {

using detail::ActivityCancellation;
using detail::ChildCancellation;
using ::testing::ElementsAre;

template <class Job>
const Job& Last(const Trace& trace) {
  return std::get<Job>(trace.seen.back().jobs.back());
}

// An activity that is canceled by a signal; what follows is the caller's.
HistoryBuilder CanceledBySignal(HistoryBuilder::Id* activity) {
  HistoryBuilder history;
  history.Start();
  history.Task();
  *activity = history.ActivityScheduled("1", "Pay");
  history.Signaled("stop");
  history.Task();
  return history;
}
MakeScript Cancels(ActivityCancellation cancellation) {
  return Reacts({{"start", {ScheduleActivity(1, "Pay", cancellation)}},
                 {"signal(stop)", {CancelActivity(1)}}});
}

TEST(R28TryCancel, ResolvesAtOnceAndSwallowsTheRest) {
  HistoryBuilder::Id activity;
  HistoryBuilder history = CanceledBySignal(&activity);
  history.ActivityCancelRequested(activity);
  history.ActivityStarted(activity);
  history.ActivityCompleted(activity, "1");
  history.Signaled("later");
  history.OpenTask();
  const auto checked =
      CheckLiveAndReplay(history.history(), Cancels(ActivityCancellation::try_cancel));
  EXPECT_THAT(checked.live.activations,
              ElementsAre("live: start", "live: signal(stop)", "live: activity(1,canceled)",
                          "live: signal(later)"));
  EXPECT_EQ(checked.requests[1]
                .commands(0)
                .request_cancel_activity_task_command_attributes()
                .scheduled_event_id(),
            activity);
}

TEST(R28WaitCompleted, ResolvesByTheEvent) {
  for (const bool obeys : {true, false}) {
    HistoryBuilder::Id activity;
    HistoryBuilder history = CanceledBySignal(&activity);
    history.ActivityCancelRequested(activity);
    if (obeys) {
      history.ActivityCanceled(activity);
    } else {
      history.ActivityCompleted(activity, "1");
    }
    history.OpenTask();
    const auto checked =
        CheckLiveAndReplay(history.history(), Cancels(ActivityCancellation::wait_completed));
    EXPECT_THAT(checked.live.activations,
                ElementsAre("live: start", "live: signal(stop)",
                            obeys ? "live: activity(1,canceled)" : "live: activity(1,completed)"));
  }
}

TEST(R28Abandon, ResolvesAtOnceAndAsksNobody) {
  HistoryBuilder::Id activity;
  HistoryBuilder history = CanceledBySignal(&activity);
  history.ActivityStarted(activity);
  history.ActivityFailed(activity, "broken");
  history.Signaled("later");
  history.OpenTask();
  const auto checked =
      CheckLiveAndReplay(history.history(), Cancels(ActivityCancellation::abandon));
  EXPECT_THAT(checked.live.activations,
              ElementsAre("live: start", "live: signal(stop)", "live: activity(1,canceled)",
                          "live: signal(later)"));
  EXPECT_EQ(checked.requests[1].commands_size(), 0);
}

TEST(R28Cancel, OfWhatHasClosedDoesNothing) {
  HistoryBuilder history;
  history.Start();
  history.Task();
  const auto activity = history.ActivityScheduled("1", "Pay");
  history.ActivityCompleted(activity, "1");
  history.Task();
  history.Signaled("stop");
  history.OpenTask();
  const auto checked =
      CheckLiveAndReplay(history.history(), Cancels(ActivityCancellation::try_cancel));
  EXPECT_EQ(checked.requests[2].commands_size(), 0);
}

TEST(R28Started, MayBeMissingOrThere) {
  for (const bool started : {true, false}) {
    HistoryBuilder history;
    history.Start();
    history.Task();
    const auto activity = history.ActivityScheduled("1", "Pay");
    if (started) history.ActivityStarted(activity);
    history.ActivityTimedOut(activity);
    history.OpenTask();
    const auto checked =
        CheckLiveAndReplay(history.history(), Reacts({{"start", {ScheduleActivity(1, "Pay")}}}));
    EXPECT_THAT(checked.live.activations, ElementsAre("live: start", "live: activity(1,failed)"));
  }
}

TEST(R29ActivityFailure, NamesTheActivityAndItsCause) {
  HistoryBuilder history;
  history.Start();
  history.Task();
  const auto activity = history.ActivityScheduled("1", "Pay");
  history.ActivityStarted(activity);
  history.ActivityFailed(activity, "no money");
  history.OpenTask();
  const auto checked =
      CheckLiveAndReplay(history.history(), Reacts({{"start", {ScheduleActivity(1, "Pay")}}}));
  for (const Trace* trace : {&checked.live, &checked.replayed}) {
    const auto& result =
        std::get<detail::FailedResult>(Last<detail::ResolveActivityJob>(*trace).result);
    const auto& info = std::get<ActivityFailureInfo>(result.failure->info);
    EXPECT_EQ(info.activity_type, "Pay");
    EXPECT_EQ(info.activity_id, "1");
    EXPECT_EQ(info.scheduled_event_id, activity);
    EXPECT_EQ(info.retry_state, RetryState::maximum_attempts_reached);
    EXPECT_EQ(result.failure->cause->message, "no money");
    EXPECT_EQ(std::get<ApplicationFailureInfo>(result.failure->cause->info).type, "Broken");
  }
}

TEST(R29ActivityResult, IsItsPayload) {
  HistoryBuilder history;
  history.Start();
  history.Task();
  const auto activity = history.ActivityScheduled("1", "Pay");
  history.ActivityCompleted(activity, "42");
  history.OpenTask();
  const auto checked =
      CheckLiveAndReplay(history.history(), Reacts({{"start", {ScheduleActivity(1, "Pay")}}}));
  const auto& result =
      std::get<detail::CompletedResult>(Last<detail::ResolveActivityJob>(checked.replayed).result);
  EXPECT_EQ(result.value, (Payload{"json/plain", "42"}));
}

TEST(R30Child, HasTwoResults) {
  struct Close {
    std::function<void(HistoryBuilder&, HistoryBuilder::Id)> event;
    std::string name;
  };
  const std::vector<Close> closes = {
      {[](auto& h, auto id) { h.ChildCompleted(id, "1"); }, "completed"},
      {[](auto& h, auto id) { h.ChildFailed(id, "broken"); }, "failed"},
      {[](auto& h, auto id) { h.ChildCanceled(id); }, "canceled"},
      {[](auto& h, auto id) { h.ChildTimedOut(id); }, "failed"},
      {[](auto& h, auto id) { h.ChildTerminated(id); }, "failed"},
  };
  for (const Close& close : closes) {
    HistoryBuilder history;
    history.Start();
    history.Task();
    const auto child = history.ChildInitiated("c", "Child");
    history.ChildStarted(child);
    history.Task();
    close.event(history, child);
    history.OpenTask();
    const auto checked =
        CheckLiveAndReplay(history.history(), Reacts({{"start", {StartChild(1, "c")}}}));
    EXPECT_THAT(checked.live.activations, ElementsAre("live: start", "live: child_start(1)",
                                                      "live: child(1," + close.name + ")"));
    const auto& result = Last<detail::ResolveChildJob>(checked.live).result;
    if (const auto* failed = std::get_if<detail::FailedResult>(&result)) {
      const auto& info = std::get<ChildWorkflowFailureInfo>(failed->failure->info);
      EXPECT_EQ(info.workflow_id, "c");
      EXPECT_EQ(info.run_id, "child-run");
      EXPECT_EQ(info.initiated_event_id, child);
      EXPECT_TRUE(failed->failure->cause);
    }
  }
}

TEST(R30Child, MayNotBeStartable) {
  HistoryBuilder history;
  history.Start();
  history.Task();
  const auto child = history.ChildInitiated("c", "Child");
  history.ChildStartFailed(child);
  history.OpenTask();
  const auto checked =
      CheckLiveAndReplay(history.history(), Reacts({{"start", {StartChild(1, "c")}}}));
  EXPECT_THAT(checked.live.activations, ElementsAre("live: start", "live: child_start(1,failed)"));
  EXPECT_TRUE(Last<detail::ResolveChildStartJob>(checked.live).already_exists);
}

// A child, started, that a signal cancels.
HistoryBuilder CanceledChild(HistoryBuilder::Id* child, bool started = true) {
  HistoryBuilder history;
  history.Start();
  history.Task();
  *child = history.ChildInitiated("c", "Child");
  if (started) history.ChildStarted(*child);
  history.Signaled("stop");
  history.Task();
  return history;
}
MakeScript CancelsChild(ChildCancellation cancellation) {
  return Reacts({{"start", {StartChild(1, "c", cancellation)}},
                 {"signal(stop)", {CancelChild(1), CancelChild(1)}}});
}

TEST(R30ChildCancel, WaitCompletedResolvesWhenItCloses) {
  HistoryBuilder::Id child;
  HistoryBuilder history = CanceledChild(&child);
  history.CancelDelivered(history.CancelInitiated("c", true));
  history.Task();
  history.ChildCanceled(child);
  history.OpenTask();
  const auto checked =
      CheckLiveAndReplay(history.history(), CancelsChild(ChildCancellation::wait_completed));
  EXPECT_THAT(
      checked.live.activations,
      ElementsAre("live: start", "live: signal(stop) child_start(1)", "live: child(1,canceled)"));
  const auto& command = checked.requests[1]
                            .commands(0)
                            .request_cancel_external_workflow_execution_command_attributes();
  EXPECT_TRUE(command.child_workflow_only());
  EXPECT_EQ(command.workflow_id(), "c");
  EXPECT_EQ(command.reason(), "enough");
}

TEST(R30ChildCancel, WaitRequestedResolvesWhenItKnows) {
  HistoryBuilder::Id child;
  HistoryBuilder history = CanceledChild(&child);
  history.CancelDelivered(history.CancelInitiated("c", true));
  history.Task();
  history.ChildCompleted(child, "1");
  history.Signaled("later");
  history.OpenTask();
  const auto checked =
      CheckLiveAndReplay(history.history(), CancelsChild(ChildCancellation::wait_requested));
  EXPECT_THAT(checked.live.activations,
              ElementsAre("live: start", "live: signal(stop) child_start(1)",
                          "live: child(1,canceled)", "live: signal(later)"));
}

TEST(R30ChildCancel, TryCancelResolvesAtOnce) {
  for (const bool started : {true, false}) {
    HistoryBuilder::Id child;
    HistoryBuilder history = CanceledChild(&child, started);
    history.CancelInitiated("c", true);
    if (!started) history.ChildStarted(child);
    history.ChildCanceled(child);
    history.Signaled("later");
    history.OpenTask();
    const auto checked =
        CheckLiveAndReplay(history.history(), CancelsChild(ChildCancellation::try_cancel));
    EXPECT_THAT(checked.live.activations,
                ElementsAre("live: start",
                            started ? "live: signal(stop) child_start(1)" : "live: signal(stop)",
                            started ? "live: child(1,canceled)" : "live: child_start(1,failed)",
                            "live: signal(later)"));
  }
}

TEST(R30ChildCancel, AbandonAsksNobody) {
  HistoryBuilder::Id child;
  HistoryBuilder history = CanceledChild(&child);
  history.ChildCompleted(child, "1");
  history.OpenTask();
  const auto checked =
      CheckLiveAndReplay(history.history(), CancelsChild(ChildCancellation::abandon));
  EXPECT_EQ(checked.requests[1].commands_size(), 0);
  EXPECT_THAT(
      checked.live.activations,
      ElementsAre("live: start", "live: signal(stop) child_start(1)", "live: child(1,canceled)"));
}

TEST(R31External, ResolvesOnce) {
  detail::SignalExternalCommand signal;
  signal.seq = 1;
  signal.workflow_id = "other";
  signal.signal_name = "go";
  detail::RequestCancelExternalCommand cancel;
  cancel.seq = 2;
  cancel.workflow_id = "other";
  CheckOptions options;
  options.run.namespace_ = "space";
  for (const bool works : {true, false}) {
    HistoryBuilder history;
    history.Start();
    history.Task();
    const auto one = history.SignalInitiated("other", "go");
    const auto two = history.CancelInitiated("other", false);
    works ? history.SignalDelivered(one) : history.SignalFailed(one);
    works ? history.CancelDelivered(two) : history.CancelFailed(two);
    history.OpenTask();
    const auto checked =
        CheckLiveAndReplay(history.history(), Reacts({{"start", {signal, cancel}}}), options);
    EXPECT_THAT(checked.live.activations,
                ElementsAre("live: start", works ? "live: signaled(1) canceled(2)"
                                                 : "live: signaled(1,failed) canceled(2,failed)"));
    const auto& sent =
        checked.requests[0].commands(0).signal_external_workflow_execution_command_attributes();
    EXPECT_EQ(sent.namespace_(), "space");
    EXPECT_EQ(sent.signal_name(), "go");
  }
}

}  // namespace
}  // namespace perdure::core
