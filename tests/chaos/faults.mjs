// What is done to the processes. Each fault ends with everything started again (though perhaps not yet
// ready), so that faults may follow each other without a rest and overlap.
import { until, workersOf } from '../flow/harness.mjs';

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/* Processes end while we look at them. */
function signal(pid, name) {
    try {
        process.kill(pid, name);
    } catch (error) {
        if (error.code !== 'ESRCH') throw error;
    }
}

/* A process with its children: workers of a daemon, backends of Postgres. */
async function freeze(child, ms) {
    const pids = [child.process.pid, ...workersOf(child)];
    for (const pid of pids) signal(pid, 'SIGSTOP');
    await pause(ms);
    if (!child.ended) for (const pid of pids) signal(pid, 'SIGCONT');
}

async function restart(chaos, name, how) {
    const { stack } = chaos;
    chaos.examine(name);
    const ending = await stack[name].stop(how);
    if (how === 'SIGTERM' && ending.code !== 0) chaos.note(`${name} ended with ${JSON.stringify(ending)}`);
    await (name === 'ingest' ? stack.startIngest() : name === 'hub' ? stack.startHub() : stack[name].start());
}

async function killClients(chaos, type) {
    await chaos.stack.redis.command('CLIENT', 'KILL', 'TYPE', type, 'SKIPME', 'yes');
}

/* One of several: the supervisor starts it again. */
async function loseWorker(child, dice, action) {
    const pids = workersOf(child);
    if (pids.length) await action(dice.pick(pids));
}

async function freezeWorker(pid, ms) {
    signal(pid, 'SIGSTOP');
    await pause(ms);
    signal(pid, 'SIGCONT');
}

/** name -> what it does, with the dice of this fault. `needs` is what must not be down already. */
export const faults = {
    'kill ingest': { needs: ['ingest'], run: (chaos) => restart(chaos, 'ingest', 'SIGKILL') },
    'kill hub': { needs: ['hub'], run: (chaos) => restart(chaos, 'hub', 'SIGKILL') },
    'end ingest': { needs: ['ingest'], run: (chaos) => restart(chaos, 'ingest', 'SIGTERM') },
    'end hub': { needs: ['hub'], run: (chaos) => restart(chaos, 'hub', 'SIGTERM') },
    'kill redis': { needs: ['redis'], run: (chaos) => restart(chaos, 'redis', 'SIGKILL') },
    'end postgres fast': { needs: ['postgres'], run: (chaos) => restart(chaos, 'postgres', 'SIGINT') },
    'end postgres at once': { needs: ['postgres'], run: (chaos) => restart(chaos, 'postgres', 'SIGQUIT') },
    'kill a backend': {
        needs: ['postgres'],
        async run({ stack }, dice) {
            // The postmaster then restarts all of them.
            const role = dice.pick(['mh_ingest', 'mh_hub']);
            const rows = await until(
                () => stack.sql(`SELECT pid FROM pg_stat_activity WHERE usename = '${role}'`), 'Postgres', 30_000);
            if (rows.length) signal(Number(dice.pick(rows)[0]), 'SIGKILL');
        },
    },
    ...Object.fromEntries(['ingest', 'hub', 'redis', 'postgres'].map((name) => [
        `freeze ${name}`,
        { needs: [name], run: ({ stack }, dice) => freeze(stack[name].child ?? stack[name], dice.integer(300, 4000)) },
    ])),
    ...Object.fromEntries(['ingest', 'hub'].flatMap((name) => [
        [`kill a worker of ${name}`, {
            needs: [name],
            run: ({ stack }, dice) => loseWorker(stack[name], dice, (pid) => signal(pid, 'SIGKILL')),
        }],
        [`freeze a worker of ${name}`, {
            needs: [name],
            run: ({ stack }, dice) => loseWorker(stack[name], dice, (pid) => freezeWorker(pid, dice.integer(300, 4000))),
        }],
    ])),
    // What is published while the hub's subscription is down is lost, and what comes next has a gap.
    'drop publishes': {
        needs: ['redis'],
        async run(chaos, dice) {
            for (let i = dice.integer(3, 8); i > 0; i--) {
                await killClients(chaos, dice.pick(['pubsub', 'pubsub', 'normal']));
                await pause(dice.integer(20, 400));
            }
        },
    },
    'cut clients': {
        needs: [],
        async run({ clients }, dice) {
            for (let i = dice.integer(1, 4); i > 0; i--) {
                for (const client of clients) if (dice.chance(0.4)) client.cut();
                await pause(dice.integer(50, 800));
            }
        },
    },
};

/* Some are worth more: they make what a resume and the sequence check are for. */
const weights = { 'drop publishes': 5, 'cut clients': 4, 'kill hub': 2, 'kill ingest': 2 };
export const deck = Object.keys(faults).flatMap((name) => Array(weights[name] ?? 1).fill(name));
