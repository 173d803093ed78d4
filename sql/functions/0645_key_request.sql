-- How a program's request is answered that reads by an API key (EXECUTE for mh_ingest, which has judged the
-- key). It asks as a member of the key's partner would who may what the key's scopes say and nothing else;
-- only routes whose rows the policies for partners choose can be asked.

CREATE FUNCTION api.key_request(p_route text, p_key int, p_request_id text, p_ip text, p_target text,
                                p_query jsonb, p_body jsonb, p_fresh jsonb,
                                OUT status int, OUT reason text, OUT detail text, OUT field text, OUT body text,
                                OUT feeds text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' SET jit = off AS $$
DECLARE
    v_route  app.routes;
    v_key    app.api_keys;
    v_code   text;
    v_held   text[];
    v_state  text;
    v_answer jsonb;
BEGIN
    SELECT * INTO v_route FROM app.routes r
    WHERE r.name = p_route AND NOT r.mutates AND to_regproc(format('route.%I', r.name || '__partner')) IS NOT NULL;
    SELECT * INTO v_key FROM app.api_keys k WHERE k.key_id = p_key AND k.revoked_at IS NULL;
    IF v_route.name IS NULL OR v_key.key_id IS NULL THEN
        status := 404;
        reason := 'not_found';
        RETURN;
    END IF;
    v_held := ARRAY(SELECT s.permission FROM app.known_scopes() s WHERE s.scope = ANY (v_key.scopes));
    SELECT p.code INTO v_code FROM app.partners p WHERE p.partner_id = v_key.partner_id;
    PERFORM authz.enter(v_key.public_id, ARRAY[v_key.partner_id], array_remove(v_held, NULL)),
            set_config('app.user_id', '', true), set_config('app.is_staff', 'off', true),
            set_config('app.impersonator_id', '', true), set_config('app.session', '', true),
            set_config('app.request_id', coalesce(p_request_id, ''), true),
            set_config('app.ip', coalesce(p_ip, ''), true);
    BEGIN
        IF v_key.environment <> 0 THEN
            PERFORM app.fail(403, 'test_key', 'these numbers are of live events: ask with a live key');
        ELSIF NOT v_route.permission = ANY (v_held) OR v_route.permission IS NULL THEN
            PERFORM app.fail(403, 'insufficient_scope', 'this needs the permission ' || coalesce(v_route.permission, ''));
        ELSIF p_query ->> 'format' = 'csv' AND NOT 'export.csv' = ANY (v_held) THEN
            PERFORM app.fail(403, 'insufficient_scope', 'as CSV this needs the scope export:read', 'format');
        END IF;
        EXECUTE format('SELECT route.%I($1, $2, $3, $4)', v_route.name || '__partner') INTO v_answer
        USING p_target, jsonb_build_object('partner', v_code) || coalesce(p_query, '{}'), coalesce(p_body, '{}'),
              coalesce(p_fresh, '{}');
        status := 200;
        body := v_answer::text;
    EXCEPTION WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS v_state = RETURNED_SQLSTATE, reason = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL,
                                field = COLUMN_NAME;
        SELECT p.status, p.reason, p.detail INTO status, reason, detail FROM app.problem_of(v_state, reason, detail) p;
        IF status IS NULL THEN
            RAISE;
        END IF;
    END;
END
$$;
ALTER FUNCTION api.key_request(text, int, text, text, text, jsonb, jsonb, jsonb) OWNER TO mh_writer;
REVOKE ALL ON FUNCTION api.key_request(text, int, text, text, text, jsonb, jsonb, jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION api.key_request(text, int, text, text, text, jsonb, jsonb, jsonb) TO mh_ingest;
