-- API keys as their partner and staff manage them. A key's secret is made by ingest, which hands in the
-- hash and shows the text once; nothing here can give either away.

-- ---- What the routes use ---------------------------------------------------------------------------

-- The partners in which the member who asks has the permission.
CREATE FUNCTION api.partners_allowing(p_permission text) RETURNS int[]
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
    SELECT coalesce(array_agg(m.partner_id), '{}') FROM app.memberships_of(authz.user_id()) m
    WHERE p_permission = ANY (m.permissions)
$$;

-- Whom a key's maker is shown as; a partner's role reads no users.
CREATE FUNCTION api.key_maker(p_user int) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
    SELECT jsonb_build_object('id', u.public_id, 'name', u.name) FROM app.users u WHERE u.user_id = p_user
$$;

-- Keys as they are shown, newest first. Of partners not in p_full (NULL: all are) only what a key is
-- called, may do and did.
CREATE OR REPLACE FUNCTION app.key_items(p_keys int[], p_full int[]) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = '' AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_object(
               'id', k.public_id, 'name', k.name, 'partner', p.code,
               'environment', CASE k.environment WHEN 0 THEN 'live' ELSE 'test' END, 'scopes', k.scopes,
               'requests', k.requests, 'events', k.events, 'created_at', app.ms(k.created_at),
               'expires_at', app.ms(k.expires_at), 'retiring_at', app.ms(k.retiring_at),
               'last_used_at', app.ms(k.last_used_at), 'revoked_at', app.ms(k.revoked_at))
           || CASE WHEN p_full IS NULL OR k.partner_id = ANY (p_full) THEN jsonb_build_object(
               'rate_limit', k.rate_limit, 'max_seats', k.max_seats, 'seats', k.seats, 'ip_allow', k.ip_allow,
               'revoke_reason', k.revoke_reason,
               'rotated_from', (SELECT o.public_id FROM app.api_keys o WHERE o.key_id = k.rotated_from),
               'created_by', api.key_maker(k.created_by)) ELSE '{}' END
           ORDER BY k.key_id DESC), '[]')
    FROM app.api_keys k JOIN app.partners p ON p.partner_id = k.partner_id
    WHERE k.key_id = ANY (p_keys)
$$;

-- A page of what the calling role can read. A cursor is the id of the page's last key.
CREATE OR REPLACE FUNCTION app.keys_page(p_query jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
DECLARE
    v_limit   int := app.page_size(p_query);
    v_search  text := app.text_of(p_query, 'q', 200, false);
    v_partner int;
    v_after   int;
    v_keys    int[];
    v_full    int[];
    v_items   jsonb;
BEGIN
    IF p_query ? 'partner' THEN
        v_partner := app.partner_of(p_query ->> 'partner');
    END IF;
    IF p_query ? 'after' THEN
        SELECT k.key_id INTO v_after FROM app.api_keys k WHERE k.public_id = p_query ->> 'after';
        IF NOT FOUND THEN
            PERFORM app.fail(400, 'invalid', 'not a cursor of this list', 'after');
        END IF;
    END IF;
    IF NOT authz.is_staff() THEN
        v_full := api.partners_allowing('keys.revoke');
    END IF;
    SELECT array_agg(t.key_id ORDER BY t.key_id DESC) INTO v_keys
    FROM (SELECT k.key_id FROM app.api_keys k
          WHERE (v_partner IS NULL OR k.partner_id = v_partner) AND (v_after IS NULL OR k.key_id < v_after)
            AND (v_search IS NULL OR starts_with(k.public_id, v_search)
                 OR position(lower(v_search) IN lower(k.name)) > 0)
          ORDER BY k.key_id DESC LIMIT v_limit + 1) t;
    v_items := app.key_items(v_keys[:v_limit], v_full);
    RETURN jsonb_build_object('items', v_items, 'next',
                              CASE WHEN cardinality(v_keys) > v_limit THEN v_items -> -1 ->> 'id' END);
END
$$;

-- A whole number of the body; NULL for null.
CREATE OR REPLACE FUNCTION app.key_number(p_body jsonb, p_name text, p_min bigint, p_max bigint) RETURNS bigint
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
DECLARE
    v numeric;
BEGIN
    IF jsonb_typeof(p_body -> p_name) = 'null' THEN
        RETURN NULL;
    ELSIF jsonb_typeof(p_body -> p_name) <> 'number' THEN
        PERFORM app.fail(400, 'invalid', 'expected a whole number', p_name);
    END IF;
    v := (p_body ->> p_name)::numeric;
    IF v <> trunc(v) OR v NOT BETWEEN p_min AND p_max THEN
        PERFORM app.fail(400, 'out_of_range', format('a whole number from %s to %s', p_min, p_max), p_name);
    END IF;
    RETURN v::bigint;
END
$$;

-- The texts of an array of the body, each once.
CREATE OR REPLACE FUNCTION app.key_texts(p_body jsonb, p_name text, p_max int) RETURNS text[]
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
BEGIN
    IF jsonb_typeof(p_body -> p_name) <> 'array'
       OR jsonb_path_exists(p_body -> p_name, 'strict $[*] ? (@.type() != "string")') THEN
        PERFORM app.fail(400, 'invalid', 'expected an array of texts', p_name);
    ELSIF jsonb_array_length(p_body -> p_name) > p_max THEN
        PERFORM app.fail(400, 'too_long', format('at most %s', p_max), p_name);
    END IF;
    RETURN (SELECT coalesce(array_agg(DISTINCT t.v), '{}') FROM jsonb_array_elements_text(p_body -> p_name) t (v));
END
$$;

-- The scopes (requirements B1) and what a person must be allowed to do, all of it, to give one.
CREATE OR REPLACE FUNCTION app.known_scopes() RETURNS TABLE (scope text, permission text)
LANGUAGE sql IMMUTABLE SET search_path = '' AS $$
    VALUES ('events:write', NULL), ('events:read', 'events.tail'), ('metrics:read', 'metrics.read'), ('metrics:read', 'usage.read'),
           ('alerts:read', 'metrics.read'), ('messages:write', 'messages.write'), ('export:read', 'export.csv'),
           ('webhooks:manage', 'webhooks.write')
$$;

-- The first of these scopes that is none or lets a key do what its giver may not do
-- himself in that partner; NULL: he may give all.
CREATE OR REPLACE FUNCTION app.key_scope_refused(p_scopes text[], p_partner int) RETURNS text
LANGUAGE sql STABLE SET search_path = '' AS $$
    SELECT s.scope
    FROM unnest(p_scopes) s (scope) LEFT JOIN app.known_scopes() k ON k.scope = s.scope
    WHERE k.scope IS NULL
       OR k.permission IS NOT NULL AND NOT CASE WHEN authz.is_staff() THEN authz.has(k.permission)
                                           ELSE p_partner = ANY (api.partners_allowing(k.permission)) END
    ORDER BY 1 LIMIT 1
$$;

-- Those of the body. What the key has already (events:historical is given by operators only) it may keep.
CREATE OR REPLACE FUNCTION app.key_scopes(p_body jsonb, p_partner int, p_old text[]) RETURNS text[]
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
DECLARE
    v_scopes text[] := app.key_texts(p_body, 'scopes', 20);
    v_new    text[] := ARRAY(SELECT s FROM unnest(v_scopes) s WHERE NOT s = ANY (p_old));
BEGIN
    IF v_scopes = '{}' THEN
        PERFORM app.fail(400, 'required', 'a key without a scope is good for nothing', 'scopes');
    ELSIF app.key_scope_refused(v_new, p_partner) IS NOT NULL THEN
        PERFORM app.fail(400, 'unknown_scope', 'there is no such scope, or it allows more than you may do', 'scopes');
    END IF;
    RETURN v_scopes;
END
$$;

CREATE OR REPLACE FUNCTION app.key_networks(p_body jsonb) RETURNS cidr[]
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
BEGIN
    RETURN app.key_texts(p_body, 'ip_allow', 50)::cidr[];
EXCEPTION WHEN invalid_text_representation THEN
    PERFORM app.fail(400, 'invalid', 'expected networks such as 203.0.113.0/24 or 2001:db8::/32, or addresses', 'ip_allow');
END
$$;

-- The key with what the body says of it.
CREATE OR REPLACE FUNCTION app.key_with(p_key app.api_keys, p_body jsonb) RETURNS app.api_keys
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
DECLARE
    v_expires bigint;
BEGIN
    IF p_body ? 'name' THEN
        p_key.name := app.text_of(p_body, 'name', 200);
    END IF;
    IF p_body ? 'scopes' THEN
        p_key.scopes := app.key_scopes(p_body, p_key.partner_id, p_key.scopes);
    END IF;
    IF p_body ? 'rate_limit' THEN
        p_key.rate_limit := coalesce(app.key_number(p_body, 'rate_limit', 0, 10000000), 0);
    END IF;
    IF p_body ? 'max_seats' THEN
        p_key.max_seats := app.key_number(p_body, 'max_seats', 1, 100000);
    END IF;
    IF p_body ? 'ip_allow' THEN
        p_key.ip_allow := app.key_networks(p_body);
    END IF;
    IF p_body ? 'expires_at' THEN
        v_expires := app.key_number(p_body, 'expires_at', 0, app.ms(now() + interval '10 years'));
        p_key.expires_at := to_timestamp(v_expires / 1000.0);
        IF p_key.expires_at <= clock_timestamp() THEN
            PERFORM app.fail(400, 'out_of_range', 'must lie in the future', 'expires_at');
        END IF;
    END IF;
    RETURN p_key;
END
$$;

-- The caller's key of that public id, locked; else 404, as for one that does not exist.
CREATE OR REPLACE FUNCTION app.key_of(p_public_id text) RETURNS app.api_keys
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
    v_key app.api_keys;
BEGIN
    SELECT * INTO v_key FROM app.api_keys k
    WHERE k.public_id = p_public_id AND (authz.is_staff() OR k.partner_id = ANY (authz.partner_ids()))
    FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        PERFORM app.fail(404, 'not_found', 'no such key');
    ELSIF v_key.revoked_at IS NOT NULL THEN
        PERFORM app.fail(409, 'key_revoked', 'a revoked key stays as it is');
    END IF;
    RETURN v_key;
END
$$;

-- As the audit trail keeps it: what somebody decided, not what use did.
CREATE OR REPLACE FUNCTION app.key_audited(p_key int) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = '' AS $$
    SELECT (app.key_items(ARRAY[p_key], NULL) -> 0)
           - '{id,partner,requests,events,seats,last_used_at,created_at,created_by}'::text[]
$$;

-- To those who look at the partner's keys; no more of the key than the least of them may read.
CREATE OR REPLACE FUNCTION app.key_emit(p_key int, p_event text, p_more jsonb DEFAULT '{}') RETURNS void
LANGUAGE sql SET search_path = '' AS $$
    SELECT app.emit('keys:partner:' || (i.item ->> 'partner'), jsonb_build_object(
               't', 'key', 'event', p_event, 'id', i.item ->> 'id', 'at', app.ms(clock_timestamp()), 'key', i.item)
               || p_more)
    FROM (SELECT app.key_items(ARRAY[p_key], '{}') -> 0 AS item) i
$$;

-- Replaces a key by a new one like it, seats included; the old one is good for p_overlap seconds more.
CREATE OR REPLACE FUNCTION app.key_rotated(p_key app.api_keys, p_overlap bigint, p_public_id text, p_sha256 bytea)
RETURNS app.api_keys LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
    v_before jsonb := app.key_audited(p_key.key_id);
    v_new    app.api_keys;
BEGIN
    IF p_key.retiring_at IS NOT NULL THEN
        PERFORM app.fail(409, 'key_retiring', 'this key was rotated already: rotate the one that follows it');
    ELSIF p_key.expires_at <= clock_timestamp() THEN
        PERFORM app.fail(409, 'key_expired', 'make a new key, or give this one another end first');
    END IF;
    UPDATE app.api_keys k SET retiring_at = clock_timestamp() + make_interval(secs => p_overlap)
    WHERE k.key_id = p_key.key_id;
    INSERT INTO app.api_keys (partner_id, name, environment, public_id, secret_sha256, scopes, rate_limit, max_seats,
                              ip_allow, expires_at, seats, rotated_from, created_by)
    VALUES (p_key.partner_id, p_key.name, p_key.environment, p_public_id, p_sha256, p_key.scopes, p_key.rate_limit,
            p_key.max_seats, p_key.ip_allow, p_key.expires_at, p_key.seats, p_key.key_id, authz.user_id())
    RETURNING * INTO v_new;
    INSERT INTO app.api_key_seats (key_id, seat_hash, first_seen, last_seen)
    SELECT v_new.key_id, s.seat_hash, s.first_seen, s.last_seen FROM app.api_key_seats s WHERE s.key_id = p_key.key_id;
    PERFORM app.key_emit(p_key.key_id, 'rotated', jsonb_build_object('rotated_to', v_new.public_id));
    PERFORM app.key_emit(v_new.key_id, 'created', jsonb_build_object('rotated_from', p_key.public_id));
    PERFORM app.audit('key.rotate', 'key', p_key.public_id, p_key.partner_id, v_before,
                      app.key_audited(p_key.key_id) || jsonb_build_object('rotated_to', v_new.public_id));
    RETURN v_new;
END
$$;

-- ---- Routes ----------------------------------------------------------------------------------------

CREATE FUNCTION route.keys_list__partner(p_target text, p_query jsonb, p_body jsonb, p_fresh jsonb) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS 'SELECT app.keys_page(p_query)';
CREATE FUNCTION route.keys_list__staff(p_target text, p_query jsonb, p_body jsonb, p_fresh jsonb) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS 'SELECT app.keys_page(p_query)';

CREATE FUNCTION route.key_create(p_target text, p_query jsonb, p_body jsonb, p_fresh jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
    v_key         app.api_keys;
    v_environment text;
BEGIN
    v_key.partner_id := app.partner_of(app.text_of(p_body, 'partner', 32));
    v_key.name := app.text_of(p_body, 'name', 200);
    v_environment := app.text_of(p_body, 'environment', 8);
    IF v_environment NOT IN ('live', 'test') THEN
        PERFORM app.fail(400, 'invalid', 'live or test', 'environment');
    END IF;
    v_key.scopes := '{events:write}';
    v_key.rate_limit := 0;
    v_key.ip_allow := '{}';
    v_key := app.key_with(v_key, p_body);
    PERFORM FROM app.partners p WHERE p.partner_id = v_key.partner_id FOR NO KEY UPDATE; -- so that the count holds
    IF (SELECT count(*) FROM app.api_keys k WHERE k.partner_id = v_key.partner_id AND k.revoked_at IS NULL) >= 200 THEN
        PERFORM app.fail(409, 'too_many', 'a partner has at most 200 keys: revoke one that is not needed');
    END IF;
    INSERT INTO app.api_keys (partner_id, name, environment, public_id, secret_sha256, scopes, rate_limit, max_seats,
                              ip_allow, expires_at, created_by)
    VALUES (v_key.partner_id, v_key.name, CASE v_environment WHEN 'live' THEN 0 ELSE 1 END, p_fresh ->> 'key_public_id',
            decode(p_fresh ->> 'key_sha256', 'hex'), v_key.scopes, v_key.rate_limit, v_key.max_seats, v_key.ip_allow,
            v_key.expires_at, authz.user_id())
    RETURNING * INTO v_key;
    PERFORM app.key_emit(v_key.key_id, 'created');
    PERFORM app.audit('key.create', 'key', v_key.public_id, v_key.partner_id, NULL, app.key_audited(v_key.key_id));
    RETURN app.key_items(ARRAY[v_key.key_id], NULL) -> 0;
END
$$;

CREATE FUNCTION route.key_update(p_target text, p_query jsonb, p_body jsonb, p_fresh jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
    v_key    app.api_keys := app.key_of(p_target);
    v_before jsonb := app.key_audited(v_key.key_id);
BEGIN
    IF NOT p_body ?| '{name,scopes,rate_limit,max_seats,ip_allow,expires_at}' THEN
        PERFORM app.fail(400, 'required', 'name, scopes, rate_limit, max_seats, ip_allow or expires_at');
    END IF;
    v_key := app.key_with(v_key, p_body);
    UPDATE app.api_keys k
    SET name = v_key.name, scopes = v_key.scopes, rate_limit = v_key.rate_limit, max_seats = v_key.max_seats,
        ip_allow = v_key.ip_allow, expires_at = v_key.expires_at
    WHERE k.key_id = v_key.key_id;
    PERFORM app.key_emit(v_key.key_id, 'updated');
    PERFORM app.audit('key.update', 'key', v_key.public_id, v_key.partner_id, v_before, app.key_audited(v_key.key_id));
    RETURN app.key_items(ARRAY[v_key.key_id], NULL) -> 0;
END
$$;

CREATE FUNCTION route.key_rotate(p_target text, p_query jsonb, p_body jsonb, p_fresh jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
    v_key     app.api_keys := app.key_of(p_target);
    v_overlap bigint;
BEGIN
    IF NOT p_body ? 'overlap_seconds' THEN
        PERFORM app.fail(400, 'required', 'must be given', 'overlap_seconds');
    ELSIF app.key_scope_refused(array_remove(v_key.scopes, 'events:historical'), v_key.partner_id) IS NOT NULL THEN
        PERFORM app.fail(403, 'forbidden', 'the key may do more than you');
    END IF;
    v_overlap := coalesce(app.key_number(p_body, 'overlap_seconds', 0, 604800), 0);
    v_key := app.key_rotated(v_key, v_overlap, p_fresh ->> 'key_public_id', decode(p_fresh ->> 'key_sha256', 'hex'));
    RETURN app.key_items(ARRAY[v_key.key_id], NULL) -> 0;
END
$$;

CREATE FUNCTION route.key_revoke(p_target text, p_query jsonb, p_body jsonb, p_fresh jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
    v_key    app.api_keys := app.key_of(p_target);
    v_before jsonb := app.key_audited(v_key.key_id);
    v_reason text := app.text_of(p_query || p_body, 'reason', 500); -- a DELETE may have no body
BEGIN
    UPDATE app.api_keys k SET revoked_at = clock_timestamp(), revoke_reason = v_reason WHERE k.key_id = v_key.key_id;
    PERFORM app.key_emit(v_key.key_id, 'revoked');
    PERFORM app.audit('key.revoke', 'key', v_key.public_id, v_key.partner_id, v_before, app.key_audited(v_key.key_id));
    RETURN app.key_items(ARRAY[v_key.key_id], NULL) -> 0;
END
$$;

-- ---- Of metricsctl ---------------------------------------------------------------------------------

-- The operator alone gives the scope events:historical.
CREATE FUNCTION api.key_create(p_partner_code text, p_name text, p_environment int, p_public_id text, p_sha256 bytea,
                               p_scopes text[], p_rate int, p_expires timestamptz DEFAULT NULL,
                               p_ip_allow cidr[] DEFAULT NULL, p_max_seats int DEFAULT NULL) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
    v_key   app.api_keys;
    v_wrong text := (SELECT s FROM unnest(p_scopes) s
                     WHERE s <> 'events:historical' AND s NOT IN (SELECT k.scope FROM app.known_scopes() k) LIMIT 1);
BEGIN
    IF v_wrong IS NOT NULL THEN
        RAISE EXCEPTION 'no scope %', v_wrong USING ERRCODE = 'check_violation';
    ELSIF p_expires <= clock_timestamp() THEN
        RAISE EXCEPTION 'a key must expire in the future' USING ERRCODE = 'check_violation';
    END IF;
    INSERT INTO app.api_keys (partner_id, name, environment, public_id, secret_sha256, scopes, rate_limit, expires_at,
                              ip_allow, max_seats)
    SELECT p.partner_id, p_name, p_environment, p_public_id, p_sha256, coalesce(p_scopes, '{events:write}'),
           coalesce(p_rate, 0), p_expires, coalesce(p_ip_allow, '{}'), p_max_seats
    FROM app.partners p WHERE p.code = p_partner_code
    RETURNING * INTO v_key;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no partner %', p_partner_code USING ERRCODE = 'no_data_found';
    END IF;
    PERFORM app.key_emit(v_key.key_id, 'created');
    PERFORM app.audit('key.create', 'key', v_key.public_id, v_key.partner_id, NULL, app.key_audited(v_key.key_id));
    RETURN v_key.key_id;
END
$$;

CREATE FUNCTION api.key_rotate(p_public_id text, p_overlap_seconds bigint, p_new_id text, p_sha256 bytea) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
    v_key app.api_keys;
BEGIN
    SELECT * INTO v_key FROM app.api_keys k WHERE k.public_id = p_public_id AND k.revoked_at IS NULL FOR NO KEY UPDATE;
    IF FOUND THEN
        PERFORM app.key_rotated(v_key, p_overlap_seconds, p_new_id, p_sha256);
    END IF;
    RETURN v_key.key_id IS NOT NULL;
END
$$;

CREATE FUNCTION api.key_revoke(p_public_id text, p_reason text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
    v_key    app.api_keys;
    v_before jsonb;
BEGIN
    SELECT * INTO v_key FROM app.api_keys WHERE public_id = p_public_id AND revoked_at IS NULL FOR UPDATE;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    v_before := app.key_audited(v_key.key_id);
    UPDATE app.api_keys SET revoked_at = now(), revoke_reason = p_reason WHERE key_id = v_key.key_id;
    PERFORM app.key_emit(v_key.key_id, 'revoked');
    PERFORM app.audit('key.revoke', 'key', p_public_id, v_key.partner_id, v_before, app.key_audited(v_key.key_id));
    RETURN true;
END
$$;

-- All keys, or a partner's, oldest first.
CREATE FUNCTION api.keys(p_partner text)
RETURNS TABLE (partner text, public_id text, environment smallint, state text, name text, scopes text[], requests bigint,
               events bigint, seats int, max_seats int, last_used_at timestamptz, ends_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
    SELECT p.code, k.public_id, k.environment,
           CASE WHEN k.revoked_at IS NOT NULL THEN 'revoked'
                WHEN least(k.expires_at, k.retiring_at) <= now() THEN 'expired'
                WHEN k.retiring_at IS NOT NULL THEN 'retiring' ELSE 'active' END,
           k.name, k.scopes, k.requests, k.events, k.seats, k.max_seats, k.last_used_at, least(k.expires_at, k.retiring_at)
    FROM app.api_keys k JOIN app.partners p ON p.partner_id = k.partner_id
    WHERE p_partner IS NULL OR p.code = p_partner
    ORDER BY k.key_id
$$;

SET LOCAL ROLE mh_writer;
INSERT INTO app.routes (name, method, path, permission, scope, mutates, step_up) VALUES
    ('keys_list', 'GET', '/v1/api-keys', 'keys.read', 'any', false, false),
    ('key_create', 'POST', '/v1/api-keys', 'keys.write', 'any', true, true),
    ('key_update', 'PATCH', '/v1/api-keys/{}', 'keys.write', 'any', true, false),
    ('key_rotate', 'POST', '/v1/api-keys/{}/rotate', 'keys.write', 'any', true, true),
    ('key_revoke', 'POST', '/v1/api-keys/{}/revoke', 'keys.revoke', 'any', true, false);
RESET ROLE;

DO $$
DECLARE
    f record;
    w text;
BEGIN
    FOR f IN SELECT p.oid::regprocedure AS name, p.pronamespace = 'app'::regnamespace AS inside FROM pg_catalog.pg_proc p
             WHERE p.pronamespace = 'app'::regnamespace
               AND p.proname IN ('known_scopes', 'key_items', 'keys_page', 'key_number', 'key_texts', 'key_scope_refused',
                                 'key_scopes', 'key_networks', 'key_with', 'key_of', 'key_audited', 'key_emit',
                                 'key_rotated')
                OR p.pronamespace = 'api'::regnamespace AND p.proname IN ('partners_allowing', 'key_maker')
    LOOP
        EXECUTE format('ALTER FUNCTION %s OWNER TO %I', f.name, CASE WHEN f.inside THEN 'mh_owner' ELSE 'mh_writer' END);
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', f.name);
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO mh_writer, mh_partner, mh_staff', f.name);
    END LOOP;
    FOREACH w IN ARRAY ARRAY[
        'api.key_create(text, text, int, text, bytea, text[], int, timestamptz, cidr[], int)',
        'api.key_rotate(text, bigint, text, bytea)', 'api.key_revoke(text, text)', 'api.keys(text)']
    LOOP
        EXECUTE format('ALTER FUNCTION %s OWNER TO mh_writer', w);
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', w);
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO mh_admin', w);
    END LOOP;
END
$$;
GRANT EXECUTE ON FUNCTION app.ms(timestamptz) TO mh_partner, mh_staff;
