-- What people decide about whose a container is. Versions are kept, the highest is in force; no row: only what labels and
-- images say.
CREATE TABLE mapping_rule_sets (
  version integer PRIMARY KEY CHECK (version >= 1),
  rules jsonb NOT NULL,
  actor_id uuid NOT NULL REFERENCES actors (id),
  entry_seq bigint NOT NULL REFERENCES ledger_entries (seq),
  created_at timestamptz(3) NOT NULL DEFAULT clock_timestamp()
);

-- The rule by which nobody judges what runs: it has no service, and is counted.
ALTER TABLE combinations ADD COLUMN ignored_by text CHECK (ignored_by IS NULL OR (service_name IS NULL AND desired_kind = 'none'));
ALTER TABLE combinations DROP CONSTRAINT combinations_service_name_environment_id_partition_componen_key;
ALTER TABLE combinations ADD CONSTRAINT combinations_facts UNIQUE NULLS NOT DISTINCT (service_name, environment_id, partition, component, image_id, desired_kind,
  desired_release_id, unexpected, mutated, settings_digest, declared_matches, ignored_by);
CREATE INDEX combinations_ignored ON combinations (ignored_by) WHERE ignored_by IS NOT NULL;
CREATE INDEX combinations_unregistered ON combinations (service_name) WHERE service_id IS NULL;

-- The other names of a service: what an agent is told is held against them.
CREATE INDEX service_aliases_service ON service_aliases (service_id);

GRANT SELECT, INSERT ON mapping_rule_sets TO plumbline_app;
