// What tests/flow/isolation.test.mjs is about: who there is, what was planted where, who may see it, and the eyes
// through which everything passes that a daemon says.
import { randomBytes } from 'node:crypto';
import WebSocket from 'ws';
import { table } from './access.mjs';
import { until } from './harness.mjs';

/** How long after a change of somebody's access an answer may still be of the one before. */
const GRACE_MS = 5000;
const MARK = /cnry[0-9a-z]{12}/g;
const COST = /(?<![\d.])(\d{3}\.\d{6}|\d{9})(?![\d.])/g;

/** All canaries, and all that was seen where it must not be. */
export class Canaries {
    constructor() {
        this.all = new Map();
        this.leaks = [];
        this.seen = new Set(); // `${viewer} ${canary}`
        this.costs = 0;
    }

    /** A text that stands nowhere else. `what`: kind, and whose. */
    plant(what) {
        const text = `cnry${randomBytes(9).toString('hex').slice(0, 12)}`;
        this.all.set(text, what);
        return text;
    }

    /** An amount of money of which the same is true, as events write it. */
    plantCost(what) {
        const n = this.costs++;
        const amount = `${100 + (n % 900)}.${100_000 + Math.floor(n / 900) * 10 + 1 + (n % 9)}`;
        this.all.set(amount, what);
        this.all.set(amount.replace('.', ''), what);
        return amount;
    }

    *found(text) {
        for (const [mark] of text.matchAll(MARK)) yield mark;
        for (const [mark] of text.matchAll(COST)) if (this.all.has(mark)) yield mark;
    }

    /** Looks at what `viewer` was told. */
    look(viewer, text, where) {
        for (const mark of this.found(text)) {
            const what = this.all.get(mark);
            this.seen.add(`${viewer.name} ${mark}`);
            if (!what || !maySee(viewer, what, where))
                this.leaks.push({ viewer: viewer.name, what, where, text: around(text, mark) });
        }
        if (!viewer.fieldsAnywhere.has('2') && /"cost(_micros)?":/.test(text))
            this.leaks.push({ viewer: viewer.name, what: 'a cost', where, text: around(text, '"cost') });
    }
}

const around = (text, mark) => text.slice(Math.max(0, text.indexOf(mark) - 120), text.indexOf(mark) + 80);

/** A principal as the tests know it: `memberships` partner -> role, or a role of staff. */
export class Viewer {
    constructor(name, { staff, memberships = {} }) {
        this.name = name;
        this.staff = staff;
        this.spans = [{ from: 0, memberships: new Map(Object.entries(memberships)) }];
    }

    /** Whether an answer can no longer be of access that it had before. */
    get settled() {
        return this.spans.every(({ to }) => to === undefined || Date.now() - to >= GRACE_MS);
    }

    get memberships() {
        return this.spans.at(-1).memberships;
    }

    /** From now on; what was before counts for a moment more. */
    become(memberships) {
        this.spans.at(-1).to = Date.now();
        this.spans.push({ from: Date.now(), memberships: new Map(Object.entries(memberships)) });
    }

    /** The roles in a partner that may still show in an answer. */
    rolesIn(partner) {
        if (this.staff) return [this.staff];
        return this.spans
            .filter(({ to }) => to === undefined || Date.now() - to < GRACE_MS)
            .flatMap(({ memberships }) => memberships.get(partner) ?? []);
    }

    has(permission, partner) {
        return this.rolesIn(partner).some((role) => table.has(role, permission));
    }

    partners() {
        return this.spans.flatMap(({ memberships }) => [...memberships.keys()]);
    }

    get fieldsAnywhere() {
        const roles = this.staff ? [this.staff] : this.spans.flatMap(({ memberships }) => [...memberships.values()]);
        return new Set(roles.flatMap((role) => [...table.fields(role)]));
    }
}

/** The table's answer, for one canary and one viewer. */
export function maySee(viewer, what, where) {
    switch (what.kind) {
        case 'job': // of class `class`, of a partner
            return viewer.rolesIn(what.partner).some(
                (role) => table.has(role, 'metrics.read') && table.fields(role).includes(what.class));
        case 'message':
            return what.participants.has(viewer.name);
        case 'key': // its name
            return viewer.has('keys.read', what.partner) || viewer.has('audit.read', what.partner);
        case 'tokens': // why they were given
            return viewer.has('wallet.read', what.partner);
        case 'name': // of a person: its colleagues, those it writes with, staff
            return Boolean(viewer.staff) || viewer === what.of || what.with.has(viewer.name) ||
                // Who of staff did something for a partner stands there; who of them is looking does not.
                (what.of.staff && viewer.partners().some((partner) =>
                    viewer.has(where === 'socket' ? 'audit.read' : 'users.read', partner))) ||
                what.of.partners().some((partner) => viewer.has('users.read', partner));
        case 'email':
            return viewer === what.of || (viewer.staff ? table.has(viewer.staff, 'users.read_personal')
                : what.of.partners().some((partner) => viewer.has('users.read_personal', partner)));
        case 'address': // of somebody invited
            return viewer.has('users.read_personal', what.partner);
        case 'notes':
            return Boolean(viewer.staff);
        case 'own': // only what it said itself
            return viewer.name === what.viewer;
        default: // secret
            return false;
    }
}

/** A socket that keeps nothing of what it hears but what is needed to come back. */
export class Ear {
    constructor(viewer, canaries, url, token) {
        Object.assign(this, { viewer, canaries });
        this.id = 1;
        this.waiting = new Map();
        this.positions = new Map(); // channel -> {epoch, offset}
        this.subscribed = new Set();
        this.frames = 0;
        this.socket = new WebSocket(url);
        this.socket.on('message', (data) => this.hear(data.toString()));
        this.socket.on('error', (error) => (this.error = error));
        this.closed = new Promise((resolve) => this.socket.once('close', () => {
            this.over = true;
            for (const settle of this.waiting.values()) settle({ over: true });
            resolve();
        }));
        this.opened = new Promise((resolve) => {
            this.socket.once('open', () => resolve(this.ask({ connect: { token } })));
            this.closed.then(() => resolve({ over: true }));
        });
    }

    hear(text) {
        this.frames++;
        this.canaries.look(this.viewer, text, 'socket');
        for (const line of text.split('\n')) {
            const reply = JSON.parse(line);
            if (reply.id) {
                this.waiting.get(reply.id)?.(reply);
                this.waiting.delete(reply.id);
            } else if (reply.push) this.pushed(reply.push);
            else if (!this.over) this.socket.send('{}');
        }
    }

    pushed({ channel, pub, unsubscribe }) {
        if (unsubscribe) this.subscribed.delete(channel);
        const position = this.positions.get(channel);
        if (pub?.offset && position) position.offset = pub.offset;
    }

    ask(command) {
        if (this.over) return { over: true };
        const id = this.id++;
        this.socket.send(JSON.stringify({ id, ...command }));
        return new Promise((resolve) => this.waiting.set(id, resolve));
    }

    async subscribe(channel, resume) {
        const from = resume && this.positions.get(channel);
        const reply = await this.ask({ subscribe: { channel, ...(from && { recover: true, ...from }) } });
        if (reply.subscribe) {
            const { epoch, offset, publications } = reply.subscribe;
            this.subscribed.add(channel);
            this.positions.set(channel, { epoch, offset: publications?.at(-1)?.offset ?? offset ?? 0 });
        }
        return reply;
    }

    async unsubscribe(channel) {
        this.subscribed.delete(channel);
        return this.ask({ unsubscribe: { channel } });
    }

    close() {
        this.socket.terminate();
        return this.closed;
    }
}

/** Waits until nothing more comes to any of them. */
export async function quiet(ears) {
    let last = -1, same = 0;
    await until(() => {
        const frames = ears.reduce((sum, ear) => sum + ear.frames, 0);
        same = frames === last ? same + 1 : 0;
        last = frames;
        return same >= 25;
    }, 'silence', 30_000);
}
