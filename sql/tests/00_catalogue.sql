-- The catalogue linter (requirements C11): what must hold for every table, policy and function, those
-- of later migrations included. Each check lists its offenders.
\ir include/send.psql
BEGIN;
SELECT plan(20);

CREATE TEMP VIEW tables AS
SELECT c.oid, c.oid::regclass::text AS name, c.relname, c.relrowsecurity, c.relforcerowsecurity, c.relispartition,
       c.relacl, c.relowner, c.relkind
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname IN ('app', 'ops', 'api', 'authz') AND c.relkind IN ('r', 'p');

CREATE TEMP VIEW policies AS
SELECT p.polrelid, t.name || '.' || p.polname AS name, p.polcmd, p.polroles,
       pg_get_expr(p.polqual, p.polrelid) AS qual, pg_get_expr(p.polwithcheck, p.polrelid) AS with_check
FROM pg_policy p JOIN tables t ON t.oid = p.polrelid;

CREATE TEMP VIEW functions AS
SELECT p.oid, p.oid::regprocedure::text AS name, p.prosecdef, p.proconfig, p.proacl, p.proowner
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE n.nspname IN ('app', 'ops', 'api', 'authz');

CREATE TEMP VIEW route_functions AS
SELECT p.oid::regprocedure::text AS name, p.proname, p.prosecdef, p.proconfig, p.proacl, p.proowner,
       pg_get_function_identity_arguments(p.oid) AS arguments, p.prorettype
FROM pg_proc p WHERE p.pronamespace = 'route'::regnamespace;

-- What a grant on a table or any of its columns gives to whom.
CREATE TEMP VIEW grants AS
SELECT t.oid, t.name, a.grantee, a.privilege_type
FROM tables t CROSS JOIN LATERAL aclexplode(t.relacl) a WHERE a.grantee <> t.relowner
UNION
SELECT t.oid, t.name, a.grantee, a.privilege_type
FROM tables t JOIN pg_attribute c ON c.attrelid = t.oid
CROSS JOIN LATERAL aclexplode(c.attacl) a WHERE a.grantee <> t.relowner;

SELECT cmp_ok((SELECT count(*) FROM tables), '>', 60::bigint, 'the linter sees the tables and partitions');
SELECT is_empty($$SELECT name FROM tables WHERE NOT (relrowsecurity AND relforcerowsecurity)$$,
                'every table and partition enables and forces RLS');
SELECT is_empty($$SELECT name FROM tables WHERE relowner <> 'mh_owner'::regrole$$, 'mh_owner owns every table');
SELECT is_empty($$
    SELECT g.name, g.grantee::regrole, g.privilege_type FROM grants g
    WHERE g.privilege_type IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE')
      AND NOT EXISTS (SELECT FROM policies p
                      WHERE p.polrelid = g.oid AND g.grantee = ANY (p.polroles)
                        AND (p.polcmd = '*' OR p.polcmd = CASE g.privilege_type WHEN 'SELECT' THEN 'r'
                             WHEN 'INSERT' THEN 'a' WHEN 'UPDATE' THEN 'w' ELSE 'd' END::"char"))$$,
    'every granted command has a policy for its role');
SELECT is_empty($$
    SELECT p.name FROM policies p, tables t
    WHERE t.oid = p.polrelid AND coalesce(p.qual, p.with_check) LIKE '%partner_id = ANY%'
      AND NOT EXISTS (SELECT FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid
                                                                AND a.attnum = i.indkey[0]
                      WHERE i.indrelid = p.polrelid AND a.attname = 'partner_id' AND i.indpred IS NULL)$$,
    'the column of a partner policy leads an index');
SELECT is_empty($$
    SELECT name, qual, with_check FROM policies
    WHERE regexp_replace(coalesce(qual, '') || ' ' || coalesce(with_check, ''),
                         '\( SELECT (authz\.\w+\(\)|current_setting\([^()]*\)) AS \w+\)', '', 'g')
          ~ 'current_setting|authz\.'$$,
    'no policy calls current_setting or authz.* per row: (SELECT ...) makes it an InitPlan');
SELECT is_empty($$SELECT name FROM policies WHERE coalesce(qual, '') || coalesce(with_check, '') ~* '\mor\M'$$,
                'no policy has an OR: another role has another policy');
SELECT is_empty($$SELECT name FROM policies WHERE 0 = ANY (polroles)$$, 'no policy is for PUBLIC');
SELECT is_empty($$SELECT g.name, g.grantee::regrole FROM grants g JOIN tables t ON t.oid = g.oid
                  WHERE t.relispartition$$, 'nobody is granted a partition: its parent''s policies would not apply');
SELECT is_empty($$SELECT name FROM grants WHERE grantee = 0
                  OR grantee IN ('mh_ingest'::regrole, 'mh_hub'::regrole)$$,
                'neither PUBLIC nor a login role is granted a table');
SELECT is_empty($$SELECT name FROM functions WHERE prosecdef
                  AND NOT coalesce(proconfig, '{}') && '{"search_path=\"\""}'::text[]$$,
                'every definer function pins search_path to nothing');
SELECT is_empty($$SELECT f.name FROM functions f
                  WHERE f.proacl IS NULL OR EXISTS (SELECT FROM aclexplode(f.proacl) a WHERE a.grantee = 0)$$,
                'PUBLIC executes no function');
SELECT is_empty($$SELECT name, proowner::regrole FROM functions
                  WHERE prosecdef AND proowner NOT IN ('mh_writer'::regrole, 'mh_reader'::regrole, 'mh_owner'::regrole)$$,
                'definer functions belong to mh_writer, mh_reader or mh_owner');
SELECT is_empty($$SELECT name FROM route_functions WHERE NOT prosecdef OR prorettype <> 'jsonb'::regtype
                  OR arguments <> 'p_target text, p_query jsonb, p_body jsonb, p_fresh jsonb'
                  OR NOT coalesce(proconfig, '{}') && '{"search_path=\"\""}'::text[]$$,
                'every route is a definer function of the one form that pins search_path to nothing');
SELECT is_empty($$SELECT name, proowner::regrole FROM route_functions
                  WHERE proowner <> CASE WHEN proname LIKE '%\_\_partner' THEN 'mh_partner'::regrole
                                         WHEN proname LIKE '%\_\_staff' THEN 'mh_staff'::regrole
                                         ELSE 'mh_writer'::regrole END$$,
                'a route belongs to who may read what it reads');
SELECT is_empty($$SELECT f.name FROM route_functions f
                  WHERE f.proacl IS NULL OR EXISTS (SELECT FROM aclexplode(f.proacl) a
                        WHERE a.grantee NOT IN (f.proowner, 'mh_writer'::regrole))$$,
                'only api.request() calls it');
SELECT is_empty($$SELECT f.name FROM route_functions f WHERE NOT EXISTS (
                      SELECT FROM app.routes r
                      WHERE r.name = regexp_replace(f.proname, '__(partner|staff)$', ''))$$,
                'none is without a row that says who may');
SELECT is_empty($$SELECT r.name FROM app.routes r WHERE (r.method <> 'GET') <> r.mutates$$,
                'GET changes nothing, everything else is checked as a change');
SELECT is_empty($$SELECT rolname FROM pg_roles WHERE rolname LIKE 'mh\_%'
                  AND (rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb OR rolinherit
                       OR rolcanlogin <> (rolname IN ('mh_ingest', 'mh_hub')))$$,
                'no role is more than it needs');
SELECT is_empty($$SELECT name FROM app.users UNION ALL SELECT public_id FROM app.api_keys
                  UNION ALL SELECT email FROM app.invitations UNION ALL SELECT user_id::text FROM app.sign_in_links$$,
                'a new installation lets nobody in: it has no account, key, invitation or link');
SELECT * FROM finish();
ROLLBACK;
