-- The first day without interest in the books, as far as the hold of a document knows: its own, or an earlier one of a
-- document that held the loan before. An earlier document that comes later moves it for all that are in force.
ALTER TABLE loan_holds ADD COLUMN suspended_from date;  -- null: accrual is not suspended by this document yet
GRANT UPDATE (suspended_from) ON loan_holds TO nesie_app;
-- Until now the first document decided, and no later one moved the day.
UPDATE loan_holds AS h SET suspended_from = (
    SELECT o.effective_from FROM loan_holds AS o
    WHERE o.loan_reference = h.loan_reference AND o.released_at IS NULL ORDER BY o.placed_at, o.case_id LIMIT 1)
WHERE h.released_at IS NULL;
