// DeleteWorkflowExecution, UpdateWorkflowExecutionOptions, ResetWorkflowExecution.
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

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
  // What is read: the base run, and then those that followed it. All of `last` before `next` is.
  ExecutionPtr last;
  EventId next = 1;
  bool is_gone = false;  // the run after `last`
  machines::ResetInput input;
  std::string former_reset_run_id;  // of the base run, when that was looked at
};
// Shared by the steps of one call, one after the other.
using ResettingPtr = std::shared_ptr<Resetting>;

void Fail(const ResettingPtr& resetting, const absl::Status& status) {
  std::move(resetting->reply)(status);
}

// The same request again: its run is there, once that is durable.
void AnswerRepeat(Core& core, const ResettingPtr& resetting, const ExecutionPtr& run) {
  core.committer().AfterCommits(run, [resetting, run](absl::Status status) {
    if (!status.ok()) return Fail(resetting, status);
    api::ResetWorkflowExecutionResponse response;
    response.set_run_id(run->run_id);
    std::move(resetting->reply)(std::move(response));
  });
}

bool IsRepeat(const ResettingPtr& resetting, const ExecutionPtr& run) {
  const std::string& request_id = resetting->request.request_id();
  return !request_id.empty() && run->state.info.create_request_id() == request_id;
}

// The base run may have been reset already: perhaps by this very request. Else `go_on`.
void UnlessRepeated(Core& core, const ResettingPtr& resetting,
                    void (*go_on)(Core&, const ResettingPtr&)) {
  const std::string& reset_run_id = resetting->base->state.info.reset_run_id();
  resetting->former_reset_run_id = reset_run_id;
  if (reset_run_id.empty()) return go_on(core, resetting);
  core.With(resetting->name_space, resetting->base->workflow_id, reset_run_id,
            [&core, resetting, go_on](absl::StatusOr<ExecutionPtr> reset) {
              if (reset.ok() && IsRepeat(resetting, *reset)) {
                return AnswerRepeat(core, resetting, *reset);
              }
              const bool is_gone = reset.status().code() == absl::StatusCode::kNotFound;
              if (!reset.ok() && !is_gone) return Fail(resetting, reset.status());
              go_on(core, resetting);
            });
}

void NoteSignals(const ResettingPtr& resetting, const Execution& run) {
  for (const std::string& id : run.state.signal_request_ids.Keys()) {
    resetting->input.signal_request_ids.insert(id);
  }
}

void CreateReset(Core& core, const ResettingPtr& resetting, const ExecutionPtr& current) {
  const machines::Context context = core.ContextFor(resetting->name_space);
  machines::ResetInput& input = resetting->input;
  std::optional<machines::Decision> termination;
  input.request = &resetting->request;
  input.base = &resetting->base->state;
  if (current->state.IsRunning()) {
    input.ended = &current->state;
    auto terminated = machines::DecideTerminateForReset(input, context);
    // What was buffered gets its place in history only now.
    auto& events = current == resetting->base ? input.base_events : input.later_events;
    for (const pb::Change& change : terminated.record.changes()) {
      if (current == resetting->last && change.has_event()) events.push_back(change.event());
    }
    termination = std::move(terminated);
  }
  input.new_run_id = core.NewRunId();
  auto decision = machines::DecideReset(input, context);
  if (!decision.ok()) return Fail(resetting, decision.status());
  if (termination.has_value()) core.Apply(current, *std::move(termination), [](absl::Status) {});
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

// Reads on until nothing is left to read: what comes from outside while older events are read
// counts too. The last look and the reset are one step of the loop.
void ReadOn(Core& core, const ResettingPtr& resetting) {
  const ExecutionPtr run = resetting->last;
  const EventId end = run->state.info.next_event_id();
  if (!Core::IsCached(*run) || !Core::IsCached(*resetting->base)) {
    return Fail(resetting, base::Unavailable("the run was unloaded during its reset, try again"));
  }
  if (resetting->next < end) {
    return ReadAllEvents(
        core, run, resetting->next, end,
        [&core, resetting, run, end](absl::StatusOr<std::vector<HistoryEvent>> events) {
          if (!events.ok()) return Fail(resetting, events.status());
          auto& all =
              run == resetting->base ? resetting->input.base_events : resetting->input.later_events;
          for (HistoryEvent& event : *events) all.push_back(std::move(event));
          resetting->next = end;
          ReadOn(core, resetting);
        });
  }
  const std::string following = resetting->is_gone ? "" : run->state.info.new_run_id();
  core.With(resetting->name_space, resetting->base->workflow_id, following,
            [&core, resetting, run, following](absl::StatusOr<ExecutionPtr> found) {
              if (!following.empty() && found.status().code() == absl::StatusCode::kNotFound) {
                // A run that retention has taken has nothing left to reapply.
                resetting->is_gone = true;
                return ReadOn(core, resetting);
              }
              if (!found.ok()) return Fail(resetting, found.status());
              if (!following.empty()) {
                NoteSignals(resetting, *run);
                resetting->last = *found;
                resetting->next = 1;
                return ReadOn(core, resetting);
              }
              // Another copy of the request may have been quicker.
              if (IsRepeat(resetting, *found)) return AnswerRepeat(core, resetting, *found);
              const std::string& reset_run_id = resetting->base->state.info.reset_run_id();
              if (reset_run_id != resetting->former_reset_run_id) {
                return UnlessRepeated(core, resetting, ReadOn);
              }
              const bool has_changed =
                  resetting->next < run->state.info.next_event_id() ||
                  (!resetting->is_gone && !run->state.info.new_run_id().empty()) ||
                  !Core::IsCached(*run) || !Core::IsCached(*resetting->base);
              if (has_changed) return ReadOn(core, resetting);
              NoteSignals(resetting, *run);
              CreateReset(core, resetting, *found);
            });
}

void ReadBase(Core& core, const ResettingPtr& resetting) {
  // Everything up to now counts, committed before it is read.
  core.Flush(resetting->base, [&core, resetting](absl::Status status) {
    if (!status.ok()) return Fail(resetting, status);
    resetting->last = resetting->base;
    ReadOn(core, resetting);
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
  core.With(name_space, target.workflow_id(), target.run_id(),
            [&core, resetting](absl::StatusOr<ExecutionPtr> found) {
              if (!found.ok()) return Fail(resetting, found.status());
              resetting->base = *found;
              if (IsRepeat(resetting, *found)) return AnswerRepeat(core, resetting, *found);
              UnlessRepeated(core, resetting, ReadBase);
            });
}

}  // namespace perdure::history
