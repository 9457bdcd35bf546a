-- Money moves at most once: one row an application, one reference for ever, states only forward.
CREATE TABLE payments (
    application_id     uuid PRIMARY KEY REFERENCES applications (id),
    our_reference      uuid NOT NULL UNIQUE,
    method             text NOT NULL,
    payment_profile    text NOT NULL,
    amount_tiyn        bigint NOT NULL CHECK (amount_tiyn > 0),
    state              text NOT NULL CHECK (state IN ('reserved', 'sent', 'unknown', 'confirmed', 'rejected', 'released')),
    provider_reference text,
    rejection          text,
    reserved_at        timestamptz NOT NULL,
    sent_at            timestamptz,                     -- committed before the first call
    confirmed_at       timestamptz,
    updated_at         timestamptz NOT NULL
);
CREATE TABLE loans (
    application_id uuid PRIMARY KEY REFERENCES applications (id),
    loan_reference text NOT NULL UNIQUE,
    accounting_id  text NOT NULL,
    bureau_receipt text NOT NULL,
    recorded_at    timestamptz NOT NULL
);
CREATE TABLE notices (
    application_id uuid NOT NULL REFERENCES applications (id),
    template       text NOT NULL,
    message_id     text NOT NULL,
    sent_at        timestamptz NOT NULL,
    PRIMARY KEY (application_id, template)
);
CREATE TABLE parked_steps (
    id             uuid PRIMARY KEY,
    application_id uuid NOT NULL REFERENCES applications (id),
    step           text NOT NULL,
    occasion       integer NOT NULL,                    -- how many times this step was parked, from 1
    provider       text,
    failure_code   text NOT NULL,
    retry_is_safe  boolean NOT NULL,
    explanation    text NOT NULL,
    parked_at      timestamptz NOT NULL,
    decision       text CHECK (decision IN ('retry', 'fail_and_compensate')),
    decided_by     text,
    decision_reason text,
    decided_at     timestamptz,
    UNIQUE (application_id, step, occasion),
    CHECK ((decision IS NULL) = (decided_at IS NULL))
);
CREATE INDEX parked_steps_open ON parked_steps (parked_at, id) WHERE decision IS NULL;
-- Callbacks of providers: verified, stored once, passed on by the relay.
CREATE TABLE inbox (
    provider       text NOT NULL,
    event_id       text NOT NULL,
    application_id uuid REFERENCES applications (id),
    body           jsonb NOT NULL,
    received_at    timestamptz NOT NULL,
    passed_on_at   timestamptz,
    PRIMARY KEY (provider, event_id)
);
CREATE INDEX inbox_to_pass_on ON inbox (received_at) WHERE passed_on_at IS NULL;
