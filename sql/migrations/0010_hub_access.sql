-- A partner's logs that a permission opens exist from the beginning, so that they can be followed before
-- anything was written.
SET LOCAL ROLE mh_owner;
CREATE FUNCTION app.on_partner_created() RETURNS trigger
LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    INSERT INTO app.channel_head (channel) VALUES ('audit:partner:' || NEW.code), ('keys:partner:' || NEW.code)
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION app.on_partner_created() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.on_partner_created() TO mh_writer;
CREATE TRIGGER partner_created AFTER INSERT ON app.partners
    FOR EACH ROW EXECUTE FUNCTION app.on_partner_created();
RESET ROLE;

SET LOCAL ROLE mh_writer;
INSERT INTO app.channel_head (channel)
SELECT k.kind || ':partner:' || p.code FROM app.partners p CROSS JOIN (VALUES ('audit'), ('keys')) k (kind)
ON CONFLICT DO NOTHING;
RESET ROLE;
