// Reset: a new run that repeats a run's history up to one of its workflow tasks, and takes on what
// came from outside after it.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "machines/workflow/decision.h"
#include "temporal/api/workflowservice/v1/request_response.pb.h"

namespace perdure::machines {

struct ResetInput {
  const temporal::api::workflowservice::v1::ResetWorkflowExecutionRequest* request = nullptr;
  // The run to repeat: its whole history, its end by this reset included, and the chain's events
  // after it (of the runs that followed).
  const State* base = nullptr;
  // The current run if it is open, as it is before it ends for this; else null.
  const State* ended = nullptr;
  std::vector<HistoryEvent> base_events;
  std::vector<HistoryEvent> later_events;
  // By which they know a signal that comes again.
  std::set<std::string> signal_request_ids;
  std::string new_run_id;
};

struct ResetDecision {
  // Of the base run: it learns that it was reset.
  Decision base;
  NewRun created;
};

// Ends `input.ended`. Of the rest, only the request, the base run and its events are needed.
Decision DecideTerminateForReset(const ResetInput& input, const Context& context);

absl::StatusOr<ResetDecision> DecideReset(const ResetInput& input, const Context& context);

}  // namespace perdure::machines
