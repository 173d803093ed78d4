// One chaos run: writers, clients and faults in rounds. A round ends with everything at rest, when the
// screens must show what Postgres has; then its history is judged and the next round begins where it
// ended. All choices come from the seed; the moments at which they fall do not.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { startStack, until } from '../flow/harness.mjs';
import { check, difference, replay } from './checker.mjs';
import { freshState, RawClient, SdkClient } from './clients.mjs';
import { deck, faults } from './faults.mjs';
import { Dice } from './random.mjs';
import { readTruth } from './truth.mjs';
import { Author, Writer } from './writers.mjs';

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const codes = ['ALPHA', 'BETA', 'GAMMA'];
const stuckAfterMs = 30 * 86_400_000;

/* Written down here once more, so that a change of the product's table shows. */
const roles = {
    'staff.owner': ['F0', 'F1', 'F2', 'F3'], 'staff.support': ['F0', 'F1', 'F3'],
    'staff.billing': ['F0', 'F2'], 'staff.viewer': ['F0'],
    'partner.manager': ['F0', 'F1'], 'partner.viewer': ['F0'],
};

const users = [
    ['owner', 'staff.owner', '*'], ['support', 'staff.support', '*'], ['billing', 'staff.billing', '*'],
    ['viewer', 'staff.viewer', '*'], ['manager-a', 'partner.manager', ['ALPHA']],
    ['manager-b', 'partner.manager', ['BETA']], ['viewer-a', 'partner.viewer', ['ALPHA']],
    ['viewer-c', 'partner.viewer', ['GAMMA']],
];

/* Who takes part in a partner's thread (viewers only read), and one who must not learn of it. */
const threads = [
    { code: 'ALPHA', people: ['owner', 'manager-a', 'viewer-a'], outsider: 'manager-b' },
    { code: 'BETA', people: ['support', 'manager-b'], outsider: 'owner' },
];

const ofScopes = (scopes) =>
    scopes.flatMap((scope) => ['metrics', 'jobs'].map((kind) => ({ channel: `${kind}:${scope}`, kind: 'state' })));

/** Options: seed; seconds (of faults in one round); rounds or minutes; log (takes a line); workers; hub
 * and ingest (settings); environment (of the daemons); slow: false (nobody reads slowly);
 * unauthorized: true (session tokens may be refused for a while); startStack (another way to start
 * one); script (async, takes this object: what happens in a round instead of random faults). */
export class Chaos {
    constructor(options) {
        this.options = { seconds: 14, rounds: 3, log: () => {}, ...options };
        this.dice = new Dice(options.seed);
        this.clients = [];
        this.schedule = [];
        this.notes = [];
        this.totals = { events: 0, rounds: 0, faults: 0, frames: 0, resumed: 0, states: 0, folded: 0, digests: 0, messages: 0 };
    }

    log(text) {
        this.options.log(text);
    }

    async start() {
        const picked = this.dice.pick([1, 2]), workers = this.options.workers ?? picked;
        this.log(`${workers} ${workers === 1 ? 'worker' : 'workers'}`);
        this.stack = await (this.options.startStack ?? startStack)({
            partners: codes,
            // Small rings and queues, so that every way back is taken.
            hub: {
                tick: '50ms', ring: 64, queue_soft: '16k', queue_hard: '1M', slow_after: '8s', linger: '2s',
                workers, reconcile_interval: '7s', ping_interval: '5s', stuck_after: `${stuckAfterMs / 86_400_000}d`,
                ...this.options.hub,
            },
            ingest: { workers, message_rate: 100_000, ...this.options.ingest },
            environment: this.options.environment,
        });
        this.users = [];
        for (const [name, role, partners] of users) {
            const [scope, own] = role.split('.');
            const user = await this.stack.user(
                scope === 'staff' ? { name, staff: own } : { name, partner: partners[0], role: own });
            const token = await this.stack.token(user, 86_400);
            this.users.push({ name, role, partners, token, user, classes: new Set(roles[role]) });
        }
        await this.openThreads();
        for (const user of this.users) {
            this.open(SdkClient, user, 'sdk', this.channelsOf(user));
            for (const n of [1, 2]) this.open(RawClient, user, `raw ${n}`, this.channelsOf(user));
        }
        // A tenth of the clients reads slowly, and much, so that its queue at the hub fills.
        this.slow = this.options.slow === false ? [] : this.users.filter(({ partners }) => partners === '*')
            .slice(0, 3).map((user) => this.open(RawClient, user, 'slow', this.everything(user)));
    }

    open(Client, user, kind, channels) {
        const client = new Client(this.stack, { ...user, name: `${user.name} ${kind}`, channels });
        this.clients.push(client);
        return client;
    }

    async openThreads() {
        this.mail = { posted: new Set(), acknowledged: new Set() };
        this.threads = [];
        for (const { code, people, outsider } of threads) {
            const of = (name) => this.users.find((user) => user.name === name);
            const id = await this.stack.metricsctl('thread', 'create', '--database', this.stack.postgres.dsn,
                '--partner', code, '--subject', 'Chaos',
                ...people.flatMap((name) => ['--participant', of(name).user]));
            this.threads.push({ id, code, people: people.map(of), outsider: of(outsider) });
        }
    }

    threadsOf(user) {
        return this.threads.flatMap(({ id, people, outsider }) =>
            people.includes(user) ? [{ channel: `thread:${id}`, kind: 'log' }]
                : outsider === user ? [{ channel: `thread:${id}`, kind: 'closed' }] : []);
    }

    channelsOf(user) {
        const { partners } = user;
        const scopes = partners === '*'
            ? ['platform', `partner:${this.dice.pick(codes)}`]
            : partners.map((code) => `partner:${code}`);
        return [...ofScopes(scopes), ...this.threadsOf(user)];
    }

    everything(user) {
        return [...ofScopes(['platform', ...codes.map((code) => `partner:${code}`)]), ...this.threadsOf(user)];
    }

    screens() {
        return this.clients.flatMap(({ recorder }) => [...recorder.screens.values()]);
    }

    note(text) {
        if (!this.notes.includes(text)) this.notes.push(text);
    }

    /** What a process has said about itself so far must be clean, and it must still be there. */
    examine(name) {
        const child = this.stack[name].child ?? this.stack[name];
        if (child.ended) this.note(`${name} ended by itself: ${child.output.slice(-1000)}`);
        for (const line of child.output.split('\n'))
            if (/drift at|not of the agreed form|Sanitizer: |runtime error: /.test(line)) this.note(line);
    }

    async inject(enough, busy, dice) {
        while (!enough()) {
            const name = dice.pick(deck);
            const { needs, run } = faults[name];
            const own = dice.fork();
            if (!needs.some((need) => busy.has(need))) {
                for (const need of needs) busy.add(need);
                const entry = { round: this.totals.rounds, name, begin: Date.now() };
                this.schedule.push(entry);
                this.totals.faults++;
                await run(this, own).catch((error) => this.note((entry.error = `${name}: ${error.message}`)));
                entry.end = Date.now();
                for (const need of needs) busy.delete(need);
            }
            await pause(dice.integer(50, 700));
        }
    }

    async throttle(run, client, dice) {
        while (!run.over) {
            await pause(dice.integer(200, 1500));
            await client.pause(dice.integer(500, 5000));
        }
    }

    /** Traffic and faults, then rest; returns the round's history. */
    async round() {
        const run = { over: false, posted: new Set(), acknowledged: new Set(), failures: [], unauthorized: this.options.unauthorized };
        this.run = run;
        const number = ++this.totals.rounds;
        const writers = codes.flatMap((code) => [1, 2].map((n) =>
            new Writer(this.stack, run, code, n, number, this.dice.fork()).write()));
        const authors = this.threads.flatMap((thread) => thread.people.filter(({ role }) => role !== 'partner.viewer').map((person) =>
            new Author(this.stack, run, this.mail, thread, person, this.dice.fork()).write()));
        const readers = this.slow.map((client) => this.throttle(run, client, this.dice.fork()));
        try {
            await (this.options.script ?? shuffled)(this);
        } finally {
            run.over = true;
        }
        await Promise.all([...writers, ...authors, ...readers]);
        return this.rest(run, number);
    }

    /* Of the hub that lives at the end of the round; shows that slow readers were slow enough. */
    async countFolded() {
        const text = await (await fetch(`${this.stack.hubHttpUrl}/metrics`)).text();
        this.totals.folded += Number(/^mh_hub_deliveries_folded_total (\d+)/m.exec(text)?.[1] ?? 0);
    }

    async ready() {
        await until(() => this.stack.sql('SELECT 1'), 'Postgres', 30_000);
        for (const url of [this.stack.ingestUrl, this.stack.hubHttpUrl])
            await until(async () => (await fetch(`${url}/readyz`)).ok, `${url} to be ready`, 30_000);
    }

    async askFresh() {
        const fresh = new Map();
        for (const { recorder } of this.clients)
            for (const screen of recorder.screens.values()) {
                if (screen.kind !== 'state') continue;
                const key = `${recorder.who.token} ${screen.channel}`;
                if (!fresh.has(key)) fresh.set(key, await freshState(this.stack, recorder.who.token, screen.channel));
                screen.fresh = fresh.get(key);
                screen.shown = screen.showing?.();
            }
    }

    /* Everything that a judgement needs, of one moment: all in the same minute, else once more. */
    async compare() {
        const truth = await readTruth(this.stack, codes, stuckAfterMs);
        const screens = this.screens().filter(({ kind }) => kind === 'state');
        for (const screen of screens) screen.truth = truth.state(screen.channel, screen.classes);
        let behind = screens.some(({ live, state, truth: expected }) =>
            !live || difference(stripped(state), expected, { slack: true }));
        this.logs = await this.readLogs();
        behind ||= this.screens().some(({ kind, channel, live, offset }) =>
            kind === 'log' && !(live && offset === (this.logs[channel].rows.at(-1)?.seq ?? 0)));
        if (!behind) {
            await this.askFresh();
            behind = screens.some(({ state, fresh }) => difference(stripped(state), stripped(fresh)));
        }
        const again = await readTruth(this.stack, codes, stuckAfterMs);
        return { behind, sameMinute: truth.minute === again.minute };
    }

    async rest(run, number) {
        await this.ready();
        const deadline = Date.now() + (this.options.restSeconds ?? 20) * 1000;
        for (;;) {
            const { behind, sameMinute } = await this.compare().catch((error) => {
                if (Date.now() > deadline) throw error;
                return {};
            });
            if (sameMinute && (!behind || Date.now() > deadline)) break;
            await pause(200);
        }
        for (const name of ['ingest', 'hub', 'redis', 'postgres']) this.examine(name);
        await this.countFolded();
        const messages = { ...this.mail, stored: this.storedMessages() };
        const [[rows]] = await this.stack.sql('SELECT count(*) FROM app.messages');
        return {
            messages, logs: this.logs,
            posted: run.posted, acknowledged: run.acknowledged, stored: await this.stored(number),
            screens: this.screens(), leaks: this.clients.flatMap(({ recorder }) => [...recorder.leaks.values()]),
            counters: {
                'requests refused for good': run.failures.length,
                'messages that are not in the log, or only there': rows - messages.stored.size,
                'bad lines in the logs, bad ends, faults that failed': this.notes.length,
            },
        };
    }

    async readLogs() {
        const logs = {};
        for (const { id } of this.threads) {
            const channel = `thread:${id}`;
            const [[epoch]] = await this.stack.sql(
                `SELECT app.db_epoch() || epoch FROM app.channel_head WHERE channel = '${channel}'`);
            const rows = await this.stack.sql(
                `SELECT seq, payload FROM app.channel_log WHERE channel = '${channel}' ORDER BY seq`);
            logs[channel] = { epoch, rows: rows.map(([seq, payload]) => ({ seq: Number(seq), payload })) };
        }
        return logs;
    }

    /* As the log has them; that the table has the same is a count of its own. */
    storedMessages() {
        const stored = new Map();
        for (const { rows } of Object.values(this.logs))
            for (const { payload } of rows) {
                const { thread, client_id: id } = JSON.parse(payload);
                stored.set(`${thread} ${id}`, (stored.get(`${thread} ${id}`) ?? 0) + 1);
            }
        return stored;
    }

    async stored(number) {
        const rows = await this.stack.sql(`
            SELECT p.code, s.source, e.ext_id, count(*) FROM app.generation_events e
            JOIN app.partners p USING (partner_id) JOIN app.sources s USING (source_id)
            WHERE s.source LIKE '/chaos/${number}/%' GROUP BY 1, 2, 3`);
        return new Map(rows.map(([code, source, id, count]) => [`${code} ${source} ${id}`, Number(count)]));
    }

    judge(history) {
        const violations = check(history);
        const items = history.screens.flatMap((screen) => screen.items);
        this.totals.events += history.acknowledged.size;
        this.totals.messages = history.messages.acknowledged.size;
        this.totals.frames += items.length;
        this.totals.digests += items.filter(({ k, data }) => k === 'pub' && data.h !== undefined).length;
        this.totals.resumed += items.filter(({ k, recovered }) => k === 'sub' && recovered).length;
        this.totals.states += items.filter(({ k, recovered }) => k === 'sub' && !recovered).length;
        if (violations.length) throw this.failure(history, violations);
        const ends = new Map(history.screens.map((screen) => [screen, replay(screen, history.logs).next]));
        for (const { recorder } of this.clients) recorder.next(ends);
    }

    failure(history, violations) {
        const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'metrics-hub-chaos-'));
        const plain = (name, value) => {
            if (value instanceof Set) return [...value];
            return value instanceof Map ? Object.fromEntries(value) : value;
        };
        const { seed } = this.options;
        const write = (name, value) => fs.writeFileSync(path.join(folder, name), JSON.stringify(value, plain, 1));
        write('history.json', history);
        write('violations.json', violations);
        write('run.json', { seed, schedule: this.schedule, notes: this.notes, failures: this.run.failures });
        for (const name of ['hub', 'ingest', 'postgres', 'redis']) {
            const child = this.stack[name].child ?? this.stack[name];
            fs.writeFileSync(path.join(folder, `${name}.log`), child.output);
        }
        const [{ rule, client, channel, message, item }] = violations;
        const lines = this.schedule.filter(({ round }) => round === this.totals.rounds)
            .map(({ name, begin, end, error }) => `  ${new Date(begin).toISOString()} ${name}, ${end - begin} ms${error ? `: ${error}` : ''}`);
        return new Error(
            `seed ${seed}, round ${this.totals.rounds}: ${violations.length} violations, the first:\n` +
            `  ${rule}: ${[client, channel, message].filter(Boolean).join(', ')}\n  ${JSON.stringify(item ?? null).slice(0, 600)}\n` +
            `${[...this.notes, ...this.run.failures.map((failure) => JSON.stringify(failure))].slice(0, 3).map((note) => `  ${note}\n`).join('')}` +
            `faults of this round:\n${lines.join('\n')}\nhistory and logs are in ${folder}`);
    }

    async rounds() {
        const { rounds, minutes } = this.options;
        const end = Date.now() + (minutes ?? 0) * 60_000;
        do {
            this.judge(await this.round());
            const { events, faults: count, frames, resumed, states, folded, digests, messages } = this.totals;
            this.log(`round ${this.totals.rounds}: sound; ${count} faults, ${events} events and ${messages} messages acknowledged, ` +
                `${frames} items on ${this.screens().length} screens, ${resumed} resumed, ${states} states, ${folded} folded, ${digests} digests`);
        } while (minutes ? Date.now() < end : this.totals.rounds < rounds);
    }

    async stop() {
        for (const client of this.clients) client.stop();
        await this.stack?.close();
    }
}

const stripped = ({ t, at, ...members } = {}) => members;

/* The faults of a round: two at a time, never two on one process. A busy machine gets more time, so
 * that a short run means something there too. */
async function shuffled(chaos) {
    const { seconds } = chaos.options, begin = Date.now(), busy = new Set();
    const before = chaos.totals.faults;
    const enough = () => {
        const passed = (Date.now() - begin) / 1000;
        const done = chaos.totals.faults - before >= 8 && chaos.run.acknowledged.size >= 1000;
        return passed >= seconds && (done || passed >= 3 * seconds);
    };
    await Promise.all([1, 2].map(() => chaos.inject(enough, busy, chaos.dice.fork())));
}

/** Runs all of it; rejects with what is wrong. */
export async function runChaos(options) {
    const chaos = new Chaos(options);
    try {
        await chaos.start();
        await chaos.rounds();
        return chaos.totals;
    } finally {
        await chaos.stop();
    }
}
