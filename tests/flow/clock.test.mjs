// The machine's clock jumps by hours, forward and back, under the daemons: nothing is lost, timers go
// on, and the windows are right as soon as the clock is.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { Chaos } from '../chaos/chaos.mjs';
import { metric } from './hub_raw.mjs';
import { build, get, until } from './harness.mjs';

const hour = 3600;
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'metrics-hub-clock-'));
const file = path.join(folder, 'offset');

/* The daemons' clock is the machine's plus so many seconds. Written at once, as they read it at once. */
function setClock(seconds) {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(BigInt(seconds));
    const fd = fs.openSync(file, fs.existsSync(file) ? 'r+' : 'w');
    fs.writeSync(fd, bytes, 0, 8, 0);
    fs.closeSync(fd);
}

const environment = {
    LD_PRELOAD: path.join(build, 'tests/clock_shim.so'), MH_CLOCK_FILE: file,
    ASAN_OPTIONS: `${process.env.ASAN_OPTIONS ?? 'detect_leaks=1'}:verify_asan_link_order=0`,
};

const acknowledged = (chaos, more) => {
    const goal = chaos.run.acknowledged.size + more;
    return until(() => chaos.run.acknowledged.size >= goal, `${more} more events`, 60_000);
};

/* The hub's time, by what the owner's platform screen says. */
function shows(chaos, what, predicate) {
    const screen = chaos.screens().find(({ channel }) => channel === 'metrics:platform');
    return until(() => screen.state && predicate(screen.state), what, 20_000);
}
const offsetOf = ({ partial }) => Number(partial.minute) - Date.now() / 1000;

async function jump(chaos, seconds) {
    const polls = await metric(chaos.stack, 'mh_hub_polls_total');
    setClock(seconds);
    await until(async () => (await metric(chaos.stack, 'mh_hub_polls_total')) > polls + 2, 'polls to go on');
    for (const url of [chaos.stack.ingestUrl, chaos.stack.hubHttpUrl])
        assert.equal((await get(`${url}/readyz`)).status, 200, url);
    await acknowledged(chaos, 200);
}

async function script(chaos) {
    await acknowledged(chaos, 200);
    await jump(chaos, 3 * hour);
    await shows(chaos, 'windows three hours later', (state) =>
        offsetOf(state) > 2.9 * hour && state.windows['5m'].requested === 0 && state.windows['24h'].requested > 0);
    await jump(chaos, 0);
    await shows(chaos, 'windows of now', (state) =>
        Math.abs(offsetOf(state)) < 120 && state.windows['5m'].requested > 0);
    await jump(chaos, -3 * hour);
    await jump(chaos, 0);
}

test('the clock jumps by hours, forward and back', async (context) => {
    setClock(0);
    // Before the time at which a session's token was made, it is not valid yet.
    const chaos = new Chaos({ seed: 5, workers: 1, slow: false, unauthorized: true, script, environment });
    context.after(() => fs.rmSync(folder, { recursive: true }));
    try {
        await chaos.start();
        const history = await chaos.round();
        chaos.judge(history);
        context.diagnostic(`${history.acknowledged.size} events acknowledged`);
        assert.match(chaos.stack.hub.output, /the clock jumped by 1\d{4}\.\d s/);
    } finally {
        await chaos.stop();
    }
});
