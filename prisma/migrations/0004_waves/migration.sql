-- Rollouts in waves: how an environment rolls out, what a wave waits for, what was decided about several services at
-- once, and what is sent to other systems about it.

-- ---------------------------------------------------------------------------------------------
-- How an environment rolls out. Versions are kept: a rollout names the one that it was planned by. No row: the default.
ALTER TABLE environments DROP COLUMN strategy;
CREATE TABLE strategies (
  environment_id uuid NOT NULL REFERENCES environments (id),
  version integer NOT NULL CHECK (version >= 1),
  strategy jsonb NOT NULL,
  actor_id uuid NOT NULL REFERENCES actors (id),
  entry_seq bigint NOT NULL REFERENCES ledger_entries (seq),
  created_at timestamptz(3) NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (environment_id, version)
);

-- ---------------------------------------------------------------------------------------------
-- One confirmation for several services: each gets a rollout of its own, the group is their receipt.
CREATE TABLE rollout_groups (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  kind text NOT NULL CHECK (kind IN ('as-of', 'recall')),
  environment_id uuid REFERENCES environments (id),
  -- as-of: the moment to go back to; recall: the release that was recalled.
  as_of timestamptz(3),
  release_id uuid REFERENCES releases (id),
  actor_id uuid NOT NULL REFERENCES actors (id),
  incident text,
  -- What was left out, each with its reasons in words.
  skipped jsonb NOT NULL DEFAULT '[]',
  created_at timestamptz(3) NOT NULL DEFAULT clock_timestamp(),
  CHECK ((kind = 'as-of') = (as_of IS NOT NULL)),
  CHECK ((kind = 'recall') = (release_id IS NOT NULL))
);

-- Systems that carry a rollout out instead of the agents. The secret is sealed with a key outside the database.
CREATE TABLE executors (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  name name_text NOT NULL,
  kind text NOT NULL CHECK (kind IN ('webhook', 'github', 'gitlab')),
  service_pattern text NOT NULL DEFAULT '*' CHECK (service_pattern ~ '^[a-z0-9._*-]{1,64}$'),
  environment_pattern text NOT NULL DEFAULT '*' CHECK (environment_pattern ~ '^[a-z0-9._*-]{1,64}$'),
  config jsonb NOT NULL,
  secret bytea,
  actor_id uuid NOT NULL REFERENCES actors (id),
  entry_seq bigint NOT NULL REFERENCES ledger_entries (seq),
  created_at timestamptz(3) NOT NULL DEFAULT clock_timestamp(),
  removed_at timestamptz(3)
);
CREATE UNIQUE INDEX executors_name ON executors (name) WHERE removed_at IS NULL;

ALTER TABLE rollouts
  ADD COLUMN group_id uuid REFERENCES rollout_groups (id),
  -- The rollout that failed, and that this one undoes by itself.
  ADD COLUMN reverts_id uuid REFERENCES rollouts (id),
  ADD COLUMN executor_id uuid REFERENCES executors (id),
  -- The entry of what was assigned before: what newcomers get until the last wave is open.
  ADD COLUMN from_entry_seq bigint REFERENCES ledger_entries (seq),
  ADD COLUMN strategy_version integer NOT NULL DEFAULT 0 CHECK (strategy_version >= 0),
  -- An approver said that leaving the old release was a mistake: it may be a last known good again.
  ADD COLUMN cleared_seq bigint REFERENCES ledger_entries (seq),
  -- Until when targets that leave what they were verified on are put back, though the rollout has ended.
  ADD COLUMN watched_until timestamptz(3);
CREATE INDEX rollouts_group ON rollouts (group_id) WHERE group_id IS NOT NULL;
CREATE INDEX rollouts_watched ON rollouts (watched_until) WHERE watched_until IS NOT NULL;

ALTER TABLE waves
  ADD COLUMN status_since timestamptz(3) NOT NULL DEFAULT clock_timestamp(),
  -- Why it waits or failed, in words.
  ADD COLUMN status_reason text,
  ADD COLUMN go_ahead_by uuid REFERENCES actors (id),
  ADD COLUMN go_ahead_seq bigint REFERENCES ledger_entries (seq),
  ADD CHECK ((go_ahead_by IS NULL) = (go_ahead_seq IS NULL));

-- The external check that stands before a wave.
CREATE TABLE wave_checks (
  rollout_id uuid NOT NULL,
  ordinal integer NOT NULL,
  status text NOT NULL DEFAULT 'due' CHECK (status IN ('due', 'passed', 'failed', 'unanswered')),
  attempts integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
  next_attempt_at timestamptz(3) NOT NULL DEFAULT clock_timestamp(),
  -- What it answered, or why it did not, in words.
  detail text,
  started_at timestamptz(3) NOT NULL DEFAULT clock_timestamp(),
  finished_at timestamptz(3),
  PRIMARY KEY (rollout_id, ordinal),
  FOREIGN KEY (rollout_id, ordinal) REFERENCES waves (rollout_id, ordinal),
  CHECK ((status = 'due') = (finished_at IS NULL))
);
CREATE INDEX wave_checks_due ON wave_checks (next_attempt_at) WHERE status = 'due';

ALTER TABLE rollout_targets
  -- Whether its agent has the bytes before it is told to run them; null: not told, or not said.
  ADD COLUMN prefetch text CHECK (prefetch IN ('done', 'failed')),
  -- It appeared after the plan was frozen.
  ADD COLUMN newcomer boolean NOT NULL DEFAULT false;
CREATE INDEX rollout_targets_status ON rollout_targets (rollout_id, wave, status);

-- ---------------------------------------------------------------------------------------------
-- Times without promotions: one window, or one that comes back in a time zone.
ALTER TABLE freezes
  ADD COLUMN name text NOT NULL DEFAULT 'freeze' CHECK (length(name) BETWEEN 1 AND 100),
  ADD COLUMN schedule jsonb,
  ADD COLUMN actor_id uuid REFERENCES actors (id),
  ADD COLUMN created_at timestamptz(3) NOT NULL DEFAULT clock_timestamp(),
  ADD COLUMN lifted_at timestamptz(3),
  ALTER COLUMN ends_at DROP NOT NULL,
  ADD CHECK (ends_at IS NOT NULL OR schedule IS NOT NULL),
  ADD CHECK ((lifted_at IS NULL) = (lifted_seq IS NULL));
CREATE INDEX freezes_standing ON freezes (environment_id) WHERE lifted_seq IS NULL;

ALTER TABLE waivers
  ADD COLUMN partition name_text NOT NULL DEFAULT 'default',
  ADD COLUMN actor_id uuid REFERENCES actors (id),
  ADD COLUMN created_at timestamptz(3) NOT NULL DEFAULT clock_timestamp(),
  ADD COLUMN ended_at timestamptz(3),
  ADD CHECK ((ended_at IS NULL) = (ended_seq IS NULL));
CREATE UNIQUE INDEX waivers_one ON waivers (service_id, environment_id, partition, category) WHERE ended_seq IS NULL;

-- Two people lift a recall.
CREATE TABLE recall_lifts (
  recall_id uuid NOT NULL REFERENCES recalls (id),
  person_id uuid NOT NULL REFERENCES actors (id),
  actor_id uuid NOT NULL REFERENCES actors (id),
  entry_seq bigint NOT NULL REFERENCES ledger_entries (seq),
  created_at timestamptz(3) NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (recall_id, person_id)
);

-- ---------------------------------------------------------------------------------------------
-- What other systems are told.
CREATE TABLE channels (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  name name_text NOT NULL,
  kind text NOT NULL CHECK (kind IN ('webhook', 'slack', 'pagerduty', 'email')),
  service_pattern text NOT NULL DEFAULT '*' CHECK (service_pattern ~ '^[a-z0-9._*-]{1,64}$'),
  environment_pattern text NOT NULL DEFAULT '*' CHECK (environment_pattern ~ '^[a-z0-9._*-]{1,64}$'),
  events text[] NOT NULL CHECK (cardinality(events) >= 1),
  config jsonb NOT NULL,
  secret bytea,
  enabled boolean NOT NULL DEFAULT true,
  actor_id uuid NOT NULL REFERENCES actors (id),
  entry_seq bigint NOT NULL REFERENCES ledger_entries (seq),
  created_at timestamptz(3) NOT NULL DEFAULT clock_timestamp(),
  removed_at timestamptz(3)
);
CREATE UNIQUE INDEX channels_name ON channels (name) WHERE removed_at IS NULL;

-- The one outbox: what is to be sent, in the transaction that made it true; sent by a job, again and again, then given up.
CREATE TABLE deliveries (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  channel_id uuid REFERENCES channels (id),
  executor_id uuid REFERENCES executors (id),
  rollout_id uuid REFERENCES rollouts (id),
  wave integer,
  event text NOT NULL,
  body jsonb NOT NULL,
  status text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'sent', 'failed')),
  attempts integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
  next_attempt_at timestamptz(3) NOT NULL DEFAULT clock_timestamp(),
  -- Who sends it now, until when: a sender that dies holds nothing.
  leased_until timestamptz(3),
  last_status integer,
  last_error text,
  resend_of uuid REFERENCES deliveries (id),
  created_at timestamptz(3) NOT NULL DEFAULT clock_timestamp(),
  sent_at timestamptz(3),
  CHECK (num_nonnulls(channel_id, executor_id) = 1),
  CHECK ((status = 'sent') = (sent_at IS NOT NULL))
);
CREATE INDEX deliveries_due ON deliveries (next_attempt_at) WHERE status = 'pending';
CREATE INDEX deliveries_history ON deliveries (created_at DESC, id);
CREATE INDEX deliveries_rollout ON deliveries (rollout_id) WHERE rollout_id IS NOT NULL;

-- ---------------------------------------------------------------------------------------------
-- Rights, as in the first migration.
GRANT SELECT, INSERT, UPDATE, DELETE ON strategies, rollout_groups, executors, wave_checks, recall_lifts, channels, deliveries TO plumbline_app;
REVOKE UPDATE, DELETE ON strategies, recall_lifts FROM plumbline_app;
REVOKE DELETE ON rollout_groups, executors, channels, freezes, waivers FROM plumbline_app;
