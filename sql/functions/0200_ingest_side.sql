-- What ingest needs beside events: keys, rejects, request log, sessions (EXECUTE for mh_ingest).

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

-- Public ids of the keys that were revoked, or whose partner changed, in the last ten seconds. Ingest
-- asks each second and drops them from its cache.
CREATE FUNCTION api.keys_changed() RETURNS SETOF text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
    SELECT k.public_id
    FROM app.api_keys k JOIN app.partners p ON p.partner_id = k.partner_id
    WHERE k.revoked_at > now() - interval '10 seconds' OR p.updated_at > now() - interval '10 seconds'
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

-- Who the user is and what he may see; NULL unless active and with a role.
CREATE FUNCTION api.user_principal(p_user text) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
    SELECT jsonb_build_object('user', u.public_id, 'name', u.name)
           || CASE u.kind WHEN 'staff' THEN jsonb_build_object('staff', u.staff_role)
              ELSE jsonb_build_object('partners', coalesce((
                   SELECT jsonb_agg(jsonb_build_object('code', p.code, 'name', p.name, 'role', m.role)
                                    ORDER BY p.code)
                   FROM app.memberships m JOIN app.partners p ON p.partner_id = m.partner_id
                   WHERE m.user_id = u.user_id AND p.status <> 'churned'
                     AND (m.expires_at IS NULL OR m.expires_at > now())), '[]')) END
    FROM app.users u WHERE u.public_id = p_user AND u.status = 'active'
$$;

-- The principal of a session, or NULL: unknown, ended, expired, or the user was suspended.
CREATE FUNCTION api.session_principal(p_session_hash bytea) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
    SELECT api.user_principal(u.public_id)
           || jsonb_build_object('session', s.public_id, 'expires_ms', app.ms(s.expires_at))
    FROM app.sessions s JOIN app.users u ON u.user_id = s.user_id
    WHERE s.session_hash = p_session_hash AND s.revoked_at IS NULL AND s.expires_at > now()
$$;

-- Spends a sign-in link (one use, also under concurrency: the row is claimed by the UPDATE) and opens a
-- session. No row: link unknown, used or expired, or the user is not active.
CREATE FUNCTION api.session_open(p_link_hash bytea, p_session_hash bytea, p_ttl_seconds int)
RETURNS SETOF jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
    v_user int;
BEGIN
    UPDATE app.sign_in_links l SET used_at = now()
    FROM app.users u
    WHERE l.token_hash = p_link_hash AND l.used_at IS NULL AND l.expires_at > now()
      AND u.user_id = l.user_id AND u.status = 'active'
    RETURNING l.user_id INTO v_user;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    UPDATE app.users SET last_login_at = now() WHERE user_id = v_user;
    INSERT INTO app.sessions (session_hash, user_id, expires_at)
    VALUES (p_session_hash, v_user, now() + make_interval(secs => p_ttl_seconds));
    RETURN NEXT api.session_principal(p_session_hash);
END
$$;

CREATE FUNCTION api.session_close(p_session_hash bytea) RETURNS boolean
LANGUAGE sql SECURITY DEFINER SET search_path = '' AS $$
    WITH done AS (UPDATE app.sessions SET revoked_at = now()
                  WHERE session_hash = p_session_hash AND revoked_at IS NULL RETURNING 1)
    SELECT EXISTS (SELECT FROM done)
$$;

DO $$
DECLARE
    f regprocedure;
BEGIN
    FOR f IN SELECT p.oid FROM pg_catalog.pg_proc p
             WHERE p.pronamespace = 'api'::regnamespace
               AND p.proname IN ('reject_events', 'key_lookup', 'keys_changed', 'requests_append', 'user_principal',
                                 'session_principal', 'session_open', 'session_close')
    LOOP
        EXECUTE format('ALTER FUNCTION %s OWNER TO mh_writer', f);
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', f);
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO mh_ingest', f);
    END LOOP;
END
$$;
REVOKE EXECUTE ON FUNCTION api.user_principal(text) FROM mh_ingest;
GRANT EXECUTE ON FUNCTION api.user_principal(text) TO mh_admin;
