// Loads of sockets: the latency of an event's whole way, the cost of a delivery and of an idle
// connection, conflation, a storm of reconnects. Frames are read raw, since a thousand SDK clients
// would measure the SDK.
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import WebSocket from 'ws';
import { Follower, until } from '../flow/harness.mjs';
import { cpuSeconds, residentBytes } from './process.mjs';

const percentile = (values, p) => values.toSorted((a, b) => a - b)[Math.floor(p * (values.length - 1))];
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

let opened = 0;

/**
 * A raw socket, connected and subscribed to `channel`, `position` of a former one if it comes back.
 * `onFrame` hears what comes after; the reply is kept as `reply`.
 */
async function open(stack, token, channel, onFrame = () => {}, position = {}) {
    // From several addresses: one has too few ports for all that are open or were a moment ago.
    const localAddress = `127.0.0.${2 + (opened++ % 8)}`;
    const socket = new WebSocket(stack.hubUrl, { perMessageDeflate: false, localAddress });
    await once(socket, 'open');
    const subscribed = new Promise((resolve, reject) => {
        socket.once('close', (code) => reject(new Error(`closed ${code}`)));
        socket.on('message', (data) => {
            const text = data.toString();
            if (text === '{}') return socket.send('{}');
            if (text.includes('"id":2')) {
                socket.reply = text;
                return resolve();
            }
            onFrame(text, data.length, socket);
        });
    });
    subscribed.catch(() => {});
    socket.on('error', () => {});
    socket.send(`${JSON.stringify({ id: 1, connect: { token } })}\n${JSON.stringify({ id: 2, subscribe: { channel, ...position } })}`);
    await subscribed;
    return socket;
}

/** `count` of them, a hundred at a time; `channelOf(i)` names the channel of each. */
async function openMany(stack, token, channelOf, count, onFrame) {
    const sockets = [];
    while (sockets.length < count)
        sockets.push(...(await Promise.all(
            Array.from({ length: Math.min(100, count - sockets.length) }, (_, k) =>
                open(stack, token, channelOf(sockets.length + k), onFrame)))));
    return sockets;
}

const closeAll = (sockets) =>
    Promise.all(sockets.map((socket) => {
        socket.terminate();
        return once(socket, 'close');
    }));

const agent = new http.Agent({ keepAlive: true, maxSockets: 256 });

/** POSTs one body of events; resolves when they are committed. */
function post(stack, key, events) {
    const body = JSON.stringify(events);
    return new Promise((resolve, reject) => {
        const request = http.request(`${stack.ingestUrl}/v1/events`, {
            agent, method: 'POST',
            headers: {
                authorization: `Bearer ${key}`, 'content-length': Buffer.byteLength(body),
                'content-type': 'application/cloudevents-batch+json',
            },
        }, (response) => {
            response.resume();
            response.on('end', () => (response.statusCode === 200 ? resolve() : reject(new Error(`${response.statusCode}`))));
        });
        request.on('error', reject);
        request.end(body);
    });
}

/** Partners L0, L1, …, each with a key. */
export async function makePartners(stack, count) {
    await stack.sql(`SELECT count(api.partner_create('L' || i, 'Load ' || i, NULL, NULL)) FROM generate_series(0, ${count - 1}) i`);
    for (let i = 0; i < count; i += 8)
        await Promise.all(Array.from({ length: Math.min(8, count - i) }, async (_, k) => {
            stack.keys[`L${i + k}`] = await stack.key(`L${i + k}`);
        }));
}

/**
 * Single events at random moments, `rate` a second over `partners` (L0, L1, …), whose metrics all
 * sockets view in equal parts; ms from the POST to each frame.
 */
export async function latency(stack, { rate, partners, sockets: count, seconds }) {
    const token = await stack.token(await stack.user({ staff: 'viewer' }));
    const posted = Array.from({ length: partners }, () => []); // when each event was sent
    const base = [];
    const delays = [];
    let missing = 0;
    /** The count of a day says which events a socket has. */
    const see = (socket, requested) => {
        const now = performance.now();
        for (; socket.seen < requested - base[socket.partner]; socket.seen++) {
            delays.push(now - posted[socket.partner][socket.seen]);
            missing--;
        }
    };
    const onFrame = (text, _, socket) => {
        for (const line of text.split('\n')) {
            const requested = JSON.parse(line).push?.pub?.data;
            const value = (requested?.p ?? requested)?.windows?.['24h']?.requested;
            if (value !== undefined) see(socket, value);
        }
    };
    const sockets = await openMany(stack, token, (i) => `metrics:partner:L${i % partners}`, count, onFrame);
    sockets.forEach((socket, i) => {
        const { data } = JSON.parse(socket.reply.split('\n').find((line) => line.startsWith('{"id":2'))).subscribe;
        Object.assign(socket, { seen: 0, partner: i % partners });
        base[socket.partner] = data.windows['24h'].requested;
    });
    const posts = [];
    const run = randomBytes(4).toString('hex');
    const end = performance.now() + seconds * 1000;
    for (let due = performance.now(); due < end; due += (-Math.log(1 - Math.random()) * 1000) / rate) {
        const wait = due - performance.now();
        if (wait > 1) await sleep(wait);
        const partner = Math.floor(Math.random() * partners);
        posted[partner].push(performance.now());
        missing += count / partners;
        posts.push(post(stack, stack.keys[`L${partner}`], [stack.event('requested', `latency-${run}-${posts.length}`)]));
    }
    await Promise.all(posts);
    await until(() => missing === 0, 'the last events to arrive', 60_000);
    await closeAll(sockets);
    return { p50: percentile(delays, 0.5), p99: percentile(delays, 0.99), max: percentile(delays, 1), count: posts.length };
}

/** One partner, `rate` events a second, `count` viewers: how few patches carry all of it. */
export async function conflation(stack, { rate, sockets: count, seconds }) {
    const token = await stack.token(await stack.user({ staff: 'viewer' }));
    let patches = 0;
    const sockets = await openMany(stack, token, () => 'metrics:partner:BETA', count, (text) => {
        patches += text.split('"t":"patch"').length - 1;
    });
    const follower = new Follower(await stack.connect(token), 'metrics:partner:BETA');
    const { windows: { '24h': { requested: before } } } = await follower.when(() => true, 'a state');
    patches = 0;
    const cpu = cpuSeconds(stack.hub.process.pid);
    const posts = [];
    const begin = performance.now();
    const perRequest = 10;
    const total = rate * seconds;
    for (let i = 0; i < total; i += perRequest) {
        const wait = begin + (i * 1000) / rate - performance.now();
        if (wait > 1) await sleep(wait);
        posts.push(post(stack, stack.keys.BETA, Array.from({ length: perRequest }, (_, k) =>
            stack.event('requested', `fold-${i + k}`))));
    }
    await Promise.all(posts);
    await follower.when(({ windows }) => windows['24h'].requested === before + total, 'every event');
    const elapsed = (performance.now() - begin) / 1000;
    const cpuUs = ((cpuSeconds(stack.hub.process.pid) - cpu) * 1e6) / (total * count);
    await closeAll(sockets);
    return { patches: patches / count / elapsed, cpuUs, exact: true };
}

/** One partner's metrics change all the time; CPU of the hub per frame delivered. */
export async function fanOut(stack, { sockets: count, seconds }) {
    const token = await stack.token(await stack.user({ staff: 'viewer' }));
    let deliveries = 0;
    let bytes = 0;
    const sockets = await openMany(stack, token, () => 'metrics:partner:BETA', count, (_, length) => {
        deliveries++;
        bytes += length;
    });
    const before = cpuSeconds(stack.hub.process.pid);
    const end = performance.now() + seconds * 1000;
    for (let i = 0; performance.now() < end; i++) await stack.post('BETA', [stack.event('requested', `fan-${i}`)]);
    const cpuUs = ((cpuSeconds(stack.hub.process.pid) - before) / deliveries) * 1e6;
    const result = { cpuUs, deliveries, bytes: bytes / deliveries };
    await closeAll(sockets);
    return result;
}

/** Growth of the hub's resident memory per connected, authenticated socket with a subscription. */
export async function idleSockets(stack, count) {
    const token = await stack.token(await stack.user({ staff: 'viewer' }));
    await closeAll(await openMany(stack, token, () => 'metrics:partner:BETA', 100));
    const before = residentBytes(stack.hub.process.pid);
    const sockets = await openMany(stack, token, () => 'metrics:partner:BETA', count);
    const bytes = (residentBytes(stack.hub.process.pid) - before) / count;
    await closeAll(sockets);
    return { bytes };
}

/** Executions by the hub's database role so far, from Postgres' own log. */
const hubQueries = (stack) => stack.postgres.child.output.split('\n').filter((line) => /^mh_hub LOG: {2}execute/.test(line)).length;

/**
 * The hub is killed under `count` sockets, which all come back with their position: seconds until
 * the last has its answer, and what Postgres was asked meanwhile.
 */
export async function storm(stack, count) {
    const token = await stack.token(await stack.user({ staff: 'viewer' }));
    const sockets = await openMany(stack, token, (i) => `metrics:partner:${i % 2 ? 'ALPHA' : 'BETA'}`, count);
    const positions = sockets.map((socket, i) => {
        const { epoch, offset } = JSON.parse(socket.reply.split('\n').find((line) => line.startsWith('{"id":2'))).subscribe;
        return { channel: `metrics:partner:${i % 2 ? 'ALPHA' : 'BETA'}`, position: { recover: true, epoch, offset } };
    });
    const closed = Promise.all(sockets.map((socket) => once(socket, 'close')));
    await stack.hub.stop('SIGKILL');
    await closed;
    await stack.sql('ALTER ROLE mh_hub SET log_statement = \'all\'');
    const queriesBefore = hubQueries(stack);
    await stack.startHub();
    const begin = performance.now();
    const back = [];
    for (let i = 0; i < count; i += 200)
        back.push(...(await Promise.all(positions.slice(i, i + 200).map(({ channel, position }) =>
            open(stack, token, channel, undefined, position)))));
    const seconds = (performance.now() - begin) / 1000;
    const queries = hubQueries(stack) - queriesBefore;
    await stack.sql('ALTER ROLE mh_hub RESET log_statement');
    await closeAll(back);
    return { seconds, queries };
}
