-- Rows in a form that servers before cannot read are written when none of those is left. Each life of a server says
-- up to which form it reads; the cluster's form is the highest that all who may still commit read. It never falls,
-- and a server that reads less cannot register any more. Form 1: as ever. Form 2: journal records are packed, and a
-- list row has '' for a root that is the run itself (docs/formats.md).
ALTER TABLE incarnations ADD COLUMN row_format integer NOT NULL DEFAULT 1;
ALTER TABLE cluster_state ADD COLUMN row_format integer NOT NULL DEFAULT 1;

-- The lock comes first, so that what is looked at next shows whoever registered before.
CREATE FUNCTION raise_row_format(format integer) RETURNS integer LANGUAGE plpgsql AS $$
BEGIN
  PERFORM 1 FROM cluster_state FOR UPDATE;
  UPDATE cluster_state SET row_format = format WHERE row_format < format
    AND NOT EXISTS (SELECT 1 FROM incarnations i WHERE NOT i.is_fenced AND i.row_format < format);
  RETURN (SELECT c.row_format FROM cluster_state c);
END $$;

CREATE FUNCTION refuse_old_reader() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM 1 FROM cluster_state FOR SHARE;
  IF NEW.row_format < (SELECT c.row_format FROM cluster_state c) THEN
    RAISE EXCEPTION 'the database has rows that only newer servers read';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER refuse_old_reader BEFORE INSERT ON incarnations
  FOR EACH ROW EXECUTE FUNCTION refuse_old_reader();
