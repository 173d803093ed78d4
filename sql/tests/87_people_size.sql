-- Lists of people and the trail keep their cost at size: 20,000 people, 5,000 of them of one partner,
-- 10,000 invitations, 1,000 roles, 200,000 entries in a month. Limits are counts of rows that a request
-- reads of these tables, which are the same on any machine.
\ir include/send.psql
BEGIN;
\ir include/request.psql
SELECT plan(45);

SELECT api.partner_create('S' || lpad(i::text, 2, '0'), 'Size ' || i, NULL, NULL) FROM generate_series(0, 49) i \g /dev/null
SELECT api.user_create('Zoe Owner', 'zo@canary.example', 'owner', NULL, NULL),
       api.user_create('Zed Admin', 'za@canary.example', NULL, 'S00', 'admin') \g /dev/null
SELECT pg_temp.sign_in('Zoe Owner', 'owner'), pg_temp.sign_in('Zed Admin', 'admin') \g /dev/null
INSERT INTO app.users (kind, name, email)
SELECT 'member', 'Person ' || md5(i::text), md5(i || 'x') || '@mail.example' FROM generate_series(1, 20000) i;
CREATE TEMP TABLE place AS
SELECT partner_id, row_number() OVER (ORDER BY code) - 1 AS n FROM app.partners WHERE code ~ '^S\d\d$';
INSERT INTO app.memberships (partner_id, user_id, role, expires_at)
SELECT p.partner_id, u.user_id, (ARRAY['viewer', 'manager', 'developer', 'admin'])[1 + u.i % 4],
       CASE WHEN u.i % 10 = 0 THEN now() + interval '1 year' END
FROM (SELECT user_id, row_number() OVER (ORDER BY user_id) AS i FROM app.users WHERE name LIKE 'Person %') u
JOIN place p ON p.n = CASE WHEN u.i <= 5000 THEN 0 ELSE 1 + u.i % 49 END;
INSERT INTO app.invitations (token_hash, partner_id, email, name, role, expires_at)
SELECT sha256(i::text::bytea), p.partner_id, i || '@x.example', 'Guest ' || i, 'viewer', now() + interval '1 day' * (i % 20 - 18)
FROM generate_series(1, 10000) i JOIN place p ON p.n = CASE WHEN i % 4 = 0 THEN 0 ELSE i % 50 END;
INSERT INTO app.custom_roles (partner_id, base_role, name, permissions)
SELECT p.partner_id, 'partner.viewer', 'Role ' || i, '{docs.read}' FROM place p, generate_series(1, 20) i;

CREATE FUNCTION pg_temp.fill_trail(p_chain date, p_count int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_partners int[] := ARRAY(SELECT partner_id FROM place ORDER BY n);
    v_users    int[] := ARRAY(SELECT user_id FROM app.users ORDER BY user_id LIMIT 1000);
    v_row      app.audit_log;
BEGIN
    v_row.chain := p_chain;
    v_row.hash := sha256('');
    FOR i IN 1..p_count LOOP
        v_row.seq := i;
        v_row.at := (p_chain || ' 00:00Z')::timestamptz + i * interval '10 s';
        v_row.partner_id := v_partners[CASE WHEN i % 20000 = 13 THEN 50 ELSE 1 + i % 49 END]; -- of the last one ten
        v_row.actor_id := v_users[1 + i % cardinality(v_users)];
        v_row.action := CASE WHEN i % 1000 = 7 THEN 'rare.thing' WHEN i % 3 = 0 THEN 'session.open' ELSE 'user.update' END;
        v_row.outcome := CASE WHEN i % 500 = 3 THEN 'denied' ELSE 'done' END;
        v_row.target_id := 'thing_' || i % 5000;
        v_row.canonical := jsonb_build_object('chain', v_row.chain, 'seq', i, 'at', app.ms(v_row.at), 'actor', v_row.actor_id,
            'on_behalf_of', NULL, 'outcome', v_row.outcome, 'action', v_row.action, 'target_type', NULL, 'target_id', v_row.target_id,
            'partner', v_row.partner_id, 'before', NULL, 'after', NULL, 'request_id', NULL)::text;
        v_row.prev_hash := v_row.hash;
        v_row.hash := sha256(v_row.prev_hash || convert_to(v_row.canonical, 'UTF8'));
        INSERT INTO app.audit_log SELECT v_row.*;
    END LOOP;
    INSERT INTO app.audit_head (chain, seq, hash) VALUES (p_chain, p_count, v_row.hash);
END
$$;
SELECT pg_temp.fill_trail('2024-01-01', 200000) \g /dev/null
ANALYZE app.users, app.memberships, app.invitations, app.custom_roles, app.audit_log, app.partners;

CREATE FUNCTION pg_temp.rows_read(p_tables text[]) RETURNS bigint LANGUAGE sql VOLATILE AS $$
    SELECT coalesce(sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0)), 0)::bigint
    FROM pg_stat_xact_user_tables WHERE schemaname = 'app' AND relname = ANY (p_tables)
$$;
-- The answer, and what it cost.
CREATE FUNCTION pg_temp.cost(p_who text, p_route text, p_query jsonb DEFAULT '{}', OUT body jsonb, OUT cost bigint)
LANGUAGE plpgsql AS $$
DECLARE
    v_tables text[] := '{users,memberships,invitations,custom_roles,audit_log,audit_head}';
    v_before bigint := pg_temp.rows_read(v_tables);
BEGIN
    body := pg_temp.ask(p_who, p_route, NULL, '{}', p_query) -> 'body';
    cost := pg_temp.rows_read(v_tables) - v_before;
END
$$;
CREATE FUNCTION pg_temp.within(p_items int, p_most int, p_who text, p_route text, p_query jsonb, p_what text) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    v record := pg_temp.cost(p_who, p_route, p_query);
BEGIN
    RETURN ok(jsonb_array_length(v.body -> 'items') = p_items AND v.cost <= p_most, p_what)
        || CASE WHEN jsonb_array_length(v.body -> 'items') = p_items AND v.cost <= p_most THEN ''
           ELSE E'\n# ' || v.cost || ' rows read for ' || jsonb_array_length(v.body -> 'items') || ' items' END;
END
$$;
-- The query of the page behind so many pages of 200.
CREATE FUNCTION pg_temp.behind(p_pages int, p_who text, p_route text, p_query jsonb DEFAULT '{}') RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    v_query jsonb := p_query;
BEGIN
    FOR i IN 1..p_pages LOOP
        v_query := p_query || jsonb_build_object(
            'after', pg_temp.ask(p_who, p_route, NULL, '{}', v_query || '{"limit": "200"}') #> '{body,next}');
    END LOOP;
    RETURN v_query;
END
$$;

-- ---- The directory
SELECT pg_temp.within(50, 300, 'owner', 'users_list', '{}', 'staff: the first page');
SELECT pg_temp.within(50, 300, 'owner', 'users_list', pg_temp.behind(15, 'owner', 'users_list'), 'a late page reads no more');
SELECT pg_temp.within(50, 1000, 'admin', 'users_list', '{}', 'a member: of a quarter of all');
SELECT pg_temp.within(50, 1000, 'admin', 'users_list', pg_temp.behind(12, 'admin', 'users_list'), 'and late');
SELECT pg_temp.within(0, 20, 'owner', 'users_list', '{"q": "nobody at all"}', 'searched in vain');
SELECT pg_temp.within(1, 40, 'owner', 'users_list', jsonb_build_object('q', left(md5('77'), 12)), 'by a part of the name');
SELECT pg_temp.within(1, 40, 'owner', 'users_list', jsonb_build_object('q', upper(left(md5('77x'), 12))), 'of the address');
SELECT pg_temp.within(1, 40, 'admin', 'users_list', jsonb_build_object('q', left(md5('77x'), 12)), 'by a member');
SELECT pg_temp.within(0, 40, 'admin', 'users_list', jsonb_build_object('q', left(md5('7777x'), 12)), 'by one who may not see him');
SELECT pg_temp.within(50, 300, 'owner', 'users_list', '{"partner": "S00"}', 'of a large partner');
SELECT pg_temp.within(50, 2000, 'owner', 'users_list', '{"partner": "S07"}', 'of a small one no more than all its people');
SELECT pg_temp.within(1, 40, 'owner', 'users_list', jsonb_build_object('partner', 'S00', 'q', left(md5('77'), 12)), 'searched in one');
SELECT pg_temp.within(1, 40, 'owner', 'users_list', '{"kind": "staff"}', 'staff');
SELECT pg_temp.within(1, 40, 'owner', 'users_list', '{"role": "owner"}', 'owners');
SELECT pg_temp.within(0, 40, 'owner', 'users_list', '{"role": "king"}', 'of a role that is none');
SELECT pg_temp.within(50, 1000, 'owner', 'users_list', '{"role": "developer"}', 'of a role of partners');
SELECT pg_temp.within(0, 40, 'owner', 'users_list', '{"status": "suspended"}', 'suspended');
SELECT pg_temp.within(0, 40, 'owner', 'users_list', '{"status": "erased"}', 'erased');
SELECT pg_temp.within(1, 40, 'owner', 'staff_list', '{}', 'the page of staff');

-- ---- Teams, roles, invitations
SELECT pg_temp.within(50, 600, 'owner', 'team_list', '{"partner": "S00"}', 'a large team');
SELECT pg_temp.within(50, 600, 'admin', 'team_list', pg_temp.behind(12, 'admin', 'team_list'), 'late');
SELECT pg_temp.within(1, 40, 'admin', 'team_list', jsonb_build_object('q', left(md5('77'), 12)), 'searched');
SELECT pg_temp.within(50, 1000, 'owner', 'team_list', '{"partner": "S07"}', 'a small team');
SELECT is((SELECT jsonb_array_length(c.body -> 'custom') || ' ' || (c.cost <= 1100) FROM pg_temp.cost('owner', 'roles_list') c), '1000 true', 'all roles');
SELECT is((SELECT jsonb_array_length(c.body -> 'custom') || ' ' || (c.cost <= 40) FROM pg_temp.cost('admin', 'roles_list') c), '20 true', 'one''s own');
SELECT pg_temp.within(50, 300, 'owner', 'invitations_list', '{}', 'invitations');
SELECT pg_temp.within(50, 300, 'admin', 'invitations_list', pg_temp.behind(10, 'admin', 'invitations_list'), 'late');
SELECT pg_temp.within(50, 1500, 'owner', 'invitations_list', '{"status": "open"}', 'open ones, which are a tenth');
SELECT pg_temp.within(50, 300, 'owner', 'invitations_list', '{"partner": "S07"}', 'of a partner');

-- ---- The trail
CREATE FUNCTION pg_temp.ms(p_at text) RETURNS text LANGUAGE sql AS $$ SELECT app.ms(p_at::timestamptz)::text $$;
SELECT pg_temp.within(50, 400, 'owner', 'audit_list', '{"after": "2024-01-01.100000"}', 'a page of the trail');
SELECT pg_temp.within(50, 4000, 'admin', 'audit_list', '{"after": "2024-01-01.100000"}', 'of a partner''s');
SELECT pg_temp.within(10, 200, 'owner', 'audit_list', '{"partner": "S49", "to": "1720000000000"}', 'of one that does little');
SELECT pg_temp.within(50, 600, 'owner', 'audit_list', '{"action": "rare"}', 'what is done rarely');
SELECT pg_temp.within(50, 600, 'owner', 'audit_list', '{"outcome": "denied", "to": "1720000000000"}', 'what was refused');
SELECT pg_temp.within(40, 400, 'owner', 'audit_list', '{"target": "thing_100"}', 'about something');
SELECT pg_temp.within(50, 700, 'owner', 'audit_list', jsonb_build_object('to', pg_temp.ms('2024-01-03 00:00Z')), 'until a time');
SELECT pg_temp.within(6, 200, 'owner', 'audit_list',
                      jsonb_build_object('from', pg_temp.ms('2024-01-03 00:00Z'), 'to', pg_temp.ms('2024-01-03 00:01Z')), 'of a minute');
SELECT pg_temp.within(0, 40, 'admin', 'audit_list', jsonb_build_object('to', pg_temp.ms('2023-12-31 00:00Z')), 'of before all');

-- 50,000 entries of the chain at a time; in a transaction that writes nothing, so it holds up nobody.
CREATE FUNCTION pg_temp.parts(p_who text) RETURNS TABLE (n bigint, entries int, ok boolean, broken_at int, cost bigint)
LANGUAGE sql VOLATILE AS $$
    WITH RECURSIVE part AS (
        SELECT c.body, c.cost FROM pg_temp.cost(p_who, 'audit_verify', '{"chain": "2024-01"}') c
        UNION ALL
        SELECT c.body, c.cost FROM part p
        CROSS JOIN LATERAL pg_temp.cost(p_who, 'audit_verify', jsonb_build_object('chain', '2024-01', 'after', p.body -> 'next')) c
        WHERE p.body ? 'next')
    SELECT row_number() OVER (), (body #>> '{chains,0,entries}')::int, (body #>> '{chains,0,ok}')::boolean,
           (body #>> '{chains,0,broken_at}')::int, cost FROM part
$$;
SAVEPOINT proof;
SET LOCAL transaction_read_only = on;
SELECT string_agg(entries || ' ' || ok, ', ' ORDER BY n) AS parts, max(cost) AS most FROM pg_temp.parts('owner') \gset
SELECT string_agg(ok::text, ', ' ORDER BY n) || ', ' || sum(entries) AS own FROM pg_temp.parts('admin') \gset
ROLLBACK TO proof;
SELECT is(:'parts'::text, '50000 true, 50000 true, 50000 true, 50000 true', 'the chain is proved in parts');
SELECT cmp_ok(:most, '<=', 50100, 'each of which reads no more than itself');
SELECT is(:'own'::text, 'true, true, true, true, ' || (SELECT count(*) FROM app.audit_log WHERE chain = '2024-01-01' AND partner_id = (SELECT partner_id FROM place WHERE n = 0)), 'of which a partner counts its own');
CREATE FUNCTION pg_temp.broken(p_query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    v text;
BEGIN
    ALTER TABLE app.audit_log DISABLE TRIGGER USER;
    EXECUTE p_query;
    SELECT string_agg(p.n || ' at ' || p.broken_at, ', ' ORDER BY p.n) INTO v FROM pg_temp.parts('owner') p WHERE NOT p.ok;
    RAISE EXCEPTION USING MESSAGE = v, ERRCODE = 'MH000';
EXCEPTION WHEN SQLSTATE 'MH000' THEN
    RETURN SQLERRM;
END
$$;
SELECT is(pg_temp.broken($$DELETE FROM app.audit_log WHERE chain = '2024-01-01' AND seq = 50000$$), '2 at 50000', 'the last row of a part');
SELECT is(pg_temp.broken($$DELETE FROM app.audit_log WHERE chain = '2024-01-01' AND seq = 50001$$), '2 at 50001', 'and the first');
SELECT is(pg_temp.broken($$UPDATE app.audit_log SET action = 'x' WHERE chain = '2024-01-01' AND seq = 150007$$), '4 at 150007', 'a changed one');
SELECT is(pg_temp.broken($$DELETE FROM app.audit_log WHERE chain = '2024-01-01' AND seq > 199990$$), '1 at 199991', 'a cut tail, at once');
SELECT * FROM finish();
ROLLBACK;
