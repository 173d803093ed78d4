// What is shown: by whom it may be seen, how it moves with time alone, that it is true.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { metric, RawClient } from './hub_raw.mjs';
import { Follower, startStack, until } from './harness.mjs';

let stack;

before(async () => {
    stack = await startStack({
        hub: { stuck_after: '3s', reconcile_interval: '500ms', tick: '50ms' },
    });
});

after(() => stack?.close());

const connect = async (who) => stack.connect(await stack.token(await stack.user(who)));

// Class of each canary, and where it is planted.
const canaries = {
    F1: ['canary-prompt', 'canary-error', 'https://canary.example/asset'],
    F2: ['77.123457'],
    F3: ['canary-end-user'],
};

test('every role sees its field classes and no canary of another', async () => {
    const roles = {
        'staff.owner': ['F1', 'F2', 'F3'], 'staff.admin': ['F1', 'F2', 'F3'], 'staff.ops': ['F1'],
        'staff.support': ['F1', 'F3'], 'staff.billing': ['F2'], 'staff.viewer': [],
        'partner.admin': ['F1'], 'partner.manager': ['F1'], 'partner.developer': ['F1'],
        'partner.viewer': [],
    };
    const followers = {};
    for (const role of Object.keys(roles)) {
        const [scope, name] = role.split('.');
        const client = await connect(
            scope === 'staff' ? { staff: name } : { partner: 'ALPHA', role: name });
        followers[role] = ['metrics', 'jobs'].map((kind) => new Follower(client, `${kind}:partner:ALPHA`));
        await Promise.all(followers[role].map((follower) => follower.when(() => true, 'a state')));
    }
    await stack.post('ALPHA', [
        stack.event('requested', 'c', { prompt: canaries.F1[0], end_user: canaries.F3[0] }),
        stack.event('failed', 'c', {
            error_message: canaries.F1[1], asset_url: canaries.F1[2], cost: canaries.F2[0],
        }),
    ]);
    for (const [role, classes] of Object.entries(roles)) {
        const [metrics, jobs] = followers[role];
        await jobs.when((state) => state.jobs['ALPHA/c']?.state === 'failed', `the job for ${role}`);
        await metrics.when((state) => state.windows['5m'].failed === 1, `the count for ${role}`);
        const seen = JSON.stringify([...metrics.frames, ...jobs.frames]);
        for (const [name, texts] of Object.entries(canaries))
            for (const text of texts)
                assert.equal(seen.includes(text), classes.includes(name), `${role}: ${text}`);
        const [scope] = role.split('.');
        const client = await RawClient.connect(stack.hubUrl, followers[role][0].subscription._centrifuge._token);
        const { subscribe } = await client.ask({ id: 2, subscribe: { channel: 'jobs:partner:ALPHA' } });
        const state = JSON.stringify(subscribe.data);
        for (const [name, texts] of Object.entries(canaries))
            for (const text of texts)
                assert.equal(state.includes(text), classes.includes(name), `${role}, state: ${text}`);
        assert.equal('cost' in metrics.state.windows['5m'], classes.includes('F2'), `${scope} cost`);
        await client.close();
    }
});

test('a job gets stuck and a window empties, without any event', async () => {
    const follower = new Follower(await connect({ staff: 'viewer' }), 'metrics:partner:BETA');
    await follower.when(() => true, 'a state');
    const minute = Math.floor(Date.now() / 60_000);
    // In the oldest minute of the five: gone when the next minute begins.
    const old = new Date((minute - 4) * 60_000 + 1000).toISOString();
    await stack.post('BETA', [
        stack.event('requested', 'old', {}, { time: old }),
        stack.event('completed', 'old', {}, { time: old }),
        stack.event('requested', 'open', { end_user: 'u' }),
    ]);
    await follower.when((state) => state.now.in_flight === 1, 'the open job');
    if (Math.floor(Date.now() / 60_000) === minute)
        assert.equal(follower.state.windows['5m'].completed, 1);
    const offset = follower.offset;
    const stuck = await follower.when((state) => state.now.stuck === 1, 'the stuck job');
    assert.ok(stuck.now.oldest_at <= Date.now() - 3000);
    const state = await follower.when(
        (value) => value.windows['5m'].completed === 0 && value.windows['1h'].completed === 1,
        'the window to slide', 75_000);
    assert.equal(follower.offset, offset, 'no event came');
    assert.ok(!('p95_ms' in state.windows['5m']), 'no percentile of nothing');
    assert.equal(Object.keys(state.series.minute).length, 60);
    const keys = Object.keys(state.series.minute).map(Number);
    assert.equal(Number(state.partial.minute), Math.max(...keys));
    assert.ok(Number(state.partial.minute) > minute * 60);
});

test('a value that is not true is found, counted and repaired', async () => {
    const client = await connect({ staff: 'owner' });
    const followers = ['metrics:partner:ALPHA', 'metrics:platform'].map(
        (channel) => new Follower(client, channel));
    await Promise.all(followers.map((follower) => follower.when(() => true, 'a state')));
    const count = await metric(stack, 'mh_hub_reconciliations_total');
    await until(
        async () => (await metric(stack, 'mh_hub_reconciliations_total')) >= count + 2,
        'comparisons');
    assert.equal(await metric(stack, 'mh_hub_drift_total'), 0, stack.hub.output);
    await stack.sql(
        `UPDATE app.generation_jobs SET tokens = coalesce(tokens, 0) + 5 WHERE job_key = 'c'`);
    await Promise.all(followers.map((follower) =>
        follower.when((state) => state.windows['24h'].tokens === 5, 'the repaired value')));
    assert.ok((await metric(stack, 'mh_hub_drift_total')) >= 2);
    assert.match(stack.hub.output, /drift at \d+: hub and Postgres differ in minutes\[\d+\]\.tokens 0 != 5/);
    const drift = await metric(stack, 'mh_hub_drift_total');
    const done = await metric(stack, 'mh_hub_reconciliations_total');
    await until(
        async () => (await metric(stack, 'mh_hub_reconciliations_total')) >= done + 3, 'more comparisons');
    assert.equal(await metric(stack, 'mh_hub_drift_total'), drift, 'once is enough');
});

test('comparisons during traffic find no drift', async () => {
    const client = await connect({ staff: 'owner' });
    const followers = ['metrics:partner:ALPHA', 'metrics:partner:BETA', 'metrics:platform'].map(
        (channel) => new Follower(client, channel));
    await Promise.all(followers.map((follower) => follower.when(() => true, 'a state')));
    const drift = await metric(stack, 'mh_hub_drift_total');
    const count = await metric(stack, 'mh_hub_reconciliations_total');
    let job = 0;
    await until(async () => {
        await Promise.all(['ALPHA', 'BETA'].map((code) => {
            const name = `t-${code}-${++job}`;
            const time = (ago) => ({ time: new Date(Date.now() - ago).toISOString() });
            return stack.post(code, [
                stack.event('requested', name, { end_user: `u${job % 7}` }, time(5000 + (job % 900) * 1000)),
                stack.event('started', name, {}, time(4000)),
                ...(job % 3 ? [stack.event('completed', name, { tokens: job, cost: '0.01' }, time(job % 3000))] : []),
            ]);
        }));
        return (await metric(stack, 'mh_hub_reconciliations_total')) >= count + 15;
    }, 'comparisons', 30_000);
    assert.equal(await metric(stack, 'mh_hub_drift_total'), drift, stack.hub.output.slice(-2000));
});
