-- The client may pay after the books were read: what is found by a later look is a round of its own (R-152, R-153).
ALTER TABLE payments ADD COLUMN round integer NOT NULL DEFAULT 0;
ALTER TABLE payments DROP CONSTRAINT payments_case_id_intent_generation_key;
ALTER TABLE payments ADD UNIQUE (case_id, intent, round, generation);
-- A refund that was never called for may be given up: its account turned out not to be the client's.
DROP INDEX payments_one_refund;
CREATE UNIQUE INDEX payments_one_refund ON payments (case_id, intent, round)
    WHERE case_id IS NOT NULL AND state NOT IN ('rejected', 'released');

-- Which of the client's payments a refund covers: each is refunded once, whatever is looked at again.
CREATE TABLE refunded_payments (
    loan_reference text NOT NULL REFERENCES loans (loan_reference),
    payment_id     text NOT NULL,                       -- the accounting's id of the client's payment
    case_id        uuid NOT NULL REFERENCES cases (id),
    intent         text NOT NULL CHECK (intent IN ('refund_collected', 'refund_paid')),
    round          integer NOT NULL,
    found_at       timestamptz NOT NULL,
    PRIMARY KEY (loan_reference, payment_id)
);
GRANT SELECT, INSERT ON refunded_payments TO nesie_app;
INSERT INTO refunded_payments (loan_reference, payment_id, case_id, intent, round, found_at)
SELECT w.loan_reference, covered.id, t.case_id, 'refund_' || (t.details ->> 'refund'), 0, t.occurred_at
FROM timeline AS t JOIN written_off_loans AS w ON w.case_id = t.case_id
CROSS JOIN LATERAL jsonb_array_elements_text(t.details -> 'payments') AS covered (id)
WHERE t.kind = 'refund_calculated';
