-- What has to arrive in its order, of whatever it is about: the deliveries of one rollout, and those of one cause of findings.
ALTER TABLE deliveries ADD COLUMN order_key text;
UPDATE deliveries SET order_key = rollout_id::text WHERE rollout_id IS NOT NULL;
UPDATE deliveries SET order_key = 'finding/' || (body -> 'finding' ->> 'service') || '/' || (body -> 'finding' ->> 'environment') || '/' || (body -> 'finding' ->> 'kind')
WHERE status = 'pending' AND event IN ('finding-opened', 'finding-resolved');
DROP INDEX deliveries_waiting;
CREATE INDEX deliveries_waiting ON deliveries (order_key, seq) WHERE status = 'pending';
