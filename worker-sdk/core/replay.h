// Workflow code run against histories that are there already, without a server.
//
// Pure. For tests of changed code against what production recorded, and for the SDK's own tests.
#pragma once

#include <string>

#include "temporal/api/history/v1/message.pb.h"
#include "worker-sdk/core/run.h"

namespace perdure::core {

struct ReplayOptions {
  RunOptions run;
  // Of the run; empty: as its first event says.
  std::string workflow_id, run_id;
  // Also replays each part of the history that ends in a started workflow task, each as a run of
  // its own: what a worker does that meets the run there for the first time. Costs the square of
  // the history's length.
  bool at_every_task = false;
};

struct ReplayResult {
  bool ok = true;
  // Workflow code left its history. Otherwise a history that cannot be read, or code that failed
  // its task.
  bool is_nondeterminism = false;
  std::string message;
  std::int64_t last_event_id = 0;  // Of the part that failed, or of all of it.
};

// A history may end anywhere, also in the middle of a run. Code runs for its last task, too, where
// that is only started; what it commands there is compared with nothing.
ReplayResult ReplayHistory(temporal::api::history::v1::History history,
                           const ReplayOptions& options, const MakeProgram& make_program);

}  // namespace perdure::core
