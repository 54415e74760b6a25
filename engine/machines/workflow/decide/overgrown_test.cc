#include "machines/workflow/decide/overgrown.h"

#include "gtest/gtest.h"
#include "machines/workflow/rig.h"

namespace perdure::machines {
namespace {

Decision Signal(Rig& rig, const std::string& request_id, size_t size = 0) {
  api::SignalWorkflowExecutionRequest request;
  request.set_signal_name("s");
  request.set_request_id(request_id);
  if (size > 0) request.mutable_input()->add_payloads()->set_data(std::string(size, 'x'));
  auto decision = DecideSignal(rig.state(), request, rig.context());
  EXPECT_TRUE(decision.ok()) << decision.status();
  return *std::move(decision);
}

std::optional<Overgrown> Overgrow(Rig& rig, const Decision& decision) {
  return DecideOvergrown(rig.state(), decision, StateBytesAfter(rig.state(), decision),
                         rig.context());
}

// Two events begin a run: it started, and its first task is scheduled.
TEST(Overgrown, EndsARunThatWouldHaveMoreEventsThanItMay) {
  Rig rig;
  rig.Start();
  rig.limits().history_count = 3;
  const Decision third = Signal(rig, "third");
  EXPECT_FALSE(Overgrow(rig, third).has_value());
  rig.Apply(third);
  const auto overgrown = Overgrow(rig, Signal(rig, "fourth"));
  ASSERT_TRUE(overgrown.has_value());
  EXPECT_EQ(overgrown->answer, absl::InvalidArgumentError("Workflow history count exceeds limit."));
  rig.Apply(overgrown->termination);
  EXPECT_FALSE(rig.state().IsRunning());
  EXPECT_EQ(rig.Types(),
            "WORKFLOW_EXECUTION_STARTED WORKFLOW_TASK_SCHEDULED"
            " WORKFLOW_EXECUTION_SIGNALED WORKFLOW_EXECUTION_TERMINATED");
  const auto& terminated = rig.last_event().workflow_execution_terminated_event_attributes();
  EXPECT_EQ(terminated.reason(), "Workflow history count exceeds limit.");
  EXPECT_EQ(terminated.identity(), "history-service");
}

TEST(Overgrown, EndsARunWhoseHistoryWouldBeTooLarge) {
  Rig rig;
  rig.Start();
  rig.limits().history_size_bytes = 10'000;
  EXPECT_FALSE(Overgrow(rig, Signal(rig, "small", 5000)).has_value());
  const auto overgrown = Overgrow(rig, Signal(rig, "large", 10'000));
  ASSERT_TRUE(overgrown.has_value());
  EXPECT_EQ(overgrown->answer, absl::InvalidArgumentError("Workflow history size exceeds limit."));
}

// While a task is being worked on, what comes in waits in the state.
TEST(Overgrown, EndsARunWhoseStateWouldBeTooLarge) {
  Rig rig;
  rig.Start();
  ASSERT_TRUE(rig.StartTask());
  rig.limits().state_size_bytes = 10'000;
  rig.Apply(Signal(rig, "first", 6000));
  const int64_t before = rig.state().SizeBytes();
  EXPECT_GT(before, 6000);
  EXPECT_FALSE(Overgrow(rig, Signal(rig, "small", 1000)).has_value());
  const auto overgrown = Overgrow(rig, Signal(rig, "large", 6000));
  ASSERT_TRUE(overgrown.has_value());
  EXPECT_EQ(overgrown->answer,
            absl::InvalidArgumentError("Workflow mutable state size exceeds limit."));
  EXPECT_EQ(rig.state().SizeBytes(), before);
}

TEST(Overgrown, CountsWhatTheHistoryHoldsOnlyThere) {
  Rig rig;
  rig.Start();
  const int64_t before = rig.state().SizeBytes();
  rig.Apply(Signal(rig, "large", 100'000));  // Nothing is being worked on: it is an event.
  EXPECT_LT(rig.state().SizeBytes(), before + 1000);
}

TEST(Overgrown, LetsARunEndByItself) {
  Rig rig;
  rig.Start();
  rig.limits().history_count = 2;
  auto end = DecideTerminate(rig.state(), api::TerminateWorkflowExecutionRequest(), rig.context());
  ASSERT_TRUE(end.ok()) << end.status();
  EXPECT_FALSE(Overgrow(rig, *end).has_value());
}

}  // namespace
}  // namespace perdure::machines
