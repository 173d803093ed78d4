// A slow reader hurts only itself: patches fold into a state, and what is too much ends it.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { metric, RawClient } from './hub_raw.mjs';
import { Follower, mergePatch, startStack, until } from './harness.mjs';

let stack, owner, batch = 0;

before(async () => {
    stack = await startStack({
        hub: { tick: '10ms', queue_soft: '4k', queue_hard: '128k', slow_after: '4s', ring: 8,
            ping_interval: '300s' },
    });
    owner = await stack.user({ staff: 'owner' });
});

after(() => stack?.close());

// Large patches: long texts in many jobs.
const post = () =>
    stack.post('ALPHA', Array.from({ length: 50 }, (_, i) =>
        stack.event('requested', `b${batch}-${i}`, { prompt: `${batch++} `.padEnd(8000, 'long ') })));

/** A client that stops reading its socket, with little room in the kernel. */
async function sleeper() {
    const client = await RawClient.connect(stack.hubUrl, await stack.token(owner));
    const { subscribe } = await client.ask({ id: 2, subscribe: { channel: 'jobs:partner:ALPHA' } });
    client.state = structuredClone(subscribe.data);
    client.socket._socket.pause();
    return client;
}

const floodUntil = async (probe, what) => until(async () => (await post(), probe()), what, 60_000);

test('a reader that sleeps gets a state for what it left out, the others go on', async () => {
    const fast = new Follower(await stack.connect(await stack.token(owner)), 'jobs:partner:ALPHA');
    await fast.when(() => true, 'a state');
    const slow = await sleeper();
    await floodUntil(
        async () => (await metric(stack, 'mh_hub_deliveries_folded_total')) > 5, 'patches to fold');
    await fast.when((state) => state.jobs[`ALPHA/b${batch - 1}-49`], 'the last job, while the other sleeps');
    slow.socket._socket.resume();
    const last = `ALPHA/b${batch - 1}-49`;
    const follow = () => {
        for (const { push } of slow.replies.splice(0)) {
            if (!push?.pub) continue;
            const { data } = push.pub;
            if (data.t === 'state') slow.state = structuredClone(data);
            else mergePatch(slow.state, data.p);
            if (data.t === 'state') slow.folded = true;
        }
        return slow.state.jobs[last];
    };
    await until(follow, 'the last job');
    assert.ok(slow.folded, 'by a state');
    await fast.when((state) => state.jobs[last], 'the last job');
    assert.deepEqual(slow.state.jobs, fast.state.jobs);
    assert.equal(await metric(stack, 'mh_hub_queued_bytes'), 0);
    await slow.close();
});
