-- Users, sign-in links, sessions, keys.
\ir include/send.psql
BEGIN;
SELECT plan(34);
SELECT api.partner_create('TA', 'Tap A', NULL, NULL), api.partner_create('TB', 'Tap B', NULL, NULL);
CREATE TEMP TABLE u AS SELECT api.user_create('Olga', 'olga@example.com', 'owner', NULL, NULL) AS owner,
                              api.user_create('Max', NULL, NULL, 'TA', 'manager') AS manager;
SELECT matches(owner, '^usr_[0-9a-f]{32}$', 'public ids are opaque') FROM u;
SELECT throws_ok($$SELECT api.user_create('X', NULL, 'owner', 'TA', 'manager')$$, '22023', NULL, 'nobody is staff and member');
SELECT lives_ok($$SELECT api.user_create('X', NULL, NULL, NULL, NULL)$$, 'a member without a partner may exist');
SELECT throws_ok($$SELECT api.user_create('X', NULL, 'god', NULL, NULL)$$, '23514', NULL, 'unknown staff role');
SELECT throws_ok($$SELECT api.user_create('X', NULL, NULL, 'TA', 'owner')$$, '23514', NULL, 'unknown partner role');
SELECT throws_ok($$SELECT api.user_create('X', NULL, NULL, 'NOBODY', 'viewer')$$, 'P0002', NULL, 'unknown partner');
SELECT throws_ok($$SELECT api.user_create('X', 'OLGA@example.com', 'ops', NULL, NULL)$$, '23505', NULL, 'an address once, in any case');
SELECT throws_ok($$SELECT api.partner_create('lower', 'x', NULL, NULL)$$, '23514', NULL, 'partner codes have a form');

-- Links: one use, a term
SELECT api.link_create(owner, sha256('l1'), 60), api.link_create(manager, sha256('l2'), 60), api.link_create(manager, sha256('l3'), 0) FROM u;
SELECT throws_ok($$SELECT api.link_create('usr_none', sha256('l4'), 60)$$, 'P0002', NULL, 'no link for nobody');
CREATE TEMP TABLE opened AS SELECT s FROM api.session_open(sha256('l1'), sha256('s1'), 3600) s;
SELECT is(s - '{expires_ms,auth_ms,session,user}'::text[], '{"name": "Olga", "staff": "owner"}', 'staff principal') FROM opened;
SELECT is(s ->> 'user', owner, 'of the user') FROM opened, u;
SELECT matches(s ->> 'session', '^ses_', 'with a session') FROM opened;
SELECT ok((s ->> 'expires_ms')::bigint BETWEEN app.ms(now()) + 3590000 AND app.ms(now()) + 3610000, 'and its end') FROM opened;
SELECT is_empty($$SELECT api.session_open(sha256('l1'), sha256('s2'), 3600)$$, 'a link opens once');
SELECT is_empty($$SELECT api.session_open(sha256('none'), sha256('s2'), 3600)$$, 'an unknown link never');
SELECT is_empty($$SELECT api.session_open(sha256('l3'), sha256('s2'), 3600)$$, 'an expired one neither');
SELECT is((SELECT s -> 'partners' FROM api.session_open(sha256('l2'), sha256('s2'), 3600) s), '[{"code": "TA", "name": "Tap A", "role": "manager"}]', 'member principal');

-- Sessions
SELECT is(api.session_principal(sha256('s1')), (SELECT s FROM opened), 'the principal of a session');
SELECT is(api.session_principal(sha256('none')), NULL, 'unknown session');
SELECT is(api.session_close(sha256('s1')), true, 'closed');
SELECT is(api.session_principal(sha256('s1')), NULL, 'is closed');
SELECT is(api.session_close(sha256('s1')), false, 'closing again is nothing');
UPDATE app.sessions SET expires_at = now() WHERE session_hash = sha256('s2');
SELECT is(api.session_principal(sha256('s2')), NULL, 'an expired session is none');
UPDATE app.sessions SET expires_at = now() + interval '1 h' WHERE session_hash = sha256('s2');
UPDATE app.users SET status = 'suspended' WHERE public_id = (SELECT manager FROM u);
SELECT is(api.session_principal(sha256('s2')), NULL, 'a suspended user has none');
UPDATE app.users SET status = 'active' WHERE public_id = (SELECT manager FROM u);
UPDATE app.memberships SET expires_at = now() WHERE user_id = (SELECT user_id FROM app.users WHERE public_id = (SELECT manager FROM u));
SELECT is(api.session_principal(sha256('s2')) -> 'partners', '[]', 'an expired membership gives nothing');

-- The first owner
SELECT throws_ok($$SELECT api.owner_bootstrap(sha256('b1'), 60)$$, '55006', NULL, 'an owner has signed in: no bootstrap');
UPDATE app.users SET last_login_at = NULL WHERE staff_role = 'owner';
SELECT is(api.owner_bootstrap(sha256('b1'), 60), api.owner_bootstrap(sha256('b2'), 60), 'before that, the same owner');
SELECT is_empty($$SELECT api.session_open(sha256('b1'), sha256('s3'), 60)$$, 'a later bootstrap link replaces the former');
SELECT isnt_empty($$SELECT api.session_open(sha256('b2'), sha256('s3'), 60)$$, 'and opens');

-- Keys
SELECT api.key_create('TA', 'k', 1, 'TapKeyA00001', sha256('secret'), '{events:write,events:historical}', 50);
SELECT results_eq($$SELECT partner_code, partner_status, secret_sha256, scopes, environment, rate_limit, expires_at_ms, revoked FROM api.key_lookup('TapKeyA00001')$$,
                  $$VALUES ('TA', 'active', sha256('secret'), '{events:write,events:historical}'::text[], 1::smallint, 50, NULL::bigint, false)$$, 'key_lookup');
SELECT is_empty($$SELECT * FROM api.key_lookup('nothing')$$, 'unknown key');
SELECT throws_ok($$SELECT api.key_create('TA', 'k', 0, 'TapKeyA00002', sha256('x'), '{*}', 0)$$, '23514', NULL, 'no scope for everything');
SELECT is(api.key_revoke('TapKeyA00001', 'test'), true, 'revoked');
SELECT is((SELECT revoked FROM api.key_lookup('TapKeyA00001')), true, 'and told so');
SELECT * FROM finish();
ROLLBACK;
