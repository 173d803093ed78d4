// Feature flags and model configurations: who may see and set what, that a price is in nobody's bytes who
// may not read it, and how soon a partner's open page hears that something was switched.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { after, before, test } from 'node:test';
import { ask, closeAgent, person, table } from './access.mjs';
import { RawClient } from './hub_raw.mjs';
import { startStack, until } from './harness.mjs';

const PRICE = '77.123457';
let stack;
const people = {}; // role -> person
const beta = {};

before(async () => {
    // The poll comes too late for anything here: what is seen in time was published.
    stack = await startStack({
        partners: ['ALPHA', 'BETA'], ingest: { sign_in_rate: 1000 }, hub: { poll_interval: '60s' },
    });
    for (const role of table.roles) people[role] = await person(stack, role);
    beta.admin = await person(stack, 'partner.admin', 'BETA');
});

after(async () => {
    closeAgent();
    await stack?.close();
});

const everybody = () => [...Object.values(people), beta.admin];
const get = (who, where) => ask(stack, 'GET', where, { cookie: who.cookie });
const put = (who, where, body) => ask(stack, 'PUT', where, { cookie: who.cookie, body });
const admin = () => people['staff.admin'];

/** A connection of `who` that follows `system`. */
async function listen(who) {
    const { body } = await ask(stack, 'POST', '/v1/token', { cookie: who.cookie });
    const client = await RawClient.connect(stack.hubUrl, body.token);
    const { subscribe } = await client.ask({ id: 2, subscribe: { channel: 'system' } });
    assert.ok(subscribe, JSON.stringify(client.replies));
    client.heard = () => client.replies.flatMap(({ push }) =>
        push?.channel === 'system' && push.pub?.offset ? [push.pub] : []);
    return client;
}

const version = async (id) =>
    (await get(admin(), '/v1/models')).body.items.find((one) => one.id === id)?.version;

test('only owner, admin and ops set flags and models', async () => {
    const setters = ['staff.owner', 'staff.admin', 'staff.ops'];
    for (const who of everybody()) {
        const flag = await put(who, '/v1/flags/team_page', { rollout_pct: 100 });
        const model = await put(who, `/v1/models/of-${who.role}-${who.partner ?? 'staff'}`, { name: 'Made', kind: 'llm' });
        const wanted = setters.includes(who.role) ? 200 : 403;
        assert.deepEqual([flag.status, model.status], [wanted, wanted], `${who.role}: ${flag.text} ${model.text}`);
        const { body } = await get(who, '/v1/flags');
        assert.equal(Boolean(body.items), wanted === 200, who.role);
        assert.deepEqual(Object.keys(body.partners), who.partner ? [who.partner] : [], who.role);
    }
    const { body } = await get(admin(), '/v1/models');
    assert.deepEqual(body.items.map(({ id }) => id).sort(), setters.map((role) => `of-${role}-staff`).sort());
});

test('a price is in nobody\'s bytes who may not read it', async () => {
    const made = await put(admin(), '/v1/models/canary-1', { name: 'Canary', kind: 'video', price: Number(PRICE) });
    assert.equal(made.status, 200, made.text);
    const refused = await put(people['staff.ops'], '/v1/models/canary-1', { name: 'Canary', kind: 'video', version: 1, price: 1 });
    assert.deepEqual([refused.status, refused.body.reason, refused.body.field], [403, 'forbidden', 'price']);
    const kept = await put(people['staff.ops'], '/v1/models/canary-1', { name: 'Canary', kind: 'video', version: 1, max_concurrent: 3 });
    assert.equal(kept.status, 200, kept.text);
    assert.ok(!kept.text.includes(PRICE) && !kept.text.includes('price'));
    const places = ['/v1/models', '/v1/models?format=csv', '/admin/models', '/v1/audit', '/v1/audit?format=csv',
        '/v1/audit?target=canary-1', '/v1/flags'];
    let shown = 0;
    for (const who of everybody())
        for (const where of places) {
            const { status, text } = await get(who, where);
            const reads = table.fields(who.role).includes('2') && who.scope === 'staff';
            const wanted = reads && status === 200 && where !== '/v1/flags';
            assert.equal(text.includes(PRICE), wanted, `${who.role} ${where} ${status}`);
            if (!reads) assert.ok(where.includes('audit') || !text.includes('price'), `${who.role} ${where}`);
            shown += wanted;
        }
    assert.equal(shown, 3 * 6, 'owner, admin and billing, everywhere else');
});

test('a flag that is switched is heard of by every partner within a second, and no more than that', async () => {
    const clients = await Promise.all([people['partner.viewer'], beta.admin, people['staff.viewer']].map(listen));
    const earlier = clients.map((client) => client.heard().length);
    const off = await put(people['staff.ops'], '/v1/flags/partner_dashboard', { enabled: false });
    const begin = Date.now();
    assert.equal(off.status, 200, off.text);
    await until(() => clients.every((client, i) => client.heard().length > earlier[i]), 'the notice');
    assert.ok(Date.now() - begin < 1000, `took ${Date.now() - begin} ms`);
    for (const client of clients) {
        const { data } = client.heard().at(-1);
        assert.deepEqual({ ...data, at: 0 }, { t: 'flags', at: 0, key: 'partner_dashboard' });
        assert.ok(Math.abs(Date.now() - data.at) < 10_000);
    }
    const member = await get(people['partner.viewer'], '/v1/flags');
    assert.equal(member.body.partners.ALPHA.partner_dashboard, false);
    assert.equal(member.body.partners.ALPHA.team_page, true);
    assert.equal((await put(admin(), '/v1/flags/partner_dashboard', { enabled: true })).status, 200);
    for (const client of clients) await client.close();
});

test('a price that changes is told to nobody, what else changes to everybody', async () => {
    const clients = await Promise.all([people['partner.admin'], people['staff.ops']].map(listen));
    const before = (await get(people['partner.admin'], '/v1/models')).text;
    const body = { name: 'Canary', kind: 'video', max_concurrent: 3 };
    const priced = await put(admin(), '/v1/models/canary-1', { ...body, version: await version('canary-1'), price: 5.5 });
    assert.equal(priced.status, 200, priced.text);
    assert.equal((await get(people['partner.admin'], '/v1/models')).text, before, 'not a byte for the partner');
    const off = await put(admin(), '/v1/models/canary-1', { ...body, version: priced.body.version, enabled: false });
    assert.equal(off.body.price, 5.5, 'stays if it is left out');
    const head = Number((await stack.sql(`SELECT seq FROM app.channel_head WHERE channel = 'system'`))[0][0]);
    await until(() => clients.every((client) => client.heard().at(-1)?.offset === head), 'the last notice');
    for (const client of clients) {
        const { subscribe } = client.replies.find(({ id }) => id === 2);
        assert.equal(head, subscribe.offset + 1, 'no position was taken for the price');
        const [{ data }, ...more] = client.heard();
        assert.deepEqual([{ ...data, at: 0 }, more], [{ t: 'models', at: 0, id: 'canary-1' }, []]);
        await client.close();
    }
});

test('who saves on top of somebody else\'s change is told', async () => {
    const body = { name: 'Canary', kind: 'video' };
    const now = await version('canary-1');
    const [one, other] = await Promise.all([1, 2].map((max_concurrent) =>
        put(people['staff.ops'], '/v1/models/canary-1', { ...body, version: now, max_concurrent })));
    assert.deepEqual([one.status, other.status].sort(), [200, 409]);
    const lost = one.status === 409 ? one : other;
    assert.deepEqual([lost.body.reason, lost.body.field], ['stale', 'version']);
    const blind = await put(people['staff.ops'], '/v1/models/canary-1', body);
    assert.deepEqual([blind.status, blind.body.reason], [409, 'stale'], 'one that is there is not made');
});

test('values have limits, and each refusal names its field', async () => {
    const owner = people['staff.owner'];
    const model = (more) => put(owner, '/v1/models/limits', { name: 'L', kind: 'tts', ...more });
    for (const [more, field] of [
        [{ name: '' }, 'name'], [{ name: 'x'.repeat(121) }, 'name'], [{ kind: 'smell' }, 'kind'], [{ enabled: 'on' }, 'enabled'],
        [{ price: -1 }, 'price'], [{ price: '1' }, 'price'], [{ price: 1000001 }, 'price'], [{ price: 0.0000001 }, 'price'],
        [{ max_duration_ms: 0 }, 'max_duration_ms'], [{ max_duration_ms: 86400001 }, 'max_duration_ms'],
        [{ max_concurrent: 1.5 }, 'max_concurrent'], [{ max_concurrent: 100001 }, 'max_concurrent'],
    ]) {
        const reply = await model(more);
        assert.deepEqual([reply.status, reply.body.field], [400, field], JSON.stringify(more));
    }
    for (const id of ['-x', 'a b', 'x'.repeat(65), '%C3%BC'])
        assert.equal((await put(owner, `/v1/models/${id}`, { name: 'L', kind: 'tts' })).status, 400, id);
    assert.equal((await put(owner, '/v1/flags/nothing', { enabled: true })).status, 404);
    for (const rollout_pct of [-1, 101, 1.5, '5'])
        assert.equal((await put(owner, '/v1/flags/team_page', { rollout_pct })).body.field, 'rollout_pct', String(rollout_pct));
});

test('the names of an older design do the same', async () => {
    const set = await put(admin(), '/admin/feature-flags?id=audit_page', { rollout_pct: 0 });
    assert.equal(set.status, 200, set.text);
    assert.equal((await get(people['partner.admin'], '/admin/feature-flags')).body.partners.ALPHA.audit_page, false);
    assert.equal((await put(admin(), '/admin/feature-flags?id=audit_page', { rollout_pct: 100 })).status, 200);
    const made = await put(admin(), '/admin/models?id=older', { name: 'Older', kind: 'stt' });
    assert.equal(made.body.id, 'older', made.text);
});

test('the operator sets a model by metricsctl', async () => {
    const set = (...words) => stack.metricsctl('model', 'set', '--database', stack.postgres.dsn, ...words);
    await set('--id', 'voice-2', '--kind', 'tts', '--price', '0.0011', '--max-duration', '2m');
    const shown = async () => (await get(admin(), '/v1/models')).body.items.find(({ id }) => id === 'voice-2');
    const { updated_at, ...first } = await shown();
    assert.ok(updated_at > 0);
    assert.deepEqual(first, {
        id: 'voice-2', name: 'voice-2', kind: 'tts', enabled: true, price: 0.0011, max_duration_ms: 120000,
        max_concurrent: null, version: 1, updated_by: null,
    });
    await set('--id', 'voice-2', '--kind', 'tts', '--enabled', 'off');
    const second = await shown();
    assert.deepEqual([second.enabled, second.price, second.version], [false, null, 2]);
    await assert.rejects(set('--id', 'voice-2', '--kind', 'smell'));
    assert.equal((await shown()).version, 2);
});

test('the web client knows the flags that there are', async () => {
    const source = fs.readFileSync(new URL('../../web-client/src/session/principal.ts', import.meta.url), 'utf8');
    const [, list] = source.match(/export const flags = \[([^\]]*)\]/);
    const known = [...list.matchAll(/'(\w+)'/g)].map(([, name]) => name);
    const rows = await stack.sql('SELECT key FROM app.feature_flags ORDER BY key');
    assert.deepEqual(known.sort(), rows.map(([key]) => key));
});
