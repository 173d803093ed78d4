// The product's own figures: ingest beside a plain insert, requests, latency, fan-out, memory.
// Rates depend on the machine; the ratios of one run are what counts.
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { startStack } from '../flow/harness.mjs';
import { fanOut, idleSockets, latency } from './sockets.mjs';
import { cpuSeconds } from './process.mjs';

const run = promisify(execFile);
const here = path.dirname(fileURLToPath(import.meta.url));
const rows = [];

function report(name, value, unit, note = '') {
    rows.push({ name, value, unit, note });
    console.log(`${name.padEnd(52)} ${String(value).padStart(12)} ${unit.padEnd(12)} ${note}`);
}

const round = (value, digits = 1) => Number(value.toFixed(digits));

/** Runs `work`, and the CPU seconds that each process tree of `pids` spent meanwhile. */
async function measured(pids, work) {
    const before = Object.fromEntries(Object.entries(pids).map(([name, pid]) => [name, cpuSeconds(pid)]));
    const begin = process.hrtime.bigint();
    const result = await work();
    const seconds = Number(process.hrtime.bigint() - begin) / 1e9;
    const cpu = Object.fromEntries(
        Object.entries(pids).map(([name, pid]) => [name, cpuSeconds(pid) - before[name]]));
    return { result, seconds, cpu };
}

/** The baseline: the same rows into a copy of the events table, 200 at a time, four connections. */
async function plainInsert(stack, batches) {
    await stack.sql(
        'CREATE SCHEMA bench; CREATE TABLE bench.plain (LIKE app.generation_events INCLUDING ALL)');
    const template = `INSERT INTO bench.plain (partner_id, event_id, source_id, ext_id, job_key, attempt,
        type, occurred_at, received_at, api_key_id, environment, late, clamped, historical, data)
        SELECT 1, nextval('app.event_id_seq'), 1, e, j, 1, t, now(), now(), 1, 0, false, false, false, d
        FROM unnest('{IDS}'::text[], '{JOBS}'::text[], '{TYPES}'::smallint[], '{DATA}'::jsonb[])
        AS u(e, j, t, d);\n`;
    const files = Array.from({ length: 4 }, (_, connection) => {
        const statements = [];
        for (let batch = 0; batch < batches / 4; batch++) {
            const fields = { IDS: [], JOBS: [], TYPES: [], DATA: [] };
            for (let i = 0; i < 200; i++) {
                const job = `${connection}-${batch}-${i >> 1}`;
                fields.IDS.push(`${job}-${i}`);
                fields.JOBS.push(job);
                fields.TYPES.push(i % 2 ? 5 : 1);
                fields.DATA.push(`"${JSON.stringify({ job, model: 'sdxl', tokens: 120 }).replaceAll('"', '\\"')}"`);
            }
            statements.push(template.replace(/IDS|JOBS|TYPES|DATA/g, (name) => fields[name].join(',')));
        }
        return stack.write(`plain-${connection}.sql`, statements.join(''));
    });
    return measured({ postgres: stack.postgres.child.process.pid }, () =>
        Promise.all(files.map((file) =>
            run(`${stack.postgres.binaries}/psql`, ['-qX', '-v', 'ON_ERROR_STOP=1', '-d', stack.postgres.dsn, '-f', file]))));
}

/** Load by wrk: `events` per request, unique ids, partners in turn, for `seconds`. */
async function wrk(stack, events, seconds, connections) {
    const pids = { ingest: stack.ingest.process.pid, postgres: stack.postgres.child.process.pid };
    const { result, cpu } = await measured(pids, () =>
        run('wrk', [
            '--threads', '1', '--connections', String(connections), '--duration', `${seconds}s`,
            '--script', path.join(here, 'events.lua'), stack.ingestUrl, '--',
            Object.values(stack.keys).join(','), String(events), randomBytes(6).toString('hex'),
        ]));
    const [, requests, ms, bad] = /requests=(\d+) ms=([\d.]+) bad=(\d+)/.exec(result.stdout);
    if (Number(bad)) throw new Error(`${bad} of ${requests} requests failed\n${result.stdout}`);
    return { requests: Number(requests), seconds: ms / 1000, cpu };
}

async function ingest(stack) {
    const batches = 800;
    const plain = await plainInsert(stack, batches);
    const plainEvents = batches * 200;
    const plainRate = plainEvents / plain.seconds;
    const plainCpu = (plain.cpu.postgres / plainEvents) * 1e6;
    report('plain INSERT ... SELECT unnest, 200 rows', Math.round(plainRate), 'events/s');
    report('  CPU of Postgres', round(plainCpu), 'us/event');
    const batch = await wrk(stack, 200, 10, 16);
    const events = batch.requests * 200;
    const rate = events / batch.seconds;
    const cpu = ((batch.cpu.ingest + batch.cpu.postgres) / events) * 1e6;
    report('POST /v1/events, batches of 200', Math.round(rate), 'events/s', `${round(rate / plainRate, 2)} x plain (target 0.25)`);
    report('  CPU of ingest', round((batch.cpu.ingest / events) * 1e6), 'us/event');
    report('  CPU of ingest and Postgres', round(cpu), 'us/event', `${round(cpu / plainCpu, 1)} x plain`);
    const single = await wrk(stack, 1, 10, 64);
    report('POST /v1/events, one event each', Math.round(single.requests / single.seconds), 'requests/s');
    report('  CPU of ingest', round((single.cpu.ingest / single.requests) * 1e6), 'us/request');
}

async function live(stack) {
    const delays = await latency(stack, { rate: 1000, seconds: 10 });
    report('event to socket at 1,000 events/s, p50', round(delays.p50), 'ms', 'POST sent to patch received, 100 ms tick');
    report('event to socket at 1,000 events/s, p99', round(delays.p99), 'ms', `${delays.count} events`);
    const fan = await fanOut(stack, { sockets: 1000, seconds: 10 });
    report('hub CPU per delivery, 1,000 sockets', round(fan.cpuUs, 2), 'us', `${fan.deliveries} deliveries of ${Math.round(fan.bytes)} B`);
    const idle = await idleSockets(stack, 5000);
    report('hub memory per connection, 5,000 idle sockets', Math.round(idle.bytes), 'bytes', 'RSS, one subscription each');
}

const stack = await startStack({ partners: ['ALPHA', 'BETA', 'GAMMA', 'DELTA'], postgres: { fsync: 'on' }, ingest: { rate: 10000000 } });
try {
    await ingest(stack);
    await live(stack);
} finally {
    await stack.close();
}
if (process.env.MH_BENCH_OUT) fs.writeFileSync(process.env.MH_BENCH_OUT, JSON.stringify(rows, null, 2));
