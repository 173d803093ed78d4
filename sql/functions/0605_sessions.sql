-- Signing in and out, and who a session is (EXECUTE for mh_ingest, unless said otherwise).

-- What stands in a principal about what the user may: his role, and the permissions if they are not just
-- those of the role, since a custom role or looking through his eyes (p_watched) leaves fewer.
CREATE OR REPLACE FUNCTION app.access_json(p_user int, p_watched boolean) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = '' AS $$
    SELECT CASE u.kind
           WHEN 'staff' THEN jsonb_strip_nulls(jsonb_build_object(
                'staff', u.staff_role,
                'permissions', CASE WHEN p_watched OR u.custom_role_id IS NOT NULL THEN
                     to_jsonb(CASE WHEN p_watched THEN app.watching(s.permissions) ELSE s.permissions END) END))
           ELSE jsonb_build_object('partners', coalesce((
                SELECT jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
                           'code', m.code, 'name', m.name, 'role', m.role,
                           'permissions', CASE WHEN p_watched THEN to_jsonb(app.watching(m.permissions))
                                          WHEN c.custom_role_id IS NOT NULL THEN to_jsonb(m.permissions) END,
                           'suspended', CASE m.status WHEN 'suspended' THEN true END))
                       ORDER BY m.code)
                FROM app.memberships_of(u.user_id) m
                JOIN app.memberships c ON c.partner_id = m.partner_id AND c.user_id = u.user_id), '[]')) END
    FROM app.users u
    CROSS JOIN LATERAL (SELECT app.role_permissions_of('staff.' || u.staff_role, u.custom_role_id) AS permissions) s
    WHERE u.user_id = p_user
$$;

-- The principal of the session with that public id, or NULL: unknown, ended, expired, or the user, or
-- who looks through his eyes, was suspended. Reads only what mh_reader may read, so that the hub's
-- functions can use it.
CREATE OR REPLACE FUNCTION app.principal_of(p_session text) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = '' AS $$
    SELECT jsonb_build_object('user', u.public_id, 'name', u.name)
           || app.access_json(u.user_id, s.impersonator_id IS NOT NULL)
           || jsonb_build_object('session', s.public_id, 'expires_ms', app.ms(s.expires_at),
                                 'auth_ms', app.ms(s.auth_at))
           || CASE WHEN i.user_id IS NULL THEN '{}'
              ELSE jsonb_build_object('impersonator', jsonb_build_object('id', i.public_id, 'name', i.name)) END
    FROM app.sessions s JOIN app.users u ON u.user_id = s.user_id
    LEFT JOIN app.users i ON i.user_id = s.impersonator_id
    WHERE s.public_id = p_session AND s.revoked_at IS NULL AND s.expires_at > now() AND u.status = 'active'
      AND (s.impersonator_id IS NULL OR app.may_impersonate(s.impersonator_id))
$$;

-- For metricsctl (mh_admin): the same of a user without a session; NULL unless active.
CREATE FUNCTION api.user_principal(p_user text) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
    SELECT jsonb_build_object('user', u.public_id, 'name', u.name) || app.access_json(u.user_id, false)
    FROM app.users u WHERE u.public_id = p_user AND u.status = 'active'
$$;

-- The principal of a session, as app.principal_of(). Notes, at most once a minute, that it is in use.
CREATE FUNCTION api.session_principal(p_session_hash bytea) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
    v_session app.sessions;
BEGIN
    SELECT * INTO v_session FROM app.sessions s
    WHERE s.session_hash = p_session_hash AND s.revoked_at IS NULL AND s.expires_at > now();
    IF v_session.last_seen_at > now() - interval '1 minute' IS NOT TRUE THEN
        UPDATE app.sessions SET last_seen_at = now() WHERE session_hash = v_session.session_hash;
    END IF;
    RETURN app.principal_of(v_session.public_id);
END
$$;

-- ---- Signing in ------------------------------------------------------------------------------------

-- The session's row and the trail's. What the browser says of itself is cut to what is kept.
CREATE OR REPLACE FUNCTION app.session_start(p_user int, p_session_hash bytea, p_ttl_seconds int, p_ip text,
                                             p_agent text, p_by text, p_auth_at timestamptz DEFAULT now())
RETURNS jsonb
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
    v_session text;
BEGIN
    UPDATE app.users SET last_login_at = now() WHERE user_id = p_user;
    INSERT INTO app.sessions (session_hash, user_id, auth_at, expires_at, ip, user_agent, last_seen_at)
    VALUES (p_session_hash, p_user, p_auth_at, now() + make_interval(secs => p_ttl_seconds), p_ip::inet,
            left(p_agent, 300), now())
    RETURNING public_id INTO v_session;
    PERFORM set_config('app.user_id', p_user::text, true), set_config('app.impersonator_id', '', true),
            set_config('app.ip', coalesce(p_ip, ''), true);
    PERFORM app.audit('session.open', 'session', v_session, NULL, NULL, jsonb_build_object('by', p_by));
    RETURN app.principal_of(v_session);
END
$$;

-- Spends a sign-in link (one use, also under concurrency: the row is claimed by the UPDATE) and opens a
-- session. No row: link unknown, used or expired, or the user is not active.
CREATE FUNCTION api.session_open(p_link_hash bytea, p_session_hash bytea, p_ttl_seconds int,
                                 p_ip text DEFAULT NULL, p_agent text DEFAULT NULL) RETURNS SETOF jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
    v_user int;
BEGIN
    UPDATE app.sign_in_links l SET used_at = now()
    FROM app.users u
    WHERE l.token_hash = p_link_hash AND l.used_at IS NULL AND l.expires_at > now()
      AND u.user_id = l.user_id AND u.status = 'active'
    RETURNING l.user_id INTO v_user;
    IF FOUND THEN
        RETURN NEXT app.session_start(v_user, p_session_hash, p_ttl_seconds, p_ip, p_agent, 'link');
    END IF;
END
$$;

-- What the password of who signs in is compared with. No row: no such active user, or none with a
-- password; the caller must not let that be seen, nor measured. totp_secret: he needs a code as well.
CREATE FUNCTION api.password_of(p_email text)
RETURNS TABLE (user_id text, password_hash text, totp_secret bytea, totp_last_step bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
    SELECT u.public_id, u.password_hash, CASE WHEN u.totp_enabled_at IS NOT NULL THEN u.totp_secret END,
           u.totp_last_step
    FROM app.users u
    WHERE lower(u.email) = lower(p_email) AND u.status = 'active' AND u.password_hash IS NOT NULL
$$;

-- The same of who is signed in, for step-up and for confirming a second factor: there totp_secret is
-- also one that is not enabled yet (totp_enabled says). No row: sign in.
CREATE FUNCTION api.credentials_of(p_session_hash bytea)
RETURNS TABLE (user_id text, password_hash text, totp_secret bytea, totp_last_step bigint, totp_enabled boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
    SELECT u.public_id, u.password_hash, u.totp_secret, u.totp_last_step, u.totp_enabled_at IS NOT NULL
    FROM app.session_of(p_session_hash) s JOIN app.users u ON u.user_id = s.user_id
    WHERE s.impersonator_id IS NULL
$$;

-- Spends the code of a time step. False: it, or a later one, was used before.
CREATE OR REPLACE FUNCTION app.totp_spend(p_user int, p_step bigint) RETURNS boolean
LANGUAGE sql SET search_path = '' AS $$
    WITH done AS (UPDATE app.users SET totp_last_step = p_step
                  WHERE user_id = p_user AND totp_enabled_at IS NOT NULL AND coalesce(totp_last_step, -1) < p_step
                  RETURNING 1)
    SELECT EXISTS (SELECT FROM done)
$$;

-- Opens a session for whose password, and code if he has a second factor (p_totp_step), was right. No
-- row: the code was used before, or something changed since api.password_of().
CREATE FUNCTION api.session_open_password(p_user text, p_session_hash bytea, p_ttl_seconds int, p_ip text,
                                          p_agent text, p_totp_step bigint) RETURNS SETOF jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
    v_user app.users;
BEGIN
    SELECT * INTO v_user FROM app.users u
    WHERE u.public_id = p_user AND u.status = 'active' AND u.password_hash IS NOT NULL FOR UPDATE;
    IF NOT FOUND OR v_user.totp_enabled_at IS NOT NULL
                    AND (p_totp_step IS NULL OR NOT app.totp_spend(v_user.user_id, p_totp_step)) THEN
        RETURN;
    END IF;
    RETURN NEXT app.session_start(v_user.user_id, p_session_hash, p_ttl_seconds, p_ip, p_agent,
                                  CASE WHEN v_user.totp_enabled_at IS NULL THEN 'password' ELSE 'password+code' END);
END
$$;

-- Its user proved again who he is, by his password or by a code (p_totp_step). NULL: not signed in, or
-- the code was used before.
CREATE FUNCTION api.session_step_up(p_session_hash bytea, p_totp_step bigint) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
    v_who record;
BEGIN
    SELECT * INTO v_who FROM app.session_of(p_session_hash);
    IF NOT FOUND OR v_who.impersonator_id IS NOT NULL
       OR p_totp_step IS NOT NULL AND NOT app.totp_spend(v_who.user_id, p_totp_step) THEN
        RETURN NULL;
    END IF;
    UPDATE app.sessions SET auth_at = now() WHERE session_hash = p_session_hash;
    RETURN app.principal_of(v_who.session_id);
END
$$;

CREATE FUNCTION api.session_close(p_session_hash bytea) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
    v_session app.sessions;
BEGIN
    UPDATE app.sessions SET revoked_at = now() WHERE session_hash = p_session_hash AND revoked_at IS NULL
    RETURNING * INTO v_session;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    PERFORM set_config('app.user_id', v_session.user_id::text, true),
            set_config('app.impersonator_id', coalesce(v_session.impersonator_id::text, ''), true);
    PERFORM app.audit('session.close', 'session', v_session.public_id, NULL);
    RETURN true;
END
$$;

-- Whether nobody has had this account yet, nor has it a place in another partner (somebody imported it).
CREATE OR REPLACE FUNCTION app.is_unused(p_user app.users, p_partner int) RETURNS boolean
LANGUAGE sql STABLE SET search_path = '' AS $$
    SELECT p_partner IS NOT NULL AND p_user.kind = 'member' AND p_user.status = 'active'
       AND p_user.last_login_at IS NULL AND p_user.password_hash IS NULL
       AND NOT EXISTS (SELECT FROM app.memberships m
                       WHERE m.user_id = p_user.user_id AND m.partner_id IS DISTINCT FROM p_partner)
$$;

-- Spends an invitation, once. A new person gets an account with the password (may be NULL: he then needs
-- links) and a session: the principal. Who has an account already is made a member and gets
-- {"sign_in": true} and no session: the token went through the hands of who invited him. No row:
-- unknown, used, revoked or expired, or it can no longer be granted.
CREATE FUNCTION api.invitation_accept(p_token_hash bytea, p_session_hash bytea, p_ttl_seconds int, p_name text,
                                      p_password_hash text, p_ip text, p_agent text) RETURNS SETOF jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
    v_in     app.invitations;
    v_user   app.users;
    v_is_new boolean;
BEGIN
    UPDATE app.invitations i SET accepted_at = now()
    WHERE i.token_hash = p_token_hash AND i.accepted_at IS NULL AND i.revoked_at IS NULL AND i.expires_at > now()
      AND (i.partner_id IS NULL OR EXISTS (SELECT FROM app.partners p
                                           WHERE p.partner_id = i.partner_id AND p.status <> 'churned'))
    RETURNING * INTO v_in;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    SELECT * INTO v_user FROM app.users u WHERE lower(u.email) = lower(v_in.email) FOR UPDATE;
    v_is_new := NOT FOUND;
    IF v_is_new THEN
        INSERT INTO app.users (kind, staff_role, name, email, password_hash)
        VALUES (CASE WHEN v_in.partner_id IS NULL THEN 'staff' ELSE 'member' END,
                CASE WHEN v_in.partner_id IS NULL THEN v_in.role END,
                coalesce(nullif(left(btrim(p_name), 120), ''), v_in.name), v_in.email, p_password_hash)
        RETURNING * INTO v_user;
    ELSIF app.is_unused(v_user, v_in.partner_id) THEN
        v_is_new := true;
        UPDATE app.users u
        SET password_hash = p_password_hash, name = coalesce(nullif(left(btrim(p_name), 120), ''), u.name)
        WHERE u.user_id = v_user.user_id;
    ELSIF v_in.partner_id IS NULL OR v_user.kind = 'staff' OR v_user.status <> 'active' THEN
        UPDATE app.invitations SET accepted_at = NULL WHERE token_hash = p_token_hash;
        RETURN;
    END IF;
    IF v_in.partner_id IS NOT NULL THEN
        INSERT INTO app.memberships (partner_id, user_id, role, granted_by)
        VALUES (v_in.partner_id, v_user.user_id, v_in.role, v_in.invited_by) ON CONFLICT DO NOTHING;
    END IF;
    UPDATE app.invitations SET user_id = v_user.user_id WHERE token_hash = p_token_hash;
    IF v_is_new THEN
        RETURN NEXT app.session_start(v_user.user_id, p_session_hash, p_ttl_seconds, p_ip, p_agent, 'invitation');
    ELSE
        RETURN NEXT jsonb_build_object('sign_in', true);
    END IF;
    PERFORM set_config('app.user_id', v_user.user_id::text, true), set_config('app.impersonator_id', '', true),
            set_config('app.ip', coalesce(p_ip, ''), true);
    PERFORM app.audit('invitation.accept', 'invitation', v_in.public_id, v_in.partner_id, NULL,
                      jsonb_build_object('user', v_user.public_id, 'role', v_in.role));
END
$$;

DO $$
DECLARE
    f record;
BEGIN
    FOR f IN SELECT p.oid::regprocedure AS name, w.caller
             FROM pg_catalog.pg_proc p
             JOIN (VALUES ('user_principal', 'mh_admin'), ('session_principal', 'mh_ingest'),
                          ('session_open', 'mh_ingest'), ('password_of', 'mh_ingest'), ('credentials_of', 'mh_ingest'),
                          ('session_open_password', 'mh_ingest'), ('session_step_up', 'mh_ingest'),
                          ('session_close', 'mh_ingest'), ('invitation_accept', 'mh_ingest'))
                  w (name, caller) ON w.name = p.proname
             WHERE p.pronamespace = 'api'::regnamespace
    LOOP
        EXECUTE format('ALTER FUNCTION %s OWNER TO mh_writer', f.name);
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', f.name);
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO %I', f.name, f.caller);
    END LOOP;
    FOR f IN SELECT p.oid::regprocedure AS name FROM pg_catalog.pg_proc p
             WHERE p.pronamespace = 'app'::regnamespace
               AND p.proname IN ('access_json', 'principal_of', 'session_start', 'totp_spend', 'is_unused')
    LOOP
        EXECUTE format('ALTER FUNCTION %s OWNER TO mh_owner', f.name);
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', f.name);
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO mh_writer, mh_reader', f.name);
    END LOOP;
END
$$;
