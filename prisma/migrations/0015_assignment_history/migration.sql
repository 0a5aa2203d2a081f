-- What was assigned when: one row for each time that an assignment moved, whoever moved it.
CREATE TABLE assignment_history (
  service_id uuid NOT NULL REFERENCES services (id),
  environment_id uuid NOT NULL REFERENCES environments (id),
  partition name_text NOT NULL,
  -- NULL: nothing should run here from then on.
  release_id uuid REFERENCES releases (id),
  entry_seq bigint NOT NULL REFERENCES ledger_entries (seq),
  -- The entry's time.
  since timestamptz(3) NOT NULL,
  -- The partition was declared no more; what came of its targets is said of those that took them.
  removed boolean NOT NULL DEFAULT false,
  PRIMARY KEY (environment_id, service_id, partition, entry_seq)
);
CREATE INDEX assignment_history_since ON assignment_history (environment_id, since);

CREATE FUNCTION note_assignment() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO assignment_history (service_id, environment_id, partition, release_id, entry_seq, since, removed)
  SELECT NEW.service_id, NEW.environment_id, NEW.partition, NEW.release_id, l.seq, l.at, l.type = 'partitions-changed'
  FROM ledger_entries l WHERE l.seq = NEW.entry_seq ON CONFLICT DO NOTHING;
  RETURN NULL;
END $$;
CREATE TRIGGER assignments_history AFTER INSERT OR UPDATE OF release_id, entry_seq ON assignments FOR EACH ROW EXECUTE FUNCTION note_assignment();

-- What is known of before: the rollouts that moved an assignment, and what stands.
INSERT INTO assignment_history (service_id, environment_id, partition, release_id, entry_seq, since)
SELECT r.service_id, r.environment_id, r.partition, r.to_release_id, r.entry_seq, l.at FROM rollouts r JOIN ledger_entries l ON l.seq = r.entry_seq
WHERE r.kind IN ('promote', 'rollback', 'stop') ON CONFLICT DO NOTHING;
INSERT INTO assignment_history (service_id, environment_id, partition, release_id, entry_seq, since, removed)
SELECT a.service_id, a.environment_id, a.partition, a.release_id, a.entry_seq, l.at, l.type = 'partitions-changed' FROM assignments a JOIN ledger_entries l ON l.seq = a.entry_seq
ON CONFLICT DO NOTHING;

GRANT SELECT, INSERT ON assignment_history TO plumbline_app;
