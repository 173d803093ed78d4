// Administering people over HTTP: looking through somebody's eyes and back, what a token is good for
// after its session, lists from a file, invitations.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { startStack, until } from './harness.mjs';

let stack, sue, max, ann;

before(async () => {
    stack = await startStack({ partners: ['ALPHA', 'BETA'], ingest: { sign_in_rate: 1000, message_rate: 1000 } });
    sue = await person({ name: 'Sue', staff: 'support' });
    max = await person({ name: 'Max', partner: 'ALPHA', role: 'manager' });
    ann = await person({ name: 'Ann', partner: 'ALPHA', role: 'admin' });
});
after(() => stack?.close());

const tokenOfLink = (link) => decodeURIComponent(/link=([^&]+)/.exec(link)[1]);
const cookieOf = (reply) => reply.headers.get('set-cookie')?.split(';')[0];

async function ask(method, where, { cookie, token, body, type = 'application/json' } = {}) {
    const reply = await fetch(`${stack.ingestUrl}${where}`, {
        method, body: typeof body === 'object' ? JSON.stringify(body) : body,
        headers: {
            ...(cookie && { cookie }), ...(token && { authorization: `Bearer ${token}` }),
            ...(body !== undefined && { 'content-type': type }),
        },
    });
    const text = await reply.text();
    return { status: reply.status, headers: reply.headers, body: text ? JSON.parse(text) : undefined };
}

async function person(who) {
    const id = await stack.user(who);
    const reply = await ask('POST', '/v1/session', { body: { link: tokenOfLink(await stack.link(id)) } });
    assert.equal(reply.status, 200);
    return { id, cookie: cookieOf(reply) };
}

const said = ({ status, body }) => [status, body?.reason];

test('through somebody else\'s eyes one only looks, sees no threads, and comes back', async () => {
    const thread = await stack.metricsctl('thread', 'create', '--database', stack.postgres.dsn, '--partner', 'ALPHA',
        '--subject', 'Private', '--participant', max.id, '--participant', ann.id);
    const looking = await ask('POST', `/v1/users/${max.id}/impersonate`, { cookie: sue.cookie, body: { reason: 'ticket 7' } });
    assert.equal(looking.status, 200);
    assert.equal(looking.body.token, undefined);
    const cookie = cookieOf(looking);

    const me = (await ask('GET', '/v1/me', { cookie })).body;
    assert.deepEqual([me.user.id, me.session.impersonator], [max.id, { id: sue.id, name: 'Sue' }]);
    assert.deepEqual((await ask('GET', '/v1/users', { cookie })).body.items.map(({ name }) => name), ['Ann', 'Max']);
    assert.deepEqual(said(await ask('PATCH', '/v1/me', { cookie, body: { name: 'X' } })), [403, 'impersonating']);

    const { token } = (await ask('POST', '/v1/token', { cookie })).body;
    assert.deepEqual(said(await ask('GET', '/v1/threads', { token })), [403, 'impersonating']);
    assert.deepEqual(said(await ask('POST', `/v1/threads/${thread.trim()}/messages`,
        { token, body: { client_id: randomUUID(), body: 'not me' } })), [403, 'impersonating']);

    const back = await ask('DELETE', '/v1/session/impersonation', { cookie });
    assert.deepEqual([back.status, back.body.signed_in], [200, true]);
    assert.equal((await ask('GET', '/v1/me', { cookie })).status, 401);
    assert.equal((await ask('GET', '/v1/me', { cookie: sue.cookie })).status, 401);
    sue.cookie = cookieOf(back);
    assert.equal((await ask('GET', '/v1/me', { cookie: sue.cookie })).body.user.id, sue.id);
});

test('who is signed out posts nothing more, though his token has not expired', async () => {
    const thread = (await stack.metricsctl('thread', 'create', '--database', stack.postgres.dsn, '--partner', 'ALPHA',
        '--subject', 'Team', '--participant', max.id, '--participant', ann.id)).trim();
    const { token } = (await ask('POST', '/v1/token', { cookie: max.cookie })).body;
    const post = () => ask('POST', `/v1/threads/${thread}/messages`, { token, body: { client_id: randomUUID(), body: 'hello' } });
    assert.equal((await post()).status, 201);
    assert.deepEqual((await ask('POST', `/v1/users/${max.id}/sign-out`, { cookie: ann.cookie, body: {} })).body, { ended: 1 });
    assert.deepEqual(said(await post()), [401, 'token_invalid']);
    assert.equal((await ask('GET', '/v1/me', { cookie: max.cookie })).status, 401);
});

test('a list of people is tried, taken, and taken again without effect', async () => {
    const body = 'email,name,partner,role\ni1@example.com,"Ida, the first",ALPHA,viewer\nbad,X,ALPHA,viewer\ni2@example.com,Ivo,BETA,viewer\n';
    const load = async (query) => (await ask('POST', `/v1/users/import${query}`, { cookie: ann.cookie, body, type: 'text/csv' })).body;
    const results = ({ rows }) => rows.map(({ result, reason, field }) => [result, reason, field].filter(Boolean).join(' '));
    const refused = ['error invalid email', 'error not_found partner'];
    const names = async () => (await ask('GET', '/v1/users?q=ida', { cookie: ann.cookie })).body.items.map(({ name }) => name);

    assert.deepEqual(results(await load('?dry_run=1')), ['created', ...refused]);
    assert.deepEqual(await names(), []);
    assert.deepEqual(results(await load('')), ['created', ...refused]);
    assert.deepEqual(await names(), ['Ida, the first']);
    assert.deepEqual(results(await load('')), ['unchanged', ...refused]);
});

test('a long list is one change of access, tried and taken; of its rows each has an answer', async () => {
    const count = 2000;
    const rows = Array.from({ length: count }, (_, i) => `long${i}@example.com,Long ${i},ALPHA,${i % 500 === 7 ? 'king' : 'viewer'}`);
    const body = ['email,name,partner,role', ...rows].join('\n');
    const load = async (query, text = body) =>
        ask('POST', `/v1/users/import${query}`, { cookie: ann.cookie, body: text, type: 'text/csv' });
    const told = async () => Number((await stack.sql("SELECT seq FROM app.channel_head WHERE channel = 'ctl:authz'"))[0][0]);
    const before = await told();
    for (const query of ['?dry_run=1', '']) {
        const reply = await load(query);
        assert.equal(reply.status, 200);
        assert.deepEqual(reply.body.rows.map(({ row, email, result, field }) => [row, email, result, field]),
            rows.map((_, i) => [i + 1, `long${i}@example.com`, ...(i % 500 === 7 ? ['error', 'role'] : ['created', undefined])]));
    }
    assert.equal(await told() - before, 1);
    const trail = (await ask('GET', '/v1/audit?action=user.import&limit=4', { cookie: ann.cookie })).body.items;
    assert.deepEqual(trail.map(({ after }) => after.created.length), [count - 4 - 3 * 500, 500, 500, 500]);
    assert.equal(new Set(trail.flatMap(({ after }) => after.created)).size, count - 4);

    const more = await load('', `email\n${'x\n'.repeat(5001)}`);
    assert.deepEqual(said(more), [400, 'invalid_csv']);
    assert.match(more.body.detail, /at most 5000 rows/);
});

test('who is invited makes an account and works; who invited him learns no password', async () => {
    const invited = await ask('POST', '/v1/invitations', {
        cookie: ann.cookie, body: { email: 'newt@example.com', name: 'Newt', partner: 'ALPHA', role: 'viewer' },
    });
    assert.equal(invited.status, 200);
    const accept = () => ask('POST', '/v1/invitations/accept', { body: { token: invited.body.token, password: 'a long enough password' } });
    const accepted = await accept();
    assert.equal(accepted.status, 200);
    assert.deepEqual((await ask('GET', '/v1/me', { cookie: cookieOf(accepted) })).body.partners.map(({ code, role }) => [code, role]),
        [['ALPHA', 'viewer']]);
    assert.notEqual((await accept()).status, 200);
    const trail = await stack.sql('SELECT string_agg(canonical, chr(10)) FROM app.audit_log');
    assert.ok(!JSON.stringify(trail).includes(invited.body.token));
    await until(async () => (await ask('POST', '/v1/session',
        { body: { email: 'NEWT@example.com', password: 'a long enough password' } })).status === 200, 'to sign in with the password');
});
