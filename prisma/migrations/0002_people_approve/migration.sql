-- On a protected environment an approval needs a person: a token that nobody stands behind is no second pair of eyes.
CREATE OR REPLACE FUNCTION approval_by_another_person() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.person_id <> (SELECT coalesce(a.person_id, a.id) FROM actors a WHERE a.id = NEW.actor_id) THEN
    RAISE EXCEPTION 'an approval counts for the person behind its actor' USING ERRCODE = 'integrity_constraint_violation';
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

-- Functions belong to everybody when they are made: the verifier reads, and makes no partitions.
REVOKE EXECUTE ON FUNCTION ensure_span_partition(timestamptz) FROM PUBLIC;
