#include "history/deliveries.h"

#include <memory>
#include <utility>

#include "base/errors.h"
#include "history/requests.h"

namespace perdure::history {
namespace {

void StartChild(Core& core, const services::NamespacePtr& target, machines::Delivery delivery,
                Answered answered) {
  const std::string workflow_id = delivery.message.target_workflow_id();
  core.With(target, workflow_id, "",
            [&core, target, workflow_id, delivery = std::move(delivery),
             answered = std::move(answered)](absl::StatusOr<ExecutionPtr> found) mutable {
              const bool is_absent = found.status().code() == absl::StatusCode::kNotFound;
              if (!found.ok() && !is_absent) return std::move(answered)(found.status(), "");
              const ExecutionPtr current = found.ok() ? *found : nullptr;
              auto decision =
                  machines::DecideStartChild(current == nullptr ? nullptr : &current->state,
                                             delivery, core.NewRunId(), core.ContextFor(target));
              if (!decision.ok()) {
                return Refuse(core, current, decision.status(),
                              [answered = std::move(answered)](absl::Status status) mutable {
                                std::move(answered)(std::move(status), "");
                              });
              }
              const std::string run_id = decision->run_id;
              auto done = [answered = std::move(answered), run_id](absl::Status status) mutable {
                std::move(answered)(std::move(status), run_id);
              };
              if (!decision->created.has_value()) {
                return core.Apply(current, std::move(decision->current), std::move(done));
              }
              if (current != nullptr && decision->current.record.changes_size() > 0) {
                core.Apply(current, std::move(decision->current), [](absl::Status) {});
              }
              core.Create(target, workflow_id, *std::move(decision->created), current,
                          std::move(done));
            });
}

absl::StatusOr<machines::Decision> Decide(const State& state, const machines::Delivery& delivery,
                                          const machines::Context& context) {
  switch (delivery.message.message_case()) {
    case pb::OutboxMessage::kSignalExternal:
      return machines::DecideSignalFrom(state, delivery, context);
    case pb::OutboxMessage::kCancelExternal:
      return machines::DecideCancelFrom(state, delivery, context);
    case pb::OutboxMessage::kChildClosed:
      return machines::DecideChildClosed(state, delivery, context);
    case pb::OutboxMessage::kCloseChild:
      return machines::DecideCloseChild(state, delivery, context);
    case pb::OutboxMessage::kStartChild:
    case pb::OutboxMessage::MESSAGE_NOT_SET:
      break;
  }
  return base::Internal("a message of an unknown kind");
}

}  // namespace

void DeliverMessage(Core& core, machines::Delivery delivery, Answered answered) {
  const services::NamespacePtr target = core.namespaces().FindByNumber(
      base::NamespaceNumber(delivery.message.target_namespace_number()));
  if (target == nullptr) {
    return std::move(answered)(base::NotFound("the target's namespace is gone"), "");
  }
  const auto kind = delivery.message.message_case();
  if (kind == pb::OutboxMessage::kStartChild) {
    return StartChild(core, target, std::move(delivery), std::move(answered));
  }
  // Nobody waits for the outcome of these: a target that is gone is no failure.
  const bool is_notice =
      kind == pb::OutboxMessage::kChildClosed || kind == pb::OutboxMessage::kCloseChild;
  const std::string workflow_id = delivery.message.target_workflow_id();
  const std::string run_id = delivery.message.target_run_id();
  core.With(target, workflow_id, run_id,
            [&core, target, is_notice, delivery = std::move(delivery),
             answered = std::move(answered)](absl::StatusOr<ExecutionPtr> found) mutable {
              if (!found.ok()) {
                const bool is_absent = found.status().code() == absl::StatusCode::kNotFound;
                if (is_absent && delivery.message.has_child_closed() &&
                    !delivery.message.target_run_id().empty()) {
                  // Retention may have taken a parent that was reset, and who followed it with it.
                  delivery.message.clear_target_run_id();
                  delivery.is_redirected = true;
                  return DeliverMessage(core, std::move(delivery), std::move(answered));
                }
                if (is_notice && is_absent) return std::move(answered)(absl::OkStatus(), "");
                return std::move(answered)(found.status(), "");
              }
              const ExecutionPtr run = *found;
              const std::string& reset_run_id = run->state.info.reset_run_id();
              if (delivery.message.has_child_closed() && !run->state.IsRunning() &&
                  !reset_run_id.empty()) {
                // The parent was reset: the run that took its place waits for the child.
                delivery.message.set_target_run_id(reset_run_id);
                delivery.is_redirected = true;
                return DeliverMessage(core, std::move(delivery), std::move(answered));
              }
              auto decision = Decide(run->state, delivery, core.ContextFor(target));
              if (!decision.ok()) {
                return Refuse(core, run, decision.status(),
                              [answered = std::move(answered)](absl::Status status) mutable {
                                std::move(answered)(std::move(status), "");
                              });
              }
              core.Apply(run, *std::move(decision),
                         [answered = std::move(answered)](absl::Status status) mutable {
                           std::move(answered)(std::move(status), "");
                         });
            });
}

perdure::internal::v1::DeliverRequest ToWire(const machines::Delivery& delivery) {
  perdure::internal::v1::DeliverRequest request;
  *request.mutable_message() = delivery.message;
  *request.mutable_initiated() = delivery.initiated;
  auto& name_space = *request.mutable_sender_namespace();
  name_space.set_number(delivery.sender_namespace.number);
  name_space.set_id(delivery.sender_namespace.id);
  name_space.set_name(delivery.sender_namespace.name);
  request.set_sender_workflow_id(delivery.sender_workflow_id);
  request.set_sender_run_id(delivery.sender_run_id);
  request.set_sender_root_workflow_id(delivery.sender_root_workflow_id);
  request.set_sender_root_run_id(delivery.sender_root_run_id);
  *request.mutable_sender_priority() = delivery.sender_priority;
  return request;
}

machines::Delivery FromWire(perdure::internal::v1::DeliverRequest request) {
  machines::Delivery delivery;
  delivery.message = std::move(*request.mutable_message());
  delivery.initiated = std::move(*request.mutable_initiated());
  delivery.sender_namespace = {request.sender_namespace().number(), request.sender_namespace().id(),
                               request.sender_namespace().name()};
  delivery.sender_workflow_id = request.sender_workflow_id();
  delivery.sender_run_id = request.sender_run_id();
  delivery.sender_root_workflow_id = request.sender_root_workflow_id();
  delivery.sender_root_run_id = request.sender_root_run_id();
  delivery.sender_priority = request.sender_priority();
  return delivery;
}

}  // namespace perdure::history
