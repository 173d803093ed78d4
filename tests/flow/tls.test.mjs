// Native TLS of the hub: the SDK over wss, a certificate replaced while connections live on, and
// what is wrong with one said at the start or, on SIGHUP, refused.
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import https from 'node:https';
import path from 'node:path';
import tls from 'node:tls';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import WebSocket from 'ws';
import { Child, Follower, freePort, get, mergePatch, program, startStack, until } from './harness.mjs';
import { RawClient } from './hub_raw.mjs';
import { EventReader } from './sse_client.mjs';

const run = promisify(execFile);
let stack, hub, port, token, certificate, key;

/** A self-signed certificate and its key, as files. */
async function make(name, algorithm) {
    const files = ['crt', 'key'].map((end) => path.join(stack.folder, `${name}.${end}`));
    await run('openssl', ['req', '-x509', '-newkey', ...algorithm, '-nodes', '-days', '2', '-subj', `/CN=${name}`,
        '-addext', 'subjectAltName=IP:127.0.0.1', '-out', files[0], '-keyout', files[1]]);
    fs.chmodSync(files[1], 0o600);
    return { certificate: files[0], key: files[1], pem: fs.readFileSync(files[0], 'utf8') };
}
const elliptic = ['ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'];

/** The trusted certificate is whichever is installed now. */
const trust = () => ({ ca: fs.readFileSync(certificate, 'utf8') });
class Secure extends WebSocket {
    constructor(url, protocols) {
        super(url, protocols, trust());
    }
}

async function page(name) {
    const [response] = await once(https.get(`https://127.0.0.1:${port}/${name}`, { agent: false, ...trust() }), 'response');
    let text = '';
    for await (const chunk of response) text += chunk;
    return text;
}

function install(made) {
    fs.copyFileSync(made.certificate, certificate);
    fs.copyFileSync(made.key, key);
    fs.chmodSync(key, 0o600);
}

/** What a new connection is shown. */
async function shown(options = {}) {
    const socket = tls.connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ...options });
    try {
        await once(socket, 'secureConnect');
        return { name: socket.getPeerCertificate().subject.CN, version: socket.getProtocol() };
    } finally {
        socket.destroy();
    }
}

/** Reads again; both workers and their supervisor have said so when it resolves. */
async function reload(line) {
    const told = () => hub.output.match(line)?.length ?? 0, before = told();
    hub.process.kill('SIGHUP');
    await until(() => told() >= before + 3, `three times ${line}`);
}
const taken = /live\.crt is valid until/g, refused = /the old certificate stays/g;

let first;
before(async () => {
    stack = await startStack();
    first = await make('first', ['rsa:2048']);
    certificate = path.join(stack.folder, 'live.crt');
    key = path.join(stack.folder, 'live.key');
    install(first);
    port = await freePort();
    hub = new Child('metrics-hub', program('metrics-hub'), ['--config', stack.hubConfig, '--listen', `127.0.0.1:${port}`,
        '--tls-certificate', certificate, '--tls-key', key, '--workers', '2', '--tick', '10ms', '--queue-soft', '4k']);
    await until(() => hub.output.match(/live on wss:\/\//g)?.length === 2, 'the hub to listen');
    stack.hubUrl = `wss://127.0.0.1:${port}/connection/websocket`;
    token = await stack.token(await stack.user({ staff: 'owner' }), 3600);
});
after(async () => {
    await hub?.stop();
    await stack?.close();
});

test('the SDK over wss: state, patches, and the plain pages', async () => {
    const client = await stack.connect(token, { websocket: Secure });
    const screen = new Follower(client, 'metrics:partner:ALPHA');
    await screen.when(() => true, 'a state');
    await stack.post('ALPHA', [stack.event('requested', 'wss-1')]);
    await screen.when(({ windows }) => windows['30d'].requested === 1, 'the event');
    client.disconnect();
    assert.match(await page('metrics'), /^mh_hub_connections_opened_total [1-9]/m);
});

test('TLS 1.2 and 1.3, nothing older, nothing plain', async () => {
    assert.equal((await shown({ maxVersion: 'TLSv1.2' })).version, 'TLSv1.2');
    assert.equal((await shown()).version, 'TLSv1.3');
    await assert.rejects(shown({ minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' }));
    await assert.rejects(get(`http://127.0.0.1:${port}/healthz`));
    assert.equal((await shown()).name, 'first');
});

test('large messages, and a reader that stops until much is folded', async () => {
    const fast = new Follower(await stack.connect(token, { websocket: Secure }), 'jobs:partner:ALPHA');
    await fast.when(() => true, 'a state');
    const slow = await RawClient.connect(stack.hubUrl, token, trust());
    const answer = await slow.ask({ id: 2, rpc: { method: 'x'.repeat(60_000), data: {} } });
    assert.equal(answer.error.code, 104);
    const { subscribe } = await slow.ask({ id: 3, subscribe: { channel: 'jobs:partner:ALPHA' } });
    let state = structuredClone(subscribe.data), batch = 0;
    slow.socket._socket.pause();
    await until(async () => {
        await stack.post('ALPHA', Array.from({ length: 50 }, (_, i) =>
            stack.event('requested', `slow-${++batch}`, { prompt: `${i} `.padEnd(8000, 'long ') })));
        return /^mh_hub_deliveries_folded_total [1-9]/m.test(await page('metrics'));
    }, 'patches to fold', 60_000);
    slow.socket._socket.resume();
    await until(() => {
        for (const { push } of slow.replies.splice(0)) {
            if (push?.pub?.data.t === 'state') state = structuredClone(push.pub.data);
            else if (push?.pub?.data.t === 'patch') mergePatch(state, push.pub.data.p);
        }
        return state.jobs[`ALPHA/slow-${batch}`];
    }, 'the newest job');
    await fast.when(({ jobs }) => jobs[`ALPHA/slow-${batch}`], 'the newest job');
    assert.deepEqual(state.jobs, fast.state.jobs);
    assert.equal(slow.ended, undefined);
    await slow.close();
});

test('streams of events, one of them read slowly', async () => {
    const secure = { hubHttpUrl: `https://127.0.0.1:${port}` }, channel = 'jobs:partner:BETA';
    const posted = async (name) => stack.post('BETA', Array.from({ length: 60 }, (_, i) =>
        stack.event('requested', `${name}-${i}`, { prompt: `${i} `.padEnd(8000, 'long ') })));
    await posted('first');
    await posted('second');
    const fast = await EventReader.open(secure, token, channel, { tls: trust() });
    const slow = await EventReader.open(secure, token, channel, { tls: trust() });
    slow.response.pause();
    const newest = () => fast.state?.jobs['BETA/third-39-59'];
    for (let i = 0; i < 40; i++) await posted(`third-${i}`);
    await until(newest, 'the newest job');
    slow.response.resume();
    await until(() => slow.state?.jobs['BETA/third-39-59'], 'the newest job at the slow one');
    assert.deepEqual(slow.state.jobs, fast.state.jobs);
    assert.ok(slow.messages.length < fast.messages.length, 'folded');
    await Promise.all([fast.close(), slow.close()]);
});

test('SIGHUP swaps the certificate; connections live on', async () => {
    const client = await RawClient.connect(stack.hubUrl, token, trust());
    install(await make('second', elliptic));
    await reload(taken);
    for (let i = 0; i < 12; i++) assert.equal((await shown({ maxVersion: 'TLSv1.2' })).name, 'second');
    assert.ok((await client.ask({ id: 2, rpc: { method: 'none' } })).error);
    await client.close();
    const later = await stack.connect(token, { websocket: Secure });
    later.disconnect();
});

test('a bad certificate is refused by name and the old one stays', async () => {
    const third = await make('third', elliptic);
    const faults = {
        'not in PEM|no start line': () => fs.writeFileSync(certificate, 'nonsense'),
        'private key mismatch': () => fs.copyFileSync(third.certificate, certificate),
        'chmod 600': () => (install(third), fs.chmodSync(key, 0o640)),
        'No such file': () => (install(third), fs.rmSync(key)),
        'bad base64 decode': () => {
            install(third);
            fs.writeFileSync(certificate, `${third.pem}${third.pem.replace('-\nMII', '-\n!!!')}`);
        },
    };
    for (const [expected, spoil] of Object.entries(faults)) {
        install(await make('old', elliptic));
        await reload(taken);
        const from = hub.output.length;
        spoil();
        await reload(refused);
        assert.match(hub.output.slice(from), new RegExp(expected));
        for (let i = 0; i < 6; i++) assert.equal((await shown()).name, 'old');
    }
    install(third);
    await reload(taken);
    assert.equal((await shown()).name, 'third');
});

test('what is wrong at the start ends the program with a line', async () => {
    const good = await make('good', elliptic), other = await make('other', elliptic);
    const locked = path.join(stack.folder, 'locked.key'), loose = path.join(stack.folder, 'loose.key');
    await run('openssl', ['ec', '-in', good.key, '-aes128', '-passout', 'pass:secret', '-out', locked]);
    fs.chmodSync(locked, 0o600);
    fs.copyFileSync(good.key, loose);
    fs.chmodSync(loose, 0o644);
    for (const [words, expected] of [
        [['--tls-certificate', good.certificate], /both or not at all/],
        [['--tls-key', good.key], /both or not at all/],
        [['--tls-certificate', good.certificate, '--tls-key', other.key], /mismatch/],
        [['--tls-certificate', good.certificate, '--tls-key', loose], /chmod 600/],
        [['--tls-certificate', good.certificate, '--tls-key', locked], /locked.key: /],
        [['--tls-certificate', '/nonexistent', '--tls-key', good.key], /No such file/],
        [['--tls-certificate', '/', '--tls-key', good.key], /not a file/],
    ]) {
        const child = spawn(program('metrics-hub'), ['--config', stack.hubConfig, ...words]);
        let output = '';
        child.stderr.on('data', (chunk) => (output += chunk));
        const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
        const [code] = await once(child, 'close');
        clearTimeout(timer);
        assert.equal(code, 2, `${words} ${output}`);
        assert.match(output, expected);
        assert.doesNotMatch(output, /Sanitizer|runtime error/);
    }
});
