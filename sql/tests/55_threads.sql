-- Threads and messages: who takes part, verdicts, idempotency, the log, versions.
\ir include/send.psql
BEGIN;
SELECT plan(75);
SELECT api.partner_create('TA', 'Tap A', NULL, NULL), api.partner_create('TB', 'Tap B', NULL, NULL);
CREATE TEMP TABLE u AS SELECT api.user_create('Max "M"', NULL, NULL, 'TA', 'manager') AS max,
                              api.user_create('Mia', NULL, NULL, 'TA', 'admin') AS mia,
                              api.user_create('Vera', NULL, NULL, 'TA', 'viewer') AS vera,
                              api.user_create('Bob', NULL, NULL, 'TB', 'admin') AS bob,
                              api.user_create('Sue', NULL, 'support', NULL, NULL) AS sue,
                              api.user_create('Olga', NULL, 'owner', NULL, NULL) AS olga,
                              api.user_create('Wim', NULL, 'viewer', NULL, NULL) AS wim;
CREATE TEMP TABLE t AS SELECT api.thread_create('TA', 'group', 'Renders', ARRAY[max, sue, vera, wim]) AS id FROM u;
CREATE TEMP TABLE other AS SELECT api.thread_create('TA', 'direct', 'Other', ARRAY[max, sue]) AS id FROM u;

CREATE FUNCTION pg_temp.post(p_user text, p_id int, p_body text DEFAULT 'hello', p_thread text DEFAULT NULL)
RETURNS record LANGUAGE sql AS $$
    SELECT m FROM api.message_post(p_user, coalesce(p_thread, (SELECT id FROM t)), lpad(p_id::text, 32, '0')::uuid, p_body) m
$$;
CREATE FUNCTION pg_temp.verdict(p_user text, p_id int, p_body text DEFAULT 'hello', p_thread text DEFAULT NULL)
RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', m.verdict, m.seq)
    FROM api.message_post(p_user, coalesce(p_thread, (SELECT id FROM t)), lpad(p_id::text, 32, '0')::uuid, p_body) m
$$;
CREATE FUNCTION pg_temp.version() RETURNS int LANGUAGE sql AS $$
    SELECT members_version FROM app.channel_head WHERE channel = 'thread:' || (SELECT id FROM t)
$$;
-- Whether the statement raised the version of the thread's members.
CREATE FUNCTION pg_temp.raises(p_statement text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    v_before int := pg_temp.version();
BEGIN
    EXECUTE p_statement;
    RETURN pg_temp.version() > v_before;
END
$$;

-- Creating
SELECT matches(id, '^thr_[0-9a-f]{32}$', 'threads have opaque ids') FROM t;
SELECT results_eq('SELECT seq FROM app.channel_head WHERE channel = ''thread:'' || (SELECT id FROM t)', '{0}'::bigint[], 'a thread has a channel');
SELECT throws_ok($$SELECT api.thread_create('NOBODY', 'group', 'S', '{}')$$, 'P0002', NULL, 'of a partner that exists');
SELECT throws_ok($$SELECT api.thread_create('TA', 'group', '', '{}')$$, '23514', NULL, 'with a subject');
SELECT throws_ok($$SELECT api.thread_create('TA', 'crowd', 'S', '{}')$$, '23514', NULL, 'of a known kind');
SELECT throws_ok($$SELECT api.thread_create('TA', 'group', 'S', '{usr_none}')$$, 'P0002', NULL, 'participants exist');
SELECT throws_ok(format('SELECT api.thread_create(''TA'', ''group'', ''S'', ''{%s}'')', bob), '22023', NULL, 'another partner''s people do not take part') FROM u;
SELECT throws_ok(format('SELECT api.thread_create(NULL, ''group'', ''S'', ''{%s}'')', max), '22023', NULL, 'without a partner it is for staff') FROM u;
SELECT lives_ok(format('SELECT api.thread_create(NULL, ''group'', ''S'', ''{%s,%s}'')', olga, sue), 'staff among themselves') FROM u;
SELECT throws_ok(format('SELECT api.thread_create(''TA'', ''direct'', ''S'', ''{%s,%s}'')', max, max), '22023', NULL, 'direct is of two') FROM u;

-- Posting
CREATE TEMP TABLE first AS SELECT m.* FROM u, api.message_post(max, (SELECT id FROM t), '00000000-0000-0000-0000-000000000001', E'a "b"\n\u00e9') m;
SELECT is(verdict, 'posted', 'a participant posts') FROM first;
SELECT is(seq, 1::bigint, 'the first is 1') FROM first;
SELECT matches(id, '^msg_[0-9a-f]{32}$', 'messages have opaque ids') FROM first;
SELECT is(payload, format('{"t":"message","id":"%s","thread":"%s","seq":1,"sender":{"id":"%s","name":"Max \"M\""},'
                          '"client_id":"00000000-0000-0000-0000-000000000001","body":"a \"b\"\né","at":%s}',
                          first.id, t.id, max, at), 'the payload, member by member') FROM first, t, u;
SELECT results_eq('SELECT seq, payload, platform_seq FROM app.channel_log WHERE channel = ''thread:'' || (SELECT id FROM t)',
                  'SELECT 1::bigint, payload, NULL::bigint FROM first', 'the log has the same');
SELECT results_eq('SELECT seq, payload FROM api.log_read((SELECT channel FROM first), 0, 10)', 'SELECT seq, payload FROM first', 'and the hub reads it');
SELECT results_eq('SELECT epoch, seq FROM api.heads(ARRAY[(SELECT channel FROM first)])', 'SELECT epoch, seq FROM first', 'epoch and seq are the head''s');
SELECT results_eq('SELECT last_seq FROM app.threads WHERE public_id = (SELECT id FROM t)', '{1}'::bigint[], 'the thread knows its last');
SELECT ok(abs(at - app.ms(clock_timestamp())) < 60000, 'at is in ms') FROM first;
SELECT is(pg_temp.verdict(sue, 1), 'posted 2', 'another''s ids are another''s') FROM u;
SELECT is((SELECT count(*) FROM app.channel_log WHERE channel = 'feed:platform' OR platform_seq > 0 AND channel LIKE 'thread:%'), 0::bigint, 'no feed carries it');

-- Retries
SELECT is((SELECT (m.verdict, m.id, m.seq, m.at)::text FROM u, api.message_post(max, (SELECT id FROM t), '00000000-0000-0000-0000-000000000001', E'a "b"\n\u00e9') m),
          (SELECT ('duplicate', id, seq, at)::text FROM first), 'a retry is answered with the original');
SELECT is((SELECT m.payload FROM u, api.message_post(max, (SELECT id FROM t), '00000000-0000-0000-0000-000000000001', E'a "b"\n\u00e9') m), NULL, 'and not published again');
SELECT is(pg_temp.verdict(max, 1, 'other'), 'conflict', 'the same id for another body') FROM u;
SELECT is(pg_temp.verdict(max, 1, E'a "b"\n\u00e9', (SELECT id FROM other)), 'conflict', 'the same id in another thread') FROM u;
SELECT is((SELECT count(*) FROM app.messages WHERE thread_id = (SELECT thread_id FROM app.threads WHERE public_id = (SELECT id FROM t))), 2::bigint, 'nothing was stored by these');
SELECT is(pg_temp.verdict(sue, 2), 'posted 3', 'and no place taken') FROM u;

-- Bodies
SELECT is(pg_temp.verdict(sue, 3, repeat('é', 8192)), 'posted 4', '16 KiB') FROM u;
SELECT throws_ok(format('SELECT pg_temp.verdict(%L, 4, repeat(''é'', 8192) || ''x'')', sue), '23514', NULL, 'and no byte more') FROM u;
SELECT throws_ok(format('SELECT pg_temp.verdict(%L, 4, '''')', sue), '23514', NULL, 'nor nothing') FROM u;

-- Who may
SELECT is(pg_temp.verdict(mia, 1), 'not_found', 'the partner''s people do not take part by being there') FROM u;
SELECT is(pg_temp.verdict(olga, 1), 'not_found', 'nor does staff') FROM u;
SELECT is(pg_temp.verdict(bob, 1), 'not_found', 'nor anybody else') FROM u;
SELECT is(pg_temp.verdict(max, 9, 'x', 'thr_none'), 'not_found', 'as if it did not exist') FROM u;
SELECT is(pg_temp.verdict('usr_none', 1), 'unauthorized', 'nobody');
SELECT is(pg_temp.verdict(vera, 1) || ' ' || pg_temp.verdict(wim, 1), 'read_only read_only', 'viewers read') FROM u;
UPDATE app.threads SET locked = true WHERE public_id = (SELECT id FROM t);
SELECT is(pg_temp.verdict(sue, 4) || ' ' || pg_temp.verdict(sue, 2), 'locked duplicate 3', 'a locked thread takes nothing new; a retry is answered') FROM u;
UPDATE app.threads SET locked = false WHERE public_id = (SELECT id FROM t);
SELECT ok(pg_temp.raises($$SELECT api.partner_status('TA', 'suspended')$$), 'suspending the partner raises the version');
SELECT is(pg_temp.verdict(max, 5) || ' ' || pg_temp.verdict(sue, 4), 'partner_suspended posted 5', 'a suspended partner''s people read, staff go on') FROM u;
SELECT api.partner_status('TA', 'churned');
SELECT is(pg_temp.verdict(max, 5), 'not_found', 'a partner that is gone has no threads') FROM u;
SELECT api.partner_status('TA', 'active');

-- Members, as the hub asks
CREATE FUNCTION pg_temp.members() RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(concat_ws(' ', u.name, m.joined_seq), ', ' ORDER BY u.name COLLATE "C") || ' / ' || max(m.seq)
    FROM api.thread_members((SELECT channel FROM first)) m LEFT JOIN app.users u ON u.public_id = m.user_id
$$;
SELECT is(pg_temp.members(), 'Max "M" 0, Sue 0, Vera 0, Wim 0 / 5', 'members with their beginning, and the position');
SELECT results_eq('SELECT DISTINCT m.epoch, m.members_version FROM first, api.thread_members(channel) m', 'SELECT epoch, version FROM api.heads(ARRAY[(SELECT channel FROM first)])', 'epoch and version are the head''s');
SELECT is((SELECT count(*) FROM api.thread_members('thread:thr_none')), 0::bigint, 'no row for what does not exist');
SELECT is((SELECT count(*) FROM api.thread_members('feed:partner:TA')), 0::bigint, 'nor for what is no thread');
CREATE TEMP TABLE empty AS SELECT api.thread_create('TA', 'group', 'Empty', NULL) AS id;
SELECT results_eq($$SELECT seq, user_id FROM api.thread_members('thread:' || (SELECT id FROM empty))$$, 'VALUES (0::bigint, NULL::text)', 'one row if nobody takes part');

-- Joining and leaving
SELECT throws_ok(format('SELECT api.thread_join(%L, %L)', t.id, bob), '22023', NULL, 'another partner''s people do not join') FROM t, u;
SELECT throws_ok(format('SELECT api.thread_join(%L, %L)', other.id, mia), '22023', NULL, 'nobody joins a direct thread') FROM other, u;
SELECT throws_ok(format('SELECT api.thread_join(''thr_none'', %L)', mia), 'P0002', NULL, 'or one that does not exist') FROM u;
SELECT ok(pg_temp.raises(format('SELECT api.thread_join(%L, %L)', t.id, mia)), 'joining raises the version') FROM t, u;
SELECT is(pg_temp.members(), 'Max "M" 0, Mia 5, Sue 0, Vera 0, Wim 0 / 5', 'and begins with what comes next');
SELECT api.thread_join(t.id, max) FROM t, u;
SELECT is(pg_temp.members(), 'Max "M" 0, Mia 5, Sue 0, Vera 0, Wim 0 / 5', 'who is in keeps his beginning');
SELECT is(pg_temp.verdict(mia, 2), 'posted 6', 'the new one posts') FROM u;
SELECT ok(pg_temp.raises(format('SELECT api.thread_leave(%L, %L)', t.id, max)), 'leaving raises it too') FROM t, u;
SELECT is(pg_temp.verdict(max, 5) || ' ' || pg_temp.verdict(max, 1, 'new'), 'not_found not_found', 'who left does not post') FROM u;
SELECT is(pg_temp.verdict(max, 1, E'a "b"\n\u00e9'), 'duplicate 1', 'but learns what became of what he had') FROM u;
SELECT results_eq($$SELECT left_seq FROM app.thread_participants WHERE user_id = (SELECT user_id FROM app.users WHERE public_id = (SELECT max FROM u)) AND left_seq IS NOT NULL$$, '{6}'::bigint[], 'where he left is kept');
SELECT is(api.thread_leave(t.id, max), false, 'once') FROM t, u;
SELECT api.thread_join(t.id, max) FROM t, u;
SELECT is(pg_temp.members(), 'Max "M" 6, Mia 5, Sue 0, Vera 0, Wim 0 / 6', 'who comes back begins anew');

-- Suspended people, ended memberships
SELECT ok(pg_temp.raises($$UPDATE app.users SET status = 'suspended' WHERE public_id = (SELECT mia FROM u)$$), 'suspending a user raises it');
SELECT is(pg_temp.verdict(mia, 3), 'unauthorized', 'he posts nothing') FROM u;
SELECT ok(pg_temp.raises($$DELETE FROM app.memberships WHERE user_id = (SELECT user_id FROM app.users WHERE public_id = (SELECT vera FROM u))$$), 'and so does an ended membership');
SELECT is(pg_temp.members(), 'Max "M" 6, Sue 0, Wim 0 / 6', 'neither is a member now');

-- What a custom role leaves
INSERT INTO app.custom_roles (partner_id, base_role, name, permissions)
VALUES (pg_temp.partner('TA'), 'partner.manager', 'reads', '{messages.read}');
UPDATE app.memberships SET custom_role_id = (SELECT custom_role_id FROM app.custom_roles WHERE name = 'reads')
WHERE user_id = (SELECT user_id FROM app.users WHERE public_id = (SELECT max FROM u));
SELECT is(pg_temp.verdict(max, 7), 'read_only', 'who may only read does not post') FROM u;
SELECT ok(pg_temp.raises($$UPDATE app.custom_roles SET permissions = '{metrics.read}' WHERE name = 'reads'$$), 'another role raises the version');
SELECT is(pg_temp.members(), 'Sue 0, Wim 0 / 6', 'who may not read takes no part');
SELECT is(pg_temp.verdict(max, 7), 'not_found', 'nor posts') FROM u;
UPDATE app.memberships SET custom_role_id = NULL WHERE custom_role_id IS NOT NULL;

-- Sessions
INSERT INTO app.sessions (session_hash, public_id, user_id, expires_at, revoked_at, impersonator_id)
SELECT sha256(s::bytea), s, m.user_id, now() + t, r, CASE s WHEN 'ses_eyes' THEN (SELECT user_id FROM app.users WHERE public_id = (SELECT sue FROM u)) END
FROM (VALUES ('ses_open', interval '1 hour', NULL::timestamptz), ('ses_ended', '1 hour', now()), ('ses_late', '0', NULL),
             ('ses_eyes', '1 hour', NULL)) v (s, t, r), app.users m WHERE m.public_id = (SELECT max FROM u);
SELECT is((SELECT string_agg(s || ' ' || verdict, ', ') FROM u, unnest('{ses_ended,ses_late,ses_eyes,ses_none,ses_open}'::text[]) s
           CROSS JOIN LATERAL api.message_post(max, (SELECT id FROM t), md5(s)::uuid, 'hello', s)),
          'ses_ended unauthorized, ses_late unauthorized, ses_eyes impersonating, ses_none posted, ses_open posted',
          'no message from a session that has ended, nor through somebody else''s eyes');
SELECT is((SELECT string_agg(s || ' ' || (SELECT count(*) FROM api.threads_of(max, '', 9, s)), ', ') FROM u, unnest('{ses_ended,ses_eyes,ses_open}'::text[]) s),
          'ses_ended 0, ses_eyes 0, ses_open 2', 'and no threads');

-- Lists
SELECT is((SELECT string_agg(thread::jsonb ->> 'subject', ',') FROM u, api.threads_of(sue, '', 2)), 'Renders,Other', 'a page of my threads') FROM u;
SELECT is((SELECT thread::jsonb - 'id' - 'channel' - 'created_at' FROM u, api.threads_of(max, '', 1)),
          '{"kind": "group", "partner": "TA", "subject": "Renders", "last_seq": 8, "joined_seq": 6}', 'what a thread says');
SELECT results_eq($$SELECT thread::jsonb ->> 'subject' FROM u, api.threads_of(max, (SELECT id FROM t), 9)$$, ARRAY['Other'], 'the next page');
SELECT is_empty('SELECT * FROM u, api.threads_of(vera, '''', 9)', 'not mine any more');
SELECT results_eq($$SELECT partner, kind, participants, last_seq, subject FROM api.threads('TA') WHERE subject = 'Renders'$$,
                  $$VALUES ('TA', 'group', 3::bigint, 8::bigint, 'Renders')$$, 'as the administrator sees them');

-- RLS: participants go through the functions, staff and partner roles have nothing
SELECT is_empty($$SELECT r, o FROM unnest('{mh_partner,mh_staff,mh_staff_finance,mh_auditor,mh_ingest,mh_hub,mh_admin}'::text[]) r,
                                   unnest('{app.threads,app.thread_participants,app.messages}'::text[]) o
                  WHERE has_any_column_privilege(r, o, 'SELECT')$$, 'no role of a request reads threads');
SELECT is(has_any_column_privilege('mh_reader', 'app.messages', 'SELECT'), false, 'the hub''s functions read no message but the log''s');
SELECT * FROM finish();
ROLLBACK;
