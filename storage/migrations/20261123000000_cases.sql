-- Cases of the Rules beside applications (paras 4, 5, 13, 36), the duties that follow from them, and what two people decide.
CREATE TABLE cases (
    id              uuid PRIMARY KEY,
    kind            text NOT NULL CHECK (kind IN ('channel_notice', 'fraud_incident', 'accrual_suspension', 'write_off', 'data_leak')),
    submitted_by    text NOT NULL,                      -- issuer|subject of the token that opened it
    natural_key     bytea NOT NULL,                     -- keyed hash of what makes two documents the same one
    details_sealed  bytea NOT NULL,                     -- JSON of the kind's own type; may hold personal data
    summary         jsonb NOT NULL,                     -- what lists and pages show: no personal data
    policy          jsonb NOT NULL,                     -- ladders and readings that bind the case, whatever comes later
    ruleset         text NOT NULL,
    build           text NOT NULL,
    received_at     timestamptz NOT NULL,
    started_at      timestamptz,                        -- delivery state of the start relay
    stage           jsonb NOT NULL,                     -- nesie_domain::case::CaseStage
    stage_name      text GENERATED ALWAYS AS (stage ->> 'stage') STORED,
    stage_at        timestamptz NOT NULL,
    closed_at       timestamptz,
    UNIQUE (kind, natural_key)
);
CREATE INDEX cases_to_start ON cases (received_at) WHERE started_at IS NULL;
CREATE INDEX cases_page ON cases (kind, received_at DESC, id DESC);

-- Readings and ladders of cases by the date they take effect; a case keeps those of its receipt. {} means the defaults.
CREATE TABLE case_policies (
    effective_from date PRIMARY KEY,
    value          jsonb NOT NULL,                      -- nesie_domain::case::CasePolicy
    source         text NOT NULL
);
INSERT INTO case_policies (effective_from, value, source) VALUES
    ('2025-01-01', '{}', 'readings A7, A10, A11, A15, A16, A21 and the ladder of warnings, as recommended');

-- What a person sent for one case, stored before it is sent on; the answer is what the case's workflow decided.
CREATE TABLE case_submissions (
    id             uuid PRIMARY KEY,
    case_id        uuid NOT NULL REFERENCES cases (id),
    act            text NOT NULL,
    body_sealed    bytea NOT NULL,
    body_sha256    bytea NOT NULL,                      -- HMAC-SHA-256 under the index key
    submitted_by   text NOT NULL,
    roles          text[] NOT NULL,
    reason         text NOT NULL,                       -- in the person's words where an act asks for one; no personal data
    received_at    timestamptz NOT NULL,
    answer         jsonb,                               -- nesie_workflows::contract::CaseAnswer
    answered_at    timestamptz
);
CREATE INDEX case_submissions_by_case ON case_submissions (case_id, received_at);

-- Documents that came with a case or an act: the bytes as received, sealed, with their hash (R-035, R-213).
CREATE TABLE case_documents (
    id             uuid PRIMARY KEY,
    case_id        uuid NOT NULL REFERENCES cases (id),
    name           text NOT NULL,
    content_type   text NOT NULL,
    content_sealed bytea NOT NULL,
    sha256         bytea NOT NULL,
    received_at    timestamptz NOT NULL
);
CREATE INDEX case_documents_by_case ON case_documents (case_id);

-- A legal term to be kept (design invariant 9): never edited, only superseded; whether it is overdue is computed.
CREATE TABLE duties (
    id               uuid PRIMARY KEY,
    case_id          uuid NOT NULL REFERENCES cases (id),
    kind             text NOT NULL,                     -- nesie_domain::duty::DutyKind
    subject          text NOT NULL,                     -- what within the case: '' or an id, never personal data
    generation       integer NOT NULL,                  -- 0, then one more each time it is superseded
    paragraph        text NOT NULL,
    requirements     text[] NOT NULL,                   -- R-numbers
    anchor_at        timestamptz NOT NULL,
    working_days     integer NOT NULL,
    calendar_version text NOT NULL,
    due_on           date,                              -- null: due undetermined, the calendar does not reach so far
    due_at           timestamptz,                       -- 24:00 Asia/Almaty of due_on
    estimated        boolean NOT NULL,                  -- a holiday inside is not announced yet
    counted          jsonb NOT NULL,                    -- the day-by-day count: nesie_domain::calendar::Counted, or null
    ladder           jsonb NOT NULL,                    -- [{rung, at}]: instants of warning, from policy
    opened_at        timestamptz NOT NULL,
    state            text NOT NULL CHECK (state IN ('open', 'met', 'met_late', 'superseded', 'cancelled')),
    ended_at         timestamptz,                       -- when it was met, superseded or cancelled
    ended_by         text,                              -- issuer|subject, or system
    evidence         jsonb,                             -- ids, hashes, receipts: what proves that it was met
    superseded_by    uuid REFERENCES duties (id),
    UNIQUE (case_id, kind, subject, generation),
    CHECK ((due_on IS NULL) = (due_at IS NULL)),
    CHECK ((state = 'open') = (ended_at IS NULL)),
    CHECK (state NOT IN ('met', 'met_late') OR (evidence IS NOT NULL AND ended_by IS NOT NULL)),
    CHECK ((state = 'superseded') = (superseded_by IS NOT NULL))
);
CREATE UNIQUE INDEX duties_open_once ON duties (case_id, kind, subject) WHERE state = 'open';
CREATE INDEX duties_open ON duties (due_at, id) WHERE state = 'open';
CREATE INDEX duties_page ON duties (due_at, id);
-- Each rung of a ladder is claimed before anyone is told, once.
CREATE TABLE duty_rungs (
    duty_id    uuid NOT NULL REFERENCES duties (id),
    rung       text NOT NULL,                           -- opened, a name from the ladder, breached, undetermined
    planned_at timestamptz NOT NULL,
    claimed_at timestamptz NOT NULL,
    PRIMARY KEY (duty_id, rung)
);
-- What the sweep found: every open duty has a live timer, and the reverse.
CREATE TABLE duty_sweeps (
    id         uuid PRIMARY KEY,
    swept_at   timestamptz NOT NULL,
    cases      integer NOT NULL,
    duties     integer NOT NULL,
    findings   jsonb NOT NULL                           -- [{case_id, finding}]; empty when all is well
);

-- An act that needs two people: asked for by one, decided by another; nothing is deleted.
CREATE TABLE approvals (
    id             uuid PRIMARY KEY,
    kind           text NOT NULL,                       -- nesie_domain::approval::ApprovalKind
    case_id        uuid REFERENCES cases (id),
    application_id uuid REFERENCES applications (id),
    object         text NOT NULL,                       -- what it is about, as in the audit log
    proposal       jsonb NOT NULL,                      -- what is to happen: no personal data
    proposal_sealed bytea,                              -- what of it is personal
    difference     jsonb NOT NULL,                      -- what changes, before and after: no personal data
    rule           jsonb NOT NULL,                      -- who may decide and until when, copied at creation
    maker          text NOT NULL,
    maker_reason   text NOT NULL,
    created_at     timestamptz NOT NULL,
    expires_at     timestamptz NOT NULL,
    state          text NOT NULL CHECK (state IN ('pending', 'approved', 'rejected', 'expired')),
    decided_by     text,
    decision_reason text,
    decided_at     timestamptz,
    passed_on_at   timestamptz,                         -- delivery state of the relay
    CHECK (decided_by IS NULL OR decided_by <> maker),
    CHECK ((state = 'pending') = (decided_at IS NULL)),
    CHECK (state NOT IN ('approved', 'rejected') OR (decided_by IS NOT NULL AND decision_reason <> ''))
);
CREATE INDEX approvals_page ON approvals (created_at DESC, id DESC);
CREATE INDEX approvals_to_pass_on ON approvals (decided_at) WHERE decided_at IS NOT NULL AND passed_on_at IS NULL;
CREATE INDEX approvals_pending ON approvals (expires_at) WHERE state = 'pending';

-- Facts, evidence, calls, events and parked steps belong to an application or to a case. owner_id is either's id.
ALTER TABLE timeline ALTER COLUMN application_id DROP NOT NULL;
ALTER TABLE timeline ADD COLUMN case_id uuid REFERENCES cases (id);
ALTER TABLE timeline ADD COLUMN owner_id uuid NOT NULL GENERATED ALWAYS AS (COALESCE(application_id, case_id)) STORED;
ALTER TABLE timeline ADD UNIQUE (owner_id, fact_key);
ALTER TABLE outbox ALTER COLUMN application_id DROP NOT NULL;
ALTER TABLE outbox ADD COLUMN case_id uuid REFERENCES cases (id);
ALTER TABLE outbox ADD COLUMN owner_id uuid GENERATED ALWAYS AS (COALESCE(application_id, case_id)) STORED;
ALTER TABLE outbox ADD UNIQUE (owner_id, fact_key, event);
ALTER TABLE evidence ALTER COLUMN application_id DROP NOT NULL;
ALTER TABLE evidence ADD COLUMN case_id uuid REFERENCES cases (id);
ALTER TABLE evidence ADD COLUMN owner_id uuid NOT NULL GENERATED ALWAYS AS (COALESCE(application_id, case_id)) STORED;
ALTER TABLE provider_calls ALTER COLUMN application_id DROP NOT NULL;
ALTER TABLE provider_calls ADD COLUMN case_id uuid REFERENCES cases (id);
ALTER TABLE provider_calls ADD COLUMN owner_id uuid NOT NULL GENERATED ALWAYS AS (COALESCE(application_id, case_id)) STORED;
CREATE INDEX provider_calls_by_owner ON provider_calls (owner_id, key);
ALTER TABLE parked_steps ALTER COLUMN application_id DROP NOT NULL;
ALTER TABLE parked_steps ADD COLUMN case_id uuid REFERENCES cases (id);
ALTER TABLE parked_steps ADD COLUMN owner_id uuid NOT NULL GENERATED ALWAYS AS (COALESCE(application_id, case_id)) STORED;
ALTER TABLE parked_steps ADD UNIQUE (owner_id, step, occasion);
ALTER TABLE parked_steps ADD COLUMN approval_id uuid REFERENCES approvals (id);
ALTER TABLE parked_steps DROP CONSTRAINT parked_steps_decision_check;
ALTER TABLE parked_steps ADD CONSTRAINT parked_steps_decision_check
    CHECK (decision IN ('retry', 'fail_and_compensate', 'complete_by_hand', 'retry_corrected'));

GRANT SELECT ON case_policies TO nesie_app;
GRANT SELECT, INSERT ON cases, case_submissions, case_documents, duties, duty_rungs, duty_sweeps, approvals TO nesie_app;
GRANT UPDATE (started_at, stage, stage_at, closed_at) ON cases TO nesie_app;
GRANT UPDATE (answer, answered_at) ON case_submissions TO nesie_app;
GRANT UPDATE (state, ended_at, ended_by, evidence, superseded_by) ON duties TO nesie_app;
GRANT UPDATE (state, decided_by, decision_reason, decided_at, passed_on_at) ON approvals TO nesie_app;
GRANT UPDATE (approval_id) ON parked_steps TO nesie_app;

-- Clients whom an incident affects: a row, evidence and an act each (para 13 ¶1; A22).
CREATE TABLE case_clients (
    id             uuid PRIMARY KEY,
    case_id        uuid NOT NULL REFERENCES cases (id),
    iin_index      bytea NOT NULL,                      -- HMAC-SHA-256 under the index key
    person_sealed  bytea NOT NULL,                      -- JSON: iin, phone
    loans          text[] NOT NULL,                     -- the lender's own references
    established_at timestamptz NOT NULL,                -- when it was established that the client is affected
    added_at       timestamptz NOT NULL,
    UNIQUE (case_id, iin_index)
);
-- Measures against causes and consequences, each with its proof (R-131).
CREATE TABLE case_measures (
    id            uuid PRIMARY KEY,
    case_id       uuid NOT NULL REFERENCES cases (id),
    description   text NOT NULL,                        -- in the person's words; no personal data is asked for in it
    done_at       timestamptz NOT NULL,
    documents     jsonb NOT NULL,                       -- [{id, sha256}]
    recorded_by   text NOT NULL,
    recorded_at   timestamptz NOT NULL
);
CREATE INDEX case_measures_by_case ON case_measures (case_id, recorded_at);
GRANT SELECT, INSERT ON case_clients, case_measures TO nesie_app;
