// Loads of sockets: the latency of an event's whole way, the cost of a delivery and of an idle
// connection. Frames are read raw, since a thousand SDK clients would measure the SDK.
import { once } from 'node:events';
import WebSocket from 'ws';
import { Follower } from '../flow/harness.mjs';
import { cpuSeconds, residentBytes } from './process.mjs';

const percentile = (sorted, p) => sorted[Math.floor(p * (sorted.length - 1))];

/** A raw socket, connected and subscribed to `channel`; `onFrame` hears what comes after. */
async function open(stack, token, channel, onFrame = () => {}) {
    const socket = new WebSocket(stack.hubUrl, { perMessageDeflate: false });
    await once(socket, 'open');
    const subscribed = new Promise((resolve, reject) => {
        socket.once('close', (code) => reject(new Error(`closed ${code}`)));
        socket.on('message', (data) => {
            const text = data.toString();
            if (text === '{}') return socket.send('{}');
            if (text.includes('"id":2')) return resolve();
            onFrame(text, data.length);
        });
    });
    subscribed.catch(() => {});
    socket.send(`{"id":1,"connect":{"token":"${token}"}}\n{"id":2,"subscribe":{"channel":"${channel}"}}`);
    await subscribed;
    return socket;
}

async function openMany(stack, token, channel, count, onFrame) {
    const sockets = [];
    while (sockets.length < count)
        sockets.push(...(await Promise.all(
            Array.from({ length: Math.min(100, count - sockets.length) }, () => open(stack, token, channel, onFrame)))));
    return sockets;
}

const closeAll = (sockets) =>
    Promise.all(sockets.map((socket) => {
        socket.close();
        return once(socket, 'close');
    }));

/** Posts `rate` single-event jobs a second, 10 in a request; ms from the POST to the patch. */
export async function latency(stack, { rate, seconds }) {
    const client = await stack.connect(await stack.token(await stack.user({ staff: 'owner' })));
    const follower = new Follower(client, 'jobs:partner:ALPHA');
    await follower.when(() => true, 'a state');
    const sent = new Map();
    const delays = [];
    follower.subscription.on('publication', ({ data }) => {
        const now = performance.now();
        for (const id of Object.keys(data.p?.jobs ?? {}))
            if (sent.has(id)) {
                delays.push(now - sent.get(id));
                sent.delete(id);
            }
    });
    const perRequest = 10;
    const posts = [];
    const total = (rate * seconds) / perRequest;
    const begin = performance.now();
    for (let i = 0; i < total; i++) {
        const due = begin + (i * perRequest * 1000) / rate;
        const wait = due - performance.now();
        if (wait > 1) await new Promise((resolve) => setTimeout(resolve, wait));
        const events = Array.from({ length: perRequest }, (_, k) =>
            stack.event('requested', `latency-${i}-${k}`, {}, { time: new Date().toISOString() }));
        for (const event of events) sent.set(`ALPHA/${event.data.job}`, performance.now());
        posts.push(stack.post('ALPHA', events));
    }
    await Promise.all(posts);
    await follower.when((state) => state.jobs[`ALPHA/latency-${total - 1}-${perRequest - 1}`], 'the last job');
    follower.subscription.unsubscribe();
    delays.sort((a, b) => a - b);
    return { p50: percentile(delays, 0.5), p99: percentile(delays, 0.99), count: delays.length };
}

/** One partner's metrics change all the time; CPU of the hub per frame delivered. */
export async function fanOut(stack, { sockets: count, seconds }) {
    const token = await stack.token(await stack.user({ staff: 'viewer' }));
    let deliveries = 0;
    let bytes = 0;
    const sockets = await openMany(stack, token, 'metrics:partner:BETA', count, (_, length) => {
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
    await closeAll(await openMany(stack, token, 'metrics:partner:BETA', 100));
    const before = residentBytes(stack.hub.process.pid);
    const sockets = await openMany(stack, token, 'metrics:partner:BETA', count);
    const bytes = (residentBytes(stack.hub.process.pid) - before) / count;
    await closeAll(sockets);
    return { bytes };
}
