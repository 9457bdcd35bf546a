-- The role that API and worker connect as: no DDL. Roles belong to the whole cluster, so it may exist already, or be made
-- by another database's migration at this very moment. Where the owner may not create roles, create nesie_app beforehand.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'nesie_app') THEN
        CREATE ROLE nesie_app LOGIN;
    END IF;
EXCEPTION
    WHEN duplicate_object OR unique_violation THEN NULL;
END
$$;
DO $$
BEGIN
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO nesie_app', current_database());
END
$$;
