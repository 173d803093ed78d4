-- Who may give which role to whom; teams, staff, custom roles, the last owner, partners' status.
\ir include/send.psql
BEGIN;
\ir include/request.psql
SELECT plan(76);
SELECT api.partner_create('RA', 'Roles A', NULL, NULL), api.partner_create('RB', 'Roles B', NULL, NULL);
-- An active user who has just signed in; his name is his session's secret.
CREATE FUNCTION pg_temp.person(p_name text, p_staff text, p_roles jsonb DEFAULT '{}') RETURNS void LANGUAGE sql AS $$
    INSERT INTO app.users (kind, staff_role, name, email)
    VALUES (CASE WHEN p_staff IS NULL THEN 'member' ELSE 'staff' END, p_staff, p_name, lower(p_name) || '@canary.example');
    INSERT INTO app.memberships (partner_id, user_id, role)
    SELECT p.partner_id, u.user_id, r.value FROM app.users u, jsonb_each_text(p_roles) r JOIN app.partners p ON p.code = r.key
    WHERE u.name = p_name;
    SELECT pg_temp.sign_in(p_name, p_name);
$$;
SELECT pg_temp.person('Olga', 'owner'), pg_temp.person('Ada', 'admin'), pg_temp.person('Otto', 'ops'),
       pg_temp.person('Vera', 'viewer'), pg_temp.person('Pia', NULL, '{"RA": "admin"}'),
       pg_temp.person('Paul', NULL, '{"RA": "admin", "RB": "viewer"}'), pg_temp.person('Mia', NULL, '{"RA": "manager"}'),
       pg_temp.person('Dev', NULL, '{"RA": "developer"}'), pg_temp.person('Bob', NULL, '{"RB": "manager"}'),
       pg_temp.person('Nemo', NULL);
CREATE TEMP TABLE made (what text, answer jsonb);

-- ---- Roles of members
CREATE FUNCTION pg_temp.give(p_who text, p_whom text, p_memberships jsonb) RETURNS text LANGUAGE sql AS $$
    SELECT pg_temp.verdict(p_who, 'user_roles', pg_temp.user_id(p_whom),
                                       jsonb_build_object('memberships', p_memberships))
$$;
SELECT is(pg_temp.give('Pia', 'Mia', '[{"partner": "RA", "role": "developer"}]'), '200', 'an admin gives roles in his partner');
SELECT is((SELECT m.role FROM app.memberships m JOIN app.users p USING (user_id) WHERE p.name = 'Mia'), 'developer', 'and it is so');
SELECT is(pg_temp.give('Pia', 'Bob', '[{"partner": "RA", "role": "viewer"}]'), '404 not_found', 'a stranger does not exist for him');
SELECT is(pg_temp.give('Pia', 'Mia', '[{"partner": "RB", "role": "viewer"}]'), '404 not_found partner', 'nor does another partner');
SELECT is(pg_temp.give('Paul', 'Mia', '[{"partner": "RB", "role": "viewer"}]'), '404 not_found partner',
          'nor a partner in which he is only a viewer');
SELECT is(pg_temp.give('Pia', 'Pia', '[{"partner": "RA", "role": "viewer"}]'), '403 own_roles', 'nobody changes his own roles');
SELECT is(pg_temp.give('Olga', 'Olga', '[]'), '403 own_roles', 'not even an owner');
SELECT is(pg_temp.give('Mia', 'Dev', '[{"partner": "RA", "role": "viewer"}]'), '403 forbidden', 'a developer gives none');
SELECT is(pg_temp.give('Otto', 'Mia', '[{"partner": "RA", "role": "admin"}]'), '403 forbidden', 'ops neither');
SELECT is(pg_temp.give('Pia', 'Paul', '[]'), '200', 'an admin removes another');
SELECT results_eq($$SELECT p.code || ' ' || m.role FROM app.memberships m JOIN app.partners p USING (partner_id)
                    WHERE m.user_id = (SELECT user_id FROM app.users WHERE name = 'Paul')$$, ARRAY['RB viewer'],
                  'and what he is elsewhere stays');
SELECT is(pg_temp.give('Ada', 'Paul', '[{"partner": "RA", "role": "admin"}, {"partner": "RB", "role": "manager"}]'), '200',
          'staff give roles everywhere');
SELECT is(pg_temp.give('Ada', 'Paul', '[{"partner": "RA", "role": "admin"}, {"partner": "RA", "role": "viewer"}]'), '400 invalid memberships',
          'a partner once');
SELECT is(pg_temp.give('Ada', 'Paul', '[{"partner": "RA", "role": "owner"}]'), '400 unknown_role role', 'only roles that exist');
SELECT is(pg_temp.give('Ada', 'Paul', '[{"partner": "RA", "role": "admin", "expires_at": 1000}]'), '400 out_of_range expires_at', 'no past');
SELECT is(pg_temp.give('Ada', 'Paul', '{}'), '400 invalid memberships', 'a list');
SELECT is(pg_temp.give('Ada', 'Vera', '[{"partner": "RA", "role": "viewer"}]'), '409 staff memberships', 'staff are not members');
SELECT is(pg_temp.give('Ada', 'Nemo', '[{"partner": "RB", "role": "viewer"}]'), '200', 'somebody without a place gets one');
SELECT is(pg_temp.verdict('Ada', 'user_roles', pg_temp.user_id('Paul'), '{}'), '400 required memberships', 'say what');
SELECT results_eq($$SELECT p.code, a.before, a.after FROM app.audit_log a JOIN app.partners p USING (partner_id)
                    WHERE a.action = 'user.roles' AND a.target_id = pg_temp.user_id('Paul') ORDER BY a.chain, a.seq$$,
                  $$VALUES ('RA', '{"role": "admin"}'::jsonb, NULL::jsonb), ('RA', NULL, '{"role": "admin"}'),
                           ('RB', '{"role": "viewer"}', '{"role": "manager"}')$$,
                  'each partner has its row in the trail, before and after');
SELECT is((SELECT count(*) FROM app.audit_log WHERE action = 'user_roles' AND outcome = 'denied'
             AND actor_id = (SELECT user_id FROM app.users WHERE name = 'Mia')), 1::bigint, 'who was refused stands there too');
SELECT ok(EXISTS (SELECT FROM app.channel_log WHERE channel = 'ctl:authz' AND payload LIKE '%' || pg_temp.user_id('Paul') || '%'),
          'and hubs are told');

-- ---- Staff
CREATE FUNCTION pg_temp.promote(p_who text, p_whom text, p_role text) RETURNS text LANGUAGE sql AS $$
    SELECT pg_temp.verdict(p_who, 'user_roles', pg_temp.user_id(p_whom), jsonb_build_object('staff_role', p_role))
$$;
SELECT is(pg_temp.promote('Ada', 'Vera', 'support'), '200', 'an admin gives staff roles');
SELECT is(pg_temp.promote('Ada', 'Vera', 'owner'), '403 owner_only staff_role', 'but makes no owner');
SELECT is(pg_temp.promote('Ada', 'Olga', 'viewer'), '403 owner_only staff_role', 'and unmakes none');
SELECT is(pg_temp.promote('Ada', 'Mia', 'viewer'), '409 not_staff staff_role', 'a member does not become staff');
SELECT is(pg_temp.promote('Pia', 'Vera', 'viewer'), '404 not_found', 'a partner sees no staff');
SELECT is(pg_temp.verdict('Ada', 'staff_update', pg_temp.user_id('Olga'), '{"name": "X"}'), '403 owner_only',
          'an admin does not edit an owner');
SELECT is(pg_temp.verdict('Ada', 'staff_deactivate', pg_temp.user_id('Olga')), '403 owner_only', 'nor deactivate him');
SELECT is(pg_temp.verdict('Ada', 'staff_create', NULL, '{"name": "N", "email": "n@x.example", "staff_role": "owner"}'),
          '403 owner_only staff_role', 'nor create one');
SELECT is(pg_temp.verdict('Ada', 'staff_create', NULL, '{"name": "N", "email": "not one", "staff_role": "ops"}'),
          '400 invalid email', 'an address has a form');
INSERT INTO made SELECT 'staff', pg_temp.ask('Ada', 'staff_create', NULL, '{"name": "New", "email": "new@x.example", "staff_role": "ops"}');
SELECT is(answer #>> '{body,role}', 'ops', 'but creates others') FROM made WHERE what = 'staff';
SELECT is(pg_temp.verdict('Ada', 'staff_create', NULL, '{"name": "N", "email": "NEW@x.example", "staff_role": "ops"}'),
          '409 conflict', 'once');
SELECT is(pg_temp.verdict('Vera', 'staff_create', NULL, '{"name": "N", "email": "z@x.example", "staff_role": "viewer"}'),
          '403 forbidden', 'support creates nobody');
SELECT is(pg_temp.verdict('Ada', 'staff_deactivate', pg_temp.user_id('Vera')), '200', 'deactivates');
SELECT is(pg_temp.verdict('Vera', 'staff_list'), '401 sign_in', 'who then is signed out');
SELECT is(pg_temp.verdict('Ada', 'staff_update', pg_temp.user_id('Vera'), '{"status": "active"}'), '200', 'takes back');
SELECT is(pg_temp.verdict('Vera', 'staff_list'), '401 sign_in', 'the old session stays ended');
SELECT is(pg_temp.verdict('Ada', 'staff_deactivate', pg_temp.user_id('Ada')), '403 own_roles', 'nobody himself');
SELECT is(pg_temp.verdict('Pia', 'staff_list'), '403 forbidden', 'staff are not for members');
SELECT results_eq($$SELECT i ->> 'masked' FROM jsonb_array_elements(pg_temp.ask('Otto', 'staff_list', NULL, '{}', '{"q": "olg"}')
                    #> '{body,items}') i WHERE i ->> 'id' = pg_temp.user_id('Olga')$$, ARRAY['o***@c***.example'], 'ops read addresses masked');
SELECT results_eq($$SELECT i ->> 'email' FROM jsonb_array_elements(pg_temp.ask('Ada', 'staff_list', NULL, '{}', '{"q": "olg"}')
                    #> '{body,items}') i WHERE i ->> 'id' = pg_temp.user_id('Olga')$$, ARRAY['olga@canary.example'], 'an admin plainly');

-- ---- The last owner (others of this database do not count here)
UPDATE app.users SET status = 'suspended' WHERE staff_role = 'owner' AND public_id <> pg_temp.user_id('Olga');
SELECT pg_temp.person('Omar', 'owner');
SELECT is(pg_temp.promote('Olga', 'Omar', 'admin'), '200', 'an owner unmakes another');
SELECT is(pg_temp.promote('Olga', 'Omar', 'owner'), '200', 'and makes one');
SELECT is(pg_temp.verdict('Omar', 'staff_deactivate', pg_temp.user_id('Olga')), '200', 'one of two may go');
SELECT throws_ok($$UPDATE app.users SET staff_role = 'admin' WHERE public_id = pg_temp.user_id('Omar');
                   SET CONSTRAINTS app.users_last_owner IMMEDIATE$$, 'MH409', 'last_owner', 'the last may not, however');
SELECT throws_ok($$SELECT api.assign_user_role(pg_temp.user_id('Omar'), 'viewer'); SET CONSTRAINTS app.users_last_owner IMMEDIATE$$,
                 'MH409', 'last_owner', 'nor by the operator');
SELECT throws_ok($$DELETE FROM app.users WHERE public_id = pg_temp.user_id('Omar'); SET CONSTRAINTS app.users_last_owner IMMEDIATE$$,
                 NULL, NULL, 'nor be deleted');

-- ---- Custom roles
CREATE FUNCTION pg_temp.make(p_who text, p_body jsonb) RETURNS jsonb LANGUAGE sql AS $$
    SELECT pg_temp.ask(p_who, 'role_create', NULL, p_body)
$$;
CREATE FUNCTION pg_temp.made(p_who text, p_body jsonb) RETURNS text LANGUAGE sql AS $$
    SELECT pg_temp.verdict(p_who, 'role_create', NULL, p_body)
$$;
INSERT INTO made SELECT 'lead', pg_temp.make('Pia',
    '{"partner": "RA", "name": "Lead", "base_role": "partner.admin", "permissions": ["users.read", "roles.assign", "metrics.read"]}');
SELECT is(answer #> '{body,permissions}', '["metrics.read", "roles.assign", "users.read"]', 'a part of a role') FROM made WHERE what = 'lead';
SELECT is((pg_temp.made('Pia', '{"partner": "RA", "name": "X", "base_role": "partner.viewer", "permissions": ["keys.write"]}')),
          '400 not_in_base permissions', 'no more than its base');
SELECT is((pg_temp.made('Pia', '{"partner": "RA", "name": "X", "base_role": "staff.viewer", "permissions": ["users.read"]}')),
          '400 unknown_role base_role', 'of the same scope');
SELECT is((pg_temp.made('Pia', '{"partner": "RB", "name": "X", "base_role": "partner.viewer", "permissions": ["users.read"]}')),
          '404 not_found partner', 'of his own partner');
SELECT is((pg_temp.made('Pia', '{"name": "X", "base_role": "staff.viewer", "permissions": ["users.read"]}')),
          '400 required partner', 'not of staff');
SELECT is((pg_temp.made('Ada', '{"name": "X", "base_role": "staff.owner", "permissions": ["users.read"]}')),
          '400 invalid base_role', 'no part of an owner');
SELECT is((pg_temp.made('Ada', '{"name": "X", "base_role": "partner.viewer.x", "partner": "RA", "permissions": ["users.read"]}')),
          '400 unknown_role base_role', 'made from a role that exists');
SELECT is((pg_temp.made('Pia', '{"partner": "RA", "name": "lead", "base_role": "partner.viewer", "permissions": ["users.read"]}')),
          '409 conflict', 'a name once');
CREATE FUNCTION pg_temp.lead() RETURNS text LANGUAGE sql AS $$SELECT answer #>> '{body,id}' FROM made WHERE what = 'lead'$$;
CREATE FUNCTION pg_temp.as_lead() RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_build_array(jsonb_build_object('partner', 'RA', 'role', 'admin', 'custom_role', pg_temp.lead()))
$$;
SELECT is(pg_temp.give('Pia', 'Mia', pg_temp.as_lead()), '200', 'it can be given');
SELECT is(pg_temp.give('Mia', 'Dev', '[{"partner": "RA", "role": "viewer"}]'), '403 exceeds_own role', 'who has it gives no more than it holds');
SELECT is(pg_temp.give('Mia', 'Pia', '[]'), '403 exceeds_own role', 'and takes no more away');
INSERT INTO made SELECT 'reader', pg_temp.make('Mia',
    '{"partner": "RA", "name": "Reader", "base_role": "partner.viewer", "permissions": ["users.read", "metrics.read"]}');
SELECT is(answer ->> 'status', '200', 'makes a role within it') FROM made WHERE what = 'reader';
SELECT is((pg_temp.made('Mia', '{"partner": "RA", "name": "X", "base_role": "partner.viewer", "permissions": ["docs.read"]}')),
          '403 exceeds_own permissions', 'but none beyond');
SELECT is(pg_temp.verdict('Mia', 'role_update', pg_temp.lead(), '{"permissions": ["users.read"]}'), '403 own_roles',
          'does not change the one that he has');
SELECT is(pg_temp.give('Ada', 'Bob', jsonb_build_array(jsonb_build_object('partner', 'RB', 'role', 'admin', 'custom_role', pg_temp.lead()))),
          '404 not_found custom_role', 'another partner has it not');
SELECT is(pg_temp.verdict('Pia', 'role_delete', pg_temp.lead()), '409 in_use', 'in use it stays');
SELECT is(pg_temp.verdict('Pia', 'role_update', pg_temp.lead(), '{"permissions": ["users.read"], "version": 7}'), '409 stale version',
          'of another version');
SELECT is(pg_temp.verdict('Pia', 'role_update', pg_temp.lead(), '{"permissions": ["users.read"], "version": 1}'), '200', 'is changed');
SELECT is(pg_temp.give('Mia', 'Dev', '[]'), '403 forbidden', 'which holds at once');
SELECT is(pg_temp.give('Pia', 'Mia', '[{"partner": "RA", "role": "viewer"}]'), '200', 'not in use');
SELECT is(pg_temp.verdict('Pia', 'role_delete', pg_temp.lead()), '200', 'it goes');
SELECT is((SELECT string_agg(DISTINCT split_part(r ->> 'role', '.', 1), ',') FROM jsonb_array_elements(
              pg_temp.ask('Pia', 'roles_list') #> '{body,roles}') r), 'partner', 'a partner reads of its roles only');

-- ---- Teams
SELECT results_eq($$SELECT pg_temp.ask('Bob', 'team_list') #> '{body,items}' @? '$[*] ? (exists(@.email) || exists(@.masked))'$$, ARRAY[false],
                  'a manager reads names');
SELECT is(pg_temp.verdict('Bob', 'team_list', NULL, '{}', '{"partner": "RA"}'), '404 not_found partner', 'of his own team');
SELECT is(pg_temp.verdict('Ada', 'team_list', NULL, '{}', '{"partner": "RA", "after": "usr_none"}'), '400 invalid after', 'after somebody who is there');
SELECT set_eq($$WITH RECURSIVE page AS (
                    SELECT pg_temp.ask('Ada', 'team_list', NULL, '{}', '{"partner": "RA", "limit": "1"}') -> 'body' AS b
                    UNION ALL
                    SELECT pg_temp.ask('Ada', 'team_list', NULL, '{}', jsonb_build_object('partner', 'RA', 'limit', '1', 'after', b -> 'next'))
                           -> 'body' FROM page WHERE b ? 'next')
                SELECT b #>> '{items,0,email}' FROM page$$,
              $$SELECT u.email FROM app.memberships m JOIN app.users u USING (user_id) WHERE m.partner_id = pg_temp.partner('RA')$$,
              'page by page, everybody once');
SELECT is(pg_temp.verdict('Pia', 'team_remove', pg_temp.user_id('Bob'), '{}', '{"partner": "RA"}'), '404 not_found', 'not of this team');
SELECT is(pg_temp.verdict('Pia', 'team_update', pg_temp.user_id('Dev'), '{"role": "manager"}'), '200', 'the one partner need not be named');
SELECT * FROM finish();
ROLLBACK;
