-- Token wallets: one per partner, an append-only ledger, and grants that a second person must approve
-- (requirements C10).
SET LOCAL ROLE mh_owner;

-- What one person may do alone; changed by hand.
CREATE TABLE ops.limits (
    what text   PRIMARY KEY,
    most bigint NOT NULL CHECK (most >= 0)
);
INSERT INTO ops.limits VALUES ('wallet_grant', 1000000); -- tokens

-- `balance` is the sum of the entries; whoever writes one holds the row locked. Up to 10^15 a number is
-- exact in any JSON.
CREATE TABLE app.wallets (
    partner_id int         PRIMARY KEY REFERENCES app.partners ON DELETE CASCADE,
    balance    bigint      NOT NULL DEFAULT 0 CHECK (balance BETWEEN 0 AND 1000000000000000),
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE app.wallet_entries (
    entry_id        bigint      GENERATED ALWAYS AS IDENTITY,
    partner_id      int         NOT NULL REFERENCES app.wallets,
    amount          bigint      NOT NULL CHECK (amount <> 0),
    balance_after   bigint      NOT NULL CHECK (balance_after >= 0),
    actor_id        int         NOT NULL REFERENCES app.users,
    approved_by     int         REFERENCES app.users CHECK (approved_by <> actor_id),
    created_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    public_id       text        NOT NULL UNIQUE DEFAULT app.public_id('wle'),
    kind            text        NOT NULL GENERATED ALWAYS AS (CASE WHEN amount > 0 THEN 'grant' ELSE 'adjust' END) STORED,
    idempotency_key text        NOT NULL CHECK (length(idempotency_key) BETWEEN 1 AND 100),
    reason          text        NOT NULL CHECK (length(reason) BETWEEN 1 AND 500),
    PRIMARY KEY (partner_id, entry_id),
    UNIQUE (partner_id, idempotency_key)
);
CREATE TRIGGER wallet_entries_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON app.wallet_entries
    FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_change();

-- An approved one is an entry of the same public_id and idempotency_key.
CREATE TABLE app.wallet_requests (
    request_id      int         GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    partner_id      int         NOT NULL REFERENCES app.wallets,
    amount          bigint      NOT NULL CHECK (amount > 0),
    actor_id        int         NOT NULL REFERENCES app.users,
    decided_by      int         REFERENCES app.users,
    created_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    decided_at      timestamptz,
    state           text        NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'approved', 'rejected')),
    public_id       text        NOT NULL UNIQUE DEFAULT app.public_id('wle'),
    idempotency_key text        NOT NULL CHECK (length(idempotency_key) BETWEEN 1 AND 100),
    reason          text        NOT NULL CHECK (length(reason) BETWEEN 1 AND 500),
    UNIQUE (partner_id, idempotency_key),
    CHECK (state <> 'approved' OR decided_by <> actor_id),
    CHECK ((state = 'pending') = (decided_at IS NULL) AND (decided_at IS NULL) = (decided_by IS NULL))
);
CREATE INDEX wallet_requests_pending ON app.wallet_requests (partner_id, request_id) WHERE state = 'pending';

DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['ops.limits', 'app.wallets', 'app.wallet_entries', 'app.wallet_requests'] LOOP
        EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', t);
    END LOOP;
    FOREACH t IN ARRAY ARRAY['wallets', 'wallet_entries', 'wallet_requests'] LOOP
        EXECUTE format('CREATE POLICY p_writer ON app.%I TO mh_writer USING (true) WITH CHECK (true)', t);
        EXECUTE format('GRANT SELECT, INSERT ON app.%I TO mh_writer', t);
    END LOOP;
    FOREACH t IN ARRAY ARRAY['wallets', 'wallet_entries'] LOOP
        EXECUTE format('CREATE POLICY p_partner ON app.%I FOR SELECT TO mh_partner'
                       ' USING (partner_id = ANY ((SELECT authz.partner_ids())::int[]))', t);
        EXECUTE format('CREATE POLICY p_staff ON app.%I FOR SELECT TO mh_staff, mh_staff_finance, mh_auditor'
                       ' USING (true)', t);
        EXECUTE format('GRANT SELECT ON app.%I TO mh_partner, mh_staff, mh_staff_finance, mh_auditor', t);
    END LOOP;
END
$$;
CREATE POLICY p_writer ON ops.limits FOR SELECT TO mh_writer USING (true);
CREATE POLICY p_admin ON ops.limits TO mh_admin USING (true) WITH CHECK (true);
GRANT SELECT ON ops.limits TO mh_writer;
GRANT SELECT, UPDATE ON ops.limits TO mh_admin;
GRANT UPDATE ON app.wallets, app.wallet_requests TO mh_writer;

-- A partner has a wallet from the beginning, and the log that tells its balance.
CREATE FUNCTION app.on_partner_wallet() RETURNS trigger
LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    INSERT INTO app.wallets (partner_id) VALUES (NEW.partner_id);
    INSERT INTO app.channel_head (channel) VALUES ('wallet:partner:' || NEW.code) ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION app.on_partner_wallet() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.on_partner_wallet() TO mh_writer;
CREATE TRIGGER partner_wallet AFTER INSERT ON app.partners
    FOR EACH ROW EXECUTE FUNCTION app.on_partner_wallet();
RESET ROLE;

SET LOCAL ROLE mh_writer;
INSERT INTO app.wallets (partner_id) SELECT p.partner_id FROM app.partners p;
INSERT INTO app.channel_head (channel) SELECT 'wallet:partner:' || p.code FROM app.partners p ON CONFLICT DO NOTHING;
RESET ROLE;
