-- One batch of events, one transaction: claim of the ids, event rows, job fold, rollups, channel log.
--
-- THE FOLD. A job's row is a pure function of the SET of its stored events: every remembered column is
-- a join (min, max) of the events, so that permutation, duplication and batching cannot matter; the
-- rest is derived from the remembered columns. A batch's events are joined by aggregates, their result
-- with the existing row by least() and greatest().
--   whole job      first_seen_at = min(time) of generation events, requested_event_at = min(requested),
--                  first_started_at = min(started), published_at = min(publication.published),
--                  last_event_at = max(time); tokens, units, cost, model, entrypoint, project, end_user,
--                  prompt, asset_url = max (texts in C order; a producer repeats them or reports
--                  running totals; where it contradicts itself, the largest holds)
--   newest attempt (attempt = max; a greater one replaces all of these) queued_at, started_at,
--                  completed_at, failed_at, cancelled_at = min; phase (1 requested, 2 queued or
--                  retried, 3 started or progress), progress, error_class, error_message = max.
--                  `retried` names the attempt it opens, 2 at least.
--   derived        requested_at = requested_event_at, else first_seen_at (provisional);
--                  terminal_at = earliest of completed, failed, cancelled; it decides the state, a tie
--                  goes to completed, then failed: terminal is sticky within an attempt;
--                  duration = completed - requested, queue = first_started - requested, not below 0.
-- A job of which only publications are known has attempt 0, state 0, no requested_at: it counts as
-- published and nowhere else until a generation event arrives.
--
-- THE METRICS are sums over jobs of f(row); a batch applies f(new) - f(old), live environment only.
--
-- LOCKS. Partner heads in the order of their channels' names, then, for the shortest time, the
-- platform's: no deadlock, and whatever belongs to a partner is serialized here, so that the later
-- statements (each with its own snapshot) may read its rows and write what follows from them.
--
-- PLANS are generic and cached (forced, else a session begins with five plannings of 30 ms); the
-- arrays' lengths are unknown to them (10 rows assumed). So rows of a batch are never joined to each other, tables are probed by LATERAL ... OFFSET 0 (a nested loop over
-- the primary key, whatever the statistics say), and sequential scans are off: a plan made while the
-- tables were empty stays good.
CREATE FUNCTION api.ingest_events(
    p_partner int[], p_environment smallint[], p_api_key int[], p_source text[], p_ext_id text[],
    p_hash bytea[], p_type smallint[], p_job_key text[], p_attempt smallint[], p_occurred timestamptz[],
    p_historical smallint[], p_model text[], p_entrypoint text[], p_project text[], p_end_user text[],
    p_tokens bigint[], p_units int[], p_cost_micros bigint[], p_progress smallint[], p_error_class text[],
    p_error_message text[], p_prompt text[], p_asset_url text[], p_data jsonb[])
RETURNS TABLE (channel text, epoch text, seq bigint, platform_seq bigint, payload text,
               verdicts smallint[], event_ids bigint[])
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = '' SET plan_cache_mode = force_generic_plan SET jit = off SET enable_seqscan = off
SET enable_bitmapscan = off
AS $$
#variable_conflict use_column
DECLARE
    v_count    int := cardinality(p_partner);
    v_pids     int[];      -- partners of the batch that may write, and their codes
    v_codes    text[];
    v_sources  int[];      -- per event
    v_verdicts smallint[];
    v_ids      bigint[];
    v_missing  boolean;
    v_claimed  bigint;
    v_now      timestamptz;
    v_future   timestamptz;
    v_oldest   timestamptz;
    v_live     int[];      -- per feed row
    v_payloads text[];
    v_channels text[];
    v_epochs   text[];
    v_seqs     bigint[];
    v_base     bigint;
    v_db_epoch text;
BEGIN
    IF v_count > 65535 THEN
        RAISE EXCEPTION 'a batch has at most 65535 events' USING ERRCODE = 'program_limit_exceeded';
    END IF;
    SELECT array_agg(s.partner_id), array_agg(s.code) INTO v_pids, v_codes
    FROM (SELECT h.partner_id, p.code
          FROM app.channel_head h
          CROSS JOIN LATERAL (SELECT p.code, p.status FROM app.partners p
                              WHERE p.partner_id = h.partner_id OFFSET 0) p
          WHERE h.partner_id = ANY (p_partner) AND p.status NOT IN ('suspended', 'churned')
          ORDER BY h.channel FOR NO KEY UPDATE OF h) s;
    v_pids := coalesce(v_pids, '{}');
    v_now := clock_timestamp();
    v_future := v_now + interval '5 minutes';
    v_oldest := v_now - interval '35 days';

    -- Most batches have one source; else a look-up per event, and another once the new ones are added.
    IF p_partner[1] = ALL (p_partner) AND p_source[1] = ALL (p_source) THEN
        SELECT array_fill(s.source_id, ARRAY[v_count]) INTO v_sources
        FROM app.sources s WHERE s.partner_id = p_partner[1] AND s.source = p_source[1];
    END IF;
    FOR round IN 1..2 LOOP
        EXIT WHEN v_sources IS NOT NULL AND round = 1;
        SELECT array_agg(s.source_id), coalesce(bool_or(s.source_id IS NULL AND t.partner_id = ANY (v_pids)), false)
        INTO v_sources, v_missing
        FROM unnest(p_partner, p_source) AS t(partner_id, source)
        LEFT JOIN LATERAL (SELECT s.source_id FROM app.sources s
                           WHERE s.partner_id = t.partner_id AND s.source = t.source OFFSET 0) s ON true;
        EXIT WHEN NOT v_missing;
        INSERT INTO app.sources (partner_id, source)
        SELECT t.partner_id, t.source FROM unnest(p_partner, p_source) AS t(partner_id, source)
        WHERE t.partner_id = ANY (v_pids)
        ON CONFLICT DO NOTHING;
    END LOOP;

    -- Duplicates are rare, so the claim is tried without a conflict check first.
    BEGIN
        INSERT INTO app.event_dedupe (partner_id, source_id, received_at, ext_id, payload_sha256)
        SELECT t.partner_id, t.source_id, v_now, t.ext_id, t.hash
        FROM unnest(p_partner, v_sources, p_ext_id, p_hash, p_occurred, p_historical)
             AS t(partner_id, source_id, ext_id, hash, occurred, historical)
        WHERE t.partner_id = ANY (v_pids)
          AND (t.occurred >= v_oldest OR t.historical <> 0 AND t.occurred >= timestamptz '2000-01-01Z');
        GET DIAGNOSTICS v_claimed = ROW_COUNT;
    EXCEPTION WHEN unique_violation THEN
        INSERT INTO app.event_dedupe (partner_id, source_id, received_at, ext_id, payload_sha256)
        SELECT t.partner_id, t.source_id, v_now, t.ext_id, t.hash
        FROM unnest(p_partner, v_sources, p_ext_id, p_hash, p_occurred, p_historical)
             AS t(partner_id, source_id, ext_id, hash, occurred, historical)
        WHERE t.partner_id = ANY (v_pids)
          AND (t.occurred >= v_oldest OR t.historical <> 0 AND t.occurred >= timestamptz '2000-01-01Z')
        ON CONFLICT DO NOTHING;
        GET DIAGNOSTICS v_claimed = ROW_COUNT;
    END;
    IF v_claimed = v_count THEN
        v_verdicts := array_fill(0::smallint, ARRAY[v_count]);
    ELSE
        -- Ours is what carries this call's clock, and of several copies in the batch the first.
        SELECT array_agg(CASE WHEN t.eligible = 4 THEN 4 WHEN t.eligible = 3 THEN 3
                              WHEN t.copy = 1 AND d.received_at = v_now THEN 0
                              WHEN d.payload_sha256 = t.hash THEN 1 ELSE 2 END::smallint ORDER BY t.i)
        INTO v_verdicts
        FROM (SELECT e.*, row_number() OVER (PARTITION BY e.partner_id, e.source_id, e.ext_id, e.eligible
                                             ORDER BY e.i) AS copy
              FROM (SELECT u.partner_id, u.source_id, u.ext_id, u.hash, u.i,
                           CASE WHEN NOT u.partner_id = ANY (v_pids) THEN 4
                                WHEN u.occurred >= v_oldest OR u.historical <> 0
                                     AND u.occurred >= timestamptz '2000-01-01Z' THEN 0
                                ELSE 3 END AS eligible
                    FROM unnest(p_partner, v_sources, p_ext_id, p_hash, p_occurred, p_historical)
                         WITH ORDINALITY
                         AS u(partner_id, source_id, ext_id, hash, occurred, historical, i)) e) t
        LEFT JOIN LATERAL (SELECT d.received_at, d.payload_sha256 FROM app.event_dedupe d
                           WHERE d.partner_id = t.partner_id AND d.source_id = t.source_id
                             AND d.ext_id = t.ext_id OFFSET 0) d ON true;
    END IF;
    -- One step of the sequence numbers a whole batch.
    v_base := nextval('app.event_id_seq') * 65536;
    SELECT array_agg(CASE WHEN t.verdict = 0 THEN v_base + t.i ELSE 0 END)
    INTO v_ids FROM unnest(v_verdicts) WITH ORDINALITY AS t(verdict, i);

    IF v_claimed > 0 THEN
        INSERT INTO app.generation_events (partner_id, event_id, source_id, api_key_id, occurred_at, received_at,
                                           environment, type, attempt, late, clamped, historical, ext_id,
                                           job_key, data)
        SELECT t.partner_id, t.event_id, t.source_id, t.api_key,
               CASE WHEN t.occurred > v_future THEN v_now ELSE t.occurred END, v_now,
               t.environment, t.type, coalesce(t.attempt, 1::smallint), t.occurred < v_now - interval '15 minutes',
               t.occurred > v_future, t.historical <> 0, t.ext_id, t.job_key, t.data
        FROM unnest(v_verdicts, p_partner, v_ids, v_sources, p_api_key, p_occurred, p_environment, p_type,
                    p_attempt, p_historical, p_ext_id, p_job_key, p_data)
             AS t(verdict, partner_id, event_id, source_id, api_key, occurred, environment, type, attempt,
                  historical, ext_id, job_key, data)
        WHERE t.verdict = 0;

        IF p_type && '{20,21,22}'::smallint[] THEN
            INSERT INTO app.lms_publications AS l (partner_id, environment, job_key, lms, external_id,
                                                   requested_at, published_at, failed_at, error_class)
            SELECT t.partner_id, t.environment, t.job_key COLLATE "C", coalesce(t.data ->> 'lms', '') COLLATE "C",
                   max(t.data ->> 'external_id' COLLATE "C"),
                   min(least(t.occurred, v_now)) FILTER (WHERE t.type = 20),
                   min(least(t.occurred, v_now)) FILTER (WHERE t.type = 21),
                   min(least(t.occurred, v_now)) FILTER (WHERE t.type = 22),
                   max(t.error_class COLLATE "C") FILTER (WHERE t.type = 22)
            FROM (SELECT u.partner_id, u.environment, u.job_key, u.data, u.type, u.error_class, u.verdict,
                         CASE WHEN u.occurred > v_future THEN v_now ELSE u.occurred END AS occurred
                  FROM unnest(v_verdicts, p_partner, p_environment, p_job_key, p_type, p_occurred,
                              p_error_class, p_data)
                       AS u(verdict, partner_id, environment, job_key, type, occurred, error_class, data)) t
            WHERE t.verdict = 0 AND t.type BETWEEN 20 AND 22 AND t.job_key IS NOT NULL
            GROUP BY 1, 2, 3, 4
            ON CONFLICT (partner_id, environment, job_key, lms) DO UPDATE
            SET external_id = greatest(l.external_id, excluded.external_id),
                requested_at = least(l.requested_at, excluded.requested_at),
                published_at = least(l.published_at, excluded.published_at),
                failed_at = least(l.failed_at, excluded.failed_at),
                error_class = greatest(l.error_class, excluded.error_class);
        END IF;

        WITH event AS MATERIALIZED (
            SELECT t.partner_id, t.environment, t.type,
                   CASE WHEN t.type >= 20 THEN 0 WHEN t.type = 7 THEN greatest(t.attempt, 2)
                        ELSE coalesce(t.attempt, 1) END::smallint AS attempt,
                   CASE WHEN t.occurred > v_future THEN v_now ELSE t.occurred END AS at,
                   t.job_key COLLATE "C" AS job_key, t.model COLLATE "C" AS model,
                   t.entrypoint COLLATE "C" AS entrypoint, t.project COLLATE "C" AS project,
                   t.end_user COLLATE "C" AS end_user, t.tokens, t.units, t.cost_micros, t.progress,
                   t.error_class COLLATE "C" AS error_class, t.error_message COLLATE "C" AS error_message,
                   t.prompt COLLATE "C" AS prompt, t.asset_url COLLATE "C" AS asset_url
            FROM unnest(v_verdicts, p_partner, p_environment, p_type, p_attempt, p_occurred, p_job_key, p_model,
                        p_entrypoint, p_project, p_end_user, p_tokens, p_units, p_cost_micros, p_progress,
                        p_error_class, p_error_message, p_prompt, p_asset_url)
                 AS t(verdict, partner_id, environment, type, attempt, occurred, job_key, model, entrypoint,
                      project, end_user, tokens, units, cost_micros, progress, error_class, error_message,
                      prompt, asset_url)
            WHERE t.verdict = 0
        ), batch AS (
            SELECT e.partner_id, e.environment, e.job_key, max(e.attempt) AS attempt,
                   max(CASE e.type WHEN 1 THEN 1 WHEN 2 THEN 2 WHEN 7 THEN 2 WHEN 3 THEN 3 WHEN 4 THEN 3 ELSE 0
                       END::smallint) FILTER (WHERE e.attempt = e.top) AS phase,
                   min(e.at) FILTER (WHERE e.type = 2 AND e.attempt = e.top) AS queued_at,
                   min(e.at) FILTER (WHERE e.type = 3 AND e.attempt = e.top) AS started_at,
                   min(e.at) FILTER (WHERE e.type = 5 AND e.attempt = e.top) AS completed_at,
                   min(e.at) FILTER (WHERE e.type = 6 AND e.attempt = e.top) AS failed_at,
                   min(e.at) FILTER (WHERE e.type = 8 AND e.attempt = e.top) AS cancelled_at,
                   max(e.progress) FILTER (WHERE e.attempt = e.top) AS progress,
                   max(e.error_class) FILTER (WHERE e.type = 6 AND e.attempt = e.top) AS error_class,
                   max(e.error_message) FILTER (WHERE e.type = 6 AND e.attempt = e.top) AS error_message,
                   max(e.at) AS last_event_at,
                   min(e.at) FILTER (WHERE e.type < 20) AS first_seen_at,
                   min(e.at) FILTER (WHERE e.type = 1) AS requested_event_at,
                   min(e.at) FILTER (WHERE e.type = 3) AS first_started_at,
                   min(e.at) FILTER (WHERE e.type = 21) AS published_at,
                   max(e.tokens) AS tokens, max(e.units) AS units, max(e.cost_micros) AS cost_micros,
                   max(e.model) AS model, max(e.entrypoint) AS entrypoint, max(e.project) AS project,
                   max(e.end_user) AS end_user, max(e.prompt) AS prompt, max(e.asset_url) AS asset_url
            FROM (SELECT *, max(e.attempt) OVER (PARTITION BY e.partner_id, e.environment, e.job_key) AS top
                  FROM event e WHERE e.job_key IS NOT NULL) e
            GROUP BY e.partner_id, e.environment, e.job_key
        ), merged AS (
            SELECT b.partner_id, b.environment, b.job_key, greatest(b.attempt, o.attempt) AS attempt,
                   CASE d.newer WHEN 1 THEN b.phase WHEN -1 THEN o.phase ELSE greatest(b.phase, o.phase) END AS phase,
                   CASE d.newer WHEN 1 THEN b.queued_at WHEN -1 THEN o.queued_at
                        ELSE least(b.queued_at, o.queued_at) END AS queued_at,
                   CASE d.newer WHEN 1 THEN b.started_at WHEN -1 THEN o.started_at
                        ELSE least(b.started_at, o.started_at) END AS started_at,
                   CASE d.newer WHEN 1 THEN b.completed_at WHEN -1 THEN o.completed_at
                        ELSE least(b.completed_at, o.completed_at) END AS completed_at,
                   CASE d.newer WHEN 1 THEN b.failed_at WHEN -1 THEN o.failed_at
                        ELSE least(b.failed_at, o.failed_at) END AS failed_at,
                   CASE d.newer WHEN 1 THEN b.cancelled_at WHEN -1 THEN o.cancelled_at
                        ELSE least(b.cancelled_at, o.cancelled_at) END AS cancelled_at,
                   CASE d.newer WHEN 1 THEN b.progress WHEN -1 THEN o.progress
                        ELSE greatest(b.progress, o.progress) END AS progress,
                   CASE d.newer WHEN 1 THEN b.error_class WHEN -1 THEN o.error_class
                        ELSE greatest(b.error_class, o.error_class) END AS error_class,
                   CASE d.newer WHEN 1 THEN b.error_message WHEN -1 THEN o.error_message
                        ELSE greatest(b.error_message, o.error_message) END AS error_message,
                   greatest(b.last_event_at, o.last_event_at) AS last_event_at,
                   least(b.first_seen_at, o.first_seen_at) AS first_seen_at,
                   least(b.requested_event_at, o.requested_event_at) AS requested_event_at,
                   coalesce(least(b.requested_event_at, o.requested_event_at),
                            least(b.first_seen_at, o.first_seen_at)) AS requested_at,
                   least(b.first_started_at, o.first_started_at) AS first_started_at,
                   least(b.published_at, o.published_at) AS published_at,
                   greatest(b.tokens, o.tokens) AS tokens, greatest(b.units, o.units) AS units,
                   greatest(b.cost_micros, o.cost_micros) AS cost_micros, greatest(b.model, o.model) AS model,
                   greatest(b.entrypoint, o.entrypoint) AS entrypoint, greatest(b.project, o.project) AS project,
                   greatest(b.end_user, o.end_user) AS end_user, greatest(b.prompt, o.prompt) AS prompt,
                   greatest(b.asset_url, o.asset_url) AS asset_url,
                   o.state AS old_state, o.attempt AS old_attempt, o.requested_at AS old_requested_at,
                   o.terminal_at AS old_terminal_at, o.duration_ms AS old_duration_ms, o.queue_ms AS old_queue_ms,
                   o.tokens AS old_tokens, o.cost_micros AS old_cost_micros, o.units AS old_units,
                   o.first_started_at AS old_first_started_at, o.published_at AS old_published_at
            FROM batch b
            LEFT JOIN LATERAL (SELECT * FROM app.generation_jobs g
                               WHERE g.partner_id = b.partner_id AND g.environment = b.environment
                                 AND g.job_key = b.job_key OFFSET 0) o ON true
            CROSS JOIN LATERAL (SELECT CASE WHEN b.attempt < o.attempt THEN -1 WHEN b.attempt = o.attempt THEN 0
                                       ELSE 1 END AS newer) d
            OFFSET 0
        ), timed AS (
            SELECT m.*, least(m.completed_at, m.failed_at, m.cancelled_at) AS terminal_at,
                   CASE WHEN m.first_started_at IS NOT NULL
                        THEN greatest(app.ms(m.first_started_at) - app.ms(m.requested_at), 0) END AS queue_ms
            FROM merged m OFFSET 0
        ), stated AS (
            SELECT t.*,
                   CASE WHEN t.terminal_at IS NOT NULL
                        THEN greatest(t.terminal_at, t.requested_at, t.first_started_at) END AS closed_at,
                   CASE t.terminal_at WHEN t.completed_at THEN 4 WHEN t.failed_at THEN 5
                        WHEN t.cancelled_at THEN 6 ELSE t.phase END::smallint AS state,
                   CASE WHEN t.terminal_at = t.completed_at
                        THEN greatest(app.ms(t.completed_at) - app.ms(t.requested_at), 0) END AS duration_ms
            FROM timed t OFFSET 0
        ), job AS MATERIALIZED (
            -- What moved: only that is taken from and added to the rollups.
            SELECT s.*, s.environment = 0 AND s.requested_at IS DISTINCT FROM s.old_requested_at AS requested_moved,
                   s.environment = 0 AND (s.terminal_at IS NOT NULL OR s.old_terminal_at IS NOT NULL)
                   AND (s.terminal_at IS DISTINCT FROM s.old_terminal_at OR s.state IS DISTINCT FROM s.old_state
                        OR s.attempt IS DISTINCT FROM s.old_attempt OR s.tokens IS DISTINCT FROM s.old_tokens
                        OR s.duration_ms IS DISTINCT FROM s.old_duration_ms OR s.units IS DISTINCT FROM s.old_units
                        OR s.cost_micros IS DISTINCT FROM s.old_cost_micros) AS terminal_moved,
                   s.environment = 0 AND s.first_started_at IS NOT NULL
                   AND (s.first_started_at IS DISTINCT FROM s.old_first_started_at
                        OR s.queue_ms IS DISTINCT FROM s.old_queue_ms) AS started_moved,
                   s.environment = 0 AND s.published_at IS DISTINCT FROM s.old_published_at AS published_moved,
                   s.environment = 0 AND (s.state IS DISTINCT FROM s.old_state
                                          OR s.requested_at IS DISTINCT FROM s.old_requested_at) AS open_moved
            FROM stated s
        ), inserted AS (
            INSERT INTO app.generation_jobs (
                partner_id, environment, job_key, attempt, phase, state, last_event_at, first_seen_at,
                requested_event_at, requested_at, queued_at, started_at, first_started_at, completed_at, failed_at,
                cancelled_at, terminal_at, closed_at, published_at, duration_ms, queue_ms, tokens, units, cost_micros, progress,
                model, entrypoint, project, end_user, error_class, error_message, prompt, asset_url)
            SELECT partner_id, environment, job_key, attempt, phase, state, last_event_at, first_seen_at,
                requested_event_at, requested_at, queued_at, started_at, first_started_at, completed_at, failed_at,
                cancelled_at, terminal_at, closed_at, published_at, duration_ms, queue_ms, tokens, units, cost_micros, progress,
                model, entrypoint, project, end_user, error_class, error_message, prompt, asset_url
            FROM job WHERE old_state IS NULL
        ), updated AS (
            UPDATE app.generation_jobs g SET
                attempt = j.attempt, phase = j.phase, state = j.state, last_event_at = j.last_event_at,
                first_seen_at = j.first_seen_at, requested_event_at = j.requested_event_at,
                requested_at = j.requested_at, queued_at = j.queued_at, started_at = j.started_at,
                first_started_at = j.first_started_at, completed_at = j.completed_at, failed_at = j.failed_at,
                cancelled_at = j.cancelled_at, terminal_at = j.terminal_at,
                closed_at = j.closed_at, published_at = j.published_at,
                duration_ms = j.duration_ms, queue_ms = j.queue_ms, tokens = j.tokens, units = j.units,
                cost_micros = j.cost_micros, progress = j.progress, model = j.model, entrypoint = j.entrypoint,
                project = j.project, end_user = j.end_user, error_class = j.error_class,
                error_message = j.error_message, prompt = j.prompt, asset_url = j.asset_url
            FROM job j
            WHERE j.old_state IS NOT NULL AND g.partner_id = j.partner_id AND g.environment = j.environment
              AND g.job_key = j.job_key
        ), seen AS MATERIALIZED (
            SELECT n.partner_id, n.external_id, n.minute, app.minute(o.last_seen_at) AS old_minute
            FROM (SELECT e.partner_id, e.end_user AS external_id, app.minute(max(e.at)) AS minute
                  FROM event e WHERE e.environment = 0 AND e.end_user IS NOT NULL
                  GROUP BY e.partner_id, e.end_user) n
            LEFT JOIN LATERAL (SELECT u.last_seen_at FROM app.end_users u
                               WHERE u.partner_id = n.partner_id AND u.external_id = n.external_id OFFSET 0) o
                 ON true
            WHERE o.last_seen_at IS NULL OR n.minute > app.minute(o.last_seen_at)
        ), seen_written AS (
            INSERT INTO app.end_users (partner_id, external_id, last_seen_at)
            SELECT partner_id, external_id, to_timestamp(minute * 60.0) FROM seen
            ON CONFLICT (partner_id, external_id) DO UPDATE SET last_seen_at = excluded.last_seen_at
        ), change AS MATERIALIZED (
            SELECT partner_id, app.minute(requested_at) AS minute, 1 AS requested, 0 AS completed, 0 AS failed,
                   0 AS cancelled, 0 AS retried, 0::bigint AS tokens, 0::bigint AS units, 0::bigint AS cost_micros,
                   0 AS published, 0 AS started, 0 AS users, 1 AS sign, NULL::bigint AS d_ms, NULL::bigint AS q_ms
            FROM job WHERE requested_moved AND requested_at IS NOT NULL
            UNION ALL
            SELECT partner_id, app.minute(old_requested_at), -1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, -1, NULL, NULL
            FROM job WHERE requested_moved AND old_requested_at IS NOT NULL
            UNION ALL
            SELECT partner_id, app.minute(terminal_at), 0, (state = 4)::int, (state = 5)::int, (state = 6)::int,
                   (attempt > 1)::int, coalesce(tokens, 0), coalesce(units, 0), coalesce(cost_micros, 0), 0, 0, 0, 1,
                   duration_ms, NULL
            FROM job WHERE terminal_moved AND terminal_at IS NOT NULL
            UNION ALL
            SELECT partner_id, app.minute(old_terminal_at), 0, -(old_state = 4)::int, -(old_state = 5)::int,
                   -(old_state = 6)::int, -(old_attempt > 1)::int, -coalesce(old_tokens, 0), -coalesce(old_units, 0),
                   -coalesce(old_cost_micros, 0), 0, 0, 0, -1, old_duration_ms, NULL
            FROM job WHERE terminal_moved AND old_terminal_at IS NOT NULL
            UNION ALL
            SELECT partner_id, app.minute(first_started_at), 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1, NULL, queue_ms
            FROM job WHERE started_moved
            UNION ALL
            SELECT partner_id, app.minute(old_first_started_at), 0, 0, 0, 0, 0, 0, 0, 0, 0, -1, 0, -1, NULL, old_queue_ms
            FROM job WHERE started_moved AND old_first_started_at IS NOT NULL
            UNION ALL
            SELECT partner_id, app.minute(published_at), 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 1, NULL, NULL
            FROM job WHERE published_moved AND published_at IS NOT NULL
            UNION ALL
            SELECT partner_id, app.minute(old_published_at), 0, 0, 0, 0, 0, 0, 0, 0, -1, 0, 0, -1, NULL, NULL
            FROM job WHERE published_moved AND old_published_at IS NOT NULL
            UNION ALL
            SELECT partner_id, minute, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, NULL, NULL FROM seen
            UNION ALL
            SELECT partner_id, old_minute, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, -1, -1, NULL, NULL
            FROM seen WHERE old_minute IS NOT NULL
        ), minute AS MATERIALIZED (
            SELECT partner_id, minute, sum(requested)::int AS requested, sum(completed)::int AS completed,
                   sum(failed)::int AS failed, sum(cancelled)::int AS cancelled, sum(retried)::int AS retried,
                   sum(tokens)::bigint AS tokens, sum(units)::bigint AS units,
                   sum(cost_micros)::bigint AS cost_micros, sum(published)::int AS published,
                   sum(started)::int AS started, sum(users)::int AS users,
                   array_agg(app.ddsketch_bin(d_ms)) FILTER (WHERE d_ms IS NOT NULL) AS d_bin,
                   array_agg(sign) FILTER (WHERE d_ms IS NOT NULL) AS d_n,
                   array_agg(app.ddsketch_bin(q_ms)) FILTER (WHERE q_ms IS NOT NULL) AS q_bin,
                   array_agg(sign) FILTER (WHERE q_ms IS NOT NULL) AS q_n,
                   string_agg('[' || minute || ',' || d_ms || ',' || sign || ']', ',') AS d_text,
                   string_agg('[' || minute || ',' || q_ms || ',' || sign || ']', ',') AS q_text
            FROM change GROUP BY partner_id, minute
        ), rolled AS (
            INSERT INTO app.rollup AS r (partner_id, grain, bucket, requested, completed, failed, cancelled, retried,
                                         tokens, units, cost_micros, published, started, users, d_bin, d_n, q_bin, q_n)
            SELECT partner_id, 0, minute, requested, completed, failed, cancelled, retried, tokens, units, cost_micros,
                   published, started, users, coalesce(d_bin, '{}'), coalesce(d_n, '{}'), coalesce(q_bin, '{}'),
                   coalesce(q_n, '{}')
            FROM minute
            UNION ALL
            SELECT partner_id, 1, minute / 60, sum(requested), sum(completed), sum(failed), sum(cancelled),
                   sum(retried), sum(tokens), sum(units), sum(cost_micros), sum(published), sum(started), sum(users),
                   coalesce(array_agg(app.ddsketch_bin(d_ms)) FILTER (WHERE d_ms IS NOT NULL), '{}'),
                   coalesce(array_agg(sign) FILTER (WHERE d_ms IS NOT NULL), '{}'),
                   coalesce(array_agg(app.ddsketch_bin(q_ms)) FILTER (WHERE q_ms IS NOT NULL), '{}'),
                   coalesce(array_agg(sign) FILTER (WHERE q_ms IS NOT NULL), '{}')
            FROM change GROUP BY partner_id, minute / 60
            ON CONFLICT (partner_id, grain, bucket) DO UPDATE SET
                requested = r.requested + excluded.requested, completed = r.completed + excluded.completed,
                failed = r.failed + excluded.failed, cancelled = r.cancelled + excluded.cancelled,
                retried = r.retried + excluded.retried, tokens = r.tokens + excluded.tokens,
                units = r.units + excluded.units, cost_micros = r.cost_micros + excluded.cost_micros,
                published = r.published + excluded.published, started = r.started + excluded.started,
                users = r.users + excluded.users,
                (d_bin, d_n) = (SELECT b.bin, b.n FROM app.bins_append(r.d_bin, r.d_n, excluded.d_bin, excluded.d_n) b),
                (q_bin, q_n) = (SELECT b.bin, b.n FROM app.bins_append(r.q_bin, r.q_n, excluded.q_bin, excluded.q_n) b)
        ), piece AS (
            SELECT DISTINCT e.partner_id, 0 AS rank,
                   '"at":' || app.ms(v_now) || ',"partner":"' || v_codes[array_position(v_pids, e.partner_id)] || '"'
                   AS text
            FROM event e WHERE e.environment = 0
            UNION ALL
            SELECT partner_id, 1, '"m":[' || string_agg('[' || concat_ws(',', minute, requested, completed, failed,
                   cancelled, retried, tokens, units, cost_micros, published, started) || ']', ',') || ']'
            FROM minute
            WHERE requested <> 0 OR completed <> 0 OR failed <> 0 OR cancelled <> 0 OR retried <> 0 OR tokens <> 0
               OR units <> 0 OR cost_micros <> 0 OR published <> 0 OR started <> 0
            GROUP BY partner_id
            UNION ALL
            SELECT partner_id, 2, '"d":[' || string_agg(d_text, ',') || ']' FROM minute GROUP BY partner_id
            UNION ALL
            SELECT partner_id, 3, '"q":[' || string_agg(q_text, ',') || ']' FROM minute GROUP BY partner_id
            UNION ALL
            SELECT partner_id, 4, '"s":[' || sum((state = 1)::int - coalesce((old_state = 1)::int, 0)) || ','
                   || sum((state = 2)::int - coalesce((old_state = 2)::int, 0)) || ','
                   || sum((state = 3)::int - coalesce((old_state = 3)::int, 0)) || ']'
            FROM job WHERE open_moved GROUP BY partner_id
            UNION ALL
            SELECT partner_id, 5, '"o":[' || string_agg('[' || second || ',' || n || ']', ',') || ']'
            FROM (SELECT partner_id, second, sum(sign) AS n
                  FROM (SELECT partner_id, app.second(requested_at) AS second, 1 AS sign
                        FROM job WHERE open_moved AND state BETWEEN 1 AND 3
                        UNION ALL
                        SELECT partner_id, app.second(old_requested_at), -1
                        FROM job WHERE open_moved AND old_state BETWEEN 1 AND 3) o
                  GROUP BY partner_id, second HAVING sum(sign) <> 0) o
            GROUP BY partner_id
            UNION ALL
            SELECT partner_id, 6, '"u":[' || string_agg('[' || minute || ',' || users || ']', ',') || ']'
            FROM minute WHERE users <> 0 GROUP BY partner_id
            UNION ALL
            SELECT j.partner_id, 7, '"j":[' || string_agg(app.job_json(
                       v_codes[array_position(v_pids, j.partner_id)], j.job_key, j.state, j.attempt, j.model,
                       j.entrypoint, j.project, j.requested_at, j.queued_at, j.started_at, j.terminal_at,
                       j.published_at, j.progress, j.duration_ms, j.queue_ms, j.units, j.tokens, j.cost_micros,
                       j.error_class, j.error_message, j.prompt, j.asset_url, j.end_user, j.last_event_at), ',') || ']'
            FROM job j WHERE j.environment = 0 AND j.state > 0 GROUP BY j.partner_id
        )
        SELECT array_agg(t.partner_id), array_agg(t.payload) INTO v_live, v_payloads
        FROM (SELECT partner_id, '{' || string_agg(text, ',' ORDER BY rank) || '}' AS payload
              FROM piece GROUP BY partner_id) t;
    END IF;

    RETURN QUERY SELECT NULL::text, NULL::text, NULL::bigint, NULL::bigint, NULL::text, v_verdicts, v_ids;
    IF v_live IS NULL THEN
        RETURN;
    END IF;
    -- Kept for the session, as it reads a file: whoever can write is on one timeline to the end.
    v_db_epoch := nullif(current_setting('mh.db_epoch', true), '');
    IF v_db_epoch IS NULL THEN
        v_db_epoch := set_config('mh.db_epoch', app.db_epoch(), false);
    END IF;
    WITH head AS (
        UPDATE app.channel_head h SET seq = h.seq + 1
        FROM unnest(v_live, v_payloads) AS t(partner_id, payload)
        WHERE h.partner_id = t.partner_id
        RETURNING h.channel, v_db_epoch || h.epoch AS epoch, h.seq, t.payload)
    SELECT array_agg(channel), array_agg(epoch), array_agg(seq), array_agg(payload)
    INTO v_channels, v_epochs, v_seqs, v_payloads FROM head;

    UPDATE app.channel_head h SET seq = h.seq + cardinality(v_channels)
    WHERE h.channel = 'feed:platform'
    RETURNING h.seq - cardinality(v_channels) INTO v_base;

    RETURN QUERY
    INSERT INTO app.channel_log AS l (channel, seq, platform_seq, created_at, payload)
    SELECT t.channel, t.seq, v_base + t.i, v_now, t.payload
    FROM unnest(v_channels, v_seqs, v_payloads) WITH ORDINALITY AS t(channel, seq, payload, i)
    RETURNING l.channel, v_epochs[array_position(v_channels, l.channel)], l.seq, l.platform_seq, l.payload,
              NULL::smallint[], NULL::bigint[];
END
$$;

DO $$
DECLARE
    f regprocedure;
BEGIN
    SELECT p.oid INTO STRICT f FROM pg_catalog.pg_proc p
    WHERE p.pronamespace = 'api'::regnamespace AND p.proname = 'ingest_events';
    EXECUTE format('ALTER FUNCTION %s OWNER TO mh_writer', f);
    EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', f);
    EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO mh_ingest', f);
END
$$;
