-- A name that a service itself had stands in entries of the ledger, and goes on meaning it; one that was only added may be given up.
-- Of those that are there it is not known: they stay.
ALTER TABLE service_aliases ADD COLUMN former boolean NOT NULL DEFAULT true;
