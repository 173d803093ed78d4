-- Made by shared/access/permissions.awk from permissions.tsv; do not edit.
SET LOCAL ROLE mh_writer;
DELETE FROM app.role_permissions;
DELETE FROM app.permissions;
INSERT INTO app.permissions (permission) VALUES
    ('metrics.read'),
    ('metrics.read_cost'),
    ('usage.read'),
    ('jobs.read_content'),
    ('jobs.control'),
    ('alerts.ack'),
    ('alerts.silence'),
    ('goals.write'),
    ('messages.read'),
    ('messages.write'),
    ('messages.moderate'),
    ('docs.read'),
    ('docs.write'),
    ('activity.read'),
    ('tasks.write'),
    ('referrals.read'),
    ('partners.read'),
    ('partners.write'),
    ('partners.profile'),
    ('keys.read'),
    ('keys.write'),
    ('keys.revoke'),
    ('users.read'),
    ('users.read_personal'),
    ('users.suspend'),
    ('users.impersonate'),
    ('roles.assign'),
    ('staff.manage'),
    ('wallet.read'),
    ('wallet.balance'),
    ('wallet.grant'),
    ('plans.read'),
    ('models.write'),
    ('flags.write'),
    ('system.write'),
    ('events.tail'),
    ('audit.read'),
    ('export.csv'),
    ('webhooks.write'),
    ('profile.write'),
    ('ops.hub');
INSERT INTO app.role_permissions (role, permission)
SELECT r.role, unnest(r.permissions) FROM (VALUES
    ('staff.owner', '{metrics.read, metrics.read_cost, usage.read, jobs.read_content, jobs.control, alerts.ack, alerts.silence, goals.write, messages.read, messages.write, messages.moderate, docs.read, docs.write, activity.read, tasks.write, referrals.read, partners.read, partners.write, partners.profile, keys.read, keys.write, keys.revoke, users.read, users.read_personal, users.suspend, users.impersonate, roles.assign, staff.manage, wallet.read, wallet.balance, wallet.grant, plans.read, models.write, flags.write, system.write, events.tail, audit.read, export.csv, webhooks.write, profile.write, ops.hub}'::text[]),
    ('staff.admin', '{metrics.read, metrics.read_cost, usage.read, jobs.read_content, jobs.control, alerts.ack, alerts.silence, goals.write, messages.read, messages.write, messages.moderate, docs.read, docs.write, activity.read, tasks.write, referrals.read, partners.read, partners.write, partners.profile, keys.read, keys.write, keys.revoke, users.read, users.read_personal, users.suspend, users.impersonate, roles.assign, staff.manage, wallet.read, wallet.balance, wallet.grant, plans.read, models.write, flags.write, system.write, events.tail, audit.read, export.csv, webhooks.write, profile.write, ops.hub}'::text[]),
    ('staff.ops', '{metrics.read, usage.read, jobs.read_content, jobs.control, alerts.ack, alerts.silence, goals.write, messages.read, messages.write, docs.read, docs.write, activity.read, tasks.write, partners.read, keys.read, keys.revoke, users.read, models.write, flags.write, system.write, events.tail, audit.read, export.csv, webhooks.write, profile.write, ops.hub}'::text[]),
    ('staff.support', '{metrics.read, usage.read, jobs.read_content, alerts.ack, messages.read, messages.write, docs.read, docs.write, activity.read, tasks.write, partners.read, keys.read, keys.revoke, users.read, users.read_personal, users.suspend, users.impersonate, wallet.read, wallet.balance, events.tail, audit.read, export.csv, profile.write}'::text[]),
    ('staff.billing', '{metrics.read, metrics.read_cost, usage.read, messages.read, messages.write, docs.read, docs.write, activity.read, tasks.write, referrals.read, partners.read, users.read, wallet.read, wallet.balance, wallet.grant, plans.read, audit.read, export.csv, profile.write}'::text[]),
    ('staff.viewer', '{metrics.read, usage.read, messages.read, docs.read, activity.read, partners.read, users.read, wallet.balance, audit.read, profile.write}'::text[]),
    ('partner.admin', '{metrics.read, usage.read, jobs.read_content, jobs.control, alerts.ack, alerts.silence, messages.read, messages.write, messages.moderate, docs.read, docs.write, activity.read, partners.read, partners.profile, keys.read, keys.write, keys.revoke, users.read, users.read_personal, users.suspend, roles.assign, wallet.read, wallet.balance, plans.read, events.tail, audit.read, export.csv, webhooks.write, profile.write}'::text[]),
    ('partner.manager', '{metrics.read, usage.read, jobs.read_content, jobs.control, alerts.ack, messages.read, messages.write, docs.read, docs.write, activity.read, partners.read, users.read, wallet.balance, export.csv, profile.write}'::text[]),
    ('partner.developer', '{metrics.read, usage.read, jobs.read_content, alerts.ack, messages.read, messages.write, docs.read, partners.read, keys.read, keys.write, keys.revoke, users.read, events.tail, export.csv, webhooks.write, profile.write}'::text[]),
    ('partner.viewer', '{metrics.read, usage.read, messages.read, docs.read, partners.read, keys.read, users.read, profile.write}'::text[])
) r (role, permissions);
RESET ROLE;
-- Field classes that a role may read: its digits.
CREATE OR REPLACE FUNCTION app.role_fields(p_role text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT r.fields FROM (VALUES
    ('staff.owner', '0123'),
    ('staff.admin', '0123'),
    ('staff.ops', '01'),
    ('staff.support', '013'),
    ('staff.billing', '02'),
    ('staff.viewer', '0'),
    ('partner.admin', '01'),
    ('partner.manager', '01'),
    ('partner.developer', '01'),
    ('partner.viewer', '0')
) r (role, fields) WHERE r.role = p_role
$$;
ALTER FUNCTION app.role_fields(text) OWNER TO mh_owner;
REVOKE ALL ON FUNCTION app.role_fields(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.role_fields(text) TO mh_writer;
