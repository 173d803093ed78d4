// The audit trail as an operator meets it: what metricsctl did stands in it, ingest writes anchors into
// its log, and a change that goes past the triggers is found. `doctor` and /v1/admin/explain.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ask, closeAgent, signIn } from './access.mjs';
import { program, startStack, until } from './harness.mjs';

const sqlFolder = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../sql');
let stack;
before(async () => {
    stack = await startStack({ ingest: { sign_in_rate: 1000 } });
});
after(() => {
    closeAgent();
    return stack?.close();
});

/** { code, lines, stderr } of metricsctl; lines are split at tabs. */
function ctl(...words) {
    return new Promise((resolve) =>
        execFile(program('metricsctl'), [...words, '--database', stack.postgres.dsn], (error, stdout, stderr) =>
            resolve({
                code: error ? error.code : 0, stderr,
                lines: stdout.split('\n').filter(Boolean).map((line) => line.split('\t')),
            })));
}

/** Rows past the triggers, as only a superuser can. */
const tamper = (statement) =>
    stack.sql(`BEGIN; ALTER TABLE app.audit_log DISABLE TRIGGER USER; ${statement};
               ALTER TABLE app.audit_log ENABLE TRIGGER USER; COMMIT`);

test('what the operator does stands in the trail', async () => {
    const user = await stack.user({ partner: 'ALPHA', role: 'viewer' });
    assert.equal((await ctl('user', 'role', '--user', user, '--partner', 'ALPHA', '--role', 'developer')).code, 0);
    assert.equal((await ctl('user', 'role', '--user', user, '--role', 'nonsense')).code, 2);
    assert.equal((await ctl('user', 'role', '--user', user, '--role', 'admin')).code, 1, 'a member is not staff');
    await ctl('partner', 'status', '--code', 'BETA', '--status', 'suspended');
    await ctl('partner', 'status', '--code', 'BETA', '--status', 'active');
    const { code, lines } = await ctl('audit', 'list', '--limit', '4');
    assert.equal(code, 0);
    assert.deepEqual(lines.map(([, , actor, outcome, action, target, partner]) => [actor, outcome, action, target, partner]), [
        ['-', 'done', 'user.create', user, 'ALPHA'], ['-', 'done', 'user.roles', user, 'ALPHA'],
        ['-', 'done', 'partner.status', 'BETA', 'BETA'], ['-', 'done', 'partner.status', 'BETA', 'BETA'],
    ]);
});

test('what a person does over HTTP stands there with his name, and a reader sees no more than his role', async () => {
    const owner = await signIn(stack, await stack.user({ name: 'Audit Owner', staff: 'owner' }));
    const viewer = await signIn(stack, await stack.user({ name: 'Audit Viewer', staff: 'viewer' }));
    const created = await ask(stack, 'POST', '/v1/staff', {
        cookie: owner, body: { name: 'New', email: 'canary@audit.example', staff_role: 'ops' },
    });
    assert.equal(created.status, 200, created.text);
    const newest = async (cookie) => (await ask(stack, 'GET', '/v1/audit?action=staff.create&limit=1', { cookie })).body.items[0];
    const seen = await newest(owner);
    assert.deepEqual([seen.actor.name, seen.after.email, seen.ip], ['Audit Owner', 'canary@audit.example', '127.0.0.1']);
    const hidden = await newest(viewer);
    assert.deepEqual([hidden.redacted, hidden.ip, JSON.stringify(hidden).includes('canary')], [['email'], undefined, false]);
});

test('ingest logs an anchor', async () => {
    const [, chain, seq, hash] = await until(
        () => /audit anchor (\d{4}-\d{2}) (\d+) ([0-9a-f]{64})/.exec(stack.ingest.output), 'an anchor', 45_000);
    const rows = await stack.sql(`SELECT to_char(chain, 'YYYY-MM'), seq, encode(hash, 'hex') FROM app.audit_log
                                  WHERE to_char(chain, 'YYYY-MM') = '${chain}' AND seq = ${seq}`);
    assert.deepEqual(rows, [[chain, seq, hash]]);
});

test('a change past the triggers is found at its seq, a cut tail by the anchor', async () => {
    const month = new Date().toISOString().slice(0, 7);
    const whole = await ctl('audit', 'verify');
    assert.deepEqual([whole.code, whole.lines.at(-1)[0], whole.lines.at(-1)[3]], [0, month, 'ok'], whole.stderr);
    assert.equal((await ctl('audit', 'verify', '--chain', '2001-01')).code, 1, 'no such chain');
    assert.equal((await ctl('audit', 'verify', '--chain', 'x')).code, 1);
    await assert.rejects(stack.sql(`UPDATE app.audit_log SET action = 'x' WHERE seq = 3`), /append-only/);

    const [[action]] = await stack.sql('SELECT action FROM app.audit_log WHERE seq = 3');
    await tamper(`UPDATE app.audit_log SET action = 'x' WHERE seq = 3`);
    const changed = await ctl('audit', 'verify', '--chain', month);
    assert.deepEqual([changed.code, changed.lines[0][3]], [1, 'broken at 3']);
    await tamper(`UPDATE app.audit_log SET action = '${action}' WHERE seq = 3`);
    assert.equal((await ctl('audit', 'verify')).code, 0);

    const [[anchored]] = await stack.sql('SELECT max(seq) FROM app.audit_anchor');
    await tamper(`DELETE FROM app.audit_log WHERE seq >= ${anchored} - 1;
                  UPDATE app.audit_head h SET seq = l.seq, hash = l.hash FROM app.audit_log l
                  WHERE l.chain = h.chain AND l.seq = ${anchored} - 2`);
    const cut = await ctl('audit', 'verify');
    assert.deepEqual([cut.code, cut.lines.at(-1)[3]], [1, `broken at ${anchored - 1}`]);
});

test('doctor and explain say why', async () => {
    const user = await stack.user({ name: 'Examined', partner: 'ALPHA', role: 'viewer' });
    await stack.post('ALPHA', [stack.event('requested', 'job-1')]);
    const doctor = (...words) => ctl('doctor', '--sql', sqlFolder, ...words);
    const well = await until(async () => {
        const reply = await doctor();
        return reply.lines.find(([ok, name]) => name === 'last event' && ok === 'ok') && reply;
    }, 'the event to be seen');
    assert.deepEqual(well.lines.filter(([ok]) => ok !== 'ok'), [], well.stderr);
    assert.deepEqual(well.lines.map(([, name]) => name),
        ['schema', 'partitions', 'last event', 'ingest lag', 'keys', 'owner', 'audit anchor']);
    assert.equal(well.code, 0);
    assert.equal((await doctor('--channel', 'jobs:platform')).code, 2, '--channel needs --user');
    assert.equal((await doctor('--user', 'usr_none')).code, 1);

    const failed = (reply) => reply.lines.filter(([ok]) => ok === 'FAIL').map(([, name]) => name);
    assert.deepEqual(failed(await doctor('--user', user, '--channel', 'metrics:partner:ALPHA')), ['session']);
    await signIn(stack, user);
    assert.equal((await doctor('--user', user, '--channel', 'metrics:partner:ALPHA')).code, 0);
    assert.deepEqual(failed(await doctor('--user', user, '--channel', 'audit:partner:ALPHA')), ['permission', 'allowed']);
    assert.deepEqual(failed(await doctor('--user', user, '--channel', 'metrics:partner:BETA')), ['membership', 'role', 'permission', 'allowed']);

    const support = await signIn(stack, await stack.user({ name: 'Support', staff: 'support' }));
    const question = `/v1/admin/explain?user=${user}&channel=metrics:partner:ALPHA`;
    const { status, body } = await ask(stack, 'GET', question, { cookie: support });
    assert.deepEqual([status, body.allowed, body.fields], [200, true, ['F0']]);
    assert.equal((await ask(stack, 'GET', question, { cookie: await signIn(stack, user) })).status, 403);
});
