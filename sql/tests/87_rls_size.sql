-- Policies keep their cost at size (requirements C11): of 3 million events of 50 partners in 10 days'
-- partitions a partner reads its own 60,000 and nothing else. Limits are counts of rows, which
-- are the same on any machine.
\ir include/send.psql
BEGIN;
SELECT plan(13);

SET LOCAL ROLE mh_owner;
SELECT ops.partitions('generation_events', '35 days', 9) \g /dev/null
RESET ROLE;

-- As they would have arrived: the partners mixed, batches of 20 of each.
\set partners 50
\set each 60000
INSERT INTO app.generation_events (partner_id, event_id, source_id, occurred_at, received_at, environment, type, attempt,
                                   late, clamped, historical, ext_id, job_key, data)
SELECT 900000 + i / 20 % :partners, i, 1, r.at, r.at, 0, 5, 1, false, false, false, i::text, CASE WHEN i % 20 < 4 THEN 'j' || i / 4 END, NULL
FROM generate_series(0, :partners * :each - 1) i,
     LATERAL (SELECT (current_date AT TIME ZONE 'UTC') + i * interval '10 days' / (:partners * :each) AS at) r;
ANALYZE app.generation_events;

-- What EXPLAIN ANALYZE says of each scan of the events: how it read, and how many rows, returned or
-- thrown away.
CREATE FUNCTION pg_temp.scans(p_query text)
RETURNS TABLE (relation text, node text, condition text, rows_read numeric)
LANGUAGE plpgsql AS $$
DECLARE
    v json;
BEGIN
    EXECUTE 'EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) ' || p_query INTO v;
    RETURN QUERY
    WITH RECURSIVE n AS (
        SELECT v::jsonb #> '{0,Plan}' AS p
        UNION ALL
        SELECT c FROM n CROSS JOIN LATERAL jsonb_array_elements(n.p -> 'Plans') c
    )
    SELECT n.p ->> 'Relation Name', n.p ->> 'Node Type', coalesce(n.p ->> 'Index Cond', n.p ->> 'Recheck Cond', ''),
           ((n.p ->> 'Actual Rows')::numeric + coalesce((n.p ->> 'Rows Removed by Filter')::numeric, 0)
            + coalesce((n.p ->> 'Rows Removed by Index Recheck')::numeric, 0)) * (n.p ->> 'Actual Loops')::numeric
    FROM n WHERE n.p ->> 'Relation Name' LIKE 'generation\_events%' AND (n.p ->> 'Actual Loops')::numeric > 0;
END
$$;
-- As the partner of that number; the rows are stored for the checks.
CREATE TEMP TABLE scan (what text, relation text, node text, condition text, rows_read numeric);
GRANT ALL ON scan TO mh_partner, mh_staff;
CREATE FUNCTION pg_temp.measure(p_what text, p_role text, p_partners int[], p_query text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('SET LOCAL ROLE %I', p_role);
    PERFORM authz.enter('usr_x', p_partners, '{}');
    INSERT INTO scan SELECT p_what, s.* FROM pg_temp.scans(p_query) s;
    RESET ROLE;
END
$$;

\set one '\'{900007}\'::int[]'
SELECT pg_temp.measure('all', 'mh_partner', :one, 'SELECT ext_id, type FROM app.generation_events'),
       pg_temp.measure('day', 'mh_partner', :one, format(
           'SELECT ext_id, type FROM app.generation_events WHERE received_at >= %L AND received_at < %L',
           (current_date + 3) || ' 00:00Z', (current_date + 4) || ' 00:00Z')),
       pg_temp.measure('later', 'mh_partner', :one,
                       'SELECT ext_id, type FROM app.generation_events WHERE received_at >= now() + interval ''8 days'''),
       pg_temp.measure('page', 'mh_partner', :one,
                       'SELECT ext_id FROM app.generation_events WHERE partner_id = 900007'
                       ' ORDER BY received_at DESC LIMIT 50'),
       pg_temp.measure('job', 'mh_partner', :one, 'SELECT ext_id FROM app.generation_events WHERE job_key = ''j35'''),
       pg_temp.measure('nobody', 'mh_partner', '{}', 'SELECT ext_id FROM app.generation_events'),
       pg_temp.measure('foreign', 'mh_partner', :one,
                       'SELECT ext_id FROM app.generation_events WHERE partner_id = 900008'),
       pg_temp.measure('staff', 'mh_staff', '{}', 'SELECT ext_id FROM app.generation_events WHERE partner_id = 900007'
                       ' AND received_at < ''' || (current_date + 1) || ' 00:00Z''')
\g /dev/null

SELECT is((SELECT count(*) FROM app.generation_events WHERE partner_id BETWEEN 900000 AND 900049),
          3000000::bigint, 'three million events');
SELECT is((SELECT count(DISTINCT tableoid) FROM app.generation_events WHERE partner_id = 900007), 10::bigint,
          'each partner has some in ten partitions');
SELECT is_empty($$SELECT what, relation, node FROM scan
                  WHERE rows_read > 0 AND (node NOT LIKE '%Index%' AND node <> 'Bitmap Heap Scan'
                                       OR condition NOT LIKE '%partner\_id%')$$,
                'every partition is read by an index on the partner');
SELECT is((SELECT sum(rows_read) FROM scan WHERE what = 'all'), 60000.0, 'its 60,000 rows are all that is read');
SELECT is((SELECT count(*) FROM scan WHERE what = 'all' AND rows_read > 0), 10::bigint, 'from ten partitions');
SELECT is((SELECT count(*) FROM scan WHERE what = 'day'), 1::bigint, 'a day is one partition');
SELECT is((SELECT sum(rows_read) FROM scan WHERE what = 'day'), 6000.0, 'and 6,000 rows');
SELECT cmp_ok((SELECT count(*) FROM scan WHERE what = 'later'), '<=', 3::bigint,
              'so are the partitions of a time known only when it runs');
SELECT cmp_ok((SELECT sum(rows_read) FROM scan WHERE what = 'page'), '<=', 500.0,
              'a page of the newest 50 of a named partner reads no more than 50 of each partition');
SELECT is((SELECT sum(rows_read) FROM scan WHERE what = 'job'), 4.0, 'a job''s events are found by its key');
SELECT is((SELECT coalesce(sum(rows_read), 0) FROM scan WHERE what = 'nobody'), 0.0, 'who has no partner reads no row');
SELECT is((SELECT coalesce(sum(rows_read), 0) FROM scan WHERE what = 'foreign'), 0.0,
          'another partner''s rows are not even read');
SELECT is((SELECT sum(rows_read) FROM scan WHERE what = 'staff'), 6000.0, 'staff who asks for a partner reads that one');
SELECT * FROM finish();
ROLLBACK;
