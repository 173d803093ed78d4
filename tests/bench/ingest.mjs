// Ingest beside a plain insert of the same rows, and single-event requests.
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { cpuSeconds } from './process.mjs';

const run = promisify(execFile);
const here = path.dirname(fileURLToPath(import.meta.url));

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

/** Transactions so far, and the events in them, as ingest counts them. */
async function commits(stack) {
    const text = await (await fetch(`${stack.ingestUrl}/metrics`)).text();
    const read = (name) => Number(new RegExp(`^mh_ingest_${name} (\\S+)`, 'm').exec(text)[1]);
    return { batches: read('batches_total'), events: read('batch_events_sum') };
}

/** Load by wrk: `events` per request, unique ids, partners in turn, for `seconds`. */
async function wrk(stack, { events, seconds, connections }) {
    const pids = { ingest: stack.ingest.process.pid, postgres: stack.postgres.child.process.pid };
    const before = await commits(stack);
    const { result, cpu } = await measured(pids, () =>
        run('wrk', [
            '--threads', '1', '--connections', String(connections), '--duration', `${seconds}s`,
            '--script', path.join(here, 'events.lua'), stack.ingestUrl, '--',
            Object.values(stack.keys).join(','), String(events), randomBytes(6).toString('hex'),
        ]));
    const after = await commits(stack);
    const [, requests, ms, bad] = /requests=(\d+) ms=([\d.]+) bad=(\d+)/.exec(result.stdout);
    if (Number(bad)) throw new Error(`${bad} of ${requests} requests failed\n${result.stdout}`);
    return {
        requests: Number(requests), events: Number(requests) * events, seconds: ms / 1000, cpu,
        commits: after.batches - before.batches,
        batch: (after.events - before.events) / (after.batches - before.batches),
    };
}

const us = (seconds, count) => ((seconds / count) * 1e6).toFixed(1);

async function batches(stack, report, seconds) {
    const count = 800;
    const plain = await plainInsert(stack, count);
    const plainEvents = count * 200;
    const plainRate = plainEvents / plain.seconds;
    report('plain INSERT ... SELECT unnest, 200 rows', Math.round(plainRate), 'events/s');
    report('  CPU of Postgres', us(plain.cpu.postgres, plainEvents), 'us/event');
    const load = await wrk(stack, { events: 200, seconds, connections: 16 });
    const rate = load.events / load.seconds;
    const total = load.cpu.ingest + load.cpu.postgres;
    const times = total / load.events / (plain.cpu.postgres / plainEvents);
    report('POST /v1/events, batches of 200', Math.round(rate), 'events/s',
        `target 20000; ${(rate / plainRate).toFixed(2)} x plain`);
    report('  CPU of ingest', us(load.cpu.ingest, load.events), 'us/event');
    report('  CPU of ingest and Postgres', us(total, load.events), 'us/event', `${times.toFixed(1)} x plain (target 4)`);
}

async function singles(stack, report, seconds, connections) {
    const load = await wrk(stack, { events: 1, seconds, connections });
    report(`POST /v1/events, one event each, ${connections} connections`,
        Math.round(load.requests / load.seconds), 'requests/s');
    report('  CPU of ingest', us(load.cpu.ingest, load.requests), 'us/request', 'target 25');
    report('  CPU of Postgres', us(load.cpu.postgres, load.requests), 'us/request',
        `${Math.round(load.commits / load.seconds)} commits/s, ${load.batch.toFixed(1)} events each`);
}

export async function ingest(stack, report, seconds) {
    await batches(stack, report, seconds);
    await singles(stack, report, seconds, 64);
    await singles(stack, report, seconds, 256);
}
