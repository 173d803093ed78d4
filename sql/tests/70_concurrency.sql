-- Several sessions at once, over the same partners: no deadlock, no event lost or doubled, every log
-- gapless, and the platform's log in the order of each partner's. The sessions are real (dblink), so
-- this test commits; it works on partners of its own and takes their rows away again.
\ir include/send.psql
CREATE EXTENSION IF NOT EXISTS dblink;

CREATE TEMP TABLE link AS
SELECT 'mh' || i AS name, i, format('dbname=%L host=%L port=%s user=%L', current_database(),
       coalesce(host(inet_server_addr()), split_part(current_setting('unix_socket_directories'), ',', 1)),
       current_setting('port'), current_user) AS dsn
FROM generate_series(1, 4) i;

SELECT api.partner_create('CC' || i, 'Concurrent', NULL, NULL) FROM generate_series(1, 3) i
WHERE NOT EXISTS (SELECT FROM app.partners WHERE code = 'CC' || i);

-- Session n sends 40 batches over all three partners; a tenth of the ids are also sent by the next session.
CREATE TEMP TABLE work AS
SELECT name, format($w$
    DO $d$
    DECLARE p int[] := (SELECT array_agg(partner_id ORDER BY code) FROM app.partners WHERE code LIKE 'CC_');
    BEGIN
        FOR b IN 1..40 LOOP
            PERFORM api.ingest_events(array_agg(p[1 + (n + b + %1$s) %% 3]), array_agg(0::smallint), array_agg(1), array_agg('urn:cc'::text),
                array_agg(id), array_agg(sha256(id::bytea)), array_agg((1 + 2 * (n %% 3))::smallint), array_agg('job ' || n), array_agg(1::smallint),
                array_agg(now() - interval '1 h' + n * interval '1 s'), array_agg(0::smallint), array_agg('m'::text), array_agg('e'::text),
                array_agg('p'::text), array_agg('u' || n), array_agg(1::bigint), array_agg(1), array_agg(1::bigint), array_agg(1::smallint),
                array_agg(NULL::text), array_agg(NULL::text), array_agg(NULL::text), array_agg(NULL::text), array_agg('{}'::jsonb))
            FROM (SELECT n, format('%%s-%%s-%%s', CASE WHEN n = 1 THEN 0 ELSE %1$s END, b, n) AS id FROM generate_series(1, 12) n) e;
            COMMIT;
        END LOOP;
    END $d$
$w$, i) AS query FROM link;

SELECT plan(6);
SELECT dblink_connect(name, dsn) FROM link;
SELECT dblink_send_query(l.name, w.query) FROM link l JOIN work w USING (name);
CREATE TEMP TABLE result AS SELECT name, (SELECT r FROM dblink_get_result(name, true) AS t(r text)) AS r FROM link;
SELECT is((SELECT string_agg(DISTINCT r, ',') FROM result), 'DO', 'every session came through');
CREATE TEMP VIEW cc AS SELECT partner_id, code FROM app.partners WHERE code LIKE 'CC_';
SELECT is((SELECT count(*) FROM app.generation_events JOIN cc USING (partner_id)),
          (SELECT count(*) FROM app.event_dedupe JOIN cc USING (partner_id)), 'an event per claimed id');
SELECT is_empty($$SELECT channel FROM app.channel_log WHERE channel LIKE 'feed:partner:CC_' GROUP BY 1
                  HAVING count(*) <> max(seq) OR min(seq) <> 1 OR count(*) < 40$$, 'gapless per partner');
SELECT is_empty($$SELECT FROM app.channel_log l HAVING count(platform_seq) <> max(platform_seq) - min(platform_seq) + 1$$, 'gapless for the platform');
SELECT is_empty($$SELECT FROM (SELECT seq, lag(seq) OVER (PARTITION BY channel ORDER BY platform_seq) AS before FROM app.channel_log
                        WHERE platform_seq IS NOT NULL) l
                  WHERE before >= seq$$, 'both orders agree');
SELECT is_empty($$SELECT code FROM cc WHERE (SELECT s::jsonb #> '{partners,0}' FROM api.metrics_snapshot(code, true) s)
                  <> (SELECT s::jsonb #> '{partners,0}' FROM api.metrics_snapshot(code, false) s)$$, 'rollups agree with the jobs');
SELECT * FROM finish();
SELECT dblink_disconnect(name) FROM link;

BEGIN;
DELETE FROM app.generation_events WHERE partner_id IN (SELECT partner_id FROM cc);
DELETE FROM app.event_dedupe WHERE partner_id IN (SELECT partner_id FROM cc);
DELETE FROM app.generation_jobs WHERE partner_id IN (SELECT partner_id FROM cc);
DELETE FROM app.end_users WHERE partner_id IN (SELECT partner_id FROM cc);
DELETE FROM app.rollup WHERE partner_id IN (SELECT partner_id FROM cc);
DELETE FROM app.sources WHERE partner_id IN (SELECT partner_id FROM cc);
DELETE FROM app.channel_log WHERE channel LIKE 'feed:partner:CC_';
DELETE FROM app.channel_head WHERE channel LIKE 'feed:partner:CC_';
DELETE FROM app.partners WHERE code LIKE 'CC_';
COMMIT;
