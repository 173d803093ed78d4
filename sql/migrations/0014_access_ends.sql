-- What ends by its time, and is noticed on open sockets (ops.access_expire).
SET LOCAL ROLE mh_owner;

-- The expires_at that the hubs and the trail were told of, so that another one counts anew.
ALTER TABLE app.memberships ADD COLUMN expired_at timestamptz;
CREATE INDEX memberships_expiry ON app.memberships (expires_at)
    WHERE expires_at IS NOT NULL AND expired_at IS DISTINCT FROM expires_at;
-- One that has ended by its time was revoked at that time.
CREATE INDEX sessions_expiry ON app.sessions (expires_at) WHERE revoked_at IS NULL;

-- Triggers per statement take their place (sql/functions/0600_access.sql).
DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['users', 'partners', 'custom_roles', 'memberships', 'sessions'] LOOP
        EXECUTE format('DROP TRIGGER IF EXISTS access_changed ON app.%I', t);
    END LOOP;
END
$$;
DROP TRIGGER members_changed ON app.memberships;
-- Gone from the functions.
DROP FUNCTION IF EXISTS app.import_row(jsonb);
RESET ROLE;
