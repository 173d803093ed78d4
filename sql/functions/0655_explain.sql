-- Why somebody may see a channel, or not: the same questions in the same order as hub and ingest ask
-- them, each answered with what to do.

CREATE OR REPLACE FUNCTION app.step(p_check text, p_ok boolean, p_detail text) RETURNS jsonb
LANGUAGE sql IMMUTABLE SET search_path = ''
RETURN jsonb_build_array(jsonb_build_object('check', p_check, 'ok', p_ok, 'detail', p_detail));

-- What a channel's name says; `permission` opens it. No row: there is no such name.
CREATE OR REPLACE FUNCTION app.channel_parts(p_channel text)
RETURNS TABLE (kind text, place text, id text, permission text)
LANGUAGE sql IMMUTABLE SET search_path = '' AS $$
    SELECT k.kind, m[2], coalesce(m[3], ''), k.permission
    FROM regexp_match(p_channel, '^([a-z]+):(platform|self|partner:(?=[A-Z0-9_-]{1,32}$)|thr_(?=[0-9A-Za-z_]{1,36}$))(.*)$') m
    JOIN (VALUES ('metrics', 'metrics.read', '{platform,partner:}'), ('jobs', 'metrics.read', '{platform,partner:}'),
                 ('audit', 'audit.read', '{platform,partner:}'), ('keys', 'keys.read', '{partner:}'),
                 ('wallet', 'wallet.balance', '{partner:}'),
                 ('thread', 'messages.read', '{thr_}'), ('session', NULL, '{self}')) k (kind, permission, places)
         ON k.kind = m[1] AND m[2] = ANY (k.places::text[]) AND (m[3] = '') = (m[2] IN ('platform', 'self'))
    UNION ALL
    SELECT 'system', 'everybody', '', NULL WHERE p_channel = 'system'
$$;

CREATE OR REPLACE FUNCTION app.explained_account(u app.users) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = '' AS $$
    SELECT app.step('account', u.status = 'active' AND u.erased_at IS NULL,
               CASE WHEN u.erased_at IS NOT NULL THEN 'erased: invite the person anew'
                    WHEN u.status = 'active' THEN 'active'
                    ELSE u.status || coalesce(' (' || u.suspended_reason || ')', '')
                         || ': unsuspend the user to let him in' END)
           || app.step('session', s.n > 0, CASE WHEN s.n > 0 THEN format('signed in, %s session(s)', s.n)
                ELSE 'not signed in: he signs in, or gets a link by `metricsctl link --user ' || u.public_id || '`' END)
    FROM (SELECT count(*) AS n FROM app.sessions s
          WHERE s.user_id = u.user_id AND s.revoked_at IS NULL AND s.expires_at > now()) s
$$;

-- Partner, membership in it and its status; a partner that does not exist is NULL.
CREATE OR REPLACE FUNCTION app.explained_partner(u app.users, p app.partners, m app.memberships) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = '' AS $$
    SELECT CASE WHEN p.partner_id IS NULL THEN app.step('partner', false, 'there is no such partner: see `metricsctl partner list`')
           ELSE app.step('partner', p.status <> 'churned' OR u.kind = 'staff',
               CASE p.status WHEN 'churned' THEN 'churned: its people see nothing any more; activate the partner'
                             WHEN 'suspended' THEN 'suspended: its people only read; activate the partner to let them act'
                             ELSE p.status END)
           || app.step('membership', u.kind = 'staff' OR m.role IS NOT NULL AND coalesce(m.expires_at > now(), true),
               CASE WHEN u.kind = 'staff' THEN 'staff need none'
                    WHEN m.role IS NULL THEN 'not a member of ' || p.code || ': give him a role there'
                    WHEN m.expires_at <= now() THEN 'expired: give him the role anew'
                    ELSE 'member of ' || p.code END) END
$$;

-- The role that counts, and whether the permission is in it.
CREATE OR REPLACE FUNCTION app.explained_role(p_role text, p_custom int, p_permission text) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = '' AS $$
    SELECT app.step('role', p_role IS NOT NULL, coalesce(p_role || coalesce(', narrowed by ' || c.name, ''),
                                                         'none here: assign one'))
           || CASE WHEN p_permission IS NULL THEN '[]'
              ELSE app.step('permission', p_permission = ANY (app.role_permissions_of(p_role, p_custom)),
                  CASE WHEN p_permission = ANY (app.role_permissions_of(p_role, p_custom)) THEN p_permission || ' is in the role'
                       WHEN p_permission = ANY (app.role_permissions_of(p_role, NULL))
                       THEN p_permission || ' is left out by ' || c.name || ': add it there, or assign another role'
                       ELSE p_permission || ' is not in the role: assign one that has it' END) END
    FROM (SELECT 1) one LEFT JOIN app.custom_roles c ON c.custom_role_id = p_custom
$$;

-- As principal_channel_mask() of shared/access says it.
CREATE OR REPLACE FUNCTION app.explained_fields(p_kind text, p_role text, p_custom int) RETURNS text[]
LANGUAGE sql STABLE SET search_path = '' AS $$
    SELECT CASE p_kind WHEN 'thread' THEN '{F0,F1}' WHEN 'metrics' THEN f.of_role WHEN 'jobs' THEN f.of_role ELSE '{F0}' END
    FROM (SELECT array_agg('F' || d ORDER BY d) AS of_role
          FROM regexp_split_to_table(app.role_fields(p_role), '') d
          LEFT JOIN (VALUES ('1', 'jobs.read_content'), ('2', 'metrics.read_cost'), ('3', 'users.read_personal'))
               gate (digit, permission) ON gate.digit = d
          WHERE gate.permission IS NULL OR gate.permission = ANY (app.role_permissions_of(p_role, p_custom))) f
$$;

CREATE OR REPLACE FUNCTION app.explained_participation(u app.users, t app.threads) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = '' AS $$
    SELECT CASE WHEN t.thread_id IS NULL THEN app.step('participation', false, 'there is no such thread')
           ELSE app.step('participation', p.user_id IS NOT NULL,
               CASE WHEN p.user_id IS NULL THEN 'takes no part; staff do not by being staff: `metricsctl thread join --thread '
                                                || t.public_id || ' --user ' || u.public_id || '`'
                    ELSE 'takes part, from the message after ' || p.joined_seq
                         || coalesce('; may not write: ' || p.refusal, '') END) END
    FROM (SELECT 1) one LEFT JOIN app.thread_people(t.thread_id) p ON p.user_id = u.user_id
$$;

-- {"allowed", "fields", "steps": [{"check", "ok", "detail"}]}; without a channel only what concerns the
-- account and each of its partners. `allowed` is what he would see once signed in. NULL: no such user.
CREATE OR REPLACE FUNCTION app.explained(p_user text, p_channel text) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
DECLARE
    v_user    app.users;
    v_name    record;
    v_partner app.partners;
    v_member  app.memberships;
    v_thread  app.threads;
    v_role    text;
    v_custom  int;
    v_steps   jsonb;
    v_allowed boolean;
BEGIN
    SELECT * INTO v_user FROM app.users u WHERE u.public_id = p_user;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    v_steps := app.explained_account(v_user);
    SELECT * INTO v_name FROM app.channel_parts(p_channel);
    IF v_name.kind = 'thread' THEN
        SELECT * INTO v_thread FROM app.threads t WHERE t.public_id = v_name.place || v_name.id;
    END IF;
    SELECT * INTO v_partner FROM app.partners p
    WHERE p.partner_id = v_thread.partner_id OR v_name.place = 'partner:' AND p.code = v_name.id;
    SELECT * INTO v_member FROM app.memberships m
    WHERE m.user_id = v_user.user_id AND m.partner_id = v_partner.partner_id;
    v_role := coalesce('staff.' || v_user.staff_role, 'partner.' || v_member.role);
    v_custom := CASE v_user.kind WHEN 'staff' THEN v_user.custom_role_id ELSE v_member.custom_role_id END;
    IF p_channel IS NOT NULL AND v_name.kind IS NULL THEN
        v_steps := v_steps || app.step('channel', false, 'there is no channel of this name');
    ELSIF v_name.place = 'platform' AND v_user.kind <> 'staff' THEN
        v_steps := v_steps || app.step('membership', false, 'only staff see the whole platform: look at '
                                       || v_name.kind || ':partner:CODE');
    ELSIF v_name.place = 'everybody' AND v_user.kind <> 'staff' THEN
        v_steps := v_steps || (SELECT app.step('membership', count(*) > 0, CASE count(*) WHEN 0
                                   THEN 'of no partner: give him a role in one' ELSE 'member of ' || count(*) || ' partner(s)' END)
                               FROM app.memberships_of(v_user.user_id));
    ELSIF v_name.place = 'partner:' OR v_thread.partner_id IS NOT NULL THEN
        v_steps := v_steps || app.explained_partner(v_user, v_partner, v_member);
    ELSIF v_name.kind IS NULL THEN
        SELECT v_steps || coalesce(jsonb_agg(e.step ORDER BY p.code), '[]') INTO v_steps
        FROM app.memberships m JOIN app.partners p ON p.partner_id = m.partner_id
        CROSS JOIN LATERAL jsonb_array_elements(app.explained_partner(v_user, p, m)) e (step)
        WHERE m.user_id = v_user.user_id;
    END IF;
    IF v_name.permission IS NOT NULL OR v_user.kind = 'staff' THEN
        v_steps := v_steps || app.explained_role(v_role, v_custom, v_name.permission);
    END IF;
    IF v_name.kind = 'thread' THEN
        v_steps := v_steps || app.explained_participation(v_user, v_thread);
    END IF;
    v_allowed := NOT EXISTS (SELECT FROM jsonb_array_elements(v_steps) s
                             WHERE s ->> 'check' <> 'session' AND NOT (s -> 'ok')::boolean);
    RETURN jsonb_build_object(
        'allowed', v_allowed, 'steps', v_steps,
        'fields', to_jsonb(CASE WHEN v_allowed AND v_name.kind IS NOT NULL
                           THEN app.explained_fields(v_name.kind, v_role, v_custom) ELSE '{}' END));
END
$$;

CREATE FUNCTION route.explain(p_target text, p_query jsonb, p_body jsonb, p_fresh jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = '' AS $$
DECLARE
    v_answer jsonb := app.explained(app.text_of(p_query, 'user', 40), app.text_of(p_query, 'channel', 127));
BEGIN
    IF v_answer IS NULL THEN
        PERFORM app.fail(404, 'not_found', 'no such user', 'user');
    END IF;
    RETURN v_answer;
END
$$;

-- ---- metricsctl doctor -----------------------------------------------------------------------------

CREATE FUNCTION api.explain(p_user text, p_channel text) RETURNS TABLE (name text, ok boolean, detail text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
    SELECT s ->> 'check', (s -> 'ok')::boolean, s ->> 'detail'
    FROM app.explained(p_user, p_channel) e, jsonb_array_elements(e -> 'steps') WITH ORDINALITY s (s, i)
    UNION ALL
    SELECT 'allowed', (e -> 'allowed')::boolean,
           CASE WHEN (e -> 'allowed')::boolean THEN 'sees ' || (SELECT string_agg(f, ', ') FROM jsonb_array_elements_text(e -> 'fields') f)
           ELSE 'sees nothing of it' END
    FROM app.explained(p_user, p_channel) e WHERE p_channel IS NOT NULL
$$;

-- The age of the newest events and how long they were on their way, of the last 100 of each partner.
CREATE OR REPLACE FUNCTION app.ingest_checks() RETURNS TABLE (name text, ok boolean, detail text)
LANGUAGE sql STABLE SET search_path = '' AS $$
    WITH recent AS (
        SELECT e.* FROM app.partners p
        CROSS JOIN LATERAL (SELECT e.received_at, e.received_at - e.occurred_at AS lag FROM app.generation_events e
                            WHERE e.partner_id = p.partner_id AND e.environment = 0 AND NOT e.historical
                            ORDER BY e.received_at DESC LIMIT 100) e
    ), fact AS (
        SELECT date_trunc('second', now() - max(received_at)) AS age,
               date_trunc('milliseconds', percentile_cont(0.5) WITHIN GROUP (ORDER BY lag)) AS lag FROM recent
    )
    SELECT 'last event', coalesce(f.age < interval '1 day', false),
           coalesce(f.age || ' ago', 'none yet') || CASE WHEN f.age < interval '1 day' THEN ''
           ELSE ': post one with a key of a partner, and look at `metricsctl key list` for what was used last' END
    FROM fact f
    UNION ALL
    SELECT 'ingest lag', coalesce(f.lag < interval '1 minute', true),
           coalesce('half of the last events came within ' || f.lag, 'nothing to measure') || CASE WHEN f.lag >= interval '1 minute'
           THEN ': compare the sender''s clock, and look at ingest''s log for a full spool' ELSE '' END
    FROM fact f
$$;

CREATE FUNCTION api.doctor() RETURNS TABLE (name text, ok boolean, detail text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' SET timezone = 'UTC' AS $$
    SELECT 'partitions', bool_and(p.ahead >= 2), string_agg(format('%s %s days ahead', p.parent, p.ahead), ', ' ORDER BY p.parent)
           || CASE WHEN bool_and(p.ahead >= 2) THEN '' ELSE ': is metrics-ingest running? it makes them' END
    FROM (SELECT t.parent, coalesce(max(to_date(right(c.relname, 8), 'YYYYMMDD')) - current_date, -1) AS ahead
          FROM unnest('{generation_events,channel_log,api_requests}'::text[]) t (parent)
          LEFT JOIN pg_catalog.pg_inherits i ON i.inhparent = format('app.%I', t.parent)::regclass
          LEFT JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid AND c.relname ~ '_[0-9]{8}$'
          GROUP BY t.parent) p
    UNION ALL
    SELECT * FROM app.ingest_checks()
    UNION ALL
    SELECT 'keys', count(*) = 0, CASE count(*) WHEN 0 THEN 'none expires within 14 days'
           ELSE count(*) || ' expire within 14 days: rotate ' || left(string_agg(k.public_id, ', ' ORDER BY k.expires_at), 200) END
    FROM app.api_keys k
    WHERE k.revoked_at IS NULL AND k.retiring_at IS NULL AND k.expires_at BETWEEN now() AND now() + interval '14 days'
    UNION ALL
    SELECT 'owner', count(*) > 0, CASE count(*) WHEN 0 THEN 'none: metricsctl bootstrap-owner' ELSE count(*) || ' active' END
    FROM app.users u WHERE u.staff_role = 'owner' AND u.status = 'active'
    UNION ALL
    SELECT 'audit anchor', coalesce(h.seq <= n.seq OR n.at > now() - interval '15 minutes', h.seq IS NULL),
           coalesce('the last is ' || date_trunc('second', now() - n.at) || ' old', 'none yet')
           || CASE WHEN coalesce(h.seq <= n.seq OR n.at > now() - interval '15 minutes', h.seq IS NULL) THEN ''
              ELSE ': is metrics-ingest running? it writes them' END
    FROM (SELECT 1) one
    LEFT JOIN LATERAL (SELECT h.chain, h.seq FROM app.audit_head h ORDER BY h.chain DESC LIMIT 1) h ON true
    LEFT JOIN LATERAL (SELECT a.seq, a.at FROM app.audit_anchor a WHERE a.chain = h.chain ORDER BY a.seq DESC LIMIT 1) n ON true
$$;

DO $$
DECLARE
    f record;
BEGIN
    FOR f IN SELECT p.oid::regprocedure AS name FROM pg_catalog.pg_proc p
             WHERE p.pronamespace = 'api'::regnamespace AND p.proname IN ('explain', 'doctor')
    LOOP
        EXECUTE format('ALTER FUNCTION %s OWNER TO mh_writer', f.name);
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', f.name);
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO mh_admin', f.name);
    END LOOP;
END
$$;

SET LOCAL ROLE mh_writer;
INSERT INTO app.routes (name, method, path, permission, scope, mutates, step_up) VALUES
    ('explain', 'GET', '/v1/admin/explain', 'users.read', 'staff', false, false);
RESET ROLE;
