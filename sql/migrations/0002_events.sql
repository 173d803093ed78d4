-- Events, jobs, end users, publications, rejects (requirements C3). No foreign keys here: this is the
-- hot path, and ingest only knows partners from api_keys, which has one.
SET LOCAL ROLE mh_owner;

-- CloudEvents sources, so that the ledger and the events hold 4 bytes instead of a URI.
CREATE TABLE app.sources (
    partner_id int  NOT NULL,
    source     text COLLATE "C" NOT NULL,
    source_id  int  GENERATED ALWAYS AS IDENTITY,
    PRIMARY KEY (partner_id, source)
);

-- Partitioned by arrival: inserts always hit the newest partition, a backfill of old events cannot
-- miss its partition, and retention is a DROP. Questions by event time go to jobs and rollups.
-- One step per batch: an id is step * 65536 + place in the batch.
CREATE SEQUENCE app.event_id_seq;
CREATE TABLE app.generation_events (
    partner_id  int         NOT NULL,
    event_id    bigint      NOT NULL,
    source_id   int         NOT NULL,
    api_key_id  int,
    occurred_at timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    environment smallint    NOT NULL,
    type        smallint    NOT NULL,
    attempt     smallint    NOT NULL,
    late        boolean     NOT NULL,
    clamped     boolean     NOT NULL,
    historical  boolean     NOT NULL,
    ext_id      text COLLATE "C" NOT NULL,
    job_key     text COLLATE "C",
    data        jsonb,
    PRIMARY KEY (partner_id, received_at, event_id)
) PARTITION BY RANGE (received_at);
CREATE INDEX generation_events_job ON app.generation_events (partner_id, job_key) WHERE job_key IS NOT NULL;

-- A unique key of a partitioned table must hold the partition key, hence a ledger of its own.
CREATE TABLE app.event_dedupe (
    partner_id     int         NOT NULL,
    source_id      int         NOT NULL,
    received_at    timestamptz NOT NULL,
    ext_id         text COLLATE "C" NOT NULL,
    payload_sha256 bytea       NOT NULL,
    PRIMARY KEY (partner_id, source_id, ext_id)
) PARTITION BY HASH (partner_id);
-- For the sweep. Rows arrive in this order and a batch shares the value, so it stays small and hot; a
-- BRIN costs more per insert before PostgreSQL 17, which opens its map once per row.
CREATE INDEX event_dedupe_received ON app.event_dedupe (received_at);

-- One row per job: what the fold must remember (see functions/ingest_events.sql) and what follows
-- from it. No column tells of the order or the time of arrival, so that any permutation, duplication
-- and batching of a job's events ends in the same row.
CREATE TABLE app.generation_jobs (
    partner_id         int         NOT NULL,
    -- derived
    requested_at       timestamptz,
    terminal_at        timestamptz,
    closed_at          timestamptz,
    -- remembered, whole job
    first_seen_at      timestamptz,
    requested_event_at timestamptz,
    first_started_at   timestamptz,
    published_at       timestamptz,
    last_event_at      timestamptz NOT NULL,
    -- remembered, newest attempt
    queued_at          timestamptz,
    started_at         timestamptz,
    completed_at       timestamptz,
    failed_at          timestamptz,
    cancelled_at       timestamptz,
    -- derived
    duration_ms        bigint,
    queue_ms           bigint,
    -- remembered, whole job: the largest seen (a producer reports running totals)
    tokens             bigint,
    cost_micros        bigint,
    units              int,
    environment        smallint    NOT NULL CHECK (environment IN (0, 1)),
    attempt            smallint    NOT NULL,
    phase              smallint    NOT NULL,
    state              smallint    NOT NULL CHECK (state BETWEEN 0 AND 6),
    progress           smallint,
    job_key            text COLLATE "C" NOT NULL,
    model              text COLLATE "C",
    entrypoint         text COLLATE "C",
    project            text COLLATE "C",
    end_user           text COLLATE "C",
    error_class        text COLLATE "C",
    error_message      text COLLATE "C",
    prompt             text COLLATE "C",
    asset_url          text COLLATE "C",
    PRIMARY KEY (partner_id, environment, job_key)
) PARTITION BY HASH (partner_id);
-- For the snapshots: a job is in the one index or in the other. closed_at is the greatest of a finished
-- job's times, so that whatever happened since T is in the open ones and in those closed since T. An
-- index per time would cost a third of the whole ingest: this way all updates of a job's life but the
-- last are heap-only.
CREATE INDEX generation_jobs_open ON app.generation_jobs (partner_id, requested_at)
    WHERE environment = 0 AND closed_at IS NULL;
CREATE INDEX generation_jobs_closed ON app.generation_jobs (partner_id, closed_at)
    WHERE environment = 0 AND closed_at IS NOT NULL;
CREATE INDEX generation_jobs_published ON app.generation_jobs (partner_id, published_at)
    WHERE environment = 0 AND published_at IS NOT NULL;

DO $$
BEGIN
    FOR i IN 0..15 LOOP
        EXECUTE format('CREATE TABLE app.event_dedupe_p%s PARTITION OF app.event_dedupe'
                       ' FOR VALUES WITH (MODULUS 16, REMAINDER %s)', lpad(i::text, 2, '0'), i);
    END LOOP;
    FOR i IN 0..3 LOOP
        EXECUTE format('CREATE TABLE app.generation_jobs_p%s PARTITION OF app.generation_jobs'
                       ' FOR VALUES WITH (MODULUS 4, REMAINDER %s) WITH (fillfactor = 50)', i, i);
    END LOOP;
END
$$;

-- Who was seen when, live environment only. To the minute: the windows need no more, and a user's
-- second event of a minute then writes nothing.
CREATE TABLE app.end_users (
    partner_id   int         NOT NULL,
    external_id  text COLLATE "C" NOT NULL,
    last_seen_at timestamptz NOT NULL,
    PRIMARY KEY (partner_id, external_id)
) WITH (fillfactor = 80);

CREATE TABLE app.lms_publications (
    partner_id   int         NOT NULL,
    environment  smallint    NOT NULL,
    job_key      text COLLATE "C" NOT NULL,
    lms          text COLLATE "C" NOT NULL,
    external_id  text COLLATE "C",
    state        text        GENERATED ALWAYS AS (CASE WHEN published_at IS NOT NULL THEN 'published'
                                                       WHEN failed_at IS NOT NULL THEN 'failed'
                                                       ELSE 'requested' END) STORED,
    requested_at timestamptz,
    published_at timestamptz,
    failed_at    timestamptz,
    error_class  text COLLATE "C",
    PRIMARY KEY (partner_id, environment, job_key, lms)
);

-- Nothing is silently lost: what was refused is kept once per content, with a count.
CREATE TABLE app.event_rejects (
    partner_id int         NOT NULL,
    reason     text        NOT NULL,
    raw_sha256 bytea       NOT NULL,
    api_key_id int,
    field      text,
    detail     text,
    raw        bytea       NOT NULL CHECK (length(raw) <= 16384),
    first_seen timestamptz NOT NULL,
    last_seen  timestamptz NOT NULL,
    count      bigint      NOT NULL DEFAULT 1,
    PRIMARY KEY (partner_id, reason, raw_sha256)
);
CREATE INDEX event_rejects_seen ON app.event_rejects (last_seen);

CREATE TABLE app.api_requests (
    partner_id int,
    at         timestamptz NOT NULL,
    api_key_id int,
    latency_us int         NOT NULL,
    bytes      int         NOT NULL,
    status     smallint    NOT NULL,
    route      text        NOT NULL
) PARTITION BY RANGE (at);
CREATE INDEX api_requests_partner ON app.api_requests (partner_id, at);

-- One row per partner, grain and bucket: the counters and both DDSketches (C5) together, so that a
-- batch costs one upsert per bucket it touches, not one per metric and bin. The bins are two parallel
-- arrays; the same bin may stand in them several times (an append is cheaper than a merge, readers
-- sum), and functions/rollup_bins.sql folds them when they grow. Minute rows live 3 days and carry the
-- windows up to 24 h, hour rows the rest; days are sums of hours, so they are not stored.
-- bucket = epoch seconds / 60 or / 3600. users = end users whose last sign of life is in the bucket.
CREATE TABLE app.rollup (
    partner_id  int      NOT NULL,
    bucket      int      NOT NULL,
    grain       smallint NOT NULL CHECK (grain IN (0, 1)),
    requested   int      NOT NULL,
    completed   int      NOT NULL,
    failed      int      NOT NULL,
    cancelled   int      NOT NULL,
    retried     int      NOT NULL,
    published   int      NOT NULL,
    started     int      NOT NULL,
    users       int      NOT NULL,
    tokens      bigint   NOT NULL,
    units       bigint   NOT NULL,
    cost_micros bigint   NOT NULL,
    d_bin       smallint[] NOT NULL,
    d_n         int[]    NOT NULL,
    q_bin       smallint[] NOT NULL,
    q_n         int[]    NOT NULL,
    PRIMARY KEY (partner_id, grain, bucket)
-- Inline and uncompressed up to a whole page: the row is rewritten at each batch.
) WITH (fillfactor = 50, toast_tuple_target = 8160, autovacuum_vacuum_scale_factor = 0.05);

DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['sources', 'generation_events', 'event_dedupe', 'generation_jobs', 'end_users',
                             'lms_publications', 'event_rejects', 'api_requests', 'rollup']
    LOOP
        EXECUTE format('ALTER TABLE app.%I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE app.%I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY p_writer ON app.%I TO mh_writer USING (true) WITH CHECK (true)', t);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON app.%I TO mh_writer', t);
    END LOOP;
    FOREACH t IN ARRAY ARRAY['generation_jobs', 'end_users', 'rollup'] LOOP
        EXECUTE format('CREATE POLICY p_reader ON app.%I FOR SELECT TO mh_reader USING (true)', t);
        EXECUTE format('GRANT SELECT ON app.%I TO mh_reader', t);
    END LOOP;
    FOREACH t IN ARRAY ARRAY['generation_events', 'generation_jobs', 'lms_publications', 'event_rejects',
                             'api_requests', 'rollup', 'end_users']
    LOOP
        EXECUTE format('CREATE POLICY p_staff ON app.%I FOR SELECT TO mh_staff, mh_staff_finance,'
                       ' mh_auditor USING (true)', t);
        EXECUTE format('CREATE POLICY p_partner ON app.%I FOR SELECT TO mh_partner'
                       ' USING (partner_id = ANY ((SELECT authz.partner_ids())::int[]))', t);
    END LOOP;
    -- The parent's policies are not applied to a query of a partition, so nobody is granted one, and
    -- it is closed by a policy-less FORCE as well.
    FOR t IN SELECT relname FROM pg_catalog.pg_class
             WHERE relnamespace = 'app'::regnamespace AND relispartition AND relkind = 'r'
    LOOP
        EXECUTE format('ALTER TABLE app.%I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE app.%I FORCE ROW LEVEL SECURITY', t);
    END LOOP;
END
$$;
GRANT USAGE ON SEQUENCE app.event_id_seq TO mh_writer;

-- Columns by field class: F0 and F1 for the partner, cost (F2) for finance, end users (F3) for staff.
GRANT SELECT (partner_id, environment, job_key, attempt, state, requested_at, queued_at, started_at,
              first_started_at, completed_at, failed_at, cancelled_at, terminal_at, published_at,
              last_event_at, duration_ms, queue_ms, progress, tokens, units, model, entrypoint, project,
              error_class)
    ON app.generation_jobs TO mh_partner, mh_staff, mh_staff_finance, mh_auditor;
GRANT SELECT (error_message, prompt, asset_url) ON app.generation_jobs TO mh_partner, mh_staff;
GRANT SELECT (end_user) ON app.generation_jobs TO mh_staff;
GRANT SELECT (cost_micros) ON app.generation_jobs TO mh_staff_finance;
GRANT SELECT (partner_id, event_id, source_id, api_key_id, occurred_at, received_at, environment, type,
              attempt, late, clamped, historical, ext_id, job_key)
    ON app.generation_events TO mh_partner, mh_staff, mh_staff_finance, mh_auditor;
GRANT SELECT (partner_id, bucket, grain, requested, completed, failed, cancelled, retried, published,
              started, users, tokens, units, d_bin, d_n, q_bin, q_n)
    ON app.rollup TO mh_partner, mh_staff, mh_staff_finance, mh_auditor;
GRANT SELECT (cost_micros) ON app.rollup TO mh_staff_finance;
GRANT SELECT ON app.lms_publications TO mh_partner, mh_staff, mh_auditor;
GRANT SELECT ON app.event_rejects TO mh_partner, mh_staff;
GRANT SELECT ON app.api_requests TO mh_partner, mh_staff, mh_auditor;
GRANT SELECT (partner_id, external_id, last_seen_at) ON app.end_users TO mh_staff;
GRANT SELECT (partner_id, last_seen_at) ON app.end_users TO mh_partner;

RESET ROLE;
