-- When something last reported for a preview: its targets that are gone count too.
DROP INDEX targets_present;
CREATE INDEX targets_environment ON targets (environment_id);
