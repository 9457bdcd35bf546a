-- The term of a notice moves with the calendar, as duties do: counted anew as the next generation, and never edited.
ALTER TABLE channel_notice_terms ADD COLUMN generation integer NOT NULL DEFAULT 0 CHECK (generation >= 0);
ALTER TABLE channel_notice_terms ALTER COLUMN generation DROP DEFAULT;
ALTER TABLE channel_notice_terms DROP CONSTRAINT channel_notice_terms_pkey, ADD PRIMARY KEY (case_id, generation);

-- What a publication moved: a duty, or the term of a notice, of which a case has one.
ALTER TABLE calendar_changes
    DROP CONSTRAINT calendar_changes_pkey,
    ALTER COLUMN duty_id DROP NOT NULL,
    ALTER COLUMN new_duty_id DROP NOT NULL,
    ADD COLUMN old_earliest_on date,                    -- of a notice, in place of the instants of a duty
    ADD COLUMN new_earliest_on date,
    ADD COLUMN moved_id uuid NOT NULL GENERATED ALWAYS AS (coalesce(duty_id, case_id)) STORED,
    ADD PRIMARY KEY (version, moved_id),
    ADD CHECK ((duty_id IS NULL) = (new_duty_id IS NULL)),
    ADD CHECK ((duty_id IS NULL) = (old_earliest_on IS NOT NULL)),
    ADD CHECK ((old_earliest_on IS NULL) = (new_earliest_on IS NULL));
DROP INDEX calendar_changes_page;
CREATE INDEX calendar_changes_page ON calendar_changes (version, recorded_at, moved_id);
