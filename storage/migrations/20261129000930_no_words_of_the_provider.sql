-- The provider's own words for a rejection may name an account or its holder. Nothing reads them here: its answer is kept sealed,
-- as evidence, and an approval that says so is in the fact.
ALTER TABLE payments DROP COLUMN rejection;
