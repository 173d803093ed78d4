// Judges recorded histories; touches no process and no clock. A history is
//   posted, acknowledged   Set of event keys;  optional: Set of keys that may be stored or not
//   stored                 Map of event key -> how many rows
//   messages               { acknowledged: Set of `thread client-id`, stored: Map key -> rows }
//   logs                   { channel: { epoch, rows: [{ seq, payload }] } }, as Postgres has them
//   screens                one per client and channel, see below
//   leaks                  [{ client, role, channel, partner, class, at }]: canaries that were seen
//   counters               { name: value } that must all be zero
// and a screen
//   client, channel, kind ('state' | 'log' | 'closed': not for this client), classes (Set), partners ('*' | [codes])
//   start                  { live, epoch, offset, state } from the history before, or absent
//   items                  what the socket carried, in order:
//     sub      reply to a subscribe: asked ({ epoch, offset } | undefined), epoch, offset, recovered,
//              data, publications
//     history  reply to a history command: since, epoch, offset, publications
//     pub      publication: offset, data
//     unsub    the hub ended the subscription; cut: the connection ended
//     refused  error reply to a subscribe: code, temporary
//   truth, fresh, shown    what Postgres, a new subscriber and the SDK's user have (state channels)
// `check` returns the violations, worst first by place in the history; none means that it is sound.
import { digest } from './digest.mjs';

/** RFC 7396, without a change to its arguments' nested objects that somebody else holds. */
function merge(target, patch) {
    if (patch === null || typeof patch !== 'object' || Array.isArray(patch)) return patch;
    const merged =
        target !== null && typeof target === 'object' && !Array.isArray(target) ? { ...target } : {};
    for (const [name, value] of Object.entries(patch)) {
        if (value === null) delete merged[name];
        else merged[name] = merge(merged[name], value);
    }
    return merged;
}

const isPercentile = (name) => /^(queue_)?p\d+_ms$/.test(name);
const isObject = (value) => value !== null && typeof value === 'object';

/** The first difference as text, or undefined. `slack`: percentiles may differ by a sketch's error. */
export function difference(actual, expected, { slack = false } = {}, path = '') {
    if (isObject(actual) && isObject(expected)) {
        for (const name of new Set([...Object.keys(expected), ...Object.keys(actual)])) {
            const found = difference(actual[name], expected[name], { slack }, `${path}/${name}`);
            if (found) return found;
        }
        return undefined;
    }
    if (Object.is(actual, expected)) return undefined;
    const name = path.slice(path.lastIndexOf('/') + 1);
    if (slack && isPercentile(name) && typeof actual === 'number' && typeof expected === 'number' &&
        Math.abs(actual - expected) <= Math.max(1, 0.02 * expected))
        return undefined;
    return `${path || '/'}: ${JSON.stringify(actual)}, not ${JSON.stringify(expected)}`;
}

const content = ({ t, at, ...members }) => members;

/** Follows one screen's items; the part that both kinds of channels share. */
class Replay {
    constructor(screen) {
        this.screen = screen;
        this.violations = [];
        this.live = screen.start?.live ?? false;
        this.epoch = screen.start?.epoch;
        this.offset = screen.start?.offset;
        this.state = screen.start?.state;
        this.highest = new Map(this.epoch === undefined ? [] : [[this.epoch, this.offset]]);
    }

    fail(rule, item, message) {
        const { client, channel } = this.screen;
        this.violations.push({ rule, client, channel, message, item });
    }

    move(item, offset) {
        const highest = this.highest.get(this.epoch) ?? -1;
        if (offset < highest)
            this.fail('back', item, `offset ${offset} after ${highest} in the same epoch`);
        this.highest.set(this.epoch, Math.max(offset, highest));
        this.offset = offset;
    }

    sub(item) {
        if (this.live) this.fail('protocol', item, 'subscribed twice');
        this.live = true;
        const { asked } = item;
        if (asked && (asked.epoch !== this.epoch || asked.offset !== this.offset))
            this.fail('client', item, `asked for ${asked.epoch}/${asked.offset}, was at ${this.epoch}/${this.offset}`);
        if (item.recovered && !asked) this.fail('resume', item, 'recovered what nobody asked for');
        else if (item.recovered && asked.epoch !== item.epoch)
            this.fail('resume', item, `recovered from epoch ${asked.epoch} into ${item.epoch}`);
        else if (item.recovered) this.resume(item);
        else this.begin(item);
    }

    resume(item) {
        for (const publication of item.publications) this.publication(item, publication, true);
        if (this.offset !== item.offset)
            this.fail('resume', item, `the missed publications end at ${this.offset}, the position is ${item.offset}`);
        this.move(item, item.offset);
    }

    run() {
        for (const item of this.screen.items) {
            if (item.k === 'sub') this.sub(item);
            else if (item.k === 'pub' && !this.live) this.fail('protocol', item, 'not subscribed');
            else if (item.k === 'pub') this.publication(item, item, false);
            else if (item.k === 'history') this.history(item);
            else if (item.k === 'refused' && !item.temporary)
                this.fail('refused', item, `refused with ${item.code}`);
            else if (item.k === 'unsub' || item.k === 'cut') this.live = false;
        }
        if (!this.live) this.fail('end', this.screen.items.at(-1), 'not subscribed at the end');
        return this;
    }
}

class StateReplay extends Replay {
    begin(item) {
        this.epoch = item.epoch;
        if (item.data?.t !== 'state')
            this.fail('resume', item, 'neither the missed publications nor a state');
        else this.state = content(item.data);
        if (item.publications.length) this.fail('resume', item, 'publications beside a state');
        this.move(item, item.offset);
    }

    history(item) {
        this.fail('protocol', item, 'history of a state channel');
    }

    publication(item, { data, offset }, missed) {
        if (data.t === 'check') this.check(item, data);
        else if (data.t === 'state') {
            this.state = content(data);
            this.move(item, offset);
        } else if (data.t === 'patch') this.patch(item, data, offset, missed);
        else this.fail('protocol', item, `unknown publication ${data.t}`);
    }

    /* Patches are absolute, so that one which the client has already may come again in a resume. */
    patch(item, { from, to, p }, offset, missed) {
        if (to !== offset || from > to) this.fail('protocol', item, `patch ${from}..${to} at ${offset}`);
        if (from > this.offset) this.fail('gap', item, `patch ${from}..${to} at position ${this.offset}`);
        else if (from < this.offset && !missed)
            this.fail('double', item, `patch ${from}..${to} at position ${this.offset}`);
        this.state = merge(this.state, p);
        this.move(item, to);
    }

    check(item, { to, h }) {
        if (h === undefined || to !== this.offset) return;
        const own = digest(this.state);
        if (own !== h) this.fail('digest', item, `digest ${h} at ${to}, the state's is ${own}`);
    }

    end() {
        const { truth, fresh, shown } = this.screen;
        const last = this.screen.items.at(-1);
        for (const [name, expected, options] of [
            ['Postgres', truth, { slack: true }], ['a fresh subscriber', fresh, {}],
            ['the SDK', shown, {}],
        ]) {
            const found = expected && difference(this.state ?? {}, content(expected), options);
            if (found) this.fail('state', last, `the final state is not that of ${name}: ${found}`);
        }
    }
}

class LogReplay extends Replay {
    constructor(screen, log) {
        super(screen);
        this.log = log;
        this.rows = new Map(log.rows.map(({ seq, payload }) => [seq, payload]));
        this.missing = screen.start?.missing;
    }

    /* Without recovery one begins at the head; with it, what is missed must be fetched. */
    begin(item) {
        this.missing = undefined;
        if (item.asked && item.asked.epoch === item.epoch) {
            if (!item.tooFar)
                this.fail('resume', item, `position ${item.asked.offset} refused, the log has it`);
            this.missing = { from: item.asked.offset, to: item.offset };
        }
        this.epoch = item.epoch;
        this.move(item, item.offset);
    }

    history(item) {
        if (!this.missing || item.since !== this.missing.from) return;
        for (const { data, offset } of item.publications) {
            if (offset > this.missing.to) break;
            this.row(item, data, offset, this.missing.from);
            this.missing.from = offset;
        }
        if (this.missing.from >= this.missing.to) this.missing = undefined;
    }

    row(item, data, offset, after) {
        if (offset > after + 1) this.fail('gap', item, `row ${offset} at position ${after}`);
        else if (offset <= after) this.fail('double', item, `row ${offset} at position ${after}`);
        const row = this.rows.get(offset);
        const found = row === undefined ? 'no such row' : difference(data, JSON.parse(row));
        if (found) this.fail('content', item, `row ${offset}: ${found}`);
    }

    publication(item, { data, offset }) {
        if (data.t === 'check' && offset === undefined) return;
        this.row(item, data, offset, this.offset);
        this.move(item, offset);
    }

    end() {
        const last = this.screen.items.at(-1), head = this.log.rows.at(-1)?.seq ?? 0;
        if (this.missing) this.fail('gap', last, `never fetched the rows after ${this.missing.from}`);
        if (this.epoch !== this.log.epoch) this.fail('epoch', last, `${this.epoch}, not ${this.log.epoch}`);
        if (this.offset !== head) this.fail('lost', last, `ends at ${this.offset}, the log at ${head}`);
    }
}

/* Who may not see a channel hears what he would of one that does not exist, and nothing else. */
class ClosedReplay extends Replay {
    run() {
        for (const item of this.screen.items)
            if (item.k !== 'refused' && item.k !== 'cut') this.fail('audience', item, 'a channel that this one may not see');
            else if (item.k === 'refused' && !item.temporary && item.code !== 102)
                this.fail('refused', item, `refused with ${item.code}, not as unknown`);
        return this;
    }

    end() {}
}

/** Follows a screen to its end: its violations and where the next history of it starts. */
export function replay(screen, logs = {}) {
    const Kind = { log: LogReplay, closed: ClosedReplay, state: StateReplay }[screen.kind];
    const run = new Kind(screen, logs[screen.channel]).run();
    run.end();
    const { live, epoch, offset, state, missing, violations } = run;
    return { violations, next: { live, epoch, offset, state, missing } };
}

function checkRows(what, acknowledged, possible, stored) {
    const violations = [];
    const fail = (rule, message) => violations.push({ rule, message });
    for (const key of acknowledged)
        if (!stored.has(key)) fail('lost', `${what} ${key} was acknowledged and is not stored`);
    for (const [key, count] of stored) {
        if (count !== 1) fail('double', `${what} ${key} is stored ${count} times`);
        if (!possible.has(key)) fail('invented', `${what} ${key} is stored and was never posted`);
    }
    return violations;
}

const maySee = (screen, { partner, class: name }) =>
    screen.classes.has(name) && (screen.partners === '*' || partner === undefined || screen.partners.includes(partner));

/* On a partner's channel even staff sees that partner only. */
const belongs = ({ channel, partner }) =>
    partner === undefined || !/^(metrics|jobs):partner:/.test(channel) || channel.endsWith(`:${partner}`);

function checkAudience({ leaks = [], screens }) {
    const byClient = new Map(screens.map((screen) => [screen.client, screen]));
    return leaks
        .filter((leak) => !maySee(byClient.get(leak.client), leak) || !belongs(leak))
        .map((leak) => ({
            rule: 'audience', client: leak.client, channel: leak.channel,
            message: `${leak.role} saw ${leak.text ?? leak.class} of ${leak.partner ?? 'somebody'}`, item: leak,
        }));
}

/** All violations of a history. */
export function check(history) {
    const { acknowledged, posted, stored, messages, screens, logs = {}, counters = {} } = history;
    return [
        ...checkRows('event', acknowledged, posted, stored),
        ...(messages ? checkRows('message', messages.acknowledged, messages.posted, messages.stored) : []),
        ...checkAudience(history),
        ...screens.flatMap((screen) => replay(screen, logs).violations),
        ...Object.entries(counters)
            .filter(([, value]) => value !== 0)
            .map(([name, value]) => ({ rule: 'counter', message: `${name} is ${value}` })),
    ];
}
