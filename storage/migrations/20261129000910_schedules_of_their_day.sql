-- Dates and annual effective rate are those of the day: of the contract when it is frozen, of the loan when the money moved
-- (R-083, R-084; the rate is told as of the contract's day). The drafts stay as they were shown.
ALTER TABLE contracts ADD COLUMN schedule jsonb, ADD COLUMN annual_effective_rate numeric(9, 1);
UPDATE contracts AS k SET schedule = d.schedule, annual_effective_rate = d.annual_effective_rate
FROM schedule_drafts AS d WHERE d.id = k.draft_id;
ALTER TABLE contracts ALTER COLUMN schedule SET NOT NULL, ALTER COLUMN annual_effective_rate SET NOT NULL;
ALTER TABLE loans ADD COLUMN schedule jsonb, ADD COLUMN annual_effective_rate numeric(9, 1);
UPDATE loans AS l SET schedule = k.schedule, annual_effective_rate = k.annual_effective_rate
FROM contracts AS k WHERE k.application_id = l.application_id;
ALTER TABLE loans ALTER COLUMN schedule SET NOT NULL, ALTER COLUMN annual_effective_rate SET NOT NULL;
-- The contract's text names its parties, so it is sealed as everything else that does (R-212, R-234); one that was frozen before
-- stays readable as it is: only who has the key could seal it, and nobody but its owner may change it.
ALTER TABLE contracts ALTER COLUMN content DROP NOT NULL, ADD COLUMN content_sealed bytea;
ALTER TABLE contracts ADD CONSTRAINT contracts_content_once CHECK (num_nonnulls(content, content_sealed) = 1);
