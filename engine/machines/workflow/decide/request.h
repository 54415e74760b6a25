// Decisions about requests of clients: start, signal, cancel, terminate, update, pause, options.
#pragma once

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "machines/workflow/decision.h"
#include "machines/workflow/draft.h"
#include "machines/workflow/run.h"
#include "temporal/api/workflowservice/v1/request_response.pb.h"

namespace perdure::machines {

namespace api = temporal::api::workflowservice::v1;

// --- Start
// ------------------------------------------------------------------------------------------------
struct StartDecision {
  Decision current;               // what happens to the run that is current
  std::optional<NewRun> created;  // the new run
  std::string run_id;             // of the run the answer names
  bool started = false;
  bool is_repeat = false;  // the request id was known
  bool is_eager = false;   // the first workflow task goes out with the answer
  enums::WorkflowExecutionStatus status = enums::WORKFLOW_EXECUTION_STATUS_RUNNING;
};

// `current` is null if the workflow id has no run. `start.run_id` is the new run's, if there is to
// be one. `first_backoff` of the request (cron, delay) is computed here.
absl::StatusOr<StartDecision> DecideStart(const State* current,
                                          const api::StartWorkflowExecutionRequest& request,
                                          const std::string& new_run_id, const Context& context);
absl::StatusOr<StartDecision> DecideSignalWithStart(
    const State* current, const api::SignalWithStartWorkflowExecutionRequest& request,
    const std::string& new_run_id, const Context& context);

// A start with everything the request says.
RunStart RunStartOf(const api::StartWorkflowExecutionRequest& request, const std::string& run_id,
                    const Context& context);

// The common part of all starts: what the id policies say of the current run. `request_id` known: a
// repeat.
struct IdPolicy {
  enums::WorkflowIdReusePolicy reuse = enums::WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE;
  enums::WorkflowIdConflictPolicy conflict = enums::WORKFLOW_ID_CONFLICT_POLICY_FAIL;
};
enum class IdAnswer { kStart, kUseExisting, kTerminateExisting };
absl::StatusOr<IdAnswer> ApplyIdPolicy(const State& current, const IdPolicy& policy,
                                       const Context& context);
// How Temporal terminates a run that a new one replaces.
void TerminateForNewRun(Draft& draft, const std::string& new_run_id);

// --- Requests to a run
// ------------------------------------------------------------------------------------
absl::StatusOr<Decision> DecideSignal(const State& state,
                                      const api::SignalWorkflowExecutionRequest& request,
                                      const Context& context);
absl::StatusOr<Decision> DecideRequestCancel(
    const State& state, const api::RequestCancelWorkflowExecutionRequest& request,
    const Context& context);
absl::StatusOr<Decision> DecideTerminate(const State& state,
                                         const api::TerminateWorkflowExecutionRequest& request,
                                         const Context& context);
absl::StatusOr<Decision> DecidePause(const State& state,
                                     const api::PauseWorkflowExecutionRequest& request,
                                     const Context& context);
absl::StatusOr<Decision> DecideUnpause(const State& state,
                                       const api::UnpauseWorkflowExecutionRequest& request,
                                       const Context& context);
absl::StatusOr<Decision> DecideOptions(const State& state,
                                       const api::UpdateWorkflowExecutionOptionsRequest& request,
                                       const Context& context);

// Takes an update in. OK with an empty decision if its id is known: its fate is followed from the
// state.
absl::StatusOr<Decision> DecideUpdate(const State& state,
                                      const temporal::api::update::v1::Request& request,
                                      const Context& context);

}  // namespace perdure::machines
