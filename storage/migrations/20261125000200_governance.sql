-- Acts that need two people (docs/decisions/0021): what the table itself refuses.
ALTER TABLE approvals ADD CHECK (maker_reason <> '');
ALTER TABLE approvals ADD CHECK (expires_at > created_at);
ALTER TABLE approvals ADD CHECK (num_nonnulls(case_id, application_id) <= 1);
-- Two requests for one parked step would let two makers race for one approver.
CREATE UNIQUE INDEX approvals_one_per_parked_step ON approvals (object)
    WHERE state = 'pending' AND kind IN ('complete_by_hand', 'retry_corrected');
