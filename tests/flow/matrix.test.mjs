// Who may do what, all of it: role x route over HTTP, role x channel x method over the socket, role x field class.
// What is expected comes from permissions.tsv and from nothing that a daemon or the database says; which
// routes there are, from app.routes.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { ask, closeAgent, person, signIn, table } from './access.mjs';
import { RawClient } from './hub_raw.mjs';
import { EventReader } from './sse_client.mjs';
import { startStack, until } from './harness.mjs';

let stack, routes;
const people = {}; // role -> person
const beta = {};
const NOBODY = { role: 'anonymous' };

before(async () => {
    stack = await startStack({
        partners: ['ALPHA', 'BETA'],
        ingest: { sign_in_rate: 100000, message_rate: 100000 }, hub: { max_subscriptions: 100 },
    });
    for (const role of [...table.roles, 'none']) people[role] = await person(stack, role);
    beta.admin = await person(stack, 'partner.admin', 'BETA');
    routes = (await stack.sql(
        `SELECT name, method, path, coalesce(permission, ''), scope, mutates, step_up FROM app.routes ORDER BY name`))
        .map(([name, method, path, permission, scope, mutates, stepUp]) =>
            ({ name, method, path, permission, scope, mutates: mutates === 't', stepUp: stepUp === 't' }));
});

after(async () => {
    closeAgent();
    await stack?.close();
});

/** What the table says. `has` asks it, unless a custom role is narrower. */
function expected(route, who, has = table.has) {
    if (who.role === 'anonymous') return 'sign in';
    if (route.scope !== 'any' && route.scope !== (who.scope === 'staff' ? 'staff' : 'partner')) return 'denied';
    if (!route.permission) return 'allowed';
    return has(who.role, route.permission) ? 'allowed' : 'denied';
}

/** Good enough to get past a look at the members, for nearly every route. */
const anything = (partner = 'ALPHA') => ({
    reason: 'matrix', name: `Matrix ${randomUUID().slice(0, 8)}`, partner, role: 'viewer', environment: 'test',
    email: `${randomUUID()}@example.test`, permissions: ['metrics.read'], base_role: 'partner.viewer',
    memberships: [{ partner, role: 'viewer' }], overlap_seconds: 0, code: '000000',
});

async function call(route, who, { target = 'usr_nobody', query = '', body = anything() } = {}) {
    const csv = route.name === 'users_import';
    const reply = await ask(stack, route.method, route.path.replace('{}', target) + query, {
        cookie: who.cookie,
        ...(route.method !== 'GET' && { body: csv ? 'email,name,partner,role\n' : body }),
        headers: { 'content-type': csv ? 'text/csv' : 'application/json' },
    });
    assert.ok(reply.status < 500, `${who.role} ${route.name}: ${reply.text}`);
    return reply;
}

function verdict({ status, body }) {
    if (status === 401) return 'sign in';
    if (status === 403 && body.reason === 'forbidden') return 'denied';
    if (status === 403) return body.reason;
    return 'allowed';
}

/** [[role, route, expected, got]] where the daemon and the table do not agree. */
async function disagreements(some, all = routes, has = table.has) {
    const list = [];
    for (const route of all)
        for (const who of some) {
            // Rules beside the matrix, which need a target: nobody is here, so they are not reached.
            const got = verdict(await call(route, who));
            if (got !== expected(route, who, has)) list.push([who.role, route.name, expected(route, who, has), got]);
        }
    return list;
}

/** {role: {route: n}} of the refusals in the trail. */
async function refusals() {
    const rows = await stack.sql(
        `SELECT u.public_id, a.action, count(*) FROM app.audit_log a JOIN app.users u ON u.user_id = a.actor_id
         WHERE a.outcome = 'denied' GROUP BY 1, 2`);
    return new Map(rows.map(([user, action, n]) => [`${user} ${action}`, Number(n)]));
}

test('role x route: allowed and refused as the table says, each refused change in the trail', async (context) => {
    const some = [...Object.values(people), NOBODY];
    const earlier = await refusals();
    assert.deepEqual(await disagreements(some), []);
    const trail = await refusals();
    let denied = 0;
    for (const route of routes)
        for (const who of Object.values(people)) {
            const key = `${who.id} ${route.name}`;
            const wanted = route.mutates && expected(route, who) === 'denied' ? 1 : 0;
            assert.equal((trail.get(key) ?? 0) - (earlier.get(key) ?? 0), wanted, `${who.role} ${route.name}`);
            denied += wanted;
        }
    context.diagnostic(`${routes.length} routes x ${some.length} principals, ${denied} refusals in the trail`);
    assert.ok(routes.length > 10 && denied > 10);
});

test('a permission that is flipped is noticed', async () => {
    const [route] = routes.filter(({ name }) => name === 'keys_list');
    const change = (role, add) => stack.sql(add
        ? `INSERT INTO app.role_permissions (role, permission) VALUES ('${role}', '${route.permission}')`
        : `DELETE FROM app.role_permissions WHERE role = '${role}' AND permission = '${route.permission}'`);
    for (const role of table.roles) {
        const had = table.has(role, route.permission);
        await change(role, !had);
        const found = await disagreements([people[role]], [route]);
        await change(role, had);
        assert.deepEqual(found, [[role, route.name, had ? 'allowed' : 'denied', had ? 'denied' : 'allowed']]);
    }
    assert.deepEqual(await disagreements(Object.values(people), [route]), []);
});

/** What a GET wants to be told, if it does. */
const queryOf = ({ name }) => ({
    explain: `?user=${people.none.id}&channel=metrics:platform`, team_list: '?partner=ALPHA', keys_list: '?partner=ALPHA',
    wallet_get: '?partner=ALPHA', wallet_entries: '?partner=ALPHA', dashboard_kpis: '?partner=ALPHA',
    dashboard_trends: '?partner=ALPHA', dashboard_incidents: '?partner=ALPHA', dashboard_queue: '?partner=ALPHA',
})[name];

test('lists that one may ask for are there, and of one\'s own partner only', async () => {
    for (const route of routes.filter(({ method, path }) => method === 'GET' && !path.includes('{}')))
        for (const who of Object.values(people)) {
            if (expected(route, who) !== 'allowed') continue;
            const reply = await call(route, who, { query: queryOf(route) });
            assert.equal(reply.status, 200, `${who.role} ${route.name}: ${reply.text}`);
            assert.match(reply.headers['content-type'], /json/);
            if (who.scope === 'partner') {
                assert.ok(!reply.text.includes('BETA'), `${who.role} ${route.name}: ${reply.text}`);
                assert.ok(!reply.text.includes(beta.admin.id), `${who.role} ${route.name}`);
            }
        }
});

test('a list as CSV wants the permission to export too', async () => {
    let lists = 0;
    for (const route of routes.filter(({ method, path }) => method === 'GET' && !path.includes('{}')))
        for (const who of Object.values(people)) {
            if (expected(route, who) !== 'allowed') continue;
            const query = queryOf(route) ?? '?';
            if (!(await call(route, who, { query })).body.items) continue;
            const reply = await call(route, who, { query: `${query}&format=csv`.replace('?&', '?') });
            const allowed = table.has(who.role, 'export.csv');
            assert.equal(reply.status, allowed ? 200 : 403, `${who.role} ${route.name}: ${reply.text}`);
            assert.match(reply.headers['content-type'], allowed ? /^text\/csv/ : /problem\+json/);
            lists++;
        }
    assert.ok(lists > 20);
});

/** Ids of what is BETA's, by the path that takes one. */
async function foreign() {
    const [[partner]] = await stack.sql(`SELECT partner_id FROM app.partners WHERE code = 'BETA'`);
    const [[key]] = await stack.sql(`SELECT public_id FROM app.api_keys WHERE partner_id = ${partner} LIMIT 1`);
    const [[role]] = await stack.sql(
        `INSERT INTO app.custom_roles (partner_id, base_role, name, permissions)
         VALUES (${partner}, 'partner.viewer', 'Foreign', '{metrics.read}') RETURNING public_id`);
    const [[invitation]] = await stack.sql(
        `INSERT INTO app.invitations (token_hash, partner_id, email, name, role, expires_at)
         VALUES (sha256('foreign'), ${partner}, 'foreign@example.test', 'F', 'viewer', now() + interval '1 day')
         RETURNING public_id`);
    const [[request]] = await stack.sql(
        `INSERT INTO app.wallet_requests (partner_id, amount, actor_id, idempotency_key, reason)
         SELECT ${partner}, 5, user_id, 'foreign', 'f' FROM app.users WHERE public_id = '${beta.admin.id}' RETURNING public_id`);
    const [[session]] = await stack.sql(
        `SELECT s.public_id FROM app.sessions s JOIN app.users u USING (user_id) WHERE u.public_id = '${beta.admin.id}' LIMIT 1`);
    return {
        '/v1/users/': [beta.admin.id, people['staff.owner'].id], '/v1/team/': [beta.admin.id], '/v1/roles/': [role],
        '/v1/invitations/': [invitation], '/v1/staff/': [people['staff.owner'].id], '/v1/api-keys/': [key],
        '/v1/partners/': ['BETA'], '/v1/me/sessions/': [session],
        '/v1/wallet/entries/': [request],
        '/v1/flags/': ['team_page'], '/v1/models/': ['foreign'],
    };
}

test('another partner\'s things answer as what does not exist', async (context) => {
    const places = await foreign();
    const text = (reply) => [reply.status, reply.text.replaceAll(/"request_id":"[^"]*"/g, '')];
    const whole = () => stack.sql(
        `SELECT u.* FROM app.users u WHERE public_id = '${beta.admin.id}' OR staff_role = 'owner' ORDER BY user_id`);
    const earlier = JSON.stringify(await whole());
    let asked = 0;
    for (const route of routes.filter(({ path }) => path.includes('{}'))) {
        const [, targets] = Object.entries(places).find(([prefix]) => route.path.startsWith(prefix)) ?? [];
        assert.ok(targets, `no foreign target is known for ${route.path}`);
        for (const who of Object.values(people).filter(({ scope }) => scope !== 'staff')) {
            if (expected(route, who) !== 'allowed') continue;
            const body = anything();
            for (const query of route.name.startsWith('team_') ? ['', '?partner=ALPHA', '?partner=BETA'] : [''])
                for (const target of targets) {
                    const nothing = target.replace(/[0-9a-zA-Z]{3}$/, (end) => end === 'zz9' ? 'zz8' : 'zz9').slice(0, target.length);
                    const [there, absent] = [
                        await call(route, who, { target, query, body }),
                        await call(route, who, { target: target === 'BETA' ? 'GAMMA' : nothing, query, body }),
                    ];
                    assert.deepEqual(text(there), text(absent), `${who.role} ${route.name} ${query}`);
                    assert.ok(there.status >= 400, `${who.role} ${route.name} ${query} ${there.text}`);
                    asked++;
                }
        }
    }
    context.diagnostic(`${asked} questions`);
    assert.equal(JSON.stringify(await whole()), earlier, 'nothing changed');
});

test('what wants a fresh sign-in refuses a stale one, whatever the role', async () => {
    const some = [people['staff.owner'], people['partner.admin']];
    const stale = (minutes) => stack.sql(
        `UPDATE app.sessions s SET auth_at = now() - interval '${minutes} minutes' FROM app.users u
         WHERE u.user_id = s.user_id AND u.public_id IN (${some.map(({ id }) => `'${id}'`)})`);
    await stale(6);
    const wanted = routes.filter(({ stepUp }) => stepUp);
    assert.ok(wanted.length > 3);
    for (const route of routes)
        for (const who of some) {
            if (expected(route, who) !== 'allowed' || route.name.startsWith('me_')) continue;
            assert.equal(verdict(await call(route, who)), route.stepUp ? 'step_up' : 'allowed', `${who.role} ${route.name}`);
        }
    await stale(0);
});

test('a member of a suspended partner only reads', async () => {
    const who = people['partner.admin'];
    await stack.sql(`UPDATE app.partners SET status = 'suspended' WHERE code = 'ALPHA'`);
    for (const route of routes) {
        if (expected(route, who) !== 'allowed' || !route.permission) continue;
        assert.equal(verdict(await call(route, who)), route.mutates ? 'denied' : 'allowed', route.name);
    }
    await stack.sql(`UPDATE app.partners SET status = 'active' WHERE code = 'ALPHA'`);
});

test('a custom role has what it names, of what its base role has', async () => {
    const named = ['metrics.read', 'users.read', 'keys.read', 'staff.manage'];
    const [[id]] = await stack.sql(
        `INSERT INTO app.custom_roles (partner_id, base_role, name, permissions)
         SELECT partner_id, 'partner.admin', 'Narrow', '{${named}}' FROM app.partners WHERE code = 'ALPHA'
         RETURNING custom_role_id`);
    const who = await person(stack, 'partner.admin');
    await stack.sql(`UPDATE app.memberships m SET custom_role_id = ${id} FROM app.users u
                     WHERE u.user_id = m.user_id AND u.public_id = '${who.id}'`);
    const has = (role, permission) => table.has(role, permission) && named.includes(permission);
    assert.deepEqual(await disagreements([who], routes, has), []);
});

test('through another\'s eyes one only reads, and no more than he may', async () => {
    const helper = await person(stack, 'staff.support');
    const member = people['partner.admin'];
    const begin = routes.find(({ name }) => name === 'user_impersonate');
    const reply = await call(begin, helper, { target: member.id, body: { reason: 'matrix' } });
    assert.equal(reply.status, 200, reply.text);
    const eyes = { ...member, cookie: reply.headers['set-cookie'][0].split(';')[0] };
    for (const route of routes) {
        if (route.name === 'impersonation_end') continue;
        const got = verdict(await call(route, eyes));
        if (route.mutates) assert.ok(['denied', 'impersonating'].includes(got), `${route.name}: ${got}`);
        else assert.equal(got, expected(route, member), route.name);
    }
    const [[n]] = await stack.sql(
        `SELECT count(*) FROM app.audit_log a JOIN app.users u ON u.user_id = a.actor_id JOIN app.users m ON m.user_id = a.on_behalf_of
         WHERE a.outcome = 'denied' AND u.public_id = '${helper.id}' AND m.public_id = '${member.id}'`);
    assert.ok(Number(n) > 5, 'the trail names both');
});

// ---- Sockets ---------------------------------------------------------------------------------------

/** Channel -> the permission that opens it ('': everybody's), and of which partner. `null`: nobody's. */
const channels = {
    'metrics:platform': ['metrics.read'], 'jobs:platform': ['metrics.read'], 'audit:platform': ['audit.read'],
    'metrics:partner:ALPHA': ['metrics.read', 'ALPHA'], 'jobs:partner:ALPHA': ['metrics.read', 'ALPHA'],
    'audit:partner:ALPHA': ['audit.read', 'ALPHA'], 'keys:partner:ALPHA': ['keys.read', 'ALPHA'],
    'wallet:partner:ALPHA': ['wallet.balance', 'ALPHA'], 'wallet:partner:BETA': ['wallet.balance', 'BETA'],
    'wallet:partner:NOSUCH': null, 'wallet:platform': null,
    'metrics:partner:BETA': ['metrics.read', 'BETA'], 'jobs:partner:BETA': ['metrics.read', 'BETA'],
    'audit:partner:BETA': ['audit.read', 'BETA'], 'keys:partner:BETA': ['keys.read', 'BETA'],
    system: [''], 'system:platform': null,
    'keys:partner:NOSUCH': null, 'audit:partner:NOSUCH': null, 'metrics:partner:NOSUCH': null, 'keys:platform': null,
    'ctl:authz': null, 'ctl:keys': null, 'feed:platform': null, 'feed:partner:ALPHA': null, 'session:self': null,
    'session:other': null, 'thread:thr_00000000000000000000000000000000': null,
};

function mayRead(channel, who) {
    const [permission, partner] = channels[channel] ?? [];
    if (permission === '') return true;
    if (!permission || !table.has(who.role, permission)) return false;
    return who.scope === 'staff' || who.partner === partner;
}

async function tokenOf(who) {
    const reply = await ask(stack, 'POST', '/v1/token', { cookie: who.cookie });
    assert.equal(reply.status, 200, reply.text);
    return reply.body.token;
}

/** A thread of those people. */
const thread = async (...some) => stack.metricsctl(
    'thread', 'create', '--database', stack.postgres.dsn, '--partner', 'ALPHA', '--subject', 'Matrix',
    ...some.flatMap(({ id }) => ['--participant', id]));

const members = () => table.roles.map((role) => people[role]);

test('role x channel x method over the socket', async (context) => {
    const own = await thread(...members());
    const lists = {};
    let asked = 0;
    for (const who of members()) {
        const client = await RawClient.connect(stack.hubUrl, await tokenOf(who));
        let id = 1;
        const tell = async (method, channel, more = {}) => {
            asked++;
            return client.ask({ id: ++id, [method]: { channel, ...more } });
        };
        for (const channel of [...Object.keys(channels), `thread:${own}`]) {
            const allowed = channel === `thread:${own}` ? table.has(who.role, 'messages.read') : mayRead(channel, who);
            const what = `${who.role} ${channel}`;
            // Before one has subscribed nothing is to be had, and no channel is another's than one that is not.
            for (const method of ['presence', 'presence_stats', 'history', 'publish']) {
                const { error } = await tell(method, channel, method === 'publish' ? { data: { forged: true } } : {});
                assert.ok(error, `${what} ${method}`);
                if (!allowed) (lists[`${who.role} ${method}`] ??= new Set()).add(JSON.stringify(error));
            }
            const { subscribe, error } = await tell('subscribe', channel);
            assert.equal(Boolean(subscribe), allowed, `${what}: ${JSON.stringify(error)}`);
            if (!allowed) assert.deepEqual(error, { code: 102, message: 'unknown channel' }, what);
            else {
                assert.equal((await tell('publish', channel, { data: { forged: true } })).error?.code, 108, `${what} publish`);
                const history = await tell('history', channel, { limit: 1 });
                const log = /^(thread:|audit:|keys:|wallet:|system$)/.test(channel);
                if (log) assert.ok(history.history, `${what} history: ${JSON.stringify(history)}`);
                else assert.equal(history.error.code, 108, `${what} history`);
                // Who reads a trail is nobody's business.
                const { presence, error: refusal } = await tell('presence', channel);
                if (/^(audit:|keys:|wallet:|system$)/.test(channel)) assert.equal(refusal?.code, 108, `${what} presence`);
                else assert.ok(presence, `${what} presence`);
            }
        }
        await client.close();
    }
    for (const [what, errors] of Object.entries(lists)) assert.equal(errors.size, 1, `${what}: ${[...errors]}`);
    context.diagnostic(`${asked} questions`);
});

test('who belongs nowhere gets no token for the hub, and nobody without a session', async () => {
    const reply = await ask(stack, 'POST', '/v1/token', { cookie: people.none.cookie });
    assert.deepEqual([reply.status, reply.body.reason], [403, 'no_workspace']);
    assert.equal((await ask(stack, 'POST', '/v1/token')).status, 401);
});

test('role x channel by server-sent events', async () => {
    for (const who of members()) {
        const token = await tokenOf(who);
        for (const channel of Object.keys(channels)) {
            const reader = new EventReader(stack, token, channel);
            await until(() => reader.status !== undefined && (reader.status === 200 || reader.over), 'an answer');
            assert.equal(reader.status, mayRead(channel, who) ? 200 : 404, `${who.role} ${channel}`);
            await reader.close();
        }
    }
});

const canaries = {
    0: ['canary-model', 'canary-project'], 1: ['canary-prompt', 'canary-error', 'https://canary.test/asset'],
    2: ['77.123457'], 3: ['canary-end-user'],
};

test('role x field class, in states, patches and events', async () => {
    const followers = [];
    for (const who of members())
        for (const channel of ['metrics:partner:ALPHA', 'jobs:partner:ALPHA', 'metrics:platform', 'jobs:platform']) {
            if (!mayRead(channel, who)) continue;
            const client = await RawClient.connect(stack.hubUrl, await tokenOf(who));
            await client.ask({ id: 2, subscribe: { channel } });
            followers.push({ who, channel, client });
        }
    assert.equal((await stack.post('ALPHA', [
        stack.event('requested', 'c', {
            prompt: canaries[1][0], end_user: canaries[3][0], model: canaries[0][0], project: canaries[0][1],
        }),
        stack.event('failed', 'c', { error_message: canaries[1][1], asset_url: canaries[1][2], cost: canaries[2][0] }),
    ])).status, 200);
    for (const { who, channel, client } of followers) {
        await until(() => client.frames.some((frame) => /"state":"failed"|"failed":1/.test(frame)),
            `the job at ${who.role} on ${channel}`);
        const late = await RawClient.connect(stack.hubUrl, await tokenOf(who));
        await late.ask({ id: 2, subscribe: { channel } });
        for (const [how, frames] of [['patches', client.frames], ['state', late.frames]]) {
            const text = frames.join('\n');
            for (const [kind, texts] of Object.entries(canaries))
                for (const canary of texts) {
                    // Of a job everything, of the numbers only the sum of the cost.
                    if (kind === '0' && channel.startsWith('metrics:')) continue;
                    const visible = table.fields(who.role).includes(kind) && (channel.startsWith('jobs:') || kind === '2');
                    assert.equal(text.includes(canary), visible, `${who.role} ${channel} ${how} ${canary}`);
                }
        }
        await late.close();
        await client.close();
    }
});

test('messages: who may write, and who only reads', async () => {
    const place = await thread(...members());
    for (const who of members()) {
        const reply = await ask(stack, 'POST', `/v1/threads/${place}/messages`, {
            body: { client_id: randomUUID(), body: 'hello' }, headers: { authorization: `Bearer ${await tokenOf(who)}` },
        });
        const allowed = table.has(who.role, 'messages.write');
        assert.deepEqual([reply.status, reply.body.reason], allowed ? [201, undefined] : [403, 'read_only'], who.role);
    }
});

test('an API key opens what its scopes say', async () => {
    const key = await stack.key('ALPHA');
    const id = key.split('_')[2];
    for (const scopes of ['events:write', 'metrics:read', 'events:read', 'webhooks:manage', 'export:read', '']) {
        await stack.sql(`UPDATE app.api_keys SET scopes = '{${scopes}}' WHERE public_id = '${id}'`);
        const wanted = scopes === 'events:write' ? [200] : [403];
        await until(async () => wanted.includes((await stack.post('ALPHA', [stack.event('requested', 's')], { key })).status),
            `scopes '${scopes}'`);
    }
    for (const path of ['/v1/me', '/v1/users', '/v1/threads']) {
        const reply = await ask(stack, 'GET', path, { headers: { authorization: `Bearer ${stack.keys.ALPHA}` } });
        assert.equal(reply.status, 401, path);
    }
});

test('a session is nobody else\'s', async () => {
    const who = people['partner.viewer'];
    const again = await signIn(stack, who.id);
    assert.notEqual(again, who.cookie);
    for (const cookie of [`mh_session=${'A'.repeat(43)}`, who.cookie.slice(0, -1), `${who.cookie}x`, 'mh_session='])
        assert.equal(verdict(await call(routes[0], { role: 'anonymous', cookie })), 'sign in', cookie);
});
