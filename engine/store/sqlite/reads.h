// The queries about runs, each on one connection and blocking. Called on a worker's thread.
#pragma once

#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "store/sqlite/connection.h"
#include "store/store.h"

namespace perdure::store::sqlite {

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
// A JSON array of the numbers, for json_each.
std::string ShardList(const std::vector<ShardId>& shards);

absl::StatusOr<ListPage> List(Connection& connection, const ListQuery& query);
absl::StatusOr<CountResult> Count(Connection& connection, const CountQuery& query);

}  // namespace perdure::store::sqlite
