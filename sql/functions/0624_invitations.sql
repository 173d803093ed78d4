-- New people: invitations.

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

-- Newest first. ?partner, ?status=open for those that can still be accepted. Each partner's are read by
-- an index of their own, then merged.
CREATE FUNCTION route.invitations_list(p_target text, p_query jsonb, p_body jsonb, p_fresh jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = '' SET plan_cache_mode = force_custom_plan
SET enable_seqscan = off AS $$
DECLARE
    v_limit    int := app.page_size(p_query);
    v_open     boolean := app.choice_of(p_query, 'status', '{open}') IS NOT NULL;
    v_places   int[] := CASE WHEN p_query ->> 'partner' <> '' THEN ARRAY[app.partner_of(p_query ->> 'partner')]
                             WHEN NOT authz.is_staff() THEN authz.partner_ids() END;
    v_place    int := CASE cardinality(v_places) WHEN 1 THEN v_places[1] END; -- whose size the planner knows
    v_after    text := app.text_of(p_query, 'after', 40, false);
    v_personal int[] := app.personal_in();
    v_items    jsonb[];
BEGIN
    SELECT array_agg(app.invitation_json(x, v_personal) ORDER BY x.public_id COLLATE "C" DESC) INTO v_items
    FROM (SELECT r.* FROM unnest(coalesce(v_places, '{NULL}')) p (partner_id)
          CROSS JOIN LATERAL (
              SELECT i.* FROM app.invitations i
              WHERE (v_places IS NULL OR i.partner_id = p.partner_id) AND (v_place IS NULL OR i.partner_id = v_place)
                AND (NOT v_open OR i.accepted_at IS NULL AND i.revoked_at IS NULL AND i.expires_at > now())
                AND (v_after IS NULL OR i.public_id COLLATE "C" < v_after COLLATE "C")
              ORDER BY i.public_id COLLATE "C" DESC LIMIT v_limit + 1) r
          ORDER BY r.public_id COLLATE "C" DESC LIMIT v_limit + 1) x;
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
    ('invitations_list', 'GET', '/v1/invitations', 'users.read', 'any', false, false),
    ('invitation_create', 'POST', '/v1/invitations', 'roles.assign', 'any', true, true),
    ('invitation_revoke', 'DELETE', '/v1/invitations/{}', 'roles.assign', 'any', true, false);
RESET ROLE;
