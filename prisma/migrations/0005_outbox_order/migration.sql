-- The outbox has an order of its own: two notices of one millisecond go out in the order in which they came about.
ALTER TABLE deliveries ADD COLUMN seq bigint GENERATED ALWAYS AS IDENTITY;
CREATE UNIQUE INDEX deliveries_seq ON deliveries (seq);
CREATE INDEX deliveries_waiting ON deliveries (rollout_id, seq) WHERE status = 'pending';
DROP INDEX deliveries_history;
-- What is due, in its order, and what is being sent: both are asked for twice a second by every lane of every worker.
DROP INDEX deliveries_due;
CREATE INDEX deliveries_due ON deliveries (next_attempt_at, seq) WHERE status = 'pending';
CREATE INDEX deliveries_leased ON deliveries (leased_until) WHERE status = 'pending' AND leased_until IS NOT NULL;

-- Who looks at the outbox hears of it, and nobody else reads anew.
ALTER TABLE changes DROP CONSTRAINT changes_topic_check;
ALTER TABLE changes ADD CONSTRAINT changes_topic_check
  CHECK (topic IN ('fleet', 'findings', 'rollout', 'release', 'assignment', 'agent', 'desired', 'ledger', 'settings', 'access', 'delivery'));
