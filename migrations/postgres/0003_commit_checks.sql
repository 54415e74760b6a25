-- The same check as before, so written that every plan finds the rows by key. EXISTS lets the planner read a
-- whole table into a hash instead, which it does as long as it takes the tables for small: a commit then costs
-- what the journal holds.
CREATE OR REPLACE FUNCTION begin_commit(incarnation bigint, shard_ids smallint[], numbers bigint[],
                                        previous_sequences integer[]) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  missing record;
BEGIN
  PERFORM 1 FROM incarnations WHERE id = incarnation AND NOT is_fenced FOR KEY SHARE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'incarnation % is fenced', incarnation USING ERRCODE = 'PD001';
  END IF;
  IF cardinality(numbers) > 0 THEN
    SELECT c.shard_id, c.number, c.previous INTO missing
    FROM unnest(shard_ids, numbers, previous_sequences) AS c (shard_id, number, previous)
    WHERE CASE
      WHEN c.previous > 0 THEN (
        SELECT j.number FROM journal j
        WHERE j.shard_id = c.shard_id AND j.number = c.number AND j.sequence = c.previous)
      ELSE (
        SELECT e.number FROM executions e WHERE e.shard_id = c.shard_id AND e.number = c.number)
      END IS NULL
    LIMIT 1;
    IF FOUND THEN
      RAISE EXCEPTION 'run % of shard % does not exist or its journal has no sequence %',
        missing.number, missing.shard_id, missing.previous USING ERRCODE = 'PD002';
    END IF;
  END IF;
END
$$;

-- A server of this version or later checks in the statement itself, without a function's costs, and calls one of
-- these when the commit must not be. begin_commit stays for servers of the version before, which may still run.
CREATE FUNCTION refuse_fenced(incarnation bigint) RETURNS bigint
LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'incarnation % is fenced', incarnation USING ERRCODE = 'PD001';
END
$$;

CREATE FUNCTION refuse_gap(shard smallint, run bigint, previous integer) RETURNS bigint
LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'run % of shard % does not exist or its journal has no sequence %', run, shard, previous
    USING ERRCODE = 'PD002';
END
$$;
