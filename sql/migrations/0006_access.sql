-- Who may do what: passwords, invitations, custom roles, key limits, routes, audit (requirements C1, C10).
SET LOCAL ROLE mh_owner;

-- ---- Roles -----------------------------------------------------------------------------------------

-- Filled at each migrate from shared/access/permissions.tsv.
CREATE TABLE app.permissions (
    permission text PRIMARY KEY
);
CREATE TABLE app.role_permissions (
    role       text NOT NULL CHECK (role ~ '^(staff|partner)\.[a-z]+$'),
    permission text NOT NULL,
    PRIMARY KEY (role, permission)
);

-- A named set of permissions, no larger than its maker's; of staff, or of one partner.
CREATE TABLE app.custom_roles (
    custom_role_id int         GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    partner_id     int         REFERENCES app.partners, -- NULL: of staff
    created_by     int         REFERENCES app.users,
    version        int         NOT NULL DEFAULT 1,
    public_id      text        NOT NULL UNIQUE DEFAULT app.public_id('rol'),
    -- What it counts as wherever only the built-in roles are known: field classes, threads.
    base_role      text        NOT NULL,
    name           text        NOT NULL CHECK (length(name) BETWEEN 1 AND 80),
    permissions    text[]      NOT NULL CHECK (cardinality(permissions) <= 100),
    created_at     timestamptz NOT NULL DEFAULT now(),
    updated_at     timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX custom_roles_name ON app.custom_roles (coalesce(partner_id, 0), lower(name));
CREATE INDEX custom_roles_partner ON app.custom_roles (partner_id);

-- ---- People ----------------------------------------------------------------------------------------

ALTER TABLE app.users
    ADD COLUMN custom_role_id   int  REFERENCES app.custom_roles, -- of staff; narrows staff_role
    ADD COLUMN password_hash    text,                             -- Argon2id (F4)
    ADD COLUMN totp_secret      bytea,                            -- F4
    ADD COLUMN totp_enabled_at  timestamptz,
    ADD COLUMN totp_last_step   bigint,                           -- a code is good once
    ADD COLUMN suspended_reason text CHECK (length(suspended_reason) <= 500),
    ADD COLUMN notes            text CHECK (length(notes) <= 2000),
    ADD COLUMN erased_at        timestamptz;
ALTER TABLE app.memberships ADD COLUMN custom_role_id int REFERENCES app.custom_roles;

ALTER TABLE app.sessions
    ADD COLUMN impersonator_id int  REFERENCES app.users, -- whose eyes look through user_id's
    ADD COLUMN ip              inet,                      -- F3
    ADD COLUMN user_agent      text CHECK (length(user_agent) <= 300), -- F3
    ADD COLUMN reason          text CHECK (length(reason) <= 500),     -- of an impersonation
    ADD COLUMN last_seen_at    timestamptz;
CREATE INDEX sessions_impersonator ON app.sessions (impersonator_id) WHERE impersonator_id IS NOT NULL;

-- Only the token's SHA-256 is kept. One open invitation per address and place.
CREATE TABLE app.invitations (
    token_hash  bytea       PRIMARY KEY CHECK (length(token_hash) = 32),
    public_id   text        NOT NULL UNIQUE DEFAULT app.public_id('inv'),
    partner_id  int         REFERENCES app.partners, -- NULL: of staff
    invited_by  int         REFERENCES app.users,
    user_id     int         REFERENCES app.users,    -- who accepted it
    email       text        NOT NULL CHECK (length(email) <= 254),
    name        text        NOT NULL CHECK (length(name) BETWEEN 1 AND 120),
    role        text        NOT NULL,                -- as in users.staff_role or memberships.role
    created_at  timestamptz NOT NULL DEFAULT now(),
    expires_at  timestamptz NOT NULL,
    accepted_at timestamptz,
    revoked_at  timestamptz
);
CREATE INDEX invitations_partner ON app.invitations (partner_id);

-- The last active owner stays, whoever tries and however: checked when the transaction ends.
CREATE FUNCTION app.on_owner_changed() RETURNS trigger
LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    PERFORM pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended('metrics-hub.owners', 0));
    IF NOT EXISTS (SELECT FROM app.users u WHERE u.staff_role = 'owner' AND u.status = 'active') THEN
        RAISE EXCEPTION USING ERRCODE = 'MH409', MESSAGE = 'last_owner',
            DETAIL = 'somebody must stay owner: make another one first';
    END IF;
    RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION app.on_owner_changed() FROM PUBLIC;
CREATE CONSTRAINT TRIGGER users_last_owner AFTER UPDATE OR DELETE ON app.users
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (OLD.staff_role = 'owner' AND OLD.status = 'active') EXECUTE FUNCTION app.on_owner_changed();

-- ---- Keys ------------------------------------------------------------------------------------------

ALTER TABLE app.api_keys
    ADD COLUMN created_by int    REFERENCES app.users,
    ADD COLUMN max_seats  int    CHECK (max_seats > 0), -- distinct end users that may be seen with it
    ADD COLUMN requests   bigint NOT NULL DEFAULT 0,
    ADD COLUMN events     bigint NOT NULL DEFAULT 0,
    ADD COLUMN version    int    NOT NULL DEFAULT 1,
    ADD COLUMN ip_allow   cidr[] NOT NULL DEFAULT '{}' CHECK (cardinality(ip_allow) <= 50);
CREATE TABLE app.api_key_seats (
    key_id     int         NOT NULL REFERENCES app.api_keys,
    seat_hash  bytea       NOT NULL CHECK (length(seat_hash) = 32), -- SHA-256 of the end user
    first_seen timestamptz NOT NULL DEFAULT now(),
    last_seen  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (key_id, seat_hash)
);

-- ---- Audit -----------------------------------------------------------------------------------------

-- One chain per month. `canonical` is the text that was hashed: jsonb's own may differ in another
-- version of Postgres. hash = SHA-256(prev_hash || canonical).
CREATE TABLE app.audit_head (
    chain date   PRIMARY KEY,
    seq   bigint NOT NULL,
    hash  bytea  NOT NULL
);
CREATE TABLE app.audit_log (
    chain        date        NOT NULL,
    seq          bigint      NOT NULL,
    at           timestamptz NOT NULL,
    partner_id   int,
    actor_id     int,          -- NULL: the operator at the command line, or the service itself
    on_behalf_of int,          -- whom the actor impersonates
    outcome      text        NOT NULL CHECK (outcome IN ('done', 'denied')),
    action       text        NOT NULL,
    target_type  text,
    target_id    text,
    before       jsonb,
    after        jsonb,
    request_id   text,
    ip           inet,         -- F3
    canonical    text        NOT NULL,
    prev_hash    bytea       NOT NULL,
    hash         bytea       NOT NULL,
    PRIMARY KEY (chain, seq)
);
CREATE INDEX audit_log_partner ON app.audit_log (partner_id, chain, seq);
CREATE INDEX audit_log_target ON app.audit_log (target_id, chain, seq);
CREATE INDEX audit_log_actor ON app.audit_log (actor_id, chain, seq);
-- A chain cannot see that its own tail was cut off, so its head is written down elsewhere now and then.
CREATE TABLE app.audit_anchor (
    at    timestamptz NOT NULL DEFAULT now(),
    seq   bigint      NOT NULL,
    chain date        NOT NULL,
    hash  bytea       NOT NULL,
    PRIMARY KEY (chain, seq)
);
CREATE FUNCTION app.refuse_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END
$$;
REVOKE ALL ON FUNCTION app.refuse_change() FROM PUBLIC;

-- ---- Routes ----------------------------------------------------------------------------------------

-- What a signed-in person may ask of ingest; filled at each migrate, one row per function of schema
-- `route`. The one place where a route gets its permission.
CREATE TABLE app.routes (
    name       text    PRIMARY KEY,
    method     text    NOT NULL CHECK (method IN ('GET', 'POST', 'PUT', 'PATCH', 'DELETE')),
    path       text    NOT NULL, -- {} stands for the target
    permission text,             -- NULL: whoever is signed in
    scope      text    NOT NULL DEFAULT 'any' CHECK (scope IN ('any', 'staff', 'partner')),
    mutates    boolean NOT NULL,
    step_up    boolean NOT NULL DEFAULT false, -- signed in at most 5 minutes ago
    UNIQUE (method, path)
);

DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['permissions', 'role_permissions', 'custom_roles', 'invitations', 'api_key_seats',
                             'audit_head', 'audit_log', 'audit_anchor', 'routes']
    LOOP
        EXECUTE format('ALTER TABLE app.%I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE app.%I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY p_writer ON app.%I TO mh_writer USING (true) WITH CHECK (true)', t);
        EXECUTE format('GRANT SELECT, INSERT ON app.%I TO mh_writer', t);
    END LOOP;
    FOREACH t IN ARRAY ARRAY['permissions', 'role_permissions', 'custom_roles', 'invitations', 'api_key_seats',
                             'audit_head', 'routes']
    LOOP
        EXECUTE format('GRANT UPDATE, DELETE ON app.%I TO mh_writer', t);
    END LOOP;
    FOREACH t IN ARRAY ARRAY['audit_log', 'audit_anchor'] LOOP
        EXECUTE format('CREATE TRIGGER %I BEFORE UPDATE OR DELETE OR TRUNCATE ON app.%I'
                       ' FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_change()', t || '_append_only', t);
    END LOOP;
END
$$;

CREATE POLICY p_reader ON app.custom_roles FOR SELECT TO mh_reader USING (true);
CREATE POLICY p_reader ON app.role_permissions FOR SELECT TO mh_reader USING (true);
CREATE POLICY p_reader ON app.sessions FOR SELECT TO mh_reader USING (true);
GRANT SELECT ON app.custom_roles, app.role_permissions TO mh_reader;
GRANT SELECT (public_id, user_id, created_at, auth_at, expires_at, revoked_at, impersonator_id) ON app.sessions
    TO mh_reader;
GRANT SELECT (custom_role_id, name) ON app.users TO mh_reader;
RESET ROLE;

-- Logs of their own: what changed in whose access, and the trail.
SET LOCAL ROLE mh_writer;
INSERT INTO app.channel_head (channel) VALUES ('ctl:authz'), ('audit:platform');
RESET ROLE;
