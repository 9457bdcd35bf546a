-- API and worker read which migrations were applied, to refuse a schema they were not built for; they never write it.
DO $$
BEGIN
    IF to_regclass('_sqlx_migrations') IS NOT NULL THEN
        REVOKE ALL ON _sqlx_migrations FROM nesie_app;
        GRANT SELECT ON _sqlx_migrations TO nesie_app;
    END IF;
END
$$;
