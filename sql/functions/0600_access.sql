-- How a signed-in person's request is answered: api.request() finds out who asks, whether he may, runs
-- the route's function and records what it did, all in one transaction.
--
-- A ROUTE is a row of app.routes and a function of the same name in schema route, which takes the target
-- (what stands for {} in the path), the query, the body and what ingest made for it (hashes of new
-- secrets), and returns the answer's body. It finds who asks by authz.user_id(), authz.is_staff() and
-- authz.partner_ids(): the partners in which the member's role gives him the route's permission; of
-- staff all. It refuses by app.fail(), which rolls its work back. Each mutating one calls app.audit().
-- If route.NAME__partner and route.NAME__staff exist they are taken instead: they belong to mh_partner
-- and mh_staff, so that the tables' policies and column grants decide what they can read at all.

-- ---- What routes use -------------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION authz.user_id() RETURNS int
LANGUAGE sql STABLE PARALLEL SAFE RETURN nullif(current_setting('app.user_id', true), '')::int;
CREATE OR REPLACE FUNCTION authz.is_staff() RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE RETURN coalesce(current_setting('app.is_staff', true) = 'on', false);
-- Of the person in any of his partners; for the fields of an answer, not for whether he may ask.
CREATE OR REPLACE FUNCTION authz.has(p_permission text) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE
RETURN p_permission = ANY (coalesce(nullif(current_setting('app.permissions', true), '')::text[], '{}'));

-- Refuses: HTTP status, reason (as in ingest/http/problem), what to do about it, and the member of the
-- body or the query that is meant.
CREATE OR REPLACE FUNCTION app.fail(p_status int, p_reason text, p_detail text DEFAULT '', p_field text DEFAULT '')
RETURNS void LANGUAGE plpgsql STABLE SET search_path = '' AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'MH' || p_status, MESSAGE = p_reason, DETAIL = p_detail, COLUMN = p_field;
END
$$;

-- A text member of a body or query; fails if it is missing, of another type, empty or too long.
CREATE OR REPLACE FUNCTION app.text_of(p_object jsonb, p_name text, p_max int, p_required boolean DEFAULT true)
RETURNS text LANGUAGE plpgsql STABLE SET search_path = '' AS $$
DECLARE
    v text := btrim(p_object ->> p_name);
BEGIN
    IF p_object -> p_name IS NOT NULL AND jsonb_typeof(p_object -> p_name) NOT IN ('string', 'null') THEN
        PERFORM app.fail(400, 'invalid', 'expected a text', p_name);
    ELSIF coalesce(v, '') = '' THEN
        IF p_required THEN
            PERFORM app.fail(400, 'required', 'must be given', p_name);
        END IF;
        RETURN NULL;
    ELSIF length(v) > p_max THEN
        PERFORM app.fail(400, 'too_long', format('at most %s characters', p_max), p_name);
    END IF;
    RETURN v;
END
$$;

-- The pattern for LIKE of a lower-case text that has p_part in it.
CREATE OR REPLACE FUNCTION app.like_of(p_part text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = ''
RETURN '%' || regexp_replace(lower(p_part), '([\\%_])', '\\\1', 'g') || '%';

-- The partner of that code, if it is one of the caller's; else 404, as for one that does not exist.
CREATE OR REPLACE FUNCTION app.partner_of(p_code text, p_field text DEFAULT 'partner') RETURNS int
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
DECLARE
    v_id int;
BEGIN
    SELECT p.partner_id INTO v_id FROM app.partners p
    WHERE p.code = p_code AND (authz.is_staff() OR p.partner_id = ANY (authz.partner_ids()));
    IF NOT FOUND THEN
        PERFORM app.fail(404, 'not_found', 'no such partner', p_field);
    END IF;
    RETURN v_id;
END
$$;

-- Rows of a page: 1 to 200, 50 unless asked for; of a file (?format=csv) 5000.
CREATE OR REPLACE FUNCTION app.page_size(p_query jsonb) RETURNS int
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
DECLARE
    v text := p_query ->> 'limit';
BEGIN
    IF v IS NULL THEN
        RETURN CASE WHEN p_query ->> 'format' = 'csv' THEN 5000 ELSE 50 END;
    ELSIF v !~ '^[0-9]{1,3}$' OR v::int NOT BETWEEN 1 AND 200 THEN
        PERFORM app.fail(400, 'out_of_range', 'from 1 to 200', 'limit');
    END IF;
    RETURN v::int;
END
$$;

-- ---- What happens ----------------------------------------------------------------------------------

-- A row of a log channel, which ingest publishes after the commit and the hub's poll finds anyway.
CREATE OR REPLACE FUNCTION app.emit(p_channel text, p_payload jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
    v_head app.channel_head;
BEGIN
    INSERT INTO app.channel_head (channel) VALUES (p_channel) ON CONFLICT DO NOTHING;
    UPDATE app.channel_head SET seq = seq + 1 WHERE channel = p_channel RETURNING * INTO v_head;
    INSERT INTO app.channel_log (channel, seq, created_at, payload)
    VALUES (p_channel, v_head.seq, clock_timestamp(), p_payload::text);
    -- As text: a list of thousand people would be parsed a thousand times.
    PERFORM set_config('mh.feeds', coalesce(left(nullif(current_setting('mh.feeds', true), ''), -1) || ',', '[')
        || jsonb_build_object('channel', p_channel, 'epoch', app.db_epoch() || v_head.epoch, 'seq', v_head.seq,
                              'payload', p_payload::text)::text || ']', true);
END
$$;

-- One link of the month's chain. The head stays locked to the commit, so that the chain has the order
-- of the commits; hence as late in a transaction as possible. `before` and `after` hold what changed,
-- never a secret (F4).
CREATE OR REPLACE FUNCTION app.audit(p_action text, p_target_type text, p_target_id text, p_partner int,
                                     p_before jsonb DEFAULT NULL, p_after jsonb DEFAULT NULL,
                                     p_outcome text DEFAULT 'done') RETURNS void
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
    v_chain date := date_trunc('month', now() AT TIME ZONE 'UTC')::date;
    v_now   timestamptz := clock_timestamp();
    v_head  app.audit_head;
    v_actor int := coalesce(nullif(current_setting('app.impersonator_id', true), '')::int, authz.user_id());
    v_for   int := CASE WHEN nullif(current_setting('app.impersonator_id', true), '') IS NOT NULL
                        THEN authz.user_id() END;
    v_text  text;
    v_hash  bytea;
    v_short jsonb;
    v_code  text;
BEGIN
    INSERT INTO app.audit_head (chain, seq, hash) VALUES (v_chain, 0, sha256('')) ON CONFLICT DO NOTHING;
    SELECT * INTO v_head FROM app.audit_head WHERE chain = v_chain FOR UPDATE;
    v_text := jsonb_build_object(
        'chain', v_chain, 'seq', v_head.seq + 1, 'at', app.ms(v_now), 'actor', v_actor, 'on_behalf_of', v_for,
        'outcome', p_outcome, 'action', p_action, 'target_type', p_target_type, 'target_id', p_target_id,
        'partner', p_partner, 'before', p_before, 'after', p_after,
        'request_id', nullif(current_setting('app.request_id', true), ''))::text;
    v_hash := sha256(v_head.hash || convert_to(v_text, 'UTF8'));
    INSERT INTO app.audit_log (chain, seq, at, partner_id, actor_id, on_behalf_of, outcome, action, target_type,
                               target_id, before, after, request_id, ip, canonical, prev_hash, hash)
    VALUES (v_chain, v_head.seq + 1, v_now, p_partner, v_actor, v_for, p_outcome, p_action, p_target_type,
            p_target_id, p_before, p_after, nullif(current_setting('app.request_id', true), ''),
            nullif(current_setting('app.ip', true), '')::inet, v_text, v_head.hash, v_hash);
    UPDATE app.audit_head SET seq = seq + 1, hash = v_hash WHERE chain = v_chain;
    SELECT code INTO v_code FROM app.partners WHERE partner_id = p_partner;
    -- The trail's screens: what happened, without what was in it.
    v_short := jsonb_strip_nulls(jsonb_build_object(
        't', 'audit', 'id', v_chain || '.' || v_head.seq + 1, 'at', app.ms(v_now), 'outcome', p_outcome,
        'action', p_action, 'target_type', p_target_type, 'target', p_target_id, 'partner', v_code,
        'actor', (SELECT jsonb_build_object('id', public_id, 'name', name) FROM app.users WHERE user_id = v_actor)));
    PERFORM app.emit('audit:platform', v_short);
    IF v_code IS NOT NULL THEN
        PERFORM app.emit('audit:partner:' || v_code, v_short);
    END IF;
END
$$;

-- Somebody's access is another now: hubs look again at the sockets of these people.
CREATE OR REPLACE FUNCTION app.access_changed(p_users int[]) RETURNS void
LANGUAGE sql SET search_path = '' AS $$
    SELECT app.emit('ctl:authz', jsonb_build_object(
        't', 'authz', 'at', app.ms(clock_timestamp()), 'users', jsonb_agg(u.public_id)))
    FROM app.users u WHERE u.user_id = ANY (p_users) HAVING count(*) > 0
$$;

-- However the change came about: over HTTP, by metricsctl, by hand; one row of the log per statement.
-- Threads follow their participants' memberships and custom roles.
CREATE OR REPLACE FUNCTION app.on_access_changed() RETURNS trigger
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
    v_users      int[];
    v_in_threads int[]; -- of these, who may take part in other threads now
BEGIN
    CASE TG_TABLE_NAME
    WHEN 'memberships' THEN
        CASE TG_OP
        WHEN 'INSERT' THEN v_users := ARRAY(SELECT n.user_id FROM new_rows n);
        WHEN 'DELETE' THEN v_users := ARRAY(SELECT o.user_id FROM old_rows o);
        ELSE v_users := ARRAY(SELECT o.user_id FROM old_rows o UNION SELECT n.user_id FROM new_rows n);
        END CASE;
        v_in_threads := v_users;
    WHEN 'sessions' THEN
        v_users := ARRAY(SELECT n.user_id FROM new_rows n JOIN old_rows o USING (session_hash)
                         WHERE o.revoked_at IS NULL AND n.revoked_at IS NOT NULL);
    WHEN 'users' THEN -- and those through whose eyes he looks
        v_users := ARRAY(SELECT n.user_id FROM new_rows n JOIN old_rows o USING (user_id)
                         WHERE (o.status, o.staff_role, o.custom_role_id, o.name)
                               IS DISTINCT FROM (n.status, n.staff_role, n.custom_role_id, n.name));
        v_in_threads := ARRAY(SELECT n.user_id FROM new_rows n JOIN old_rows o USING (user_id)
                              WHERE o.custom_role_id IS DISTINCT FROM n.custom_role_id);
        IF v_users <> '{}' THEN
            v_users := v_users || ARRAY(SELECT s.user_id FROM app.sessions s
                                        WHERE s.impersonator_id = ANY (v_users) AND s.revoked_at IS NULL);
        END IF;
    WHEN 'partners' THEN
        v_users := ARRAY(SELECT m.user_id FROM new_rows n JOIN old_rows o USING (partner_id)
                         JOIN app.memberships m USING (partner_id) WHERE o.status <> n.status);
    WHEN 'custom_roles' THEN
        v_users := ARRAY(SELECT u.user_id FROM new_rows n JOIN old_rows o USING (custom_role_id)
                         CROSS JOIN LATERAL (SELECT m.user_id FROM app.memberships m WHERE m.custom_role_id = n.custom_role_id
                                             UNION ALL
                                             SELECT u.user_id FROM app.users u WHERE u.custom_role_id = n.custom_role_id) u
                         WHERE o.permissions <> n.permissions);
        v_in_threads := v_users;
    END CASE;
    IF v_users <> '{}' THEN
        PERFORM app.access_changed(v_users);
    END IF;
    IF v_in_threads <> '{}' THEN
        PERFORM app.threads_touch(array_agg(p.thread_id)) FROM app.thread_participants p
        WHERE p.user_id = ANY (v_in_threads);
    END IF;
    RETURN NULL;
END
$$;

-- ---- Who asks --------------------------------------------------------------------------------------

-- What a role may: the built-in one's permissions, of which a custom one leaves those that it names.
CREATE OR REPLACE FUNCTION app.role_permissions_of(p_role text, p_custom int) RETURNS text[]
LANGUAGE sql STABLE SET search_path = '' AS $$
    SELECT coalesce(array_agg(r.permission ORDER BY r.permission), '{}')
    FROM app.role_permissions r
    WHERE r.role = p_role
      AND (p_custom IS NULL OR r.permission = ANY (
           (SELECT c.permissions FROM app.custom_roles c WHERE c.custom_role_id = p_custom)::text[]))
$$;

-- The partners that a member belongs to now. In a suspended one he only reads.
CREATE OR REPLACE FUNCTION app.memberships_of(p_user int)
RETURNS TABLE (partner_id int, code text, name text, status text, role text, permissions text[])
LANGUAGE sql STABLE SET search_path = '' AS $$
    SELECT p.partner_id, p.code, p.name, p.status, m.role,
           app.role_permissions_of('partner.' || m.role, m.custom_role_id)
    FROM app.memberships m JOIN app.partners p ON p.partner_id = m.partner_id
    WHERE m.user_id = p_user AND p.status <> 'churned' AND m.suspended_at IS NULL
      AND (m.expires_at IS NULL OR m.expires_at > now())
$$;

-- Of these permissions those by which one only looks; nobody reads messages through somebody else's eyes.
CREATE OR REPLACE FUNCTION app.watching(p_permissions text[]) RETURNS text[]
LANGUAGE sql IMMUTABLE SET search_path = '' AS $$
    SELECT coalesce(array_agg(p.permission ORDER BY p.permission), '{}')
    FROM unnest(p_permissions) p (permission)
    WHERE p.permission ~ '\.(read(_[a-z]+)?|balance|tail)$' AND p.permission <> 'messages.read'
$$;

-- Whether he still may, who looks through somebody's eyes.
CREATE OR REPLACE FUNCTION app.may_impersonate(p_user int) RETURNS boolean
LANGUAGE sql STABLE SET search_path = '' AS $$
    SELECT EXISTS (SELECT FROM app.users u
                   WHERE u.user_id = p_user AND u.status = 'active' AND u.kind = 'staff'
                     AND 'users.impersonate' = ANY (app.role_permissions_of('staff.' || u.staff_role, u.custom_role_id)))
$$;

-- The session's user and his partners with what he may do in each. No row: sign in.
CREATE OR REPLACE FUNCTION app.session_of(p_session bytea)
RETURNS TABLE (user_id int, public_id text, session_id text, staff boolean, permissions text[], auth_at timestamptz,
               impersonator_id int)
LANGUAGE sql STABLE SET search_path = '' AS $$
    SELECT u.user_id, u.public_id, s.public_id, u.kind = 'staff',
           CASE WHEN s.impersonator_id IS NULL THEN p.permissions ELSE app.watching(p.permissions) END,
           s.auth_at, s.impersonator_id
    FROM app.sessions s JOIN app.users u ON u.user_id = s.user_id
    CROSS JOIN LATERAL (
        SELECT CASE u.kind WHEN 'staff' THEN app.role_permissions_of('staff.' || u.staff_role, u.custom_role_id)
               ELSE coalesce((SELECT array_agg(DISTINCT x.permission)
                              FROM app.memberships_of(u.user_id) m
                              CROSS JOIN LATERAL unnest(m.permissions) x (permission)), '{}') END AS permissions) p
    WHERE s.session_hash = p_session AND s.revoked_at IS NULL AND s.expires_at > now() AND u.status = 'active'
      AND (s.impersonator_id IS NULL OR app.may_impersonate(s.impersonator_id))
$$;

-- The one partner that a refused call is about: it, or somebody or something of it, was named. Of what
-- a member names only his own partners count: of a stranger's attempts only staff hear, who may know
-- both.
CREATE OR REPLACE FUNCTION app.partner_meant(p_path text, p_target text, p_query jsonb, p_body jsonb) RETURNS int
LANGUAGE sql STABLE SET search_path = '' AS $$
    SELECT CASE WHEN count(*) = 1 THEN min(x.partner_id) END
    FROM (SELECT p.partner_id FROM app.partners p
          WHERE p.code IN (SELECT c #>> '{}' FROM jsonb_path_query(
                               jsonb_build_array(p_query, p_body, p_body -> 'rows', p_body -> 'memberships'),
                               'lax $[*].partner') c)
             OR p.code = p_target AND p_path LIKE '/v1/partners/{}%'
          UNION
          SELECT m.partner_id FROM app.users u JOIN app.memberships m ON m.user_id = u.user_id WHERE u.public_id = p_target
          UNION SELECT k.partner_id FROM app.api_keys k WHERE k.public_id = p_target
          UNION SELECT r.partner_id FROM app.custom_roles r WHERE r.public_id = p_target
          UNION SELECT i.partner_id FROM app.invitations i WHERE i.public_id = p_target
          UNION SELECT w.partner_id FROM app.wallet_requests w WHERE w.public_id = p_target) x
    WHERE authz.is_staff() OR x.partner_id IN (SELECT m.partner_id FROM app.memberships_of(authz.user_id()) m)
$$;

-- What an error of Postgres is to who asked; status NULL: a fault of ours.
CREATE OR REPLACE FUNCTION app.problem_of(p_state text, INOUT reason text, INOUT detail text, OUT status int)
LANGUAGE plpgsql IMMUTABLE SET search_path = '' AS $$
BEGIN
    IF p_state LIKE 'MH___' THEN
        status := substr(p_state, 3)::int;
    ELSIF p_state = '23505' THEN
        status := 409;
        reason := 'conflict';
        detail := 'this exists already';
    ELSIF p_state LIKE '22%' OR p_state IN ('23514', '23502') THEN
        status := 400;
        reason := 'invalid';
        detail := 'a value is not of the expected form';
    END IF;
END
$$;

-- status 200 to 299: `body` is the answer and `feeds` is to be published, a JSON array of {channel,
-- epoch, seq, payload}; else reason, detail and field are the problem.
CREATE FUNCTION api.request(p_route text, p_session bytea, p_request_id text, p_ip text, p_target text,
                            p_query jsonb, p_body jsonb, p_fresh jsonb,
                            OUT status int, OUT reason text, OUT detail text, OUT field text, OUT body text,
                            OUT feeds text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' SET jit = off AS $$
DECLARE
    v_route    app.routes;
    v_who      record;
    v_partners int[];
    v_allowed  boolean;
    v_csv      boolean := coalesce(p_query ->> 'format' = 'csv', false);
    v_function text;
    v_answer   jsonb;
    v_state    text;
BEGIN
    SELECT * INTO v_who FROM app.session_of(p_session);
    IF NOT FOUND THEN
        status := 401;
        reason := 'sign_in';
        RETURN;
    END IF;
    SELECT * INTO v_route FROM app.routes r WHERE r.name = p_route;
    IF NOT FOUND THEN
        status := 404;
        reason := 'not_found';
        RETURN;
    END IF;
    SELECT coalesce(array_agg(m.partner_id), '{}') INTO v_partners FROM app.memberships_of(v_who.user_id) m
    WHERE (v_route.permission IS NULL
           OR v_route.permission = ANY (m.permissions) AND v_route.permission = ANY (v_who.permissions))
      AND NOT (v_route.mutates AND m.status = 'suspended')
      AND (NOT v_csv OR 'export.csv' = ANY (m.permissions));
    PERFORM authz.enter(v_who.public_id, v_partners, v_who.permissions),
            set_config('app.user_id', v_who.user_id::text, true),
            set_config('app.is_staff', CASE WHEN v_who.staff THEN 'on' ELSE 'off' END, true),
            set_config('app.impersonator_id', coalesce(v_who.impersonator_id::text, ''), true),
            set_config('app.session', v_who.session_id, true),
            set_config('app.request_id', coalesce(p_request_id, ''), true),
            set_config('app.ip', coalesce(p_ip, ''), true),
            set_config('mh.feeds', '', true);
    v_allowed := v_route.scope IN ('any', CASE WHEN v_who.staff THEN 'staff' ELSE 'partner' END)
        AND (v_route.permission IS NULL
             OR CASE WHEN v_who.staff THEN v_route.permission = ANY (v_who.permissions) ELSE v_partners <> '{}' END)
        AND (NOT v_csv OR 'export.csv' = ANY (v_who.permissions));
    BEGIN
        IF NOT v_allowed THEN
            PERFORM app.fail(403, 'forbidden', coalesce('this needs the permission '
                || concat_ws(' and ', v_route.permission, CASE WHEN v_csv THEN 'export.csv' END), ''));
        ELSIF v_route.mutates AND v_who.impersonator_id IS NOT NULL AND v_route.name <> 'impersonation_end' THEN
            PERFORM app.fail(403, 'impersonating', 'while you look through somebody else''s eyes you only read');
        ELSIF v_route.step_up AND v_who.auth_at < now() - interval '5 minutes' THEN
            PERFORM app.fail(403, 'step_up', 'confirm who you are: POST /v1/session/step-up');
        END IF;
        v_function := v_route.name;
        IF to_regproc(format('route.%I', v_function || '__staff')) IS NOT NULL THEN
            v_function := v_function || CASE WHEN v_who.staff THEN '__staff' ELSE '__partner' END;
        END IF;
        EXECUTE format('SELECT route.%I($1, $2, $3, $4)', v_function) INTO v_answer
        USING p_target, coalesce(p_query, '{}'), coalesce(p_body, '{}'), coalesce(p_fresh, '{}');
        status := 200;
        body := v_answer::text;
        feeds := nullif(current_setting('mh.feeds', true), '');
        RETURN;
    EXCEPTION WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS v_state = RETURNED_SQLSTATE, reason = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL,
                                field = COLUMN_NAME;
        SELECT p.status, p.reason, p.detail INTO status, reason, detail FROM app.problem_of(v_state, reason, detail) p;
        IF status IS NULL THEN
            RAISE;
        END IF;
    END;
    IF status = 403 AND v_route.mutates THEN
        PERFORM app.audit(v_route.name, NULL, p_target, app.partner_meant(v_route.path, p_target, p_query, p_body), NULL,
                          jsonb_build_object('reason', reason), 'denied');
        feeds := nullif(current_setting('mh.feeds', true), '');
    END IF;
END
$$;

-- ---- Triggers, and rights of those who only read (who writes: 0699_routes.sql) -----------------------

DO $$
DECLARE
    w record;
    f record;
BEGIN
    -- Rows of a statement can be had by triggers of one event each, without a list of columns.
    FOR w IN SELECT * FROM (VALUES
        ('users', 'UPDATE', 'OLD TABLE AS old_rows NEW TABLE AS new_rows'),
        ('partners', 'UPDATE', 'OLD TABLE AS old_rows NEW TABLE AS new_rows'),
        ('custom_roles', 'UPDATE', 'OLD TABLE AS old_rows NEW TABLE AS new_rows'),
        ('sessions', 'UPDATE', 'OLD TABLE AS old_rows NEW TABLE AS new_rows'),
        ('memberships', 'INSERT', 'NEW TABLE AS new_rows'),
        ('memberships', 'UPDATE', 'OLD TABLE AS old_rows NEW TABLE AS new_rows'),
        ('memberships', 'DELETE', 'OLD TABLE AS old_rows')) w (name, event, rows)
    LOOP
        EXECUTE format('DROP TRIGGER IF EXISTS access_changed ON app.%I', w.name); -- of before, per row
        EXECUTE format('CREATE OR REPLACE TRIGGER %I AFTER %s ON app.%I REFERENCING %s FOR EACH STATEMENT'
                       ' EXECUTE FUNCTION app.on_access_changed()',
                       'access_' || lower(w.event), w.event, w.name, w.rows);
    END LOOP;
    DROP TRIGGER IF EXISTS members_changed ON app.memberships;
    FOR f IN SELECT p.oid::regprocedure AS name, p.pronamespace::regnamespace::text AS schema FROM pg_catalog.pg_proc p
             WHERE p.pronamespace = 'app'::regnamespace
               AND p.proname IN ('fail', 'text_of', 'partner_of', 'page_size', 'role_permissions_of',
                                 'memberships_of', 'watching', 'may_impersonate')
                OR p.pronamespace = 'authz'::regnamespace AND p.proname IN ('user_id', 'is_staff', 'has')
    LOOP
        EXECUTE format('ALTER FUNCTION %s OWNER TO mh_owner', f.name);
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', f.name);
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO mh_writer, mh_reader, mh_partner, mh_staff', f.name);
    END LOOP;
    -- It runs when the transaction ends, as whoever that is.
    GRANT CREATE ON SCHEMA app TO mh_writer;
    ALTER FUNCTION app.on_owner_changed() SECURITY DEFINER;
    ALTER FUNCTION app.on_owner_changed() OWNER TO mh_writer;
    REVOKE CREATE ON SCHEMA app FROM mh_writer;
    GRANT EXECUTE ON FUNCTION authz.enter(text, int[], text[]), authz.partner_ids() TO mh_writer, mh_staff;
    ALTER FUNCTION api.request(text, bytea, text, text, text, jsonb, jsonb, jsonb) OWNER TO mh_writer;
    REVOKE ALL ON FUNCTION api.request(text, bytea, text, text, text, jsonb, jsonb, jsonb) FROM PUBLIC;
    GRANT EXECUTE ON FUNCTION api.request(text, bytea, text, text, text, jsonb, jsonb, jsonb) TO mh_ingest;
END
$$;

-- What follows fills it, one row per route.
SET LOCAL ROLE mh_writer;
DELETE FROM app.routes;
RESET ROLE;
