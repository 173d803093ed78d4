-- What metricsctl does (EXECUTE for mh_admin); what it does with keys is in 0640_keys.sql. Each change
-- stands in the trail, without an actor: the operator's.

CREATE FUNCTION api.partner_create(p_code text, p_name text, p_tier text, p_region text) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
    v_id int;
BEGIN
    INSERT INTO app.partners (code, name, tier, region) VALUES (p_code, p_name, p_tier, p_region)
    RETURNING partner_id INTO v_id;
    INSERT INTO app.channel_head (channel, partner_id) VALUES ('feed:partner:' || p_code, v_id);
    PERFORM app.audit('partner.create', 'partner', p_code, v_id, NULL, jsonb_strip_nulls(jsonb_build_object(
        'name', p_name, 'tier', p_tier, 'region', p_region)));
    RETURN v_id;
END
$$;

CREATE FUNCTION api.partner_status(p_code text, p_status text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
    v_old app.partners;
BEGIN
    SELECT * INTO v_old FROM app.partners WHERE code = p_code FOR UPDATE;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    UPDATE app.partners SET status = p_status, version = version + 1, updated_at = now()
    WHERE partner_id = v_old.partner_id;
    PERFORM app.audit('partner.status', 'partner', p_code, v_old.partner_id,
                      jsonb_build_object('status', v_old.status), jsonb_build_object('status', p_status));
    RETURN true;
END
$$;

-- Staff (p_staff_role), a member of a partner, or neither: signed in, and refused until somebody
-- grants a membership.
CREATE FUNCTION api.user_create(p_name text, p_email text, p_staff_role text, p_partner_code text,
                                p_partner_role text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
    v_user    int;
    v_public  text;
    v_partner int;
BEGIN
    IF p_staff_role IS NOT NULL AND p_partner_code IS NOT NULL THEN
        RAISE EXCEPTION 'staff are not members of a partner' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    INSERT INTO app.users (kind, staff_role, name, email)
    VALUES (CASE WHEN p_staff_role IS NULL THEN 'member' ELSE 'staff' END, p_staff_role, p_name, p_email)
    RETURNING user_id, public_id INTO v_user, v_public;
    IF p_partner_code IS NOT NULL THEN
        SELECT partner_id INTO v_partner FROM app.partners WHERE code = p_partner_code;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'no partner %', p_partner_code USING ERRCODE = 'no_data_found';
        END IF;
        INSERT INTO app.memberships (partner_id, user_id, role) VALUES (v_partner, v_user, p_partner_role);
    END IF;
    PERFORM app.audit('user.create', 'user', v_public, v_partner, NULL, jsonb_strip_nulls(jsonb_build_object(
        'name', p_name, 'email', p_email, 'staff_role', p_staff_role, 'role', p_partner_role)));
    RETURN v_public;
END
$$;

CREATE FUNCTION api.link_create(p_user text, p_hash bytea, p_ttl_seconds int) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
BEGIN
    INSERT INTO app.sign_in_links (token_hash, user_id, expires_at)
    SELECT p_hash, user_id, now() + make_interval(secs => p_ttl_seconds)
    FROM app.users WHERE public_id = p_user AND status = 'active';
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no active user %', p_user USING ERRCODE = 'no_data_found';
    END IF;
    PERFORM app.audit('link.create', 'user', p_user, NULL, NULL, jsonb_build_object('ttl_seconds', p_ttl_seconds));
END
$$;

-- The first owner's link. Refused once an active owner has signed in; until then another call
-- replaces the links of the former.
CREATE FUNCTION api.owner_bootstrap(p_hash bytea, p_ttl_seconds int) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
    v_user   int;
    v_public text;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('metrics-hub.owner_bootstrap', 0));
    IF EXISTS (SELECT FROM app.users WHERE staff_role = 'owner' AND status = 'active'
                                       AND last_login_at IS NOT NULL) THEN
        RAISE EXCEPTION 'an owner has signed in already' USING ERRCODE = 'object_in_use';
    END IF;
    SELECT user_id, public_id INTO v_user, v_public FROM app.users
    WHERE staff_role = 'owner' AND status = 'active' ORDER BY user_id LIMIT 1;
    IF NOT FOUND THEN
        INSERT INTO app.users (kind, staff_role, name) VALUES ('staff', 'owner', 'Owner')
        RETURNING user_id, public_id INTO v_user, v_public;
    END IF;
    DELETE FROM app.sign_in_links WHERE user_id = v_user AND used_at IS NULL;
    INSERT INTO app.sign_in_links (token_hash, user_id, expires_at)
    VALUES (p_hash, v_user, now() + make_interval(secs => p_ttl_seconds));
    PERFORM app.audit('owner.bootstrap', 'user', v_public, NULL, NULL, jsonb_build_object('ttl_seconds', p_ttl_seconds));
    RETURN v_public;
END
$$;

DO $$
DECLARE
    f text;
BEGIN
    FOREACH f IN ARRAY ARRAY[
        'api.partner_create(text, text, text, text)', 'api.partner_status(text, text)',
        'api.user_create(text, text, text, text, text)',
        'api.link_create(text, bytea, int)', 'api.owner_bootstrap(bytea, int)']
    LOOP
        EXECUTE format('ALTER FUNCTION %s OWNER TO mh_writer', f);
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', f);
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO mh_admin', f);
    END LOOP;
END
$$;
