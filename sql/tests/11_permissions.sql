-- The table of permissions is the matrix of the requirements (B3 and B5, written down here once more),
-- and the database has what the table says. Run where shared/access/permissions.tsv is found.
\ir include/send.psql
BEGIN;
SELECT plan(8);

CREATE TEMP TABLE role (n int, role text);
INSERT INTO role VALUES (1, 'staff.owner'), (2, 'staff.admin'), (3, 'staff.ops'), (4, 'staff.support'),
    (5, 'staff.billing'), (6, 'staff.viewer'), (7, 'partner.admin'), (8, 'partner.manager'),
    (9, 'partner.developer'), (10, 'partner.viewer');

-- A row of B3 that grants two things is two rows: what some only read (docs, wallet, keys: revoke, team:
-- names, partners: profile) is a permission of its own. account_owner is an attribute, no role.
CREATE TEMP TABLE b3 (permission text, owner text, admin text, ops text, support text, billing text, viewer text,
                      p_admin text, p_manager text, p_developer text, p_viewer text, scope text);
INSERT INTO b3 VALUES
    --                    owner admin ops  supp bill view  p.ad p.ma p.de p.vi
    ('metrics.read',        'x', 'x', 'x', 'x', 'x', 'x',  'x', 'x', 'x', 'x', 'metrics:read'),
    ('metrics.read_cost',   'x', 'x', '-', '-', 'x', '-',  '-', '-', '-', '-', '-'),
    ('usage.read',          'x', 'x', 'x', 'x', 'x', 'x',  'x', 'x', 'x', 'x', 'metrics:read'),
    ('jobs.read_content',   'x', 'x', 'x', 'x', '-', '-',  'x', 'x', 'x', '-', '-'),
    ('jobs.control',        'x', 'x', 'x', '-', '-', '-',  'x', 'x', '-', '-', '-'),
    ('alerts.ack',          'x', 'x', 'x', 'x', '-', '-',  'x', 'x', 'x', '-', '-'),
    ('alerts.silence',      'x', 'x', 'x', '-', '-', '-',  'x', '-', '-', '-', '-'),
    ('goals.write',         'x', 'x', 'x', '-', '-', '-',  '-', '-', '-', '-', '-'),
    ('messages.read',       'x', 'x', 'x', 'x', 'x', 'x',  'x', 'x', 'x', 'x', '-'),
    ('messages.write',      'x', 'x', 'x', 'x', 'x', '-',  'x', 'x', 'x', '-', 'messages:write'),
    ('messages.moderate',   'x', 'x', '-', '-', '-', '-',  'x', '-', '-', '-', '-'),
    ('docs.read',           'x', 'x', 'x', 'x', 'x', 'x',  'x', 'x', 'x', 'x', '-'),
    ('docs.write',          'x', 'x', 'x', 'x', 'x', '-',  'x', 'x', '-', '-', '-'),
    ('activity.read',       'x', 'x', 'x', 'x', 'x', 'x',  'x', 'x', '-', '-', '-'),
    ('tasks.write',         'x', 'x', 'x', 'x', 'x', '-',  '-', '-', '-', '-', '-'),
    ('referrals.read',      'x', 'x', '-', '-', 'x', '-',  '-', '-', '-', '-', '-'),
    ('partners.read',       'x', 'x', 'x', 'x', 'x', 'x',  'x', 'x', 'x', 'x', '-'),
    ('partners.write',      'x', 'x', '-', '-', '-', '-',  '-', '-', '-', '-', '-'),
    ('partners.profile',    'x', 'x', '-', '-', '-', '-',  'x', '-', '-', '-', '-'),
    ('keys.read',           'x', 'x', 'x', 'x', '-', '-',  'x', '-', 'x', 'x', '-'),
    ('keys.write',          'x', 'x', '-', '-', '-', '-',  'x', '-', 'x', '-', '-'),
    ('keys.revoke',         'x', 'x', 'x', 'x', '-', '-',  'x', '-', 'x', '-', '-'),
    ('users.read',          'x', 'x', 'x', 'x', 'x', 'x',  'x', 'x', 'x', 'x', '-'),
    ('users.read_personal', 'x', 'x', '-', 'x', '-', '-',  'x', '-', '-', '-', '-'),
    ('users.suspend',       'x', 'x', '-', 'x', '-', '-',  'x', '-', '-', '-', '-'),
    ('users.impersonate',   'x', 'x', '-', 'x', '-', '-',  '-', '-', '-', '-', '-'),
    ('roles.assign',        'x', 'x', '-', '-', '-', '-',  'x', '-', '-', '-', '-'),
    ('staff.manage',        'x', 'x', '-', '-', '-', '-',  '-', '-', '-', '-', '-'),
    ('wallet.read',         'x', 'x', '-', 'x', 'x', '-',  'x', '-', '-', '-', '-'),
    ('wallet.balance',      'x', 'x', '-', 'x', 'x', 'x',  'x', 'x', '-', '-', '-'),
    ('wallet.grant',        'x', 'x', '-', '-', 'x', '-',  '-', '-', '-', '-', '-'),
    ('plans.read',          'x', 'x', '-', '-', 'x', '-',  'x', '-', '-', '-', '-'),
    ('models.write',        'x', 'x', 'x', '-', '-', '-',  '-', '-', '-', '-', '-'),
    ('flags.write',         'x', 'x', 'x', '-', '-', '-',  '-', '-', '-', '-', '-'),
    ('system.write',        'x', 'x', 'x', '-', '-', '-',  '-', '-', '-', '-', '-'),
    ('events.tail',         'x', 'x', 'x', 'x', '-', '-',  'x', '-', 'x', '-', 'events:read'),
    ('audit.read',          'x', 'x', 'x', 'x', 'x', 'x',  'x', '-', '-', '-', '-'),
    ('export.csv',          'x', 'x', 'x', 'x', 'x', '-',  'x', 'x', 'x', '-', 'export:read'),
    ('webhooks.write',      'x', 'x', 'x', '-', '-', '-',  'x', '-', 'x', '-', 'webhooks:manage'),
    ('profile.write',       'x', 'x', 'x', 'x', 'x', 'x',  'x', 'x', 'x', 'x', '-'),
    ('ops.hub',             'x', 'x', 'x', '-', '-', '-',  '-', '-', '-', '-', '-');
-- B5: what each reads of a channel that he may read.
CREATE TEMP TABLE b5 (role text, fields text);
INSERT INTO b5 VALUES ('staff.owner', '0123'), ('staff.admin', '0123'), ('staff.ops', '01'), ('staff.support', '013'),
    ('staff.billing', '02'), ('staff.viewer', '0'), ('partner.admin', '01'), ('partner.manager', '01'),
    ('partner.developer', '01'), ('partner.viewer', '0');

\set table `cat shared/access/permissions.tsv`
CREATE TEMP TABLE line AS
SELECT string_to_array(l, E'\t') AS c FROM regexp_split_to_table(:'table', E'\n') l WHERE l <> '' AND l NOT LIKE '#%';
CREATE TEMP VIEW tsv AS
SELECT l.c[1] AS permission, r.role, l.c[r.n + 1] = 'x' AS has FROM line l, role r
WHERE l.c[1] NOT IN ('permission', 'fields');
CREATE TEMP VIEW required AS
SELECT b.permission, r.role,
       (ARRAY[owner, admin, ops, support, billing, viewer, p_admin, p_manager, p_developer, p_viewer])[r.n] = 'x' AS has
FROM b3 b, role r;

SELECT results_eq($$SELECT c[2:11] FROM line WHERE c[1] = 'permission'$$, $$SELECT array_agg(role ORDER BY n) FROM role$$,
                  'the table has the ten roles, in this order');
SELECT is_empty($$SELECT c FROM line WHERE cardinality(c) <> 12
                  OR c[1] NOT IN ('permission', 'fields') AND NOT c[2:11] <@ ARRAY['x', '-']$$,
                'every cell says x or -');
SELECT is((SELECT count(*) FROM tsv), 410::bigint, '41 permissions and 10 roles');
SELECT set_eq('SELECT * FROM tsv', 'SELECT * FROM required', 'the table is the matrix B3');
SELECT set_eq($$SELECT c[1] AS permission, c[12] AS scope FROM line WHERE c[1] NOT IN ('permission', 'fields')$$,
              'SELECT permission, scope FROM b3', 'and has the scopes of API keys');
SELECT set_eq($$SELECT r.role, l.c[r.n + 1] AS fields FROM line l, role r WHERE l.c[1] = 'fields'$$, 'SELECT * FROM b5',
              'the field classes are those of B5: nobody reads F4, no partner''s role F2');
SELECT set_eq('SELECT permission, role FROM app.role_permissions',
              'SELECT permission, role FROM tsv WHERE has', 'the database has what the table says');
SELECT set_eq('SELECT permission FROM app.permissions', 'SELECT DISTINCT permission FROM tsv',
              'and knows no other permission');
SELECT * FROM finish();
ROLLBACK;
