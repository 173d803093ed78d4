-- Feature flags and model configurations. What changed is told on `system`, which everybody may follow:
-- only what everybody may know, so a change of nothing but a price is not told there.

-- ---- Flags -----------------------------------------------------------------------------------------

-- The bucket, 0 to 99, in which a partner is for a flag, for good.
CREATE OR REPLACE FUNCTION app.flag_bucket(p_salt text, p_key text, p_partner text) RETURNS int
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN ('x' || left(encode(sha256(convert_to(p_salt || ' ' || p_key || ' ' || p_partner, 'UTF8')), 'hex'), 8))
       ::bit(32)::bigint % 100;

CREATE OR REPLACE FUNCTION app.flag_on(p_flag app.feature_flags, p_partner text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN p_flag.enabled AND app.flag_bucket(p_flag.salt, p_flag.key, p_partner) < p_flag.rollout_pct;

-- How many partners a flag reaches at 0, 1, ... 100 %.
CREATE OR REPLACE FUNCTION app.flag_reach(p_flag app.feature_flags) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = '' AS $$
    WITH bucket AS (
        SELECT app.flag_bucket(p_flag.salt, p_flag.key, p.code) AS id, count(*) AS n
        FROM app.partners p WHERE p.status <> 'churned' GROUP BY 1
    )
    SELECT jsonb_agg(r.n ORDER BY r.pct)
    FROM (SELECT pct, coalesce(sum(b.n) OVER (ORDER BY pct), 0) AS n
          FROM generate_series(0, 100) pct LEFT JOIN bucket b ON b.id = pct - 1) r
$$;

-- For those who may set them; of all flags, or one.
CREATE OR REPLACE FUNCTION app.flag_items(p_key text) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = '' AS $$
    SELECT jsonb_agg(jsonb_build_object(
               'key', f.key, 'description', f.description, 'enabled', f.enabled, 'rollout_pct', f.rollout_pct,
               'reach', app.flag_reach(f), 'updated_at', app.ms(f.updated_at),
               'updated_by', app.person_json(f.updated_by)) ORDER BY f.key)
    FROM app.feature_flags f WHERE p_key IS NULL OR f.key = p_key
$$;

-- {"partners": {CODE: {key: on}}} of the caller's partners; with flags.write `items` too.
CREATE FUNCTION route.flags_list(p_target text, p_query jsonb, p_body jsonb, p_fresh jsonb) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
    SELECT jsonb_build_object('partners', coalesce(
               (SELECT jsonb_object_agg(p.code, (SELECT jsonb_object_agg(f.key, app.flag_on(f, p.code))
                                                 FROM app.feature_flags f))
                FROM app.partners p WHERE p.partner_id = ANY (authz.partner_ids())), '{}'))
           || CASE WHEN authz.is_staff() AND authz.has('flags.write')
                   THEN jsonb_build_object('items', app.flag_items(NULL)) ELSE '{}' END
$$;

-- A boolean member of a body; p_default if it is not there.
CREATE OR REPLACE FUNCTION app.boolean_of(p_body jsonb, p_name text, p_default boolean) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
BEGIN
    IF NOT p_body ? p_name THEN
        RETURN p_default;
    ELSIF jsonb_typeof(p_body -> p_name) <> 'boolean' THEN
        PERFORM app.fail(400, 'invalid', 'true or false', p_name);
    END IF;
    RETURN (p_body -> p_name)::boolean;
END
$$;

-- {enabled?, rollout_pct?}
CREATE FUNCTION route.flag_update(p_target text, p_query jsonb, p_body jsonb, p_fresh jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
    v_old app.feature_flags;
    v_new app.feature_flags;
BEGIN
    SELECT * INTO v_old FROM app.feature_flags f WHERE f.key = p_target FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        PERFORM app.fail(404, 'not_found', 'no such flag: GET /v1/flags lists them');
    ELSIF NOT p_body ?| '{enabled,rollout_pct}' THEN
        PERFORM app.fail(400, 'required', 'enabled or rollout_pct');
    END IF;
    UPDATE app.feature_flags f
    SET enabled = app.boolean_of(p_body, 'enabled', v_old.enabled),
        rollout_pct = coalesce(app.key_number(p_body, 'rollout_pct', 0, 100), v_old.rollout_pct),
        updated_at = clock_timestamp(), updated_by = authz.user_id()
    WHERE f.key = p_target RETURNING * INTO v_new;
    PERFORM app.emit('system', jsonb_build_object('t', 'flags', 'at', app.ms(v_new.updated_at), 'key', p_target));
    PERFORM app.audit('flag.update', 'flag', p_target, NULL,
                      jsonb_build_object('enabled', v_old.enabled, 'rollout_pct', v_old.rollout_pct),
                      jsonb_build_object('enabled', v_new.enabled, 'rollout_pct', v_new.rollout_pct));
    RETURN app.flag_items(p_target) -> 0;
END
$$;

-- ---- Models ----------------------------------------------------------------------------------------

-- Prices are F2: of staff alone, and of those who may read cost.
CREATE OR REPLACE FUNCTION app.reads_prices() RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE
RETURN authz.is_staff() AND authz.has('metrics.read_cost');

-- All prices, or one, by model; none for who may not read them. Roles of requests cannot read the column.
CREATE FUNCTION api.model_prices(p_model text) RETURNS TABLE (model_id text, price numeric)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
    SELECT m.model_id, trim_scale(m.price) FROM app.model_configs m
    WHERE app.reads_prices() AND (p_model IS NULL OR m.model_id = p_model)
$$;

CREATE FUNCTION route.models_list__partner(p_target text, p_query jsonb, p_body jsonb, p_fresh jsonb) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
    SELECT jsonb_build_object('items', coalesce(jsonb_agg(jsonb_build_object(
        'id', m.model_id, 'name', m.name, 'kind', m.kind, 'enabled', m.enabled, 'max_duration_ms', m.max_duration_ms,
        'max_concurrent', m.max_concurrent) ORDER BY m.model_id), '[]'))
    FROM app.model_configs m
$$;

-- `version` and what goes with it tell of changes of the price: only who may change a model gets them.
CREATE OR REPLACE FUNCTION app.model_items(p_model text) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = '' AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_object(
               'id', m.model_id, 'name', m.name, 'kind', m.kind, 'enabled', m.enabled,
               'max_duration_ms', m.max_duration_ms, 'max_concurrent', m.max_concurrent)
           || CASE WHEN authz.has('models.write') THEN jsonb_build_object(
               'version', m.version, 'updated_at', app.ms(m.updated_at), 'updated_by', api.key_maker(m.updated_by))
              ELSE '{}' END
           || CASE WHEN app.reads_prices() THEN jsonb_build_object('price', p.price) ELSE '{}' END
           ORDER BY m.model_id), '[]')
    FROM app.model_configs m LEFT JOIN api.model_prices(p_model) p ON p.model_id = m.model_id
    WHERE p_model IS NULL OR m.model_id = p_model
$$;

CREATE FUNCTION route.models_list__staff(p_target text, p_query jsonb, p_body jsonb, p_fresh jsonb) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
    SELECT jsonb_build_object('items', app.model_items(NULL))
$$;

CREATE OR REPLACE FUNCTION app.price_of(p_body jsonb, p_default numeric) RETURNS numeric
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
DECLARE
    v numeric;
BEGIN
    IF NOT p_body ? 'price' THEN
        RETURN p_default;
    ELSIF NOT app.reads_prices() THEN
        PERFORM app.fail(403, 'forbidden', 'who may not read a price cannot set it: leave it out', 'price');
    ELSIF jsonb_typeof(p_body -> 'price') NOT IN ('number', 'null') THEN
        PERFORM app.fail(400, 'invalid', 'expected a number', 'price');
    END IF;
    v := (p_body ->> 'price')::numeric;
    -- Numbers come as doubles: 77.123457 as 77.123456999999996.
    IF v NOT BETWEEN 0 AND 1000000 OR abs(v - round(v, 6)) > 1e-9 THEN
        PERFORM app.fail(400, 'out_of_range', 'from 0 to 1000000, with at most six decimals', 'price');
    END IF;
    RETURN round(v, 6);
END
$$;

CREATE OR REPLACE FUNCTION app.model_audited(p_model app.model_configs) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = '' AS $$
    SELECT CASE WHEN p_model.model_id IS NOT NULL
                THEN to_jsonb(p_model) - '{model_id,version,updated_at,updated_by}'::text[] END
$$;

-- Stores it, tells and records what changed. p_old: all NULL if it is new.
CREATE OR REPLACE FUNCTION app.model_save(p_old app.model_configs, p_new app.model_configs) RETURNS void
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
    v_before jsonb := app.model_audited(p_old);
    v_after  jsonb := app.model_audited(p_new);
BEGIN
    IF v_before IS NOT NULL THEN
        UPDATE app.model_configs m
        SET name = p_new.name, kind = p_new.kind, enabled = p_new.enabled, price = p_new.price,
            max_duration_ms = p_new.max_duration_ms, max_concurrent = p_new.max_concurrent,
            version = m.version + 1, updated_at = clock_timestamp(), updated_by = authz.user_id()
        WHERE m.model_id = p_new.model_id;
    ELSE
        INSERT INTO app.model_configs (model_id, name, kind, enabled, price, max_duration_ms, max_concurrent, updated_by)
        VALUES (p_new.model_id, p_new.name, p_new.kind, p_new.enabled, p_new.price, p_new.max_duration_ms,
                p_new.max_concurrent, authz.user_id());
    END IF;
    IF v_before - 'price' IS DISTINCT FROM v_after - 'price' THEN
        PERFORM app.emit('system', jsonb_build_object('t', 'models', 'at', app.ms(clock_timestamp()),
                                                      'id', p_new.model_id));
    END IF;
    PERFORM app.audit(CASE WHEN v_before IS NULL THEN 'model.create' ELSE 'model.update' END, 'model', p_new.model_id,
                      NULL, v_before, v_after);
END
$$;

-- {name, kind, enabled?, price?, max_duration_ms?, max_concurrent?, version?}: the whole model but its
-- price, which stays if it is left out. `version` is that of the one that is changed.
CREATE FUNCTION route.model_put(p_target text, p_query jsonb, p_body jsonb, p_fresh jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
    v_old app.model_configs;
    v_new app.model_configs;
BEGIN
    IF coalesce(p_target, '') !~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$' THEN
        PERFORM app.fail(400, 'invalid', 'a model''s id is 1 to 64 letters, digits, dots, _ and -', 'id');
    END IF;
    SELECT * INTO v_old FROM app.model_configs m WHERE m.model_id = p_target FOR NO KEY UPDATE;
    IF coalesce(app.key_number(p_body, 'version', 0, 2147483647), 0) <> coalesce(v_old.version, 0) THEN
        PERFORM app.fail(409, 'stale', CASE WHEN v_old.version IS NULL THEN 'there is no such model: leave it out'
                         ELSE 'another version is there: read it again' END, 'version');
    ELSIF v_old.version IS NULL AND (SELECT count(*) FROM app.model_configs) >= 500 THEN
        PERFORM app.fail(409, 'limit', 'at most 500 models: change one that is not used any more');
    END IF;
    v_new.model_id := p_target;
    v_new.name := app.text_of(p_body, 'name', 120);
    v_new.kind := app.text_of(p_body, 'kind', 8);
    IF v_new.kind NOT IN ('image', 'video', 'stt', 'tts', 'llm') THEN
        PERFORM app.fail(400, 'invalid', 'image, video, stt, tts or llm', 'kind');
    END IF;
    v_new.enabled := app.boolean_of(p_body, 'enabled', true);
    v_new.price := app.price_of(p_body, v_old.price);
    v_new.max_duration_ms := app.key_number(p_body, 'max_duration_ms', 1, 86400000);
    v_new.max_concurrent := app.key_number(p_body, 'max_concurrent', 1, 100000);
    PERFORM app.model_save(v_old, v_new);
    RETURN app.model_items(p_target) -> 0;
END
$$;

-- Of metricsctl: makes it, or makes it so.
CREATE FUNCTION api.model_set(p_id text, p_name text, p_kind text, p_enabled boolean, p_price numeric,
                              p_max_duration_ms bigint, p_max_concurrent int) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
    v_old app.model_configs;
    v_new app.model_configs;
BEGIN
    SELECT * INTO v_old FROM app.model_configs m WHERE m.model_id = p_id FOR NO KEY UPDATE;
    v_new.model_id := p_id;
    v_new.name := p_name;
    v_new.kind := p_kind;
    v_new.enabled := p_enabled;
    v_new.price := p_price;
    v_new.max_duration_ms := p_max_duration_ms;
    v_new.max_concurrent := p_max_concurrent;
    PERFORM app.model_save(v_old, v_new);
END
$$;

SET LOCAL ROLE mh_writer;
INSERT INTO app.routes (name, method, path, permission, scope, mutates, step_up) VALUES
    ('flags_list', 'GET', '/v1/flags', NULL, 'any', false, false),
    ('flag_update', 'PUT', '/v1/flags/{}', 'flags.write', 'staff', true, false),
    ('models_list', 'GET', '/v1/models', NULL, 'any', false, false),
    ('model_put', 'PUT', '/v1/models/{}', 'models.write', 'staff', true, false);
RESET ROLE;

DO $$
DECLARE
    f record;
BEGIN
    FOR f IN SELECT p.oid::regprocedure AS name, w.owner, w.callers
             FROM pg_catalog.pg_proc p
             JOIN (VALUES ('app', 'reads_prices', 'mh_owner', 'mh_writer, mh_staff'),
                          ('app', 'model_items', 'mh_owner', 'mh_writer, mh_staff'),
                          ('api', 'model_prices', 'mh_writer', 'mh_staff'), ('api', 'model_set', 'mh_writer', 'mh_admin'))
                  w (schema, name, owner, callers) ON w.name = p.proname AND w.schema = p.pronamespace::regnamespace::text
    LOOP
        EXECUTE format('ALTER FUNCTION %s OWNER TO %I', f.name, f.owner);
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', f.name);
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO %s', f.name, f.callers);
    END LOOP;
END
$$;
