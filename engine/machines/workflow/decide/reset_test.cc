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
  NewRun created;
};

ResetRun RunOf(NewRun created) {
  ResetRun run;
  run.state.ApplyRecord(created.record);
  for (const pb::Change& change : created.record.changes()) {
    if (change.has_event()) run.events.push_back(change.event());
  }
  run.created = std::move(created);
  return run;
}

ResetRun RunOf(const Rig& rig) {
  return {State::FromSnapshot(rig.state().ToSnapshot()), rig.events(), {}};
}

// What `base` is reset to, while `ended` is the current run, which ends for it.
ResetRun Reset(ResetRun& base, ResetRun& ended, const std::string& new_run_id, Rig& rig,
               const api::ResetWorkflowExecutionRequest& request) {
  ResetInput input;
  input.request = &request;
  for (const std::string& id : base.state.signal_request_ids.Keys()) {
    input.signal_request_ids.insert(id);
  }
  const Context context = rig.context();
  input.base = &base.state;
  input.ended = &ended.state;
  input.base_events = base.events;
  input.new_run_id = new_run_id;
  const Decision termination = DecideTerminateForReset(input, context);
  auto& events = &base == &ended ? input.base_events : input.later_events;
  for (const pb::Change& change : termination.record.changes()) {
    if (change.has_event()) events.push_back(change.event());
  }
  const auto decision = DecideReset(input, context);
  EXPECT_TRUE(decision.ok()) << decision.status();
  ended.state.ApplyRecord(termination.record);
  base.state.ApplyRecord(decision->base.record);
  return RunOf(decision->created);
}

// The same of the rig's run, which ends.
ResetRun Reset(Rig& rig, const api::ResetWorkflowExecutionRequest& request) {
  ResetRun base = RunOf(rig);
  return Reset(base, base, "new", rig, request);
}

// The workflow ids of the children that a run's messages ask to end.
std::vector<std::string> Closed(const State& state) {
  std::vector<std::string> closed;
  for (const uint64_t id : state.outbox.Keys()) {
    const pb::OutboxMessage& message = *state.outbox.Find(id);
    if (message.has_close_child()) closed.push_back(message.target_workflow_id());
  }
  return closed;
}

// Says that each child that was asked for has started, in a run named for it.
void StartChildren(Rig& rig) {
  for (const uint64_t id : rig.state().outbox.Keys()) {
    const pb::OutboxMessage* message = rig.state().outbox.Find(id);
    if (message == nullptr || !message->has_start_child()) continue;
    rig.Apply(DecideDelivered(rig.state(), id, absl::OkStatus(),
                              "run of " + message->target_workflow_id(), rig.context()));
  }
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

using Ids = std::vector<std::string>;

// Also when that run is a reset itself: it is not the one that asked first.
TEST(Reset, AsksForAChildByTheNameThatItHadFirst) {
  Rig rig;
  Begin(rig);
  ResetRun first = RunOf(rig);
  const api::ResetWorkflowExecutionRequest request = Request(rig);
  ResetRun second = Reset(first, first, "second", rig, request);
  const ResetRun third = Reset(second, second, "third", rig, request);
  Ids names;
  for (const uint64_t id : third.state.outbox.Keys()) {
    names.push_back(third.state.outbox.Find(id)->request_id());
  }
  const std::string name = first.state.info.run_id() + ":";
  EXPECT_EQ(names, (Ids{name + "5", name + "6"}));
}

// They go on with the new run; what only the old one had begun is closed. By the new run, whose
// messages keep their order: it may ask for a child of that id itself.
TEST(Reset, ClosesOnlyTheChildrenThatTheNewRunDoesNotHave) {
  Rig rig;
  Begin(rig);
  StartChildren(rig);
  ResetRun old = RunOf(rig);
  const ResetRun run = Reset(old, old, "new", rig, Request(rig));
  EXPECT_EQ(Closed(old.state), Ids());
  EXPECT_EQ(Closed(run.state), Ids{"c"});
}

// One that was asked for and not answered about is closed behind the message that asks.
TEST(Reset, ClosesAChildBehindItsStart) {
  Rig rig;
  Begin(rig);
  ResetRun old = RunOf(rig);
  const ResetRun run = Reset(old, old, "new", rig, Request(rig));
  EXPECT_EQ(Closed(old.state), Ids{"c"});
  EXPECT_EQ(Closed(run.state), Ids());
}

// The run that ends is a reset of the base run already, and what it took on from there the next
// reset takes on too.
TEST(Reset, LeavesTheChildrenToTheNextReset) {
  Rig rig;
  Begin(rig);
  StartChildren(rig);
  ResetRun base = RunOf(rig);
  api::ResetWorkflowExecutionRequest request = Request(rig);
  ResetRun second = Reset(base, base, "second", rig, request);
  ResetRun third = Reset(base, second, "third", rig, request);
  EXPECT_EQ(Closed(third.state), Ids());
  EXPECT_EQ(third.state.children.size(), 2);
  // To a point where it has none of them.
  request.set_workflow_task_finish_event_id(4);
  const ResetRun fourth = Reset(base, third, "fourth", rig, request);
  EXPECT_EQ(Closed(fourth.state), (Ids{"a", "b"}));
}

// The run that ends follows the base run by another way, and its children have the same numbers.
TEST(Reset, ClosesTheChildrenOfARunThatHasNoneOfTheBaseRun) {
  for (const bool is_later : {true, false}) {
    Rig rig;
    Begin(rig);
    ResetRun base = RunOf(rig);
    Rig other;
    if (is_later) other.Advance(kSecondNs);
    const std::string id = is_later ? "a" : "x";
    other.Start();
    ASSERT_TRUE(other.StartTask());
    ASSERT_TRUE(other.CompleteTask({StartChild(id)}).ok());
    StartChildren(other);
    ResetRun current = RunOf(other);
    const ResetRun run = Reset(base, current, "new", rig, Request(rig));
    EXPECT_EQ(Closed(run.state), Ids{id});
  }
}

// The child "a" of the rig's run, as it begins.
ResetRun ChildOf(Rig& rig) {
  Delivery delivery;
  delivery.message.set_request_id(rig.state().info.run_id() + ":5");
  delivery.initiated = rig.events()[4];
  delivery.sender_workflow_id = rig.state().info.workflow_id();
  delivery.sender_run_id = rig.state().info.run_id();
  const auto started = DecideStartChild(nullptr, delivery, "run of a", rig.context());
  return RunOf(*started->created);
}

// For the child, its parent is the run that was reset.
TEST(Reset, ClosesTheChildrenThatItTookOnWhenItEnds) {
  for (const bool is_started : {true, false}) {
    Rig rig;
    Begin(rig);
    if (is_started) StartChildren(rig);
    const ResetRun run = Reset(rig, Request(rig));
    const auto end = DecideTerminate(run.state, {}, rig.context());
    ASSERT_TRUE(end.ok());
    Delivery delivery;
    delivery.sender_workflow_id = run.state.info.workflow_id();
    delivery.sender_run_id = "new";
    for (const pb::Change& change : end->record.changes()) {
      if (change.outbox_added().has_close_child() &&
          change.outbox_added().target_workflow_id() == "a") {
        delivery.message = change.outbox_added();
      }
    }
    const State child = ChildOf(rig).state;
    const auto closed = DecideCloseChild(child, delivery, rig.context());
    ASSERT_TRUE(closed.ok());
    EXPECT_GT(closed->record.changes_size(), 0) << is_started;
    // Another one of that id is none of its.
    delivery.message.mutable_close_child()->set_child_first_run_id("other");
    delivery.message.mutable_close_child()->set_start_request_id("other");
    const auto other = DecideCloseChild(child, delivery, rig.context());
    ASSERT_TRUE(other.ok());
    EXPECT_EQ(other->record.changes_size(), 0);
  }
}

TEST(Reset, SignalsAndCancelsTheChildrenThatItTookOn) {
  Rig rig;
  Begin(rig);
  StartChildren(rig);
  const State child = ChildOf(rig).state;
  const ResetRun run = Reset(rig, Request(rig));
  rig.Adopt(run.created);
  temporal::api::command::v1::Command signal;
  signal.set_command_type(enums::COMMAND_TYPE_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION);
  auto* attributes = signal.mutable_signal_external_workflow_execution_command_attributes();
  attributes->mutable_execution()->set_workflow_id("a");
  attributes->set_signal_name("s");
  attributes->set_child_workflow_only(true);
  temporal::api::command::v1::Command cancel;
  cancel.set_command_type(enums::COMMAND_TYPE_REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION);
  cancel.mutable_request_cancel_external_workflow_execution_command_attributes()->set_workflow_id(
      "a");
  cancel.mutable_request_cancel_external_workflow_execution_command_attributes()
      ->set_child_workflow_only(true);
  ASSERT_TRUE(rig.StartTask());
  ASSERT_TRUE(rig.CompleteTask({signal, cancel}).ok());
  Delivery delivery;
  delivery.sender_workflow_id = rig.state().info.workflow_id();
  delivery.sender_run_id = "new";
  int taken = 0;
  for (const uint64_t id : rig.state().outbox.Keys()) {
    delivery.message = *rig.state().outbox.Find(id);
    if (delivery.message.has_signal_external()) {
      delivery.initiated = **rig.state().pending_signals.Find(
          delivery.message.signal_external().initiated_event_id());
      taken += DecideSignalFrom(child, delivery, rig.context()).ok() ? 1 : 0;
      delivery.message.mutable_signal_external()->set_child_first_run_id("other");
      EXPECT_FALSE(DecideSignalFrom(child, delivery, rig.context()).ok());
    }
    if (delivery.message.has_cancel_external()) {
      delivery.initiated = **rig.state().pending_cancels.Find(
          delivery.message.cancel_external().initiated_event_id());
      taken += DecideCancelFrom(child, delivery, rig.context()).ok() ? 1 : 0;
      delivery.message.mutable_cancel_external()->set_child_first_run_id("other");
      EXPECT_FALSE(DecideCancelFrom(child, delivery, rig.context()).ok());
    }
  }
  EXPECT_EQ(taken, 2);
}

// It goes on: the parent hears of the end of the new run.
TEST(Reset, TheParentOfARunThatIsResetIsNotTold) {
  Rig rig;
  Begin(rig);
  ResetRun child = ChildOf(rig);
  ASSERT_EQ(child.state.info.parent_workflow_id(), rig.state().info.workflow_id());
  api::ResetWorkflowExecutionRequest request;
  request.set_workflow_task_finish_event_id(static_cast<EventId>(child.events.size()) + 1);
  const ResetRun again = Reset(child, child, "again", rig, request);
  EXPECT_FALSE(child.state.IsRunning());
  EXPECT_TRUE(child.state.outbox.empty());
  EXPECT_EQ(again.state.info.first_run_id(), child.state.info.first_run_id());
  const auto end = DecideTerminate(again.state, {}, rig.context());
  ASSERT_TRUE(end.ok());
  int told = 0;
  for (const pb::Change& change : end->record.changes()) {
    told += change.outbox_added().has_child_closed() ? 1 : 0;
  }
  EXPECT_EQ(told, 1);
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

// Unless the new run is none that it knows: that repeats another one of the id.
TEST(Reset, TheParentOfARunThatEndsForAnotherIsTold) {
  Rig rig;
  Begin(rig);
  ResetRun base = RunOf(rig);
  ResetRun child = ChildOf(rig);
  Reset(base, child, "new", rig, Request(rig));
  int told = 0;
  for (const uint64_t id : child.state.outbox.Keys()) {
    told += child.state.outbox.Find(id)->has_child_closed() ? 1 : 0;
  }
  EXPECT_EQ(told, 1);
}

// Request ids are known to their run alone: one that was repeated is in two runs of the chain.
TEST(Reset, TakesOnASignalOnceThoughTwoRunsHaveIt) {
  Rig rig;
  Begin(rig);
  ResetInput input;
  const State base = RunOf(rig).state;
  const api::ResetWorkflowExecutionRequest request = Request(rig);
  HistoryEvent signal;
  signal.set_event_type(enums::EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED);
  signal.mutable_workflow_execution_signaled_event_attributes()->set_request_id("repeated");
  input.request = &request;
  input.later_events = {signal, signal};
  const Context context = rig.context();
  input.base = &base;
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
