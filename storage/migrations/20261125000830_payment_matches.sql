-- A likely match just before the payout (para 10; R-080, R-100): there may be several, since lists change while it waits.
-- Each says in which versions of the lists it was found, and its decision lets the step go on that it parked.
ALTER TABLE screening_matches ADD COLUMN number integer NOT NULL DEFAULT 1;            -- of its occasion
ALTER TABLE screening_matches ADD COLUMN list_versions jsonb;                          -- [{category, version, sha256}]
ALTER TABLE screening_matches ADD COLUMN parked_step_id uuid REFERENCES parked_steps (id);
UPDATE screening_matches AS m SET list_versions = d.list_versions
FROM due_diligence AS d WHERE d.application_id = m.application_id AND d.occasion = m.occasion;
ALTER TABLE screening_matches ALTER COLUMN list_versions SET NOT NULL;
ALTER TABLE screening_matches ALTER COLUMN number DROP DEFAULT;
ALTER TABLE screening_matches DROP CONSTRAINT screening_matches_application_id_occasion_key;
ALTER TABLE screening_matches ADD UNIQUE (application_id, occasion, number);
ALTER TABLE screening_matches ADD CHECK (parked_step_id IS NULL OR (occasion = 'payment' AND decision IS NOT NULL));
GRANT UPDATE (parked_step_id) ON screening_matches TO nesie_app;
