-- Roles, teams, staff, partners' status. Who gives or takes a role must hold everything that is in it
-- himself, in that partner; nobody changes his own; an owner is touched by owners only.
--
-- LOCKS. The user's row, then the roles; app.audit() after all changes; the owners' lock (by the
-- constraint) last.

-- ---- What grantors must hold -----------------------------------------------------------------------

-- What the caller may do in a partner; of NULL what he may do as staff.
CREATE OR REPLACE FUNCTION app.permissions_in(p_partner int) RETURNS text[]
LANGUAGE sql STABLE SET search_path = '' AS $$
    SELECT coalesce(array_agg(p.permission), '{}')
    FROM unnest(nullif(current_setting('app.permissions', true), '')::text[]) p (permission)
    WHERE authz.is_staff() OR EXISTS (SELECT FROM app.memberships_of(authz.user_id()) m
                                      WHERE m.partner_id = p_partner AND p.permission = ANY (m.permissions))
$$;

-- Fails unless the caller holds all of these, which he is about to give or to take away.
CREATE OR REPLACE FUNCTION app.check_holds(p_permissions text[], p_partner int, p_field text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
DECLARE
    v_held    text[] := app.permissions_in(p_partner);
    v_missing text;
BEGIN
    SELECT string_agg(p, ', ' ORDER BY p) INTO v_missing
    FROM unnest(p_permissions) p WHERE NOT p = ANY (v_held);
    IF v_missing IS NOT NULL THEN
        PERFORM app.fail(403, 'exceeds_own', 'you do not hold this yourself: ' || v_missing, p_field);
    END IF;
END
$$;

-- The same for a role (staff.ops, partner.viewer), of which p_custom, if not NULL, leaves a part.
CREATE OR REPLACE FUNCTION app.check_grant(p_role text, p_custom int, p_partner int, p_field text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
BEGIN
    IF p_role = 'staff.owner'
       AND NOT EXISTS (SELECT FROM app.users u WHERE u.user_id = authz.user_id() AND u.staff_role = 'owner') THEN
        PERFORM app.fail(403, 'owner_only', 'only an owner makes, changes or removes an owner', p_field);
    END IF;
    PERFORM app.check_holds(app.role_permissions_of(p_role, p_custom), p_partner, p_field);
END
$$;

-- A role of the body; `p_scope` is staff or partner.
CREATE OR REPLACE FUNCTION app.role_of(p_body jsonb, p_name text, p_scope text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
DECLARE
    v_role text := app.text_of(p_body, p_name, 32);
BEGIN
    IF NOT EXISTS (SELECT FROM app.role_permissions r WHERE r.role = p_scope || '.' || v_role) THEN
        PERFORM app.fail(400, 'unknown_role', format('there is no %s role of this name', p_scope), p_name);
    END IF;
    RETURN v_role;
END
$$;

-- The body's member custom_role: of that partner (NULL: of staff) and made from p_role; NULL if not given.
CREATE OR REPLACE FUNCTION app.custom_role_of(p_body jsonb, p_partner int, p_role text) RETURNS int
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
DECLARE
    v_public text := app.text_of(p_body, 'custom_role', 40, false);
    v_role   app.custom_roles;
BEGIN
    IF v_public IS NULL THEN
        RETURN NULL;
    END IF;
    SELECT * INTO v_role FROM app.custom_roles c
    WHERE c.public_id = v_public AND c.partner_id IS NOT DISTINCT FROM p_partner;
    IF NOT FOUND THEN
        PERFORM app.fail(404, 'not_found', 'no such role', 'custom_role');
    ELSIF v_role.base_role <> p_role THEN
        PERFORM app.fail(400, 'other_base', 'this role is made from ' || v_role.base_role, 'custom_role');
    END IF;
    RETURN v_role.custom_role_id;
END
$$;

-- The user whose access is to change, locked: one that the caller can see, and not himself.
CREATE OR REPLACE FUNCTION app.user_to_change(p_public text) RETURNS app.users
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
    v_user app.users;
BEGIN
    SELECT * INTO v_user FROM app.users u
    WHERE u.public_id = p_public AND u.erased_at IS NULL
      AND (authz.is_staff() OR EXISTS (SELECT FROM app.memberships m
                                       WHERE m.user_id = u.user_id AND m.partner_id = ANY (authz.partner_ids())))
    FOR NO KEY UPDATE; -- two who change each other name one another in granted_by
    IF NOT FOUND THEN
        PERFORM app.fail(404, 'not_found', 'no such user');
    ELSIF v_user.user_id = authz.user_id() THEN
        PERFORM app.fail(403, 'own_roles', 'nobody changes his own access: ask another administrator');
    END IF;
    RETURN v_user;
END
$$;

-- ---- What somebody is ------------------------------------------------------------------------------

-- a***@d***.com
CREATE OR REPLACE FUNCTION app.masked_email(p_email text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = ''
RETURN regexp_replace(p_email, '^(.)[^@]*@(.)[^@]*?(\.[^.@]+)?$', '\1***@\2***\3');

-- {"email"}, {"masked"} for staff who may not read it, {} for members who may not.
CREATE OR REPLACE FUNCTION app.email_json(p_email text, p_partner int) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = '' AS $$
    SELECT CASE WHEN p_email IS NULL THEN '{}'
                WHEN 'users.read_personal' = ANY (app.permissions_in(p_partner)) THEN jsonb_build_object('email', p_email)
                WHEN authz.is_staff() THEN jsonb_build_object('masked', app.masked_email(p_email)) ELSE '{}' END
$$;

CREATE OR REPLACE FUNCTION app.membership_json(m app.memberships) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = '' AS $$
    SELECT CASE WHEN m.role IS NOT NULL THEN jsonb_strip_nulls(jsonb_build_object(
        'role', m.role, 'expires_at', app.ms(m.expires_at),
        'custom_role', (SELECT c.public_id FROM app.custom_roles c WHERE c.custom_role_id = m.custom_role_id))) END
$$;

-- Of staff the role, of a member his roles in the partners that the caller can see.
CREATE OR REPLACE FUNCTION app.roles_json(p_user int) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = '' AS $$
    SELECT jsonb_strip_nulls(jsonb_build_object('staff_role', u.staff_role, 'custom_role', c.public_id))
           || CASE u.kind WHEN 'member' THEN jsonb_build_object('memberships', coalesce((
                  SELECT jsonb_agg(jsonb_build_object('partner', p.code) || app.membership_json(m) ORDER BY p.code)
                  FROM app.memberships m JOIN app.partners p ON p.partner_id = m.partner_id
                  WHERE m.user_id = u.user_id AND (authz.is_staff() OR p.partner_id = ANY (authz.partner_ids()))),
              '[]')) ELSE '{}' END
    FROM app.users u LEFT JOIN app.custom_roles c ON c.custom_role_id = u.custom_role_id
    WHERE u.user_id = p_user
$$;

-- ---- Changing roles --------------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION app.expiry_of(p_body jsonb) RETURNS timestamptz
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
DECLARE
    v jsonb := nullif(p_body -> 'expires_at', 'null');
BEGIN
    IF v IS NULL THEN
        RETURN NULL;
    ELSIF jsonb_typeof(v) <> 'number' OR v::numeric NOT BETWEEN app.ms(now()) AND app.ms(now() + interval '10 years') THEN
        PERFORM app.fail(400, 'out_of_range', 'a time to come, in epoch milliseconds, at most ten years away',
                         'expires_at');
    END IF;
    RETURN to_timestamp(v::numeric / 1000);
END
$$;

-- Gives, changes or (p_body NULL) takes away a membership. What changed, for the trail:
-- {"partner_id", "before", "after"}, or NULL.
CREATE OR REPLACE FUNCTION app.membership_put(p_user int, p_partner int, p_body jsonb) RETURNS jsonb
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
    v_old app.memberships;
    v_new app.memberships;
BEGIN
    SELECT * INTO v_old FROM app.memberships m WHERE m.user_id = p_user AND m.partner_id = p_partner;
    IF p_body IS NOT NULL THEN
        v_new.role := app.role_of(p_body, 'role', 'partner');
        v_new.custom_role_id := app.custom_role_of(p_body, p_partner, 'partner.' || v_new.role);
        v_new.expires_at := app.expiry_of(p_body);
    END IF;
    IF (v_old.role, v_old.custom_role_id, v_old.expires_at)
       IS NOT DISTINCT FROM (v_new.role, v_new.custom_role_id, v_new.expires_at) THEN
        RETURN NULL;
    END IF;
    PERFORM app.check_grant('partner.' || r.role, r.custom_role_id, p_partner, 'role')
    FROM (VALUES (v_old.role, v_old.custom_role_id), (v_new.role, v_new.custom_role_id)) r (role, custom_role_id)
    WHERE r.role IS NOT NULL;
    IF p_body IS NULL THEN
        DELETE FROM app.memberships m WHERE m.user_id = p_user AND m.partner_id = p_partner;
    ELSE
        INSERT INTO app.memberships (partner_id, user_id, role, custom_role_id, expires_at, granted_by)
        VALUES (p_partner, p_user, v_new.role, v_new.custom_role_id, v_new.expires_at, authz.user_id())
        ON CONFLICT (partner_id, user_id) DO UPDATE
        SET role = excluded.role, custom_role_id = excluded.custom_role_id, expires_at = excluded.expires_at,
            granted_by = excluded.granted_by;
    END IF;
    RETURN jsonb_build_object('partner_id', p_partner, 'before', app.membership_json(v_old),
                              'after', app.membership_json(v_new));
END
$$;

-- One row of the trail per partner, so that each partner finds what concerns it.
CREATE OR REPLACE FUNCTION app.audit_memberships(p_user text, p_changes jsonb[]) RETURNS void
LANGUAGE sql SET search_path = '' AS $$
    SELECT app.audit('user.roles', 'user', p_user, (c ->> 'partner_id')::int, nullif(c -> 'before', 'null'),
                     nullif(c -> 'after', 'null'))
    FROM unnest(p_changes) c WHERE c IS NOT NULL
$$;

CREATE OR REPLACE FUNCTION app.staff_role_put(p_user app.users, p_body jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
    v_role   text := app.role_of(p_body, 'staff_role', 'staff');
    v_custom int := app.custom_role_of(p_body, NULL, 'staff.' || v_role);
BEGIN
    IF p_user.kind <> 'staff' THEN
        PERFORM app.fail(409, 'not_staff', 'staff have an account of their own: invite him', 'staff_role');
    END IF;
    PERFORM app.check_grant('staff.' || p_user.staff_role, p_user.custom_role_id, NULL, 'staff_role');
    PERFORM app.check_grant('staff.' || v_role, v_custom, NULL, 'staff_role');
    UPDATE app.users u SET staff_role = v_role, custom_role_id = v_custom, version = version + 1, updated_at = now()
    WHERE u.user_id = p_user.user_id;
END
$$;

-- What a member is to be in the partners that the caller looks after; in others he stays what he is.
CREATE OR REPLACE FUNCTION app.memberships_put(p_user app.users, p_list jsonb) RETURNS jsonb[]
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
    v_changes jsonb[];
    v_keep    int[];
BEGIN
    IF p_user.kind = 'staff' THEN
        PERFORM app.fail(409, 'staff', 'staff are not members of a partner', 'memberships');
    ELSIF jsonb_typeof(p_list) IS DISTINCT FROM 'array' OR jsonb_array_length(p_list) > 64 THEN
        PERFORM app.fail(400, 'invalid', 'expected a list of at most 64', 'memberships');
    END IF;
    SELECT array_agg(app.partner_of(app.text_of(e, 'partner', 32))) INTO v_keep FROM jsonb_array_elements(p_list) e;
    IF cardinality(v_keep) <> (SELECT count(DISTINCT k) FROM unnest(v_keep) k) THEN
        PERFORM app.fail(400, 'invalid', 'a partner is named twice', 'memberships');
    END IF;
    SELECT array_agg(app.membership_put(p_user.user_id, m.partner_id, NULL)) INTO v_changes
    FROM app.memberships m
    WHERE m.user_id = p_user.user_id AND NOT m.partner_id = ANY (coalesce(v_keep, '{}'))
      AND (authz.is_staff() OR m.partner_id = ANY (authz.partner_ids()));
    SELECT v_changes || array_agg(app.membership_put(p_user.user_id, v_keep[e.i], e.body)) INTO v_changes
    FROM jsonb_array_elements(p_list) WITH ORDINALITY e (body, i);
    IF (SELECT count(*) FROM app.memberships m WHERE m.user_id = p_user.user_id) > 64 THEN
        PERFORM app.fail(409, 'limit', 'a person belongs to at most 64 partners', 'memberships');
    END IF;
    RETURN v_changes;
END
$$;

CREATE FUNCTION route.user_roles(p_target text, p_query jsonb, p_body jsonb, p_fresh jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
    v_user    app.users := app.user_to_change(p_target);
    v_before  jsonb := app.roles_json(v_user.user_id);
    v_changes jsonb[];
BEGIN
    IF p_body ? 'memberships' = p_body ? 'staff_role' THEN
        PERFORM app.fail(400, 'required', 'give either staff_role or memberships',
                         CASE v_user.kind WHEN 'staff' THEN 'staff_role' ELSE 'memberships' END);
    ELSIF p_body ? 'memberships' THEN
        v_changes := app.memberships_put(v_user, p_body -> 'memberships');
        PERFORM app.audit_memberships(p_target, v_changes);
    ELSE
        PERFORM app.staff_role_put(v_user, p_body);
        PERFORM app.audit('user.roles', 'user', p_target, NULL, v_before, app.roles_json(v_user.user_id));
    END IF;
    SET CONSTRAINTS app.users_last_owner IMMEDIATE;
    RETURN jsonb_build_object('id', p_target) || app.roles_json(v_user.user_id);
END
$$;

-- ---- Teams -----------------------------------------------------------------------------------------

-- ?partner, which may be left out by who belongs to one only.
CREATE OR REPLACE FUNCTION app.team_partner(p_query jsonb) RETURNS int
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
BEGIN
    IF NOT p_query ? 'partner' AND cardinality(authz.partner_ids()) = 1 THEN
        RETURN (authz.partner_ids())[1];
    END IF;
    RETURN app.partner_of(app.text_of(p_query, 'partner', 32));
END
$$;

-- The last one of the page before, by his id; NULL on the first.
CREATE OR REPLACE FUNCTION app.user_after(p_query jsonb) RETURNS app.users
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
DECLARE
    v_user app.users;
BEGIN
    SELECT * INTO v_user FROM app.users u WHERE u.public_id = p_query ->> 'after';
    IF p_query ? 'after' AND NOT FOUND THEN
        PERFORM app.fail(400, 'invalid', 'expected the id of an item', 'after');
    END IF;
    RETURN v_user;
END
$$;

CREATE FUNCTION route.team_list(p_target text, p_query jsonb, p_body jsonb, p_fresh jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = '' SET plan_cache_mode = force_custom_plan
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    v_partner  int := app.team_partner(p_query);
    v_size     int := app.page_size(p_query);
    v_pattern  text := app.like_of(app.text_of(p_query, 'q', 200, false));
    v_after    app.users := app.user_after(p_query);
    v_personal boolean := 'users.read_personal' = ANY (app.permissions_in(v_partner));
    v_items    jsonb[];
BEGIN
    SELECT array_agg(x.item ORDER BY x.name, x.user_id) INTO v_items
    FROM (SELECT lower(u.name) AS name, u.user_id,
                 jsonb_build_object('id', u.public_id, 'name', u.name, 'status', u.status,
                                    'created_at', app.ms(m.created_at))
                 || app.membership_json(m) || app.email_json(u.email, v_partner)
                 || CASE WHEN v_personal AND u.last_login_at IS NOT NULL
                         THEN jsonb_build_object('last_login_at', app.ms(u.last_login_at)) ELSE '{}' END AS item
          FROM app.memberships m JOIN app.users u ON u.user_id = m.user_id
          WHERE m.partner_id = v_partner
            AND (v_pattern IS NULL OR lower(u.name) LIKE v_pattern OR v_personal AND lower(u.email) LIKE v_pattern)
            AND (v_after.user_id IS NULL OR (lower(u.name), u.user_id) > (lower(v_after.name), v_after.user_id))
          ORDER BY lower(u.name), u.user_id LIMIT v_size + 1) x;
    RETURN app.page(v_items, v_size, 'id');
END
$$;

CREATE OR REPLACE FUNCTION app.team_change(p_target text, p_query jsonb, p_body jsonb) RETURNS jsonb
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
    v_partner int := app.team_partner(p_query);
    v_user    app.users := app.user_to_change(p_target);
BEGIN
    IF NOT EXISTS (SELECT FROM app.memberships m WHERE m.user_id = v_user.user_id AND m.partner_id = v_partner) THEN
        PERFORM app.fail(404, 'not_found', 'no such user in this team');
    END IF;
    PERFORM app.audit_memberships(p_target, ARRAY[app.membership_put(v_user.user_id, v_partner, p_body)]);
    RETURN jsonb_build_object('id', p_target) || app.roles_json(v_user.user_id);
END
$$;

CREATE FUNCTION route.team_update(p_target text, p_query jsonb, p_body jsonb, p_fresh jsonb) RETURNS jsonb
LANGUAGE sql SECURITY DEFINER SET search_path = '' AS $$
    SELECT app.team_change(p_target, p_query, p_body)
$$;

CREATE FUNCTION route.team_remove(p_target text, p_query jsonb, p_body jsonb, p_fresh jsonb) RETURNS jsonb
LANGUAGE sql SECURITY DEFINER SET search_path = '' AS $$
    SELECT app.team_change(p_target, p_query, NULL)
$$;

-- ---- Custom roles ----------------------------------------------------------------------------------

CREATE FUNCTION route.roles_list(p_target text, p_query jsonb, p_body jsonb, p_fresh jsonb) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
    WITH role AS (
        SELECT r.role, jsonb_agg(r.permission ORDER BY r.permission) AS permissions FROM app.role_permissions r
        WHERE authz.is_staff() OR r.role LIKE 'partner.%' GROUP BY r.role
    ), custom AS (
        SELECT c.base_role, c.name, p.code, jsonb_strip_nulls(jsonb_build_object(
                   'id', c.public_id, 'name', c.name, 'partner', p.code, 'base_role', c.base_role,
                   'permissions', c.permissions, 'version', c.version,
                   'users', (SELECT count(*) FROM app.memberships m WHERE m.custom_role_id = c.custom_role_id)
                            + (SELECT count(*) FROM app.users u WHERE u.custom_role_id = c.custom_role_id))) AS item
        FROM (SELECT * FROM app.custom_roles WHERE partner_id = ANY (authz.partner_ids())
              UNION ALL SELECT * FROM app.custom_roles WHERE authz.is_staff()) c
        LEFT JOIN app.partners p ON p.partner_id = c.partner_id
    )
    SELECT jsonb_build_object(
        'roles', (SELECT jsonb_agg(to_jsonb(r) ORDER BY r.role) FROM role r),
        'custom', coalesce((SELECT jsonb_agg(c.item ORDER BY c.code NULLS FIRST, lower(c.name)) FROM custom c), '[]'),
        'permissions', (SELECT jsonb_agg(DISTINCT p.permission) FROM role r
                        CROSS JOIN LATERAL jsonb_array_elements(r.permissions) p (permission)))
$$;

-- The body's permissions: of the base role's and of the caller's own.
CREATE OR REPLACE FUNCTION app.permissions_of(p_body jsonb, p_base_role text, p_partner int) RETURNS text[]
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
DECLARE
    v_list  jsonb := p_body -> 'permissions';
    v_names text[];
    v_other text;
BEGIN
    IF jsonb_typeof(v_list) IS DISTINCT FROM 'array' OR jsonb_array_length(v_list) NOT BETWEEN 1 AND 100 THEN
        PERFORM app.fail(400, 'invalid', 'expected a list of 1 to 100 permissions', 'permissions');
    END IF;
    SELECT array_agg(DISTINCT e ORDER BY e) INTO v_names FROM jsonb_array_elements_text(v_list) e;
    SELECT left(string_agg(n, ', '), 200) INTO v_other FROM unnest(v_names) n
    WHERE n IS NULL OR NOT n = ANY (app.role_permissions_of(p_base_role, NULL));
    IF v_other IS NOT NULL OR array_position(v_names, NULL) IS NOT NULL THEN
        PERFORM app.fail(400, 'not_in_base', format('%s has not: %s', p_base_role, v_other), 'permissions');
    END IF;
    PERFORM app.check_holds(v_names, p_partner, 'permissions');
    RETURN v_names;
END
$$;

-- A custom role to change, locked; none that the caller has himself, nor a larger one than he is.
CREATE OR REPLACE FUNCTION app.custom_role_to_change(p_public text) RETURNS app.custom_roles
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
    v_role app.custom_roles;
BEGIN
    SELECT * INTO v_role FROM app.custom_roles c
    WHERE c.public_id = p_public AND (authz.is_staff() OR c.partner_id = ANY (authz.partner_ids())) FOR UPDATE;
    IF NOT FOUND THEN
        PERFORM app.fail(404, 'not_found', 'no such role');
    ELSIF EXISTS (SELECT FROM app.users u WHERE u.user_id = authz.user_id() AND u.custom_role_id = v_role.custom_role_id)
       OR EXISTS (SELECT FROM app.memberships m
                  WHERE m.user_id = authz.user_id() AND m.custom_role_id = v_role.custom_role_id) THEN
        PERFORM app.fail(403, 'own_roles', 'nobody changes a role that he has himself');
    END IF;
    PERFORM app.check_holds(v_role.permissions, v_role.partner_id, 'permissions');
    RETURN v_role;
END
$$;

CREATE OR REPLACE FUNCTION app.custom_role_json(p_role app.custom_roles) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = '' AS $$
    SELECT jsonb_strip_nulls(jsonb_build_object(
        'id', p_role.public_id, 'name', p_role.name, 'base_role', p_role.base_role, 'permissions', p_role.permissions,
        'version', p_role.version,
        'partner', (SELECT p.code FROM app.partners p WHERE p.partner_id = p_role.partner_id)))
$$;

CREATE FUNCTION route.role_create(p_target text, p_query jsonb, p_body jsonb, p_fresh jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
    v_partner int;
    v_base    text := app.text_of(p_body, 'base_role', 32);
    v_role    app.custom_roles;
BEGIN
    IF p_body ? 'partner' OR NOT authz.is_staff() THEN
        v_partner := app.partner_of(app.text_of(p_body, 'partner', 32));
    END IF;
    IF NOT EXISTS (SELECT FROM app.role_permissions r
                   WHERE r.role = v_base AND (r.role LIKE 'staff.%') = (v_partner IS NULL)) THEN
        PERFORM app.fail(400, 'unknown_role', 'staff.* of staff, partner.* of a partner', 'base_role');
    ELSIF v_base = 'staff.owner' THEN
        PERFORM app.fail(400, 'invalid', 'an owner is always a whole one', 'base_role');
    ELSIF (SELECT count(*) FROM app.custom_roles c WHERE c.partner_id IS NOT DISTINCT FROM v_partner) >= 100 THEN
        PERFORM app.fail(409, 'limit', 'at most 100 roles: delete one first');
    END IF;
    INSERT INTO app.custom_roles (partner_id, created_by, base_role, name, permissions)
    VALUES (v_partner, authz.user_id(), v_base, app.text_of(p_body, 'name', 80),
            app.permissions_of(p_body, v_base, v_partner))
    RETURNING * INTO v_role;
    PERFORM app.audit('role.create', 'role', v_role.public_id, v_partner, NULL, app.custom_role_json(v_role));
    RETURN app.custom_role_json(v_role);
END
$$;

-- {name?, permissions?, version?}: of another version than the one named, it is refused.
CREATE FUNCTION route.role_update(p_target text, p_query jsonb, p_body jsonb, p_fresh jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
    v_old app.custom_roles := app.custom_role_to_change(p_target);
    v_new app.custom_roles;
BEGIN
    IF p_body ? 'version' AND p_body -> 'version' <> to_jsonb(v_old.version) THEN
        PERFORM app.fail(409, 'stale', 'somebody changed it meanwhile: read it again', 'version');
    END IF;
    UPDATE app.custom_roles c
    SET name = coalesce(app.text_of(p_body, 'name', 80, false), c.name),
        permissions = CASE WHEN p_body ? 'permissions' THEN app.permissions_of(p_body, c.base_role, c.partner_id)
                      ELSE c.permissions END,
        version = c.version + 1, updated_at = now()
    WHERE c.custom_role_id = v_old.custom_role_id RETURNING * INTO v_new;
    PERFORM app.audit('role.update', 'role', p_target, v_old.partner_id, app.custom_role_json(v_old),
                      app.custom_role_json(v_new));
    RETURN app.custom_role_json(v_new);
END
$$;

CREATE FUNCTION route.role_delete(p_target text, p_query jsonb, p_body jsonb, p_fresh jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
    v_old app.custom_roles := app.custom_role_to_change(p_target);
BEGIN
    IF EXISTS (SELECT FROM app.memberships m WHERE m.custom_role_id = v_old.custom_role_id)
       OR EXISTS (SELECT FROM app.users u WHERE u.custom_role_id = v_old.custom_role_id) THEN
        PERFORM app.fail(409, 'in_use', 'give those who have this role another one first');
    END IF;
    DELETE FROM app.custom_roles c WHERE c.custom_role_id = v_old.custom_role_id;
    PERFORM app.audit('role.delete', 'role', p_target, v_old.partner_id, app.custom_role_json(v_old), NULL);
    RETURN jsonb_build_object('id', p_target);
END
$$;

-- ---- Rights ----------------------------------------------------------------------------------------

SET LOCAL ROLE mh_writer;
INSERT INTO app.routes (name, method, path, permission, scope, mutates, step_up) VALUES
    ('user_roles', 'PUT', '/v1/users/{}/roles', 'roles.assign', 'any', true, true),
    ('team_list', 'GET', '/v1/team', 'users.read', 'any', false, false),
    ('team_update', 'PUT', '/v1/team/{}', 'roles.assign', 'any', true, false),
    ('team_remove', 'DELETE', '/v1/team/{}', 'roles.assign', 'any', true, false),
    ('roles_list', 'GET', '/v1/roles', 'users.read', 'any', false, false),
    ('role_create', 'POST', '/v1/roles', 'roles.assign', 'any', true, true),
    ('role_update', 'PUT', '/v1/roles/{}', 'roles.assign', 'any', true, true),
    ('role_delete', 'DELETE', '/v1/roles/{}', 'roles.assign', 'any', true, true);
RESET ROLE;
