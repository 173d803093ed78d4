-- What the hub reads (EXECUTE for mh_hub). Each function is one statement, hence one snapshot: the state
-- it returns and the seq it names belong together.

-- `version` is raised when a thread's members change.
CREATE FUNCTION api.heads(p_channels text[])
RETURNS TABLE (channel text, epoch text, seq bigint, version int)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
    SELECT h.channel, e.epoch || h.epoch, h.seq, h.members_version
    FROM app.channel_head h, (SELECT app.db_epoch() AS epoch) e
    WHERE h.channel = ANY (p_channels)
$$;

-- The rows after a position, in order. If the first is not p_after + 1, the log no longer reaches back
-- that far: take a snapshot.
CREATE FUNCTION api.log_read(p_channel text, p_after bigint, p_limit int)
RETURNS TABLE (seq bigint, payload text)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = '' SET enable_seqscan = off SET enable_bitmapscan = off SET jit = off AS $$
BEGIN
    IF p_channel = 'feed:platform' THEN
        RETURN QUERY SELECT l.platform_seq, l.payload FROM app.channel_log l
        WHERE l.platform_seq > p_after ORDER BY l.platform_seq LIMIT p_limit;
    ELSE
        RETURN QUERY SELECT l.seq, l.payload FROM app.channel_log l
        WHERE l.channel = p_channel AND l.seq > p_after ORDER BY l.seq LIMIT p_limit;
    END IF;
END
$$;

CREATE FUNCTION api.partners() RETURNS TABLE (code text, name text, status text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
    SELECT p.code, p.name, p.status FROM app.partners p ORDER BY p.code
$$;

-- The newest p_limit jobs by requested_at, of a partner or of all.
CREATE FUNCTION api.jobs_snapshot(p_scope text, p_limit int) RETURNS SETOF text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' SET jit = off AS $$
    SELECT concat('{"epoch":"', app.db_epoch(), h.epoch, '","seq":', h.seq, ',"at":', app.ms(statement_timestamp()),
                  ',"jobs":[', j.text, ']}')
    FROM app.channel_head h
    CROSS JOIN LATERAL (
        SELECT string_agg(app.job_json(n.code, n.job_key, n.state, n.attempt, n.model, n.entrypoint, n.project,
                   n.requested_at, n.queued_at, n.started_at, n.terminal_at, n.published_at, n.progress,
                   n.duration_ms, n.queue_ms, n.units, n.tokens, n.cost_micros, n.error_class, n.error_message,
                   n.prompt, n.asset_url, n.end_user, n.last_event_at),
                   ',' ORDER BY n.requested_at DESC, n.code, n.job_key) AS text
        FROM (SELECT p.code, g.*
              FROM app.partners p
              CROSS JOIN LATERAL (
                  -- p_limit of them are certainly as new as the oldest of the p_limit last closed.
                  SELECT min(c.requested_at) AS since, count(*) AS n
                  FROM (SELECT g.requested_at FROM app.generation_jobs g
                        WHERE g.partner_id = p.partner_id AND g.environment = 0 AND g.closed_at IS NOT NULL
                        ORDER BY g.closed_at DESC LIMIT p_limit) c) c
              CROSS JOIN LATERAL (
                  SELECT * FROM (
                      (SELECT * FROM app.generation_jobs g
                       WHERE g.partner_id = p.partner_id AND g.environment = 0 AND g.closed_at IS NULL
                         AND g.requested_at IS NOT NULL
                       ORDER BY g.requested_at DESC LIMIT p_limit)
                      UNION ALL
                      SELECT * FROM app.generation_jobs g
                      WHERE g.partner_id = p.partner_id AND g.environment = 0 AND g.closed_at IS NOT NULL
                        AND g.closed_at >= CASE c.n WHEN p_limit THEN c.since ELSE '-infinity'::timestamptz END
                        AND g.requested_at >= CASE c.n WHEN p_limit THEN c.since ELSE '-infinity'::timestamptz END) g
                  ORDER BY g.requested_at DESC LIMIT p_limit) g
              WHERE p_scope = 'platform' OR p.code = p_scope
              ORDER BY g.requested_at DESC, p.code, g.job_key LIMIT p_limit) n) j
    WHERE h.channel = CASE p_scope WHEN 'platform' THEN 'feed:platform' ELSE 'feed:partner:' || p_scope END
$$;

-- Counters and sketches of a partner's last 1440 minutes (grain 0) and 720 hours (grain 1), the current
-- ones included: as kept in the rollups, or computed from the jobs and end users themselves, which is
-- the oracle that the rollups and the hub are compared with. A bucket may have two rows, one of counters
-- and one of bins; a bin may stand in a row several times: sum them.
CREATE OR REPLACE FUNCTION app.rollup_rows(p_partner int, p_from_jobs boolean, p_minute int)
RETURNS TABLE (grain int, bucket int, requested bigint, completed bigint, failed bigint, cancelled bigint,
               retried bigint, tokens bigint, units bigint, cost_micros bigint, published bigint,
               started bigint, users bigint, d_bin smallint[], d_n int[], q_bin smallint[], q_n int[])
LANGUAGE sql STABLE AS $$
    SELECT r.grain::int, r.bucket, r.requested::bigint, r.completed::bigint, r.failed::bigint,
           r.cancelled::bigint, r.retried::bigint, r.tokens, r.units, r.cost_micros, r.published::bigint,
           r.started::bigint, r.users::bigint, r.d_bin, r.d_n, r.q_bin, r.q_n
    FROM app.rollup r
    WHERE NOT p_from_jobs AND r.partner_id = p_partner
      AND (r.grain = 0 AND r.bucket > p_minute - 1440 OR r.grain = 1 AND r.bucket > p_minute / 60 - 720)
    UNION ALL
    (WITH job AS MATERIALIZED (
        SELECT g.requested_at, g.terminal_at, g.first_started_at, g.duration_ms, g.queue_ms, g.tokens, g.units,
               g.cost_micros, g.state, g.attempt
        FROM app.generation_jobs g
        WHERE p_from_jobs AND g.partner_id = p_partner AND g.environment = 0 AND g.closed_at IS NULL
        UNION ALL
        SELECT g.requested_at, g.terminal_at, g.first_started_at, g.duration_ms, g.queue_ms, g.tokens, g.units,
               g.cost_micros, g.state, g.attempt
        FROM app.generation_jobs g
        WHERE p_from_jobs AND g.partner_id = p_partner AND g.environment = 0 AND g.closed_at IS NOT NULL
          AND g.closed_at >= to_timestamp((p_minute / 60 - 719) * 3600.0)),
     change AS (
        SELECT app.minute(g.requested_at) AS minute, 1 AS requested, 0 AS completed, 0 AS failed, 0 AS cancelled,
               0 AS retried, 0::bigint AS tokens, 0::bigint AS units, 0::bigint AS cost_micros, 0 AS published,
               0 AS started, 0 AS users
        FROM job g WHERE g.requested_at IS NOT NULL
        UNION ALL
        SELECT app.minute(g.terminal_at), 0, (g.state = 4)::int, (g.state = 5)::int, (g.state = 6)::int,
               (g.attempt > 1)::int, coalesce(g.tokens, 0), coalesce(g.units, 0), coalesce(g.cost_micros, 0), 0, 0, 0
        FROM job g WHERE g.terminal_at IS NOT NULL
        UNION ALL
        SELECT app.minute(g.first_started_at), 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0
        FROM job g WHERE g.first_started_at IS NOT NULL
        UNION ALL
        SELECT app.minute(g.published_at), 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0
        FROM app.generation_jobs g
        WHERE p_from_jobs AND g.partner_id = p_partner AND g.environment = 0 AND g.published_at IS NOT NULL
        UNION ALL
        SELECT app.minute(u.last_seen_at), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1
        FROM app.end_users u WHERE p_from_jobs AND u.partner_id = p_partner),
     minute AS MATERIALIZED (
        SELECT minute, sum(requested) AS requested, sum(completed) AS completed, sum(failed) AS failed,
               sum(cancelled) AS cancelled, sum(retried) AS retried, sum(tokens)::bigint AS tokens,
               sum(units)::bigint AS units, sum(cost_micros)::bigint AS cost_micros, sum(published) AS published,
               sum(started) AS started, sum(users) AS users
        FROM change GROUP BY minute),
     bin AS MATERIALIZED (
        SELECT app.minute(g.terminal_at) AS minute, app.ddsketch_bin(g.duration_ms) AS d, NULL::smallint AS q,
               count(*)::int AS n
        FROM job g WHERE g.duration_ms IS NOT NULL GROUP BY 1, 2
        UNION ALL
        SELECT app.minute(g.first_started_at), NULL, app.ddsketch_bin(g.queue_ms), count(*)::int
        FROM job g WHERE g.queue_ms IS NOT NULL GROUP BY 1, 3)
     SELECT 0, minute, requested, completed, failed, cancelled, retried, tokens, units, cost_micros, published,
            started, users, '{}'::smallint[], '{}'::int[], '{}'::smallint[], '{}'::int[]
     FROM minute WHERE minute > p_minute - 1440
     UNION ALL
     SELECT 1, minute / 60, sum(requested)::bigint, sum(completed)::bigint, sum(failed)::bigint,
            sum(cancelled)::bigint, sum(retried)::bigint, sum(tokens)::bigint, sum(units)::bigint,
            sum(cost_micros)::bigint, sum(published)::bigint, sum(started)::bigint, sum(users)::bigint,
            '{}', '{}', '{}', '{}'
     FROM minute WHERE minute / 60 > p_minute / 60 - 720 GROUP BY minute / 60
     UNION ALL
     SELECT b.grain, b.bucket, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
            coalesce(array_agg(d) FILTER (WHERE d IS NOT NULL), '{}'),
            coalesce(array_agg(n) FILTER (WHERE d IS NOT NULL), '{}'),
            coalesce(array_agg(q) FILTER (WHERE q IS NOT NULL), '{}'),
            coalesce(array_agg(n) FILTER (WHERE q IS NOT NULL), '{}')
     FROM bin CROSS JOIN LATERAL (VALUES (0, minute), (1, minute / 60)) b (grain, bucket)
     WHERE b.grain = 1 AND b.bucket > p_minute / 60 - 720 OR b.grain = 0 AND b.bucket > p_minute - 1440
     GROUP BY b.grain, b.bucket)
$$;
ALTER FUNCTION app.rollup_rows(int, boolean, int) OWNER TO mh_owner;
REVOKE ALL ON FUNCTION app.rollup_rows(int, boolean, int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.rollup_rows(int, boolean, int) TO mh_reader;

-- The state behind the metrics channels of a scope ('platform' or a partner's code) and the feed
-- position it belongs to. No row for an unknown partner; the platform lists partners that have data.
CREATE FUNCTION api.metrics_snapshot(p_scope text, p_from_jobs boolean) RETURNS SETOF text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' SET jit = off AS $$
    WITH clock AS (
        SELECT app.minute(statement_timestamp()) AS minute,
               to_timestamp((app.minute(statement_timestamp()) / 60 - 719) * 3600.0) AS since
    ), scope AS MATERIALIZED (
        SELECT p.partner_id, p.code, p.name, c.minute, c.since
        FROM app.partners p, clock c
        WHERE p_scope = 'platform' OR p.code = p_scope
    ), r AS MATERIALIZED (
        SELECT s.partner_id, x.*
        FROM scope s CROSS JOIN LATERAL app.rollup_rows(s.partner_id, p_from_jobs, s.minute) x
    ), sample AS MATERIALIZED (
        -- Newest first by closed_at is nearly newest first by the sample's own time: 1000 are certainly as
        -- new as the oldest of the first 1000, which bounds the exact search.
        SELECT s.partner_id, 'd' AS kind, d.*
        FROM scope s
        CROSS JOIN LATERAL (
            SELECT CASE count(*) WHEN 1000 THEN greatest(min(c.terminal_at), s.since) ELSE s.since END AS since
            FROM (SELECT g.terminal_at FROM app.generation_jobs g
                  WHERE g.partner_id = s.partner_id AND g.environment = 0 AND g.closed_at IS NOT NULL
                    AND g.closed_at >= s.since AND g.duration_ms IS NOT NULL
                  ORDER BY g.closed_at DESC LIMIT 1000) c) b
        CROSS JOIN LATERAL (
            SELECT app.minute(g.terminal_at) AS minute, g.duration_ms AS ms
            FROM app.generation_jobs g
            WHERE g.partner_id = s.partner_id AND g.environment = 0 AND g.closed_at IS NOT NULL
              AND g.closed_at >= b.since AND g.terminal_at >= b.since AND g.duration_ms IS NOT NULL
            ORDER BY g.terminal_at DESC LIMIT 1000) d
        UNION ALL
        SELECT s.partner_id, 'q', q.*
        FROM scope s
        CROSS JOIN LATERAL (
            SELECT CASE count(*) WHEN 1000 THEN greatest(min(c.first_started_at), s.since) ELSE s.since END AS since
            FROM (SELECT g.first_started_at FROM app.generation_jobs g
                  WHERE g.partner_id = s.partner_id AND g.environment = 0 AND g.closed_at IS NOT NULL
                    AND g.closed_at >= s.since AND g.first_started_at IS NOT NULL
                  ORDER BY g.closed_at DESC LIMIT 1000) c) b
        CROSS JOIN LATERAL (
            SELECT app.minute(g.first_started_at) AS minute, g.queue_ms AS ms
            FROM (SELECT g.first_started_at, g.queue_ms FROM app.generation_jobs g
                  WHERE g.partner_id = s.partner_id AND g.environment = 0 AND g.closed_at IS NULL
                    AND g.first_started_at >= b.since
                  UNION ALL
                  SELECT g.first_started_at, g.queue_ms FROM app.generation_jobs g
                  WHERE g.partner_id = s.partner_id AND g.environment = 0 AND g.closed_at IS NOT NULL
                    AND g.closed_at >= b.since AND g.first_started_at >= b.since) g
            ORDER BY g.first_started_at DESC LIMIT 1000) q
    ), open AS MATERIALIZED (
        SELECT s.partner_id, app.second(g.requested_at) AS second, g.state, count(*) AS n
        FROM scope s JOIN app.generation_jobs g ON g.partner_id = s.partner_id
        WHERE g.environment = 0 AND g.closed_at IS NULL AND g.requested_at IS NOT NULL
        GROUP BY 1, 2, 3
    ), bin AS MATERIALIZED (
        SELECT r.partner_id, 'd' AS kind, r.grain, r.bucket, b.bin, sum(b.n) AS n
        FROM r CROSS JOIN LATERAL unnest(r.d_bin, r.d_n) AS b (bin, n)
        GROUP BY r.partner_id, r.grain, r.bucket, b.bin HAVING sum(b.n) <> 0
        UNION ALL
        SELECT r.partner_id, 'q', r.grain, r.bucket, b.bin, sum(b.n)
        FROM r CROSS JOIN LATERAL unnest(r.q_bin, r.q_n) AS b (bin, n)
        GROUP BY r.partner_id, r.grain, r.bucket, b.bin HAVING sum(b.n) <> 0
    ), piece AS (
        SELECT partner_id, CASE grain WHEN 0 THEN 'minutes' ELSE 'hours' END AS name,
               '[' || string_agg('[' || concat_ws(',', bucket, requested, completed, failed, cancelled, retried, tokens,
                                                  units, cost_micros, published, started) || ']', ',' ORDER BY bucket) || ']'
               AS text
        FROM r
        WHERE requested <> 0 OR completed <> 0 OR failed <> 0 OR cancelled <> 0 OR retried <> 0 OR tokens <> 0
           OR units <> 0 OR cost_micros <> 0 OR published <> 0 OR started <> 0
        GROUP BY partner_id, grain
        UNION ALL
        SELECT partner_id, kind || CASE grain WHEN 0 THEN '_minutes' ELSE '_hours' END,
               '[' || string_agg('[' || bucket || ',' || bin || ',' || n || ']', ',' ORDER BY bucket, bin) || ']'
        FROM bin GROUP BY partner_id, kind, grain
        UNION ALL
        SELECT partner_id, kind || '_total', sum(n)::text FROM bin WHERE grain = 1 GROUP BY partner_id, kind
        UNION ALL
        SELECT partner_id, kind || '_newest',
               '[' || string_agg('[' || minute || ',' || ms || ']', ',' ORDER BY minute DESC, ms) || ']'
        FROM sample GROUP BY partner_id, kind
        UNION ALL
        SELECT partner_id, 's', '[' || concat_ws(',', coalesce(sum(n) FILTER (WHERE state = 1), 0),
                                                 coalesce(sum(n) FILTER (WHERE state = 2), 0),
                                                 coalesce(sum(n) FILTER (WHERE state = 3), 0)) || ']'
        FROM open GROUP BY partner_id
        UNION ALL
        SELECT partner_id, 'o', '[' || string_agg('[' || second || ',' || n || ']', ',' ORDER BY second) || ']'
        FROM (SELECT partner_id, second, sum(n) AS n FROM open GROUP BY partner_id, second) o GROUP BY partner_id
        UNION ALL
        SELECT partner_id, CASE grain WHEN 0 THEN 'u_minutes' ELSE 'u_hours' END,
               '[' || string_agg('[' || bucket || ',' || users || ']', ',' ORDER BY bucket) || ']'
        FROM r WHERE users <> 0 GROUP BY partner_id, grain
    ), partner AS (
        SELECT s.code, concat('{"code":"', s.code, '","name":', to_json(s.name), ',',
                              string_agg('"' || m.name || '":' || coalesce(p.text, m.missing), ','), '}') AS text
        FROM scope s
        CROSS JOIN (VALUES ('minutes', '[]'), ('hours', '[]'), ('d_minutes', '[]'), ('q_minutes', '[]'),
                           ('d_hours', '[]'), ('q_hours', '[]'), ('d_newest', '[]'), ('q_newest', '[]'),
                           ('d_total', '0'), ('q_total', '0'), ('s', '[0,0,0]'), ('o', '[]'), ('u_minutes', '[]'),
                           ('u_hours', '[]')) m (name, missing)
        LEFT JOIN piece p ON p.partner_id = s.partner_id AND p.name = m.name
        GROUP BY s.partner_id, s.code, s.name
        HAVING p_scope <> 'platform' OR count(p.text) > 0
    )
    SELECT concat('{"epoch":"', app.db_epoch(), h.epoch, '","seq":', h.seq,
                  ',"at":', app.ms(statement_timestamp()), ',"partners":[',
                  (SELECT string_agg(p.text, ',' ORDER BY p.code) FROM partner p), ']}')
    FROM app.channel_head h
    WHERE h.channel = CASE p_scope WHEN 'platform' THEN 'feed:platform' ELSE 'feed:partner:' || p_scope END
$$;

DO $$
DECLARE
    f regprocedure;
BEGIN
    FOR f IN SELECT p.oid FROM pg_catalog.pg_proc p
             WHERE p.pronamespace = 'api'::regnamespace
               AND p.proname IN ('heads', 'log_read', 'partners', 'jobs_snapshot', 'metrics_snapshot')
    LOOP
        EXECUTE format('ALTER FUNCTION %s OWNER TO mh_reader', f);
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', f);
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO mh_hub', f);
    END LOOP;
END
$$;
