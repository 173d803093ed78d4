-- Invitations, lists from a file, taking somebody's data out, forgetting him.
\ir include/send.psql
\ir include/request.psql
BEGIN;
SELECT plan(109);
SELECT api.partner_create('TA', 'Tap A', NULL, NULL), api.partner_create('TB', 'Tap B', NULL, NULL);
SELECT api.user_create('Olga', 'olga@example.com', 'owner', NULL, NULL), api.user_create('Ada', 'ada@example.com', 'admin', NULL, NULL),
       api.user_create('Sue', 'sue@example.com', 'support', NULL, NULL), api.user_create('Opal', 'opal@example.com', 'ops', NULL, NULL),
       api.user_create('Ann', 'ann@a.example.com', NULL, 'TA', 'admin'), api.user_create('Max', 'max@a.example.com', NULL, 'TA', 'manager'),
       api.user_create('Bob', 'bob@b.example.com', NULL, 'TB', 'admin'), api.user_create('Two', 'two@b.example.com', NULL, 'TA', 'viewer');
INSERT INTO app.memberships (partner_id, user_id, role)
SELECT pg_temp.partner('TB'), user_id, 'viewer' FROM app.users WHERE name = 'Two';
SELECT pg_temp.sign_in(n, lower(n)) FROM unnest('{Olga,Ada,Sue,Opal,Ann,Max,Bob,Two}'::text[]) n;
SELECT pg_temp.sign_in('Ann', 'ann old', '6 minutes'), pg_temp.sign_in('Ada', 'ada old', '6 minutes');
SELECT pg_temp.audited(), pg_temp.told();

-- invitation_create
CREATE FUNCTION pg_temp.invite(p_secret text, p_body jsonb, p_token text DEFAULT 'none') RETURNS text LANGUAGE sql AS $$
    SELECT pg_temp.verdict(p_secret, 'invitation_create', NULL, p_body, '{}',
                           jsonb_build_object('token_sha256', encode(sha256(p_token::bytea), 'hex')))
$$;
SELECT is(pg_temp.invite('max', '{}'), '403 forbidden', 'invite: not by a manager');
SELECT is(pg_temp.audited(), 'denied invitation_create by Max', 'invite: the refusal is audited');
SELECT is(pg_temp.invite('sue', '{}'), '403 forbidden', 'invite: nor by support');
SELECT is(pg_temp.invite('ann old', '{}'), '403 step_up', 'invite: only by who has just proved who he is');
SELECT is(pg_temp.invite('ann', '{}'), '400 required email', 'invite: no address');
SELECT is(pg_temp.invite('ann', jsonb_build_object('email', e)), '400 invalid email', 'invite: not ' || e)
FROM unnest('{x,x@,x@y,a b@example.com,a@b@example.com,@example.com}'::text[]) e;
SELECT is(pg_temp.invite('ann', '{"email": "n@example.com", "name": "N"}'), '400 required partner', 'invite: no place');
SELECT is(pg_temp.invite('ann', '{"email": "n@example.com", "name": "N", "partner": "TA"}'), '400 required role', 'invite: no role');
SELECT is(pg_temp.invite('ann', '{"email": "n@example.com", "name": "N", "partner": "TA", "role": "owner"}'), '400 unknown_role role', 'invite: no such role');
SELECT is(pg_temp.invite('ann', '{"email": "n@example.com", "partner": "TA", "role": "viewer"}'), '400 required name', 'invite: no name');
SELECT is(pg_temp.invite('ann', '{"email": "n@example.com", "name": "N", "partner": "TB", "role": "viewer"}'), '404 not_found partner', 'invite: not to another partner');
SELECT is(pg_temp.invite('ann', '{"email": "n@example.com", "name": "N", "staff_role": "viewer"}'), '403 forbidden staff_role', 'invite: a member no staff');
SELECT is(pg_temp.invite('ada', '{"email": "n@example.com", "name": "N", "staff_role": "owner"}'), '403 owner_only staff_role', 'invite: an admin no owner');
SELECT is(pg_temp.invite('ann', '{"email": "MAX@a.example.com", "name": "N", "partner": "TA", "role": "viewer"}'), '409 conflict email', 'invite: who is here already');
SELECT is(pg_temp.invite('ada', '{"email": "max@a.example.com", "name": "N", "staff_role": "viewer"}'), '409 conflict email', 'invite: a member not to the staff');
SELECT is(pg_temp.audited() LIKE '%done%', false, 'invite: none of these');
SELECT is(pg_temp.invite('ann', '{"email": "New@example.com", "name": "Newt", "partner": "TA", "role": "developer"}', 't1'), '200', 'invite');
SELECT is(pg_temp.audited(), 'done invitation.create invitation by Ann', 'invite: audited');
SELECT is((SELECT jsonb_build_array(after, partner_id) FROM app.audit_log ORDER BY at DESC LIMIT 1),
          jsonb_build_array('{"role": "developer", "email": "N***@e***.com"}'::jsonb, pg_temp.partner('TA')), 'invite: with a masked address');
SELECT is(pg_temp.invite('ann', '{"email": "new@example.com", "name": "Newt", "partner": "TA", "role": "viewer"}', 't2'), '200', 'invite: again');
SELECT is_empty($$SELECT api.invitation_accept(sha256('t1'), sha256('n0'), 60, '', 'H', NULL, NULL)$$, 'invite: replaces the former');
SELECT is(pg_temp.invite('bob', '{"email": "max@a.example.com", "name": "Max", "partner": "TB", "role": "viewer"}', 't3'), '200', 'invite: who belongs to another partner');
SELECT is(pg_temp.invite('olga', '{"email": "own@example.com", "name": "Owen", "staff_role": "owner"}', 't4'), '200', 'invite: an owner by an owner');

-- A custom role grants no more than it leaves
INSERT INTO app.custom_roles (partner_id, base_role, name, permissions)
VALUES (pg_temp.partner('TB'), 'partner.admin', 'little', '{roles.assign,users.read,users.suspend}');
SELECT pg_temp.sign_in('Bob', 'bob 2');
UPDATE app.memberships SET custom_role_id = (SELECT custom_role_id FROM app.custom_roles WHERE name = 'little')
WHERE user_id = (SELECT user_id FROM app.users WHERE name = 'Bob');
SELECT is(pg_temp.invite('bob', '{"email": "n@example.com", "name": "N", "partner": "TB", "role": "viewer"}'), '403 exceeds_own role', 'invite: nobody grants what he does not hold');
SELECT is(pg_temp.verdict('bob', 'user_suspend', pg_temp.user_id('Two'), '{"reason": "r"}'), '403 exceeds_own', 'nor acts on who holds more');
UPDATE app.memberships SET custom_role_id = NULL WHERE custom_role_id IS NOT NULL;

-- invitations_list, invitation_revoke
SELECT is((SELECT string_agg(i ->> 'name', ' ' ORDER BY i ->> 'name') FROM jsonb_array_elements(pg_temp.ask('max', 'invitations_list') #> '{body,items}') i), 'Newt Newt', 'list: of one''s partner');
SELECT is(pg_temp.ask('max', 'invitations_list')::text ~ 'email|masked|token', false, 'list: names only for a manager');
SELECT is(pg_temp.ask('ann', 'invitations_list') #>> '{body,items,0,email}', 'new@example.com', 'list: with the address for the admin');
SELECT is(pg_temp.ask('opal', 'invitations_list', NULL, '{}', '{"partner": "TB"}') #>> '{body,items,0,masked}', 'm***@a***.com', 'list: masked for operations');
SELECT is(jsonb_array_length(pg_temp.ask('ann', 'invitations_list', NULL, '{}', '{"status": "open"}') #> '{body,items}'), 1, 'list: the open ones');
SELECT is(pg_temp.verdict('ann', 'invitations_list', NULL, '{}', '{"status": "x"}'), '400 invalid status', 'list: an unknown status');
SELECT is(pg_temp.verdict('ann', 'invitations_list', NULL, '{}', '{"partner": "TB"}'), '404 not_found partner', 'list: another partner');
SELECT is((SELECT jsonb_array_length(a #> '{body,items}') || (pg_temp.ask('olga', 'invitations_list', NULL, '{}', jsonb_build_object('after', a #> '{body,next}')) #>> '{body,items,0,name}')
           FROM pg_temp.ask('olga', 'invitations_list', NULL, '{}', '{"limit": "3"}') a), '3Newt', 'list: in pages');
CREATE FUNCTION pg_temp.invitation(p_token text) RETURNS text LANGUAGE sql AS $$
    SELECT public_id FROM app.invitations WHERE token_hash = sha256(p_token::bytea)
$$;
SELECT pg_temp.audited();
SELECT is(pg_temp.verdict('max', 'invitation_revoke', pg_temp.invitation('t2')), '403 forbidden', 'revoke: not by a manager');
SELECT is(pg_temp.verdict('bob', 'invitation_revoke', pg_temp.invitation('t2')), '404 not_found', 'revoke: not by another partner');
SELECT is(pg_temp.verdict('ann', 'invitation_revoke', pg_temp.invitation('t4')), '404 not_found', 'revoke: nor that of staff by a member');
SELECT is(pg_temp.verdict('ann', 'invitation_revoke', pg_temp.invitation('t1')), '404 not_found', 'revoke: not twice');
SELECT pg_temp.audited();
SELECT is(pg_temp.ask('ann', 'invitation_revoke', pg_temp.invitation('t2')) #>> '{body,status}', 'revoked', 'revoke');
SELECT is(pg_temp.audited(), 'done invitation.revoke invitation by Ann', 'revoke: audited');
SELECT is_empty($$SELECT api.invitation_accept(sha256('t2'), sha256('n0'), 60, '', 'H', NULL, NULL)$$, 'revoke: opens nothing');

-- users_import
CREATE FUNCTION pg_temp.import(p_secret text, p_rows jsonb, p_dry text DEFAULT '0') RETURNS text LANGUAGE sql AS $$
    SELECT coalesce((SELECT string_agg(concat_ws(' ', r ->> 'row', r ->> 'result', r ->> 'reason', r ->> 'field'), ', ' ORDER BY n)
                     FROM jsonb_array_elements(a #> '{body,rows}') WITH ORDINALITY t (r, n)),
                    concat_ws(' ', a ->> 'status', a ->> 'reason', a ->> 'field'))
    FROM pg_temp.ask(p_secret, 'users_import', NULL, jsonb_build_object('rows', p_rows), jsonb_build_object('dry_run', p_dry)) a
$$;
SELECT set_config('t.list', '[{"email": "i1@example.com", "name": "Ida", "partner": "TA", "role": "viewer"},
    {"email": "bad", "name": "X", "partner": "TA", "role": "viewer"}, {"email": "i2@example.com", "partner": "TA", "role": "viewer"},
    {"email": "i2@example.com", "name": "X", "partner": "TB", "role": "viewer"}, {"email": "i2@example.com", "name": "X", "partner": "TA", "role": "king"},
    {"email": "Max@a.example.com", "name": "Max", "partner": "TA", "role": "developer"}, {"email": "ann@a.example.com", "partner": "TA", "role": "viewer"},
    {"email": "ada@example.com", "name": "X", "partner": "TA", "role": "viewer"}, {"email": "bob@b.example.com", "name": "Bobby", "partner": "TA", "role": "viewer"},
    {"email": "I1@EXAMPLE.com", "name": "Ida", "partner": "TA", "role": "viewer"}]', true);
SELECT pg_temp.audited(), pg_temp.told();
SELECT is(pg_temp.import('max', '[{}]'), '403 forbidden', 'import: not by a manager');
SELECT is(pg_temp.import('ann old', '[{}]'), '403 step_up', 'import: only by who has just proved who he is');
SELECT is(pg_temp.import('ann', '[]'), '400 required rows', 'import: nothing');
SELECT is(pg_temp.import('ann', '{}'), '400 required rows', 'import: no list');
SELECT is(pg_temp.import('ann', (SELECT jsonb_agg('{}'::jsonb) FROM generate_series(1, 5001))), '400 too_many rows', 'import: too long a list');
SELECT pg_temp.audited();
SELECT is(pg_temp.import('ann', current_setting('t.list')::jsonb, '1'),
          '1 created, 2 error invalid email, 3 error required name, 4 error not_found partner, 5 error unknown_role role, 6 updated, 7 error own_roles email, 8 error conflict email, 9 updated, 10 unchanged',
          'import: tried, line by line');
SELECT is((SELECT count(*) FROM app.users WHERE email = 'i1@example.com'), 0::bigint, 'import: trying changes nothing');
SELECT is(pg_temp.audited() || pg_temp.told(), '', 'import: nothing is audited, nobody told');
SELECT is(pg_temp.import('ann', current_setting('t.list')::jsonb),
          '1 created, 2 error invalid email, 3 error required name, 4 error not_found partner, 5 error unknown_role role, 6 updated, 7 error own_roles email, 8 error conflict email, 9 updated, 10 unchanged',
          'import: the same for good');
SELECT is(pg_temp.audited() || ', ' || pg_temp.told(), 'done user.import partner by Ann, Bob, Ida, Max', 'import: audited, hubs are told');
SELECT is((SELECT after FROM app.audit_log ORDER BY at DESC LIMIT 1), jsonb_build_object('created', jsonb_build_array(pg_temp.user_id('Ida')),
          'updated', jsonb_build_array(pg_temp.user_id('Max'), pg_temp.user_id('Bob'))), 'import: who');
SELECT is((SELECT string_agg(u.name || ' ' || m.role, ', ' ORDER BY u.name) FROM app.memberships m JOIN app.users u ON u.user_id = m.user_id
           WHERE m.partner_id = pg_temp.partner('TA')), 'Ann admin, Bob viewer, Ida viewer, Max developer, Two viewer', 'import: what came of it; another''s member keeps his name');
SELECT is(pg_temp.import('ann', current_setting('t.list')::jsonb),
          '1 unchanged, 2 error invalid email, 3 error required name, 4 error not_found partner, 5 error unknown_role role, 6 unchanged, 7 error own_roles email, 8 error conflict email, 9 unchanged, 10 unchanged',
          'import: twice is once');
SELECT is(pg_temp.audited() || pg_temp.told(), '', 'import: nothing happened');
SELECT is(pg_temp.import('ada', '[{"email": "i3@example.com", "name": "Ivo", "partner": "TB", "role": "admin"}, {"email": "i1@example.com", "name": "Ida B", "partner": "TB", "role": "viewer"}]'),
          '1 created, 2 updated', 'import: staff, anywhere');
SELECT is((SELECT name FROM app.users WHERE email = 'i1@example.com'), 'Ida B', 'import: staff name people');

-- Lines of one address are done one after the other
SELECT pg_temp.told();
SELECT is(pg_temp.import('ada', '[{"email": "i5@example.com", "name": "Ina", "partner": "TA", "role": "viewer"},
    {"email": "I5@example.com", "partner": "TB", "role": "viewer"}, {"email": "i5@example.com", "partner": "TA", "role": "admin"},
    {"email": "i6@example.com", "partner": "TA", "role": "viewer"}, {"email": "i6@example.com", "name": "Ivy", "partner": "TA", "role": "viewer"}]'),
          '1 created, 2 updated, 3 updated, 4 error required name, 5 created', 'import: in the order of the file');
SELECT is((SELECT string_agg(m.role, ' ' ORDER BY m.partner_id) FROM app.memberships m JOIN app.users u USING (user_id) WHERE u.name = 'Ina'),
          'admin viewer', 'import: the last line holds');
SELECT is(pg_temp.import('ann', '[{"email": "i5@example.com", "partner": "TA", "role": "viewer"}, {"email": "i7@example.com", "name": "X", "partner": "TA", "role": "admin"}]'),
          '1 updated, 2 created', 'import: who holds it takes it');
INSERT INTO app.custom_roles (partner_id, base_role, name, permissions) VALUES (pg_temp.partner('TA'), 'partner.admin', 'Assigns', '{users.read,roles.assign}');
UPDATE app.memberships SET custom_role_id = (SELECT custom_role_id FROM app.custom_roles WHERE name = 'Assigns')
WHERE user_id = (SELECT user_id FROM app.users WHERE name = 'Ann');
SELECT is(pg_temp.import('ann', '[{"email": "i8@example.com", "name": "X", "partner": "TA", "role": "viewer"}, {"email": "i7@example.com", "partner": "TA", "role": "viewer"},
    {"email": "i7@example.com", "partner": "TA", "role": "admin"}]'),
          '1 error exceeds_own role, 2 error exceeds_own role, 3 unchanged', 'import: who does not hold it neither gives nor takes it');
UPDATE app.memberships SET custom_role_id = NULL WHERE user_id = (SELECT user_id FROM app.users WHERE name = 'Ann');
UPDATE app.memberships SET expires_at = now() WHERE user_id = (SELECT user_id FROM app.users WHERE email = 'i7@example.com');
SELECT is(pg_temp.import('ann', '[{"email": "i7@example.com", "partner": "TA", "role": "admin"}]'), '1 updated', 'import: what has expired is given anew');
SELECT is((SELECT expires_at FROM app.memberships m JOIN app.users u USING (user_id) WHERE u.email = 'i7@example.com'), NULL, 'import: without an end');
SELECT is(pg_temp.import('ada', (SELECT jsonb_agg(jsonb_build_object('email', 'i5@example.com', 'partner', 'TA', 'role', 'viewer')) FROM generate_series(1, 66))) ~ '64 unchanged, 65 error limit email, 66 error limit email$',
          true, 'import: an address on too many lines');

-- An imported account is taken by invitation, unless another partner has it too
SELECT is(pg_temp.import('ann', '[{"email": "i4@example.com", "name": "Ike", "partner": "TA", "role": "viewer"}]'), '1 created', 'import: one more');
INSERT INTO app.invitations (token_hash, partner_id, email, name, role, expires_at)
SELECT sha256(e::bytea), pg_temp.partner('TA'), e || '@example.com', 'x', 'viewer', now() + interval '1 day' FROM unnest('{i1,i4}'::text[]) e;
SELECT is((SELECT s ->> 'name' FROM api.invitation_accept(sha256('i4'), sha256('n4'), 60, 'Isaac', 'H4', NULL, NULL) s), 'Isaac', 'accept: an account that nobody had');
SELECT is((SELECT password_hash FROM app.users WHERE name = 'Isaac'), 'H4', 'accept: with a password');
SELECT is((SELECT s FROM api.invitation_accept(sha256('i1'), sha256('n1'), 60, 'Evil', 'H1', NULL, NULL) s), '{"sign_in": true}', 'accept: not one that another partner has too');

-- user_export
SELECT api.thread_create('TA', 'group', 'Plans', ARRAY[pg_temp.user_id('Max'), pg_temp.user_id('Ann')]) AS open,
       api.thread_create('TA', 'direct', 'Private', ARRAY[pg_temp.user_id('Max'), pg_temp.user_id('Two')]) AS private \gset
SELECT is((SELECT verdict FROM api.message_post(pg_temp.user_id('Max'), :'open', gen_random_uuid(), 'said to all')), 'posted', 'a message');
SELECT is((SELECT verdict FROM api.message_post(pg_temp.user_id('Max'), :'private', gen_random_uuid(), 'said to one')), 'posted', 'another');
SELECT is(pg_temp.verdict('max', 'me_update', NULL, '{"name": "Max"}'), '200', 'something he did');
UPDATE app.sessions SET ip = '192.0.2.44', user_agent = 'Browser/1' WHERE session_hash = sha256('max');
SELECT pg_temp.audited();
SELECT is(pg_temp.verdict('opal', 'user_export', pg_temp.user_id('Max')), '403 forbidden', 'export: not by operations');
SELECT is(pg_temp.verdict('max', 'user_export', pg_temp.user_id('Ann')), '403 forbidden', 'export: nor by a manager');
SELECT is(pg_temp.verdict('ada old', 'user_export', pg_temp.user_id('Max')), '403 step_up', 'export: only by who has just proved who he is');
SELECT is(pg_temp.verdict('ann', 'user_export', pg_temp.user_id('Ada')), '404 not_found', 'export: nobody of others');
SELECT is(pg_temp.verdict('ada', 'user_export', pg_temp.user_id('Max'), '{}', '{"audit_after": "x"}'), '400 invalid audit_after', 'export: not a cursor');
CREATE TEMP TABLE export AS SELECT pg_temp.ask('ada', 'user_export', pg_temp.user_id('Max')) -> 'body' AS staff, pg_temp.ask('ann', 'user_export', pg_temp.user_id('Max')) -> 'body' AS partner,
                                   pg_temp.ask('ann', 'user_export', pg_temp.user_id('Two')) -> 'body' AS two;
SELECT is(staff #>> '{user,email}', 'max@a.example.com', 'export: the profile') FROM export;
SELECT is(staff #>> '{user,memberships,0,partner}', 'TA', 'export: the memberships') FROM export;
SELECT is((SELECT string_agg(m ->> 'body', ', ' ORDER BY m ->> 'id') FROM jsonb_array_elements(staff #> '{messages,items}') m), 'said to all, said to one', 'export: the messages') FROM export;
SELECT is(staff #> '{sessions,0}' @> '{"ip": "192.0.2.44", "user_agent": "Browser/1"}', true, 'export: the sessions') FROM export;
SELECT is((SELECT count(*) > 0 FROM jsonb_array_elements(staff #> '{audit,items}') a WHERE a ->> 'action' = 'user.update'), true, 'export: what he did') FROM export;
SELECT is((SELECT string_agg(m ->> 'body', ', ') FROM jsonb_array_elements(partner #> '{messages,items}') m), 'said to all', 'export: a partner''s admin gets no threads of others') FROM export;
SELECT is(jsonb_array_length(two -> 'sessions'), 0, 'export: nor the sessions of who belongs to others too') FROM export;
SELECT is(export::text ~ 'hash|secret', false, 'export: no secret') FROM export;
SELECT is(pg_temp.audited(), 'done user.export user by Ada, done user.export user by Ann, done user.export user by Ann', 'export: audited');
SELECT is(pg_temp.ask('ada', 'user_export', pg_temp.user_id('Max'), '{}', (SELECT jsonb_build_object('messages_after', staff #> '{messages,items,0,id}') FROM export)) #> '{body,messages,items}',
          (SELECT jsonb_build_array(staff #> '{messages,items,1}') FROM export), 'export: messages from a cursor on');
SELECT is(pg_temp.ask('ada', 'user_export', pg_temp.user_id('Max'), '{}', (SELECT jsonb_build_object('audit_after', staff #> '{audit,items,0,id}') FROM export)) #> '{body,audit,items}',
          (SELECT (staff #> '{audit,items}') - 0 FROM export), 'export: the trail from a cursor on');

-- user_erase
SELECT api.key_create('TA', 'k', 0, 'TapKeyA00001', sha256('a'), NULL, NULL);
UPDATE app.api_keys SET created_by = (SELECT user_id FROM app.users WHERE name = 'Max') WHERE public_id = 'TapKeyA00001';
UPDATE app.users SET password_hash = 'H', totp_secret = '\x01', notes = 'n' WHERE name = 'Max';
SELECT set_config('t.max', pg_temp.user_id('Max'), true), pg_temp.audited(), pg_temp.told();
SELECT is(pg_temp.verdict('ann', 'user_erase', pg_temp.user_id('Max')), '403 forbidden', 'erase: not by a partner');
SELECT is(pg_temp.verdict('ada old', 'user_erase', pg_temp.user_id('Max')), '403 step_up', 'erase: only by who has just proved who he is');
SELECT is(pg_temp.verdict('ada', 'user_erase', pg_temp.user_id('Ada')), '403 own_roles', 'erase: nobody himself');
SELECT is(pg_temp.verdict('ada', 'user_erase', pg_temp.user_id('Olga')), '403 owner_only', 'erase: an admin no owner');
SELECT is(pg_temp.verdict('sue', 'user_erase', pg_temp.user_id('Opal')), '403 exceeds_own', 'erase: nobody above');
SELECT pg_temp.audited();
SELECT is(pg_temp.ask('ada', 'user_erase', current_setting('t.max')) #>> '{body,status}', 'erased', 'erase');
SELECT is(pg_temp.audited(), 'done user.erase user by Ada', 'erase: audited');
SELECT matches(pg_temp.told(), '^Erased [0-9a-f]{8}$', 'erase: hubs are told');
SELECT is((SELECT jsonb_strip_nulls(to_jsonb(u)) - '{user_id,created_at,updated_at,erased_at,version}'::text[] FROM app.users u WHERE public_id = current_setting('t.max')),
          jsonb_build_object('public_id', current_setting('t.max'), 'kind', 'member', 'status', 'suspended', 'name', 'Erased ' || right(current_setting('t.max'), 8)), 'erase: nothing personal is left');
SELECT is((SELECT count(*) FROM app.sessions s JOIN app.users u ON u.user_id = s.user_id
           WHERE u.public_id = current_setting('t.max') AND (s.ip IS NOT NULL OR s.user_agent IS NOT NULL OR s.revoked_at IS NULL)), 0::bigint, 'erase: nor where he was');
SELECT is((SELECT count(*) FROM app.invitations WHERE lower(email) = 'max@a.example.com'), 0::bigint, 'erase: nor that he was invited');
SELECT is_empty($$SELECT * FROM api.invitation_accept(sha256('t3'), sha256('n9'), 60, '', 'H', NULL, NULL)$$, 'erase: which is over');
SELECT is((SELECT revoked FROM api.key_lookup('TapKeyA00001')), false, 'erase: his keys go on');
SELECT is((SELECT count(*) FROM app.messages m JOIN app.users u ON u.user_id = m.sender_id WHERE u.public_id = current_setting('t.max')), 2::bigint, 'erase: what he wrote stays, under the pseudonym');
SELECT is((SELECT count(*) > 0 FROM app.audit_log a JOIN app.users u ON u.user_id = a.actor_id WHERE u.public_id = current_setting('t.max')), true, 'erase: the trail keeps his id');
SELECT is(pg_temp.verdict('ada', 'user_unsuspend', current_setting('t.max')), '404 not_found', 'erase: for good');
SELECT is((SELECT count(*) FROM jsonb_array_elements(pg_temp.ask('ada', 'users_list') #> '{body,items}') i WHERE i ->> 'id' = current_setting('t.max')), 0::bigint, 'erase: the directory leaves him out');
SELECT is(pg_temp.ask('ada', 'users_list', NULL, '{}', '{"status": "erased"}') #>> '{body,items,0,id}', current_setting('t.max'), 'erase: unless asked');
SELECT * FROM finish();
ROLLBACK;
