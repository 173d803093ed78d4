-- Daily partitions and retention. Called by migrate, and by every ingest's timer: who gets the lease
-- does the work.

-- Creates the daily partitions of the days from yesterday to p_days ahead, drops those that are older
-- than their retention. A day's partition is named <table>_<yyyymmdd>, days are UTC. Traffic goes on:
-- ATTACH does not lock out writers as CREATE ... PARTITION OF does, and a DROP that does not get its
-- moment of exclusive lock is left for the next time.
CREATE FUNCTION ops.partitions(p_table text, p_keep interval, p_days int, OUT created text[], OUT dropped text[])
LANGUAGE plpgsql SET search_path = '' SET timezone = 'UTC' SET lock_timeout = '500ms' AS $$
DECLARE
    v_day  date;
    v_name text;
BEGIN
    created := '{}';
    dropped := '{}';
    FOR i IN -1..p_days LOOP
        v_day := current_date + i;
        v_name := p_table || to_char(v_day, '_YYYYMMDD');
        CONTINUE WHEN to_regclass(format('app.%I', v_name)) IS NOT NULL;
        EXECUTE format('CREATE TABLE app.%I (LIKE app.%I INCLUDING ALL)', v_name, p_table);
        EXECUTE format('ALTER TABLE app.%I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', v_name);
        EXECUTE format('ALTER TABLE app.%I ATTACH PARTITION app.%I FOR VALUES FROM (%L) TO (%L)',
                       p_table, v_name, v_day || ' 00:00:00Z', (v_day + 1) || ' 00:00:00Z');
        created := created || v_name;
    END LOOP;
    FOR v_name IN
        SELECT c.relname FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = format('app.%I', p_table)::regclass
          AND CASE WHEN c.relname ~ '_[0-9]{8}$' -- CASE: the planner may ask this first, of any relation
                   THEN to_date(right(c.relname, 8), 'YYYYMMDD') + 1 <= (now() - p_keep)::date END
        ORDER BY 1
    LOOP
        BEGIN
            EXECUTE format('DROP TABLE app.%I', v_name);
            dropped := dropped || v_name;
        EXCEPTION WHEN lock_not_available THEN
            NULL;
        END;
    END LOOP;
END
$$;
ALTER FUNCTION ops.partitions(text, interval, int) OWNER TO mh_owner;
REVOKE ALL ON FUNCTION ops.partitions(text, interval, int) FROM PUBLIC;

-- Deletes rows past their retention, at most p_limit of a table at a time (a full sweep is as many
-- calls). Of the jobs only finished ones go: an open job stands in the gauges.
CREATE FUNCTION ops.sweep(p_limit int) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
    v_total bigint := 0;
    v_rows  bigint;
    v_query text;
BEGIN
    FOREACH v_query IN ARRAY ARRAY[
        'app.event_dedupe t WHERE t.received_at < now() - (SELECT keep FROM ops.retention WHERE what = ''event_dedupe'')',
        'app.event_rejects t WHERE t.last_seen < now() - (SELECT keep FROM ops.retention WHERE what = ''event_rejects'')',
        'app.rollup t WHERE t.grain = 0 AND t.partner_id = ANY ((SELECT array_agg(p.partner_id) FROM app.partners p)::int[])'
        ' AND t.bucket < (SELECT date_part(''epoch'', now() - keep) / 60 FROM ops.retention WHERE what = ''rollup_minute'')::int',
        'app.rollup t WHERE t.grain = 1 AND t.partner_id = ANY ((SELECT array_agg(p.partner_id) FROM app.partners p)::int[])'
        ' AND t.bucket < (SELECT date_part(''epoch'', now() - keep) / 3600 FROM ops.retention WHERE what = ''rollup_hour'')::int',
        'app.generation_jobs t WHERE t.environment = 0 AND t.closed_at IS NOT NULL'
        ' AND t.partner_id = ANY ((SELECT array_agg(p.partner_id) FROM app.partners p)::int[])'
        ' AND t.closed_at < now() - (SELECT keep FROM ops.retention WHERE what = ''generation_jobs'')',
        'app.sign_in_links t WHERE t.expires_at < now() - (SELECT keep FROM ops.retention WHERE what = ''sessions'')',
        'app.identity_tokens t WHERE t.expires_at < now() - (SELECT keep FROM ops.retention WHERE what = ''sessions'')',
        'app.sessions t WHERE t.expires_at < now() - (SELECT keep FROM ops.retention WHERE what = ''sessions'')']
    LOOP
        EXECUTE format('WITH old AS MATERIALIZED (SELECT t.tableoid AS part, t.ctid AS at FROM %s LIMIT %s'
                       '  FOR UPDATE OF t SKIP LOCKED)'
                       ' DELETE FROM %s t USING old WHERE t.tableoid = old.part AND t.ctid = old.at',
                       v_query, p_limit, split_part(v_query, ' ', 1));
        GET DIAGNOSTICS v_rows = ROW_COUNT;
        v_total := v_total + v_rows;
    END LOOP;
    RETURN v_total;
END
$$;
ALTER FUNCTION ops.sweep(int) OWNER TO mh_writer;
REVOKE ALL ON FUNCTION ops.sweep(int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ops.sweep(int) TO mh_owner;

CREATE FUNCTION ops.maintain(p_days int DEFAULT 7, p_limit int DEFAULT 50000) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
    v_created text[] := '{}';
    v_dropped text[] := '{}';
    v_deleted bigint;
    v_one     record;
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtextextended('metrics-hub.maintain', 0)) THEN
        RETURN jsonb_build_object('lease', false);
    END IF;
    -- The partitions last: their locks are held to the end of the transaction.
    v_deleted := ops.sweep(p_limit);
    FOR v_one IN
        SELECT p.created, p.dropped
        FROM ops.retention r
        CROSS JOIN LATERAL ops.partitions(r.what, r.keep, least(greatest(p_days, 1), 60)) p
        WHERE r.what IN ('generation_events', 'channel_log', 'api_requests')
    LOOP
        v_created := v_created || v_one.created;
        v_dropped := v_dropped || v_one.dropped;
    END LOOP;
    RETURN jsonb_build_object('lease', true, 'created', to_jsonb(v_created), 'dropped', to_jsonb(v_dropped),
                              'deleted', v_deleted);
END
$$;
ALTER FUNCTION ops.maintain(int, int) OWNER TO mh_owner;
REVOKE ALL ON FUNCTION ops.maintain(int, int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ops.maintain(int, int) TO mh_ingest, mh_admin;
