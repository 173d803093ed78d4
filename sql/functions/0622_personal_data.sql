-- Taking a person's data out, and forgetting him (requirements C12).

-- A page of what he wrote, oldest first, after that message: at most 1000 of 4 MiB, but one always. Who
-- is not of staff gets what was written in threads in which he takes part himself.
CREATE OR REPLACE FUNCTION app.export_messages(p_user int, p_after text) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = '' AS $$
    WITH page AS MATERIALIZED (
        SELECT m.public_id, t.public_id AS thread, m.created_at, m.body,
               sum(octet_length(m.body)) OVER (ORDER BY m.public_id) - octet_length(m.body) AS bytes,
               row_number() OVER (ORDER BY m.public_id) AS n
        FROM app.messages m JOIN app.threads t ON t.thread_id = m.thread_id
        WHERE m.sender_id = p_user AND (p_after IS NULL OR m.public_id > p_after)
          AND (authz.is_staff() OR EXISTS (SELECT FROM app.thread_people(t.thread_id) o
                                           WHERE o.user_id = authz.user_id() AND o.joined_seq < m.seq))
        ORDER BY m.public_id LIMIT 1001), fits AS (
        SELECT * FROM page WHERE n <= 1000 AND bytes < 4194304)
    SELECT jsonb_strip_nulls(jsonb_build_object(
        'items', (SELECT coalesce(jsonb_agg(jsonb_build_object('id', f.public_id, 'thread', f.thread,
                      'at', app.ms(f.created_at), 'body', f.body) ORDER BY f.public_id), '[]') FROM fits f),
        'next', (SELECT CASE WHEN count(*) < (SELECT count(*) FROM page) THEN max(f.public_id) END FROM fits f)))
$$;

-- A page of what he did, oldest first, after that entry (month.number): at most 1000.
CREATE OR REPLACE FUNCTION app.export_audit(p_user int, p_after text) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = '' AS $$
    WITH page AS MATERIALIZED (
        SELECT a.*, p.code, row_number() OVER (ORDER BY a.chain, a.seq) AS n
        FROM app.audit_log a LEFT JOIN app.partners p ON p.partner_id = a.partner_id
        WHERE a.actor_id = p_user AND (authz.is_staff() OR a.partner_id = ANY (authz.partner_ids()))
          AND (p_after IS NULL
               OR (a.chain, a.seq) > (split_part(p_after, '.', 1)::date, split_part(p_after, '.', 2)::bigint))
        ORDER BY a.chain, a.seq LIMIT 1001)
    SELECT jsonb_strip_nulls(jsonb_build_object(
        'items', (SELECT coalesce(jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
                      'id', a.chain || '.' || a.seq, 'at', app.ms(a.at), 'action', a.action,
                      'target_type', a.target_type, 'target', a.target_id, 'partner', a.code, 'outcome', a.outcome, 'request_id', a.request_id,
                      'ip', host(a.ip))) ORDER BY a.n), '[]') FROM page a WHERE a.n <= 1000),
        'next', (SELECT a.chain || '.' || a.seq FROM page a
                 WHERE a.n = 1000 AND EXISTS (SELECT FROM page b WHERE b.n > 1000))))
$$;

-- Where he signed in, newest first. Of somebody who also belongs to others it is not one partner's.
CREATE OR REPLACE FUNCTION app.export_sessions(p_user int) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = '' AS $$
    SELECT coalesce(jsonb_agg(s.item ORDER BY s.public_id DESC), '[]')
    FROM (SELECT s.public_id, jsonb_strip_nulls(jsonb_build_object(
                     'id', s.public_id, 'created_at', app.ms(s.created_at), 'last_seen_at', app.ms(s.last_seen_at),
                     'expires_at', app.ms(s.expires_at), 'ended_at', app.ms(s.revoked_at), 'ip', host(s.ip),
                     'user_agent', s.user_agent)) AS item
          FROM app.sessions s WHERE s.user_id = p_user AND s.impersonator_id IS NULL AND app.is_only_mine(p_user)
          ORDER BY s.public_id DESC LIMIT 1000) s
$$;

-- Under which names he comes from outside. Of somebody who also belongs to others it is not one partner's.
CREATE OR REPLACE FUNCTION app.export_identities(p_user int) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = '' AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_object('issuer', i.issuer, 'subject', i.subject, 'created_at',
                                                 app.ms(i.created_at), 'last_used_at', app.ms(i.last_used_at))
                              ORDER BY i.issuer), '[]')
    FROM app.user_identities i WHERE i.user_id = p_user AND app.is_only_mine(p_user)
$$;

-- Everything about the person. Long lists come in pages: ?messages_after, ?audit_after.
CREATE FUNCTION route.user_export(p_target text, p_query jsonb, p_body jsonb, p_fresh jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
    v_user     app.users := app.user_to_see(p_target);
    v_messages text := app.text_of(p_query, 'messages_after', 40, false);
    v_audit    text := app.text_of(p_query, 'audit_after', 40, false);
BEGIN
    IF current_setting('app.impersonator_id') <> '' THEN
        PERFORM app.fail(403, 'impersonating', 'while you look through somebody else''s eyes you take nothing out');
    ELSIF v_audit !~ '^\d{4}-\d\d-01\.\d{1,18}$' THEN
        PERFORM app.fail(400, 'invalid', 'not a cursor of this list', 'audit_after');
    END IF;
    PERFORM app.audit('user.export', 'user', p_target, app.partner_about(v_user.user_id));
    RETURN jsonb_build_object(
        'exported_at', app.ms(now()), 'user', app.user_details(v_user),
        'sessions', app.export_sessions(v_user.user_id),
        'identities', app.export_identities(v_user.user_id),
        'messages', app.export_messages(v_user.user_id, v_messages),
        'audit', app.export_audit(v_user.user_id, v_audit));
END
$$;

-- Nulls what is personal. The account stays under a pseudonym for what refers to it: keys that he made
-- go on, messages and the trail keep his id.
CREATE FUNCTION route.user_erase(p_target text, p_query jsonb, p_body jsonb, p_fresh jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
    v_user    app.users := app.user_to_change(p_target);
    v_partner int := app.partner_about(v_user.user_id);
    v_name    text := 'Erased ' || right(p_target, 8);
BEGIN
    PERFORM app.check_rank(v_user, NULL);
    UPDATE app.invitations SET email = 'erased', name = v_name,
                               revoked_at = coalesce(revoked_at, CASE WHEN accepted_at IS NULL THEN now() END)
    WHERE user_id = v_user.user_id OR lower(email) = lower(v_user.email);
    PERFORM app.end_sessions_of(v_user.user_id);
    UPDATE app.sessions SET ip = NULL, user_agent = NULL WHERE v_user.user_id IN (user_id, impersonator_id);
    DELETE FROM app.sign_in_links WHERE user_id = v_user.user_id;
    DELETE FROM app.user_identities WHERE user_id = v_user.user_id;
    DELETE FROM app.memberships WHERE user_id = v_user.user_id;
    UPDATE app.users u
    SET name = v_name, email = NULL, password_hash = NULL, totp_secret = NULL, totp_enabled_at = NULL,
        totp_last_step = NULL, notes = NULL, suspended_reason = NULL, last_login_at = NULL, status = 'suspended',
        erased_at = now(), version = u.version + 1, updated_at = now()
    WHERE u.user_id = v_user.user_id;
    SET CONSTRAINTS app.users_last_owner IMMEDIATE;
    PERFORM app.audit('user.erase', 'user', p_target, v_partner, NULL, '{"erased": true}');
    RETURN jsonb_build_object('id', p_target, 'name', v_name, 'status', 'erased');
END
$$;
