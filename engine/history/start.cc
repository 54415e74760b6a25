// StartWorkflowExecution, SignalWithStart, ExecuteMultiOperation.
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "history/polls.h"
#include "history/requests.h"
#include "machines/workflow/decide/request.h"
#include "temporal/api/errordetails/v1/message.pb.h"

namespace perdure::history {
namespace {

temporal::api::common::v1::Link LinkTo(const services::Namespace& name_space,
                                       const std::string& workflow_id, const std::string& run_id) {
  temporal::api::common::v1::Link link;
  auto* event = link.mutable_workflow_event();
  event->set_namespace_(name_space.name);
  event->set_workflow_id(workflow_id);
  event->set_run_id(run_id);
  event->mutable_event_ref()->set_event_id(1);
  event->mutable_event_ref()->set_event_type(
      machines::enums::EVENT_TYPE_WORKFLOW_EXECUTION_STARTED);
  return link;
}

// The current run of a workflow id, null if it has none.
using WithCurrent = absl::AnyInvocable<void(absl::StatusOr<ExecutionPtr>) &&>;
void CurrentRun(Core& core, const NamespacePtr& name_space, const std::string& workflow_id,
                WithCurrent callback) {
  core.With(name_space, workflow_id, "",
            [callback = std::move(callback)](absl::StatusOr<ExecutionPtr> found) mutable {
              if (found.status().code() == absl::StatusCode::kNotFound) {
                return std::move(callback)(ExecutionPtr());
              }
              std::move(callback)(std::move(found));
            });
}

// Applies a start's decision: the run the answer speaks of, and when it is durable.
ExecutionPtr Carry(Core& core, const NamespacePtr& name_space, const std::string& workflow_id,
                   const ExecutionPtr& current, machines::StartDecision& decision,
                   Core::After after) {
  if (!decision.created.has_value()) {
    core.Apply(current, std::move(decision.current), std::move(after));
    return current;
  }
  if (current != nullptr && decision.current.record.changes_size() > 0) {
    core.Apply(current, std::move(decision.current), [](absl::Status) {});
  }
  return core.Create(name_space, workflow_id, *std::move(decision.created), current,
                     std::move(after));
}

}  // namespace

void Refuse(Core& core, const ExecutionPtr& run, absl::Status refusal, Core::After done) {
  if (run == nullptr) return std::move(done)(std::move(refusal));
  core.committer().AfterCommits(run, [&core, refusal = std::move(refusal),
                                      done = std::move(done)](absl::Status status) mutable {
    std::move(done)(status.ok() ? core.Vouched(std::move(refusal)) : std::move(status));
  });
}

void Start(Core& core, CallContext context, NamespacePtr name_space,
           api::StartWorkflowExecutionRequest request,
           Reply<api::StartWorkflowExecutionResponse> reply) {
  const std::string workflow_id = request.workflow_id();
  CurrentRun(core, name_space, workflow_id,
             [&core, name_space, workflow_id, request = std::move(request),
              reply = std::move(reply)](absl::StatusOr<ExecutionPtr> found) mutable {
               if (!found.ok()) return std::move(reply)(found.status());
               const ExecutionPtr current = *found;
               auto decision =
                   machines::DecideStart(current == nullptr ? nullptr : &current->state, request,
                                         core.NewRunId(), core.ContextFor(name_space));
               if (!decision.ok()) {
                 return Refuse(core, current, decision.status(), std::move(reply));
               }
               api::StartWorkflowExecutionResponse response;
               response.set_run_id(decision->run_id);
               response.set_started(decision->started);
               response.set_status(decision->status);
               *response.mutable_link() = LinkTo(*name_space, workflow_id, decision->run_id);
               const bool is_eager = decision->is_eager;
               // The run is known only after Carry, the answer only after its commit.
               auto run = std::make_shared<ExecutionPtr>();
               *run = Carry(
                   core, name_space, workflow_id, current, *decision,
                   [&core, run, is_eager, response = std::move(response),
                    reply = std::move(reply)](absl::Status status) mutable {
                     if (!status.ok()) return std::move(reply)(std::move(status));
                     if (!is_eager || !(*run)->state.HasStartedTask()) {
                       return std::move(reply)(std::move(response));
                     }
                     BuildWorkflowPoll(
                         core, *run, /*is_sticky=*/false,
                         [response = std::move(response), reply = std::move(reply)](
                             absl::StatusOr<api::PollWorkflowTaskQueueResponse> task) mutable {
                           if (task.ok()) {
                             *response.mutable_eager_workflow_task() = *std::move(task);
                           }
                           std::move(reply)(std::move(response));
                         });
                   });
             });
}

void SignalWithStart(Core& core, CallContext context, NamespacePtr name_space,
                     api::SignalWithStartWorkflowExecutionRequest request,
                     Reply<api::SignalWithStartWorkflowExecutionResponse> reply) {
  const std::string workflow_id = request.workflow_id();
  CurrentRun(core, name_space, workflow_id,
             [&core, name_space, workflow_id, request = std::move(request),
              reply = std::move(reply)](absl::StatusOr<ExecutionPtr> found) mutable {
               if (!found.ok()) return std::move(reply)(found.status());
               const ExecutionPtr current = *found;
               auto decision = machines::DecideSignalWithStart(
                   current == nullptr ? nullptr : &current->state, request, core.NewRunId(),
                   core.ContextFor(name_space));
               if (!decision.ok()) {
                 return Refuse(core, current, decision.status(), std::move(reply));
               }
               api::SignalWithStartWorkflowExecutionResponse response;
               response.set_run_id(decision->run_id);
               response.set_started(decision->started);
               Carry(core, name_space, workflow_id, current, *decision,
                     [response = std::move(response),
                      reply = std::move(reply)](absl::Status status) mutable {
                       if (!status.ok()) return std::move(reply)(std::move(status));
                       std::move(reply)(std::move(response));
                     });
             });
}

namespace {

// Both operations fail: the one that caused it with its own status, the other as aborted.
absl::Status MultiOperationFailed(const absl::Status& start, const absl::Status& update) {
  temporal::api::errordetails::v1::MultiOperationExecutionFailure detail;
  for (const absl::Status* status : {&start, &update}) {
    auto* out = detail.add_statuses();
    if (status->ok()) {
      out->set_code(static_cast<int>(absl::StatusCode::kAborted));
      out->set_message("Operation was aborted.");
      out->add_details()->PackFrom(temporal::api::failure::v1::MultiOperationExecutionAborted());
      continue;
    }
    out->set_code(static_cast<int>(status->code()));
    out->set_message(std::string(status->message()));
    const auto found = base::DetailOf(*status);
    if (found.has_value()) {
      auto* any = out->add_details();
      any->set_type_url("type.googleapis.com/" + found->type_name);
      any->set_value(found->bytes);
    }
  }
  const absl::Status& cause = start.ok() ? update : start;
  return base::WithDetail(
      cause.code(),
      absl::StrCat("MultiOperation could not be executed: ",
                   start.ok() ? "Update failed: " : "Start failed: ", std::string(cause.message())),
      detail);
}

// What an update-with-start is while it is under way.
struct MultiOperation {
  NamespacePtr name_space;
  api::StartWorkflowExecutionRequest start;
  api::UpdateWorkflowExecutionRequest update;
  absl::Time deadline;
  Reply<api::ExecuteMultiOperationResponse> reply;
};

void FollowMultiOperation(Core& core, const std::shared_ptr<MultiOperation>& operation,
                          const ExecutionPtr& run, bool started) {
  const std::string update_id = operation->update.request().meta().update_id();
  FollowUpdate(
      core, run, update_id, operation->update.wait_policy().lifecycle_stage(), operation->deadline,
      [operation, run, started, update_id](absl::StatusOr<UpdateFate> fate) mutable {
        if (!fate.ok()) {
          return std::move(operation->reply)(MultiOperationFailed(absl::OkStatus(), fate.status()));
        }
        api::ExecuteMultiOperationResponse response;
        auto* start = response.add_responses()->mutable_start_workflow();
        start->set_run_id(run->run_id);
        start->set_started(started);
        start->set_status(run->state.info.status());
        *start->mutable_link() = LinkTo(*operation->name_space, run->workflow_id, run->run_id);
        auto* update = response.add_responses()->mutable_update_workflow();
        auto* ref = update->mutable_update_ref();
        ref->mutable_workflow_execution()->set_workflow_id(run->workflow_id);
        ref->mutable_workflow_execution()->set_run_id(run->run_id);
        ref->set_update_id(update_id);
        update->set_stage(
            static_cast<machines::enums::UpdateWorkflowExecutionLifecycleStage>(fate->stage));
        if (fate->outcome.has_value()) *update->mutable_outcome() = *fate->outcome;
        std::move(operation->reply)(std::move(response));
      });
}

// The run is there and stays: only the update is new to it, if at all.
void UpdateExisting(Core& core, const std::shared_ptr<MultiOperation>& operation,
                    const ExecutionPtr& run) {
  auto update = machines::DecideUpdate(run->state, operation->update.request(),
                                       core.ContextFor(operation->name_space));
  if (!update.ok()) {
    return Refuse(core, run, update.status(), [operation](absl::Status status) {
      std::move(operation->reply)(MultiOperationFailed(absl::OkStatus(), status));
    });
  }
  core.Apply(run, *std::move(update), [](absl::Status) {});
  FollowMultiOperation(core, operation, run, false);
}

void CarryMultiOperation(Core& core, const std::shared_ptr<MultiOperation>& operation,
                         const ExecutionPtr& current) {
  const auto fail = [operation](const absl::Status& start, const absl::Status& update) {
    std::move(operation->reply)(MultiOperationFailed(start, update));
  };
  const std::string& update_id = operation->update.request().meta().update_id();
  const machines::Context context = core.ContextFor(operation->name_space);
  if (current != nullptr) {
    const State& state = current->state;
    const pb::UpdateState* known = state.updates.Find(update_id);
    // An update that has completed is answered, whether its run is open or closed.
    if (known != nullptr && known->completed_event_id() != 0) {
      return FollowMultiOperation(core, operation, current, false);
    }
    const bool attaches =
        state.IsRunning() && (state.info.create_request_id() == operation->start.request_id() ||
                              known != nullptr || state.admitted_updates.Contains(update_id));
    if (attaches) return UpdateExisting(core, operation, current);
  }
  auto decision = machines::DecideStart(current == nullptr ? nullptr : &current->state,
                                        operation->start, core.NewRunId(), context);
  if (!decision.ok()) {
    return Refuse(core, current, decision.status(),
                  [fail](absl::Status status) { fail(status, absl::OkStatus()); });
  }
  if (decision->created.has_value()) {
    pb::Change admitted;
    *admitted.mutable_update_admitted()->mutable_request() = operation->update.request();
    admitted.mutable_update_admitted()->set_admitted_time_ns(context.now_ns);
    *decision->created->record.add_changes() = std::move(admitted);
    const ExecutionPtr run = Carry(core, operation->name_space, operation->start.workflow_id(),
                                   current, *decision, [](absl::Status) {});
    core.committer().AfterCommits(run, [&core, operation, run, fail](absl::Status status) {
      if (!status.ok()) return fail(status, absl::OkStatus());
      FollowMultiOperation(core, operation, run, true);
    });
    return;
  }
  if (decision->current.record.changes_size() > 0) {
    core.Apply(current, std::move(decision->current), [](absl::Status) {});
  }
  UpdateExisting(core, operation, current);
}

}  // namespace

void ExecuteMultiOperation(Core& core, CallContext context, NamespacePtr name_space,
                           api::ExecuteMultiOperationRequest request,
                           Reply<api::ExecuteMultiOperationResponse> reply) {
  const bool has_form = request.operations_size() == 2 &&
                        request.operations(0).has_start_workflow() &&
                        request.operations(1).has_update_workflow();
  if (!has_form) {
    return std::move(reply)(
        base::InvalidArgument("Operations have to be exactly [Start, Update]."));
  }
  auto operation = std::make_shared<MultiOperation>();  // shared by the steps' callbacks
  operation->name_space = name_space;
  operation->start = request.operations(0).start_workflow();
  operation->update = request.operations(1).update_workflow();
  if (operation->update.request().meta().update_id().empty()) {
    operation->update.mutable_request()->mutable_meta()->set_update_id(core.loop().random().Uuid());
  }
  operation->deadline = context.deadline;
  operation->reply = std::move(reply);
  CurrentRun(core, name_space, operation->start.workflow_id(),
             [&core, operation](absl::StatusOr<ExecutionPtr> found) {
               if (!found.ok()) return std::move(operation->reply)(found.status());
               CarryMultiOperation(core, operation, *found);
             });
}

void UpdateRun(Core& core, const NamespacePtr& name_space, const std::string& workflow_id,
               const std::string& run_id, DecideOn decide, DoneWith done) {
  core.With(name_space, workflow_id, run_id,
            [&core, name_space, decide = std::move(decide),
             done = std::move(done)](absl::StatusOr<ExecutionPtr> found) mutable {
              if (!found.ok()) return std::move(done)(found.status(), nullptr);
              const ExecutionPtr run = *found;
              auto decision = decide(run->state, core.ContextFor(name_space));
              if (!decision.ok()) {
                return Refuse(core, run, decision.status(),
                              [run, done = std::move(done)](absl::Status status) mutable {
                                std::move(done)(std::move(status), run);
                              });
              }
              core.Apply(run, *std::move(decision),
                         [run, done = std::move(done)](absl::Status status) mutable {
                           std::move(done)(std::move(status), run);
                         });
            });
}

}  // namespace perdure::history
