-- Perdure on SQLite. Times are microseconds since 1970, UTC. docs/formats.md says what the blobs hold.
-- Tables are WITHOUT ROWID: one B-tree each, in the order they are read.

-- One row a run. The row is the queue: wake_at_us is a lower bound of when somebody must look at it.
CREATE TABLE executions (
  shard_id INTEGER NOT NULL,
  number INTEGER NOT NULL,
  namespace_number INTEGER NOT NULL,
  workflow_id TEXT NOT NULL,
  run_id BLOB NOT NULL,
  is_current INTEGER NOT NULL,
  is_closed INTEGER NOT NULL DEFAULT 0,
  wake_at_us INTEGER,
  PRIMARY KEY (shard_id, number)
) WITHOUT ROWID;

-- Finds the current run (the key of zeros, which also keeps it unique) and any other one by its run id.
CREATE UNIQUE INDEX executions_workflow ON executions (
  shard_id, namespace_number, workflow_id,
  (CASE WHEN is_current THEN x'00000000000000000000000000000000' ELSE run_id END));

CREATE INDEX executions_wake ON executions (wake_at_us) WHERE wake_at_us IS NOT NULL;

CREATE TABLE journal (
  shard_id INTEGER NOT NULL,
  number INTEGER NOT NULL,
  sequence INTEGER NOT NULL,
  record BLOB NOT NULL,
  PRIMARY KEY (shard_id, number, sequence)
) WITHOUT ROWID;

-- Apart from executions, so that the hot rows stay small.
CREATE TABLE snapshots (
  shard_id INTEGER NOT NULL,
  number INTEGER NOT NULL,
  sequence INTEGER NOT NULL,
  state BLOB NOT NULL,
  PRIMARY KEY (shard_id, number)
) WITHOUT ROWID;

-- The list row of a run. `attributes` is a JSON object; each key carries its type: "s:Name" a string,
-- i: integer, d: double, b: boolean, t: time in microseconds, l: list of strings.
CREATE TABLE visibility (
  shard_id INTEGER NOT NULL,
  number INTEGER NOT NULL,
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
  memo BLOB,
  PRIMARY KEY (shard_id, number)
) WITHOUT ROWID;

CREATE INDEX visibility_order ON visibility (
  namespace_number, (coalesce(close_time_us, 9223372036854775807)) DESC, start_time_us DESC, run_id);
CREATE INDEX visibility_workflow ON visibility (namespace_number, workflow_id);
CREATE INDEX visibility_type ON visibility (
  namespace_number, workflow_type, (coalesce(close_time_us, 9223372036854775807)) DESC,
  start_time_us DESC, run_id);
CREATE TABLE namespaces (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL UNIQUE,
  data BLOB NOT NULL,
  version INTEGER NOT NULL
);

CREATE TABLE search_attributes (
  namespace_number INTEGER NOT NULL,
  name TEXT NOT NULL,
  type INTEGER NOT NULL,
  PRIMARY KEY (namespace_number, name)
) WITHOUT ROWID;

CREATE TABLE settings (
  key TEXT PRIMARY KEY,
  value TEXT NOT NULL
) WITHOUT ROWID;

-- One life of a server process. All that it commits checks is_fenced in the same transaction.
CREATE TABLE incarnations (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  node_name TEXT NOT NULL,
  address TEXT NOT NULL,
  heartbeat_at_us INTEGER NOT NULL,
  is_fenced INTEGER NOT NULL DEFAULT 0
);

-- last_number remembers the largest number of runs since erased.
CREATE TABLE shards (
  shard_id INTEGER PRIMARY KEY,
  owner INTEGER,
  last_number INTEGER NOT NULL DEFAULT 0
);
WITH RECURSIVE every(shard_id) AS (SELECT 0 UNION ALL SELECT shard_id + 1 FROM every WHERE shard_id < 1023)
INSERT INTO shards (shard_id) SELECT shard_id FROM every;
