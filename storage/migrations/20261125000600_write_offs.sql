-- Refunds of cases (para 13 ¶4) stand beside the payouts of applications: the same states, the same reference for ever.
-- Where a refund may go: the client's own account, confirmed as his before it is stored.
CREATE TABLE refund_accounts (
    id              uuid PRIMARY KEY,                   -- the submission that gave it
    case_id         uuid NOT NULL REFERENCES cases (id),
    account_sealed  bytea NOT NULL,                     -- JSON: iban
    payment_profile text NOT NULL,
    check_id        text NOT NULL,                      -- the provider's id of the ownership check
    given_at        timestamptz NOT NULL,
    sequence        bigint GENERATED ALWAYS AS IDENTITY
);
CREATE INDEX refund_accounts_by_case ON refund_accounts (case_id, sequence);

ALTER TABLE payments DROP CONSTRAINT payments_pkey;
ALTER TABLE payments DROP CONSTRAINT payments_our_reference_key;
ALTER TABLE payments ADD PRIMARY KEY (our_reference);
ALTER TABLE payments ALTER COLUMN application_id DROP NOT NULL;
ALTER TABLE payments ADD UNIQUE (application_id);
ALTER TABLE payments ADD COLUMN case_id uuid REFERENCES cases (id);
ALTER TABLE payments ADD COLUMN intent text CHECK (intent IN ('refund_collected', 'refund_paid'));
ALTER TABLE payments ADD COLUMN generation integer;    -- one more after each final rejection
ALTER TABLE payments ADD COLUMN account_id uuid REFERENCES refund_accounts (id);
ALTER TABLE payments ADD CHECK ((application_id IS NULL) <> (case_id IS NULL));
ALTER TABLE payments ADD CHECK (num_nulls(case_id, intent, generation, account_id) IN (0, 4));
ALTER TABLE payments ADD UNIQUE (case_id, intent, generation);
-- While a refund may still move money, or has moved it, there is no other one of its kind.
CREATE UNIQUE INDEX payments_one_refund ON payments (case_id, intent) WHERE case_id IS NOT NULL AND state <> 'rejected';

-- A callback of a refund wakes its case.
ALTER TABLE inbox ADD COLUMN case_id uuid REFERENCES cases (id);

GRANT SELECT, INSERT ON refund_accounts TO nesie_app;

-- A debt is written off once, whatever verdicts speak of it: what is refunded follows from this row's case alone.
CREATE TABLE written_off_loans (
    loan_reference text PRIMARY KEY REFERENCES loans (loan_reference),
    case_id        uuid NOT NULL UNIQUE REFERENCES cases (id),
    written_off_at timestamptz NOT NULL
);
GRANT SELECT, INSERT ON written_off_loans TO nesie_app;
