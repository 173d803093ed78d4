-- Channel heads and log: the outbox and the catch-up of everything live (requirements C4).
SET LOCAL ROLE mh_owner;

-- seq is taken by updating this row inside the writing transaction: the row lock is held to commit, so
-- that seq is gapless and in commit order per channel, which no sequence or identity column is.
CREATE TABLE app.channel_head (
    channel    text COLLATE "C" PRIMARY KEY,
    partner_id int    UNIQUE REFERENCES app.partners,
    epoch      text   NOT NULL DEFAULT left(replace(gen_random_uuid()::text, '-', ''), 8),
    seq        bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 10);
INSERT INTO app.channel_head (channel) VALUES ('feed:platform');

-- A row has a place in its own channel and, if it is a partner's feed, in the platform's.
CREATE TABLE app.channel_log (
    seq          bigint      NOT NULL,
    platform_seq bigint,
    created_at   timestamptz NOT NULL,
    channel      text COLLATE "C" NOT NULL,
    payload      text        NOT NULL,
    PRIMARY KEY (channel, seq, created_at)
) PARTITION BY RANGE (created_at);
CREATE INDEX channel_log_platform ON app.channel_log (platform_seq) WHERE platform_seq IS NOT NULL;

DO $$
BEGIN
    ALTER TABLE app.channel_log ALTER COLUMN payload SET COMPRESSION lz4;
    ALTER TABLE app.generation_events ALTER COLUMN data SET COMPRESSION lz4;
EXCEPTION WHEN feature_not_supported THEN
    NULL; -- a server built without lz4 compresses with pglz
END
$$;

DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['channel_head', 'channel_log'] LOOP
        EXECUTE format('ALTER TABLE app.%I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE app.%I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY p_writer ON app.%I TO mh_writer USING (true) WITH CHECK (true)', t);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON app.%I TO mh_writer', t);
        EXECUTE format('CREATE POLICY p_reader ON app.%I FOR SELECT TO mh_reader USING (true)', t);
        EXECUTE format('GRANT SELECT ON app.%I TO mh_reader', t);
    END LOOP;
END
$$;

RESET ROLE;
