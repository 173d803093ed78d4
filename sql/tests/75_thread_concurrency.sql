-- Several sessions post to the same threads at once, each message twice and some of them in another
-- session too: every message once, the answers name the stored one, logs gapless and in the order of the
-- clock. Another session lets people join and leave meanwhile. The sessions are real (dblink), so this
-- test commits; it takes its rows away again.
\ir include/send.psql
CREATE EXTENSION IF NOT EXISTS dblink;

CREATE TEMP TABLE link AS
SELECT 'mh' || i AS name, i, format('dbname=%L host=%L port=%s user=%L', current_database(),
       coalesce(host(inet_server_addr()), split_part(current_setting('unix_socket_directories'), ',', 1)),
       current_setting('port'), current_user) AS dsn
FROM generate_series(1, 5) i;
SELECT api.partner_create('CT', 'Concurrent', NULL, NULL);
SELECT api.user_create('ct ' || i, NULL, NULL, 'CT', 'manager') FROM generate_series(1, 4) i;
SELECT api.thread_create('CT', 'group', 'ct ' || i, ARRAY(SELECT public_id FROM app.users WHERE name LIKE 'ct _')) FROM generate_series(1, 2) i;
CREATE TABLE public.ct_answers (sender text, client_id uuid, verdict text, id text, seq bigint);

-- Session n is user n; each id's body depends on the id alone, so every answer but the first of an id is
-- `duplicate`. Every tenth message of users 1 and 2 is posted by session 3 and 4 at the same time.
CREATE TEMP TABLE work AS
SELECT name, CASE WHEN i = 5 THEN $w$
    DO $d$
    DECLARE t text[] := (SELECT array_agg(public_id ORDER BY subject) FROM app.threads WHERE subject LIKE 'ct _');
            late text := (SELECT public_id FROM app.users WHERE name = 'ct late');
    BEGIN
        FOR i IN 1..60 LOOP
            PERFORM api.thread_join(t[1 + i % 2], late);
            COMMIT;
            PERFORM api.thread_leave(t[1 + i % 2], late);
            COMMIT;
        END LOOP;
    END $d$
$w$ ELSE format($w$
    DO $d$
    DECLARE t text[] := (SELECT array_agg(public_id ORDER BY subject) FROM app.threads WHERE subject LIKE 'ct _');
            u text[] := (SELECT array_agg(public_id ORDER BY name) FROM app.users WHERE name LIKE 'ct _');
            s int;
    BEGIN
        FOR n IN 1..150 LOOP
            FOR again IN 1..2 LOOP
                s := CASE WHEN n %% 10 = 0 AND %1$s > 2 THEN %1$s - 2 ELSE %1$s END;
                INSERT INTO public.ct_answers
                SELECT u[s], md5(s || '/' || n)::uuid, m.verdict, m.id, m.seq
                FROM api.message_post(u[s], t[1 + n %% 2], md5(s || '/' || n)::uuid, s || '/' || n) m;
                COMMIT;
            END LOOP;
        END LOOP;
    END $d$
$w$, i) END AS query FROM link;
SELECT api.user_create('ct late', NULL, NULL, 'CT', 'manager');

SELECT plan(8);
SELECT dblink_connect(name, dsn) FROM link;
SELECT dblink_send_query(l.name, w.query) FROM link l JOIN work w USING (name);
CREATE TEMP TABLE result AS SELECT name, (SELECT r FROM dblink_get_result(name, true) AS t(r text)) AS r FROM link;
SELECT is((SELECT string_agg(DISTINCT r, ',') FROM result), 'DO', 'every session came through');
CREATE TEMP VIEW ct AS SELECT t.thread_id, t.public_id, t.last_seq, 'thread:' || t.public_id AS channel FROM app.threads t WHERE subject LIKE 'ct _';
SELECT is((SELECT count(*) FROM app.messages JOIN ct USING (thread_id)), 570::bigint, 'every message once');
SELECT is((SELECT count(*) FROM public.ct_answers WHERE verdict = 'posted'), 570::bigint, 'one poster each');
SELECT is_empty($$SELECT client_id FROM public.ct_answers GROUP BY 1 HAVING count(DISTINCT id) <> 1 OR count(DISTINCT seq) <> 1
                  OR count(*) FILTER (WHERE verdict NOT IN ('posted', 'duplicate')) > 0$$, 'every answer to an id is the same');
SELECT is_empty($$SELECT channel FROM ct JOIN app.channel_log l USING (channel) GROUP BY channel, last_seq
                  HAVING count(*) <> max(seq) OR min(seq) <> 1 OR max(seq) <> last_seq$$, 'logs are gapless');
SELECT is_empty($$SELECT FROM (SELECT m.created_at, lag(m.created_at) OVER (PARTITION BY thread_id ORDER BY m.seq) AS before
                               FROM app.messages m JOIN ct USING (thread_id)) m WHERE before > created_at$$, 'in the order of the clock');
SELECT is_empty($$SELECT FROM ct JOIN app.messages m USING (thread_id) FULL JOIN (SELECT l.* FROM app.channel_log l JOIN ct USING (channel)) l
                  ON l.channel = ct.channel AND l.seq = m.seq
                  WHERE (l.payload::jsonb ->> 'id', (l.payload::jsonb ->> 'seq')::bigint, l.payload::jsonb ->> 'body')
                        IS DISTINCT FROM (m.public_id, m.seq, m.body)$$, 'the log tells the messages');
SELECT is((SELECT sum(members_version) FROM app.channel_head JOIN ct USING (channel)), 122::bigint, 'no change of members was lost');
SELECT * FROM finish();
SELECT dblink_disconnect(name) FROM link;

BEGIN;
DROP TABLE public.ct_answers;
DELETE FROM app.channel_log WHERE channel IN (SELECT channel FROM ct);
DELETE FROM app.channel_head WHERE channel IN (SELECT channel FROM ct) OR channel = 'feed:partner:CT';
DELETE FROM app.messages WHERE thread_id IN (SELECT thread_id FROM ct);
DELETE FROM app.thread_participants WHERE thread_id IN (SELECT thread_id FROM ct);
DELETE FROM app.threads WHERE subject LIKE 'ct _';
DELETE FROM app.memberships WHERE partner_id = pg_temp.partner('CT');
DELETE FROM app.users WHERE name LIKE 'ct %';
DELETE FROM app.partners WHERE code = 'CT';
COMMIT;
