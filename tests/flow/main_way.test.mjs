// The main way: an event posted over HTTP is committed, published, and changes the numbers of those
// who may see it, and of nobody else.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Follower, startStack } from './harness.mjs';

let stack, owner, viewer, manager;

before(async () => {
    stack = await startStack({ partners: ['ALPHA', 'BETA'] });
    [owner, viewer, manager] = await Promise.all([
        stack.user({ staff: 'owner' }),
        stack.user({ staff: 'viewer' }),
        stack.user({ partner: 'ALPHA', role: 'manager' }),
    ]);
});

after(() => stack?.close());

const connect = async (user) => stack.connect(await stack.token(user));

test('a job runs through its life on the screens of staff and partner', async () => {
    const platform = new Follower(await connect(owner), 'metrics:platform');
    const partnerClient = await connect(manager);
    const metrics = new Follower(partnerClient, 'metrics:partner:ALPHA');
    const jobs = new Follower(partnerClient, 'jobs:partner:ALPHA');
    await Promise.all([platform, metrics, jobs].map((follower) => follower.when(() => true, 'a state')));
    assert.equal(metrics.state.now.in_flight, 0);

    const begin = Date.now() - 30_000;
    const at = (seconds) => ({ time: new Date(begin + seconds * 1000).toISOString() });
    const posted = await stack.post('ALPHA', [
        stack.event('requested', 'life-1', { model: 'sdxl', end_user: 'u1' }, at(0)),
        stack.event('started', 'life-1', {}, at(4)),
    ]);
    assert.equal(posted.status, 200);
    assert.deepEqual([posted.body.accepted, posted.body.rejected], [2, 0]);
    await jobs.when((state) => state.jobs['ALPHA/life-1']?.state === 'running', 'the running job');
    await metrics.when((state) => state.now.in_flight === 1, 'one job in flight');
    await platform.when((state) => state.now.in_flight === 1, 'one job in flight for staff');

    await stack.post('ALPHA', [
        stack.event('completed', 'life-1', { tokens: 1200, units: 4, cost: '0.25' }, at(24)),
    ]);
    const done = await jobs.when((state) => state.jobs['ALPHA/life-1'].state === 'completed', 'completion');
    assert.equal(done.jobs['ALPHA/life-1'].duration_ms, 24_000);
    const state = await metrics.when((value) => value.windows['5m'].completed === 1, 'the count');
    assert.deepEqual(
        ['in_flight', 'queued', 'running'].map((name) => state.now[name]), [0, 0, 0]);
    const window = state.windows['5m'];
    assert.equal(window.p95_ms, 24_000, 'few samples: exact');
    assert.equal(window.queue_p95_ms, 4_000);
    assert.equal(window.tokens, 1200);
    assert.equal(window.active_users, 1);
    assert.equal(window.success_rate, 1);
    const all = await platform.when((value) => value.windows['5m'].completed === 1, 'the staff count');
    assert.equal(all.windows['5m'].cost, 0.25);
    assert.equal(all.partners.ALPHA.windows['5m'].completed, 1);
});

test('cost is for those who may see it, in every byte of every frame', async () => {
    const clients = { owner: await connect(owner), viewer: await connect(viewer), manager: await connect(manager) };
    const followers = {};
    for (const [name, client] of Object.entries(clients)) {
        followers[name] = ['metrics', 'jobs'].map((kind) => new Follower(client, `${kind}:partner:ALPHA`));
        await Promise.all(followers[name].map((follower) => follower.when(() => true, 'a state')));
    }
    const canary = { cost: '31.337117', prompt: 'canary-prompt', end_user: 'canary-user' };
    await stack.post('ALPHA', [
        stack.event('requested', 'cost-1', canary), stack.event('completed', 'cost-1', canary),
    ]);
    await Promise.all(Object.values(followers).map(([, jobs]) =>
        jobs.when((state) => state.jobs['ALPHA/cost-1']?.state === 'completed', 'the job')));
    await Promise.all(Object.values(followers).map(([metrics]) =>
        metrics.when((state) => state.windows['1h'].completed >= 1, 'the count')));
    const seen = (name, text) =>
        followers[name].some((follower) => JSON.stringify(follower.frames).includes(text));
    for (const [text, expected] of [
        ['31.337117', { owner: true, viewer: false, manager: false }],
        ['canary-prompt', { owner: true, viewer: false, manager: true }],
        ['canary-user', { owner: true, viewer: false, manager: false }],
        ['"cost"', { owner: true, viewer: false, manager: false }],
    ])
        assert.deepEqual(
            Object.fromEntries(Object.keys(expected).map((name) => [name, seen(name, text)])),
            expected, `who sees ${text}`);
});

test('a partner sees nothing of another, and is not told whether it exists', async () => {
    const client = await connect(manager);
    const own = new Follower(client, 'metrics:partner:ALPHA');
    await own.when(() => true, 'a state');
    const before = own.frames.length;
    const refusals = [];
    for (const channel of ['metrics:partner:BETA', 'metrics:partner:NOSUCH', 'metrics:platform', 'jobs:partner:BETA', 'nonsense']) {
        const subscription = client.newSubscription(channel);
        const refused = new Promise((resolve) => {
            subscription.on('error', resolve);
            subscription.on('unsubscribed', resolve);
            subscription.on('subscribed', () => resolve({ subscribed: channel }));
        });
        subscription.subscribe();
        const { code, reason } = await refused;
        refusals.push({ code, reason });
        subscription.unsubscribe();
    }
    assert.deepEqual(refusals, refusals.map(() => ({ code: 102, reason: 'unknown channel' })));

    const watcher = new Follower(await connect(owner), 'metrics:partner:BETA');
    await watcher.when(() => true, 'a state');
    await stack.post('BETA', [stack.event('requested', 'beta-1'), stack.event('completed', 'beta-1')]);
    await watcher.when((state) => state.windows['5m'].completed === 1, "BETA's count");
    assert.equal(own.frames.slice(before).filter((frame) => JSON.stringify(frame).includes('BETA')).length, 0);
    assert.equal(own.state.windows['5m'].requested, 2, 'only its own two jobs');
});

test('a retry of the same events changes nothing', async () => {
    const metrics = new Follower(await connect(manager), 'metrics:partner:ALPHA');
    const first = structuredClone(await metrics.when(() => true, 'a state'));
    const batch = [stack.event('requested', 'again-1'), stack.event('completed', 'again-1', { tokens: 7 })];
    assert.equal((await stack.post('ALPHA', batch)).body.accepted, 2);
    await metrics.when((state) => state.windows['30d'].completed === first.windows['30d'].completed + 1, 'the job');
    const again = await stack.post('ALPHA', [...batch].reverse());
    assert.deepEqual([again.status, again.body.duplicate, again.body.accepted], [200, 2, 0]);
    await stack.post('ALPHA', [stack.event('requested', 'again-2')]);
    const last = await metrics.when((state) => state.now.in_flight === first.now.in_flight + 1, 'the next job');
    assert.equal(last.windows['30d'].completed, first.windows['30d'].completed + 1);
    assert.equal(last.windows['30d'].tokens, first.windows['30d'].tokens + 7);
});

test('the test environment stays out of the live numbers', async () => {
    const metrics = new Follower(await connect(manager), 'metrics:partner:ALPHA');
    const before = structuredClone(await metrics.when(() => true, 'a state'));
    const testKey = await stack.key('ALPHA', 'test');
    const posted = await stack.post('ALPHA', [stack.event('requested', 'sandbox-1')], { key: testKey });
    assert.equal(posted.body.accepted, 1);
    await stack.post('ALPHA', [stack.event('requested', 'real-1')]);
    const state = await metrics.when((value) => value.windows['5m'].requested > before.windows['5m'].requested, 'the live job');
    assert.equal(state.windows['5m'].requested, before.windows['5m'].requested + 1);
    const [[stored]] = await stack.sql("SELECT count(*) FROM app.generation_jobs WHERE job_key = 'sandbox-1'");
    assert.equal(stored, '1');
});
