-- API keys: seats, when one last changed, and what its partner may read of it (requirements C10).
SET LOCAL ROLE mh_owner;

ALTER TABLE app.api_keys
    ADD COLUMN seats      int         NOT NULL DEFAULT 0 CHECK (seats >= 0), -- rows of api_key_seats
    ADD COLUMN updated_at timestamptz NOT NULL DEFAULT now();                -- use does not count
-- Every ingest asks twice a second.
CREATE INDEX api_keys_updated ON app.api_keys (updated_at);

-- However the change came about: over HTTP, by metricsctl, by hand. Use changes other columns.
CREATE FUNCTION app.on_key_changed() RETURNS trigger
LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    NEW.version := OLD.version + 1;
    NEW.updated_at := clock_timestamp();
    RETURN NEW;
END
$$;
REVOKE ALL ON FUNCTION app.on_key_changed() FROM PUBLIC;
CREATE TRIGGER key_changed BEFORE UPDATE OF partner_id, name, secret_sha256, scopes, environment, rate_limit,
    max_seats, ip_allow, expires_at, retiring_at, revoked_at ON app.api_keys
    FOR EACH ROW EXECUTE FUNCTION app.on_key_changed();

GRANT SELECT (created_by, max_seats, seats, requests, events, version, ip_allow, updated_at) ON app.api_keys
    TO mh_partner, mh_staff, mh_auditor;
GRANT USAGE ON SCHEMA api TO mh_partner, mh_staff;
RESET ROLE;
