-- One row of ctl:authz for each statement that changes somebody's access, and what ends by its time.
\ir include/send.psql
BEGIN;
\ir include/request.psql
SELECT plan(30);
SELECT api.partner_create('EA', 'Ends A', NULL, NULL), api.partner_create('EB', 'Ends B', NULL, NULL);
SELECT api.user_create('Ed ' || i, 'ed' || i || '@example.com', NULL, NULL, NULL) FROM generate_series(1, 4) i;
SELECT api.user_create('Eve', 'eve@example.com', 'owner', NULL, NULL);
SELECT pg_temp.sign_in(u.name, u.name) FROM app.users u WHERE u.name ~ '^(Ed \d|Eve)$';
CREATE FUNCTION pg_temp.eds() RETURNS SETOF int LANGUAGE sql AS $$ SELECT user_id FROM app.users WHERE name ~ '^Ed \d$' ORDER BY 1 $$;

-- Rows of the log since the last look, and who is in them.
CREATE TEMP TABLE heard AS SELECT seq FROM app.channel_head WHERE channel = 'ctl:authz';
CREATE FUNCTION pg_temp.heard() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    v text := (SELECT h.seq - o.seq FROM app.channel_head h, heard o WHERE h.channel = 'ctl:authz') || ': ' || pg_temp.told();
BEGIN
    UPDATE heard SET seq = (SELECT h.seq FROM app.channel_head h WHERE h.channel = 'ctl:authz');
    RETURN v;
END
$$;
SELECT pg_temp.heard();

-- ---- Each statement one row
INSERT INTO app.memberships (partner_id, user_id, role) SELECT pg_temp.partner('EA'), pg_temp.eds(), 'viewer';
SELECT is(pg_temp.heard(), '1: Ed 1, Ed 2, Ed 3, Ed 4', 'memberships given');
UPDATE app.memberships SET role = 'manager' WHERE partner_id = pg_temp.partner('EA') AND user_id IN (SELECT pg_temp.eds() LIMIT 2);
SELECT is(pg_temp.heard(), '1: Ed 1, Ed 2', 'changed');
UPDATE app.memberships SET role = 'admin' WHERE false;
SELECT is(pg_temp.heard(), '0: ', 'a statement that changes nothing says nothing');
INSERT INTO app.memberships (partner_id, user_id, role)
SELECT p, u, 'viewer' FROM unnest(ARRAY[pg_temp.partner('EA'), pg_temp.partner('EB')]) p, pg_temp.eds() u
ON CONFLICT (partner_id, user_id) DO UPDATE SET role = 'viewer';
SELECT is(pg_temp.heard(), '2: Ed 1, Ed 2, Ed 3, Ed 4', 'given or changed: one for each');
DELETE FROM app.memberships WHERE partner_id = pg_temp.partner('EB');
SELECT is(pg_temp.heard(), '1: Ed 1, Ed 2, Ed 3, Ed 4', 'taken away');
UPDATE app.users SET name = name, notes = 'x', last_login_at = now();
SELECT is(pg_temp.heard(), '0: ', 'what is no access of users');
UPDATE app.users SET name = CASE name WHEN 'Ed 1' THEN 'Edward' ELSE name END;
SELECT is(pg_temp.heard(), '1: Edward', 'a name, of many rows that one');
UPDATE app.users SET status = 'suspended' WHERE name = 'Ed 2';
SELECT is(pg_temp.heard(), '1: Ed 2', 'a status');
UPDATE app.users SET status = 'active' WHERE name = 'Ed 2';
UPDATE app.sessions SET impersonator_id = (SELECT user_id FROM app.users WHERE name = 'Eve') WHERE session_hash = sha256('Ed 3');
SELECT pg_temp.heard();
UPDATE app.users SET staff_role = 'support' WHERE name = 'Eve';
SELECT is(pg_temp.heard(), '1: Ed 3, Eve', 'and those through whose eyes he looks');
UPDATE app.users SET staff_role = 'owner' WHERE name = 'Eve';
UPDATE app.sessions SET impersonator_id = NULL;
SELECT pg_temp.heard();
UPDATE app.sessions SET last_seen_at = now(), auth_at = now();
SELECT is(pg_temp.heard(), '0: ', 'what is no end of sessions');
UPDATE app.sessions SET revoked_at = now() WHERE session_hash IN (sha256('Ed 4'), sha256('Ed 3'));
SELECT is(pg_temp.heard(), '1: Ed 3, Ed 4', 'ends of sessions');
UPDATE app.sessions SET revoked_at = now() WHERE session_hash = sha256('Ed 4');
SELECT is(pg_temp.heard(), '0: ', 'an ended one ends no more');
UPDATE app.partners SET status = 'suspended' WHERE code IN ('EA', 'EB');
SELECT is(pg_temp.heard(), '1: Ed 2, Ed 3, Ed 4, Edward', 'partners');
UPDATE app.partners SET status = 'active' WHERE code IN ('EA', 'EB');
INSERT INTO app.custom_roles (partner_id, base_role, name, permissions)
VALUES (pg_temp.partner('EA'), 'partner.viewer', 'Little', '{docs.read}');
UPDATE app.memberships SET custom_role_id = (SELECT custom_role_id FROM app.custom_roles WHERE name = 'Little')
WHERE partner_id = pg_temp.partner('EA') AND user_id = (SELECT max(e) FROM pg_temp.eds() e);
SELECT pg_temp.heard();
UPDATE app.custom_roles SET permissions = '{docs.read,metrics.read}' WHERE name = 'Little';
SELECT is(pg_temp.heard(), '1: Ed 4', 'a custom role');
DELETE FROM app.users WHERE name = 'Ed 4';
SELECT is(pg_temp.heard(), '0: ', 'a user who is gone is nobody');

-- ---- By their time
SELECT api.thread_create('EA', 'group', 'Ends', ARRAY[pg_temp.user_id('Edward'), pg_temp.user_id('Eve')]) AS thread \gset
CREATE FUNCTION pg_temp.touched(p_thread text) RETURNS int LANGUAGE sql AS $$
    SELECT members_version FROM app.channel_head WHERE channel = 'thread:' || p_thread
$$;
SELECT pg_temp.touched(:'thread') AS touched \gset
SELECT is(ops.access_expire(10), NULL, 'nothing is over');
UPDATE app.memberships SET expires_at = now() + interval '1 hour' WHERE partner_id = pg_temp.partner('EA');
SELECT pg_temp.heard(), pg_temp.audited();
SELECT is(ops.access_expire(10), NULL, 'nothing yet');
UPDATE app.memberships SET expires_at = now() - interval '1 second' WHERE partner_id = pg_temp.partner('EA');
SELECT pg_temp.heard(), pg_temp.touched(:'thread') AS touched, set_config('mh.feeds', '', true) \gset
SELECT is((SELECT string_agg(f ->> 'channel', ' ' ORDER BY f ->> 'channel') FROM jsonb_array_elements(ops.access_expire(2)::jsonb) f),
          'audit:partner:EA audit:partner:EA audit:platform audit:platform ctl:authz', 'at most so many at a time are published');
SELECT matches(pg_temp.heard(), '^1: [^,]+, [^,]+$', 'of which the hubs are told at once');
SELECT ok(ops.access_expire(2) IS NOT NULL, 'then the rest');
SELECT is(pg_temp.audited(), 'done membership.expire user by -, done membership.expire user by -, done membership.expire user by -', 'and in the trail');
SELECT is((SELECT before FROM app.audit_log WHERE action = 'membership.expire' AND target_id = pg_temp.user_id('Ed 2')),
          jsonb_build_object('role', 'viewer', 'expires_at', app.ms(now() - interval '1 second')), 'with what he was');
SELECT cmp_ok(pg_temp.touched(:'thread'), '>', :touched, 'threads look again who takes part');
SELECT is(ops.access_expire(2), NULL, 'once');
UPDATE app.memberships SET expires_at = now() - interval '1 minute' WHERE user_id = (SELECT min(e) FROM pg_temp.eds() e);
SELECT ok(ops.access_expire(2) IS NOT NULL, 'another time ends anew');

SELECT pg_temp.heard(), pg_temp.audited();
UPDATE app.sessions SET expires_at = now() - interval '1 second' WHERE session_hash IN (sha256('Ed 1'), sha256('Ed 2'));
SELECT ok(ops.access_expire(10) IS NOT NULL, 'sessions');
SELECT is(pg_temp.heard() || pg_temp.audited(), '1: Ed 2, Edward', 'are told of, and are no matter for the trail');
SELECT is((SELECT string_agg(r.reason, ' ' ORDER BY s.session_hash = sha256('Ed 3')) FROM app.sessions s
           JOIN app.users u USING (user_id)
           CROSS JOIN LATERAL api.sessions_state(ARRAY[s.public_id], ARRAY[u.public_id]) r
           WHERE s.session_hash IN (sha256('Ed 1'), sha256('Ed 3'))), 'expired signed_out', 'the hub is told how each ended');
SELECT is(ops.access_expire(10), NULL, 'once');
SELECT throws_ok('SET LOCAL ROLE mh_hub; SELECT ops.access_expire(1)', '42501', NULL, 'not by a hub');
SELECT * FROM finish();
ROLLBACK;
