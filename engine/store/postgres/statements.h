// Every statement that the PostgreSQL store runs, but for what the filter compiler writes. Each is
// prepared under its name.
#pragma once

#include <cstdint>

#include "store/store.h"

namespace perdure::store::postgres {

struct Statement {
  const char* name;
  const char* sql;
};

// Commits: multi-row, one array a column, unnested as `unnest($1::bigint[])`.
extern const Statement kBeginCommit;
extern const Statement kEraseRuns, kUpdateExecutions, kInsertExecutions;
extern const Statement kInsertJournal, kPutSnapshots, kPutVisibility;
// The same for a single row, its values as they are. Of a commit of single rows PostgreSQL spends a
// tenth of its time on arrays.
const Statement& ForOneRow(const Statement& many);
extern const Statement kOutgrownTables;

// Runs.
extern const Statement kLoadCurrent, kLoadRun, kJournalForward, kJournalBackward;
extern const Statement kDueExecutions, kEarliestWake, kRunsOfNamespace, kCurrentWorkflows;

// Registry.
extern const Statement kSelectNamespaces, kInsertNamespace, kUpdateNamespace, kNamespaceExists,
    kDeleteNamespace;
extern const Statement kSelectAttributes, kInsertAttribute, kAttributeType, kDeleteAttribute,
    kAttributeUses, kTryIndexLock, kIndexUnlock, kIndexIsValid;
extern const Statement kSelectSetting, kPutSetting;

// Ownership.
extern const Statement kInsertIncarnation, kHeartbeat, kSelectIncarnations, kFence;
extern const Statement kAnnounce, kEndSessions, kLockTimeout, kForgetFenced;
extern const Statement kRaiseRowFormat;
extern const Statement kClaimShards, kHandOver, kOwnedShards, kSelectShards, kPing;
extern const Statement kLineage, kLostRecords;

// How rows are written; migrations/postgres/0007_row_format.sql says what each is.
constexpr int64_t kRowFormatFirst = 1;
constexpr int64_t kRowFormatPacked = 2;  // the newest

// The key of the lock that an incarnation's sessions hold.
inline int32_t SessionKey(IncarnationId incarnation) {
  return static_cast<int32_t>(incarnation.value() & INT32_MAX);
}

// All of them, for the test that prepares each on a fresh schema.
extern const Statement* const kAllStatements[];
extern const int kStatementCount;

}  // namespace perdure::store::postgres
