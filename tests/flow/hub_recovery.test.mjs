// Coming back: exactly what was missed, or a clean state, never a silent hole.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { RawClient, metric } from './hub_raw.mjs';
import { Follower, mergePatch, startStack, until } from './harness.mjs';

let stack, owner, viewer, manager;

before(async () => {
    stack = await startStack({ hub: { ring: 20, tick: '20ms', linger: '2s' } });
    [owner, viewer, manager] = await Promise.all([
        stack.user({ staff: 'owner' }),
        stack.user({ staff: 'viewer' }),
        stack.user({ partner: 'ALPHA', role: 'manager' }),
    ]);
});

after(() => stack?.close());

let jobs = 0;
const post = async (code = 'ALPHA') => {
    const job = `job-${++jobs}`;
    const posted = await stack.post(code, [stack.event('requested', job)]);
    assert.equal(posted.status, 200);
    return job;
};

const connect = async (user) => stack.connect(await stack.token(user));

/** The state that a new subscriber is given now. */
async function fresh(user, channel) {
    const client = await RawClient.connect(stack.hubUrl, await stack.token(user));
    const { subscribe } = await client.ask({ id: 2, subscribe: { channel } });
    await client.close();
    return { ...subscribe, state: subscribe.data };
}

const shown = ({ t, at, ...members }) => members;

test('a dropped socket gets the missed patches and nothing else', async () => {
    const client = await connect(owner);
    const follower = new Follower(client, 'metrics:partner:ALPHA');
    await post();
    await follower.when((state) => state.now.in_flight >= 1, 'the first job');
    const count = follower.state.now.in_flight;
    client._transport._transport.terminate();
    await until(() => client.state === 'connecting', 'the drop');
    const frames = follower.frames.length;
    for (let i = 0; i < 3; i++) await post();
    await until(() => follower.subscribed.wasRecovering, 'the subscription to come back', 20_000);
    assert.equal(follower.subscribed.recovered, true);
    await follower.when((state) => state.now.in_flight === count + 3, 'the missed jobs');
    assert.ok(follower.frames.slice(frames).every((frame) => frame.t === 'patch'));
    // A new minute may begin between the two; then the other has it a moment later.
    let now;
    await until(async () => {
        now = await fresh(owner, 'metrics:partner:ALPHA');
        return now.state.partial.minute === follower.state.partial.minute;
    }, 'the same minute');
    assert.deepEqual(shown(follower.state), shown(now.state));
    assert.equal(now.offset, follower.offset);
});

test('the hub ends at once, and every client is told to come back', async () => {
    const token = await stack.token(owner);
    const clients = await Promise.all(
        Array.from({ length: 20 }, () => RawClient.connect(stack.hubUrl, token)));
    assert.deepEqual(await stack.hub.stop(), { code: 0, signal: null });
    assert.ok(!stack.hub.output.includes('did not end in time'));
    for (const client of clients)
        assert.deepEqual(await client.closed, { code: 3001, reason: 'shutdown' });
    await stack.startHub();
});

test('after a hub restart the state comes whole', async () => {
    const client = await connect(owner);
    const follower = new Follower(client, 'jobs:platform');
    const first = await post();
    await follower.when((state) => state.jobs[`ALPHA/${first}`], 'the job');
    const epoch = follower.subscribed.streamPosition.epoch;
    const ended = until(() => client.state !== 'connected', 'the end of the connection');
    const codes = [];
    client.on('connecting', ({ code }) => codes.push(code));
    const ending = await stack.hub.stop();
    await ended;
    assert.deepEqual(ending, { code: 0, signal: null }, 'an orderly end');
    assert.equal(codes[0], 3001);
    const missed = await post();
    await stack.startHub();
    await until(() => follower.subscribed.streamPosition.epoch !== epoch, 'the new epoch', 20_000);
    assert.equal(follower.subscribed.wasRecovering, true);
    assert.equal(follower.subscribed.recovered, false);
    await follower.when((state) => state.jobs[`ALPHA/${missed}`], 'the missed job');
    const next = await post();
    await follower.when((state) => state.jobs[`ALPHA/${next}`], 'the next job');
    assert.equal(client.state, 'connected');
});

test('a position beyond the ring, of another epoch or view gets the state', async () => {
    const channel = 'metrics:partner:BETA';
    const keeper = new Follower(await connect(owner), channel);
    await keeper.when(() => true, 'a state');
    const start = keeper.subscribed.streamPosition;
    for (let i = 1; i <= 25; i++) {
        await post('BETA');
        await keeper.when((state) => state.now.in_flight === i, `job ${i}`);
    }
    const ask = async (user, position) => {
        const client = await RawClient.connect(stack.hubUrl, await stack.token(user));
        const reply = await client.ask({ id: 2, subscribe: { channel, recover: true, ...position } });
        await client.close();
        return reply.subscribe;
    };
    const current = { epoch: start.epoch, offset: keeper.offset };
    const near = await ask(owner, { ...current, offset: keeper.offset - 5 });
    assert.equal(near.recovered, true);
    assert.equal(near.data, undefined);
    assert.ok(near.publications.length >= 5 && near.publications.length <= 7);
    assert.equal(near.publications.at(-1).offset, keeper.offset);
    for (const [what, user, position] of [
        ['beyond the ring', owner, start],
        ['from the future', owner, { ...current, offset: keeper.offset + 1 }],
        ['another epoch', owner, { ...current, epoch: 'nonsense' }],
        ['no epoch', owner, { offset: keeper.offset }],
        ['of a view that shows more', viewer, current],
    ]) {
        const reply = await ask(user, position);
        assert.equal(reply.recovered, false, what);
        assert.equal(reply.was_recovering, true, what);
        assert.equal(reply.data.now.in_flight, 25, what);
    }
});

test('what is published while one is unsubscribed is not delivered', async () => {
    const client = await connect(manager);
    const follower = new Follower(client, 'jobs:partner:ALPHA');
    await follower.when(() => true, 'a state');
    follower.subscription.unsubscribe();
    await until(() => follower.unsubscribed, 'the unsubscribe');
    const other = new Follower(client, 'metrics:partner:ALPHA');
    await other.when(() => true, 'a state');
    const frames = follower.frames.length;
    const count = other.state.now.in_flight;
    await post();
    await other.when((state) => state.now.in_flight === count + 1, 'the other channel');
    assert.equal(follower.frames.length, frames);
});

test('patches are absolute: applying the last ones twice changes nothing', async () => {
    const follower = new Follower(await connect(owner), 'metrics:platform');
    await follower.when(() => true, 'a state');
    const count = follower.state.now.in_flight;
    await post();
    await post();
    await follower.when((state) => state.now.in_flight === count + 2, 'both jobs');
    const before = structuredClone(shown(follower.state));
    const patches = follower.frames.filter((frame) => frame.t === 'patch');
    for (let i = 1; i < patches.length; i++) assert.ok(patches[i].from === patches[i - 1].to);
    for (const { p } of patches) mergePatch(follower.state, p);
    assert.deepEqual(shown(follower.state), before);
});

test('a channel without subscribers is forgotten, and comes back true', async () => {
    for (const client of stack.clients) client.disconnect();
    await until(async () => (await metric(stack, 'mh_hub_channels')) === 0, 'the channels to go');
    assert.equal(await metric(stack, 'mh_hub_feeds'), 1, 'only the log of whose access changed');
    await post();
    const now = await fresh(owner, 'metrics:partner:ALPHA');
    const [[open]] = await stack.sql(
        `SELECT count(*) FROM app.generation_jobs g JOIN app.partners p USING (partner_id)
         WHERE p.code = 'ALPHA' AND g.state < 4`,
    );
    assert.equal(now.state.now.in_flight, Number(open));
});
