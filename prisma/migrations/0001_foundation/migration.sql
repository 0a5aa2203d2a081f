-- Plumbline's foundation. The rules of docs/domain.md that a database can carry stand here as
-- keys, CHECKs and triggers, so that no code path can forget them.

CREATE EXTENSION IF NOT EXISTS btree_gist;

-- ---------------------------------------------------------------------------------------------
-- Roles. The owner migrates, plumbline_app works, plumbline_verifier reads the ledger only.
DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'plumbline_app') THEN CREATE ROLE plumbline_app NOLOGIN; END IF;
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'plumbline_verifier') THEN CREATE ROLE plumbline_verifier NOLOGIN; END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $$;

CREATE DOMAIN name_text AS text CHECK (VALUE ~ '^[a-z0-9]([a-z0-9._-]{0,62})$');
CREATE DOMAIN digest_text AS text CHECK (VALUE ~ '^(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$');

-- ---------------------------------------------------------------------------------------------
-- People and machines. Ledger entries name actors by these random ids only.
CREATE TABLE actors (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  kind text NOT NULL CHECK (kind IN ('person', 'token', 'agent', 'system')),
  display_name text NOT NULL CHECK (length(display_name) BETWEEN 1 AND 200),
  email text,
  -- Four eyes count people: the person answerable for a machine's deeds; itself for a person.
  person_id uuid REFERENCES actors (id),
  created_at timestamptz(3) NOT NULL DEFAULT clock_timestamp(),
  disabled_at timestamptz(3),
  CHECK (kind <> 'person' OR person_id IS NULL OR person_id = id)
);

-- better-auth's tables; their names and columns are its own.
CREATE TABLE "user" (
  id text PRIMARY KEY,
  name text NOT NULL,
  email text NOT NULL UNIQUE,
  "emailVerified" boolean NOT NULL DEFAULT false,
  image text,
  "createdAt" timestamptz(3) NOT NULL DEFAULT clock_timestamp(),
  "updatedAt" timestamptz(3) NOT NULL DEFAULT clock_timestamp(),
  "actorId" uuid UNIQUE REFERENCES actors (id)
);
CREATE TABLE session (
  id text PRIMARY KEY,
  "expiresAt" timestamptz(3) NOT NULL,
  token text NOT NULL UNIQUE,
  "createdAt" timestamptz(3) NOT NULL DEFAULT clock_timestamp(),
  "updatedAt" timestamptz(3) NOT NULL DEFAULT clock_timestamp(),
  "ipAddress" text,
  "userAgent" text,
  "userId" text NOT NULL REFERENCES "user" (id) ON DELETE CASCADE
);
CREATE INDEX session_by_user ON session ("userId");
CREATE TABLE account (
  id text PRIMARY KEY,
  "accountId" text NOT NULL,
  "providerId" text NOT NULL,
  "userId" text NOT NULL REFERENCES "user" (id) ON DELETE CASCADE,
  "accessToken" text,
  "refreshToken" text,
  "idToken" text,
  "accessTokenExpiresAt" timestamptz(3),
  "refreshTokenExpiresAt" timestamptz(3),
  scope text,
  password text,
  "createdAt" timestamptz(3) NOT NULL DEFAULT clock_timestamp(),
  "updatedAt" timestamptz(3) NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX account_by_user ON account ("userId");
CREATE TABLE verification (
  id text PRIMARY KEY,
  identifier text NOT NULL,
  value text NOT NULL,
  "expiresAt" timestamptz(3) NOT NULL,
  "createdAt" timestamptz(3) NOT NULL DEFAULT clock_timestamp(),
  "updatedAt" timestamptz(3) NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX verification_identifier ON verification (identifier);
CREATE TABLE "rateLimit" (
  id text PRIMARY KEY,
  key text NOT NULL UNIQUE,
  count integer NOT NULL,
  "lastRequest" bigint NOT NULL
);

CREATE TABLE role_bindings (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  actor_id uuid NOT NULL REFERENCES actors (id),
  role text NOT NULL CHECK (role IN ('viewer', 'publisher', 'promoter', 'operator', 'approver', 'auditor', 'admin')),
  service_pattern text NOT NULL DEFAULT '*' CHECK (service_pattern ~ '^[a-z0-9._*-]{1,64}$'),
  environment_pattern text NOT NULL DEFAULT '*' CHECK (environment_pattern ~ '^[a-z0-9._*-]{1,64}$'),
  entry_seq bigint NOT NULL,
  created_at timestamptz(3) NOT NULL DEFAULT clock_timestamp(),
  expires_at timestamptz(3),
  revoked_at timestamptz(3)
);
CREATE UNIQUE INDEX role_bindings_one ON role_bindings (actor_id, role, service_pattern, environment_pattern) WHERE revoked_at IS NULL;

CREATE TABLE api_tokens (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  name text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
  team text,
  actor_id uuid NOT NULL UNIQUE REFERENCES actors (id),
  token_hash bytea NOT NULL UNIQUE CHECK (length(token_hash) = 32),
  created_by uuid REFERENCES actors (id),
  created_at timestamptz(3) NOT NULL DEFAULT clock_timestamp(),
  expires_at timestamptz(3) NOT NULL,
  revoked_at timestamptz(3),
  last_used_at timestamptz(3)
);

-- Single-use links: the installation's set-up link, and invitations with the role that they bring.
CREATE TABLE setup_links (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  purpose text NOT NULL CHECK (purpose IN ('setup', 'invitation')),
  name text,
  email text,
  role text NOT NULL DEFAULT 'admin' CHECK (role IN ('viewer', 'publisher', 'promoter', 'operator', 'approver', 'auditor', 'admin')),
  service_pattern text NOT NULL DEFAULT '*',
  environment_pattern text NOT NULL DEFAULT '*',
  created_by uuid REFERENCES actors (id),
  token_hash bytea NOT NULL UNIQUE CHECK (length(token_hash) = 32),
  created_at timestamptz(3) NOT NULL DEFAULT clock_timestamp(),
  expires_at timestamptz(3) NOT NULL,
  used_at timestamptz(3)
);

CREATE TABLE idempotency_keys (
  actor_id uuid NOT NULL REFERENCES actors (id),
  key text NOT NULL CHECK (length(key) BETWEEN 1 AND 200),
  request_hash bytea NOT NULL CHECK (length(request_hash) = 32),
  status integer,
  response jsonb,
  created_at timestamptz(3) NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (actor_id, key)
);
CREATE INDEX idempotency_keys_age ON idempotency_keys (created_at);

CREATE TABLE request_limits (
  key text PRIMARY KEY,
  window_start timestamptz(3) NOT NULL,
  hits integer NOT NULL CHECK (hits >= 0)
);

-- ---------------------------------------------------------------------------------------------
-- The ledger (RFC 9162 tree over the exact bytes).
CREATE TABLE ledger_entries (
  seq bigint PRIMARY KEY CHECK (seq >= 0),
  type text NOT NULL,
  at timestamptz(3) NOT NULL,
  actor_id uuid REFERENCES actors (id),
  service_id uuid,
  environment_id uuid,
  bytes bytea NOT NULL,
  leaf_hash bytea NOT NULL CHECK (length(leaf_hash) = 32 AND leaf_hash = sha256('\x00'::bytea || bytes)),
  hmac bytea NOT NULL CHECK (length(hmac) = 32)
);
CREATE INDEX ledger_entries_type ON ledger_entries (type, seq);
CREATE INDEX ledger_entries_service ON ledger_entries (service_id, environment_id, seq);
CREATE TABLE ledger_nodes (
  level integer NOT NULL CHECK (level BETWEEN 0 AND 62),
  index bigint NOT NULL CHECK (index >= 0),
  hash bytea NOT NULL CHECK (length(hash) = 32),
  PRIMARY KEY (level, index)
);
CREATE TABLE ledger_head (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  origin text NOT NULL,
  epoch integer NOT NULL DEFAULT 1 CHECK (epoch >= 1),
  size bigint NOT NULL DEFAULT 0 CHECK (size >= 0),
  frontier bytea[] NOT NULL DEFAULT '{}',
  last_at timestamptz(3)
);
CREATE TABLE ledger_checkpoints (
  epoch integer NOT NULL CHECK (epoch >= 1),
  size bigint NOT NULL CHECK (size > 0),
  root bytea NOT NULL CHECK (length(root) = 32),
  note text NOT NULL,
  signed_at timestamptz(3) NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (epoch, size)
);
-- Free text beside an entry, which holds only SHA-256(salt || text): redacting keeps every proof.
CREATE TABLE ledger_texts (
  entry_seq bigint NOT NULL REFERENCES ledger_entries (seq),
  field text NOT NULL,
  salt bytea,
  text text,
  hash bytea NOT NULL CHECK (length(hash) = 32),
  redacted_by_seq bigint REFERENCES ledger_entries (seq),
  PRIMARY KEY (entry_seq, field),
  CHECK ((text IS NULL) = (salt IS NULL)),
  CHECK (text IS NULL OR hash = sha256(salt || convert_to(text, 'UTF8')))
);
CREATE TABLE ledger_epochs (
  epoch integer PRIMARY KEY CHECK (epoch >= 1),
  vkey text NOT NULL,
  recovery_key text NOT NULL,
  opened_seq bigint NOT NULL,
  statement text
);

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER ledger_entries_append_only BEFORE UPDATE OR DELETE ON ledger_entries FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER ledger_entries_no_truncate BEFORE TRUNCATE ON ledger_entries FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER ledger_nodes_append_only BEFORE UPDATE OR DELETE ON ledger_nodes FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER ledger_nodes_no_truncate BEFORE TRUNCATE ON ledger_nodes FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER ledger_checkpoints_append_only BEFORE UPDATE OR DELETE ON ledger_checkpoints FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER ledger_checkpoints_no_truncate BEFORE TRUNCATE ON ledger_checkpoints FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER ledger_head_stays BEFORE DELETE ON ledger_head FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER ledger_head_no_truncate BEFORE TRUNCATE ON ledger_head FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER ledger_texts_no_delete BEFORE DELETE ON ledger_texts FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER ledger_texts_no_truncate BEFORE TRUNCATE ON ledger_texts FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE FUNCTION ledger_appends_at_the_end() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE head ledger_head;
BEGIN
  SELECT * INTO head FROM ledger_head;
  IF NOT FOUND OR NEW.seq <> head.size THEN
    RAISE EXCEPTION 'a ledger entry is appended at seq = size, not at %', NEW.seq USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  IF head.last_at IS NOT NULL AND NEW.at < head.last_at THEN
    RAISE EXCEPTION 'ledger time runs forward' USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER ledger_entries_at_the_end BEFORE INSERT ON ledger_entries FOR EACH ROW EXECUTE FUNCTION ledger_appends_at_the_end();

CREATE FUNCTION ledger_head_moves_forward() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.size < OLD.size OR NEW.epoch < OLD.epoch OR NEW.origin <> OLD.origin THEN
    RAISE EXCEPTION 'the ledger head only moves forward' USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER ledger_head_forward BEFORE UPDATE ON ledger_head FOR EACH ROW EXECUTE FUNCTION ledger_head_moves_forward();

CREATE FUNCTION ledger_text_only_redacted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.entry_seq <> OLD.entry_seq OR NEW.field <> OLD.field OR NEW.hash <> OLD.hash
     OR NEW.text IS NOT NULL OR NEW.redacted_by_seq IS NULL THEN
    RAISE EXCEPTION 'a ledger text can only be redacted, by an entry' USING ERRCODE = 'insufficient_privilege';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER ledger_texts_redacted BEFORE UPDATE ON ledger_texts FOR EACH ROW EXECUTE FUNCTION ledger_text_only_redacted();

ALTER TABLE role_bindings ADD FOREIGN KEY (entry_seq) REFERENCES ledger_entries (seq);

-- ---------------------------------------------------------------------------------------------
-- What may run: environments, services, artifacts, releases and decisions about them.
CREATE TABLE environments (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  name name_text NOT NULL UNIQUE,
  ordinal integer NOT NULL UNIQUE,
  protected boolean NOT NULL DEFAULT false,
  mode text NOT NULL DEFAULT 'observe' CHECK (mode IN ('observe', 'enforce')),
  kind text NOT NULL DEFAULT 'permanent' CHECK (kind IN ('permanent', 'preview')),
  template_id uuid REFERENCES environments (id),
  required_approvals integer NOT NULL DEFAULT 0 CHECK (required_approvals BETWEEN 0 AND 10),
  strategy jsonb NOT NULL DEFAULT '{"waves":[{"name":"all","percent":100}]}',
  entry_seq bigint NOT NULL REFERENCES ledger_entries (seq),
  created_at timestamptz(3) NOT NULL DEFAULT clock_timestamp(),
  retired_at timestamptz(3),
  CHECK (kind = 'preview' OR template_id IS NULL)
);

CREATE TABLE services (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  name name_text NOT NULL UNIQUE,
  owner_team text,
  merged_into uuid REFERENCES services (id),
  entry_seq bigint NOT NULL REFERENCES ledger_entries (seq),
  created_at timestamptz(3) NOT NULL DEFAULT clock_timestamp(),
  CHECK (merged_into IS NULL OR merged_into <> id)
);
CREATE TABLE service_aliases (
  name name_text PRIMARY KEY,
  service_id uuid NOT NULL REFERENCES services (id)
);

CREATE TABLE partitions (
  service_id uuid NOT NULL REFERENCES services (id),
  environment_id uuid NOT NULL REFERENCES environments (id),
  name name_text NOT NULL,
  ordinal integer NOT NULL DEFAULT 0,
  selector jsonb NOT NULL DEFAULT '{}',
  PRIMARY KEY (service_id, environment_id, name),
  UNIQUE (service_id, environment_id, ordinal)
);

CREATE TABLE artifacts (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  kind text NOT NULL CHECK (kind IN ('oci', 'file')),
  -- The digest that a release names: an index, a single manifest, or a file.
  digest digest_text NOT NULL UNIQUE,
  media_type text,
  created_at timestamptz(3) NOT NULL DEFAULT clock_timestamp()
);
CREATE TABLE artifact_digests (
  digest digest_text NOT NULL,
  artifact_id uuid NOT NULL REFERENCES artifacts (id),
  kind text NOT NULL CHECK (kind IN ('index', 'manifest', 'config', 'file')),
  platform text NOT NULL DEFAULT '',
  PRIMARY KEY (digest, artifact_id, kind, platform)
);
CREATE INDEX artifact_digests_artifact ON artifact_digests (artifact_id);
CREATE TABLE artifact_repositories (
  repository text NOT NULL,
  artifact_id uuid NOT NULL REFERENCES artifacts (id),
  service_id uuid NOT NULL REFERENCES services (id),
  PRIMARY KEY (repository, artifact_id, service_id)
);

CREATE TABLE releases (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  service_id uuid NOT NULL REFERENCES services (id),
  version text NOT NULL CHECK (length(version) BETWEEN 1 AND 128),
  kind text NOT NULL DEFAULT 'planned' CHECK (kind IN ('planned', 'hotfix')),
  settings_digest text,
  commits jsonb,
  built_at timestamptz(3),
  authors text[] NOT NULL DEFAULT '{}',
  triggered_by text,
  tickets text[] NOT NULL DEFAULT '{}',
  source_url text,
  links jsonb NOT NULL DEFAULT '[]',
  -- NULL means not declared, an empty list means declared: none.
  migrations jsonb,
  registered_by uuid NOT NULL REFERENCES actors (id),
  registered_at timestamptz(3) NOT NULL DEFAULT clock_timestamp(),
  -- Older and newer are the order of registration: the order of these.
  entry_seq bigint NOT NULL UNIQUE REFERENCES ledger_entries (seq),
  UNIQUE (service_id, version),
  UNIQUE (id, service_id)
);
CREATE TABLE release_components (
  release_id uuid NOT NULL REFERENCES releases (id),
  name name_text NOT NULL,
  artifact_id uuid NOT NULL REFERENCES artifacts (id),
  repository text,
  reference text,
  PRIMARY KEY (release_id, name)
);
CREATE INDEX release_components_artifact ON release_components (artifact_id);
-- Persons who may not approve a release: its registrant, authors and trigger, as far as they are known here.
CREATE TABLE release_people (
  release_id uuid NOT NULL REFERENCES releases (id),
  person_id uuid NOT NULL REFERENCES actors (id),
  part text NOT NULL CHECK (part IN ('registrant', 'author', 'trigger')),
  PRIMARY KEY (release_id, person_id, part)
);
CREATE TABLE attestations (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  release_id uuid NOT NULL REFERENCES releases (id),
  predicate_type text NOT NULL,
  payload jsonb NOT NULL,
  actor_id uuid NOT NULL REFERENCES actors (id),
  entry_seq bigint NOT NULL REFERENCES ledger_entries (seq),
  created_at timestamptz(3) NOT NULL DEFAULT clock_timestamp()
);
CREATE TRIGGER releases_immutable BEFORE UPDATE OR DELETE ON releases FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER release_components_immutable BEFORE UPDATE OR DELETE ON release_components FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER artifact_digests_immutable BEFORE UPDATE OR DELETE ON artifact_digests FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TABLE approvals (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  release_id uuid NOT NULL REFERENCES releases (id),
  environment_id uuid NOT NULL REFERENCES environments (id),
  actor_id uuid NOT NULL REFERENCES actors (id),
  person_id uuid NOT NULL REFERENCES actors (id),
  entry_seq bigint NOT NULL REFERENCES ledger_entries (seq),
  created_at timestamptz(3) NOT NULL DEFAULT clock_timestamp(),
  withdrawn_at timestamptz(3),
  withdrawn_seq bigint REFERENCES ledger_entries (seq),
  CHECK ((withdrawn_at IS NULL) = (withdrawn_seq IS NULL))
);
-- Distinct people: one standing approval each.
CREATE UNIQUE INDEX approvals_one_per_person ON approvals (release_id, environment_id, person_id) WHERE withdrawn_at IS NULL;

CREATE FUNCTION approval_by_another_person() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.person_id <> (SELECT coalesce(a.person_id, a.id) FROM actors a WHERE a.id = NEW.actor_id) THEN
    RAISE EXCEPTION 'an approval counts for the person behind its actor' USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  IF EXISTS (SELECT FROM environments e WHERE e.id = NEW.environment_id AND e.protected)
     AND EXISTS (SELECT FROM release_people p WHERE p.release_id = NEW.release_id AND p.person_id = NEW.person_id) THEN
    RAISE EXCEPTION 'who registered, wrote or triggered a release cannot approve it' USING ERRCODE = 'insufficient_privilege';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER approvals_four_eyes BEFORE INSERT ON approvals FOR EACH ROW EXECUTE FUNCTION approval_by_another_person();

CREATE TABLE recalls (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  release_id uuid REFERENCES releases (id),
  artifact_id uuid REFERENCES artifacts (id),
  actor_id uuid NOT NULL REFERENCES actors (id),
  entry_seq bigint NOT NULL REFERENCES ledger_entries (seq),
  created_at timestamptz(3) NOT NULL DEFAULT clock_timestamp(),
  lifted_at timestamptz(3),
  lifted_seq bigint REFERENCES ledger_entries (seq),
  CHECK (num_nonnulls(release_id, artifact_id) = 1),
  CHECK ((lifted_at IS NULL) = (lifted_seq IS NULL))
);
CREATE UNIQUE INDEX recalls_one_release ON recalls (release_id) WHERE lifted_at IS NULL AND release_id IS NOT NULL;
CREATE UNIQUE INDEX recalls_one_artifact ON recalls (artifact_id) WHERE lifted_at IS NULL AND artifact_id IS NOT NULL;

CREATE TABLE assignments (
  service_id uuid NOT NULL,
  environment_id uuid NOT NULL,
  partition name_text NOT NULL,
  -- NULL: nothing should run here.
  release_id uuid,
  authority text NOT NULL DEFAULT 'plumbline' CHECK (authority IN ('plumbline', 'external')),
  entry_seq bigint NOT NULL REFERENCES ledger_entries (seq),
  revision bigint NOT NULL DEFAULT 1 CHECK (revision > 0),
  updated_at timestamptz(3) NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (service_id, environment_id, partition),
  FOREIGN KEY (service_id, environment_id, partition) REFERENCES partitions (service_id, environment_id, name),
  FOREIGN KEY (release_id, service_id) REFERENCES releases (id, service_id)
);
CREATE INDEX assignments_release ON assignments (release_id);

CREATE TABLE holds (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  service_id uuid NOT NULL,
  environment_id uuid NOT NULL,
  partition name_text NOT NULL,
  release_id uuid REFERENCES releases (id),
  actor_id uuid NOT NULL REFERENCES actors (id),
  entry_seq bigint NOT NULL REFERENCES ledger_entries (seq),
  created_at timestamptz(3) NOT NULL DEFAULT clock_timestamp(),
  lifted_at timestamptz(3),
  lifted_seq bigint REFERENCES ledger_entries (seq),
  FOREIGN KEY (service_id, environment_id, partition) REFERENCES partitions (service_id, environment_id, name),
  CHECK ((lifted_at IS NULL) = (lifted_seq IS NULL))
);
CREATE UNIQUE INDEX holds_one ON holds (service_id, environment_id, partition) WHERE lifted_at IS NULL;

CREATE TABLE freezes (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  environment_id uuid NOT NULL REFERENCES environments (id),
  service_id uuid REFERENCES services (id),
  starts_at timestamptz(3) NOT NULL,
  ends_at timestamptz(3) NOT NULL,
  entry_seq bigint NOT NULL REFERENCES ledger_entries (seq),
  lifted_seq bigint REFERENCES ledger_entries (seq),
  CHECK (ends_at > starts_at)
);
CREATE TABLE waivers (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  service_id uuid NOT NULL REFERENCES services (id),
  environment_id uuid NOT NULL REFERENCES environments (id),
  category text NOT NULL,
  expires_at timestamptz(3) NOT NULL,
  entry_seq bigint NOT NULL REFERENCES ledger_entries (seq),
  ended_seq bigint REFERENCES ledger_entries (seq)
);

-- ---------------------------------------------------------------------------------------------
-- Who reports.
CREATE TABLE pools (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  name name_text NOT NULL UNIQUE,
  scopes text[] NOT NULL DEFAULT '{engine}' CHECK (cardinality(scopes) BETWEEN 1 AND 64),
  ephemeral boolean NOT NULL DEFAULT false,
  ttl_ms bigint CHECK (ttl_ms > 0),
  max_agents integer CHECK (max_agents > 0),
  networks cidr[] NOT NULL DEFAULT '{}',
  entry_seq bigint NOT NULL REFERENCES ledger_entries (seq),
  created_at timestamptz(3) NOT NULL DEFAULT clock_timestamp(),
  closed_at timestamptz(3)
);
CREATE TABLE pool_environments (
  pool_id uuid NOT NULL REFERENCES pools (id),
  environment_id uuid NOT NULL REFERENCES environments (id),
  PRIMARY KEY (pool_id, environment_id)
);
CREATE TABLE enrolment_tokens (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  pool_id uuid NOT NULL REFERENCES pools (id),
  token_hash bytea NOT NULL UNIQUE CHECK (length(token_hash) = 32),
  created_by uuid NOT NULL REFERENCES actors (id),
  created_at timestamptz(3) NOT NULL DEFAULT clock_timestamp(),
  expires_at timestamptz(3) NOT NULL,
  max_uses integer CHECK (max_uses > 0),
  uses integer NOT NULL DEFAULT 0,
  revoked_at timestamptz(3),
  CHECK (max_uses IS NULL OR uses <= max_uses)
);
CREATE TABLE agents (
  id uuid PRIMARY KEY REFERENCES actors (id),
  pool_id uuid NOT NULL REFERENCES pools (id),
  name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
  machine_id text,
  runtime text NOT NULL CHECK (runtime IN ('docker', 'exec', 'kubernetes', 'systemd', 'simulated')),
  agent_version text NOT NULL,
  protocol integer NOT NULL DEFAULT 1 CHECK (protocol >= 1),
  region text,
  token_hash bytea NOT NULL UNIQUE CHECK (length(token_hash) = 32),
  previous_token_hash bytea UNIQUE,
  previous_token_until timestamptz(3),
  state text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'late', 'silent', 'retired')),
  interval_ms integer NOT NULL DEFAULT 15000 CHECK (interval_ms BETWEEN 100 AND 3600000),
  enrolled_at timestamptz(3) NOT NULL DEFAULT clock_timestamp(),
  revoked_at timestamptz(3),
  retired_at timestamptz(3),
  retired_reason text,
  successor_id uuid REFERENCES agents (id),
  -- Raised in the transaction that changes any of its targets' desired rows.
  desired_version bigint NOT NULL DEFAULT 0 CHECK (desired_version >= 0),
  held_version bigint NOT NULL DEFAULT 0 CHECK (held_version >= 0),
  checkpoint_size bigint NOT NULL DEFAULT 0,
  ledger_refusal jsonb,
  CHECK ((state = 'retired') = (retired_at IS NOT NULL))
);
CREATE INDEX agents_pool ON agents (pool_id);

-- Presence and coverage of what one stream of reports speaks for.
CREATE TABLE agent_scopes (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  agent_id uuid NOT NULL REFERENCES agents (id),
  scope text NOT NULL CHECK (length(scope) BETWEEN 1 AND 200),
  boot_id text NOT NULL,
  seq bigint NOT NULL CHECK (seq >= 1),
  last_report_at timestamptz(3) NOT NULL,
  observed_at timestamptz(3) NOT NULL,
  clock_skew_ms bigint NOT NULL DEFAULT 0,
  freshness text NOT NULL DEFAULT 'fresh' CHECK (freshness IN ('fresh', 'late', 'silent')),
  coverage_complete boolean NOT NULL DEFAULT true,
  coverage_errors jsonb NOT NULL DEFAULT '[]',
  UNIQUE (agent_id, scope)
);
CREATE TABLE agent_boots (
  agent_scope_id bigint NOT NULL REFERENCES agent_scopes (id),
  boot_id text NOT NULL,
  opened_at timestamptz(3) NOT NULL DEFAULT clock_timestamp(),
  closed_at timestamptz(3),
  PRIMARY KEY (agent_scope_id, boot_id)
);
CREATE TABLE report_parts (
  agent_id uuid NOT NULL REFERENCES agents (id),
  scope text NOT NULL,
  boot_id text NOT NULL,
  seq bigint NOT NULL,
  part integer NOT NULL CHECK (part >= 1),
  parts integer NOT NULL CHECK (parts BETWEEN 1 AND 64 AND part <= parts),
  body jsonb NOT NULL,
  received_at timestamptz(3) NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (agent_id, scope, boot_id, seq, part)
);
-- Time in which Plumbline itself was not listening.
CREATE TABLE gaps (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  started_at timestamptz(3) NOT NULL,
  ended_at timestamptz(3) NOT NULL,
  reason text NOT NULL,
  CHECK (ended_at >= started_at)
);
CREATE TABLE heartbeats (
  role text PRIMARY KEY,
  at timestamptz(3) NOT NULL
);

-- ---------------------------------------------------------------------------------------------
-- What runs. Facts only; verdicts are computed per combination.
CREATE TABLE images (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  -- SHA-256 over the sorted digests (and repositories) as reported.
  fingerprint bytea NOT NULL UNIQUE CHECK (length(fingerprint) = 32),
  digests jsonb NOT NULL,
  repositories text[] NOT NULL DEFAULT '{}',
  reference text,
  local boolean NOT NULL DEFAULT false,
  first_seen_at timestamptz(3) NOT NULL DEFAULT clock_timestamp()
);
CREATE TABLE image_digests (
  image_id bigint NOT NULL REFERENCES images (id),
  digest digest_text NOT NULL,
  kind text NOT NULL CHECK (kind IN ('index', 'manifest', 'config', 'file', 'unspecified')),
  PRIMARY KEY (image_id, digest, kind)
);
CREATE INDEX image_digests_digest ON image_digests (digest);

CREATE TABLE targets (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  agent_scope_id bigint NOT NULL REFERENCES agent_scopes (id),
  key text NOT NULL CHECK (length(key) BETWEEN 1 AND 400),
  kind text NOT NULL DEFAULT 'service' CHECK (kind IN ('service', 'daemon', 'job', 'oneshot')),
  namespace text,
  labels jsonb NOT NULL DEFAULT '{}',
  components jsonb NOT NULL DEFAULT '[]',
  desired integer CHECK (desired >= 0),
  ready integer CHECK (ready >= 0),
  managed_by jsonb,
  can_act boolean NOT NULL DEFAULT false,
  cannot_act_reason text,
  -- Mapped by the server from the facts above. A name of no service in the ledger stays text.
  service_name name_text,
  service_id uuid REFERENCES services (id),
  environment_id uuid NOT NULL REFERENCES environments (id),
  partition name_text NOT NULL DEFAULT 'default',
  under_since timestamptz(3),
  first_seen_at timestamptz(3) NOT NULL DEFAULT clock_timestamp(),
  gone_at timestamptz(3),
  UNIQUE (agent_scope_id, key)
);
CREATE INDEX targets_service ON targets (service_id, environment_id, partition) WHERE gone_at IS NULL;
CREATE INDEX targets_under ON targets (under_since) WHERE under_since IS NOT NULL AND gone_at IS NULL;

-- What one target should run; moved when its wave opens. No row: nothing was ever decided for it.
CREATE TABLE target_desired (
  target_id bigint PRIMARY KEY REFERENCES targets (id),
  release_id uuid REFERENCES releases (id),
  entry_seq bigint NOT NULL REFERENCES ledger_entries (seq),
  rollout_id uuid,
  -- Agents act on a generation above the last that they started; 0 is expected, never offered.
  generation bigint NOT NULL DEFAULT 0 CHECK (generation >= 0),
  updated_at timestamptz(3) NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX target_desired_rollout ON target_desired (rollout_id);

CREATE TABLE combinations (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  service_name text,
  service_id uuid REFERENCES services (id),
  environment_id uuid NOT NULL REFERENCES environments (id),
  partition text NOT NULL,
  component text NOT NULL,
  image_id bigint NOT NULL REFERENCES images (id),
  desired_kind text NOT NULL CHECK (desired_kind IN ('none', 'nothing', 'release')),
  desired_release_id uuid REFERENCES releases (id),
  -- A target of an assigned service that no decision covers.
  unexpected boolean NOT NULL DEFAULT false,
  mutated boolean NOT NULL DEFAULT false,
  settings_digest text,
  declared_matches boolean,
  -- The verdict, computed by lib/domain/drift: all categories that hold, worst first.
  categories text[] NOT NULL CHECK (cardinality(categories) >= 1),
  running_release_id uuid REFERENCES releases (id),
  judged_at timestamptz(3) NOT NULL DEFAULT clock_timestamp(),
  CHECK ((desired_kind = 'release') = (desired_release_id IS NOT NULL)),
  UNIQUE NULLS NOT DISTINCT (service_name, environment_id, partition, component, image_id, desired_kind,
    desired_release_id, unexpected, mutated, settings_digest, declared_matches)
);
CREATE INDEX combinations_service ON combinations (service_id, environment_id);
CREATE INDEX combinations_image ON combinations (image_id);
CREATE INDEX combinations_worst ON combinations ((categories[1]));

-- Counters per (scope, combination), so that no two agents share a row.
CREATE TABLE combination_counts (
  agent_scope_id bigint NOT NULL REFERENCES agent_scopes (id),
  combination_id bigint NOT NULL REFERENCES combinations (id),
  instances integer NOT NULL CHECK (instances > 0),
  unhealthy integer NOT NULL DEFAULT 0 CHECK (unhealthy >= 0 AND unhealthy <= instances),
  PRIMARY KEY (agent_scope_id, combination_id)
);
CREATE INDEX combination_counts_combination ON combination_counts (combination_id);

CREATE TABLE instances (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  public_id uuid NOT NULL DEFAULT gen_random_uuid() UNIQUE,
  agent_scope_id bigint NOT NULL REFERENCES agent_scopes (id),
  target_id bigint NOT NULL REFERENCES targets (id),
  key text NOT NULL CHECK (length(key) BETWEEN 1 AND 400),
  component text NOT NULL DEFAULT 'main',
  combination_id bigint NOT NULL REFERENCES combinations (id),
  image_id bigint NOT NULL REFERENCES images (id),
  state text NOT NULL CHECK (state IN ('starting', 'running', 'waiting', 'exited')),
  health text NOT NULL CHECK (health IN ('healthy', 'unhealthy', 'unknown')),
  started_at timestamptz(3),
  restarts integer NOT NULL DEFAULT 0 CHECK (restarts >= 0),
  last_exit jsonb,
  settings_digest text,
  mutated jsonb,
  region text,
  first_seen_at timestamptz(3) NOT NULL DEFAULT clock_timestamp(),
  -- Since when it shows these facts; a change closes a span.
  facts_since timestamptz(3) NOT NULL,
  UNIQUE (agent_scope_id, key)
) WITH (fillfactor = 80);
CREATE INDEX instances_target ON instances (target_id);
CREATE INDEX instances_combination ON instances (combination_id);

CREATE TABLE spans (
  id bigint GENERATED ALWAYS AS IDENTITY,
  service_name text NOT NULL DEFAULT '',
  environment_id uuid NOT NULL,
  partition text NOT NULL,
  component text NOT NULL,
  agent_id uuid NOT NULL,
  target_id bigint NOT NULL,
  instance_key text NOT NULL,
  instance_id uuid NOT NULL,
  image_id bigint NOT NULL,
  combination_id bigint NOT NULL,
  state text NOT NULL,
  health text NOT NULL,
  restarts integer NOT NULL DEFAULT 0,
  mutated jsonb,
  settings_digest text,
  region text,
  started_at timestamptz(3) NOT NULL,
  ended_at timestamptz(3) NOT NULL,
  end_reason text NOT NULL,
  last_exit jsonb,
  learned_at timestamptz(3) NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (id, ended_at),
  CHECK (ended_at >= started_at)
) PARTITION BY RANGE (ended_at);
CREATE INDEX spans_during ON spans USING gist (service_name, environment_id, tstzrange(started_at, ended_at));
CREATE INDEX spans_instance ON spans (instance_id, ended_at);
CREATE TABLE spans_default PARTITION OF spans DEFAULT;

-- Makes the partition for the month of $1 if it is not there. Called at start and daily, ahead of time.
CREATE FUNCTION ensure_span_partition(moment timestamptz) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  first date := date_trunc('month', moment AT TIME ZONE 'UTC')::date;
  name text := 'spans_' || to_char(first, 'YYYY_MM');
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('plumbline.spans', 0));
  IF to_regclass(name) IS NULL THEN
    EXECUTE format('CREATE TABLE %I PARTITION OF spans FOR VALUES FROM (%L) TO (%L)', name,
      first::timestamp AT TIME ZONE 'UTC', (first + interval '1 month')::timestamp AT TIME ZONE 'UTC');
  END IF;
END $$;
DO $$
BEGIN
  PERFORM ensure_span_partition(now() + make_interval(months => m)) FROM generate_series(0, 2) m;
END $$;

-- What happened between reports, from the agents' journals. Never changes the present.
CREATE TABLE events (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  agent_id uuid NOT NULL REFERENCES agents (id),
  event_id text NOT NULL,
  at timestamptz(3) NOT NULL,
  target_key text NOT NULL,
  instance_key text,
  kind text NOT NULL CHECK (kind IN ('start', 'stop', 'restart', 'oom', 'exec', 'settings', 'declared')),
  digest digest_text,
  by text,
  detail jsonb NOT NULL DEFAULT '{}',
  learned_at timestamptz(3) NOT NULL DEFAULT clock_timestamp(),
  UNIQUE (agent_id, event_id)
);
CREATE INDEX events_target ON events (agent_id, target_key, at);

CREATE TABLE findings (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  kind text NOT NULL CHECK (kind IN (
    'unknown-artifact', 'unverifiable', 'recalled', 'mutated', 'wrong-service', 'unapproved', 'behind', 'ahead',
    'settings-differ', 'missing', 'unexpected', 'will-revert', 'tag-moved',
    'silent', 'ledger-refused', 'clock-skew', 'duplicate-agent', 'partial-rollout', 'contested')),
  service_name text,
  service_id uuid REFERENCES services (id),
  environment_id uuid REFERENCES environments (id),
  partition text,
  target_id bigint REFERENCES targets (id),
  agent_scope_id bigint REFERENCES agent_scopes (id),
  image_id bigint REFERENCES images (id),
  -- A verdict that a decision changed is one finding per combination, however many run it.
  combination_id bigint REFERENCES combinations (id),
  rollout_id uuid,
  cause jsonb NOT NULL DEFAULT '{}',
  count integer NOT NULL DEFAULT 1 CHECK (count >= 0),
  sample_keys text[] NOT NULL DEFAULT '{}',
  since timestamptz(3) NOT NULL,
  opened_at timestamptz(3) NOT NULL DEFAULT clock_timestamp(),
  resolved_at timestamptz(3),
  resolved_reason text,
  CHECK (num_nonnulls(target_id, agent_scope_id, combination_id, rollout_id) = 1),
  CHECK ((resolved_at IS NULL) = (resolved_reason IS NULL))
);
CREATE UNIQUE INDEX findings_open_once ON findings (kind, target_id, agent_scope_id, combination_id, rollout_id, image_id) NULLS NOT DISTINCT WHERE resolved_at IS NULL;
CREATE INDEX findings_open ON findings (opened_at DESC, id) WHERE resolved_at IS NULL;
CREATE INDEX findings_target ON findings (target_id) WHERE resolved_at IS NULL;
CREATE INDEX findings_history ON findings (environment_id, service_id, opened_at);

-- ---------------------------------------------------------------------------------------------
-- Carrying a change out.
CREATE TABLE rollouts (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  number bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
  service_id uuid NOT NULL,
  environment_id uuid NOT NULL,
  partition name_text NOT NULL,
  kind text NOT NULL CHECK (kind IN ('promote', 'rollback', 'reconverge', 'replace', 'stop')),
  origin text NOT NULL DEFAULT 'plumbline' CHECK (origin IN ('plumbline', 'external')),
  status text NOT NULL CHECK (status IN ('planned', 'running', 'paused', 'succeeded', 'succeeded-will-revert', 'aborted', 'superseded', 'failed')),
  status_reason text,
  from_release_id uuid REFERENCES releases (id),
  to_release_id uuid REFERENCES releases (id),
  entry_seq bigint NOT NULL REFERENCES ledger_entries (seq),
  actor_id uuid NOT NULL REFERENCES actors (id),
  incident text,
  outcome text CHECK (outcome IN ('good', 'failed', 'unclear')),
  supersedes_id uuid REFERENCES rollouts (id),
  strategy jsonb NOT NULL DEFAULT '{}',
  revision bigint NOT NULL DEFAULT 1 CHECK (revision > 0),
  created_at timestamptz(3) NOT NULL DEFAULT clock_timestamp(),
  started_at timestamptz(3),
  finished_at timestamptz(3),
  FOREIGN KEY (service_id, environment_id, partition) REFERENCES partitions (service_id, environment_id, name),
  CHECK ((status IN ('planned', 'running', 'paused')) = (finished_at IS NULL)),
  CHECK (kind = 'stop' OR to_release_id IS NOT NULL)
);
CREATE UNIQUE INDEX rollouts_one_active ON rollouts (service_id, environment_id, partition) WHERE status IN ('planned', 'running', 'paused');
CREATE INDEX rollouts_history ON rollouts (service_id, environment_id, partition, created_at DESC);
ALTER TABLE target_desired ADD FOREIGN KEY (rollout_id) REFERENCES rollouts (id);
ALTER TABLE findings ADD FOREIGN KEY (rollout_id) REFERENCES rollouts (id);

CREATE TABLE waves (
  rollout_id uuid NOT NULL REFERENCES rollouts (id),
  ordinal integer NOT NULL CHECK (ordinal >= 1),
  name text NOT NULL,
  status text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'waiting', 'open', 'soaking', 'passed', 'failed')),
  gate jsonb NOT NULL DEFAULT '{}',
  opened_at timestamptz(3),
  finished_at timestamptz(3),
  PRIMARY KEY (rollout_id, ordinal)
);
CREATE TABLE rollout_targets (
  rollout_id uuid NOT NULL,
  target_id bigint NOT NULL REFERENCES targets (id),
  wave integer NOT NULL,
  status text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'offered', 'acknowledged', 'replacing', 'verified', 'failed', 'stuck', 'gone', 'withdrawn', 'regressed', 'contested')),
  generation bigint,
  step text,
  reason text,
  detail jsonb,
  offered_at timestamptz(3),
  acknowledged_at timestamptz(3),
  done_at timestamptz(3),
  verified_at timestamptz(3),
  updated_at timestamptz(3) NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (rollout_id, target_id),
  FOREIGN KEY (rollout_id, wave) REFERENCES waves (rollout_id, ordinal)
);
CREATE INDEX rollout_targets_target ON rollout_targets (target_id);
CREATE TABLE rollout_events (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  rollout_id uuid NOT NULL REFERENCES rollouts (id),
  at timestamptz(3) NOT NULL DEFAULT clock_timestamp(),
  kind text NOT NULL,
  target_id bigint REFERENCES targets (id),
  detail jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX rollout_events_rollout ON rollout_events (rollout_id, id);

-- ---------------------------------------------------------------------------------------------
-- What moved. Keys only; readers take rows whose transaction is below the oldest one still running.
CREATE TABLE changes (
  seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
  at timestamptz(3) NOT NULL DEFAULT clock_timestamp(),
  topic text NOT NULL CHECK (topic IN ('fleet', 'findings', 'rollout', 'release', 'assignment', 'agent', 'desired', 'ledger', 'settings', 'access')),
  service_id uuid,
  service_name text,
  environment_id uuid,
  key text
);
CREATE INDEX changes_order ON changes (xid, seq);
CREATE INDEX changes_age ON changes (at);

-- ---------------------------------------------------------------------------------------------
-- Rights.
REVOKE ALL ON ALL TABLES IN SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO plumbline_app, plumbline_verifier;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO plumbline_app;
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO plumbline_app;
REVOKE UPDATE, DELETE ON ledger_entries, ledger_nodes, ledger_checkpoints, ledger_epochs FROM plumbline_app;
REVOKE DELETE ON ledger_head, ledger_texts FROM plumbline_app;
REVOKE UPDATE, DELETE ON releases, release_components, release_people, artifact_digests, attestations FROM plumbline_app;
REVOKE DELETE ON approvals, recalls, holds, assignments, rollouts, actors, agents, services, environments, role_bindings FROM plumbline_app;
GRANT SELECT ON ledger_entries, ledger_nodes, ledger_head, ledger_checkpoints, ledger_epochs TO plumbline_verifier;
GRANT EXECUTE ON FUNCTION ensure_span_partition(timestamptz) TO plumbline_app;
DO $$
BEGIN
  IF to_regclass('_prisma_migrations') IS NOT NULL THEN
    REVOKE INSERT, UPDATE, DELETE ON _prisma_migrations FROM plumbline_app;
  END IF;
END $$;
