// Nothing acknowledged is lost, whatever dies; and everything comes back by itself.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { after, before, beforeEach, test } from 'node:test';
import { ask, closeAgent, signIn } from './access.mjs';
import { startStack, until } from './harness.mjs';

let stack;
before(async () => (stack = await startStack()));
after(() => {
    closeAgent();
    return stack?.close();
});

const ready = async () => (await fetch(`${stack.ingestUrl}/readyz`)).ok;
beforeEach(() => until(ready, 'ingest to be ready', 30_000));

/** Posts batches from several senders until stopped, retrying what is not acknowledged. */
function load(senders = 6) {
    const state = { running: true, acknowledged: new Set(), refused: 0, statuses: new Map() };
    const sender = async (n) => {
        for (let k = 0; state.running; k++) {
            const code = n % 2 ? 'ALPHA' : 'BETA';
            const events = Array.from({ length: 1 + (k % 7) }, (_, i) =>
                stack.event('requested', `load-${n}-${k}-${i}`),
            );
            for (;;) {
                const answer = await stack.post(code, events).catch((error) => ({ error }));
                state.statuses.set(answer.status, (state.statuses.get(answer.status) ?? 0) + 1);
                if (answer.status === 200) {
                    assert.equal(answer.body.accepted + answer.body.duplicate, events.length);
                    for (const event of events) state.acknowledged.add(event.id);
                    break;
                }
                assert.ok(answer.error || answer.status === 503, `status ${answer.status}`);
                if (answer.status === 503) {
                    state.refused++;
                    assert.ok(Number(answer.headers.get('retry-after')) >= 1);
                }
                if (!state.running) break;
                await new Promise((resolve) => setTimeout(resolve, 20));
            }
        }
    };
    state.done = Promise.all(Array.from({ length: senders }, (_, n) => sender(n)));
    state.stop = () => {
        state.running = false;
        return state.done;
    };
    return state;
}

async function assertStored(ids) {
    const rows = await stack.sql('SELECT ext_id, count(*) FROM app.generation_events GROUP BY 1');
    const stored = new Map(rows);
    const missing = [...ids].filter((id) => !stored.has(id));
    assert.deepEqual(missing, []);
    assert.ok([...stored.values()].every((count) => count === '1'), 'stored twice');
}

const ofAlpha = "SELECT 1 FROM app.channel_head WHERE channel = 'feed:partner:ALPHA' FOR UPDATE";

/** Holds what that locks, to begin with what every commit of ALPHA needs; resolves with the function that lets go. */
async function hold(lock = ofAlpha) {
    const sleeping = "state = 'active' AND wait_event = 'PgSleep'";
    const holder = stack.sql(
        `BEGIN; ${lock}; SELECT pg_sleep(600)`,
    ).catch(() => {});
    await until(
        async () => Number((await stack.sql(`SELECT count(*) FROM pg_stat_activity WHERE ${sleeping}`))[0][0]) > 0,
        'the lock',
    );
    return async () => {
        await stack.sql(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE ${sleeping}`);
        await holder;
    };
}

/** Resolves when so many queries of ingest wait for a lock. */
const waiting = (count) => until(async () => Number((await stack.sql(
    `SELECT count(*) FROM pg_stat_activity WHERE usename = 'mh_ingest' AND wait_event_type = 'Lock'`,
))[0][0]) >= count, `${count} queries that wait`);

test('Postgres dies under load: 503 meanwhile, all that was acknowledged is there', async () => {
    const traffic = load();
    await until(() => traffic.acknowledged.size > 200, 'traffic');
    await stack.postgres.stop('SIGQUIT');
    await until(() => traffic.refused > 20, 'refusals');
    const answer = await (await fetch(`${stack.ingestUrl}/readyz`)).json();
    assert.equal(answer.ready, false);
    assert.ok(answer.postgres.degraded_since);
    assert.equal((await fetch(`${stack.ingestUrl}/healthz`)).status, 200);
    await stack.postgres.start();
    await until(ready, 'readiness', 30_000);
    const before = traffic.acknowledged.size;
    await until(() => traffic.acknowledged.size > before + 200, 'traffic again');
    await traffic.stop();
    await assertStored(traffic.acknowledged);
});

test('every backend is terminated again and again: nothing lost, nothing twice', async () => {
    const traffic = load();
    for (let n = 0; n < 6; n++) {
        const before = traffic.acknowledged.size;
        await until(() => traffic.acknowledged.size > before + 50, 'traffic', 30_000);
        await stack.sql(
            `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'mh_ingest'`,
        );
    }
    await until(ready, 'readiness', 30_000);
    await traffic.stop();
    await assertStored(traffic.acknowledged);
});

test('Redis dies: ingest goes on and says so', async () => {
    await stack.redis.stop('SIGKILL');
    await until(
        async () => !(await (await fetch(`${stack.ingestUrl}/readyz`)).json()).redis.up,
        'the loss to be noticed',
    );
    const { status, body } = await stack.post('ALPHA', [stack.event('requested', 'no-redis')]);
    assert.deepEqual([status, body.accepted], [200, 1]);
    assert.ok(await ready());
    const metrics = await (await fetch(`${stack.ingestUrl}/metrics`)).text();
    assert.match(metrics, /^mh_ingest_publish_dropped_total [1-9]/m);
    await stack.redis.start();
    await until(
        async () => (await (await fetch(`${stack.ingestUrl}/readyz`)).json()).redis.up,
        'Redis again', 30_000,
    );
});

test('an event that Postgres cannot take does not refuse the others of its batch', async () => {
    await stack.sql(`
        CREATE FUNCTION app.poisoned() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN RAISE EXCEPTION 'poison'; END $$;
        CREATE TRIGGER poisoned BEFORE INSERT ON app.generation_events
            FOR EACH ROW WHEN (NEW.job_key = 'poison') EXECUTE FUNCTION app.poisoned()`);
    const answers = await Promise.all(
        Array.from({ length: 60 }, (_, n) =>
            stack.post('ALPHA', [stack.event('requested', n % 20 === 7 ? 'poison' : `well-${n}`)]),
        ),
    );
    await stack.sql('DROP TRIGGER poisoned ON app.generation_events; DROP FUNCTION app.poisoned');
    for (const [n, answer] of answers.entries())
        assert.equal(answer.status, n % 20 === 7 ? 500 : 200, `request ${n}`);
});

test('a lock in Postgres fills the queue: 503, and the rest commits when it goes', async () => {
    await stack.ingest.stop();
    stack.write('ingest.conf', `${fs.readFileSync(stack.ingestConfig, 'utf8')}queue_events = 20\n`);
    await stack.startIngest();
    const release = await hold();
    let refused = 0;
    const post = async (n) => {
        const { status } = await stack.post('ALPHA', [stack.event('requested', `queue-${n}`)]);
        if (status === 503) refused++;
        return status;
    };
    const first = post(0);
    await waiting(1);
    const posts = Array.from({ length: 40 }, (_, n) => post(n + 1));
    await until(() => refused === 20, 'the refusals');
    await release();
    const statuses = await Promise.all([first, ...posts]);
    assert.equal(statuses.filter((status) => status === 200).length, 21);
    const [[stored]] = await stack.sql(
        `SELECT count(*) FROM app.generation_events WHERE job_key LIKE 'queue-%'`,
    );
    assert.equal(Number(stored), statuses.filter((status) => status === 200).length);
});

test('what people ask for holds up no event, nor the look-up of its key', async () => {
    const cookie = await signIn(stack, await stack.user({ staff: 'owner' }));
    const key = await stack.key('BETA'); // not in the cache
    const release = await hold('LOCK TABLE app.audit_log');
    const changes = Array.from({ length: 5 }, (_, n) =>
        ask(stack, 'PATCH', '/v1/me', { cookie, body: { name: `Olga ${n}` } }));
    await waiting(2);
    const { status } = await stack.post('BETA', [stack.event('requested', 'meanwhile')], { key });
    assert.equal(status, 200);
    await release();
    for (const change of await Promise.all(changes)) assert.equal(change.status, 200, change.text);
});

test('SIGTERM: what was accepted is answered, the process ends cleanly', async () => {
    const traffic = load();
    await until(() => traffic.acknowledged.size > 100, 'traffic');
    const stopped = stack.ingest.stop('SIGTERM');
    const { code, signal } = await stopped;
    assert.deepEqual([code, signal], [0, null]);
    await traffic.stop();
    await assertStored(traffic.acknowledged);
    const [[recorded]] = await stack.sql(`SELECT count(*) > 0 FROM app.api_requests`);
    assert.equal(recorded, 't');
    await stack.startIngest();
});

test('past the drain timeout what is unconfirmed is refused, and the process still ends cleanly', async () => {
    await stack.ingest.stop();
    stack.write('ingest.conf', `${fs.readFileSync(stack.ingestConfig, 'utf8')}drain_timeout = 1s\n`);
    await stack.startIngest();
    const release = await hold();
    const traffic = load(4); // BETA's events commit, ALPHA's wait
    const stuck = Array.from({ length: 10 }, (_, n) =>
        stack.post('ALPHA', [stack.event('requested', `stuck-${n}`)]).catch(() => ({ status: 0 })),
    );
    await until(
        async () =>
            Number(/^mh_ingest_open_requests (\d+)$/m.exec(
                await (await fetch(`${stack.ingestUrl}/metrics`)).text(),
            )[1]) > 10,
        'requests to wait',
    );
    const { code, signal } = await stack.ingest.stop('SIGTERM');
    assert.deepEqual([code, signal], [0, null]);
    for (const answer of await Promise.all(stuck)) assert.ok([0, 503].includes(answer.status));
    await traffic.stop();
    await release();
    await assertStored(traffic.acknowledged);
    await stack.startIngest();
});
