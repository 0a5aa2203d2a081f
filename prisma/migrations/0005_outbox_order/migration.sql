-- The outbox has an order of its own: two notices of one millisecond go out in the order in which they came about.
ALTER TABLE deliveries ADD COLUMN seq bigint GENERATED ALWAYS AS IDENTITY;
CREATE UNIQUE INDEX deliveries_seq ON deliveries (seq);
CREATE INDEX deliveries_waiting ON deliveries (rollout_id, seq) WHERE status = 'pending';
DROP INDEX deliveries_history;

-- Who looks at the outbox hears of it, and nobody else reads anew.
ALTER TABLE changes DROP CONSTRAINT changes_topic_check;
ALTER TABLE changes ADD CONSTRAINT changes_topic_check
  CHECK (topic IN ('fleet', 'findings', 'rollout', 'release', 'assignment', 'agent', 'desired', 'ledger', 'settings', 'access', 'delivery'));
