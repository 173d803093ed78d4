// SIGHUP: what --help marks takes effect, in every worker, for connections that are open and for
// workers that start later; what it does not mark stays.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { get, program, startStack, until, workersOf } from './harness.mjs';
import { RawClient } from './hub_raw.mjs';

const run = promisify(execFile);
const WORKERS = 2;
let stack, token, config;
before(async () => {
    stack = await startStack({ hub: { workers: WORKERS }, ingest: { workers: WORKERS, lanes: 1 } });
    token = await stack.token(await stack.user({ staff: 'owner' }), 3600);
    config = { hub: fs.readFileSync(stack.hubConfig, 'utf8'), ingest: fs.readFileSync(stack.ingestConfig, 'utf8') };
});
after(() => stack?.close());

/** Puts the settings beside those of the start; every process has read them when it resolves. */
async function reload(name, settings, line = /settings (were )?read again/g) {
    const daemon = stack[name], told = () => daemon.output.match(line)?.length ?? 0, before = told();
    const lines = Object.entries(settings).map(([key, value]) => `${key} = ${value}\n`).join('');
    fs.writeFileSync(stack[`${name}Config`], config[name] + lines);
    daemon.process.kill('SIGHUP');
    await until(() => told() >= before + WORKERS + 1, `${WORKERS} workers and their supervisor to read again`);
}

/** So many connections that every worker has very likely some. */
const many = (make, count = 16) => Promise.all(Array.from({ length: count }, (_, i) => make(i)));
const connect = () => RawClient.connect(stack.hubUrl, token);
const polls = async () => Number((await get(`${stack.hubHttpUrl}/metrics`)).body.match(/^mh_hub_polls_total (\d+)$/m)[1]);

test('the hub: limits of connections that are open', async () => {
    const clients = await many(connect);
    const subscribe = (client, id, channel) => client.ask({ id, subscribe: { channel } });
    await many((i) => subscribe(clients[i], 2, 'metrics:platform'));
    await reload('hub', { max_subscriptions: 1, max_message: 2048 });
    for (const answer of await many((i) => subscribe(clients[i], 3, 'jobs:platform')))
        assert.equal(answer.error.code, 106);
    await reload('hub', { max_subscriptions: 2, max_message: 2048 });
    for (const answer of await many((i) => subscribe(clients[i], 4, 'jobs:platform')))
        assert.ok(answer.subscribe);
    for (const client of clients) client.send({ id: 5, rpc: { method: 'x'.repeat(3000) } });
    for (const client of clients) assert.equal((await client.closed).code, 1009);
});

test('the hub: who may connect', async () => {
    const origin = 'https://elsewhere.example';
    const open = () => RawClient.open(stack.hubUrl, { headers: { origin } }).then(
        (client) => client.close().then(() => 101), (error) => Number(/\d{3}/.exec(error.message)[0]));
    assert.deepEqual(new Set(await many(open)), new Set([403]));
    await reload('hub', { allowed_origins: origin });
    assert.deepEqual(new Set(await many(open)), new Set([101]));
    await until(async () => /^mh_hub_connections 0$/m.test((await get(`${stack.hubHttpUrl}/metrics`)).body), 'their end');
    await reload('hub', { allowed_origins: origin, max_connections: 1 });
    const results = await many(() => RawClient.open(stack.hubUrl).catch(() => null), 30);
    const accepted = results.filter(Boolean);
    assert.equal(accepted.length, WORKERS, 'one of each worker');
    for (const client of accepted) await client.close();
    await reload('hub', {});
    assert.deepEqual(new Set(await many(open)), new Set([403]));
});

test('the hub: intervals; a client that is connected keeps the ping it was told', async () => {
    const early = await RawClient.open(stack.hubUrl);
    assert.equal((await early.ask({ id: 1, connect: { token } })).connect.ping, 25);
    await early.ask({ id: 2, subscribe: { channel: 'metrics:partner:BETA' } });
    await reload('hub', { ping_interval: '1s', poll_interval: '50ms' });
    const late = await RawClient.open(stack.hubUrl);
    assert.equal((await late.ask({ id: 1, connect: { token } })).connect.ping, 1);
    const from = await polls(), since = Date.now();
    assert.equal((await late.closed).code, 3012, 'it does not answer pings');
    assert.equal(early.ended, undefined);
    await until(async () => (await polls()) > from + 20, 'polls', 10_000);
    assert.ok(Date.now() - since < 10_000);
    await early.close();
});

test('ingest: limits', async () => {
    const post = (count) => get(`${stack.ingestUrl}/v1/events`, { method: 'POST', headers: {
        authorization: `Bearer ${stack.keys.ALPHA}`, 'content-type': 'application/cloudevents-batch+json',
    } }, JSON.stringify(Array.from({ length: count }, (_, i) => stack.event('requested', `reload-${i}`))));
    const statuses = async (count) => new Set((await many(() => post(count))).map(({ status }) => status));
    assert.deepEqual(await statuses(20), new Set([200]));
    await reload('ingest', { max_body: '1k' });
    assert.deepEqual(await statuses(20), new Set([413]));
    assert.match((await post(1)).headers['metrics-hub-limits'], /body=1024,/);
    await reload('ingest', { max_memory: '1M', queue_events: 5 });
    assert.deepEqual(await statuses(20), new Set([503]));
    await reload('ingest', { rate: 1, max_batch: 4 });
    assert.deepEqual(await statuses(5), new Set([413]));
    assert.ok((await statuses(3)).has(429));
    await reload('ingest', {});
    assert.deepEqual(await statuses(20), new Set([200]));
});

test('ingest: sign-ins and timeouts', async () => {
    const signIn = () => get(`${stack.ingestUrl}/v1/session`, { method: 'POST', headers: {
        'content-type': 'application/json', origin: stack.ingestUrl } }, JSON.stringify({ link: 'nothing' }));
    await reload('ingest', { sign_in_rate: 100000, idle_timeout: '1s' });
    assert.ok((await many(signIn, 60)).every(({ status }) => status !== 429));
    await many(async () => {
        const socket = net.connect(new URL(stack.ingestUrl).port, '127.0.0.1');
        socket.write('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n');
        socket.resume();
        const since = Date.now();
        await once(socket, 'close');
        assert.ok(Date.now() - since < 10_000, 'idle connections are closed sooner than after 75 s');
    });
    await reload('ingest', { sign_in_rate: 1 });
    assert.ok((await many(signIn, 10)).some(({ status }) => status === 429));
    await reload('ingest', {});
});

test('a worker that starts later has the settings of the last SIGHUP', async () => {
    await reload('hub', { max_subscriptions: 1 });
    for (const pid of workersOf(stack.hub)) process.kill(pid, 'SIGKILL');
    await until(async () => /^mh_hub_worker_restarts_total 2$/m.test((await get(`${stack.hubHttpUrl}/metrics`)).body), 'both restarts');
    for (const client of await many(connect, 8)) {
        await client.ask({ id: 2, subscribe: { channel: 'metrics:platform' } });
        assert.equal((await client.ask({ id: 3, subscribe: { channel: 'jobs:platform' } })).error.code, 106);
        await client.close();
    }
});

test('a file with a fault changes nothing', async () => {
    await reload('hub', { max_subscriptions: 'many', allowed_origins: '*' }, /settings are unchanged/g);
    await reload('ingest', { max_body: 'much' }, /settings are unchanged/g);
    const client = await connect();
    await client.ask({ id: 2, subscribe: { channel: 'metrics:platform' } });
    assert.equal((await client.ask({ id: 3, subscribe: { channel: 'jobs:platform' } })).error.code, 106);
    await client.close();
    await reload('hub', { max_subscriptions: 128, listen: '127.0.0.1:1', workers: 5 });
    await (await connect()).close();
    assert.equal(workersOf(stack.hub).length, WORKERS);
});

test('--help marks what is read again', async () => {
    const marked = async (name) => {
        const { stdout } = await run(program(name), ['--help']);
        return [...stdout.matchAll(/^ {2}--([\w-]+) [\s\S]*?(?=\n {2}--|$(?![\s\S]))/gm)]
            .filter(([text]) => /reloaded\s+on\s+SIGHUP/.test(text)).map(([, setting]) => setting);
    };
    const hub = await marked('metrics-hub'), ingest = await marked('metrics-ingest');
    for (const setting of ['allowed-origins', 'tick', 'poll-interval', 'queue-hard', 'slow-after', 'drain-seconds'])
        assert.ok(hub.includes(setting), setting);
    for (const setting of ['listen', 'workers', 'database', 'stuck-after', 'ring']) assert.ok(!hub.includes(setting), setting);
    for (const setting of ['max-body', 'rate', 'queue-events', 'idle-timeout']) assert.ok(ingest.includes(setting), setting);
    for (const setting of ['listen', 'workers', 'lanes', 'max-connections']) assert.ok(!ingest.includes(setting), setting);
});
