-- Small expressions shared by the functions; plain SQL without settings, so that they are inlined.

-- Epoch milliseconds, and the minute and second a moment lies in.
CREATE OR REPLACE FUNCTION app.ms(p_at timestamptz) RETURNS bigint
LANGUAGE sql STABLE PARALLEL SAFE AS 'SELECT (date_part(''epoch'', p_at) * 1000)::bigint';
CREATE OR REPLACE FUNCTION app.minute(p_at timestamptz) RETURNS int
LANGUAGE sql STABLE PARALLEL SAFE AS 'SELECT floor(date_part(''epoch'', p_at) / 60)::int';
CREATE OR REPLACE FUNCTION app.second(p_at timestamptz) RETURNS bigint
LANGUAGE sql STABLE PARALLEL SAFE AS 'SELECT floor(date_part(''epoch'', p_at))::bigint';

-- The same bins as shared/observe/ddsketch.h: alpha 1 %, 0 and 1 ms in bin 0, the last is 400 days.
CREATE OR REPLACE FUNCTION app.ddsketch_bin(p_ms bigint) RETURNS smallint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
'SELECT CASE WHEN p_ms IS NOT NULL
             THEN ceil(ln(least(greatest(p_ms, 1), 34560000000)::float8) / ln(1.01::float8 / 0.99::float8))::smallint END';

-- The log's identity: another cluster, a promoted standby, a restored or re-created database is
-- another history, and positions in the one mean nothing in the other.
-- The timeline is that of the log being written: the control file learns of a promotion only with its
-- next checkpoint, minutes later. (plpgsql keeps its plan; an SQL function would be planned anew at
-- each call.)
CREATE OR REPLACE FUNCTION app.db_epoch() RETURNS text
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
BEGIN
    RETURN left(md5(concat_ws('.', (SELECT s.system_identifier FROM pg_catalog.pg_control_system() s),
                              CASE WHEN pg_catalog.pg_is_in_recovery()
                                   THEN (SELECT c.timeline_id FROM pg_catalog.pg_control_checkpoint() c)
                                   ELSE ('x' || left(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_insert_lsn()), 8))
                                        ::bit(32)::int END,
                              (SELECT d.oid FROM pg_catalog.pg_database d
                               WHERE d.datname = pg_catalog.current_database()))), 8);
END
$$;

-- Adds sketch bins to sketch bins: appended, and folded into one entry per bin once they are many.
CREATE OR REPLACE FUNCTION app.bins_append(p_bin smallint[], p_n int[], p_more_bin smallint[], p_more_n int[])
RETURNS TABLE (bin smallint[], n int[])
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT p_bin || p_more_bin, p_n || p_more_n
    WHERE cardinality(p_bin) + cardinality(p_more_bin) <= 500
    UNION ALL
    SELECT coalesce(array_agg(f.bin), '{}'), coalesce(array_agg(f.n), '{}')
    FROM (SELECT t.bin, sum(t.n)::int AS n
          FROM unnest(p_bin || p_more_bin, p_n || p_more_n) AS t(bin, n)
          GROUP BY t.bin HAVING sum(t.n) <> 0) f
    HAVING cardinality(p_bin) + cardinality(p_more_bin) > 500
$$;

-- A job as feeds and snapshots show it: whole numbers, absent instead of null, and only the terminal
-- time that decided.
CREATE OR REPLACE FUNCTION app.job_json(
    p_code text, p_job_key text, p_state smallint, p_attempt smallint, p_model text, p_entrypoint text,
    p_project text, p_requested_at timestamptz, p_queued_at timestamptz, p_started_at timestamptz,
    p_terminal_at timestamptz, p_published_at timestamptz, p_progress smallint, p_duration_ms bigint,
    p_queue_ms bigint, p_units int, p_tokens bigint, p_cost_micros bigint, p_error_class text,
    p_error_message text, p_prompt text, p_asset_url text, p_end_user text, p_updated_at timestamptz)
RETURNS text LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT concat(
        '{"id":', to_json(p_code || '/' || p_job_key), ',"partner":"', p_code, '","state":"',
        (ARRAY['requested', 'queued', 'running', 'completed', 'failed', 'cancelled'])[p_state],
        '","attempt":', p_attempt,
        ',"model":' || to_json(p_model), ',"entrypoint":' || to_json(p_entrypoint),
        ',"project":' || to_json(p_project), ',"requested_at":' || app.ms(p_requested_at),
        ',"queued_at":' || app.ms(p_queued_at), ',"started_at":' || app.ms(p_started_at),
        CASE p_state WHEN 4 THEN ',"completed_at":' WHEN 5 THEN ',"failed_at":' WHEN 6 THEN ',"cancelled_at":' END
        || app.ms(p_terminal_at),
        ',"published_at":' || app.ms(p_published_at), ',"progress":' || p_progress,
        ',"duration_ms":' || p_duration_ms, ',"queue_ms":' || p_queue_ms, ',"units":' || p_units,
        ',"tokens":' || p_tokens, ',"cost_micros":' || p_cost_micros,
        CASE p_state WHEN 5 THEN ',"error_class":' || to_json(p_error_class) END,
        CASE p_state WHEN 5 THEN ',"error_message":' || to_json(p_error_message) END,
        ',"prompt":' || to_json(p_prompt), ',"asset_url":' || to_json(p_asset_url),
        ',"end_user":' || to_json(p_end_user), ',"updated_at":', app.ms(p_updated_at), '}')
$$;

DO $$
DECLARE
    f text;
BEGIN
    FOR f IN SELECT p.oid::regprocedure FROM pg_catalog.pg_proc p
             WHERE p.pronamespace = 'app'::regnamespace
               AND p.proname IN ('ms', 'minute', 'second', 'ddsketch_bin', 'db_epoch', 'bins_append', 'job_json')
    LOOP
        EXECUTE format('ALTER FUNCTION %s OWNER TO mh_owner', f);
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', f);
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO mh_writer, mh_reader', f);
    END LOOP;
END
$$;
