-- What ingest needs beside events: keys, rejects, request log (EXECUTE for mh_ingest).

-- Refused events, kept once per partner, reason and content. `raw` is cut by the caller (16 KiB).
CREATE FUNCTION api.reject_events(p_partner int[], p_api_key int[], p_reason text[], p_field text[],
                                  p_detail text[], p_raw bytea[]) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = '' AS $$
    INSERT INTO app.event_rejects AS r (partner_id, reason, raw_sha256, api_key_id, field, detail, raw,
                                        first_seen, last_seen, count)
    SELECT t.partner_id, t.reason, sha256(t.raw), max(t.api_key), max(t.field), max(t.detail),
           substr(t.raw, 1, 16384), now(), now(), count(*)
    FROM unnest(p_partner, p_api_key, p_reason, p_field, p_detail, p_raw)
         AS t(partner_id, api_key, reason, field, detail, raw)
    WHERE t.partner_id IS NOT NULL
    GROUP BY t.partner_id, t.reason, t.raw
    ORDER BY 1, 2, 3
    ON CONFLICT (partner_id, reason, raw_sha256) DO UPDATE
    SET last_seen = excluded.last_seen, count = r.count + excluded.count, api_key_id = excluded.api_key_id,
        field = excluded.field, detail = excluded.detail
$$;

CREATE FUNCTION api.key_lookup(p_public_id text)
RETURNS TABLE (key_id int, partner_id int, partner_code text, partner_status text, secret_sha256 bytea,
               scopes text[], environment smallint, rate_limit int, expires_at_ms bigint, revoked boolean,
               max_seats int, version int, ip_allow cidr[])
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
    SELECT k.key_id, k.partner_id, p.code, p.status, k.secret_sha256, k.scopes, k.environment, k.rate_limit,
           app.ms(least(k.expires_at, k.retiring_at)), k.revoked_at IS NOT NULL, k.max_seats, k.version, k.ip_allow
    FROM app.api_keys k JOIN app.partners p ON p.partner_id = k.partner_id
    WHERE k.public_id = p_public_id
$$;

-- Public ids of the keys that changed, or whose partner did, in the last ten seconds. Ingest asks twice a
-- second and drops them from its cache.
CREATE FUNCTION api.keys_changed() RETURNS SETOF text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
    SELECT k.public_id FROM app.api_keys k WHERE k.updated_at > now() - interval '10 seconds'
    UNION
    SELECT k.public_id FROM app.partners p JOIN app.api_keys k ON k.partner_id = p.partner_id
    WHERE p.updated_at > now() - interval '10 seconds'
$$;

-- Which of these end users (SHA-256) have a seat of the key: who has one keeps it, others take what is
-- left, in this order.
CREATE FUNCTION api.key_seats(p_key int, p_users bytea[]) RETURNS boolean[]
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
    v_max   int;
    v_taken int;
    v_new   int;
BEGIN
    SELECT k.max_seats, k.seats INTO v_max, v_taken FROM app.api_keys k WHERE k.key_id = p_key;
    IF v_taken < v_max AND EXISTS (
        SELECT FROM unnest(p_users) u (seat)
        WHERE NOT EXISTS (SELECT FROM app.api_key_seats s WHERE s.key_id = p_key AND s.seat_hash = u.seat))
    THEN
        SELECT k.max_seats, k.seats INTO v_max, v_taken FROM app.api_keys k WHERE k.key_id = p_key FOR NO KEY UPDATE;
        INSERT INTO app.api_key_seats (key_id, seat_hash)
        SELECT p_key, u.seat FROM unnest(p_users) WITH ORDINALITY u (seat, i)
        WHERE NOT EXISTS (SELECT FROM app.api_key_seats s WHERE s.key_id = p_key AND s.seat_hash = u.seat)
        GROUP BY u.seat ORDER BY min(u.i) LIMIT greatest(v_max - v_taken, 0);
        GET DIAGNOSTICS v_new = ROW_COUNT;
        UPDATE app.api_keys k SET seats = k.seats + v_new WHERE k.key_id = p_key AND v_new > 0;
    END IF;
    UPDATE app.api_key_seats s SET last_seen = now()
    FROM (SELECT l.seat_hash FROM app.api_key_seats l
          WHERE l.key_id = p_key AND l.seat_hash = ANY (p_users) AND l.last_seen < now() - interval '1 hour'
          FOR NO KEY UPDATE SKIP LOCKED) l
    WHERE s.key_id = p_key AND s.seat_hash = l.seat_hash;
    RETURN (SELECT array_agg(v_max IS NULL OR EXISTS (SELECT FROM app.api_key_seats s
                                                      WHERE s.key_id = p_key AND s.seat_hash = u.seat) ORDER BY u.i)
            FROM unnest(p_users) WITH ORDINALITY u (seat, i));
END
$$;

-- Adds up what keys were used for, and tells their partners' screens. Keys, then channels, each in
-- order, so that no two workers wait for each other.
CREATE FUNCTION api.keys_used(p_key int[], p_requests bigint[], p_events bigint[])
RETURNS TABLE (channel text, epoch text, seq bigint, payload text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
#variable_conflict use_column
DECLARE
    v_now      timestamptz := clock_timestamp();
    v_channels text[];
    v_payloads text[];
BEGIN
    PERFORM FROM app.api_keys k WHERE k.key_id = ANY (p_key) ORDER BY k.key_id FOR NO KEY UPDATE;
    WITH used AS (
        UPDATE app.api_keys k
        SET requests = k.requests + u.requests, events = k.events + u.events, last_used_at = greatest(k.last_used_at, v_now)
        FROM (SELECT t.key_id, sum(t.requests)::bigint AS requests, sum(t.events)::bigint AS events
              FROM unnest(p_key, p_requests, p_events) AS t (key_id, requests, events) GROUP BY t.key_id) u,
             app.partners p
        WHERE k.key_id = u.key_id AND p.partner_id = k.partner_id
        RETURNING 'keys:partner:' || p.code AS channel, jsonb_strip_nulls(jsonb_build_object(
            't', 'key', 'event', 'used', 'id', k.public_id, 'at', app.ms(v_now), 'requests', k.requests,
            'events', k.events, 'last_used_at', app.ms(k.last_used_at), 'retiring_at', app.ms(k.retiring_at)))::text AS payload)
    SELECT array_agg(u.channel ORDER BY u.channel, u.payload), array_agg(u.payload ORDER BY u.channel, u.payload)
    INTO v_channels, v_payloads FROM used u;
    INSERT INTO app.channel_head (channel)
    SELECT DISTINCT c FROM unnest(v_channels) c ORDER BY 1 ON CONFLICT DO NOTHING;
    PERFORM FROM app.channel_head h WHERE h.channel = ANY (v_channels) ORDER BY h.channel FOR NO KEY UPDATE;
    RETURN QUERY
    WITH line AS (
        SELECT t.channel, t.payload, row_number() OVER (PARTITION BY t.channel ORDER BY t.i) AS n
        FROM unnest(v_channels, v_payloads) WITH ORDINALITY AS t (channel, payload, i)
    ), head AS (
        UPDATE app.channel_head h SET seq = h.seq + c.n
        FROM (SELECT l.channel, max(l.n) AS n FROM line l GROUP BY l.channel) c WHERE h.channel = c.channel
        RETURNING h.channel, app.db_epoch() || h.epoch AS epoch, h.seq - c.n AS base
    ), logged AS (
        INSERT INTO app.channel_log (channel, seq, created_at, payload)
        SELECT l.channel, h.base + l.n, v_now, l.payload FROM line l JOIN head h ON h.channel = l.channel)
    SELECT l.channel, h.epoch, h.base + l.n, l.payload FROM line l JOIN head h ON h.channel = l.channel ORDER BY 1, 3;
END
$$;

CREATE FUNCTION api.requests_append(p_api_key int[], p_partner int[], p_route text[], p_status smallint[],
                                    p_latency_us int[], p_bytes int[], p_at timestamptz[]) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = '' AS $$
    INSERT INTO app.api_requests (partner_id, at, api_key_id, latency_us, bytes, status, route)
    SELECT nullif(t.partner_id, 0), t.at, nullif(t.api_key, 0), t.latency_us, t.bytes, t.status, t.route
    FROM unnest(p_api_key, p_partner, p_route, p_status, p_latency_us, p_bytes, p_at)
         AS t(api_key, partner_id, route, status, latency_us, bytes, at)
    -- A clock far off would miss the partitions; the row then belongs to no day that is kept.
    WHERE t.at BETWEEN now() - interval '1 day' AND now() + interval '1 day'
$$;

DO $$
DECLARE
    f regprocedure;
BEGIN
    FOR f IN SELECT p.oid FROM pg_catalog.pg_proc p
             WHERE p.pronamespace = 'api'::regnamespace
               AND p.proname IN ('reject_events', 'key_lookup', 'keys_changed', 'key_seats', 'keys_used', 'requests_append')
    LOOP
        EXECUTE format('ALTER FUNCTION %s OWNER TO mh_writer', f);
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', f);
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO mh_ingest', f);
    END LOOP;
END
$$;
