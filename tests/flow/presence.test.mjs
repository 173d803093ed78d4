// Presence: who is in a channel, over two hubs, by the real SDK; who may see whom; and what becomes
// of it when a hub or Redis goes.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import fs from 'node:fs';
import { after, afterEach, before, test } from 'node:test';
import { Redis, freePort, startStack, until } from './harness.mjs';
import { RawClient, metric } from './hub_raw.mjs';

const TTL = 2000;
const CHANNEL = 'metrics:partner:ALPHA';
let stack, second, secondUrl;
const users = {};

before(async () => {
    const port = await freePort();
    stack = await startStack({
        hub: { presence_ttl: `${TTL}ms` }, redis: (folder) => restrictedRedis(folder, port),
    });
    users.owner = await stack.user({ staff: 'owner', name: 'Olga' });
    users.viewer = await stack.user({ staff: 'viewer', name: 'Viktor' });
    users.anna = await stack.user({ partner: 'ALPHA', role: 'manager', name: 'Anna "A" Ärmel' });
    users.adam = await stack.user({ partner: 'ALPHA', role: 'viewer', name: 'Adam' });
    users.berta = await stack.user({ partner: 'BETA', role: 'manager', name: 'Berta' });
    await startSecond();
});

after(async () => {
    await second?.stop();
    await stack?.close();
});

/** The daemons sign in as a user that may do what README.md asks for, and nothing else. */
function restrictedRedis(folder, port) {
    const redis = new Redis(folder, port, {
        lines: 'user live on >of-live resetchannels &mh:* ~mh:presence:* +auth +select +ping +client|setname ' +
            '+publish +psubscribe +@hash +@set +set +del +exists +pexpire\n',
    });
    redis.url = `redis://live:of-live@127.0.0.1:${port}/1`;
    return redis;
}

async function startSecond() {
    const port = await freePort();
    const config = stack.write(
        'hub-2.conf',
        fs.readFileSync(stack.hubConfig, 'utf8').replace(/^listen = .*$/m, `listen = 127.0.0.1:${port}`),
    );
    secondUrl = `ws://127.0.0.1:${port}/connection/websocket`;
    second = await stack.startDaemon('metrics-hub', config, `http://127.0.0.1:${port}`);
}

const guests = [];
afterEach(() => guests.splice(0).forEach((guest) => guest.leave()));

/** How often Redis has carried out each of these commands. */
async function calls(...names) {
    const text = await stack.redis.command('INFO', 'commandstats');
    return Object.fromEntries(names.map((name) => [
        name, Number(new RegExp(`cmdstat_${name}:calls=(\\d+)`).exec(text)?.[1] ?? 0),
    ]));
}

/** A subscribed client that notes who comes and goes. */
class Guest {
    static async enter(user, { url = stack.hubUrl, channel = CHANNEL } = {}) {
        const guest = new Guest();
        guests.push(guest);
        guest.client = stack.client(await stack.token(users[user]), {}, url);
        guest.joins = [];
        guest.leaves = [];
        guest.subscription = guest.client.newSubscription(channel, { joinLeave: true });
        guest.subscription.on('join', ({ info }) => guest.joins.push(info));
        guest.subscription.on('leave', ({ info }) => guest.leaves.push(info));
        guest.client.on('connected', ({ client }) => (guest.id = client));
        guest.subscription.subscribe();
        guest.client.connect();
        await guest.subscription.ready(10_000);
        return guest;
    }

    async seen() {
        const { clients } = await this.subscription.presence();
        return Object.keys(clients).sort();
    }

    sees(guests, what, ms) {
        const expected = guests.map(({ id }) => id).sort().join();
        let last;
        return until(async () => (last = (await this.seen()).join()) === expected, what, ms).catch((error) => {
            throw new Error(`${error.message}: ${last} instead of ${expected}`, { cause: error });
        });
    }

    joined(guest) {
        return this.joins.filter(({ client }) => client === guest.id).length;
    }

    left(guest) {
        return this.leaves.filter(({ client }) => client === guest.id).length;
    }

    leave() {
        this.client.disconnect();
    }
}

test('staff sees everybody, members see members, at whichever hub they are', async () => {
    const owner = await Guest.enter('owner');
    const viewer = await Guest.enter('viewer', { url: secondUrl });
    const anna = await Guest.enter('anna');
    const adam = await Guest.enter('adam', { url: secondUrl });
    const again = await Guest.enter('adam');
    await owner.sees([owner, viewer, anna, adam, again], 'everybody for the owner');
    await viewer.sees([owner, viewer, anna, adam, again], 'everybody for the viewer');
    await anna.sees([anna, adam, again], 'members for Anna');
    await adam.sees([anna, adam, again], 'members for Adam');

    const { clients } = await anna.subscription.presence();
    const { client, user, connInfo } = clients[anna.id];
    assert.deepEqual([client, user, connInfo], [anna.id, users.anna, { name: 'Anna "A" Ärmel' }]);
    assert.deepEqual(await owner.subscription.presenceStats(), { numClients: 5, numUsers: 4 });
    assert.deepEqual(await adam.subscription.presenceStats(), { numClients: 3, numUsers: 2 });

    await until(() => owner.joined(again) && anna.joined(again) && adam.joined(again), 'the join');
    again.leave();
    adam.subscription.unsubscribe();
    await until(() => [owner, viewer, anna].every((guest) => guest.left(adam) && guest.left(again)), 'the leaves');
    await anna.sees([anna], 'Anna alone');
    await viewer.sees([owner, viewer, anna], 'three for the viewer');
    viewer.leave();
    await until(() => owner.left(viewer), 'the leave of staff');
    await anna.sees([anna], 'still Anna alone');
    // Whatever was said about staff was said before the next join, which Anna has seen.
    const last = await Guest.enter('adam', { url: secondUrl });
    await until(() => anna.joined(last), 'another member');
    const members = new Set([users.anna, users.adam]);
    for (const info of [...anna.joins, ...anna.leaves, ...adam.joins, ...adam.leaves])
        assert.ok(members.has(info.user), `a member was told of ${JSON.stringify(info)}`);
    assert.ok([...owner.joins, ...owner.leaves].some(({ user }) => user === users.viewer));
    for (const guest of [owner, anna, adam, last]) {
        const counts = new Map();
        for (const [kind, list] of [['join', guest.joins], ['leave', guest.leaves]])
            for (const { client } of list) counts.set(kind + client, (counts.get(kind + client) ?? 0) + 1);
        assert.ok([...counts.values()].every((count) => count === 1), 'told twice');
    }
});

/** A session's token, signed as ingest does it. */
function signed(claims) {
    const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const now = Math.floor(Date.now() / 1000);
    const text = [
        part({ alg: 'HS256', typ: 'JWT' }),
        part({ iss: 'metrics-hub', sub: 'usr_x', sid: 'ses_x', name: 'Xaver', iat: now, exp: now + 600, ...claims }),
    ].join('.');
    const secret = fs.readFileSync(stack.secretFile, 'utf8');
    return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
}

test('who is no longer staff sees members only, from the refreshed token on', async () => {
    const owner = await Guest.enter('owner');
    const anna = await Guest.enter('anna');
    const client = await RawClient.connect(stack.hubUrl, signed({ staff: 'ops' }));
    await client.ask({ id: 2, subscribe: { channel: CHANNEL, join_leave: true } });
    const seen = async (id) =>
        Object.keys((await client.ask({ id, presence: { channel: CHANNEL } })).presence.presence).length;
    assert.equal(await seen(3), 3);
    assert.equal((await anna.seen()).length, 1);
    // The same fields may be seen by both, so the subscription goes on.
    await client.ask({ id: 4, refresh: { token: signed({ partners: { ALPHA: 'manager' } }) } });
    assert.equal(await seen(5), 2);
    assert.equal((await anna.seen()).length, 2);
    owner.leave();
    const adam = await Guest.enter('adam');
    await until(() => client.replies.some(({ push }) => push?.join?.info.client === adam.id), 'the join of a member');
    assert.ok(!client.replies.some(({ push }) => push?.leave?.info.client === owner.id), 'the leave of staff');
    await client.close();
});

test('in a thread all participants see each other, staff too', async () => {
    const thread = await stack.metricsctl('thread', 'create', '--database', stack.postgres.dsn,
        '--partner', 'ALPHA', '--subject', 'Renders', '--participant', users.anna, '--participant', users.viewer);
    const channel = `thread:${thread}`;
    const anna = await Guest.enter('anna', { channel });
    const viewer = await Guest.enter('viewer', { channel, url: secondUrl });
    await anna.sees([anna, viewer], 'both for Anna');
    await viewer.sees([anna, viewer], 'both for Viktor');
    assert.deepEqual(await anna.subscription.presenceStats(), { numClients: 2, numUsers: 2 });
    await until(() => anna.joined(viewer), 'the join of staff');
    const outsider = await RawClient.connect(stack.hubUrl, await stack.token(users.adam));
    const { error } = await outsider.ask({ id: 2, presence: { channel } });
    assert.equal(error.code, 102);
    await outsider.close();
    await stack.metricsctl('thread', 'leave', '--database', stack.postgres.dsn, '--thread', thread,
        '--user', users.viewer);
    await until(() => anna.left(viewer), 'the leave of who was removed');
    await anna.sees([anna], 'Anna alone');
});

test('only subscribers may ask, and nobody learns what exists', async () => {
    const client = await RawClient.connect(stack.hubUrl, await stack.token(users.berta));
    let id = 1;
    for (const channel of [CHANNEL, 'metrics:partner:NOSUCH', 'metrics:platform', 'metrics:partner:BETA', 'x'])
        for (const method of ['presence', 'presence_stats']) {
            const { error } = await client.ask({ id: ++id, [method]: { channel } });
            assert.deepEqual(error, { code: 102, message: 'unknown channel' }, `${method} ${channel}`);
        }
    await client.ask({ id: ++id, subscribe: { channel: 'metrics:partner:BETA' } });
    const { presence } = await client.ask({ id: ++id, presence: { channel: 'metrics:partner:BETA' } });
    assert.deepEqual(Object.values(presence.presence).map(({ user }) => user), [users.berta]);
    await client.close();
});

test('kill -9 of a hub: its clients expire, and each leave is seen once', async () => {
    const owner = await Guest.enter('owner');
    const anna = await Guest.enter('anna');
    const adams = await Promise.all(
        Array.from({ length: 5 }, () => Guest.enter('adam', { url: secondUrl })));
    const viewer = await Guest.enter('viewer', { url: secondUrl });
    await owner.sees([owner, anna, ...adams, viewer], 'everybody');
    for (const { client } of [...adams, viewer]) client.on('connecting', () => client.disconnect());
    await second.stop('SIGKILL');
    await owner.sees([owner, anna], 'the dead to be gone', TTL + 5000);
    await anna.sees([anna], 'the same for members');
    await until(() => [...adams, viewer].every((guest) => owner.left(guest)), 'their leaves', 2 * TTL + 5000);
    await until(() => adams.every((guest) => anna.left(guest)), 'their leaves for members');
    await startSecond();
    const { smembers } = await calls('smembers');
    await until(async () => (await calls('smembers')).smembers > smembers + 4, 'rounds of both hubs');
    for (const guest of [...adams, viewer]) assert.equal(owner.left(guest), 1);
    assert.equal(anna.left(viewer), 0);
    const keys = (await stack.redis.command('-n', '1', 'KEYS', 'mh:presence:*')).trim().split('\n');
    const dead = keys.filter((key) => key.startsWith('mh:presence:gone:')).map((key) => key.split(':')[3]);
    assert.equal(dead.length, 1);
    assert.deepEqual(keys.filter((key) => key.endsWith(dead[0])), [`mh:presence:gone:${dead[0]}`],
        'nothing of it is left');
});

test('a hub that was taken for dead comes back with its clients', async () => {
    const owner = await Guest.enter('owner');
    const adam = await Guest.enter('adam', { url: secondUrl });
    await owner.sees([owner, adam], 'both');
    second.process.kill('SIGSTOP');
    await until(() => owner.left(adam), 'the leave', 2 * TTL + 5000);
    await owner.sees([owner], 'the owner alone');
    const joins = owner.joined(adam);
    second.process.kill('SIGCONT');
    await until(() => owner.joined(adam) > joins, 'the join', TTL + 5000);
    await owner.sees([owner, adam], 'both again');
    adam.leave();
    await until(() => owner.left(adam) === 2, 'the leave');
    await owner.sees([owner], 'the owner alone at last');
});

test('an orderly end of a hub takes its clients back at once', async () => {
    const owner = await Guest.enter('owner');
    const adam = await Guest.enter('adam', { url: secondUrl });
    await owner.sees([owner, adam], 'both');
    adam.client.on('connecting', () => adam.client.disconnect());
    assert.deepEqual(await second.stop(), { code: 0, signal: null });
    await until(() => owner.left(adam), 'the leave', 1000);
    await owner.sees([owner], 'the owner alone', 1000);
    assert.equal((await stack.redis.command('-n', '1', 'SCARD', 'mh:presence:hubs')).trim(), '1');
    await startSecond();
});

test('with Redis away presence is not available; then it is true again, with no false news', async () => {
    const owner = await Guest.enter('owner');
    const anna = await Guest.enter('anna', { url: secondUrl });
    const adam = await Guest.enter('adam');
    await owner.sees([owner, anna, adam], 'everybody');
    await stack.redis.stop();
    await until(() => owner.subscription.presence().then(() => false, ({ code }) => code === 108), 'the error');
    await assert.rejects(owner.subscription.presenceStats(), { code: 108 });
    adam.leave();
    const late = await Guest.enter('adam', { url: secondUrl });
    const brief = await Guest.enter('adam');
    brief.leave();
    await until(async () => (await metric(stack, 'mh_hub_presence_entries')) === 1, 'the end');
    await stack.redis.start(); // with nothing in it
    await until(() => owner.seen().then(() => true, () => false), 'an answer', 15_000);
    await owner.sees([owner, anna, late], 'everybody who is there', 15_000);
    // What is said before a hub listens again is lost; then it is said once.
    await until(async () => (await (await fetch(`${stack.hubHttpUrl}/readyz`)).json()).redis.up, 'the hub to listen');
    const next = await Guest.enter('adam', { url: secondUrl });
    await until(() => owner.joined(next), 'the next join');
    assert.ok(owner.left(adam) <= 1 && owner.joined(late) <= 1);
    assert.equal(owner.joined(anna), 1);
    assert.equal(owner.left(anna) + owner.joined(brief) + owner.left(brief), 0);
});

test('a thousand are listed, all are counted, and Redis is asked in batches', async () => {
    const crowd = 1050;
    const channel = 'metrics:partner:ALPHA';
    const names = ['hset', 'hdel', 'publish', 'hkeys'];
    const tokens = [await stack.token(users.anna), await stack.token(users.adam)];
    const before = await calls(...names);
    const clients = [];
    while (clients.length < crowd)
        clients.push(...await Promise.all(Array.from({ length: 150 }, async (_, n) => {
            const client = await RawClient.open(stack.hubUrl);
            client.send({ id: 1, connect: { token: tokens[n % 2] } }, { id: 2, subscribe: { channel } });
            await client.reply(2);
            return client;
        })));
    const first = clients[0];
    const { presence_stats: stats } = await first.ask({ id: 3, presence_stats: { channel } });
    assert.deepEqual(stats, { num_clients: crowd, num_users: 2 });
    const { presence } = await first.ask({ id: 4, presence: { channel } });
    assert.equal(Object.keys(presence.presence).length, 1000);
    const written = await calls(...names);
    assert.ok(written.hset - before.hset < crowd / 5, `${written.hset - before.hset} HSET`);
    assert.ok(written.publish - before.publish < crowd / 5, `${written.publish - before.publish} PUBLISH`);

    // Many who ask at once cost no more than a few reads.
    clients.forEach((client) => client.send({ id: 5, presence_stats: { channel } }));
    await Promise.all(clients.map((client) => client.reply(5)));
    const read = await calls(...names);
    assert.ok(read.hkeys - written.hkeys < crowd / 5, `${read.hkeys - written.hkeys} HKEYS`);
    await Promise.all(clients.slice(1).map((client) => client.close()));
    await until(async () => {
        const { presence_stats: now } = await first.ask({ id: Math.floor(Math.random() * 1e9), presence_stats: { channel } });
        return now.num_clients === 1;
    }, 'the others to be gone');
    assert.ok((await calls(...names)).hdel - before.hdel < crowd / 2);
    await first.close();
});
