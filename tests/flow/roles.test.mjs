// Roles, staff and partners' status over HTTP, where SQL alone does not show what happens: at the commit,
// and on the other side of a request.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ask, closeAgent, person } from './access.mjs';
import { startStack, until } from './harness.mjs';

let stack;
let owner;
before(async () => {
    stack = await startStack({ ingest: { sign_in_rate: 1000 } });
    owner = await person(stack, 'staff.owner');
});
after(() => {
    closeAgent();
    return stack?.close();
});

const as = (who, method, where, body) => ask(stack, method, where, { cookie: who.cookie, body });
const verdict = ({ status, body }) => [status, body.reason];

test('the last owner stays, also when two make each other something else at once', async () => {
    const second = await person(stack, 'staff.owner');
    const replies = await Promise.all([
        as(owner, 'PUT', `/v1/users/${second.id}/roles`, { staff_role: 'admin' }),
        as(second, 'PUT', `/v1/users/${owner.id}/roles`, { staff_role: 'admin' }),
    ]);
    const won = replies.findIndex(({ status }) => status === 200);
    const [winner, loser] = won === 0 ? [owner, second] : [second, owner];
    // The other came a moment later: as one who is no owner any more, or as the last but one.
    assert.ok(replies.every(({ status }, i) => i === won || status === 403 || status === 409), JSON.stringify(replies.map(verdict)));
    assert.deepEqual(await stack.sql(`SELECT public_id FROM app.users WHERE staff_role = 'owner' AND status = 'active'`), [[winner.id]]);
    assert.deepEqual(verdict(await as(loser, 'DELETE', `/v1/staff/${winner.id}`)), [403, 'owner_only']);
    owner = winner;
});

test('who is made staff signs in with the link, and is out when he is deactivated', async () => {
    const email = 'staff@roles.example';
    const made = await as(owner, 'POST', '/v1/staff', { name: 'Sam', email, staff_role: 'support' });
    assert.deepEqual([made.status, made.body.role, made.body.status], [200, 'support', 'active'], made.text);
    const signedIn = await ask(stack, 'POST', '/v1/session', { body: { link: made.body.token } });
    assert.equal(signedIn.status, 200, signedIn.text);
    const sam = { cookie: signedIn.headers['set-cookie'][0].split(';')[0] };
    const found = await as(sam, 'GET', '/v1/staff?q=sam');
    assert.deepEqual(found.body.items.map((item) => [item.name, item.email]), [['Sam', email]]);
    assert.equal((await as(owner, 'DELETE', `/v1/staff/${made.body.id}`, { reason: 'left' })).status, 200);
    assert.equal((await as(sam, 'GET', '/v1/staff')).status, 401);
});

test('a custom role gives what is in it and no more, from its next request on', async () => {
    const admin = await person(stack, 'partner.admin');
    const developer = await person(stack, 'partner.developer');
    const role = await as(admin, 'POST', '/v1/roles', {
        partner: 'ALPHA', name: 'Key keeper', base_role: 'partner.developer', permissions: ['keys.read', 'users.read'],
    });
    assert.equal(role.status, 200, role.text);
    const give = (custom_role) => as(admin, 'PUT', `/v1/users/${developer.id}/roles`, {
        memberships: [{ partner: 'ALPHA', role: 'developer', custom_role }],
    });
    assert.equal((await give(role.body.id)).status, 200);
    assert.equal((await as(developer, 'GET', '/v1/api-keys?partner=ALPHA')).status, 200);
    const refused = await as(developer, 'POST', '/v1/api-keys', { partner: 'ALPHA', name: 'x', environment: 'test' });
    assert.deepEqual(verdict(refused), [403, 'forbidden']);
    assert.deepEqual(verdict(await as(admin, 'DELETE', `/v1/roles/${role.body.id}`)), [409, 'in_use']);
    assert.equal((await give(undefined)).status, 200);
    assert.equal((await as(admin, 'DELETE', `/v1/roles/${role.body.id}`)).status, 200);
    assert.equal((await as(developer, 'POST', '/v1/api-keys', { partner: 'ALPHA', name: 'x', environment: 'test' })).status, 200);
});

test('a suspended partner does not post, and its people only read', async () => {
    const admin = await person(stack, 'partner.admin', 'BETA');
    const viewer = await person(stack, 'partner.viewer', 'BETA');
    assert.deepEqual(verdict(await as(owner, 'POST', '/v1/partners/BETA/suspend', {})), [400, 'required']);
    assert.equal((await as(owner, 'POST', '/v1/partners/BETA/suspend', { reason: 'unpaid' })).status, 200);
    await until(async () => (await stack.post('BETA', [stack.event('requested', 'job')])).status === 403, 'its key to be refused');
    assert.equal((await as(admin, 'GET', '/v1/team?partner=BETA')).status, 200);
    assert.equal((await as(admin, 'PUT', `/v1/team/${viewer.id}?partner=BETA`, { role: 'manager' })).status, 403);
    assert.equal((await as(owner, 'POST', '/v1/partners/BETA/activate', {})).status, 200);
    assert.deepEqual(verdict(await as(owner, 'POST', '/v1/partners/BETA/activate', {})), [409, 'wrong_status']);
    assert.equal((await as(admin, 'PUT', `/v1/team/${viewer.id}?partner=BETA`, { role: 'manager' })).status, 200);
    await until(async () => (await stack.post('BETA', [stack.event('requested', 'job')])).status === 200, 'its key to work again');
    const trail = await as(admin, 'GET', '/v1/audit?action=partner.');
    assert.deepEqual(trail.body.items.slice(0, 2).map(({ action, after }) => [action, after.reason]),
        [['partner.activate', undefined], ['partner.suspend', 'unpaid']]);
});
