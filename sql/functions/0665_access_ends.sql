-- What ends by its time: nobody does anything then, so ingest asks twice a second. As any other change
-- it goes to the hubs by the log, and to the trail if it is a membership.
--
-- LOCKS. The log's head first, which others take after the rows that they changed; so the rows that
-- somebody holds are left for the next time.

-- At most p_limit of each. The feeds to publish, or NULL.
CREATE FUNCTION ops.access_expire(p_limit int) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
    v_gone app.memberships[];
BEGIN
    IF NOT EXISTS (SELECT FROM app.memberships m
                   WHERE m.expires_at <= now() AND m.expired_at IS DISTINCT FROM m.expires_at)
       AND NOT EXISTS (SELECT FROM app.sessions s WHERE s.expires_at <= now() AND s.revoked_at IS NULL) THEN
        RETURN NULL;
    END IF;
    PERFORM FROM app.channel_head h WHERE h.channel = 'ctl:authz' FOR NO KEY UPDATE;
    WITH due AS (
        SELECT s.session_hash FROM app.sessions s WHERE s.expires_at <= now() AND s.revoked_at IS NULL
        ORDER BY s.expires_at LIMIT p_limit FOR NO KEY UPDATE SKIP LOCKED)
    UPDATE app.sessions s SET revoked_at = s.expires_at FROM due WHERE s.session_hash = due.session_hash;
    WITH due AS (
        SELECT m.partner_id, m.user_id FROM app.memberships m
        WHERE m.expires_at <= now() AND m.expired_at IS DISTINCT FROM m.expires_at
        ORDER BY m.expires_at LIMIT p_limit FOR NO KEY UPDATE SKIP LOCKED), gone AS (
        UPDATE app.memberships m SET expired_at = m.expires_at FROM due
        WHERE m.partner_id = due.partner_id AND m.user_id = due.user_id RETURNING m.*)
    SELECT array_agg(g::app.memberships) INTO v_gone FROM gone g;
    PERFORM app.audit('membership.expire', 'user', u.public_id, m.partner_id, app.membership_json(m), NULL)
    FROM unnest(v_gone) m JOIN app.users u ON u.user_id = m.user_id;
    RETURN nullif(current_setting('mh.feeds', true), '');
END
$$;
ALTER FUNCTION ops.access_expire(int) OWNER TO mh_writer;
REVOKE ALL ON FUNCTION ops.access_expire(int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ops.access_expire(int) TO mh_ingest;
