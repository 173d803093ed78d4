-- Token wallets. Entries are written by app.wallet_post() alone, while the wallet's row is locked. A grant
-- above ops.limits waits in app.wallet_requests for somebody else of staff and counts for nothing until then.

-- ---- What is shown ---------------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION app.wallet_entry_json(e app.wallet_entries) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = '' AS $$
    SELECT jsonb_strip_nulls(jsonb_build_object(
        'id', e.public_id, 'partner', p.code, 'state', 'posted', 'kind', e.kind, 'amount', e.amount,
        'balance_after', e.balance_after, 'reason', e.reason, 'idempotency_key', e.idempotency_key,
        'actor', api.key_maker(e.actor_id), 'approved_by', api.key_maker(e.approved_by),
        'created_at', app.ms(e.created_at)))
    FROM app.partners p WHERE p.partner_id = e.partner_id
$$;

-- One that is not an entry (yet): pending or rejected.
CREATE OR REPLACE FUNCTION app.wallet_request_json(r app.wallet_requests) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = '' AS $$
    SELECT jsonb_build_object(
        'id', r.public_id, 'partner', p.code, 'state', r.state, 'kind', 'grant', 'amount', r.amount,
        'reason', r.reason, 'idempotency_key', r.idempotency_key, 'actor', api.key_maker(r.actor_id),
        'created_at', app.ms(r.created_at))
    FROM app.partners p WHERE p.partner_id = r.partner_id
$$;

CREATE OR REPLACE FUNCTION app.wallet_json(p_query jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
DECLARE
    v_partner int := app.partner_of(app.text_of(p_query, 'partner', 32));
BEGIN
    RETURN (SELECT jsonb_build_object('partner', p.code, 'balance', w.balance, 'updated_at', app.ms(w.updated_at))
            FROM app.wallets w JOIN app.partners p ON p.partner_id = w.partner_id WHERE w.partner_id = v_partner);
END
$$;

-- A page of what the calling role can read, newest first. A cursor is the id of the page's last entry.
CREATE OR REPLACE FUNCTION app.wallet_page(p_query jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = '' AS $$
DECLARE
    v_partner int := app.partner_of(app.text_of(p_query, 'partner', 32));
    v_size    int := app.page_size(p_query);
    v_search  text := lower(app.text_of(p_query, 'q', 200, false));
    v_kind    text := app.text_of(p_query, 'kind', 8, false);
    v_after   bigint;
    v_items   jsonb[];
BEGIN
    IF v_kind NOT IN ('grant', 'adjust') THEN
        PERFORM app.fail(400, 'invalid', 'grant or adjust', 'kind');
    END IF;
    IF p_query ? 'after' THEN
        SELECT e.entry_id INTO v_after FROM app.wallet_entries e
        WHERE e.public_id = p_query ->> 'after' AND e.partner_id = v_partner;
        IF NOT FOUND THEN
            PERFORM app.fail(400, 'invalid', 'not a cursor of this list', 'after');
        END IF;
    END IF;
    SELECT array_agg(app.wallet_entry_json(x) ORDER BY x.entry_id DESC) INTO v_items
    FROM (SELECT e.* FROM app.wallet_entries e
          WHERE e.partner_id = v_partner AND (v_after IS NULL OR e.entry_id < v_after)
            AND (v_kind IS NULL OR e.kind = v_kind)
            AND (v_search IS NULL OR strpos(lower(e.reason), v_search) > 0)
          ORDER BY e.entry_id DESC LIMIT v_size + 1) x;
    RETURN app.page(v_items, v_size, 'id');
END
$$;

-- ---- Writing ---------------------------------------------------------------------------------------

-- Locked until the transaction ends: its balance and who has which idempotency key stay as they are read.
CREATE OR REPLACE FUNCTION app.wallet_locked(p_partner int) RETURNS app.wallets
LANGUAGE sql SET search_path = '' AS $$
    SELECT w.* FROM app.wallets w WHERE w.partner_id = p_partner FOR NO KEY UPDATE
$$;

CREATE OR REPLACE FUNCTION app.wallet_post(w app.wallets, e app.wallet_entries) RETURNS jsonb
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
    v_balance bigint := w.balance + e.amount;
    v_most    bigint := 1000000000000000; -- the table's constraint
    v_entry   jsonb;
BEGIN
    IF v_balance < 0 THEN
        PERFORM app.fail(409, 'balance_too_low', format('the balance is %s: at most that can be taken', w.balance), 'amount');
    ELSIF v_balance > v_most THEN
        PERFORM app.fail(409, 'balance_too_high', format('a wallet holds at most %s tokens', v_most), 'amount');
    END IF;
    INSERT INTO app.wallet_entries (partner_id, amount, balance_after, actor_id, approved_by, public_id, idempotency_key, reason)
    VALUES (w.partner_id, e.amount, v_balance, e.actor_id, e.approved_by, coalesce(e.public_id, app.public_id('wle')),
            e.idempotency_key, e.reason)
    RETURNING * INTO e;
    UPDATE app.wallets t SET balance = v_balance, updated_at = e.created_at WHERE t.partner_id = w.partner_id;
    v_entry := app.wallet_entry_json(e);
    PERFORM app.emit('wallet:partner:' || (v_entry ->> 'partner'),
                     jsonb_build_object('t', 'wallet', 'balance', v_balance, 'at', app.ms(e.created_at)));
    PERFORM app.audit('wallet.' || CASE WHEN e.approved_by IS NULL THEN e.kind ELSE 'approve' END, 'wallet_entry',
                      e.public_id, w.partner_id, jsonb_build_object('balance', w.balance),
                      jsonb_build_object('balance', v_balance, 'entry', v_entry));
    RETURN v_entry;
END
$$;

-- What of this wallet has the key already; NULL: nothing. The wallet is locked.
CREATE OR REPLACE FUNCTION app.wallet_known(p_partner int, p_key text) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = '' AS $$
    SELECT coalesce((SELECT app.wallet_entry_json(e) FROM app.wallet_entries e
                     WHERE e.partner_id = p_partner AND e.idempotency_key = p_key),
                    (SELECT app.wallet_request_json(r) FROM app.wallet_requests r
                     WHERE r.partner_id = p_partner AND r.idempotency_key = p_key))
$$;

CREATE OR REPLACE FUNCTION app.wallet_ask(e app.wallet_entries) RETURNS jsonb
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
    v_request app.wallet_requests;
    v_json    jsonb;
BEGIN
    IF (SELECT count(*) FROM app.wallet_requests r WHERE r.partner_id = e.partner_id AND r.state = 'pending') >= 50 THEN
        PERFORM app.fail(409, 'too_many', 'at most 50 grants wait for approval: decide on those first');
    END IF;
    INSERT INTO app.wallet_requests (partner_id, amount, actor_id, idempotency_key, reason)
    VALUES (e.partner_id, e.amount, e.actor_id, e.idempotency_key, e.reason) RETURNING * INTO v_request;
    v_json := app.wallet_request_json(v_request);
    PERFORM app.audit('wallet.grant', 'wallet_entry', v_request.public_id, e.partner_id, NULL,
                      jsonb_build_object('state', v_request.state, 'entry', v_json));
    RETURN v_json;
END
$$;

-- The pending one of that id, its wallet locked.
CREATE OR REPLACE FUNCTION app.wallet_request_of(p_public_id text) RETURNS app.wallet_requests
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
    v_request app.wallet_requests;
BEGIN
    PERFORM app.wallet_locked(r.partner_id) FROM app.wallet_requests r WHERE r.public_id = p_public_id;
    SELECT * INTO v_request FROM app.wallet_requests r WHERE r.public_id = p_public_id;
    IF NOT FOUND THEN
        PERFORM app.fail(404, 'not_found', 'no such grant waits for approval');
    ELSIF v_request.state <> 'pending' THEN
        PERFORM app.fail(409, 'already', 'the grant is ' || v_request.state || ' already');
    END IF;
    RETURN v_request;
END
$$;

-- ---- Routes ----------------------------------------------------------------------------------------

CREATE FUNCTION route.wallet_get__partner(p_target text, p_query jsonb, p_body jsonb, p_fresh jsonb) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS 'SELECT app.wallet_json(p_query)';
CREATE FUNCTION route.wallet_get__staff(p_target text, p_query jsonb, p_body jsonb, p_fresh jsonb) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS 'SELECT app.wallet_json(p_query)';
CREATE FUNCTION route.wallet_entries__partner(p_target text, p_query jsonb, p_body jsonb, p_fresh jsonb) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS 'SELECT app.wallet_page(p_query)';
CREATE FUNCTION route.wallet_entries__staff(p_target text, p_query jsonb, p_body jsonb, p_fresh jsonb) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS 'SELECT app.wallet_page(p_query)';

-- By code; `q` is a part of code or name.
CREATE FUNCTION route.wallets_list(p_target text, p_query jsonb, p_body jsonb, p_fresh jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = '' AS $$
DECLARE
    v_size   int := app.page_size(p_query);
    v_search text := lower(app.text_of(p_query, 'q', 200, false));
    v_after  text := app.text_of(p_query, 'after', 32, false);
    v_items  jsonb[];
BEGIN
    SELECT array_agg(jsonb_build_object('partner', x.code, 'name', x.name, 'balance', x.balance,
                                        'updated_at', app.ms(x.updated_at)) ORDER BY x.code) INTO v_items
    FROM (SELECT p.code, p.name, w.balance, w.updated_at
          FROM app.partners p JOIN app.wallets w ON w.partner_id = p.partner_id
          WHERE (v_after IS NULL OR p.code > v_after)
            AND (v_search IS NULL OR strpos(lower(p.code), v_search) > 0 OR strpos(lower(p.name), v_search) > 0)
          ORDER BY p.code LIMIT v_size + 1) x;
    RETURN app.page(v_items, v_size, 'partner');
END
$$;

-- What waits for approval, of all partners or one, newest first; `alone` is the most that one person grants.
CREATE FUNCTION route.wallet_pending(p_target text, p_query jsonb, p_body jsonb, p_fresh jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = '' AS $$
DECLARE
    v_size    int := app.page_size(p_query);
    v_partner int;
    v_after   int;
    v_items   jsonb[];
BEGIN
    IF p_query ? 'partner' THEN
        v_partner := app.partner_of(p_query ->> 'partner');
    END IF;
    IF p_query ? 'after' THEN
        SELECT r.request_id INTO v_after FROM app.wallet_requests r WHERE r.public_id = p_query ->> 'after';
        IF NOT FOUND THEN
            PERFORM app.fail(400, 'invalid', 'not a cursor of this list', 'after');
        END IF;
    END IF;
    SELECT array_agg(app.wallet_request_json(x) ORDER BY x.request_id DESC) INTO v_items
    FROM (SELECT r.* FROM app.wallet_requests r
          WHERE r.state = 'pending' AND (v_partner IS NULL OR r.partner_id = v_partner)
            AND (v_after IS NULL OR r.request_id < v_after)
          ORDER BY r.request_id DESC LIMIT v_size + 1) x;
    RETURN app.page(v_items, v_size, 'id')
           || jsonb_build_object('alone', (SELECT l.most FROM ops.limits l WHERE l.what = 'wallet_grant'));
END
$$;

-- {amount, reason, idempotency_key}: above 0 a grant, below an adjustment. The same once more is answered
-- with what came of it the first time.
CREATE FUNCTION route.wallet_grant(p_target text, p_query jsonb, p_body jsonb, p_fresh jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
    v_wallet app.wallets;
    v_entry  app.wallet_entries;
    v_known  jsonb;
BEGIN
    v_entry.partner_id := app.partner_of(app.text_of(p_query, 'partner', 32));
    v_entry.amount := app.key_number(p_body, 'amount', -1000000000000, 1000000000000);
    v_entry.reason := app.text_of(p_body, 'reason', 500);
    v_entry.idempotency_key := app.text_of(p_body, 'idempotency_key', 100);
    v_entry.actor_id := authz.user_id();
    IF coalesce(v_entry.amount, 0) = 0 THEN
        PERFORM app.fail(400, 'required', 'tokens to give, or below 0 to take', 'amount');
    END IF;
    v_wallet := app.wallet_locked(v_entry.partner_id);
    v_known := app.wallet_known(v_entry.partner_id, v_entry.idempotency_key);
    IF v_known IS NULL THEN
        RETURN CASE WHEN v_entry.amount <= (SELECT l.most FROM ops.limits l WHERE l.what = 'wallet_grant')
                    THEN app.wallet_post(v_wallet, v_entry) ELSE app.wallet_ask(v_entry) END;
    ELSIF (v_known ->> 'amount')::bigint <> v_entry.amount OR v_known ->> 'reason' <> v_entry.reason THEN
        PERFORM app.fail(409, 'idempotency_conflict', 'another entry has this key: look whether it is yours, then take a new key', 'idempotency_key');
    END IF;
    RETURN v_known;
END
$$;

CREATE FUNCTION route.wallet_approve(p_target text, p_query jsonb, p_body jsonb, p_fresh jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
    v_request app.wallet_requests := app.wallet_request_of(p_target);
    v_entry   app.wallet_entries;
BEGIN
    IF v_request.actor_id = authz.user_id() THEN
        PERFORM app.fail(403, 'own_grant', 'somebody else who may grant tokens has to approve it');
    END IF;
    UPDATE app.wallet_requests r SET state = 'approved', decided_by = authz.user_id(), decided_at = clock_timestamp()
    WHERE r.request_id = v_request.request_id;
    v_entry.amount := v_request.amount;
    v_entry.actor_id := v_request.actor_id;
    v_entry.approved_by := authz.user_id();
    v_entry.public_id := v_request.public_id;
    v_entry.idempotency_key := v_request.idempotency_key;
    v_entry.reason := v_request.reason;
    RETURN app.wallet_post(app.wallet_locked(v_request.partner_id), v_entry);
END
$$;

-- By anybody who may grant, also to take back one's own.
CREATE FUNCTION route.wallet_reject(p_target text, p_query jsonb, p_body jsonb, p_fresh jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
    v_request app.wallet_requests := app.wallet_request_of(p_target);
BEGIN
    UPDATE app.wallet_requests r SET state = 'rejected', decided_by = authz.user_id(), decided_at = clock_timestamp()
    WHERE r.request_id = v_request.request_id RETURNING * INTO v_request;
    PERFORM app.audit('wallet.reject', 'wallet_entry', p_target, v_request.partner_id, '{"state": "pending"}',
                      '{"state": "rejected"}');
    RETURN app.wallet_request_json(v_request);
END
$$;

SET LOCAL ROLE mh_writer;
INSERT INTO app.routes (name, method, path, permission, scope, mutates, step_up) VALUES
    ('wallets_list', 'GET', '/v1/wallets', 'wallet.balance', 'staff', false, false),
    ('wallet_get', 'GET', '/v1/wallet', 'wallet.balance', 'any', false, false),
    ('wallet_entries', 'GET', '/v1/wallet/entries', 'wallet.read', 'any', false, false),
    ('wallet_pending', 'GET', '/v1/wallet/pending', 'wallet.read', 'staff', false, false),
    ('wallet_grant', 'POST', '/v1/wallet/entries', 'wallet.grant', 'staff', true, true),
    ('wallet_approve', 'POST', '/v1/wallet/entries/{}/approve', 'wallet.grant', 'staff', true, true),
    ('wallet_reject', 'POST', '/v1/wallet/entries/{}/reject', 'wallet.grant', 'staff', true, false);
RESET ROLE;

-- What the pairs of routes call; 0699 gives the rest to mh_writer.
DO $$
DECLARE
    f regprocedure;
BEGIN
    FOR f IN SELECT p.oid FROM pg_catalog.pg_proc p
             WHERE p.pronamespace = 'app'::regnamespace
               AND p.proname IN ('page', 'wallet_entry_json', 'wallet_json', 'wallet_page')
    LOOP
        EXECUTE format('ALTER FUNCTION %s OWNER TO mh_owner', f);
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', f);
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO mh_writer, mh_partner, mh_staff', f);
    END LOOP;
END
$$;
