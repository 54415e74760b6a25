-- What a node does, and whether it is about to stop: as on PostgreSQL, though here one is alone.
ALTER TABLE incarnations ADD COLUMN roles INTEGER NOT NULL DEFAULT 7;
ALTER TABLE incarnations ADD COLUMN is_leaving INTEGER NOT NULL DEFAULT 0;
