-- The dashboard's answers, recomputed from the jobs themselves; who gets which; how much is read for them.
\ir include/send.psql
\ir include/request.psql
BEGIN;
SELECT plan(63);
SELECT api.partner_create('TA', 'Tap A', NULL, NULL), api.partner_create('TB', 'Tap B', NULL, NULL), api.partner_create('TC', 'Tap C', NULL, NULL);
SELECT api.user_create('Olga', NULL, 'owner', NULL, NULL), api.user_create('Opal', NULL, 'ops', NULL, NULL),
       api.user_create('Bill', NULL, 'billing', NULL, NULL), api.user_create('Vic', NULL, 'viewer', NULL, NULL),
       api.user_create('Ann', NULL, NULL, 'TA', 'admin'), api.user_create('Val', NULL, NULL, 'TA', 'viewer'),
       api.user_create('Bob', NULL, NULL, 'TB', 'admin'), api.user_create('Two', NULL, NULL, 'TA', 'viewer');
INSERT INTO app.memberships (partner_id, user_id, role) SELECT pg_temp.partner('TB'), user_id, 'admin' FROM app.users WHERE name = 'Two';
SELECT pg_temp.sign_in(n, lower(n)) FROM unnest('{Olga,Opal,Bill,Vic,Ann,Val,Bob,Two}'::text[]) n;
CREATE FUNCTION pg_temp.body(p_secret text, p_route text, p_query jsonb DEFAULT '{}') RETURNS jsonb LANGUAGE sql AS $$
    SELECT pg_temp.ask(p_secret, 'dashboard_' || p_route, NULL, '{}', p_query, '{"stuck_after_ms": 900000}') -> 'body'
$$;

-- TA: 900 jobs, denser towards now, back to 84 days; TB: 40 of today and yesterday; TC: 1,300 of six hours, so
-- that no wait is exact. Some fail, some are cancelled, some failed first, some are open.
DO $$
BEGIN
    PERFORM pg_temp.send(jsonb_agg(e || jsonb_build_object('p', p, 'j', 'j' || i, 'id', i || '/' || (e ->> 't') || '/' || coalesce(e ->> 'n', ''),
                                   'model', 'm' || i % 2, 'user', 'u' || i % 23) ORDER BY i)) FROM (
        SELECT 'TA' AS p, i, now() - i * i * interval '9 s' AS at FROM generate_series(1, 900) i
        UNION ALL SELECT 'TB', i, now() - i * interval '1 h' FROM generate_series(1, 40) i
        UNION ALL SELECT 'TC', i, now() - i * interval '15 s' FROM generate_series(1, 1300) i) j
    CROSS JOIN LATERAL (VALUES
        (jsonb_build_object('t', 1, 'at', at - i % 90 * interval '1 s', 'hist', 1)),
        (CASE WHEN i % 13 > 1 THEN jsonb_build_object('t', 3, 'at', at - i % 90 * interval '300 ms', 'hist', 1) END),
        (CASE WHEN i % 13 > 2 AND i % 7 > 1 THEN jsonb_build_object('t', 5, 'at', at, 'hist', 1, 'tokens', i, 'units', 2, 'cost', 1000001 + i) END),
        (CASE WHEN i % 13 > 2 AND i % 7 = 0 THEN jsonb_build_object('t', 6, 'at', at, 'hist', 1, 'tokens', 7, 'error', 'e' || i % 3, 'message', 'canary ' || i) END),
        (CASE WHEN i % 13 > 2 AND i % 7 = 1 THEN jsonb_build_object('t', 8, 'at', at, 'hist', 1) END),
        (CASE WHEN i % 70 = 0 THEN jsonb_build_object('t', 7, 'n', 2, 'at', at + interval '1 ms', 'hist', 1) END),
        (CASE WHEN i % 70 = 0 THEN jsonb_build_object('t', 5, 'n', 2, 'at', at + interval '2 ms', 'hist', 1) END)) v (e)
    WHERE e IS NOT NULL;
END
$$;
SELECT ok(count(*) FILTER (WHERE state = 5) > 150 AND count(*) FILTER (WHERE state = 6) > 100 AND count(*) FILTER (WHERE closed_at IS NULL) > 100
          AND count(*) FILTER (WHERE attempt = 2) > 10, 'jobs of every kind') FROM app.generation_jobs WHERE environment = 0;
-- Of the test environment nothing counts.
SELECT pg_temp.send('[{"p": "TA", "id": "x", "t": 6, "j": "test", "e": 1, "at": "now", "error": "canary test"}]') \g /dev/null

-- ---- Key numbers -----------------------------------------------------------------------------------

-- The jobs of a partner, or of all.
CREATE FUNCTION pg_temp.jobs(p_code text) RETURNS SETOF app.generation_jobs LANGUAGE sql AS $$
    SELECT g FROM app.generation_jobs g WHERE g.environment = 0 AND (p_code IS NULL OR g.partner_id = pg_temp.partner(p_code))
$$;
CREATE FUNCTION pg_temp.counted(p_code text, p_from bigint) RETURNS jsonb LANGUAGE sql AS $$
    WITH s AS (SELECT to_timestamp(p_from / 1000) AS at)
    SELECT jsonb_strip_nulls(jsonb_build_object(
        'requested', count(*) FILTER (WHERE requested_at >= s.at), 'completed', count(*) FILTER (WHERE state = 4 AND terminal_at >= s.at),
        'failed', count(*) FILTER (WHERE state = 5 AND terminal_at >= s.at), 'cancelled', count(*) FILTER (WHERE state = 6 AND terminal_at >= s.at),
        'tokens', coalesce(sum(tokens) FILTER (WHERE terminal_at >= s.at), 0), 'units', coalesce(sum(units) FILTER (WHERE terminal_at >= s.at), 0),
        'n', count(*) FILTER (WHERE state IN (4, 5) AND terminal_at >= s.at),
        'failure_rate', trim_scale(round(count(*) FILTER (WHERE state = 5 AND terminal_at >= s.at)
                                         / nullif(count(*) FILTER (WHERE state IN (4, 5) AND terminal_at >= s.at), 0)::numeric, 6)),
        'cost', trim_scale(coalesce(sum(cost_micros) FILTER (WHERE terminal_at >= s.at), 0) / 1000000),
        'active_users', (SELECT count(*) FROM app.end_users u, s WHERE u.last_seen_at >= s.at AND (p_code IS NULL OR u.partner_id = pg_temp.partner(p_code)))))
    FROM pg_temp.jobs(p_code), s
$$;
CREATE TEMP TABLE kpis AS
SELECT code, pg_temp.body('olga', 'kpis', CASE WHEN code IS NULL THEN '{}' ELSE jsonb_build_object('partner', code) END) AS b
FROM unnest('{TA,TB,TC,NULL}'::text[]) code;
CREATE TEMP VIEW totals AS SELECT k.code, w.key AS name, w.value AS w, (w.value ->> 'from')::bigint AS from_ms, (b ->> 'at')::bigint AS at
FROM kpis k, jsonb_each(b -> 'windows') w;
SELECT set_eq('SELECT DISTINCT name FROM totals', '{today,24h}'::text[], 'kpis: two windows');
SELECT is(w - '{window,from,to}'::text[], pg_temp.counted(code, from_ms), 'kpis: ' || name || ' of ' || coalesce(code, 'the platform')) FROM totals ORDER BY name, code;
SELECT ok(bool_and((w ->> 'n')::int > 0 AND (w ->> 'cost')::numeric > 0), 'of which there are some') FROM totals WHERE name = '24h';
SELECT ok(bool_and((w ->> 'to')::bigint = at AND w ->> 'window' = name AND from_ms = CASE name WHEN 'today' THEN at / 86400000 * 86400000 ELSE (at / 60000 - 1439) * 60000 END),
          'kpis: windows say what they are') FROM totals;
SELECT ok(b -> 'partner' = to_jsonb(code) OR code IS NULL AND NOT b ? 'partner', 'kpis: and whose') FROM kpis WHERE code IS NULL OR code = 'TA' ORDER BY code;

-- ---- Trends ----------------------------------------------------------------------------------------

CREATE TEMP TABLE trend AS
SELECT v.*, q ->> 'partner' AS code, (b ->> 'at')::bigint AS asked_at, i.*
FROM (VALUES (1, 90, 86400000, '{"partner": "TA", "days": "90", "grain": "day"}'::jsonb), (2, 30, 86400000, '{}'),
             (3, 24, 3600000, '{"partner": "TC", "grain": "hour"}'), (4, 720, 3600000, '{"partner": "TA", "grain": "hour", "days": "30"}')) v (nr, buckets, step, q),
     LATERAL pg_temp.body('olga', 'trends', q) b, LATERAL jsonb_array_elements(b -> 'items') WITH ORDINALITY i (item, place);
SELECT results_eq('SELECT count(*) FROM trend GROUP BY nr ORDER BY nr', '{90,30,24,720}'::bigint[], 'trends: as many as asked for');
SELECT is_empty($$SELECT * FROM (SELECT (item ->> 'at')::bigint - lag((item ->> 'at')::bigint) OVER (PARTITION BY nr ORDER BY place) AS gap, step FROM trend) g
                  WHERE gap <> step$$, 'none is missing');
SELECT is_empty($$SELECT * FROM trend WHERE (item -> 'partial')::boolean <> (place = buckets)$$, 'the last one is partial');
SELECT is_empty($$SELECT * FROM trend WHERE (item -> 'partial')::boolean AND (item ->> 'at')::bigint <> asked_at / step * step$$,
                'it has now in it');
SELECT is_empty($$
    SELECT t.q, t.item, x FROM trend t CROSS JOIN LATERAL (
        SELECT jsonb_build_object(
            'requested', count(*) FILTER (WHERE app.ms(requested_at) / step = at / step), 'completed', count(*) FILTER (WHERE state = 4 AND app.ms(terminal_at) / step = at / step),
            'failed', count(*) FILTER (WHERE state = 5 AND app.ms(terminal_at) / step = at / step), 'cancelled', count(*) FILTER (WHERE state = 6 AND app.ms(terminal_at) / step = at / step),
            'tokens', coalesce(sum(tokens) FILTER (WHERE app.ms(terminal_at) / step = at / step), 0),
            'cost', trim_scale(coalesce(sum(cost_micros) FILTER (WHERE app.ms(terminal_at) / step = at / step), 0) / 1000000)) AS x
        FROM pg_temp.jobs(t.code), (SELECT (t.item ->> 'at')::bigint AS at) a) j
    WHERE t.item - '{at,partial,p95_ms}'::text[] <> x AND (t.nr = 3 OR t.place % 16 = 0 OR t.buckets = t.place)$$,
    'trends: every bucket is what the jobs say');
SELECT is_empty($$
    SELECT t.q, t.item, x.ms FROM trend t CROSS JOIN LATERAL (
        SELECT (array_agg(duration_ms ORDER BY duration_ms))[1 + trunc(0.95 * (count(*) - 1))::int] AS ms
        FROM pg_temp.jobs(t.code) WHERE duration_ms IS NOT NULL AND app.ms(terminal_at) / step = (t.item ->> 'at')::bigint / step) x
    WHERE t.nr < 4 AND (x.ms IS NULL <> (t.item -> 'p95_ms' IS NULL) OR abs((t.item ->> 'p95_ms')::numeric - x.ms) > 0.01 * x.ms + 1)$$,
    'percentiles within 1 %');
SELECT ok(count(*) FILTER (WHERE item ? 'p95_ms') > 5, 'of which there are some') FROM trend WHERE nr = 3;
SELECT is(pg_temp.verdict('olga', 'dashboard_trends', NULL, '{}', q), w, concat('trends: ', q))
FROM (VALUES ('{"days": "0"}'::jsonb, '400 out_of_range days'), ('{"days": "91"}', '400 out_of_range days'), ('{"days": "1.5"}', '400 out_of_range days'),
             ('{"days": "31", "grain": "hour"}', '400 out_of_range days'), ('{"grain": "minute"}', '400 invalid grain')) v (q, w);

-- ---- Incidents -------------------------------------------------------------------------------------

CREATE FUNCTION pg_temp.groups(p_code text, p_since timestamptz) RETURNS TABLE (error_class text, model text, n bigint, first bigint, last bigint, job text) LANGUAGE sql AS $$
    SELECT error_class, model, count(*), app.ms(min(terminal_at)), app.ms(max(terminal_at)),
           (array_agg((SELECT code FROM app.partners p WHERE p.partner_id = g.partner_id) || '/' || job_key ORDER BY terminal_at DESC))[1]
    FROM pg_temp.jobs(p_code) g WHERE state = 5 AND terminal_at >= p_since GROUP BY 1, 2 ORDER BY max(terminal_at) DESC
$$;
CREATE TEMP TABLE incident AS
SELECT v.*, b, to_timestamp((b ->> 'from')::bigint / 1000) AS since, i ->> 'error_class' AS error_class, i ->> 'model' AS model, (i ->> 'count')::bigint AS n,
       (i ->> 'first_seen_at')::bigint AS first, (i ->> 'last_seen_at')::bigint AS last, i ->> 'last_job' AS job, i ->> 'error_message' AS message, o
FROM (VALUES ('TA', '24h'), ('TA', '30d'), ('TB', '24h')) v (code, span), LATERAL pg_temp.body('opal', 'incidents', jsonb_build_object('partner', code, 'window', span)) b,
     LATERAL jsonb_array_elements(b -> 'items') WITH ORDINALITY t (i, o);
SELECT results_eq(format('SELECT error_class, model, n, first, last, job FROM incident WHERE code = %L AND span = %L ORDER BY o', code, span),
                  format('SELECT * FROM pg_temp.groups(%L, %L)', code, since), format('incidents of %s in %s', code, span))
FROM (SELECT DISTINCT code, span, since FROM incident) i ORDER BY code, span;
SELECT ok(count(*) >= 5 AND bool_and(b ->> 'failed' = b ->> 'counted') AND sum(n) = max((b ->> 'failed')::int) AND bool_and(message LIKE 'canary %'), 'all are counted')
FROM incident WHERE code = 'TA' AND span = '30d';
SELECT is((SELECT sum((i ->> 'count')::int) FROM jsonb_array_elements(b -> 'items') i), (SELECT count(*) FROM pg_temp.jobs(NULL) WHERE state = 5 AND app.ms(terminal_at) >= (b ->> 'from')::bigint), 'the platform''s')
FROM (SELECT pg_temp.body('olga', 'incidents') AS b) x;
SELECT is((SELECT max((i ->> 'partners')::int) FROM jsonb_array_elements(pg_temp.body('olga', 'incidents') -> 'items') i), 3, 'say how many partners they concern');
SELECT is(jsonb_array_length(pg_temp.body('olga', 'incidents', '{"limit": "2"}') -> 'items'), 2, 'as many as asked for');
SELECT is(pg_temp.verdict('olga', 'dashboard_incidents', NULL, '{}', q), w, concat('incidents: ', q))
FROM (VALUES ('{"limit": "201"}'::jsonb, '400 out_of_range limit'), ('{"window": "2h"}', '400 invalid window'), ('{"window": "today"}', '400 invalid window')) v (q, w);

-- ---- The queue -------------------------------------------------------------------------------------

SELECT is(b - '{at,partner,windows,oldest_age_ms}'::text[], jsonb_build_object(
              'depth', count(*) FILTER (WHERE g.state IN (1, 2)), 'requested', count(*) FILTER (WHERE g.state = 1), 'queued', count(*) FILTER (WHERE g.state = 2),
              'running', count(*) FILTER (WHERE g.state = 3), 'in_flight', count(*), 'stuck_after_ms', 900000,
              'stuck', count(*) FILTER (WHERE floor(extract(epoch FROM g.requested_at)) < ((b ->> 'at')::bigint - 900000) / 1000),
              'oldest_at', (min(floor(extract(epoch FROM g.requested_at))) * 1000)::bigint), 'queue of ' || coalesce(code, 'the platform'))
FROM unnest('{TA,TB,NULL}'::text[]) code, LATERAL (SELECT pg_temp.body('vic', 'queue', jsonb_strip_nulls(jsonb_build_object('partner', code))) AS b) a, LATERAL pg_temp.jobs(code) g
WHERE g.closed_at IS NULL GROUP BY code, b ORDER BY code;
CREATE TEMP VIEW waits AS
SELECT code, w.key AS name, w.value AS w, x.* FROM unnest('{TA,TB,TC}'::text[]) code, LATERAL jsonb_each(pg_temp.body('vic', 'queue', jsonb_build_object('partner', code)) -> 'windows') w,
LATERAL (SELECT count(*) AS n, (array_agg(queue_ms ORDER BY queue_ms))[1 + trunc(0.95 * (count(*) - 1))::int] AS p95, (array_agg(queue_ms ORDER BY queue_ms))[1 + trunc(0.5 * (count(*) - 1))::int] AS p50
         FROM pg_temp.jobs(code) WHERE app.ms(first_started_at) >= (w.value ->> 'from')::bigint) x;
SELECT results_eq($$SELECT code, name, (w ->> 'n')::bigint, (w ->> 'queue_p50_ms')::bigint, (w ->> 'queue_p95_ms')::bigint FROM waits WHERE n <= 1000 ORDER BY 1, 2$$,
                  $$SELECT code, name, n, p50, p95 FROM waits WHERE n <= 1000 ORDER BY 1, 2$$, 'waits are exact up to 1,000');
SELECT ok(n > 1000 AND (w ->> 'n')::int = n AND (w ->> 'queue_p95_ms')::numeric BETWEEN 0.99 * p95 - 1 AND 1.01 * p95 + 1 AND (w ->> 'queue_p50_ms')::numeric BETWEEN 0.99 * p50 - 1 AND 1.01 * p50 + 1,
          'within 1 % beyond') FROM waits WHERE code = 'TC' AND name = '24h';

-- ---- Who -------------------------------------------------------------------------------------------

SELECT is(pg_temp.verdict('nobody', 'dashboard_kpis'), '401 sign_in', 'sign in');
SELECT is(string_agg(DISTINCT pg_temp.verdict(who, 'dashboard_' || r, NULL, '{}', q), ', '), w, concat(who, ' asks for ', q))
FROM (VALUES ('ann', '{}'::jsonb, '400 required partner'), ('ann', '{"partner": "TB"}', '404 not_found partner'), ('ann', '{"partner": "NO"}', '404 not_found partner'),
             ('ann', '{"partner": "TA"}', '200'), ('two', '{"partner": "TB"}', '200'), ('vic', '{}', '200'), ('vic', '{"partner": "NO"}', '404 not_found partner')) v (who, q, w),
     unnest('{kpis,trends,incidents,queue}'::text[]) r GROUP BY who, q, w;
SELECT results_eq($$SELECT who, pg_temp.body(who, 'kpis', '{"partner": "TA"}')::text LIKE '%"cost"%', pg_temp.body(who, 'trends', '{"partner": "TA"}')::text LIKE '%"cost"%',
                           pg_temp.body(who, 'incidents', '{"partner": "TA"}')::text LIKE '%canary%'
                    FROM unnest('{ann,bill,olga,opal,two,val,vic}'::text[]) who$$,
                  $$VALUES ('ann', false, false, true), ('bill', true, true, false), ('olga', true, true, true), ('opal', false, false, true), ('two', false, false, false),
                           ('val', false, false, false), ('vic', false, false, false)$$, 'cost for who reads cost, texts of errors for who reads content, in that partner');
SELECT is(pg_temp.body('two', 'incidents', '{"partner": "TB"}')::text LIKE '%canary%', true, 'he does in the other');
SELECT is(pg_temp.body('ann', 'trends', '{"partner": "TA"}') -> 'items', pg_temp.body('opal', 'trends', '{"partner": "TA"}') -> 'items', 'a member sees of his partner what staff see');

-- ---- How much is read ------------------------------------------------------------------------------

-- 20 partners with 90 days of hours and 3 of minutes, and one of them with 60,000 jobs of 8 days.
SELECT api.partner_create('TZ' || i, 'Z', NULL, NULL) FROM generate_series(10, 29) i \g /dev/null
INSERT INTO app.rollup (partner_id, grain, bucket, requested, completed, failed, cancelled, retried, published, started, users, tokens, units, cost_micros, d_bin, d_n, q_bin, q_n)
SELECT p.partner_id, g.grain, b, 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, '{}', '{}', '{0}', '{1}'
FROM app.partners p, (VALUES (0, app.minute(now()), 4320), (1, app.minute(now()) / 60, 2160)) g (grain, last, n), generate_series(g.last - g.n + 1, g.last) b
WHERE p.code LIKE 'TZ__';
INSERT INTO app.generation_jobs (partner_id, environment, job_key, attempt, phase, state, last_event_at, requested_at, first_started_at, queue_ms, terminal_at, closed_at, error_class)
SELECT pg_temp.partner('TZ10'), 0, 'b' || i, 1, 3, CASE WHEN i % 10 = 0 THEN 5 ELSE 4 END, at, at, at, 0, at, at, 'e' || i % 3
FROM generate_series(1, 60000) i, LATERAL (SELECT now() - i * interval '12 s' AS at) t;
ANALYZE app.rollup; ANALYZE app.generation_jobs; ANALYZE app.partners;
CREATE FUNCTION pg_temp.rows_read(p_like text) RETURNS bigint LANGUAGE sql AS $$
    SELECT coalesce(sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0)), 0)::bigint FROM pg_stat_xact_user_tables WHERE schemaname = 'app' AND relname LIKE p_like
$$;
CREATE FUNCTION pg_temp.cost_of(p_secret text, p_route text, p_query jsonb, OUT rollups bigint, OUT jobs bigint, OUT events bigint) LANGUAGE plpgsql AS $$
DECLARE
    v bigint[] := ARRAY[pg_temp.rows_read('rollup'), pg_temp.rows_read('generation\_jobs%'), pg_temp.rows_read('generation\_events%')];
BEGIN
    PERFORM pg_temp.body(p_secret, p_route, p_query);
    rollups := pg_temp.rows_read('rollup') - v[1];
    jobs := pg_temp.rows_read('generation\_jobs%') - v[2];
    events := pg_temp.rows_read('generation\_events%') - v[3];
END
$$;
CREATE TEMP TABLE reading AS SELECT v.*, c.* FROM (VALUES ('kpis', '{"partner": "TZ10"}'::jsonb), ('kpis', '{}'), ('trends', '{"partner": "TZ10"}'),
    ('incidents', '{"partner": "TZ10"}'), ('incidents', '{"partner": "TZ10", "window": "30d"}'), ('queue', '{"partner": "TZ10"}')) v (route, query),
    LATERAL pg_temp.cost_of('opal', route, query) c;
SELECT cmp_ok(rollups, '<=', most_rollups::bigint, concat(r.route, ' ', r.query, ': at most ', most_rollups, ' rollups')) FROM reading r
JOIN (VALUES ('kpis', '{"partner": "TZ10"}'::jsonb, 24 + 24 + 59), ('kpis', '{}', 23 * (24 + 24 + 59)), ('trends', '{"partner": "TZ10"}', 2 * 30 * 24)) v (route, query, most_rollups) USING (route, query);
SELECT cmp_ok(jobs, '<=', most_jobs::bigint, concat(r.route, ' ', r.query, ': ', most_jobs, ' jobs at most')) FROM reading r
JOIN (VALUES ('kpis', '{}'::jsonb, 0), ('trends', '{"partner": "TZ10"}', 0), ('incidents', '{"partner": "TZ10"}', 7205), ('incidents', '{"partner": "TZ10", "window": "30d"}', 20000),
             ('queue', '{"partner": "TZ10"}', 5000 + 305 + 30)) v (route, query, most_jobs) USING (route, query);
SELECT cmp_ok(jobs, '>', 1000::bigint, 'it is counted') FROM reading WHERE route = 'queue';
SELECT is((SELECT sum(events) FROM reading), 0::numeric, 'and no events');
SELECT ok((b ->> 'counted')::int = 2000 AND (b ->> 'failed')::int = 720, 'what was not looked through is told') FROM pg_temp.body('opal', 'incidents', '{"partner": "TZ10", "window": "30d"}') b;
SELECT * FROM finish();
ROLLBACK;
