-- What agents report and rollouts move is written by the hundred, with ids that the same transaction has just read. To look
-- each of them up again, and to lock the few rows that all of them name, was a third of the database's work while a fleet
-- is told and tells; and nobody may delete what they name. Images and combinations are still looked up: processes remember
-- their ids, and a database that is restored under them may have lost those.
ALTER TABLE instances
  DROP CONSTRAINT instances_agent_scope_id_fkey,
  DROP CONSTRAINT instances_target_id_fkey;
ALTER TABLE combination_counts
  DROP CONSTRAINT combination_counts_agent_scope_id_fkey;
ALTER TABLE target_desired
  DROP CONSTRAINT target_desired_target_id_fkey,
  DROP CONSTRAINT target_desired_release_id_fkey,
  DROP CONSTRAINT target_desired_entry_seq_fkey,
  DROP CONSTRAINT target_desired_rollout_id_fkey;
ALTER TABLE rollout_targets
  DROP CONSTRAINT rollout_targets_target_id_fkey,
  DROP CONSTRAINT rollout_targets_rollout_id_wave_fkey;
ALTER TABLE rollout_events
  DROP CONSTRAINT rollout_events_rollout_id_fkey,
  DROP CONSTRAINT rollout_events_target_id_fkey;
-- Releases, entries of the ledger and rollouts were so before.
REVOKE DELETE ON images, combinations, agent_scopes, targets, waves FROM plumbline_app;
