// The runs of programs: core::Run behind the worker's view of it.
#pragma once

#include "worker-sdk/worker/worker_impl.h"

namespace perdure::worker {

// Runs of the registered workflows, with the program options that follow from the worker's. What it
// makes refers to the registry, which outlives it. `server_has_sdk_metadata`: a capability of the
// server (R36).
RunFactory MakeCoreRuns(const Host& host, const WorkerOptions& options,
                        const WorkflowRegistry& workflows, bool server_has_sdk_metadata);

}  // namespace perdure::worker
