// Reverse proxies before ingest: what trusted ones say in X-Forwarded-For is a request's address, for
// networks of keys, for limits per address, in the trail; what anybody else says is nothing.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import fs from 'node:fs';
import { get, startStack, until } from './harness.mjs';

const PROXY = '127.0.0.1', OTHER = '127.0.0.9'; // from which the test asks
const INSIDE = '203.0.113.9', OUTSIDE = '198.51.100.7';
let stack, config;
before(async () => {
    stack = await startStack({ ingest: { trusted_proxies: `${PROXY}, 10.0.0.0/8`, sign_in_rate: 3 } });
    config = fs.readFileSync(stack.ingestConfig, 'utf8');
    await stack.sql("UPDATE app.api_keys SET ip_allow = '{203.0.113.0/24}'");
});
after(() => stack?.close());

/** `forwarded`: the header, or several of it. */
async function ask(where, { forwarded, from = PROXY, body, headers = {}, method = 'POST' }) {
    const reply = await get(`${stack.ingestUrl}${where}`, {
        method, localAddress: from, headers: { ...headers, ...(forwarded !== undefined && { 'x-forwarded-for': forwarded }) },
    }, body && JSON.stringify(body));
    return { ...reply, body: reply.body ? JSON.parse(reply.body) : undefined };
}

let events = 0;
async function post(forwarded, from) {
    const { status, body } = await ask('/v1/events', {
        forwarded, from, body: stack.event('requested', `forwarded-${events++}`),
        headers: { authorization: `Bearer ${stack.keys.ALPHA}`, 'content-type': 'application/cloudevents+json' },
    });
    return status === 200 ? 'taken' : body.reason;
}

test('a key\'s networks are those of the client', async () => {
    for (const chain of [INSIDE, `${OUTSIDE}, ${INSIDE}`, `unknown,${INSIDE}`, `${INSIDE}, 10.1.2.3`, `::ffff:${INSIDE}`,
        [OUTSIDE, INSIDE], [INSIDE, '10.1.2.3, 127.0.0.1'], [Array(50).fill(OUTSIDE).join(), INSIDE]])
        assert.equal(await post(chain), 'taken', String(chain));
    for (const chain of [undefined, OUTSIDE, `${INSIDE}, ${OUTSIDE}`, [INSIDE, OUTSIDE], [Array(50).fill(INSIDE).join(), OUTSIDE], '10.1.2.3', 'unknown', '', `${INSIDE}:443`,
        `${INSIDE},`, `${INSIDE} ${INSIDE}`])
        assert.equal(await post(chain), 'ip_not_allowed', String(chain));
});

test('who is no trusted proxy says nothing of himself', async () => {
    assert.equal(await post(INSIDE, OTHER), 'ip_not_allowed');
    await stack.sql(`UPDATE app.api_keys SET ip_allow = '{${OTHER}}', updated_at = clock_timestamp()`);
    await until(async () => (await post(INSIDE, OTHER)) === 'taken', 'the key\'s other network');
    assert.equal(await post(OTHER, PROXY), 'taken');
});

test('tries to sign in are counted per client, and a session knows from where it is', async () => {
    const signIn = (forwarded, from, link = 'nothing') => ask('/v1/session', {
        forwarded, from, body: { link }, headers: { 'content-type': 'application/json' } });
    const statuses = async (count, ...where) => {
        const found = [];
        for (let i = 0; i < count; i++) found.push((await signIn(...where)).status);
        return found;
    };
    assert.ok((await statuses(5, '192.0.2.1')).includes(429));
    assert.ok(!(await statuses(2, '192.0.2.2')).includes(429));
    // Another spelling, or another story at the left, is the same client.
    assert.deepEqual(await statuses(1, '192.0.2.77, ::ffff:192.0.2.1'), [429]);
    // Who comes without a proxy is one address, whatever he says.
    const found = [];
    for (let i = 0; i < 5; i++) found.push((await signIn(`192.0.2.${10 + i}`, OTHER)).status);
    assert.ok(found.includes(429));

    const link = new URL(await stack.link(await stack.user({ staff: 'owner' }))).href.match(/link=([^&]+)/)[1];
    const opened = await signIn('2001:DB8:0::5, 10.9.9.9', PROXY, decodeURIComponent(link));
    assert.equal(opened.status, 200);
    const cookie = [opened.headers['set-cookie']].flat()[0].split(';')[0];
    const { body } = await ask('/v1/me/sessions', { method: 'GET', headers: { cookie } });
    assert.equal(body.items[0].ip, '2001:db8::5');
    assert.deepEqual(await stack.sql("SELECT host(ip) FROM app.audit_log WHERE action = 'session.open'"), [['2001:db8::5']]);
});

test('SIGHUP trusts others, and nobody with a fault in the file', async () => {
    const reload = async (trusted, line) => {
        const told = () => stack.ingest.output.split(line).length, before = told();
        fs.writeFileSync(stack.ingestConfig, `${config}trusted_proxies = ${trusted}\n`);
        stack.ingest.process.kill('SIGHUP');
        await until(() => told() > before, line);
    };
    await stack.sql("UPDATE app.api_keys SET ip_allow = '{203.0.113.0/24}', updated_at = clock_timestamp()");
    await until(async () => (await post(INSIDE)) === 'taken', 'the key\'s first network');
    await reload(OTHER, 'settings were read again');
    assert.equal(await post(INSIDE), 'ip_not_allowed');
    assert.equal(await post(INSIDE, OTHER), 'taken');
    await reload('10.0.0.0/64', 'settings are unchanged');
    assert.match(stack.ingest.output, /trusted_proxies must be/);
    assert.equal(await post(INSIDE, OTHER), 'taken');
    await reload('', 'settings were read again');
    assert.equal(await post(INSIDE, OTHER), 'ip_not_allowed');
});
