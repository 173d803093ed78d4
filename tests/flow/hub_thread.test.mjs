// Threads are logs: every participant gets every message once, in order, wherever it left off.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { metric, RawClient } from './hub_raw.mjs';
import { startStack, until } from './harness.mjs';

let stack, max, sue, bob;

before(async () => {
    stack = await startStack({
        partners: ['ALPHA', 'BETA'],
        ingest: { message_rate: 100000 },
        hub: { ring: 20, linger: '0s', queue_soft: '64k', queue_hard: '256k', slow_after: '3s' },
    });
    [max, sue, bob] = await Promise.all([
        { name: 'Max', partner: 'ALPHA', role: 'manager' },
        { name: 'Sue', staff: 'support' },
        { name: 'Bob', partner: 'BETA', role: 'admin' },
    ].map(async (person) => {
        const id = await stack.user(person);
        return { id, token: await stack.token(id) };
    }));
});

after(() => stack?.close());

const ctl = (...words) =>
    stack.metricsctl('thread', words[0], '--database', stack.postgres.dsn, ...words.slice(1));

const create = (...people) =>
    ctl('create', '--partner', 'ALPHA', '--subject', 'Renders',
        ...people.flatMap(({ id }) => ['--participant', id]));

async function post(person, thread, body) {
    const response = await fetch(`${stack.ingestUrl}/v1/threads/${thread}/messages`, {
        method: 'POST',
        headers: { authorization: `Bearer ${person.token}`, 'content-type': 'application/json' },
        body: JSON.stringify({ client_id: randomUUID(), body }),
    });
    const answer = await response.json();
    assert.ok(response.ok, JSON.stringify(answer));
    return answer.seq;
}

async function postMany(person, thread, from, to) {
    for (let i = from; i <= to; i++) await post(person, thread, `m${i}`);
}

/** What an SDK client gets of a thread, over all its connections. */
class Reader {
    constructor(client, thread, options) {
        this.rows = [];
        this.subscriptions = [];
        this.subscription = client.newSubscription(`thread:${thread}`, options);
        this.subscription.on('subscribed', (context) => this.subscriptions.push(context));
        this.subscription.on('unsubscribed', (context) => (this.unsubscribed = context));
        this.subscription.on('error', (context) => (this.error = context));
        this.subscription.on('publication', ({ data, offset }) => {
            if (data.t === 'check') return;
            assert.equal(data.seq, offset);
            this.rows.push(data);
        });
        this.subscription.subscribe();
    }

    subscribed(count = 1) {
        return until(() => this.subscriptions.length >= count, 'the subscription');
    }

    has(seq) {
        return until(() => this.rows.at(-1)?.seq >= seq, `row ${seq}`);
    }

    /** Every row from `first` to `last`, once, in order. */
    assertRows(first, last) {
        assert.deepEqual(this.rows.map(({ seq }) => seq), Array.from({ length: last - first + 1 }, (_, i) => first + i));
    }
}

const sdk = async (person) => stack.connect(person.token);

test('participants get each message once, in order; others learn nothing', async () => {
    const thread = await create(max, sue);
    const readers = [new Reader(await sdk(max), thread), new Reader(await sdk(sue), thread)];
    await Promise.all(readers.map((reader) => reader.subscribed()));
    await Promise.all([postMany(max, thread, 1, 20), postMany(sue, thread, 1, 20)]);
    for (const reader of readers) {
        await reader.has(40);
        reader.assertRows(1, 40);
        for (const { id } of [max, sue])
            assert.deepEqual(reader.rows.filter(({ sender }) => sender.id === id).map(({ body }) => body),
                Array.from({ length: 20 }, (_, i) => `m${i + 1}`));
    }
    const outsider = await RawClient.connect(stack.hubUrl, bob.token);
    const [denied, unknown] = [
        await outsider.ask({ id: 2, subscribe: { channel: `thread:${thread}` } }),
        await outsider.ask({ id: 3, subscribe: { channel: `thread:${thread.slice(0, -1)}x` } }),
    ];
    assert.equal(denied.error.code, 102);
    assert.deepEqual(denied.error, unknown.error);
    await outsider.close();
});

test('with Redis dead messages come all the same', async () => {
    const thread = await create(max, sue);
    const reader = new Reader(await sdk(max), thread);
    await reader.subscribed();
    await stack.redis.stop('SIGKILL');
    await postMany(sue, thread, 1, 30);
    await reader.has(30);
    reader.assertRows(1, 30);
    await stack.redis.start();
});

test('a reader resumes at another hub: from the ring, from the log, else from the head', async () => {
    const thread = await create(max, sue);
    const near = new Reader(await sdk(max), thread);
    const far = new Reader(await sdk(max), thread);
    await Promise.all([near.subscribed(), far.subscribed()]);
    await postMany(sue, thread, 1, 10);
    await Promise.all([near.has(10), far.has(10)]);
    // The ring holds 20 rows: what `far` misses goes far beyond it, at a hub that has only just begun.
    await stack.hub.stop('SIGKILL');
    await postMany(sue, thread, 11, 130);
    await stack.startHub();
    await Promise.all([near.has(130), far.has(130)]);
    near.assertRows(1, 130);
    far.assertRows(1, 130);
    assert.ok(near.subscriptions.at(-1).recovered);
    // One who is away while the hub goes on, for more rows than the ring holds.
    const socket = await RawClient.connect(stack.hubUrl, max.token);
    const { subscribe: { epoch } } = await socket.ask({ id: 2, subscribe: { channel: `thread:${thread}` } });
    const resume = async (id, offset, anotherEpoch = epoch) => {
        await socket.ask({ id: id * 100, unsubscribe: { channel: `thread:${thread}` } });
        const { subscribe } = await socket.ask({
            id, subscribe: { channel: `thread:${thread}`, recover: true, epoch: anotherEpoch, offset } });
        return [subscribe.recovered, subscribe.publications?.map(({ offset: at }) => at) ?? []];
    };
    const rows = (from) => Array.from({ length: 130 - from }, (_, i) => from + i + 1);
    assert.deepEqual(await resume(3, 130), [true, []]);
    assert.deepEqual(await resume(4, 125), [true, rows(125)]);
    assert.deepEqual(await resume(5, 60), [true, rows(60)]);
    assert.deepEqual(await resume(6, 0), [true, rows(0)]);
    assert.deepEqual(await resume(7, 60, 'another'), [false, []]);
    await stack.sql(`DELETE FROM app.channel_log WHERE channel = 'thread:${thread}' AND seq <= 50`);
    assert.deepEqual(await resume(8, 60), [true, rows(60)]);
    let id = 8; // the hub keeps what it has read for a second
    await until(async () => (await resume(++id, 30))[0] === false, 'the gap to be noticed');
    assert.deepEqual(await resume(++id, 30), [false, []]);
    await socket.close();
});

test('a storm of resumes costs a few queries', async (context) => {
    const thread = await create(max, sue);
    await postMany(sue, thread, 1, 60);
    const gapsBefore = await metric(stack, 'mh_hub_log_reads_total');
    const { epoch } = (await (await RawClient.connect(stack.hubUrl, max.token))
        .ask({ id: 2, subscribe: { channel: `thread:${thread}` } })).subscribe;
    const clients = await Promise.all(Array.from({ length: 200 }, () => RawClient.connect(stack.hubUrl, max.token)));
    const answers = await Promise.all(clients.map((client, i) => client.ask({
        id: 2, subscribe: { channel: `thread:${thread}`, recover: true, epoch, offset: i % 60 } })));
    answers.forEach(({ subscribe }, i) => {
        assert.ok(subscribe.recovered);
        assert.deepEqual(subscribe.publications.map(({ offset }) => offset), Array.from({ length: 60 - i % 60 }, (_, k) => i % 60 + k + 1));
    });
    const reads = (await metric(stack, 'mh_hub_log_reads_total')) - gapsBefore;
    context.diagnostic(`${reads} reads`);
    assert.ok(reads >= 1 && reads <= 10, `${reads} reads`);
    await Promise.all(clients.map((client) => client.close()));
});

test('who joins later sees nothing from before, by no way', async () => {
    const thread = await create(max, sue);
    const dan = { id: await stack.user({ name: 'Dan', partner: 'ALPHA', role: 'viewer' }) };
    dan.token = await stack.token(dan.id);
    const first = new Reader(await sdk(max), thread);
    await first.subscribed();
    await postMany(sue, thread, 1, 5);
    await ctl('join', '--thread', thread, '--user', dan.id);
    const client = await RawClient.connect(stack.hubUrl, dan.token);
    const subscribe = await until(async () => {
        const id = 1000 + Math.floor(Math.random() * 1e6);
        return (await client.ask({ id, subscribe: { channel: `thread:${thread}` } })).subscribe;
    }, 'the join to be known');
    const resumed = async (id, offset) => {
        await client.ask({ id: id + 1, unsubscribe: { channel: `thread:${thread}` } });
        return (await client.ask({
            id, subscribe: { channel: `thread:${thread}`, recover: true, epoch: subscribe.epoch, offset } })).subscribe;
    };
    assert.equal((await resumed(10, 2)).recovered, false);
    assert.equal((await resumed(20, 5)).recovered, true);
    await postMany(sue, thread, 6, 8);
    const history = async (id, request) =>
        (await client.ask({ id, history: { channel: `thread:${thread}`, ...request } })).history.publications.map(({ offset }) => offset);
    await until(() => client.replies.some(({ push }) => push?.pub?.offset === 8), 'row 8');
    assert.deepEqual(await history(30, { limit: -1 }), [6, 7, 8]);
    assert.deepEqual(await history(31, { limit: 2 }), [6, 7]);
    assert.deepEqual(await history(32, { limit: 2, reverse: true }), [8, 7]);
    assert.deepEqual(await history(33, { limit: 9, reverse: true, since: { offset: 8, epoch: subscribe.epoch } }), [7, 6]);
    assert.deepEqual(await history(34, { limit: 9, since: { offset: 0, epoch: subscribe.epoch } }), [6, 7, 8]);
    assert.deepEqual(await history(35, { limit: 0 }), []);
    assert.equal((await client.ask({ id: 36, history: { channel: `thread:${thread}`, limit: 1, since: { offset: 1, epoch: 'x' } } })).error.code, 112);
    // Leaving ends the stream within a poll; the others go on.
    await ctl('leave', '--thread', thread, '--user', dan.id);
    await until(() => client.replies.find(({ push }) => push?.unsubscribe), 'the end of the subscription');
    await postMany(sue, thread, 9, 9);
    await first.has(9);
    assert.ok(!client.replies.some(({ push }) => push?.pub?.offset === 9));
    await client.close();
});

test('a reader of messages that stops reading is closed, and comes back for the rest', async () => {
    const thread = await create(max, sue);
    const slow = await RawClient.connect(stack.hubUrl, max.token);
    const { subscribe } = await slow.ask({ id: 2, subscribe: { channel: `thread:${thread}` } });
    slow.socket._socket.pause();
    const fast = new Reader(await sdk(sue), thread);
    await fast.subscribed();
    let last = 0;
    await until(async () => {
        for (let i = 0; i < 50; i++) last = await post(sue, thread, 'long '.repeat(3000));
        return (await metric(stack, 'mh_hub_closes_total{code="3008"}')) > 0;
    }, 'the close', 60_000);
    await fast.has(last);
    fast.assertRows(1, last);
    await until(async () => (await metric(stack, 'mh_hub_queued_bytes')) === 0, 'its queue to go');
    slow.socket._socket.resume();
    await slow.closed;
    assert.match(stack.hub.output, new RegExp(`reads too slowly.*thread:${thread}`));
    const got = slow.replies.filter(({ push }) => push?.pub?.offset).map(({ push }) => push.pub.offset);
    assert.deepEqual(got, Array.from({ length: got.length }, (_, i) => i + 1));
    const again = await RawClient.connect(stack.hubUrl, max.token);
    const { subscribe: resumed } = await again.ask({
        id: 2, subscribe: { channel: `thread:${thread}`, recover: true, epoch: subscribe.epoch, offset: Math.max(got.length, last - 20) } });
    assert.ok(resumed.recovered);
    await again.close();
});
