// The protocol by hand, for what the SDK would never send or would hide.
import { once } from 'node:events';
import WebSocket from 'ws';
import { until } from './harness.mjs';

export class RawClient {
    constructor(url, options = {}) {
        this.socket = new WebSocket(url, options);
        this.frames = [];
        this.replies = [];
        this.socket.on('message', (data) => {
            const text = data.toString();
            this.frames.push(text);
            for (const line of text.split('\n')) this.replies.push(JSON.parse(line));
        });
        this.socket.on('error', (error) => (this.error = error));
        this.closed = new Promise((resolve) =>
            this.socket.once('close', (code, reason) => {
                this.ended = { code, reason: reason.toString() };
                resolve(this.ended);
            }),
        );
    }

    static async open(url, options) {
        const client = new RawClient(url, options);
        await once(client.socket, 'open');
        return client;
    }

    /** Opened and connected with the token. */
    static async connect(url, token, options) {
        const client = await RawClient.open(url, options);
        client.send({ id: 1, connect: { token } });
        await client.reply(1);
        return client;
    }

    send(...commands) {
        this.socket.send(
            commands.map((command) => (typeof command === 'string' ? command : JSON.stringify(command))).join('\n'),
        );
    }

    reply(id) {
        return until(
            () => this.replies.find((reply) => reply.id === id) ?? (this.ended && { ended: this.ended }),
            `the reply to ${id}`,
        );
    }

    async ask(command) {
        this.send(command);
        return this.reply(command.id);
    }

    close() {
        this.socket.terminate();
        return this.closed;
    }
}

/** One number of the hub's /metrics. */
export async function metric(stack, name) {
    const text = await (await fetch(`${stack.hubHttpUrl}/metrics`)).text();
    const line = text.split('\n').find((candidate) => candidate.startsWith(`${name} `));
    if (!line) throw new Error(`no metric ${name}`);
    return Number(line.slice(name.length + 1));
}
