-- Partners, people, keys (requirements C1, C2, C10). Small tables, foreign keys everywhere.
SET LOCAL ROLE mh_owner;

-- Opaque public id: prefix and 128 bits, time-ordered (48 bits of ms, 80 random).
CREATE FUNCTION app.public_id(p_prefix text) RETURNS text
LANGUAGE sql VOLATILE PARALLEL SAFE
RETURN p_prefix || '_'
    || lpad(to_hex(floor(date_part('epoch', clock_timestamp()) * 1000)::bigint), 12, '0')
    || right(replace(gen_random_uuid()::text, '-', ''), 20);
REVOKE ALL ON FUNCTION app.public_id(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.public_id(text) TO mh_writer;

-- The partners of the request. '' and not NULL is what a custom setting leaves behind after its
-- transaction, hence nullif.
CREATE FUNCTION authz.partner_ids() RETURNS int[]
LANGUAGE sql STABLE PARALLEL SAFE
RETURN coalesce(nullif(current_setting('app.partner_ids', true), '')::int[], '{}');
REVOKE ALL ON FUNCTION authz.partner_ids() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION authz.partner_ids() TO mh_partner;

-- Binds the rest of this transaction to a user and partners: BEGIN; SET LOCAL ROLE mh_partner;
-- SELECT authz.enter(...); ...; COMMIT.
CREATE FUNCTION authz.enter(p_user text, p_partners int[], p_permissions text[]) RETURNS void
LANGUAGE sql VOLATILE
BEGIN ATOMIC
    SELECT set_config('app.user', coalesce(p_user, ''), true),
           set_config('app.partner_ids', coalesce(p_partners, '{}')::text, true),
           set_config('app.permissions', coalesce(p_permissions, '{}')::text, true);
END;
REVOKE ALL ON FUNCTION authz.enter(text, int[], text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION authz.enter(text, int[], text[])
    TO mh_ingest, mh_partner, mh_staff, mh_staff_finance, mh_auditor;

CREATE TABLE app.partners (
    partner_id int         GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    code       text        NOT NULL UNIQUE CHECK (code ~ '^[A-Z0-9_-]{1,32}$'),
    name       text        NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    status     text        NOT NULL DEFAULT 'active'
               CHECK (status IN ('prospect', 'onboarding', 'active', 'suspended', 'churned')),
    tier       text,
    region     text,
    settings   jsonb       NOT NULL DEFAULT '{}',
    version    int         NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE app.users (
    user_id       int         GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    public_id     text        NOT NULL UNIQUE DEFAULT app.public_id('usr'),
    kind          text        NOT NULL CHECK (kind IN ('staff', 'member')),
    staff_role    text        CHECK (staff_role IN ('owner', 'admin', 'ops', 'support', 'billing', 'viewer')),
    name          text        NOT NULL CHECK (length(name) BETWEEN 1 AND 120),
    email         text,
    status        text        NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'suspended')),
    last_login_at timestamptz,
    version       int         NOT NULL DEFAULT 1,
    created_at    timestamptz NOT NULL DEFAULT now(),
    updated_at    timestamptz NOT NULL DEFAULT now(),
    CHECK ((kind = 'staff') = (staff_role IS NOT NULL))
);
CREATE UNIQUE INDEX users_email ON app.users (lower(email));

CREATE TABLE app.memberships (
    partner_id int         NOT NULL REFERENCES app.partners,
    user_id    int         NOT NULL REFERENCES app.users ON DELETE CASCADE,
    role       text        NOT NULL CHECK (role IN ('admin', 'manager', 'developer', 'viewer')),
    granted_by int         REFERENCES app.users,
    expires_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (partner_id, user_id)
);
CREATE INDEX memberships_user ON app.memberships (user_id);

-- One-time sign-in links. Only the SHA-256 of the token is kept, here and for sessions.
CREATE TABLE app.sign_in_links (
    token_hash bytea       PRIMARY KEY CHECK (length(token_hash) = 32),
    user_id    int         NOT NULL REFERENCES app.users ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    used_at    timestamptz
);
CREATE INDEX sign_in_links_user ON app.sign_in_links (user_id);

CREATE TABLE app.sessions (
    session_hash bytea       PRIMARY KEY CHECK (length(session_hash) = 32),
    public_id    text        NOT NULL UNIQUE DEFAULT app.public_id('ses'),
    user_id      int         NOT NULL REFERENCES app.users ON DELETE CASCADE,
    created_at   timestamptz NOT NULL DEFAULT now(),
    auth_at      timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz NOT NULL,
    revoked_at   timestamptz
);
CREATE INDEX sessions_user ON app.sessions (user_id);

CREATE TABLE app.api_keys (
    key_id        int         GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    partner_id    int         NOT NULL REFERENCES app.partners,
    name          text        NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    public_id     text        NOT NULL UNIQUE CHECK (public_id ~ '^[0-9A-Za-z]{12}$'),
    secret_sha256 bytea       NOT NULL CHECK (length(secret_sha256) = 32),
    scopes        text[]      NOT NULL DEFAULT '{events:write}' CHECK (NOT '*' = ANY (scopes)),
    environment   smallint    NOT NULL DEFAULT 0 CHECK (environment IN (0, 1)),
    rate_limit    int         NOT NULL DEFAULT 0 CHECK (rate_limit >= 0),
    created_at    timestamptz NOT NULL DEFAULT now(),
    expires_at    timestamptz,
    last_used_at  timestamptz,
    rotated_from  int         REFERENCES app.api_keys,
    retiring_at   timestamptz,
    revoked_at    timestamptz,
    revoke_reason text
);
CREATE INDEX api_keys_partner ON app.api_keys (partner_id);

DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['partners', 'users', 'memberships', 'sign_in_links', 'sessions', 'api_keys']
    LOOP
        EXECUTE format('ALTER TABLE app.%I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE app.%I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY p_writer ON app.%I TO mh_writer USING (true) WITH CHECK (true)', t);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON app.%I TO mh_writer', t);
    END LOOP;
    -- Who sees every partner: separate roles and policies, no OR with a helper (a seq scan).
    FOREACH t IN ARRAY ARRAY['partners', 'users', 'memberships', 'api_keys'] LOOP
        EXECUTE format('CREATE POLICY p_staff ON app.%I FOR SELECT TO mh_staff, mh_staff_finance,'
                       ' mh_auditor USING (true)', t);
    END LOOP;
    FOREACH t IN ARRAY ARRAY['partners', 'memberships', 'api_keys'] LOOP
        EXECUTE format('CREATE POLICY p_partner ON app.%I FOR SELECT TO mh_partner'
                       ' USING (partner_id = ANY ((SELECT authz.partner_ids())::int[]))', t);
    END LOOP;
END
$$;
CREATE POLICY p_reader ON app.partners FOR SELECT TO mh_reader USING (true);
GRANT SELECT ON app.partners TO mh_reader;

-- Columns by field class: nobody gets a hash (F4), e-mail (F3) is for staff.
GRANT SELECT (partner_id, code, name, status, tier, region) ON app.partners
    TO mh_partner, mh_staff, mh_staff_finance, mh_auditor;
GRANT SELECT (user_id, public_id, kind, staff_role, name, status, last_login_at, created_at) ON app.users
    TO mh_staff, mh_staff_finance, mh_auditor;
GRANT SELECT (email) ON app.users TO mh_staff;
GRANT SELECT ON app.memberships TO mh_partner, mh_staff, mh_staff_finance, mh_auditor;
GRANT SELECT (key_id, partner_id, name, public_id, scopes, environment, rate_limit, created_at, expires_at,
              last_used_at, rotated_from, retiring_at, revoked_at, revoke_reason) ON app.api_keys
    TO mh_partner, mh_staff, mh_auditor;

RESET ROLE;
