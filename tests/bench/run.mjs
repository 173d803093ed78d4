// The product's own figures: ingest beside a plain insert, requests, latency, fan-out, memory.
// Rates depend on the machine; the ratios of one run are what counts.
import fs from 'node:fs';
import { parseArgs } from 'node:util';
import { startStack, until } from '../flow/harness.mjs';
import { ingest } from './ingest.mjs';
import { conflation, fanOut, idleSockets, latency, makePartners, storm } from './sockets.mjs';

const usage = `usage: ./run bench [--only PART] [--seconds N]
       ./run bench --beside raw,…   with other servers, see tests/bench/peers.mjs
  --only PART   ingest or live; both without it
  --seconds N   of each load, 10 without it
MH_BENCH_OUT=FILE gets the figures as JSON.`;

const rows = [];

function report(name, value, unit, note = '') {
    rows.push({ name, value: Number(value), unit, note });
    console.log(`${name.padEnd(52)} ${String(value).padStart(12)} ${unit.padEnd(12)} ${note}`);
}

const round = (value, digits = 1) => Number(value.toFixed(digits));

async function live(stack, seconds) {
    await makePartners(stack, 200);
    const load = { rate: 1000, partners: 200, sockets: 1000 };
    await latency(stack, { ...load, seconds: 2 }); // the first calls of each connection make its plans
    const delays = await latency(stack, { ...load, seconds });
    report('event to socket, 1,000 events/s, 1,000 sockets, p50', round(delays.p50), 'ms', 'POST sent to patch received');
    report('event to socket, 1,000 events/s, 1,000 sockets, p99', round(delays.p99), 'ms', `${delays.count} events of 200 partners (target 25)`);
    await stack.redis.stop();
    const polled = await latency(stack, { rate: 100, partners: 200, sockets: 1000, seconds });
    report('event to socket with Redis dead, the slowest', round(polled.max), 'ms', `${polled.count} events (target 1,500)`);
    await stack.redis.start();
    await until(async () => (await (await fetch(`${stack.hubHttpUrl}/readyz`)).json()).redis.up, 'Redis to be used again');
    const folded = await conflation(stack, { rate: 1000, sockets: 1000, seconds });
    report('one partner, 1,000 events/s, 1,000 viewers: patches', round(folded.patches), '/s each', 'the end exact (target 12)');
    report('  CPU of the hub per event and viewer', round(folded.cpuUs, 3), 'us');
    const fan = await fanOut(stack, { sockets: 1000, seconds });
    report('hub CPU per delivery, 1,000 sockets', round(fan.cpuUs, 2), 'us', `${fan.deliveries} deliveries of ${Math.round(fan.bytes)} B`);
    const idle = await idleSockets(stack, 10_000);
    report('hub memory per connection, 10,000 idle sockets', Math.round(idle.bytes), 'bytes', 'RSS, one subscription each (target 6,000)');
    const back = await storm(stack, 10_000);
    report('10,000 sockets back after the hub was killed', round(back.seconds), 's', '(target 10)');
    report('  queries of the hub meanwhile', back.queries, '', '(target 50)');
}

function options() {
    const { values } = parseArgs({
        options: { only: { type: 'string' }, seconds: { type: 'string' }, help: { type: 'boolean', short: 'h' } },
    });
    const seconds = Number(values.seconds ?? 10);
    if (values.help) {
        console.log(usage);
        process.exit();
    }
    if (![undefined, 'ingest', 'live'].includes(values.only) || !(seconds > 0)) {
        console.error(usage);
        process.exit(2);
    }
    return { only: values.only, seconds };
}

const { only, seconds } = options();
const stack = await startStack({ partners: ['ALPHA', 'BETA', 'GAMMA', 'DELTA'], postgres: { fsync: 'on', log_line_prefix: '%u ' }, ingest: { rate: 10000000 } });
try {
    if (only !== 'live') await ingest(stack, report, seconds);
    if (only !== 'ingest') await live(stack, seconds);
} finally {
    await stack.close();
}
if (process.env.MH_BENCH_OUT) fs.writeFileSync(process.env.MH_BENCH_OUT, JSON.stringify(rows, null, 2));
