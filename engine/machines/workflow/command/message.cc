// PROTOCOL_MESSAGE, and the update protocol's messages: a worker accepts, rejects and answers
// updates.
#include "absl/strings/str_cat.h"
#include "machines/workflow/command/handler.h"
#include "temporal/api/update/v1/message.pb.h"

namespace perdure::machines {
namespace {

namespace update = temporal::api::update::v1;

constexpr auto kBad = enums::WORKFLOW_TASK_FAILED_CAUSE_BAD_UPDATE_WORKFLOW_EXECUTION_MESSAGE;

bool Accept(Completion& completion, const std::string& update_id,
            const update::Acceptance& message) {
  Draft& draft = completion.draft;
  const pb::UpdateState* known = draft.state().updates.Find(update_id);
  if (known != nullptr) {
    return completion.Fail(kBad, absl::StrCat("update ", update_id, " was accepted before"));
  }
  const pb::AdmittedUpdate* admitted = draft.state().admitted_updates.Find(update_id);
  // The server may have forgotten an update it had sent; the worker's copy brings it back.
  const bool is_resurrected = admitted == nullptr && message.has_accepted_request() &&
                              message.accepted_request().has_meta();
  if (admitted == nullptr && !is_resurrected) {
    return completion.Fail(
        kBad, absl::StrCat("update ", update_id,
                           " wasn't found on the server. This is most likely a transient error "
                           "which will be resolved automatically by retries"));
  }
  // One that a client sent again, after a crash, while the worker still had it from before it.
  const bool is_known_to_worker = admitted == nullptr || admitted->is_sent() ||
                                  message.accepted_request().meta().update_id() == update_id;
  if (!is_known_to_worker) {
    return completion.Fail(kBad,
                           absl::StrCat("update ", update_id, " was not sent to this worker"));
  }
  const bool has_admitted_event = admitted != nullptr && admitted->admitted_event_id() != 0;
  HistoryEvent event = draft.NewEvent(enums::EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED);
  auto* out = event.mutable_workflow_execution_update_accepted_event_attributes();
  out->set_protocol_instance_id(update_id);
  out->set_accepted_request_message_id(message.accepted_request_message_id());
  out->set_accepted_request_sequencing_event_id(message.accepted_request_sequencing_event_id());
  // Temporal: an update that has its admitted event is not written twice.
  if (!has_admitted_event) {
    *out->mutable_accepted_request() =
        admitted != nullptr ? admitted->request() : message.accepted_request();
  }
  draft.Add(std::move(event));
  UpdateNotice notice;
  notice.update_id = update_id;
  draft.Notify(std::move(notice));
  return true;
}

bool Reject(Completion& completion, const std::string& update_id,
            const update::Rejection& message) {
  Draft& draft = completion.draft;
  const pb::AdmittedUpdate* admitted = draft.state().admitted_updates.Find(update_id);
  if (admitted == nullptr) {
    return completion.Fail(
        kBad, absl::StrCat("update ", update_id,
                           " wasn't found on the server. This is most likely a transient error "
                           "which will be resolved automatically by retries"));
  }
  UpdateNotice notice;
  notice.update_id = update_id;
  notice.outcome.emplace();
  *notice.outcome->mutable_failure() = message.failure();
  draft.Notify(std::move(notice));
  draft.RemoveUpdate(update_id);
  return true;
}

bool Respond(Completion& completion, const std::string& update_id,
             const update::Response& message) {
  Draft& draft = completion.draft;
  const pb::UpdateState* accepted = draft.state().updates.Find(update_id);
  if (accepted == nullptr || accepted->completed_event_id() != 0) {
    return completion.Fail(
        kBad, absl::StrCat("update ", update_id, " is not accepted, or has completed before"));
  }
  if (message.outcome().value_case() == update::Outcome::VALUE_NOT_SET) {
    return completion.Fail(kBad, "invalid *update.Response: outcome is not set");
  }
  HistoryEvent event = draft.NewEvent(enums::EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_COMPLETED);
  auto* out = event.mutable_workflow_execution_update_completed_event_attributes();
  *out->mutable_meta() = message.meta();
  out->mutable_meta()->set_update_id(update_id);
  out->set_accepted_event_id(accepted->accepted_event_id());
  *out->mutable_outcome() = message.outcome();
  draft.Add(std::move(event));
  UpdateNotice notice;
  notice.update_id = update_id;
  notice.outcome = message.outcome();
  draft.Notify(std::move(notice));
  return true;
}

}  // namespace

bool HandleMessage(Completion& completion, const temporal::api::protocol::v1::Message& message) {
  completion.messages_taken.insert(message.id());
  if (static_cast<int64_t>(message.body().ByteSizeLong()) >
      completion.draft.limits().blob_size_bytes) {
    return completion.Terminate(kBad, "Message exceeds size limit.");
  }
  const std::string& id = message.protocol_instance_id();
  update::Acceptance acceptance;
  if (message.body().UnpackTo(&acceptance)) return Accept(completion, id, acceptance);
  update::Rejection rejection;
  if (message.body().UnpackTo(&rejection)) return Reject(completion, id, rejection);
  update::Response response;
  if (message.body().UnpackTo(&response)) return Respond(completion, id, response);
  return completion.Fail(
      kBad, absl::StrCat("unsupported protocol message type ", message.body().type_url()));
}

bool HandleProtocolMessage(Completion& completion, const Command& command) {
  const std::string& id = command.protocol_message_command_attributes().message_id();
  if (id.empty()) {
    return completion.Fail(kBad, "MessageID is not set on ProtocolMessageCommand.");
  }
  for (const auto& message : completion.request.messages()) {
    if (message.id() == id && !completion.messages_taken.contains(id)) {
      return HandleMessage(completion, message);
    }
  }
  return completion.Fail(kBad,
                         absl::StrCat("ProtocolMessageCommand referenced absent message ID ", id));
}

bool HandleRemainingMessages(Completion& completion) {
  for (const auto& message : completion.request.messages()) {
    if (completion.messages_taken.contains(message.id())) continue;
    if (!HandleMessage(completion, message)) return false;
  }
  return true;
}

}  // namespace perdure::machines
