// DeleteWorkflowExecution, UpdateWorkflowExecutionOptions, ResetWorkflowExecution.
#include <memory>
#include <utility>

#include "base/errors.h"
#include "history/events.h"
#include "history/requests.h"
#include "machines/workflow/decide/request.h"
#include "machines/workflow/decide/reset.h"

namespace perdure::history {
namespace {

using DeleteReply = Reply<api::DeleteWorkflowExecutionResponse>;

// Everything else of the run must be through before its rows go. Nothing that is stored says that
// the run is to go: so only its being gone is an answer.
void EraseWhenQuiet(Core& core, const ExecutionPtr& run, DeleteReply reply) {
  core.committer().AfterCommits(run, [&core, run,
                                      reply = std::move(reply)](absl::Status status) mutable {
    if (!status.ok()) return std::move(reply)(std::move(status));
    if (!Core::IsCached(*run)) {
      return std::move(reply)(
          base::Unavailable("the run was unloaded during its deletion, try again"));
    }
    if (run->commits_in_flight > 0 || !run->state.outbox.empty()) {
      core.loop().After(absl::Milliseconds(50), [&core, run, reply = std::move(reply)]() mutable {
        EraseWhenQuiet(core, run, std::move(reply));
      });
      return;
    }
    core.Erase(run, [reply = std::move(reply)](absl::Status erased) mutable {
      if (!erased.ok()) return std::move(reply)(std::move(erased));
      std::move(reply)(api::DeleteWorkflowExecutionResponse());
    });
  });
}

}  // namespace

void Delete(Core& core, CallContext context, NamespacePtr name_space,
            api::DeleteWorkflowExecutionRequest request, DeleteReply reply) {
  UpdateRun(
      core, name_space, request.workflow_execution().workflow_id(),
      request.workflow_execution().run_id(),
      [](const State& state,
         const machines::Context& context) -> absl::StatusOr<machines::Decision> {
        if (!state.IsRunning()) return machines::Decision();
        api::TerminateWorkflowExecutionRequest terminate;
        terminate.set_reason("Delete workflow execution");
        terminate.set_identity("history-service");
        return machines::DecideTerminate(state, terminate, context);
      },
      [&core, reply = std::move(reply)](absl::Status status, const ExecutionPtr& run) mutable {
        if (!status.ok()) return std::move(reply)(std::move(status));
        EraseWhenQuiet(core, run, std::move(reply));
      });
}

void Options(Core& core, CallContext context, NamespacePtr name_space,
             api::UpdateWorkflowExecutionOptionsRequest request,
             Reply<api::UpdateWorkflowExecutionOptionsResponse> reply) {
  const std::string workflow_id = request.workflow_execution().workflow_id();
  const std::string run_id = request.workflow_execution().run_id();
  UpdateRun(
      core, name_space, workflow_id, run_id,
      [request = std::move(request)](const State& state, const machines::Context& context) {
        return machines::DecideOptions(state, request, context);
      },
      [reply = std::move(reply)](absl::Status status, const ExecutionPtr& run) mutable {
        if (!status.ok()) return std::move(reply)(std::move(status));
        api::UpdateWorkflowExecutionOptionsResponse response;
        auto* options = response.mutable_workflow_execution_options();
        if (run->state.info.has_versioning_override()) {
          *options->mutable_versioning_override() = run->state.info.versioning_override();
        }
        if (run->state.info.has_priority())
          *options->mutable_priority() = run->state.info.priority();
        std::move(reply)(std::move(response));
      });
}

// --- Reset
// --------------------------------------------------------------------------------------------

namespace {

struct Resetting {
  NamespacePtr name_space;
  api::ResetWorkflowExecutionRequest request;
  Reply<api::ResetWorkflowExecutionResponse> reply;
  ExecutionPtr base;
  machines::ResetInput input;
};
// Shared by the steps of one call, one after the other.
using ResettingPtr = std::shared_ptr<Resetting>;

void Fail(const ResettingPtr& resetting, const absl::Status& status) {
  std::move(resetting->reply)(status);
}

void CreateReset(Core& core, const ResettingPtr& resetting, const ExecutionPtr& current) {
  const machines::Context context = core.ContextFor(resetting->name_space);
  machines::ResetInput& input = resetting->input;
  input.request = &resetting->request;
  input.base = &resetting->base->state;
  input.new_run_id = core.NewRunId();
  auto decision = machines::DecideReset(input, context);
  if (!decision.ok()) return Fail(resetting, decision.status());
  if (current->state.IsRunning()) {
    api::TerminateWorkflowExecutionRequest terminate;
    terminate.set_reason(resetting->request.reason());
    terminate.set_identity("history-service");
    auto terminated = machines::DecideTerminate(current->state, terminate, context);
    if (!terminated.ok()) return Fail(resetting, terminated.status());
    core.Apply(current, *std::move(terminated), [](absl::Status) {});
  }
  core.Apply(resetting->base, std::move(decision->base), [](absl::Status) {});
  const std::string run_id = input.new_run_id;
  core.Create(resetting->name_space, resetting->base->workflow_id, std::move(decision->created),
              current, [resetting, run_id](absl::Status status) {
                if (!status.ok()) return Fail(resetting, status);
                api::ResetWorkflowExecutionResponse response;
                response.set_run_id(run_id);
                std::move(resetting->reply)(std::move(response));
              });
}

// Collects what came from outside in the runs that followed the base run.
void ReadLater(Core& core, const ResettingPtr& resetting, const std::string& run_id) {
  if (run_id.empty()) {
    core.With(resetting->name_space, resetting->base->workflow_id, "",
              [&core, resetting](absl::StatusOr<ExecutionPtr> current) {
                if (!current.ok()) return Fail(resetting, current.status());
                CreateReset(core, resetting, *current);
              });
    return;
  }
  core.With(resetting->name_space, resetting->base->workflow_id, run_id,
            [&core, resetting](absl::StatusOr<ExecutionPtr> found) {
              // A run that retention has taken has nothing left to reapply.
              if (!found.ok()) return ReadLater(core, resetting, "");
              const ExecutionPtr run = *found;
              ReadAllEvents(
                  core, run, 1, run->committed_next_event_id,
                  [&core, resetting, run](absl::StatusOr<std::vector<HistoryEvent>> events) {
                    if (!events.ok()) return Fail(resetting, events.status());
                    for (HistoryEvent& event : *events) {
                      resetting->input.later_events.push_back(std::move(event));
                    }
                    ReadLater(core, resetting, run->state.info.new_run_id());
                  });
            });
}

}  // namespace

void Reset(Core& core, CallContext context, NamespacePtr name_space,
           api::ResetWorkflowExecutionRequest request,
           Reply<api::ResetWorkflowExecutionResponse> reply) {
  auto resetting = std::make_shared<Resetting>();
  resetting->name_space = name_space;
  resetting->request = std::move(request);
  resetting->reply = std::move(reply);
  const auto& target = resetting->request.workflow_execution();
  core.With(
      name_space, target.workflow_id(), target.run_id(),
      [&core, resetting](absl::StatusOr<ExecutionPtr> found) {
        if (!found.ok()) return Fail(resetting, found.status());
        resetting->base = *found;
        const ExecutionPtr base = *found;
        core.With(
            resetting->name_space, base->workflow_id, "",
            [&core, resetting, base](absl::StatusOr<ExecutionPtr> current) {
              if (!current.ok()) return Fail(resetting, current.status());
              // The same request again: its run is there.
              if ((*current)->state.info.create_request_id() == resetting->request.request_id()) {
                api::ResetWorkflowExecutionResponse response;
                response.set_run_id((*current)->run_id);
                return std::move(resetting->reply)(std::move(response));
              }
              // Everything up to now counts, committed before it is read.
              core.Flush(base, [&core, resetting, base](absl::Status status) {
                if (!status.ok()) return Fail(resetting, status);
                ReadAllEvents(
                    core, base, 1, base->committed_next_event_id,
                    [&core, resetting, base](absl::StatusOr<std::vector<HistoryEvent>> events) {
                      if (!events.ok()) return Fail(resetting, events.status());
                      resetting->input.base_events = *std::move(events);
                      ReadLater(core, resetting, base->state.info.new_run_id());
                    });
              });
            });
      });
}

}  // namespace perdure::history
