-- Feature flags and model configurations: buckets as a property, who sees and sets what, what is told.
\ir include/send.psql
BEGIN;
\ir include/request.psql
SELECT plan(68);
SELECT api.partner_create('TA', 'Tap A', NULL, NULL), api.partner_create('TB', 'Tap B', NULL, NULL);
SELECT api.user_create('SeOwner', NULL, 'owner', NULL, NULL), api.user_create('SeAdmin', NULL, 'admin', NULL, NULL),
       api.user_create('SeOps', NULL, 'ops', NULL, NULL), api.user_create('SeSupport', NULL, 'support', NULL, NULL),
       api.user_create('SeBilling', NULL, 'billing', NULL, NULL), api.user_create('SeViewer', NULL, 'viewer', NULL, NULL),
       api.user_create('SeMia', NULL, NULL, 'TA', 'manager'), api.user_create('SePia', NULL, NULL, 'TA', 'admin');
SELECT pg_temp.sign_in(name, name) FROM app.users WHERE name LIKE 'Se%';
SELECT pg_temp.audited();

-- What `system` got since the last look, without its times.
CREATE TEMP TABLE system_seen AS SELECT seq FROM app.channel_head WHERE channel = 'system';
CREATE FUNCTION pg_temp.notices() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    v_text text;
BEGIN
    SELECT coalesce(string_agg((l.payload::jsonb - 'at')::text, ' ' ORDER BY l.seq), '') INTO v_text
    FROM app.channel_log l WHERE l.channel = 'system' AND l.seq > (SELECT seq FROM system_seen);
    UPDATE system_seen SET seq = (SELECT h.seq FROM app.channel_head h WHERE h.channel = 'system');
    RETURN v_text;
END
$$;
CREATE FUNCTION pg_temp.body(p_who text, p_route text) RETURNS jsonb LANGUAGE sql AS $$
    SELECT pg_temp.ask(p_who, p_route) -> 'body'
$$;

-- ---- Buckets, over 10,000 codes and three salts ----------------------------------------------------
CREATE TEMP TABLE bucket AS
SELECT salt, 'P' || i AS code, app.flag_bucket(md5(salt::text), 'k', 'P' || i) AS id
FROM generate_series(1, 3) salt, generate_series(1, 10000) i;
SELECT results_eq('SELECT min(id), max(id) FROM bucket', 'VALUES (0, 99)', 'buckets are 0 to 99');
SELECT is_empty($$SELECT * FROM bucket WHERE id <> app.flag_bucket(md5(salt::text), 'k', code)$$, 'and always the same');
-- 99 degrees of freedom: 1 in 10,000 uniform draws is above 157.
SELECT cmp_ok(chi, '<', 157.0, 'about uniform, chi square ' || round(chi, 1))
FROM (SELECT salt, sum((n - 100)::numeric ^ 2 / 100) AS chi
      FROM (SELECT salt, id, count(*) AS n FROM bucket GROUP BY salt, id) c GROUP BY salt) x;
SELECT is_empty($$
    SELECT b.code, pct FROM bucket b CROSS JOIN generate_series(0, 99) pct
    CROSS JOIN LATERAL (SELECT app.flag_on(ROW ('k', 'd', true, pct, md5(b.salt::text), now(), NULL)::app.feature_flags, b.code) AS now,
                               app.flag_on(ROW ('k', 'd', true, pct + 1, md5(b.salt::text), now(), NULL)::app.feature_flags, b.code) AS more) x
    WHERE b.salt = 1 AND b.code < 'P2' AND x.now AND NOT x.more$$, 'a larger percentage never takes a partner out');
SELECT results_eq($$SELECT pct, count(*) FILTER (WHERE app.flag_on(ROW ('k', 'd', true, pct, md5('1'), now(), NULL)::app.feature_flags, code))
                    FROM bucket CROSS JOIN unnest('{0,100}'::int[]) pct WHERE salt = 1 GROUP BY pct ORDER BY pct$$,
                  'VALUES (0, 0::bigint), (100, 10000)', 'none at 0 %, all at 100 %');
SELECT cmp_ok(abs(count(*) FILTER (WHERE a.id < 50 AND b.id < 50) - 2500), '<', 250::bigint, 'another salt draws anew')
FROM bucket a JOIN bucket b USING (code) WHERE a.salt = 1 AND b.salt = 2;
SELECT cmp_ok(abs(count(*) FILTER (WHERE id < 50 AND app.flag_bucket(md5('1'), 'other', code) < 50) - 2500), '<', 250::bigint,
              'so does another flag') FROM bucket WHERE salt = 1;
SELECT is(app.flag_bucket('00', 'partner_dashboard', 'INCEPT'), 2, 'in another version of the function nobody changes places');

-- ---- Flags -----------------------------------------------------------------------------------------
SELECT results_eq('SELECT key FROM app.feature_flags WHERE enabled AND rollout_pct = 100 ORDER BY key',
                  '{api_keys_page,audit_page,partner_dashboard,roles_page,team_page}'::text[], 'all are on to begin with');
SELECT is(pg_temp.body('SeMia', 'flags_list'), '{"partners": {"TA": {"api_keys_page": true, "audit_page": true,
    "partner_dashboard": true, "roles_page": true, "team_page": true}}}', 'a member gets what holds for his partner, and no more');
SELECT is(pg_temp.body(w, 'flags_list'), '{"partners": {}}', w || ' gets none') FROM unnest('{SeSupport,SeBilling,SeViewer}'::text[]) w;
SELECT is(jsonb_array_length(pg_temp.body(w, 'flags_list') -> 'items'), 5, w || ' gets the definitions')
FROM unnest('{SeOwner,SeAdmin,SeOps}'::text[]) w;
SELECT is((SELECT i - 'reach' - 'description' - 'updated_at' FROM jsonb_array_elements(pg_temp.body('SeOps', 'flags_list') -> 'items') i
           WHERE i ->> 'key' = 'team_page'), '{"key": "team_page", "enabled": true, "rollout_pct": 100}', 'as they are');
SELECT is(pg_temp.verdict(w, 'flag_update', 'team_page', '{"enabled": false}'), '403 forbidden', w || ' sets none')
FROM unnest('{SeSupport,SeBilling,SeViewer,SeMia,SePia}'::text[]) w;
SELECT is(pg_temp.audited(), (SELECT string_agg('denied flag_update by ' || w, ', ' ORDER BY i)
                              FROM unnest('{SeSupport,SeBilling,SeViewer,SeMia,SePia}'::text[]) WITH ORDINALITY t (w, i)), 'which is on record');
SELECT is(pg_temp.notices(), '', 'and told to nobody');

SELECT is(pg_temp.ask('SeOps', 'flag_update', 'partner_dashboard', '{"enabled": false}') -> 'body' ->> 'enabled', 'false', 'ops switch one off');
SELECT is(pg_temp.notices(), '{"t": "flags", "key": "partner_dashboard"}', 'everybody hears of it');
SELECT is(pg_temp.audited(), 'done flag.update flag by SeOps', 'it is on record');
SELECT results_eq($$SELECT before, after FROM app.audit_log ORDER BY chain DESC, seq DESC LIMIT 1$$,
                  $$VALUES ('{"enabled": true, "rollout_pct": 100}'::jsonb, '{"enabled": false, "rollout_pct": 100}'::jsonb)$$, 'with what it was');
SELECT is(pg_temp.body('SeMia', 'flags_list') -> 'partners' -> 'TA' ->> 'partner_dashboard', 'false', 'it is off for a partner''s people');
SELECT is(pg_temp.ask('SeAdmin', 'flag_update', 'partner_dashboard', '{"enabled": true, "rollout_pct": 0}') -> 'body' ->> 'updated_by' IS NULL, false,
          'an admin sets both');
SELECT is(pg_temp.body('SeMia', 'flags_list') -> 'partners' -> 'TA' ->> 'partner_dashboard', 'false', 'on, but for nobody yet');
SELECT results_eq(format($$SELECT (pg_temp.ask('SeOwner', 'flag_update', 'partner_dashboard', '{"rollout_pct": %s}') -> 'body' ->> 'rollout_pct')::int,
                           (pg_temp.body('SeMia', 'flags_list') -> 'partners' -> 'TA' ->> 'partner_dashboard')::boolean$$, b.id + more),
                  format('VALUES (%s, %L::boolean)', b.id + more, more = 1), 'its bucket decides: ' || more)
FROM (SELECT app.flag_bucket(salt, key, 'TA') AS id FROM app.feature_flags WHERE key = 'partner_dashboard') b, unnest('{0,1}'::int[]) more;
SELECT is((SELECT jsonb_array_length(f -> 'reach') || ' ' || (f -> 'reach' ->> 0) || ' ' || (f -> 'reach' ->> 100)
           FROM jsonb_array_elements(pg_temp.body('SeOps', 'flags_list') -> 'items') f WHERE f ->> 'key' = 'audit_page'),
          '101 0 ' || (SELECT count(*) FROM app.partners WHERE status <> 'churned'), 'how many partners each percentage reaches');
SELECT is(pg_temp.verdict('SeOps', 'flag_update', 'team_page', b), v, b::text)
FROM (VALUES ('{"rollout_pct": 101}'::jsonb, '400 out_of_range rollout_pct'), ('{"rollout_pct": 0.5}', '400 out_of_range rollout_pct'),
             ('{"rollout_pct": "9"}', '400 invalid rollout_pct'), ('{"enabled": 1}', '400 invalid enabled'),
             ('{"enabled": null}', '400 invalid enabled'), ('{}', '400 required')) t (b, v);
SELECT is(pg_temp.verdict('SeOps', 'flag_update', 'no_such', '{"enabled": true}'), '404 not_found', 'flags are made by migrations alone');

-- ---- Models ----------------------------------------------------------------------------------------
CREATE FUNCTION pg_temp.put(p_who text, p_more jsonb) RETURNS jsonb LANGUAGE sql AS $$
    SELECT pg_temp.ask(p_who, 'model_put', 'cinema-9', '{"name": "Cinema", "kind": "video", "max_concurrent": 4}' || p_more)
$$;
CREATE FUNCTION pg_temp.refusal(p_who text, p_more jsonb) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', a ->> 'status', a ->> 'reason', a ->> 'field') FROM pg_temp.put(p_who, p_more) a
$$;
SELECT pg_temp.notices(), pg_temp.audited();
SELECT is((pg_temp.put('SeAdmin', '{"price": 77.123457}') -> 'body') - '{updated_at,updated_by}'::text[], '{"id": "cinema-9", "name": "Cinema",
    "kind": "video", "enabled": true, "price": 77.123457, "max_concurrent": 4, "version": 1}', 'an admin makes a model');
SELECT is(pg_temp.notices() || ' ' || pg_temp.audited(), '{"t": "models", "id": "cinema-9"} done model.create model by SeAdmin', 'told and recorded');
SELECT is(pg_temp.body('SeMia', 'models_list') -> 'items', '[{"id": "cinema-9", "name": "Cinema", "kind": "video", "enabled": true,
    "max_concurrent": 4}]', 'a member sees it without price and version');
SELECT is(pg_temp.body(w, 'models_list')::text LIKE '%77.123457%', w IN ('SeOwner', 'SeAdmin', 'SeBilling'), w || ' and the price')
FROM unnest('{SeOwner,SeAdmin,SeOps,SeSupport,SeBilling,SeViewer,SeMia,SePia}'::text[]) w;
SELECT is(pg_temp.refusal(w, '{"version": 1}'), '403 forbidden', w || ' changes none') FROM unnest('{SeSupport,SeBilling,SeViewer,SePia}'::text[]) w;
SELECT is(pg_temp.refusal('SeOps', '{"version": 1, "price": 1}'), '403 forbidden price', 'ops set no price');
SELECT is((pg_temp.put('SeOps', '{"version": 1, "enabled": false}') -> 'body') - '{updated_at,updated_by}'::text[], '{"id": "cinema-9", "name": "Cinema",
    "kind": "video", "enabled": false, "max_concurrent": 4, "version": 2}', 'ops change the rest');
SELECT is((SELECT price FROM app.model_configs), 77.123457, 'and the price stays');
SELECT is(pg_temp.refusal('SeAdmin', v), '409 stale version', v::text || ' is of another version') FROM unnest('{"{}","{\"version\": 1}"}'::jsonb[]) v;
SELECT pg_temp.notices(), pg_temp.audited();
SELECT is(pg_temp.refusal('SeAdmin', '{"version": 2, "enabled": false, "price": 5}'), '200', 'a price is changed');
SELECT is(pg_temp.notices(), '', 'of which nothing is told to everybody');
SELECT is((SELECT jsonb_build_array(i -> 'before', i -> 'after', i -> 'redacted')::text LIKE '%77.123457%'
           FROM jsonb_array_elements(pg_temp.ask(w, 'audit_list', NULL, '{}', '{"target": "cinema-9", "limit": "1"}') -> 'body' -> 'items') i),
          w = 'SeBilling', w || ' in the trail') FROM unnest('{SeBilling,SeOps}'::text[]) w;
SELECT is(pg_temp.refusal('SeAdmin', '{"version": 3, "price": null}'), '200', 'and taken away');
SELECT * FROM finish();
ROLLBACK;
