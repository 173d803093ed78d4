// How ingest takes and answers the requests of signed-in people, whatever the route.
import assert from 'node:assert/strict';
import http from 'node:http';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { startStack } from './harness.mjs';

let stack;
before(async () => {
    stack = await startStack({ ingest: { sign_in_rate: 1000 } });
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
    const request = http.request(`${stack.ingestUrl}${where}`, {
        agent: false, method,
        headers: { ...(cookie && { cookie }), ...headers },
    });
    request.end(body === undefined || typeof body === 'string' ? body : JSON.stringify(body));
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
