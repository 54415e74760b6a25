-- Lists and counts find what they show in an index. Nearly all of them leave out the runs of namespace divisions
-- (schedules and the like, query/parser.cc), so the indexes hold only the others: a filter in the same words as the
-- predicate needs no look at the row. It is written with `?` since the planner takes an expression IS NULL for rare,
-- and would then sort a whole type rather than read it in order.

-- The status stands last: it is compared in the index, and counts by type and status read nothing else.
DROP INDEX visibility_type;
CREATE INDEX visibility_type ON visibility (
  namespace_number, workflow_type, (coalesce(close_time_us, 9223372036854775807)) DESC,
  start_time_us DESC, status) WHERE (attributes ? 's:TemporalNamespaceDivision') IS NOT TRUE;

-- For counts alone: equal keys share an entry, so that it takes seven bytes a run.
CREATE INDEX visibility_status ON visibility (namespace_number, status)
  WHERE (attributes ? 's:TemporalNamespaceDivision') IS NOT TRUE;

-- The runs that the two leave out, by division.
CREATE INDEX visibility_division ON visibility (
  namespace_number, ((attributes ->> 's:TemporalNamespaceDivision') COLLATE "C"))
  WHERE ((attributes ->> 's:TemporalNamespaceDivision') COLLATE "C") IS NOT NULL;
