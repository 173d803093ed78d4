-- Two owners at once make each other something else: one of them stays. The sessions are real (dblink),
-- so this test commits; it takes its people away again, and other owners are owners again after it.
\ir include/send.psql
CREATE EXTENSION IF NOT EXISTS dblink;
SELECT plan(5);

CREATE TEMP TABLE link AS
SELECT 'own' || i AS name, format('dbname=%L host=%L port=%s user=%L', current_database(),
       coalesce(host(inet_server_addr()), split_part(current_setting('unix_socket_directories'), ',', 1)),
       current_setting('port'), current_user) AS dsn
FROM generate_series(1, 2) i;

BEGIN;
CREATE TEMP TABLE owners AS
SELECT api.user_create('Concurrent ' || i, NULL, 'owner', NULL, NULL) AS id, i FROM generate_series(1, 2) i;
CREATE TEMP TABLE others AS
SELECT user_id FROM app.users WHERE staff_role = 'owner' AND status = 'active' AND public_id NOT IN (SELECT id FROM owners);
UPDATE app.users SET status = 'suspended' WHERE user_id IN (SELECT user_id FROM others);
COMMIT;

SELECT dblink_connect(name, dsn) FROM link;
CREATE FUNCTION pg_temp.demote(p_i int) RETURNS text LANGUAGE sql AS $$
    SELECT format('UPDATE app.users SET staff_role = ''admin'' WHERE public_id = %L', id) FROM owners WHERE i = p_i
$$;
SELECT is(dblink_exec('own1', 'BEGIN') || dblink_exec('own1', pg_temp.demote(1)), 'BEGINUPDATE 1', 'the first has not committed yet');
SELECT is(dblink_exec('own1', 'SET CONSTRAINTS ALL IMMEDIATE'), 'SET CONSTRAINTS', 'when it is checked: another is left');
CREATE TEMP TABLE waiting AS SELECT pid FROM dblink('own2', 'SELECT pg_backend_pid()') t (pid int);
SELECT dblink_send_query('own2', pg_temp.demote(2));
DO $$
BEGIN
    FOR i IN 1..1000 LOOP
        EXIT WHEN EXISTS (SELECT FROM pg_locks l JOIN waiting USING (pid) WHERE NOT l.granted);
        PERFORM pg_sleep(0.01);
    END LOOP;
END
$$;
SELECT ok(EXISTS (SELECT FROM pg_locks l JOIN waiting USING (pid) WHERE NOT l.granted), 'the second has to wait');
SELECT dblink_exec('own1', 'COMMIT');
SELECT throws_ok($$SELECT * FROM dblink_get_result('own2') AS t (r text)$$, 'MH409', 'last_owner', 'then it is refused');
SELECT results_eq($$SELECT u.public_id FROM app.users u JOIN owners o ON o.id = u.public_id WHERE u.staff_role = 'owner'$$,
                  $$SELECT id FROM owners WHERE i = 2$$, 'the second stays owner');
SELECT * FROM finish();
SELECT dblink_disconnect(name) FROM link;

BEGIN;
UPDATE app.users SET status = 'active' WHERE user_id IN (SELECT user_id FROM others);
-- A database without owners gets back to none.
ALTER TABLE app.users DISABLE TRIGGER users_last_owner;
DELETE FROM app.users WHERE public_id IN (SELECT id FROM owners);
ALTER TABLE app.users ENABLE TRIGGER users_last_owner;
COMMIT;
