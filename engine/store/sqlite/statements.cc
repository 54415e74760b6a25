#include "store/sqlite/statements.h"

namespace perdure::store::sqlite {

Sql kIncarnationIsFenced = "SELECT is_fenced, is_leaving FROM incarnations WHERE id = ?1";

Sql kInsertExecution =
    "INSERT INTO executions (key, namespace_number, workflow_id, run_id, is_current, is_closed,"
    " wake_at_us) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
Sql kSetCurrent = "UPDATE executions SET is_current = ?2 WHERE key = ?1";
Sql kSetWakeAt = "UPDATE executions SET wake_at_us = ?2 WHERE key = ?1";
Sql kSetIsClosed = "UPDATE executions SET is_closed = ?2 WHERE key = ?1";
Sql kSetEnd = "UPDATE executions SET is_closed = ?2, wake_at_us = ?3 WHERE key = ?1";
Sql kExecutionExists = "SELECT 1 FROM executions WHERE key = ?1";
Sql kLastSequence = "SELECT sequence FROM journal WHERE key = ?1 ORDER BY sequence DESC LIMIT 1";
Sql kInsertJournal = "INSERT INTO journal (key, sequence, record) VALUES (?1, ?2, ?3)";
Sql kPutSnapshot =
    "INSERT INTO snapshots (key, sequence, state) VALUES (?1, ?2, ?3)"
    " ON CONFLICT DO UPDATE SET sequence = excluded.sequence, state = excluded.state";
Sql kInsertVisibility =
    "INSERT INTO visibility (key, namespace_number, workflow_id, run_id, status,"
    " start_time_us, execution_time_us, close_time_us, history_length, history_size_bytes,"
    " state_transition_count, workflow_type, task_queue, parent_workflow_id, parent_run_id,"
    " root_workflow_id, root_run_id, attributes, memo)"
    " SELECT key, namespace_number, workflow_id, run_id, ?2, ?3, ?4, ?5, ?6, ?7, ?8,"
    " ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16 FROM executions WHERE key = ?1";
// Apart from inserting: for a statement that may do either SQLite keeps a copy of each page it
// touches, to take it back alone.
Sql kUpdateVisibility =
    "UPDATE visibility SET status = ?2, start_time_us = ?3, execution_time_us = ?4,"
    " close_time_us = ?5, history_length = ?6, history_size_bytes = ?7,"
    " state_transition_count = ?8, workflow_type = ?9, task_queue = ?10,"
    " parent_workflow_id = ?11, parent_run_id = ?12, root_workflow_id = ?13, root_run_id = ?14,"
    " attributes = ?15, memo = ?16 WHERE key = ?1";
// Keys rise with numbers: nothing is lost with a run unless it is the last of all.
Sql kRaiseLastNumber =
    "UPDATE shards SET last_number = ?1 / 1024 WHERE shard_id = ?1 % 1024"
    " AND last_number < ?1 / 1024 AND NOT EXISTS (SELECT 1 FROM executions WHERE key > ?1)";
Sql kEraseJournal = "DELETE FROM journal WHERE key = ?1";
Sql kEraseSnapshot = "DELETE FROM snapshots WHERE key = ?1";
Sql kEraseVisibility = "DELETE FROM visibility WHERE key = ?1";
Sql kEraseExecution = "DELETE FROM executions WHERE key = ?1";

// The index executions_workflow keys a current run by zeros and any other by its run id.
Sql kSelectCurrent =
    "SELECT key, run_id, is_current, is_closed, wake_at_us FROM executions"
    " WHERE namespace_number = ?1 AND workflow_id = ?2 AND"
    " (CASE WHEN is_current THEN x'00000000000000000000000000000000' ELSE run_id END)"
    " = x'00000000000000000000000000000000'";
// The + keeps ?3 from being put into the CASE, which would no longer be the index's own expression.
Sql kSelectRun =
    "SELECT key, run_id, is_current, is_closed, wake_at_us"
    " FROM executions INDEXED BY executions_workflow"
    " WHERE namespace_number = ?1 AND workflow_id = ?2 AND +run_id = ?3 AND"
    " (CASE WHEN is_current THEN x'00000000000000000000000000000000' ELSE run_id END)"
    " IN (x'00000000000000000000000000000000', ?3)";
Sql kSelectSnapshot = "SELECT sequence, state FROM snapshots WHERE key = ?1";
Sql kSelectTail =
    "SELECT sequence, record FROM journal WHERE key = ?1 AND sequence > ?2 ORDER BY sequence";
Sql kJournalForward =
    "SELECT sequence, record FROM journal WHERE key = ?1"
    " AND sequence BETWEEN ?2 AND ?3 ORDER BY sequence LIMIT ?4";
Sql kJournalBackward =
    "SELECT sequence, record FROM journal WHERE key = ?1"
    " AND sequence BETWEEN ?2 AND ?3 ORDER BY sequence DESC LIMIT ?4";
// One server owns every shard of a SQLite file: those that are not asked for are passed over. In
// two parts, each a range of the index: a page from among many runs of one time does not pass those
// before it.
Sql kDueExecutions =
    "SELECT * FROM (SELECT key, namespace_number, workflow_id, run_id, is_closed, wake_at_us"
    "  FROM executions WHERE wake_at_us = ?4 AND key > ?5 AND wake_at_us <= ?2"
    " UNION ALL SELECT key, namespace_number, workflow_id, run_id, is_closed, wake_at_us"
    "  FROM executions WHERE wake_at_us > ?4 AND wake_at_us <= ?2)"
    " WHERE key % 1024 IN (SELECT value FROM json_each(?1)) ORDER BY wake_at_us, key LIMIT ?3";
Sql kEarliestWake =
    "SELECT wake_at_us FROM executions WHERE wake_at_us > ?2"
    " AND key % 1024 IN (SELECT value FROM json_each(?1)) ORDER BY wake_at_us LIMIT 1";
Sql kCurrentWorkflows =
    "SELECT key, namespace_number, workflow_id FROM executions"
    " WHERE key > ?1 AND is_current AND key % 1024 >= ?2 AND key % 1024 < ?3"
    " ORDER BY key LIMIT ?4";
Sql kRunsOfNamespace =
    "SELECT key, namespace_number, workflow_id, run_id, is_closed, wake_at_us"
    " FROM executions WHERE namespace_number = ?1 LIMIT ?2";

Sql kSelectNamespaces = "SELECT number, id, name, data, version FROM namespaces ORDER BY number";
Sql kInsertNamespace =
    "INSERT INTO namespaces (id, name, data, version) VALUES (?1, ?2, ?3, 1)"
    " ON CONFLICT DO NOTHING";
Sql kUpdateNamespace =
    "UPDATE namespaces SET name = ?3, data = ?4, version = version + 1"
    " WHERE number = ?1 AND version = ?2";
Sql kNamespaceVersion = "SELECT id, version FROM namespaces WHERE number = ?1";
Sql kDeleteNamespace = "DELETE FROM namespaces WHERE number = ?1";
Sql kDeleteNamespaceAttributes = "DELETE FROM search_attributes WHERE namespace_number = ?1";
Sql kSelectAttributes =
    "SELECT namespace_number, name, type FROM search_attributes ORDER BY namespace_number, name";
Sql kSelectAttribute =
    "SELECT type FROM search_attributes WHERE namespace_number = ?1 AND name = ?2";
Sql kInsertAttribute =
    "INSERT INTO search_attributes (namespace_number, name, type) VALUES (?1, ?2, ?3)";
Sql kDeleteAttribute = "DELETE FROM search_attributes WHERE namespace_number = ?1 AND name = ?2";
Sql kAttributeUses = "SELECT count(*) FROM search_attributes WHERE name = ?1 AND type = ?2";
Sql kSelectSetting = "SELECT value FROM settings WHERE key = ?1";
Sql kInsertSetting = "INSERT INTO settings (key, value) VALUES (?1, ?2) ON CONFLICT DO NOTHING";

Sql kInsertIncarnation =
    "INSERT INTO incarnations (node_name, address, heartbeat_at_us, roles) VALUES (?1, ?2, ?3, ?4)";
Sql kHeartbeat =
    "UPDATE incarnations SET heartbeat_at_us = ?2, is_leaving = ?3"
    " WHERE id = ?1 AND NOT is_fenced";
Sql kSelectIncarnations =
    "SELECT id, node_name, address, heartbeat_at_us, is_fenced, roles, is_leaving FROM incarnations"
    " ORDER BY id";
Sql kFence = "UPDATE incarnations SET is_fenced = 1 WHERE id = ?1";
Sql kFenceAll = "UPDATE incarnations SET is_fenced = 1 WHERE NOT is_fenced";
Sql kForgetFenced =
    "DELETE FROM incarnations WHERE is_fenced"
    " AND id NOT IN (SELECT owner FROM shards WHERE owner IS NOT NULL)";
Sql kClaimShards =
    "UPDATE shards SET owner = ?1 WHERE shard_id IN (SELECT value FROM json_each(?2))"
    " AND (owner IS NULL OR owner IN (SELECT id FROM incarnations WHERE is_fenced))";
Sql kHandOver =
    "UPDATE shards SET owner = ?2 WHERE owner = ?1"
    " AND shard_id IN (SELECT value FROM json_each(?3))";
// The largest number of all shards serves for each.
Sql kOwnedShards =
    "SELECT shard_id, owner, max((SELECT max(last_number) FROM shards),"
    " coalesce((SELECT max(key) FROM executions), 0) / 1024)"
    " FROM shards WHERE owner = ?1 ORDER BY shard_id";
Sql kSelectShards = "SELECT shard_id, owner FROM shards WHERE owner IS NOT NULL ORDER BY shard_id";
Sql kPing = "SELECT 1";

}  // namespace perdure::store::sqlite
