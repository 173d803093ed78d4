-- Roles, schemas and the migration ledger. Applied first at every migrate, so everything here can run
-- again. No passwords: `metricsctl login-role` sets those of the two login roles.
--
--   mh_owner          owns schemas and tables. Has no policy: with FORCE it cannot read a row.
--   mh_writer         owns the definer functions that write (ingest, sessions, administration)
--   mh_reader         owns the definer functions with which the hub reads
--   mh_ingest, mh_hub log in. They may execute their functions, and touch no table.
--   mh_partner, mh_staff, mh_staff_finance, mh_auditor
--                     rows and columns of an API request: SET LOCAL ROLE, then authz.enter()
--   mh_admin          executes what metricsctl needs

DO $$
DECLARE
    wanted text;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['mh_owner', 'mh_writer', 'mh_reader', 'mh_partner', 'mh_staff',
                                  'mh_staff_finance', 'mh_auditor', 'mh_admin']
    LOOP
        IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = wanted) THEN
            EXECUTE format('CREATE ROLE %I NOLOGIN NOINHERIT', wanted);
        END IF;
    END LOOP;
    FOREACH wanted IN ARRAY ARRAY['mh_ingest', 'mh_hub'] LOOP
        IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = wanted) THEN
            EXECUTE format('CREATE ROLE %I LOGIN NOINHERIT', wanted);
        END IF;
    END LOOP;
    -- A migrator without superuser rights must be a member of what it hands objects to.
    IF NOT (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user) THEN
        EXECUTE format('GRANT mh_owner, mh_writer, mh_reader, mh_partner, mh_staff, mh_admin TO %I', current_user);
    END IF;
END
$$;

GRANT mh_partner, mh_staff, mh_staff_finance, mh_auditor TO mh_ingest;

CREATE SCHEMA IF NOT EXISTS app AUTHORIZATION mh_owner;
CREATE SCHEMA IF NOT EXISTS authz AUTHORIZATION mh_owner;
CREATE SCHEMA IF NOT EXISTS api AUTHORIZATION mh_owner;
CREATE SCHEMA IF NOT EXISTS ops AUTHORIZATION mh_owner;
CREATE SCHEMA IF NOT EXISTS route AUTHORIZATION mh_owner;

REVOKE ALL ON SCHEMA app, authz, api, ops, route FROM PUBLIC;
GRANT USAGE ON SCHEMA app TO mh_writer, mh_reader, mh_partner, mh_staff, mh_staff_finance, mh_auditor;
GRANT USAGE ON SCHEMA authz TO mh_writer, mh_reader, mh_ingest, mh_partner, mh_staff,
    mh_staff_finance, mh_auditor;
GRANT USAGE ON SCHEMA api TO mh_writer, mh_reader, mh_ingest, mh_hub, mh_admin;
GRANT USAGE ON SCHEMA ops TO mh_writer, mh_ingest, mh_hub, mh_admin;
-- Who owns a function needs CREATE where it lives (asked of a migrator that is no superuser).
GRANT CREATE ON SCHEMA api TO mh_writer, mh_reader;
GRANT CREATE ON SCHEMA ops TO mh_writer;
GRANT USAGE, CREATE ON SCHEMA route TO mh_writer, mh_partner, mh_staff, mh_staff_finance, mh_auditor;

CREATE TABLE IF NOT EXISTS ops.schema_migrations (
    version    int         PRIMARY KEY,
    name       text        NOT NULL,
    sha256     text        NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    applied_at timestamptz NOT NULL DEFAULT now()
);
ALTER TABLE ops.schema_migrations OWNER TO mh_owner;
ALTER TABLE ops.schema_migrations ENABLE ROW LEVEL SECURITY;
ALTER TABLE ops.schema_migrations FORCE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS p_admin ON ops.schema_migrations;
CREATE POLICY p_admin ON ops.schema_migrations TO mh_admin USING (true) WITH CHECK (true);
GRANT SELECT, INSERT ON ops.schema_migrations TO mh_admin;
