-- One's own account: name, password, second factor, sessions.

CREATE FUNCTION route.me_get(p_target text, p_query jsonb, p_body jsonb, p_fresh jsonb) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
    SELECT jsonb_strip_nulls(jsonb_build_object(
        'user', jsonb_build_object('id', u.public_id, 'name', u.name, 'email', u.email, 'kind', u.kind,
                                   'two_factor', u.totp_enabled_at IS NOT NULL,
                                   'has_password', u.password_hash IS NOT NULL),
        'role', u.staff_role,
        'permissions', to_jsonb(current_setting('app.permissions')::text[]),
        'partners', (SELECT coalesce(jsonb_agg(jsonb_build_object(
                         'code', m.code, 'name', m.name, 'role', m.role, 'status', m.status,
                         'permissions', CASE WHEN s.impersonator_id IS NULL THEN m.permissions
                                        ELSE app.watching(m.permissions) END) ORDER BY m.code), '[]')
                     FROM app.memberships_of(u.user_id) m),
        'session', jsonb_build_object(
            'id', s.public_id, 'auth_at', app.ms(s.auth_at), 'expires_at', app.ms(s.expires_at), 'reason', s.reason,
            'impersonator', (SELECT jsonb_build_object('id', i.public_id, 'name', i.name)
                             FROM app.users i WHERE i.user_id = s.impersonator_id))))
    FROM app.users u JOIN app.sessions s ON s.public_id = current_setting('app.session')
    WHERE u.user_id = authz.user_id()
$$;

CREATE FUNCTION route.me_update(p_target text, p_query jsonb, p_body jsonb, p_fresh jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
    v_name text := app.text_of(p_body, 'name', 120);
    v_user app.users;
BEGIN
    SELECT * INTO v_user FROM app.users WHERE user_id = authz.user_id() FOR UPDATE;
    UPDATE app.users SET name = v_name, version = version + 1, updated_at = now() WHERE user_id = v_user.user_id;
    PERFORM app.audit('user.update', 'user', v_user.public_id, NULL, jsonb_build_object('name', v_user.name),
                      jsonb_build_object('name', v_name));
    RETURN route.me_get(p_target, p_query, p_body, p_fresh);
END
$$;

-- Ends the sessions of the person asking (as whom somebody looks through his eyes, too), but for that
-- one; their number.
CREATE OR REPLACE FUNCTION app.end_my_sessions(p_but text) RETURNS int
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
    v_count int;
BEGIN
    UPDATE app.sessions SET revoked_at = now()
    WHERE user_id = authz.user_id() AND revoked_at IS NULL AND expires_at > now()
      AND public_id IS DISTINCT FROM p_but;
    GET DIAGNOSTICS v_count = ROW_COUNT;
    RETURN v_count;
END
$$;

-- Whoever knew the old one is signed out.
CREATE FUNCTION route.me_password(p_target text, p_query jsonb, p_body jsonb, p_fresh jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
    v_hash text := p_fresh ->> 'password_hash';
    v_user app.users;
    v_count int;
BEGIN
    IF v_hash IS NULL THEN
        PERFORM app.fail(400, 'required', 'must be given', 'password');
    END IF;
    SELECT * INTO v_user FROM app.users WHERE user_id = authz.user_id() FOR UPDATE;
    UPDATE app.users SET password_hash = v_hash, version = version + 1, updated_at = now()
    WHERE user_id = v_user.user_id;
    v_count := app.end_my_sessions(current_setting('app.session'));
    PERFORM app.audit('user.password', 'user', v_user.public_id, NULL,
                      jsonb_build_object('has_password', v_user.password_hash IS NOT NULL),
                      jsonb_build_object('has_password', true, 'sessions_ended', v_count));
    RETURN jsonb_build_object('sessions_ended', v_count);
END
$$;

-- ---- Second factor (RFC 6238: SHA-1, 6 digits, 30 s; what every app takes) -------------------------

-- RFC 4648, without padding.
CREATE OR REPLACE FUNCTION app.base32(p_bytes bytea) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = '' AS $$
    SELECT string_agg(substr('ABCDEFGHIJKLMNOPQRSTUVWXYZ234567', 1 + rpad(substr(b.bits, i, 5), 5, '0')::bit(5)::int, 1),
                      '' ORDER BY i)
    FROM (SELECT string_agg(get_byte(p_bytes, n)::bit(8)::text, '' ORDER BY n) AS bits
          FROM generate_series(0, length(p_bytes) - 1) n) b
    CROSS JOIN LATERAL generate_series(1, length(b.bits), 5) i
$$;

CREATE OR REPLACE FUNCTION app.percent_encode(p_text text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = '' AS $$
    SELECT coalesce(string_agg(CASE WHEN c ~ '^[A-Za-z0-9._~-]$' THEN c
                               ELSE regexp_replace(upper(encode(convert_to(c, 'UTF8'), 'hex')), '(..)', '%\1', 'g') END,
                               '' ORDER BY i), '')
    FROM regexp_split_to_table(p_text, '') WITH ORDINALITY t (c, i)
$$;

-- A secret that counts once a code of it was confirmed; shown this once.
CREATE FUNCTION route.me_totp_begin(p_target text, p_query jsonb, p_body jsonb, p_fresh jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
    v_secret bytea := substr(sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())), 1, 20);
    v_user   app.users;
BEGIN
    UPDATE app.users SET totp_secret = v_secret, totp_last_step = NULL
    WHERE user_id = authz.user_id() AND totp_enabled_at IS NULL
    RETURNING * INTO v_user;
    IF NOT FOUND THEN
        PERFORM app.fail(409, 'conflict', 'you have a second factor: remove it first');
    END IF;
    PERFORM app.audit('user.totp_begin', 'user', v_user.public_id, NULL);
    RETURN jsonb_build_object(
        'secret', app.base32(v_secret),
        'uri', format('otpauth://totp/Metrics%%20Hub:%s?secret=%s&issuer=Metrics%%20Hub&algorithm=SHA1&digits=6&period=30',
                      app.percent_encode(coalesce(v_user.email, v_user.name)), app.base32(v_secret)));
END
$$;

-- Ingest has compared the code; totp_step is the step it belongs to.
CREATE FUNCTION route.me_totp_confirm(p_target text, p_query jsonb, p_body jsonb, p_fresh jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
    v_public text;
BEGIN
    PERFORM app.text_of(p_body, 'code', 10);
    IF NOT EXISTS (SELECT FROM app.users WHERE user_id = authz.user_id() AND totp_secret IS NOT NULL
                                           AND totp_enabled_at IS NULL) THEN
        PERFORM app.fail(409, 'conflict', 'begin first: POST /v1/me/totp');
    ELSIF p_fresh ->> 'totp_step' IS NULL THEN
        PERFORM app.fail(400, 'code_invalid', 'the code is not the one of this moment', 'code');
    END IF;
    UPDATE app.users SET totp_enabled_at = now(), totp_last_step = (p_fresh ->> 'totp_step')::bigint,
                         version = version + 1, updated_at = now()
    WHERE user_id = authz.user_id() RETURNING public_id INTO v_public;
    PERFORM app.audit('user.totp_enable', 'user', v_public, NULL, '{"two_factor": false}', '{"two_factor": true}');
    RETURN jsonb_build_object('two_factor', true);
END
$$;

CREATE FUNCTION route.me_totp_remove(p_target text, p_query jsonb, p_body jsonb, p_fresh jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
    v_user app.users;
BEGIN
    SELECT * INTO v_user FROM app.users WHERE user_id = authz.user_id() FOR UPDATE;
    IF v_user.totp_secret IS NULL THEN
        PERFORM app.fail(404, 'not_found', 'you have no second factor');
    END IF;
    UPDATE app.users SET totp_secret = NULL, totp_enabled_at = NULL, totp_last_step = NULL,
                         version = version + 1, updated_at = now()
    WHERE user_id = v_user.user_id;
    PERFORM app.audit('user.totp_remove', 'user', v_user.public_id, NULL,
                      jsonb_build_object('two_factor', v_user.totp_enabled_at IS NOT NULL), '{"two_factor": false}');
    RETURN jsonb_build_object('two_factor', false);
END
$$;

-- ---- Sessions --------------------------------------------------------------------------------------

-- Newest first: public ids are in the order of time.
CREATE FUNCTION route.me_sessions(p_target text, p_query jsonb, p_body jsonb, p_fresh jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = '' AS $$
DECLARE
    v_limit int := app.page_size(p_query);
    v_items jsonb[];
BEGIN
    SELECT array_agg(x.item ORDER BY x.public_id COLLATE "C" DESC) INTO v_items
    FROM (SELECT s.public_id, jsonb_strip_nulls(jsonb_build_object(
                     'id', s.public_id, 'current', s.public_id = current_setting('app.session'),
                     'ip', host(s.ip), 'user_agent', s.user_agent, 'created_at', app.ms(s.created_at),
                     'last_seen_at', app.ms(s.last_seen_at), 'expires_at', app.ms(s.expires_at), 'reason', s.reason,
                     'impersonator', CASE WHEN i.user_id IS NOT NULL
                                     THEN jsonb_build_object('id', i.public_id, 'name', i.name) END)) AS item
          FROM app.sessions s LEFT JOIN app.users i ON i.user_id = s.impersonator_id
          WHERE s.user_id = authz.user_id() AND s.revoked_at IS NULL AND s.expires_at > now()
            AND (p_query ->> 'after' IS NULL OR s.public_id COLLATE "C" < p_query ->> 'after' COLLATE "C")
          ORDER BY s.public_id COLLATE "C" DESC LIMIT v_limit + 1) x;
    RETURN app.page(v_items, v_limit, 'id');
END
$$;

CREATE FUNCTION route.me_session_end(p_target text, p_query jsonb, p_body jsonb, p_fresh jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
BEGIN
    UPDATE app.sessions SET revoked_at = now()
    WHERE public_id = p_target AND user_id = authz.user_id() AND revoked_at IS NULL;
    IF NOT FOUND THEN
        PERFORM app.fail(404, 'not_found', 'no such session, or it has ended');
    END IF;
    PERFORM app.audit('session.end', 'session', p_target, NULL);
    RETURN jsonb_build_object('ended', 1);
END
$$;

CREATE FUNCTION route.me_sessions_end(p_target text, p_query jsonb, p_body jsonb, p_fresh jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
    v_count int := app.end_my_sessions(CASE WHEN p_query ->> 'all' = '1' THEN NULL
                                       ELSE current_setting('app.session') END);
BEGIN
    PERFORM app.audit('session.end_all', 'user', current_setting('app.user'), NULL, NULL,
                      jsonb_build_object('ended', v_count));
    RETURN jsonb_build_object('ended', v_count);
END
$$;

-- A page of items, of which one more than p_limit was read if there are more; `next` is the last one's
-- member p_key.
CREATE OR REPLACE FUNCTION app.page(p_items jsonb[], p_limit int, p_key text) RETURNS jsonb
LANGUAGE sql IMMUTABLE SET search_path = '' AS $$
    SELECT jsonb_build_object('items', to_jsonb(coalesce(p_items[:p_limit], '{}')))
           || CASE WHEN cardinality(p_items) > p_limit
              THEN jsonb_build_object('next', p_items[p_limit] -> p_key) ELSE '{}' END
$$;

SET LOCAL ROLE mh_writer;
INSERT INTO app.routes (name, method, path, permission, scope, mutates, step_up) VALUES
    ('me_get', 'GET', '/v1/me', NULL, 'any', false, false),
    ('me_update', 'PATCH', '/v1/me', NULL, 'any', true, false),
    ('me_password', 'PUT', '/v1/me/password', NULL, 'any', true, true),
    ('me_totp_begin', 'POST', '/v1/me/totp', NULL, 'any', true, true),
    ('me_totp_confirm', 'PUT', '/v1/me/totp', NULL, 'any', true, false),
    ('me_totp_remove', 'DELETE', '/v1/me/totp', NULL, 'any', true, true),
    ('me_sessions', 'GET', '/v1/me/sessions', NULL, 'any', false, false),
    ('me_session_end', 'DELETE', '/v1/me/sessions/{}', NULL, 'any', true, false),
    ('me_sessions_end', 'DELETE', '/v1/me/sessions', NULL, 'any', true, false);
RESET ROLE;
