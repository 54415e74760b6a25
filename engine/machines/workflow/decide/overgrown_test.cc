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

// Two events begin a run: it started, and its first task is scheduled.
TEST(Overgrown, EndsARunThatWouldHaveMoreEventsThanItMay) {
  Rig rig;
  rig.Start();
  rig.limits().history_count = 3;
  const Decision third = Signal(rig, "third");
  EXPECT_FALSE(DecideOvergrown(rig.state(), third, rig.context()).has_value());
  rig.Apply(third);
  const auto overgrown = DecideOvergrown(rig.state(), Signal(rig, "fourth"), rig.context());
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
  EXPECT_FALSE(DecideOvergrown(rig.state(), Signal(rig, "small", 5000), rig.context()).has_value());
  const auto overgrown = DecideOvergrown(rig.state(), Signal(rig, "large", 10'000), rig.context());
  ASSERT_TRUE(overgrown.has_value());
  EXPECT_EQ(overgrown->answer, absl::InvalidArgumentError("Workflow history size exceeds limit."));
}

TEST(Overgrown, LetsARunEndByItself) {
  Rig rig;
  rig.Start();
  rig.limits().history_count = 2;
  auto end = DecideTerminate(rig.state(), api::TerminateWorkflowExecutionRequest(), rig.context());
  ASSERT_TRUE(end.ok()) << end.status();
  EXPECT_FALSE(DecideOvergrown(rig.state(), *end, rig.context()).has_value());
}

}  // namespace
}  // namespace perdure::machines
