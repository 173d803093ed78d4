// API keys against two workers of ingest: who is let in, how long, from where and for how many end
// users; what is told of it; and that no post fails while a key is replaced. (How soon a revocation is
// seen is in revocation.test.mjs.)
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { get, startStack, until } from './harness.mjs';

const WORKERS = 2;
let stack, database;
before(async () => {
    stack = await startStack({ ingest: { workers: WORKERS } });
    database = ['--database', stack.postgres.dsn];
    await until(async () => /_workers 2$/m.test((await get(`${stack.ingestUrl}/metrics`)).body), 'both workers');
});
after(() => stack?.close());

const make = (code, ...words) => stack.metricsctl('key', 'create', ...database, '--partner', code, ...words);
const idOf = (key) => key.split('_')[2];
const field = async (key, column) =>
    (await stack.sql(`SELECT ${column} FROM app.api_keys WHERE public_id = '${idOf(key)}'`))[0][0];

/** Over a connection of its own, so that either worker may take it. */
async function post(key, events = [stack.event('requested', 'k-1')]) {
    const { status, headers, body } = await get(`${stack.ingestUrl}/v1/events`, {
        method: 'POST',
        headers: { authorization: `Bearer ${key}`, 'content-type': 'application/cloudevents-batch+json' },
    }, JSON.stringify(events));
    return { status, headers, body: JSON.parse(body) };
}
const same = async (key, status, reason) => {
    const answer = await post(key);
    return answer.status === status && answer.body.reason === reason;
};

/** By both workers: so often in a row that both have very likely answered. */
const answered = (key, status, reason) =>
    until(async () => {
        for (let i = 0; i < 16; i++) if (!(await same(key, status, reason))) return false;
        return true;
    }, `${status} ${reason}`, 10_000);

/** Often enough that both workers have very likely answered. */
async function always(key, status, reason) {
    for (let i = 0; i < 16; i++) {
        const answer = await post(key);
        assert.deepEqual([answer.status, answer.body.reason], [status, reason]);
    }
}

// ---- A key's text, made here without the program that reads it ------------------------------------

const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
function crc32(text) {
    let crc = ~0;
    for (const byte of Buffer.from(text)) {
        crc ^= byte;
        for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
    }
    return ~crc >>> 0;
}
function keyText(environment, id, secret) {
    const text = `mh_${environment}_${id}_${secret}`;
    let sum = '';
    for (let crc = crc32(text), i = 0; i < 6; i++, crc = Math.floor(crc / 62)) sum = BASE62[crc % 62] + sum;
    return text + sum;
}
const secretOf = (key) => key.split('_')[3].slice(0, 43);

test('a good key is good on both workers', async () => {
    const key = await make('ALPHA', '--scope', 'events:write,metrics:read', '--expires', '2099-01-01T00:00:00Z',
        '--ip', '127.0.0.0/8,2001:db8::/32');
    assert.equal(keyText('live', idOf(key), secretOf(key)), key, 'a key is its own proof of being one');
    await always(key, 200, undefined);
    const [line] = (await stack.metricsctl('key', 'list', ...database, '--partner', 'ALPHA')).split('\n')
        .filter((text) => text.includes(idOf(key)));
    assert.match(line, /^ALPHA\t\w{12}\tlive\tactive\tevents:write,metrics:read\t\d+\t\d+\t0\t.*\t2099-01-01T00:00:00Z\t/);
});

test('who has not the secret learns nothing about a key', async () => {
    const good = await make('ALPHA');
    const revoked = await make('ALPHA');
    await stack.metricsctl('key', 'revoke', ...database, '--key', idOf(revoked));
    const expired = await make('ALPHA');
    await stack.sql(`UPDATE app.api_keys SET expires_at = now() WHERE public_id = '${idOf(expired)}'`);
    const elsewhere = await make('ALPHA', '--ip', '203.0.113.0/24');
    const other = 'z'.repeat(43);
    const stranger = keyText('live', 'AAAAAAAAAAAA', other);
    const told = async (key) => {
        const { status, headers, body } = await post(key);
        const { date, 'x-request-id': id, ...rest } = headers;
        assert.ok(date && !id);
        return { status, headers: rest, body };
    };
    const unknown = await told(stranger);
    assert.deepEqual([unknown.status, unknown.body.reason], [401, 'key_invalid']);
    for (const key of [good, revoked, expired, elsewhere])
        assert.deepEqual(await told(keyText('live', idOf(key), other)), unknown, 'a wrong secret');
    assert.deepEqual(await told(keyText('test', idOf(good), secretOf(good))), unknown, 'the other environment');
    // Its holder is told why.
    await answered(revoked, 401, 'key_revoked');
    await answered(expired, 401, 'key_expired');
    await answered(elsewhere, 403, 'ip_not_allowed');
});

test('a key is for what its scopes say', async () => {
    const key = await make('ALPHA', '--scope', 'metrics:read,export:read');
    await always(key, 403, 'insufficient_scope');
    await stack.sql(`UPDATE app.api_keys SET scopes = '{events:write}' WHERE public_id = '${idOf(key)}'`);
    await answered(key, 200);
    await assert.rejects(make('ALPHA', '--scope', '*'), /no scope \*/);
    await assert.rejects(make('ALPHA', '--scope', 'events:write,everything'), /no scope everything/);
});

test('a key is for use from its networks', async () => {
    const key = await make('ALPHA', '--ip', '203.0.113.0/24,2001:db8::/32');
    await always(key, 403, 'ip_not_allowed');
    const allow = (networks) =>
        stack.sql(`UPDATE app.api_keys SET ip_allow = '{${networks}}' WHERE public_id = '${idOf(key)}'`);
    await allow('203.0.113.0/24,127.0.0.0/8');
    await answered(key, 200);
    await allow('127.0.0.2/32');
    await answered(key, 403, 'ip_not_allowed');
    await allow('');
    await answered(key, 200);
    await assert.rejects(make('ALPHA', '--ip', '10.0.0.1/8'), /invalid cidr/);
});

test('a key ends when it says, without anybody doing anything', async () => {
    await assert.rejects(make('ALPHA', '--expires', '2020-01-01T00:00:00Z'), /in the future/);
    await assert.rejects(make('ALPHA', '--expires', 'soon'), /no time/);
    const end = Date.now() + 2500;
    const key = await make('ALPHA', '--expires', new Date(end).toISOString());
    assert.equal((await post(key)).status, 200);
    await until(async () => {
        const begun = Date.now();
        const { status, body } = await post(key);
        if (status === 200) assert.ok(begun < end, 'accepted though over');
        else assert.deepEqual([body.reason, Date.now() >= end], ['key_expired', true]);
        return status !== 200;
    }, 'its end');
    await always(key, 401, 'key_expired');
});

test('a key is replaced without a post that fails, and the old one runs out', async () => {
    const old = await make('ALPHA', '--environment', 'test', '--rate', '1000000');
    const rotate = (...words) => stack.metricsctl('key', 'rotate', ...database, ...words);
    let current = old, over = false;
    const counts = { [old]: 0 };
    const writers = Array.from({ length: 6 }, async () => {
        while (!over) {
            const key = current;
            const { status, body } = await post(key, [stack.event('requested', 'r-1')]);
            assert.deepEqual([status, body.reason], [200, undefined]);
            counts[key]++;
        }
    });
    await until(() => counts[old] > 30, 'posts with the old key');
    const fresh = await rotate('--key', idOf(old), '--overlap', '7d');
    assert.match(fresh, /^mh_test_/);
    counts[fresh] = 0;
    const [seen] = [counts[old]];
    await until(() => counts[old] > seen + 60, 'posts with the old key go on');
    await always(fresh, 200, undefined);
    current = fresh;
    await until(() => counts[fresh] > 60, 'posts with the new one');
    over = true;
    await Promise.all(writers);

    await assert.rejects(rotate('--key', idOf(old)), /key_retiring/);
    await assert.rejects(rotate('--key', idOf(fresh), '--overlap', '8d'), /overlap/);
    const last = await rotate('--key', idOf(fresh), '--overlap', '0');
    await answered(fresh, 401, 'key_expired');
    await always(last, 200, undefined);
    await always(old, 200, undefined);
    await stack.sql(`UPDATE app.api_keys SET retiring_at = now() WHERE public_id = '${idOf(old)}'`);
    await answered(old, 401, 'key_expired');
    assert.deepEqual(
        (await stack.sql("SELECT action, concat(before, after) LIKE '%sha256%' FROM app.audit_log" +
            ` WHERE target_id = '${idOf(old)}' ORDER BY chain, seq`)),
        [['key.create', 'f'], ['key.rotate', 'f']]);
});

// ---- Seats ----------------------------------------------------------------------------------------

const by = (user, job = `s-${user}`) => stack.event('requested', job, { end_user: user });

test('a key with seats is for so many end users', async () => {
    await post(stack.keys.ALPHA, [by('anybody')]);
    const key = await make('ALPHA', '--max-seats', '3');
    const { status, body } = await post(key, [by('u1'), by('u2'), stack.event('requested', 'nobody'), by('u1'), by('u3'), by('u4')]);
    assert.equal(status, 200);
    assert.deepEqual([body.accepted, body.rejected], [5, 1]);
    assert.deepEqual([body.events[5].reason, body.events[5].field], ['seat_limit', 'data.end_user']);
    for (let i = 0; i < 8; i++) {
        const refused = await post(key, [by('u5')]);
        assert.deepEqual([refused.status, refused.body.events[0].reason], [422, 'seat_limit']);
        assert.equal((await post(key, [by(`u${1 + (i % 3)}`)])).status, 200, 'who has a seat keeps it');
    }
    assert.equal((await post(key)).status, 200, 'an event of nobody');
    const [[rejects]] = await stack.sql("SELECT count(*) FROM app.event_rejects WHERE reason = 'seat_limit'");
    assert.ok(Number(rejects) >= 2, 'what was refused is kept');
    await stack.sql(`UPDATE app.api_keys SET max_seats = 4 WHERE public_id = '${idOf(key)}'`);
    await until(async () => (await post(key, [by('u5')])).status === 200, 'one more seat');
    assert.equal(await field(key, 'seats'), '4');
});

test('two workers together give no more seats than there are', async () => {
    const key = await make('BETA', '--max-seats', '5');
    const answers = await Promise.all(Array.from({ length: 40 }, (_, i) => post(key, [by(`p${i}`), by(`p${39 - i}`)])));
    const events = answers.flatMap(({ body }) => body.events);
    for (const { status, reason } of events) assert.equal(reason, status === 'rejected' ? 'seat_limit' : undefined);
    assert.ok(events.filter(({ status }) => status === 'rejected').length > 40);
    const [[users]] = await stack.sql(
        "SELECT count(DISTINCT end_user) FROM app.generation_jobs j JOIN app.partners p USING (partner_id) WHERE p.code = 'BETA'");
    assert.deepEqual([users, await field(key, 'seats')], ['5', '5']);
});

test('a key without seats asks nothing about them', async (context) => {
    const key = await make('BETA', '--max-seats', '5');
    assert.equal((await post(key, [by('first')])).status, 200);
    await stack.sql('ALTER FUNCTION api.key_seats RENAME TO key_seats_away');
    context.after(() => stack.sql('ALTER FUNCTION api.key_seats_away RENAME TO key_seats'));
    for (let i = 0; i < 10; i++) assert.equal((await post(stack.keys.BETA, [by(`free-${i}`)])).status, 200);
    assert.equal((await post(key)).status, 200, 'nor does an event of nobody');
    assert.deepEqual((({ status, body }) => [status, body.reason])(await post(key, [by('second')])), [503, 'unavailable']);
});

// ---- Use ------------------------------------------------------------------------------------------

async function listen(channel) {
    const client = await stack.connect(await stack.token(await stack.user({ staff: 'owner' })));
    const subscription = client.newSubscription(channel);
    const heard = [];
    subscription.on('publication', ({ data }) => heard.push(data));
    subscription.subscribe();
    await subscription.ready(10_000);
    return heard;
}

test('use is counted and shown', async () => {
    const heard = await listen('keys:partner:BETA');
    const key = await make('BETA');
    const answers = await Promise.all(Array.from({ length: 12 }, (_, i) =>
        post(key, [by(`c${i}`), stack.event('started', `c${i}`), { specversion: '1.0' }])));
    assert.ok(answers.every(({ body }) => body.accepted === 2));
    await until(async () => (await field(key, 'requests')) === '12', 'the requests');
    assert.equal(await field(key, 'events'), '24', 'what was stored');
    assert.equal(await field(key, "last_used_at > now() - interval '1 minute'"), 't');
    const mine = () => heard.filter(({ event, id }) => event === 'used' && id === idOf(key));
    await until(() => mine().at(-1)?.requests === 12, 'the last line');
    assert.deepEqual(Object.keys(mine().at(-1)).sort(), ['at', 'event', 'events', 'id', 'last_used_at', 'requests', 't']);
    assert.ok(mine().length <= 4, 'a line per worker and flush, not per request');

    await stack.metricsctl('key', 'rotate', ...database, '--key', idOf(key), '--overlap', '1h');
    assert.equal((await post(key)).status, 200);
    await until(() => mine().at(-1).requests === 13, 'use of a key that is being replaced');
    assert.ok(mine().at(-1).retiring_at > Date.now(), 'says so');
});

test('use that cannot be written is written later', async () => {
    const key = await make('BETA');
    await stack.sql('ALTER FUNCTION api.keys_used RENAME TO keys_used_away');
    for (let i = 0; i < 5; i++) assert.equal((await post(key)).status, 200, 'nobody waits for it');
    await until(() => /keys_used failed/.test(stack.ingest.output), 'a failed try');
    assert.equal((await post(key)).status, 200);
    assert.equal(await field(key, 'requests'), '0');
    await stack.sql('ALTER FUNCTION api.keys_used_away RENAME TO keys_used');
    await until(async () => (await field(key, 'requests')) === '6', 'all of it');
});

// ---- As people manage them ------------------------------------------------------------------------

/** What `user` asks for in a session of his own. */
async function signedIn(user) {
    const link = decodeURIComponent(/link=([^&]+)/.exec(await stack.link(user))[1]);
    const opened = await fetch(`${stack.ingestUrl}/v1/session`, { method: 'POST', body: JSON.stringify({ link }) });
    assert.equal(opened.status, 200);
    const cookie = opened.headers.get('set-cookie').split(';')[0];
    return async (method, where, body) => {
        const answer = await fetch(`${stack.ingestUrl}${where}`, {
            method, headers: { cookie, origin: stack.ingestUrl }, body: body && JSON.stringify(body),
        });
        return { status: answer.status, body: await answer.json() };
    };
}

test('a developer makes, changes, replaces and revokes keys of his partner', async () => {
    const ask = await signedIn(await stack.user({ partner: 'BETA', role: 'developer' }));
    const heard = await listen('keys:partner:BETA');
    for (const environment of ['live', 'test']) {
        const made = await ask('POST', '/v1/api-keys', {
            partner: 'BETA', name: 'made by hand', environment, ip_allow: ['127.0.0.1'], max_seats: 1,
        });
        assert.deepEqual([made.status, Object.keys(made.body)[0]], [200, 'key'], JSON.stringify(made.body));
        const { key, id } = made.body;
        assert.deepEqual([key.slice(0, 8), idOf(key)], [`mh_${environment}_`, id]);
        assert.equal((await post(key, [by('first')])).status, 200);
        const listed = await ask('GET', '/v1/api-keys?partner=BETA&limit=1');
        assert.deepEqual([listed.body.items[0].id, listed.body.items[0].ip_allow, listed.body.next], [id, ['127.0.0.1/32'], id]);
        assert.ok(!JSON.stringify(listed.body).includes(secretOf(key)), 'a secret is shown once');

        assert.equal((await ask('PATCH', `/v1/api-keys/${id}`, { ip_allow: ['192.0.2.0/24'] })).status, 200);
        await answered(key, 403, 'ip_not_allowed');
        assert.equal((await ask('PATCH', `/v1/api-keys/${id}`, { ip_allow: [] })).status, 200);
        await answered(key, 200);

        const rotated = await ask('POST', `/v1/api-keys/${id}/rotate`, { overlap_seconds: 3600 });
        assert.deepEqual([rotated.status, rotated.body.rotated_from, rotated.body.key.slice(0, 8)], [200, id, `mh_${environment}_`]);
        await always(rotated.body.key, 200, undefined);
        await always(key, 200, undefined);
        assert.equal((await post(rotated.body.key, [by('second')])).body.events[0].reason, 'seat_limit', 'seats go along');

        assert.equal((await ask('POST', `/v1/api-keys/${id}/revoke`, {})).body.field, 'reason');
        assert.equal((await ask('POST', `/v1/api-keys/${id}/revoke`, { reason: 'replaced' })).status, 200);
        await answered(key, 401, 'key_revoked');
        await always(rotated.body.key, 200, undefined);
        const ended = await ask('DELETE', `/admin/api-keys?id=${rotated.body.id}&reason=over`);
        assert.deepEqual([ended.status, ended.body.revoke_reason], [200, 'over']);
        await answered(rotated.body.key, 401, 'key_revoked');
        await until(() => heard.filter((line) => line.event === 'revoked').at(-1)?.id === rotated.body.id, 'the screens to know');
        assert.deepEqual(heard.filter((line) => line.event !== 'used' && [id, rotated.body.id].includes(line.id)).map(({ event }) => event),
            ['created', 'updated', 'updated', 'rotated', 'created', 'revoked', 'revoked']);
        assert.ok(!JSON.stringify(heard).includes('192.0.2.0'), 'no addresses to those who only look');
    }
    assert.deepEqual((({ status, body }) => [status, body.reason, body.field])(await ask('POST', '/v1/api-keys',
        { partner: 'BETA', name: 'x', environment: 'live', scopes: ['*'] })), [400, 'unknown_scope', 'scopes']);
    const manager = await signedIn(await stack.user({ partner: 'BETA', role: 'manager' }));
    assert.equal((await manager('GET', '/v1/api-keys')).status, 403);
    const stranger = await signedIn(await stack.user({ partner: 'ALPHA', role: 'admin' }));
    assert.equal((await stranger('POST', `/v1/api-keys/${idOf(stack.keys.BETA)}/revoke`, { reason: 'x' })).status, 404);
    assert.equal((await post(stack.keys.BETA)).status, 200);
});

// ---- Ending ---------------------------------------------------------------------------------------

// ---- Reading ---------------------------------------------------------------------------------------

async function ask(key, where, headers = {}) {
    const answer = await get(`${stack.ingestUrl}${where}`, { headers: { authorization: `Bearer ${key}`, ...headers } });
    return { ...answer, body: /json/.test(answer.headers['content-type']) ? JSON.parse(answer.body) : answer.body };
}
const said = ({ status, body }) => [status, body.reason, body.field].filter(Boolean);

test('a key with metrics:read reads the numbers of its partner', async () => {
    const [reader, writer] = await Promise.all([make('ALPHA', '--scope', 'metrics:read'), make('ALPHA')]);
    assert.equal((await post(stack.keys.ALPHA, [
        stack.event('requested', 'read-1'), stack.event('failed', 'read-1', { error_message: 'a secret text', cost: '0.5' }),
    ])).status, 200);
    const kpis = (await ask(reader, '/v1/dashboard/kpis')).body;
    assert.equal(kpis.partner, 'ALPHA');
    assert.equal(kpis.windows['24h'].failed, 1);
    assert.ok(!('cost' in kpis.windows['24h']));
    for (const path of ['trends', 'incidents', 'queue-health']) {
        const { status, body } = await ask(reader, `/v1/dashboard/${path}?partner=ALPHA`);
        assert.deepEqual([status, body.partner], [200, 'ALPHA']);
        assert.ok(!JSON.stringify(body).includes('a secret text'), 'content is not in the scope');
    }
    assert.deepEqual(said(await ask(reader, '/v1/dashboard/kpis?partner=BETA')), [404, 'not_found', 'partner']);
    assert.deepEqual(said(await ask(writer, '/v1/dashboard/kpis')), [403, 'insufficient_scope']);
    assert.match((await ask(writer, '/v1/dashboard/kpis')).body.detail, /metrics:read/);
    assert.deepEqual(said(await post(reader)), [403, 'insufficient_scope'], 'and sends nothing');
    assert.match((await post(reader)).body.detail, /events:write/);
    await until(async () => Number(await field(reader, 'requests')) >= 6, 'the use to be counted');
});

test('only a live key, as CSV only with its scope, and nothing that is for people', async () => {
    const [reader, exporter, tester] = await Promise.all([
        make('ALPHA', '--scope', 'metrics:read'), make('ALPHA', '--scope', 'metrics:read,export:read'),
        make('ALPHA', '--scope', 'metrics:read', '--environment', 'test'),
    ]);
    assert.deepEqual(said(await ask(tester, '/v1/dashboard/kpis')), [403, 'test_key']);
    assert.deepEqual(said(await ask(reader, '/v1/dashboard/trends?format=csv')), [403, 'insufficient_scope', 'format']);
    const csv = await ask(exporter, '/v1/dashboard/trends?format=csv&days=2');
    assert.match(csv.headers['content-type'], /^text\/csv/);
    assert.equal(csv.body.trim().split(/\r?\n/).length, 3);
    for (const path of ['/v1/users', '/v1/me', '/v1/api-keys', '/v1/audit', '/v1/wallet?partner=ALPHA'])
        assert.equal((await ask(exporter, path)).status, 401, path);
});

test('reading ends with the key, its rate and its networks', async () => {
    const reader = await make('ALPHA', '--scope', 'metrics:read', '--rate', '1');
    const elsewhere = await make('ALPHA', '--scope', 'metrics:read', '--ip', '192.0.2.0/24');
    assert.deepEqual(said(await ask(elsewhere, '/v1/dashboard/kpis')), [403, 'ip_not_allowed']);
    await until(async () => said(await ask(reader, '/v1/dashboard/kpis'))[1] === 'rate_limited', 'the limit');
    await stack.metricsctl('key', 'revoke', ...database, '--key', idOf(reader));
    await until(async () => said(await ask(reader, '/v1/dashboard/kpis'))[1] === 'key_revoked', 'its end', 2000);
});


test('an ending ingest writes down what keys were used for', async () => {
    const key = await make('BETA');
    assert.equal((await post(key)).status, 200);
    await stack.ingest.stop();
    assert.equal(await field(key, 'requests'), '1');
});
