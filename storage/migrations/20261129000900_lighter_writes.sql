-- What a fact costs to write. Everything is asked by `owner_id`, which is the application's id where there is one: the same
-- keys by `application_id` were kept twice.
ALTER TABLE timeline DROP CONSTRAINT timeline_application_id_fact_key_key;
ALTER TABLE outbox DROP CONSTRAINT outbox_application_id_fact_key_event_key;
DROP INDEX provider_calls_by_application;
-- Rows that are written again, an application a dozen times, find place on their own page: no index is touched then.
ALTER TABLE applications SET (fillfactor = 50);
ALTER TABLE idempotency_keys SET (fillfactor = 60);
