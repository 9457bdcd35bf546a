-- What was asked, by whom, and how far it is. Personal data is sealed (AES-GCM) and searched by keyed hash only.
CREATE TABLE applications (
    id               uuid PRIMARY KEY,
    submitted_by     text NOT NULL,                     -- issuer|subject of the token that submitted it
    client_kind      text NOT NULL CHECK (client_kind IN ('individual', 'sole_proprietor')),
    purpose          text NOT NULL CHECK (purpose IN ('consumer', 'business')),
    channel          text NOT NULL,
    amount_tiyn      bigint NOT NULL CHECK (amount_tiyn > 0),
    annual_rate      numeric(9, 4) NOT NULL,            -- percent a year
    term_months      integer,
    term_days        integer,
    applicant_sealed bytea NOT NULL,                    -- JSON of the applicant (names, iin, document, phone)
    iin_index        bytea NOT NULL,                    -- HMAC-SHA-256 under the index key
    phone_index      bytea NOT NULL,
    ruleset          text NOT NULL,                     -- e.g. 2025-01-01
    policy_version   text NOT NULL,
    policy           jsonb NOT NULL,                    -- the limits' rows that bind the application, whatever comes later (R-001)
    build            text NOT NULL,
    valid_for_seconds bigint NOT NULL CHECK (valid_for_seconds > 0),
    received_at      timestamptz NOT NULL,
    started_at       timestamptz,                       -- delivery state of the start relay
    stage            jsonb NOT NULL,                    -- nesie_domain::application::Stage
    stage_name       text GENERATED ALWAYS AS (stage ->> 'stage') STORED,
    stage_at         timestamptz NOT NULL,
    outcome          jsonb,                             -- nesie_domain::application::Outcome, once closed
    outcome_name     text GENERATED ALWAYS AS (outcome ->> 'outcome') STORED,
    closed_at        timestamptz,
    CHECK ((term_months IS NULL) <> (term_days IS NULL)),
    CHECK ((outcome IS NULL) = (closed_at IS NULL))
);
CREATE INDEX applications_to_start ON applications (received_at) WHERE started_at IS NULL;
CREATE INDEX applications_page ON applications (received_at DESC, id DESC);
CREATE INDEX applications_by_submitter ON applications (submitted_by, received_at DESC, id DESC);
CREATE INDEX applications_by_iin ON applications (iin_index);
CREATE INDEX applications_by_phone ON applications (phone_index);

-- One row a request that changes something: the same key with another body is refused, a repeat gets the first answer.
CREATE TABLE idempotency_keys (
    subject       text NOT NULL,
    route         text NOT NULL,
    key           text NOT NULL,
    body_sha256   bytea NOT NULL,                       -- HMAC-SHA-256 under the index key: bodies can be guessed
    object_id     uuid,                                 -- what the first request made: application or submission
    status        integer,                              -- null while the first request is under way or its end is not known
    response      jsonb,
    received_at   timestamptz NOT NULL,
    PRIMARY KEY (subject, route, key)
);

-- What a person sent for one application, stored before it is sent on; workflows see only its id.
CREATE TABLE submissions (
    id             uuid PRIMARY KEY,
    application_id uuid NOT NULL REFERENCES applications (id),
    act            text NOT NULL,                       -- nesie_domain::act::ActKind
    body_sealed    bytea NOT NULL,
    body_sha256    bytea NOT NULL,                      -- HMAC-SHA-256 under the index key
    submitted_by   text NOT NULL,
    received_at    timestamptz NOT NULL
);
CREATE INDEX submissions_by_application ON submissions (application_id, received_at);

-- The story of an application, one row a fact, in the order of the facts' own instants.
CREATE TABLE timeline (
    sequence       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    application_id uuid NOT NULL REFERENCES applications (id),
    fact_key       text NOT NULL,                       -- step and occasion; repeats of a step write once
    kind           text NOT NULL,
    details        jsonb NOT NULL,
    occurred_at    timestamptz NOT NULL,
    ruleset        text NOT NULL,
    build          text NOT NULL,
    UNIQUE (application_id, fact_key)
);

-- Every act and every denial: who, what, on what, why. Append-only by grants.
CREATE TABLE audit (
    sequence    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    occurred_at timestamptz NOT NULL,
    actor       text NOT NULL,                          -- issuer|subject of the token, or system
    roles       text[] NOT NULL,
    action      text NOT NULL,
    object      text NOT NULL,
    allowed     boolean NOT NULL,
    reason      text NOT NULL,
    request_id  text,
    fact_key    text,                                   -- set by activities: a repeat writes once
    details     jsonb NOT NULL DEFAULT '{}'
);
CREATE UNIQUE INDEX audit_fact ON audit (object, fact_key) WHERE fact_key IS NOT NULL;
CREATE INDEX audit_by_object ON audit (object, sequence);

-- Events for the lender's own systems, written with the fact. Delivery state is the relay's.
CREATE TABLE outbox (
    sequence       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    application_id uuid NOT NULL REFERENCES applications (id),
    fact_key       text NOT NULL,
    event          text NOT NULL,
    payload        jsonb NOT NULL,
    occurred_at    timestamptz NOT NULL,
    delivered_at   timestamptz,
    UNIQUE (application_id, fact_key, event)
);
