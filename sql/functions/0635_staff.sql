-- Staff, the status of partners, and what the operator does about roles.

CREATE OR REPLACE FUNCTION app.staff_json(u app.users) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = '' AS $$
    SELECT jsonb_strip_nulls(jsonb_build_object(
               'id', u.public_id, 'name', u.name, 'role', u.staff_role, 'status', u.status,
               'custom_role', (SELECT c.public_id FROM app.custom_roles c WHERE c.custom_role_id = u.custom_role_id),
               'reason', u.suspended_reason, 'last_login_at', app.ms(u.last_login_at), 'created_at', app.ms(u.created_at)))
           || app.email_json(u.email, NULL)
$$;

CREATE FUNCTION route.staff_list(p_target text, p_query jsonb, p_body jsonb, p_fresh jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = '' SET plan_cache_mode = force_custom_plan
SET enable_seqscan = off AS $$
DECLARE
    v_size    int := app.page_size(p_query);
    v_pattern text := app.like_of(app.text_of(p_query, 'q', 200, false));
    v_after   app.users := app.user_after(p_query);
    v_items   jsonb[];
BEGIN
    SELECT array_agg(x.item ORDER BY x.name, x.user_id) INTO v_items
    FROM (SELECT lower(u.name) AS name, u.user_id, app.staff_json(u) AS item
          FROM app.users u
          WHERE u.kind = 'staff' AND u.erased_at IS NULL
            AND (NOT p_query ? 'role' OR u.staff_role = p_query ->> 'role')
            AND (NOT p_query ? 'status' OR u.status = p_query ->> 'status')
            AND (v_pattern IS NULL OR lower(u.name) LIKE v_pattern
                 OR authz.has('users.read_personal') AND lower(u.email) LIKE v_pattern)
            AND (v_after.user_id IS NULL OR (lower(u.name), u.user_id) > (lower(v_after.name), v_after.user_id))
          ORDER BY lower(u.name), u.user_id LIMIT v_size + 1) x;
    RETURN app.page(v_items, v_size, 'id');
END
$$;

CREATE OR REPLACE FUNCTION app.staff_to_change(p_public text) RETURNS app.users
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
    v_user app.users := app.user_to_change(p_public);
BEGIN
    IF v_user.kind <> 'staff' THEN
        PERFORM app.fail(404, 'not_found', 'no such member of staff');
    END IF;
    PERFORM app.check_grant('staff.' || v_user.staff_role, v_user.custom_role_id, NULL, '');
    RETURN v_user;
END
$$;

-- {email, name, staff_role, custom_role?}. He signs in by a link: the fresh token's, if ingest made one.
CREATE FUNCTION route.staff_create(p_target text, p_query jsonb, p_body jsonb, p_fresh jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
    v_role   text := app.role_of(p_body, 'staff_role', 'staff');
    v_custom int := app.custom_role_of(p_body, NULL, 'staff.' || v_role);
    v_user   app.users;
BEGIN
    PERFORM app.check_grant('staff.' || v_role, v_custom, NULL, 'staff_role');
    INSERT INTO app.users (kind, staff_role, custom_role_id, name, email)
    VALUES ('staff', v_role, v_custom, app.text_of(p_body, 'name', 120), app.email_of(p_body))
    RETURNING * INTO v_user;
    IF p_fresh ? 'token_sha256' THEN
        INSERT INTO app.sign_in_links (token_hash, user_id, expires_at)
        VALUES (decode(p_fresh ->> 'token_sha256', 'hex'), v_user.user_id, now() + interval '1 day');
    END IF;
    PERFORM app.audit('staff.create', 'user', v_user.public_id, NULL, NULL, app.staff_json(v_user));
    RETURN app.staff_json(v_user);
END
$$;

-- {name?, email?, staff_role?, custom_role?, status?}; custom_role goes with staff_role.
CREATE FUNCTION route.staff_update(p_target text, p_query jsonb, p_body jsonb, p_fresh jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
    v_old    app.users := app.staff_to_change(p_target);
    v_new    app.users;
    v_status text := coalesce(app.text_of(p_body, 'status', 16, false), v_old.status);
BEGIN
    IF v_status <> v_old.status AND v_status <> 'active' THEN
        PERFORM app.fail(400, 'invalid', 'active takes him back; DELETE deactivates', 'status');
    ELSIF p_body ? 'staff_role' THEN
        PERFORM app.staff_role_put(v_old, p_body);
    END IF;
    UPDATE app.users u
    SET name = coalesce(app.text_of(p_body, 'name', 120, false), u.name), version = u.version + 1, updated_at = now(),
        email = coalesce(app.email_of(p_body, false), u.email), status = v_status,
        suspended_reason = CASE v_status WHEN 'active' THEN NULL ELSE u.suspended_reason END
    WHERE u.user_id = v_old.user_id RETURNING * INTO v_new;
    PERFORM app.audit('staff.update', 'user', p_target, NULL, app.staff_json(v_old), app.staff_json(v_new));
    SET CONSTRAINTS app.users_last_owner IMMEDIATE;
    RETURN app.staff_json(v_new);
END
$$;

-- He stays in the directory and in the trail, signed out and unable to sign in.
CREATE FUNCTION route.staff_deactivate(p_target text, p_query jsonb, p_body jsonb, p_fresh jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
    v_old app.users := app.staff_to_change(p_target);
    v_new app.users;
BEGIN
    IF v_old.status <> 'active' THEN
        PERFORM app.fail(409, 'already', 'he is deactivated already');
    END IF;
    UPDATE app.users u SET status = 'suspended', suspended_reason = app.text_of(p_body, 'reason', 500, false),
                           version = u.version + 1, updated_at = now()
    WHERE u.user_id = v_old.user_id RETURNING * INTO v_new;
    UPDATE app.sessions s SET revoked_at = now() WHERE s.user_id = v_old.user_id AND s.revoked_at IS NULL;
    DELETE FROM app.sign_in_links l WHERE l.user_id = v_old.user_id AND l.used_at IS NULL;
    PERFORM app.audit('staff.deactivate', 'user', p_target, NULL, app.staff_json(v_old), app.staff_json(v_new));
    SET CONSTRAINTS app.users_last_owner IMMEDIATE;
    RETURN app.staff_json(v_new);
END
$$;

-- ---- Partners --------------------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION app.partner_set_status(p_code text, p_from text[], p_to text, p_action text, p_reason text)
RETURNS jsonb LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
    v_id  int := app.partner_of(p_code, '');
    v_old text;
BEGIN
    SELECT p.status INTO v_old FROM app.partners p WHERE p.partner_id = v_id FOR UPDATE;
    IF NOT v_old = ANY (p_from) THEN
        PERFORM app.fail(409, 'wrong_status', 'the partner is ' || v_old);
    END IF;
    UPDATE app.partners p SET status = p_to, version = version + 1, updated_at = now() WHERE p.partner_id = v_id;
    PERFORM app.audit(p_action, 'partner', p_code, v_id, jsonb_build_object('status', v_old),
                      jsonb_strip_nulls(jsonb_build_object('status', p_to, 'reason', p_reason)));
    RETURN jsonb_build_object('code', p_code, 'status', p_to);
END
$$;

CREATE FUNCTION route.partner_suspend(p_target text, p_query jsonb, p_body jsonb, p_fresh jsonb) RETURNS jsonb
LANGUAGE sql SECURITY DEFINER SET search_path = '' AS $$
    SELECT app.partner_set_status(p_target, '{prospect,onboarding,active}', 'suspended', 'partner.suspend',
                                  app.text_of(p_body, 'reason', 500))
$$;

CREATE FUNCTION route.partner_activate(p_target text, p_query jsonb, p_body jsonb, p_fresh jsonb) RETURNS jsonb
LANGUAGE sql SECURITY DEFINER SET search_path = '' AS $$
    SELECT app.partner_set_status(p_target, '{prospect,onboarding,suspended}', 'active', 'partner.activate',
                                  app.text_of(p_body, 'reason', 500, false))
$$;

-- ---- The operator ----------------------------------------------------------------------------------

-- In two arguments a staff role, or `user`: none at all any more; in three a role in that partner, where
-- `partner` is the usual one, manager.
CREATE FUNCTION api.assign_user_role(p_user text, p_role text, p_partner_code text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
    v_user    app.users;
    v_partner int;
    v_old     app.memberships;
    v_gone    jsonb[];
    v_role    text := CASE WHEN p_partner_code IS NOT NULL AND p_role = 'partner' THEN 'manager' ELSE p_role END;
BEGIN
    SELECT * INTO v_user FROM app.users u WHERE u.public_id = p_user AND u.erased_at IS NULL FOR NO KEY UPDATE;
    SELECT p.partner_id INTO v_partner FROM app.partners p WHERE p.code = p_partner_code;
    IF v_user.user_id IS NULL THEN
        RAISE EXCEPTION 'no user %', p_user USING ERRCODE = 'no_data_found';
    ELSIF p_partner_code IS NOT NULL AND v_partner IS NULL THEN
        RAISE EXCEPTION 'no partner %', p_partner_code USING ERRCODE = 'no_data_found';
    ELSIF p_partner_code IS NULL AND p_role = 'partner' THEN
        RAISE EXCEPTION 'say of which partner' USING ERRCODE = 'invalid_parameter_value';
    ELSIF p_partner_code IS NOT NULL AND v_user.kind = 'staff'
       OR p_partner_code IS NULL AND p_role <> 'user'
          AND EXISTS (SELECT FROM app.memberships m WHERE m.user_id = v_user.user_id) THEN
        RAISE EXCEPTION 'staff are not members of a partner' USING ERRCODE = 'invalid_parameter_value';
    ELSIF p_partner_code IS NULL THEN
        WITH gone AS (DELETE FROM app.memberships m WHERE m.user_id = v_user.user_id RETURNING m.*)
        SELECT array_agg(jsonb_build_object('partner_id', g.partner_id, 'after', NULL,
                                            'before', jsonb_build_object('role', g.role)) ORDER BY g.partner_id)
        INTO v_gone FROM gone g;
        UPDATE app.users u SET kind = CASE p_role WHEN 'user' THEN 'member' ELSE 'staff' END,
                               staff_role = nullif(p_role, 'user'), custom_role_id = NULL,
                               version = u.version + 1, updated_at = now()
        WHERE u.user_id = v_user.user_id;
    ELSE
        SELECT * INTO v_old FROM app.memberships m WHERE m.user_id = v_user.user_id AND m.partner_id = v_partner;
        INSERT INTO app.memberships AS m (partner_id, user_id, role) VALUES (v_partner, v_user.user_id, v_role)
        ON CONFLICT (partner_id, user_id) DO UPDATE
        SET role = excluded.role, custom_role_id = NULL, expires_at = NULL, granted_by = NULL;
    END IF;
    PERFORM app.audit_memberships(p_user, v_gone);
    PERFORM app.audit('user.roles', 'user', p_user, v_partner,
                      jsonb_strip_nulls(jsonb_build_object('role', coalesce(v_old.role, v_user.staff_role))),
                      jsonb_build_object('role', v_role));
END
$$;

ALTER FUNCTION api.assign_user_role(text, text, text) OWNER TO mh_writer;
REVOKE ALL ON FUNCTION api.assign_user_role(text, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION api.assign_user_role(text, text, text) TO mh_admin;

SET LOCAL ROLE mh_writer;
INSERT INTO app.routes (name, method, path, permission, scope, mutates, step_up) VALUES
    ('staff_list', 'GET', '/v1/staff', 'users.read', 'staff', false, false),
    ('staff_create', 'POST', '/v1/staff', 'staff.manage', 'staff', true, true),
    ('staff_update', 'PUT', '/v1/staff/{}', 'staff.manage', 'staff', true, true),
    ('staff_deactivate', 'DELETE', '/v1/staff/{}', 'staff.manage', 'staff', true, true),
    ('partner_suspend', 'POST', '/v1/partners/{}/suspend', 'partners.write', 'staff', true, false),
    ('partner_activate', 'POST', '/v1/partners/{}/activate', 'partners.write', 'staff', true, false);
RESET ROLE;
