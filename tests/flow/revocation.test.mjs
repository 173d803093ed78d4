// What ends somebody's access takes effect on both workers of a running ingest within a second, though
// they keep keys for 30 s.
import assert from 'node:assert/strict';
import http from 'node:http';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { get, startStack, until } from './harness.mjs';

// Connections that stay; over so many a worker without one is next to impossible.
const agents = Array.from({ length: 16 }, () => new http.Agent({ keepAlive: true, maxSockets: 1 }));
let stack, database;
before(async () => {
    stack = await startStack({ partners: ['ALPHA', 'BETA'], ingest: { workers: 2 } });
    database = ['--database', stack.postgres.dsn];
    await until(async () => /_workers 2$/m.test((await get(`${stack.ingestUrl}/metrics`)).body), 'both workers');
});
after(async () => {
    for (const agent of agents) agent.destroy();
    await stack?.close();
});

async function post(key, agent) {
    const request = http.request(`${stack.ingestUrl}/v1/events`, {
        agent, method: 'POST',
        headers: { authorization: `Bearer ${key}`, 'content-type': 'application/cloudevents-batch+json' },
    }).end(JSON.stringify([stack.event('requested', 'r-1')]));
    const [response] = await once(request, 'response');
    let text = '';
    for await (const chunk of response) text += chunk;
    return { status: response.statusCode, reason: JSON.parse(text).reason };
}

/** Over every connection. */
async function everywhere(key, status, reason) {
    for (const agent of agents) assert.deepEqual(await post(key, agent), { status, reason });
}

/** Posts over every connection until it is answered so; fails if one is answered otherwise later than a
 *  second from now. */
async function soon(key, status, reason) {
    const begun = Date.now();
    await Promise.all(agents.map(async (agent) => {
        for (;;) {
            const sent = Date.now();
            const answer = await post(key, agent);
            if (answer.status === status) return assert.equal(answer.reason, reason);
            assert.ok(sent - begun < 1000, `${answer.status} ${sent - begun} ms later`);
        }
    }));
}

test('a revoked key is refused soon, others are not', async () => {
    const key = await stack.key('ALPHA');
    for (let i = 0; i < 3; i++) await everywhere(key, 200);
    const id = key.split('_')[2];
    await stack.metricsctl('key', 'revoke', ...database, '--key', id, '--reason', 'leaked');
    await soon(key, 401, 'key_revoked');
    await everywhere(key, 401, 'key_revoked');
    await everywhere(stack.keys.ALPHA, 200);
    await assert.rejects(
        stack.metricsctl('key', 'revoke', ...database, '--key', id), /revoked already/);
});

test('a suspended partner is refused soon, and let in again', async () => {
    await everywhere(stack.keys.BETA, 200);
    const status = (value) =>
        stack.metricsctl('partner', 'status', ...database, '--code', 'BETA', '--status', value);
    await status('suspended');
    await soon(stack.keys.BETA, 403, 'partner_suspended');
    await everywhere(stack.keys.ALPHA, 200);
    await status('active');
    await soon(stack.keys.BETA, 200);
});
