-- Functions are re-created at each migrate: all that nothing depends on are dropped first, so that a
-- signature may change and a removed function is gone. Functions that tables or policies depend on
-- stand in the migrations, and so do the two named here.
DO $$
DECLARE
    f regprocedure;
BEGIN
    FOR f IN SELECT p.oid::regprocedure FROM pg_catalog.pg_proc p
             WHERE p.pronamespace::regnamespace::text IN ('api', 'app', 'authz', 'ops', 'route')
               AND p.oid NOT IN ('authz.enter(text,int[],text[])'::regprocedure,
                                 'app.threads_touch(bigint[])'::regprocedure)
               AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                               WHERE d.refclassid = 'pg_proc'::regclass AND d.refobjid = p.oid)
    LOOP
        EXECUTE format('DROP FUNCTION %s', f);
    END LOOP;
END
$$;
