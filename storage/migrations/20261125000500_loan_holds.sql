-- Loans on which accrual, collection, claims and reporting are suspended by documents of the criminal process
-- (para 13 ¶2-3). Several documents may hold one loan: it is held while one row is not released (A12).
CREATE TABLE loan_holds (
    case_id            uuid NOT NULL REFERENCES cases (id),
    loan_reference     text NOT NULL REFERENCES loans (loan_reference),
    effective_from     date NOT NULL,                   -- the first day without interest (A21)
    placed_at          timestamptz NOT NULL,
    released_at        timestamptz,
    collection_resumed boolean,                         -- what two people decided; collection stays suspended where false
    PRIMARY KEY (case_id, loan_reference),
    CHECK ((released_at IS NULL) = (collection_resumed IS NULL))
);
CREATE INDEX loan_holds_in_force ON loan_holds (loan_reference) WHERE released_at IS NULL;
GRANT SELECT, INSERT ON loan_holds TO nesie_app;
GRANT UPDATE (released_at, collection_resumed) ON loan_holds TO nesie_app;
