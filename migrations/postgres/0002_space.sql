-- Rows come and go for ever, so what a deleted run leaves must be used again soon. By default a fifth of a
-- table may be dead before anybody sweeps it; here a fiftieth, and no less than some thousands of rows, so
-- that an idle database is left alone.
ALTER TABLE executions SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 2000);
ALTER TABLE journal SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 5000);
ALTER TABLE snapshots SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 2000);
ALTER TABLE visibility SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 2000);
-- A row a server, written every second.
ALTER TABLE incarnations SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);
ALTER TABLE shards SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);
