// What ends somebody's access takes effect on a running ingest at its next look, twice a second,
// though it keeps keys for 30 s.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startStack, until } from './harness.mjs';

let stack;
before(async () => (stack = await startStack({ partners: ['ALPHA', 'BETA'] })));
after(() => stack?.close());

const post = (code, key) => stack.post(code, [stack.event('requested', 'r-1')], key && { key });

/** Resolves when `key` is answered with `status`; long before its cached copy would run out. */
const answered = (code, key, status) =>
    until(async () => (await post(code, key)).status === status, `status ${status}`, 10_000);

test('a revoked key is refused soon, others are not', async () => {
    const key = await stack.key('ALPHA');
    assert.equal((await post('ALPHA', key)).status, 200, 'in the cache now');
    const database = ['--database', stack.postgres.dsn];
    const id = key.split('_')[2];
    await stack.metricsctl('key', 'revoke', ...database, '--key', id, '--reason', 'leaked');
    await answered('ALPHA', key, 401);
    assert.equal((await post('ALPHA', key)).body.reason, 'key_revoked');
    assert.equal((await post('ALPHA')).status, 200, 'the other key of the partner');
    await assert.rejects(
        stack.metricsctl('key', 'revoke', ...database, '--key', id), /revoked already/);
});

test('a suspended partner is refused soon, and let in again', async () => {
    assert.equal((await post('BETA')).status, 200);
    const status = (value) =>
        stack.metricsctl('partner', 'status', '--database', stack.postgres.dsn, '--code', 'BETA', '--status', value);
    await status('suspended');
    await answered('BETA', undefined, 403);
    assert.equal((await post('ALPHA')).status, 200);
    await status('active');
    await answered('BETA', undefined, 200);
});
