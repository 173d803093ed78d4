-- What the hub asks about who is connected, and the logs that exist before anything was written.
\ir include/send.psql
BEGIN;
SELECT plan(16);
INSERT INTO app.partners (code, name) VALUES ('TA', 'Tap A');
SELECT results_eq($$SELECT channel, seq FROM api.heads('{audit:partner:TA,keys:partner:TA,keys:partner:NO}') ORDER BY 1$$,
                  $$VALUES ('audit:partner:TA', 0::bigint), ('keys:partner:TA', 0)$$, 'logs of a partner exist with it');
CREATE TEMP TABLE u AS SELECT api.user_create('Max', NULL, NULL, 'TA', 'manager') AS id, api.user_create('Olga', NULL, 'owner', NULL, NULL) AS owner;
SELECT api.link_create(id, sha256('l1'), 60), api.link_create(id, sha256('l2'), 60) FROM u;
CREATE TEMP TABLE s AS SELECT (api.session_open(sha256('l1'), sha256('s1'), 3600)) ->> 'session' AS one,
                              (api.session_open(sha256('l2'), sha256('s2'), 3600)) ->> 'session' AS two;
CREATE FUNCTION pg_temp.state(p_session text, OUT who text, OUT role text, OUT why text) LANGUAGE sql AS $$
    SELECT x.principal::jsonb ->> 'user', x.principal::jsonb -> 'partners' -> 0 ->> 'role', x.reason
    FROM u, api.sessions_state(ARRAY[p_session], ARRAY[u.id]) x
$$;
SELECT is((pg_temp.state(one)).who, id, 'an open session is its user''s') FROM s, u;
SELECT is((pg_temp.state(one)).role, 'manager', 'in his role') FROM s;
UPDATE app.memberships SET role = 'viewer' WHERE user_id = (SELECT user_id FROM app.users, u WHERE public_id = u.id);
SELECT is((pg_temp.state(one)).role, 'viewer', 'which is that of now') FROM s;
SELECT is((pg_temp.state('ses_none')).role, 'viewer', 'a session that was never opened is its user''s') FROM s;
UPDATE app.sessions SET revoked_at = now() WHERE public_id = (SELECT one FROM s);
SELECT is((pg_temp.state(one)).who, NULL, 'an ended one is nobody''s') FROM s;
SELECT is((pg_temp.state(one)).why, 'signed_out', 'and why') FROM s;
SELECT is((pg_temp.state(two)).who, id, 'another one goes on') FROM s, u;
UPDATE app.sessions SET expires_at = now() WHERE public_id = (SELECT two FROM s);
SELECT is((pg_temp.state(two)).why, 'expired', 'until it expires') FROM s;
UPDATE app.users SET status = 'suspended' WHERE public_id = (SELECT id FROM u);
SELECT is((pg_temp.state(two)).why, 'suspended', 'a suspended user''s sessions') FROM s;
SELECT is((pg_temp.state('ses_none')).who, NULL, 'are nobody''s, whatever they are');
SELECT results_eq($$SELECT x.session FROM api.sessions_state('{ses_b,ses_Z,ses_a,ses_b}', ARRAY['x', 'x', 'x', 'x']) x$$,
                  '{ses_Z,ses_a,ses_b}'::text[], 'one row each, in the order of their bytes');
SELECT results_eq($$SELECT DISTINCT x.reason FROM api.sessions_state('{ses_b}', '{usr_none}') x$$, '{suspended}'::text[], 'nobody is not active');
SELECT bag_has($$SELECT api.access_changes(900, 1000)$$, 'SELECT id FROM u', 'whose access changed');
SELECT is_empty($$SELECT api.access_changes(900, 0)$$, 'at most as many as asked for');
SELECT results_eq($$SELECT p.proname::text FROM pg_proc p WHERE p.proname IN ('sessions_state', 'access_changes')
                    AND NOT (pg_get_userbyid(p.proowner) = 'mh_reader' AND has_function_privilege('mh_hub', p.oid, 'EXECUTE')
                             AND NOT has_function_privilege('mh_ingest', p.oid, 'EXECUTE'))$$, '{}'::text[], 'for the hub alone');
SELECT * FROM finish();
ROLLBACK;
