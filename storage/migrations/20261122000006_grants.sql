-- The application role has no DDL; facts are insert-only, and only delivery and state columns may change.
GRANT USAGE ON SCHEMA public TO nesie_app;
GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA public TO nesie_app;
-- No grant on sequences: identity columns draw from theirs without one.
GRANT UPDATE (started_at, stage, stage_at, outcome, closed_at) ON applications TO nesie_app;
GRANT UPDATE (status, response) ON idempotency_keys TO nesie_app;
GRANT UPDATE (delivered_at) ON outbox TO nesie_app;
GRANT UPDATE (current) ON aml_list_versions TO nesie_app;
GRANT UPDATE (decision, decided_by, decision_reason, decided_at) ON screening_matches TO nesie_app;
GRANT UPDATE (used_by) ON challenges TO nesie_app;
GRANT UPDATE (state, provider_reference, rejection, sent_at, confirmed_at, updated_at) ON payments TO nesie_app;
GRANT UPDATE (decision, decided_by, decision_reason, decided_at) ON parked_steps TO nesie_app;
GRANT UPDATE (passed_on_at) ON inbox TO nesie_app;
REVOKE INSERT ON policy_rows, disclosure_texts, channels FROM nesie_app;
-- PostgreSQL lets everybody make temporary tables: DDL that this role is not to have either.
DO $$
BEGIN
    EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database());
END
$$;
