// One-way streams: the same bytes that sockets get, as events, for curl and strict proxies.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import { after, before, test } from 'node:test';
import { metric, RawClient } from './hub_raw.mjs';
import { Follower, startStack, until } from './harness.mjs';
import { EventReader } from './sse_client.mjs';

let stack;
const people = {};

before(async () => {
    stack = await startStack({
        hub: { tick: '20ms', heartbeat: '1s', ping_interval: '1s', max_connections: 40, ring: 64,
            queue_soft: '4k', queue_hard: '128k', slow_after: '4s', drain_seconds: 0 },
        ingest: { message_rate: 100_000 },
    });
    await Promise.all(Object.entries({
        owner: { staff: 'owner' }, viewer: { staff: 'viewer' },
        max: { name: 'Max', partner: 'ALPHA', role: 'manager' },
        mia: { name: 'Mia', partner: 'ALPHA', role: 'manager' },
        bob: { name: 'Bob', partner: 'BETA', role: 'manager' },
    }).map(async ([name, person]) => {
        const id = await stack.user(person);
        people[name] = { id, token: await stack.token(id, 3600) };
    }));
});

after(() => stack?.close());

const open = (person, channel, options) => EventReader.open(stack, person.token, channel, options);
let jobs = 0;
const post = (code = 'ALPHA', data = {}) => stack.post(code, [stack.event('requested', `job-${++jobs}`, data)]);

async function refusal(token, channel, options) {
    const reader = new EventReader(stack, token, channel, options);
    await reader.ended;
    assert.match(reader.response.headers['content-type'], /problem\+json/);
    return { status: reader.status, headers: reader.response.headers, body: JSON.parse(reader.text) };
}

test('curl -N shows the state, then every patch', async () => {
    const curl = execFile('curl', ['-siN', '-H', `Authorization: Bearer ${people.owner.token}`,
        `${stack.hubHttpUrl}/live/sse?channel=jobs:partner:ALPHA`]);
    let out = '';
    curl.stdout.on('data', (chunk) => (out += chunk));
    await until(() => out.includes('"t":"state"'), 'the state');
    await post();
    await until(() => out.includes('"t":"patch"'), 'the patch');
    await until(() => out.includes('event: check'), 'a check');
    curl.kill();
    const [head, ...events] = out.split(/\r\n\r\n|\n\n/);
    assert.match(head, /^HTTP\/1\.1 200/);
    for (const header of ['content-type: text/event-stream', 'cache-control: no-store', 'x-accel-buffering: no'])
        assert.ok(head.includes(header), header);
    assert.match(events[0], /^retry: \d+\nevent: subscribed\nid: \S+:\d+\ndata: {"channel":"jobs:partner:ALPHA","recovered":false}$/);
    assert.match(events[1], /^id: \S+:\d+\ndata: {"t":"state",/);
});

test('every audience gets the bytes that its sockets get', async () => {
    const channel = 'metrics:partner:BETA';
    const readers = await Promise.all([people.owner, people.viewer, people.bob].map(async (person) => {
        const socket = await RawClient.connect(stack.hubUrl, person.token);
        await socket.ask({ id: 2, subscribe: { channel } });
        return { socket, stream: await open(person, channel) };
    }));
    for (let i = 0; i < 5; i++) {
        await stack.post('BETA', [stack.event('completed', `paid-${i}`, { tokens: 3, cost: '77.123456' })]);
        await Promise.all(readers.map(({ stream }) =>
            stream.when(() => stream.state.windows['5m'].completed > i, 'the job')));
    }
    for (const { socket, stream } of readers) {
        const last = stream.messages.at(-1).id.split(':').pop();
        await until(() => socket.replies.some(({ push }) => String(push?.pub?.offset) === last), 'the socket');
        const pushed = socket.frames.flatMap((frame) => frame.split('\n'))
            .map((line) => /^{"push":{"channel":"[^"]*","pub":{"data":(.*),"offset":(\d+)}}}$/.exec(line))
            .filter(Boolean).map(([, data, offset]) => `${offset} ${data}`);
        const streamed = stream.messages.slice(1).map(({ id, raw }) => `${id.split(':').pop()} ${raw}`);
        assert.ok(streamed.length >= 5);
        assert.deepEqual(streamed, pushed.slice(-streamed.length));
    }
    const [owner, viewer, bob] = readers.map(({ stream }) => JSON.stringify(stream.events));
    assert.ok(owner.includes('77.1') || owner.includes('77123456') || owner.includes('385'), 'cost is for the owner');
    for (const bytes of [viewer, bob]) assert.ok(!/"cost"/.test(bytes), 'and for nobody else');
    await Promise.all(readers.flatMap(({ socket, stream }) => [socket.close(), stream.close()]));
});

test('what one may not see is not there, and why is said before the stream', async () => {
    const { viewer, max } = people;
    const first = await refusal(max.token, 'metrics:partner:NOBODY');
    assert.equal(first.status, 404);
    for (const channel of ['metrics:partner:BETA', 'metrics:platform', 'nonsense', '', `thread:thr_${'0'.repeat(32)}`, 'x'.repeat(300)])
        assert.deepEqual((await refusal(max.token, channel)).body, first.body, channel);
    assert.equal((await refusal(viewer.token, 'metrics:partner:NOBODY')).status, 404, 'found out later');
    const cases = [
        [undefined, 'token_required', 'Bearer realm="metrics-hub"'],
        ['nonsense', 'token_invalid', 'Bearer realm="metrics-hub", error="invalid_token"'],
        [`${max.token}x`, 'token_invalid', 'Bearer realm="metrics-hub", error="invalid_token"'],
    ];
    for (const [token, reason, challenge] of cases) {
        const { status, headers, body } = await refusal(token, 'metrics:partner:ALPHA');
        assert.deepEqual([status, body.reason, headers['www-authenticate']], [401, reason, challenge]);
    }
    const response = await fetch(`${stack.hubHttpUrl}/live/sse?channel=metrics:partner:ALPHA&token=${max.token}`);
    assert.equal(response.status, 401, 'no tokens in URLs');
    const posted = await fetch(`${stack.hubHttpUrl}/live/sse`, { method: 'POST' });
    assert.deepEqual([posted.status, posted.headers.get('allow')], [405, 'GET']);
});

test('a page of an allowed origin may read it, after asking', async () => {
    const url = `${stack.hubHttpUrl}/live/sse?channel=metrics:partner:ALPHA`;
    const origin = stack.ingestUrl;
    const preflight = await fetch(url, { method: 'OPTIONS', headers: { origin, 'access-control-request-method': 'GET' } });
    assert.equal(preflight.status, 204);
    assert.equal(preflight.headers.get('access-control-allow-origin'), origin);
    assert.match(preflight.headers.get('access-control-allow-headers'), /authorization/);
    const stream = await open(people.max, 'metrics:partner:ALPHA', { headers: { origin } });
    assert.equal(stream.response.headers['access-control-allow-origin'], origin);
    await stream.close();
    const other = await refusal(people.max.token, 'metrics:partner:ALPHA', { headers: { origin: 'https://evil.example' } });
    assert.deepEqual([other.status, other.headers['access-control-allow-origin']], [403, undefined]);
});

test('Last-Event-ID resumes a state exactly, or begins anew and says so', async () => {
    const channel = 'jobs:partner:ALPHA';
    const stream = await open(people.max, channel);
    await post();
    await stream.when(() => stream.state.jobs[`ALPHA/job-${jobs}`], 'a job');
    await stream.close();
    await post();
    await post();
    const back = await open(people.max, channel, { lastEventId: stream.lastEventId });
    assert.deepEqual(back.events[0].data, { channel, recovered: true });
    assert.equal(back.events[0].id, undefined, 'where it was, until the missed came');
    await back.when(() => back.messages.some(({ raw }) => raw.includes(`ALPHA/job-${jobs}"`)), 'what was missed');
    assert.ok(back.messages.every(({ data }) => data.t === 'patch'));
    stream.events.push(...back.messages);
    const fresh = await open(people.max, channel);
    assert.deepEqual(stream.state.jobs, fresh.state.jobs);
    for (const lastEventId of ['nonsense', `${stream.lastEventId}9`, `x${stream.lastEventId}`, 'y'.repeat(3000), ':']) {
        const anew = await open(people.max, channel, { lastEventId });
        assert.equal(anew.events[0].data.recovered, false, lastEventId);
        await anew.when(() => anew.messages[0]?.data.t === 'state', 'a state');
        await anew.close();
    }
    await stack.hub.stop('SIGKILL');
    await Promise.all([back.ended, fresh.ended]);
    await stack.startHub();
    const other = await open(people.max, channel, { lastEventId: back.lastEventId });
    assert.equal(other.events[0].data.recovered, false, 'a state\'s position is good at one hub');
    await other.when(() => other.messages.length, 'the state');
    assert.deepEqual(other.state.jobs, fresh.state.jobs);
    await other.close();
});

test('a stream ends with its token, and with the hub', async () => {
    const channel = 'metrics:partner:ALPHA';
    const brief = { token: await stack.token(people.max.id, 2) };
    const stream = await open(brief, channel);
    await stream.ended;
    assert.deepEqual(stream.named('end').map(({ data }) => data), [{ code: 3005, reason: 'connection expired' }]);
    const refused = await until(async () => {
        const answer = await refusal(brief.token, channel).catch(() => undefined);
        return answer?.body.reason === 'token_expired' && answer;
    }, 'the token to have expired');
    assert.equal(refused.status, 401);
    const last = await open(people.max, channel);
    await stack.hub.stop();
    await last.ended;
    assert.deepEqual(last.named('end').map(({ data }) => data), [{ code: 3001, reason: 'shutdown' }]);
    assert.ok(last.retry >= 500 && last.retry < 2000);
    await stack.startHub();
});

test('comments keep it open; who is gone, or talks, is let go', async () => {
    const stream = await open(people.max, 'metrics:partner:ALPHA');
    await stream.when(() => stream.comments >= 2, 'comments');
    await stream.close();
    await until(async () => (await metric(stack, 'mh_hub_connections')) === 0, 'the end to be noticed');

    const socket = net.connect(new URL(stack.hubHttpUrl).port, '127.0.0.1');
    let text = '';
    socket.on('data', (chunk) => (text += chunk));
    await once(socket, 'connect');
    socket.write(`GET /live/sse?channel=metrics:partner:ALPHA HTTP/1.1\r\nHost: x\r\n` +
        `Authorization: Bearer ${people.max.token}\r\n\r\n`);
    await until(() => text.includes('"t":"state"'), 'the state');
    socket.write('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n');
    await once(socket, 'close');
    assert.ok(!text.includes('"status":"ok"'));
    assert.equal(await metric(stack, 'mh_hub_subscriptions'), 0);
});

test('streams count as connections', async () => {
    const streams = await Promise.all(Array.from({ length: 40 }, () => open(people.viewer, 'metrics:platform')));
    const answer = await refusal(people.viewer.token, 'metrics:platform');
    assert.deepEqual([answer.status, answer.body.reason, answer.headers['retry-after']], [503, 'unavailable', '2']);
    await Promise.all(streams.map((stream) => stream.close()));
    await until(async () => (await metric(stack, 'mh_hub_connections')) === 0, 'all to be gone');
});

test('without Postgres a new channel is refused, not promised', async () => {
    await stack.postgres.stop('SIGQUIT');
    const answer = await refusal(people.owner.token, 'jobs:partner:BETA');
    assert.deepEqual([answer.status, answer.body.reason], [503, 'unavailable']);
    await stack.postgres.start();
    await until(async () => (await stack.post('BETA', [stack.event('requested', 'b')])).status === 200, 'ingest');
});

// ---- threads

const thread = (...names) =>
    stack.metricsctl('thread', 'create', '--database', stack.postgres.dsn, '--partner', 'ALPHA', '--subject', 'S',
        ...names.flatMap((name) => ['--participant', people[name].id]));

const member = (command, id, name) =>
    stack.metricsctl('thread', command, '--database', stack.postgres.dsn, '--thread', id, '--user', people[name].id);

/** Posts until it is acknowledged. */
async function say(name, id, body) {
    const client_id = randomUUID();
    for (;;) {
        const answer = await fetch(`${stack.ingestUrl}/v1/threads/${id}/messages`, {
            method: 'POST', body: JSON.stringify({ client_id, body }),
            headers: { authorization: `Bearer ${people[name].token}` },
        });
        if (answer.ok) return (await answer.json()).seq;
        assert.ok([429, 503].includes(answer.status), `status ${answer.status}`);
    }
}

/** What a reader gets that comes back whenever its stream ends. */
class Persistent {
    messages = [];
    begun = [];

    constructor(name, channel) {
        Object.assign(this, { name, channel });
        this.running = this.run();
    }

    async run() {
        while (!this.over) {
            this.reader = new EventReader(stack, people[this.name].token, this.channel, { lastEventId: this.lastEventId });
            await this.reader.ended;
            this.collect();
            this.lastEventId = this.reader.lastEventId;
            this.done = [...this.messages];
        }
    }

    collect() {
        this.messages = [...(this.done ?? []), ...this.reader.messages];
        const [first] = this.reader.named('subscribed');
        if (first && this.begun.at(-1) !== first) this.begun.push(first);
        return this.messages;
    }

    async stop() {
        this.over = true;
        this.reader.close();
        await this.running;
    }
}

test('a thread is read exactly, over restarts of the hub and lost connections', async (context) => {
    const id = await thread('max', 'mia');
    const channel = `thread:${id}`;
    const readers = [new Persistent('max', channel), new Persistent('mia', channel)];
    await until(() => readers.every((reader) => (reader.collect(), reader.begun.length)), 'the streams to begin');
    const run = { sent: 0 };
    const writers = ['max', 'mia'].map(async (name) => {
        for (let n = 0; !run.over; n++) {
            await say(name, id, `${name} ${n} \\"{[\n\r\u2028]},`);
            run.sent++;
        }
    });
    const more = async (count, goal = run.sent + count) => until(() => run.sent >= goal, 'messages', 60_000);
    const begun = (reader) => reader.collect() && reader.begun.length;
    for (const signal of ['SIGTERM', 'SIGKILL', undefined, 'SIGKILL', undefined]) {
        await more(20);
        const before = begun(readers[0]);
        if (signal) {
            await stack.hub.stop(signal);
            await more(5);
            await stack.startHub();
        } else {
            readers[0].reader.close();
        }
        await until(() => begun(readers[0]) > before, 'the next stream');
    }
    await more(20);
    run.over = true;
    await Promise.all(writers);
    const rows = await stack.sql(`SELECT seq, payload FROM app.channel_log WHERE channel = '${channel}' ORDER BY seq`);
    for (const reader of readers) {
        await until(() => reader.collect().length >= rows.length, `all ${rows.length}`, 30_000);
        assert.deepEqual(reader.messages.map(({ id: at, raw }) => [at.split(':').pop(), raw]), rows);
        assert.deepEqual(reader.begun.map(({ data }) => data.recovered),
            reader.begun.map((_, i) => i > 0), 'recovered each time');
        await reader.stop();
    }
    context.diagnostic(`${rows.length} messages`);
});

test('a thread is for those who take part, from where they do', async () => {
    const id = await thread('max');
    const channel = `thread:${id}`;
    await say('max', id, 'before anybody read');
    const max = await open(people.max, channel);
    for (let i = 0; i < 3; i++) await say('max', id, `early ${i}`);
    await max.when(() => max.messages.length === 3, 'what the hub now remembers');
    const epoch = max.lastEventId.slice(0, max.lastEventId.lastIndexOf(':'));
    const outside = await refusal(people.mia.token, channel);
    assert.equal(outside.status, 404);
    assert.deepEqual((await refusal(people.owner.token, channel)).body, outside.body, 'staff do not read along');

    await member('join', id, 'mia');
    const mia = await until(() => open(people.mia, channel, { lastEventId: `${epoch}:0` }).catch(() => undefined), 'mia to be let in');
    await say('max', id, 'late');
    await mia.when(() => mia.messages.some(({ data }) => data.body === 'late'), 'the message');
    assert.deepEqual(mia.messages.map(({ data }) => data.body), ['late'], 'nothing from before');
    const again = await open(people.mia, channel, { lastEventId: `${epoch}:2` });
    await again.when(() => again.events.length, 'the beginning');
    await say('max', id, 'later');
    await again.when(() => again.messages.some(({ data }) => data.body === 'later'), 'the message');
    assert.ok(!JSON.stringify(again.messages).includes('early'), 'nor from what the hub remembers');
    await again.close();

    await member('leave', id, 'mia');
    await mia.ended;
    await say('max', id, 'alone');
    assert.deepEqual((await refusal(people.mia.token, channel, { lastEventId: mia.lastEventId })).body, outside.body);
    await max.when(() => max.messages.at(-1)?.data.body === 'alone', 'the last');
    await max.close();
});

test('a slow reader of a thread is let go and loses nothing', async () => {
    const id = await thread('max', 'mia');
    const channel = `thread:${id}`;
    const [fast, slow] = [await open(people.mia, channel), await open(people.max, channel)];
    slow.response.pause();
    const body = 'long '.repeat(3000);
    let sent = 0;
    await until(async () => {
        for (let i = 0; i < 20; i++) await say('mia', id, `${sent++} ${body}`);
        return slow.over || (await metric(stack, 'mh_hub_subscriptions')) === 1;
    }, 'the slow one to be let go', 60_000);
    await fast.when(() => fast.messages.length === sent, 'all at the fast one');
    slow.response.resume();
    await until(() => slow.over, 'the end');
    assert.ok(slow.messages.length < sent);
    // What is more than one answer holds would come as a new beginning: read on from where it ended.
    const rest = await open(people.max, channel, { lastEventId: slow.lastEventId });
    const missed = sent - slow.messages.length;
    if (rest.events[0].data.recovered) {
        await rest.when(() => rest.messages.length === missed, 'the rest');
        assert.deepEqual([...slow.messages, ...rest.messages].map(({ data }) => data.seq),
            Array.from({ length: sent }, (_, i) => i + 1));
    } else {
        assert.ok(missed * body.length > 1 << 20, 'more than a client may catch up with at once');
    }
    await Promise.all([fast.close(), rest.close()]);
});

// ---- slow readers of states

// Large patches: long texts in many jobs.
let batch = 0;
const flood = () =>
    stack.post('ALPHA', Array.from({ length: 50 }, (_, i) =>
        stack.event('requested', `b${batch}-${i}`, { prompt: `${batch++} `.padEnd(8000, 'long ') })));

test('who takes nothing is let go, others do not notice', async () => {
    const channel = 'jobs:partner:ALPHA';
    const fast = await open(people.max, channel);
    const slow = await open(people.max, channel);
    slow.response.pause();
    const closed = async () =>
        Number(/closes_total{code="3008"} (\d+)/.exec(await (await fetch(`${stack.hubHttpUrl}/metrics`)).text())[1]);
    const before = await closed();
    await until(async () => (await flood(), (await closed()) > before), 'the end of the slow one', 60_000);
    await fast.when(() => fast.state.jobs[`ALPHA/b${batch - 1}-49`], 'the last job');
    slow.response.resume();
    await until(() => slow.over, 'the end');
    await fast.close();
});

test('a slow reader of a state gets one patch or state for what it left out', async () => {
    const channel = 'jobs:partner:ALPHA';
    await stack.hub.stop();
    fs.appendFileSync(stack.hubConfig, 'ping_interval = 300s\n');
    await stack.startHub();
    const fast = new Follower(await stack.connect(people.max.token), channel);
    await fast.when(() => true, 'a state');
    const slow = await open(people.max, channel);
    slow.response.pause();
    await until(async () => (await flood(), (await metric(stack, 'mh_hub_deliveries_folded_total')) > 0), 'patches to fold', 60_000);
    slow.response.resume();
    const last = `ALPHA/b${batch - 1}-49`;
    await slow.when(() => slow.state.jobs[last], 'the last job');
    await fast.when((state) => state.jobs[last], 'the last job');
    assert.deepEqual(slow.state.jobs, fast.state.jobs);
    assert.equal(await metric(stack, 'mh_hub_queued_bytes'), 0);
    await slow.close();
});
