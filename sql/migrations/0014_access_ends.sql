-- What ends by its time, and is noticed on open sockets (ops.access_expire); and what keeps lists of people
-- and the trail's pages from reading everything.
CREATE EXTENSION IF NOT EXISTS pg_trgm; -- one of those that need no superuser
SET LOCAL ROLE mh_owner;

-- The expires_at that the hubs and the trail were told of, so that another one counts anew.
ALTER TABLE app.memberships ADD COLUMN expired_at timestamptz;
CREATE INDEX memberships_expiry ON app.memberships (expires_at)
    WHERE expires_at IS NOT NULL AND expired_at IS DISTINCT FROM expires_at;
-- One that has ended by its time was revoked at that time.
CREATE INDEX sessions_expiry ON app.sessions (expires_at) WHERE revoked_at IS NULL;

-- People by a part of their name or address; few of many; who has a custom role.
CREATE INDEX users_name_part ON app.users USING gin (lower(name) gin_trgm_ops) WITH (fastupdate = off);
CREATE INDEX users_email_part ON app.users USING gin (lower(email) gin_trgm_ops) WITH (fastupdate = off);
CREATE INDEX users_staff ON app.users (lower(name), user_id) WHERE kind = 'staff';
CREATE INDEX users_suspended ON app.users (lower(name), user_id) WHERE status = 'suspended';
CREATE INDEX users_custom_role ON app.users (custom_role_id) WHERE custom_role_id IS NOT NULL;
CREATE INDEX memberships_custom_role ON app.memberships (custom_role_id) WHERE custom_role_id IS NOT NULL;

-- Invitations from the newest on, of all or of a partner, and those that may be open.
CREATE INDEX invitations_newest ON app.invitations (public_id COLLATE "C");
CREATE INDEX invitations_partner_newest ON app.invitations (partner_id, public_id COLLATE "C");
CREATE INDEX invitations_open ON app.invitations (expires_at, partner_id)
    WHERE accepted_at IS NULL AND revoked_at IS NULL;
DROP INDEX app.invitations_partner;

-- The trail by time, by what was done, and what was refused.
CREATE INDEX audit_log_at ON app.audit_log (at);
CREATE INDEX audit_log_action ON app.audit_log (action COLLATE "C");
CREATE INDEX audit_log_denied ON app.audit_log (chain, seq) WHERE outcome = 'denied';
RESET ROLE;
