// How ingest takes and answers the requests of signed-in people, whatever the route.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { startStack, until } from './harness.mjs';

let stack;
before(async () => {
    stack = await startStack({ ingest: { sign_in_rate: 1000 }, hub: { poll_interval: '60s' } });
});
after(() => stack?.close());

const tokenOfLink = (link) => decodeURIComponent(/link=([^&]+)/.exec(link)[1]);

/** `Cookie` of a new session of that user. */
async function signIn(user) {
    const response = await fetch(`${stack.ingestUrl}/v1/session`, {
        method: 'POST', body: JSON.stringify({ link: tokenOfLink(await stack.link(user)) }),
    });
    assert.equal(response.status, 200);
    return response.headers.get('set-cookie').split(';')[0];
}

/** One request; the answer's body parsed if it is JSON. Bodies other than text are sent as JSON. */
async function ask(method, where, { cookie, body, headers = {} } = {}) {
    const sent = body === undefined || typeof body === 'string' ? (body ?? '') : JSON.stringify(body);
    const request = http.request(`${stack.ingestUrl}${where}`, {
        agent: false, method,
        headers: { 'content-length': Buffer.byteLength(sent), ...(cookie && { cookie }), ...headers },
    });
    request.end(sent);
    const [response] = await once(request, 'response');
    let text = '';
    for await (const chunk of response) text += chunk;
    const json = /json/.test(response.headers['content-type'] ?? '');
    return {
        status: response.statusCode, headers: response.headers, text,
        body: json && text ? JSON.parse(text) : undefined,
    };
}

test('who is not signed in gets 401, whatever he asks', async () => {
    for (const cookie of [undefined, 'mh_session=short', `mh_session=${'a'.repeat(43)}`]) {
        const reply = await ask('GET', '/v1/users', { cookie });
        assert.deepEqual([reply.status, reply.body.reason], [401, 'sign_in_required'], cookie);
        assert.equal(reply.headers['content-type'], 'application/problem+json');
        assert.equal(reply.headers['cache-control'], 'no-store');
        assert.equal(reply.body.request_id, reply.headers['x-request-id']);
        assert.match(reply.body.request_id, /^req_[0-9a-f]{24}$/);
    }
});

test('another site cannot make a browser change anything', async () => {
    const cookie = await signIn(await stack.user({ staff: 'owner' }));
    for (const headers of [{ origin: 'https://evil.test' }, { origin: 'null' }, { 'sec-fetch-site': 'cross-site' }])
        for (const [method, where] of [['POST', '/v1/api-keys'], ['PUT', '/v1/me/password'], ['PATCH', '/v1/me'],
            ['DELETE', '/v1/me/sessions']]) {
            const reply = await ask(method, where, { cookie, headers, body: {} });
            assert.deepEqual([reply.status, reply.body.reason], [403, 'origin_not_allowed'], `${method} ${where}`);
        }
});

test('a path says which methods it has', async () => {
    const allow = async (where) => {
        const reply = await ask('OPTIONS', where);
        assert.equal(reply.status, 405);
        return reply.headers.allow;
    };
    assert.equal(await allow('/v1/me'), 'GET, HEAD, PATCH');
    assert.equal(await allow('/v1/me/totp'), 'POST, PUT, DELETE');
    assert.equal(await allow('/v1/session'), 'GET, HEAD, POST, DELETE');
    assert.equal((await ask('GET', '/v1/users/')).status, 404);
});

test('what is no JSON object, or too large, is refused before anybody looks at it', async () => {
    const cookie = await signIn(await stack.user({ staff: 'owner' }));
    for (const body of ['[1]', '"x"', '{', '{"a":1,"a":2}', '{"a":"\\u0000"}', '{"a":"\\ud800"}'])
        assert.equal((await ask('PATCH', '/v1/me', { cookie, body })).body.reason, 'invalid_json', body);
    const large = await ask('PATCH', '/v1/me', { cookie, body: { name: 'x'.repeat(65536) } });
    assert.deepEqual([large.status, large.body.reason], [413, 'body_too_large']);
    for (const query of ['q=1&q=2', 'q=%zz', 'q=%ff', '=1', Array.from({ length: 41 }, (_, n) => `q${n}=1`).join('&')])
        assert.equal((await ask('GET', `/v1/users?${query}`, { cookie })).body.reason, 'bad_request', query);
});

test('a route that the database does not know is nothing, not a failure', async () => {
    const cookie = await signIn(await stack.user({ staff: 'owner' }));
    await stack.sql("DELETE FROM app.routes WHERE name = 'audit_verify'");
    const reply = await ask('GET', '/v1/audit/verify', { cookie });
    assert.deepEqual([reply.status, reply.body.reason], [404, 'not_found']);
});

test('what Postgres refuses is a problem with its reason and field', async () => {
    const cookie = await signIn(await stack.user({ staff: 'owner' }));
    const reply = await ask('PATCH', '/v1/me', { cookie, body: { name: ' ' } });
    assert.equal(reply.headers['content-type'], 'application/problem+json');
    assert.deepEqual(reply.body, {
        type: 'urn:metrics-hub:problem:required', title: 'A required field is missing', status: 400,
        reason: 'required', detail: 'must be given', field: 'name', request_id: reply.headers['x-request-id'],
    });
    const missing = await ask('GET', '/v1/users/usr_nobody', { cookie });
    assert.deepEqual([missing.status, missing.body.reason], [404, 'not_found']);
});

test('a change is in the trail with the request it came by, and so is one that was denied', async () => {
    const user = await stack.user({ staff: 'viewer', name: 'Before' });
    const cookie = await signIn(user);
    const done = await ask('PATCH', '/v1/me', { cookie, body: { name: 'After' } });
    assert.equal(done.status, 200, done.text);
    const denied = await ask('POST', '/v1/api-keys', {
        cookie, body: { partner: 'ALPHA', name: 'mine', environment: 'live' },
    });
    assert.deepEqual([denied.status, denied.body.reason], [403, 'forbidden']);
    const rows = await stack.sql(`SELECT request_id, action, outcome, host(ip) FROM app.audit_log
        WHERE request_id IN ('${done.headers['x-request-id']}', '${denied.headers['x-request-id']}') ORDER BY seq`);
    assert.deepEqual(rows, [
        [done.headers['x-request-id'], 'user.update', 'done', '127.0.0.1'],
        [denied.headers['x-request-id'], 'key_create', 'denied', '127.0.0.1'],
    ]);
});

test('what a change writes to channels is published when it is committed', async () => {
    const owner = await stack.user({ staff: 'owner' });
    const cookie = await signIn(owner);
    const { token } = (await ask('POST', '/v1/token', { cookie })).body;
    const client = await stack.connect(token);
    const subscription = client.newSubscription('audit:platform');
    const seen = [];
    subscription.on('publication', ({ data }) => seen.push(data));
    const subscribed = new Promise((resolve) => subscription.once('subscribed', resolve));
    subscription.subscribe();
    await subscribed;
    await ask('PATCH', '/v1/me', { cookie, body: { name: 'Live Owner' } });
    // The hub's own poll, which would find it too, is a minute away.
    await until(() => seen.some((data) => data.action === 'user.update' && data.actor.id === owner), 'the entry');
});

test('a new key is shown once, in its environment, and works', async () => {
    const cookie = await signIn(await stack.user({ partner: 'ALPHA', role: 'admin' }));
    for (const environment of ['live', 'test']) {
        const body = { partner: 'ALPHA', name: `of ${environment}`, environment };
        const made = await ask('POST', '/v1/api-keys', { cookie, body });
        assert.equal(made.status, 200, made.text);
        assert.ok(made.text.startsWith(`{"key":"mh_${environment}_${made.body.id}_`), made.text.slice(0, 40));
        assert.equal((await stack.post('ALPHA', [stack.event('started', 'j1')], { key: made.body.key })).status, 200);
        const rotated = await ask('POST', `/v1/api-keys/${made.body.id}/rotate`, { cookie, body: { overlap_seconds: 60 } });
        assert.equal(rotated.status, 200, rotated.text);
        assert.ok(rotated.body.key.startsWith(`mh_${environment}_${rotated.body.id}_`));
        assert.equal((await stack.post('ALPHA', [stack.event('started', 'j2')], { key: rotated.body.key })).status, 200);
        const listed = await ask('GET', '/v1/api-keys?partner=ALPHA', { cookie });
        for (const { key } of [made.body, rotated.body]) {
            assert.ok(!listed.text.includes(key));
            const secret = key.slice(-49);
            assert.equal((await stack.sql(`SELECT FROM app.api_keys k WHERE k::text LIKE '%${secret}%'`)).length, 0);
        }
    }
});

test('a list as CSV runs no formulas, and needs the permission', async () => {
    const formula = '=HYPERLINK("http://evil.test","x")';
    const user = await stack.user({ partner: 'BETA', role: 'manager', name: formula });
    const cookie = await signIn(user);
    const reply = await ask('GET', '/v1/users?format=csv&limit=200', { cookie });
    assert.equal(reply.status, 200, reply.text);
    assert.equal(reply.headers['content-type'], 'text/csv; charset=utf-8');
    assert.match(reply.headers['content-disposition'], /^attachment; filename="users_list.csv"$/);
    assert.ok(reply.text.includes(`"'=HYPERLINK(""http://evil.test"",""x"")"`), reply.text);
    assert.match(reply.text, /^"[^\r\n]*"\r\n/);
    assert.ok(reply.text.split('\r\n')[0].includes('"id"'));
    const viewer = await signIn(await stack.user({ partner: 'BETA', role: 'viewer' }));
    const denied = await ask('GET', '/v1/users?format=csv', { cookie: viewer });
    assert.deepEqual([denied.status, denied.body.reason], [403, 'forbidden']);
    assert.equal((await ask('GET', '/v1/users', { cookie: viewer })).status, 200);
});

test('people come from a table, tried first', async () => {
    const cookie = await signIn(await stack.user({ staff: 'owner' }));
    const headers = { 'content-type': 'text/csv; charset=utf-8' };
    const table = '\ufeffEmail,Name,Partner,Role\r\n"one@example.test","One, ""the first""",ALPHA,viewer\r\n' +
        'two@example.test,Two,NOWHERE,viewer\r\n';
    const send = (where, body) => ask('POST', where, { cookie, headers, body });
    const dry = await send('/v1/users/import?dry_run=1', table);
    assert.equal(dry.status, 200, dry.text);
    assert.deepEqual(dry.body.rows.map((row) => row.result), ['created', 'error']);
    assert.equal((await stack.sql("SELECT FROM app.users WHERE email = 'one@example.test'")).length, 0);
    assert.equal((await send('/v1/users/import', table)).body.dry_run, false);
    assert.deepEqual(await stack.sql("SELECT name FROM app.users WHERE email = 'one@example.test'"), [['One, "the first"']]);
    for (const [body, detail] of [
        ['email,email\r\n', /twice/], ['email\r\na,b\r\n', /row 1: more cells/], ['email\r\n"a\r\n', /quotes/],
        ['email\r\na\0b\r\n', /UTF-8/],
    ]) {
        const reply = await send('/v1/users/import', body);
        assert.deepEqual([reply.status, reply.body.reason], [400, 'invalid_csv'], JSON.stringify(body));
        assert.match(reply.body.detail, detail);
    }
    const large = await send('/v1/users/import', `email\r\n${'x'.repeat(1 << 20)}`);
    assert.equal(large.status, 413);
});

test('the older design\'s addresses lead to the same routes', async () => {
    assert.equal((await ask('GET', '/admin/users')).status, 401);
    const user = await stack.user({ staff: 'owner' });
    const cookie = await signIn(user);
    assert.equal((await ask('GET', '/admin/auth/me', { cookie })).body.user.id, user);
    assert.equal((await ask('GET', `/admin/users/${user}`, { cookie })).body.id, user);
    const made = await ask('POST', '/admin/api-keys', { cookie, body: { partner: 'BETA', name: 'old', environment: 'live' } });
    assert.match(made.body.key, /^mh_live_/);
    const revoked = await ask('DELETE', `/admin/api-keys?id=${made.body.id}`, { cookie, body: { reason: 'test' } });
    assert.equal(revoked.status, 200, revoked.text);
    assert.equal((await ask('POST', '/admin/auth/logout', { cookie })).status, 204);
    assert.equal((await ask('GET', '/admin/auth/me', { cookie })).status, 401);
});

test('what fails in the database names route and request in the log, and nothing to the client', async () => {
    const cookie = await signIn(await stack.user({ staff: 'owner' }));
    await stack.sql(`CREATE OR REPLACE FUNCTION route.me_update(p_target text, p_query jsonb, p_body jsonb, p_fresh jsonb)
                     RETURNS jsonb LANGUAGE plpgsql SET search_path = '' AS $$
                     BEGIN RETURN (SELECT to_jsonb(a.id) FROM app.absent a); END $$`);
    const reply = await ask('PATCH', '/v1/me', { cookie, body: { name: 'x' } });
    assert.deepEqual([reply.status, reply.body.reason, reply.body.detail], [500, 'internal', undefined]);
    await until(
        () => stack.ingest.output.includes(`route me_update failed, request ${reply.body.request_id}: 42P01`),
        'the line in the log');
});

test('the database, the table of addresses and the API\'s description have the same routes', async () => {
    const source = fs.readFileSync(new URL('../../ingest/http/access_routes.c', import.meta.url), 'utf8');
    const served = new Map();
    for (const [, method, address, name] of source.matchAll(/\{HTTP_(\w+), "(\/v1[^"]*)",[^{}]*?\.name = "(\w+)"/g))
        served.set(name, `${method} ${address}`);
    assert.ok(served.size > 40);
    const known = await stack.sql("SELECT name, method || ' ' || path FROM app.routes");
    for (const [name, address] of known) assert.equal(served.get(name), address, name);
    const { paths } = (await ask('GET', '/openapi.json')).body;
    for (const [name, address] of served) {
        const [method, where] = address.split(' ');
        assert.equal(paths[where.replace('{}', '{id}')]?.[method.toLowerCase()]?.operationId, name, address);
    }
});
