// Postgres fails over, freezes, and runs out of disk, each under load with screens watching: nothing
// acknowledged is lost, the daemons say that they are degraded, and all comes back by itself.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { Chaos } from '../chaos/chaos.mjs';
import { freePort, Postgres, Stack, until, workersOf } from './harness.mjs';

const run = promisify(execFile);

async function status(url) {
    const response = await fetch(`${url}/readyz`);
    return { status: response.status, ...(await response.json()) };
}

/* One round of the chaos run, with this instead of its faults; its history is judged at the end. */
async function judged(context, script, options = {}) {
    const chaos = new Chaos({ seed: 7, workers: 1, script, restSeconds: 30, ...options });
    try {
        await chaos.start();
        const history = await chaos.round();
        const screens = history.screens.map((screen) => ({ ...screen }));
        chaos.judge(history);
        context.diagnostic(`${history.acknowledged.size} events acknowledged`);
        return { ...history, screens };
    } finally {
        await chaos.stop();
    }
}

const acknowledged = (chaos, more) => {
    const goal = chaos.run.acknowledged.size + more;
    return until(() => chaos.run.acknowledged.size >= goal, `${more} more events`, 60_000);
};

/** Resolves when both daemons say that Postgres is gone, and ingest refuses with 503. */
async function degraded({ stack }) {
    for (const url of [stack.ingestUrl, stack.hubHttpUrl])
        await until(async () => {
            const answer = await status(url);
            return answer.status === 503 && answer.postgres.degraded_since;
        }, `${url} to be degraded`, 60_000);
    await refused({ stack });
}

const refused = ({ stack }) => until(async () => {
    const answer = await stack.post('ALPHA', [stack.event('requested', 'outage', {}, { source: '/probe' })]);
    return answer.status === 503 && Number(answer.headers.get('retry-after')) >= 1;
}, 'a 503', 60_000);

const processes = ({ child }) => [child.process.pid, ...workersOf(child)];

/* A primary whose commits wait for a standby, so that what is acknowledged is on both. */
class Pair extends Stack {
    dsnOf(role) {
        const ports = `${this.postgres.port},${this.standbyPort}`;
        return `host=127.0.0.1,127.0.0.1 port=${ports} target_session_attrs=read-write ` +
            `dbname=postgres user=${role} password=${this.logins[role]}`;
    }

    async migrate() {
        await super.migrate();
        this.standbyPort = await freePort();
        const primary = this.postgres, folder = path.join(this.folder, 'standby');
        const standby = new Postgres(folder, this.standbyPort, primary.settings);
        standby.dsn = primary.dsn.replace(`port=${primary.port}`, `port=${standby.port}`);
        fs.mkdirSync(folder);
        if (process.getuid() === 0) await run('chown', ['postgres:', folder]);
        await run(...primary.unprivileged(`${primary.binaries}/pg_basebackup`, [
            '-D', path.join(folder, 'data'), '-R', '-X', 'stream', '--checkpoint=fast', '--no-sync',
            '-d', `${primary.dsn} application_name=standby`]));
        await standby.start();
        await primary.sql("ALTER SYSTEM SET synchronous_standby_names = 'standby'");
        await primary.sql('SELECT pg_reload_conf()');
        await until(async () => {
            const [row] = await primary.sql("SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync'");
            return row;
        }, 'the standby to be in step');
        this.standby = standby;
    }

    async failOver() {
        for (const pid of processes(this.postgres)) process.kill(pid, 'SIGKILL');
        await this.postgres.child.exited;
        this.postgres = this.standby;
    }

    async close() {
        const both = [this.postgres, this.standby].filter((server) => server && !server.child?.ended);
        await super.close().finally(() => Promise.all(both.map((server) => server.stop('SIGQUIT'))));
    }
}

const starter = (Kind) => async (options) => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'metrics-hub-flow-'));
    fs.chmodSync(folder, 0o755);
    const stack = new Kind(folder, options);
    try {
        return await stack.start();
    } catch (error) {
        await stack.close().catch(() => {});
        throw error;
    }
};

test('the primary dies and the standby takes over: nothing lost, every screen a clean state', async (context) => {
    const { screens } = await judged(context, async (chaos) => {
        // Those that read slowly may need a while for their first state.
        await until(() => chaos.screens().every(({ kind, items }) =>
            kind === 'closed' || items.some(({ k }) => k === 'sub')), 'every screen', 60_000);
        await acknowledged(chaos, 500);
        await chaos.stack.failOver();
        await degraded(chaos);
        await chaos.stack.postgres.sql('SELECT pg_promote()');
        await acknowledged(chaos, 500);
    }, { startStack: starter(Pair) });
    // Another timeline may hold another history under the same numbers: no position of the old one counts.
    for (const { items, client, channel } of screens.filter(({ kind }) => kind !== 'closed')) {
        const epochs = items.filter(({ k }) => k === 'sub').map(({ epoch }) => epoch.slice(0, 8));
        assert.ok(new Set(epochs).size === 2, `${client}, ${channel}: epochs ${epochs}`);
        assert.equal(items.filter(({ k }) => k === 'sub').at(-1).recovered, false);
    }
});

test('Postgres freezes: what hangs is answered 503, and goes on afterwards', async (context) => {
    await judged(context, async (chaos) => {
        await acknowledged(chaos, 300);
        const frozen = processes(chaos.stack.postgres);
        for (const pid of frozen) process.kill(pid, 'SIGSTOP');
        try {
            await degraded(chaos);
            for (const url of [chaos.stack.ingestUrl, chaos.stack.hubHttpUrl])
                assert.equal((await fetch(`${url}/healthz`)).status, 200, 'alive');
        } finally {
            for (const pid of frozen) process.kill(pid, 'SIGCONT');
        }
        await acknowledged(chaos, 300);
    });
});

/* Postgres' folder is a small file system of its own. */
class SmallDisk extends Stack {
    async start() {
        this.mount = path.join(this.folder, 'postgres');
        fs.mkdirSync(this.mount);
        await run('mount', ['-t', 'tmpfs', '-o', 'size=192m,mode=755', 'tmpfs', this.mount]);
        this.mounted = true;
        return super.start();
    }

    /* Takes all that is left. */
    fill() {
        return run('dd', ['if=/dev/zero', `of=${path.join(this.mount, 'ballast')}`, 'bs=64k']).catch(() => {});
    }

    empty() {
        fs.rmSync(path.join(this.mount, 'ballast'));
    }

    async close() {
        try {
            await Promise.all([this.ingest?.stop(), this.hub?.stop()]);
        } finally {
            await this.postgres?.stop('SIGQUIT');
            if (this.mounted) await run('umount', [this.mount]);
        }
        await super.close();
    }
}

/* Without room for its log Postgres may end; whoever runs it starts it again, as systemd does. */
function supervise(stack) {
    const supervisor = { over: false };
    supervisor.done = (async () => {
        while (!supervisor.over) {
            if (stack.postgres.child.ended) await stack.postgres.start().catch(() => {});
            await new Promise((resolve) => setTimeout(resolve, 100));
        }
    })();
    return supervisor;
}

const mayMount = async () => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'metrics-hub-mount-'));
    try {
        await run('mount', ['-t', 'tmpfs', 'tmpfs', folder]);
        await run('umount', [folder]);
        return true;
    } catch {
        return false;
    } finally {
        fs.rmdirSync(folder);
    }
};

test('the disk is full: refused meanwhile, and all goes on once there is room', async (context) => {
    if (!(await mayMount())) return context.skip('needs the right to mount a file system');
    return judged(context, async (chaos) => {
        const supervisor = supervise(chaos.stack);
        try {
            await acknowledged(chaos, 300);
            await chaos.stack.fill();
            await refused(chaos);
            chaos.stack.empty();
            await acknowledged(chaos, 300);
        } finally {
            supervisor.over = true;
            await supervisor.done;
        }
    }, { startStack: starter(SmallDisk) });
});
