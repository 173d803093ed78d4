// Nobody sees what is not his, whatever happens in whatever order: random people of random partners do random things
// while every field of every class holds a text that stands nowhere else, and everything that any of
// them is told, and the daemons' logs, is searched for these. Where each may stand is worked out from
// permissions.tsv alone. MH_ISOLATION_SEED repeats a run, MH_ISOLATION_OPERATIONS makes a longer one.
import assert from 'node:assert/strict';
import { randomInt, randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { Dice } from '../chaos/random.mjs';
import { ask, closeAgent, signIn, table } from './access.mjs';
import { startStack, until } from './harness.mjs';
import { Canaries, Ear, Viewer, maySee, quiet } from './isolation_world.mjs';

const OPERATIONS = Number(process.env.MH_ISOLATION_OPERATIONS ?? 10_000);
const seed = Number(process.env.MH_ISOLATION_SEED ?? randomInt(1, 2 ** 31));
const dice = new Dice(seed);
const canaries = new Canaries();
const codes = ['NORTH', 'SOUTH', 'EAST'];
const calm = 'CALM'; // where nothing happens by chance
const people = []; // {viewer, id, cookie, token, ear}
const logs = new Viewer('the logs', {});
let stack, routes, threads, owner;

async function addPerson(name, { staff, memberships = {} }) {
    const viewer = new Viewer(name, { staff: staff && `staff.${staff}`, memberships });
    const [first, ...more] = Object.entries(memberships);
    const id = await stack.user({
        name: canaries.plant({ kind: 'name', of: viewer, with: new Set() }),
        ...(staff ? { staff } : first ? { partner: first[0], role: first[1].split('.')[1] } : {}),
    });
    const mail = canaries.plant({ kind: 'email', of: viewer });
    const domain = canaries.plant({ kind: 'email', of: viewer });
    const notes = canaries.plant({ kind: 'notes' });
    await stack.sql(`UPDATE app.users SET email = '${mail}@${domain}.test', notes = '${notes}' WHERE public_id = '${id}';` +
        more.map(([code, role]) =>
            `INSERT INTO app.memberships (partner_id, user_id, role)
             SELECT p.partner_id, u.user_id, '${role.split('.')[1]}' FROM app.partners p, app.users u
             WHERE p.code = '${code}' AND u.public_id = '${id}'`).join(';'));
    const one = { viewer, id };
    await open(one);
    people.push(one);
    return one;
}

/** Signs in anew; what a session is opened with is a secret to everybody. */
async function open(one) {
    one.cookie = await signIn(stack, one.id);
    canaries.all.set(one.cookie.slice('mh_session='.length), { kind: 'secret' });
}

async function addThread(some) {
    const participants = new Set(some.map(({ viewer }) => viewer.name));
    const id = await stack.metricsctl('thread', 'create', '--database', stack.postgres.dsn, '--partner', 'NORTH',
        '--subject', canaries.plant({ kind: 'message', participants }),
        ...some.flatMap(({ id: user }) => ['--participant', user]));
    for (const what of canaries.all.values())
        if (what.kind === 'name' && participants.has(what.of.name)) for (const name of participants) what.with.add(name);
    return { id, participants };
}

before(async () => {
    stack = await startStack({
        partners: [...codes, calm],
        ingest: { sign_in_rate: 100000, message_rate: 100000 },
        hub: { max_commands: 1000, max_subscriptions: 50, tick: '50ms' },
    });
    for (const daemon of [stack.ingest, stack.hub])
        for (const stream of [daemon.process.stdout, daemon.process.stderr])
            stream.on('data', (chunk) => canaries.look(logs, chunk.toString(), daemon.name));
    for (const role of table.roles) {
        const [scope, name] = role.split('.');
        if (scope === 'staff') await addPerson(role, { staff: name });
        else for (const code of [...codes, calm]) await addPerson(`${role} ${code}`, { memberships: { [code]: role } });
    }
    await addPerson('two', { memberships: { NORTH: 'partner.viewer', SOUTH: 'partner.admin' } });
    await addPerson('moving', { memberships: { NORTH: 'partner.manager' } });
    await addPerson('nobody', {});
    owner = people.find(({ viewer }) => viewer.name === 'staff.owner');
    const named = (...names) => people.filter(({ viewer }) => names.includes(viewer.name));
    threads = [
        await addThread(named('partner.admin NORTH', 'partner.viewer NORTH', 'staff.support')),
        await addThread(named('partner.manager NORTH', 'staff.billing')),
    ];
    routes = (await stack.sql(
        `SELECT name, method, path FROM app.routes WHERE name NOT IN ('user_export', 'me_get', 'me_totp_begin')`))
        .map(([name, method, path]) => ({ name, method, path }));
});

after(async () => {
    closeAgent();
    for (const { ear } of people) await ear?.close();
    await stack?.close();
});

// ---- What can happen -------------------------------------------------------------------------------

const anybody = () => dice.pick(people);

/** As that person; what comes back is looked at, headers and all. */
async function request(one, method, where, options = {}) {
    const reply = await ask(stack, method, where, { cookie: one.cookie, ...options });
    const session = one.cookie.slice('mh_session='.length);
    canaries.look(one.viewer, reply.raw.join('\n').replaceAll(session, '') + reply.text, `${method} ${where}`);
    assert.ok(reply.status < 500, `${method} ${where}: ${reply.text}`);
    return reply;
}

let jobs = 0;
function event(code) {
    const of = (kind) => canaries.plant({ kind: 'job', class: kind, partner: code });
    const type = dice.pick(['requested', 'queued', 'started', 'progress', 'completed', 'failed', 'retried', 'cancelled']);
    const job = dice.chance(0.3) ? `${code}-${++jobs}` : `${code}-${dice.integer(1, 40)}`;
    const maybe = (p, name, value) => (dice.chance(p) ? { [name]: value() } : {});
    return stack.event(type, job, {
        ...maybe(0.5, 'prompt', () => of('1')), ...maybe(0.3, 'error_message', () => of('1')),
        ...maybe(0.3, 'asset_url', () => `https://${of('1')}.test/`), ...maybe(0.5, 'end_user', () => of('3')),
        ...maybe(0.5, 'cost', () => canaries.plantCost({ kind: 'job', class: '2', partner: code })),
        ...maybe(0.5, 'model', () => of('0')), ...maybe(0.5, 'project', () => of('0')),
        ...maybe(0.02, 'units', () => of('1')), // refused, and the reason says why
    });
}

/** Of one partner, some of them refused; the answer is the partner's. */
async function postEvents() {
    const code = dice.pick(codes);
    const events = Array.from({ length: dice.integer(5, 30) }, () => event(code));
    const { status, body } = await stack.post(code, events);
    assert.equal(status, 200);
    canaries.look(new Viewer('its key', { memberships: { [code]: 'partner.admin' } }), JSON.stringify(body), 'POST /v1/events');
    return events.length;
}

/** A list or a thing, of one's own or of somebody else; sometimes as CSV, searched or paged. */
async function read() {
    const one = anybody();
    const route = dice.pick(routes.filter(({ method }) => method === 'GET'));
    const target = dice.pick(people).id;
    const query = new URLSearchParams({
        ...(dice.chance(0.4) && { limit: String(dice.integer(1, 200)) }),
        ...(dice.chance(0.3) && { partner: dice.pick(codes) }),
        ...(dice.chance(0.2) && { q: dice.pick(['cnry', 'c', 'a', '.test', target]) }),
        ...(dice.chance(0.2) && { format: 'csv' }),
        ...(route.name === 'explain' && { user: target, channel: `jobs:partner:${dice.pick(codes)}` }),
    });
    await request(one, 'GET', `${route.path.replace('{}', target)}?${query}`);
    return 1;
}

const wrong = [{}, { name: 7 }, { partner: 'NORTH' }, { reason: 'x' }, { memberships: [{ partner: 'SOUTH', role: 'owner' }] },
    { email: 'no address' }, { permissions: ['staff.manage'], name: 'x', base_role: 'partner.viewer' }];

/** What is mostly refused, for the words of the refusal. The owner and the moving one do not, lest they change. */
async function provoke() {
    const one = dice.pick(people.filter(({ viewer }) => viewer.name.includes('viewer') || viewer.name === 'nobody'));
    const route = dice.pick(routes.filter(({ method, name }) => method !== 'GET' && !name.startsWith('me_')));
    await request(one, route.method, route.path.replace('{}', dice.pick(people).id), { body: dice.pick(wrong) });
    return 1;
}

const kinds = ['metrics', 'jobs', 'audit', 'keys', 'wallet'];
const channel = () => dice.chance(0.1) ? `thread:${dice.pick(threads).id}`
    : dice.chance(0.3) ? `${dice.pick(kinds)}:platform` : `${dice.pick(kinds)}:partner:${dice.pick(codes)}`;

/** A connection for the first time, or anew, for what was missed. */
async function comeBack(one) {
    const positions = one.ear?.positions ?? new Map();
    await one.ear?.close();
    const reply = await ask(stack, 'POST', '/v1/token', { cookie: one.cookie });
    if (reply.status !== 200) return;
    const ear = new Ear(one.viewer, canaries, stack.hubUrl, reply.body.token);
    await ear.opened;
    one.ear = ear;
    for (const [name, position] of positions) {
        ear.positions.set(name, position);
        await ear.subscribe(name, true);
    }
}

/** Comes, asks, leaves, comes back. */
async function listen() {
    const one = anybody();
    if (one.coming) return 0;
    if (!one.ear || one.ear.over || dice.chance(0.03)) {
        one.coming = true;
        await comeBack(one);
        one.coming = false;
        return 1;
    }
    const name = channel();
    const done = dice.pick([
        () => one.ear.subscribe(name, dice.chance(0.5)), () => one.ear.subscribe(name, true),
        () => one.ear.unsubscribe(name), () => one.ear.ask({ presence: { channel: name } }),
        () => one.ear.ask({ history: { channel: name, limit: 50 } }),
        () => one.ear.ask({ rpc: { method: dice.pick(['whoami', 'channels', 'check']), data: { channel: name } } }),
        () => one.ear.ask({ publish: { channel: name, data: { x: 1 } } }),
    ]);
    await done();
    return 1;
}

async function write() {
    const place = dice.pick(threads);
    const one = dice.chance(0.8)
        ? people.find(({ viewer }) => viewer.name === dice.pick([...place.participants])) ?? anybody() : anybody();
    const token = (await ask(stack, 'POST', '/v1/token', { cookie: one.cookie })).body.token;
    await request(one, 'POST', `/v1/threads/${place.id}/messages`, {
        headers: { authorization: `Bearer ${token}` },
        body: { client_id: randomUUID(), body: canaries.plant({ kind: 'message', participants: place.participants }) },
    });
    return 1;
}

/** Names and secrets that come to be while others look. */
async function change() {
    const code = dice.pick(codes);
    const admin = people.find(({ viewer }) => viewer.name === `partner.admin ${code}`);
    const actor = dice.chance(0.5) ? owner : admin;
    if (dice.chance(0.4)) {
        const name = canaries.plant({ kind: 'key', partner: code });
        const reply = await ask(stack, 'POST', '/v1/api-keys', { cookie: actor.cookie, body: { partner: code, name, environment: 'test' } });
        if (reply.status === 200) canaries.all.set(reply.body.key, { kind: 'secret' });
    } else if (dice.chance(0.3)) {
        await request(owner, 'POST', `/v1/wallet/entries?partner=${code}`, {
            body: { amount: dice.integer(1, 9), reason: canaries.plant({ kind: 'tokens', partner: code }), idempotency_key: randomUUID() },
        });
    } else if (dice.chance(0.5)) {
        const address = canaries.plant({ kind: 'address', partner: code });
        await request(actor, 'POST', '/v1/invitations', {
            body: { email: `${address}@example.test`, name: 'Invited', partner: code, role: 'viewer' },
        });
    } else {
        await request(owner, 'PATCH', `/v1/users/${anybody().id}`, { body: { notes: canaries.plant({ kind: 'notes' }) } });
    }
    return 1;
}

/** One of them changes places, with its screens open; one move at a time. */
let moved = Promise.resolve();
const move = () => (moved = moved.then(changePlaces));
async function changePlaces() {
    const one = people.find(({ viewer }) => viewer.name === 'moving');
    const [code, role] = [dice.pick(codes), dice.pick(table.roles.filter((name) => name.startsWith('partner.')))];
    one.viewer.become({ ...Object.fromEntries(one.viewer.memberships), [code]: role });
    await stack.sql(
        `DELETE FROM app.memberships m USING app.users u WHERE u.user_id = m.user_id AND u.public_id = '${one.id}';
         INSERT INTO app.memberships (partner_id, user_id, role)
         SELECT p.partner_id, u.user_id, '${role.split('.')[1]}' FROM app.partners p, app.users u
         WHERE p.code = '${code}' AND u.public_id = '${one.id}'`);
    one.viewer.become({ [code]: role });
    return 1;
}

const happenings = [[postEvents, 12], [read, 50], [listen, 60], [provoke, 8], [write, 8], [change, 6], [move, 0.3]];
function happening() {
    let n = dice.next() * happenings.reduce((sum, [, weight]) => sum + weight, 0);
    return happenings.find(([, weight]) => (n -= weight) < 0)[0];
}

function report() {
    const first = canaries.leaks.slice(0, 5).map((leak) => JSON.stringify({
        ...leak, what: leak.what?.kind ? { ...leak.what, of: leak.what.of?.name, with: undefined, participants: undefined } : leak.what,
    }));
    return `seed ${seed}: ${canaries.leaks.length} leaks\n${first.join('\n')}`;
}

test('no canary anywhere but where the table says', async (context) => {
    context.diagnostic(`seed ${seed}`);
    const counts = {};
    let operations = 0;
    await Promise.all(Array.from({ length: 6 }, async () => {
        while (operations < OPERATIONS && canaries.leaks.length < 20) {
            const what = happening();
            const n = await what();
            counts[what.name] = (counts[what.name] ?? 0) + n;
            operations += n;
        }
    }));
    await quiet(people.flatMap(({ ear }) => ear ?? []));
    assert.equal(canaries.leaks.length, 0, report());
    context.diagnostic(`${operations} operations ${JSON.stringify(counts)}, ${canaries.all.size} canaries, ${canaries.seen.size} sightings`);
    assert.ok(operations >= OPERATIONS && canaries.seen.size > 1000);
});

test('what the table lets one see is seen', async () => {
    const planted = [];
    await until(() => people.every(({ viewer }) => viewer.settled), 'all access to be what it is now');
    for (const one of people) {
        one.ear?.positions.clear();
        await comeBack(one);
        if (!one.ear || one.ear.over) continue;
        for (const code of codes) await one.ear.subscribe(`jobs:partner:${code}`);
    }
    for (const code of codes) {
        const of = (kind) => canaries.plant({ kind: 'job', class: kind, partner: code });
        const [model, prompt, user, error] = ['0', '1', '3', '1'].map(of);
        const cost = canaries.plantCost({ kind: 'job', class: '2', partner: code });
        planted.push(model, prompt, user, error, cost);
        await stack.post(code, [
            stack.event('requested', `${code}-last`, { model, prompt, end_user: user }),
            stack.event('failed', `${code}-last`, { cost, error_message: error }),
        ]);
    }
    for (const { viewer } of people)
        for (const mark of planted)
            if (maySee(viewer, canaries.all.get(mark)))
                await until(() => canaries.seen.has(`${viewer.name} ${mark}`), `${viewer.name} to see ${JSON.stringify(canaries.all.get(mark))}`);
    await quiet(people.flatMap(({ ear }) => ear ?? []));
    assert.equal(canaries.leaks.length, 0, report());
});

// ---- Non-interference ------------------------------------------------------------------------------

/** Bytes of a channel's publications as that person gets them, and the state of one who comes later. */
async function transcript(one, name, during) {
    const token = async () => (await ask(stack, 'POST', '/v1/token', { cookie: one.cookie })).body.token;
    const ear = new Ear(one.viewer, canaries, stack.hubUrl, await token());
    const frames = [];
    const hear = ear.hear.bind(ear);
    ear.socket.removeAllListeners('message');
    ear.socket.on('message', (data) => {
        // Checks come with the clock, publications with what happened.
        frames.push(...data.toString().split('\n').filter((line) => line.includes('"offset":') && line.includes('"push"')));
        hear(data.toString());
    });
    await ear.opened;
    await ear.subscribe(name);
    await during();
    await quiet([ear]);
    const late = new Ear(one.viewer, canaries, stack.hubUrl, await token());
    await late.opened;
    const { subscribe } = await late.subscribe(name);
    await Promise.all([ear.close(), late.close()]);
    // What differs between two runs with nothing hidden is the time.
    const timeless = (text) => text.replaceAll(/\d{13}/g, '0'.repeat(13));
    return { frames: frames.map(timeless), state: timeless(JSON.stringify(subscribe.data)), offset: subscribe.offset, ear };
}

test('a hidden field changes no byte, size or offset of those who may not see it', async () => {
    const lower = people.find(({ viewer }) => viewer.name === 'partner.viewer CALM');
    const upper = people.find(({ viewer }) => viewer.name === 'staff.owner');
    const at = new Date(Date.now() - 5000).toISOString();
    const send = (type, job, data) => stack.post('CALM', [stack.event(type, job, data, { time: at })]);
    await send('requested', 'quiet', { prompt: 'a', cost: '0.1', end_user: 'a' });

    // Nothing but hidden fields changes: nothing comes.
    const change = () => send('requested', 'quiet', { prompt: 'z'.repeat(9000), cost: '9.9', error_message: 'zzz' });
    const seen = {};
    for (const [name, one] of [['lower', lower], ['upper', upper]]) {
        const before = await transcript(one, 'jobs:partner:CALM', () => {});
        seen[name] = { before, after: await transcript(one, 'jobs:partner:CALM', name === 'lower' ? change
            : () => send('requested', 'quiet', { prompt: 'zz'.repeat(4600) })) };
    }
    assert.deepEqual(seen.lower.after.frames, [], 'no frame');
    assert.equal(seen.lower.after.state, seen.lower.before.state);
    assert.equal(seen.lower.after.offset, seen.lower.before.offset);
    assert.equal(seen.upper.after.frames.length, 1, 'who may see it is told');
    assert.notEqual(seen.upper.after.state, seen.upper.before.state);

    // The same job twice, with other hidden values: the same bytes.
    const runs = [];
    for (const [job, data] of [['same-1', { prompt: 'a', cost: '1.5', asset_url: 'https://a.test/' }],
        ['same-2', { prompt: 'b'.repeat(12_000), cost: '99999.123456', asset_url: `https://${'b'.repeat(500)}.test/`, error_message: 'e'.repeat(400) }]])
        runs.push(await transcript(lower, 'jobs:partner:CALM', async () => {
            await send('requested', job, data);
            await send('completed', job, data);
        }));
    const bytes = ({ frames }) => frames.map((frame) => frame.replaceAll(/same-\d/g, 'same-0').replace(/"offset":\d+/, '')
        .replace(/"from":\d+,"to":\d+/, ''));
    assert.ok(runs[0].frames.length > 0);
    assert.deepEqual(bytes(runs[1]), bytes(runs[0]));
});

test('a hidden address changes no byte of a directory', async () => {
    const lower = people.find(({ viewer }) => viewer.name === 'partner.manager CALM');
    const target = people.find(({ viewer }) => viewer.name === 'partner.developer CALM');
    const upper = people.find(({ viewer }) => viewer.name === 'partner.admin CALM');
    const list = async (one) => [(await request(one, 'GET', '/v1/users?partner=CALM')).text, (await request(one, 'GET', `/v1/users/${target.id}`)).text];
    const earlier = { lower: await list(lower), upper: await list(upper) };
    await stack.sql(`UPDATE app.users SET email = 'another.${'x'.repeat(100)}@other.test', notes = 'n' WHERE public_id = '${target.id}'`);
    assert.deepEqual(await list(lower), earlier.lower);
    assert.notDeepEqual(await list(upper), earlier.upper);
});
