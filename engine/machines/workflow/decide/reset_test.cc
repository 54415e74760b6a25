#include "machines/workflow/decide/reset.h"

#include "gtest/gtest.h"
#include "machines/workflow/rig.h"

namespace perdure::machines {
namespace {

temporal::api::command::v1::Command StartChild(const std::string& workflow_id) {
  temporal::api::command::v1::Command command;
  command.set_command_type(enums::COMMAND_TYPE_START_CHILD_WORKFLOW_EXECUTION);
  auto* attributes = command.mutable_start_child_workflow_execution_command_attributes();
  attributes->set_workflow_id(workflow_id);
  attributes->mutable_workflow_type()->set_name("T");
  attributes->mutable_task_queue()->set_name("q");
  return command;
}

// Its first task starts the children "a" (event 5) and "b" (event 6), its second one "c".
void Begin(Rig& rig) {
  rig.Start();
  ASSERT_TRUE(rig.StartTask());
  ASSERT_TRUE(rig.CompleteTask({StartChild("a"), StartChild("b")}).ok());
  ASSERT_TRUE(rig.Signal("s", "first").ok());
  ASSERT_TRUE(rig.StartTask());
  ASSERT_TRUE(rig.CompleteTask({StartChild("c")}).ok());
}

// To the end of the second workflow task.
api::ResetWorkflowExecutionRequest Request(const Rig& rig) {
  api::ResetWorkflowExecutionRequest request;
  for (const HistoryEvent& event : rig.events()) {
    if (event.has_workflow_task_completed_event_attributes()) {
      request.set_workflow_task_finish_event_id(event.event_id());
    }
  }
  request.set_reason("why");
  request.set_request_id("reset");
  return request;
}

struct ResetRun {
  State state;
  std::vector<HistoryEvent> events;
};

// What the run of the rig, ended for it, is reset to.
ResetRun Reset(Rig& rig, const api::ResetWorkflowExecutionRequest& request) {
  ResetInput input;
  input.request = &request;
  for (const std::string& id : rig.state().signal_request_ids.Keys()) {
    input.signal_request_ids.insert(id);
  }
  const Context context = rig.context();
  rig.Apply(DecideTerminateForReset(rig.state(), request, true, context));
  input.base = &rig.state();
  input.base_events = rig.events();
  input.new_run_id = "new";
  const auto decision = DecideReset(input, context);
  EXPECT_TRUE(decision.ok()) << decision.status();
  ResetRun run;
  run.state.ApplyRecord(decision->created.record);
  for (const pb::Change& change : decision->created.record.changes()) {
    if (change.has_event()) run.events.push_back(change.event());
  }
  return run;
}

// Nobody tells the new run of a child that the run before asked for and was not answered about.
TEST(Reset, AsksAgainForChildrenThatHaveNotStarted) {
  Rig rig;
  Begin(rig);
  const ResetRun run = Reset(rig, Request(rig));
  std::vector<std::string> asked;
  for (const uint64_t id : run.state.outbox.Keys()) {
    const pb::OutboxMessage& message = *run.state.outbox.Find(id);
    ASSERT_TRUE(message.has_start_child());
    // The receiver knows it by the name that it had first.
    EXPECT_EQ(message.request_id(), rig.state().info.run_id() + ":" +
                                        std::to_string(message.start_child().initiated_event_id()));
    asked.push_back(message.target_workflow_id());
  }
  EXPECT_EQ(asked, (std::vector<std::string>{"a", "b"}));
}

// They go on with the new run; what only the old one had begun is closed.
TEST(Reset, ClosesOnlyTheChildrenThatTheNewRunDoesNotHave) {
  Rig rig;
  Begin(rig);
  Reset(rig, Request(rig));
  std::vector<std::string> closed;
  for (const uint64_t id : rig.state().outbox.Keys()) {
    const pb::OutboxMessage& message = *rig.state().outbox.Find(id);
    if (message.has_close_child()) closed.push_back(message.target_workflow_id());
  }
  EXPECT_EQ(closed, std::vector<std::string>{"c"});
}

// The old run's history has what became of a child: it is not told twice.
TEST(Reset, TakesOnWhatBecameOfChildrenAfterIt) {
  Rig rig;
  Begin(rig);
  const api::ResetWorkflowExecutionRequest request = Request(rig);
  EventId initiated = 0;
  for (const HistoryEvent& event : rig.events()) {
    if (event.has_start_child_workflow_execution_initiated_event_attributes() && initiated == 0) {
      initiated = event.event_id();
    }
  }
  Delivery delivery;
  pb::ChildClosed& closed = *delivery.message.mutable_child_closed();
  closed.set_initiated_event_id(initiated);
  closed.set_child_workflow_id("a");
  closed.set_child_run_id("run of a");
  closed.mutable_close_event()->set_event_type(enums::EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED);
  closed.mutable_close_event()->mutable_workflow_execution_completed_event_attributes();
  const auto decision = DecideChildClosed(rig.state(), delivery, rig.context());
  ASSERT_TRUE(decision.ok());
  rig.Apply(*decision);
  const ResetRun run = Reset(rig, request);
  EXPECT_FALSE(run.state.children.Contains(initiated));
  EventId started = 0;
  EventId completed = 0;
  for (const HistoryEvent& event : run.events) {
    if (event.has_child_workflow_execution_started_event_attributes()) started = event.event_id();
    if (!event.has_child_workflow_execution_completed_event_attributes()) continue;
    const auto& attributes = event.child_workflow_execution_completed_event_attributes();
    completed = event.event_id();
    EXPECT_EQ(attributes.initiated_event_id(), initiated);
    EXPECT_EQ(attributes.started_event_id(), started);
  }
  EXPECT_GT(started, request.workflow_task_finish_event_id());
  EXPECT_GT(completed, started);
  // The other one is still waited for.
  EXPECT_EQ(run.state.children.size(), 1);
}

// What the old run begins after the reset point may have the event number of a child of the new
// one.
TEST(Reset, AChildOfTheOldRunDoesNotEndAnother) {
  Rig rig;
  Begin(rig);
  Delivery delivery;
  pb::ChildClosed& closed = *delivery.message.mutable_child_closed();
  closed.set_initiated_event_id(rig.state().children.Keys().front());
  closed.set_child_workflow_id("of the old run");
  closed.mutable_close_event()->set_event_type(enums::EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED);
  const auto other = DecideChildClosed(rig.state(), delivery, rig.context());
  ASSERT_TRUE(other.ok());
  EXPECT_EQ(other->record.changes_size(), 0);
  closed.set_child_workflow_id("a");
  const auto own = DecideChildClosed(rig.state(), delivery, rig.context());
  ASSERT_TRUE(own.ok());
  EXPECT_GT(own->record.changes_size(), 0);
}

// It may even have the same id, as code that runs again gives it.
TEST(Reset, AChildOfTheOldRunDoesNotEndOneThatIsAskedForAgain) {
  Rig rig;
  Begin(rig);
  Delivery delivery;
  delivery.is_redirected = true;
  pb::ChildClosed& closed = *delivery.message.mutable_child_closed();
  closed.set_initiated_event_id(rig.state().children.Keys().front());
  closed.set_child_workflow_id("a");
  closed.mutable_close_event()->set_event_type(enums::EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED);
  const auto asked_again = DecideChildClosed(rig.state(), delivery, rig.context());
  ASSERT_TRUE(asked_again.ok());
  EXPECT_EQ(asked_again->record.changes_size(), 0);
  // The new run asks in the old one's name for what it has from there.
  const ResetRun run = Reset(rig, Request(rig));
  const auto inherited = DecideChildClosed(run.state, delivery, rig.context());
  ASSERT_TRUE(inherited.ok());
  EXPECT_GT(inherited->record.changes_size(), 0);
}

// Request ids are known to their run alone: one that was repeated is in two runs of the chain.
TEST(Reset, TakesOnASignalOnceThoughTwoRunsHaveIt) {
  Rig rig;
  Begin(rig);
  ResetInput input;
  const api::ResetWorkflowExecutionRequest request = Request(rig);
  HistoryEvent signal;
  signal.set_event_type(enums::EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED);
  signal.mutable_workflow_execution_signaled_event_attributes()->set_request_id("repeated");
  input.request = &request;
  input.later_events = {signal, signal};
  const Context context = rig.context();
  rig.Apply(DecideTerminateForReset(rig.state(), request, true, context));
  input.base = &rig.state();
  input.base_events = rig.events();
  input.new_run_id = "new";
  const auto decision = DecideReset(input, context);
  ASSERT_TRUE(decision.ok());
  int times = 0;
  for (const pb::Change& change : decision->created.record.changes()) {
    const auto& attributes = change.event().workflow_execution_signaled_event_attributes();
    times += attributes.request_id() == "repeated" ? 1 : 0;
  }
  EXPECT_EQ(times, 1);
}

// It has no event yet when the run ends.
TEST(Reset, TakesOnASignalThatWasBufferedBehindATask) {
  Rig rig;
  Begin(rig);
  ASSERT_TRUE(rig.Signal("wakes", "second").ok());
  ASSERT_TRUE(rig.StartTask());
  ASSERT_TRUE(rig.Signal("buffered", "third").ok());
  const ResetRun run = Reset(rig, Request(rig));
  std::vector<std::string> names;
  for (const HistoryEvent& event : run.events) {
    if (!event.has_workflow_execution_signaled_event_attributes()) continue;
    names.push_back(event.workflow_execution_signaled_event_attributes().signal_name());
  }
  EXPECT_EQ(names, (std::vector<std::string>{"s", "wakes", "buffered"}));
}

TEST(Reset, KnowsTheSignalsThatItTookOnWhenTheyComeAgain) {
  Rig rig;
  Begin(rig);
  ASSERT_TRUE(rig.Signal("s", "second").ok());
  const ResetRun run = Reset(rig, Request(rig));
  api::SignalWorkflowExecutionRequest again;
  again.set_signal_name("s");
  again.set_request_id("second");
  const auto repeat = DecideSignal(run.state, again, rig.context());
  ASSERT_TRUE(repeat.ok());
  EXPECT_EQ(repeat->record.changes_size(), 0);
}

// Asked for by the old run, and again by the one that it was reset to.
TEST(Reset, AChildIsStartedOnce) {
  Rig parent;
  Begin(parent);
  Delivery delivery;
  delivery.message = *parent.state().outbox.Find(parent.state().outbox.Keys().front());
  for (const HistoryEvent& event : parent.events()) {
    if (event.event_id() == delivery.message.start_child().initiated_event_id()) {
      delivery.initiated = event;
    }
  }
  delivery.sender_workflow_id = parent.state().info.workflow_id();
  delivery.sender_run_id = parent.state().info.run_id();
  const auto first = DecideStartChild(nullptr, delivery, "child", parent.context());
  ASSERT_TRUE(first.ok());
  State child;
  child.ApplyRecord(first->created->record);
  delivery.sender_run_id = "new";
  const auto second = DecideStartChild(&child, delivery, "other", parent.context());
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_TRUE(second->is_repeat);
  EXPECT_EQ(second->run_id, "child");
}

}  // namespace
}  // namespace perdure::machines
