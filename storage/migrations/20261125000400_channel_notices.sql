-- Notices of channels to the regulator (paras 4, 5; R-030 to R-036). From here on a channel is open because a notice of it
-- was sent and its term has passed: the seeded rows go, and applications keep the channel's code as text.
CREATE TABLE channel_notice_versions (
    case_id             uuid NOT NULL REFERENCES cases (id),
    version             integer NOT NULL,               -- 1, then one more each time that the draft is amended
    notice              text NOT NULL CHECK (notice IN ('opening', 'change')),
    code                text NOT NULL,                  -- the channel's
    kind                text NOT NULL CHECK (kind IN ('web_resource', 'mobile_application', 'terminal')),
    name                text NOT NULL CHECK (name <> ''), -- or the terminal's location
    operations          text[] NOT NULL CHECK (cardinality(operations) > 0),
    security_procedures text NOT NULL CHECK (security_procedures <> ''),
    planned_on          date,                           -- of opening, or of the change's effect
    document_ids        uuid[] NOT NULL CHECK (cardinality(document_ids) > 0),
    submission_id       uuid REFERENCES case_submissions (id), -- of the amendment; null for the first version
    recorded_at         timestamptz NOT NULL,
    PRIMARY KEY (case_id, version)
);
-- That the regulator has it: by the answer of its channel, or as recorded where it was sent before this system existed.
CREATE TABLE channel_notice_receipts (
    case_id        uuid PRIMARY KEY REFERENCES cases (id),
    version        integer NOT NULL,
    sent_outside   boolean NOT NULL,
    receipt_number text NOT NULL CHECK (receipt_number <> ''),
    received_at    timestamptz NOT NULL,
    counted_from   date NOT NULL,                       -- the later of our sending and the regulator's receipt
    evidence_id    uuid REFERENCES evidence (id),       -- the answer as it came
    recorded_at    timestamptz NOT NULL,
    FOREIGN KEY (case_id, version) REFERENCES channel_notice_versions (case_id, version),
    CHECK (sent_outside = (evidence_id IS NULL))
);
-- The term as it was counted when the regulator had the notice.
CREATE TABLE channel_notice_terms (
    case_id          uuid PRIMARY KEY REFERENCES channel_notice_receipts (case_id),
    strict           boolean NOT NULL,                  -- whether ten full working days lie between (A7)
    earliest_on      date NOT NULL,
    calendar_version text NOT NULL,
    counted          jsonb NOT NULL,                    -- nesie_domain::calendar::Counted
    recorded_at      timestamptz NOT NULL
);
DELETE FROM channels WHERE source LIKE 'seeded%';
ALTER TABLE channels ADD COLUMN case_id uuid REFERENCES cases (id); -- the notice that it stands as it is by
ALTER TABLE channels ADD COLUMN changed_at timestamptz;

GRANT SELECT, INSERT ON channel_notice_versions, channel_notice_receipts, channel_notice_terms TO nesie_app;
GRANT INSERT ON channels TO nesie_app;
GRANT UPDATE (name, operations, source, case_id, changed_at) ON channels TO nesie_app;
