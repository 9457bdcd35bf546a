-- The working calendar, versioned (domain.md §3): terms keep the version they were counted by. Append-only.
CREATE TABLE calendar_versions (
    version      text PRIMARY KEY,
    sequence     bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    first_day    date NOT NULL,
    last_day     date NOT NULL,
    source       text NOT NULL,
    published_by text NOT NULL,                         -- issuer|subject of who proposed it, or shipped
    approval_id  uuid REFERENCES approvals (id),
    published_at timestamptz NOT NULL,
    CHECK (first_day <= last_day)
);
CREATE TABLE calendar_days (
    version   text NOT NULL REFERENCES calendar_versions (version),
    on_day    date NOT NULL,
    kind      text NOT NULL,                            -- nesie_domain::calendar::DayKind
    name      text NOT NULL,
    source    text NOT NULL,
    estimated boolean NOT NULL,
    PRIMARY KEY (version, on_day)
);
GRANT SELECT, INSERT ON calendar_versions, calendar_days TO nesie_app;
