-- The dashboard at this moment, over HTTP: what the metrics channels show, from the rollups and jobs that
-- the hub's snapshots are made of (0400_hub.sql) and by the rules of hub/channel/metric_state.c, so that
-- windows, rates and percentiles are the same numbers. Windows end now and begin with a whole minute; days
-- are of UTC. Each route is a pair, so that what its role cannot read it cannot count either.

-- ---- As the hub reckons ----------------------------------------------------------------------------

-- Whole milliseconds for a bin: ddsketch_value() of shared/observe/ddsketch.h, rounded.
CREATE OR REPLACE FUNCTION app.ddsketch_ms(p_bin int) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
'SELECT floor(2 * power(1.01::float8 / 0.99::float8, p_bin) / (1.01::float8 / 0.99::float8 + 1) + 0.5)::bigint';

-- Of bins that stand there once each; NULL without samples.
CREATE OR REPLACE FUNCTION app.bins_quantile(p_bin int[], p_n bigint[], p_rank float8) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT app.ddsketch_ms(min(s.bin))
    FROM (SELECT t.bin, sum(t.n) OVER (ORDER BY t.bin) AS seen, sum(t.n) OVER () AS total
          FROM unnest(p_bin, p_n) t (bin, n)) s
    WHERE s.seen > trunc(p_rank * (s.total - 1)::float8)
$$;

-- Millionths as the channels write them.
CREATE OR REPLACE FUNCTION app.of_micros(p_micros bigint) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS 'SELECT trim_scale(p_micros * 0.000001)';
CREATE OR REPLACE FUNCTION app.ratio_of(p_part bigint, p_whole bigint) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
'SELECT CASE WHEN p_whole > 0 THEN app.of_micros(floor(p_part::float8 / p_whole::float8 * 1e6 + 0.5)::bigint) END';

-- The first minute of a window.
CREATE OR REPLACE FUNCTION app.window_begin(p_window text, p_minute int) RETURNS int
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE p_window WHEN '5m' THEN p_minute - 4 WHEN '1h' THEN p_minute - 59 WHEN '24h' THEN p_minute - 1439
                         WHEN '30d' THEN (p_minute / 60 - 719) * 60 WHEN 'today' THEN p_minute / 1440 * 1440 END
$$;

-- The rollups of a partner, or of all, from that minute to that hour (NULL: whatever follows): whole hours
-- as hours, and minutes before the first of them. A day is some 80 rows per partner.
CREATE OR REPLACE FUNCTION app.dashboard_rollups(p_partner int, p_from int, p_until int)
RETURNS TABLE (partner_id int, hour int, requested int, completed int, failed int, cancelled int, users int,
               tokens bigint, units bigint, d_bin smallint[], d_n int[], q_bin smallint[], q_n int[])
LANGUAGE sql STABLE AS $$
    SELECT p.partner_id, r.*
    FROM app.partners p
    CROSS JOIN LATERAL (
        SELECT r.bucket, r.requested, r.completed, r.failed, r.cancelled, r.users, r.tokens, r.units, r.d_bin, r.d_n,
               r.q_bin, r.q_n
        FROM app.rollup r
        WHERE r.partner_id = p.partner_id AND r.grain = 1
          AND r.bucket >= (p_from + 59) / 60 AND r.bucket < coalesce(p_until, 2147483647)
        UNION ALL
        SELECT r.bucket / 60, r.requested, r.completed, r.failed, r.cancelled, r.users, r.tokens, r.units, r.d_bin,
               r.d_n, r.q_bin, r.q_n
        FROM app.rollup r
        WHERE r.partner_id = p.partner_id AND r.grain = 0
          AND r.bucket >= p_from AND r.bucket < (p_from + 59) / 60 * 60) r
    WHERE p_partner IS NULL OR p.partner_id = p_partner
$$;

CREATE OR REPLACE FUNCTION app.reads_cost() RETURNS boolean
LANGUAGE sql STABLE AS 'SELECT authz.is_staff() AND authz.has(''metrics.read_cost'')';

-- What the same rollups cost (F2), which the routes' own roles cannot read; nothing for whoever may not.
CREATE FUNCTION api.dashboard_cost(p_partner int, p_from int, p_until int) RETURNS TABLE (hour int, cost_micros bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
    SELECT r.hour, r.cost_micros
    FROM app.partners p
    CROSS JOIN LATERAL (
        SELECT r.bucket AS hour, r.cost_micros FROM app.rollup r
        WHERE r.partner_id = p.partner_id AND r.grain = 1
          AND r.bucket >= (p_from + 59) / 60 AND r.bucket < coalesce(p_until, 2147483647)
        UNION ALL
        SELECT r.bucket / 60, r.cost_micros FROM app.rollup r
        WHERE r.partner_id = p.partner_id AND r.grain = 0
          AND r.bucket >= p_from AND r.bucket < (p_from + 59) / 60 * 60) r
    WHERE app.reads_cost() AND (p_partner IS NULL OR p.partner_id = p_partner)
$$;

-- ---- What is asked for -----------------------------------------------------------------------------

-- ?partner; NULL is the platform.
CREATE OR REPLACE FUNCTION app.dashboard_scope(p_query jsonb) RETURNS int
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
BEGIN
    IF p_query ? 'partner' THEN
        RETURN app.partner_of(p_query ->> 'partner');
    ELSIF NOT authz.is_staff() THEN
        PERFORM app.fail(400, 'required', 'name your partner: the platform''s numbers are for staff', 'partner');
    END IF;
    RETURN NULL;
END
$$;

-- What every answer begins with.
CREATE OR REPLACE FUNCTION app.dashboard_head(p_partner int) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = '' AS $$
    SELECT jsonb_strip_nulls(jsonb_build_object(
        'at', app.ms(statement_timestamp()),
        'partner', (SELECT p.code FROM app.partners p WHERE p.partner_id = p_partner)))
$$;

CREATE OR REPLACE FUNCTION app.window_json(p_window text) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = '' AS $$
    SELECT jsonb_build_object(
        'window', p_window, 'to', app.ms(statement_timestamp()),
        'from', app.window_begin(p_window, app.minute(statement_timestamp())) * 60000::bigint)
$$;

-- ---- Key numbers -----------------------------------------------------------------------------------

-- A user counts in the bucket in which he was last seen, hence once in every window that reaches to now.
CREATE OR REPLACE FUNCTION app.dashboard_totals(p_partner int, p_window text) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = '' AS $$
    SELECT app.window_json(p_window) || jsonb_strip_nulls(jsonb_build_object(
        'active_users', coalesce(sum(r.users), 0), 'requested', coalesce(sum(r.requested), 0),
        'completed', coalesce(sum(r.completed), 0), 'failed', coalesce(sum(r.failed), 0),
        'cancelled', coalesce(sum(r.cancelled), 0), 'tokens', coalesce(sum(r.tokens), 0),
        'units', coalesce(sum(r.units), 0),
        'failure_rate', app.ratio_of(sum(r.failed), sum(r.completed) + sum(r.failed)),
        'n', coalesce(sum(r.completed) + sum(r.failed), 0),
        'cost', CASE WHEN app.reads_cost() THEN
                    (SELECT app.of_micros(coalesce(sum(c.cost_micros), 0)::bigint)
                     FROM api.dashboard_cost(p_partner, w.from_minute, w.until_hour) c) END))
    FROM (SELECT app.window_begin(p_window, m.minute) AS from_minute,
                 CASE p_window WHEN 'today' THEN (m.minute / 1440 + 1) * 24 END AS until_hour
          FROM (SELECT app.minute(statement_timestamp()) AS minute) m) w
    LEFT JOIN LATERAL app.dashboard_rollups(p_partner, w.from_minute, w.until_hour) r ON true
    GROUP BY w.from_minute, w.until_hour
$$;

CREATE OR REPLACE FUNCTION app.dashboard_kpis(p_query jsonb) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = '' AS $$
    SELECT app.dashboard_head(s.partner) || jsonb_build_object('windows', jsonb_build_object(
        'today', app.dashboard_totals(s.partner, 'today'), '24h', app.dashboard_totals(s.partner, '24h')))
    FROM (SELECT app.dashboard_scope(p_query) AS partner) s
$$;

-- ---- Trends ----------------------------------------------------------------------------------------

-- Buckets of so many hours, oldest first; the last one is not over. Percentiles of the platform go back 30
-- days, as in its channel: to add up the bins of everybody is what costs here.
CREATE OR REPLACE FUNCTION app.dashboard_series(p_partner int, p_hours int, p_count int) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
DECLARE
    v_last   int := app.minute(statement_timestamp()) / 60 / p_hours;
    v_first  int := v_last - p_count + 1;
    v_binned int := CASE WHEN p_partner IS NULL THEN greatest(v_first, v_last - 720 / p_hours + 1) ELSE v_first END;
BEGIN
    RETURN (
        WITH total AS (
            SELECT r.hour / p_hours AS bucket, sum(r.requested) AS requested, sum(r.completed) AS completed,
                   sum(r.failed) AS failed, sum(r.cancelled) AS cancelled, sum(r.tokens) AS tokens
            FROM app.dashboard_rollups(p_partner, v_first * p_hours * 60, (v_last + 1) * p_hours) r GROUP BY 1
        ), p95 AS (
            SELECT b.bucket, app.bins_quantile(array_agg(b.bin), array_agg(b.n), 0.95) AS ms
            FROM (SELECT u.bucket, u.bin, sum(u.n) AS n
                  FROM (SELECT r.hour / p_hours AS bucket, unnest(r.d_bin)::int AS bin, unnest(r.d_n) AS n
                        FROM app.dashboard_rollups(p_partner, v_binned * p_hours * 60, (v_last + 1) * p_hours) r) u
                  GROUP BY u.bucket, u.bin) b
            GROUP BY b.bucket
        ), cost AS (
            SELECT c.hour / p_hours AS bucket, sum(c.cost_micros)::bigint AS micros
            FROM api.dashboard_cost(p_partner, v_first * p_hours * 60, (v_last + 1) * p_hours) c GROUP BY 1
        )
        SELECT jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
                   'at', n.bucket::bigint * p_hours * 3600000, 'requested', coalesce(t.requested, 0),
                   'completed', coalesce(t.completed, 0), 'failed', coalesce(t.failed, 0),
                   'cancelled', coalesce(t.cancelled, 0), 'tokens', coalesce(t.tokens, 0), 'p95_ms', p.ms,
                   'cost', CASE WHEN app.reads_cost() THEN app.of_micros(coalesce(c.micros, 0)) END,
                   'partial', n.bucket = v_last)) ORDER BY n.bucket)
        FROM generate_series(v_first, v_last) n (bucket)
        LEFT JOIN total t ON t.bucket = n.bucket LEFT JOIN p95 p ON p.bucket = n.bucket
        LEFT JOIN cost c ON c.bucket = n.bucket);
END
$$;

-- ?grain=day (the default) of 1 to 90 days, 30 unless asked for, or hour of 1 to 30, 1 unless asked for.
CREATE OR REPLACE FUNCTION app.dashboard_trends(p_query jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
DECLARE
    v_partner int := app.dashboard_scope(p_query);
    v_grain   text := coalesce(p_query ->> 'grain', 'day');
    v_by_hour boolean := v_grain = 'hour';
    v_days    text := coalesce(p_query ->> 'days', CASE WHEN v_by_hour THEN '1' ELSE '30' END);
    v_most    int := CASE WHEN v_by_hour THEN 30 ELSE 90 END;
BEGIN
    IF v_grain NOT IN ('day', 'hour') THEN
        PERFORM app.fail(400, 'invalid', 'day or hour', 'grain');
    ELSIF v_days !~ '^[0-9]{1,2}$' OR v_days::int NOT BETWEEN 1 AND v_most THEN
        PERFORM app.fail(400, 'out_of_range', 'from 1 to ' || v_most, 'days');
    END IF;
    RETURN app.dashboard_head(v_partner) || jsonb_build_object(
        'grain', v_grain,
        'items', CASE WHEN v_by_hour THEN app.dashboard_series(v_partner, 1, v_days::int * 24)
                 ELSE app.dashboard_series(v_partner, 24, v_days::int) END);
END
$$;

-- ---- Incidents -------------------------------------------------------------------------------------

-- This and app.dashboard_waits() read jobs by the index on closed_at, newest first, whatever the statistics
-- say: hence their settings.

-- Groups of the newest failed jobs of a window, the last seen first. `failed` are all of the window;
-- `counted` are those in the groups, fewer only if more than 20,000 jobs ended meanwhile: of each partner in
-- which something failed its share of these is looked through, newest first.
CREATE OR REPLACE FUNCTION app.dashboard_incidents(p_query jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = ''
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off AS $$
DECLARE
    v_partner int := app.dashboard_scope(p_query);
    v_limit   int := app.page_size(p_query);
    v_window  text := coalesce(p_query ->> 'window', '24h');
    v_from    int := app.window_begin(v_window, app.minute(statement_timestamp()));
    v_since   timestamptz := to_timestamp(v_from * 60.0);
    v_content boolean := authz.has('jobs.read_content')
                         AND (authz.is_staff() OR v_partner = ANY (api.partners_allowing('jobs.read_content')));
    v_answer  jsonb;
BEGIN
    IF v_window NOT IN ('5m', '1h', '24h', '30d') THEN
        PERFORM app.fail(400, 'invalid', '5m, 1h, 24h or 30d', 'window');
    END IF;
    WITH place AS MATERIALIZED (
        SELECT r.partner_id, sum(r.failed) AS failed, greatest(20000 / count(*) OVER (), 100) AS share
        FROM app.dashboard_rollups(v_partner, v_from, NULL) r GROUP BY r.partner_id HAVING sum(r.failed) > 0
    ), failure AS (
        SELECT p.partner_id, p.code || '/' || g.job_key AS job, g.terminal_at, g.error_class, g.model,
               CASE WHEN v_content THEN g.error_message END AS error_message
        FROM place l JOIN app.partners p ON p.partner_id = l.partner_id
        CROSS JOIN LATERAL (
            SELECT j.job_key, j.state, j.terminal_at, j.error_class, j.model, j.error_message
            FROM app.generation_jobs j
            WHERE j.partner_id = l.partner_id AND j.environment = 0 AND j.closed_at IS NOT NULL AND j.closed_at >= v_since
            ORDER BY j.closed_at DESC LIMIT l.share) g
        WHERE g.state = 5 AND g.terminal_at >= v_since
    ), incident AS (
        SELECT f.error_class, f.model, count(*) AS count, count(DISTINCT f.partner_id) AS partners,
               min(f.terminal_at) AS first_seen, max(f.terminal_at) AS last_seen,
               (array_agg(f.job ORDER BY f.terminal_at DESC, f.job))[1] AS last_job,
               (array_agg(f.error_message ORDER BY f.terminal_at DESC, f.job))[1] AS error_message
        FROM failure f GROUP BY f.error_class, f.model
    )
    SELECT jsonb_build_object(
        'failed', (SELECT coalesce(sum(l.failed), 0) FROM place l),
        'counted', (SELECT coalesce(sum(i.count), 0) FROM incident i),
        'items', (SELECT coalesce(jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
                             'error_class', i.error_class, 'model', i.model, 'count', i.count,
                             'first_seen_at', app.ms(i.first_seen), 'last_seen_at', app.ms(i.last_seen),
                             'partners', CASE WHEN v_partner IS NULL THEN i.partners END,
                             'last_job', i.last_job, 'error_message', i.error_message))
                         ORDER BY i.last_seen DESC, i.last_job), '[]')
                  FROM (SELECT * FROM incident ORDER BY last_seen DESC, last_job LIMIT v_limit) i))
    INTO v_answer;
    RETURN app.dashboard_head(v_partner) || app.window_json(v_window) || v_answer;
END
$$;

-- ---- The queue -------------------------------------------------------------------------------------

-- How long jobs waited that started in the window. As in the hub exact if they are at most 1000, else by
-- their bins; by these too if among the 5000 of a partner that ended last not all are found.
CREATE OR REPLACE FUNCTION app.dashboard_waits(p_partner int, p_window text) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = ''
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off AS $$
DECLARE
    v_from  int := app.window_begin(p_window, app.minute(statement_timestamp()));
    v_since timestamptz := to_timestamp(v_from * 60.0);
    v_count bigint;
    v_bins  int[];
    v_n     bigint[];
    v_ms    bigint[];
BEGIN
    SELECT coalesce(sum(b.n), 0), array_agg(b.bin), array_agg(b.n) INTO v_count, v_bins, v_n
    FROM (SELECT u.bin::int, sum(u.n) AS n
          FROM app.dashboard_rollups(p_partner, v_from, NULL) r CROSS JOIN LATERAL unnest(r.q_bin, r.q_n) u (bin, n)
          GROUP BY u.bin) b;
    IF v_count BETWEEN 1 AND 1000 THEN
        SELECT array_agg(g.queue_ms ORDER BY g.queue_ms) INTO v_ms
        FROM app.partners p
        CROSS JOIN LATERAL (
            SELECT j.queue_ms, j.first_started_at FROM app.generation_jobs j
            WHERE j.partner_id = p.partner_id AND j.environment = 0 AND j.closed_at IS NULL
            UNION ALL
            (SELECT j.queue_ms, j.first_started_at FROM app.generation_jobs j
             WHERE j.partner_id = p.partner_id AND j.environment = 0 AND j.closed_at IS NOT NULL AND j.closed_at >= v_since
             ORDER BY j.closed_at DESC LIMIT 5000)) g
        WHERE (p_partner IS NULL OR p.partner_id = p_partner) AND g.first_started_at >= v_since;
    END IF;
    RETURN app.window_json(p_window) || jsonb_strip_nulls(jsonb_build_object(
        'n', v_count,
        'queue_p50_ms', CASE WHEN cardinality(v_ms) = v_count THEN v_ms[trunc(0.50::float8 * (v_count - 1))::int + 1]
                        ELSE app.bins_quantile(v_bins, v_n, 0.50) END,
        'queue_p95_ms', CASE WHEN cardinality(v_ms) = v_count THEN v_ms[trunc(0.95::float8 * (v_count - 1))::int + 1]
                        ELSE app.bins_quantile(v_bins, v_n, 0.95) END));
END
$$;

-- `depth`: jobs that nothing runs yet. From which age on an open job is stuck is a setting of the daemons.
CREATE OR REPLACE FUNCTION app.dashboard_queue(p_query jsonb, p_stuck_after_ms bigint) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
DECLARE
    v_partner int := app.dashboard_scope(p_query);
    v_now     bigint := app.ms(statement_timestamp());
    v_open    record;
BEGIN
    SELECT count(*) AS in_flight, count(*) FILTER (WHERE o.state = 1) AS requested,
           count(*) FILTER (WHERE o.state = 2) AS queued, count(*) FILTER (WHERE o.state = 3) AS running,
           count(*) FILTER (WHERE o.second < (v_now - p_stuck_after_ms) / 1000) AS stuck, min(o.second) * 1000 AS oldest_at
    INTO v_open
    FROM (SELECT g.state, app.second(g.requested_at) AS second
          FROM app.partners p JOIN app.generation_jobs g ON g.partner_id = p.partner_id
          WHERE (v_partner IS NULL OR p.partner_id = v_partner)
            AND g.environment = 0 AND g.closed_at IS NULL AND g.requested_at IS NOT NULL) o;
    RETURN app.dashboard_head(v_partner) || jsonb_strip_nulls(jsonb_build_object(
        'depth', v_open.requested + v_open.queued, 'requested', v_open.requested, 'queued', v_open.queued,
        'running', v_open.running, 'in_flight', v_open.in_flight, 'stuck', v_open.stuck,
        'stuck_after_ms', p_stuck_after_ms, 'oldest_at', v_open.oldest_at, 'oldest_age_ms', v_now - v_open.oldest_at,
        'windows', jsonb_build_object('5m', app.dashboard_waits(v_partner, '5m'), '1h', app.dashboard_waits(v_partner, '1h'),
                                      '24h', app.dashboard_waits(v_partner, '24h'))));
END
$$;

-- ---- Routes ----------------------------------------------------------------------------------------

DO $$
DECLARE
    w record;
    v text;
BEGIN
    FOR w IN SELECT * FROM (VALUES
        ('dashboard_kpis', 'app.dashboard_kpis(p_query)'), ('dashboard_trends', 'app.dashboard_trends(p_query)'),
        ('dashboard_incidents', 'app.dashboard_incidents(p_query)'),
        ('dashboard_queue', 'app.dashboard_queue(p_query, (p_fresh ->> ''stuck_after_ms'')::bigint)')) w (name, call)
    LOOP
        FOREACH v IN ARRAY ARRAY['partner', 'staff'] LOOP
            EXECUTE format('CREATE FUNCTION route.%I(p_target text, p_query jsonb, p_body jsonb, p_fresh jsonb) RETURNS jsonb'
                           ' LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '''' AS %L',
                           w.name || '__' || v, 'SELECT ' || w.call);
        END LOOP;
    END LOOP;
END
$$;

SET LOCAL ROLE mh_writer;
INSERT INTO app.routes (name, method, path, permission, scope, mutates, step_up) VALUES
    ('dashboard_kpis', 'GET', '/v1/dashboard/kpis', 'metrics.read', 'any', false, false),
    ('dashboard_trends', 'GET', '/v1/dashboard/trends', 'metrics.read', 'any', false, false),
    ('dashboard_incidents', 'GET', '/v1/dashboard/incidents', 'metrics.read', 'any', false, false),
    ('dashboard_queue', 'GET', '/v1/dashboard/queue-health', 'metrics.read', 'any', false, false);
RESET ROLE;

-- By it the indexes of the jobs are read.
SET LOCAL ROLE mh_owner;
GRANT SELECT (closed_at) ON app.generation_jobs TO mh_partner, mh_staff;
RESET ROLE;

DO $$
DECLARE
    f record;
BEGIN
    FOR f IN SELECT p.oid::regprocedure AS name, p.pronamespace = 'app'::regnamespace AS inside FROM pg_catalog.pg_proc p
             WHERE p.pronamespace = 'app'::regnamespace
               AND (p.proname LIKE 'dashboard\_%' OR p.proname IN ('ddsketch_ms', 'bins_quantile', 'of_micros', 'ratio_of',
                                                                   'window_begin', 'window_json', 'reads_cost'))
                OR p.pronamespace = 'api'::regnamespace AND p.proname = 'dashboard_cost'
    LOOP
        EXECUTE format('ALTER FUNCTION %s OWNER TO %I', f.name, CASE WHEN f.inside THEN 'mh_owner' ELSE 'mh_reader' END);
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', f.name);
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO mh_partner, mh_staff, mh_reader', f.name);
    END LOOP;
END
$$;
GRANT EXECUTE ON FUNCTION app.minute(timestamptz), app.second(timestamptz) TO mh_partner, mh_staff;
