// metricsctl as an administrator and a script meet it: results on stdout, reasons on stderr, exit
// codes, and nothing that loses events silently.
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { freePort, Postgres, startStack, until } from './harness.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const program = path.join(process.env.MH_BUILD_DIR ?? path.join(root, 'build/asan'), 'bin/metricsctl');
let stack;
let database;

before(async () => {
    stack = await startStack();
    database = ['--database', stack.postgres.dsn];
});
after(() => stack?.close());

/** { code, stdout, stderr } of a command that may fail. */
function ctl(...words) {
    return new Promise((resolve) =>
        execFile(program, words, (error, stdout, stderr) =>
            resolve({ code: error ? error.code : 0, stdout, stderr })));
}

/** A copy of sql/ with one more migration. */
function sqlFolder(migration) {
    const folder = fs.mkdtempSync(path.join(stack.folder, 'sql-'));
    fs.cpSync(path.join(root, 'sql'), folder, { recursive: true });
    if (migration !== undefined) fs.writeFileSync(path.join(folder, 'migrations/9000_test.sql'), migration);
    return folder;
}

test('help and wrong usage have exit codes of their own', async () => {
    const help = await ctl('--help');
    assert.equal(help.code, 0);
    const names = [...help.stdout.matchAll(/^ {2}([a-z-]+(?: [a-z]+)?) {2,}/gm)].map((match) => match[1]);
    assert.ok(names.length >= 12, names.join());
    for (const name of names) {
        const { code, stdout } = await ctl(...name.split(' '), '--help');
        assert.equal(code, 0, name);
        assert.match(stdout, /--config FILE/, name);
    }
    for (const words of [[], ['nonsense'], ['migrate'], ['replay', '--keys', 'x'], ['token', '--ttl', 'soon']])
        assert.equal((await ctl(...words)).code, 2, words.join(' '));
});

test('migrate can be repeated, and several may run at once', async () => {
    const runs = await Promise.all(
        [1, 2, 3].map(() => ctl('migrate', ...database, '--sql', path.join(root, 'sql'))));
    for (const run of runs) assert.deepEqual([run.code, /0 new/.test(run.stderr)], [0, true], run.stderr);
});

test('migrate needs no superuser', async () => {
    const folder = path.join(stack.folder, 'plain');
    fs.mkdirSync(folder);
    const postgres = new Postgres(folder, await freePort(), { fsync: 'off' });
    await postgres.init();
    await postgres.start();
    try {
        await postgres.sql(`CREATE ROLE plain LOGIN CREATEROLE PASSWORD 'of this test only'`);
        await postgres.sql('CREATE DATABASE plain OWNER plain');
        const dsn = `host=127.0.0.1 port=${postgres.port} dbname=plain user=plain password='of this test only'`;
        for (const found of [/up to date/, /0 new/]) {
            const { code, stderr } = await ctl('migrate', '--database', dsn, '--sql', path.join(root, 'sql'));
            assert.deepEqual([code, found.test(stderr)], [0, true], stderr);
        }
    } finally {
        await postgres.stop('SIGQUIT');
    }
});

test('migrate refuses what it cannot vouch for, and names the file', async (context) => {
    const broken = await ctl('migrate', ...database, '--sql', sqlFolder('SELECT 1;\n\nSELECT wrong;\n'));
    assert.equal(broken.code, 1);
    assert.match(broken.stderr, /9000_test\.sql: line 3: .*wrong/);
    const folder = sqlFolder('SELECT 1;\n');
    assert.equal((await ctl('migrate', ...database, '--sql', folder)).code, 0);
    context.after(() => stack.sql('DELETE FROM ops.schema_migrations WHERE version = 9000'));
    fs.appendFileSync(path.join(folder, 'migrations/9000_test.sql'), '-- changed\n');
    const changed = await ctl('migrate', ...database, '--sql', folder);
    assert.deepEqual([changed.code, /9000_test\.sql/.test(changed.stderr)], [1, true], changed.stderr);
    const older = await ctl('migrate', ...database, '--sql', sqlFolder());
    assert.deepEqual([older.code, /9000_test\.sql/.test(older.stderr)], [1, true], older.stderr);
});

test('a key is printed once and kept as a hash only', async () => {
    const { code, stdout } = await ctl('key', 'create', ...database, '--partner', 'ALPHA');
    assert.equal(code, 0);
    const key = stdout.trim();
    assert.match(key, /^mh_live_[A-Za-z0-9]{12}_[A-Za-z0-9]{49}$/);
    const secret = key.split('_')[3];
    const [[found]] = await stack.sql(
        `SELECT count(*) FROM app.api_keys k WHERE k::text LIKE '%${secret}%' OR k::text LIKE '%${secret.slice(0, 43)}%'`);
    assert.equal(found, '0');
    assert.equal((await stack.post('ALPHA', [stack.event('requested', 'job')], { key })).status, 200);
});

test('an owner is bootstrapped only until one has signed in', async () => {
    const first = await ctl('bootstrap-owner', ...database, '--public-url', stack.ingestUrl);
    assert.equal(first.code, 0, first.stderr);
    const link = new URL(first.stdout.trim());
    assert.equal(link.origin, stack.ingestUrl);
    const token = new URLSearchParams(link.hash.split('?')[1]).get('link');
    const signIn = () =>
        fetch(`${stack.ingestUrl}/v1/session`, {
            method: 'POST',
            headers: { 'content-type': 'application/json', origin: stack.ingestUrl },
            body: JSON.stringify({ link: token }),
        });
    assert.equal((await signIn()).status, 200);
    assert.notEqual((await signIn()).status, 200, 'a link works once');
    const second = await ctl('bootstrap-owner', ...database);
    assert.deepEqual([second.code, second.stdout], [1, ''], second.stderr);
});

test('a token is what the user may do now, for as long as asked', async () => {
    const user = await stack.user({ partner: 'ALPHA', role: 'viewer' });
    const claims = JSON.parse(Buffer.from((await stack.token(user, 60)).split('.')[1], 'base64url'));
    assert.equal(claims.sub, user);
    assert.deepEqual(claims.partners, { ALPHA: 'viewer' });
    assert.ok(Math.abs(claims.exp - Date.now() / 1000 - 60) < 10);
    fs.chmodSync(stack.secretFile, 0o644);
    const open = await ctl('token', ...database, '--token-secret-file', stack.secretFile, '--user', user);
    fs.chmodSync(stack.secretFile, 0o600);
    assert.deepEqual([open.code, open.stdout], [1, ''], open.stderr);
});

const header =
    'gmt_create,predict_type,predict_status,exec_time_seconds,groupId,prompt_length,' +
    'negative_prompt_length,num_images_per_prompt,num_inference_steps,checkpoint_model_version_id,num_lora\n';

test('replay accounts for every event, also when it is repeated', async () => {
    const file = stack.write('trace.csv', header +
        '2024-11-15 16:57:50,TXT_2_IMG,SUCCEED,32.0,BETA,63.0,,4.0,30.0,M0,1\n' +
        '2024-11-15 16:57:51,IMG_2_IMG,FAILED,3.0,BETA,,,1.0,30.0,M1,0\n' +
        '2024-11-15 16:57:52,IMG_2_IMG,PENDING,0.0,BETA,,,,,,0\n');
    const keys = stack.write('replay-keys.json', JSON.stringify(stack.keys));
    const words = ['replay', file, '--url', stack.ingestUrl, '--keys', keys, '--partners', '1', '--end',
        new Date(Date.now() - 60_000).toISOString()];
    assert.match((await ctl(...words)).stdout, /^3 jobs, 5 events of 1 partners: 5 accepted, 0 duplicates, 0 rejected$/m);
    assert.match((await ctl(...words)).stdout, /0 accepted, 5 duplicates, 0 rejected/);
    const jobs = await stack.sql(
        `SELECT job_key, state, units, completed_at - requested_at FROM app.generation_jobs
         WHERE job_key LIKE 'line-%' ORDER BY job_key`);
    assert.deepEqual(jobs.map(([key, state]) => [key, Number(state)]), [['line-2', 4], ['line-3', 5], ['line-4', 1]]);
    assert.deepEqual(jobs[0].slice(2), ['4', '00:00:32']);
});

test('replay fails loudly: a key that does not work, a server that is away, a file that is wrong', async () => {
    const file = stack.write('one.csv', header + '2024-11-15 16:57:50,T,SUCCEED,1.0,BETA,,,,,,0\n');
    const wrong = stack.write('wrong-keys.json', JSON.stringify({ BETA: `${stack.keys.BETA.slice(0, -1)}~` }));
    const refused = await ctl('replay', file, '--url', stack.ingestUrl, '--keys', wrong, '--partners', '1');
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /401[^]*2 events are not stored/);
    const keys = stack.write('good-keys.json', JSON.stringify(stack.keys));
    const away = await ctl('replay', file, '--url', 'http://127.0.0.1:1', '--keys', keys, '--partners', '1',
        '--patience', '1s');
    assert.equal(away.code, 1);
    assert.match(away.stderr, /2 events are not stored/);
    fs.writeFileSync(file, `${header}2024-11-15 16:57:50,T,DONE,1.0,BETA,,,,,,0\n`);
    const bad = await ctl('replay', file, '--url', stack.ingestUrl, '--keys', keys);
    assert.deepEqual([bad.code, /one\.csv:2: 'DONE'/.test(bad.stderr)], [1, true], bad.stderr);
});

test('simulate leaves no job open when it is told to stop', async () => {
    const keys = stack.write('simulate-keys.json', JSON.stringify({ BETA: stack.keys.BETA }));
    const child = spawn(program, ['simulate', '--url', stack.ingestUrl, '--keys', keys, '--rate', '200', '--seed', '11'],
        { stdio: ['ignore', 'pipe', 'inherit'] });
    let said = '';
    child.stdout.on('data', (chunk) => (said += chunk));
    const jobs = async (where) =>
        Number((await stack.sql(`SELECT count(*) FROM app.generation_jobs WHERE job_key LIKE 'b-%' AND ${where}`))[0][0]);
    await until(() => jobs('state = 3').then((running) => running > 20), 'jobs to run', 30_000);
    child.kill('SIGTERM');
    assert.deepEqual(await once(child, 'close'), [0, null]);
    assert.match(said, /^\d+ events accepted, 0 duplicates, 0 rejected$/m);
    assert.ok((await jobs('state = 6')) > 20, 'open jobs are cancelled');
    assert.ok((await jobs('state <= 3')) <= 3, 'but for the few that are lost on purpose');
});
