-- What operators set for everybody (requirements C10): feature flags and model configurations.
SET LOCAL ROLE mh_owner;

-- A flag is there because something asks for it, so flags come with migrations; people only set them.
CREATE TABLE app.feature_flags (
    key         text        PRIMARY KEY CHECK (key ~ '^[a-z][a-z0-9_]{0,63}$'),
    description text        NOT NULL CHECK (length(description) BETWEEN 1 AND 300),
    enabled     boolean     NOT NULL DEFAULT true,
    rollout_pct smallint    NOT NULL DEFAULT 100 CHECK (rollout_pct BETWEEN 0 AND 100), -- of the partners
    -- Decides, with key and code, which partners come first.
    salt        text        NOT NULL DEFAULT md5(gen_random_uuid()::text) CHECK (salt ~ '^[0-9a-f]{32}$'),
    updated_at  timestamptz NOT NULL DEFAULT now(),
    updated_by  int         REFERENCES app.users
);

CREATE TABLE app.model_configs (
    model_id        text           PRIMARY KEY CHECK (model_id ~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$'), -- as in events
    name            text           NOT NULL CHECK (length(name) BETWEEN 1 AND 120),
    kind            text           NOT NULL CHECK (kind IN ('image', 'video', 'stt', 'tts', 'llm')),
    enabled         boolean        NOT NULL DEFAULT true,
    price           numeric(20, 6) CHECK (price BETWEEN 0 AND 1000000), -- of a unit, as `cost` is counted (F2)
    -- Whoever generates keeps to these; NULL: no limit.
    max_duration_ms bigint         CHECK (max_duration_ms BETWEEN 1 AND 86400000), -- of one generation
    max_concurrent  int            CHECK (max_concurrent BETWEEN 1 AND 100000),    -- generations at a time
    version         int            NOT NULL DEFAULT 1,
    updated_at      timestamptz    NOT NULL DEFAULT now(),
    updated_by      int            REFERENCES app.users
);

DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['feature_flags', 'model_configs'] LOOP
        EXECUTE format('ALTER TABLE app.%I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE app.%I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY p_writer ON app.%I TO mh_writer USING (true) WITH CHECK (true)', t);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE ON app.%I TO mh_writer', t);
    END LOOP;
END
$$;
CREATE POLICY p_partner ON app.model_configs FOR SELECT TO mh_partner USING (true);
CREATE POLICY p_staff ON app.model_configs FOR SELECT TO mh_staff USING (true);
GRANT SELECT (model_id, name, kind, enabled, max_duration_ms, max_concurrent) ON app.model_configs TO mh_partner;
GRANT SELECT (model_id, name, kind, enabled, max_duration_ms, max_concurrent, version, updated_at, updated_by)
    ON app.model_configs TO mh_staff;
RESET ROLE;

SET LOCAL ROLE mh_writer;
INSERT INTO app.channel_head (channel) VALUES ('system');
INSERT INTO app.feature_flags (key, description) VALUES
    ('partner_dashboard', 'A partner''s people see its live dashboard.'),
    ('team_page', 'A partner''s people see who belongs to it, and its admins manage them.'),
    ('api_keys_page', 'A partner''s people see its API keys, and its developers make them.'),
    ('roles_page', 'A partner''s admins see its roles and make custom ones.'),
    ('audit_page', 'A partner''s admins read its audit trail.');
RESET ROLE;
