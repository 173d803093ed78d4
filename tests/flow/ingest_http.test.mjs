// HTTP as clients really speak it: raw sockets, so that nothing is smoothed over.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import { after, before, test } from 'node:test';
import { startStack, until } from './harness.mjs';

let stack;
before(
    async () =>
        (stack = await startStack({
            ingest: {
                max_body: '64k', max_batch: 50, max_header: '8k', max_connections: 60,
                header_timeout: '1s', body_timeout: '2s', idle_timeout: '3s',
            },
        })),
);
after(() => stack?.close());

class Raw {
    constructor() {
        const url = new URL(stack.ingestUrl);
        this.text = '';
        this.socket = net.connect(Number(url.port), url.hostname);
        this.socket.setNoDelay(true);
        this.socket.on('data', (chunk) => (this.text += chunk.toString('latin1')));
        this.socket.on('error', (error) => (this.error = error));
        this.socket.on('close', () => (this.closed = true));
    }

    async send(text) {
        if (this.socket.connecting) await once(this.socket, 'connect');
        this.socket.write(text);
    }

    /** Waits for `count` complete replies; status and body of each. */
    async replies(count) {
        return until(() => {
            const found = [];
            let rest = this.text;
            while (found.length < count) {
                const head = rest.indexOf('\r\n\r\n');
                if (head < 0) return undefined;
                const status = Number(rest.slice(9, 12));
                const length = Number(/content-length: (\d+)/i.exec(rest.slice(0, head))?.[1] ?? 0);
                if (rest.length < head + 4 + length) return undefined;
                if (status !== 100)
                    found.push({
                        status, head: rest.slice(0, head),
                        body: rest.slice(head + 4, head + 4 + length),
                    });
                rest = rest.slice(head + 4 + length);
            }
            return found;
        }, `${count} replies, got ${JSON.stringify(this.text)}`);
    }
}

const raw = () => new Raw();

const head = (length, extra = '', type = 'application/cloudevents+json') =>
    `POST /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${stack.keys.ALPHA}\r\n` +
    `Content-Type: ${type}\r\n${length === undefined ? '' : `Content-Length: ${length}\r\n`}${extra}\r\n`;

const event = (job) => JSON.stringify(stack.event('requested', job));

test('keep-alive and pipelining: answers in order, each with its own verdict', async () => {
    const client = raw();
    const events = Array.from({ length: 20 }, (_, n) => stack.event('requested', `pipe-${n}`));
    await client.send(
        events
            .map((one) => JSON.stringify(one))
            .map((text) => head(text.length) + text)
            .join(''),
    );
    const replies = await client.replies(20);
    assert.deepEqual(
        replies.map((reply) => [reply.status, JSON.parse(reply.body).events[0].id]),
        events.map((one) => [200, one.id]),
    );
    await client.send('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n');
    assert.equal((await client.replies(21))[20].status, 200);
    client.socket.destroy();
});

test('a chunked body, byte by byte', async () => {
    const client = raw();
    const text = event('chunked');
    await client.send(head(undefined, 'Transfer-Encoding: chunked\r\n'));
    for (let at = 0; at < text.length; at += 7) {
        const part = text.slice(at, at + 7);
        await client.send(`${part.length.toString(16)}\r\n${part}\r\n`);
    }
    await client.send('0\r\n\r\n');
    const [reply] = await client.replies(1);
    assert.equal(JSON.parse(reply.body).accepted, 1);
    client.socket.destroy();
});

test('Expect: 100-continue is answered before the body, and not when the header is refused', async () => {
    const text = event('expect');
    const patient = raw();
    await patient.send(head(text.length, 'Expect: 100-continue\r\n'));
    await until(() => patient.text.startsWith('HTTP/1.1 100'), '100 Continue');
    await patient.send(text);
    assert.equal((await patient.replies(1))[0].status, 200);
    patient.socket.destroy();
    const large = raw();
    await large.send(head(10_000_000, 'Expect: 100-continue\r\n'));
    assert.equal((await large.replies(1))[0].status, 413);
    assert.ok(!large.text.startsWith('HTTP/1.1 100'));
    large.socket.destroy();
    const anonymous = raw();
    await anonymous.send(
        'POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n',
    );
    assert.equal((await anonymous.replies(1))[0].status, 401);
    anonymous.socket.destroy();
});

test('413 by announcement and while streaming, and the connection is told', async () => {
    const announced = raw();
    await announced.send(head(100_000) + 'x'.repeat(100_000));
    const [reply] = await announced.replies(1);
    assert.equal(reply.status, 413);
    assert.equal(JSON.parse(reply.body).reason, 'body_too_large');
    assert.match(reply.head, /Metrics-Hub-Limits: body=65536, batch=50,/);
    announced.socket.destroy();
    const streamed = raw();
    await streamed.send(head(undefined, 'Transfer-Encoding: chunked\r\n'));
    for (let n = 0; n < 10; n++) await streamed.send(`2710\r\n${'x'.repeat(10_000)}\r\n`);
    await streamed.send('0\r\n\r\n');
    assert.equal((await streamed.replies(1))[0].status, 413);
    streamed.socket.destroy();
    const batch = raw();
    const text = `[${Array.from({ length: 51 }, () => '{}').join(',')}]`;
    await batch.send(head(text.length, '', 'application/cloudevents-batch+json') + text);
    const [many] = await batch.replies(1);
    assert.deepEqual([many.status, JSON.parse(many.body).reason], [413, 'batch_too_large']);
    assert.match(many.head, /Metrics-Hub-Limits: .*batch=50/);
    batch.socket.destroy();
});

test('431 for a header past the limit, 400 for two lengths, 405, 404', async () => {
    for (const bytes of [9_000, 100_000]) {
        const client = raw();
        await client.send(`GET /healthz HTTP/1.1\r\nHost: x\r\nX-Long: ${'y'.repeat(bytes)}\r\n\r\n`);
        assert.equal((await client.replies(1))[0].status, 431);
        client.socket.destroy();
    }
    const fits = raw();
    await fits.send(`GET /healthz HTTP/1.1\r\nHost: x\r\nX-Long: ${'y'.repeat(7_500)}\r\n\r\n`);
    assert.equal((await fits.replies(1))[0].status, 200);
    fits.socket.destroy();
    const smuggler = raw();
    await smuggler.send(head(5, 'Transfer-Encoding: chunked\r\n') + '0\r\n\r\n');
    assert.equal((await smuggler.replies(1))[0].status, 400);
    smuggler.socket.destroy();
    const method = await fetch(`${stack.ingestUrl}/v1/events`);
    assert.deepEqual([method.status, method.headers.get('allow')], [405, 'POST']);
    const nothing = await fetch(`${stack.ingestUrl}/v1/nothing`);
    assert.deepEqual([nothing.status, (await nothing.json()).reason], [404, 'not_found']);
    const put = await fetch(`${stack.ingestUrl}/healthz`, { method: 'PUT', body: 'x' });
    assert.equal(put.status, 405);
    const headOnly = await fetch(`${stack.ingestUrl}/healthz`, { method: 'HEAD' });
    assert.deepEqual([headOnly.status, await headOnly.text()], [200, '']);
});

test('a reader that comes late gets all its answers, in order', async () => {
    const client = raw();
    await once(client.socket, 'connect');
    client.socket.pause();
    const count = 300;
    for (let n = 0; n < count; n++)
        await client.send(`GET ${n % 2 ? '/openapi.json' : '/healthz'} HTTP/1.1\r\nHost: x\r\n\r\n`);
    const alive = await fetch(`${stack.ingestUrl}/healthz`);
    assert.equal(alive.status, 200);
    client.socket.resume();
    const replies = await client.replies(count);
    const text = await (await fetch(`${stack.ingestUrl}/openapi.json`)).text();
    for (let n = 1; n < count; n += 2) assert.equal(Buffer.from(replies[n].body, 'latin1').toString(), text);
    client.socket.destroy();
});

test('half-closed, HTTP/1.0, a proxy\'s target, empty lines, and what is no HTTP', async () => {
    const half = raw();
    const text = event('half');
    await half.send(head(text.length) + text);
    half.socket.end();
    assert.equal((await half.replies(1))[0].status, 200);
    await until(() => half.closed, 'the end of the half-closed connection');
    const old = raw();
    await old.send('GET /healthz HTTP/1.0\r\n\r\n');
    assert.match((await old.replies(1))[0].head, /Connection: close/);
    await until(() => old.closed, 'the end after HTTP/1.0');
    const kept = raw();
    await kept.send('\r\nGET http://x/healthz HTTP/1.0\r\nConnection: keep-alive\r\n\r\n');
    assert.match((await kept.replies(1))[0].head, /Connection: keep-alive/);
    await kept.send('\r\nHEAD /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    await until(() => kept.closed, 'the end that the client asked for');
    assert.match(kept.text, /Content-Length: \d+\r\nConnection: close\r\n\r\n$/);
    for (const bad of ['GET /healthz HTTP/1.1\r\n\r\n', 'hello\r\n\r\n',
        'GET /healthz HTTP/1.1\r\nHost: x\r\nX : y\r\n\r\nGET /healthz HTTP/1.1\r\nHost: x\r\n\r\n',
        head(undefined, 'Transfer-Encoding: chunked\r\n') + 'xyz\r\n']) {
        const client = raw();
        await client.send(bad);
        const [reply] = await client.replies(1);
        assert.deepEqual([reply.status, JSON.parse(reply.body).reason], [400, 'bad_request'], bad);
        await until(() => client.closed, 'the end after a bad request');
        assert.equal(client.text.split('HTTP/1.1 ').length, 2);
    }
});

test('a client that drips bytes is cut off at the deadline of its phase', async () => {
    const silent = raw();
    const header = raw();
    await header.send('GET /healthz HTTP/1.1\r\nHost: x\r\n');
    const drip = setInterval(() => header.closed || header.socket.write('X: y\r\n'), 100);
    const body = raw();
    await body.send(head(5000) + '{');
    const idle = raw();
    await idle.send('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n');
    await idle.replies(1);
    const started = Date.now();
    await until(() => silent.closed && header.closed, 'the header deadline', 5000);
    await until(() => body.closed && idle.closed, 'the body and idle deadlines', 8000);
    clearInterval(drip);
    assert.ok(Date.now() - started < 6000);
});

test('a client that leaves before its answer harms nobody', async () => {
    for (let n = 0; n < 30; n++) {
        const client = raw();
        const text = event(`gone-${n}`);
        await client.send(head(text.length) + text.slice(0, n % 2 ? undefined : 10));
        client.socket.destroy();
    }
    const { body } = await stack.post('ALPHA', [stack.event('requested', 'still-there')]);
    assert.equal(body.accepted, 1);
    await until(
        async () =>
            /^mh_ingest_open_requests 1$/m.test(
                await (await fetch(`${stack.ingestUrl}/metrics`)).text(),
            ),
        'the abandoned requests to end',
    );
});

test('past the connection limit others are not served, and are again later', async () => {
    await until(
        async () =>
            Number(/^mh_ingest_connections (\d+)$/m.exec(
                await (await fetch(`${stack.ingestUrl}/metrics`)).text(),
            )[1]) < 5,
        'earlier connections to end',
    );
    const crowd = Array.from({ length: 80 }, raw);
    await until(() => crowd.every((one) => !one.socket.connecting), 'connections');
    await until(() => crowd.filter((one) => one.closed).length >= 20, 'refusals or deadlines', 5000);
    for (const one of crowd) one.socket.destroy();
    await until(
        async () => (await fetch(`${stack.ingestUrl}/healthz`).catch(() => ({}))).ok,
        'service for others',
    );
});

test('the per-key rate answers 429 with Retry-After and recovers', async () => {
    const key = await stack.key('BETA');
    await stack.sql(
        `UPDATE app.api_keys SET rate_limit = 20 WHERE public_id = '${key.split('_')[2]}'`,
    );
    const batch = (n) => Array.from({ length: n }, () => stack.event('progress', 'rate', { progress: 1 }));
    const first = await stack.post('BETA', batch(20), { key });
    assert.equal(first.status, 200);
    assert.equal(first.headers.get('ratelimit-limit'), '20');
    const second = await stack.post('BETA', batch(20), { key });
    assert.deepEqual([second.status, second.body.reason], [429, 'rate_limited']);
    assert.ok(Number(second.headers.get('retry-after')) >= 1);
    await until(async () => (await stack.post('BETA', batch(5), { key })).status === 200, 'room');
});

test('bodies of all requests together have a limit', async () => {
    await stack.ingest.stop();
    stack.write('ingest.conf', `${fs.readFileSync(stack.ingestConfig, 'utf8')}max_memory = 1M\n`);
    await stack.startIngest();
    const crowd = Array.from({ length: 30 }, raw);
    for (const one of crowd) await one.send(head(60_000) + ' '.repeat(59_999));
    await until(
        async () =>
            /^mh_ingest_open_requests 31$/m.test(
                await (await fetch(`${stack.ingestUrl}/metrics`)).text(),
            ),
        'all bodies to arrive',
    );
    for (const one of crowd) await one.send('x');
    const statuses = [];
    for (const one of crowd) statuses.push((await one.replies(1))[0].status);
    for (const one of crowd) one.socket.destroy();
    assert.ok(statuses.filter((status) => status === 400).length >= 10, `${statuses}`);
    assert.ok(statuses.filter((status) => status === 503).length >= 10, `${statuses}`);
    const { status } = await stack.post('ALPHA', [stack.event('requested', 'after-crowd')]);
    assert.equal(status, 200);
});

test('the API describes itself', async () => {
    const description = await (await fetch(`${stack.ingestUrl}/openapi.json`)).json();
    assert.match(description.openapi, /^3\./);
    for (const path of ['/v1/events', '/api/partner/track', '/v1/session', '/v1/token', '/readyz'])
        assert.ok(description.paths[path], path);
});
