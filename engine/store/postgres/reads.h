// The queries about runs and lists, each on one connection and blocking. Called on a pool's thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "store/postgres/connection.h"
#include "store/postgres/parameters.h"
#include "store/store.h"

namespace perdure::store::postgres {

absl::StatusOr<LoadedExecution> LoadExecution(Connection& connection,
                                              NamespaceNumber namespace_number,
                                              const WorkflowId& workflow_id,
                                              const std::optional<RunId>& run_id);
absl::StatusOr<std::vector<JournalEntry>> ReadJournal(Connection& connection,
                                                      const JournalRange& range);
absl::StatusOr<std::vector<DueExecution>> DueExecutions(Connection& connection,
                                                        const std::vector<ShardId>& shards,
                                                        DueCursor after, absl::Time until,
                                                        int64_t limit);
absl::StatusOr<std::optional<absl::Time>> EarliestWake(Connection& connection,
                                                       const std::vector<ShardId>& shards,
                                                       absl::Time after);
absl::StatusOr<std::vector<CurrentWorkflow>> CurrentWorkflows(Connection& connection,
                                                              ShardRange shards, ExecutionKey after,
                                                              int64_t limit);
absl::StatusOr<std::vector<DueExecution>> RunsOfNamespace(Connection& connection,
                                                          NamespaceNumber namespace_number,
                                                          int64_t limit);
Array ShardArray(const std::vector<ShardId>& shards);

// What List and Count run, apart from them so that tests can ask for its plan.
struct Select {
  std::string sql;
  Parameters parameters;
};
absl::StatusOr<Select> SelectOf(const ListQuery& list);
Select SelectOf(const CountQuery& count);
absl::StatusOr<ListPage> List(Connection& connection, const ListQuery& list);
absl::StatusOr<CountResult> Count(Connection& connection, const CountQuery& count);

}  // namespace perdure::store::postgres
