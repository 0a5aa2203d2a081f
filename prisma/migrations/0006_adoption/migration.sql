-- What ran before Plumbline came becomes releases, approvals and assignments by one decision.

-- One adoption per row: the entry names what it did, the numbers are its receipt.
CREATE TABLE adoptions (
  entry_seq bigint PRIMARY KEY REFERENCES ledger_entries (seq),
  actor_id uuid NOT NULL REFERENCES actors (id),
  services integer NOT NULL CHECK (services >= 0),
  releases integer NOT NULL CHECK (releases >= 0),
  places integer NOT NULL CHECK (places >= 1),
  instances integer NOT NULL CHECK (instances >= 0),
  left_out integer NOT NULL CHECK (left_out >= 0),
  created_at timestamptz(3) NOT NULL DEFAULT clock_timestamp()
);
GRANT SELECT, INSERT ON adoptions TO plumbline_app;

-- ---------------------------------------------------------------------------------------------
-- One entry registers many releases then. Older and newer are the order of registration, within an entry by ordinal.
ALTER TABLE releases
  DROP CONSTRAINT releases_entry_seq_key,
  ADD COLUMN ordinal integer NOT NULL DEFAULT 0 CHECK (ordinal BETWEEN 0 AND 65535),
  -- Nobody vouched for it: it ran, and was taken as it was.
  ADD COLUMN adopted boolean NOT NULL DEFAULT false,
  ADD CHECK (adopted OR ordinal = 0);
ALTER TABLE releases ADD COLUMN registered_order bigint NOT NULL GENERATED ALWAYS AS (entry_seq * 65536 + ordinal) STORED UNIQUE;

-- Hosts say of some digests only that they are the image's.
ALTER TABLE artifact_digests DROP CONSTRAINT artifact_digests_kind_check;
ALTER TABLE artifact_digests ADD CONSTRAINT artifact_digests_kind_check CHECK (kind IN ('index', 'manifest', 'config', 'file', 'unspecified'));

-- ---------------------------------------------------------------------------------------------
-- An adoption lets a release run where it runs. It is no second pair of eyes, and is never counted as one.
ALTER TABLE approvals ADD COLUMN adopted boolean NOT NULL DEFAULT false;
DROP INDEX approvals_one_per_person;
CREATE UNIQUE INDEX approvals_one_per_person ON approvals (release_id, environment_id, person_id) WHERE withdrawn_at IS NULL AND NOT adopted;
CREATE UNIQUE INDEX approvals_one_adoption ON approvals (release_id, environment_id) WHERE withdrawn_at IS NULL AND adopted;

CREATE OR REPLACE FUNCTION approval_by_another_person() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.person_id <> (SELECT coalesce(a.person_id, a.id) FROM actors a WHERE a.id = NEW.actor_id) THEN
    RAISE EXCEPTION 'an approval counts for the person behind its actor' USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  IF NEW.adopted THEN
    IF NOT EXISTS (SELECT FROM adoptions a WHERE a.entry_seq = NEW.entry_seq) THEN
      RAISE EXCEPTION 'only an adoption approves without four eyes' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
  END IF;
  IF EXISTS (SELECT FROM environments e WHERE e.id = NEW.environment_id AND e.protected) THEN
    IF (SELECT a.kind FROM actors a WHERE a.id = NEW.person_id) <> 'person' THEN
      RAISE EXCEPTION 'an approval needs a person' USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF EXISTS (SELECT FROM release_people p WHERE p.release_id = NEW.release_id AND p.person_id = NEW.person_id) THEN
      RAISE EXCEPTION 'who registered, wrote or triggered a release cannot approve it' USING ERRCODE = 'insufficient_privilege';
    END IF;
  END IF;
  RETURN NEW;
END $$;
