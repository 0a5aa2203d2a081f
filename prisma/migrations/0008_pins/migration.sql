-- Partitions that are declared by a decision, pins that keep rollouts away from one, and one confirmation for several.

ALTER TABLE partitions
  -- Since when it is declared, and where its first targets came from: what was assigned there before then was assigned to them.
  ADD COLUMN declared_at timestamptz(3) NOT NULL DEFAULT clock_timestamp(),
  ADD COLUMN split_from name_text,
  -- No longer declared: nothing is mapped to it, its history stays.
  ADD COLUMN removed_at timestamptz(3);
ALTER TABLE partitions DROP CONSTRAINT partitions_service_id_environment_id_ordinal_key;
CREATE UNIQUE INDEX partitions_order ON partitions (service_id, environment_id, ordinal) WHERE removed_at IS NULL;

CREATE TABLE pins (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  service_id uuid NOT NULL,
  environment_id uuid NOT NULL,
  partition name_text NOT NULL,
  -- NULL: until somebody ends it.
  expires_at timestamptz(3),
  actor_id uuid NOT NULL REFERENCES actors (id),
  entry_seq bigint NOT NULL REFERENCES ledger_entries (seq),
  created_at timestamptz(3) NOT NULL DEFAULT clock_timestamp(),
  ended_at timestamptz(3),
  ended_seq bigint REFERENCES ledger_entries (seq),
  FOREIGN KEY (service_id, environment_id, partition) REFERENCES partitions (service_id, environment_id, name),
  CHECK ((ended_at IS NULL) = (ended_seq IS NULL)),
  CHECK (expires_at > created_at)
);
CREATE UNIQUE INDEX pins_one ON pins (service_id, environment_id, partition) WHERE ended_seq IS NULL;
CREATE INDEX pins_expiring ON pins (expires_at) WHERE ended_seq IS NULL;

-- A rollback or a promotion of one service over its partitions is a group too.
ALTER TABLE rollout_groups ADD COLUMN service_id uuid REFERENCES services (id);
ALTER TABLE rollout_groups DROP CONSTRAINT rollout_groups_kind_check;
ALTER TABLE rollout_groups
  ADD CONSTRAINT rollout_groups_kind_check CHECK (kind IN ('as-of', 'recall', 'rollback', 'promote')),
  ADD CHECK ((kind IN ('rollback', 'promote')) = (service_id IS NOT NULL));

GRANT SELECT, INSERT, UPDATE ON pins TO plumbline_app;
