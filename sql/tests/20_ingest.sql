-- Verdicts, times, the fold's plain cases, publications, feeds and positions.
\ir include/send.psql
BEGIN;
SELECT plan(58);
SELECT api.partner_create('TA', 'Tap A', NULL, NULL), api.partner_create('TB', 'Tap B', NULL, NULL);

CREATE FUNCTION pg_temp.ev(p_id text, p_type int, p_job text, p_ago interval, p_more jsonb DEFAULT '{}')
RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_build_object('p', 'TA', 'id', p_id, 't', p_type, 'j', p_job, 'at', now() - p_ago) || p_more
$$;
CREATE FUNCTION pg_temp.job(p_job text) RETURNS app.generation_jobs LANGUAGE sql AS $$
    SELECT g FROM app.generation_jobs g WHERE partner_id = pg_temp.partner('TA') AND job_key = p_job
$$;
CREATE FUNCTION pg_temp.verdicts(VARIADIC p_events jsonb[]) RETURNS text LANGUAGE sql AS $$
    SELECT translate(pg_temp.send(to_jsonb(p_events)) ->> 'verdicts', ' ', '')
$$;

-- Verdicts
SELECT is(pg_temp.verdicts(pg_temp.ev('v1', 1, 'v', '1 min', '{"hash": "x"}')), '[0]', 'accepted');
SELECT is(pg_temp.verdicts(pg_temp.ev('v1', 1, 'v', '1 min', '{"hash": "x"}')), '[1]', 'same id, same content: duplicate');
SELECT is(pg_temp.verdicts(pg_temp.ev('v1', 1, 'v', '1 min', '{"hash": "y"}')), '[2]', 'same id, other content: conflict');
SELECT is(pg_temp.verdicts(pg_temp.ev('v1', 1, 'v', '1 min', '{"hash": "y", "src": "urn:other"}')), '[0]', 'another source is another id');
SELECT is(pg_temp.verdicts(pg_temp.ev('v1', 1, 'v', '1 min', '{"hash": "y", "p": "TB"}')), '[0]', 'another partner is another id');
SELECT is(pg_temp.verdicts(pg_temp.ev('v2', 1, 'v', '1 min', '{"hash": "x"}'), pg_temp.ev('v2', 1, 'v', '1 min', '{"hash": "x"}'),
                           pg_temp.ev('v2', 1, 'v', '1 min', '{"hash": "z"}'), pg_temp.ev('v3', 1, 'v', '1 min'),
                           pg_temp.ev('v1', 1, 'v', '1 min', '{"hash": "x"}')),
          '[0,1,2,0,1]', 'copies within a batch: the first counts');
SELECT is((SELECT count(*) FROM app.generation_events WHERE ext_id IN ('v1', 'v2', 'v3')), 5::bigint, 'one row per accepted event');
SELECT is(pg_temp.verdicts(pg_temp.ev('o1', 1, 'o', '36 days'), pg_temp.ev('o1', 1, 'o', '1 day'),
                           pg_temp.ev('o2', 1, 'o', '36 days', '{"hist": 1}'), pg_temp.ev('o3', 1, 'o', '50 years', '{"hist": 1}')),
          '[3,0,0,3]', 'too old, unless historical; an old copy does not take the id');
SELECT is(pg_temp.verdicts(pg_temp.ev('p1', 1, 'p', '1 min', '{"p": "NOBODY"}')), '[4]', 'unknown partner');
SELECT api.partner_status('TB', 'suspended');
SELECT is(pg_temp.verdicts(pg_temp.ev('p2', 1, 'p', '1 min', '{"p": "TB"}'), pg_temp.ev('p2', 1, 'p', '1 min')), '[4,0]', 'suspended partner, others unaffected');
SELECT api.partner_status('TB', 'active');
SELECT is(pg_temp.verdicts(pg_temp.ev('p2', 1, 'p', '1 min', '{"p": "TB"}')), '[0]', 'a refused event did not take its id');
SELECT cmp_ok((pg_temp.send(jsonb_build_array(pg_temp.ev('i1', 1, 'i', '0'))) #>> '{ids,0}')::bigint, '>', 0::bigint, 'the event''s id is returned');
SELECT is(pg_temp.send(jsonb_build_array(pg_temp.ev('v1', 1, 'v', '1 min', '{"hash": "x"}'))) - 'feeds', '{"verdicts": [1], "ids": [0]}', 'no id and');
SELECT is(pg_temp.send(jsonb_build_array(pg_temp.ev('v1', 1, 'v', '1 min', '{"hash": "x"}'))) -> 'feeds', '[]', 'no feed row for a duplicate');

-- Times
SELECT is(pg_temp.verdicts(pg_temp.ev('t1', 1, 't1', '20 min'), pg_temp.ev('t2', 1, 't2', '-10 min'), pg_temp.ev('t3', 1, 't3', '-4 min'), pg_temp.ev('t4', 1, 't4', '14 min')), '[0,0,0,0]', 'late and future are accepted');
SELECT results_eq($$SELECT ext_id COLLATE "default", late, clamped, occurred_at = received_at FROM app.generation_events WHERE ext_id LIKE 't_' ORDER BY 1$$,
    $$VALUES ('t1', true, false, false), ('t2', false, true, true), ('t3', false, false, false), ('t4', false, false, false)$$, 'late flagged, far future clamped to arrival');
SELECT ok((pg_temp.job('t2')).requested_at <= clock_timestamp(), 'the job has the clamped time');

-- The life of a job
SELECT pg_temp.verdicts(pg_temp.ev('j1', 1, 'j', '10 min', '{"model": "m1", "prompt": "p", "units": 2}'));
SELECT is((pg_temp.job('j')).state, 1::smallint, 'requested');
SELECT pg_temp.verdicts(pg_temp.ev('j2', 2, 'j', '9 min'));
SELECT is((pg_temp.job('j')).state, 2::smallint, 'queued');
SELECT pg_temp.verdicts(pg_temp.ev('j3', 3, 'j', '8 min'), pg_temp.ev('j4', 4, 'j', '7 min', '{"progress": 40}'));
SELECT is((pg_temp.job('j')).state, 3::smallint, 'running');
SELECT is((pg_temp.job('j')).queue_ms / 1000, 120::bigint, 'queue wait');
SELECT pg_temp.verdicts(pg_temp.ev('j5', 6, 'j', '6 min', '{"error": "oom", "message": "out of memory"}'));
SELECT is((pg_temp.job('j')).state, 5::smallint, 'failed');
SELECT is((pg_temp.job('j')).duration_ms, NULL, 'a failure is no duration sample');
SELECT pg_temp.verdicts(pg_temp.ev('j6', 4, 'j', '5 min', '{"progress": 90}'));
SELECT is((pg_temp.job('j')).state, 5::smallint, 'terminal is sticky');
SELECT pg_temp.verdicts(pg_temp.ev('j7', 7, 'j', '4 min', '{"n": 2}'));
SELECT is((pg_temp.job('j')).state, 2::smallint, 'retried reopens');
SELECT ok((pg_temp.job('j')).terminal_at IS NULL AND (pg_temp.job('j')).error_class IS NULL AND (pg_temp.job('j')).progress IS NULL, 'and forgets the failed attempt');
SELECT pg_temp.verdicts(pg_temp.ev('j8', 5, 'j', '1 min', '{"n": 2, "tokens": 5, "cost": 1500000, "asset": "u"}'));
SELECT is((pg_temp.job('j')).state, 4::smallint, 'completed');
SELECT is((pg_temp.job('j')).duration_ms / 1000, 540::bigint, 'duration from the request');
SELECT is((pg_temp.job('j')).queue_ms / 1000, 120::bigint, 'queue wait of the first start');
SELECT is((pg_temp.job('j')).units, 2, 'what the request said stays');
SELECT pg_temp.verdicts(pg_temp.ev('j9', 6, 'j', '30 s', '{"n": 1}'));
SELECT is((pg_temp.job('j')).state, 4::smallint, 'a late event of an older attempt changes no state');
SELECT pg_temp.verdicts(pg_temp.ev('j10', 6, 'j', '2 min', '{"n": 2}'));
SELECT is((pg_temp.job('j')).state, 5::smallint, 'two terminals of an attempt: the earliest');
SELECT pg_temp.verdicts(pg_temp.ev('k1', 7, 'k', '1 min'));
SELECT is((pg_temp.job('k')).attempt, 2::smallint, 'retried opens attempt 2 at least');
SELECT pg_temp.verdicts(pg_temp.ev('l1', 5, 'l', '5 min'));
SELECT is((pg_temp.job('l')).duration_ms, 0::bigint, 'completed first: the request is provisional');
SELECT pg_temp.verdicts(pg_temp.ev('l2', 1, 'l', '6 min'));
SELECT is((pg_temp.job('l')).duration_ms / 1000, 60::bigint, 'and corrected when it arrives');
SELECT pg_temp.send(jsonb_build_array(jsonb_build_object('p', 'TA', 'id', 'y1', 't', 5, 'j', 'y', 'at', '2026-01-01T00:00:00Z', 'hist', 1),
                                      jsonb_build_object('p', 'TA', 'id', 'y2', 't', 6, 'j', 'y', 'at', '2026-01-01T00:00:00Z', 'hist', 1)));
SELECT is((pg_temp.job('y')).state, 4::smallint, 'a tie of terminals goes to completed');

-- Test environment: a job of its own, in no metric and no feed
SELECT is(pg_temp.send(jsonb_build_array(pg_temp.ev('e1', 1, 'j', '1 min', '{"e": 1}'))) -> 'feeds', '[]', 'test events are in no feed');
SELECT is((SELECT count(*) FROM app.generation_jobs WHERE partner_id = pg_temp.partner('TA') AND job_key = 'j'), 2::bigint, 'same key, other environment: another job');

-- Publications
SELECT pg_temp.verdicts(pg_temp.ev('q1', 21, 'q', '1 min', '{"lms": "moodle", "external_id": "c1"}'));
SELECT is((pg_temp.job('q')).state, 0::smallint, 'only published so far: no state');
SELECT ok((pg_temp.job('q')).published_at IS NOT NULL AND (pg_temp.job('q')).requested_at IS NULL, 'published, not requested');
SELECT pg_temp.verdicts(pg_temp.ev('q2', 20, 'q', '2 min', '{"lms": "moodle"}'), pg_temp.ev('q3', 22, 'q', '3 min', '{"lms": "canvas", "error": "403"}'));
SELECT results_eq($$SELECT lms COLLATE "default", state, external_id COLLATE "default", error_class COLLATE "default" FROM app.lms_publications
                    WHERE partner_id = pg_temp.partner('TA') AND job_key = 'q' ORDER BY 1$$,
                  $$VALUES ('canvas', 'failed', NULL, '403'), ('moodle', 'published', 'c1', NULL)$$, 'a publication per job and LMS');
SELECT pg_temp.verdicts(pg_temp.ev('q4', 1, 'q', '9 min'));
SELECT is((pg_temp.job('q')).state, 1::smallint, 'the job appears with its first generation event');

-- Feeds and positions
SELECT is((pg_temp.send(jsonb_build_array(pg_temp.ev('h1', 30, NULL, '0'))) #> '{feeds,0,payload}') - 'at'::text, '{"partner": "TA"}'::jsonb, 'a heartbeat is a bare feed row');
CREATE TEMP TABLE sent AS SELECT pg_temp.send(jsonb_build_array(
    pg_temp.ev('f1', 1, 'f', '2 min', '{"user": "u1", "model": "a \"quoted\" name"}'), pg_temp.ev('f2', 3, 'f', '1 min', '{"user": "u1"}'),
    pg_temp.ev('f1', 1, 'f', '1 min', '{"p": "TB"}'))) -> 'feeds' AS f;
SELECT results_eq($$SELECT r ->> 'channel' FROM sent, jsonb_array_elements(f) r$$, ARRAY['feed:partner:TA', 'feed:partner:TB'], 'a row per partner');
SELECT is((SELECT (f #>> '{1,platform_seq}')::bigint - (f #>> '{0,platform_seq}')::bigint FROM sent), 1::bigint, 'next to each other in the platform''s feed');
SELECT is((SELECT jsonb_array_length(f #> '{0,payload,m}') FROM sent), 2, 'two minutes touched');
SELECT is((SELECT f #> '{0,payload,s}' FROM sent), '[0, 0, 1]', 'one more is running');
SELECT is((SELECT jsonb_array_length(f #> '{0,payload,q}') FROM sent), 1, 'a queue sample');
SELECT is((SELECT f #> '{0,payload,q,0,1}' FROM sent) BETWEEN '59000' AND '61000', true, 'of a minute');
SELECT is((SELECT f #>> '{0,payload,j,0,model}' FROM sent), 'a "quoted" name', 'texts are escaped');
SELECT is((SELECT f #>> '{0,payload,j,0,id}' FROM sent), 'TA/f', 'the job''s id names its partner');
SELECT is((SELECT f #> '{0,payload,j,0}' ? 'completed_at' FROM sent), false, 'absent instead of null');
SELECT is((SELECT f #> '{0,payload,u,0,1}' FROM sent), '1', 'one user seen');
SELECT is_empty($$SELECT channel FROM app.channel_log WHERE channel IN ('feed:partner:TA', 'feed:partner:TB')
                  GROUP BY channel
                  HAVING count(*) <> max(seq) - min(seq) + 1 OR min(seq) <> 1$$, 'each channel''s log is gapless') ;
SELECT is_empty($$SELECT FROM app.channel_log WHERE platform_seq IS NOT NULL
                  HAVING count(*) <> max(platform_seq) - min(platform_seq) + 1$$, 'so is the platform''s');
SELECT results_eq($$SELECT h.seq FROM app.channel_head h WHERE channel = 'feed:partner:TA'$$,
                  $$SELECT max(seq) FROM app.channel_log WHERE channel = 'feed:partner:TA'$$, 'the head is at the log''s end');
SELECT results_eq($$SELECT seq, payload::jsonb FROM api.log_read('feed:partner:TB', (SELECT max(seq) - 1 FROM app.channel_log WHERE channel = 'feed:partner:TB'), 10)$$,
                  $$SELECT (f #>> '{1,seq}')::bigint, f #> '{1,payload}' FROM sent$$, 'log_read gives what was returned for publishing');
SELECT is((SELECT string_agg((seq - p)::text, ',' ORDER BY seq) FROM (SELECT min(platform_seq) - 1 AS p FROM app.channel_log) m, api.log_read('feed:platform', m.p, 3)), '1,2,3', 'the platform''s log in order, as many as asked');
SELECT * FROM finish();
ROLLBACK;
