// Tokens of an outside identity provider open sessions: whose, of whom, and once. (tests/browser has a
// real provider; here its keys sign what the test wants it to say.)
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import fs from 'node:fs';
import { after, before, test } from 'node:test';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { startStack, until } from './harness.mjs';

const issuer = 'https://id.example';
const audience = 'metrics-hub';
const keys = {};
let keysFile;
let stack;

async function makeKey(kid, algorithm) {
    const pair = await generateKeyPair(algorithm, { extractable: true, modulusLength: 2048 });
    keys[kid] = { ...pair, algorithm, jwk: { ...(await exportJWK(pair.publicKey)), kid, use: 'sig' } };
}

const writeKeys = (...kids) =>
    fs.writeFileSync(keysFile, JSON.stringify({ keys: kids.map((kid) => keys[kid].jwk) }));

before(async () => {
    await makeKey('rsa', 'RS256');
    await makeKey('ed', 'EdDSA');
    await makeKey('new', 'RS256');
    keysFile = `${fs.mkdtempSync('/tmp/metrics-hub-keys-')}/jwks.json`;
    writeKeys('rsa', 'ed');
    stack = await startStack({
        ingest: {
            sign_in_rate: 1000, identity_issuer: issuer, identity_audience: audience,
            identity_keys_file: keysFile, identity_url: 'https://id.example/authorize',
        },
    });
});
after(async () => {
    await stack?.close();
    fs.rmSync(keysFile.replace(/\/jwks.json$/, ''), { recursive: true });
});

function tokenOf(claims, kid = 'rsa') {
    const now = Math.floor(Date.now() / 1000);
    return new SignJWT({ iss: issuer, aud: audience, iat: now, exp: now + 300, jti: randomUUID(), ...claims })
        .setProtectedHeader({ alg: keys[kid].algorithm, kid }).sign(keys[kid].privateKey);
}

async function ask(method, where, { cookie, body } = {}) {
    const response = await fetch(`${stack.ingestUrl}${where}`, {
        method, headers: { 'content-type': 'application/json', ...(cookie && { cookie }) },
        body: body && JSON.stringify(body),
    });
    const text = await response.text();
    return {
        status: response.status, body: text ? JSON.parse(text) : undefined,
        cookie: response.headers.get('set-cookie')?.split(';')[0],
    };
}

const signIn = (id_token, more) => ask('POST', '/v1/session', { body: { id_token, ...more } });
const verified = (email) => ({ email, email_verified: true });
const cookieOf = async (user) =>
    (await ask('POST', '/v1/session', {
        body: { link: decodeURIComponent(/link=([^&]+)/.exec(await stack.link(user))[1]) },
    })).cookie;

async function member(email, who = { partner: 'ALPHA', role: 'manager' }) {
    const user = await stack.user(who);
    await stack.sql(`UPDATE app.users SET email = '${email}' WHERE public_id = '${user}'`);
    return user;
}

test('a verified address finds its user, and from then on his name at the provider does', async () => {
    const user = await member('ann@alpha.example');
    const first = await signIn(await tokenOf({ sub: 'p-ann', ...verified('Ann@Alpha.Example') }));
    assert.deepEqual([first.status, first.body.user], [200, user]);
    assert.match(first.cookie, /^mh_session=.{43}$/);
    assert.equal((await ask('GET', '/v1/me', { cookie: first.cookie })).body.user.id, user);
    // Another address, and by the other algorithm: it is still he.
    const second = await signIn(await tokenOf({ sub: 'p-ann', ...verified('a.smith@alpha.example') }, 'ed'));
    assert.deepEqual([second.status, second.body.user], [200, user]);
    // His old address was given to somebody else, who is not he.
    const other = await signIn(await tokenOf({ sub: 'p-other', ...verified('ann@alpha.example') }));
    assert.deepEqual([other.status, other.body.reason], [403, 'no_account']);
    const trail = await stack.sql(
        `SELECT action, after->>'by', after->>'issuer' FROM app.audit_log a JOIN app.users u ON u.user_id = a.actor_id
         WHERE u.public_id = '${user}' ORDER BY a.seq`);
    assert.deepEqual(trail, [
        ['session.open', 'identity', null], ['identity.link', null, issuer], ['session.open', 'identity', null],
    ].map((row) => row.map((cell) => cell ?? '')));
});

test('a token opens one session, also when it is presented many times at once', async () => {
    await member('once@alpha.example');
    const token = await tokenOf({ sub: 'p-once', ...verified('once@alpha.example') });
    const answers = await Promise.all(Array.from({ length: 8 }, () => signIn(token)));
    const outcomes = answers.map(({ status, body }) => body.reason ?? status).sort();
    assert.deepEqual(outcomes, [200, ...Array(7).fill('identity_used')]);
});

test('an address that the provider has not verified is nobody\'s', async () => {
    await member('bob@alpha.example');
    for (const claims of [{ email: 'bob@alpha.example' }, { email: 'bob@alpha.example', email_verified: false }, {}]) {
        const reply = await signIn(await tokenOf({ sub: 'p-bob', ...claims }));
        assert.deepEqual([reply.status, reply.body.reason, reply.cookie], [403, 'no_account', undefined]);
    }
});

test('what is wrong with a token is said, and opens nothing', async () => {
    await member('eve@alpha.example');
    const now = Math.floor(Date.now() / 1000);
    const good = { sub: 'p-eve', ...verified('eve@alpha.example') };
    const forged = await tokenOf(good, 'new'); // a key that is not in the file
    for (const [token, pattern, more] of [
        [forged, /not signed by a key/],
        [await tokenOf({ ...good, iss: 'https://other.example' }), /another issuer/],
        [await tokenOf({ ...good, aud: 'another' }), /another audience/],
        [await tokenOf({ ...good, exp: now - 61 }), /expired/],
        [await tokenOf({ ...good, nonce: 'n-1' }), /nonce/],
        [await tokenOf({ ...good, nonce: 'n-1' }), /nonce/, { nonce: 'n-2' }],
        ['x.y.z', /not an ID token/], ['', /compact form/], [7, /compact form/],
        ['a'.repeat(9000), /compact form/],
    ]) {
        const reply = await signIn(token, more);
        assert.deepEqual([reply.status, reply.body.reason, reply.body.field], [401, 'identity_invalid', 'id_token']);
        assert.match(reply.body.detail, pattern);
        assert.equal(reply.cookie, undefined);
    }
    assert.equal((await signIn(await tokenOf({ ...good, nonce: 'n-1' }), { nonce: 'n-1' })).status, 200);
    for (const text of [forged, 'eve@alpha.example']) assert.ok(!stack.ingest.output.includes(text));
});

test('staff do not come this way unless the settings say so', async () => {
    const user = await member('root@hub.example', { staff: 'owner' });
    const claims = { sub: 'p-root', ...verified('root@hub.example') };
    assert.equal((await signIn(await tokenOf(claims))).body.reason, 'no_account');
    await stack.ingest.stop();
    await stack.startIngest(['--identity-staff', 'on']);
    assert.equal((await signIn(await tokenOf(claims))).body.user, user);
    await stack.ingest.stop();
    await stack.startIngest();
});

test('a suspended person stays out, and so does one without his second factor', async () => {
    const suspended = await member('sus@alpha.example');
    await stack.sql(`UPDATE app.users SET status = 'suspended' WHERE public_id = '${suspended}'`);
    assert.equal((await signIn(await tokenOf({ sub: 'p-sus', ...verified('sus@alpha.example') }))).body.reason, 'no_account');
    const user = await member('two@alpha.example');
    await stack.sql(`UPDATE app.users SET totp_secret = '\\x3132333435363738393031323334353637383930',
                     totp_enabled_at = now() WHERE public_id = '${user}'`);
    const token = await tokenOf({ sub: 'p-two', ...verified('two@alpha.example') });
    assert.deepEqual([(await signIn(token)).body.reason, (await signIn(token, { code: '000000' })).body.reason],
        ['code_required', 'sign_in_failed']);
});

test('what needs a fresh proof needs the provider to have seen one', async () => {
    await member('adm@alpha.example', { partner: 'ALPHA', role: 'admin' });
    const claims = { sub: 'p-adm', ...verified('adm@alpha.example') };
    const now = Math.floor(Date.now() / 1000);
    const create = (cookie) => ask('POST', '/v1/api-keys', {
        cookie, body: { partner: 'ALPHA', name: 'k', environment: 'live' },
    });
    for (const [auth_time, outcome] of [[undefined, 'step_up'], [now - 600, 'step_up'], [now, undefined]]) {
        const { cookie } = await signIn(await tokenOf({ ...claims, ...(auth_time && { auth_time }) }));
        assert.equal((await create(cookie)).body.reason, outcome);
    }
});

test('a partner\'s domain makes viewers of it, of its people only', async () => {
    const owner = await cookieOf(await stack.user({ staff: 'owner' }));
    const set = (code, domains, cookie = owner) => ask('PUT', `/v1/partners/${code}/domains`, { cookie, body: { domains } });
    assert.deepEqual((await set('ALPHA', ['Alpha.Studio', 'alpha.studio '])).body, { domains: ['alpha.studio'] });
    assert.equal((await set('BETA', ['alpha.studio'])).body.reason, 'taken');
    for (const wrong of ['studio', 'a b.c', '-x.com', 7, null])
        assert.deepEqual([(await set('BETA', [wrong])).status, wrong], [400, wrong]);
    assert.equal((await set('BETA', 'alpha.studio')).body.field, 'domains');
    const manager = await cookieOf(await stack.user({ partner: 'ALPHA', role: 'admin' }));
    assert.equal((await set('ALPHA', [], manager)).status, 403);

    const joined = await signIn(await tokenOf({ sub: 'p-new', name: 'Nell New', ...verified('nell@alpha.studio') }));
    assert.equal(joined.status, 200, JSON.stringify(joined.body));
    assert.deepEqual(joined.body.partners.map(({ code, role }) => [code, role]), [['ALPHA', 'viewer']]);
    const me = (await ask('GET', '/v1/me', { cookie: joined.cookie })).body;
    assert.deepEqual([me.user.name, me.user.email], ['Nell New', 'nell@alpha.studio']);
    for (const email of ['x@sub.alpha.studio', 'x@alpha.studio.evil.example', 'alpha.studio', 'x@y@alpha.studio'])
        assert.equal((await signIn(await tokenOf({ sub: `p-${email}`, ...verified(email) }))).body.reason, 'no_account');
    const unverified = await signIn(await tokenOf({ sub: 'p-un', email: 'un@alpha.studio' }));
    assert.equal(unverified.body.reason, 'no_account');
    await stack.sql(`UPDATE app.partners SET status = 'suspended' WHERE code = 'ALPHA'`);
    const late = await signIn(await tokenOf({ sub: 'p-late', ...verified('late@alpha.studio') }));
    assert.equal(late.body.reason, 'no_account');
    await stack.sql(`UPDATE app.partners SET status = 'active' WHERE code = 'ALPHA'`);
});

test('new keys of the provider count after SIGHUP, bad ones leave the old', async () => {
    const user = await member('rot@alpha.example');
    const claims = { sub: 'p-rot', ...verified('rot@alpha.example') };
    const answer = async (kid) => {
        const { body } = await signIn(await tokenOf(claims, kid));
        return body.reason ?? body.user;
    };
    assert.equal(await answer('new'), 'identity_invalid');
    fs.writeFileSync(keysFile, '{"keys":[]}');
    stack.ingest.kill('SIGHUP');
    await until(() => stack.ingest.output.includes("provider's keys are unchanged"), 'the warning');
    assert.equal(await answer('rsa'), user);
    writeKeys('new');
    stack.ingest.kill('SIGHUP');
    await until(async () => (await answer('new')) === user, 'the new key');
    assert.equal(await answer('rsa'), 'identity_invalid');
});

test('the sign-in page is told where the provider is', async () => {
    const { body } = await ask('GET', '/v1/session/provider');
    assert.deepEqual(body, {
        provider: { name: 'id.example', url: 'https://id.example/authorize', client: audience },
    });
});
