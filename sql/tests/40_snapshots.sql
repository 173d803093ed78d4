-- Sketch bins, windows of the snapshots, samples, positions, the log's edge.
\ir include/send.psql
BEGIN;
SELECT plan(27);
SELECT api.partner_create('TA', 'Tap "A"', NULL, NULL), api.partner_create('TB', 'Tap B', NULL, NULL);

-- The bins of shared/observe/ddsketch.h
SELECT results_eq('SELECT app.ddsketch_bin(ms) FROM unnest(''{-5,0,1,2,1000,69586,900000,34560000000,99999999999999}''::bigint[]) ms',
                  '{0,0,0,35,346,558,686,1214,1214}'::smallint[], 'bins');
SELECT is_empty($$SELECT ms FROM generate_series(1, 200000, 7) ms
                  WHERE abs(2 * power(1.01 / 0.99, app.ddsketch_bin(ms)) / (1.01 / 0.99 + 1) - ms) > 0.01 * ms + 1e-6$$, 'within 1 %');

-- 1500 jobs of 30 minutes, one per duration, and one of each edge of the windows
DO $$
BEGIN
    PERFORM pg_temp.send(jsonb_agg(e)) FROM generate_series(1, 1500) i, LATERAL (VALUES
        (jsonb_build_object('p', 'TA', 'id', 'r' || i, 't', 1, 'j', 'j' || i, 'at', date_trunc('minute', now()) - (i % 30) * interval '1 min' - i * interval '10 ms')),
        (jsonb_build_object('p', 'TA', 'id', 's' || i, 't', 3, 'j', 'j' || i, 'at', date_trunc('minute', now()) - (i % 30) * interval '1 min' - i * interval '5 ms')),
        (jsonb_build_object('p', 'TA', 'id', 'c' || i, 't', 5, 'j', 'j' || i, 'at', date_trunc('minute', now()) - (i % 30) * interval '1 min', 'units', 1, 'user', 'u' || i % 7))) v (e);
    PERFORM pg_temp.send(jsonb_agg(jsonb_build_object('p', 'TB', 'id', 'e' || at, 't', 1, 'j', 'at ' || at, 'user', at, 'at', at)))
    FROM (SELECT now() AS at
          UNION ALL SELECT date_trunc('minute', now()) - i * interval '1 min' FROM generate_series(1436, 1442) i
          UNION ALL SELECT date_trunc('hour', now()) - i * interval '1 h' FROM generate_series(717, 722) i) e;
END
$$;
CREATE TEMP TABLE snapshot AS
SELECT scope, from_jobs, s::jsonb AS s FROM unnest('{TA,TB,platform}'::text[]) scope, unnest('{true,false}'::bool[]) from_jobs,
       LATERAL api.metrics_snapshot(scope, from_jobs) s;
CREATE FUNCTION pg_temp.member(p_scope text, p_code text, p_name text) RETURNS jsonb LANGUAGE sql AS $$
    SELECT p -> p_name FROM snapshot, jsonb_array_elements(s -> 'partners') p
    WHERE scope = p_scope AND NOT from_jobs AND p ->> 'code' = p_code
$$;
SELECT results_eq($$SELECT scope, count(DISTINCT s -> 'partners') FROM snapshot GROUP BY 1 ORDER BY 1$$, $$VALUES ('TA', 1::bigint), ('TB', 1), ('platform', 1)$$,
                  'rollups and jobs agree');
SELECT is(jsonb_array_length(pg_temp.member('TA', 'TA', 'd_newest')), 1000, 'at most 1000 samples');
SELECT is(pg_temp.member('TA', 'TA', 'd_total'), '1500', 'their number is told');
SELECT is((SELECT sum((b ->> 2)::int) FROM jsonb_array_elements(pg_temp.member('TA', 'TA', 'd_minutes')) b), 1500::bigint, 'all stand in the minute bins');
SELECT is((SELECT sum((b ->> 2)::int) FROM jsonb_array_elements(pg_temp.member('TA', 'TA', 'q_hours')) b), 1500::bigint, 'and in the hour bins');
SELECT is((SELECT sum((b ->> 2)::int) FROM jsonb_array_elements(pg_temp.member('TA', 'TA', 'minutes')) b), 1500::bigint, 'completed by minute');
SELECT is((SELECT min((b ->> 0)::int) FROM jsonb_array_elements(pg_temp.member('TA', 'TA', 'd_newest')) b) >= app.minute(now()) - 20, true, 'the newest by minute');
SELECT is(pg_temp.member('TA', 'TA', 's'), '[0, 0, 0]', 'nothing open');
SELECT is((SELECT sum((b ->> 1)::int) FROM jsonb_array_elements(pg_temp.member('TA', 'TA', 'u_minutes')) b), 7::bigint, 'a user stands in one minute');
-- What is in the windows, by the snapshot's own clock
CREATE TEMP VIEW edge AS
SELECT count(*) FILTER (WHERE app.minute(g.requested_at) > at - 1440) AS minutes,
       count(*) FILTER (WHERE app.minute(g.requested_at) / 60 > at / 60 - 720) AS hours
FROM app.generation_jobs g, (SELECT ((s ->> 'at')::bigint / 60000)::int AS at FROM snapshot WHERE scope = 'TB' AND from_jobs) c
WHERE g.partner_id = pg_temp.partner('TB');
SELECT ok(minutes BETWEEN 4 AND 6 AND hours BETWEEN 10 AND 13, 'both edges are crossed') FROM edge;
SELECT is(jsonb_array_length(pg_temp.member('TB', 'TB', 'minutes')), minutes::int, '1440 minutes, the current one included') FROM edge;
SELECT is(jsonb_array_length(pg_temp.member('TB', 'TB', 'u_minutes')), minutes::int, 'of users too') FROM edge;
SELECT is((SELECT sum((b ->> 1)::int) FROM jsonb_array_elements(pg_temp.member('TB', 'TB', 'hours')) b), hours, '720 hours') FROM edge;
SELECT is((SELECT sum((b ->> 1)::int) FROM jsonb_array_elements(pg_temp.member('TB', 'TB', 'u_hours')) b), hours, 'of users too') FROM edge;
SELECT is(pg_temp.member('TB', 'TB', 's'), '[14, 0, 0]', 'open jobs have no window');
SELECT is(pg_temp.member('platform', 'TA', 'minutes'), pg_temp.member('TA', 'TA', 'minutes'), 'the platform has the same');
SELECT is(pg_temp.member('platform', 'TA', 'name'), '"Tap \"A\""', 'names are escaped');
SELECT is_empty('SELECT * FROM api.metrics_snapshot(''NOBODY'', false)', 'unknown partner: no row');
SELECT results_eq($$SELECT scope, (s ->> 'seq')::bigint, s ->> 'epoch' FROM snapshot WHERE NOT from_jobs ORDER BY 1$$,
                  $$SELECT v.scope, h.seq, h.epoch FROM (VALUES ('TA', 'feed:partner:TA'), ('TB', 'feed:partner:TB'), ('platform', 'feed:platform')) v (scope, channel)
                    JOIN api.heads('{feed:partner:TA,feed:partner:TB,feed:platform,feed:none}') h USING (channel) ORDER BY 1$$,
                  'seq and epoch are the head''s');
SELECT is((SELECT count(*) FROM api.heads('{feed:none}')), 0::bigint, 'no head for an unknown channel');
SELECT results_eq($$SELECT j ->> 'requested_at' FROM api.jobs_snapshot('TB', 4) s, jsonb_array_elements(s::jsonb -> 'jobs') WITH ORDINALITY t (j, i) ORDER BY i$$,
                  $$SELECT app.ms(requested_at)::text FROM app.generation_jobs WHERE partner_id = pg_temp.partner('TB') ORDER BY requested_at DESC LIMIT 4$$,
                  'jobs: newest requested first');
SELECT is((SELECT jsonb_array_length(s::jsonb -> 'jobs') FROM api.jobs_snapshot('platform', 50) s), 50, 'jobs: as many as asked');
SELECT is((SELECT jsonb_array_length(s::jsonb -> 'jobs') FROM api.jobs_snapshot('platform', 0) s), 0, 'or none');

-- An emptied platform, an emptied log
DELETE FROM app.channel_log WHERE channel = 'feed:partner:TA';
SELECT is((SELECT count(*) FROM api.log_read('feed:partner:TA', 0, 10)), 0::bigint, 'a log that does not reach back answers nothing');
-- Folded bins hold the same counts
SELECT is((SELECT (SELECT sum(n) FROM unnest(b.n) n) || '/' || cardinality(b.bin) FROM app.bins_append(
               (SELECT array_agg((i % 9)::smallint) FROM generate_series(1, 499) i), (SELECT array_agg(1) FROM generate_series(1, 499)),
               '{8,8,20}', '{1,-1,5}') b), '504/10', 'many bins are folded, none is lost');
SELECT * FROM finish();
ROLLBACK;
