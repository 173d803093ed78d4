// A real trace through the real processes, as fast as they go: the hub's numbers, read by the real
// SDK, equal what is computed here from the file and what is known of it.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Follower, startStack } from './harness.mjs';

const trace =
    process.env.MH_TRACE ??
    path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../../shared/data/lora_request_trace.csv');
const skip = fs.existsSync(trace) ? false : `the trace is not here: ${trace}`;

/** Element floor(p * (n - 1)) of the sorted values. */
const quantile = (sorted, p) => sorted[Math.floor(p * (sorted.length - 1))];

/** What must be on the screens: of the platform and of each tenant with 40 successes. */
function oracle() {
    const [header, ...lines] = fs.readFileSync(trace, 'utf8').trimEnd().split(/\r?\n/);
    const names = header.split(',');
    const rows = lines.map((line) => {
        const cells = line.split(',');
        return Object.fromEntries(names.map((name, i) => [name, cells[i]]));
    });
    const summary = (mine) => {
        const of = (status) => mine.filter((row) => row.predict_status === status);
        const succeeded = of('SUCCEED');
        const failed = of('FAILED');
        return {
            requested: mine.length, completed: succeeded.length, failed: failed.length,
            open: mine.length - succeeded.length - failed.length,
            units: [...succeeded, ...failed].reduce((sum, row) => sum + Number(row.num_images_per_prompt), 0),
            durations: succeeded.map((row) => Number(row.exec_time_seconds) * 1000).sort((a, b) => a - b),
        };
    };
    const tenants = new Map();
    for (const row of rows) tenants.set(row.groupId, [...(tenants.get(row.groupId) ?? []), row]);
    const large = [...tenants].map(([code, mine]) => [code, summary(mine)])
        .filter(([, tenant]) => tenant.completed >= 40);
    return { all: summary(rows), tenants: new Map(large) };
}

function assertWindow(window, expected, name) {
    for (const count of ['requested', 'completed', 'failed', 'units'])
        assert.equal(window[count], expected[count], `${name}: ${count}`);
    for (const [field, p] of [['p50_ms', 0.5], ['p95_ms', 0.95], ['p99_ms', 0.99]]) {
        const exact = quantile(expected.durations, p);
        const tolerance = expected.completed <= 1000 ? 0 : exact * 0.01 + 1;
        assert.ok(Math.abs(window[field] - exact) <= tolerance, `${name}: ${field} ${window[field]}, expected ${exact}`);
    }
    const rate = expected.completed / (expected.completed + expected.failed);
    assert.ok(Math.abs(window.success_rate - rate) < 1e-6, `${name}: success rate`);
}

async function replay(context, extra) {
    const stack = await startStack({ partners: [] });
    context.after(() => stack.close());
    const keys = path.join(stack.folder, 'keys.json');
    await stack.metricsctl('replay-setup', trace, '--database', stack.postgres.dsn, '--keys', keys);
    const client = await stack.connect(await stack.token(await stack.user({ staff: 'owner' })));
    const platform = new Follower(client, 'metrics:platform');
    await platform.when(() => true, 'a state');
    const said = await stack.metricsctl('replay', trace, '--url', stack.ingestUrl, '--keys', keys, ...extra);
    context.diagnostic(said.split('\n').at(-1));
    return { stack, client, platform, said };
}

/** Every number the trace's description gives and this product shows, and every tenant's. */
async function assertOracle({ client, platform }) {
    const { all, tenants } = oracle();
    assert.deepEqual([all.completed, all.failed, all.open, tenants.size], [26392, 398, 33, 73]);
    await platform.when(
        ({ windows, now }) =>
            windows['30d'].completed === all.completed && windows['30d'].failed === all.failed &&
            now.in_flight === all.open,
        'the platform to have every job', 60_000);
    assertWindow(platform.state.windows['30d'], all, 'platform');
    assert.deepEqual([0.5, 0.95, 0.99].map((p) => quantile(all.durations, p)), [23_000, 70_000, 106_000]);

    const followers = new Map([...tenants.keys()].map((code) => [code, new Follower(client, `metrics:partner:${code}`)]));
    for (const [code, tenant] of tenants) {
        const state = await followers.get(code).when(
            ({ windows }) => windows['30d'].requested === tenant.requested, `${code} to have every job`);
        assertWindow(state.windows['30d'], tenant, code);
        assert.equal(state.now.in_flight, tenant.open, `${code}: in flight`);
    }
    const slower = (ms) => [...followers.values()].filter(({ state }) => state.windows['30d'].p95_ms > ms).length;
    assert.deepEqual([60_000, 70_000, 120_000].map(slower), [28, 22, 2], 'tenants whose p95 is over 60, 70, 120 s');
}

test('the hub shows the numbers of the trace', { skip }, async (context) => {
    const run = await replay(context, []);
    await assertOracle(run);
    const drift = await (await fetch(`${run.stack.hubHttpUrl}/metrics`)).text();
    assert.match(drift, /^mh_hub_drift_total 0$/m);
});

test('duplicates, disorder, delays, damage and a crash change none of them', { skip }, async (context) => {
    const run = await replay(context, ['--chaos', 'on']);
    await assertOracle(run);
    const [[rejects]] = await run.stack.sql('SELECT count(*) FROM app.event_rejects');
    assert.ok(Number(rejects) > 0, 'the damaged events are kept');
    const [[events]] = await run.stack.sql('SELECT count(*) FROM app.generation_events');
    assert.equal(Number(events), 26823 + 26392 + 398, 'each event once');
});
