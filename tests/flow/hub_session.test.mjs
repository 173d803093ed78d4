// Who may connect, what a connection may do, and how it ends.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { RawClient, metric } from './hub_raw.mjs';
import { Follower, startStack, until } from './harness.mjs';

let stack, owner, manager;

before(async () => {
    stack = await startStack({
        hub: { ping_interval: '1s', max_subscriptions: 3, max_message: '8k', max_commands: 20 },
    });
    [owner, manager] = await Promise.all([
        stack.user({ name: 'Olga Owner', staff: 'owner' }),
        stack.user({ partner: 'ALPHA', role: 'manager' }),
    ]);
});

after(() => stack?.close());

const raw = async (user) => RawClient.connect(stack.hubUrl, await stack.token(user));

test('connect says who one is and what one may see', async () => {
    const client = await stack.connect(await stack.token(manager));
    const { data } = client.connection;
    assert.equal(data.user.id, manager);
    assert.equal(data.role, 'partner.manager');
    assert.deepEqual(data.partners, ['ALPHA']);
    assert.deepEqual(data.channels, ['system', 'metrics:partner:ALPHA', 'jobs:partner:ALPHA', 'wallet:partner:ALPHA']);
    for (const permission of ['metrics.read', 'jobs.read_content', 'messages.write'])
        assert.ok(data.permissions.includes(permission), permission);
    for (const permission of ['metrics.read_cost', 'audit.read', 'roles.assign', 'ops.hub'])
        assert.ok(!data.permissions.includes(permission), permission);
    assert.ok(Math.abs(data.time - Date.now()) < 60_000);
    const staff = await stack.connect(await stack.token(owner));
    assert.equal(staff.connection.data.role, 'staff.owner');
    assert.equal(staff.connection.data.user.name, 'Olga Owner');
    assert.ok(staff.connection.data.permissions.includes('metrics.read_cost'));
});

test('a forged token ends for good, a missing one is unauthorized', async () => {
    const token = await stack.token(owner);
    const [head, body, signature] = token.split('.');
    const other = signature[0] === 'A' ? 'B' : 'A';
    for (const bad of ['x', `${head}.${body}.${other}${signature.slice(1)}`, `${head}.${body}.`]) {
        await assert.rejects(stack.connect(bad), { code: 3500 });
    }
    const none = Buffer.from('{"alg":"none","typ":"JWT"}').toString('base64url');
    await assert.rejects(stack.connect(`${none}.${body}.`), { code: 3500 });
    await assert.rejects(stack.connect(''), { code: 101 });
});

test('an expired token is answered with 109, and the SDK fetches a new one', async () => {
    const expired = await stack.token(owner, 1);
    await until(() => {
        const { exp } = JSON.parse(Buffer.from(expired.split('.')[1], 'base64url'));
        return Date.now() > (exp + 6) * 1000; // 5 s of clock skew are allowed
    }, 'the token to expire');
    const client = await RawClient.open(stack.hubUrl);
    const reply = await client.ask({ id: 1, connect: { token: expired } });
    assert.deepEqual(reply.error, { code: 109, message: 'token expired' });
    await client.close();

    const tokens = [expired, await stack.token(owner)];
    let asked = 0;
    const sdk = await stack.connect(() => tokens[Math.min(asked++, 1)]);
    assert.equal(sdk.state, 'connected');
    assert.equal(asked, 2);
});

test('a token is refreshed in band, and without that the connection ends', async () => {
    const tokens = [await stack.token(owner, 2), await stack.token(owner, 600)];
    let asked = 0;
    const client = await stack.connect(() => tokens[Math.min(asked++, 1)]);
    const follower = new Follower(client, 'metrics:platform');
    await follower.when(() => true, 'a state');
    let left = false;
    client.on('connecting', () => (left = true));
    await until(() => asked === 2, 'the refresh');
    // A refresh by another user is no refresh.
    const thief = await RawClient.connect(stack.hubUrl, await stack.token(owner, 600));
    thief.send({ id: 2, refresh: { token: await stack.token(manager) } });
    assert.equal((await thief.closed).code, 3500);

    const forgetful = await RawClient.connect(stack.hubUrl, await stack.token(owner, 1));
    const pongs = setInterval(() => forgetful.ended || forgetful.send({}), 300);
    const ending = await forgetful.closed;
    clearInterval(pongs);
    assert.equal(ending.code, 3005);
    assert.equal(left, false, 'the refreshed one stays');
    assert.equal(client.state, 'connected');
});

test('pings keep those who answer and end those who do not', async () => {
    const silent = await raw(owner);
    const answering = await stack.connect(await stack.token(owner));
    let left = false;
    answering.on('connecting', () => (left = true));
    const ending = await silent.closed;
    assert.deepEqual(ending, { code: 3012, reason: 'no pong' });
    assert.ok(silent.frames.includes('{}'), 'was asked');
    assert.equal(left, false);
});

test('unknown and forbidden channels are answered alike', async () => {
    const client = await raw(manager);
    const names = [
        'metrics:partner:BETA', 'metrics:partner:NOSUCH', 'metrics:platform', 'jobs:platform',
        'jobs:partner:BETA', 'nonsense', 'metrics:partner:', 'metrics:partner:alpha',
        `metrics:partner:${'A'.repeat(300)}`, '',
    ];
    const replies = [];
    for (const [index, channel] of names.entries())
        replies.push(await client.ask({ id: 10 + index, subscribe: { channel } }));
    for (const reply of replies) {
        assert.deepEqual(reply.error, { code: 102, message: 'unknown channel' });
        assert.deepEqual(Object.keys(reply), ['id', 'error']);
    }
    await client.close();
    const staff = await raw(owner);
    const reply = await staff.ask({ id: 2, subscribe: { channel: 'metrics:partner:NOSUCH' } });
    assert.deepEqual(reply.error, { code: 102, message: 'unknown channel' });
    await staff.close();
});

test('a partner made later is found', async () => {
    const client = await raw(owner);
    const before = await client.ask({ id: 2, subscribe: { channel: 'metrics:partner:LATER' } });
    assert.equal(before.error.code, 102);
    await client.close();
    await stack.partner('LATER');
    let id = 2;
    await until(async () => {
        const again = await raw(owner);
        const reply = await again.ask({ id: ++id, subscribe: { channel: 'metrics:partner:LATER' } });
        await again.close();
        return reply.subscribe;
    }, 'the new partner');
});

test('subscriptions are limited and unique; unsubscribe frees their place', async () => {
    const client = await raw(owner);
    const subscribe = (id, channel) => client.ask({ id, subscribe: { channel } });
    assert.ok((await subscribe(2, 'metrics:platform')).subscribe.data);
    assert.equal((await subscribe(3, 'metrics:platform')).error.code, 105);
    assert.ok((await subscribe(4, 'jobs:platform')).subscribe);
    assert.ok((await subscribe(5, 'metrics:partner:ALPHA')).subscribe);
    assert.equal((await subscribe(6, 'metrics:partner:BETA')).error.code, 106);
    assert.deepEqual((await client.ask({ id: 7, unsubscribe: { channel: 'jobs:platform' } })), {
        id: 7, unsubscribe: {},
    });
    assert.ok((await subscribe(8, 'metrics:partner:BETA')).subscribe);
    await client.close();
});

test('commands of one message are answered in one frame, in order', async () => {
    const client = await raw(owner);
    await client.ask({ id: 2, subscribe: { channel: 'metrics:platform' } });
    const frames = client.frames.length;
    client.send(
        { id: 3, rpc: { method: 'whoami' } }, {}, { id: 4, rpc: { method: 'nosuch' } },
        { id: 5, ping: {} }, { id: 6, subscribe: { channel: 'nonsense' } },
    );
    await client.reply(6);
    const answers = client.frames.slice(frames).filter((frame) => frame.includes('"id":3'));
    assert.equal(answers.length, 1);
    assert.deepEqual(answers[0].split('\n').map((line) => JSON.parse(line).id), [3, 4, 5, 6]);
    await client.close();
});

test('rpc, and what this hub does not offer', async () => {
    const client = await stack.connect(await stack.token(manager));
    const { data } = await client.rpc('whoami', {});
    assert.equal(data.user.id, manager);
    const channels = (await client.rpc('channels', null)).data.channels;
    assert.deepEqual(channels, ['system', 'metrics:partner:ALPHA', 'jobs:partner:ALPHA', 'wallet:partner:ALPHA']);
    await assert.rejects(client.rpc('nosuch', {}), { code: 104 });
    const follower = new Follower(client, 'metrics:partner:ALPHA');
    await follower.when(() => true, 'a state');
    await assert.rejects(follower.subscription.publish({ forged: true }), { code: 108 });
    await assert.rejects(follower.subscription.history({ limit: 1 }), { code: 108 });
});

test('what is not the protocol ends the connection', async () => {
    const token = await stack.token(owner);
    for (const [what, text, code] of [
        ['not JSON', 'hello', 3501],
        ['not an object', '[1]', 3501],
        ['a wrong type', '{"id":2,"subscribe":{"channel":7}}', 3501],
        ['no id', '{"subscribe":{"channel":"metrics:platform"}}', 3501],
        ['a second connect', JSON.stringify({ id: 2, connect: { token } }), 3501],
        ['too large', `{"id":2,"rpc":{"method":"${'x'.repeat(9000)}"}}`, 1009],
    ]) {
        const client = await RawClient.connect(stack.hubUrl, token);
        client.send(text);
        assert.equal((await client.closed).code, code, what);
    }
    const early = await RawClient.open(stack.hubUrl);
    early.send({ id: 1, subscribe: { channel: 'metrics:platform' } });
    assert.equal((await early.closed).code, 3501);
});

test('too many commands are answered with a temporary error', async () => {
    const client = await raw(owner);
    client.send(...Array.from({ length: 100 }, (_, index) => ({ id: 10 + index, ping: {} })));
    const last = await client.reply(109);
    assert.deepEqual(last.error, { code: 111, message: 'too many requests', temporary: true });
    assert.ok((await client.reply(12)).ping, 'the first ones went through');
    await client.close();
});

test('the door: path, origin, pages', async () => {
    const refused = async (url, options) => {
        const client = new RawClient(url, options);
        await client.closed;
        return client.error?.message;
    };
    assert.match(await refused(stack.hubUrl, { origin: 'https://evil.example' }), /403/);
    assert.match(await refused(`${stack.hubUrl}/x`), /404/);
    const own = await RawClient.open(stack.hubUrl, { origin: stack.ingestUrl });
    await own.close();
    const page = async (path) => fetch(`${stack.hubHttpUrl}${path}`);
    assert.equal((await page('/healthz')).status, 200);
    assert.equal((await page('/nosuch')).status, 404);
    const ready = await page('/readyz');
    assert.equal(ready.status, 200);
    assert.deepEqual(await ready.json(), {
        ready: true, draining: false, postgres: { up: true }, redis: { up: true },
    });
    const metrics = await page('/metrics');
    assert.match(metrics.headers.get('content-type'), /text\/plain; version=0\.0\.4/);
    const text = await metrics.text();
    for (const name of ['connections', 'deliveries_total', 'drift_total', 'feed_lag_seconds_bucket'])
        assert.match(text, new RegExp(`^mh_hub_${name}`, 'm'));
    assert.match(text, /^mh_hub_closes_total\{code="3012"\} [1-9]/m);
});

test('nothing is left behind', async () => {
    for (const client of stack.clients) client.disconnect();
    await until(async () => (await metric(stack, 'mh_hub_connections')) === 0, 'no connections');
    assert.equal(await metric(stack, 'mh_hub_subscriptions'), 0);
    assert.equal(await metric(stack, 'mh_hub_queued_bytes'), 0);
});
