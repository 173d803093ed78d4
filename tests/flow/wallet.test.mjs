// Token wallets over HTTP and on the partner's socket: granting with a fresh sign-in, once per key, by two people
// above the limit, and nothing of it to another partner.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { ask, closeAgent, person } from './access.mjs';
import { RawClient } from './hub_raw.mjs';
import { get, startStack, until } from './harness.mjs';

const LIMIT = 1_000_000;
let stack, billing, admin, pia, mia, bob;

before(async () => {
    stack = await startStack({
        partners: ['ALPHA', 'BETA'], ingest: { workers: 2, sign_in_rate: 1000 }, hub: { workers: 2, poll_interval: '60s' },
    });
    await until(async () => /_workers 2$/m.test((await get(`${stack.ingestUrl}/metrics`)).body), 'both workers');
    [billing, admin] = [await person(stack, 'staff.billing'), await person(stack, 'staff.admin')];
    [pia, mia] = [await person(stack, 'partner.admin', 'ALPHA'), await person(stack, 'partner.manager', 'ALPHA')];
    bob = await person(stack, 'partner.admin', 'BETA');
});
after(() => {
    closeAgent();
    return stack?.close();
});

const said = ({ status, body }) => [status, body.reason];
const grant = (who, amount, { partner = 'ALPHA', reason = 'By contract', key = randomUUID() } = {}) =>
    ask(stack, 'POST', `/v1/wallet/entries?partner=${partner}`, {
        cookie: who.cookie, body: { amount, reason, idempotency_key: key },
    });
const decide = (who, what, id) => ask(stack, 'POST', `/v1/wallet/entries/${id}/${what}`, { cookie: who.cookie, body: {} });
const read = async (who, where) => {
    const reply = await ask(stack, 'GET', where, { cookie: who.cookie });
    assert.equal(reply.status, 200, reply.text);
    return reply.body;
};
const balance = async (who, partner = 'ALPHA') => (await read(who, `/v1/wallet?partner=${partner}`)).balance;
const pending = async () => (await read(admin, '/v1/wallet/pending?partner=ALPHA')).items;

/** What a wallet's channel tells him from now on. */
async function listen(who, partner = 'ALPHA') {
    const { token } = (await ask(stack, 'POST', '/v1/token', { cookie: who.cookie })).body;
    const client = await stack.connect(token);
    const subscription = client.newSubscription(`wallet:partner:${partner}`);
    const heard = [];
    subscription.on('publication', ({ data }) => data.t !== 'check' && heard.push(data));
    subscription.subscribe();
    await subscription.ready(10_000);
    return heard;
}

test('billing grants, and the partner sees its balance move', async () => {
    const [admins, managers, others] = [await listen(pia), await listen(mia), await listen(bob, 'BETA')];
    const given = await grant(billing, 5000);
    assert.equal(given.status, 200, given.text);
    assert.deepEqual([given.body.state, given.body.kind, given.body.balance_after, given.body.actor.id],
        ['posted', 'grant', 5000, billing.id]);
    const taken = await grant(billing, -1200, { reason: 'Counted twice' });
    assert.deepEqual([taken.body.kind, taken.body.balance_after], ['adjust', 3800]);
    for (const heard of [admins, managers]) {
        await until(() => heard.length === 2, 'both balances');
        assert.deepEqual(heard.map(({ at, ...rest }) => (assert.ok(Date.now() - at < 60_000), rest)),
            [{ t: 'wallet', balance: 5000 }, { t: 'wallet', balance: 3800 }]);
    }
    assert.deepEqual([await balance(pia), await balance(mia), await balance(billing)], [3800, 3800, 3800]);
    assert.deepEqual(said(await grant(billing, -3801)), [409, 'balance_too_low']);
    assert.deepEqual(others, []);
    assert.equal(await balance(bob, 'BETA'), 0);
});

test('the ledger: newest first, found by words and kind, page by page, as a file', async () => {
    const where = '/v1/wallet/entries?partner=ALPHA';
    const amounts = async (query) => (await read(pia, where + query)).items.map(({ amount }) => amount);
    assert.deepEqual(await amounts(''), [-1200, 5000]);
    assert.deepEqual(await amounts('&kind=grant'), [5000]);
    assert.deepEqual(await amounts('&q=TWICE'), [-1200]);
    const { next } = await read(pia, `${where}&limit=1`);
    assert.deepEqual(await amounts(`&limit=1&after=${next}`), [5000]);
    const file = await ask(stack, 'GET', `${where}&format=csv`, { cookie: pia.cookie });
    assert.match(file.headers['content-type'], /^text\/csv/);
    const [head, ...rows] = file.text.trim().split('\r\n');
    assert.equal(rows.length, 2);
    const column = head.split(',').findIndex((name) => name.replaceAll('"', '') === 'amount');
    assert.deepEqual(rows.map((row) => row.split(',')[column].replaceAll('"', '')), ['-1200', '5000']);
    assert.deepEqual(await read(billing, '/admin/tokens/ledger?partner=ALPHA'), await read(billing, where));
    assert.deepEqual((await read(billing, '/v1/wallets?q=alp')).items.map(({ partner, balance: now }) => [partner, now]), [['ALPHA', 3800]]);
});

test('a key is one entry, however often and at whichever worker', async () => {
    const key = randomUUID();
    const replies = await Promise.all(Array.from({ length: 12 }, () => grant(billing, 200, { key })));
    for (const reply of replies) assert.deepEqual(reply.body, replies[0].body, reply.text);
    assert.equal(await balance(pia), 4000);
    for (const other of [{ amount: 201 }, { reason: 'Another' }])
        assert.deepEqual(said(await grant(billing, other.amount ?? 200, { key, reason: other.reason })), [409, 'idempotency_conflict']);
    assert.equal((await grant(billing, 1, { key, partner: 'BETA' })).status, 200, 'of another wallet it is another');
});

test('at once, every entry knows the balance before it', async () => {
    const from = await balance(pia);
    const replies = await Promise.all(Array.from({ length: 24 }, (_, i) => grant(i % 2 ? billing : admin, i % 3 ? 3 : -2)));
    assert.ok(replies.every(({ status }) => status === 200));
    assert.equal(await balance(pia), from + 16 * 3 - 8 * 2);
    const items = (await read(pia, '/v1/wallet/entries?partner=ALPHA&limit=200')).items.reverse();
    items.reduce((sum, { amount, balance_after: after }) => (assert.equal(after, sum + amount), after), 0);
});

test('nothing without a fresh sign-in', async () => {
    const stale = (minutes) => stack.sql(
        `UPDATE app.sessions s SET auth_at = now() - interval '${minutes} minutes' FROM app.users u
         WHERE u.user_id = s.user_id AND u.public_id = '${billing.id}'`);
    const from = await balance(pia);
    const { id } = (await grant(admin, LIMIT + 1)).body;
    await stale(6);
    assert.deepEqual(said(await grant(billing, 5)), [403, 'step_up']);
    assert.deepEqual(said(await decide(billing, 'approve', id)), [403, 'step_up']);
    assert.equal((await decide(billing, 'reject', id)).body.state, 'rejected', 'which takes nothing from anybody');
    await stale(0);
    assert.equal(await balance(pia), from);
});

test('a large grant waits for somebody else', async () => {
    const from = await balance(pia);
    const heard = await listen(pia);
    const key = randomUUID();
    const asked = await grant(billing, LIMIT + 1, { key, reason: 'Large' });
    assert.deepEqual([asked.status, asked.body.state], [200, 'pending'], asked.text);
    const { id } = asked.body;
    assert.deepEqual((await pending()).map((one) => [one.id, one.amount, one.actor.id]), [[id, LIMIT + 1, billing.id]]);
    assert.equal((await grant(billing, LIMIT)).body.state, 'posted', 'up to the limit nobody else is needed');
    await until(() => heard.length === 1, 'the small one');
    assert.deepEqual(said(await decide(billing, 'approve', id)), [403, 'own_grant']);
    assert.deepEqual(said(await decide(pia, 'approve', id)), [403, 'forbidden']);
    assert.equal(await balance(pia), from + LIMIT);
    assert.ok(!(await read(pia, '/v1/wallet/entries?partner=ALPHA&q=large')).items.length, 'not in the ledger');

    const decided = await Promise.all(Array.from({ length: 4 }, () => decide(admin, 'approve', id)));
    assert.deepEqual(decided.map(({ status }) => status).sort(), [200, 409, 409, 409]);
    const { body } = decided.find(({ status }) => status === 200);
    assert.deepEqual([body.id, body.state, body.actor.id, body.approved_by.id], [id, 'posted', billing.id, admin.id]);
    await until(() => heard.at(-1).balance === from + 2 * LIMIT + 1, 'the large one');
    assert.deepEqual((await grant(billing, LIMIT + 1, { key, reason: 'Large' })).body, body, 'a retry finds it');
    assert.deepEqual(await pending(), []);

    const other = (await grant(admin, LIMIT * 2)).body.id;
    assert.equal((await decide(billing, 'reject', other)).body.state, 'rejected');
    assert.deepEqual(said(await decide(billing, 'approve', other)), [409, 'already']);
    assert.equal(await balance(pia), from + 2 * LIMIT + 1);
    const trail = await stack.sql(
        `SELECT a.action, a.outcome, u.public_id FROM app.audit_log a JOIN app.users u ON u.user_id = a.actor_id
         WHERE a.target_id IN ('${id}', '${other}') AND u.staff_role IS NOT NULL ORDER BY a.chain, a.seq`);
    assert.deepEqual(trail, [
        ['wallet.grant', 'done', billing.id], ['wallet_approve', 'denied', billing.id], ['wallet.approve', 'done', admin.id],
        ['wallet.grant', 'done', admin.id], ['wallet.reject', 'done', billing.id],
    ]);
});

test('another partner\'s wallet is none', async () => {
    for (const who of [bob, mia]) {
        const own = who === bob ? 'ALPHA' : 'BETA';
        for (const where of ['/v1/wallet', '/v1/wallet/entries'].slice(0, who === bob ? 2 : 1)) {
            const [there, absent] = await Promise.all([own, 'NOSUCH'].map((code) =>
                ask(stack, 'GET', `${where}?partner=${code}`, { cookie: who.cookie })));
            assert.deepEqual(said(there), [404, 'not_found']);
            assert.deepEqual([there.body.detail, there.body.field], [absent.body.detail, absent.body.field]);
        }
    }
    for (const where of ['/v1/wallets', '/v1/wallet/pending'])
        assert.deepEqual(said(await ask(stack, 'GET', where, { cookie: bob.cookie })), [403, 'forbidden']);
    const { token } = (await ask(stack, 'POST', '/v1/token', { cookie: bob.cookie })).body;
    const raw = await RawClient.connect(stack.hubUrl, token);
    const answers = [];
    for (const [i, code] of ['ALPHA', 'NOSUCH'].entries())
        answers.push((await raw.ask({ id: i + 2, subscribe: { channel: `wallet:partner:${code}` } })).error);
    await raw.close();
    assert.deepEqual(answers, Array(2).fill({ code: 102, message: 'unknown channel' }));
});
