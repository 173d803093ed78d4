-- The directory of people: who they are, suspending, signing out, looking through their eyes, taking
-- their data out, forgetting them.
--
-- Staff see everybody; a member sees those of his own partners, and of them only what concerns these.
-- SUSPENDING by staff is of the person, everywhere; by a partner's admin (or by staff that name a
-- partner) it is of the membership: the person may belong to others. The role stays and comes back.
-- Who may change whom: as for roles (app.user_to_change, app.check_grant in 0630_roles.sql).

-- ---- What is shown ---------------------------------------------------------------------------------

-- Where the caller, a member, may read addresses.
CREATE OR REPLACE FUNCTION app.personal_in() RETURNS int[]
LANGUAGE sql STABLE SET search_path = '' AS $$
    SELECT coalesce(array_agg(m.partner_id), '{}') FROM app.memberships_of(authz.user_id()) m
    WHERE m.partner_id = ANY (authz.partner_ids()) AND 'users.read_personal' = ANY (m.permissions)
$$;

-- Whether the caller may read the person's e-mail; p_personal as app.personal_in().
CREATE OR REPLACE FUNCTION app.reads_personal(p_user int, p_personal int[]) RETURNS boolean
LANGUAGE sql STABLE SET search_path = '' AS $$
    SELECT CASE WHEN authz.is_staff() THEN authz.has('users.read_personal')
           ELSE EXISTS (SELECT FROM app.memberships m WHERE m.user_id = p_user AND m.partner_id = ANY (p_personal)) END
$$;

-- active, suspended (to a member: also if in all partners that he sees), erased.
CREATE OR REPLACE FUNCTION app.user_status(p_user app.users) RETURNS text
LANGUAGE sql STABLE SET search_path = '' AS $$
    SELECT CASE WHEN p_user.erased_at IS NOT NULL THEN 'erased'
                WHEN p_user.status = 'active' AND NOT authz.is_staff()
                     AND NOT EXISTS (SELECT FROM app.memberships m
                                     WHERE m.user_id = p_user.user_id AND m.partner_id = ANY (authz.partner_ids())
                                       AND m.suspended_at IS NULL) THEN 'suspended'
                ELSE p_user.status END
$$;

CREATE OR REPLACE FUNCTION app.memberships_seen(p_user int) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = '' AS $$
    SELECT coalesce(jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
               'partner', p.code, 'role', m.role, 'expires_at', app.ms(m.expires_at),
               'suspended_at', app.ms(m.suspended_at),
               'custom_role', (SELECT c.public_id FROM app.custom_roles c WHERE c.custom_role_id = m.custom_role_id)))
               ORDER BY p.code), '[]')
    FROM app.memberships m JOIN app.partners p ON p.partner_id = m.partner_id
    WHERE m.user_id = p_user AND (authz.is_staff() OR m.partner_id = ANY (authz.partner_ids()))
$$;

CREATE OR REPLACE FUNCTION app.user_json(p_user app.users, p_personal int[]) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
BEGIN
    RETURN (SELECT jsonb_strip_nulls(jsonb_build_object(
        'id', p_user.public_id, 'name', p_user.name, 'kind', p_user.kind, 'role', p_user.staff_role,
        'status', app.user_status(p_user), 'memberships', app.memberships_seen(p_user.user_id),
        'email', CASE WHEN r.personal THEN p_user.email END,
        'masked', CASE WHEN authz.is_staff() AND NOT r.personal THEN app.masked_email(p_user.email) END,
        'last_login_at', CASE WHEN r.personal OR authz.is_staff() THEN app.ms(p_user.last_login_at) END,
        'created_at', app.ms(p_user.created_at)))
    FROM (SELECT app.reads_personal(p_user.user_id, p_personal) AS personal) r);
END
$$;

-- A user that the caller can see.
CREATE OR REPLACE FUNCTION app.user_to_see(p_public text) RETURNS app.users
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
DECLARE
    v_user app.users;
BEGIN
    SELECT * INTO v_user FROM app.users u
    WHERE u.public_id = p_public
      AND (authz.is_staff() OR EXISTS (SELECT FROM app.memberships m
                                       WHERE m.user_id = u.user_id AND m.partner_id = ANY (authz.partner_ids())));
    IF NOT FOUND THEN
        PERFORM app.fail(404, 'not_found', 'no such user');
    END IF;
    RETURN v_user;
END
$$;

-- A member of the query that is one of these words; NULL if it is not given.
CREATE OR REPLACE FUNCTION app.choice_of(p_query jsonb, p_name text, p_choices text[]) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
DECLARE
    v text := app.text_of(p_query, p_name, 32, false);
BEGIN
    IF NOT v = ANY (p_choices) THEN
        PERFORM app.fail(400, 'invalid', 'one of ' || array_to_string(p_choices, ', '), p_name);
    END IF;
    RETURN v;
END
$$;

-- The directory's cursor: name and id of the last one seen, so that it stays good if he is renamed, and
-- tells nothing of others. Empty without one.
CREATE OR REPLACE FUNCTION app.users_after(p_query jsonb, OUT name text, OUT user_id int)
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
DECLARE
    v text := p_query ->> 'after';
BEGIN
    IF v IS NULL THEN
        RETURN;
    ELSIF length(v) > 2000 OR v !~ '^[0-9]{1,9}\.([0-9a-f]{2})+$' THEN
        PERFORM app.fail(400, 'invalid', 'not a cursor of this list', 'after');
    END IF;
    user_id := split_part(v, '.', 1)::int;
    name := convert_from(decode(split_part(v, '.', 2), 'hex'), 'UTF8');
END
$$;

-- The directory's conditions on a user u: $1 partners, $2 role, $3 pattern, $4 as app.personal_in(). Each
-- only if it is asked for, so that there is an index for what is.
CREATE OR REPLACE FUNCTION app.users_where(p_query jsonb, p_places int[], p_role text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
DECLARE
    v_kind   text := app.choice_of(p_query, 'kind', '{staff,member}');
    v_status text := app.choice_of(p_query, 'status', '{active,suspended,erased}');
    v_staff  boolean := EXISTS (SELECT FROM app.role_permissions r WHERE r.role = 'staff.' || p_role);
    v_member boolean := EXISTS (SELECT FROM app.role_permissions r WHERE r.role = 'partner.' || p_role);
    v_where  text[] := '{}';
    v_seen   text := 'EXISTS (SELECT FROM app.memberships m WHERE m.user_id = u.user_id'
                     ' AND m.partner_id = ANY (authz.partner_ids()) AND m.suspended_at IS NULL)';
BEGIN
    v_where := v_where || CASE WHEN v_status = 'erased' THEN 'u.status = ''suspended'' AND u.erased_at IS NOT NULL'
                               ELSE 'u.erased_at IS NULL' END;
    IF v_status IN ('active', 'suspended') AND authz.is_staff() THEN
        v_where := v_where || format('u.status = %L', v_status);
    ELSIF v_status IN ('active', 'suspended') THEN -- as app.user_status()
        v_where := v_where || format('(u.status = ''active'' AND %s) = %L', v_seen, v_status = 'active');
    END IF;
    IF v_kind IS NOT NULL THEN
        v_where := v_where || format('u.kind = %L', v_kind);
    END IF;
    IF p_places IS NOT NULL THEN
        v_where := v_where || ('u.user_id IN (SELECT m.user_id FROM app.memberships m WHERE m.partner_id = ANY ($1)'
                               || CASE WHEN p_role IS NULL THEN ')' ELSE ' AND m.role = $2)' END);
    ELSIF p_role IS NOT NULL THEN
        v_where := v_where || CASE
            WHEN v_staff AND v_member THEN '(u.staff_role = $2 OR EXISTS (SELECT FROM app.memberships m'
                                           ' WHERE m.user_id = u.user_id AND m.role = $2))'
            WHEN v_staff THEN 'u.kind = ''staff'' AND u.staff_role = $2'
            WHEN v_member THEN 'u.user_id IN (SELECT m.user_id FROM app.memberships m WHERE m.role = $2)'
            ELSE 'false' END;
    END IF;
    IF btrim(p_query ->> 'q') <> '' THEN
        v_where := v_where || CASE
            WHEN authz.is_staff() AND NOT authz.has('users.read_personal') THEN 'lower(u.name) LIKE $3'
            WHEN authz.is_staff() THEN '(lower(u.name) LIKE $3 OR lower(u.email) LIKE $3)'
            ELSE '(lower(u.name) LIKE $3 OR lower(u.email) LIKE $3 AND EXISTS (SELECT FROM app.memberships m'
                 ' WHERE m.user_id = u.user_id AND m.partner_id = ANY ($4)))' END;
    END IF;
    RETURN array_to_string(v_where, ' AND ');
END
$$;

CREATE FUNCTION route.users_list(p_target text, p_query jsonb, p_body jsonb, p_fresh jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = ''
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    v_limit    int := app.page_size(p_query);
    v_pattern  text := app.like_of(app.text_of(p_query, 'q', 200, false));
    v_role     text := app.text_of(p_query, 'role', 32, false);
    v_places   int[] := CASE WHEN p_query ->> 'partner' <> '' THEN ARRAY[app.partner_of(p_query ->> 'partner')]
                             WHEN NOT authz.is_staff() THEN authz.partner_ids() END;
    v_personal int[] := app.personal_in();
    v_after    record := app.users_after(p_query);
    v_where    text := app.users_where(p_query, v_places, v_role);
    v_users    app.users[];
    v_last     app.users;
BEGIN
    IF v_after.user_id IS NOT NULL THEN
        v_where := v_where || ' AND (lower(u.name), u.user_id) > ($6, $7)';
    END IF;
    EXECUTE format('SELECT array_agg(x::app.users ORDER BY lower(x.name), x.user_id)'
                   ' FROM (SELECT u.* FROM app.users u WHERE %s ORDER BY lower(u.name), u.user_id LIMIT $5) x', v_where)
    INTO v_users USING v_places, v_role, v_pattern, v_personal, v_limit + 1, v_after.name, v_after.user_id;
    v_last := v_users[v_limit];
    RETURN jsonb_build_object('items', coalesce(
               (SELECT jsonb_agg(app.user_json(u, v_personal) ORDER BY lower(u.name), u.user_id)
                FROM unnest(v_users[:v_limit]) u), '[]'))
           || CASE WHEN cardinality(v_users) > v_limit
              THEN jsonb_build_object('next', v_last.user_id || '.' || encode(convert_to(lower(v_last.name), 'UTF8'), 'hex'))
              ELSE '{}' END;
END
$$;

-- What was generated in the partners of a member that the caller sees, in 30 days; `projects` counts
-- those of the newest 10,000 jobs, so that a large partner's page costs no more.
CREATE OR REPLACE FUNCTION app.user_usage(p_user int) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = '' AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_object(
               'partner', p.code, 'requested', r.requested, 'completed', r.completed, 'failed', r.failed,
               'projects', j.projects) ORDER BY p.code), '[]')
    FROM app.memberships m JOIN app.partners p ON p.partner_id = m.partner_id
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(r.requested), 0) AS requested, coalesce(sum(r.completed), 0) AS completed,
               coalesce(sum(r.failed), 0) AS failed
        FROM app.rollup r
        WHERE r.partner_id = p.partner_id AND r.grain = 1 AND r.bucket > app.minute(now()) / 60 - 720) r
    CROSS JOIN LATERAL (
        SELECT count(DISTINCT x.project) AS projects
        FROM ((SELECT g.project FROM app.generation_jobs g
               WHERE g.partner_id = p.partner_id AND g.environment = 0 AND g.closed_at IS NULL
                 AND g.requested_at > now() - interval '30 days'
               ORDER BY g.requested_at DESC LIMIT 10000)
              UNION ALL
              (SELECT g.project FROM app.generation_jobs g
               WHERE g.partner_id = p.partner_id AND g.environment = 0 AND g.closed_at > now() - interval '30 days'
               ORDER BY g.closed_at DESC LIMIT 10000)) x) j
    WHERE m.user_id = p_user AND (authz.is_staff() OR m.partner_id = ANY (authz.partner_ids()))
$$;

-- Notes are of staff for staff.
CREATE OR REPLACE FUNCTION app.user_details(p_user app.users) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = '' AS $$
    SELECT app.user_json(p_user, app.personal_in()) || jsonb_strip_nulls(jsonb_build_object(
        'notes', CASE WHEN authz.is_staff() THEN p_user.notes END,
        'suspended_reason', coalesce(CASE WHEN authz.is_staff() THEN p_user.suspended_reason END,
            (SELECT max(m.suspended_reason) FROM app.memberships m
             WHERE m.user_id = p_user.user_id AND (authz.is_staff() OR m.partner_id = ANY (authz.partner_ids())))),
        'two_factor', p_user.totp_enabled_at IS NOT NULL,
        'sessions', (SELECT count(*) FROM app.sessions s
                     WHERE s.user_id = p_user.user_id AND s.revoked_at IS NULL AND s.expires_at > now()
                       AND s.impersonator_id IS NULL),
        'usage', CASE WHEN authz.has('metrics.read') THEN app.user_usage(p_user.user_id) END))
$$;

CREATE FUNCTION route.user_get(p_target text, p_query jsonb, p_body jsonb, p_fresh jsonb) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
    SELECT app.user_details(app.user_to_see(p_target))
$$;

-- ---- Changing --------------------------------------------------------------------------------------

-- Fails unless the caller holds what the person holds, where he is about to act on him: nobody acts on
-- those above him, and on an owner only another owner.
CREATE OR REPLACE FUNCTION app.check_rank(p_user app.users, p_partners int[]) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
BEGIN
    IF p_user.kind = 'staff' THEN
        PERFORM app.check_grant('staff.' || p_user.staff_role, p_user.custom_role_id, NULL, '');
    ELSIF NOT authz.is_staff() THEN
        PERFORM app.check_grant('partner.' || m.role, m.custom_role_id, m.partner_id, '')
        FROM app.memberships m WHERE m.user_id = p_user.user_id AND m.partner_id = ANY (p_partners);
    END IF;
END
$$;

-- Whether the person is the caller's alone: he belongs to no partner that the caller does not look after.
CREATE OR REPLACE FUNCTION app.is_only_mine(p_user int) RETURNS boolean
LANGUAGE sql STABLE SET search_path = '' AS $$
    SELECT authz.is_staff() OR NOT EXISTS (SELECT FROM app.memberships m
                                           WHERE m.user_id = p_user AND NOT m.partner_id = ANY (authz.partner_ids()))
$$;

-- The partner of the trail's row about somebody: his, if it is one that the caller acts in alone.
CREATE OR REPLACE FUNCTION app.partner_about(p_user int) RETURNS int
LANGUAGE sql STABLE SET search_path = '' AS $$
    SELECT CASE WHEN count(*) = 1 THEN min(m.partner_id) END FROM app.memberships m
    WHERE m.user_id = p_user AND (authz.is_staff() OR m.partner_id = ANY (authz.partner_ids()))
$$;

CREATE FUNCTION route.user_update(p_target text, p_query jsonb, p_body jsonb, p_fresh jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
    v_old app.users := app.user_to_change(p_target);
    v_new app.users;
BEGIN
    PERFORM app.check_rank(v_old, authz.partner_ids());
    IF NOT p_body ?| '{name,notes}' THEN
        PERFORM app.fail(400, 'required', 'give name or notes', 'name');
    ELSIF p_body ? 'notes' AND NOT authz.is_staff() THEN
        PERFORM app.fail(403, 'forbidden', 'notes are of staff for staff', 'notes');
    ELSIF p_body ? 'name' AND NOT app.is_only_mine(v_old.user_id) THEN
        PERFORM app.fail(403, 'shared', 'he belongs to another partner too: he names himself', 'name');
    END IF;
    UPDATE app.users u
    SET name = CASE WHEN p_body ? 'name' THEN app.text_of(p_body, 'name', 120) ELSE u.name END,
        notes = CASE WHEN p_body ? 'notes' THEN app.text_of(p_body, 'notes', 2000, false) ELSE u.notes END,
        version = u.version + 1, updated_at = now()
    WHERE u.user_id = v_old.user_id RETURNING * INTO v_new;
    IF p_body ? 'name' THEN
        PERFORM app.audit('user.update', 'user', p_target, app.partner_about(v_old.user_id),
                          jsonb_build_object('name', v_old.name), jsonb_build_object('name', v_new.name));
    END IF;
    IF p_body ? 'notes' THEN -- of staff for staff, so in no partner's trail
        PERFORM app.audit('user.note', 'user', p_target, NULL,
                          jsonb_build_object('notes', v_old.notes), jsonb_build_object('notes', v_new.notes));
    END IF;
    RETURN app.user_details(v_new);
END
$$;

-- Ends his sessions, and those in which he looks through somebody's eyes; their number.
CREATE OR REPLACE FUNCTION app.end_sessions_of(p_user int) RETURNS int
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
    v_count int;
BEGIN
    UPDATE app.sessions SET revoked_at = now()
    WHERE p_user IN (user_id, impersonator_id) AND revoked_at IS NULL AND expires_at > now();
    GET DIAGNOSTICS v_count = ROW_COUNT;
    RETURN v_count;
END
$$;

-- In which partners the caller suspends: NULL is everywhere, the person himself.
CREATE OR REPLACE FUNCTION app.suspends_in(p_body jsonb) RETURNS int[]
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
BEGIN
    IF app.text_of(p_body, 'partner', 32, false) IS NOT NULL THEN
        RETURN ARRAY[app.partner_of(p_body ->> 'partner')];
    ELSIF authz.is_staff() THEN
        RETURN NULL;
    END IF;
    RETURN authz.partner_ids();
END
$$;

-- Suspends (p_reason) or not (NULL) the memberships in these partners, with a row of the trail for each.
CREATE OR REPLACE FUNCTION app.memberships_suspend(p_user app.users, p_partners int[], p_reason text) RETURNS void
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
    v_done int[];
BEGIN
    WITH done AS (
        UPDATE app.memberships m
        SET suspended_at = CASE WHEN p_reason IS NOT NULL THEN now() END, suspended_reason = p_reason
        WHERE m.user_id = p_user.user_id AND m.partner_id = ANY (p_partners)
          AND (m.suspended_at IS NULL) = (p_reason IS NOT NULL)
        RETURNING m.partner_id)
    SELECT array_agg(d.partner_id ORDER BY d.partner_id) INTO v_done FROM done d;
    IF v_done IS NULL THEN
        PERFORM app.fail(409, 'conflict', CASE WHEN p_reason IS NULL THEN 'he is not suspended there'
                                          ELSE 'he is suspended there already' END);
    END IF;
    IF p_reason IS NULL THEN
        PERFORM app.audit('user.unsuspend', 'user', p_user.public_id, d, '{"status": "suspended"}', '{"status": "active"}')
        FROM unnest(v_done) d;
    ELSE
        PERFORM app.audit('user.suspend', 'user', p_user.public_id, d, '{"status": "active"}',
                          jsonb_build_object('status', 'suspended', 'reason', p_reason))
        FROM unnest(v_done) d;
    END IF;
END
$$;

CREATE FUNCTION route.user_suspend(p_target text, p_query jsonb, p_body jsonb, p_fresh jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
    v_reason   text := app.text_of(p_body, 'reason', 500);
    v_user     app.users := app.user_to_change(p_target);
    v_partners int[] := app.suspends_in(p_body);
BEGIN
    PERFORM app.check_rank(v_user, v_partners);
    IF v_partners IS NOT NULL THEN
        PERFORM app.memberships_suspend(v_user, v_partners, v_reason);
        RETURN app.user_details(v_user);
    ELSIF v_user.status = 'suspended' THEN
        PERFORM app.fail(409, 'conflict', 'he is suspended already');
    END IF;
    UPDATE app.users u
    SET status = 'suspended', suspended_reason = v_reason, version = u.version + 1, updated_at = now()
    WHERE u.user_id = v_user.user_id RETURNING * INTO v_user;
    PERFORM app.end_sessions_of(v_user.user_id);
    UPDATE app.invitations SET revoked_at = now()
    WHERE invited_by = v_user.user_id AND accepted_at IS NULL AND revoked_at IS NULL;
    SET CONSTRAINTS app.users_last_owner IMMEDIATE;
    -- Why is for staff, so in no partner's trail.
    PERFORM app.audit('user.suspend', 'user', p_target, NULL, '{"status": "active"}',
                      jsonb_build_object('status', 'suspended', 'reason', v_reason));
    RETURN app.user_details(v_user);
END
$$;

CREATE FUNCTION route.user_unsuspend(p_target text, p_query jsonb, p_body jsonb, p_fresh jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
    v_user     app.users := app.user_to_change(p_target);
    v_partners int[] := app.suspends_in(p_body);
    v_reason   text := v_user.suspended_reason;
BEGIN
    PERFORM app.check_rank(v_user, v_partners);
    IF v_partners IS NOT NULL THEN
        PERFORM app.memberships_suspend(v_user, v_partners, NULL);
        RETURN app.user_details(v_user);
    ELSIF v_user.status = 'active' THEN
        PERFORM app.fail(409, 'conflict', 'he is not suspended');
    END IF;
    UPDATE app.users u SET status = 'active', suspended_reason = NULL, version = u.version + 1, updated_at = now()
    WHERE u.user_id = v_user.user_id RETURNING * INTO v_user;
    PERFORM app.audit('user.unsuspend', 'user', p_target, NULL,
                      jsonb_build_object('status', 'suspended', 'reason', v_reason), '{"status": "active"}');
    RETURN app.user_details(v_user);
END
$$;

CREATE FUNCTION route.user_sign_out(p_target text, p_query jsonb, p_body jsonb, p_fresh jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
    v_user  app.users := app.user_to_change(p_target);
    v_count int;
BEGIN
    PERFORM app.check_rank(v_user, authz.partner_ids());
    v_count := app.end_sessions_of(v_user.user_id);
    PERFORM app.audit('user.sign_out', 'user', p_target, app.partner_about(v_user.user_id), NULL,
                      jsonb_build_object('ended', v_count));
    RETURN jsonb_build_object('ended', v_count);
END
$$;

-- ---- Looking through somebody's eyes ---------------------------------------------------------------

-- A session of the member's for 30 minutes, in which the caller only looks (app.watching) and reads no
-- threads. The trail names both, in each partner of his.
CREATE FUNCTION route.user_impersonate(p_target text, p_query jsonb, p_body jsonb, p_fresh jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
    v_reason  text := app.text_of(p_body, 'reason', 500);
    v_user    app.users := app.user_to_change(p_target);
    v_session app.sessions;
BEGIN
    IF v_user.kind <> 'member' THEN
        PERFORM app.fail(403, 'not_a_member', 'only members, no staff');
    ELSIF v_user.status <> 'active' THEN
        PERFORM app.fail(409, 'conflict', 'he is suspended');
    END IF;
    INSERT INTO app.sessions (session_hash, user_id, expires_at, impersonator_id, ip, reason, last_seen_at, returns_to)
    VALUES (decode(p_fresh ->> 'token_sha256', 'hex'), v_user.user_id, now() + interval '30 minutes', authz.user_id(),
            nullif(current_setting('app.ip'), '')::inet, v_reason, now(), current_setting('app.session'))
    RETURNING * INTO v_session;
    PERFORM set_config('app.impersonator_id', authz.user_id()::text, true),
            set_config('app.user_id', v_user.user_id::text, true);
    PERFORM app.audit('user.impersonate', 'user', p_target, p.partner_id, NULL,
                      jsonb_build_object('reason', v_reason, 'session', v_session.public_id,
                                         'expires_at', app.ms(v_session.expires_at)))
    FROM (SELECT m.partner_id FROM app.memberships m WHERE m.user_id = v_user.user_id
          UNION ALL
          SELECT NULL WHERE NOT EXISTS (SELECT FROM app.memberships m WHERE m.user_id = v_user.user_id)) p;
    RETURN jsonb_build_object('session', v_session.public_id, 'expires_at', app.ms(v_session.expires_at),
                              'user', jsonb_build_object('id', v_user.public_id, 'name', v_user.name));
END
$$;

-- Back to the own session, if it is still good: under the new token of p_fresh, since the browser has
-- forgotten the old one. Without one, or if that session has ended: sign in.
CREATE FUNCTION route.impersonation_end(p_target text, p_query jsonb, p_body jsonb, p_fresh jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
    v_session app.sessions;
    v_is_back boolean;
BEGIN
    UPDATE app.sessions SET revoked_at = now()
    WHERE public_id = current_setting('app.session') AND impersonator_id IS NOT NULL
    RETURNING * INTO v_session;
    IF NOT FOUND THEN
        PERFORM app.fail(409, 'conflict', 'you look through nobody''s eyes');
    END IF;
    UPDATE app.sessions SET session_hash = decode(p_fresh ->> 'token_sha256', 'hex')
    WHERE p_fresh ? 'token_sha256' AND public_id = v_session.returns_to AND user_id = v_session.impersonator_id
      AND revoked_at IS NULL AND expires_at > now();
    v_is_back := FOUND;
    PERFORM app.audit('user.impersonate_end', 'user', current_setting('app.user'), app.partner_about(authz.user_id()),
                      NULL, jsonb_build_object('session', v_session.public_id));
    RETURN jsonb_build_object('signed_in', v_is_back);
END
$$;
