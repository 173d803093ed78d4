-- One's own account, and signing in by password, link and invitation.
\ir include/send.psql
\ir include/request.psql
BEGIN;
SELECT plan(83);
SELECT api.partner_create('TA', 'Tap A', NULL, NULL), api.partner_create('TB', 'Tap B', NULL, NULL);
SELECT api.user_create('Olga', 'olga@example.com', 'owner', NULL, NULL),
       api.user_create('Sue', 'sue@example.com', 'support', NULL, NULL),
       api.user_create('Max', 'Max@example.com', NULL, 'TA', 'manager'),
       api.user_create('Nil', NULL, NULL, NULL, NULL);
INSERT INTO app.memberships (partner_id, user_id, role)
SELECT pg_temp.partner('TB'), user_id, 'admin' FROM app.users WHERE name = 'Max';
SELECT pg_temp.sign_in('Olga', 'olga'), pg_temp.sign_in('Max', 'max'), pg_temp.sign_in('Max', 'max 2'),
       pg_temp.sign_in('Max', 'max old', '6 minutes'), pg_temp.sign_in('Nil', 'nil');
SELECT pg_temp.audited(), pg_temp.told();

-- me_get
SELECT is(pg_temp.verdict('nobody', 'me_get'), '401 sign_in', 'without a session: sign in');
CREATE TEMP TABLE me AS SELECT pg_temp.ask('max', 'me_get') -> 'body' AS b;
SELECT is(b -> 'user', jsonb_build_object('id', pg_temp.user_id('Max'), 'name', 'Max', 'email', 'Max@example.com', 'kind', 'member',
          'two_factor', false, 'has_password', false), 'who I am') FROM me;
SELECT is((b #> '{partners,0}') - 'permissions'::text, '{"code": "TA", "name": "Tap A", "role": "manager", "status": "active"}', 'my partners') FROM me;
SELECT is(b #> '{partners,1,permissions}', to_jsonb(app.role_permissions_of('partner.admin', NULL)), 'what I may in each') FROM me;
SELECT ok(b -> 'permissions' @> '["keys.write", "jobs.control"]' AND NOT b -> 'permissions' ? 'staff.manage', 'and in any') FROM me;
SELECT is((SELECT array_agg(k ORDER BY k) FROM jsonb_object_keys(b -> 'session') k), '{auth_at,expires_at,id}', 'and the session') FROM me;
SELECT is(pg_temp.ask('olga', 'me_get') #>> '{body,role}', 'owner', 'a staff role');
SELECT is(pg_temp.ask('nil', 'me_get') #> '{body,partners}', '[]', 'who belongs nowhere may ask');

-- me_update
SELECT is(pg_temp.ask('max', 'me_update', NULL, '{"name": " Maxi "}') #>> '{body,user,name}', 'Maxi', 'a new name, trimmed');
SELECT is(pg_temp.audited(), 'done user.update user by Maxi', 'audited');
SELECT is((SELECT before || after FROM app.audit_log ORDER BY at DESC LIMIT 1), '{"name": "Maxi"}', 'with the name');
SELECT is((SELECT before FROM app.audit_log ORDER BY at DESC LIMIT 1), '{"name": "Max"}', 'and that before');
SELECT is(pg_temp.told(), 'Maxi', 'hubs are told');
SELECT is(pg_temp.verdict('max', 'me_update'), '400 required name', 'no name');
SELECT is(pg_temp.verdict('max', 'me_update', NULL, '{"name": 7}'), '400 invalid name', 'a number');
SELECT is(pg_temp.verdict('max', 'me_update', NULL, jsonb_build_object('name', repeat('x', 121))), '400 too_long name', 'a long one');
SELECT is(pg_temp.ask('max', 'me_update', NULL, '{"name": "Max"}') ->> 'status', '200', 'and back');

-- me_sessions
SELECT is(jsonb_array_length(pg_temp.ask('max', 'me_sessions') #> '{body,items}'), 3, 'my sessions');
SELECT is((SELECT count(*) FROM jsonb_array_elements(pg_temp.ask('max', 'me_sessions') #> '{body,items}') i WHERE (i -> 'current')::boolean), 1::bigint, 'one is this');
SELECT is((SELECT count(DISTINCT p.item ->> 'id') FROM (
              WITH RECURSIVE page AS (
                  SELECT pg_temp.ask('max', 'me_sessions', NULL, '{}', '{"limit": "1"}') -> 'body' AS b
                  UNION ALL
                  SELECT pg_temp.ask('max', 'me_sessions', NULL, '{}', jsonb_build_object('limit', '1', 'after', b -> 'next')) -> 'body'
                  FROM page WHERE b ? 'next')
              SELECT jsonb_array_elements(b -> 'items') AS item FROM page) p), 3::bigint, 'page by page all of them');
SELECT is(pg_temp.verdict('max', 'me_sessions', NULL, '{}', '{"limit": "0"}'), '400 out_of_range limit', 'no empty page');
SELECT is(pg_temp.ask('max', 'me_sessions')::text LIKE '%hash%', false, 'no hash of one');
SELECT is(pg_temp.verdict('max', 'me_session_end', (SELECT public_id FROM app.sessions WHERE session_hash = sha256('olga'))), '404 not_found', 'not somebody else''s');
SELECT is(pg_temp.audited(), 'done user.update user by Max', 'nothing done, nothing audited');
SELECT pg_temp.told();
SELECT is(pg_temp.verdict('max', 'me_session_end', (SELECT public_id FROM app.sessions WHERE session_hash = sha256('max 2'))), '200', 'ended');
SELECT is(pg_temp.verdict('max 2', 'me_get'), '401 sign_in', 'is ended');
SELECT is(pg_temp.told(), 'Max', 'hubs are told');
SELECT is(pg_temp.audited(), 'done session.end session by Max', 'audited');

-- me_password
SELECT is(pg_temp.verdict('max old', 'me_password', NULL, '{}', '{}', '{"password_hash": "H1"}'), '403 step_up', 'only by who has just proved who he is');
SELECT is(pg_temp.audited(), 'denied me_password by Max', 'refused and audited');
SELECT is(pg_temp.verdict('max', 'me_password'), '400 required password', 'no password');
SELECT is(pg_temp.ask('max', 'me_password', NULL, '{}', '{}', '{"password_hash": "H1"}') -> 'body', '{"sessions_ended": 1}', 'a password, and the others are signed out');
SELECT is(pg_temp.audited(), 'done user.password user by Max', 'audited');
SELECT is((SELECT count(*) FROM app.audit_log WHERE canonical LIKE '%H1%'), 0::bigint, 'without the hash');
SELECT is(pg_temp.verdict('max old', 'me_get'), '401 sign_in', 'the other session is closed');

-- Two factors
SELECT is(app.base32('\x666f6f626172'), 'MZXW6YTBOI', 'base32 as in RFC 4648');
SELECT is(app.base32('\x66'), 'MY', 'also of one byte');
SELECT is(app.percent_encode('a@ü'), 'a%40%C3%BC', 'percent-encoding');
SELECT is(pg_temp.verdict('max', 'me_totp_confirm', NULL, '{"code": "123456"}', '{}', '{"totp_step": 5}'), '409 conflict', 'nothing to confirm');
SELECT is(pg_temp.verdict('max', 'me_totp_remove'), '404 not_found', 'nothing to remove');
CREATE TEMP TABLE totp AS SELECT pg_temp.ask('max', 'me_totp_begin') -> 'body' AS b;
SELECT matches(b ->> 'secret', '^[A-Z2-7]{32}$', 'a secret of 160 bits') FROM totp;
SELECT is(b ->> 'uri', 'otpauth://totp/Metrics%20Hub:Max%40example.com?secret=' || (b ->> 'secret')
          || '&issuer=Metrics%20Hub&algorithm=SHA1&digits=6&period=30', 'for the app') FROM totp;
SELECT is((SELECT app.base32(totp_secret) FROM api.credentials_of(sha256('max')) WHERE NOT totp_enabled), (SELECT b ->> 'secret' FROM totp), 'ingest compares with it');
SELECT is((SELECT totp_secret FROM api.password_of('max@EXAMPLE.com')), NULL, 'a sign-in does not need it yet');
SELECT is(pg_temp.verdict('max', 'me_totp_confirm', NULL, '{}', '{}', '{}'), '400 required code', 'no code');
SELECT is(pg_temp.verdict('max', 'me_totp_confirm', NULL, '{"code": "000000"}'), '400 code_invalid code', 'a wrong code');
SELECT is(pg_temp.verdict('max', 'me_totp_confirm', NULL, '{"code": "123456"}', '{}', '{"totp_step": 5}'), '200', 'confirmed');
SELECT is(pg_temp.verdict('max', 'me_totp_begin'), '409 conflict', 'one at a time');
SELECT is(pg_temp.audited(), 'done user.totp_begin user by Max, done user.totp_enable user by Max', 'audited');
SELECT is((SELECT count(*) FROM app.audit_log, totp WHERE canonical LIKE '%' || (b ->> 'secret') || '%'), 0::bigint, 'without the secret');

-- By password
SELECT results_eq($$SELECT user_id, password_hash, totp_last_step FROM api.password_of('max@EXAMPLE.com')$$,
                  $$SELECT pg_temp.user_id('Max'), 'H1', 5::bigint$$, 'in any case');
SELECT is_empty($$SELECT * FROM api.password_of('sue@example.com')$$, 'not of who has none');
SELECT is_empty($$SELECT api.session_open_password(pg_temp.user_id('Max'), sha256('p0'), 60, '192.0.2.1', 'x', NULL)$$, 'not without the code');
SELECT is_empty($$SELECT api.session_open_password(pg_temp.user_id('Max'), sha256('p0'), 60, '192.0.2.1', 'x', 5)$$, 'not with a used one');
SELECT is((SELECT s ->> 'name' FROM api.session_open_password(pg_temp.user_id('Max'), sha256('p1'), 60, '192.0.2.1', repeat('x', 400), 6) s), 'Max', 'signed in');
SELECT is_empty($$SELECT api.session_open_password(pg_temp.user_id('Max'), sha256('p2'), 60, '192.0.2.1', 'x', 6)$$, 'a code is good once');
SELECT is_empty($$SELECT api.session_open_password(pg_temp.user_id('Sue'), sha256('p3'), 60, '192.0.2.1', 'x', NULL)$$, 'without a password never');
SELECT is((SELECT i ->> 'ip' || length(i ->> 'user_agent') FROM jsonb_array_elements(pg_temp.ask('p1', 'me_sessions') #> '{body,items}') i
           WHERE (i -> 'current')::boolean), '192.0.2.1300', 'where from, cut to what is kept');
SELECT is(pg_temp.audited(), 'done session.open session by Max', 'audited');

-- Step up
UPDATE app.sessions SET auth_at = now() - interval '6 minutes' WHERE session_hash = sha256('p1');
SELECT is(pg_temp.verdict('p1', 'me_totp_remove'), '403 step_up', 'not without');
SELECT is(api.session_step_up(sha256('p1'), 6), NULL, 'not with a used code');
SELECT is(api.session_step_up(sha256('nobody'), 7), NULL, 'not without a session');
SELECT is((api.session_step_up(sha256('p1'), 7) ->> 'auth_ms')::bigint, app.ms(now()), 'the principal says when');
SELECT is(pg_temp.verdict('p1', 'me_totp_remove'), '200', 'with it');
SELECT is((SELECT totp_secret FROM api.credentials_of(sha256('p1'))), NULL, 'is gone');

-- Signing out
SELECT is(pg_temp.ask('p1', 'me_sessions_end') -> 'body', '{"ended": 1}', 'all others');
SELECT is(pg_temp.verdict('p1', 'me_get'), '200', 'but not this one');
SELECT is(pg_temp.ask('p1', 'me_sessions_end', NULL, '{}', '{"all": "1"}') -> 'body', '{"ended": 1}', 'this one too');
SELECT is(pg_temp.verdict('p1', 'me_get'), '401 sign_in', 'signed out');
SELECT is(api.session_close(sha256('nil')), true, 'or just this one');

-- Principals: what a custom role leaves
SELECT pg_temp.sign_in('Max', 'm'), pg_temp.sign_in('Sue', 's');
SELECT is(api.session_principal(sha256('m')) #> '{partners,0}' ? 'permissions', false, 'a built-in role says it all');
INSERT INTO app.custom_roles (partner_id, base_role, name, permissions)
VALUES (pg_temp.partner('TA'), 'partner.manager', 'reader', '{metrics.read,staff.manage}'), (NULL, 'staff.support', 'little', '{users.read}');
UPDATE app.memberships SET custom_role_id = (SELECT custom_role_id FROM app.custom_roles WHERE name = 'reader')
WHERE partner_id = pg_temp.partner('TA');
UPDATE app.users SET custom_role_id = (SELECT custom_role_id FROM app.custom_roles WHERE name = 'little') WHERE name = 'Sue';
SELECT is(api.session_principal(sha256('m')) #> '{partners,0,permissions}', '["metrics.read"]', 'a custom one leaves what both have');
SELECT is(api.session_principal(sha256('s')) -> 'permissions', '["users.read"]', 'also of staff');
SELECT is(api.user_principal(pg_temp.user_id('Sue')) -> 'permissions', '["users.read"]', 'for metricsctl too');
CREATE TEMP TABLE seen (p jsonb);
GRANT ALL ON seen TO mh_reader;
SELECT set_config('t.session', api.session_principal(sha256('m')) ->> 'session', true);
SET LOCAL ROLE mh_reader;
INSERT INTO seen SELECT app.principal_of(current_setting('t.session'));
RESET ROLE;
SELECT is((SELECT p FROM seen), api.session_principal(sha256('m')), 'the hub''s functions can read it');

-- Invitations
INSERT INTO app.invitations (token_hash, partner_id, email, name, role, expires_at)
VALUES (sha256('i1'), pg_temp.partner('TA'), 'new@example.com', 'Newt', 'viewer', now() + interval '1 day'),
       (sha256('i2'), pg_temp.partner('TB'), 'NEW@example.com', 'Other', 'developer', now() + interval '1 day'),
       (sha256('i3'), NULL, 'new@example.com', 'Staff', 'admin', now() + interval '1 day'),
       (sha256('i4'), pg_temp.partner('TB'), 'late@example.com', 'Late', 'viewer', now());
SELECT is((SELECT s #>> '{partners,0,role}' || (s ->> 'name') FROM api.invitation_accept(sha256('i1'), sha256('n1'), 60, '', 'H2', '192.0.2.9', 'x') s), 'viewerNewt', 'a new person is signed in');
SELECT results_eq($$SELECT s FROM api.invitation_accept(sha256('i2'), sha256('n2'), 60, 'Evil', 'H3', '192.0.2.9', 'x') s$$,
                  $$VALUES ('{"sign_in": true}'::jsonb)$$, 'one with an account is not: who invited him had the token');
SELECT is((SELECT concat_ws(' ', name, password_hash, (SELECT count(*) FROM app.memberships m WHERE m.user_id = u.user_id)) FROM app.users u
           WHERE lower(email) = 'new@example.com'), 'Newt H2 2', 'nor gets he another password or name, only the membership');
SELECT is_empty($$SELECT api.session_principal(sha256('n2')) WHERE api.session_principal(sha256('n2')) IS NOT NULL$$, 'no session');
SELECT is_empty($$SELECT api.invitation_accept(sha256('i1'), sha256('n3'), 60, '', 'H', NULL, NULL)$$, 'once');
SELECT is_empty($$SELECT api.invitation_accept(sha256('i3'), sha256('n3'), 60, '', 'H', NULL, NULL)$$, 'a member does not become staff');
SELECT is_empty($$SELECT api.invitation_accept(sha256('i4'), sha256('n3'), 60, '', 'H', NULL, NULL)$$, 'not when it has expired');
SELECT matches(pg_temp.audited(), 'done invitation.accept invitation by Newt, done invitation.accept invitation by Newt$', 'audited');
SELECT * FROM finish();
ROLLBACK;
