-- Several people at one wallet at once: no deadlock, each entry knows the balance before it, nothing is
-- taken that is not there, and a key that all of them send is one entry. The sessions are real (dblink), so
-- this test commits; it takes its rows away again, but for those of the trail.
\ir include/send.psql
CREATE EXTENSION IF NOT EXISTS dblink;
SELECT plan(10);

CREATE TEMP TABLE link AS
SELECT 'wal' || i AS name, i, format('dbname=%L host=%L port=%s user=%L', current_database(),
       coalesce(host(inet_server_addr()), split_part(current_setting('unix_socket_directories'), ',', 1)),
       current_setting('port'), current_user) AS dsn
FROM generate_series(1, 4) i;

BEGIN;
SELECT api.partner_create('CW', 'Concurrent wallet', NULL, NULL), api.user_create('Concurrent billing', NULL, 'billing', NULL, NULL),
       api.user_create('Concurrent other', NULL, 'billing', NULL, NULL);
INSERT INTO app.sessions (session_hash, user_id, expires_at)
SELECT sha256('concurrent billing'), user_id, now() + interval '1 hour' FROM app.users WHERE name = 'Concurrent billing';
COMMIT;

-- Session i gives 7 and takes 10, again and again, and every tenth time asks for what all the others do too.
CREATE TEMP TABLE work AS
SELECT name, format($w$
    DO $d$
    DECLARE r record;
    BEGIN
        FOR n IN 1..100 LOOP
            FOR r IN SELECT q.status, q.reason
                     FROM unnest(CASE n %% 10 WHEN 0 THEN ARRAY[1] ELSE ARRAY[7, -10] END) amount
                     CROSS JOIN LATERAL api.request(
                         'wallet_grant', sha256('concurrent billing'), NULL, NULL, NULL, '{"partner": "CW"}',
                         jsonb_build_object('amount', amount, 'reason', 'r', 'idempotency_key',
                                            CASE amount WHEN 1 THEN 'all ' || n ELSE concat_ws(' ', %s, n, amount) END),
                         NULL) q
            LOOP
                IF r.status <> 200 AND r.reason <> 'balance_too_low' THEN
                    RAISE EXCEPTION '%% %%', r.status, r.reason;
                END IF;
            END LOOP;
            COMMIT;
        END LOOP;
    END $d$
$w$, i) AS query FROM link;

SELECT dblink_connect(name, dsn) FROM link;
SELECT dblink_send_query(l.name, w.query) FROM link l JOIN work w USING (name);
CREATE TEMP TABLE result AS SELECT name, (SELECT r FROM dblink_get_result(name, true) AS t(r text)) AS r FROM link;
SELECT count(*) FROM link CROSS JOIN LATERAL dblink_get_result(name) AS t(r text); -- the end of it
SELECT is((SELECT string_agg(DISTINCT r, ',') FROM result), 'DO', 'every session came through, refused only what was not there');
CREATE TEMP VIEW entry AS SELECT e.* FROM app.wallet_entries e WHERE e.partner_id = pg_temp.partner('CW');
SELECT is((SELECT count(*) FROM entry WHERE amount = 7), 360::bigint, 'every grant is there');
SELECT is((SELECT count(*) FROM entry WHERE amount = 1), 10::bigint, 'one of each key that all have sent');
SELECT cmp_ok((SELECT count(*) FROM entry WHERE amount = -10), '>', 100::bigint, 'and what was taken, as far as it went');
SELECT is_empty('SELECT FROM (SELECT balance_after, sum(amount) OVER (ORDER BY entry_id) AS running FROM entry) e WHERE balance_after <> running',
                'each knows the balance after it');
SELECT is((SELECT balance FROM app.wallets WHERE partner_id = pg_temp.partner('CW')), (SELECT sum(amount)::bigint FROM entry), 'the wallet their sum');
SELECT results_eq($$SELECT (payload::jsonb -> 'balance')::bigint FROM app.channel_log WHERE channel = 'wallet:partner:CW' ORDER BY seq$$,
                  'SELECT balance_after FROM entry ORDER BY entry_id', 'its log has them in their order');

-- While one decides, the other waits, and then finds it decided.
INSERT INTO app.wallet_requests (partner_id, amount, actor_id, idempotency_key, reason)
SELECT pg_temp.partner('CW'), 5, user_id, 'waits', 'r' FROM app.users WHERE name = 'Concurrent other';
CREATE FUNCTION pg_temp.decide(p_what text) RETURNS text LANGUAGE sql AS $$
    SELECT format('SELECT concat_ws('' '', status, reason) FROM api.request(%L, sha256(''concurrent billing''), NULL, NULL, %L, NULL, NULL, NULL)',
                  'wallet_' || p_what, public_id) FROM app.wallet_requests WHERE partner_id = pg_temp.partner('CW')
$$;
CREATE TEMP TABLE waiting AS SELECT pid FROM dblink('wal2', 'SELECT pg_backend_pid()') t (pid int);
SELECT dblink_exec('wal1', 'BEGIN');
SELECT is(r, '200', 'one approves, and has not committed yet') FROM dblink('wal1', pg_temp.decide('approve')) t (r text);
SELECT dblink_send_query('wal2', pg_temp.decide('reject'));
DO $$
BEGIN
    FOR i IN 1..1000 LOOP
        EXIT WHEN EXISTS (SELECT FROM pg_locks l JOIN waiting USING (pid) WHERE NOT l.granted);
        PERFORM pg_sleep(0.01);
    END LOOP;
END
$$;
SELECT ok(EXISTS (SELECT FROM pg_locks l JOIN waiting USING (pid) WHERE NOT l.granted), 'another has to wait');
SELECT dblink_exec('wal1', 'COMMIT');
SELECT is((SELECT r FROM dblink_get_result('wal2') t (r text)), '409 already', 'and finds it decided');
SELECT * FROM finish();
SELECT dblink_disconnect(name) FROM link;

BEGIN;
ALTER TABLE app.wallet_entries DISABLE TRIGGER wallet_entries_append_only;
DELETE FROM app.wallet_entries WHERE partner_id = pg_temp.partner('CW');
ALTER TABLE app.wallet_entries ENABLE TRIGGER wallet_entries_append_only;
DELETE FROM app.wallet_requests WHERE partner_id = pg_temp.partner('CW');
DELETE FROM app.channel_log WHERE channel = 'wallet:partner:CW';
DELETE FROM app.channel_head WHERE channel LIKE '%:partner:CW';
DELETE FROM app.partners WHERE code = 'CW';
DELETE FROM app.users WHERE name IN ('Concurrent billing', 'Concurrent other');
COMMIT;
