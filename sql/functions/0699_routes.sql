-- After all routes: rights, and that functions and rows belong together. A helper in schema app that nobody
-- was given the right to call yet is for those who write.
DO $$
DECLARE
    f record;
    v text;
BEGIN
    FOR f IN SELECT p.oid::regprocedure AS name FROM pg_catalog.pg_proc p
             WHERE p.pronamespace = 'app'::regnamespace AND p.proacl IS NULL
    LOOP
        EXECUTE format('ALTER FUNCTION %s OWNER TO mh_owner', f.name);
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', f.name);
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO mh_writer', f.name);
    END LOOP;
    FOR f IN SELECT p.oid::regprocedure AS name, p.proname FROM pg_catalog.pg_proc p
             WHERE p.pronamespace = 'route'::regnamespace
    LOOP
        EXECUTE format('ALTER FUNCTION %s OWNER TO %I', f.name,
                       CASE WHEN f.proname LIKE '%\_\_partner' THEN 'mh_partner'
                            WHEN f.proname LIKE '%\_\_staff' THEN 'mh_staff' ELSE 'mh_writer' END);
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', f.name);
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO mh_writer', f.name);
    END LOOP;
    SET LOCAL ROLE mh_writer;
    SELECT string_agg(r.name, ', ') INTO v FROM app.routes r
    WHERE to_regproc('route.' || quote_ident(r.name)) IS NULL
      AND (to_regproc('route.' || quote_ident(r.name || '__staff')) IS NULL
           OR to_regproc('route.' || quote_ident(r.name || '__partner')) IS NULL)
       OR r.permission IS NOT NULL AND NOT EXISTS (SELECT FROM app.permissions p WHERE p.permission = r.permission);
    RESET ROLE;
    IF v IS NOT NULL THEN
        RAISE EXCEPTION 'routes without a function, or of an unknown permission: %', v;
    END IF;
END
$$;
