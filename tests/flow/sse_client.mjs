// A reader of text/event-stream that takes it literally, and comes back with Last-Event-ID.
import http from 'node:http';
import https from 'node:https';
import { mergePatch, until } from './harness.mjs';

export class EventReader {
    /** `tls`: options of the TLS connection; then stack.hubHttpUrl is https. */
    constructor(stack, token, channel, { lastEventId, headers = {}, tls } = {}) {
        this.events = [];
        this.comments = 0;
        this.lastEventId = lastEventId;
        this.text = '';
        const url = `${stack.hubHttpUrl}/live/sse?channel=${encodeURIComponent(channel)}`;
        this.request = (tls ? https : http).get(url, {
            agent: false, ...tls,
            headers: {
                ...(token && { authorization: `Bearer ${token}` }),
                ...(lastEventId !== undefined && { 'last-event-id': lastEventId }), ...headers,
            },
        });
        this.ended = new Promise((resolve) => {
            this.request.on('close', () => resolve((this.over = true)));
            this.request.on('error', (error) => (this.error = error));
        });
        this.request.on('response', (response) => {
            this.response = response;
            this.status = response.statusCode;
            response.setEncoding('utf8');
            response.on('data', (chunk) => this.take(chunk));
            response.on('error', (error) => (this.error = error));
        });
    }

    /** Resolves once the stream has begun; rejects if it is refused. */
    static async open(...words) {
        const reader = new EventReader(...words);
        await until(() => reader.events.length || reader.over, 'the stream to begin');
        if (reader.status !== 200) throw new Error(`status ${reader.status} ${reader.text}`);
        return reader;
    }

    take(chunk) {
        this.text += chunk;
        if (this.status !== 200) return;
        for (let end; (end = this.text.indexOf('\n\n')) >= 0; this.text = this.text.slice(end + 2))
            this.dispatch(this.text.slice(0, end).split('\n'));
    }

    dispatch(lines) {
        const event = { name: 'message' };
        for (const line of lines) {
            if (line.startsWith(':')) this.comments++;
            else if (line.startsWith('event: ')) event.name = line.slice(7);
            else if (line.startsWith('id: ')) event.id = line.slice(4);
            else if (line.startsWith('retry: ')) this.retry = Number(line.slice(7));
            else if (line.startsWith('data: ')) event.raw = line.slice(6);
            else if (line) throw new Error(`unknown line ${line}`);
        }
        if (event.id !== undefined) this.lastEventId = event.id;
        if (event.raw === undefined) return;
        event.data = JSON.parse(event.raw);
        this.events.push(event);
    }

    /** Of a state channel: what a screen shows that read it. */
    get state() {
        let state;
        for (const { data } of this.messages)
            if (data.t === 'state') state = structuredClone(data);
            else mergePatch(state, data.p);
        return state;
    }

    named(name) {
        return this.events.filter((event) => event.name === name);
    }

    /** The publications, the state included. */
    get messages() {
        return this.named('message');
    }

    when(predicate, what, ms) {
        return until(() => predicate(this), `${what}: ${this.status} ${JSON.stringify(this.events).slice(0, 600)}`, ms);
    }

    close() {
        this.request.destroy();
        return this.ended;
    }
}
