-- Several nodes at once: what each one does, whether it is about to stop, and numbers that rise whenever a shard
-- changes its owner or the registry changes, so that one statement a second tells a node all that is new.
ALTER TABLE incarnations ADD COLUMN roles integer NOT NULL DEFAULT 7;
ALTER TABLE incarnations ADD COLUMN is_leaving boolean NOT NULL DEFAULT false;

CREATE TABLE cluster_state (
  only boolean PRIMARY KEY DEFAULT true CHECK (only),
  shards_version bigint NOT NULL DEFAULT 1,
  registry_version bigint NOT NULL DEFAULT 1
) WITH (fillfactor = 50);
INSERT INTO cluster_state DEFAULT VALUES;

CREATE FUNCTION shards_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE cluster_state SET shards_version = shards_version + 1;
  RETURN NULL;
END $$;
CREATE FUNCTION registry_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE cluster_state SET registry_version = registry_version + 1;
  RETURN NULL;
END $$;
CREATE TRIGGER shards_changed AFTER UPDATE OF owner ON shards
  FOR EACH STATEMENT EXECUTE FUNCTION shards_changed();
CREATE TRIGGER registry_changed AFTER INSERT OR UPDATE OR DELETE ON namespaces
  FOR EACH STATEMENT EXECUTE FUNCTION registry_changed();
CREATE TRIGGER registry_changed AFTER INSERT OR UPDATE OR DELETE ON search_attributes
  FOR EACH STATEMENT EXECUTE FUNCTION registry_changed();
