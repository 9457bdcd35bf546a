-- A leak that was reported in error is withdrawn by two people, and its flags with it; those of other cases stay.
ALTER TABLE client_flags ADD COLUMN withdrawn_at timestamptz;
ALTER TABLE client_flags ADD CHECK (cleared_at IS NULL OR withdrawn_at IS NULL);
GRANT UPDATE (withdrawn_at) ON client_flags TO nesie_app;
