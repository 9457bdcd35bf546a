-- What providers answered, as they answered it, sealed; and every call that was made, counted by us.
CREATE TABLE evidence (
    id             uuid PRIMARY KEY,
    application_id uuid NOT NULL REFERENCES applications (id),
    step           text NOT NULL,
    kind           text NOT NULL,
    content_type   text NOT NULL,
    content_sealed bytea NOT NULL,
    sha256         bytea NOT NULL,                      -- of the content as received
    recorded_at    timestamptz NOT NULL,
    UNIQUE (application_id, step, kind, sha256)
);

CREATE TABLE provider_calls (
    sequence       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    application_id uuid NOT NULL REFERENCES applications (id),
    step           text NOT NULL,
    provider       text NOT NULL,
    operation      text NOT NULL,
    key            text NOT NULL,                       -- the idempotency key or our own reference
    attempt        integer NOT NULL,
    result         text NOT NULL,                       -- answered, or the failure's code; never a body
    called_at      timestamptz NOT NULL
);
CREATE INDEX provider_calls_by_application ON provider_calls (application_id, sequence);

CREATE TABLE aml_list_versions (
    category     text NOT NULL CHECK (category IN ('financing', 'participants')),
    version      text NOT NULL,
    sha256       bytea NOT NULL,
    fetched_at   timestamptz NOT NULL,
    persons      integer NOT NULL,
    current      boolean NOT NULL,
    PRIMARY KEY (category, version)
);
CREATE UNIQUE INDEX aml_list_current ON aml_list_versions (category) WHERE current;
CREATE TABLE aml_list_entries (
    category   text NOT NULL,
    version    text NOT NULL,
    entry_id   text NOT NULL,
    iin        text,
    name       text NOT NULL,
    birth_date date,
    PRIMARY KEY (category, version, entry_id),
    FOREIGN KEY (category, version) REFERENCES aml_list_versions (category, version)
);

CREATE TABLE due_diligence (
    application_id uuid NOT NULL REFERENCES applications (id),
    occasion       text NOT NULL,                       -- 'assessment', 'payment'
    verdict        jsonb NOT NULL,                      -- clear, exact, fuzzy with scores; ground of refusal
    risk_level     text NOT NULL,
    politically_exposed boolean NOT NULL,
    list_versions  jsonb NOT NULL,                      -- [{category, version, sha256}]
    decided_at     timestamptz NOT NULL,
    PRIMARY KEY (application_id, occasion)
);
CREATE TABLE screening_matches (
    id             uuid PRIMARY KEY,
    application_id uuid NOT NULL REFERENCES applications (id),
    occasion       text NOT NULL,
    matches        jsonb NOT NULL,                      -- [{entry_id, category, score_percent, reason}]
    opened_at      timestamptz NOT NULL,
    decision       text CHECK (decision IN ('false_positive', 'confirmed')),
    decided_by     text,
    decision_reason text,
    decided_at     timestamptz,
    UNIQUE (application_id, occasion),
    CHECK ((decision IS NULL) = (decided_at IS NULL))
);
CREATE TABLE credit_reports (
    application_id       uuid NOT NULL REFERENCES applications (id),
    occasion             text NOT NULL,                 -- 'assessment', 'signing', 'payment'
    report_id            text NOT NULL,
    voluntary_refusal    text NOT NULL CHECK (voluntary_refusal IN ('ACTIVE', 'NONE')),
    overdue_days_current integer NOT NULL,
    overdue_days_max_12m integer NOT NULL,
    debt_burden          numeric(12, 6),
    verdict              jsonb NOT NULL,
    evidence_id          uuid NOT NULL REFERENCES evidence (id),
    received_at          timestamptz NOT NULL,
    PRIMARY KEY (application_id, occasion)
);
CREATE TABLE sole_proprietor_checks (
    application_id uuid PRIMARY KEY REFERENCES applications (id),
    registered     boolean NOT NULL,
    record_id      text NOT NULL,
    evidence_id    uuid NOT NULL REFERENCES evidence (id),
    checked_at     timestamptz NOT NULL
);
