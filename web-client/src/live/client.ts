/**
 * The page's one socket. Channels are reference-counted by name, so that two panels that show the
 * same channel share one subscription. The SDK reconnects, renews the token and resumes every
 * channel from its position; this module says how that is going.
 */
import { computed, effect, signal } from '@preact/signals';
import { Centrifuge, UnauthorizedError } from 'centrifuge';
import { HttpProblem } from '../session/http';
import { Channel, type Degraded, isCheck, type Loss } from './channel';
import { momentNow, msSince, setServerTime, tick } from './clock';
import type { Hello, SessionNotice, Token } from './payloads';
import { type Phase, phaseOf, silenceLimitMs } from './status';

const firstRetryMs = 500;
const lastRetryMs = 10_000;

interface Entry {
    channel: Channel<unknown>;
    users: number;
}

const sessionChannel = 'session:self';
/** Followed behind any page, and shown on none. */
export const systemChannel = 'system';

function isNotice(data: unknown): data is SessionNotice {
    return (
        typeof data === 'object' &&
        data !== null &&
        't' in data &&
        (data.t === 'session' || data.t === 'ended')
    );
}

function isHello(data: unknown): data is Hello {
    return typeof data === 'object' && data !== null && 'role' in data && 'permissions' in data;
}

/** The earliest of two times, either of which may be absent. */
function earliest(a: number | undefined, b: number | undefined): number | undefined {
    return a === undefined || b === undefined ? (a ?? b) : Math.min(a, b);
}

export class LiveClient {
    readonly hello = signal<Hello | undefined>(undefined);
    /** How often the socket was opened again. */
    readonly reconnects = signal(0);
    readonly #connected = signal(false);
    readonly #refused = signal(false);
    readonly #entries = signal<ReadonlyMap<string, Entry>>(new Map());
    #heard = momentNow();
    #centrifuge: Centrifuge | undefined;
    #closed = false;
    #greeted = false;
    #unreported = 0;
    readonly #stopWatching: () => void;
    #retryTimer: ReturnType<typeof setTimeout> | undefined;

    /** `getToken` throws HttpProblem; 401 calls `signedOut`. */
    constructor(
        private readonly getToken: () => Promise<Token>,
        private readonly signedOut: () => void,
        private readonly noticed: (notice: SessionNotice) => void,
    ) {
        void this.#start(firstRetryMs);
        // After a sleep the socket looks open and is not; do not wait for the SDK's timer.
        this.#stopWatching = effect(() => {
            tick.value;
            if (this.#connected.value) this.#wakeSilent();
        });
    }

    readonly phase = computed<Phase>(() => {
        tick.value;
        const channels = this.channels.value;
        return phaseOf({
            connected: this.#connected.value,
            following: channels.every((channel) => channel.phase.value !== 'loading'),
            hadData: channels.some((channel) => channel.hasState.value),
            denied: this.#refused.value,
            wrong: channels.some((channel) => channel.wrongSince !== undefined),
            degraded: this.degraded.value !== undefined,
            silentMs: this.silentMs(),
            limitMs: this.#limitMs(),
        });
    });

    readonly channels = computed(() =>
        [...this.#entries.value.values()].map((entry) => entry.channel),
    );

    /** Something on the page shows a channel, so there is an age to show. */
    readonly watching = computed(() =>
        this.channels.value.some(({ name }) => name !== systemChannel),
    );

    /** What any channel on the page says is away, since the earliest time named. */
    readonly degraded = computed<Degraded | undefined>(() => {
        let all: Degraded | undefined;
        for (const { degraded } of this.channels.value) {
            const one = degraded.value;
            if (!one) continue;
            const postgres = earliest(one.postgres, all?.postgres);
            const redis = earliest(one.redis, all?.redis);
            all = { ...(postgres !== undefined && { postgres }), ...(redis !== undefined && { redis }) };
        }
        return all;
    });

    /** The server's time up to which all channels on the page are known to be right. */
    readonly checked = computed(() => {
        let oldest: number | undefined;
        for (const { checked, phase } of this.channels.value) {
            if (phase.value === 'denied') continue;
            if (checked.value === undefined) return undefined;
            oldest = earliest(checked.value, oldest);
        }
        return oldest;
    });

    /** How old what is on screen may be: of the channel that was silent the longest. */
    silentMs(): number {
        const channels = this.channels.peek().filter(({ phase }) => phase.peek() !== 'denied');
        if (!this.hello.peek()?.heartbeat || !channels.length) return msSince(this.#heard);
        return Math.max(...channels.map(({ heard, wrongSince }) => msSince(wrongSince ?? heard)));
    }

    /** This machine's time up to which everything is on screen. */
    heardAt(): number {
        return Date.now() - this.silentMs();
    }

    #limitMs(): number {
        return silenceLimitMs(this.hello.value?.heartbeat);
    }

    /** A socket that says nothing is dead; if it speaks, a channel that does not has been forgotten. */
    #wakeSilent(): void {
        const limit = this.#limitMs();
        if (msSince(this.#heard) > limit) return this.retry();
        if (!this.hello.peek()?.heartbeat) return;
        for (const channel of this.channels.peek())
            if (channel.phase.peek() === 'following' && msSince(channel.heard) > limit)
                this.#startAnew(channel);
    }

    may(permission: string): boolean {
        return this.hello.value?.permissions.includes(permission) ?? false;
    }

    acquire<T>(name: string): Channel<T> {
        let entry = this.#entries.peek().get(name);
        if (!entry) {
            entry = { channel: new Channel<unknown>(name), users: 0 };
            this.#entries.value = new Map(this.#entries.peek()).set(name, entry);
            if (this.#centrifuge) this.#subscribe(entry.channel);
        }
        entry.users += 1;
        return entry.channel as Channel<T>;
    }

    release(name: string): void {
        const entry = this.#entries.peek().get(name);
        if (!entry || --entry.users > 0) return;
        const rest = new Map(this.#entries.peek());
        rest.delete(name);
        this.#entries.value = rest;
        this.#unsubscribe(name);
    }

    /** At once, instead of when the back-off ends. Positions are kept. */
    retry(): void {
        if (!this.#centrifuge) return;
        this.#centrifuge.disconnect();
        this.#centrifuge.connect();
    }

    close(): void {
        this.#closed = true;
        this.#stopWatching();
        clearTimeout(this.#retryTimer);
        this.#centrifuge?.disconnect();
    }

    /** The hub's address comes with the first token; until ingest answers, ask again. */
    async #start(delayMs: number): Promise<void> {
        try {
            const first = await this.getToken();
            if (!this.#closed) this.#open(first);
        } catch (error) {
            if (this.#closed || this.#finalRefusal(error)) return;
            const jittered = delayMs * (0.5 + Math.random());
            this.#retryTimer = setTimeout(
                () => void this.#start(Math.min(delayMs * 2, lastRetryMs)),
                jittered,
            );
        }
    }

    #finalRefusal(error: unknown): boolean {
        if (!(error instanceof HttpProblem)) return false;
        if (error.status === 401) this.signedOut();
        if (error.status === 403) this.#refused.value = true;
        return error.status === 401 || error.status === 403;
    }

    async #renew(): Promise<string> {
        try {
            return (await this.getToken()).token;
        } catch (error) {
            if (this.#finalRefusal(error)) throw new UnauthorizedError('signed out');
            throw error;
        }
    }

    #open(first: Token): void {
        const heard = (): void => {
            this.#heard = momentNow();
        };
        // The SDK keeps pings to itself; they are what proves that silence is quiet and not death.
        class ListeningSocket extends WebSocket {
            constructor(url: string | URL, protocols?: string | string[]) {
                super(url, protocols);
                this.addEventListener('message', heard);
            }
        }
        const centrifuge = new Centrifuge(first.hub_url, {
            token: first.token,
            getToken: () => this.#renew(),
            websocket: ListeningSocket,
            minReconnectDelay: 300,
            maxReconnectDelay: lastRetryMs,
            maxServerPingDelay: 5000,
            name: 'web-client',
        });
        this.#centrifuge = centrifuge;
        centrifuge.on('connected', (context) => {
            if (isHello(context.data)) {
                setServerTime(context.data.time);
                this.hello.value = context.data;
            }
            if (this.#greeted) this.reconnects.value += 1;
            this.#greeted = true;
            this.#connected.value = true;
            this.#report();
        });
        centrifuge.on('connecting', () => {
            this.#connected.value = false;
        });
        centrifuge.on('disconnected', (context) => {
            this.#connected.value = false;
            if (context.code !== 0) this.#refused.value = true;
        });
        centrifuge.on('publication', (context) => {
            if (context.channel === sessionChannel && isNotice(context.data))
                this.noticed(context.data);
        });
        for (const entry of this.#entries.peek().values()) this.#subscribe(entry.channel);
        centrifuge.connect();
    }

    #subscribe(channel: Channel<unknown>): void {
        const subscription = this.#centrifuge?.newSubscription(channel.name);
        if (!subscription) return;
        channel.follow(subscription, (why) => this.#onLoss(channel, why));
        subscription.on('subscribed', () => void this.#askCheck(channel));
        subscription.subscribe();
    }

    #onLoss(channel: Channel<unknown>, why: Loss): void {
        if (why === 'mismatch') {
            this.#unreported += 1;
            this.#report();
        }
        this.#startAnew(channel);
    }

    /** Without a position: the hub answers with the whole state. */
    #startAnew(channel: Channel<unknown>): void {
        this.#unsubscribe(channel.name);
        this.#subscribe(channel);
    }

    /** So that the operators see that screens were wrong, though they have mended themselves. */
    #report(): void {
        const mismatches = this.#unreported;
        if (!mismatches || !this.#connected.peek()) return;
        this.#unreported = 0;
        this.#centrifuge?.rpc('report', { mismatches }).catch(() => {
            this.#unreported += mismatches;
        });
    }

    /** The first heartbeat may be seconds away, and until then nothing would be said of the age. */
    async #askCheck(channel: Channel<unknown>): Promise<void> {
        try {
            const answer = await this.#centrifuge?.rpc('check', { channel: channel.name });
            // No digest from here: publications may have overtaken the answer.
            if (isCheck(answer?.data)) channel.note(answer.data);
        } catch {
            // The heartbeat will tell.
        }
    }

    #unsubscribe(name: string): void {
        const subscription = this.#centrifuge?.getSubscription(name);
        if (!subscription) return;
        subscription.unsubscribe();
        this.#centrifuge?.removeSubscription(subscription);
    }
}
