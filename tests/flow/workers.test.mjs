// Three processes on one port: load spreads, /metrics tells the sum whoever is asked, and one that
// dies is started again while nothing is lost.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import { after, before, test } from 'node:test';
import { Follower, get, program, startStack, until, workersOf } from './harness.mjs';
import { RawClient } from './hub_raw.mjs';

const WORKERS = 3;
let stack, token;
before(async () => {
    stack = await startStack({ hub: { workers: WORKERS }, ingest: { workers: WORKERS, lanes: 2 } });
    token = await stack.token(await stack.user({ staff: 'owner' }), 3600);
    for (const url of [stack.hubHttpUrl, stack.ingestUrl])
        await until(async () => (await number(url, /_workers (\d+)/)) === WORKERS, 'all workers');
});
after(() => stack?.close());

const sockets = (pid) =>
    fs.readdirSync(`/proc/${pid}/fd`).filter((fd) => {
        try {
            return fs.readlinkSync(`/proc/${pid}/fd/${fd}`).startsWith('socket:');
        } catch {
            return false; // closed meanwhile
        }
    }).length;

/** A number of /metrics, each time over a connection of its own, so of any worker. */
async function number(url, pattern) {
    const { body } = await get(`${url}/metrics`);
    const found = body.match(pattern);
    assert.ok(found, `${pattern} is in ${body}`);
    return Number(found[1]);
}

/** Asks until every worker has very likely been asked, and each said the same. */
async function allSay(url, pattern, value, what) {
    await until(async () => (await number(url, pattern)) === value, what);
    for (let i = 0; i < 16; i++) assert.equal(await number(url, pattern), value, what);
}

/** Posts over a new connection, again and again until it is answered; a worker that cannot serve takes none. */
async function postAnyhow(events) {
    for (const end = Date.now() + 20_000; Date.now() < end; ) {
        const answer = await get(`${stack.ingestUrl}/v1/events`, {
            method: 'POST',
            headers: {
                authorization: `Bearer ${stack.keys.ALPHA}`,
                'content-type': 'application/cloudevents-batch+json',
            },
        }, JSON.stringify(events)).catch(() => ({ status: 0 }));
        if (answer.status === 200) return JSON.parse(answer.body);
        assert.equal(answer.status, 0);
    }
    throw new Error('no answer to a post for 20 s');
}

test('load spreads over the workers of the hub, and any of them tells the sum', async () => {
    const pids = workersOf(stack.hub);
    assert.equal(pids.length, WORKERS);
    const idle = pids.map(sockets);
    const clients = await Promise.all(Array.from({ length: 90 }, () => RawClient.connect(stack.hubUrl, token)));
    pids.forEach((pid, i) => assert.ok(sockets(pid) - idle[i] > 5, `worker ${i} has its share`));
    await allSay(stack.hubHttpUrl, /^mh_hub_connections (\d+)$/m, 90, 'all connections');
    await allSay(stack.hubHttpUrl, /^mh_hub_commands_total (\d+)$/m, 90, 'all commands');
    await Promise.all(clients.map((client) => client.close()));
    await allSay(stack.hubHttpUrl, /^mh_hub_connections (\d+)$/m, 0, 'no connections');
    await allSay(stack.hubHttpUrl, /^mh_hub_closes_total\{code="1006"\} (\d+)$/m, 90, 'all closes');
});

test('load spreads over the workers of ingest, and any of them tells the sum', async () => {
    const pids = workersOf(stack.ingest);
    assert.equal(pids.length, WORKERS);
    const idle = pids.map(sockets);
    const { port } = new URL(stack.ingestUrl);
    const connections = await Promise.all(Array.from({ length: 90 }, async () => {
        const socket = net.connect(port, '127.0.0.1');
        socket.write('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n');
        await once(socket, 'data');
        return socket;
    }));
    pids.forEach((pid, i) => assert.ok(sockets(pid) - idle[i] > 5, `worker ${i} has its share`));
    await until(async () => (await number(stack.ingestUrl, /^mh_ingest_connections (\d+)$/m)) >= 90, 'all connections');
    for (const socket of connections) socket.destroy();
    await Promise.all(Array.from({ length: 30 }, (_, i) => postAnyhow([stack.event('requested', `spread-${i}`)])));
    await allSay(stack.ingestUrl, /^mh_ingest_events_total\{verdict="accepted"\} (\d+)$/m, 30, 'all events');
    await allSay(stack.ingestUrl, /^mh_ingest_batch_events_sum (\d+)$/m, 30, 'the histogram');
});

test('a killed worker is started again: posts succeed, screens end exact', async (context) => {
    const clients = await Promise.all(Array.from({ length: 18 }, () => stack.connect(token)));
    const screens = clients.map((client) => new Follower(client, 'metrics:partner:ALPHA'));
    await Promise.all(screens.map((screen) => screen.when(() => true, 'a state')));
    const posted = new Set();
    let over = false;
    context.after(() => (over = true));
    const writers = Array.from({ length: 4 }, async (_, writer) => {
        for (let batch = 0; !over; batch++) {
            const events = ['requested', 'completed'].map((type) =>
                stack.event(type, `kill-${writer}-${batch}`, { tokens: 3 }));
            const { accepted, duplicate } = await postAnyhow(events);
            assert.equal(accepted + duplicate, 2);
            for (const { id } of events) posted.add(id);
        }
    });
    const daemons = [[stack.ingest, stack.ingestUrl], [stack.hub, stack.hubHttpUrl]];
    for (let round = 1; round <= 2; round++) {
        for (const [daemon, url] of daemons) {
            const before = posted.size, pids = workersOf(daemon);
            await until(() => posted.size > before + 50, 'posts go on');
            process.kill(pids[round], 'SIGKILL');
            await until(() => {
                const now = workersOf(daemon);
                return now.length === WORKERS && !now.includes(pids[round]);
            }, 'the next worker');
            await until(() => daemon.output.includes(`(pid ${pids[round]}) was ended by signal 9`), 'the cause in the log');
            await allSay(url, /_worker_restarts_total (\d+)$/m, round, 'the restart');
            await allSay(url, /_workers (\d+)$/m, WORKERS, 'all workers');
        }
    }
    over = true;
    await Promise.all(writers);

    const rows = await stack.sql('SELECT ext_id, count(*) FROM app.generation_events GROUP BY 1');
    const stored = new Map(rows);
    assert.deepEqual([...posted].filter((id) => stored.get(id) !== '1'), [], 'lost or doubled');
    const [[requested, tokens]] = await stack.sql('SELECT count(*), sum(tokens) FROM app.generation_jobs');
    for (const screen of screens)
        await screen.when(({ windows: { '30d': window } }) =>
            window.requested === Number(requested) && window.tokens === Number(tokens), 'the end state');
    await allSay(stack.hubHttpUrl, /^mh_hub_connections (\d+)$/m, clients.length, 'nobody counted twice');
    for (const client of clients) client.disconnect();
});

async function ending(words) {
    const child = spawn(program('metrics-hub'), words);
    let output = '';
    child.stderr.on('data', (chunk) => (output += chunk));
    const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
    const [code, signal] = await once(child, 'close');
    clearTimeout(timer);
    assert.doesNotMatch(output, /Sanitizer|runtime error/);
    return { code, signal, output };
}

test('what fails at the start ends the program', async () => {
    const taken = net.createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const end = await ending(['--config', stack.hubConfig, '--listen', `127.0.0.1:${taken.address().port}`]);
    taken.close();
    assert.equal(end.signal, null, 'it did not have to be killed');
    assert.equal(end.code, 1);
    assert.match(end.output, /in use/);
    assert.doesNotMatch(end.output, /started again/);
    assert.equal((await ending(['--config', stack.hubConfig, '--workers', '65'])).code, 2);
});

test('no worker outlives a killed supervisor, and the port is free at once', async () => {
    for (const [name, start] of [['hub', 'startHub'], ['ingest', 'startIngest']]) {
        const pids = workersOf(stack[name]);
        await stack[name].stop('SIGKILL');
        await until(() => pids.every((pid) => !fs.existsSync(`/proc/${pid}`) || zombie(pid)), 'their end');
        await stack[start]();
    }
    const client = await stack.connect(token);
    assert.equal((await postAnyhow([stack.event('requested', 'again')])).accepted, 1);
    client.disconnect();
});

function zombie(pid) {
    try {
        return /^State:\s+Z/m.test(fs.readFileSync(`/proc/${pid}/status`, 'utf8'));
    } catch {
        return true;
    }
}
