-- Partitions, retention, rejects and request log.
\ir include/send.psql
BEGIN;
SELECT plan(22);
SELECT api.partner_create('TA', 'Tap A', NULL, NULL);

-- Partitions: a missing day is created, a stale one dropped, all of them closed
DO $$ BEGIN EXECUTE format('DROP TABLE app.%I', 'channel_log' || to_char(now() AT TIME ZONE 'UTC' + interval '7 days', '_YYYYMMDD')); END $$;
CREATE TABLE app.generation_events_20200101 PARTITION OF app.generation_events FOR VALUES FROM ('2020-01-01 00:00:00Z') TO ('2020-01-02 00:00:00Z');
ALTER TABLE app.generation_events_20200101 OWNER TO mh_owner;
CREATE TEMP TABLE first AS SELECT ops.maintain() AS m;
SELECT is(m -> 'lease', 'true', 'had the lease') FROM first;
SELECT is(m -> 'created', to_jsonb(ARRAY['channel_log' || to_char(now() AT TIME ZONE 'UTC' + interval '7 days', '_YYYYMMDD')]), 'the missing day') FROM first;
SELECT is(m -> 'dropped', '["generation_events_20200101"]', 'the stale one') FROM first;
SELECT is(ops.maintain() -> 'created', '[]', 'nothing left to do');
SELECT is_empty($$SELECT relname FROM pg_class WHERE relispartition AND relnamespace = 'app'::regnamespace AND relkind = 'r'
                  AND NOT (relrowsecurity AND relforcerowsecurity)$$, 'new partitions force RLS');
SELECT is((SELECT count(*) FROM pg_inherits WHERE inhparent = 'app.generation_events'::regclass), 9::bigint, 'yesterday to a week ahead');
SELECT is(jsonb_array_length(ops.maintain(9) -> 'created'), 6, 'further if asked, per table');

-- The current day holds what arrives on either side of midnight UTC
SELECT lives_ok($$SELECT pg_temp.send(jsonb_build_array(jsonb_build_object('p', 'TA', 'id', '1', 't', 1, 'j', 'a', 'at', now())))$$, 'today''s partition is there');

-- Retention
SELECT pg_temp.send(jsonb_build_array(
    jsonb_build_object('p', 'TA', 'id', '2', 't', 5, 'j', 'old done', 'at', now() - interval '401 days', 'hist', 1),
    jsonb_build_object('p', 'TA', 'id', '3', 't', 1, 'j', 'old open', 'at', now() - interval '401 days', 'hist', 1),
    jsonb_build_object('p', 'TA', 'id', '4', 't', 5, 'j', 'new done', 'at', now() - interval '399 days', 'hist', 1)));
SELECT api.reject_events(ARRAY[pg_temp.partner('TA'), pg_temp.partner('TA'), pg_temp.partner('TA')], '{1,1,1}', '{bad,bad,bad}', '{a,a,b}', '{d,d,d}',
                         ARRAY['\x01', '\x01', '\x02']::bytea[]);
SELECT results_eq($$SELECT count FROM app.event_rejects WHERE partner_id = pg_temp.partner('TA') ORDER BY raw$$, '{2,1}'::bigint[], 'rejects: once per content, counted');
SELECT api.reject_events(ARRAY[pg_temp.partner('TA')], '{2}', '{bad}', '{a}', '{d}', ARRAY['\x01']::bytea[]);
SELECT results_eq($$SELECT count FROM app.event_rejects WHERE partner_id = pg_temp.partner('TA') ORDER BY raw$$, '{3,1}'::bigint[], 'and again');
SELECT api.reject_events(ARRAY[pg_temp.partner('TA')], '{2}', '{big}', '{a}', '{d}', ARRAY[convert_to(repeat('x', 20000), 'UTF8')]);
SELECT is((SELECT length(raw) FROM app.event_rejects WHERE partner_id = pg_temp.partner('TA') AND reason = 'big'), 16384, 'and cut');
UPDATE app.event_rejects SET last_seen = now() - interval '36 days' WHERE partner_id = pg_temp.partner('TA') AND raw = '\x02';
UPDATE app.event_dedupe SET received_at = now() - interval '36 days' WHERE partner_id = pg_temp.partner('TA') AND ext_id = '1';
SELECT api.link_create(api.user_create('X', NULL, 'ops', NULL, NULL), sha256('l'), -90000);
SELECT cmp_ok((ops.maintain() ->> 'deleted')::int, '>=', 7, 'rows are deleted');
SELECT results_eq($$SELECT job_key COLLATE "default" FROM app.generation_jobs WHERE partner_id = pg_temp.partner('TA') ORDER BY 1$$,
                  ARRAY['a', 'new done', 'old open'], 'jobs: the old and finished');
SELECT is((SELECT count(*) FROM app.event_rejects WHERE partner_id = pg_temp.partner('TA')), 2::bigint, 'rejects: the unseen');
SELECT is((SELECT count(*) FROM app.event_dedupe WHERE partner_id = pg_temp.partner('TA') AND ext_id = '1'), 0::bigint, 'dedupe: the old');
SELECT is((SELECT count(*) FROM app.event_dedupe WHERE partner_id = pg_temp.partner('TA')), 3::bigint, 'and no more');
SELECT is((SELECT count(*) FROM app.rollup WHERE partner_id = pg_temp.partner('TA') AND grain = 0 AND bucket < app.minute(now()) - 4 * 1440), 0::bigint, 'rollup: minutes of 3 days');
SELECT is((SELECT count(*) FROM app.rollup WHERE partner_id = pg_temp.partner('TA') AND grain = 1 AND bucket < app.minute(now()) / 60 - 24), 1::bigint, 'hours of 400');
SELECT is((SELECT count(*) FROM app.sign_in_links WHERE token_hash = sha256('l')), 0::bigint, 'links: the expired');
SELECT lives_ok($$SELECT api.requests_append('{0}', '{0}', '{/x}', '{401}', '{1}', '{1}', ARRAY[now()])$$, 'requests without a key are logged');
SELECT lives_ok($$SELECT api.requests_append('{0}', '{0}', '{/x}', '{401}', '{1}', '{1}', ARRAY[now() - interval '3 days'])$$, 'a wrong clock breaks nothing');

-- Who calls
SET LOCAL ROLE mh_ingest;
DO $$ BEGIN PERFORM ops.maintain(); END $$;
RESET ROLE;
SELECT pass('ingest''s timer may call it');
SELECT * FROM finish();
ROLLBACK;
