// RunState: updates and the messages that carry them (R46 to R50).
#include <utility>

#include "absl/strings/str_cat.h"
#include "worker-sdk/core/convert.h"
#include "worker-sdk/core/state.h"

namespace perdure::core {

namespace api_update = temporal::api::update::v1;
using absl::OkStatus;
using absl::Status;

Status RunState::ApplyMessages(std::int64_t up_to_event_id) {
  // Applying one adds none, but order within the task is theirs, so they are taken from the front.
  std::vector<ProtocolMessage> later;
  std::vector<ProtocolMessage> now;
  for (ProtocolMessage& message : messages_) {
    (message.event_id() <= up_to_event_id ? now : later).push_back(std::move(message));
  }
  messages_ = std::move(later);
  for (ProtocolMessage& message : now) {
    if (Status status = ApplyMessage(message); !status.ok()) return status;
  }
  return OkStatus();
}

Status RunState::ApplyMessage(ProtocolMessage& message) {
  api_update::Request request;
  if (!message.body().UnpackTo(&request)) {
    return absl::InternalError(
        absl::StrCat("the server sent a message of a kind that this version of the SDK ",
                     "does not know: ", message.body().type_url()));
  }
  return AddUpdate(std::move(*message.mutable_id()),
                   std::move(*message.mutable_protocol_instance_id()), message.event_id(),
                   std::move(request), true);
}

Status RunState::AddUpdate(std::string message_id, std::string instance_id,
                           std::int64_t sequencing_event_id, api_update::Request request,
                           bool run_validator) {
  detail::DoUpdateJob job;
  job.id = request.meta().update_id();
  job.protocol_instance_id = instance_id;
  job.name = request.input().name();
  job.identity = request.meta().identity();
  job.run_validator = run_validator;
  Update update;
  update.sequencing_event_id = sequencing_event_id;
  update.instance_id = instance_id;
  update.message_id = std::move(message_id);
  update.meta = request.meta();
  if (!replaying_) {
    job.input = FromApi(request.input().args());
    job.headers = FromApi(request.input().header());
    update.request = std::make_unique<api_update::Request>(std::move(request));
  } else {
    job.input = FromApi(std::move(*request.mutable_input()->mutable_args()));
    job.headers = FromApi(std::move(*request.mutable_input()->mutable_header()));
  }
  Machine machine;
  machine.kind = std::move(update);
  updates_[std::move(instance_id)] = machines_.Add(std::move(machine));
  activation_.jobs.emplace_back(std::move(job));
  return OkStatus();
}

// The request itself is in history, because a reset or a shutdown found it not yet answered.
Status RunState::ApplyAdmitted(Event& event) {
  auto& request =
      *event.mutable_workflow_execution_update_admitted_event_attributes()->mutable_request();
  const std::string id = request.meta().update_id();
  if (replaying_) {
    admitted_[id] = std::move(request);
    return OkStatus();
  }
  ProtocolMessage message;
  message.set_id(absl::StrCat(id, "/request"));
  message.set_protocol_instance_id(id);
  message.set_event_id(event.event_id());
  message.mutable_body()->PackFrom(request);
  messages_.push_back(std::move(message));
  return OkStatus();
}

// Its acceptance lies ahead, so this is the task that the update was delivered in.
Status RunState::LookAtAccepted(const Event& event) {
  const auto& from = event.workflow_execution_update_accepted_event_attributes();
  const std::string& instance_id = from.protocol_instance_id();
  api_update::Request request;
  const auto admitted = admitted_.find(instance_id);
  if (admitted != admitted_.end()) {
    request = std::move(admitted->second);
    admitted_.erase(admitted);
  } else if (from.has_accepted_request()) {
    request = from.accepted_request();
  } else {
    return absl::InternalError(
        absl::StrCat("history event ", core::Describe(event),
                     " accepts an update whose request history does not hold"));
  }
  if (!request.has_meta()) request.mutable_meta()->set_update_id(instance_id);
  return AddUpdate(from.accepted_request_message_id(), instance_id,
                   from.accepted_request_sequencing_event_id(), std::move(request), false);
}

Status RunState::UpdateOf(const std::string& instance_id, MachineTable::Id* id) {
  const auto found = updates_.find(instance_id);
  if (found == updates_.end()) {
    return absl::InternalError(
        absl::StrCat("workflow code answers update ", instance_id, ", which nobody asked"));
  }
  *id = found->second;
  return OkStatus();
}

void RunState::SendMessage(const std::string& suffix, const Update& update,
                           const google::protobuf::Message& body) {
  // What was answered is in history; it is not sent again (R47).
  if (replaying_) return;
  ProtocolMessage& message = outbox_.emplace_back();
  message.set_id(absl::StrCat(update.message_id, suffix));
  message.set_protocol_instance_id(update.instance_id);
  message.mutable_body()->PackFrom(body);
}

void RunState::PushUpdateCommand(CommandKind kind, MachineTable::Id id, const char* suffix) {
  PendingCommand pending{kind, id};
  pending.command = NewCommand();
  if (pending.command) {
    pending.command->set_command_type(temporal::api::enums::v1::COMMAND_TYPE_PROTOCOL_MESSAGE);
    pending.command->mutable_protocol_message_command_attributes()->set_message_id(
        absl::StrCat(machines_.As<Update>(id)->message_id, suffix));
  }
  pending_.Push(std::move(pending));
}

Status RunState::Do(detail::UpdateAcceptedCommand& command) {
  MachineTable::Id id;
  if (Status status = UpdateOf(command.protocol_instance_id, &id); !status.ok()) return status;
  Update& update = *machines_.As<Update>(id);
  if (!Take(update, Update::Input::kAccept)) {
    return absl::InternalError(absl::StrCat("update ", update.instance_id, " was accepted twice"));
  }
  if (!replaying_) {
    api_update::Acceptance body;
    body.set_accepted_request_message_id(update.message_id);
    body.set_accepted_request_sequencing_event_id(update.sequencing_event_id);
    if (update.request) *body.mutable_accepted_request() = std::move(*update.request);
    SendMessage("/accept", update, body);
  }
  update.request.reset();
  PushUpdateCommand(CommandKind::kAcceptUpdate, id, "/accept");
  return OkStatus();
}

Status RunState::Do(detail::UpdateRejectedCommand& command) {
  MachineTable::Id id;
  if (Status status = UpdateOf(command.protocol_instance_id, &id); !status.ok()) return status;
  Update& update = *machines_.As<Update>(id);
  if (!Take(update, Update::Input::kReject)) {
    return absl::InternalError(
        absl::StrCat("update ", update.instance_id, " was rejected after it was accepted"));
  }
  if (replaying_) {
    return absl::AbortedError(absl::StrCat("update ", update.instance_id,
                                           " was accepted, as history says, and is ",
                                           "rejected by workflow code now"));
  }
  api_update::Rejection body;
  body.set_rejected_request_message_id(update.message_id);
  body.set_rejected_request_sequencing_event_id(update.sequencing_event_id);
  if (update.request) *body.mutable_rejected_request() = std::move(*update.request);
  if (command.failure) *body.mutable_failure() = ToApi(*command.failure);
  SendMessage("/reject", update, body);
  updates_.erase(update.instance_id);
  machines_.Remove(id);
  return OkStatus();
}

Status RunState::Do(detail::UpdateCompletedCommand& command) {
  MachineTable::Id id;
  if (Status status = UpdateOf(command.protocol_instance_id, &id); !status.ok()) return status;
  Update& update = *machines_.As<Update>(id);
  if (!Take(update, Update::Input::kComplete)) {
    return absl::InternalError(absl::StrCat("update ", update.instance_id,
                                            " was completed before it was accepted, or twice"));
  }
  if (!replaying_) {
    api_update::Response body;
    *body.mutable_meta() = update.meta;
    if (auto* result = std::get_if<Payloads>(&command.outcome)) {
      *body.mutable_outcome()->mutable_success() = ToApi(std::move(*result));
    } else {
      const auto& failure = std::get<FailurePtr>(command.outcome);
      *body.mutable_outcome()->mutable_failure() =
          failure ? ToApi(*failure) : api_failure::Failure();
    }
    SendMessage("/complete", update, body);
  }
  PushUpdateCommand(CommandKind::kCompleteUpdate, id, "/complete");
  return OkStatus();
}

}  // namespace perdure::core
