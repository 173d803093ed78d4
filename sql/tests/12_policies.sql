-- Every policy of the catalogue does what it is for. Which those are stands in `expected`, and each is tried
-- with rows of two partners: a policy, or a role of one, that is not listed here fails, and so does a
-- table in which there is nothing to see.
\ir include/send.psql
BEGIN;
SELECT * FROM no_plan();

-- ---- A row of each of two partners in every table --------------------------------------------------
SELECT api.partner_create('TA', 'Tap A', NULL, NULL), api.partner_create('TB', 'Tap B', NULL, NULL);
SELECT api.key_create('TA', 'k', 0, 'TapKeyA00001', sha256('a'), NULL, NULL),
       api.key_create('TB', 'k', 0, 'TapKeyB00001', sha256('b'), NULL, NULL);
CREATE TEMP TABLE u AS SELECT api.user_create('Max', NULL, NULL, 'TA', 'manager') AS max,
                              api.user_create('Bob', NULL, NULL, 'TB', 'admin') AS bob;
CREATE TEMP TABLE t AS SELECT api.thread_create('TA', 'group', 'Renders', ARRAY[max]) AS id FROM u;
SELECT api.message_post((SELECT max FROM u), (SELECT id FROM t), gen_random_uuid(), 'hello');
SELECT pg_temp.send(jsonb_agg(jsonb_build_object('p', p, 'id', t::text, 't', t, 'j', 'j', 'at', now(), 'cost', 7,
                                                 'user', 'u', 'lms', 'moodle')))
FROM unnest('{TA,TB}'::text[]) p, unnest('{1,4,21}'::int[]) t;
SELECT api.reject_events(ARRAY[pg_temp.partner('TA'), pg_temp.partner('TB')], '{1,1}', '{r,r}', '{f,f}', '{d,d}',
                         ARRAY['\x01', '\x02']::bytea[]),
       api.requests_append('{1,1}', ARRAY[pg_temp.partner('TA'), pg_temp.partner('TB')], '{/v1/events,/v1/events}',
                           '{200,200}', '{1,1}', '{1,1}', ARRAY[now(), now()]);
INSERT INTO app.sign_in_links (token_hash, user_id, expires_at) SELECT sha256('l'), user_id, now() FROM app.users LIMIT 1;
INSERT INTO app.sessions (session_hash, user_id, expires_at) SELECT sha256('s'), user_id, now() FROM app.users LIMIT 1;
INSERT INTO app.custom_roles (partner_id, base_role, name, permissions)
VALUES (pg_temp.partner('TA'), 'partner.viewer', 'c', '{metrics.read}');
INSERT INTO app.invitations (token_hash, email, name, role, expires_at) VALUES (sha256('i'), 'x@y', 'x', 'viewer', now());
INSERT INTO app.api_key_seats (key_id, seat_hash) SELECT key_id, sha256('e') FROM app.api_keys;
INSERT INTO app.audit_head (chain, seq, hash) VALUES ('2000-01-01', 1, '');
INSERT INTO app.audit_log (chain, seq, at, partner_id, outcome, action, canonical, prev_hash, hash)
VALUES ('2000-01-01', 1, now(), pg_temp.partner('TA'), 'done', 'test', '', '', ''),
       ('2000-01-01', 2, now(), pg_temp.partner('TB'), 'done', 'test', '', '', '');
INSERT INTO app.audit_anchor (seq, chain, hash) VALUES (1, '2000-01-01', '');
INSERT INTO app.wallet_entries (partner_id, amount, balance_after, actor_id, idempotency_key, reason)
SELECT p, 1, 1, user_id, 'k', 'r' FROM app.users, unnest(ARRAY[pg_temp.partner('TA'), pg_temp.partner('TB')]) p WHERE name = 'Max';
INSERT INTO app.wallet_requests (partner_id, amount, actor_id, idempotency_key, reason)
SELECT pg_temp.partner('TA'), 1, user_id, 'k', 'r' FROM app.users WHERE name = 'Max';
INSERT INTO app.user_identities (issuer, subject, user_id) SELECT 'i', 's', user_id FROM app.users LIMIT 1;
INSERT INTO app.identity_tokens (token_hash, expires_at) VALUES (sha256('t'), now());
INSERT INTO app.partner_domains (domain, partner_id)
VALUES ('a.example', pg_temp.partner('TA')), ('b.example', pg_temp.partner('TB'));
INSERT INTO app.routes (name, method, path, mutates) VALUES ('test', 'GET', '/test', false);
SELECT api.model_set('m', 'm', 'video', true, 1, NULL, NULL);

-- ---- What is expected ------------------------------------------------------------------------------

-- sees: 'all' rows, or those of its 'own' partners; writes: inserts and updates all.
CREATE TEMP TABLE expected (policy text, role text, sees text, writes boolean);
INSERT INTO expected
SELECT 'app.' || t || '.p_writer', 'mh_writer', 'all', true
FROM unnest('{partners,users,memberships,sign_in_links,sessions,api_keys,sources,generation_events,event_dedupe,
              generation_jobs,end_users,lms_publications,event_rejects,api_requests,rollup,channel_head,channel_log,
              threads,thread_participants,messages,permissions,role_permissions,custom_roles,invitations,
              api_key_seats,audit_head,audit_log,audit_anchor,routes,wallets,wallet_entries,wallet_requests,
              user_identities,identity_tokens,partner_domains,feature_flags,model_configs}'::text[]) t
UNION ALL
SELECT 'app.' || t || '.p_reader', 'mh_reader', 'all', false
FROM unnest('{partners,users,memberships,sessions,generation_jobs,end_users,rollup,channel_head,channel_log,threads,
              thread_participants,role_permissions,custom_roles}'::text[]) t
UNION ALL
SELECT 'app.' || t || '.p_partner', 'mh_partner', 'own', false
FROM unnest('{partners,memberships,api_keys,generation_events,generation_jobs,end_users,lms_publications,event_rejects,
              api_requests,rollup,wallets,wallet_entries}'::text[]) t
UNION ALL
SELECT 'app.' || t || '.p_staff', r, 'all', false
FROM unnest('{partners,users,memberships,api_keys,generation_events,generation_jobs,end_users,lms_publications,
              event_rejects,api_requests,rollup,wallets,wallet_entries}'::text[]) t, unnest('{mh_staff,mh_staff_finance,mh_auditor}'::text[]) r
UNION ALL
VALUES ('app.model_configs.p_partner', 'mh_partner', 'all', false), ('app.model_configs.p_staff', 'mh_staff', 'all', false),
       ('ops.schema_migrations.p_admin', 'mh_admin', 'all', true), ('ops.retention.p_admin', 'mh_admin', 'all', true),
       ('ops.retention.p_owner', 'mh_owner', 'all', false), ('ops.retention.p_writer', 'mh_writer', 'all', false),
       ('ops.limits.p_admin', 'mh_admin', 'all', true), ('ops.limits.p_writer', 'mh_writer', 'all', false);

CREATE TEMP VIEW policies AS
SELECT p.polrelid AS oid, p.polrelid::regclass::text || '.' || p.polname AS policy, r::regrole::text AS role
FROM pg_policy p CROSS JOIN LATERAL unnest(p.polroles) r
JOIN pg_class c ON c.oid = p.polrelid WHERE c.relnamespace IN ('app'::regnamespace, 'ops'::regnamespace);
SELECT set_eq('SELECT policy, role FROM policies', 'SELECT policy, role FROM expected', 'every policy is tested here');

-- ---- Trying ----------------------------------------------------------------------------------------

-- Rows that the role sees with these partners; -1: it is not granted a single column.
CREATE FUNCTION pg_temp.seen(p_table regclass, p_role text, p_partners int[]) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v bigint;
BEGIN
    PERFORM set_config('app.partner_ids', p_partners::text, true);
    EXECUTE format('SET LOCAL ROLE %I', p_role);
    EXECUTE format('SELECT count(*) FROM %s', p_table) INTO v;
    RESET ROLE;
    RETURN v;
EXCEPTION WHEN insufficient_privilege THEN
    RETURN -1;
END
$$;
CREATE FUNCTION pg_temp.there(p_table regclass, p_partners int[] DEFAULT NULL) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v bigint;
BEGIN
    EXECUTE format('SELECT count(*) FROM %s', p_table)
        || CASE WHEN p_partners IS NULL THEN '' ELSE format(' WHERE partner_id = ANY (%L)', p_partners) END INTO v;
    RETURN v;
END
$$;
-- Columns that can be named in a statement that writes.
CREATE FUNCTION pg_temp.columns(p_table regclass) RETURNS text[] LANGUAGE sql AS $$
    SELECT array_agg(quote_ident(attname) ORDER BY attnum) FROM pg_attribute
    WHERE attrelid = p_table AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
$$;
-- The SQLSTATE of storing a row again: a policy refuses before an index does. What was stored goes.
CREATE FUNCTION pg_temp.inserts(p_table regclass, p_role text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    c text := array_to_string(pg_temp.columns(p_table), ', ');
BEGIN
    EXECUTE format('SET LOCAL ROLE %I', p_role);
    EXECUTE format('INSERT INTO %s (%s) OVERRIDING SYSTEM VALUE SELECT %2$s FROM %1$s LIMIT 1', p_table, c);
    RAISE EXCEPTION USING ERRCODE = 'MH000';
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE;
END
$$;
-- Rows that the role updates, if it may at all.
CREATE FUNCTION pg_temp.updates(p_table regclass, p_role text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v bigint;
    c text := (SELECT quote_ident(attname) FROM pg_attribute
               WHERE attrelid = p_table AND attnum > 0 AND NOT attisdropped AND attgenerated = '' AND attidentity = ''
               ORDER BY attnum DESC LIMIT 1);
BEGIN
    EXECUTE format('SET LOCAL ROLE %I', p_role);
    EXECUTE format('UPDATE %s SET %s = %2$s', p_table, c);
    GET DIAGNOSTICS v = ROW_COUNT;
    RESET ROLE;
    RETURN v;
END
$$;

SELECT cmp_ok(pg_temp.there(x.oid), '>', 0::bigint, x.oid::regclass || ' has rows to be seen')
FROM (SELECT DISTINCT oid FROM policies) x;

SELECT is(pg_temp.seen(p.oid, p.role, '{}'),
          CASE WHEN has_any_column_privilege(p.role, p.oid, 'SELECT') THEN pg_temp.there(p.oid) ELSE -1 END,
          p.policy || ': ' || p.role || ' sees all, of the columns that it is granted')
FROM policies p JOIN expected USING (policy, role) WHERE sees = 'all';

CREATE TEMP TABLE ids AS SELECT pg_temp.partner('TA') AS a, pg_temp.partner('TB') AS b;
SELECT concat_ws(E'\n',
       is(pg_temp.seen(p.oid, p.role, ARRAY[a]), pg_temp.there(p.oid, ARRAY[a]), p.policy || ': TA sees its own'),
       is(pg_temp.seen(p.oid, p.role, ARRAY[a, b]), pg_temp.there(p.oid, ARRAY[a, b]), p.policy || ': a member of both, both'),
       cmp_ok(least(pg_temp.there(p.oid, ARRAY[a]), pg_temp.there(p.oid, ARRAY[b])), '>', 0::bigint,
              p.policy || ': both have some'),
       is(pg_temp.seen(p.oid, p.role, '{}'), 0::bigint, p.policy || ': without a partner nothing'),
       is(pg_temp.seen(p.oid, p.role, '{-1}'), 0::bigint, p.policy || ': nor with one that does not exist'))
FROM policies p JOIN expected USING (policy, role), ids WHERE sees = 'own';

SELECT matches(pg_temp.inserts(p.oid, p.role), '^(MH000|23505)$', p.policy || ': ' || p.role || ' inserts')
FROM policies p JOIN expected USING (policy, role)
WHERE writes AND has_table_privilege(p.role, p.oid, 'INSERT');
SELECT is(pg_temp.updates(p.oid, p.role), pg_temp.there(p.oid), p.policy || ': ' || p.role || ' updates')
FROM policies p JOIN expected USING (policy, role)
WHERE writes AND has_table_privilege(p.role, p.oid, 'UPDATE');
SELECT is_empty($$SELECT p.policy, p.role, w FROM policies p JOIN expected USING (policy, role), unnest('{INSERT,UPDATE}'::text[]) w
                  WHERE NOT writes AND p.role <> 'mh_owner'
                    AND (has_any_column_privilege(p.role, p.oid, w) OR has_table_privilege(p.role, p.oid, 'DELETE, TRUNCATE'))$$,
                'who only reads is granted no more');
SELECT is_empty($$SELECT p.oid::regclass FROM (SELECT DISTINCT oid FROM policies) p
                  WHERE pg_temp.seen(p.oid, 'mh_owner', '{}') <> 0 AND p.oid <> 'ops.retention'::regclass$$,
                'not even the owner sees a row without a policy');
SELECT results_eq($$SELECT pg_temp.inserts('app.audit_log', 'mh_partner') COLLATE "default"$$, ARRAY['42501'],
                  'and the trial of inserting can fail');
SELECT is(has_column_privilege(r, 'app.model_configs', 'price', 'SELECT'), false, r || ' cannot read a price')
FROM unnest('{mh_partner,mh_staff}'::text[]) r;
SELECT * FROM finish();
ROLLBACK;
