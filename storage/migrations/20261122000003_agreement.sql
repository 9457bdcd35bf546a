-- From disclosure to signature.
CREATE TABLE disclosures (
    application_id uuid NOT NULL REFERENCES applications (id),
    kind           text NOT NULL CHECK (kind IN ('rules', 'payments', 'rights')),
    text_version   text NOT NULL,
    sha256         bytea NOT NULL,
    content        text NOT NULL,
    shown_at       timestamptz NOT NULL,
    PRIMARY KEY (application_id, kind)
);
CREATE TABLE acknowledgements (
    application_id uuid NOT NULL REFERENCES applications (id),
    kind           text NOT NULL,                       -- rules, payments, rights, renewed_consent
    sha256         bytea NOT NULL,
    submission_id  uuid NOT NULL REFERENCES submissions (id),
    acknowledged_at timestamptz NOT NULL,
    PRIMARY KEY (application_id, kind)
);
CREATE TABLE schedule_drafts (
    id             uuid PRIMARY KEY,
    application_id uuid NOT NULL REFERENCES applications (id),
    method         text NOT NULL CHECK (method IN ('annuity', 'differentiated', 'bullet')),
    schedule       jsonb NOT NULL,                      -- nesie_domain::schedule::Schedule
    sha256         bytea NOT NULL,
    annual_effective_rate numeric(9, 1),
    breaches       jsonb NOT NULL,                      -- why it can not be chosen; empty when it can
    drafted_at     timestamptz NOT NULL,
    UNIQUE (application_id, method)
);
CREATE TABLE schedule_choices (
    application_id uuid PRIMARY KEY REFERENCES applications (id),
    draft_id       uuid NOT NULL REFERENCES schedule_drafts (id),
    submission_id  uuid NOT NULL REFERENCES submissions (id),
    chosen_at      timestamptz NOT NULL
);
CREATE TABLE disbursement_methods (
    application_id uuid NOT NULL REFERENCES applications (id),
    try            integer NOT NULL,
    submission_id  uuid NOT NULL REFERENCES submissions (id),
    method         text NOT NULL CHECK (method IN ('account', 'card', 'merchant')),
    payment_profile text NOT NULL,
    destination_sealed bytea NOT NULL,                  -- IBAN, card token or merchant, as JSON
    ownership      text NOT NULL CHECK (ownership IN ('confirmed', 'not_confirmed')),
    check_id       text NOT NULL,
    checked_at     timestamptz NOT NULL,
    PRIMARY KEY (application_id, try)
);
CREATE TABLE contracts (
    id             uuid PRIMARY KEY,
    application_id uuid NOT NULL UNIQUE REFERENCES applications (id),
    number         text NOT NULL UNIQUE,
    content        text NOT NULL,                       -- exact text that is shown and signed; holds personal data
    sha256         bytea NOT NULL,
    draft_id       uuid NOT NULL REFERENCES schedule_drafts (id),
    frozen_at      timestamptz NOT NULL
);
CREATE TABLE challenges (
    id             uuid PRIMARY KEY,
    application_id uuid NOT NULL REFERENCES applications (id),
    purpose        text NOT NULL CHECK (purpose IN ('contract', 'payment')),
    try            integer NOT NULL,
    movements      text[] NOT NULL,
    issued_at      timestamptz NOT NULL,
    expires_at     timestamptz NOT NULL,
    used_by        uuid UNIQUE REFERENCES submissions (id),
    UNIQUE (application_id, purpose, try)
);
CREATE TABLE identifications (
    challenge_id   uuid PRIMARY KEY REFERENCES challenges (id),
    application_id uuid NOT NULL REFERENCES applications (id),
    submission_id  uuid NOT NULL UNIQUE REFERENCES submissions (id),
    method         text NOT NULL CHECK (method IN ('coid')),
    vendor         text NOT NULL,
    score          numeric(6, 4),
    threshold      numeric(6, 4) NOT NULL,
    liveness       boolean,
    passed         boolean NOT NULL,
    failure        text,                                -- stable code when not passed
    bound_to       text NOT NULL,                       -- contract hash, or our payment reference
    identified_at  timestamptz NOT NULL
);
CREATE TABLE signatures (
    application_id uuid NOT NULL REFERENCES applications (id),
    try            integer NOT NULL,
    submission_id  uuid NOT NULL UNIQUE REFERENCES submissions (id),
    accepted       boolean NOT NULL,
    rejection      text,                                -- stable code when not accepted
    contract_sha256 bytea NOT NULL,
    certificate_serial text,
    tsp_time       timestamptz,
    evidence_id    uuid REFERENCES evidence (id),
    verified_at    timestamptz NOT NULL,
    PRIMARY KEY (application_id, try)
);
CREATE TABLE signature_exemptions (
    application_id uuid PRIMARY KEY REFERENCES applications (id),
    paragraph      text NOT NULL,
    record_id      text NOT NULL,                       -- of the register of sole proprietors
    exempted_at    timestamptz NOT NULL
);
