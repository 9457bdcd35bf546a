-- Leaks of personal data (para 36): the clients they name, each held until three measures are taken.
CREATE TABLE client_flags (
    id             uuid PRIMARY KEY,
    case_id        uuid NOT NULL REFERENCES cases (id),
    iin_index      bytea NOT NULL,                      -- HMAC-SHA-256 under the index key
    person_sealed  bytea NOT NULL,                      -- JSON of the person
    learned_at     timestamptz NOT NULL,                -- when the lender learned of the leak
    flagged_at     timestamptz NOT NULL,
    identified_at  timestamptz,                         -- para 36(1)
    challenge_id   uuid REFERENCES challenges (id),     -- its evidence: the identification that answered it
    phone_checked_at timestamptz,                       -- para 36(2)
    phone_index    bytea,                               -- the number that was checked, as a keyed hash
    phone_source   text CHECK (phone_source IN ('mobile-operators', 'egov-mobile')),
    phone_evidence_id uuid REFERENCES evidence (id),
    call_id        uuid,                                -- para 36(3): the call to the number that was checked
    cleared_at     timestamptz,
    UNIQUE (case_id, iin_index),
    CHECK ((identified_at IS NULL) = (challenge_id IS NULL)),
    CHECK ((phone_checked_at IS NULL) = (phone_index IS NULL)),
    CHECK ((phone_checked_at IS NULL) = (phone_source IS NULL)),
    CHECK ((phone_checked_at IS NULL) = (phone_evidence_id IS NULL)),
    CHECK (cleared_at IS NULL OR (identified_at IS NOT NULL AND phone_checked_at IS NOT NULL AND call_id IS NOT NULL))
);
CREATE INDEX client_flags_in_force ON client_flags (iin_index) WHERE cleared_at IS NULL;
CREATE INDEX client_flags_page ON client_flags (case_id, flagged_at, id);

-- Calls to the client, those that did not reach him too. Append-only.
CREATE TABLE verification_calls (
    id             uuid PRIMARY KEY REFERENCES case_submissions (id),
    case_id        uuid NOT NULL REFERENCES cases (id),
    iin_index      bytea NOT NULL,
    phone_index    bytea NOT NULL,
    record_sealed  bytea NOT NULL,                      -- JSON of the record: number, operator, script, documents
    called_at      timestamptz NOT NULL,
    satisfies      boolean NOT NULL,                    -- reached, told of the theft, and recommended a voluntary refusal
    recorded_at    timestamptz NOT NULL
);
CREATE INDEX verification_calls_by_client ON verification_calls (iin_index, phone_index, called_at);
ALTER TABLE client_flags ADD FOREIGN KEY (call_id) REFERENCES verification_calls (id);

-- A challenge for the identification after a leak is bound to the flag.
ALTER TABLE challenges DROP CONSTRAINT challenges_purpose_check;
ALTER TABLE challenges ADD CHECK (purpose IN ('contract', 'payment', 'leak'));
ALTER TABLE challenges ADD COLUMN flag_id uuid REFERENCES client_flags (id);
ALTER TABLE challenges ADD CHECK ((purpose = 'leak') = (flag_id IS NOT NULL));

GRANT SELECT, INSERT ON client_flags, verification_calls TO nesie_app;
GRANT UPDATE (identified_at, challenge_id, phone_checked_at, phone_index, phone_source, phone_evidence_id, call_id, cleared_at)
    ON client_flags TO nesie_app;
