// The feed: no gap, no double, whatever Redis and Postgres do.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { metric, RawClient } from './hub_raw.mjs';
import { Follower, startStack, until } from './harness.mjs';
import { assertNumbers, numbersOf } from './oracle.mjs';

let stack, owner, client;

before(async () => {
    stack = await startStack({ hub: { tick: '20ms' } });
    owner = await stack.user({ staff: 'owner' });
    client = await stack.connect(await stack.token(owner));
});

after(() => stack?.close());

let jobs = 0;
const request = async (code = 'ALPHA', count = 1) => {
    const events = Array.from({ length: count }, () => stack.event('requested', `job-${++jobs}`));
    const posted = await stack.post(code, events);
    assert.equal(posted.status, 200);
};

const follow = async (channel) => {
    const follower = new Follower(client, channel);
    await follower.when(() => true, `the state of ${channel}`);
    return follower;
};

const oracle = (scope) => numbersOf(stack, scope);
const assertTrue = (follower, scope) => assertNumbers(stack, follower, scope);

test('live numbers equal SQL recomputed', async () => {
    const platform = await follow('metrics:platform');
    const alpha = await follow('metrics:partner:ALPHA');
    for (let round = 0; round < 10; round++) {
        await Promise.all([request('ALPHA', 7), request('BETA', 3)]);
        await stack.post('ALPHA', [
            stack.event('completed', `job-${round * 10 + 1}`, { tokens: 11, end_user: `u${round % 3}` }),
            stack.event('failed', `job-${round * 10 + 2}`, { error_class: 'timeout' }),
        ]);
    }
    await assertTrue(platform, 'platform');
    await assertTrue(alpha, 'ALPHA');
    assert.equal(await metric(stack, 'mh_hub_drift_total'), 0);
});

test('without Redis the screens go on, at most a poll late', async () => {
    const alpha = await follow('metrics:partner:BETA');
    const count = alpha.state.now.in_flight;
    await stack.redis.stop();
    await until(
        async () => (await (await fetch(`${stack.hubHttpUrl}/readyz`)).json()).redis.degraded_since,
        'the hub to notice',
    );
    assert.ok((await fetch(`${stack.hubHttpUrl}/readyz`)).ok, 'degraded, but ready');
    for (let i = 1; i <= 3; i++) {
        const begin = Date.now();
        await request('BETA');
        await alpha.when((state) => state.now.in_flight === count + i, `job ${i}`);
        const took = Date.now() - begin;
        assert.ok(took < 2500, `took ${took} ms`);
    }
    assert.ok((await metric(stack, 'mh_hub_gap_rows_total')) >= 3);
    await stack.redis.start();
    await until(
        async () => (await (await fetch(`${stack.hubHttpUrl}/readyz`)).json()).redis.up,
        'the hub to notice',
    );
    await request('BETA');
    await alpha.when((state) => state.now.in_flight === count + 4, 'the job after');
    await assertTrue(alpha, 'BETA');
});

test('a gap is filled from the log, page by page', async () => {
    const gap = 520; // a page has 500 rows
    const alpha = await follow('jobs:partner:ALPHA');
    client.removeSubscription(client.getSubscription('metrics:partner:ALPHA'));
    const metrics = await follow('metrics:partner:ALPHA');
    const count = async () => (await oracle('ALPHA')).in_flight;
    const [rows, reads] = [
        await metric(stack, 'mh_hub_gap_rows_total'), await metric(stack, 'mh_hub_gap_reads_total'),
    ];
    const before = await count();
    stack.hub.process.kill('SIGSTOP');
    // Redis drops a subscriber that does not read; a short life does it here.
    await stack.redis.command('CLIENT', 'KILL', 'TYPE', 'pubsub');
    for (let i = 0; i < gap; i++) await request('ALPHA', 1);
    const last = jobs;
    stack.hub.process.kill('SIGCONT');
    await alpha.when((state) => state.jobs[`ALPHA/job-${last}`], 'the last job');
    for (let i = last - 99; i <= last; i++) assert.ok(alpha.state.jobs[`ALPHA/job-${i}`], `job-${i}`);
    assert.equal(await count(), before + gap);
    await assertTrue(metrics, 'ALPHA');
    assert.ok((await metric(stack, 'mh_hub_gap_rows_total')) >= rows + gap);
    assert.ok((await metric(stack, 'mh_hub_gap_reads_total')) >= reads + 2);
});

test('a log that no longer reaches back leads to a snapshot, not to a hole', async () => {
    const beta = client.getSubscription('metrics:partner:BETA');
    beta.unsubscribe();
    client.removeSubscription(beta);
    const follower = await follow('metrics:partner:BETA');
    const count = follower.state.now.in_flight;
    const snapshots = await metric(stack, 'mh_hub_snapshots_total');
    await stack.redis.stop();
    await stack.hub.process.kill('SIGSTOP');
    await request('BETA', 5);
    await request('BETA', 5);
    await stack.sql('DELETE FROM app.channel_log');
    await stack.hub.process.kill('SIGCONT');
    await follower.when((state) => state.now.in_flight === count + 10, 'the jobs of the lost rows');
    assert.ok((await metric(stack, 'mh_hub_snapshots_total')) > snapshots);
    await stack.redis.start();
    await assertTrue(follower, 'BETA');
});

test('another epoch makes every subscriber start anew', async () => {
    const follower = client.getSubscription('metrics:partner:BETA');
    let subscribed;
    follower.on('subscribed', (context) => (subscribed = context));
    await stack.sql(`UPDATE app.channel_head SET epoch = 'another' WHERE channel = 'feed:partner:BETA'`);
    await until(() => subscribed, 'the new subscription');
    assert.equal(subscribed.wasRecovering, true);
    assert.equal(subscribed.recovered, false);
    assert.match(subscribed.streamPosition.epoch, /another/);
});

test('a malformed message is counted and harmless', async () => {
    const platform = client.getSubscription('metrics:platform');
    const before = await metric(stack, 'mh_hub_feed_malformed_total');
    for (const text of ['', 'x', '{"channel":"feed:partner:ALPHA"}', '{"seq":1}'])
        await stack.redis.command('PUBLISH', 'mh:feed:partner:ALPHA', text);
    await until(
        async () => (await metric(stack, 'mh_hub_feed_malformed_total')) === before + 4,
        'the messages to be counted',
    );
    let heard = false;
    platform.on('publication', () => (heard = true));
    await request('ALPHA');
    await until(() => heard, 'the next patch');
});

test('Postgres away: what is there stays, and goes on when it is back', async () => {
    const alpha = await follow('jobs:platform');
    const token = await stack.token(owner);
    await stack.postgres.stop('SIGINT');
    await until(
        async () => (await fetch(`${stack.hubHttpUrl}/readyz`)).status === 503,
        'the hub to be unready',
    );
    assert.equal(client.state, 'connected');
    const other = await stack.connect(token);
    const late = new Follower(other, 'jobs:partner:BETA');
    await until(() => late.error, 'a temporary error', 10_000);
    assert.equal(late.error.error.code, 100);
    assert.equal(late.error.error.temporary, true);
    await stack.postgres.start();
    await until(async () => (await fetch(`${stack.hubHttpUrl}/readyz`)).ok, 'the hub to be ready', 30_000);
    await until(async () => (await fetch(`${stack.ingestUrl}/readyz`)).ok, 'ingest to be ready', 30_000);
    await late.when(() => true, 'the state at last', 30_000);
    await request('ALPHA');
    await alpha.when((state) => state.jobs[`ALPHA/job-${jobs}`], 'the job');
});

test('what several channels say in one turn is one frame', async () => {
    const client = await RawClient.connect(stack.hubUrl, await stack.token(await stack.user({ staff: 'owner' })));
    const channels = ['metrics:partner:ALPHA', 'jobs:partner:ALPHA', 'metrics:platform', 'jobs:platform'];
    for (const [i, channel] of channels.entries())
        assert.ok((await client.ask({ id: 2 + i, subscribe: { channel } })).subscribe);
    client.frames.length = 0;
    await stack.post('ALPHA', [stack.event('requested', 'one-turn')]);
    const frame = await until(() => client.frames.find((text) => text.includes('one-turn')), 'the job');
    const said = frame.split('\n').map((line) => JSON.parse(line).push.channel);
    assert.deepEqual(new Set(said), new Set(channels));
    await client.close();
});
