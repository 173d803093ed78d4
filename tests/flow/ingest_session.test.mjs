// Sign-in by link, the session cookie, tokens for the hub, and the files of the web client.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import fs from 'node:fs';
import { once } from 'node:events';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { startStack } from './harness.mjs';

let stack;
let folder;
before(async () => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'metrics-hub-web-'));
    fs.mkdirSync(path.join(folder, 'assets'));
    fs.writeFileSync(path.join(folder, 'index.html'), `<!doctype html>${'page '.repeat(300)}`);
    fs.writeFileSync(path.join(folder, 'assets/app-1a2b3c.js'), 'export default 1;\n'.repeat(500));
    fs.writeFileSync(path.join(folder, 'favicon.ico'), Buffer.from([1, 2, 3]));
    stack = await startStack({ ingest: { web_root: folder, sign_in_rate: 30 } });
});
after(async () => {
    await stack?.close();
    fs.rmSync(folder, { recursive: true, force: true });
});

const post = (where, body, headers = {}) =>
    fetch(`${stack.ingestUrl}${where}`, {
        method: 'POST', body: body && JSON.stringify(body),
        headers: { 'content-type': 'application/json', ...headers },
    });

const tokenOfLink = (link) => decodeURIComponent(/link=([^&]+)/.exec(link)[1]);

async function signIn(user) {
    const response = await post('/v1/session', { link: tokenOfLink(await stack.link(user)) });
    const cookie = response.headers.get('set-cookie');
    return { response, cookie, pair: cookie?.split(';')[0], body: await response.json() };
}

test('a link signs in once; the cookie carries the session; sign-out ends it', async () => {
    const user = await stack.user({ name: 'Mara Ünal', partner: 'ALPHA', role: 'manager' });
    const link = tokenOfLink(await stack.link(user));
    const first = await post('/v1/session', { link });
    assert.equal(first.status, 200);
    const cookie = first.headers.get('set-cookie');
    assert.match(cookie, /^mh_session=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict; Max-Age=43200$/);
    const principal = await first.json();
    assert.equal(principal.user, user);
    assert.equal(principal.name, 'Mara Ünal');
    assert.deepEqual(principal.partners, [{ code: 'ALPHA', name: 'ALPHA', role: 'manager' }]);
    const again = await post('/v1/session', { link });
    assert.deepEqual([again.status, (await again.json()).reason], [401, 'link_invalid']);
    const pair = cookie.split(';')[0];
    const who = await fetch(`${stack.ingestUrl}/v1/session`, { headers: { cookie: `a=b; ${pair}` } });
    assert.equal((await who.json()).user, user);
    const stored = await stack.sql('SELECT * FROM app.sessions');
    assert.ok(!JSON.stringify(stored).includes(pair.slice(11)));
    const out = await fetch(`${stack.ingestUrl}/v1/session`, { method: 'DELETE', headers: { cookie: pair } });
    assert.equal(out.status, 204);
    assert.match(out.headers.get('set-cookie'), /Max-Age=0/);
    const gone = await fetch(`${stack.ingestUrl}/v1/session`, { headers: { cookie: pair } });
    assert.deepEqual([gone.status, (await gone.json()).reason], [401, 'sign_in_required']);
});

test('the token is signed with the shared secret and names the principal', async () => {
    const user = await stack.user({ name: 'Owner', staff: 'owner' });
    const { pair } = await signIn(user);
    const response = await post('/v1/token', undefined, { cookie: pair });
    assert.equal(response.status, 200);
    const body = await response.json();
    assert.equal(body.hub_url, stack.hubUrl);
    const [head, claims, signature] = body.token.split('.');
    const secret = fs.readFileSync(stack.secretFile, 'utf8').trim();
    assert.equal(
        createHmac('sha256', secret).update(`${head}.${claims}`).digest('base64url'), signature,
    );
    const read = JSON.parse(Buffer.from(claims, 'base64url'));
    assert.deepEqual([read.iss, read.sub, read.staff], ['metrics-hub', user, 'owner']);
    assert.equal(read.exp - read.iat, 600);
    assert.ok(Math.abs(body.expires_ms - Date.now() - 600_000) < 30_000);
    assert.equal((await post('/v1/token')).status, 401);
    assert.equal((await post('/v1/token', undefined, { cookie: 'mh_session=x' })).status, 401);
});

test('another site may not sign in, mint tokens or sign out', async () => {
    const user = await stack.user({ name: 'Owner', staff: 'owner' });
    const { pair } = await signIn(user);
    for (const headers of [
        { origin: 'https://evil.example' }, { origin: 'null' }, { 'sec-fetch-site': 'cross-site' },
    ]) {
        const token = await post('/v1/token', undefined, { cookie: pair, ...headers });
        assert.deepEqual([token.status, (await token.json()).reason], [403, 'origin_not_allowed']);
        const link = tokenOfLink(await stack.link(user));
        assert.equal((await post('/v1/session', { link }, headers)).status, 403);
        assert.equal((await post('/v1/session', { link })).status, 200);
    }
    const own = await post('/v1/token', undefined, { cookie: pair, origin: stack.ingestUrl });
    assert.equal(own.status, 200);
});

test('bodies that are no link', async () => {
    for (const body of [undefined, {}, { link: 5 }, { link: '' }, { link: 'x'.repeat(129) }, []])
        assert.equal((await post('/v1/session', body)).status, 400);
    assert.equal((await post('/v1/session', { link: 'unknown' })).status, 401);
    assert.equal((await post('/v1/session', { link: 'x'.repeat(13000) })).status, 413);
});

/** Without fetch's own decompression. */
async function get(where, headers = {}) {
    const request = http.get(`${stack.ingestUrl}${where}`, { headers });
    const [response] = await once(request, 'response');
    const chunks = [];
    for await (const chunk of response) chunks.push(chunk);
    return { status: response.statusCode, headers: response.headers, body: Buffer.concat(chunks) };
}

test('files: compression, ETags, cache headers, page fallback, security headers', async () => {
    const plain = await get('/');
    assert.equal(plain.status, 200);
    assert.equal(plain.headers['content-type'], 'text/html; charset=utf-8');
    assert.equal(plain.headers['cache-control'], 'no-cache');
    assert.match(plain.headers['content-security-policy'], /frame-ancestors 'none'/);
    assert.ok(plain.headers['content-security-policy'].includes(new URL(stack.hubUrl).host));
    assert.equal(plain.headers['x-content-type-options'], 'nosniff');
    const brotli = await get('/assets/app-1a2b3c.js', { 'accept-encoding': 'gzip, br' });
    assert.equal(brotli.headers['content-encoding'], 'br');
    assert.match(brotli.headers['cache-control'], /immutable/);
    assert.equal(brotli.headers.vary, 'Accept-Encoding');
    const gzip = await get('/assets/app-1a2b3c.js', { 'accept-encoding': 'gzip, br;q=0' });
    assert.equal(gzip.headers['content-encoding'], 'gzip');
    const raw = await get('/assets/app-1a2b3c.js');
    assert.equal(raw.headers['content-encoding'], undefined);
    assert.equal(raw.body.toString(), 'export default 1;\n'.repeat(500));
    const etags = [brotli, gzip, raw].map((reply) => reply.headers.etag);
    assert.equal(new Set(etags).size, 3);
    const known = await get('/assets/app-1a2b3c.js', { 'if-none-match': etags[2] });
    assert.deepEqual([known.status, known.body.length], [304, 0]);
    const page = await get('/partners/ALPHA');
    assert.deepEqual([page.status, page.body], [200, plain.body]);
    assert.equal((await get('/assets/missing.js')).status, 404);
    assert.equal((await get('/../secret')).status, 200); // a page address, never a path
    assert.equal((await get('/favicon.ico')).body.length, 3);
    assert.equal((await get('/v1/other')).status, 404);
});

test('sign-ins from one address are limited', async () => {
    const answers = [];
    for (let n = 0; n < 40; n++) answers.push((await post('/v1/session', { link: 'guess' })).status);
    assert.ok(answers.includes(429));
    const refused = await post('/v1/session', { link: 'guess' });
    assert.equal(refused.status, 429);
    assert.ok(Number(refused.headers.get('retry-after')) >= 1);
});
