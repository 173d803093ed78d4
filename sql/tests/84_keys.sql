-- API keys: who sees and changes which, what a change may say, what is told and recorded.
\ir include/send.psql
BEGIN;
SELECT plan(80);
SELECT api.partner_create('TA', 'Tap A', NULL, NULL), api.partner_create('TB', 'Tap B', NULL, NULL);

-- People: one per role that matters, each with a session named after him.
DO $$
DECLARE
    w record;
BEGIN
    FOR w IN SELECT * FROM (VALUES ('owner', 'owner', NULL, NULL), ('ops', 'ops', NULL, NULL), ('billing', 'billing', NULL, NULL),
                                   ('a.admin', NULL, 'TA', 'admin'), ('a.developer', NULL, 'TA', 'developer'),
                                   ('a.manager', NULL, 'TA', 'manager'), ('a.viewer', NULL, 'TA', 'viewer'),
                                   ('b.admin', NULL, 'TB', 'admin')) v (name, staff, partner, role)
    LOOP
        PERFORM api.user_create(w.name, NULL, w.staff, w.partner, w.role);
    END LOOP;
END
$$;
INSERT INTO app.sessions (session_hash, user_id, expires_at)
SELECT sha256(convert_to(name, 'UTF8')), user_id, now() + interval '1 h' FROM app.users
WHERE name IN ('owner', 'ops', 'billing') OR name LIKE '_.%';

CREATE FUNCTION pg_temp.ask(p_who text, p_route text, p_target text, p_query jsonb, p_body jsonb, p_fresh jsonb DEFAULT NULL)
RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_strip_nulls(jsonb_build_object('status', r.status, 'reason', r.reason, 'field', r.field))
           || jsonb_build_object('body', r.body::jsonb, 'feeds', coalesce(r.feeds::jsonb, '[]'))
    FROM api.request(p_route, sha256(convert_to(p_who, 'UTF8')), 'req', '192.0.2.1', p_target, p_query, p_body, p_fresh) r
$$;
CREATE FUNCTION pg_temp.fresh(p_id text) RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_build_object('key_public_id', p_id, 'key_sha256', encode(sha256(convert_to('secret ' || p_id, 'UTF8')), 'hex'))
$$;
CREATE FUNCTION pg_temp.make(p_who text, p_id text, p_more jsonb DEFAULT '{}') RETURNS jsonb LANGUAGE sql AS $$
    SELECT pg_temp.ask(p_who, 'key_create', NULL, NULL,
                       '{"partner": "TA", "name": "k", "environment": "live"}' || p_more, pg_temp.fresh(p_id))
$$;
-- status and, of a refusal, reason and field
CREATE FUNCTION pg_temp.short(p_answer jsonb) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', p_answer ->> 'status', p_answer ->> 'reason', nullif(p_answer ->> 'field', ''))
$$;
CREATE FUNCTION pg_temp.events(p_answer jsonb) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(f ->> 'channel' || ' ' || ((f ->> 'payload')::jsonb ->> 'event') || ' '
                      || ((f ->> 'payload')::jsonb ->> 'id'), ', ' ORDER BY i)
    FROM jsonb_array_elements(p_answer -> 'feeds') WITH ORDINALITY t (f, i) WHERE f ->> 'channel' LIKE 'keys:%'
$$;

-- What a scope allows is what the table of permissions says (alerts are metrics.read; writing events no person does).
\set table `cat shared/access/permissions.tsv`
CREATE TEMP TABLE line AS
SELECT string_to_array(l, E'\t') AS c FROM regexp_split_to_table(:'table', E'\n') l WHERE l <> '' AND l NOT LIKE '#%';
SELECT set_eq($$SELECT c[12] AS scope, c[1] AS permission FROM line WHERE c[1] NOT IN ('permission', 'fields') AND c[12] <> '-'$$,
              $$SELECT scope, permission FROM app.known_scopes() WHERE scope NOT IN ('events:write', 'alerts:read')$$, 'scopes as in the table');
SELECT set_eq('SELECT DISTINCT scope FROM app.known_scopes()',
              '{events:write,events:read,metrics:read,alerts:read,messages:write,export:read,webhooks:manage}'::text[], 'and no others');

-- Making one
CREATE TEMP TABLE made AS SELECT pg_temp.make('a.developer', 'TapKeyA00001', jsonb_build_object(
    'scopes', '["metrics:read", "events:write", "events:write"]'::jsonb, 'rate_limit', 50, 'max_seats', 3,
    'ip_allow', '["203.0.113.0/24", "2001:db8::/32", "192.0.2.7"]'::jsonb, 'expires_at', app.ms(now() + interval '1 day'))) AS a;
SELECT is(pg_temp.short(a), '200', 'a developer makes a key') FROM made;
SELECT is((a -> 'body') - '{created_at,created_by,expires_at}'::text[], '{"id": "TapKeyA00001", "name": "k", "partner": "TA",
    "environment": "live", "scopes": ["events:write", "metrics:read"], "requests": 0, "events": 0, "retiring_at": null,
    "last_used_at": null, "revoked_at": null, "rate_limit": 50, "max_seats": 3, "seats": 0, "revoke_reason": null,
    "ip_allow": ["192.0.2.7/32", "2001:db8::/32", "203.0.113.0/24"], "rotated_from": null}', 'and gets it as it is now') FROM made;
SELECT is(a -> 'body' -> 'created_by' ->> 'name', 'a.developer', 'with its maker') FROM made;
SELECT is(pg_temp.events(a), 'keys:partner:TA created TapKeyA00001', 'its partner''s screens are told') FROM made;
SELECT results_eq($$SELECT secret_sha256 FROM app.api_keys WHERE public_id = 'TapKeyA00001'$$, $$SELECT sha256('secret TapKeyA00001')$$,
                  'only the hash is kept');
SELECT ok(a::text NOT LIKE '%' || encode(sha256('secret TapKeyA00001'), 'hex') || '%', 'and told to nobody') FROM made;
SELECT is_empty($$SELECT canonical FROM app.audit_log WHERE canonical LIKE '%' || encode(sha256('secret TapKeyA00001'), 'hex') || '%'
                  OR canonical LIKE '%sha256%'$$, 'not even the trail');
SELECT results_eq($$SELECT action, target_id, before IS NULL, after ->> 'max_seats' FROM app.audit_log ORDER BY chain DESC, seq DESC LIMIT 1$$,
                  $$VALUES ('key.create', 'TapKeyA00001', true, '3')$$, 'which has the rest');
SELECT is(pg_temp.short(pg_temp.make('a.developer', 'TapKeyA00001')), '409 conflict', 'a public id once');

-- Who may make one
SELECT is(pg_temp.short(pg_temp.make(w, 'TapKeyA00002')), '403 forbidden', w || ' makes none') FROM unnest('{a.manager,a.viewer,ops,billing}'::text[]) w;
SELECT is(pg_temp.short(pg_temp.make('b.admin', 'TapKeyA00002')), '404 not_found partner', 'another partner''s admin finds no such partner');
SELECT is(pg_temp.short(pg_temp.make('owner', 'TapKeyA00002', '{"environment": "test"}')), '200', 'an owner does');
SELECT is(pg_temp.short(pg_temp.make('nobody', 'TapKeyA00003')), '401 sign_in', 'nobody does not');
UPDATE app.sessions SET auth_at = now() - interval '6 minutes' WHERE session_hash = sha256('a.developer');
SELECT is(pg_temp.short(pg_temp.make('a.developer', 'TapKeyA00003')), '403 step_up', 'not without having confirmed who he is');
SELECT is(pg_temp.short(pg_temp.ask('a.developer', 'key_update', 'TapKeyA00001', NULL, '{"name": "kk"}')), '200', 'which a new name does not need');
UPDATE app.sessions SET auth_at = now() WHERE session_hash = sha256('a.developer');

-- What it may say
SELECT is(pg_temp.short(pg_temp.make('owner', 'TapKeyA00003', v.body::jsonb)), v.expected, v.body)
FROM (VALUES ('{"scopes": ["*"]}', '400 unknown_scope scopes'),
             ('{"scopes": ["events:historical"]}', '400 unknown_scope scopes'),
             ('{"scopes": []}', '400 required scopes'),
             ('{"scopes": "events:write"}', '400 invalid scopes'),
             ('{"scopes": [1]}', '400 invalid scopes'),
             ('{"environment": "dev"}', '400 invalid environment'),
             ('{"environment": null}', '400 required environment'),
             ('{"name": ""}', '400 required name'),
             ('{"partner": "TZ"}', '404 not_found partner'),
             ('{"ip_allow": ["10.0.0.1/8"]}', '400 invalid ip_allow'),
             ('{"ip_allow": ["here"]}', '400 invalid ip_allow'),
             ('{"max_seats": 0}', '400 out_of_range max_seats'),
             ('{"max_seats": 1.5}', '400 out_of_range max_seats'),
             ('{"max_seats": "3"}', '400 invalid max_seats'),
             ('{"rate_limit": -1}', '400 out_of_range rate_limit'),
             ('{"expires_at": 1000}', '400 out_of_range expires_at'),
             ('{"expires_at": 99999999999999999999}', '400 out_of_range expires_at')) v (body, expected);
SELECT is(pg_temp.short(pg_temp.make('owner', 'TapKeyA00003', jsonb_build_object('ip_allow',
       (SELECT jsonb_agg('10.0.0.' || i) FROM generate_series(1, 51) i)))), '400 too_long ip_allow', 'at most 50 networks');
-- A custom role without exports cannot make, widen or rotate a key with them.
WITH r AS (INSERT INTO app.custom_roles (partner_id, base_role, name, permissions)
           SELECT partner_id, 'developer', 'Keys only', '{keys.read,keys.write,keys.revoke}' FROM app.partners WHERE code = 'TA' RETURNING custom_role_id)
UPDATE app.memberships m SET custom_role_id = r.custom_role_id FROM r, app.users u WHERE u.user_id = m.user_id AND u.name = 'a.developer';
SELECT is(pg_temp.short(pg_temp.make('a.developer', 'TapKeyA00003', '{"scopes": ["export:read"]}')), '400 unknown_scope scopes', 'nobody gives what he has not');
SELECT is(pg_temp.short(pg_temp.ask('a.developer', 'key_rotate', 'TapKeyA00001', NULL, '{"overlap_seconds": 0}', pg_temp.fresh('TapKeyA00003'))),
          '403 forbidden', 'nor takes it by a rotation');
UPDATE app.memberships SET custom_role_id = NULL;

-- Changing one
SELECT is(pg_temp.ask('a.admin', 'key_update', 'TapKeyA00001', NULL, '{"name": "other", "max_seats": null, "expires_at": null, "ip_allow": []}')
          -> 'body' @> '{"name": "other", "max_seats": null, "expires_at": null, "ip_allow": [], "rate_limit": 50}', true,
          'what is named changes, the rest stays');
SELECT results_eq($$SELECT before ->> 'name', after ->> 'name', action FROM app.audit_log ORDER BY chain DESC, seq DESC LIMIT 1$$,
                  $$VALUES ('kk', 'other', 'key.update')$$, 'recorded with before and after');
SELECT ok('TapKeyA00001' IN (SELECT api.keys_changed()), 'ingest is told');
SELECT results_eq($$SELECT version FROM app.api_keys WHERE public_id = 'TapKeyA00001'$$, '{3}'::int[], 'by its version too');
SELECT is(pg_temp.short(pg_temp.ask('a.admin', 'key_update', 'TapKeyA00001', NULL, '{"environment": "test"}')), '400 required', 'its environment is for life');
SELECT is(pg_temp.short(pg_temp.ask('b.admin', 'key_update', 'TapKeyA00001', NULL, '{"name": "x"}')), '404 not_found', 'another partner''s key is none');
UPDATE app.api_keys SET updated_at = now() - interval '1 h';
UPDATE app.api_keys SET requests = 5, last_used_at = now();
UPDATE app.partners SET updated_at = now() - interval '1 h';
SELECT is_empty('SELECT api.keys_changed()', 'use is no change');

-- Seeing them
SELECT is((SELECT string_agg(i ->> 'id', ' ') FROM jsonb_array_elements(pg_temp.ask(w, 'keys_list', NULL, p, NULL) -> 'body' -> 'items') i),
          e, w || ' sees ' || coalesce(e, 'none'))
FROM (VALUES ('a.developer', '{}'::jsonb, 'TapKeyA00002 TapKeyA00001'), ('b.admin', '{}', NULL),
             ('ops', '{"partner": "TA"}', 'TapKeyA00002 TapKeyA00001')) v (w, p, e);
SELECT is(pg_temp.short(pg_temp.ask('a.manager', 'keys_list', NULL, '{}', NULL)), '403 forbidden', 'a manager has nothing to do with keys');
SELECT is(pg_temp.ask('a.viewer', 'keys_list', NULL, '{"limit": "1"}', NULL) -> 'body' #- '{items,0,created_at}' #- '{items,0,last_used_at}',
    '{"items": [{"id": "TapKeyA00002", "name": "k", "partner": "TA", "environment": "test", "scopes": ["events:write"], "requests": 5,
      "events": 0, "expires_at": null, "retiring_at": null, "revoked_at": null}], "next": "TapKeyA00002"}',
    'a viewer what it is called, may do and did');
SELECT is(pg_temp.ask('a.viewer', 'keys_list', NULL, '{"limit": "1", "after": "TapKeyA00002"}', NULL) -> 'body' -> 'items' -> 0 ->> 'id', 'TapKeyA00001', 'the next page');
SELECT is(pg_temp.ask('owner', 'keys_list', NULL, '{"partner": "TA", "q": "OTH"}', NULL) -> 'body' #>> '{items,0,name}', 'other', 'search');
SELECT is(pg_temp.short(pg_temp.ask('a.admin', 'keys_list', NULL, '{"partner": "TB"}', NULL)), '404 not_found partner', 'no word of other partners');

-- Use: added up per key, one line each
CREATE TEMP TABLE used AS
SELECT u.* FROM app.api_keys a, app.api_keys b, api.keys_used(ARRAY[b.key_id, a.key_id, b.key_id], '{1,2,3}', '{10,0,30}') u
WHERE a.public_id = 'TapKeyA00001' AND b.public_id = 'TapKeyA00002';
SELECT results_eq($$SELECT channel, payload::jsonb - '{at,last_used_at}'::text[] FROM used ORDER BY seq$$,
    $$VALUES ('keys:partner:TA', '{"t": "key", "event": "used", "id": "TapKeyA00001", "requests": 7, "events": 0}'::jsonb),
             ('keys:partner:TA', '{"t": "key", "event": "used", "id": "TapKeyA00002", "requests": 9, "events": 40}')$$, 'use is told with its sums');
SELECT results_eq($$SELECT l.seq, l.payload::jsonb FROM app.channel_log l JOIN used USING (channel, seq) ORDER BY 1$$,
                  $$SELECT seq, payload::jsonb FROM used ORDER BY 1$$, 'what is told stands in the log');
SELECT results_eq($$SELECT h.seq FROM app.channel_head h WHERE channel = 'keys:partner:TA'$$, $$SELECT max(seq) FROM used$$, 'up to its head');
SELECT is_empty($$SELECT * FROM api.keys_used('{-1}', '{1}', '{1}')$$, 'no key, no word');
SELECT is_empty('SELECT api.keys_changed()', 'use is no change here either');

-- Seats
UPDATE app.api_keys SET max_seats = 3 WHERE public_id = 'TapKeyA00002';
CREATE FUNCTION pg_temp.seats(VARIADIC p_users text[]) RETURNS boolean[] LANGUAGE sql AS $$
    SELECT api.key_seats(k.key_id, ARRAY(SELECT sha256(convert_to(u, 'UTF8')) FROM unnest(p_users) WITH ORDINALITY t (u, i) ORDER BY i))
    FROM app.api_keys k WHERE k.public_id = 'TapKeyA00002'
$$;
SELECT is(pg_temp.seats('u1', 'u2', 'u1'), '{t,t,t}', 'seats as long as there are any');
SELECT is(pg_temp.seats('u4', 'u3', 'u5', 'u4', 'u1'), '{t,f,f,t,t}', 'in the order of the events');
SELECT is(pg_temp.seats('u6'), '{f}', 'then none');
SELECT is(pg_temp.seats('u1', 'u2', 'u4'), '{t,t,t}', 'but to those who have one');
SELECT results_eq($$SELECT k.seats, count(s)::int FROM app.api_keys k JOIN app.api_key_seats s USING (key_id)
                    WHERE k.public_id = 'TapKeyA00002' GROUP BY 1$$, 'VALUES (3, 3)', 'as many as it says');
UPDATE app.api_keys SET max_seats = 1 WHERE public_id = 'TapKeyA00002';
SELECT is(pg_temp.seats('u2', 'u6'), '{t,f}', 'fewer seats take none away');
UPDATE app.api_keys SET max_seats = NULL WHERE public_id = 'TapKeyA00002';
SELECT is(pg_temp.seats('u7'), '{t}', 'no limit, no refusal');

-- Rotating one
INSERT INTO app.api_key_seats (key_id, seat_hash) SELECT key_id, sha256('u') FROM app.api_keys WHERE public_id = 'TapKeyA00001';
UPDATE app.api_keys SET seats = 1 WHERE public_id = 'TapKeyA00001';
SELECT is(pg_temp.short(pg_temp.ask('a.admin', 'key_rotate', 'TapKeyA00001', NULL, v.body::jsonb, pg_temp.fresh('TapKeyA00004'))), v.expected, v.body)
FROM (VALUES ('{}', '400 required overlap_seconds'), ('{"overlap_seconds": 604801}', '400 out_of_range overlap_seconds')) v (body, expected);
CREATE TEMP TABLE rotated AS SELECT pg_temp.ask('a.admin', 'key_rotate', 'TapKeyA00001', NULL, '{"overlap_seconds": 3600}', pg_temp.fresh('TapKeyA00004')) AS a;
SELECT is(a -> 'body' @> '{"id": "TapKeyA00004", "rotated_from": "TapKeyA00001", "scopes": ["events:write", "metrics:read"], "rate_limit": 50, "seats": 1}',
          true, 'the new key is like the old one') FROM rotated;
SELECT is(pg_temp.events(a), 'keys:partner:TA rotated TapKeyA00001, keys:partner:TA created TapKeyA00004', 'both are told') FROM rotated;
SELECT results_eq($$SELECT abs(expires_at_ms - app.ms(clock_timestamp() + interval '1 h')) < 60000 FROM api.key_lookup('TapKeyA00001')$$, '{t}'::boolean[],
                  'the old one ends with the overlap');
SELECT results_eq($$SELECT s.seat_hash FROM app.api_key_seats s JOIN app.api_keys k USING (key_id) WHERE k.public_id = 'TapKeyA00004'$$,
                  $$SELECT sha256('u')$$, 'seats go along');
SELECT is(pg_temp.short(pg_temp.ask('a.admin', 'key_rotate', 'TapKeyA00001', NULL, '{"overlap_seconds": 0}', pg_temp.fresh('TapKeyA00005'))),
          '409 key_retiring', 'once');

-- Ending one
SELECT is(pg_temp.short(pg_temp.ask('a.admin', 'key_revoke', 'TapKeyA00001', NULL, '{}')), '400 required reason', 'not without a reason');
SELECT is(pg_temp.short(pg_temp.ask('ops', 'key_revoke', 'TapKeyA00001', NULL, '{"reason": "leaked"}')), '200', 'ops may revoke');
SELECT is(pg_temp.short(pg_temp.ask('a.admin', 'key_update', 'TapKeyA00001', NULL, '{"name": "x"}')), '409 key_revoked', 'for good');
SELECT ok('TapKeyA00001' IN (SELECT api.keys_changed()), 'ingest is told');
UPDATE app.partners SET status = 'suspended' WHERE code = 'TA';
SELECT is(pg_temp.short(pg_temp.ask('a.admin', 'key_revoke', 'TapKeyA00004', NULL, '{"reason": "x"}')), '403 forbidden', 'a suspended partner''s members only read');
SELECT is(pg_temp.short(pg_temp.ask('owner', 'key_revoke', 'TapKeyA00004', NULL, '{"reason": "x"}')), '200', 'staff do not');
SELECT * FROM finish();
ROLLBACK;
