// Starting wrongly configured says in one line what to do; settings are read again on SIGHUP.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { after, before, test } from 'node:test';
import { startStack, until } from './harness.mjs';

let stack;
before(async () => (stack = await startStack()));
after(() => stack?.close());

const build =
    process.env.MH_BUILD_DIR ??
    path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../build/asan');

async function run(...words) {
    const child = spawn(path.join(build, 'bin/metrics-ingest'), words);
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk));
    const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
    const [code] = await once(child, 'close');
    clearTimeout(timer);
    assert.doesNotMatch(output, /Sanitizer|runtime error/);
    return { code, output };
}

const provider = (keys) =>
    ['--identity-issuer', 'https://id.example', '--identity-audience', 'us', '--identity-keys-file', keys];

test('what is wrong is named and the exit code is not 0', async (context) => {
    const config = fs.readFileSync(stack.ingestConfig, 'utf8').replace(/^listen.*$/m, 'listen = 127.0.0.1:0');
    const good = stack.write('start.conf', config);
    const loose = stack.write('loose-secret', 'x'.repeat(40));
    fs.chmodSync(loose, 0o644);
    const short = stack.write('short-secret', 'short');
    const taken = net.createServer().listen(0, '127.0.0.1');
    context.after(() => taken.close());
    await once(taken, 'listening');
    for (const [words, expected] of [
        [['--no-such', '1'], /no-such/], [['--max-body', '12x'], /max.body/],
        [['--lanes', '0'], /lanes/], [['--redis', 'http://x'], /redis: not a URL/],
        [['--token-secret-file', loose], /chmod 600/], [['--token-secret-file', short], /less than 32/],
        [['--token-secret-file', '/nonexistent'], /No such file/],
        [['--web-root', '/nonexistent'], /web_root \/nonexistent: No such file/],
        [['--public-url', 'nonsense'], /public_url/], [['--log-level', 'loud'], /log_level/],
        [['--listen', `127.0.0.1:${taken.address().port}`], /cannot listen on .*in use/],
        [['--listen', 'localhost'], /cannot listen on localhost/],
        [['--trusted-proxies', '10.0.0.0/8, nonsense'], /trusted_proxies must be/],
        [['--identity-issuer', 'https://id.example'], /identity_keys_file go together/],
        [['--identity-url', 'https://id.example'], /go together/],
        [[...provider(short)], /short-secret is not a JWKS/], [[...provider('/nonexistent')], /unable to open/],
        [[...provider(short), '--identity-url', 'http://127.0.0.1.evil.example/'], /identity_url must begin with https/],
    ]) {
        const { code, output } = await run('--config', good, ...words);
        assert.notEqual(code, 0, words.join(' '));
        assert.match(output, expected);
        assert.ok(!output.includes(stack.logins.mh_ingest), 'the password is in the log');
    }
    const help = await run('--help');
    assert.equal(help.code, 0);
    assert.match(help.output, /--max-batch/);
});

test('SIGHUP takes over what may change and keeps the rest', async () => {
    const config = fs.readFileSync(stack.ingestConfig, 'utf8');
    const batch = () => stack.post('ALPHA', [1, 2, 3].map((n) => stack.event('queued', `hup-${n}`)));
    assert.equal((await batch()).status, 200);
    fs.writeFileSync(stack.ingestConfig, `${config}max_batch = 2\n`);
    stack.ingest.process.kill('SIGHUP');
    const refused = await until(async () => {
        const answer = await batch();
        return answer.status === 413 && answer;
    }, 'the new limit');
    assert.match(refused.headers.get('metrics-hub-limits'), /batch=2,/);
    fs.writeFileSync(stack.ingestConfig, `${config}max_batch = many\n`);
    stack.ingest.process.kill('SIGHUP');
    await until(() => /settings are unchanged/.test(stack.ingest.output), 'the refusal');
    assert.equal((await batch()).status, 413);
});

test('no program has a way around signing in', () => {
    for (const name of ['metrics-ingest', 'metrics-hub', 'metricsctl']) {
        const bytes = fs.readFileSync(path.join(build, 'bin', name)).toString('latin1');
        const texts = bytes.match(/[\x20-\x7e]{8,}/g);
        const around = texts.filter((text) => /bypass|mock|insecure|no.?auth|skip.?auth|default.?password/i.test(text));
        assert.ok(texts.length > 1000);
        assert.deepEqual(around, [], name);
    }
});
