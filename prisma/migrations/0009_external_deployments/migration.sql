-- Rollouts that others carry out: who decides what runs at a place, what deployers announce, and the hooks that they call.

-- ---------------------------------------------------------------------------------------------
-- Who decides. No row: Plumbline. It is asked before anything is assigned, so it does not stand with the assignment.
ALTER TABLE assignments DROP COLUMN authority;
CREATE TABLE authorities (
  service_id uuid NOT NULL REFERENCES services (id),
  environment_id uuid NOT NULL REFERENCES environments (id),
  -- '*': every partition without a row of its own.
  partition text NOT NULL DEFAULT '*' CHECK (partition = '*' OR partition ~ '^[a-z0-9]([a-z0-9._-]{0,62})$'),
  authority text NOT NULL CHECK (authority IN ('plumbline', 'external')),
  actor_id uuid NOT NULL REFERENCES actors (id),
  entry_seq bigint NOT NULL REFERENCES ledger_entries (seq),
  decided_at timestamptz(3) NOT NULL,
  PRIMARY KEY (service_id, environment_id, partition)
);
CREATE INDEX authorities_external ON authorities (service_id, environment_id) WHERE authority = 'external';

ALTER TABLE rollouts
  -- The deployer in words, where Plumbline only follows: "Argo CD".
  ADD COLUMN carried_out_by text,
  -- Since when nothing has moved, once that is too long.
  ADD COLUMN stalled_since timestamptz(3),
  ADD CHECK (origin = 'external' OR (carried_out_by IS NULL AND stalled_since IS NULL));

-- ---------------------------------------------------------------------------------------------
-- Doors for senders that cannot send a token. The secret is sealed with a key outside the database.
CREATE TABLE hooks (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  name name_text NOT NULL,
  kind text NOT NULL CHECK (kind IN ('github')),
  service_pattern text NOT NULL DEFAULT '*' CHECK (service_pattern ~ '^[a-z0-9._*-]{1,64}$'),
  environment_pattern text NOT NULL DEFAULT '*' CHECK (environment_pattern ~ '^[a-z0-9._*-]{1,64}$'),
  secret bytea NOT NULL,
  -- Whoever calls it with the secret acts as this.
  caller_id uuid NOT NULL REFERENCES actors (id),
  actor_id uuid NOT NULL REFERENCES actors (id),
  entry_seq bigint NOT NULL REFERENCES ledger_entries (seq),
  created_at timestamptz(3) NOT NULL DEFAULT clock_timestamp(),
  last_called_at timestamptz(3),
  removed_at timestamptz(3)
);
CREATE UNIQUE INDEX hooks_name ON hooks (name) WHERE removed_at IS NULL;

-- What deployers said, once each: `external_id` is the sender's own name for one deployment.
CREATE TABLE announcements (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  seq bigint NOT NULL GENERATED ALWAYS AS IDENTITY UNIQUE,
  sender_id uuid NOT NULL REFERENCES actors (id),
  external_id text NOT NULL CHECK (length(external_id) BETWEEN 1 AND 300),
  service_id uuid NOT NULL REFERENCES services (id),
  environment_id uuid NOT NULL REFERENCES environments (id),
  partition name_text NOT NULL,
  release_id uuid NOT NULL REFERENCES releases (id),
  status text NOT NULL CHECK (status IN ('started', 'succeeded', 'failed')),
  outcome text NOT NULL CHECK (outcome IN ('followed', 'there-already', 'refused', 'noted')),
  -- Why it was refused, in words.
  reason text,
  tool text,
  by text,
  url text,
  rollout_id uuid REFERENCES rollouts (id),
  announced_at timestamptz(3) NOT NULL,
  received_at timestamptz(3) NOT NULL DEFAULT clock_timestamp(),
  updated_at timestamptz(3) NOT NULL DEFAULT clock_timestamp(),
  -- One run of a pipeline deploys several services, or one to several places: each is a deployment of its own.
  UNIQUE (sender_id, external_id, service_id, environment_id, partition),
  CHECK ((outcome = 'refused') = (reason IS NOT NULL))
);
CREATE INDEX announcements_rollout ON announcements (rollout_id) WHERE rollout_id IS NOT NULL;
CREATE INDEX announcements_place ON announcements (service_id, environment_id, partition, received_at DESC);

-- ---------------------------------------------------------------------------------------------
-- Rights, as in the first migration.
GRANT SELECT, INSERT, UPDATE, DELETE ON authorities, hooks, announcements TO plumbline_app;
REVOKE DELETE ON hooks, announcements FROM plumbline_app;
