// What ends somebody's access takes effect on a running ingest within a second, though its keys are
// cached for 30.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startStack, until } from './harness.mjs';

let stack;
before(async () => (stack = await startStack({ partners: ['ALPHA', 'BETA'] })));
after(() => stack?.close());

const post = (code, key) => stack.post(code, [stack.event('requested', 'r-1')], key && { key });

/** ms until `key` is answered with `status`. */
async function refusedAfter(code, key, status) {
    const begin = performance.now();
    await until(async () => (await post(code, key)).status === status, `status ${status}`, 5000);
    return performance.now() - begin;
}

test('a revoked key is refused within a second, others are not', async () => {
    const key = await stack.key('ALPHA');
    assert.equal((await post('ALPHA', key)).status, 200, 'in the cache now');
    const database = ['--database', stack.postgres.dsn];
    const id = key.split('_')[2];
    await stack.metricsctl('key', 'revoke', ...database, '--key', id, '--reason', 'leaked');
    assert.ok((await refusedAfter('ALPHA', key, 401)) < 1000);
    assert.equal((await post('ALPHA', key)).body.reason, 'key_revoked');
    assert.equal((await post('ALPHA')).status, 200, 'the other key of the partner');
    await assert.rejects(
        stack.metricsctl('key', 'revoke', ...database, '--key', id), /revoked already/);
});

test('a suspended partner is refused within a second, and let in again', async () => {
    assert.equal((await post('BETA')).status, 200);
    const status = (value) =>
        stack.metricsctl('partner', 'status', '--database', stack.postgres.dsn, '--code', 'BETA', '--status', value);
    await status('suspended');
    assert.ok((await refusedAfter('BETA', undefined, 403)) < 1000);
    assert.equal((await post('ALPHA')).status, 200);
    await status('active');
    assert.ok((await refusedAfter('BETA', undefined, 200)) < 1000);
});
