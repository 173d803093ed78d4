-- Who sees which rows and columns, and who can only execute.
\ir include/send.psql
BEGIN;
SELECT plan(30);
SELECT api.partner_create('TA', 'Tap A', NULL, NULL), api.partner_create('TB', 'Tap B', NULL, NULL);
SELECT api.key_create('TA', 'k', 0, 'TapKeyA00001', sha256('a'), NULL, NULL),
       api.key_create('TB', 'k', 0, 'TapKeyB00001', sha256('b'), NULL, NULL);
SELECT pg_temp.send(jsonb_build_array(
    jsonb_build_object('p', 'TA', 'id', '1', 't', 5, 'j', 'a1', 'at', now(), 'cost', 7, 'prompt', 'secret a', 'user', 'ua'),
    jsonb_build_object('p', 'TB', 'id', '1', 't', 5, 'j', 'b1', 'at', now(), 'cost', 7, 'prompt', 'secret b', 'user', 'ub'),
    jsonb_build_object('p', 'TB', 'id', '2', 't', 21, 'j', 'b1', 'at', now(), 'lms', 'moodle')));
SELECT api.reject_events(ARRAY[pg_temp.partner('TA'), pg_temp.partner('TB')], '{1,1}', '{r,r}', '{f,f}', '{d,d}',
                         ARRAY['\x01', '\x02']::bytea[]);
SELECT api.requests_append('{1,1}', ARRAY[pg_temp.partner('TA'), pg_temp.partner('TB')], '{/v1/events,/v1/events}',
                           '{200,200}', '{1,1}', '{1,1}', ARRAY[now(), now()]);
SELECT set_config('t.a', pg_temp.partner('TA')::text, true), set_config('t.b', pg_temp.partner('TB')::text, true);

GRANT USAGE ON SCHEMA public TO mh_partner, mh_staff, mh_staff_finance, mh_auditor, mh_ingest, mh_hub;

-- A partner, inside its own bounds
SET LOCAL ROLE mh_partner;
SELECT is_empty('SELECT job_key FROM app.generation_jobs', 'without authz.enter a partner sees nothing');
SELECT authz.enter('usr_x', ARRAY[current_setting('t.a')::int], '{}');
SELECT results_eq('SELECT job_key COLLATE "default" FROM app.generation_jobs', ARRAY['a1'], 'jobs: own only');
SELECT results_eq('SELECT DISTINCT partner_id::text FROM app.generation_events', ARRAY[current_setting('t.a')], 'events: own only');
SELECT results_eq('SELECT DISTINCT partner_id::text FROM app.rollup', ARRAY[current_setting('t.a')], 'rollup: own only');
SELECT is_empty('SELECT partner_id FROM app.lms_publications', 'publications: own only (none)');
SELECT results_eq('SELECT partner_id::text FROM app.event_rejects', ARRAY[current_setting('t.a')], 'rejects: own only');
SELECT results_eq('SELECT partner_id::text FROM app.api_requests', ARRAY[current_setting('t.a')], 'requests: own only');
SELECT results_eq('SELECT partner_id::text FROM app.end_users', ARRAY[current_setting('t.a')], 'end users: own only');
SELECT results_eq('SELECT code FROM app.partners', ARRAY['TA'], 'directory: self');
SELECT results_eq('SELECT public_id FROM app.api_keys', ARRAY['TapKeyA00001'], 'keys: own only');
SELECT results_eq($$SELECT prompt COLLATE "default" FROM app.generation_jobs WHERE job_key = 'a1'$$, ARRAY['secret a'], 'F1 is the partner''s');
SELECT throws_ok('SELECT cost_micros FROM app.generation_jobs', '42501', NULL, 'no cost (F2) for a partner');
SELECT throws_ok('SELECT cost_micros FROM app.rollup', '42501', NULL, 'no cost total either: an aggregate has the class of its input');
SELECT throws_ok('SELECT end_user FROM app.generation_jobs', '42501', NULL, 'no end user (F3)');
SELECT throws_ok('SELECT secret_sha256 FROM app.api_keys', '42501', NULL, 'no hash (F4)');
SELECT throws_ok('SELECT * FROM app.users', '42501', NULL, 'no users');
SELECT throws_ok('SELECT * FROM app.channel_log', '42501', NULL, 'no log');
SELECT throws_ok('UPDATE app.partners SET status = ''active''', '42501', NULL, 'no writing');
SELECT throws_ok('SELECT * FROM app.generation_jobs_p0', '42501', NULL, 'no partition');
RESET ROLE;
SELECT is(authz.partner_ids() IS NOT NULL, true, 'the bounds read as an array');

-- Staff: all rows, columns by class
SET LOCAL ROLE mh_staff;
SELECT results_eq($$SELECT job_key COLLATE "default" FROM app.generation_jobs WHERE job_key IN ('a1', 'b1') ORDER BY 1$$, ARRAY['a1', 'b1'], 'staff sees all partners');
SELECT throws_ok('SELECT cost_micros FROM app.generation_jobs', '42501', NULL, 'staff without finance sees no cost');
SET LOCAL ROLE mh_staff_finance;
SELECT lives_ok('SELECT cost_micros FROM app.generation_jobs', 'finance sees cost');
SELECT throws_ok('SELECT prompt FROM app.generation_jobs', '42501', NULL, 'finance sees no content');
RESET ROLE;

-- The daemons only execute
SET LOCAL ROLE mh_ingest;
SELECT throws_ok('SELECT * FROM app.generation_jobs', '42501', NULL, 'mh_ingest reads no table');
SELECT throws_ok('SELECT * FROM api.metrics_snapshot(''platform'', false)', '42501', NULL, 'mh_ingest is not the hub');
SELECT throws_ok('SELECT api.partner_create(''X'', ''X'', NULL, NULL)', '42501', NULL, 'mh_ingest does not administrate');
SET LOCAL ROLE mh_hub;
SELECT throws_ok('SELECT * FROM app.channel_log', '42501', NULL, 'mh_hub reads no table');
SELECT throws_ok('SELECT * FROM api.session_close(''\x00'')', '42501', NULL, 'mh_hub writes nothing');
RESET ROLE;

-- FORCE: not even the owner
CREATE TEMP TABLE owner_sees (n bigint);
GRANT ALL ON owner_sees TO mh_owner;
SET LOCAL ROLE mh_owner;
INSERT INTO owner_sees SELECT count(*) FROM app.generation_jobs;
RESET ROLE;
SELECT is((SELECT n FROM owner_sees), 0::bigint, 'mh_owner sees no row of its own tables');
SELECT * FROM finish();
ROLLBACK;
