// The hub beside the raw limit (one send() of shared bytes per delivery) and beside other servers, by
// the load generator of a folder outside the project (MH_BENCH_PEERS): the same scenarios, in turn,
// several rounds; the median of each figure and the ratio to the raw limit.
//
//   ./run bench --beside raw,nchan,… [--rounds N] [--scenarios a1,c,bw,d,e,e0]
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { startStack } from '../flow/harness.mjs';

const run = promisify(execFile);
const here = path.dirname(fileURLToPath(import.meta.url));
const folder = process.env.MH_BENCH_PEERS ?? path.resolve(here, '../../../shared/bench');
const { values: options } = parseArgs({
    options: {
        rounds: { type: 'string', default: '3' },
        scenarios: { type: 'string', default: 'a1,c,bw,d,e,e0' },
        beside: { type: 'string', default: 'raw' },
    },
});
if (!fs.existsSync(path.join(folder, 'wsfan.c'))) {
    console.log(`skipped: no load generator in ${folder}`);
    process.exit(0);
}

// As in the generator's own set; `slow` readers never read. e0 is e without them.
const scenarios = {
    a1: '--n 1000 --m 500 --rate 100 --size 128',
    c: '--n 5000 --k 500 --m 10000 --rate 2000 --size 128 --pub-conns 4',
    bw: '--n 1000 --m 2000 --rate 0 --size 128 --window 32 --pub-conns 32 --nap-ms 5 --timeout 120',
    d: '--n 10000 --m 0 --settle 2 --hold 5',
    e: '--n 1000 --slow 50 --m 1600 --rate 80 --size 2048 --timeout 120 --idle-end 3 --drain 8',
    e0: '--n 950 --m 1600 --rate 80 --size 2048 --timeout 120 --idle-end 3',
};
const targets = { a1: 1.15, c: 1.2 };
const threads = 500;
const built = fs.mkdtempSync(path.join(os.tmpdir(), 'metrics-hub-peers-'));

async function build() {
    await run('gcc', ['-O2', '-w', '-o', path.join(built, 'wsfan'), path.join(folder, 'wsfan.c'), '-pthread']);
    await run('gcc', ['-O2', '-w', '-o', path.join(built, 'rawlimit'), path.join(folder, 'rawlimit.c')]);
    if (peers.some((peer) => ['ws', 'socketio'].includes(peer)))
        await run('npm', ['install', '--silent', '--prefix', path.join(built, 'node'), 'ws', 'socket.io',
            '@socket.io/redis-adapter', 'redis']);
}

async function wsfan(peer, scenario, words) {
    const { stdout } = await run(
        path.join(built, 'wsfan'), ['--peer', peer, '--label', scenario, ...words, ...scenarios[scenario].split(' ')],
        { maxBuffer: 1 << 24, timeout: 200_000 });
    return JSON.parse(stdout.trim().split('\n').at(-1));
}

async function portOpen(port) {
    for (let i = 0; i < 200; i++) {
        const socket = (await import('node:net')).connect(port, '127.0.0.1');
        const open = await Promise.race([once(socket, 'connect').then(() => true), once(socket, 'error').then(() => false)]).catch(() => false);
        socket.destroy();
        if (open) return;
        await new Promise((resolve) => setTimeout(resolve, 25));
    }
    throw new Error(`port ${port} did not open`);
}

/** One run of the raw limit: one process per run, as the generator's own script does. */
async function raw(scenario) {
    const child = spawn(path.join(built, 'rawlimit'), ['18091', '1'], { stdio: 'ignore' });
    try {
        await portOpen(18091);
        return await wsfan('raw', scenario, [
            '--port', '18091', '--path', '/sub/%c', '--style', 'none', '--pub', 'raw', '--pub-port', '18091',
            '--pid', String(child.pid)]);
    } finally {
        child.kill();
        await once(child, 'exit');
    }
}

/** Any other peer, by the generator's own script. */
async function other(peer, scenario) {
    const out = path.join(built, `${peer}.jsonl`);
    fs.rmSync(out, { force: true });
    await run('bash', [path.join(folder, 'run.sh')], {
        env: { ...process.env, PEERS: peer, SCEN: scenario, RUNS: '1', OUT: out, TMP_PEERS: built, QUIET: '1' },
        maxBuffer: 1 << 24,
    });
    return JSON.parse(fs.readFileSync(out, 'utf8').trim().split('\n').at(-1));
}

/**
 * Threads whose rows come by Redis: what is measured is the way from there to the sockets, as with
 * the other servers. A fresh hub for each run, so that its memory is comparable.
 */
class Hub {
    async start() {
        this.stack = await startStack({ partners: ['ALPHA'] });
        const user = await this.stack.user({ staff: 'viewer' });
        await this.stack.sql(
            `WITH t AS (INSERT INTO app.threads (public_id, kind, subject)
                        SELECT 'thr_c' || i, 'group', 'bench' FROM generate_series(0, ${threads - 1}) i
                        RETURNING thread_id, public_id),
                  h AS (INSERT INTO app.channel_head (channel, epoch) SELECT 'thread:' || public_id, 'bench' FROM t)
             INSERT INTO app.thread_participants (thread_id, joined_seq, user_id)
             SELECT t.thread_id, 0, u.user_id FROM t, app.users u WHERE u.public_id = '${user}'`);
        this.token = await this.stack.token(user, 7200);
        [[this.epoch]] = await this.stack.sql(`SELECT app.db_epoch() || 'bench'`);
        // The generator does not sign in.
        await this.stack.redis.command('CONFIG', 'SET', 'requirepass', '');
        const config = fs.readFileSync(this.stack.hubConfig, 'utf8');
        fs.writeFileSync(this.stack.hubConfig, config.replace(`:${this.stack.redis.password}@`, ''));
        await this.stack.hub.stop();
    }

    async run(scenario) {
        await this.stack.startHub();
        try {
            return await wsfan('hub', scenario, [
                '--port', new URL(this.stack.hubHttpUrl).port, '--path', '/connection/websocket',
                '--step', `S:{"id":1,"connect":{"token":"${this.token}"}}`, '--step', 'E:"id":1',
                '--step', 'S:{"id":2,"subscribe":{"channel":"thread:thr_%c"}}', '--step', 'E:"offset"',
                '--auto', '{}={}', '--pub', 'redis', '--pub-port', String(this.stack.redis.port),
                '--pub-chan', 'mh:thread:thr_%c',
                '--pub-body', `{"channel":"thread:thr_%c","epoch":"${this.epoch}","seq":%n,"payload":%p}`,
                '--pid', String(this.stack.hub.process.pid), '--bus-pid', String(this.stack.redis.child.process.pid),
            ]);
        } finally {
            await this.stack.hub.stop('SIGKILL');
        }
    }
}

const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
const figure = (runs, name) => median(runs.map((run) => run[name]));

function report(results) {
    const cost = (peer, scenario) => figure(results[peer][scenario], 'server_cpu_us_per_delivery');
    for (const [peer, byScenario] of Object.entries(results))
        for (const [scenario, runs] of Object.entries(byScenario)) {
            const parts = [peer.padEnd(12), scenario.padEnd(4)];
            if (scenario === 'd') {
                parts.push(`${figure(runs, 'server_rss_bytes_per_conn')} B per idle connection${peer === 'hub' ? ' (target 6,000)' : ''}`);
            } else {
                const us = cost(peer, scenario);
                parts.push(`${us.toFixed(2)} us per delivery`);
                if (peer !== 'raw' && results.raw?.[scenario]?.length)
                    parts.push(`${(us / cost('raw', scenario)).toFixed(2)} x raw${targets[scenario] && peer === 'hub' ? ` (target ${targets[scenario]})` : ''}`);
                parts.push(`p50 ${figure(runs, 'p50_us')} us, p99 ${figure(runs, 'p99_us')} us, lost ${Math.max(...runs.map((run) => run.lost))}`);
                if (scenario === 'e')
                    parts.push(`memory grew ${(median(runs.map((run) => run.rss_peak - run.rss_conn)) / 2 ** 20).toFixed(1)} MB (target 2), ${figure(runs, 'slow_closed')} slow closed`);
            }
            console.log(parts.join('  '));
        }
}

const names = options.scenarios.split(',');
const peers = options.beside.split(',').filter(Boolean);
await build();
const results = { hub: {} };
for (const peer of peers) results[peer] = {};
const hub = new Hub();
await hub.start();
try {
    for (let round = 0; round < Number(options.rounds); round++)
        for (const scenario of names) {
            for (const peer of peers) {
                if (peer === 'raw' ? scenario.startsWith('e') : scenario === 'e0') continue; // the limit has no queues
                const line = await (peer === 'raw' ? raw(scenario) : other(peer, scenario));
                (results[peer][scenario] ??= []).push(line);
                if (process.env.MH_BENCH_OUT) fs.appendFileSync(process.env.MH_BENCH_OUT, `${JSON.stringify(line)}\n`);
            }
            const line = await hub.run(scenario);
            (results.hub[scenario] ??= []).push(line);
            if (process.env.MH_BENCH_OUT) fs.appendFileSync(process.env.MH_BENCH_OUT, `${JSON.stringify(line)}\n`);
            if (process.stderr.isTTY) process.stderr.write(`round ${round + 1}: ${scenario}\n`);
        }
    report(results);
} finally {
    await hub.stack.close();
    fs.rmSync(built, { recursive: true, force: true });
}
