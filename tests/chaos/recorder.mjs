// Writes down what one socket carries, at the level of the protocol, whoever owns the socket: the SDK
// or our own client. Keeps, per channel, the items that the checker judges, and the state that they
// add up to, so that a run can wait for it.
import { mergePatch } from '../flow/harness.mjs';

const canary = /cnry-([A-Z]+)-(F\d)-\w+/g;
const money = /"cost":|13\.37\d{4}/;
const temporary = (error) => error.temporary === true || error.code < 100;

export class Recorder {
    /** `who`: name, role (text), classes (Set), partners ('*' | codes). */
    constructor(who) {
        this.who = who;
        this.screens = new Map();
        this.leaks = new Map();
        this.pending = new Map();
        this.ends = [];
    }

    screen(channel, kind) {
        const { name, classes, partners } = this.who;
        const screen = { client: name, channel, kind, classes, partners, items: [], live: false };
        this.screens.set(channel, screen);
        return screen;
    }

    /** Forgets the items, and starts the next history where the last one ended. */
    next(ends) {
        for (const screen of this.screens.values()) {
            screen.start = ends.get(screen);
            screen.items = [];
        }
        this.leaks.clear();
    }

    sent(text) {
        for (const line of text.split('\n')) {
            const { id, subscribe, history } = JSON.parse(line);
            if (subscribe) {
                const { channel, recover, epoch, offset = 0 } = subscribe;
                this.pending.set(id, { channel, asked: recover ? { epoch, offset } : undefined });
            } else if (history) {
                this.pending.set(id, { channel: history.channel, since: history.since?.offset });
            }
        }
    }

    received(text) {
        const at = Date.now();
        for (const line of text.split('\n')) {
            const message = JSON.parse(line);
            const channel = message.push?.channel ?? this.pending.get(message.id)?.channel;
            if (channel) this.look(line, channel, at);
            if (message.push) this.push(message.push, at);
            else if (this.pending.has(message.id)) this.reply(message, at);
        }
    }

    closed(code, reason) {
        this.ends.push({ at: Date.now(), code, reason });
        this.pending.clear();
        for (const screen of this.screens.values()) {
            if (screen.live) screen.items.push({ k: 'cut', at: Date.now(), code });
            screen.live = false;
        }
    }

    look(line, channel, at) {
        const note = (leak) => {
            const key = `${channel} ${leak.partner} ${leak.class}`;
            if (!this.leaks.has(key))
                this.leaks.set(key, { client: this.who.name, role: this.who.role, channel, at, ...leak });
        };
        for (const [text, partner, name] of line.matchAll(canary)) note({ partner, class: name, text });
        if (money.test(line)) note({ class: 'F2', text: line.match(money)[0] });
    }

    push({ channel, pub, unsubscribe }, at) {
        const screen = this.screens.get(channel);
        if (!screen) return;
        if (pub) {
            const item = { k: 'pub', at, offset: pub.offset, data: pub.data };
            screen.items.push(item);
            this.take(screen, item);
        } else if (unsubscribe) {
            screen.items.push({ k: 'unsub', at, code: unsubscribe.code });
            screen.live = false;
        }
    }

    reply(message, at) {
        const { channel, asked, since } = this.pending.get(message.id);
        this.pending.delete(message.id);
        const screen = this.screens.get(channel);
        if (!screen) return;
        if (message.error) {
            if (since === undefined)
                screen.items.push({ k: 'refused', at, code: message.error.code, temporary: temporary(message.error) });
        } else if (message.subscribe) {
            this.subscribed(screen, message.subscribe, asked, at);
        } else if (message.history) {
            const { publications = [], epoch, offset = 0 } = message.history;
            screen.items.push({ k: 'history', at, since, epoch, offset, publications });
        }
    }

    subscribed(screen, reply, asked, at) {
        const { epoch, offset = 0, recovered = false, data, publications = [] } = reply;
        screen.items.push({ k: 'sub', at, asked, epoch, offset, recovered, data, publications });
        screen.live = true;
        screen.epoch = epoch;
        if (data) screen.state = structuredClone(data);
        for (const publication of publications) this.take(screen, publication);
        screen.offset = offset;
    }

    take(screen, { data, offset }) {
        if (data.t === 'state') screen.state = structuredClone(data);
        else if (data.t === 'patch') screen.state = mergePatch(screen.state, data.p);
        if (offset !== undefined) screen.offset = offset;
    }
}
