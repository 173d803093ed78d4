-- The directory, suspending, signing out, looking through somebody's eyes: who may, of whom, and what is
-- written down.
\ir include/send.psql
\ir include/request.psql
BEGIN;
SELECT plan(143);
SELECT api.partner_create('TA', 'Tap A', NULL, NULL), api.partner_create('TB', 'Tap B', NULL, NULL);
SELECT api.user_create('Olga', 'olga@example.com', 'owner', NULL, NULL), api.user_create('Otto', 'otto@example.com', 'owner', NULL, NULL),
       api.user_create('Ada', 'ada@example.com', 'admin', NULL, NULL), api.user_create('Opal', 'opal@example.com', 'ops', NULL, NULL),
       api.user_create('Sue', 'sue@example.com', 'support', NULL, NULL), api.user_create('Vic', 'vic@example.com', 'viewer', NULL, NULL),
       api.user_create('Ann', 'ann@a.example.com', NULL, 'TA', 'admin'), api.user_create('Max', 'max@a.example.com', NULL, 'TA', 'manager'),
       api.user_create('Dev', 'dev@a.example.com', NULL, 'TA', 'developer'), api.user_create('Bob', 'bob@b.example.com', NULL, 'TB', 'admin'),
       api.user_create('Two', 'two@b.example.com', NULL, 'TA', 'viewer');
INSERT INTO app.memberships (partner_id, user_id, role)
SELECT pg_temp.partner('TB'), user_id, 'viewer' FROM app.users WHERE name = 'Two';
SELECT pg_temp.sign_in(n, lower(n)) FROM unnest('{Olga,Otto,Ada,Opal,Sue,Vic,Ann,Max,Dev,Bob,Two}'::text[]) n;
SELECT pg_temp.sign_in('Sue', 'sue old', '6 minutes');
CREATE FUNCTION pg_temp.names(p_secret text, p_query jsonb DEFAULT '{}') RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(i ->> 'name', ' ' ORDER BY n)
    FROM jsonb_array_elements(pg_temp.ask(p_secret, 'users_list', NULL, '{}', p_query) #> '{body,items}') WITH ORDINALITY t (i, n)
$$;
CREATE FUNCTION pg_temp.seen(p_secret text, p_name text) RETURNS jsonb LANGUAGE sql AS $$
    SELECT i FROM jsonb_array_elements(pg_temp.ask(p_secret, 'users_list') #> '{body,items}') i WHERE i ->> 'name' = p_name
$$;
SELECT pg_temp.audited(), pg_temp.told();

-- users_list: who sees whom
SELECT is(pg_temp.verdict('nobody', 'users_list'), '401 sign_in', 'list: sign in');
SELECT is(pg_temp.names('olga', '{"limit": "200"}'), 'Ada Ann Bob Dev Max Olga Opal Otto Sue Two Vic', 'staff see all, by name');
SELECT is(pg_temp.names('ann'), 'Ann Dev Max Two', 'a member those of his partner');
SELECT is(pg_temp.names('bob'), 'Bob Two', 'and not another''s');
SELECT is(pg_temp.seen('ann', 'Two') -> 'memberships', '[{"role": "viewer", "partner": "TA"}]', 'of them what concerns it');
SELECT is(jsonb_array_length(pg_temp.seen('sue', 'Two') -> 'memberships'), 2, 'staff see the whole');
SELECT is(pg_temp.seen('ann', 'Max') ->> 'email', 'max@a.example.com', 'a partner''s admin reads addresses');
SELECT is(pg_temp.seen('max', 'Ann') ?| '{email,masked,last_login_at}', false, 'a manager names only');
SELECT is(pg_temp.seen('sue', 'Max') ->> 'email', 'max@a.example.com', 'support reads addresses');
SELECT is(pg_temp.seen('opal', 'Max') - '{id,created_at,memberships,kind,status,name}'::text[], '{"masked": "m***@a***.com"}', 'operations masked ones');
SELECT is(pg_temp.seen('vic', 'Olga') ->> 'role', 'owner', 'a staff role');

-- Search, filters, pages
SELECT is(pg_temp.names('sue', '{"q": "A.EXAMPLE"}'), 'Ann Dev Max', 'search in addresses, by who reads them');
SELECT is(pg_temp.names('opal', '{"q": "a.example"}'), NULL, 'not by others: a search would tell them');
SELECT is(pg_temp.names('max', '{"q": "example"}'), NULL, 'nor by members');
SELECT is(pg_temp.names('opal', '{"q": "o"}'), 'Bob Olga Opal Otto Two', 'search in names');
SELECT is(pg_temp.names('opal', '{"q": "%"}'), NULL, 'without patterns');
SELECT is(pg_temp.names('opal', '{"kind": "staff", "role": "owner"}'), 'Olga Otto', 'by kind and role');
SELECT is(pg_temp.names('opal', '{"partner": "TB", "role": "viewer"}'), 'Two', 'by partner and role');
SELECT is(pg_temp.names('ann', '{"role": "admin"}'), 'Ann', 'a role elsewhere does not count');
SELECT is(pg_temp.verdict('ann', 'users_list', NULL, '{}', '{"partner": "TB"}'), '404 not_found partner', 'another''s partner is not there');
SELECT is(pg_temp.verdict('opal', 'users_list', NULL, '{}', '{"kind": "robot"}'), '400 invalid kind', 'an unknown kind');
SELECT is(pg_temp.verdict('opal', 'users_list', NULL, '{}', '{"status": "x"}'), '400 invalid status', 'an unknown status');
SELECT is(pg_temp.verdict('opal', 'users_list', NULL, '{}', '{"limit": "201"}'), '400 out_of_range limit', 'a page too long');
SELECT is(pg_temp.verdict('opal', 'users_list', NULL, '{}', '{"after": "usr_1"}'), '400 invalid after', 'not a cursor');
WITH RECURSIVE page AS (
    SELECT pg_temp.ask('opal', 'users_list', NULL, '{}', '{"limit": "2"}') -> 'body' AS b, 1 AS n
    UNION ALL
    SELECT pg_temp.ask('opal', 'users_list', NULL, '{}', jsonb_build_object('limit', '2', 'after', b -> 'next')) -> 'body', n + 1
    FROM page WHERE b ? 'next' AND n < 20)
SELECT is(string_agg(i ->> 'name', ' ' ORDER BY n, o), 'Ada Ann Bob Dev Max Olga Opal Otto Sue Two Vic', 'page by page everybody once')
FROM page CROSS JOIN LATERAL jsonb_array_elements(b -> 'items') WITH ORDINALITY x (i, o);

-- user_get
SELECT is(pg_temp.verdict('bob', 'user_get', pg_temp.user_id('Max')), '404 not_found', 'get: not of another partner');
SELECT is(pg_temp.verdict('olga', 'user_get', 'usr_none'), '404 not_found', 'get: nobody');
SELECT is((pg_temp.ask('sue', 'user_get', pg_temp.user_id('Max')) #>> '{body,sessions}')::int, 1, 'get: live sessions');
SELECT pg_temp.send(jsonb_build_array(
    jsonb_build_object('p', 'TA', 'id', '1', 't', 5, 'j', 'j1', 'at', now(), 'project', 'p1'),
    jsonb_build_object('p', 'TA', 'id', '2', 't', 2, 'j', 'j2', 'at', now(), 'project', 'p2'),
    jsonb_build_object('p', 'TB', 'id', '3', 't', 2, 'j', 'j3', 'at', now(), 'project', 'p3'))) IS NOT NULL;
SELECT is(pg_temp.ask('ann', 'user_get', pg_temp.user_id('Two')) #> '{body,usage}',
          '[{"partner": "TA", "requested": 2, "completed": 1, "failed": 0, "projects": 2}]', 'get: generations of the caller''s partners');
SELECT is(jsonb_array_length(pg_temp.ask('sue', 'user_get', pg_temp.user_id('Two')) #> '{body,usage}'), 2, 'get: of all for staff');

-- user_update
SELECT is(pg_temp.verdict('sue', 'user_update', pg_temp.user_id('Max'), '{"notes": "calls often", "name": "Maxine"}'), '200', 'update: support');
SELECT is(pg_temp.audited(), 'done user.update user by Sue, done user.note user by Sue', 'update: audited');
SELECT is((SELECT jsonb_build_array(before, after, partner_id) FROM app.audit_log WHERE action = 'user.update' ORDER BY at DESC LIMIT 1),
          jsonb_build_array('{"name": "Max"}'::jsonb, '{"name": "Maxine"}'::jsonb, pg_temp.partner('TA')), 'update: before and after, in his partner''s trail');
SELECT is((SELECT jsonb_build_array(before, after, partner_id) FROM app.audit_log WHERE action = 'user.note' ORDER BY at DESC LIMIT 1),
          jsonb_build_array('{"notes": null}'::jsonb, '{"notes": "calls often"}'::jsonb, NULL), 'update: notes in no partner''s trail');
SELECT is(pg_temp.told(), 'Maxine', 'update: hubs are told of the name');
SELECT is(pg_temp.ask('sue', 'user_get', pg_temp.user_id('Maxine')) #>> '{body,notes}', 'calls often', 'notes for staff');
SELECT is(pg_temp.ask('ann', 'user_get', pg_temp.user_id('Maxine')) -> 'body' ? 'notes', false, 'not for the partner');
SELECT is(pg_temp.verdict('ann', 'user_update', pg_temp.user_id('Maxine'), '{"name": "Max"}'), '200', 'update: a partner''s admin names his own');
SELECT is(pg_temp.verdict('ann', 'user_update', pg_temp.user_id('Two'), '{"name": "X"}'), '403 shared name', 'update: not who belongs to others too');
SELECT is(pg_temp.verdict('ann', 'user_update', pg_temp.user_id('Max'), '{"notes": "x"}'), '403 forbidden notes', 'update: no notes');
SELECT is(pg_temp.verdict('ann', 'user_update', pg_temp.user_id('Bob'), '{"name": "X"}'), '404 not_found', 'update: nobody of another partner');
SELECT is(pg_temp.verdict('max', 'user_update', pg_temp.user_id('Dev'), '{"name": "X"}'), '403 forbidden', 'update: not by a manager');
SELECT is(pg_temp.verdict('opal', 'user_update', pg_temp.user_id('Dev'), '{"name": "X"}'), '403 forbidden', 'update: nor by operations');
SELECT is(pg_temp.verdict('sue', 'user_update', pg_temp.user_id('Max'), '{}'), '400 required name', 'update: nothing given');
SELECT is(pg_temp.verdict('sue', 'user_update', pg_temp.user_id('Max'), '{"name": ""}'), '400 required name', 'update: no name');
SELECT is(pg_temp.verdict('sue', 'user_update', pg_temp.user_id('Max'), jsonb_build_object('notes', repeat('x', 2001))), '400 too_long notes', 'update: long notes');
SELECT is(pg_temp.verdict('ada', 'user_update', pg_temp.user_id('Olga'), '{"name": "X"}'), '403 owner_only', 'update: an admin touches no owner');
SELECT is(pg_temp.verdict('sue', 'user_update', pg_temp.user_id('Ada'), '{"name": "X"}'), '403 exceeds_own', 'update: nor support an admin');
SELECT pg_temp.audited(), pg_temp.told();

-- user_suspend: the person
SELECT is(pg_temp.verdict('sue', 'user_suspend', pg_temp.user_id('Two'), '{}'), '400 required reason', 'suspend: no reason');
SELECT is(pg_temp.verdict('sue', 'user_suspend', pg_temp.user_id('Two'), jsonb_build_object('reason', repeat('x', 501))), '400 too_long reason', 'suspend: a long one');
SELECT is(pg_temp.verdict('max', 'user_suspend', pg_temp.user_id('Dev'), '{"reason": "r"}'), '403 forbidden', 'suspend: not by a manager');
SELECT is(pg_temp.audited(), 'denied user_suspend by Max', 'suspend: the refusal is audited');
SELECT is(pg_temp.verdict('opal', 'user_suspend', pg_temp.user_id('Dev'), '{"reason": "r"}'), '403 forbidden', 'suspend: nor by operations');
SELECT is(pg_temp.verdict('sue', 'user_suspend', pg_temp.user_id('Sue'), '{"reason": "r"}'), '403 own_roles', 'suspend: nobody himself');
SELECT is(pg_temp.verdict('ada', 'user_suspend', pg_temp.user_id('Olga'), '{"reason": "r"}'), '403 owner_only', 'suspend: an admin no owner');
SELECT is(pg_temp.verdict('sue', 'user_suspend', pg_temp.user_id('Opal'), '{"reason": "r"}'), '403 exceeds_own', 'suspend: support nobody who may what it may not');
SELECT is(pg_temp.verdict('sue', 'user_suspend', 'usr_none', '{"reason": "r"}'), '404 not_found', 'suspend: nobody');
SELECT pg_temp.audited(), pg_temp.told();
INSERT INTO app.invitations (token_hash, partner_id, invited_by, email, name, role, expires_at)
SELECT sha256('two''s'), pg_temp.partner('TA'), user_id, 'x@example.com', 'X', 'viewer', now() + interval '1 day' FROM app.users WHERE name = 'Two';
SELECT is(pg_temp.ask('sue', 'user_suspend', pg_temp.user_id('Two'), '{"reason": "left"}') #>> '{body,status}', 'suspended', 'suspend: the person');
SELECT is(pg_temp.verdict('two', 'me_get'), '401 sign_in', 'suspend: signed out');
SELECT is(pg_temp.told(), 'Two', 'suspend: hubs are told');
SELECT is(pg_temp.audited(), 'done user.suspend user by Sue', 'suspend: audited');
SELECT is((SELECT before || jsonb_build_object('to', after) FROM app.audit_log ORDER BY at DESC LIMIT 1),
          '{"status": "active", "to": {"status": "suspended", "reason": "left"}}', 'suspend: with the reason');
SELECT is((SELECT count(*) FROM app.invitations WHERE token_hash = sha256('two''s') AND revoked_at IS NULL), 0::bigint, 'suspend: his invitations are none');
SELECT is(pg_temp.verdict('sue', 'user_suspend', pg_temp.user_id('Two'), '{"reason": "left"}'), '409 conflict', 'suspend: once');
SELECT is(pg_temp.ask('sue', 'user_get', pg_temp.user_id('Two')) #>> '{body,suspended_reason}', 'left', 'suspend: staff read why');
SELECT is(pg_temp.ask('ann', 'user_get', pg_temp.user_id('Two')) -> 'body' ? 'suspended_reason', false, 'suspend: the partner that he is');
SELECT is_empty($$SELECT seq FROM app.audit_log WHERE partner_id IS NOT NULL AND canonical LIKE '%"left"%'$$, 'suspend: nor does its trail say why');
SELECT is(pg_temp.names('sue', '{"status": "suspended"}'), 'Two', 'suspend: found by status');
SELECT is(pg_temp.verdict('max', 'user_unsuspend', pg_temp.user_id('Two')), '403 forbidden', 'unsuspend: not by a manager');
SELECT is(pg_temp.verdict('ann', 'user_unsuspend', pg_temp.user_id('Two')), '409 conflict', 'unsuspend: not by the partner what staff did');
SELECT pg_temp.audited(), pg_temp.told();
SELECT is(pg_temp.ask('sue', 'user_unsuspend', pg_temp.user_id('Two')) #>> '{body,status}', 'active', 'unsuspend');
SELECT is(pg_temp.audited() || ' ' || pg_temp.told(), 'done user.unsuspend user by Sue Two', 'unsuspend: audited, hubs are told');
SELECT is(pg_temp.verdict('two', 'me_get'), '401 sign_in', 'unsuspend: the old session stays closed');
SELECT is(pg_temp.verdict('sue', 'user_unsuspend', pg_temp.user_id('Two')), '409 conflict', 'unsuspend: once');
SELECT pg_temp.sign_in('Two', 'two b');

-- user_suspend: in one partner
SELECT is(pg_temp.verdict('ann', 'user_suspend', pg_temp.user_id('Bob'), '{"reason": "r"}'), '404 not_found', 'suspend: nobody of another partner');
SELECT is(pg_temp.verdict('ann', 'user_suspend', pg_temp.user_id('Two'), '{"reason": "r", "partner": "TB"}'), '404 not_found partner', 'suspend: nor in another partner');
SELECT is(pg_temp.verdict('ann', 'user_suspend', pg_temp.user_id('Ann'), '{"reason": "r"}'), '403 own_roles', 'suspend: an admin not himself');
SELECT pg_temp.audited(), pg_temp.told();
SELECT is(pg_temp.ask('ann', 'user_suspend', pg_temp.user_id('Two'), '{"reason": "rude"}') #>> '{body,status}', 'suspended', 'suspend: by a partner''s admin');
SELECT is(pg_temp.audited() || ' ' || pg_temp.told(), 'done user.suspend user by Ann Two', 'audited, hubs are told');
SELECT is((SELECT partner_id FROM app.audit_log ORDER BY at DESC LIMIT 1), pg_temp.partner('TA'), 'in the partner''s trail');
SELECT is((SELECT string_agg(p ->> 'code', ' ') FROM jsonb_array_elements(pg_temp.ask('two b', 'me_get') #> '{body,partners}') p), 'TB', 'he keeps the other partner');
SELECT is(pg_temp.seen('sue', 'Two') ->> 'status', 'active', 'and is a whole person to staff');
SELECT is(pg_temp.seen('bob', 'Two') ->> 'status', 'active', 'and to the other partner');
SELECT is(pg_temp.ask('ann', 'user_get', pg_temp.user_id('Two')) #>> '{body,suspended_reason}', 'rude', 'why, for his partner');
SELECT is(pg_temp.ask('bob', 'user_get', pg_temp.user_id('Two')) -> 'body' ? 'suspended_reason', false, 'not for the other');
SELECT is(pg_temp.verdict('ann', 'user_suspend', pg_temp.user_id('Two'), '{"reason": "rude"}'), '409 conflict', 'once');
SELECT is(pg_temp.ask('ann', 'user_unsuspend', pg_temp.user_id('Two')) #>> '{body,status}', 'active', 'and back');
SELECT is(pg_temp.audited(), 'done user.unsuspend user by Ann', 'audited');
SELECT is(jsonb_array_length(pg_temp.ask('two b', 'me_get') #> '{body,partners}'), 2, 'with the role he had');
SELECT is(pg_temp.verdict('sue', 'user_suspend', pg_temp.user_id('Two'), '{"reason": "r", "partner": "TB"}'), '200', 'staff may name a partner too');
SELECT is(pg_temp.verdict('sue', 'user_unsuspend', pg_temp.user_id('Two'), '{"partner": "TB"}'), '200', 'and take it back');
UPDATE app.partners SET status = 'suspended' WHERE code = 'TA';
SELECT is(pg_temp.verdict('ann', 'user_suspend', pg_temp.user_id('Dev'), '{"reason": "r"}'), '403 forbidden', 'in a suspended partner nobody does anything');
UPDATE app.partners SET status = 'active' WHERE code = 'TA';

-- The last owner
SELECT is(pg_temp.verdict('olga', 'user_suspend', pg_temp.user_id('Otto'), '{"reason": "r"}'), '200', 'an owner suspends an owner');
SELECT pg_temp.audited(), pg_temp.told();
UPDATE app.sessions SET revoked_at = NULL WHERE session_hash = sha256('otto');
SELECT is(pg_temp.verdict('otto', 'user_suspend', pg_temp.user_id('Olga'), '{"reason": "r"}'), '401 sign_in', 'who then does nothing more');
UPDATE app.users SET staff_role = 'admin', kind = 'staff', status = 'active' WHERE name = 'Otto';
SELECT is(pg_temp.verdict('otto', 'user_suspend', pg_temp.user_id('Olga'), '{"reason": "r"}'), '403 owner_only', 'and the last one stays');

-- user_sign_out
SELECT pg_temp.sign_in('Max', 'max 2');
SELECT pg_temp.audited(), pg_temp.told();
SELECT is(pg_temp.verdict('max', 'user_sign_out', pg_temp.user_id('Dev')), '403 forbidden', 'sign out: not by a manager');
SELECT is(pg_temp.verdict('bob', 'user_sign_out', pg_temp.user_id('Max')), '404 not_found', 'sign out: nor by another partner');
SELECT is(pg_temp.verdict('ada', 'user_sign_out', pg_temp.user_id('Olga')), '403 owner_only', 'sign out: an admin no owner');
SELECT pg_temp.audited();
SELECT is(pg_temp.ask('ann', 'user_sign_out', pg_temp.user_id('Max')) -> 'body', '{"ended": 2}', 'sign out: all sessions');
SELECT is(pg_temp.verdict('max', 'me_get'), '401 sign_in', 'sign out: done');
SELECT is(pg_temp.audited() || ' ' || pg_temp.told(), 'done user.sign_out user by Ann Max', 'sign out: audited, hubs are told');
SELECT pg_temp.sign_in('Max', 'max 3');

-- user_impersonate
CREATE FUNCTION pg_temp.look(p_secret text, p_name text, p_body jsonb DEFAULT '{"reason": "ticket 7"}', p_token text DEFAULT 'eyes')
RETURNS text LANGUAGE sql AS $$
    SELECT pg_temp.verdict(p_secret, 'user_impersonate', pg_temp.user_id(p_name), p_body, '{}',
                           jsonb_build_object('token_sha256', encode(sha256(p_token::bytea), 'hex')))
$$;
SELECT is(pg_temp.look('ann', 'Max'), '403 forbidden', 'impersonate: no member');
SELECT is(pg_temp.look('opal', 'Max'), '403 forbidden', 'impersonate: not operations');
SELECT is(pg_temp.look('sue old', 'Max'), '403 step_up', 'impersonate: only by who has just proved who he is');
SELECT is(pg_temp.look('sue', 'Max', '{}'), '400 required reason', 'impersonate: no reason');
SELECT is(pg_temp.look('sue', 'Vic'), '403 not_a_member', 'impersonate: no staff');
SELECT is(pg_temp.look('ada', 'Olga'), '403 not_a_member', 'impersonate: no owner');
SELECT is(pg_temp.look('sue', 'Sue'), '403 own_roles', 'impersonate: not himself');
SELECT is(pg_temp.audited() LIKE '%done%', false, 'impersonate: none of these');
SELECT is(pg_temp.look('sue', 'Max'), '200', 'impersonate');
SELECT is(pg_temp.audited(), 'done user.impersonate user by Sue for Max', 'impersonate: the trail names both');
SELECT is((SELECT jsonb_build_array(after ->> 'reason', partner_id) FROM app.audit_log ORDER BY at DESC LIMIT 1), jsonb_build_array('ticket 7', pg_temp.partner('TA')), 'impersonate: why, in the partner''s trail');
SELECT is(pg_temp.ask('eyes', 'me_get') #>> '{body,user,name}', 'Max', 'his name');
SELECT is(pg_temp.ask('eyes', 'me_get') #> '{body,session,impersonator}', jsonb_build_object('id', pg_temp.user_id('Sue'), 'name', 'Sue'), 'and who looks');
SELECT is((pg_temp.ask('eyes', 'me_get') #>> '{body,session,expires_at}')::bigint, app.ms(now() + interval '30 minutes'), 'for 30 minutes');
SELECT is(pg_temp.ask('eyes', 'me_get') #> '{body,permissions}', to_jsonb(app.watching(app.role_permissions_of('partner.manager', NULL))), 'only looking');
SELECT is(app.watching(app.role_permissions_of('partner.manager', NULL)),
          '{activity.read,docs.read,jobs.read_content,metrics.read,partners.read,usage.read,users.read,wallet.balance}'::text[], 'no threads, no export, nothing that changes');
SELECT is(api.session_principal(sha256('eyes')) -> 'impersonator', jsonb_build_object('id', pg_temp.user_id('Sue'), 'name', 'Sue'), 'the principal says so');
SELECT is(api.session_principal(sha256('eyes')) #> '{partners,0,permissions}', to_jsonb(app.watching(app.role_permissions_of('partner.manager', NULL))), 'and what is left');
SELECT is(pg_temp.names('eyes'), 'Ann Dev Max Two', 'reads what he reads');
SELECT is(pg_temp.verdict('eyes', 'me_update', NULL, '{"name": "X"}'), '403 impersonating', 'changes nothing');
SELECT is(pg_temp.audited(), 'denied me_update by Sue for Max', 'the attempt is audited with both');
SELECT is(pg_temp.verdict('eyes', 'me_sessions_end', NULL, '{}', '{"all": "1"}'), '403 impersonating', 'nor ends his sessions');
SELECT is(pg_temp.look('eyes', 'Dev', '{"reason": "r"}', 'more'), '403 forbidden', 'nor looks further');
SELECT is(api.session_step_up(sha256('eyes'), NULL), NULL, 'nor steps up');
SELECT is_empty($$SELECT * FROM api.credentials_of(sha256('eyes'))$$, 'nor gets at a secret');
SELECT is(pg_temp.ask('max 3', 'me_sessions') #> '{body,items}' @> '[{"impersonator": {"name": "Sue"}, "reason": "ticket 7"}]', true, 'he sees who looks');
SELECT pg_temp.audited(), pg_temp.told();

-- impersonation_end
SELECT is(pg_temp.verdict('sue', 'impersonation_end'), '409 conflict', 'end: of nothing');
SELECT is(pg_temp.ask('eyes', 'impersonation_end', NULL, '{}', '{}', jsonb_build_object('token_sha256', encode(sha256('back'), 'hex'))) -> 'body', '{"signed_in": true}', 'end');
SELECT is(pg_temp.verdict('eyes', 'me_get'), '401 sign_in', 'end: is over');
SELECT is(pg_temp.ask('back', 'me_get') #>> '{body,user,name}', 'Sue', 'end: back in the own session, under a new token');
SELECT is(pg_temp.verdict('sue', 'me_get'), '401 sign_in', 'end: the old one is none');
SELECT is(pg_temp.audited() || ' ' || pg_temp.told(), 'done user.impersonate_end user by Sue for Max Max', 'end: audited, hubs are told');
SELECT is(pg_temp.look('back', 'Max', '{"reason": "r"}', 'eyes 2'), '200', 'again');
SELECT is(pg_temp.ask('eyes 2', 'impersonation_end') -> 'body', '{"signed_in": false}', 'end: without a token sign in anew');
SELECT is(pg_temp.look('back', 'Max', '{"reason": "r"}', 'eyes 3'), '200', 'once more');
UPDATE app.users SET staff_role = 'viewer' WHERE name = 'Sue';
SELECT is(pg_temp.verdict('eyes 3', 'me_get'), '401 sign_in', 'who may no more look, sees no more');
SELECT is(api.session_principal(sha256('eyes 3')), NULL, 'nor do the hubs think so');
SELECT is(pg_temp.told(), 'Max, Sue', 'which are told of both');
UPDATE app.users SET staff_role = 'support' WHERE name = 'Sue';
SELECT pg_temp.told();
SELECT is(pg_temp.verdict('ada', 'user_suspend', pg_temp.user_id('Sue'), '{"reason": "r"}'), '200', 'who looks is suspended');
SELECT is(pg_temp.verdict('eyes 3', 'me_get'), '401 sign_in', 'and sees no more');
SELECT is((SELECT revoked_at IS NOT NULL FROM app.sessions WHERE session_hash = sha256('eyes 3')), true, 'the session has ended, so that its sockets are closed');
SELECT is(pg_temp.told(), 'Max, Sue', 'hubs are told of both');
SELECT * FROM finish();
ROLLBACK;
