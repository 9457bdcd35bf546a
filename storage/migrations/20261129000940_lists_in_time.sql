-- When the publisher last said that this version is the one in use: by the clock of the database, since it is how old the lists
-- really are. Of those that are there it is not known: they count as named now, and the next refresh says.
ALTER TABLE aml_list_versions ADD COLUMN checked_at timestamptz NOT NULL DEFAULT now();
GRANT UPDATE (checked_at) ON aml_list_versions TO nesie_app;
