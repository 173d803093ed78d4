-- Signing in by an outside identity provider, whose token ingest has verified (EXECUTE for mh_ingest).
-- p_email: the address that the provider verified, or NULL. p_staff: whether the provider may sign staff in.

-- Whose identity it is, or NULL: who used it before; else the active user with that address, unless he is
-- known to the provider under another name, since addresses are given to somebody else.
CREATE FUNCTION app.identity_user(p_issuer text, p_subject text, p_email text, p_staff boolean) RETURNS int
LANGUAGE sql STABLE SET search_path = '' AS $$
    SELECT u.user_id FROM app.users u
    WHERE u.status = 'active' AND (p_staff OR u.kind <> 'staff')
      AND CASE WHEN EXISTS (SELECT FROM app.user_identities i WHERE i.issuer = p_issuer AND i.subject = p_subject)
          THEN u.user_id = (SELECT i.user_id FROM app.user_identities i
                            WHERE i.issuer = p_issuer AND i.subject = p_subject)
          ELSE lower(u.email) = lower(p_email)
               AND NOT EXISTS (SELECT FROM app.user_identities i
                               WHERE i.issuer = p_issuer AND i.user_id = u.user_id) END
$$;

-- As api.password_of(): who needs a code of his second factor has to bring it here, too.
CREATE FUNCTION api.identity_credentials(p_issuer text, p_subject text, p_email text, p_staff boolean)
RETURNS TABLE (user_id text, password_hash text, totp_secret bytea, totp_last_step bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
    SELECT u.public_id, NULL::text, CASE WHEN u.totp_enabled_at IS NOT NULL THEN u.totp_secret END, u.totp_last_step
    FROM app.users u WHERE u.user_id = app.identity_user(p_issuer, p_subject, p_email, p_staff)
$$;

-- A new person, if his address is in a domain that belongs to a partner.
CREATE FUNCTION app.identity_join(p_email text, p_name text) RETURNS int
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
    v_domain app.partner_domains;
    v_user   app.users;
BEGIN
    SELECT d.* INTO v_domain FROM app.partner_domains d JOIN app.partners p ON p.partner_id = d.partner_id
    WHERE d.domain = lower(split_part(p_email, '@', 2)) AND p.status NOT IN ('suspended', 'churned');
    IF NOT FOUND OR p_email !~ '^[^@[:space:][:cntrl:]]+@[^@]+$' THEN
        RETURN NULL;
    END IF;
    INSERT INTO app.users (kind, name, email)
    VALUES ('member', coalesce(nullif(left(btrim(p_name), 120), ''), split_part(p_email, '@', 1)), p_email)
    ON CONFLICT DO NOTHING RETURNING * INTO v_user;
    IF NOT FOUND THEN
        RETURN NULL; -- of somebody who may not come this way
    END IF;
    INSERT INTO app.memberships (partner_id, user_id, role, granted_by)
    VALUES (v_domain.partner_id, v_user.user_id, 'viewer', v_domain.created_by);
    PERFORM set_config('app.user_id', v_user.user_id::text, true), set_config('app.impersonator_id', '', true);
    PERFORM app.audit('user.join', 'user', v_user.public_id, v_domain.partner_id, NULL,
                      jsonb_build_object('domain', v_domain.domain, 'role', 'viewer'));
    RETURN v_user.user_id;
END
$$;

-- Opens a session by a token, which does that once, for whose code, if he has a second factor, was right.
-- p_auth_ms: when the provider saw him prove who he is; without it he must do so again here for what needs
-- that. Either the principal, or why not, as a reason of ingest: 'identity_used', 'no_account', or
-- 'sign_in_failed' (the code was used before, or something changed since api.identity_credentials()).
CREATE FUNCTION api.session_open_identity(
    p_issuer text, p_subject text, p_email text, p_name text, p_staff boolean, p_token_hash bytea,
    p_token_expires_ms bigint, p_auth_ms bigint, p_session_hash bytea, p_ttl_seconds int, p_ip text,
    p_agent text, p_totp_step bigint, OUT principal jsonb, OUT refused text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
    v_id   int := coalesce(app.identity_user(p_issuer, p_subject, p_email, p_staff), app.identity_join(p_email, p_name));
    v_user app.users;
    v_new  boolean;
BEGIN
    SELECT * INTO v_user FROM app.users u WHERE u.user_id = v_id AND u.status = 'active' FOR UPDATE;
    IF NOT FOUND THEN
        refused := 'no_account';
        RETURN;
    END IF;
    INSERT INTO app.identity_tokens (token_hash, expires_at) VALUES (p_token_hash, to_timestamp(p_token_expires_ms / 1000.0))
    ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        refused := 'identity_used';
        RETURN;
    END IF;
    IF v_user.totp_enabled_at IS NOT NULL
       AND (p_totp_step IS NULL OR NOT app.totp_spend(v_user.user_id, p_totp_step)) THEN
        refused := 'sign_in_failed';
        RETURN;
    END IF;
    INSERT INTO app.user_identities AS i (issuer, subject, user_id, last_used_at)
    VALUES (p_issuer, p_subject, v_user.user_id, now())
    ON CONFLICT (issuer, subject) DO UPDATE SET last_used_at = now() RETURNING xmax = 0 INTO v_new;
    principal := app.session_start(v_user.user_id, p_session_hash, p_ttl_seconds, p_ip, p_agent, 'identity',
                                   coalesce(to_timestamp(p_auth_ms / 1000.0), 'epoch'));
    IF v_new THEN
        PERFORM app.audit('identity.link', 'user', v_user.public_id, NULL, NULL, jsonb_build_object('issuer', p_issuer));
    END IF;
END
$$;

-- ---- Domains of a partner --------------------------------------------------------------------------

CREATE FUNCTION app.domains_json(p_partner int) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = '' AS $$
    SELECT jsonb_build_object('domains', coalesce(jsonb_agg(d.domain ORDER BY d.domain), '[]'))
    FROM app.partner_domains d WHERE d.partner_id = p_partner
$$;

CREATE FUNCTION app.domains_of(p_body jsonb) RETURNS text[]
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
DECLARE
    v_domains text[];
    v_wrong   text;
BEGIN
    IF jsonb_typeof(p_body -> 'domains') IS DISTINCT FROM 'array' OR jsonb_array_length(p_body -> 'domains') > 20 THEN
        PERFORM app.fail(400, 'invalid', 'expected an array of at most 20 domains', 'domains');
    END IF;
    SELECT array_agg(DISTINCT lower(btrim(d.value))) INTO v_domains
    FROM jsonb_array_elements_text(p_body -> 'domains') d;
    SELECT d INTO v_wrong FROM unnest(v_domains) d
    WHERE d IS NULL OR length(d) > 253 OR d !~ '^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]$';
    IF FOUND THEN
        PERFORM app.fail(400, 'invalid', format('not a domain: %s', left(coalesce(v_wrong, 'null'), 80)), 'domains');
    END IF;
    RETURN coalesce(v_domains, '{}');
END
$$;

CREATE FUNCTION route.partner_domains(p_target text, p_query jsonb, p_body jsonb, p_fresh jsonb) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
    SELECT app.domains_json(app.partner_of(p_target, ''))
$$;

CREATE FUNCTION route.partner_domains_set(p_target text, p_query jsonb, p_body jsonb, p_fresh jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
    v_id      int := app.partner_of(p_target, '');
    v_domains text[] := app.domains_of(p_body);
    v_old     jsonb;
    v_taken   text;
BEGIN
    PERFORM FROM app.partners p WHERE p.partner_id = v_id FOR UPDATE;
    v_old := app.domains_json(v_id);
    DELETE FROM app.partner_domains d WHERE d.partner_id = v_id AND NOT d.domain = ANY (v_domains);
    INSERT INTO app.partner_domains (domain, partner_id, created_by)
    SELECT d, v_id, authz.user_id() FROM unnest(v_domains) d ON CONFLICT DO NOTHING;
    SELECT d.domain INTO v_taken FROM app.partner_domains d
    WHERE d.domain = ANY (v_domains) AND d.partner_id <> v_id ORDER BY d.domain;
    IF FOUND THEN
        PERFORM app.fail(409, 'taken', v_taken || ' belongs to another partner', 'domains');
    END IF;
    PERFORM app.audit('partner.domains', 'partner', p_target, v_id, v_old, app.domains_json(v_id));
    RETURN app.domains_json(v_id);
END
$$;

DO $$
DECLARE
    f regprocedure;
BEGIN
    FOR f IN SELECT p.oid FROM pg_catalog.pg_proc p
             WHERE p.pronamespace = 'api'::regnamespace AND p.proname IN ('identity_credentials', 'session_open_identity')
    LOOP
        EXECUTE format('ALTER FUNCTION %s OWNER TO mh_writer', f);
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', f);
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO mh_ingest', f);
    END LOOP;
END
$$;

SET LOCAL ROLE mh_writer;
INSERT INTO app.routes (name, method, path, permission, scope, mutates, step_up) VALUES
    ('partner_domains', 'GET', '/v1/partners/{}/domains', 'partners.write', 'staff', false, false),
    ('partner_domains_set', 'PUT', '/v1/partners/{}/domains', 'partners.write', 'staff', true, true);
RESET ROLE;
