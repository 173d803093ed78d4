-- Token wallets: who sees and changes which, what an entry may be, what two people have to agree on, and
-- that nothing of it can be changed afterwards.
\ir include/send.psql
BEGIN;
\ir include/request.psql
SELECT * FROM no_plan();
SELECT api.partner_create('WA', 'Wallet A', NULL, NULL), api.partner_create('WB', 'Wallet B', NULL, NULL);
SELECT api.user_create(name, NULL, staff, partner, role), pg_temp.sign_in(name, name)
FROM (VALUES ('WaOwner', 'owner', NULL, NULL), ('WaBilling', 'billing', NULL, NULL), ('WaAdmin', 'admin', NULL, NULL),
             ('WaOps', 'ops', NULL, NULL), ('WaSupport', 'support', NULL, NULL), ('WaViewer', 'viewer', NULL, NULL),
             ('WaPia', NULL, 'WA', 'admin'), ('WaMia', NULL, 'WA', 'manager'), ('WaDev', NULL, 'WA', 'developer'),
             ('WaBob', NULL, 'WB', 'admin')) v (name, staff, partner, role);
UPDATE ops.limits SET most = 1000 WHERE what = 'wallet_grant';

-- "200 …" or the refusal; the answer stays in `said`.
CREATE TEMP TABLE said (a jsonb);
CREATE FUNCTION pg_temp.grants(p_who text, p_body jsonb, p_partner text DEFAULT 'WA') RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM said;
    INSERT INTO said SELECT pg_temp.ask(p_who, 'wallet_grant', NULL, '{"reason": "r", "idempotency_key": "k"}' || p_body,
                                        jsonb_strip_nulls(jsonb_build_object('partner', p_partner)));
    RETURN (SELECT concat_ws(' ', a ->> 'status', a ->> 'reason', a ->> 'field', a #>> '{body,state}', a #>> '{body,kind}',
                             a #>> '{body,amount}', a #>> '{body,balance_after}') FROM said);
END
$$;
CREATE FUNCTION pg_temp.decides(p_who text, p_what text, p_id text) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', a ->> 'status', a ->> 'reason', a #>> '{body,state}', a #>> '{body,balance_after}')
    FROM pg_temp.ask(p_who, 'wallet_' || p_what, p_id) a
$$;
CREATE FUNCTION pg_temp.balance(p_who text DEFAULT 'WaOwner', p_partner text DEFAULT 'WA') RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', a ->> 'reason', a #>> '{body,balance}')
    FROM pg_temp.ask(p_who, 'wallet_get', NULL, '{}', jsonb_build_object('partner', p_partner)) a
$$;
-- Amounts of the ledger's page.
CREATE FUNCTION pg_temp.ledger(p_who text, p_query jsonb DEFAULT '{}') RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(a ->> 'reason', (SELECT string_agg(i ->> 'amount', ' ' ORDER BY n)
                                     FROM jsonb_array_elements(a #> '{body,items}') WITH ORDINALITY t (i, n)))
    FROM pg_temp.ask(p_who, 'wallet_entries', NULL, '{}', '{"partner": "WA"}' || p_query) a
$$;
-- What the wallet's channel was told, oldest first.
CREATE FUNCTION pg_temp.heard() RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(l.payload::jsonb ->> 'balance', ' ' ORDER BY l.seq) FROM app.channel_log l WHERE l.channel = 'wallet:partner:WA'
$$;

SELECT pg_temp.audited();
-- A partner has an empty one from the beginning.
SELECT is(pg_temp.balance(), '0', 'a new partner has no tokens');
SELECT results_eq($$SELECT channel, seq FROM api.heads('{wallet:partner:WA,wallet:partner:NO}')$$,
                  $$VALUES ('wallet:partner:WA', 0::bigint)$$, 'and a log that can be followed');
SELECT is_empty('SELECT FROM app.partners p LEFT JOIN app.wallets w ON w.partner_id = p.partner_id WHERE w.partner_id IS NULL',
                'no partner is without');

-- Entries
SELECT is(pg_temp.grants('WaBilling', '{"amount": 500}'), '200 posted grant 500 500', 'a grant');
SELECT is(a -> 'body' -> 'actor' ->> 'name', 'WaBilling', 'with who made it') FROM said;
SELECT is(pg_temp.audited(), 'done wallet.grant wallet_entry by WaBilling', 'in the trail');
SELECT is(pg_temp.grants('WaOwner', '{"amount": -200, "idempotency_key": "k2", "reason": "Paid back"}'), '200 posted adjust -200 300', 'an adjustment');
SELECT is(pg_temp.audited(), 'done wallet.adjust wallet_entry by WaOwner', 'under its own name');
SELECT is(pg_temp.grants('WaAdmin', '{"amount": -301, "idempotency_key": "k3"}'), '409 balance_too_low amount', 'nothing below 0');
SELECT is(a ->> 'detail', 'the balance is 300: at most that can be taken', 'which says how much there is') FROM said;
SELECT is(pg_temp.grants('WaAdmin', '{"amount": -300, "idempotency_key": "k3"}'), '200 posted adjust -300 0', 'to 0 is all of it');
SELECT is(pg_temp.heard(), '500 300 0', 'each balance is told');
SELECT is((SELECT string_agg(DISTINCT k, ',' ORDER BY k) FROM app.channel_log l, jsonb_object_keys(l.payload::jsonb) k
           WHERE l.channel = 'wallet:partner:WA'), 'at,balance,t', 'and nothing else');

-- The same again
SELECT pg_temp.audited();
SELECT is(pg_temp.grants('WaBilling', '{"amount": 500}'), '200 posted grant 500 500', 'a retry is the same entry');
SELECT is(pg_temp.grants('WaBilling', '{"amount": 501}'), '409 idempotency_conflict idempotency_key', 'another amount is not');
SELECT is(pg_temp.grants('WaBilling', '{"amount": 500, "reason": "s"}'), '409 idempotency_conflict idempotency_key', 'nor another reason');
SELECT is(pg_temp.grants('WaBilling', '{"amount": 5}', 'WB'), '200 posted grant 5 5', 'a key is of one wallet');
SELECT is(pg_temp.balance(), '0', 'a retry changed nothing');
SELECT is(pg_temp.heard(), '500 300 0', 'and told nobody');
SELECT is(pg_temp.audited(), 'done wallet.grant wallet_entry by WaBilling', 'only the other wallet''s is in the trail');

-- What it may say
SELECT is(pg_temp.grants('WaOwner', '{"idempotency_key": "x"}' || v.body::jsonb), v.expected, v.body)
FROM (VALUES ('{}', '400 required amount'), ('{"amount": 0}', '400 required amount'), ('{"amount": null}', '400 required amount'),
             ('{"amount": "5"}', '400 invalid amount'), ('{"amount": 1.5}', '400 out_of_range amount'),
             ('{"amount": 1000000000001}', '400 out_of_range amount'), ('{"amount": 1e400}', '400 out_of_range amount'),
             ('{"amount": 1, "reason": " "}', '400 required reason'),
             ('{"amount": 1, "idempotency_key": null}', '400 required idempotency_key')) v (body, expected);
SELECT is(pg_temp.grants('WaOwner', jsonb_build_object('amount', 1, 'reason', repeat('x', 501))), '400 too_long reason', 'a long reason');
SELECT is(pg_temp.grants('WaOwner', jsonb_build_object('amount', 1, 'idempotency_key', repeat('x', 101))), '400 too_long idempotency_key', 'a long key');
SELECT is(pg_temp.grants('WaOwner', '{"amount": 1}', NULL), '400 required partner', 'no partner');
SELECT is(pg_temp.grants('WaOwner', '{"amount": 1}', 'NO'), '404 not_found partner', 'one that is not there');
UPDATE app.wallets SET balance = 999999999999999 WHERE partner_id = pg_temp.partner('WB');
SELECT is(pg_temp.grants('WaOwner', '{"amount": 2, "idempotency_key": "x"}', 'WB'), '409 balance_too_high amount', 'a wallet has an end');

-- Who may
SELECT is(pg_temp.grants(w, '{"amount": 1, "idempotency_key": "x"}'), '403 forbidden', w || ' gives nothing')
FROM unnest('{WaOps,WaSupport,WaViewer,WaPia,WaMia,WaDev,WaBob}'::text[]) w;
SELECT is(pg_temp.balance(w), '0', w || ' sees the balance') FROM unnest('{WaOwner,WaAdmin,WaBilling,WaSupport,WaViewer,WaPia,WaMia}'::text[]) w;
SELECT is(pg_temp.balance(w), 'forbidden', w || ' does not') FROM unnest('{WaOps,WaDev}'::text[]) w;
SELECT is(pg_temp.balance('WaBob'), 'not_found', 'another partner''s wallet is none');
SELECT is(pg_temp.ledger(w), '-300 -200 500', w || ' reads the ledger') FROM unnest('{WaOwner,WaAdmin,WaBilling,WaSupport,WaPia}'::text[]) w;
SELECT is(pg_temp.ledger(w), 'forbidden', w || ' does not') FROM unnest('{WaOps,WaViewer,WaMia,WaDev}'::text[]) w;
SELECT is(pg_temp.ledger('WaBob'), 'not_found', 'nor does another partner''s admin');
UPDATE app.sessions SET auth_at = now() - interval '6 minutes' WHERE session_hash = sha256('WaBilling');
SELECT is(pg_temp.grants('WaBilling', '{"amount": 1, "idempotency_key": "x"}'), '403 step_up', 'not without having confirmed who he is');
UPDATE app.sessions SET auth_at = now() WHERE session_hash = sha256('WaBilling');

-- Filters and pages
SELECT is(pg_temp.ledger('WaPia', '{"kind": "grant"}'), '500', 'of a kind');
SELECT is(pg_temp.ledger('WaPia', '{"kind": "refund"}'), 'invalid', 'there is no other');
SELECT is(pg_temp.ledger('WaPia', '{"q": "paid"}'), '-200', 'by reason');
CREATE TEMP TABLE page AS SELECT pg_temp.ask('WaPia', 'wallet_entries', NULL, '{}', '{"partner": "WA", "limit": "2"}') -> 'body' AS b;
SELECT is(pg_temp.ledger('WaPia', jsonb_build_object('after', b -> 'next')), '500', 'page by page') FROM page;
SELECT is(pg_temp.ledger('WaBilling', jsonb_build_object('partner', 'WB', 'after', b -> 'next')), 'invalid', 'a cursor is of its list') FROM page;

-- Two people
SELECT pg_temp.audited();
SELECT is(pg_temp.grants('WaBilling', '{"amount": 1000, "idempotency_key": "l"}'), '200 posted grant 1000 1000', 'up to the limit one is enough');
SELECT is(pg_temp.grants('WaBilling', '{"amount": 1001, "idempotency_key": "m"}'), '200 pending grant 1001', 'above it he is not');
CREATE TEMP TABLE waits AS SELECT a #>> '{body,id}' AS id FROM said;
SELECT is(pg_temp.grants('WaBilling', '{"amount": 1001, "idempotency_key": "m"}'), '200 pending grant 1001', 'a retry waits as well');
SELECT is(pg_temp.grants('WaBilling', '{"amount": 1, "idempotency_key": "m"}'), '409 idempotency_conflict idempotency_key', 'its key is taken');
SELECT is(pg_temp.balance(), '1000', 'it does not count');
SELECT is(pg_temp.heard(), '500 300 0 1000', 'nor is it told');
SELECT is(pg_temp.audited(), 'done wallet.grant wallet_entry by WaBilling, done wallet.grant wallet_entry by WaBilling', 'but in the trail');
SELECT results_eq($$SELECT i ->> 'id', i ->> 'partner', b ->> 'alone' FROM (SELECT pg_temp.ask('WaSupport', 'wallet_pending') -> 'body') t (b),
                    jsonb_array_elements(b -> 'items') i$$, $$SELECT id, 'WA', '1000' FROM waits$$, 'staff see what waits');
SELECT is(pg_temp.ask('WaSupport', 'wallet_pending', NULL, '{}', '{"partner": "WB"}') #> '{body,items}', '[]', 'of a partner');
SELECT is(pg_temp.verdict(w, 'wallet_pending'), '403 forbidden', w || ' does not') FROM unnest('{WaViewer,WaOps,WaPia,WaMia}'::text[]) w;
SELECT is(pg_temp.decides('WaBilling', 'approve', id), '403 own_grant', 'nobody approves his own') FROM waits;
SELECT is(pg_temp.decides(w, 'approve', id), '403 forbidden', w || ' approves nothing') FROM waits, unnest('{WaSupport,WaPia}'::text[]) w;
SELECT pg_temp.audited();
SELECT is(pg_temp.decides('WaAdmin', 'approve', id), '200 posted 2001', 'somebody else does') FROM waits;
SELECT is(pg_temp.audited(), 'done wallet.approve wallet_entry by WaAdmin', 'in the trail');
SELECT results_eq($$SELECT e.public_id, a.name, b.name FROM app.wallet_entries e JOIN app.users a ON a.user_id = e.actor_id
                    JOIN app.users b ON b.user_id = e.approved_by$$, $$SELECT id, 'WaBilling', 'WaAdmin' FROM waits$$, 'the entry names both');
SELECT is(pg_temp.grants('WaBilling', '{"amount": 1001, "idempotency_key": "m"}'), '200 posted grant 1001 2001', 'a retry finds what came of it');
SELECT is(pg_temp.decides('WaOwner', w, id), '409 already', 'it is decided: ' || w) FROM waits, unnest('{approve,reject}'::text[]) w;
SELECT pg_temp.grants('WaBilling', '{"amount": 9999, "idempotency_key": "n"}'), pg_temp.audited();
SELECT is(pg_temp.decides('WaBilling', 'reject', a #>> '{body,id}'), '200 rejected', 'one takes one''s own back') FROM said;
SELECT is(pg_temp.audited(), 'done wallet.reject wallet_entry by WaBilling', 'in the trail');
SELECT is(pg_temp.decides('WaOwner', 'approve', a #>> '{body,id}'), '409 already', 'then nobody approves it') FROM said;
SELECT is(pg_temp.grants('WaBilling', '{"amount": 9999, "idempotency_key": "n"}'), '200 rejected grant 9999', 'nor does a retry');
SELECT is(pg_temp.decides('WaOwner', 'approve', 'wle_none'), '404 not_found', 'none of that id');
SELECT is(pg_temp.balance(), '2001', 'what was rejected does not count');
SELECT count(pg_temp.grants('WaBilling', jsonb_build_object('amount', 5000, 'idempotency_key', 'w' || i))) FROM generate_series(1, 50) i;
SELECT is(pg_temp.grants('WaBilling', '{"amount": 5000, "idempotency_key": "w51"}'), '409 too_many', 'there is an end to what waits');

DELETE FROM ops.limits WHERE what = 'wallet_grant';
SELECT is(pg_temp.grants('WaBilling', '{"amount": 1, "idempotency_key": "z"}', 'WB'), '200 pending grant 1', 'without a limit everything waits');

-- The trail tells what its reader may know.
CREATE FUNCTION pg_temp.trail(p_who text) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', t #> '{body,items,0,before,balance}', t #> '{body,items,0,after,entry,reason}', t #> '{body,items,0,redacted}')
    FROM pg_temp.ask(p_who, 'audit_list', NULL, '{}', '{"action": "wallet.adjust", "partner": "WA"}') t
$$;
SELECT is(pg_temp.trail('WaPia'), '300 "r"', 'all of it to who reads the ledger');
SELECT is(pg_temp.trail('WaViewer'), '300 ["entry"]', 'the balance to who sees that');
SELECT is(pg_temp.trail('WaOps'), '["balance", "entry"]', 'to others what happened');

-- The books
SELECT results_eq('SELECT w.partner_id, w.balance FROM app.wallets w JOIN app.partners p USING (partner_id) WHERE p.code = ''WA''',
                  'SELECT partner_id, sum(amount)::bigint FROM app.wallet_entries e JOIN app.partners p USING (partner_id) WHERE p.code = ''WA'' GROUP BY 1',
                  'the balance is the sum');
SELECT is_empty($$SELECT FROM (SELECT balance_after, sum(amount) OVER (ORDER BY entry_id) AS running
                              FROM app.wallet_entries WHERE partner_id = pg_temp.partner('WA')) e WHERE balance_after <> running$$,
                'and each entry knew it');
SELECT throws_ok(q, '42501', 'wallet_entries is append-only', q)
FROM unnest(ARRAY['UPDATE app.wallet_entries SET amount = 1', 'DELETE FROM app.wallet_entries', 'TRUNCATE app.wallet_entries']) q;
SELECT throws_ok('UPDATE app.wallets SET balance = -1', '23514', NULL, 'the table itself knows no debts');
SELECT throws_ok($$UPDATE app.wallet_requests SET state = 'approved', decided_by = actor_id, decided_at = now() WHERE state = 'pending'$$,
                 '23514', NULL, 'nor own approval');
SELECT * FROM finish();
ROLLBACK;
