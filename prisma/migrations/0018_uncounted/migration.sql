-- A large wave is told in parts, and counted when all are told: targets told from this moment on may still stand under the
-- verdict of what they were to run before. Null: all are counted.
ALTER TABLE rollouts ADD COLUMN uncounted_since timestamptz(3);
CREATE INDEX rollouts_uncounted ON rollouts (uncounted_since) WHERE uncounted_since IS NOT NULL;
