// Posts numbered events as integrators on bad days do: single and in batches, out of order, twice, and
// again with the same id after 429, 503 or a lost connection; now and then one gives up halfway, and
// then its events may be stored or not.
import { randomUUID } from 'node:crypto';

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Posts numbered messages to a thread, each until it is answered. */
export class Author {
    /** `mail`: { posted, acknowledged }, over all rounds; `run.unauthorized`: a 401 passes, try again. */
    constructor(stack, run, mail, thread, person, dice) {
        Object.assign(this, { stack, run, mail, thread, person, dice });
        this.count = 0;
    }

    async write() {
        while (!this.run.over) {
            const ids = Array.from({ length: this.dice.integer(1, 3) }, () => randomUUID());
            await Promise.all(ids.map((id) => this.deliver(id)));
            await pause(this.dice.integer(20, 300));
        }
    }

    async deliver(id) {
        const key = `${this.thread.id} ${id}`;
        const body = `cnry-${this.thread.code}-F0-m${++this.count} ${'and so on '.repeat(this.dice.integer(0, 30))}`;
        this.mail.posted.add(key);
        for (let attempt = 0; ; attempt++) {
            const status = await this.post({ client_id: id, body });
            if (status === 200 || status === 201) break;
            if (![0, 408, 429, 503].includes(status) && !(status === 401 && this.run.unauthorized))
                return void this.run.failures.push({ status, message: key });
            await pause(20 + Math.min(20 * 2 ** attempt, 400) * this.dice.next());
        }
        this.mail.acknowledged.add(key);
        // A retry of what was answered finds the original.
        if (this.dice.chance(0.1)) await this.post({ client_id: id, body });
        return undefined;
    }

    async post(message) {
        try {
            const response = await fetch(`${this.stack.ingestUrl}/v1/threads/${this.thread.id}/messages`, {
                method: 'POST', body: JSON.stringify(message),
                signal: AbortSignal.timeout(this.dice.chance(0.05) ? this.dice.integer(1, 30) : 6000),
                headers: { authorization: `Bearer ${this.person.token}`, 'content-type': 'application/json' },
            });
            await response.arrayBuffer();
            return response.status;
        } catch {
            return 0;
        }
    }
}

export class Writer {
    /** `run`: { over, posted, acknowledged, failures }; `cut`: chance that a request is cut off. */
    constructor(stack, run, code, number, round, dice) {
        Object.assign(this, { stack, run, code, number, round, dice });
        this.source = `/chaos/${round}/${number}`;
        this.events = 0;
        this.jobs = 0;
        this.past = [];
    }

    key(event) {
        return `${this.code} ${event.source} ${event.id}`;
    }

    event(type, job, at, data) {
        const event = {
            specversion: '1.0', id: `${++this.events}`.padStart(6, '0'), source: this.source, type,
            time: new Date(at).toISOString(), data: { job, ...data },
        };
        this.run.posted.add(this.key(event));
        return event;
    }

    /** Every field class has its canary, which names the partner. */
    texts(job) {
        const { code, dice } = this;
        const word = (name) => `cnry-${code}-${name}-${job.replaceAll('-', '')}`;
        return {
            prompt: `${word('F1')} `.padEnd(dice.integer(20, 400), 'a film of rain on glass '),
            asset_url: `https://assets.example/${word('F1')}`,
            end_user: `cnry-${code}-F3-u${dice.integer(1, 40)}`,
            project: `cnry-${code}-F0-p${dice.integer(1, 3)}`,
            model: dice.pick(['cinema-2', 'sketch-1', 'voice-3']), entrypoint: 'api',
        };
    }

    /** The events of one job's life, up to where it has come. */
    life() {
        const { dice, code } = this;
        const job = `r${this.round}-${this.number}-${++this.jobs}`;
        const texts = this.texts(job);
        let at = Date.now() - dice.integer(0, dice.chance(0.1) ? 400_000 : 20_000);
        const step = () => (at = Math.min(at + dice.integer(5, 9000), Date.now()));
        const events = [this.event('generation.requested', job, at, texts)];
        const add = (type, data = {}) => events.push(this.event(type, job, step(), data));
        const length = dice.integer(0, 9);
        if (length > 0) add('generation.queued');
        if (length > 1) add('generation.started');
        if (length > 2) add('generation.progress', { progress: dice.integer(1, 99) });
        if (length > 3) this.ending(add, `cnry-${code}-F1-e${this.jobs}`);
        if (length > 8) add('publication.published', { lms: 'moodle', external_id: job });
        return events;
    }

    ending(add, message) {
        const { dice } = this;
        // The digits after 13.37 make the amount a canary too.
        const cost = `13.37${dice.integer(1000, 9999)}`;
        const fail = (attempt) => add('generation.failed', { attempt, error_class: 'timeout', error_message: message });
        const kind = dice.next();
        if (kind < 0.15) fail(1);
        else if (kind < 0.22) add('generation.cancelled');
        else if (kind < 0.35) {
            fail(1);
            add('generation.retried', { attempt: 2 });
            add('generation.completed', { attempt: 2, tokens: dice.integer(1, 5000), units: 1, cost });
        } else add('generation.completed', { tokens: dice.integer(1, 5000), units: dice.integer(1, 4), cost });
    }

    /** The next request's events: some jobs' lives, in any order, some twice, some from the past. */
    batch() {
        const { dice } = this;
        let events = Array.from({ length: dice.chance(0.2) ? 1 : dice.integer(1, 12) }, () => this.life()).flat();
        if (dice.chance(0.6)) events = dice.shuffle(events);
        if (dice.chance(0.3)) events.push(...dice.shuffle(events).slice(0, dice.integer(1, 3)));
        if (dice.chance(0.3) && this.past.length) events.push(...dice.pick(this.past));
        this.past.push(dice.shuffle(events).slice(0, 4));
        if (this.past.length > 50) this.past.shift();
        return events;
    }

    async write() {
        while (!this.run.over) {
            const events = this.batch();
            if (this.dice.chance(0.15)) await Promise.all(this.dice.shuffle(events).map((event) => this.deliver([event])));
            else await this.deliver(events);
            await pause(this.dice.integer(5, 60));
        }
    }

    async deliver(events) {
        const givesUp = this.dice.chance(0.03);
        for (let attempt = 0; ; attempt++) {
            const answer = await this.post(events);
            if (answer.status === 200) return this.accept(events, answer.body);
            if (![0, 408, 429, 503].includes(answer.status))
                return void this.run.failures.push({ status: answer.status, body: answer.body, first: events[0] });
            if (givesUp && attempt === 1) return undefined;
            await pause(20 + Math.min(20 * 2 ** attempt, 400) * this.dice.next());
        }
    }

    accept(events, { events: verdicts = [], accepted, duplicate }) {
        const bad = verdicts.filter(({ status }) => status !== 'accepted' && status !== 'duplicate');
        if (bad.length || accepted + duplicate !== events.length)
            this.run.failures.push({ status: 200, body: { accepted, duplicate, bad } });
        for (const event of events) this.run.acknowledged.add(this.key(event));
    }

    async post(events) {
        const single = events.length === 1 && this.dice.chance(0.7);
        const lines = this.dice.chance(0.2);
        const [type, body] = single
            ? ['application/cloudevents+json', JSON.stringify(events[0])]
            : lines
              ? ['application/x-ndjson', events.map((event) => JSON.stringify(event)).join('\n')]
              : ['application/cloudevents-batch+json', JSON.stringify(events)];
        const limit = this.dice.chance(0.05) ? this.dice.integer(1, 30) : 6000;
        try {
            const response = await fetch(`${this.stack.ingestUrl}/v1/events`, {
                method: 'POST', body, signal: AbortSignal.timeout(limit),
                headers: { authorization: `Bearer ${this.stack.keys[this.code]}`, 'content-type': type },
            });
            return { status: response.status, body: await response.json() };
        } catch {
            return { status: 0 };
        }
    }
}
