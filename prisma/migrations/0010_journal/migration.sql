-- Findings that come and go are one, and who wants to is told of findings.

-- The kinds of findings are listed in one CHECK, to which each migration adds its own.
DO $$
DECLARE
  checked record;
  kinds text;
BEGIN
  FOR checked IN SELECT conname, pg_get_constraintdef(oid) AS definition FROM pg_constraint WHERE conrelid = 'findings'::regclass AND contype = 'c' LOOP
    IF checked.definition LIKE '%unknown-artifact%' THEN
      SELECT string_agg(DISTINCT quote_literal(kind[1]), ', ') INTO kinds FROM regexp_matches(checked.definition, '''([a-z-]+)''', 'g') kind;
      EXECUTE format('ALTER TABLE findings DROP CONSTRAINT %I', checked.conname);
      EXECUTE format('ALTER TABLE findings ADD CONSTRAINT findings_kind_check CHECK (kind IN (%s, ''flapping''))', kinds);
    END IF;
  END LOOP;
END $$;
-- Whether findings of a target come and go: asked only when one of them opens again.
CREATE INDEX findings_ended ON findings (target_id, resolved_at) WHERE target_id IS NOT NULL AND resolved_at IS NOT NULL;
CREATE INDEX findings_flapping ON findings (target_id) WHERE kind = 'flapping' AND resolved_at IS NULL;
-- What is still open of one cause.
CREATE INDEX findings_cause ON findings (environment_id, service_name, kind) WHERE resolved_at IS NULL;

-- Of which causes (service, environment, kind) channels were told, and when: one message each, and not again for a while.
CREATE TABLE finding_notices (
  service_name text NOT NULL,
  environment_id uuid NOT NULL REFERENCES environments (id),
  kind text NOT NULL,
  state text NOT NULL CHECK (state IN ('open', 'resolved')),
  -- The instances of the last message.
  instances integer NOT NULL CHECK (instances >= 0),
  told_at timestamptz(3) NOT NULL,
  -- When a message about it being open was last sent: another one waits from then on.
  opened_told_at timestamptz(3) NOT NULL,
  PRIMARY KEY (service_name, environment_id, kind)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON finding_notices TO plumbline_app;

-- What happened at one place: its targets, those that are gone too, and the times in which their agents were silent.
CREATE INDEX targets_name ON targets (service_name, environment_id);
CREATE INDEX findings_scope ON findings (agent_scope_id, since) WHERE agent_scope_id IS NOT NULL;
