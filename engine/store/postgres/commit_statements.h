// The statements that write a group of merged changes, in the order in which they must run.
#pragma once

#include <vector>

#include "base/ids.h"
#include "store/postgres/changes.h"
#include "store/postgres/connection.h"

namespace perdure::store::postgres {

// Fencing and checks first, then what frees (erased runs, former current ones), then what is new.
// Statements without rows are left out. `incarnations` are those of the group's batches, each once;
// `row_format` is the newest that all servers read.
std::vector<PipelinedStatement> CommitStatements(const std::vector<IncarnationId>& incarnations,
                                                 const std::vector<RunChange>& changes,
                                                 int64_t row_format);

}  // namespace perdure::store::postgres
