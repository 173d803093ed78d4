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
               scopes text[], environment smallint, rate_limit int, expires_at_ms bigint, revoked boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
    SELECT k.key_id, k.partner_id, p.code, p.status, k.secret_sha256, k.scopes, k.environment, k.rate_limit,
           app.ms(least(k.expires_at, k.retiring_at)), k.revoked_at IS NOT NULL
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
               AND p.proname IN ('reject_events', 'key_lookup', 'keys_changed', 'requests_append')
    LOOP
        EXECUTE format('ALTER FUNCTION %s OWNER TO mh_writer', f);
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', f);
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO mh_ingest', f);
    END LOOP;
END
$$;
