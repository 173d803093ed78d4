-- New people: invitations, and lists of them from a file.

CREATE OR REPLACE FUNCTION app.email_of(p_body jsonb, p_required boolean DEFAULT true) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
DECLARE
    v text := app.text_of(p_body, 'email', 254, p_required);
BEGIN
    IF v !~ '^[^@[:space:][:cntrl:]]+@[^@[:space:][:cntrl:].]+(\.[^@[:space:][:cntrl:].]+)+$' THEN
        PERFORM app.fail(400, 'invalid', 'not an e-mail address', 'email');
    END IF;
    RETURN v;
END
$$;

-- p_personal: of which partners the caller may read addresses; staff by permission.
CREATE OR REPLACE FUNCTION app.invitation_json(p_in app.invitations, p_personal int[]) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
BEGIN
    RETURN (SELECT jsonb_strip_nulls(jsonb_build_object(
        'id', p_in.public_id, 'name', p_in.name, 'partner', p.code,
        'role', CASE WHEN p_in.partner_id IS NOT NULL THEN p_in.role END,
        'staff_role', CASE WHEN p_in.partner_id IS NULL THEN p_in.role END,
        'email', CASE WHEN r.personal THEN p_in.email END,
        'masked', CASE WHEN authz.is_staff() AND NOT r.personal THEN app.masked_email(p_in.email) END,
        'status', CASE WHEN p_in.accepted_at IS NOT NULL THEN 'accepted' WHEN p_in.revoked_at IS NOT NULL THEN 'revoked'
                  WHEN p_in.expires_at <= now() THEN 'expired' ELSE 'open' END,
        'invited_by', CASE WHEN b.user_id IS NOT NULL
                      THEN jsonb_build_object('id', b.public_id, 'name', b.name) END,
        'created_at', app.ms(p_in.created_at), 'expires_at', app.ms(p_in.expires_at),
        'accepted_at', app.ms(p_in.accepted_at)))
    FROM (SELECT CASE WHEN authz.is_staff() THEN authz.has('users.read_personal')
                 ELSE p_in.partner_id = ANY (p_personal) END AS personal) r
    LEFT JOIN app.partners p ON p.partner_id = p_in.partner_id
    LEFT JOIN app.users b ON b.user_id = p_in.invited_by);
END
$$;

-- Newest first. ?partner, ?status=open for those that can still be accepted.
CREATE FUNCTION route.invitations_list(p_target text, p_query jsonb, p_body jsonb, p_fresh jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = '' AS $$
DECLARE
    v_limit    int := app.page_size(p_query);
    v_open     boolean := app.choice_of(p_query, 'status', '{open}') IS NOT NULL;
    v_partner  int := CASE WHEN p_query ->> 'partner' <> '' THEN app.partner_of(p_query ->> 'partner') END;
    v_personal int[] := app.personal_in();
    v_items    jsonb[];
BEGIN
    SELECT array_agg(x.item ORDER BY x.public_id COLLATE "C" DESC) INTO v_items
    FROM (SELECT i.public_id, app.invitation_json(i, v_personal) AS item
          FROM app.invitations i
          WHERE (authz.is_staff() OR i.partner_id = ANY (authz.partner_ids()))
            AND (v_partner IS NULL OR i.partner_id = v_partner)
            AND (NOT v_open OR i.accepted_at IS NULL AND i.revoked_at IS NULL AND i.expires_at > now())
            AND (p_query ->> 'after' IS NULL OR i.public_id COLLATE "C" < p_query ->> 'after' COLLATE "C")
          ORDER BY i.public_id COLLATE "C" DESC LIMIT v_limit + 1) x;
    RETURN app.page(v_items, v_limit, 'id');
END
$$;

-- Where and as what: of staff only by who manages staff, and nobody grants what he does not hold.
CREATE OR REPLACE FUNCTION app.invited_role(p_body jsonb, OUT partner_id int, OUT role text)
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
BEGIN
    IF p_body ? 'staff_role' = p_body ? 'partner' THEN
        PERFORM app.fail(400, 'required', 'give either staff_role or partner and role', 'partner');
    ELSIF p_body ? 'staff_role' THEN
        IF NOT authz.is_staff() OR NOT authz.has('staff.manage') THEN
            PERFORM app.fail(403, 'forbidden', 'this needs the permission staff.manage', 'staff_role');
        END IF;
        role := app.role_of(p_body, 'staff_role', 'staff');
        PERFORM app.check_grant('staff.' || role, NULL, NULL, 'staff_role');
    ELSE
        partner_id := app.partner_of(app.text_of(p_body, 'partner', 32));
        role := app.role_of(p_body, 'role', 'partner');
        PERFORM app.check_grant('partner.' || role, NULL, partner_id, 'role');
    END IF;
END
$$;

-- Good for seven days; another of the same address and place replaces it. That somebody has an account
-- elsewhere is not told.
CREATE FUNCTION route.invitation_create(p_target text, p_query jsonb, p_body jsonb, p_fresh jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
    v_email text := app.email_of(p_body);
    v_role  record := app.invited_role(p_body);
    v_in    app.invitations;
BEGIN
    IF EXISTS (SELECT FROM app.users u JOIN app.memberships m ON m.user_id = u.user_id
               WHERE lower(u.email) = lower(v_email) AND m.partner_id = v_role.partner_id)
       OR v_role.partner_id IS NULL AND EXISTS (SELECT FROM app.users u WHERE lower(u.email) = lower(v_email)) THEN
        PERFORM app.fail(409, 'conflict', 'this person is here already', 'email');
    END IF;
    UPDATE app.invitations i SET revoked_at = now()
    WHERE lower(i.email) = lower(v_email) AND i.partner_id IS NOT DISTINCT FROM v_role.partner_id
      AND i.accepted_at IS NULL AND i.revoked_at IS NULL;
    IF (SELECT count(*) FROM app.invitations i WHERE i.partner_id IS NOT DISTINCT FROM v_role.partner_id
        AND i.accepted_at IS NULL AND i.revoked_at IS NULL AND i.expires_at > now()) >= 500 THEN
        PERFORM app.fail(409, 'limit', 'at most 500 open invitations: revoke some first');
    END IF;
    INSERT INTO app.invitations (token_hash, partner_id, invited_by, email, name, role, expires_at)
    VALUES (decode(p_fresh ->> 'token_sha256', 'hex'), v_role.partner_id, authz.user_id(), v_email,
            app.text_of(p_body, 'name', 120), v_role.role, now() + interval '7 days')
    RETURNING * INTO v_in;
    PERFORM app.audit('invitation.create', 'invitation', v_in.public_id, v_in.partner_id, NULL,
                      jsonb_build_object('email', app.masked_email(v_email), 'role', v_in.role));
    RETURN app.invitation_json(v_in, app.personal_in());
END
$$;

CREATE FUNCTION route.invitation_revoke(p_target text, p_query jsonb, p_body jsonb, p_fresh jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
    v_in app.invitations;
BEGIN
    UPDATE app.invitations i SET revoked_at = now()
    WHERE i.public_id = p_target AND i.accepted_at IS NULL AND i.revoked_at IS NULL
      AND CASE WHEN authz.is_staff() THEN i.partner_id IS NOT NULL OR authz.has('staff.manage')
          ELSE i.partner_id = ANY (authz.partner_ids()) END
    RETURNING * INTO v_in;
    IF NOT FOUND THEN
        PERFORM app.fail(404, 'not_found', 'no such invitation, or it was accepted or revoked');
    END IF;
    PERFORM app.audit('invitation.revoke', 'invitation', p_target, v_in.partner_id, '{"status": "open"}',
                      '{"status": "revoked"}');
    RETURN app.invitation_json(v_in, app.personal_in());
END
$$;

-- ---- Lists -----------------------------------------------------------------------------------------

-- One line {email, name, partner, role}: {"result", "user", "partner_id"}; fails as a request of its own
-- would. A person who exists keeps his name unless he is the caller's alone.
CREATE OR REPLACE FUNCTION app.import_row(p_row jsonb) RETURNS jsonb
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
    v_email   text := app.email_of(p_row);
    v_name    text := app.text_of(p_row, 'name', 120, false);
    v_partner int := app.partner_of(app.text_of(p_row, 'partner', 32));
    v_role    text := app.role_of(p_row, 'role', 'partner');
    v_user    app.users;
    v_result  text := 'unchanged';
BEGIN
    SELECT * INTO v_user FROM app.users u WHERE lower(u.email) = lower(v_email) FOR UPDATE;
    IF NOT FOUND THEN
        INSERT INTO app.users (kind, name, email) VALUES ('member', app.text_of(p_row, 'name', 120), v_email)
        RETURNING * INTO v_user;
        v_result := 'created';
    ELSIF v_user.user_id = authz.user_id() THEN
        PERFORM app.fail(403, 'own_roles', 'nobody changes his own access', 'email');
    ELSIF v_user.kind <> 'member' OR v_user.status <> 'active' THEN
        PERFORM app.fail(409, 'conflict', 'the account of this address cannot be a member', 'email');
    ELSIF v_user.name IS DISTINCT FROM coalesce(v_name, v_user.name) AND app.is_only_mine(v_user.user_id) THEN
        UPDATE app.users u SET name = v_name, version = u.version + 1, updated_at = now()
        WHERE u.user_id = v_user.user_id;
        v_result := 'updated';
    END IF;
    IF NOT EXISTS (SELECT FROM app.memberships m
                   WHERE m.user_id = v_user.user_id AND m.partner_id = v_partner AND m.role = v_role) THEN
        IF (SELECT count(*) FROM app.memberships m WHERE m.user_id = v_user.user_id) >= 64 THEN
            PERFORM app.fail(409, 'limit', 'a person belongs to at most 64 partners', 'partner');
        END IF;
        PERFORM app.membership_put(v_user.user_id, v_partner, jsonb_build_object('role', v_role));
        v_result := CASE v_result WHEN 'created' THEN 'created' ELSE 'updated' END;
    END IF;
    RETURN jsonb_build_object('result', v_result, 'user', v_user.public_id, 'partner_id', v_partner);
END
$$;

-- Each line on its own: one that fails changes nothing and hinders none.
CREATE OR REPLACE FUNCTION app.import_rows(p_rows jsonb) RETURNS jsonb[]
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
    v_row    jsonb;
    v_rows   jsonb[] := '{}';
    v_one    jsonb;
    v_state  text;
    v_reason text;
    v_field  text;
BEGIN
    FOR v_row IN SELECT r FROM jsonb_array_elements(p_rows) WITH ORDINALITY t (r, i) ORDER BY t.i LOOP
        BEGIN
            v_one := app.import_row(v_row);
        EXCEPTION WHEN OTHERS THEN
            GET STACKED DIAGNOSTICS v_state = RETURNED_SQLSTATE, v_reason = MESSAGE_TEXT, v_field = COLUMN_NAME;
            IF v_state !~ '^(MH...|22...|23505|23514)$' THEN
                RAISE;
            END IF;
            v_one := jsonb_build_object('result', 'error', 'reason', CASE WHEN v_state LIKE 'MH%' THEN v_reason
                                                                          WHEN v_state = '23505' THEN 'conflict'
                                                                          ELSE 'invalid' END)
                || CASE WHEN v_field <> '' THEN jsonb_build_object('field', v_field) ELSE '{}' END;
        END;
        v_rows := v_rows || (jsonb_build_object('row', cardinality(v_rows) + 1, 'email', v_row -> 'email') || v_one);
    END LOOP;
    RETURN v_rows;
END
$$;

-- A row of the trail for each partner in which somebody was created or updated.
CREATE OR REPLACE FUNCTION app.audit_import(p_rows jsonb[]) RETURNS void
LANGUAGE sql SET search_path = '' AS $$
    SELECT app.audit('user.import', 'partner', p.code, p.partner_id, NULL, jsonb_build_object(
               'created', coalesce(jsonb_agg(r -> 'user' ORDER BY r -> 'row') FILTER (WHERE r ->> 'result' = 'created'), '[]'),
               'updated', coalesce(jsonb_agg(r -> 'user' ORDER BY r -> 'row') FILTER (WHERE r ->> 'result' = 'updated'), '[]')))
    FROM unnest(p_rows) r JOIN app.partners p ON p.partner_id = (r ->> 'partner_id')::int
    WHERE r ->> 'result' IN ('created', 'updated')
    GROUP BY p.partner_id, p.code
$$;

-- ?dry_run=1 does everything and then takes it back. A list taken twice changes nothing the second time.
CREATE FUNCTION route.users_import(p_target text, p_query jsonb, p_body jsonb, p_fresh jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
    v_dry  boolean := coalesce(p_query ->> 'dry_run', '0') = '1';
    v_rows jsonb[];
BEGIN
    IF jsonb_typeof(p_body -> 'rows') IS DISTINCT FROM 'array' OR jsonb_array_length(p_body -> 'rows') = 0 THEN
        PERFORM app.fail(400, 'required', 'expected lines with email,name,partner,role', 'rows');
    ELSIF jsonb_array_length(p_body -> 'rows') > 200 THEN
        PERFORM app.fail(400, 'too_many', 'at most 200 lines at a time', 'rows');
    END IF;
    BEGIN
        v_rows := app.import_rows(p_body -> 'rows');
        IF v_dry THEN
            RAISE EXCEPTION USING ERRCODE = 'MH000';
        END IF;
    EXCEPTION WHEN SQLSTATE 'MH000' THEN
        NULL; -- v_rows stays
    END;
    IF NOT v_dry THEN
        PERFORM app.audit_import(v_rows);
    END IF;
    RETURN jsonb_build_object('dry_run', v_dry, 'rows', (
        SELECT jsonb_agg(r - CASE WHEN v_dry AND r ->> 'result' = 'created' THEN '{partner_id,user}'::text[]
                             ELSE '{partner_id}' END ORDER BY (r -> 'row')::int)
        FROM unnest(v_rows) r));
END
$$;

-- ---- The routes of this and the two files before ---------------------------------------------------

SET LOCAL ROLE mh_writer;
INSERT INTO app.routes (name, method, path, permission, scope, mutates, step_up) VALUES
    ('users_list', 'GET', '/v1/users', 'users.read', 'any', false, false),
    ('user_get', 'GET', '/v1/users/{}', 'users.read', 'any', false, false),
    ('user_update', 'PATCH', '/v1/users/{}', 'users.suspend', 'any', true, false),
    ('user_suspend', 'POST', '/v1/users/{}/suspend', 'users.suspend', 'any', true, false),
    ('user_unsuspend', 'POST', '/v1/users/{}/unsuspend', 'users.suspend', 'any', true, false),
    ('user_sign_out', 'POST', '/v1/users/{}/sign-out', 'users.suspend', 'any', true, false),
    ('user_impersonate', 'POST', '/v1/users/{}/impersonate', 'users.impersonate', 'staff', true, true),
    ('impersonation_end', 'DELETE', '/v1/session/impersonation', NULL, 'any', true, false),
    ('user_export', 'GET', '/v1/users/{}/export', 'users.read_personal', 'any', false, true),
    ('user_erase', 'POST', '/v1/users/{}/erase', 'users.suspend', 'staff', true, true),
    ('users_import', 'POST', '/v1/users/import', 'roles.assign', 'any', true, true),
    ('invitations_list', 'GET', '/v1/invitations', 'users.read', 'any', false, false),
    ('invitation_create', 'POST', '/v1/invitations', 'roles.assign', 'any', true, true),
    ('invitation_revoke', 'DELETE', '/v1/invitations/{}', 'roles.assign', 'any', true, false);
RESET ROLE;
