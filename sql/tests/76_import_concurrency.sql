-- Two lists with the same new people at once, in another order: they wait, and do not lock one another
-- out. The sessions are real (dblink), so this test commits; it takes its people away again.
\ir include/send.psql
CREATE EXTENSION IF NOT EXISTS dblink;
SELECT plan(5);

CREATE TEMP TABLE link AS
SELECT 'list' || i AS name, format('dbname=%L host=%L port=%s user=%L', current_database(),
       coalesce(host(inet_server_addr()), split_part(current_setting('unix_socket_directories'), ',', 1)),
       current_setting('port'), current_user) AS dsn
FROM generate_series(1, 2) i;
SELECT api.partner_create('CLIST', 'Lists', NULL, NULL);
SELECT api.user_create('List Owner', NULL, 'owner', NULL, NULL);
INSERT INTO app.sessions (session_hash, user_id, expires_at)
SELECT sha256('list owner'), user_id, now() + interval '1 hour' FROM app.users WHERE name = 'List Owner';

SELECT dblink_connect(name, dsn) FROM link;
-- What comes of each line, in the list's order.
CREATE FUNCTION pg_temp.import(p_names text[]) RETURNS text LANGUAGE sql AS $$
    SELECT format('SELECT string_agg(concat_ws('' '', x ->> ''result'', x ->> ''reason''), '', '' ORDER BY x -> ''row'')
        FROM api.request(''users_import'', sha256(''list owner''), ''r'', ''192.0.2.1'', NULL, ''{}'', %L, ''{}'') r
        CROSS JOIN LATERAL jsonb_array_elements(r.body::jsonb -> ''rows'') x', jsonb_build_object('rows', jsonb_agg(
            jsonb_build_object('email', n || '@lists.example', 'name', n, 'partner', 'CLIST', 'role', 'viewer') ORDER BY i)))
    FROM unnest(p_names) WITH ORDINALITY u (n, i)
$$;
SELECT dblink_exec('list1', 'BEGIN');
SELECT is((SELECT r FROM dblink('list1', pg_temp.import('{ann}')) t (r text)), 'created', 'one list has one of them');
CREATE TEMP TABLE waiting AS SELECT pid FROM dblink('list2', 'SELECT pg_backend_pid()') t (pid int);
SELECT dblink_send_query('list2', pg_temp.import('{bob,ann}'));
DO $$
BEGIN
    FOR i IN 1..1000 LOOP
        EXIT WHEN EXISTS (SELECT FROM pg_locks l JOIN waiting USING (pid) WHERE NOT l.granted);
        PERFORM pg_sleep(0.01);
    END LOOP;
END
$$;
SELECT ok(EXISTS (SELECT FROM pg_locks l JOIN waiting USING (pid) WHERE NOT l.granted), 'the other has to wait');
SELECT is((SELECT r FROM dblink('list1', pg_temp.import('{bob}')) t (r text)), 'created', 'and holds nobody meanwhile');
SELECT dblink_exec('list1', 'COMMIT');
SELECT is((SELECT r FROM dblink_get_result('list2') t (r text)), 'error conflict, error conflict', 'then they are there already');
SELECT * FROM dblink_get_result('list2') t (r text);
SELECT is((SELECT r FROM dblink('list2', pg_temp.import('{bob,ann}')) t (r text)), 'unchanged, unchanged', 'once');
SELECT * FROM finish();
SELECT dblink_disconnect(name) FROM link;

BEGIN;
DELETE FROM app.users WHERE email LIKE '%@lists.example';
-- A database without owners gets back to none.
ALTER TABLE app.users DISABLE TRIGGER users_last_owner;
DELETE FROM app.users WHERE name = 'List Owner';
ALTER TABLE app.users ENABLE TRIGGER users_last_owner;
DELETE FROM app.channel_log WHERE channel LIKE '%:partner:CLIST';
DELETE FROM app.channel_head WHERE channel LIKE '%:partner:CLIST';
DELETE FROM app.partners WHERE code = 'CLIST';
COMMIT;
