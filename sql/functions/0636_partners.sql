-- The directory of partners.

-- A page of what the calling role can read, in the order of codes; a cursor is the page's last code.
CREATE OR REPLACE FUNCTION app.partners_page(p_query jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
DECLARE
    v_limit  int := app.page_size(p_query);
    v_q      text := lower(app.text_of(p_query, 'q', 200, false));
    v_status text := app.choice_of(p_query, 'status', '{prospect,onboarding,active,suspended,churned}');
    v_after  text := app.text_of(p_query, 'after', 32, false);
    v_items  jsonb[];
BEGIN
    SELECT array_agg(x.item ORDER BY x.code) INTO v_items
    FROM (SELECT p.code, jsonb_strip_nulls(jsonb_build_object(
                     'code', p.code, 'name', p.name, 'status', p.status, 'tier', p.tier, 'region', p.region,
                     'members', (SELECT count(*) FROM app.memberships m WHERE m.partner_id = p.partner_id))) AS item
          FROM app.partners p
          WHERE (v_after IS NULL OR p.code > v_after) AND (v_status IS NULL OR p.status = v_status)
            AND (v_q IS NULL OR starts_with(lower(p.code), v_q) OR strpos(lower(p.name), v_q) > 0)
          ORDER BY p.code LIMIT v_limit + 1) x;
    RETURN jsonb_build_object('items', to_jsonb(coalesce(v_items[:v_limit], '{}')))
           || CASE WHEN cardinality(v_items) > v_limit THEN jsonb_build_object('next', v_items[v_limit] -> 'code')
              ELSE '{}' END;
END
$$;

CREATE FUNCTION route.partners_list__partner(p_target text, p_query jsonb, p_body jsonb, p_fresh jsonb) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS 'SELECT app.partners_page(p_query)';
CREATE FUNCTION route.partners_list__staff(p_target text, p_query jsonb, p_body jsonb, p_fresh jsonb) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS 'SELECT app.partners_page(p_query)';

DO $$
DECLARE
    f regprocedure;
BEGIN
    FOR f IN SELECT p.oid FROM pg_catalog.pg_proc p
             WHERE p.pronamespace = 'app'::regnamespace AND p.proname IN ('partners_page', 'choice_of')
    LOOP
        EXECUTE format('ALTER FUNCTION %s OWNER TO mh_owner', f);
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', f);
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO mh_writer, mh_partner, mh_staff', f);
    END LOOP;
END
$$;

SET LOCAL ROLE mh_writer;
INSERT INTO app.routes (name, method, path, permission, scope, mutates, step_up) VALUES
    ('partners_list', 'GET', '/v1/partners', 'partners.read', 'any', false, false);
RESET ROLE;
