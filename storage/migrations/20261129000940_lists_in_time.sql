-- When the publisher last said that this version is the one in use: by the clock of the database, since it is how old the lists
-- really are.
ALTER TABLE aml_list_versions ADD COLUMN checked_at timestamptz NOT NULL DEFAULT now();
UPDATE aml_list_versions SET checked_at = least(fetched_at, now());
GRANT UPDATE (checked_at) ON aml_list_versions TO nesie_app;
