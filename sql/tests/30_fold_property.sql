-- The universal claim: a job's row, the rollups, and what the feeds add up to depend on the SET of
-- events only. Random event sets are applied to several partners, each in its own permutation, batching
-- and duplication (the same id again, and the same event under a new id); then everything must be equal.
-- The seed is printed; repeat a run with PGOPTIONS="-c mh.seed=0.123".
\ir include/send.psql
BEGIN;
SELECT plan(12);

CREATE TEMP TABLE seed AS
SELECT coalesce(nullif(current_setting('mh.seed', true), '')::float8, round(random()::numeric, 6)::float8) AS seed;
SELECT diag('seed ' || seed) FROM seed;
SELECT setseed(seed) FROM seed;

CREATE TEMP TABLE variant AS SELECT i, 'PROP' || i AS code FROM generate_series(1, 5) i;
SELECT count(api.partner_create(code, code, NULL, NULL)) FROM variant;

-- (In the row source, 0 * job makes the number of events be drawn anew for each job.)
-- Times lie on a grid of 20 s over two hours, so that ties, minute and hour borders are common.
CREATE FUNCTION pg_temp.pick(VARIADIC p_of text[]) RETURNS text LANGUAGE sql VOLATILE AS $$
    SELECT p_of[1 + floor(random() * cardinality(p_of))::int]
$$;
CREATE TEMP TABLE event AS
SELECT row_number() OVER () AS n,
       jsonb_strip_nulls(jsonb_build_object(
           'j', 'job "' || job || '"', 'e', CASE WHEN job % 6 = 0 THEN 1 ELSE 0 END,
           't', pg_temp.pick('1', '1', '2', '3', '3', '4', '5', '5', '6', '7', '8', '20', '21', '22')::int,
           'n', pg_temp.pick('1', '1', '1', '2', '3')::int,
           'at', date_trunc('minute', now()) - interval '10 min' - floor(random() * 360) * interval '20 s',
           'model', pg_temp.pick('a', 'b', 'É', NULL), 'entrypoint', pg_temp.pick('x', NULL), 'project', pg_temp.pick('p', 'q', NULL),
           'user', pg_temp.pick('u1', 'u2', 'u3', 'u4', NULL), 'tokens', pg_temp.pick('1', '50', '700', NULL)::bigint,
           'units', pg_temp.pick('1', '4', NULL)::int, 'cost', pg_temp.pick('10', '1000000', NULL)::bigint,
           'progress', pg_temp.pick('0', '50', '100', NULL)::int, 'error', pg_temp.pick('oom', 'nsfw', NULL),
           'message', pg_temp.pick('m1', 'm2', NULL), 'prompt', pg_temp.pick('a cat', NULL), 'asset', pg_temp.pick('u', NULL),
           'lms', pg_temp.pick('moodle', 'canvas'), 'external_id', pg_temp.pick('1', '2', NULL))) AS body
FROM generate_series(1, 60) job, LATERAL generate_series(1, 1 + floor(random() * 10 + 0 * job)::int) k
UNION ALL -- each state at least once
SELECT 1000 + t, jsonb_build_object('j', 'sure ' || t, 't', t, 'at', date_trunc('hour', now()) - interval '1 h')
FROM unnest('{1,2,3,5,6,8,21}'::int[]) t;

-- Variant 1 gets the events one by one in order; the others any way at all.
CREATE TEMP TABLE feed (code text, seq bigint, payload jsonb);
DO $$
DECLARE
    v       record;
    v_batch jsonb;
    v_list  jsonb[];
    v_at    int;
    v_size  int;
BEGIN
    FOR v IN SELECT * FROM variant ORDER BY i LOOP
        SELECT array_agg(body || jsonb_build_object('p', v.code, 'id', id) ORDER BY place) INTO v_list
        FROM (SELECT body, 'e' || n AS id, CASE v.i WHEN 1 THEN n ELSE random() END AS place FROM event
              UNION ALL SELECT body, 'e' || n, random() FROM event WHERE v.i > 2 AND random() < 0.3
              UNION ALL SELECT body, 'again' || n, random() FROM event WHERE v.i > 3 AND random() < 0.2) e;
        v_at := 1;
        WHILE v_at <= cardinality(v_list) LOOP
            v_size := CASE v.i WHEN 1 THEN 1 WHEN 5 THEN 100000 ELSE 1 + floor(random() * 12)::int END;
            v_batch := to_jsonb(v_list[v_at:v_at + v_size - 1]);
            INSERT INTO feed SELECT v.code, (f ->> 'seq')::bigint, f -> 'payload'
            FROM jsonb_array_elements(pg_temp.send(v_batch) -> 'feeds') f;
            v_at := v_at + v_size;
        END LOOP;
    END LOOP;
END
$$;

SELECT diag(format('%s events, %s jobs, %s batches', (SELECT count(*) FROM event),
                   (SELECT count(DISTINCT body ->> 'j') FROM event), (SELECT count(*) FROM feed)));

-- Rows
CREATE TEMP VIEW job AS SELECT p.code, to_jsonb(g) - 'partner_id' AS row
FROM app.generation_jobs g JOIN app.partners p USING (partner_id) WHERE p.code LIKE 'PROP%';
CREATE TEMP VIEW publication AS SELECT p.code, to_jsonb(g) - 'partner_id' AS row
FROM app.lms_publications g JOIN app.partners p USING (partner_id) WHERE p.code LIKE 'PROP%';
CREATE TEMP VIEW seen AS SELECT p.code, to_jsonb(g) - 'partner_id' AS row
FROM app.end_users g JOIN app.partners p USING (partner_id) WHERE p.code LIKE 'PROP%';
CREATE TEMP VIEW bucket AS SELECT p.code, (to_jsonb(r) - '{partner_id,d_bin,d_n,q_bin,q_n}'::text[]) || jsonb_build_object(
    'd', (SELECT jsonb_object_agg(bin, n) FROM (SELECT bin, sum(n) AS n FROM unnest(r.d_bin, r.d_n) t(bin, n) GROUP BY bin HAVING sum(n) <> 0) b),
    'q', (SELECT jsonb_object_agg(bin, n) FROM (SELECT bin, sum(n) AS n FROM unnest(r.q_bin, r.q_n) t(bin, n) GROUP BY bin HAVING sum(n) <> 0) b)) AS row
FROM app.rollup r JOIN app.partners p USING (partner_id)
WHERE p.code LIKE 'PROP%'
  -- a bucket that was touched and emptied again is as good as none
  AND (requested, completed, failed, cancelled, retried, published, started, users, tokens, units, cost_micros)
      <> (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);

SELECT is((SELECT count(DISTINCT row -> 'state') FROM job), 7::bigint, 'the sets reach every state');
SELECT is_empty($$SELECT row FROM job GROUP BY row HAVING count(*) <> (SELECT count(*) FROM variant)$$,
                'jobs: the same rows whatever the order, batching and duplication');
SELECT is_empty($$SELECT row FROM publication GROUP BY row HAVING count(*) <> (SELECT count(*) FROM variant)$$, 'publications too');
SELECT is_empty($$SELECT row FROM seen GROUP BY row HAVING count(*) <> (SELECT count(*) FROM variant)$$, 'end users too');
SELECT is_empty($$SELECT row FROM bucket GROUP BY row HAVING count(*) <> (SELECT count(*) FROM variant)$$, 'rollups too');

-- Snapshots
CREATE TEMP TABLE snapshot AS
SELECT v.code, from_jobs, s::jsonb #> '{partners,0}' AS s
FROM variant v, (VALUES (true), (false)) f (from_jobs), LATERAL api.metrics_snapshot(v.code, from_jobs) s;
SELECT is((SELECT count(DISTINCT s - '{code,name}'::text[]) FROM snapshot), 1::bigint,
          'one snapshot for all variants, from rollups and from jobs');
SELECT cmp_ok((SELECT min(jsonb_array_length(s -> 'minutes')) FROM snapshot), '>', 20, 'and it is not empty');

-- What a hub that adds up the feed from the start holds, against the jobs themselves
CREATE TEMP VIEW added AS
SELECT f.code, k.key, m.value -> 0 AS at, CASE k.key WHEN 'd' THEN m.value -> 1 WHEN 'q' THEN m.value -> 1 END AS ms, x.i,
       sum(x.n::bigint) AS n
FROM feed f, jsonb_each(f.payload) k, jsonb_array_elements(k.value) m,
     jsonb_array_elements_text(m.value) WITH ORDINALITY x (n, i)
WHERE k.key IN ('m', 'd', 'q', 'o', 'u') AND x.i > CASE WHEN k.key IN ('d', 'q') THEN 2 ELSE 1 END
GROUP BY 1, 2, 3, 4, 5 HAVING sum(x.n::bigint) <> 0;
CREATE TEMP VIEW expected AS
SELECT s.code, k.new AS key, m.value -> 0 AS at, NULL::jsonb AS ms, x.i, x.n::bigint AS n
FROM snapshot s, (VALUES ('minutes', 'm'), ('o', 'o'), ('u_minutes', 'u')) k (old, new), jsonb_array_elements(s.s -> k.old) m,
     jsonb_array_elements_text(m.value) WITH ORDINALITY x (n, i)
WHERE s.from_jobs AND x.i > 1 AND x.n <> '0'
UNION ALL
SELECT s.code, left(k, 1), m.value -> 0, m.value -> 1, 3, count(*)
FROM snapshot s, (VALUES ('d_newest'), ('q_newest')) k (k), jsonb_array_elements(s.s -> k) m
WHERE s.from_jobs GROUP BY 1, 2, 3, 4;
SELECT is_empty('SELECT * FROM added EXCEPT SELECT * FROM expected', 'the feeds add up to no more than the jobs');
SELECT is_empty('SELECT * FROM expected EXCEPT SELECT * FROM added', 'nor to less');
SELECT is_empty($$
    SELECT f.code, array_agg(f.n) FROM (SELECT code, i, sum(n::bigint) AS n FROM feed, jsonb_array_elements_text(payload -> 's')
        WITH ORDINALITY t (n, i) GROUP BY 1, 2 ORDER BY 1, 2) f GROUP BY f.code
    EXCEPT SELECT code, array_agg(n::numeric ORDER BY i) FROM snapshot, jsonb_array_elements_text(s -> 's') WITH ORDINALITY t (n, i)
    WHERE from_jobs GROUP BY code$$, 'gauges too');
SELECT is_empty($$
    (SELECT DISTINCT ON (code, j ->> 'id') code, j FROM feed, jsonb_array_elements(payload -> 'j') j ORDER BY code, j ->> 'id', seq DESC)
    EXCEPT SELECT v.code, j FROM variant v, api.jobs_snapshot(v.code, 1000) s, jsonb_array_elements(s::jsonb -> 'jobs') j$$,
    'the last row of a job in the feed is its row in the snapshot');
SELECT is_empty($$
    SELECT v.code, j FROM variant v, api.jobs_snapshot(v.code, 1000) s, jsonb_array_elements(s::jsonb -> 'jobs') j
    EXCEPT SELECT code, j FROM feed, jsonb_array_elements(payload -> 'j') j$$, 'and no job is missing from the feed');
SELECT * FROM finish();
ROLLBACK;
