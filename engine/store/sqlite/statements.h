// Every statement that the SQLite store runs, but for what the filter compiler writes.
#pragma once

#include "absl/strings/string_view.h"

namespace perdure::store::sqlite {

using Sql = const absl::string_view;

// Commits.
extern Sql kIncarnationIsFenced;
extern Sql kInsertExecution, kSetCurrent, kSetWakeAt, kSetIsClosed, kSetEnd, kExecutionExists;
extern Sql kLastSequence, kInsertJournal, kPutSnapshot, kInsertVisibility, kUpdateVisibility;
extern Sql kRaiseLastNumber, kEraseJournal, kEraseSnapshot, kEraseVisibility, kEraseExecution;

// Runs.
extern Sql kSelectCurrent, kSelectRun, kSelectSnapshot, kSelectTail;
extern Sql kJournalForward, kJournalBackward;
extern Sql kDueExecutions, kEarliestWake, kRunsOfNamespace, kCurrentWorkflows;

// Registry.
extern Sql kSelectNamespaces, kInsertNamespace, kUpdateNamespace, kNamespaceVersion,
    kDeleteNamespace, kDeleteNamespaceAttributes;
extern Sql kSelectAttributes, kSelectAttribute, kInsertAttribute, kDeleteAttribute, kAttributeUses;
extern Sql kSelectSetting, kInsertSetting;

// Ownership.
extern Sql kInsertIncarnation, kHeartbeat, kSelectIncarnations, kFence, kFenceAll, kForgetFenced;
extern Sql kClaimShards, kHandOver, kOwnedShards, kSelectShards;
extern Sql kPing;

}  // namespace perdure::store::sqlite
