// Redis is a hint: whatever becomes of it, screens go on, at most a poll late, the daemons say what
// is wrong, and all of it mends itself.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { after, before, beforeEach, test } from 'node:test';
import { Follower, freePort, startStack, until } from './harness.mjs';
import { metric } from './hub_raw.mjs';
import { assertNumbers } from './oracle.mjs';

const CHANNEL = 'metrics:partner:ALPHA';
let stack, owner, client, follower;

before(async () => {
    stack = await startStack({ hub: { tick: '20ms', presence_ttl: '3s' } });
    owner = await stack.user({ staff: 'owner', name: 'Olga' });
    client = await stack.connect(await stack.token(owner));
    follower = new Follower(client, CHANNEL);
    await follower.when(() => true, 'a state');
});

after(() => stack?.close());

const page = async (url) => (await fetch(url)).json();
const redisOf = async (url) => (await page(`${url}/readyz`)).redis;
const bothSay = (up) => until(async () => {
    const answers = await Promise.all([stack.hubHttpUrl, stack.ingestUrl].map(redisOf));
    return answers.every((redis) => redis.up === up) && answers;
}, `both daemons to say ${up ? 'up' : 'down'}`, 30_000);

beforeEach(() => bothSay(true));

let jobs = 0;
async function post(target = stack) {
    const { status, body } = await target.post('ALPHA', [target.event('requested', `job-${++jobs}`)]);
    assert.deepEqual([status, body.accepted], [200, 1]);
    return jobs;
}

const shown = (count) => follower.when((state) => state.now.in_flight === count, `job ${count}`);

/** What is posted now comes by Redis, not by reading the log. */
async function assertLive() {
    const [messages, rows] = [
        await metric(stack, 'mh_hub_feed_messages_total'), await metric(stack, 'mh_hub_gap_rows_total'),
    ];
    await shown(await post());
    assert.ok((await metric(stack, 'mh_hub_feed_messages_total')) > messages);
    assert.equal(await metric(stack, 'mh_hub_gap_rows_total'), rows);
}

/** Without Redis each event is there after two polls at most: the one under way and the next. */
async function assertPolled(t, events = 5) {
    let worst = 0;
    for (let i = 0; i < events; i++) {
        const count = await post();
        const [begin, polls] = [Date.now(), await metric(stack, 'mh_hub_polls_total')];
        await shown(count);
        worst = Math.max(worst, Date.now() - begin);
        assert.ok((await metric(stack, 'mh_hub_polls_total')) - polls <= 2, 'polls until it was there');
    }
    t.diagnostic(`at most ${worst} ms late`);
    assert.ok(worst < 5000, `${worst} ms`);
    assert.ok((await fetch(`${stack.hubHttpUrl}/readyz`)).ok, 'degraded, but ready');
    assert.ok((await fetch(`${stack.ingestUrl}/readyz`)).ok, 'degraded, but ready');
}

/** Lines that the daemon has logged since, with this text in them. */
const logged = (daemon, from, text) =>
    daemon.output.slice(from).split('\n').filter((line) => line.includes(text));

test('it is gone: at most a poll late, and live again when it is back', async (t) => {
    await assertLive();
    await stack.redis.stop('SIGKILL');
    const said = await bothSay(false);
    for (const { degraded_since: since } of said) assert.ok(Date.now() - Date.parse(since) < 30_000);
    await assertPolled(t);
    await stack.redis.start();
    await bothSay(true);
    await assertLive();
    await assertNumbers(stack, follower, 'ALPHA');
});

test('it hangs: late by a poll even before that is noticed', async (t) => {
    stack.redis.child.kill('SIGSTOP');
    await assertPolled(t, 2);
    await assert.rejects(client.getSubscription(CHANNEL).presence(), { code: 108 });
    await bothSay(false);
    await assertPolled(t, 2);
    stack.redis.child.kill('SIGCONT');
    await bothSay(true);
    await assertLive();
    await assertNumbers(stack, follower, 'ALPHA');
});

test('it is replaced by an empty one under the same address: presence is written anew', async () => {
    const seen = async () => Object.values((await client.getSubscription(CHANNEL).presence()).clients);
    await until(async () => (await seen()).length === 1, 'presence');
    const run = async () => /run_id:(\w+)/.exec(await stack.redis.command('INFO', 'server'))[1];
    const before = await run();
    await stack.redis.stop('SIGKILL');
    await stack.redis.start();
    assert.notEqual(await run(), before);
    await bothSay(true);
    await until(() => seen().then((list) => list.length === 1, () => false), 'presence again', 15_000);
    assert.equal((await seen())[0].user, owner);
    await assertLive();
    await assertNumbers(stack, follower, 'ALPHA');
});

test('it is full: live goes on, presence says that it is not available, once', async () => {
    const from = stack.hub.output.length;
    await stack.redis.command('CONFIG', 'SET', 'maxmemory-policy', 'noeviction');
    await stack.redis.command('CONFIG', 'SET', 'maxmemory', '1');
    const other = await stack.connect(await stack.token(owner));
    const screen = new Follower(other, CHANNEL);
    await screen.when(() => true, 'a state all the same');
    const presence = () => screen.subscription.presence();
    await until(() => presence().then(() => false, ({ code }) => code === 108), 'the refusal');
    await assertLive();
    assert.ok((await metric(stack, 'mh_hub_presence_failures_total')) > 0);
    // It tries again at each third of the TTL, and says so once a minute.
    const failures = await metric(stack, 'mh_hub_presence_failures_total');
    await until(async () => (await metric(stack, 'mh_hub_presence_failures_total')) > failures + 2, 'more attempts');
    assert.equal(logged(stack.hub, from, 'OOM').length, 1);
    assert.equal((await redisOf(stack.hubHttpUrl)).up, true);
    await assertLive();
    await stack.redis.command('CONFIG', 'SET', 'maxmemory', '0');
    await until(() => presence().then(({ clients }) => Object.keys(clients).length === 2, () => false),
        'presence of both', 15_000);
    assert.deepEqual(await screen.subscription.presenceStats(), { numClients: 2, numUsers: 1 });
    other.disconnect();
    await assertNumbers(stack, follower, 'ALPHA');
});

test('it comes back with another password: said, rarely, until it is right again', async (t) => {
    const password = stack.redis.password;
    const starts = [stack.hub.output.length, stack.ingest.output.length];
    await stack.redis.stop();
    stack.redis.password = 'another';
    await stack.redis.start();
    await bothSay(false);
    await assertPolled(t);
    const refusals = async () =>
        Number(/WRONGPASS:count=(\d+)/.exec(await stack.redis.command('INFO', 'errorstats'))?.[1] ?? 0);
    const before = await refusals();
    await until(async () => (await refusals()) > before + 3, 'more attempts', 30_000);
    for (const [n, daemon] of [stack.hub, stack.ingest].entries()) {
        const lines = await until(() => {
            const lines = logged(daemon, starts[n], 'WRONGPASS');
            return lines.length && lines;
        }, `${daemon.name} to say so`);
        assert.ok(lines.length <= 12, `${lines.length} lines of ${daemon.name}`);
        assert.ok(!daemon.output.includes(password), 'no secret in the log');
    }
    await stack.redis.command('CONFIG', 'SET', 'requirepass', password);
    stack.redis.password = password;
    await bothSay(true);
    await assertLive();
    await assertNumbers(stack, follower, 'ALPHA');
});

test('two installations on one server do not hear each other', async () => {
    const port = await freePort();
    const url = `http://127.0.0.1:${port}`;
    const config = stack.write(
        'hub-other.conf',
        fs.readFileSync(stack.hubConfig, 'utf8').replace(/^listen = .*$/m, `listen = 127.0.0.1:${port}`) +
            'redis_prefix = mh[1]*:\n',
    );
    const hub = await stack.startDaemon('metrics-hub', config, url);
    const other = { hubHttpUrl: url };
    try {
        await until(async () => (await redisOf(url)).up, 'its Redis link');
        const token = await stack.token(owner);
        const elsewhere = stack.client(token, {}, `ws://127.0.0.1:${port}/connection/websocket`);
        elsewhere.connect();
        const screen = new Follower(elsewhere, CHANNEL);
        await screen.when(() => true, 'a state');
        const count = await post();
        await Promise.all([shown(count), screen.when((state) => state.now.in_flight === count, 'the job, by polling')]);
        assert.equal(await metric(other, 'mh_hub_feed_messages_total'), 0);
        // A message of the other prefix, though it is of the right form.
        const messages = await metric(stack, 'mh_hub_feed_messages_total');
        assert.equal((await stack.redis.command('PUBLISH', 'mh[1]*:feed:partner:ALPHA', '{}')).trim(), '1');
        await until(async () => (await metric(other, 'mh_hub_feed_messages_total')) === 1, 'its own message');
        assert.equal(await metric(stack, 'mh_hub_feed_messages_total'), messages);
        for (const { subscription } of [follower, screen])
            await until(async () => Object.keys((await subscription.presence()).clients).length === 1, 'only its own');
        elsewhere.disconnect();
    } finally {
        await hub.stop();
    }
    await assertNumbers(stack, follower, 'ALPHA');
});
