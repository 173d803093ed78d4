-- The trail: who reads what of it, and that no change of it stays unseen.
\ir include/send.psql
BEGIN;
\ir include/request.psql
SELECT plan(61);
SELECT api.partner_create('UA', 'Audit A', NULL, NULL), api.partner_create('UB', 'Audit B', NULL, NULL);
CREATE FUNCTION pg_temp.person(p_name text, p_staff text, p_roles jsonb DEFAULT '{}') RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM api.user_create(p_name, lower(p_name) || '@canary.example', p_staff, NULL, NULL);
    INSERT INTO app.memberships (partner_id, user_id, role)
    SELECT p.partner_id, u.user_id, r.value FROM app.users u, jsonb_each_text(p_roles) r JOIN app.partners p ON p.code = r.key
    WHERE u.name = p_name;
    PERFORM pg_temp.sign_in(p_name, p_name);
    RETURN pg_temp.user_id(p_name);
END
$$;
SELECT pg_temp.person('AuditOwner', 'owner'), pg_temp.person('AuditOps', 'ops'), pg_temp.person('AuditBilling', 'billing'),
       pg_temp.person('AuditViewer', 'viewer'), pg_temp.person('AuditPia', NULL, '{"UA": "admin"}'),
       pg_temp.person('AuditBoth', NULL, '{"UA": "admin", "UB": "manager"}'), pg_temp.person('AuditMia', NULL, '{"UA": "manager"}');

-- ---- Reading: one row with a member of each class, and one of another partner
SELECT set_config('app.user_id', (SELECT user_id::text FROM app.users WHERE name = 'AuditPia'), true),
       set_config('app.ip', '203.0.113.9', true), set_config('app.request_id', 'req-canary', true);
SELECT app.audit('thing.change', 'thing', 'thing-1', pg_temp.partner('UA'), NULL,
                 '{"name": "F0-canary", "deep": [{"prompt": "F1-canary", "cost_micros": "F2-canary"}], "email": "F3-canary"}');
SELECT set_config('app.user_id', (SELECT user_id::text FROM app.users WHERE name = 'AuditOwner'), true);
SELECT app.audit('thing.change', 'thing', 'thing-1', pg_temp.partner('UA'), '{"name": "a"}', '{"name": "b"}');
SELECT app.audit('thing.change', 'thing', 'thing-2', pg_temp.partner('UB'), NULL, '{"name": "UB-canary"}');

CREATE FUNCTION pg_temp.trail(p_who text, p_query jsonb DEFAULT '{}') RETURNS jsonb LANGUAGE sql AS $$
    SELECT pg_temp.ask(p_who, 'audit_list', NULL, '{}', p_query) #> '{body,items}'
$$;
CREATE FUNCTION pg_temp.canaries(p_who text) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(c, ' ' ORDER BY c) FROM unnest('{F0,F1,F2,F3,UB,203.0.113.9}'::text[]) c
    WHERE strpos(pg_temp.trail(p_who, '{"limit": "200"}')::text, CASE WHEN length(c) = 2 THEN c || '-canary' ELSE c END) > 0
$$;
SELECT is(pg_temp.canaries('AuditOwner'), '203.0.113.9 F0 F1 F2 F3 UB', 'an owner reads all');
SELECT is(pg_temp.canaries('AuditOps'), 'F0 F1 UB', 'ops neither costs nor what is personal');
SELECT is(pg_temp.canaries('AuditBilling'), 'F0 F2 UB', 'billing costs');
SELECT is(pg_temp.canaries('AuditViewer'), 'F0 UB', 'a viewer what is operational');
SELECT is(pg_temp.canaries('AuditPia'), '203.0.113.9 F0 F1 F3', 'a partner''s admin his partner''s, no costs');
SELECT is(pg_temp.canaries('AuditBoth'), '203.0.113.9 F0 F1 F3', 'nor those of another in which he is less');
SELECT is(pg_temp.verdict('AuditMia', 'audit_list'), '403 forbidden', 'a manager nothing');
SELECT is(pg_temp.trail('AuditViewer', '{"target": "thing-1"}') #> '{1,after}', '{"deep": [{}], "name": "F0-canary"}',
          'what is hidden is left out at any depth');
SELECT is(pg_temp.trail('AuditViewer', '{"target": "thing-1"}') #> '{1,redacted}', '["cost_micros", "email", "prompt"]', 'and named');
SELECT is(pg_temp.trail('AuditOwner', '{"target": "thing-1"}') #> '{1,redacted}', NULL, 'if anything was');
SELECT is(pg_temp.trail('AuditPia', '{"target": "thing-1"}') #>> '{0,actor,name}', 'AuditOwner', 'a partner sees who of staff it was');
SELECT is(pg_temp.trail('AuditPia', '{"target": "thing-1"}') #>> '{0,ip}', NULL, 'but not from where');

-- ---- Filters and pages
SELECT is(jsonb_array_length(pg_temp.trail('AuditOwner', '{"target": "thing-1"}')), 2, 'by target');
SELECT is(jsonb_array_length(pg_temp.trail('AuditOwner', '{"action": "thing.", "partner": "UB"}')), 1, 'by action and partner');
SELECT is(jsonb_array_length(pg_temp.trail('AuditOwner', jsonb_build_object('action', 'thing', 'actor', pg_temp.user_id('AuditPia')))),
          1, 'by actor');
SELECT is(jsonb_array_length(pg_temp.trail('AuditOwner', '{"actor": "usr_none"}')), 0, 'nobody did nothing');
SELECT is((SELECT count(*) FROM jsonb_array_elements(pg_temp.trail('AuditOwner', '{"outcome": "denied"}')) i
           WHERE i ->> 'outcome' <> 'denied'), 0::bigint, 'by outcome');
SELECT is(jsonb_array_length(pg_temp.trail('AuditOwner', jsonb_build_object('from', (app.ms(now()) + 3600000)::text))), 0, 'from a time');
SELECT is(jsonb_array_length(pg_temp.trail('AuditOwner', jsonb_build_object('target', 'thing-1', 'from', app.ms(now())::text,
          'to', (app.ms(now()) + 3600000)::text))), 2, 'to a time');
SELECT is(pg_temp.verdict('AuditOwner', 'audit_list', NULL, '{}', '{"from": "yesterday"}'), '400 invalid from', 'times are numbers');
SELECT is(pg_temp.verdict('AuditOwner', 'audit_list', NULL, '{}', '{"after": "x"}'), '400 invalid after', 'a cursor is an id');
SELECT is(pg_temp.verdict('AuditOwner', 'audit_verify', NULL, '{}', '{"after": "x"}'), '400 invalid after', 'of a proof a number');
SELECT is(pg_temp.verdict('AuditPia', 'audit_list', NULL, '{}', '{"partner": "UB"}'), '404 not_found partner', 'another partner is none');
SELECT results_eq($$
    WITH RECURSIVE page AS (
        SELECT pg_temp.ask('AuditBoth', 'audit_list', NULL, '{}', '{"limit": "1"}') -> 'body' AS b
        UNION ALL
        SELECT pg_temp.ask('AuditBoth', 'audit_list', NULL, '{}', jsonb_build_object('limit', '1', 'after', b -> 'next')) -> 'body'
        FROM page WHERE b ? 'next')
    SELECT b #>> '{items,0,id}' FROM page$$,
    $$SELECT chain || '.' || seq FROM app.audit_log WHERE partner_id = pg_temp.partner('UA') ORDER BY chain DESC, seq DESC$$,
    'page by page, newest first');

-- ---- Refusals stand where those whom they concern look
SELECT set_config('app.user_id', '', true), pg_temp.person('AuditBea', NULL, '{"UB": "admin"}');
CREATE FUNCTION pg_temp.refused(p_who text, p_route text, p_target text, p_body jsonb, p_query jsonb DEFAULT '{}') RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    v text := pg_temp.verdict(p_who, p_route, p_target, p_body, p_query);
BEGIN
    RETURN (SELECT concat_ws(' ', v, coalesce('in ' || p.code, 'nowhere'), (
                       SELECT 'told ' || string_agg(f ->> 'channel', ' ' ORDER BY f ->> 'channel')
                       FROM jsonb_array_elements(current_setting('mh.feeds')::jsonb) f WHERE f ->> 'channel' LIKE 'audit:partner:%'))
            FROM app.audit_log a LEFT JOIN app.partners p USING (partner_id)
            WHERE a.outcome = 'denied' ORDER BY a.chain DESC, a.seq DESC LIMIT 1);
END
$$;
SELECT is(pg_temp.refused('AuditMia', 'key_create', NULL, '{"partner": "UA"}'), '403 forbidden in UA told audit:partner:UA', 'by the body');
SELECT is(pg_temp.trail('AuditPia') #>> '{0,action}', 'key_create', 'its admin sees it');
SELECT is(pg_temp.trail('AuditPia') #>> '{0,actor,name}', 'AuditMia', 'and who it was');
SELECT is((SELECT count(*) FROM jsonb_array_elements(pg_temp.trail('AuditBea')) i WHERE i ->> 'action' = 'key_create'), 0::bigint, 'no other one');
SELECT is(pg_temp.refused('AuditMia', 'team_remove', pg_temp.user_id('AuditOwner'), '{}', '{"partner": "UA"}'), '403 forbidden in UA told audit:partner:UA', 'by the query');
SELECT is(pg_temp.refused('AuditMia', 'user_suspend', pg_temp.user_id('AuditPia'), '{"reason": "x"}'), '403 forbidden in UA told audit:partner:UA', 'by the person');
SELECT is(pg_temp.refused('AuditMia', 'user_suspend', pg_temp.user_id('AuditBoth'), '{}'), '403 forbidden in UA told audit:partner:UA', 'of whom one partner is the caller''s');
SELECT is(pg_temp.refused('AuditPia', 'partner_suspend', 'UA', '{}'), '403 forbidden in UA told audit:partner:UA', 'by the path');
SELECT is(pg_temp.refused('AuditMia', 'users_import', NULL, '{"rows": [{"partner": "UA"}, {"partner": "UA"}, {}, 7]}'),
          '403 forbidden in UA told audit:partner:UA', 'by lines');
SELECT is(pg_temp.refused('AuditMia', 'user_roles', pg_temp.user_id('AuditPia'), '{"memberships": [{"partner": "UA", "role": "viewer"}]}'),
          '403 forbidden in UA told audit:partner:UA', 'by memberships');
SELECT is(pg_temp.refused('AuditViewer', 'partner_suspend', 'UB', '{}'), '403 forbidden in UB told audit:partner:UB', 'of staff, anywhere');
SELECT is(pg_temp.refused('AuditViewer', 'user_suspend', pg_temp.user_id('AuditBoth'), '{}'), '403 forbidden nowhere', 'about two it is about none');
SELECT is(pg_temp.refused('AuditMia', 'key_create', NULL, '{"partner": "UB"}'), '403 forbidden nowhere', 'a stranger''s attempt is for staff only');
SELECT is(pg_temp.ask('AuditMia', 'key_create', NULL, '{"partner": "UB"}'), pg_temp.ask('AuditMia', 'key_create', NULL, '{"partner": "NONE"}'),
          'who learns nothing of what is there');
SELECT is(pg_temp.refused('AuditMia', 'key_create', NULL, '[{"partner": ["UA"]}]', '{"partner": 7}'), '403 forbidden nowhere', 'odd bodies name none');

-- ---- The operator's changes
SELECT set_config('app.user_id', '', true);
SELECT pg_temp.audited();
SELECT api.partner_status('UB', 'suspended'), api.key_create('UA', 'k', 0, 'AuditKey0001', sha256('a'), NULL, NULL),
       api.key_revoke('AuditKey0001', 'test'), api.link_create(pg_temp.user_id('AuditMia'), sha256('audit link'), 60),
       api.assign_user_role(pg_temp.user_id('AuditMia'), 'partner', 'UA');
CREATE TEMP TABLE thread AS SELECT api.thread_create('UA', 'group', 'Subject', ARRAY[pg_temp.user_id('AuditMia')]) AS id;
SELECT api.thread_join(id, pg_temp.user_id('AuditOps')), api.thread_leave(id, pg_temp.user_id('AuditOps')) FROM thread;
SELECT is(pg_temp.audited(), 'done partner.status partner by -, done key.create key by -, done key.revoke key by -, done link.create user by -, '
    || 'done user.roles user by -, done thread.create thread by -, done thread.join thread by -, done thread.leave thread by -',
    'each has its row, without an actor');
SELECT ok((SELECT max(seq) FROM app.audit_log) = (SELECT seq FROM audit_seen), 'none has two');
SELECT throws_ok($$SELECT api.assign_user_role(pg_temp.user_id('AuditMia'), 'admin')$$, '22023', NULL, 'a member does not become staff');
SELECT throws_ok($$SELECT api.assign_user_role(pg_temp.user_id('AuditOps'), 'viewer', 'UA')$$, '22023', NULL, 'nor staff a member');
SELECT lives_ok($$SELECT api.assign_user_role(pg_temp.user_id('AuditMia'), 'user')$$, 'all roles are taken by `user`');
SELECT lives_ok($$SELECT api.assign_user_role(pg_temp.user_id('AuditMia'), 'support')$$, 'then he may become staff');

-- ---- Proof
CREATE FUNCTION pg_temp.proof() RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(broken_at::text, 'ok') FROM api.audit_verify(to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM'))
$$;
CREATE FUNCTION pg_temp.last() RETURNS bigint LANGUAGE sql AS $$
    SELECT max(seq) FROM app.audit_log WHERE chain = date_trunc('month', now() AT TIME ZONE 'UTC')::date
$$;
CREATE FUNCTION pg_temp.seq_of(p_target text, p_more int) RETURNS text LANGUAGE sql AS $$
    SELECT (seq + p_more)::text FROM app.audit_log WHERE target_id = p_target
$$;
SELECT is(pg_temp.proof(), 'ok', 'the chain holds');
SELECT throws_ok('UPDATE app.audit_log SET action = action', '42501', NULL, 'nobody changes a row');
SELECT throws_ok('DELETE FROM app.audit_log', '42501', NULL, 'deletes one');
SELECT throws_ok('TRUNCATE app.audit_log', '42501', NULL, 'or all');
SELECT throws_ok('DELETE FROM app.audit_anchor', '42501', NULL, 'nor an anchor');
-- Past the trigger
CREATE FUNCTION pg_temp.tamper(p_query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    v_proof text;
BEGIN
    ALTER TABLE app.audit_log DISABLE TRIGGER USER;
    EXECUTE p_query USING pg_temp.last();
    v_proof := pg_temp.proof();
    RAISE EXCEPTION USING MESSAGE = v_proof, ERRCODE = 'MH000';
EXCEPTION WHEN SQLSTATE 'MH000' THEN
    RETURN SQLERRM;
END
$$;
SELECT is(pg_temp.tamper($$UPDATE app.audit_log SET after = '{"name": "c"}' WHERE target_id = 'thing-2'$$),
          pg_temp.seq_of('thing-2', 0), 'a changed column is found at its seq');
SELECT is(pg_temp.tamper($$UPDATE app.audit_log SET canonical = replace(canonical, 'UB-canary', 'x'), after = '{"name": "x"}'
                           WHERE target_id = 'thing-2'$$),
          pg_temp.seq_of('thing-2', 0), 'with its text');
SELECT is(pg_temp.tamper($$UPDATE app.audit_log SET canonical = replace(canonical, 'UB-canary', 'x'), after = '{"name": "x"}',
                           hash = sha256(prev_hash || convert_to(replace(canonical, 'UB-canary', 'x'), 'UTF8'))
                           WHERE target_id = 'thing-2'$$),
          pg_temp.seq_of('thing-2', 1), 'with its hash too: where the next does not follow');
SELECT is(pg_temp.tamper($$UPDATE app.audit_log SET canonical = 'x', hash = sha256(prev_hash || 'x') WHERE target_id = 'thing-2'$$),
          pg_temp.seq_of('thing-2', 0), 'a text that is none');
SELECT is(pg_temp.tamper($$DELETE FROM app.audit_log WHERE target_id = 'thing-2'$$),
          pg_temp.seq_of('thing-2', 0), 'a missing row');
SELECT is(pg_temp.tamper($$DELETE FROM app.audit_log WHERE seq > $1 - 2$$), (pg_temp.last() - 1)::text, 'a cut tail, by the head');
-- Head and tail cut alike: only an anchor knows
SELECT is((SELECT count(*) FROM ops.audit_anchor()), (SELECT count(*) FROM app.audit_head WHERE seq > 0), 'an anchor of each chain');
SELECT is((SELECT count(*) FROM ops.audit_anchor()), 0::bigint, 'the next one later');
CREATE FUNCTION pg_temp.cut() RETURNS text LANGUAGE sql AS $$
    SELECT pg_temp.tamper($t$WITH gone AS (DELETE FROM app.audit_log WHERE seq > $1 - 2 RETURNING chain, seq, prev_hash)
        UPDATE app.audit_head h SET seq = g.seq - 1, hash = g.prev_hash FROM gone g WHERE g.chain = h.chain AND g.seq = $1 - 1$t$)
$$;
SELECT is(pg_temp.cut(), (pg_temp.last() - 1)::text, 'a tail and the head cut alike, by the anchor');
SELECT is(pg_temp.ask('AuditViewer', 'audit_verify') #> '{body,chains,0}',
          jsonb_build_object('chain', to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM'), 'ok', true, 'entries', pg_temp.last()), 'over HTTP');
SELECT is((pg_temp.ask('AuditPia', 'audit_verify') #>> '{body,chains,0,entries}')::bigint,
          (SELECT count(*) FROM app.audit_log WHERE partner_id = pg_temp.partner('UA')), 'a partner learns the count of its own rows');
SELECT * FROM finish();
ROLLBACK;
