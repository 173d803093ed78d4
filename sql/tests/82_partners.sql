-- The directory of partners: whose, in what order, page by page.
\ir include/send.psql
\ir include/request.psql
BEGIN;
SELECT plan(11);
SELECT api.partner_create('T' || lpad(i::text, 2, '0'), CASE WHEN i % 2 = 0 THEN 'Even' ELSE 'Odd' END || ' Film ' || i, NULL, NULL)
FROM generate_series(1, 25) i;
SELECT api.user_create('Ada', NULL, 'viewer', NULL, NULL), api.user_create('Max', NULL, NULL, 'T03', 'viewer');
SELECT pg_temp.sign_in('Ada', 'Ada'), pg_temp.sign_in('Max', 'Max');
UPDATE app.partners SET status = 'suspended', tier = 'gold' WHERE code IN ('T04', 'T05');

CREATE FUNCTION pg_temp.codes(p_who text, p_query jsonb) RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(a ->> 'reason' || ' ' || (a ->> 'field'),
                    (SELECT string_agg(i ->> 'code', ' ' ORDER BY n) || coalesce(' > ' || (a -> 'body' ->> 'next'), '')
                     FROM jsonb_array_elements(a -> 'body' -> 'items') WITH ORDINALITY t (i, n)), 'none')
    FROM pg_temp.ask(p_who, 'partners_list', p_query => p_query) a
$$;

SELECT is(pg_temp.codes('Ada', '{"limit": "3", "q": "t"}'), 'T01 T02 T03 > T03', 'a page, by code');
SELECT is(pg_temp.codes('Ada', '{"limit": "3", "q": "t", "after": "T03"}'), 'T04 T05 T06 > T06', 'the next');
SELECT is(pg_temp.codes('Ada', '{"limit": "3", "q": "t", "after": "T23"}'), 'T24 T25', 'the last');
SELECT is(pg_temp.codes('Ada', '{"q": "ODD FILM 2"}'), 'T21 T23 T25', 'by part of a name');
SELECT is(pg_temp.codes('Ada', '{"status": "suspended", "q": "t0"}'), 'T04 T05', 'by status');
SELECT is(pg_temp.codes('Ada', '{"status": "gone"}'), 'invalid status', 'which are these only');
SELECT is(pg_temp.codes('Ada', '{"limit": "0"}'), 'out_of_range limit', 'of a bounded size');
SELECT is(pg_temp.codes('Ada', '{"q": "%"}'), 'none', 'nothing is a pattern');
SELECT is(pg_temp.codes('Max', '{}'), 'T03', 'a member sees his own');
SELECT is(pg_temp.codes('Max', '{"q": "t05"}'), 'none', 'and finds no other');
SELECT is(pg_temp.ask('Ada', 'partners_list', p_query => '{"q": "t05"}') -> 'body' -> 'items' -> 0,
          '{"code": "T05", "name": "Odd Film 5", "status": "suspended", "tier": "gold", "members": 0}', 'what it says');
SELECT * FROM finish();
ROLLBACK;
