// Who may see what, while he looks: what is taken from somebody is taken from his open connections,
// at every worker, and what says so is the log that Postgres keeps, whoever made the change.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Follower, get, startStack, until, workersOf } from './harness.mjs';
import { RawClient } from './hub_raw.mjs';
import { EventReader } from './sse_client.mjs';

const WORKERS = 2;
const SOCKETS = 8; // of one user: all at one worker once in 128 times
let stack, owner, ownerCookie;

before(async () => {
    // The poll comes too late for anything here: what is seen in time was published.
    stack = await startStack({
        hub: { workers: WORKERS, poll_interval: '60s', max_commands: 200 },
        ingest: { sign_in_rate: 1000, workers: 2 },
    });
    owner = await stack.user({ name: 'Olga Owner', staff: 'owner' });
    ownerCookie = await signIn(owner);
    await until(async () => {
        const { body } = await get(`${stack.hubHttpUrl}/metrics`);
        return Number(body.match(/^mh_hub_workers (\d+)$/m)[1]) === WORKERS;
    }, 'all workers');
    assert.equal(workersOf(stack.hub).length, WORKERS);
});
after(() => stack?.close());

const tokenOfLink = (link) => decodeURIComponent(/link=([^&]+)/.exec(link)[1]);

async function signIn(user) {
    const body = JSON.stringify({ link: tokenOfLink(await stack.link(user)) });
    const response = await fetch(`${stack.ingestUrl}/v1/session`, { method: 'POST', body });
    assert.equal(response.status, 200);
    return response.headers.get('set-cookie').split(';')[0];
}

async function ask(method, where, cookie, body) {
    const reply = await get(`${stack.ingestUrl}${where}`, { method, headers: { cookie } }, body && JSON.stringify(body));
    assert.ok(reply.status < 300, `${method} ${where}: ${reply.status} ${reply.body}`);
    return reply.body ? JSON.parse(reply.body) : undefined;
}

const tokenOf = async (cookie) => (await ask('POST', '/v1/token', cookie)).token;

/** A connection as a page has it: it fetches tokens by its cookie, and writes down what it is told. */
async function page(cookie, channels = []) {
    const first = await tokenOf(cookie);
    let used = false;
    const told = [];
    const client = stack.client(async () => {
        if (used) return tokenOf(cookie);
        used = true;
        return first;
    });
    client.on('publication', ({ channel, data }) => channel === 'session:self' && told.push(data));
    const one = { client, told, connects: 0, followers: {} };
    client.on('connected', (context) => {
        one.hello = context.data;
        one.connects += 1;
    });
    client.on('disconnected', (context) => (one.ended = context));
    for (const channel of channels) one.followers[channel] = follow(client, channel);
    client.connect();
    await until(() => one.hello, 'the connection');
    for (const channel of channels)
        await until(() => one.followers[channel].subscribed, `${channel} of the page`);
    return one;
}

/** Logs have no state; the rest has. */
function follow(client, channel) {
    if (/^(metrics|jobs):/.test(channel)) return new Follower(client, channel);
    const log = { rows: [], subscription: client.newSubscription(channel) };
    log.subscription.on('subscribed', (context) => (log.subscribed = context));
    log.subscription.on('unsubscribed', (context) => (log.unsubscribed = context));
    log.subscription.on('publication', ({ data, offset }) => data.t !== 'check' && log.rows.push({ ...data, offset }));
    log.subscription.subscribe();
    return log;
}

const pages = (cookie, channels, count = SOCKETS) =>
    Promise.all(Array.from({ length: count }, () => page(cookie, channels)));

/** All `pages` have what `seen` looks for within a second of `change`. */
async function withinASecond(change, all, seen, what, ms = 1000) {
    await change();
    const begin = Date.now();
    await until(() => all.every(seen), what, 10_000);
    const took = Date.now() - begin;
    assert.ok(took <= ms, `${what} took ${took} ms`);
}

const member = async (partner, role, name) => {
    const user = await stack.user({ partner, role, name });
    return { user, cookie: await signIn(user) };
};

test('a role that changes is seen on every open socket; what is still allowed lives on', async () => {
    const { user, cookie } = await member('ALPHA', 'admin', 'Ada');
    const channels = ['metrics', 'jobs', 'audit', 'keys', 'wallet'].map((kind) => `${kind}:partner:ALPHA`);
    const all = await pages(cookie, channels);
    const stale = await tokenOf(cookie);
    assert.deepEqual(all[0].hello.channels, ['system', ...channels]);
    const role = (name) => () =>
        ask('PUT', `/v1/users/${user}/roles`, ownerCookie, { memberships: [{ partner: 'ALPHA', role: name }] });

    await withinASecond(role('viewer'), all, (one) =>
        one.told.at(-1)?.role === 'partner.viewer' && one.followers['audit:partner:ALPHA'].unsubscribed,
    'the smaller role');
    for (const one of all) {
        const [notice] = one.told;
        assert.equal(notice.t, 'session');
        assert.equal(notice.user.id, user);
        assert.ok(!notice.permissions.includes('audit.read') && notice.permissions.includes('keys.read'));
        assert.equal(one.followers['audit:partner:ALPHA'].unsubscribed.code, 2000);
        const { 'metrics:partner:ALPHA': metrics, 'keys:partner:ALPHA': keys } = one.followers;
        assert.equal(metrics.subscription.state, 'subscribed');
        assert.equal(keys.subscription.state, 'subscribed');
        assert.equal(one.connects, 1, 'nobody had to come back');
    }
    // Jobs have fields of F1, which a viewer has not: the same channel, anew.
    await until(() => all.every((one) => one.followers['jobs:partner:ALPHA'].frames.length > 1), 'the jobs anew');
    await stack.post('ALPHA', [stack.event('requested', 'role-1', { prompt: 'canary-f1', model: 'm' })]);
    for (const one of all) {
        const jobs = one.followers['jobs:partner:ALPHA'];
        await jobs.when((state) => JSON.stringify(state).includes('role-1'), 'the job');
        assert.ok(!JSON.stringify(jobs.state).includes('canary-f1'));
    }

    // A token from before is no way back to what was taken, at any worker.
    for (let i = 0; i < SOCKETS; i++) {
        const raw = await RawClient.open(stack.hubUrl);
        const { error } = await raw.ask({ id: 1, connect: { token: stale } });
        assert.deepEqual(error, { code: 109, message: 'token expired' });
        await raw.close();
    }
    // The SDK fetches a new one then.
    const tokens = [stale, await tokenOf(cookie)];
    let asked = 0;
    const back = await stack.connect(() => tokens[Math.min(asked++, 1)]);
    assert.equal(back.connection.data.role, 'partner.viewer');
    assert.equal(asked, 2);

    await withinASecond(role('admin'), all, (one) => one.told.at(-1).role === 'partner.admin', 'the larger role');
    await until(() => all.every((one) => JSON.stringify(one.followers['jobs:partner:ALPHA'].state).includes('canary-f1')),
        'the fields that it may see again');
});

test('a custom role narrows what its holder sees', async () => {
    const { user, cookie } = await member('ALPHA', 'manager', 'Cleo');
    const one = await page(cookie, ['metrics:partner:ALPHA', 'jobs:partner:ALPHA']);
    await stack.sql(`INSERT INTO app.custom_roles (partner_id, base_role, name, permissions)
        SELECT partner_id, 'partner.manager', 'only metrics', '{metrics.read,docs.read,audit.read}' FROM app.partners WHERE code = 'ALPHA'`);
    await stack.sql(`UPDATE app.memberships SET custom_role_id = (SELECT max(custom_role_id) FROM app.custom_roles)
        WHERE user_id = (SELECT user_id FROM app.users WHERE public_id = '${user}')`);
    await published();
    await until(() => one.told.length, 'the narrower role');
    // audit.read is not in a manager's role, so no custom role of it gives it.
    assert.deepEqual(one.told[0].permissions, ['metrics.read', 'docs.read']);
    const other = await page(cookie);
    assert.deepEqual(other.hello.permissions, ['metrics.read', 'docs.read']);
    assert.deepEqual(other.hello.channels, ['system', 'metrics:partner:ALPHA', 'jobs:partner:ALPHA']);
    await stack.sql(`UPDATE app.custom_roles SET permissions = '{docs.read}' WHERE name = 'only metrics'`);
    await published();
    await until(() => one.followers['metrics:partner:ALPHA'].unsubscribed, 'the end of the dashboards');
    assert.deepEqual(one.told.at(-1).channels, ['system']);
    assert.equal(one.client.state, 'connected');
});

/** Publishes the newest row of the log, as ingest does for what it changed itself. */
async function published(channel = 'ctl:authz', of = stack) {
    const [[message]] = await of.sql(`SELECT concat('{"channel":"', h.channel, '","epoch":"', app.db_epoch(), h.epoch, '","seq":',
            l.seq, ',"payload":', l.payload, '}')
        FROM app.channel_head h JOIN app.channel_log l ON l.channel = h.channel AND l.seq = h.seq WHERE h.channel = '${channel}'`);
    await of.redis.command('PUBLISH', `mh:${channel}`, message);
}

test('who is suspended is told so, and is out; others stay', async () => {
    const { user, cookie } = await member('ALPHA', 'manager', 'Sid');
    const other = await member('ALPHA', 'manager', 'Otto');
    const [all, rest] = [
        await pages(cookie, ['metrics:partner:ALPHA']), await pages(other.cookie, ['metrics:partner:ALPHA'], 2),
    ];
    const token = await tokenOf(cookie);
    const stream = await EventReader.open(stack, token, 'metrics:partner:ALPHA');
    await withinASecond(() => ask('POST', `/v1/users/${user}/suspend`, ownerCookie, { reason: 'left' }), all,
        (one) => one.ended && stream.over, 'the end');
    for (const one of all) {
        assert.deepEqual(one.told.at(-1), { t: 'ended', reason: 'suspended' });
        assert.deepEqual([one.ended.code, one.ended.reason], [3506, 'suspended']);
    }
    const end = stream.events.find((event) => event.name === 'end');
    assert.deepEqual(JSON.parse(end.raw), { code: 3506, reason: 'suspended' });
    for (let i = 0; i < SOCKETS; i++) {
        const raw = await RawClient.open(stack.hubUrl);
        raw.send({ id: 1, connect: { token } });
        assert.equal((await raw.closed).code, 3506);
        await assert.rejects(EventReader.open(stack, token, 'metrics:partner:ALPHA'), /status 401/);
    }
    assert.ok(rest.every((one) => one.client.state === 'connected' && one.connects === 1 && !one.told.length));
});

test('what is said before the token was checked waits for that', async () => {
    const { user, cookie } = await member('ALPHA', 'viewer', 'Hal');
    await ask('PUT', `/v1/users/${user}/roles`, ownerCookie, { memberships: [{ partner: 'ALPHA', role: 'manager' }] });
    const token = await tokenOf(cookie); // of a moment after the change, which no clock is trusted to tell
    const raw = await RawClient.open(stack.hubUrl);
    raw.send({ id: 1, connect: { token } }, { id: 2, subscribe: { channel: 'metrics:partner:ALPHA' } });
    raw.send({ id: 3, rpc: { method: 'whoami' } });
    assert.equal((await raw.reply(1)).connect.data.role, 'partner.manager');
    assert.ok((await raw.reply(2)).subscribe.epoch);
    assert.equal((await raw.reply(3)).rpc.data.role, 'partner.manager');
    // A refresh by such a token keeps the connection.
    assert.ok((await raw.ask({ id: 4, refresh: { token } })).refresh);
    assert.equal((await raw.ask({ id: 5, rpc: { method: 'whoami' } })).rpc.data.role, 'partner.manager');
    await raw.close();
});

test('a partner that is suspended is told to its members, who go on reading', async () => {
    const { cookie } = await member('BETA', 'manager', 'Bea');
    const all = await pages(cookie, ['metrics:partner:BETA']);
    await withinASecond(() => ask('POST', '/v1/partners/BETA/suspend', ownerCookie, { reason: 'unpaid' }), all,
        (one) => one.told.at(-1)?.suspended.includes('BETA'), 'the suspension');
    await withinASecond(() => ask('POST', '/v1/partners/BETA/activate', ownerCookie, {}), all,
        (one) => one.told.at(-1).suspended.length === 0, 'its end');
    for (const one of all) {
        assert.equal(one.followers['metrics:partner:BETA'].subscription.state, 'subscribed');
        assert.equal(one.followers['metrics:partner:BETA'].frames.filter(({ t }) => t === 'state').length, 1);
    }
});

test('signing out ends that session, signing out everywhere all of them', async () => {
    const { user, cookie } = await member('ALPHA', 'manager', 'Sam');
    const second = await signIn(user);
    const [here, there] = [await pages(cookie), await pages(second)];
    const [session] = (await ask('GET', '/v1/me/sessions', second)).items.filter(({ current }) => !current);
    await withinASecond(() => ask('DELETE', `/v1/me/sessions/${session.id}`, second), here, (one) => one.ended, 'one end');
    for (const one of here) {
        assert.deepEqual(one.told.at(-1), { t: 'ended', reason: 'signed_out' });
        assert.deepEqual([one.ended.code, one.ended.reason], [3505, 'signed out']);
    }
    assert.ok(there.every((one) => one.client.state === 'connected' && one.connects === 1));
    await withinASecond(() => ask('POST', `/v1/users/${user}/sign-out`, ownerCookie, {}), there, (one) => one.ended, 'all ends');
    assert.ok(there.every((one) => one.ended.code === 3505));
});

test('a session that ends by SQL alone ends on the socket', async () => {
    const { user, cookie } = await member('ALPHA', 'manager', 'Sue');
    const all = await pages(cookie);
    await withinASecond(async () => {
        await stack.sql(`UPDATE app.sessions SET revoked_at = now()
            WHERE user_id = (SELECT user_id FROM app.users WHERE public_id = '${user}')`);
        await published();
    }, all, (one) => one.ended, 'the end');
    assert.ok(all.every((one) => one.ended.code === 3505));
});

test('a membership and a session end by their time, at every hub, once in the trail', async () => {
    const { user, cookie } = await member('ALPHA', 'manager', 'Tim');
    const roles = (...memberships) => ask('PUT', `/v1/users/${user}/roles`, ownerCookie, { memberships });
    await roles({ partner: 'ALPHA', role: 'manager' }, { partner: 'BETA', role: 'manager' });
    const all = await pages(cookie, ['metrics:partner:ALPHA', 'metrics:partner:BETA']);
    const [alpha, beta] = [Date.now() + 2000, Date.now() + 4000];
    await roles({ partner: 'ALPHA', role: 'manager', expires_at: alpha }, { partner: 'BETA', role: 'viewer', expires_at: beta });
    await until(() => all.every((one) => one.told.length), 'the change before');

    await until(() => all.every((one) => one.followers['metrics:partner:ALPHA'].unsubscribed), 'the end in one partner');
    const [first, second] = [Date.now() - alpha, () => Date.now() - beta];
    assert.ok(first > 0 && first <= 1000, `it took ${first} ms`);
    for (const one of all) {
        assert.equal(one.followers['metrics:partner:ALPHA'].unsubscribed.code, 2000);
        assert.equal(one.followers['metrics:partner:BETA'].subscription.state, 'subscribed');
        assert.ok(one.told.at(-1).channels.every((channel) => channel === 'system' || channel.endsWith(':BETA')));
    }
    await until(() => all.every((one) => one.ended), 'the end of it all');
    assert.ok(second() <= 1000, `it took ${second()} ms`);
    assert.ok(all.every((one) => one.ended.code === 3508 && one.connects === 1));
    const trail = async () => (await ask('GET', `/v1/audit?action=membership.expire&target=${user}`, ownerCookie)).items;
    assert.deepEqual((await trail()).map(({ partner, before, after, actor }) => [partner, before, after, actor]), [
        ['BETA', { role: 'viewer', expires_at: beta }, null, undefined],
        ['ALPHA', { role: 'manager', expires_at: alpha }, null, undefined],
    ]);

    // Given anew it ends anew.
    const again = Date.now() + 1500;
    await roles({ partner: 'ALPHA', role: 'manager', expires_at: again });
    const [one] = await pages(cookie, ['metrics:partner:ALPHA'], 1);
    await until(() => one.ended, 'the second end');
    assert.equal((await trail()).length, 3);

    const other = await member('ALPHA', 'manager', 'Tam');
    const sockets = await pages(other.cookie);
    const [[end]] = await stack.sql(`UPDATE app.sessions SET expires_at = now() + interval '2 s'
        WHERE user_id = (SELECT user_id FROM app.users WHERE public_id = '${other.user}')
        RETURNING floor(extract(epoch FROM expires_at) * 1000)`);
    await until(() => sockets.every((one) => one.ended), 'the end of the session');
    const took = Date.now() - Number(end);
    assert.ok(took > 0 && took <= 1000, `it took ${took} ms`);
    assert.ok(sockets.every((one) => one.ended.code === 3507 && one.told.at(-1).reason === 'expired'));
});

test('impersonation: seen through his eyes, without threads, and over when it is ended', async () => {
    const { user, cookie: own } = await member('ALPHA', 'manager', 'Ivy');
    const thread = await stack.metricsctl('thread', 'create', '--database', stack.postgres.dsn, '--partner', 'ALPHA',
        '--kind', 'group', '--subject', 'private', '--participant', owner, '--participant', user);
    const himself = await page(own, [`thread:${thread}`]);
    const reply = await get(`${stack.ingestUrl}/v1/users/${user}/impersonate`,
        { method: 'POST', headers: { cookie: await signIn(owner) } }, JSON.stringify({ reason: 'ticket 7' }));
    assert.equal(reply.status, 200, reply.body);
    const cookie = [reply.headers['set-cookie']].flat()[0].split(';')[0];
    const one = await page(cookie, ['metrics:partner:ALPHA']);
    assert.equal(one.hello.user.id, user);
    assert.deepEqual(one.hello.impersonator, { id: owner });
    assert.ok(!one.hello.permissions.includes('messages.read') && !one.hello.permissions.includes('export.csv'));
    const refused = follow(one.client, `thread:${thread}`);
    await until(() => refused.unsubscribed, 'the refusal');
    assert.equal(refused.unsubscribed.code, 102);
    await withinASecond(() => ask('DELETE', '/v1/session/impersonation', cookie), [one], ({ ended }) => ended, 'its end');
    assert.equal(himself.client.state, 'connected');
    assert.equal(himself.followers[`thread:${thread}`].subscription.state, 'subscribed');
});

test('audit and key channels: live, resumable, and nothing to those who may not', async () => {
    // Of which nothing was written yet.
    await stack.metricsctl('partner', 'create', '--database', stack.postgres.dsn, '--code', 'GAMMA', '--name', 'Gamma');
    const admin = await member('GAMMA', 'admin', 'Gil');
    const stranger = await member('ALPHA', 'admin', 'Al');
    const manager = await member('GAMMA', 'manager', 'Mia');
    const viewer = await signIn(await stack.user({ staff: 'viewer', name: 'Vic' }));
    const one = await page(admin.cookie, ['audit:partner:GAMMA', 'keys:partner:GAMMA']);
    const staff = await page(viewer, ['audit:platform', 'audit:partner:GAMMA']);
    const { followers } = one;
    assert.equal(followers['keys:partner:GAMMA'].subscribed.streamPosition.offset, 0);

    const key = await ask('POST', '/v1/api-keys', admin.cookie, { partner: 'GAMMA', name: 'k1', environment: 'test' });
    await until(() => followers['keys:partner:GAMMA'].rows.length, 'the new key');
    await until(() => followers['audit:partner:GAMMA'].rows.some(({ action }) => action === 'key.create'), 'its trail');
    await until(() => staff.followers['audit:platform'].rows.some(({ action }) => action === 'key.create'), 'staff see it');
    await until(() => staff.followers['audit:partner:GAMMA'].rows.some(({ action }) => action === 'key.create'), 'there too');
    const [row] = followers['keys:partner:GAMMA'].rows;
    assert.deepEqual([row.t, row.event], ['key', 'created']);
    for (const log of Object.values(followers)) assert.ok(!JSON.stringify(log.rows).includes(key.key), 'the secret');

    // What happens while it is away comes when it is back, once, in order.
    one.client.disconnect();
    const id = row.id;
    for (let i = 0; i < 3; i++) await ask('PATCH', `/v1/api-keys/${id}`, admin.cookie, { name: `k${i + 2}` });
    one.client.connect();
    await until(() => followers['keys:partner:GAMMA'].rows.length === 4, 'what was missed');
    assert.deepEqual(followers['keys:partner:GAMMA'].rows.map(({ offset }) => offset), [1, 2, 3, 4]);
    assert.equal(followers['keys:partner:GAMMA'].subscribed.recovered, true);
    const history = await followers['keys:partner:GAMMA'].subscription.history({ limit: 10 });
    assert.deepEqual(history.publications.map(({ offset }) => offset), [1, 2, 3, 4]);
    await assert.rejects(followers['keys:partner:GAMMA'].subscription.presence(), { code: 108 });

    // Whoever may not gets the very answer of what does not exist.
    const answers = async (cookie, channels) => {
        const raw = await RawClient.connect(stack.hubUrl, await tokenOf(cookie));
        const replies = [];
        for (const [i, channel] of channels.entries())
            replies.push((await raw.ask({ id: i + 2, subscribe: { channel } })).error);
        await raw.close();
        return replies;
    };
    const unknown = { code: 102, message: 'unknown channel' };
    const hidden = [
        [stranger.cookie, ['audit:partner:GAMMA', 'keys:partner:GAMMA', 'audit:platform', 'audit:partner:NOPE']],
        [manager.cookie, ['audit:partner:GAMMA', 'keys:partner:GAMMA', 'audit:platform', 'keys:partner:NOPE']],
        [viewer, ['keys:partner:GAMMA', 'keys:partner:NOPE', 'audit:partner:NOPE', 'keys:platform']],
        [ownerCookie, ['audit:partner:NOPE', 'keys:partner:NOPE', 'ctl:authz', 'session:self']],
    ];
    for (const [cookie, channels] of hidden)
        assert.deepEqual(await answers(cookie, channels), channels.map(() => unknown), channels.join());
    await assert.rejects(EventReader.open(stack, await tokenOf(viewer), 'keys:partner:GAMMA'), /status 404/);
});

test('a hub that starts knows of the changes before it', async () => {
    const { user, cookie } = await member('ALPHA', 'admin', 'Rob');
    const stale = await tokenOf(cookie);
    await ask('PUT', `/v1/users/${user}/roles`, ownerCookie, { memberships: [{ partner: 'ALPHA', role: 'viewer' }] });
    await stack.hub.stop();
    await stack.startHub();
    const raw = await RawClient.open(stack.hubUrl);
    assert.equal((await raw.ask({ id: 1, connect: { token: stale } })).error.code, 109);
    const fresh = await RawClient.connect(stack.hubUrl, await tokenOf(cookie));
    assert.equal(fresh.replies[0].connect.data.role, 'partner.viewer');
    assert.deepEqual(fresh.replies[0].connect.subs, { 'session:self': {} });
    await Promise.all([raw.close(), fresh.close()]);
});

test('without Redis the poll finds it; without Postgres what is open stays, and is caught up with', async (t) => {
    const of = await startStack({ hub: { workers: WORKERS }, partners: ['ALPHA'] });
    t.after(() => of.close());
    const user = await of.user({ partner: 'ALPHA', role: 'admin', name: 'Dee' });
    const id = `(SELECT user_id FROM app.users WHERE public_id = '${user}')`;
    const token = await of.token(user);
    const open = async () => {
        const one = { told: [], client: of.client(token) };
        one.client.on('publication', ({ channel, data }) => channel === 'session:self' && one.told.push(data));
        one.client.on('disconnected', (context) => (one.ended = context));
        one.client.on('connecting', () => (one.left = true));
        one.log = follow(one.client, 'audit:partner:ALPHA');
        one.client.connect();
        await until(() => one.log.subscribed, 'the trail');
        one.left = false;
        return one;
    };
    const all = await Promise.all(Array.from({ length: SOCKETS }, open));
    await of.redis.stop('SIGKILL');
    await withinASecond(() => of.sql(`UPDATE app.memberships SET role = 'manager' WHERE user_id = ${id}`), all,
        (one) => one.told.at(-1)?.role === 'partner.manager' && one.log.unsubscribed, 'the change', 2500);
    const guest = await of.user({ partner: 'ALPHA', role: 'viewer', name: 'Deb' });
    const visit = await of.connect(await of.token(guest));
    const ending = new Promise((resolve) => visit.on('disconnected', resolve));
    const [[end]] = await of.sql(`UPDATE app.memberships SET expires_at = now() + interval '1 s'
        WHERE user_id = (SELECT user_id FROM app.users WHERE public_id = '${guest}')
        RETURNING floor(extract(epoch FROM expires_at) * 1000)`);
    assert.equal((await ending).code, 3508);
    assert.ok(Date.now() - Number(end) <= 2500, `it took ${Date.now() - Number(end)} ms`);

    await of.postgres.stop();
    await until(async () => (await get(`${of.hubHttpUrl}/readyz`)).status === 503, 'the hub to say so');
    // Its token is from before a change: without Postgres nobody knows what of it is still true.
    const raw = await RawClient.open(of.hubUrl);
    const { error } = await raw.ask({ id: 1, connect: { token } });
    assert.deepEqual(error, { code: 100, message: 'internal server error', temporary: true });
    await raw.close();
    assert.ok(all.every((one) => one.client.state === 'connected' && !one.left));
    await of.postgres.start();
    await of.sql(`UPDATE app.users SET status = 'suspended' WHERE public_id = '${user}'`);
    await until(() => all.every((one) => one.ended), 'the end', 20_000);
    assert.ok(all.every((one) => one.ended.code === 3506 && !one.left));
});
