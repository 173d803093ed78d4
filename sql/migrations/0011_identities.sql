-- Who somebody is at an outside identity provider, and the e-mail domains whose people belong to a partner.
SET LOCAL ROLE mh_owner;

CREATE TABLE app.user_identities (
    issuer       text        NOT NULL CHECK (length(issuer) BETWEEN 1 AND 500),
    subject      text        NOT NULL CHECK (length(subject) BETWEEN 1 AND 255),
    user_id      int         NOT NULL REFERENCES app.users ON DELETE CASCADE,
    created_at   timestamptz NOT NULL DEFAULT now(),
    last_used_at timestamptz,
    PRIMARY KEY (issuer, subject),
    UNIQUE (user_id, issuer)
);

-- Tokens that opened a session: each does once. Kept for as long as they are good.
CREATE TABLE app.identity_tokens (
    token_hash bytea       PRIMARY KEY CHECK (length(token_hash) = 32),
    expires_at timestamptz NOT NULL
);
CREATE INDEX identity_tokens_expires ON app.identity_tokens (expires_at);

-- Who comes with an e-mail address in it, verified by the provider, becomes a viewer of the partner.
CREATE TABLE app.partner_domains (
    domain     text        PRIMARY KEY CHECK (domain = lower(domain) AND length(domain) BETWEEN 3 AND 253),
    partner_id int         NOT NULL REFERENCES app.partners,
    created_at timestamptz NOT NULL DEFAULT now(),
    created_by int         REFERENCES app.users
);
CREATE INDEX partner_domains_partner ON app.partner_domains (partner_id);

DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['user_identities', 'identity_tokens', 'partner_domains'] LOOP
        EXECUTE format('ALTER TABLE app.%I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE app.%I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY p_writer ON app.%I TO mh_writer USING (true) WITH CHECK (true)', t);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON app.%I TO mh_writer', t);
    END LOOP;
END
$$;
RESET ROLE;
