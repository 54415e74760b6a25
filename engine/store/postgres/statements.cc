#include "store/postgres/statements.h"

#include <map>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace perdure::store::postgres {
namespace {

std::string WithoutArrays(absl::string_view sql) {
  constexpr absl::string_view kBegin = "unnest(";
  constexpr absl::string_view kEnd = "[])";
  std::string out;
  for (size_t at = sql.find(kBegin); at != absl::string_view::npos; at = sql.find(kBegin)) {
    absl::StrAppend(&out, sql.substr(0, at));
    sql.remove_prefix(at + kBegin.size());
    const size_t end = sql.find(kEnd);
    absl::StrAppend(&out, sql.substr(0, end));
    sql.remove_prefix(end + kEnd.size());
  }
  absl::StrAppend(&out, sql);
  return out;
}

// Stays where it was made: the statement points into it.
struct OneRow {
  explicit OneRow(const Statement& many)
      : name(absl::StrCat(many.name, "_one")), sql(WithoutArrays(many.sql)) {}
  OneRow(const OneRow&) = delete;

  const std::string name;
  const std::string sql;
  const Statement statement = {name.c_str(), sql.c_str()};
};

std::map<const Statement*, OneRow> MakeOneRows() {
  std::map<const Statement*, OneRow> made;
  for (const Statement* many :
       {&kInsertExecutions, &kUpdateExecutions, &kInsertJournal, &kPutSnapshots, &kPutVisibility}) {
    made.try_emplace(many, *many);
  }
  return made;
}

}  // namespace

// Arrays of a batch are unnested side by side in a SELECT list, which goes on from row to row. In a
// FROM the rows of each would be stored first.

// For batches that write other rows first than those which make the checks themselves (below).
// Holds the incarnation's row until the commit, so that fencing waits for it. No subquery here may
// be an EXISTS over a hot table: the planner may answer one by reading the table whole into a hash.
const Statement kBeginCommit = {
    "begin_commit",
    "WITH held AS MATERIALIZED ("
    "  SELECT id FROM incarnations WHERE id = $1::bigint AND NOT is_fenced FOR KEY SHARE)"
    " SELECT refuse_fenced($1::bigint) WHERE (SELECT id FROM held) IS NULL"
    " UNION ALL"
    " SELECT refuse_gap(c.shard_id, c.number, c.previous) FROM (SELECT"
    "  unnest($2::smallint[]) AS shard_id, unnest($3::bigint[]) AS number,"
    "  unnest($4::integer[]) AS previous) AS c"
    " WHERE CASE WHEN c.previous > 0 THEN"
    "  (SELECT j.number FROM journal j WHERE j.shard_id = c.shard_id AND j.number = c.number"
    "   AND j.sequence = c.previous)"
    " ELSE (SELECT e.number FROM executions e WHERE e.shard_id = c.shard_id"
    "   AND e.number = c.number) END IS NULL"};

const Statement kEraseRuns = {
    "erase_runs",
    "WITH gone AS (SELECT * FROM unnest($1::smallint[], $2::bigint[]) AS t (shard_id, number)),"
    " raised AS (UPDATE shards s SET last_number = g.number"
    "  FROM (SELECT shard_id, max(number) AS number FROM gone GROUP BY shard_id) g"
    "  WHERE s.shard_id = g.shard_id AND s.last_number < g.number AND NOT EXISTS ("
    "   SELECT 1 FROM executions e WHERE e.shard_id = g.shard_id AND e.number > g.number)"
    "  RETURNING 1),"
    " j AS (DELETE FROM journal t USING gone g"
    "  WHERE t.shard_id = g.shard_id AND t.number = g.number RETURNING 1),"
    " s AS (DELETE FROM snapshots t USING gone g"
    "  WHERE t.shard_id = g.shard_id AND t.number = g.number RETURNING 1),"
    " v AS (DELETE FROM visibility t USING gone g"
    "  WHERE t.shard_id = g.shard_id AND t.number = g.number RETURNING 1),"
    " e AS (DELETE FROM executions t USING gone g"
    "  WHERE t.shard_id = g.shard_id AND t.number = g.number RETURNING 1)"
    " SELECT (SELECT count(*) FROM raised) + (SELECT count(*) FROM j) + (SELECT count(*) FROM s)"
    " + (SELECT count(*) FROM v) + (SELECT count(*) FROM e)"};

// An unset flag (null) leaves its column; sets_wake tells null from unset.
const Statement kUpdateExecutions = {
    "update_executions",
    "UPDATE executions e SET"
    " wake_at_us = CASE WHEN t.sets_wake THEN t.wake_at_us ELSE e.wake_at_us END,"
    " is_closed = coalesce(t.is_closed, e.is_closed),"
    " is_current = coalesce(t.is_current, e.is_current)"
    " FROM (SELECT unnest($1::smallint[]) AS shard_id, unnest($2::bigint[]) AS number,"
    " unnest($3::boolean[]) AS sets_wake, unnest($4::bigint[]) AS wake_at_us,"
    " unnest($5::boolean[]) AS is_closed, unnest($6::boolean[]) AS is_current) AS t"
    " WHERE e.shard_id = t.shard_id AND e.number = t.number"};

// Runs that are created, and journals that go on, are most of what is committed: with these
// statements, of which either may be the first, they need no other one for their checks. Whoever is
// fenced is refused before a row is written.
#define PERDURE_UNLESS_FENCED                                                               \
  " WHERE CASE WHEN (SELECT i.id FROM incarnations i WHERE i.id = $1::bigint"               \
  "  AND NOT i.is_fenced FOR KEY SHARE) IS NULL THEN refuse_fenced($1::bigint) IS NOT NULL" \
  "  ELSE true END"
const Statement kInsertExecutions = {
    "insert_executions",
    "INSERT INTO executions (shard_id, number, namespace_number, workflow_id, run_id, is_current,"
    " is_closed, wake_at_us) SELECT unnest($2::smallint[]), unnest($3::bigint[]),"
    " unnest($4::integer[]), unnest($5::text[]), unnest($6::uuid[]), unnest($7::boolean[]),"
    " unnest($8::boolean[]), unnest($9::bigint[])" PERDURE_UNLESS_FENCED};

// `previous` is null where nothing needs to be before. A statement does not see what it writes, so
// what is checked is what was there before the batch.
const Statement kInsertJournal = {
    "insert_journal",
    "INSERT INTO journal (shard_id, number, sequence, record)"
    " SELECT c.shard_id, c.number, c.sequence, c.record FROM (SELECT"
    "  unnest($2::smallint[]) AS shard_id, unnest($3::bigint[]) AS number,"
    "  unnest($4::integer[]) AS sequence, unnest($5::bytea[]) AS record,"
    "  unnest($6::integer[]) AS previous" PERDURE_UNLESS_FENCED
    ") AS c"
    " WHERE CASE WHEN c.previous IS NULL THEN true"
    "  WHEN (SELECT j.number FROM journal j WHERE j.shard_id = c.shard_id AND j.number = c.number"
    "   AND j.sequence = c.previous) IS NULL"
    "   THEN refuse_gap(c.shard_id, c.number, c.previous) IS NOT NULL"
    "  ELSE true END"};

const Statement kPutSnapshots = {
    "put_snapshots",
    "INSERT INTO snapshots (shard_id, number, sequence, state) SELECT unnest($1::smallint[]),"
    " unnest($2::bigint[]), unnest($3::integer[]), unnest($4::bytea[])"
    " ON CONFLICT (shard_id, number) DO UPDATE SET sequence = excluded.sequence,"
    " state = excluded.state"};

// A root that is the run itself is '' where $18 says that all servers read it so.
const Statement kPutVisibility = {
    "put_visibility",
    "INSERT INTO visibility (shard_id, number, namespace_number, workflow_id, run_id, status,"
    " start_time_us, execution_time_us, close_time_us, history_length, history_size_bytes,"
    " state_transition_count, workflow_type, task_queue, parent_workflow_id, parent_run_id,"
    " root_workflow_id, root_run_id, attributes, memo)"
    " SELECT t.shard_id, t.number, e.namespace_number, e.workflow_id, e.run_id, t.status,"
    " t.start_time_us, t.execution_time_us, t.close_time_us, t.history_length,"
    " t.history_size_bytes, t.state_transition_count, t.workflow_type, t.task_queue,"
    " t.parent_workflow_id, t.parent_run_id,"
    " CASE WHEN $18::boolean AND t.root_workflow_id = e.workflow_id THEN ''"
    "  ELSE t.root_workflow_id END,"
    " CASE WHEN $18::boolean AND t.root_run_id = e.run_id::text THEN '' ELSE t.root_run_id END,"
    " t.attributes::jsonb, t.memo"
    " FROM (SELECT unnest($1::smallint[]) AS shard_id, unnest($2::bigint[]) AS number,"
    " unnest($3::smallint[]) AS status, unnest($4::bigint[]) AS start_time_us,"
    " unnest($5::bigint[]) AS execution_time_us, unnest($6::bigint[]) AS close_time_us,"
    " unnest($7::bigint[]) AS history_length, unnest($8::bigint[]) AS history_size_bytes,"
    " unnest($9::bigint[]) AS state_transition_count, unnest($10::text[]) AS workflow_type,"
    " unnest($11::text[]) AS task_queue, unnest($12::text[]) AS parent_workflow_id,"
    " unnest($13::text[]) AS parent_run_id, unnest($14::text[]) AS root_workflow_id,"
    " unnest($15::text[]) AS root_run_id, unnest($16::text[]) AS attributes,"
    " unnest($17::bytea[]) AS memo) AS t"
    " JOIN executions e ON e.shard_id = t.shard_id AND e.number = t.number"
    " ON CONFLICT (shard_id, number) DO UPDATE SET status = excluded.status,"
    " start_time_us = excluded.start_time_us, execution_time_us = excluded.execution_time_us,"
    " close_time_us = excluded.close_time_us, history_length = excluded.history_length,"
    " history_size_bytes = excluded.history_size_bytes,"
    " state_transition_count = excluded.state_transition_count,"
    " workflow_type = excluded.workflow_type, task_queue = excluded.task_queue,"
    " parent_workflow_id = excluded.parent_workflow_id, parent_run_id = excluded.parent_run_id,"
    " root_workflow_id = excluded.root_workflow_id, root_run_id = excluded.root_run_id,"
    " attributes = excluded.attributes, memo = excluded.memo"};

// Tables that are many times as large as when the database last counted their rows. What was never
// counted is taken for large enough.
const Statement kOutgrownTables = {
    "outgrown_tables",
    "SELECT c.relname::text FROM pg_class c WHERE c.oid IN ('executions'::regclass,"
    " 'journal'::regclass, 'snapshots'::regclass, 'visibility'::regclass)"
    " AND c.reltuples >= 0 AND pg_has_role(c.relowner, 'USAGE')"
    " AND pg_relation_size(c.oid) / current_setting('block_size')::integer"
    "  >= greatest(16, 8 * c.relpages)"};

// One statement, so that snapshot and tail belong together. The empty key finds the current run.
// OFFSET 0 keeps the snapshot's whole key: for a small table the planner might take the shard
// alone.
#define PERDURE_LOAD_COLUMNS                                                                 \
  "SELECT e.number, e.run_id, e.is_current, e.is_closed, e.wake_at_us, s.sequence, s.state," \
  " ARRAY(SELECT j.record FROM journal j WHERE j.shard_id = e.shard_id AND j.number ="       \
  " e.number AND j.sequence > coalesce(s.sequence, 0) ORDER BY j.sequence)"                  \
  " FROM executions e LEFT JOIN LATERAL (SELECT t.sequence, t.state FROM snapshots t"        \
  "  WHERE t.shard_id = e.shard_id AND t.number = e.number OFFSET 0) s ON true"              \
  " WHERE e.shard_id = $1::smallint AND e.namespace_number = $2::integer"                    \
  " AND e.workflow_id = $3::text AND (CASE WHEN e.is_current THEN"                           \
  " ''::bytea ELSE uuid_send(e.run_id) END)"
const Statement kLoadCurrent = {"load_current", PERDURE_LOAD_COLUMNS " = ''::bytea"};
const Statement kLoadRun = {"load_run", PERDURE_LOAD_COLUMNS
                            " IN (''::bytea, uuid_send($4::uuid)) AND e.run_id = $4::uuid"};

const Statement kJournalForward = {
    "journal_forward",
    "SELECT sequence, record FROM journal WHERE shard_id = $1::smallint AND number = $2::bigint"
    " AND sequence BETWEEN $3::integer AND $4::integer ORDER BY sequence LIMIT $5::bigint"};
const Statement kJournalBackward = {
    "journal_backward",
    "SELECT sequence, record FROM journal WHERE shard_id = $1::smallint AND number = $2::bigint"
    " AND sequence BETWEEN $3::integer AND $4::integer ORDER BY sequence DESC LIMIT $5::bigint"};
const Statement kDueExecutions = {
    "due_executions",
    "SELECT d.shard_id, d.number, d.namespace_number, d.workflow_id, d.run_id, d.is_closed,"
    " d.wake_at_us FROM unnest($1::smallint[]) AS asked (shard_id) CROSS JOIN LATERAL"
    " (SELECT * FROM executions e WHERE e.shard_id = asked.shard_id AND e.wake_at_us IS NOT NULL"
    "  AND e.wake_at_us <= $2::bigint AND e.wake_at_us >= $4::bigint"
    "  AND (e.wake_at_us, e.shard_id, e.number) > ($4::bigint, $5::integer, $6::bigint) ORDER BY "
    "e.wake_at_us, e.number LIMIT $3::bigint) d"
    " ORDER BY d.wake_at_us, d.shard_id, d.number LIMIT $3::bigint"};
const Statement kEarliestWake = {
    "earliest_wake",
    "SELECT min(d.wake_at_us) FROM unnest($1::smallint[]) AS asked (shard_id) CROSS JOIN LATERAL"
    " (SELECT e.wake_at_us FROM executions e WHERE e.shard_id = asked.shard_id"
    "  AND e.wake_at_us IS NOT NULL AND e.wake_at_us > $2::bigint ORDER BY e.wake_at_us LIMIT 1) "
    "d"};
const Statement kCurrentWorkflows = {
    "current_workflows",
    "SELECT shard_id, number, namespace_number, workflow_id FROM executions"
    " WHERE (shard_id, number) > ($1::integer, $2::bigint) AND is_current"
    " AND shard_id < $3::integer ORDER BY shard_id, number LIMIT $4::bigint"};
const Statement kRunsOfNamespace = {
    "runs_of_namespace",
    "SELECT shard_id, number, namespace_number, workflow_id, run_id, is_closed, wake_at_us"
    " FROM executions WHERE namespace_number = $1::integer LIMIT $2::bigint"};

const Statement kSelectNamespaces = {
    "select_namespaces", "SELECT number, id, name, data, version FROM namespaces ORDER BY number"};
const Statement kInsertNamespace = {
    "insert_namespace",
    "INSERT INTO namespaces (id, name, data, version) VALUES ($1::text, $2::text, $3::bytea, 1)"
    " ON CONFLICT DO NOTHING RETURNING number"};
const Statement kUpdateNamespace = {
    "update_namespace",
    "UPDATE namespaces SET name = $3::text, data = $4::bytea, version = version + 1"
    " WHERE number = $1::integer AND version = $2::bigint RETURNING id, version"};
const Statement kNamespaceExists = {"namespace_exists",
                                    "SELECT 1 FROM namespaces WHERE number = $1::integer"};
const Statement kDeleteNamespace = {
    "delete_namespace",
    "WITH a AS (DELETE FROM search_attributes WHERE namespace_number = $1::integer)"
    " DELETE FROM namespaces WHERE number = $1::integer"};

const Statement kSelectAttributes = {
    "select_attributes",
    "SELECT namespace_number, name, type FROM search_attributes ORDER BY namespace_number, name"};
const Statement kInsertAttribute = {
    "insert_attribute",
    "INSERT INTO search_attributes (namespace_number, name, type)"
    " VALUES ($1::integer, $2::text, $3::smallint) ON CONFLICT DO NOTHING"};
const Statement kAttributeType = {
    "attribute_type",
    "SELECT type FROM search_attributes WHERE namespace_number = $1::integer AND name = $2::text"};
const Statement kDeleteAttribute = {
    "delete_attribute",
    "DELETE FROM search_attributes WHERE namespace_number = $1::integer AND name = $2::text"
    " RETURNING type"};
const Statement kAttributeUses = {
    "attribute_uses",
    "SELECT count(*) FROM search_attributes WHERE name = $1::text AND type = $2::smallint"};
const Statement kTryIndexLock = {"try_index_lock", "SELECT pg_try_advisory_lock($1::bigint)"};
const Statement kIndexUnlock = {"index_unlock", "SELECT pg_advisory_unlock($1::bigint)"};
const Statement kIndexIsValid = {
    "index_is_valid",
    "SELECT i.indisvalid FROM pg_index i WHERE i.indexrelid = to_regclass($1::text)"};

const Statement kSelectSetting = {"select_setting",
                                  "SELECT value FROM settings WHERE key = $1::text"};
// The no-op update makes RETURNING show a row that was there before.
const Statement kPutSetting = {
    "put_setting",
    "INSERT INTO settings (key, value) VALUES ($1::text, $2::text)"
    " ON CONFLICT (key) DO UPDATE SET value = settings.value RETURNING value"};

const Statement kInsertIncarnation = {
    "insert_incarnation",
    "INSERT INTO incarnations (node_name, address, roles, row_format)"
    " VALUES ($1::text, $2::text, $3::integer, $4::integer) RETURNING id"};
const Statement kRaiseRowFormat = {"raise_row_format", "SELECT raise_row_format($1::integer)"};
// The sessions of an incarnation hold this lock as long as they live (1885696612 is "perd").
#define PERDURE_SESSIONS                                                                 \
  " FROM pg_locks WHERE locktype = 'advisory' AND classid = 1885696612 AND objsubid = 2" \
  " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
// What the session held before is another incarnation's, long over.
const Statement kAnnounce = {
    "announce",
    "SELECT pg_advisory_unlock_all(), pg_advisory_lock_shared(1885696612, $1::integer)"};
const Statement kEndSessions = {"end_sessions", "SELECT pg_terminate_backend(pid)" PERDURE_SESSIONS
                                                " AND objid::bigint = $1::integer"};
#define PERDURE_INCARNATION                                                                      \
  "i.id, i.node_name, i.address, i.roles,"                                                       \
  " (extract(epoch FROM clock_timestamp() - i.heartbeat_at) * 1000000)::bigint,"                 \
  " i.is_fenced, i.is_leaving," /* Nobody asks after the sessions of one that was just heard. */ \
  " CASE WHEN clock_timestamp() - i.heartbeat_at < interval '1500 ms' THEN true"                 \
  "  ELSE (i.id & 2147483647) IN (SELECT objid::bigint" PERDURE_SESSIONS ") END"
const Statement kHeartbeat = {
    "heartbeat",
    "WITH beat AS (UPDATE incarnations SET heartbeat_at = clock_timestamp(),"
    "  is_leaving = $2::boolean WHERE id = $1::bigint AND NOT is_fenced RETURNING id)"
    " SELECT " PERDURE_INCARNATION
    ", c.shards_version, c.registry_version,"
    " (SELECT count(*) FROM beat)::integer, c.row_format FROM cluster_state c LEFT JOIN "
    "incarnations i ON true"
    " ORDER BY i.id"};
const Statement kSelectIncarnations = {
    "select_incarnations", "SELECT " PERDURE_INCARNATION " FROM incarnations i ORDER BY i.id"};
const Statement kLockTimeout = {"lock_timeout",
                                "SELECT set_config('lock_timeout', $1::text, false)"};
const Statement kForgetFenced = {"forget_fenced",
                                 "DELETE FROM incarnations i WHERE is_fenced"
                                 " AND NOT EXISTS (SELECT 1 FROM shards s WHERE s.owner = i.id)"};
// FOR UPDATE waits for the KEY SHARE locks of commits in flight, which the update alone would not.
const Statement kFence = {
    "fence",
    "WITH held AS (SELECT id FROM incarnations WHERE id = $1::bigint FOR UPDATE)"
    " UPDATE incarnations i SET is_fenced = true FROM held WHERE i.id = held.id"};
const Statement kClaimShards = {
    "claim_shards",
    "UPDATE shards SET owner = $1::bigint WHERE shard_id = ANY($2::smallint[])"
    " AND (owner IS NULL OR owner IN (SELECT id FROM incarnations WHERE is_fenced))"
    " AND EXISTS (SELECT 1 FROM incarnations WHERE id = $1::bigint AND NOT is_fenced)"};
// The receiver's row is held, so that it cannot be fenced meanwhile.
const Statement kHandOver = {
    "hand_over",
    "WITH giver AS MATERIALIZED ("
    "  SELECT id FROM incarnations WHERE id = $1::bigint AND NOT is_fenced FOR KEY SHARE),"
    " taker AS MATERIALIZED (SELECT id FROM incarnations WHERE id = $2::bigint AND NOT is_fenced"
    "  AND NOT is_leaving FOR KEY SHARE),"
    " moved AS (UPDATE shards SET owner = $2::bigint WHERE shard_id = ANY($3::smallint[])"
    "  AND owner = $1::bigint AND EXISTS (SELECT 1 FROM giver) AND EXISTS (SELECT 1 FROM taker)"
    "  RETURNING shard_id)"
    " SELECT (SELECT count(*) FROM giver)::integer, (SELECT count(*) FROM taker)::integer,"
    " (SELECT count(*) FROM moved)::integer"};
const Statement kOwnedShards = {
    "owned_shards",
    "SELECT s.shard_id, s.owner, greatest(s.last_number, coalesce((SELECT max(e.number)"
    " FROM executions e WHERE e.shard_id = s.shard_id), 0)), i.is_fenced"
    " FROM incarnations i LEFT JOIN shards s ON s.owner = i.id WHERE i.id = $1::bigint"
    " ORDER BY s.shard_id"};
const Statement kSelectShards = {
    "select_shards",
    "SELECT shard_id, owner FROM shards WHERE owner IS NOT NULL ORDER BY shard_id"};
const Statement kPing = {"ping", "SELECT 1"};
const Statement kLineage = {
    "lineage",
    "SELECT s.system_identifier::text || '/' || left(pg_walfile_name(pg_current_wal_lsn()), 8)"
    " FROM pg_control_system() s WHERE NOT pg_is_in_recovery()"};
// A run that was erased since is not lost: its number was given out.
const Statement kLostRecords = {
    "lost_records",
    "SELECT a.shard_id, a.number, a.sequence"
    " FROM unnest($1::smallint[], $2::bigint[], $3::integer[]) AS a (shard_id, number, sequence)"
    " WHERE (SELECT j.number FROM journal j WHERE j.shard_id = a.shard_id AND j.number = a.number"
    "   AND j.sequence = a.sequence) IS NULL"
    " AND ((SELECT e.number FROM executions e WHERE e.shard_id = a.shard_id"
    "   AND e.number = a.number) IS NOT NULL"
    "  OR coalesce((SELECT s.last_number FROM shards s WHERE s.shard_id = a.shard_id), 0)"
    "   < a.number"
    "  AND coalesce((SELECT max(e.number) FROM executions e WHERE e.shard_id = a.shard_id), 0)"
    "   < a.number)"};

const Statement& ForOneRow(const Statement& many) {
  static const std::map<const Statement*, OneRow> made = MakeOneRows();
  return made.at(&many).statement;
}

const Statement* const kAllStatements[] = {&kBeginCommit,
                                           &kEraseRuns,
                                           &kUpdateExecutions,
                                           &kInsertExecutions,
                                           &kInsertJournal,
                                           &kPutSnapshots,
                                           &kPutVisibility,
                                           &kOutgrownTables,
                                           &kLoadCurrent,
                                           &kLoadRun,
                                           &kJournalForward,
                                           &kJournalBackward,
                                           &kDueExecutions,
                                           &kEarliestWake,
                                           &kRunsOfNamespace,
                                           &kCurrentWorkflows,
                                           &kSelectNamespaces,
                                           &kInsertNamespace,
                                           &kUpdateNamespace,
                                           &kNamespaceExists,
                                           &kDeleteNamespace,
                                           &kSelectAttributes,
                                           &kInsertAttribute,
                                           &kAttributeType,
                                           &kDeleteAttribute,
                                           &kAttributeUses,
                                           &kTryIndexLock,
                                           &kIndexUnlock,
                                           &kIndexIsValid,
                                           &kSelectSetting,
                                           &kPutSetting,
                                           &kInsertIncarnation,
                                           &kRaiseRowFormat,
                                           &kHeartbeat,
                                           &kAnnounce,
                                           &kEndSessions,
                                           &kSelectIncarnations,
                                           &kLockTimeout,
                                           &kForgetFenced,
                                           &kFence,
                                           &kClaimShards,
                                           &kHandOver,
                                           &kOwnedShards,
                                           &kSelectShards,
                                           &kPing,
                                           &kLineage,
                                           &kLostRecords};
const int kStatementCount = sizeof(kAllStatements) / sizeof(kAllStatements[0]);

}  // namespace perdure::store::postgres
