-- The same rows and indexes, smaller.

-- Runs begin in the order of time. Where an index begins with the newest, each page is split in the middle and stays
-- half empty; where it ends with it, pages are left full. Lists read it backward. The run id, which only orders runs
-- of the same two times, is sorted when they are read.
DROP INDEX visibility_order;
CREATE INDEX visibility_order ON visibility (
  namespace_number, (coalesce(close_time_us, 9223372036854775807)), start_time_us);
DROP INDEX visibility_type;
CREATE INDEX visibility_type ON visibility (
  namespace_number, workflow_type, (coalesce(close_time_us, 9223372036854775807)), start_time_us, status)
  WHERE (attributes ? 's:TemporalNamespaceDivision') IS NOT TRUE;
DROP INDEX visibility_rare_status;
CREATE INDEX visibility_rare_status ON visibility (
  namespace_number, status, (coalesce(close_time_us, 9223372036854775807)), start_time_us)
  WHERE status NOT IN (1, 2, 6);

-- As before it finds the current run and any other by its run id, and keeps both unique; but the current one, which
-- most are, has a key of one byte and not of sixteen. A server of the version before finds a run by the first three
-- columns.
DROP INDEX executions_workflow;
CREATE UNIQUE INDEX executions_workflow ON executions (
  shard_id, namespace_number, workflow_id,
  (CASE WHEN is_current THEN ''::bytea ELSE uuid_send(run_id) END));

-- Nothing ever updates these rows in place: what changes is nearly always wake_at_us, which is in an index. The room
-- that was left for it in each page stayed empty.
ALTER TABLE executions SET (fillfactor = 100);
