-- Why somebody may see a channel or not: each cause is named at its step.
\ir include/send.psql
BEGIN;
\ir include/request.psql
SELECT plan(30);
SELECT api.partner_create('EA', 'Explain A', NULL, NULL), api.partner_create('EB', 'Explain B', NULL, NULL);
SELECT api.user_create('ExOps', NULL, 'ops', NULL, NULL), api.user_create('ExAdmin', NULL, 'admin', NULL, NULL),
       api.user_create('ExViewer', NULL, 'viewer', NULL, NULL), api.user_create('ExPia', NULL, NULL, 'EA', 'admin'),
       api.user_create('ExMia', NULL, NULL, 'EA', 'manager'), api.user_create('ExNobody', NULL, NULL, NULL, NULL);
SELECT pg_temp.sign_in(u, u) FROM unnest('{ExOps,ExViewer,ExPia}'::text[]) u;
CREATE TEMP TABLE thread AS SELECT api.thread_create('EA', 'group', 'S', ARRAY[pg_temp.user_id('ExMia')]) AS id;

-- allowed F0,F1, or the first step that fails
CREATE FUNCTION pg_temp.why(p_user text, p_channel text) RETURNS text LANGUAGE sql AS $$
    SELECT CASE WHEN (a -> 'allowed')::boolean THEN 'allowed ' || (SELECT coalesce(string_agg(f, ','), '') FROM jsonb_array_elements_text(a -> 'fields') f)
           ELSE (SELECT s ->> 'check' FROM jsonb_array_elements(a -> 'steps') WITH ORDINALITY s (s, i)
                 WHERE NOT (s -> 'ok')::boolean AND s ->> 'check' <> 'session' ORDER BY i LIMIT 1) END
    FROM (SELECT pg_temp.ask('ExOps', 'explain', NULL, '{}', jsonb_build_object('user', pg_temp.user_id(p_user), 'channel', p_channel)) -> 'body') t (a)
$$;
SELECT is(pg_temp.why('ExPia', 'metrics:partner:EA'), 'allowed F0,F1', 'a partner''s admin: no F3 in metrics, though she reads addresses');
SELECT is(pg_temp.why('ExAdmin', 'jobs:platform'), 'allowed F0,F1,F2,F3', 'an admin');
SELECT is(pg_temp.why('ExOps', 'jobs:platform'), 'allowed F0,F1', 'ops');
SELECT is(pg_temp.why('ExViewer', 'metrics:platform'), 'allowed F0', 'a viewer');
SELECT is(pg_temp.why('ExPia', 'audit:partner:EA'), 'allowed F0', 'a log');
SELECT is(pg_temp.why('ExPia', 'session:self'), 'allowed F0', 'one''s own');
SELECT is(pg_temp.why(w, 'system'), 'allowed F0', 'everybody''s: ' || w) FROM unnest('{ExPia,ExViewer}'::text[]) w;
SELECT is(pg_temp.why('ExNobody', 'system'), 'membership', 'but of somebody');
SELECT is(pg_temp.why('ExPia', 'metrics:platform'), 'membership', 'no platform for a member');
SELECT is(pg_temp.why('ExPia', 'metrics:partner:EB'), 'membership', 'another partner');
SELECT is(pg_temp.why('ExPia', 'metrics:partner:NONE'), 'partner', 'no partner');
SELECT is(pg_temp.why('ExMia', 'audit:partner:EA'), 'permission', 'the role has it not');
SELECT is(pg_temp.why('ExMia', 'wallet:partner:EA'), 'allowed F0', 'a balance');
SELECT is(pg_temp.why('ExOps', 'wallet:partner:EA'), 'permission', 'which is not for everybody');
SELECT is(pg_temp.why('ExViewer', 'keys:partner:EA'), 'permission', 'of staff too');
SELECT is(pg_temp.why('ExMia', 'thread:' || (SELECT id FROM thread)), 'allowed F0,F1', 'who takes part');
SELECT is(pg_temp.why('ExAdmin', 'thread:' || (SELECT id FROM thread)), 'participation', 'staff do not by being staff');
SELECT is(pg_temp.why('ExAdmin', 'thread:thr_0'), 'participation', 'no thread');
SELECT is(pg_temp.why('ExAdmin', c), 'channel', 'no channel: ' || c)
FROM unnest('{metrics:platformx,metrics:partner:ea,nothing:platform,keys:platform,ctl:authz}'::text[]) c;
SELECT is(pg_temp.verdict('ExOps', 'explain', NULL, '{}', '{"user": "usr_none", "channel": "session:self"}'), '404 not_found user', 'no user');
SELECT is(pg_temp.verdict('ExPia', 'explain', NULL, '{}', '{"user": "usr_none", "channel": "session:self"}'), '403 forbidden', 'for staff only');

-- Causes that come later
INSERT INTO app.custom_roles (partner_id, base_role, name, permissions)
VALUES (pg_temp.partner('EA'), 'partner.admin', 'Narrow', '{metrics.read}');
UPDATE app.memberships SET custom_role_id = (SELECT custom_role_id FROM app.custom_roles WHERE name = 'Narrow')
WHERE user_id = (SELECT user_id FROM app.users WHERE name = 'ExPia');
SELECT is(pg_temp.why('ExPia', 'metrics:partner:EA'), 'allowed F0', 'a custom role takes its fields with it');
UPDATE app.memberships SET expires_at = now() WHERE user_id = (SELECT user_id FROM app.users WHERE name = 'ExPia');
SELECT is(pg_temp.why('ExPia', 'metrics:partner:EA'), 'membership', 'an expired membership');
UPDATE app.partners SET status = 'churned' WHERE code = 'EA';
SELECT is(pg_temp.why('ExMia', 'metrics:partner:EA'), 'partner', 'a churned partner');
UPDATE app.users SET status = 'suspended' WHERE name = 'ExMia';
SELECT results_eq($$SELECT name FROM api.explain(pg_temp.user_id('ExMia'), NULL) WHERE NOT ok$$, '{account,session,partner}'::text[],
                  'metricsctl says all that is wrong');
SELECT * FROM finish();
ROLLBACK;
