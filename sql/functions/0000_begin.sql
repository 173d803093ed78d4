-- Functions are re-created at each migrate: what only programs call is dropped first, so that a
-- signature may change and a removed function is gone. (Functions that tables or policies depend on
-- stand in the migrations.)
DO $$
DECLARE
    f regprocedure;
BEGIN
    FOR f IN SELECT p.oid::regprocedure FROM pg_catalog.pg_proc p
             WHERE p.pronamespace IN ('api'::regnamespace, 'ops'::regnamespace, 'route'::regnamespace)
    LOOP
        EXECUTE format('DROP FUNCTION %s', f);
    END LOOP;
END
$$;
