// SIGTERM: the hub tells its clients to reconnect, spread over drain_seconds; ingest answers what it
// has let in; nothing is lost on the way.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { after, before, test } from 'node:test';
import { Follower, get, startStack, until } from './harness.mjs';
import { metric, RawClient } from './hub_raw.mjs';

const SECONDS = 2, SOCKETS = 200;
let stack, token;
before(async () => {
    stack = await startStack({ hub: { drain_seconds: SECONDS } });
    token = await stack.token(await stack.user({ staff: 'owner' }), 3600);
});
after(() => stack?.close());

async function restartHub(settings) {
    await stack.hub.stop('SIGKILL');
    await stack.startHub(Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]));
}
const connectMany = (count) =>
    Promise.all(Array.from({ length: count }, () => RawClient.connect(stack.hubUrl, token)));

/** Sends the signal; each client's close, in ms since then. */
async function drained(clients, since = Date.now()) {
    stack.hub.process.kill('SIGTERM');
    return Promise.all(clients.map(async (client) => {
        const { code, reason } = await client.closed;
        assert.deepEqual({ code, reason }, { code: 3001, reason: 'shutdown' });
        return Date.now() - since;
    }));
}

function refused(url) {
    return get(`${url}/healthz`).then(() => false, (error) => error.code === 'ECONNREFUSED');
}

for (const workers of [1, 3])
    test(`${workers} worker(s): sessions end one after the other, with 3001, and new ones are refused`, async () => {
        await restartHub({ workers });
        const clients = await connectMany(SOCKETS);
        const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
        const ready = () => get(`${stack.hubHttpUrl}/readyz`, { agent });
        assert.equal((await ready()).status, 200);
        const ends = drained(clients);
        const answer = await until(async () => {
            const answer = await ready();
            return answer.status === 503 && answer;
        }, 'readyz to say so');
        assert.equal(JSON.parse(answer.body).draining, true);
        await until(() => refused(stack.hubHttpUrl), 'new connections to be refused', 1000);
        const times = (await ends).sort((a, b) => a - b);
        agent.destroy();
        assert.deepEqual(await stack.hub.exited, { code: 0, signal: null });
        const half = times[SOCKETS / 2] / 1000, last = times.at(-1) / 1000;
        assert.ok(times[0] < 500, `the first after ${times[0]} ms`);
        assert.ok(half > SECONDS * 0.3 && half < SECONDS * 0.8, `half of them after ${half} s`);
        assert.ok(last > SECONDS * 0.9 && last < SECONDS + 1.5, `the last after ${last} s`);
        for (let at = 0; at < SECONDS * 1000; at += 200) {
            const share = times.filter((time) => time >= at && time < at + 200).length / SOCKETS;
            assert.ok(share < 0.35, `${share} of them within 200 ms`);
        }
    });

test('drain_seconds 0 ends all at once; no session, at once too', async () => {
    await restartHub({ 'drain-seconds': 0 });
    const times = await drained(await connectMany(50));
    assert.ok(Math.max(...times) < 1500, `${Math.max(...times)} ms`);
    assert.equal((await stack.hub.exited).code, 0);
    await restartHub({ 'drain-seconds': 3600 });
    const gone = await RawClient.connect(stack.hubUrl, token);
    await gone.close();
    await until(async () => (await metric(stack, 'mh_hub_connections')) === 0, 'the end of the session');
    const since = Date.now();
    assert.equal((await stack.hub.stop()).code, 0);
    assert.ok(Date.now() - since < 5000, `${Date.now() - since} ms`);
});

for (const workers of [1, 2])
    test(`${workers} worker(s): a second SIGTERM ends it at once`, async () => {
        await restartHub({ workers, 'drain-seconds': 3600 });
        const clients = await connectMany(5);
        stack.hub.process.kill('SIGTERM');
        await until(() => refused(stack.hubHttpUrl), 'the drain');
        assert.deepEqual(await stack.hub.stop(), { code: 143, signal: null });
        await Promise.all(clients.map((client) => client.closed));
    });

/** Stops the process while the connections are made, so that they wait to be accepted; then SIGTERM. */
async function whileItSleeps(child, url, request, count = 20) {
    child.process.kill('SIGSTOP');
    const { port } = new URL(url);
    const waiting = await Promise.all(Array.from({ length: count }, async () => {
        const socket = net.connect(port, '127.0.0.1');
        await once(socket, 'connect');
        socket.write(request);
        let text = '';
        socket.on('data', (chunk) => (text += chunk));
        const ended = new Promise((resolve) => {
            socket.on('error', (error) => resolve(error.code));
            socket.on('close', () => resolve(text));
        });
        return { ended };
    }));
    child.process.kill('SIGTERM');
    child.process.kill('SIGCONT');
    return Promise.all(waiting.map(({ ended }) => ended));
}

test('who waits to be accepted by the hub gets an answer', async () => {
    await restartHub({});
    const request = 'GET /connection/websocket HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
        'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n';
    for (const text of await whileItSleeps(stack.hub, stack.hubHttpUrl, request, 300))
        assert.match(text, /^HTTP\/1.[01] (503|101)/);
    assert.equal((await stack.hub.exited).code, 0);
});

test('the screens of a drained hub come back exact', async () => {
    await stack.startHub();
    const clients = await Promise.all(Array.from({ length: 10 }, () => stack.connect(token)));
    const screens = clients.map((client) => new Follower(client, 'metrics:partner:BETA'));
    await Promise.all(screens.map((screen) => screen.when(() => true, 'a state')));
    let over = false, posted = 0;
    const writer = (async () => {
        for (; !over; posted++) await stack.post('BETA', [stack.event('requested', `drain-${posted}`)]);
    })();
    stack.hub.process.kill('SIGTERM');
    await stack.hub.exited;
    await stack.startHub();
    over = true;
    await writer;
    for (const screen of screens)
        await screen.when(({ windows }) => windows['30d'].requested === posted, `all ${posted} events`);
    for (const client of clients) client.disconnect();
});

const post = (events) => {
    const body = JSON.stringify(events);
    return `POST /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${stack.keys.ALPHA}\r\n` +
        `Content-Type: application/cloudevents-batch+json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
};

test('who waits to be accepted by ingest gets a verdict', async () => {
    const texts = await whileItSleeps(stack.ingest, stack.ingestUrl, post([stack.event('requested', 'asleep')]));
    for (const text of texts) {
        assert.match(text, /^HTTP\/1.1 200 /);
        assert.match(text, /^connection: close/im);
        assert.match(text, /"(accepted|duplicate)":1/);
    }
    assert.equal((await stack.ingest.exited).code, 0);
    await stack.startIngest();
});

for (const workers of [1, 3])
    test(`${workers} worker(s): what ingest was sent before SIGTERM has a verdict, and is there`, async () => {
        await stack.ingest.stop();
        await stack.startIngest(['--workers', String(workers)]);
        const agent = new http.Agent({ keepAlive: true, maxSockets: 32 });
        const acknowledged = new Set();
        let stopped = false, closing = 0, failed = 0;
        /** Over a connection that stays open, until that is closed. */
        const writers = Array.from({ length: 32 }, async (_, writer) => {
            for (let n = 0; ; n++) {
                const event = stack.event('requested', `stop-${workers}-${writer}-${n}`);
                const before = !stopped;
                try {
                    const answer = await get(`${stack.ingestUrl}/v1/events`, { method: 'POST', agent, headers: {
                        authorization: `Bearer ${stack.keys.ALPHA}`, 'content-type': 'application/cloudevents-batch+json',
                    } }, JSON.stringify([event]));
                    assert.equal(answer.status, 200);
                    acknowledged.add(event.id);
                    if (answer.headers.connection === 'close') closing++;
                } catch (error) {
                    assert.match(error.code ?? error.message, /ECONN|EPIPE/);
                    if (before) failed++;
                    return;
                }
            }
        });
        await until(() => acknowledged.size > 300, 'posts');
        stopped = true;
        stack.ingest.process.kill('SIGTERM');
        await Promise.all(writers);
        assert.equal((await stack.ingest.exited).code, 0);
        agent.destroy();
        assert.equal(failed, 0, 'sent before the signal and not answered');
        assert.ok(closing > 0, 'connections are told to close');
        const stored = new Map(await stack.sql('SELECT ext_id, count(*) FROM app.generation_events GROUP BY 1'));
        assert.deepEqual([...acknowledged].filter((id) => stored.get(id) !== '1'), []);
        await stack.startIngest();
    });
