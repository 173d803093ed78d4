// Two kinds of clients, both recorded at their sockets: the SDK, and the protocol by hand. Either
// comes back after every cut, with its position, until it is stopped.
import WebSocket from 'ws';
import { mergePatch } from '../flow/harness.mjs';
import { Recorder } from './recorder.mjs';

/** A WebSocket class for the SDK whose traffic the recorder sees first. What arrives after the SDK has
 * given a socket up is nobody's. */
function recorded(recorder, adopt) {
    return class extends WebSocket {
        constructor(url, protocols) {
            super(url, protocols);
            this.on('message', (data) => this.abandoned || recorder.received(data.toString()));
            this.on('close', (code, reason) => this.abandon(code, reason.toString()));
            adopt(this);
        }

        abandon(code, reason) {
            if (!this.abandoned) recorder.closed(code, reason);
            this.abandoned = true;
        }

        close(code, reason) {
            this.abandon(code, reason);
            super.close(code, reason);
        }

        send(data, ...rest) {
            if (!this.abandoned) recorder.sent(data);
            super.send(data, ...rest);
        }
    };
}

export class SdkClient {
    /** `who` as the recorder's, with `channels` [{ channel, kind }] and `token`. */
    constructor(stack, who) {
        this.recorder = new Recorder(who);
        this.client = stack.client(who.token, {
            websocket: recorded(this.recorder, (socket) => (this.socket = socket)), timeout: 3000,
        });
        for (const { channel, kind } of who.channels) this.follow(this.recorder.screen(channel, kind));
        this.client.connect();
    }

    /* What the SDK hands to its user must add up to the same. */
    follow(screen) {
        const subscription = this.client.newSubscription(screen.channel,
            screen.kind === 'log' ? { positioned: true, recoverable: true } : {});
        let shown;
        subscription.on('subscribed', ({ data }) => {
            if (data) shown = structuredClone(data);
        });
        subscription.on('publication', ({ data }) => {
            if (data.t === 'state') shown = structuredClone(data);
            else if (data.t === 'patch') shown = mergePatch(shown, data.p);
        });
        screen.showing = () => shown;
        subscription.subscribe();
    }

    cut() {
        this.socket?.terminate();
    }

    stop() {
        this.client.disconnect();
    }
}

export class RawClient {
    constructor(stack, who) {
        this.recorder = new Recorder(who);
        this.url = stack.hubUrl;
        this.who = who;
        for (const { channel, kind } of who.channels) this.recorder.screen(channel, kind);
        this.open();
    }

    open() {
        const socket = new WebSocket(this.url);
        this.socket = socket;
        this.commands = 0;
        // A handshake or an answer that never comes is a lost connection.
        this.expected = Date.now() + 5000;
        socket.on('open', () => this.send({ connect: { token: this.who.token } }));
        socket.on('message', (data) => this.received(data.toString()));
        socket.on('error', () => {});
        socket.on('close', (code, reason) => {
            this.recorder.closed(code, reason.toString());
            if (!this.stopped) setTimeout(() => this.stopped || this.open(), 30);
        });
        this.watch ??= setInterval(() => {
            if (Date.now() > this.expected && !this.paused) this.socket.terminate();
        }, 500);
    }

    send(command) {
        const text = JSON.stringify({ id: ++this.commands, ...command });
        this.recorder.sent(text);
        this.socket.send(text);
        return this.commands;
    }

    received(text) {
        // The recorder moves the positions, so it comes first.
        this.recorder.received(text);
        for (const line of text.split('\n')) {
            const message = JSON.parse(line);
            if (line === '{}') this.socket.send('{}');
            else if (message.connect) for (const { channel } of this.who.channels) this.subscribe(channel);
            else if (message.push?.unsubscribe?.code >= 2500) this.subscribe(message.push.channel);
            else if (message.push?.disconnect) this.socket.terminate();
            else if (message.error) this.refused();
        }
        const pending = this.recorder.pending.size > 0;
        this.expected = pending ? Date.now() + 10_000 : Infinity;
    }

    subscribe(channel) {
        const { epoch, offset, kind } = this.recorder.screens.get(channel);
        const recover = epoch === undefined ? {} : { recover: true, epoch, offset };
        this.send({ subscribe: { channel, ...recover, ...(kind === 'log' ? { recoverable: true } : {}) } });
    }

    /* Whatever is not live after a refusal is asked for again a moment later. */
    refused() {
        const { socket } = this;
        setTimeout(() => {
            if (socket !== this.socket || socket.readyState !== WebSocket.OPEN) return;
            const asked = new Set([...this.recorder.pending.values()].map(({ channel }) => channel));
            for (const { channel, live, kind } of this.recorder.screens.values())
                if (!live && !asked.has(channel) && kind !== 'closed') this.subscribe(channel);
        }, 100);
    }

    cut() {
        this.socket.terminate();
    }

    /** Stops reading for a while, as a bad line does. */
    async pause(ms) {
        const { socket } = this;
        if (socket.readyState !== WebSocket.OPEN) return;
        this.paused = true;
        socket._socket.pause();
        await new Promise((resolve) => setTimeout(resolve, ms));
        this.paused = false;
        this.expected = Date.now() + 10_000;
        socket._socket?.resume();
    }

    stop() {
        this.stopped = true;
        clearInterval(this.watch);
        this.socket.terminate();
    }
}

/** The state that a new subscriber with this token is given now. */
export async function freshState(stack, token, channel) {
    const socket = new WebSocket(stack.hubUrl);
    try {
        return await new Promise((resolve, reject) => {
            socket.on('error', reject);
            socket.on('close', () => reject(new Error('closed')));
            socket.on('open', () => socket.send(
                `${JSON.stringify({ id: 1, connect: { token } })}\n${JSON.stringify({ id: 2, subscribe: { channel } })}`));
            socket.on('message', (data) => {
                for (const line of data.toString().split('\n')) {
                    const message = JSON.parse(line);
                    if (message.error) reject(new Error(line));
                    if (message.id === 2) resolve(message.subscribe?.data);
                }
            });
        });
    } finally {
        socket.terminate();
    }
}
