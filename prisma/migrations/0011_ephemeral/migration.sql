-- Fleets that come and go: pools with a minimum, preview environments that are made by a rule, runs that are over soon.

-- ---------------------------------------------------------------------------------------------
-- Pools.
ALTER TABLE pools
  ADD COLUMN min_agents integer CHECK (min_agents > 0),
  -- Since when fewer than the minimum report; a job keeps it.
  ADD COLUMN short_since timestamptz(3),
  ADD CHECK (min_agents <= max_agents);
-- Of an ephemeral pool nearly all agents that ever were are gone.
CREATE INDEX agents_alive ON agents (pool_id, machine_id) WHERE retired_at IS NULL;
CREATE INDEX agents_retired ON agents (retired_at) WHERE retired_at IS NOT NULL;
CREATE INDEX targets_present ON targets (environment_id) WHERE gone_at IS NULL;

-- A finding may be about a pool. Adds to the kinds that there are, whichever those are.
ALTER TABLE findings ADD COLUMN pool_id uuid REFERENCES pools (id);
DO $$
DECLARE
  checked record;
  kinds text;
BEGIN
  FOR checked IN SELECT conname, pg_get_constraintdef(oid) AS definition FROM pg_constraint WHERE conrelid = 'findings'::regclass AND contype = 'c' LOOP
    IF checked.definition LIKE '%''duplicate-agent''%' THEN
      SELECT string_agg(quote_literal(m[1]), ', ') INTO kinds FROM regexp_matches(checked.definition, '''([a-z-]+)''', 'g') m;
      EXECUTE format('ALTER TABLE findings DROP CONSTRAINT %I', checked.conname);
      EXECUTE format('ALTER TABLE findings ADD CONSTRAINT findings_kind_check CHECK (kind IN (%s, ''pool-shrunk'', ''pool-below-minimum''))', kinds);
    ELSIF checked.definition LIKE '%num_nonnulls(%rollout_id%' THEN
      EXECUTE format('ALTER TABLE findings DROP CONSTRAINT %I', checked.conname);
      EXECUTE format('ALTER TABLE findings ADD CONSTRAINT findings_subject_check %s', replace(checked.definition, 'rollout_id', 'rollout_id, pool_id'));
    END IF;
  END LOOP;
END $$;
DROP INDEX findings_open_once;
CREATE UNIQUE INDEX findings_open_once ON findings (kind, target_id, agent_scope_id, combination_id, rollout_id, image_id, pool_id) NULLS NOT DISTINCT WHERE resolved_at IS NULL;
CREATE INDEX findings_pool ON findings (pool_id) WHERE pool_id IS NOT NULL AND resolved_at IS NULL;

-- ---------------------------------------------------------------------------------------------
-- Environments that are there as long as something reports for them.
CREATE TABLE preview_rules (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  -- A name in which * stands for any characters, and at least one letter or digit for itself.
  pattern text NOT NULL CHECK (pattern ~ '^[a-z0-9._*-]{2,64}$' AND pattern LIKE '%*%' AND pattern ~ '[a-z0-9]'),
  template_id uuid NOT NULL REFERENCES environments (id),
  ttl_ms bigint NOT NULL CHECK (ttl_ms > 0),
  max_environments integer NOT NULL CHECK (max_environments BETWEEN 1 AND 1000),
  -- Names that were not made because there were as many already, and the last of them.
  refused bigint NOT NULL DEFAULT 0,
  last_refused jsonb,
  actor_id uuid NOT NULL REFERENCES actors (id),
  entry_seq bigint NOT NULL REFERENCES ledger_entries (seq),
  created_at timestamptz(3) NOT NULL DEFAULT clock_timestamp(),
  removed_at timestamptz(3)
);
CREATE UNIQUE INDEX preview_rules_one ON preview_rules (pattern) WHERE removed_at IS NULL;
CREATE TABLE pool_preview_rules (
  pool_id uuid NOT NULL REFERENCES pools (id),
  rule_id uuid NOT NULL REFERENCES preview_rules (id),
  PRIMARY KEY (pool_id, rule_id)
);
ALTER TABLE environments
  ADD COLUMN preview_rule_id uuid REFERENCES preview_rules (id),
  ADD CHECK (kind = 'preview' OR preview_rule_id IS NULL);
CREATE INDEX environments_previews ON environments (preview_rule_id) WHERE kind = 'preview' AND retired_at IS NULL;

-- ---------------------------------------------------------------------------------------------
-- Runs of jobs and one-shots, and of whatever was over before it was seen: one row per target and bytes, however many there were.
CREATE TABLE run_rollups (
  target_id bigint NOT NULL REFERENCES targets (id),
  -- Of the image that ran; empty where the runtime did not tell it.
  digest text NOT NULL,
  runs bigint NOT NULL DEFAULT 0 CHECK (runs >= 0),
  -- Ended with anything but 0.
  failed bigint NOT NULL DEFAULT 0 CHECK (failed >= 0),
  first_at timestamptz(3) NOT NULL,
  last_at timestamptz(3) NOT NULL,
  last_exit integer,
  PRIMARY KEY (target_id, digest)
);

-- ---------------------------------------------------------------------------------------------
-- Rights, as in the first migration.
GRANT SELECT, INSERT, UPDATE, DELETE ON preview_rules, pool_preview_rules, run_rollups TO plumbline_app;
REVOKE DELETE ON preview_rules FROM plumbline_app;
