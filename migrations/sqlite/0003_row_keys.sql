-- key = number * 1024 + shard_id: rows of one time lie together, and a new run's come last. Before, its shard
-- decided where they went, and each of them took a page of its own through the log.
-- The journal stays WITHOUT ROWID, for it is read by key and sequence; the others are ordinary tables, which are
-- cheapest to append to. Each old table goes before the next one is copied, which then takes its pages.
-- Indexes of search attributes are made again by the server.

ALTER TABLE executions RENAME TO old_executions;
DROP INDEX executions_workflow;
DROP INDEX executions_wake;

CREATE TABLE executions (
  key INTEGER PRIMARY KEY,
  namespace_number INTEGER NOT NULL,
  workflow_id TEXT NOT NULL,
  run_id BLOB NOT NULL,
  is_current INTEGER NOT NULL,
  is_closed INTEGER NOT NULL DEFAULT 0,
  wake_at_us INTEGER
);

-- Only numbers are sorted, which is done in memory. Without the LIMIT SQLite would forget their order.
INSERT INTO executions (key, namespace_number, workflow_id, run_id, is_current, is_closed, wake_at_us)
SELECT o.number * 1024 + o.shard_id, namespace_number, workflow_id, run_id, is_current, is_closed, wake_at_us
FROM (SELECT shard_id, number FROM old_executions ORDER BY number, shard_id LIMIT -1) o
CROSS JOIN old_executions e ON e.shard_id = o.shard_id AND e.number = o.number;

DROP TABLE old_executions;

-- Finds the current run (the key of zeros, which also keeps it unique) and any other one by its run id.
CREATE UNIQUE INDEX executions_workflow ON executions (
  namespace_number, workflow_id,
  (CASE WHEN is_current THEN x'00000000000000000000000000000000' ELSE run_id END));

CREATE INDEX executions_wake ON executions (wake_at_us) WHERE wake_at_us IS NOT NULL;

ALTER TABLE snapshots RENAME TO old_snapshots;

CREATE TABLE snapshots (
  key INTEGER PRIMARY KEY,
  sequence INTEGER NOT NULL,
  state BLOB NOT NULL
);

INSERT INTO snapshots (key, sequence, state)
SELECT e.key, sequence, state FROM executions e
CROSS JOIN old_snapshots o ON o.shard_id = e.key % 1024 AND o.number = e.key / 1024 ORDER BY e.key;

DROP TABLE old_snapshots;

ALTER TABLE visibility RENAME TO old_visibility;
DROP INDEX visibility_order;
DROP INDEX visibility_workflow;
DROP INDEX visibility_type;

CREATE TABLE visibility (
  key INTEGER PRIMARY KEY,
  namespace_number INTEGER NOT NULL,
  status INTEGER NOT NULL,
  start_time_us INTEGER NOT NULL,
  execution_time_us INTEGER NOT NULL,
  close_time_us INTEGER,
  history_length INTEGER,
  history_size_bytes INTEGER,
  state_transition_count INTEGER,
  run_id BLOB NOT NULL,
  workflow_id TEXT NOT NULL,
  workflow_type TEXT NOT NULL,
  task_queue TEXT NOT NULL,
  parent_workflow_id TEXT,
  parent_run_id TEXT,
  root_workflow_id TEXT,
  root_run_id TEXT,
  attributes TEXT,
  memo BLOB
);

INSERT INTO visibility (key, namespace_number, status, start_time_us, execution_time_us, close_time_us, history_length,
  history_size_bytes, state_transition_count, run_id, workflow_id, workflow_type, task_queue, parent_workflow_id,
  parent_run_id, root_workflow_id, root_run_id, attributes, memo)
SELECT e.key, o.namespace_number, status, start_time_us, execution_time_us, close_time_us, history_length,
  history_size_bytes, state_transition_count, o.run_id, o.workflow_id, workflow_type, task_queue, parent_workflow_id,
  parent_run_id, root_workflow_id, root_run_id, attributes, memo FROM executions e
CROSS JOIN old_visibility o ON o.shard_id = e.key % 1024 AND o.number = e.key / 1024 ORDER BY e.key;

DROP TABLE old_visibility;

-- Lists and counts nearly always leave out the runs of namespace divisions (query/parser.cc): these two hold only the
-- others, so that a filter in the words of the predicate needs no look at the row. They end with the newest, where runs
-- begin, and lists read them backward. The status is there for counts. By workflow id, executions_workflow finds the keys.
CREATE INDEX visibility_order ON visibility (
  namespace_number, (coalesce(close_time_us, 9223372036854775807)), start_time_us, status)
  WHERE (json_extract(attributes, '$."s:TemporalNamespaceDivision"') IS NULL);
CREATE INDEX visibility_type ON visibility (
  namespace_number, workflow_type, (coalesce(close_time_us, 9223372036854775807)), start_time_us, status)
  WHERE (json_extract(attributes, '$."s:TemporalNamespaceDivision"') IS NULL);
CREATE INDEX visibility_division ON visibility (
  namespace_number, (json_extract(attributes, '$."s:TemporalNamespaceDivision"')))
  WHERE (json_extract(attributes, '$."s:TemporalNamespaceDivision"') IS NOT NULL);

ALTER TABLE journal RENAME TO old_journal;

CREATE TABLE journal (
  key INTEGER NOT NULL,
  sequence INTEGER NOT NULL,
  record BLOB NOT NULL,
  PRIMARY KEY (key, sequence)
) WITHOUT ROWID;

INSERT INTO journal (key, sequence, record)
SELECT e.key, sequence, record FROM executions e
CROSS JOIN old_journal o ON o.shard_id = e.key % 1024 AND o.number = e.key / 1024 ORDER BY e.key, sequence;

DROP TABLE old_journal;
