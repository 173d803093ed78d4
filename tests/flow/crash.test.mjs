// Any process may be killed at any time, while events are posted and a client watches: each
// acknowledged event is in Postgres exactly once, and the screens end at what SQL says.
// MH_SEED repeats a run's faults, MH_FAULTS makes it longer.
import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { test } from 'node:test';
import { Follower, startStack, until } from './harness.mjs';

const partners = ['ALPHA', 'BETA', 'GAMMA'];
const seed = Number(process.env.MH_SEED ?? Math.floor(Math.random() * 2 ** 31));

/** Mulberry32: small, and the same everywhere. */
function random(state) {
    return () => {
        state = (state + 0x6d2b79f5) | 0;
        let t = Math.imul(state ^ (state >>> 15), 1 | state);
        t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
        return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
    };
}

const faults = {
    async ingest(stack) {
        await stack.ingest.stop('SIGKILL');
        await stack.startIngest();
    },
    async hub(stack) {
        await stack.hub.stop('SIGKILL');
        await stack.startHub();
    },
    async redis(stack) {
        await stack.redis.stop('SIGKILL');
        await stack.redis.start();
    },
    async postgres(stack) {
        await stack.postgres.stop('SIGQUIT');
        await stack.postgres.start();
    },
    async subscription(stack) {
        await stack.redis.command('CLIENT', 'KILL', 'TYPE', 'pubsub');
    },
};

/** Posts job after job, each batch again until it is answered; collects what was acknowledged. */
async function write(stack, code, writer, run) {
    for (let batch = 0; !run.over; batch++) {
        const events = ['requested', 'completed'].flatMap((type) =>
            Array.from({ length: 10 }, (_, i) => stack.event(type, `${writer}-${batch}-${i}`, { tokens: 3 })));
        for (let answered = false; !answered && !run.over; ) {
            const answer = await stack.post(code, events).catch(() => ({ status: 0 }));
            answered = answer.status === 200;
            if (answered) for (const { id } of events) run.acknowledged.add(`${code} ${id}`);
            else {
                assert.ok([0, 429, 503].includes(answer.status), `status ${answer.status}`);
                await pause(20);
            }
        }
    }
}

test('crashes lose nothing and double nothing', async (context) => {
    context.diagnostic(`MH_SEED=${seed}`);
    const stack = await startStack({ partners });
    context.after(() => stack.close());
    const client = await stack.connect(await stack.token(await stack.user({ staff: 'owner' }), 3600));
    const channels = ['platform', ...partners.map((code) => `partner:${code}`)];
    const screens = channels.map((channel) => new Follower(client, `metrics:${channel}`));
    await Promise.all(screens.map((screen) => screen.when(() => true, 'a state')));

    const run = { over: false, acknowledged: new Set() };
    const writers = partners.flatMap((code) => [1, 2].map((writer) => write(stack, code, writer, run)));
    const next = random(seed);
    const names = Object.keys(faults);
    for (let i = 0; i < Number(process.env.MH_FAULTS ?? 10); i++) {
        const before = run.acknowledged.size;
        await until(() => run.acknowledged.size >= before + 400, 'events between two faults', 30_000);
        await faults[names[Math.floor(next() * names.length)]](stack);
    }
    run.over = true;
    await Promise.all(writers);

    const rows = await stack.sql(
        'SELECT p.code, e.ext_id, count(*) FROM app.generation_events e JOIN app.partners p USING (partner_id) GROUP BY 1, 2');
    const stored = new Map(rows.map(([code, id, count]) => [`${code} ${id}`, Number(count)]));
    context.diagnostic(`${run.acknowledged.size} events acknowledged, ${stored.size} stored`);
    assert.deepEqual([...run.acknowledged].filter((event) => !stored.has(event)), [], 'acknowledged and lost');
    assert.deepEqual([...stored].filter(([, count]) => count !== 1), [], 'stored twice');

    const truth = await stack.sql(
        `SELECT coalesce('partner:' || p.code, 'platform'), count(*), count(*) FILTER (WHERE state = 4),
                count(*) FILTER (WHERE terminal_at IS NULL), sum(j.tokens)
         FROM app.generation_jobs j JOIN app.partners p USING (partner_id) GROUP BY ROLLUP (p.code)`);
    assert.equal(truth.length, channels.length);
    for (const [channel, ...numbers] of truth) {
        const expected = numbers.map(Number);
        await screens[channels.indexOf(channel)].when(
            ({ windows: { '30d': window }, now }) =>
                [window.requested, window.completed, now.in_flight, window.tokens]
                    .every((value, i) => value === expected[i]),
            `${channel} to show ${expected}`, 30_000);
    }
    assert.match(await (await fetch(`${stack.hubHttpUrl}/metrics`)).text(), /^mh_hub_drift_total 0$/m);
});
