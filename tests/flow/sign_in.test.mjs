// Proofs of who somebody is: password, second factor, step-up, invitation, another's eyes.
import assert from 'node:assert/strict';
import { createHmac, randomBytes } from 'node:crypto';
import { after, before, test } from 'node:test';
import { startStack, until } from './harness.mjs';

const PASSWORD = 'correct horse battery';
let stack;
before(async () => {
    stack = await startStack({ ingest: { sign_in_rate: 1000, sign_in_user_rate: 20 } });
});
after(() => stack?.close());

/** The answer with its parsed body and the session's cookie, if it sets one. */
async function ask(method, where, { cookie, body } = {}) {
    const response = await fetch(`${stack.ingestUrl}${where}`, {
        method, headers: { 'content-type': 'application/json', ...(cookie && { cookie }) },
        body: body && JSON.stringify(body),
    });
    const text = await response.text();
    return {
        status: response.status, headers: response.headers, text, body: text ? JSON.parse(text) : undefined,
        cookie: response.headers.get('set-cookie')?.split(';')[0],
    };
}

const tokenOfLink = (link) => decodeURIComponent(/link=([^&]+)/.exec(link)[1]);
const byLink = async (user) =>
    (await ask('POST', '/v1/session', { body: { link: tokenOfLink(await stack.link(user)) } })).cookie;
const byPassword = (email, password, code) =>
    ask('POST', '/v1/session', { body: { email, password, ...(code && { code }) } });

/** A user with an address and a password, which he has set himself. */
async function person(role, password = PASSWORD) {
    const user = await stack.user(role);
    const email = `${randomBytes(6).toString('hex')}@example.test`;
    await stack.sql(`UPDATE app.users SET email = '${email}' WHERE public_id = '${user}'`);
    const cookie = await byLink(user);
    const set = await ask('PUT', '/v1/me/password', { cookie, body: { password } });
    assert.equal(set.status, 200, set.text);
    return { user, email, cookie };
}

/** RFC 6238, of the step that is `offset` steps from now. */
function codeOf(secret, offset = 0) {
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
    const bits = [...secret].map((c) => alphabet.indexOf(c).toString(2).padStart(5, '0')).join('');
    const key = Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
    const counter = Buffer.alloc(8);
    counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + offset));
    const hash = createHmac('sha1', key).update(counter).digest();
    return String((hash.readUInt32BE(hash[19] & 15) & 0x7fffffff) % 1e6).padStart(6, '0');
}

/** Not near the end of a step, so that a code's step is the one that it is meant to be. */
const early = () => until(() => Date.now() % 30_000 < 20_000, 'a new step', 31_000);

test('a password signs in; only its Argon2id hash is kept, and in no log', async () => {
    const { user, email } = await person({ partner: 'ALPHA', role: 'manager' });
    const reply = await byPassword(email.toUpperCase(), PASSWORD);
    assert.equal(reply.status, 200);
    assert.equal(reply.body.user, user);
    assert.match(reply.headers.get('set-cookie'), /HttpOnly; SameSite=Strict; Max-Age=\d+$/);
    const me = await ask('GET', '/v1/me', { cookie: reply.cookie });
    assert.deepEqual([me.body.user.id, me.body.user.has_password], [user, true]);
    const [[hash]] = await stack.sql(`SELECT password_hash FROM app.users WHERE public_id = '${user}'`);
    assert.match(hash, /^\$argon2id\$v=19\$m=65536,t=2,p=1\$/);
    const [[agent, ip]] = await stack.sql(
        `SELECT s.user_agent, host(s.ip) FROM app.sessions s WHERE s.public_id = '${me.body.session.id}'`);
    assert.deepEqual([agent, ip], ['node', '127.0.0.1']);
    const trail = await stack.sql('SELECT coalesce(before::text, \'\') || coalesce(after::text, \'\') FROM app.audit_log');
    assert.ok(!JSON.stringify(trail).includes(PASSWORD) && !JSON.stringify(trail).includes('argon2'));
    for (const child of [stack.ingest, stack.postgres.child]) assert.ok(!child.output.includes(PASSWORD));
});

test('passwords have a length', async () => {
    const cookie = await byLink(await stack.user({ staff: 'viewer' }));
    for (const [password, reason] of [['short', 'too_short'], ['x'.repeat(201), 'too_long']]) {
        const reply = await ask('PUT', '/v1/me/password', { cookie, body: { password } });
        assert.deepEqual([reply.status, reply.body.reason, reply.body.field], [400, reason, 'password']);
    }
    const without = await ask('PUT', '/v1/me/password', { cookie, body: {} });
    assert.deepEqual([without.status, without.body.field], [400, 'password']);
});

async function hashes() {
    const text = await (await fetch(`${stack.ingestUrl}/metrics`)).text();
    return Number(/^mh_ingest_password_hashes_total (\d+)$/m.exec(text)[1]);
}

test('one answer for everybody who is refused, after the same work', async () => {
    const { email } = await person({ partner: 'ALPHA', role: 'viewer' });
    const suspended = await person({ partner: 'ALPHA', role: 'viewer' });
    await stack.sql(`UPDATE app.users SET status = 'suspended' WHERE public_id = '${suspended.user}'`);
    const linkOnly = 'link.only@example.test';
    await stack.sql(`UPDATE app.users SET email = '${linkOnly}'
                     WHERE public_id = '${await stack.user({ partner: 'BETA', role: 'viewer' })}'`);
    const answers = [];
    for (const [who, password] of [
        [email, 'wrong horse battery'], [suspended.email, PASSWORD], ['nobody@example.test', PASSWORD],
        [linkOnly, PASSWORD],
    ]) {
        const before = await hashes();
        const reply = await byPassword(who, password);
        answers.push([reply.status, reply.text, reply.cookie]);
        assert.equal(await hashes() - before, 1, 'that takes nearly all of the time');
    }
    for (const answer of answers) assert.deepEqual(answer, answers[0]);
    assert.equal(answers[0][0], 401);
    assert.equal(JSON.parse(answers[0][1]).reason, 'sign_in_failed');
});

test('a second factor is needed once it is confirmed, and a code is good once', async () => {
    const { email, cookie } = await person({ staff: 'support' });
    const begun = await ask('POST', '/v1/me/totp', { cookie });
    assert.equal(begun.status, 200, begun.text);
    assert.equal((await byPassword(email, PASSWORD)).status, 200);
    const { secret } = begun.body;
    const wrong = await ask('PUT', '/v1/me/totp', { cookie, body: { code: codeOf(secret, 9) } });
    assert.deepEqual([wrong.status, wrong.body.reason], [400, 'code_invalid']);
    await early();
    assert.equal((await ask('PUT', '/v1/me/totp', { cookie, body: { code: codeOf(secret, -1) } })).status, 200);
    const without = await byPassword(email, PASSWORD);
    assert.deepEqual([without.status, without.body.reason, without.body.field], [401, 'code_required', 'code']);
    const unproven = await byPassword(email, 'wrong horse battery');
    assert.equal(unproven.body.reason, 'sign_in_failed');
    await early();
    const code = codeOf(secret);
    for (const bad of [codeOf(secret, -1), codeOf(secret, 5), 'abcdef', '1'])
        assert.equal((await byPassword(email, PASSWORD, bad)).body.reason, 'sign_in_failed', bad);
    const raced = await Promise.all([byPassword(email, PASSWORD, code), byPassword(email, PASSWORD, code)]);
    assert.deepEqual(raced.map((reply) => reply.status).sort(), [200, 401]);
    assert.equal((await byPassword(email, PASSWORD, code)).status, 401);
    const session = raced.find((reply) => reply.status === 200).cookie;
    const up = await ask('POST', '/v1/session/step-up', { cookie: session, body: { code: codeOf(secret, 1) } });
    assert.equal(up.status, 200, up.text);
    const again = await ask('POST', '/v1/session/step-up', { cookie: session, body: { code: codeOf(secret, 1) } });
    assert.deepEqual([again.status, again.body.reason], [403, 'step_up_failed']);
});

test('what matters asks again who one is', async () => {
    const { user, cookie } = await person({ staff: 'owner' });
    const aged = () =>
        stack.sql(`UPDATE app.sessions s SET auth_at = now() - interval '6 minutes'
                   FROM app.users u WHERE u.user_id = s.user_id AND u.public_id = '${user}'`);
    const change = () => ask('PUT', '/v1/me/password', { cookie, body: { password: PASSWORD } });
    await aged();
    const refused = await change();
    assert.deepEqual([refused.status, refused.body.reason], [403, 'step_up']);
    const wrong = await ask('POST', '/v1/session/step-up', { cookie, body: { password: 'wrong horse battery' } });
    assert.deepEqual([wrong.status, wrong.body.reason], [403, 'step_up_failed']);
    assert.equal((await change()).status, 403);
    const right = await ask('POST', '/v1/session/step-up', { cookie, body: { password: PASSWORD } });
    assert.equal(right.status, 200, right.text);
    assert.equal(right.cookie, undefined);
    assert.equal((await change()).status, 200);
    const stranger = await ask('POST', '/v1/session/step-up', { body: { password: PASSWORD } });
    assert.equal(stranger.status, 401);
    await aged();
    const linked = await byLink(await stack.user({ staff: 'owner' }));
    const nothing = await ask('POST', '/v1/session/step-up', { cookie: linked, body: { password: PASSWORD } });
    assert.equal(nothing.body.reason, 'step_up_failed');
});

test('an invitation opens an account once', async () => {
    const { cookie } = await person({ staff: 'owner' });
    const email = 'new.person@example.test';
    const made = await ask('POST', '/v1/invitations', {
        cookie, body: { email, name: 'New Person', partner: 'ALPHA', role: 'viewer' },
    });
    assert.equal(made.status, 200, made.text);
    assert.match(made.body.token, /^[\w-]{43}$/);
    assert.ok(made.text.startsWith('{"token":'));
    assert.ok(!JSON.stringify(await stack.sql('SELECT * FROM app.invitations')).includes(made.body.token));
    const body = { token: made.body.token, password: PASSWORD };
    const short = await ask('POST', '/v1/invitations/accept', { body: { ...body, password: 'short' } });
    assert.equal(short.body.reason, 'too_short');
    const accepted = await ask('POST', '/v1/invitations/accept', { body });
    assert.equal(accepted.status, 200, accepted.text);
    assert.equal((await ask('GET', '/v1/me', { cookie: accepted.cookie })).body.user.email, email);
    const again = await ask('POST', '/v1/invitations/accept', { body });
    assert.deepEqual([again.status, again.body.reason, again.cookie], [401, 'invitation_invalid', undefined]);
    assert.equal((await byPassword(email, PASSWORD)).status, 200);
});

test('through a member\'s eyes one only reads, and gets back to the own session', async () => {
    const { user: owner, cookie } = await person({ staff: 'owner' });
    const member = await stack.user({ partner: 'ALPHA', role: 'manager' });
    const begun = await ask('POST', `/v1/users/${member}/impersonate`, { cookie, body: { reason: 'a question of his' } });
    assert.equal(begun.status, 200, begun.text);
    assert.equal(begun.body.token, undefined);
    assert.ok(begun.cookie && begun.cookie !== cookie);
    const me = (await ask('GET', '/v1/me', { cookie: begun.cookie })).body;
    assert.deepEqual([me.user.id, me.session.impersonator.id], [member, owner]);
    const write = await ask('PATCH', '/v1/me', { cookie: begun.cookie, body: { name: 'Mallory' } });
    assert.deepEqual([write.status, write.body.reason], [403, 'impersonating']);
    const ended = await ask('DELETE', '/v1/session/impersonation', { cookie: begun.cookie });
    assert.deepEqual([ended.status, ended.body], [200, { signed_in: true }]);
    assert.equal((await ask('GET', '/v1/me', { cookie: ended.cookie })).body.user.id, owner);
    for (const old of [cookie, begun.cookie]) assert.equal((await ask('GET', '/v1/me', { cookie: old })).status, 401);
    const twice = await ask('POST', `/v1/users/${member}/impersonate`, { cookie: ended.cookie, body: { reason: 'again' } });
    await stack.sql(`UPDATE app.sessions s SET revoked_at = now() FROM app.users u
                     WHERE u.user_id = s.user_id AND u.public_id = '${owner}' AND s.impersonator_id IS NULL`);
    const orphaned = await ask('DELETE', '/v1/session/impersonation', { cookie: twice.cookie });
    assert.equal(orphaned.body.signed_in, false);
    assert.match(orphaned.headers.get('set-cookie'), /^mh_session=; .*Max-Age=0/);
});

test('neither a person nor an address is tried without end', async () => {
    const { email } = await person({ partner: 'BETA', role: 'viewer' });
    const other = await person({ partner: 'BETA', role: 'viewer' });
    let limited;
    let tries = 0;
    await until(async () => {
        limited = await byPassword(tries++ % 2 ? email : email.toUpperCase(), 'wrong horse battery');
        return limited.status === 429;
    }, 'the limit', 60_000);
    assert.ok(tries > 20 && tries < 60, String(tries));
    assert.equal(limited.body.reason, 'rate_limited');
    assert.ok(Number(limited.headers.get('retry-after')) >= 1);
    // The right password tells nothing then, and nobody else is kept out.
    assert.equal((await byPassword(email, PASSWORD)).status, 429);
    assert.equal((await byPassword(other.email, PASSWORD)).status, 200);
});
