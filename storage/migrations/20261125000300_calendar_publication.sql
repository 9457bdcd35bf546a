-- Publication of a calendar version in mid-term: what moved, who was woken, and the alert before a calendar ends.

-- A duty names what takes its place before that is there: only one of a kind and subject may be open at a time.
ALTER TABLE duties ALTER CONSTRAINT duties_superseded_by_fkey DEFERRABLE INITIALLY DEFERRED;

-- What a publication works through: open duties by id.
CREATE INDEX duties_open_by_id ON duties (id) WHERE state = 'open';

-- Each duty that a publication moved. woken_at is delivery state: its case was told to look again.
CREATE TABLE calendar_changes (
    version      text NOT NULL REFERENCES calendar_versions (version),
    duty_id      uuid NOT NULL REFERENCES duties (id),  -- the superseded one
    case_id      uuid NOT NULL REFERENCES cases (id),
    new_duty_id  uuid NOT NULL REFERENCES duties (id),
    old_due_at   timestamptz,                           -- null: was undetermined
    new_due_at   timestamptz,                           -- null: is undetermined
    earlier      boolean NOT NULL,                      -- falls due sooner than before, or only now at all
    recorded_at  timestamptz NOT NULL,
    woken_at     timestamptz,
    PRIMARY KEY (version, duty_id)
);
CREATE INDEX calendar_changes_to_wake ON calendar_changes (version, case_id) WHERE woken_at IS NULL;
CREATE INDEX calendar_changes_page ON calendar_changes (version, recorded_at, duty_id);

-- The calendar's data ends soon: told once a version and threshold.
CREATE TABLE calendar_alerts (
    version        text NOT NULL REFERENCES calendar_versions (version),
    threshold_days integer NOT NULL,
    last_day       date NOT NULL,
    raised_at      timestamptz NOT NULL,
    PRIMARY KEY (version, threshold_days)
);

GRANT SELECT, INSERT ON calendar_changes, calendar_alerts TO nesie_app;
GRANT UPDATE (woken_at) ON calendar_changes TO nesie_app;
