-- The trail: reading it, and proving that nobody changed it.

-- ---- Reading ---------------------------------------------------------------------------------------

-- Members of `before` and `after` that are not everybody's: whoever lacks the permission gets them
-- without these, at whatever depth, and the item names them in `redacted`. No secret (F4) is ever there.
CREATE OR REPLACE FUNCTION app.audit_classes() RETURNS TABLE (member text, permission text)
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    VALUES ('email', 'users.read_personal'), ('ip', 'users.read_personal'), ('user_agent', 'users.read_personal'),
           ('notes', 'users.read_personal'), ('end_user', 'users.read_personal'), ('client_email', 'users.read_personal'),
           ('cost', 'metrics.read_cost'), ('cost_micros', 'metrics.read_cost'), ('unit_cost', 'metrics.read_cost'),
           ('price', 'metrics.read_cost'), ('margin', 'metrics.read_cost'), ('commission_rate', 'metrics.read_cost'),
           ('pipeline_value', 'metrics.read_cost'), ('mrr', 'metrics.read_cost'), ('arr', 'metrics.read_cost'),
           ('prompt', 'jobs.read_content'), ('error_message', 'jobs.read_content'), ('asset_url', 'jobs.read_content'),
           ('body', 'jobs.read_content'), ('ip_allow', 'keys.read'), ('balance', 'wallet.balance'),
           ('entry', 'wallet.read')
$$;

CREATE OR REPLACE FUNCTION app.without_members(p_value jsonb, p_hidden text[]) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE SET search_path = '' AS $$
BEGIN
    IF jsonb_typeof(p_value) = 'object' THEN
        RETURN (SELECT coalesce(jsonb_object_agg(m.key, app.without_members(m.value, p_hidden)), '{}')
                FROM jsonb_each(p_value - p_hidden) m);
    ELSIF jsonb_typeof(p_value) = 'array' THEN
        RETURN (SELECT coalesce(jsonb_agg(app.without_members(e.value, p_hidden) ORDER BY e.i), '[]')
                FROM jsonb_array_elements(p_value) WITH ORDINALITY e (value, i));
    END IF;
    RETURN p_value;
END
$$;

CREATE OR REPLACE FUNCTION app.person_json(p_user int) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = '' AS $$
    SELECT jsonb_build_object('id', u.public_id, 'name', u.name, 'staff', u.kind = 'staff')
    FROM app.users u WHERE u.user_id = p_user
$$;

-- One row as the caller may see it. Of a row of his partner a member sees the address only of whoever
-- belongs to that partner.
CREATE OR REPLACE FUNCTION app.audit_json(r app.audit_log) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
DECLARE
    v_held   text[] := app.permissions_in(r.partner_id);
    v_hidden text[] := (SELECT array_agg(c.member) FROM app.audit_classes() c WHERE NOT c.permission = ANY (v_held));
    v_before jsonb := app.without_members(r.before, coalesce(v_hidden, '{}'));
    v_after  jsonb := app.without_members(r.after, coalesce(v_hidden, '{}'));
    v_names  jsonb;
BEGIN
    IF v_before IS DISTINCT FROM r.before OR v_after IS DISTINCT FROM r.after THEN
        SELECT jsonb_agg(h ORDER BY h) INTO v_names FROM unnest(v_hidden) h
        WHERE jsonb_path_exists(jsonb_build_array(r.before, r.after), format('lax $.**.%I', h)::jsonpath);
    END IF;
    RETURN jsonb_strip_nulls(jsonb_build_object(
               'id', r.chain || '.' || r.seq, 'at', app.ms(r.at), 'actor', app.person_json(r.actor_id),
               'on_behalf_of', app.person_json(r.on_behalf_of), 'action', r.action, 'target_type', r.target_type,
               'target', r.target_id, 'outcome', r.outcome, 'request_id', r.request_id, 'redacted', v_names,
               'partner', (SELECT p.code FROM app.partners p WHERE p.partner_id = r.partner_id),
               'ip', CASE WHEN 'users.read_personal' = ANY (v_held)
                           AND (authz.is_staff() OR EXISTS (SELECT FROM app.memberships m WHERE m.user_id = r.actor_id
                                                            AND m.partner_id = r.partner_id)) THEN host(r.ip) END))
           || jsonb_build_object('before', v_before, 'after', v_after);
END
$$;

-- ?from, ?to: epoch milliseconds.
CREATE OR REPLACE FUNCTION app.time_of(p_query jsonb, p_name text) RETURNS timestamptz
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
BEGIN
    IF p_query ->> p_name !~ '^[0-9]{1,14}$' THEN
        PERFORM app.fail(400, 'invalid', 'expected epoch milliseconds', p_name);
    END IF;
    RETURN to_timestamp((p_query ->> p_name)::bigint / 1000.0);
END
$$;

-- The first row from that time on, or the last one before it (p_before). Rows have the order of their
-- times, give or take what a transaction waited for the chain's head.
CREATE OR REPLACE FUNCTION app.audit_at(p_at timestamptz, p_before boolean, OUT chain date, OUT seq bigint)
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
BEGIN
    IF p_before THEN
        SELECT a.chain, a.seq INTO chain, seq FROM app.audit_log a WHERE a.at < p_at ORDER BY a.at DESC LIMIT 1;
    ELSE
        SELECT a.chain, a.seq INTO chain, seq FROM app.audit_log a WHERE a.at >= p_at ORDER BY a.at LIMIT 1;
    END IF;
END
$$;

-- Newest first; `after` is the id of the last item: its chain and seq. Each partner's rows are read by
-- an index of their own, then merged.
CREATE FUNCTION route.audit_list(p_target text, p_query jsonb, p_body jsonb, p_fresh jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = '' SET plan_cache_mode = force_custom_plan AS $$
DECLARE
    v_size    int := app.page_size(p_query);
    v_after   text := p_query ->> 'after';
    v_chain   date;
    v_seq     bigint;
    v_low     record;
    v_high    record;
    v_actor   int;
    v_action  text := app.text_of(p_query, 'action', 64, false);
    v_target  text := app.text_of(p_query, 'target', 64, false);
    v_outcome text := app.text_of(p_query, 'outcome', 16, false);
    v_from    timestamptz := app.time_of(p_query, 'from');
    v_to      timestamptz := app.time_of(p_query, 'to');
    v_places  int[] := CASE WHEN p_query ? 'partner' THEN ARRAY[app.partner_of(p_query ->> 'partner')]
                            WHEN NOT authz.is_staff() THEN authz.partner_ids() END;
    v_place   int := CASE cardinality(v_places) WHEN 1 THEN v_places[1] END; -- whose size the planner knows
    v_items   jsonb[];
BEGIN
    IF v_after !~ '^[0-9]{4}-[0-9]{2}-01\.[0-9]{1,18}$' THEN
        PERFORM app.fail(400, 'invalid', 'expected the id of an item', 'after');
    END IF;
    v_chain := coalesce(split_part(v_after, '.', 1)::date, 'infinity');
    v_seq := coalesce(split_part(v_after, '.', 2)::bigint, 0);
    v_low := app.audit_at(v_from - interval '1 minute', false);
    v_high := app.audit_at(v_to + interval '1 minute', true);
    IF v_from IS NOT NULL AND v_low.chain IS NULL OR v_to IS NOT NULL AND v_high.chain IS NULL THEN
        RETURN jsonb_build_object('items', '[]'::jsonb);
    END IF;
    IF p_query ? 'actor' THEN
        SELECT u.user_id INTO v_actor FROM app.users u WHERE u.public_id = p_query ->> 'actor';
        IF NOT FOUND THEN
            RETURN jsonb_build_object('items', '[]'::jsonb);
        END IF;
    END IF;
    SELECT array_agg(app.audit_json(x) ORDER BY x.chain DESC, x.seq DESC) INTO v_items
    FROM (SELECT r.* FROM unnest(coalesce(v_places, '{NULL}')) p (partner_id)
          CROSS JOIN LATERAL (
              SELECT a.* FROM app.audit_log a
              WHERE (v_places IS NULL OR a.partner_id = p.partner_id) AND (v_place IS NULL OR a.partner_id = v_place)
                AND (a.chain, a.seq) < (v_chain, v_seq)
                AND (v_actor IS NULL OR a.actor_id = v_actor)
                AND (v_action IS NULL OR starts_with(a.action COLLATE "C", v_action))
                AND (v_target IS NULL OR a.target_id = v_target)
                AND (v_outcome IS NULL OR a.outcome = v_outcome)
                AND (v_from IS NULL OR a.at >= v_from AND (a.chain, a.seq) >= (v_low.chain, v_low.seq))
                AND (v_to IS NULL OR a.at < v_to AND (a.chain, a.seq) <= (v_high.chain, v_high.seq))
              ORDER BY a.chain DESC, a.seq DESC LIMIT v_size + 1) r
          ORDER BY r.chain DESC, r.seq DESC LIMIT v_size + 1) x;
    RETURN app.page(v_items, v_size, 'id');
END
$$;

-- ---- Proving ---------------------------------------------------------------------------------------

-- Whether a text says something else than the columns. As jsonb: another version of Postgres may write
-- it otherwise, letter by letter.
CREATE OR REPLACE FUNCTION app.audit_text_differs(p_text text, p_columns jsonb) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
BEGIN
    RETURN p_text::jsonb <> p_columns;
EXCEPTION WHEN data_exception THEN -- somebody made it no JSON at all
    RETURN true;
END
$$;

-- Walks the chains, or one. Each link must follow the one before, carry the hash of its text, and its
-- columns must say what the text says (all but ip, which is not part of it); the head and every anchor
-- must be where they were. broken_at is the first seq of which that is not true. Of a part of a chain
-- the links from p_from to p_to, the first of them to the one before; head and anchors with its first
-- part.
CREATE OR REPLACE FUNCTION app.audit_verified(p_chain date, p_from bigint, p_to bigint)
RETURNS TABLE (chain date, entries bigint, anchors bigint, broken_at bigint)
LANGUAGE sql STABLE SET search_path = '' AS $$
    WITH entry AS (
        SELECT a.chain, a.seq, a.prev_hash, a.hash, a.canonical, jsonb_build_object(
                   'chain', a.chain, 'seq', a.seq, 'at', app.ms(a.at), 'actor', a.actor_id,
                   'on_behalf_of', a.on_behalf_of, 'outcome', a.outcome, 'action', a.action,
                   'target_type', a.target_type, 'target_id', a.target_id, 'partner', a.partner_id,
                   'before', a.before, 'after', a.after, 'request_id', a.request_id) AS columns
        FROM app.audit_log a
        WHERE a.chain BETWEEN coalesce(p_chain, '-infinity') AND coalesce(p_chain, 'infinity')
          AND a.seq BETWEEN p_from - 1 AND p_to OFFSET 0
    ), link AS (
        SELECT e.chain, e.seq,
               e.seq IS DISTINCT FROM lag(e.seq, 1, greatest(p_from - 2, 0)) OVER w + 1
               OR e.prev_hash IS DISTINCT FROM lag(e.hash, 1, sha256('')) OVER w
               OR e.hash <> sha256(e.prev_hash || convert_to(e.canonical, 'UTF8'))
               OR CASE WHEN e.canonical <> e.columns::text THEN app.audit_text_differs(e.canonical, e.columns)
                  ELSE false END AS broken,
               -- Where a row is missing, the break is there and not at the row behind.
               lag(e.seq, 1, greatest(p_from - 2, 0)) OVER w + 1 AS expected
        FROM entry e WINDOW w AS (PARTITION BY e.chain ORDER BY e.seq)
    ), finding AS (
        SELECT l.chain, count(*) AS entries, min(least(l.seq, l.expected)) FILTER (WHERE l.broken) AS at
        FROM link l WHERE l.seq >= p_from GROUP BY l.chain
        UNION ALL
        SELECT h.chain, 0, CASE WHEN t.hash IS DISTINCT FROM h.hash AND h.seq > 0
                                THEN least(h.seq, coalesce(t.seq, 0) + 1) END
        FROM app.audit_head h
        LEFT JOIN LATERAL (SELECT a.seq, a.hash FROM app.audit_log a WHERE a.chain = h.chain
                           ORDER BY a.seq DESC LIMIT 1) t ON true
        WHERE (p_chain IS NULL OR h.chain = p_chain) AND p_from = 1
        UNION ALL
        SELECT n.chain, 0, CASE WHEN a.hash IS NULL THEN least(n.seq, coalesce(
                                         (SELECT max(l.seq) FROM app.audit_log l WHERE l.chain = n.chain AND l.seq < n.seq),
                                         0) + 1)
                                WHEN a.hash <> n.hash THEN n.seq END
        FROM app.audit_anchor n LEFT JOIN app.audit_log a ON a.chain = n.chain AND a.seq = n.seq
        WHERE (p_chain IS NULL OR n.chain = p_chain) AND p_from = 1
    )
    SELECT f.chain, sum(f.entries)::bigint,
           (SELECT count(*) FROM app.audit_anchor n WHERE n.chain = f.chain), min(f.at)
    FROM finding f GROUP BY f.chain ORDER BY f.chain DESC
$$;

-- YYYY-MM
CREATE OR REPLACE FUNCTION app.chain_of(p_text text) RETURNS date
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
BEGIN
    IF p_text !~ '^[0-9]{4}-(0[1-9]|1[0-2])$' THEN
        PERFORM app.fail(400, 'invalid', 'expected a month: YYYY-MM', 'chain');
    END IF;
    RETURN (p_text || '-01')::date;
END
$$;

-- Of the month, or of ?chain, 50,000 entries at a time: `next` is what ?after goes on with. A partner
-- learns whether the chain holds, not how much others do.
CREATE FUNCTION route.audit_verify(p_target text, p_query jsonb, p_body jsonb, p_fresh jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = '' AS $$
DECLARE
    v_chain date := coalesce(app.chain_of(p_query ->> 'chain'), date_trunc('month', now() AT TIME ZONE 'UTC')::date);
    v_after bigint;
    v_to    bigint;
BEGIN
    IF p_query ->> 'after' !~ '^[0-9]{1,15}$' THEN
        PERFORM app.fail(400, 'invalid', 'expected the number of an entry', 'after');
    END IF;
    v_after := coalesce((p_query ->> 'after')::bigint, 0);
    v_to := v_after + 50000;
    RETURN (SELECT jsonb_build_object(
                'chains', coalesce(jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
                    'chain', to_char(v.chain, 'YYYY-MM'), 'ok', v.broken_at IS NULL,
                    'broken_at', CASE WHEN authz.is_staff() THEN v.broken_at END,
                    'entries', CASE WHEN authz.is_staff() THEN v.entries
                               ELSE (SELECT count(*) FROM app.audit_log a
                                     WHERE a.chain = v.chain AND a.partner_id = ANY (authz.partner_ids())
                                       AND a.seq > v_after AND a.seq <= v_to) END))), '[]'),
                'anchors', coalesce(sum(v.anchors), 0))
            FROM app.audit_verified(v_chain, v_after + 1, v_to) v)
        || coalesce((SELECT jsonb_build_object('next', v_to::text) FROM app.audit_head h
                     WHERE h.chain = v_chain AND h.seq > v_to), '{}');
END
$$;

-- For the operator: all chains, or that of a month.
CREATE FUNCTION api.audit_verify(p_chain text)
RETURNS TABLE (chain text, entries bigint, anchors bigint, broken_at bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
    SELECT to_char(v.chain, 'YYYY-MM'), v.entries, v.anchors, v.broken_at
    FROM app.audit_verified(app.chain_of(p_chain), 1, 9223372036854775807) v ORDER BY 1
$$;

CREATE FUNCTION api.audit_tail(p_limit int)
RETURNS TABLE (id text, at timestamptz, actor text, outcome text, action text, target text, partner text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
    SELECT to_char(a.chain, 'YYYY-MM') || '.' || a.seq, a.at, coalesce(u.public_id, '-'), a.outcome, a.action,
           coalesce(a.target_id, '-'), coalesce(p.code, '-')
    FROM (SELECT * FROM app.audit_log l ORDER BY l.chain DESC, l.seq DESC LIMIT p_limit) a
    LEFT JOIN app.users u ON u.user_id = a.actor_id LEFT JOIN app.partners p ON p.partner_id = a.partner_id
    ORDER BY a.chain, a.seq
$$;

-- Writes down the heads that moved since the last time, at most each five minutes and by one caller.
-- A chain cannot see that its own tail was cut off; these rows, and ingest's log, can.
CREATE FUNCTION ops.audit_anchor() RETURNS TABLE (chain text, seq bigint, hash text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
#variable_conflict use_column
DECLARE
    v_new app.audit_anchor;
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtextextended('metrics-hub.audit_anchor', 0))
       OR (SELECT n.at FROM app.audit_anchor n ORDER BY n.chain DESC, n.seq DESC LIMIT 1)
          > now() - interval '5 minutes' THEN
        RETURN;
    END IF;
    FOR v_new IN
        INSERT INTO app.audit_anchor (chain, seq, hash)
        SELECT h.chain, h.seq, h.hash FROM app.audit_head h WHERE h.seq > 0
        ON CONFLICT DO NOTHING RETURNING *
    LOOP
        chain := to_char(v_new.chain, 'YYYY-MM');
        seq := v_new.seq;
        hash := encode(v_new.hash, 'hex');
        PERFORM app.emit('audit:platform', jsonb_build_object(
            't', 'anchor', 'at', app.ms(v_new.at), 'chain', chain, 'seq', seq, 'hash', hash));
        RETURN NEXT;
    END LOOP;
END
$$;

DO $$
DECLARE
    f record;
BEGIN
    FOR f IN SELECT p.oid::regprocedure AS name, w.caller
             FROM pg_catalog.pg_proc p
             JOIN (VALUES ('api', 'audit_verify', 'mh_admin'), ('api', 'audit_tail', 'mh_admin'),
                          ('ops', 'audit_anchor', 'mh_ingest'))
                  w (schema, name, caller) ON w.name = p.proname AND w.schema = p.pronamespace::regnamespace::text
    LOOP
        EXECUTE format('ALTER FUNCTION %s OWNER TO mh_writer', f.name);
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', f.name);
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO %I', f.name, f.caller);
    END LOOP;
END
$$;

SET LOCAL ROLE mh_writer;
INSERT INTO app.routes (name, method, path, permission, scope, mutates, step_up) VALUES
    ('audit_list', 'GET', '/v1/audit', 'audit.read', 'any', false, false),
    ('audit_verify', 'GET', '/v1/audit/verify', 'audit.read', 'any', false, false);
RESET ROLE;
