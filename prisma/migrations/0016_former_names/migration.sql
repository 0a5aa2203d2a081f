-- A name that a service itself had stands in entries of the ledger, and goes on meaning it; one that was only added may be given up.
ALTER TABLE service_aliases ADD COLUMN former boolean NOT NULL DEFAULT true;

-- Of those that are there the ledger tells: added, and no service was called so before it was renamed or merged.
WITH said AS MATERIALIZED (
  SELECT type, convert_from(bytes, 'UTF8')::jsonb -> 'payload' AS payload FROM ledger_entries WHERE type IN ('service-aliased', 'service-renamed', 'service-merged'))
UPDATE service_aliases a SET former = false
WHERE EXISTS (SELECT FROM said WHERE type = 'service-aliased' AND payload ->> 'alias' = a.name)
  AND NOT EXISTS (SELECT FROM said WHERE type <> 'service-aliased' AND payload ->> 'from' = a.name);
