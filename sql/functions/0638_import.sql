-- Lists of people from a file.

-- A line {email, name, partner, role} as it is meant; fails as a request of its own would.
CREATE OR REPLACE FUNCTION app.import_line(p_row jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
DECLARE
    v_email   text := app.email_of(p_row);
    v_name    text := app.text_of(p_row, 'name', 120, false);
    v_partner int := app.partner_of(app.text_of(p_row, 'partner', 32));
    v_role    text := app.role_of(p_row, 'role', 'partner');
BEGIN
    RETURN jsonb_build_object('email', v_email, 'name', v_name, 'partner_id', v_partner, 'role', v_role);
END
$$;

-- Each with its number `row` and, of those of one address, its `turn`; or {"row", "result", "reason", "field"}.
CREATE OR REPLACE FUNCTION app.import_lines(p_rows jsonb) RETURNS jsonb[]
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
DECLARE
    v_row    jsonb;
    v_one    jsonb;
    v_lines  jsonb[] := '{}';
    v_reason text;
    v_field  text;
BEGIN
    FOR v_row IN SELECT r FROM jsonb_array_elements(p_rows) WITH ORDINALITY t (r, i) ORDER BY t.i LOOP
        BEGIN
            v_one := app.import_line(v_row);
        EXCEPTION WHEN SQLSTATE 'MH400' OR SQLSTATE 'MH404' THEN
            GET STACKED DIAGNOSTICS v_reason = MESSAGE_TEXT, v_field = COLUMN_NAME;
            v_one := jsonb_build_object('result', 'error', 'reason', v_reason, 'field', v_field);
        END;
        v_lines := v_lines || (v_one || jsonb_build_object('row', cardinality(v_lines) + 1));
    END LOOP;
    RETURN (SELECT array_agg(CASE WHEN l ? 'result' THEN l ELSE l || jsonb_build_object('turn', x.turn) END)
            FROM (SELECT u.l, row_number() OVER (PARTITION BY lower(u.l ->> 'email') ORDER BY u.i) AS turn
                  FROM unnest(v_lines) WITH ORDINALITY u (l, i)) x);
END
$$;

-- Does lines of different addresses, all in one statement: {"row", "result", "user", "partner_id"} or
-- {"row", "result", "reason", "field"} each. A person who exists keeps his name unless he is the
-- caller's alone. Of somebody who came meanwhile the line is refused.
-- Statistics may know nothing yet of a table that the list before filled, hence enable_seqscan.
CREATE OR REPLACE FUNCTION app.import_turn(p_lines jsonb) RETURNS jsonb[]
LANGUAGE sql SET search_path = '' SET enable_seqscan = off AS $$
    WITH found AS MATERIALIZED (
        SELECT l.*, u.user_id, u.public_id, u.kind, u.status, m.role AS old_role, m.custom_role_id AS old_custom,
               m.role IS DISTINCT FROM l.role OR m.expires_at <= now() AS is_moved,
               coalesce(l.name <> u.name AND app.is_only_mine(u.user_id), false) AS is_renamed
        FROM jsonb_to_recordset(p_lines) l (row int, email text, name text, partner_id int, role text)
        LEFT JOIN app.users u ON lower(u.email) = lower(l.email)
        LEFT JOIN app.memberships m ON m.user_id = u.user_id AND m.partner_id = l.partner_id
    ), given AS MATERIALIZED ( -- or taken away
        SELECT f.partner_id, f.role, NULL::int AS custom FROM found f WHERE f.is_moved
        UNION SELECT f.partner_id, f.old_role, f.old_custom FROM found f WHERE f.is_moved AND f.old_role IS NOT NULL
    ), not_held AS MATERIALIZED (
        SELECT g.* FROM given g
        WHERE NOT app.role_permissions_of('partner.' || g.role, g.custom) <@ app.permissions_in(g.partner_id)
    ), judged AS MATERIALIZED (
        SELECT f.*, CASE
            WHEN f.user_id IS NULL AND f.name IS NULL THEN '{required,name}'
            WHEN f.user_id = authz.user_id() THEN '{own_roles,email}'
            WHEN f.kind <> 'member' OR f.status <> 'active' THEN '{conflict,email}'
            WHEN f.is_moved AND f.old_role IS NULL
                 AND (SELECT count(*) FROM app.memberships m WHERE m.user_id = f.user_id) >= 64 THEN '{limit,partner}'
            WHEN f.is_moved AND EXISTS (
                 SELECT FROM not_held n
                 WHERE n.partner_id = f.partner_id AND (n.role = f.role AND n.custom IS NULL
                       OR n.role = f.old_role AND n.custom IS NOT DISTINCT FROM f.old_custom)) THEN '{exceeds_own,role}'
            END::text[] AS refusal
        FROM found f
    ), created AS (
        INSERT INTO app.users (kind, name, email)
        SELECT 'member', j.name, j.email FROM judged j
        WHERE j.refusal IS NULL AND j.user_id IS NULL ORDER BY lower(j.email) -- no deadlock with another list
        ON CONFLICT DO NOTHING RETURNING user_id, public_id, email
    ), renamed AS (
        UPDATE app.users u SET name = j.name, version = u.version + 1, updated_at = now()
        FROM judged j WHERE j.refusal IS NULL AND j.is_renamed AND u.user_id = j.user_id
    ), done AS MATERIALIZED (
        SELECT j.row, j.partner_id, j.role, j.is_moved, coalesce(j.user_id, c.user_id) AS user_id,
               coalesce(j.public_id, c.public_id) AS public_id,
               CASE WHEN j.refusal IS NULL AND j.user_id IS NULL AND c.user_id IS NULL THEN '{conflict,email}'
               ELSE j.refusal END AS refusal,
               CASE WHEN j.user_id IS NULL THEN 'created' WHEN j.is_renamed OR j.is_moved THEN 'updated'
               ELSE 'unchanged' END AS result
        FROM judged j LEFT JOIN created c ON c.email = j.email
    ), placed AS (
        INSERT INTO app.memberships (partner_id, user_id, role, granted_by)
        SELECT d.partner_id, d.user_id, d.role, authz.user_id() FROM done d WHERE d.refusal IS NULL AND d.is_moved
        ON CONFLICT (partner_id, user_id) DO UPDATE
        SET role = excluded.role, custom_role_id = NULL, expires_at = NULL, granted_by = excluded.granted_by
    )
    SELECT array_agg(jsonb_build_object('row', d.row) || CASE
        WHEN d.refusal IS NULL THEN jsonb_build_object('result', d.result, 'user', d.public_id, 'partner_id', d.partner_id)
        ELSE jsonb_build_object('result', 'error', 'reason', d.refusal[1], 'field', d.refusal[2]) END)
    FROM done d
$$;

-- All lines. One that fails changes nothing and hinders none; those of one address are done one after
-- the other.
CREATE OR REPLACE FUNCTION app.import_rows(p_rows jsonb) RETURNS jsonb[]
LANGUAGE plpgsql SET search_path = '' SET enable_seqscan = off AS $$
DECLARE
    v_lines  jsonb[] := app.import_lines(p_rows);
    v_emails text[] := ARRAY(SELECT lower(l ->> 'email') FROM unnest(v_lines) l WHERE l ? 'turn');
    v_turn   jsonb;
    v_done   jsonb[];
BEGIN
    PERFORM FROM app.users u WHERE lower(u.email) = ANY (v_emails) ORDER BY u.user_id FOR NO KEY UPDATE;
    FOR i IN 1..64 LOOP -- partners at most of a person
        SELECT jsonb_agg(l) INTO v_turn FROM unnest(v_lines) l WHERE l -> 'turn' = to_jsonb(i);
        EXIT WHEN v_turn IS NULL;
        v_done := v_done || app.import_turn(v_turn);
    END LOOP;
    RETURN v_done || (SELECT array_agg(CASE WHEN l ? 'result' THEN l
                                       ELSE jsonb_build_object('row', l -> 'row', 'result', 'error', 'reason', 'limit',
                                                               'field', 'email') END)
                      FROM unnest(v_lines) l WHERE l ? 'result' OR (l ->> 'turn')::int > 64);
END
$$;

-- Rows of the trail for each partner in which people were created or updated: one for 500 of them, so
-- that a page of the trail stays small.
CREATE OR REPLACE FUNCTION app.audit_import(p_rows jsonb[]) RETURNS void
LANGUAGE sql SET search_path = '' AS $$
    SELECT app.audit('user.import', 'partner', x.code, x.partner_id, NULL, jsonb_build_object(
               'created', coalesce(jsonb_agg(x.r -> 'user' ORDER BY x.i) FILTER (WHERE x.r ->> 'result' = 'created'), '[]'),
               'updated', coalesce(jsonb_agg(x.r -> 'user' ORDER BY x.i) FILTER (WHERE x.r ->> 'result' = 'updated'), '[]')))
    FROM (SELECT p.partner_id, p.code, r, row_number() OVER (PARTITION BY p.partner_id ORDER BY (r -> 'row')::int) - 1 AS i
          FROM unnest(p_rows) r JOIN app.partners p ON p.partner_id = (r ->> 'partner_id')::int
          WHERE r ->> 'result' IN ('created', 'updated')) x
    GROUP BY x.partner_id, x.code, x.i / 500 ORDER BY x.code, x.i / 500
$$;

-- ?dry_run=1 does everything and then takes it back. A list taken twice changes nothing the second time.
CREATE FUNCTION route.users_import(p_target text, p_query jsonb, p_body jsonb, p_fresh jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
    v_dry  boolean := coalesce(p_query ->> 'dry_run', '0') = '1';
    v_rows jsonb[];
BEGIN
    IF jsonb_typeof(p_body -> 'rows') IS DISTINCT FROM 'array' OR jsonb_array_length(p_body -> 'rows') = 0 THEN
        PERFORM app.fail(400, 'required', 'expected lines with email,name,partner,role', 'rows');
    ELSIF jsonb_array_length(p_body -> 'rows') > 5000 THEN
        PERFORM app.fail(400, 'too_many', 'at most 5000 lines at a time', 'rows');
    END IF;
    BEGIN
        v_rows := app.import_rows(p_body -> 'rows');
        IF v_dry THEN
            RAISE EXCEPTION USING ERRCODE = 'MH000';
        END IF;
    EXCEPTION WHEN SQLSTATE 'MH000' THEN
        NULL; -- v_rows stays
    END;
    IF NOT v_dry THEN
        PERFORM app.audit_import(v_rows);
    END IF;
    RETURN jsonb_build_object('dry_run', v_dry, 'rows', (
        SELECT jsonb_agg(r - CASE WHEN v_dry AND r ->> 'result' = 'created' THEN '{partner_id,user}'::text[]
                             ELSE '{partner_id}' END || jsonb_build_object('email', l.line -> 'email') ORDER BY l.i)
        FROM unnest(v_rows) r
        JOIN jsonb_array_elements(p_body -> 'rows') WITH ORDINALITY l (line, i) ON l.i = (r ->> 'row')::int));
END
$$;

SET LOCAL ROLE mh_writer;
INSERT INTO app.routes (name, method, path, permission, scope, mutates, step_up) VALUES
    ('users_import', 'POST', '/v1/users/import', 'roles.assign', 'any', true, true);
RESET ROLE;
