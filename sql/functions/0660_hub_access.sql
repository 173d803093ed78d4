-- By which the hub finds out whether who is connected may still be (EXECUTE for mh_hub).

-- One row per session and user (two arrays of one length), in the order of the bytes of `session`: the
-- principal as of app.principal_of(), or NULL and why: signed_out, suspended, expired, revoked. A session
-- that was never opened is that of a token of metricsctl, which stands for its user.
CREATE FUNCTION api.sessions_state(p_sessions text[], p_users text[])
RETURNS TABLE (session text, principal text, reason text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' SET jit = off AS $$
    SELECT q.session,
           CASE WHEN s.public_id IS NOT NULL THEN app.principal_of(s.public_id)
                WHEN u.status = 'active' THEN
                    jsonb_build_object('user', u.public_id, 'name', u.name, 'session', q.session,
                                       'expires_ms', 253402300799000)
                    || app.access_json(u.user_id, false) END::text,
           CASE WHEN u.status IS DISTINCT FROM 'active' THEN 'suspended' WHEN s.revoked_at < s.expires_at THEN 'signed_out'
                WHEN s.expires_at <= now() THEN 'expired' ELSE 'revoked' END
    FROM (SELECT DISTINCT t.session, t.user_id FROM unnest(p_sessions, p_users) t (session, user_id)) q
    LEFT JOIN app.users u ON u.public_id = q.user_id
    LEFT JOIN app.sessions s ON s.public_id = q.session
    ORDER BY q.session COLLATE "C"
$$;

-- Whose access changed in the last p_seconds; at most p_limit people.
CREATE FUNCTION api.access_changes(p_seconds int, p_limit int) RETURNS SETOF text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' SET enable_seqscan = off SET jit = off AS $$
    SELECT DISTINCT u.public_id
    FROM app.channel_log l CROSS JOIN LATERAL jsonb_array_elements_text(l.payload::jsonb -> 'users') u (public_id)
    WHERE l.channel = 'ctl:authz' AND l.created_at > now() - make_interval(secs => p_seconds)
    LIMIT p_limit
$$;

DO $$
DECLARE
    f text;
BEGIN
    FOREACH f IN ARRAY ARRAY['api.sessions_state(text[], text[])', 'api.access_changes(int, int)'] LOOP
        EXECUTE format('ALTER FUNCTION %s OWNER TO mh_reader', f);
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', f);
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO mh_hub', f);
    END LOOP;
END
$$;
