// Random requests, commands, answers, deadlines and crashes on one run. After every step the live
// state is what the journal rebuilds, and the history is valid.
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gtest/gtest.h"
#include "machines/workflow/decide/activity_options.h"
#include "machines/workflow/history_checker.h"
#include "machines/workflow/rig.h"
#include "temporal/api/command/v1/message.pb.h"
#include "temporal/api/update/v1/message.pb.h"

namespace perdure::machines {
namespace {

using temporal::api::command::v1::Command;

class Storm {
 public:
  explicit Storm(uint64_t seed) : rig_(seed), random_(seed * 77 + 1) {
    if (random_.Chance(0.2)) rig_.limits().buffered_events = 3;
    auto request = Rig::StartRequest();
    if (random_.Chance(0.3)) request.mutable_workflow_run_timeout()->set_seconds(300);
    if (random_.Chance(0.2)) request.mutable_workflow_execution_timeout()->set_seconds(900);
    if (random_.Chance(0.2)) request.mutable_retry_policy()->set_maximum_attempts(3);
    if (random_.Chance(0.2)) request.set_cron_schedule("* * * * *");
    if (request.cron_schedule().empty() && random_.Chance(0.2)) {
      request.mutable_workflow_start_delay()->set_seconds(5);
    }
    rig_.Start(request);
  }

  const State& state() const { return rig_.state(); }
  Rig& rig() { return rig_; }
  const std::string& last_step() const { return last_step_; }

  void Step() {
    rig_.Advance(static_cast<int64_t>(random_.Below(2000)) * kMillisecondNs);
    if (!state().IsRunning()) {
      last_step_ = "next run";
      if (!rig_.new_runs().empty()) return rig_.Adopt(rig_.new_runs().back());
      return rig_.Start();
    }
    // What is due happens first, as history's timers see to it.
    const auto next = state().NextDeadline();
    if (next.has_value() && next->time_ns <= rig_.now_ns()) {
      last_step_ = "deadline";
      return rig_.Apply(DecideDeadlines(state(), rig_.context()));
    }
    switch (random_.Below(16)) {
      case 0:
      case 1:
      case 2:
        last_step_ = "task started";
        return (void)rig_.StartTask(absl::StrCat("poll", random_.Below(3)));
      case 3:
      case 4:
      case 5:
        last_step_ = "task completed";
        return CompleteTask();
      case 6:
        last_step_ = "task failed";
        return FailTask();
      case 7:
        last_step_ = "signal";
        return (void)rig_.Signal("s", absl::StrCat("signal", random_.Below(50)));
      case 8:
      case 9:
      case 10:
        last_step_ = "activity";
        return TouchActivity();
      case 11:
        last_step_ = "outbox";
        return TouchOutbox();
      case 12:
        last_step_ = "child closed";
        return CloseChild();
      case 13:
        last_step_ = "update";
        return Update();
      case 14:
        last_step_ = "rare";
        return Rare();
      default:
        last_step_ = "wait";
        return (void)rig_.RunNextDeadline();
    }
  }

 private:
  std::string AnyId(const char* letter, uint64_t count) {
    return absl::StrCat(letter, random_.Below(count));
  }
  template <class Map>
  auto AnyKey(const Map& map) {
    const auto keys = map.Keys();
    using Key = std::decay_t<decltype(keys[0])>;
    return keys.empty() ? Key() : keys[random_.Below(keys.size())];
  }

  Command RandomActivity() {
    Command command;
    command.set_command_type(enums::COMMAND_TYPE_SCHEDULE_ACTIVITY_TASK);
    auto* a = command.mutable_schedule_activity_task_command_attributes();
    a->set_activity_id(AnyId("a", 6));
    a->mutable_activity_type()->set_name("A");
    a->mutable_task_queue()->set_name("q");
    a->mutable_start_to_close_timeout()->set_seconds(1 + static_cast<int>(random_.Below(20)));
    if (random_.Chance(0.3)) a->mutable_schedule_to_start_timeout()->set_seconds(3);
    if (random_.Chance(0.3)) a->mutable_schedule_to_close_timeout()->set_seconds(30);
    if (random_.Chance(0.3)) a->mutable_heartbeat_timeout()->set_seconds(2);
    if (random_.Chance(0.7)) {
      a->mutable_retry_policy()->set_maximum_attempts(static_cast<int>(random_.Below(4)));
    }
    a->set_request_eager_execution(random_.Chance(0.3));
    return command;
  }

  Command RandomCommand() {
    Command command;
    switch (random_.Below(12)) {
      case 0:
      case 1:
      case 2:
        return RandomActivity();
      case 3:
        command.set_command_type(enums::COMMAND_TYPE_REQUEST_CANCEL_ACTIVITY_TASK);
        command.mutable_request_cancel_activity_task_command_attributes()->set_scheduled_event_id(
            AnyKey(state().activities));
        break;
      case 4:
      case 5:
        command.set_command_type(enums::COMMAND_TYPE_START_TIMER);
        command.mutable_start_timer_command_attributes()->set_timer_id(AnyId("t", 5));
        command.mutable_start_timer_command_attributes()
            ->mutable_start_to_fire_timeout()
            ->set_seconds(1 + static_cast<int>(random_.Below(30)));
        break;
      case 6:
        command.set_command_type(enums::COMMAND_TYPE_CANCEL_TIMER);
        command.mutable_cancel_timer_command_attributes()->set_timer_id(
            random_.Chance(0.5) ? AnyKey(state().timer_ids) : AnyId("t", 5));
        break;
      case 7: {
        command.set_command_type(enums::COMMAND_TYPE_START_CHILD_WORKFLOW_EXECUTION);
        auto* a = command.mutable_start_child_workflow_execution_command_attributes();
        a->set_workflow_id(AnyId("c", 5));
        a->mutable_workflow_type()->set_name("C");
        a->mutable_task_queue()->set_name("q");
        a->set_parent_close_policy(static_cast<enums::ParentClosePolicy>(1 + random_.Below(3)));
        break;
      }
      case 8:
        command.set_command_type(enums::COMMAND_TYPE_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION);
        command.mutable_signal_external_workflow_execution_command_attributes()
            ->mutable_execution()
            ->set_workflow_id("other");
        command.mutable_signal_external_workflow_execution_command_attributes()->set_signal_name(
            "s");
        break;
      case 9:
        command.set_command_type(enums::COMMAND_TYPE_REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION);
        command.mutable_request_cancel_external_workflow_execution_command_attributes()
            ->set_workflow_id("other");
        break;
      case 10:
        command.set_command_type(enums::COMMAND_TYPE_RECORD_MARKER);
        command.mutable_record_marker_command_attributes()->set_marker_name("m");
        break;
      default:
        command.set_command_type(enums::COMMAND_TYPE_MODIFY_WORKFLOW_PROPERTIES);
        (*command.mutable_modify_workflow_properties_command_attributes()
              ->mutable_upserted_memo()
              ->mutable_fields())["k"]
            .set_data(absl::StrCat(random_.Below(9)));
        break;
    }
    return command;
  }

  Command CloseCommand() {
    Command command;
    switch (random_.Below(4)) {
      case 0:
        command.set_command_type(enums::COMMAND_TYPE_COMPLETE_WORKFLOW_EXECUTION);
        command.mutable_complete_workflow_execution_command_attributes();
        break;
      case 1:
        command.set_command_type(enums::COMMAND_TYPE_FAIL_WORKFLOW_EXECUTION);
        command.mutable_fail_workflow_execution_command_attributes()
            ->mutable_failure()
            ->set_message("f");
        break;
      case 2:
        command.set_command_type(enums::COMMAND_TYPE_CANCEL_WORKFLOW_EXECUTION);
        command.mutable_cancel_workflow_execution_command_attributes();
        break;
      default:
        command.set_command_type(enums::COMMAND_TYPE_CONTINUE_AS_NEW_WORKFLOW_EXECUTION);
        command.mutable_continue_as_new_workflow_execution_command_attributes()
            ->mutable_workflow_type()
            ->set_name("T");
        break;
    }
    return command;
  }

  void CompleteTask() {
    if (!state().HasStartedTask()) return;
    api::RespondWorkflowTaskCompletedRequest request;
    request.set_identity("worker");
    const uint64_t count = random_.Below(4);
    for (uint64_t i = 0; i < count; ++i) *request.add_commands() = RandomCommand();
    namespace update = temporal::api::update::v1;
    const auto say = [&request](const std::string& id, const char* what,
                                const google::protobuf::Message& body) {
      auto* message = request.add_messages();
      message->set_id(absl::StrCat(id, "/", what));
      message->set_protocol_instance_id(id);
      message->mutable_body()->PackFrom(body);
    };
    for (const std::string& id : state().admitted_updates.Keys()) {
      if (!state().admitted_updates.Find(id)->is_sent() || random_.Chance(0.2)) continue;
      if (random_.Chance(0.4)) {
        update::Rejection rejection;
        rejection.mutable_failure()->set_message("no");
        say(id, "reject", rejection);
      } else {
        update::Acceptance acceptance;
        *acceptance.mutable_accepted_request() = state().admitted_updates.Find(id)->request();
        say(id, "accept", acceptance);
      }
    }
    for (const std::string& id : state().updates.Keys()) {
      if (state().updates.Find(id)->completed_event_id() != 0 || random_.Chance(0.5)) continue;
      update::Response response;
      response.mutable_meta()->set_update_id(id);
      response.mutable_outcome()->mutable_success();
      say(id, "complete", response);
    }
    if (random_.Chance(0.07)) *request.add_commands() = CloseCommand();
    if (random_.Chance(0.5)) {
      request.mutable_sticky_attributes()->mutable_worker_task_queue()->set_name("sticky");
      request.mutable_sticky_attributes()->mutable_schedule_to_start_timeout()->set_seconds(5);
    }
    request.set_return_new_workflow_task(random_.Chance(0.3));
    request.set_force_create_new_workflow_task(random_.Chance(0.1));
    (void)rig_.CompleteTask(request);
  }

  void FailTask() {
    if (!state().HasStartedTask()) return;
    api::RespondWorkflowTaskFailedRequest request;
    request.set_cause(enums::WORKFLOW_TASK_FAILED_CAUSE_WORKFLOW_WORKER_UNHANDLED_FAILURE);
    request.mutable_failure()->set_message("f");
    auto decision = DecideTaskFailed(state(), rig_.TaskToken(), request, rig_.context());
    if (decision.ok()) rig_.Apply(*decision);
  }

  void TouchActivity() {
    if (state().activities.empty()) return;
    const std::string id = AnyKey(state().activity_ids);
    const ActivityAnswer answer = rig_.AnswerOf(id);
    absl::StatusOr<Decision> decision = absl::UnknownError("");
    switch (random_.Below(9)) {
      case 0:
      case 1:
        decision = DecideActivityCompleted(state(), answer, nullptr, rig_.context());
        break;
      case 2: {
        temporal::api::failure::v1::Failure failure;
        failure.set_message("f");
        failure.mutable_application_failure_info()->set_non_retryable(random_.Chance(0.2));
        decision = DecideActivityFailed(state(), answer, failure, nullptr, rig_.context());
        break;
      }
      case 3:
        decision = DecideActivityCanceled(state(), answer, nullptr, rig_.context());
        break;
      case 4: {
        temporal::api::common::v1::Payloads details;
        details.add_payloads()->set_data(absl::StrCat(random_.Below(99)));
        auto beat = DecideHeartbeat(state(), answer, &details, rig_.context());
        if (beat.ok()) rig_.Apply(beat->decision);
        return;
      }
      case 5: {
        api::PauseActivityRequest request;
        request.set_id(id);
        decision = DecidePauseActivity(state(), request, rig_.context());
        break;
      }
      case 6: {
        api::UnpauseActivityRequest request;
        request.set_id(id);
        request.set_reset_attempts(random_.Chance(0.3));
        decision = DecideUnpauseActivity(state(), request, rig_.context());
        break;
      }
      case 7: {
        api::ResetActivityRequest request;
        request.set_id(id);
        request.set_keep_paused(random_.Chance(0.5));
        request.set_reset_heartbeat(random_.Chance(0.5));
        decision = DecideResetActivity(state(), request, rig_.context());
        break;
      }
      default:
        return (void)rig_.StartActivity(id);
    }
    if (decision.ok()) rig_.Apply(*decision);
  }

  void TouchOutbox() {
    if (state().outbox.empty()) return;
    const uint64_t id = *state().outbox.FirstKey();
    absl::Status status;
    if (random_.Chance(0.3)) status = absl::NotFoundError("not there");
    rig_.Apply(DecideDelivered(state(), id, status, "0f6e3b4c-0000-4000-8000-000000000002",
                               rig_.context()));
  }

  void CloseChild() {
    if (state().children.empty()) return;
    const EventId id = AnyKey(state().children);
    const Child& child = *state().children.Find(id);
    Delivery delivery;
    delivery.sender_workflow_id =
        child.initiated->start_child_workflow_execution_initiated_event_attributes().workflow_id();
    delivery.sender_run_id = "0f6e3b4c-0000-4000-8000-000000000002";
    auto* closed = delivery.message.mutable_child_closed();
    closed->set_initiated_event_id(id);
    closed->set_child_workflow_id(delivery.sender_workflow_id);
    closed->set_child_run_id(delivery.sender_run_id);
    closed->set_child_first_run_id(delivery.sender_run_id);
    closed->set_child_workflow_type("C");
    if (random_.Chance(0.5)) {
      closed->mutable_close_event()->set_event_type(enums::EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED);
      closed->mutable_close_event()->mutable_workflow_execution_completed_event_attributes();
    } else {
      closed->mutable_close_event()->set_event_type(
          enums::EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED);
      closed->mutable_close_event()->mutable_workflow_execution_terminated_event_attributes();
    }
    auto decision = DecideChildClosed(state(), delivery, rig_.context());
    if (decision.ok()) rig_.Apply(*decision);
  }

  void Update() {
    temporal::api::update::v1::Request request;
    request.mutable_meta()->set_update_id(AnyId("u", 30));
    request.mutable_input()->set_name("u");
    auto decision = DecideUpdate(state(), request, rig_.context());
    if (decision.ok()) rig_.Apply(*decision);
  }

  void Rare() {
    absl::StatusOr<Decision> decision = absl::UnknownError("");
    switch (random_.Below(8)) {
      case 0: {
        api::RequestCancelWorkflowExecutionRequest request;
        request.set_request_id("cancel");
        decision = DecideRequestCancel(state(), request, rig_.context());
        break;
      }
      case 1:
        if (!random_.Chance(0.2)) return;
        decision = DecideTerminate(state(), {}, rig_.context());
        break;
      case 2: {
        api::PauseWorkflowExecutionRequest request;
        request.set_request_id(AnyId("pause", 99));
        decision = DecidePause(state(), request, rig_.context());
        break;
      }
      case 3:
      case 4: {
        api::UnpauseWorkflowExecutionRequest request;
        request.set_request_id(AnyId("unpause", 99));
        decision = DecideUnpause(state(), request, rig_.context());
        break;
      }
      case 5:
        decision = DecideStickyReset(state(), rig_.context());
        break;
      case 6: {
        const pb::WorkflowTask& task = state().info.workflow_task();
        decision = DecideStickyWorkerUnavailable(state(), task.scheduled_event_id(), task.stamp(),
                                                 rig_.context());
        break;
      }
      default:
        last_step_ = "crash";
        return rig_.Crash();
    }
    if (decision.ok()) rig_.Apply(*decision);
  }

  Rig rig_;
  base::Random random_;
  std::string last_step_;
};

TEST(WorkflowMachine, LivesAsItIsRebuiltWhateverComes) {
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    Storm storm(seed);
    for (int step = 0; step < 250; ++step) {
      storm.Step();
      const auto wrongs = CheckHistory(storm.rig().events());
      ASSERT_TRUE(wrongs.empty()) << "seed " << seed << " step " << step << " " << storm.last_step()
                                  << ": " << absl::StrJoin(wrongs, "; ") << "\n"
                                  << storm.rig().Types();
      if (step % 3 != 0) continue;  // Lazy changes pile up in between.
      const std::string difference = storm.rig().Difference();
      ASSERT_EQ(difference, "") << "seed " << seed << " step " << step << " " << storm.last_step();
    }
  }
}

}  // namespace
}  // namespace perdure::machines
