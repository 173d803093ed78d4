-- Threads and messages.
--
-- LOCKS. A message takes its place by the channel's head, which stays locked to the commit, and so do
-- joining and leaving: what they read after that lock (each statement has its own snapshot) is true
-- until they commit.

-- Who takes part in a thread now, and why he may not write (NULL: he may). A member counts while his
-- membership of the thread's partner does; nobody whose custom role has not messages.read.
CREATE OR REPLACE FUNCTION app.thread_people(p_thread bigint)
RETURNS TABLE (user_id int, public_id text, joined_seq bigint, refusal text)
LANGUAGE sql STABLE AS $$
    SELECT u.user_id, u.public_id, p.joined_seq,
           CASE WHEN t.locked THEN 'locked'
                WHEN coalesce(u.staff_role, m.role) = 'viewer' OR NOT 'messages.write' = ANY (c.permissions) THEN 'read_only'
                WHEN u.kind = 'member' AND m.status = 'suspended' THEN 'partner_suspended' END
    FROM app.threads t
    JOIN app.thread_participants p ON p.thread_id = t.thread_id AND p.left_seq IS NULL
    JOIN app.users u ON u.user_id = p.user_id AND u.status = 'active'
    LEFT JOIN LATERAL (SELECT m.role, m.custom_role_id, r.status
                       FROM app.memberships m JOIN app.partners r ON r.partner_id = m.partner_id
                       WHERE m.partner_id = t.partner_id AND m.user_id = p.user_id AND r.status <> 'churned'
                         AND m.suspended_at IS NULL
                         AND (m.expires_at IS NULL OR m.expires_at > now()) OFFSET 0) m ON true
    LEFT JOIN app.custom_roles c ON c.custom_role_id = coalesce(u.custom_role_id, m.custom_role_id)
    WHERE t.thread_id = p_thread AND (u.kind = 'staff' OR m.role IS NOT NULL)
      AND (c.custom_role_id IS NULL OR 'messages.read' = ANY (c.permissions))
$$;
ALTER FUNCTION app.thread_people(bigint) OWNER TO mh_owner;
REVOKE ALL ON FUNCTION app.thread_people(bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.thread_people(bigint) TO mh_writer, mh_reader;

-- Why nothing is done for a token's session, or NULL.
CREATE OR REPLACE FUNCTION app.session_refusal(p_session text) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN s.revoked_at IS NOT NULL OR s.expires_at <= now() THEN 'unauthorized'
                WHEN s.impersonator_id IS NOT NULL THEN 'impersonating' END
    FROM app.sessions s WHERE s.public_id = p_session
$$;
ALTER FUNCTION app.session_refusal(text) OWNER TO mh_owner;
REVOKE ALL ON FUNCTION app.session_refusal(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.session_refusal(text) TO mh_writer;

-- One message. One row:
--   posted            all columns; publish them
--   duplicate         the same client_id, thread and body as before: id, seq and at of that message
--   conflict          the client_id stands for another message of this sender
--   unauthorized      no such user, or suspended, or his session has ended
--   impersonating     somebody else sits in this session
--   not_found         no such thread, or not (any more) his
--   locked, read_only, partner_suspended
-- p_session is what the token says; one that was never opened is that of a token of metricsctl.
CREATE FUNCTION api.message_post(p_user text, p_thread text, p_client_id uuid, p_body text,
                                 p_session text DEFAULT NULL,
                                 OUT verdict text, OUT id text, OUT seq bigint, OUT at bigint,
                                 OUT channel text, OUT epoch text, OUT payload text)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = '' SET plan_cache_mode = force_generic_plan SET jit = off AS $$
#variable_conflict use_column
DECLARE
    v_user     int;
    v_name     text;
    v_thread   bigint;
    v_refusal  text;
    v_is_in    boolean;
    v_now      timestamptz;
    v_old      app.messages;
    v_db_epoch text;
BEGIN
    SELECT u.user_id, u.name INTO v_user, v_name FROM app.users u WHERE u.public_id = p_user AND u.status = 'active';
    IF NOT FOUND THEN
        verdict := 'unauthorized';
        RETURN;
    END IF;
    verdict := app.session_refusal(p_session);
    IF verdict IS NOT NULL THEN
        RETURN;
    END IF;
    -- Nobody waits at, or holds, the head of a thread that he was never in.
    SELECT t.thread_id INTO v_thread
    FROM app.threads t JOIN app.thread_participants p ON p.thread_id = t.thread_id
    WHERE t.public_id = p_thread AND p.user_id = v_user;
    IF NOT FOUND THEN
        verdict := 'not_found';
        RETURN;
    END IF;
    SELECT h.channel, h.epoch, h.seq + 1 INTO channel, epoch, seq
    FROM app.channel_head h WHERE h.channel = 'thread:' || p_thread FOR NO KEY UPDATE;
    SELECT p.refusal INTO v_refusal FROM app.thread_people(v_thread) p WHERE p.user_id = v_user;
    v_is_in := FOUND;
    v_now := clock_timestamp();

    -- A retry is answered with the original even if the sender could not write it now.
    SELECT m.* INTO v_old FROM app.messages m WHERE m.sender_id = v_user AND m.client_id = p_client_id;
    IF NOT FOUND AND v_is_in AND v_refusal IS NULL THEN
        INSERT INTO app.messages (thread_id, seq, created_at, client_id, sender_id, body)
        VALUES (v_thread, seq, v_now, p_client_id, v_user, p_body)
        ON CONFLICT (sender_id, client_id) DO NOTHING
        RETURNING public_id INTO id;
        IF NOT FOUND THEN -- taken a moment ago, in another thread
            SELECT m.* INTO STRICT v_old FROM app.messages m WHERE m.sender_id = v_user AND m.client_id = p_client_id;
        END IF;
    END IF;
    IF id IS NULL THEN
        channel := NULL;
        epoch := NULL;
        seq := NULL;
        IF v_old.thread_id = v_thread AND v_old.body = p_body THEN
            verdict := 'duplicate';
            id := v_old.public_id;
            seq := v_old.seq;
            at := app.ms(v_old.created_at);
        ELSIF NOT v_is_in THEN
            verdict := 'not_found';
        ELSE
            verdict := CASE WHEN v_old.thread_id IS NULL THEN v_refusal ELSE 'conflict' END;
        END IF;
        RETURN;
    END IF;

    verdict := 'posted';
    at := app.ms(v_now);
    -- Kept for the session, as in api.ingest_events().
    v_db_epoch := nullif(current_setting('mh.db_epoch', true), '');
    IF v_db_epoch IS NULL THEN
        v_db_epoch := set_config('mh.db_epoch', app.db_epoch(), false);
    END IF;
    epoch := v_db_epoch || epoch;
    payload := concat('{"t":"message","id":"', id, '","thread":"', p_thread, '","seq":', seq,
                      ',"sender":{"id":"', p_user, '","name":', to_json(v_name), '},"client_id":"', p_client_id,
                      '","body":', to_json(p_body), ',"at":', at, '}');
    UPDATE app.channel_head h SET seq = h.seq + 1 WHERE h.channel = 'thread:' || p_thread;
    UPDATE app.threads t SET last_seq = message_post.seq WHERE t.thread_id = v_thread;
    INSERT INTO app.channel_log (channel, seq, created_at, payload) VALUES (channel, seq, v_now, payload);
END
$$;

-- The threads that a user takes part in, in the order of their ids, after p_after ('' for the first).
-- None for a session (see above) that has ended or in which somebody else sits.
CREATE FUNCTION api.threads_of(p_user text, p_after text, p_limit int, p_session text DEFAULT NULL)
RETURNS TABLE (id text, thread text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
    SELECT t.public_id,
           concat('{"id":"', t.public_id, '","channel":"thread:', t.public_id, '","kind":"', t.kind, '"',
                  ',"partner":"' || r.code || '"', ',"subject":', to_json(t.subject), ',"last_seq":', t.last_seq,
                  ',"joined_seq":', p.joined_seq, ',"created_at":', app.ms(t.created_at), '}')
    FROM app.users u
    JOIN app.thread_participants p ON p.user_id = u.user_id AND p.left_seq IS NULL
    JOIN app.threads t ON t.thread_id = p.thread_id
    LEFT JOIN app.partners r ON r.partner_id = t.partner_id
    WHERE u.public_id = p_user AND t.public_id COLLATE "C" > p_after
      AND EXISTS (SELECT FROM app.thread_people(t.thread_id) o WHERE o.user_id = u.user_id)
      AND (SELECT app.session_refusal(p_session)) IS NULL
    ORDER BY t.public_id COLLATE "C" LIMIT p_limit
$$;

-- For the hub: the position of a thread's channel and its participants, one row each; one row without a
-- user if it has none, no row if there is no such thread.
CREATE FUNCTION api.thread_members(p_channel text)
RETURNS TABLE (epoch text, seq bigint, members_version int, user_id text, joined_seq bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
    SELECT app.db_epoch() || h.epoch, h.seq, h.members_version, p.public_id, p.joined_seq
    FROM app.channel_head h
    JOIN app.threads t ON t.public_id = substr(h.channel, 8)
    LEFT JOIN LATERAL app.thread_people(t.thread_id) p ON true
    WHERE h.channel = p_channel AND p_channel LIKE 'thread:%'
$$;

-- Administration ----------------------------------------------------------------------------------

-- Locks the thread's head; its position.
CREATE FUNCTION api.thread_lock(p_thread text, OUT thread_id bigint, OUT partner_id int, OUT kind text, OUT seq bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
#variable_conflict use_column
BEGIN
    SELECT t.thread_id, t.partner_id, t.kind, h.seq INTO thread_id, partner_id, kind, seq
    FROM app.threads t JOIN app.channel_head h ON h.channel = 'thread:' || t.public_id
    WHERE t.public_id = p_thread FOR NO KEY UPDATE OF h;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no thread %', p_thread USING ERRCODE = 'no_data_found';
    END IF;
END
$$;

-- From here on: of the messages before, a new participant sees none. Harmless for one who is in already.
CREATE FUNCTION api.participant_add(p_thread bigint, p_seq bigint, p_user text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
    v_user int;
BEGIN
    SELECT user_id INTO v_user FROM app.users WHERE public_id = p_user AND status = 'active';
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no active user %', p_user USING ERRCODE = 'no_data_found';
    END IF;
    INSERT INTO app.thread_participants AS p (thread_id, joined_seq, user_id) VALUES (p_thread, p_seq, v_user)
    ON CONFLICT (thread_id, user_id) DO UPDATE SET joined_seq = excluded.joined_seq, left_seq = NULL
    WHERE p.left_seq IS NOT NULL;
    IF NOT EXISTS (SELECT FROM app.thread_people(p_thread) o WHERE o.user_id = v_user) THEN
        RAISE EXCEPTION '% is neither staff nor a member of the thread''s partner', p_user
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF (SELECT count(*) FROM app.thread_participants WHERE thread_id = p_thread AND left_seq IS NULL) > 1000 THEN
        RAISE EXCEPTION 'a thread has at most 1000 participants' USING ERRCODE = 'program_limit_exceeded';
    END IF;
END
$$;

-- Without a partner the thread is for staff only. A direct thread is of two people and stays so.
CREATE FUNCTION api.thread_create(p_partner_code text, p_kind text, p_subject text, p_users text[]) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
    v_partner int;
    v_thread  bigint;
    v_public  text;
    v_user    text;
BEGIN
    IF p_partner_code IS NOT NULL THEN
        SELECT partner_id INTO v_partner FROM app.partners WHERE code = p_partner_code;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'no partner %', p_partner_code USING ERRCODE = 'no_data_found';
        END IF;
    END IF;
    IF p_kind = 'direct' AND (SELECT count(DISTINCT u) FROM unnest(p_users) u) <> 2 THEN
        RAISE EXCEPTION 'a direct thread has two participants' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    INSERT INTO app.threads (partner_id, kind, subject) VALUES (v_partner, p_kind, p_subject)
    RETURNING thread_id, public_id INTO v_thread, v_public;
    INSERT INTO app.channel_head (channel) VALUES ('thread:' || v_public);
    FOREACH v_user IN ARRAY coalesce(p_users, '{}') LOOP
        PERFORM api.participant_add(v_thread, 0, v_user);
    END LOOP;
    PERFORM app.threads_touch(ARRAY[v_thread]);
    PERFORM app.audit('thread.create', 'thread', v_public, v_partner, NULL, jsonb_build_object(
        'kind', p_kind, 'participants', to_jsonb(coalesce(p_users, '{}'))));
    RETURN v_public;
END
$$;

CREATE FUNCTION api.thread_join(p_thread text, p_user text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
    v_thread record;
BEGIN
    SELECT * INTO v_thread FROM api.thread_lock(p_thread);
    IF v_thread.kind = 'direct' THEN
        RAISE EXCEPTION 'nobody joins a direct thread' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM api.participant_add(v_thread.thread_id, v_thread.seq, p_user);
    PERFORM app.threads_touch(ARRAY[v_thread.thread_id]);
    PERFORM app.audit('thread.join', 'thread', p_thread, v_thread.partner_id, NULL, jsonb_build_object('user', p_user));
END
$$;

-- False if the user takes no part.
CREATE FUNCTION api.thread_leave(p_thread text, p_user text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
    v_thread record;
BEGIN
    SELECT * INTO v_thread FROM api.thread_lock(p_thread);
    UPDATE app.thread_participants p SET left_seq = v_thread.seq
    FROM app.users u
    WHERE p.thread_id = v_thread.thread_id AND p.user_id = u.user_id AND u.public_id = p_user
      AND p.left_seq IS NULL;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    PERFORM app.threads_touch(ARRAY[v_thread.thread_id]);
    PERFORM app.audit('thread.leave', 'thread', p_thread, v_thread.partner_id, jsonb_build_object('user', p_user), NULL);
    RETURN true;
END
$$;

CREATE FUNCTION api.threads(p_partner_code text)
RETURNS TABLE (id text, partner text, kind text, participants bigint, last_seq bigint, subject text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
    SELECT t.public_id, r.code, t.kind, (SELECT count(*) FROM app.thread_people(t.thread_id)), t.last_seq, t.subject
    FROM app.threads t LEFT JOIN app.partners r ON r.partner_id = t.partner_id
    WHERE p_partner_code IS NULL OR r.code = p_partner_code
    ORDER BY t.thread_id
$$;

DO $$
DECLARE
    f record;
BEGIN
    FOR f IN SELECT p.oid::regprocedure AS name, w.owner, w.caller
             FROM pg_catalog.pg_proc p
             JOIN (VALUES ('message_post', 'mh_writer', 'mh_ingest'), ('threads_of', 'mh_writer', 'mh_ingest'),
                          ('thread_members', 'mh_reader', 'mh_hub'), ('thread_lock', 'mh_writer', NULL),
                          ('participant_add', 'mh_writer', NULL), ('thread_create', 'mh_writer', 'mh_admin'),
                          ('thread_join', 'mh_writer', 'mh_admin'), ('thread_leave', 'mh_writer', 'mh_admin'),
                          ('threads', 'mh_writer', 'mh_admin')) w (name, owner, caller) ON w.name = p.proname
             WHERE p.pronamespace = 'api'::regnamespace
    LOOP
        EXECUTE format('ALTER FUNCTION %s OWNER TO %I', f.name, f.owner);
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', f.name);
        IF f.caller IS NOT NULL THEN
            EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO %I', f.name, f.caller);
        END IF;
    END LOOP;
END
$$;
