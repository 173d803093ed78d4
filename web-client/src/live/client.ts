/**
 * The page's one socket. Channels are reference-counted by name, so that two panels that show the
 * same channel share one subscription. The SDK reconnects, renews the token and resumes every
 * channel from its position; this module says how that is going.
 */
import { computed, effect, signal } from '@preact/signals';
import { Centrifuge, UnauthorizedError } from 'centrifuge';
import { HttpProblem } from '../session/http';
import { Channel } from './channel';
import { setServerTime, tick } from './clock';
import type { Hello, Token } from './payloads';
import { type Phase, phaseOf, silenceLimitMs } from './status';

const firstRetryMs = 500;
const lastRetryMs = 10_000;

interface Entry {
    channel: Channel<unknown>;
    users: number;
}

function isHello(data: unknown): data is Hello {
    return typeof data === 'object' && data !== null && 'role' in data && 'permissions' in data;
}

export class LiveClient {
    readonly hello = signal<Hello | undefined>(undefined);
    readonly #connected = signal(false);
    readonly #refused = signal(false);
    readonly #entries = signal<ReadonlyMap<string, Entry>>(new Map());
    // Wall clock: a monotonic one stands still while the machine sleeps.
    #heardAt = Date.now();
    #centrifuge: Centrifuge | undefined;
    #closed = false;
    readonly #stopWatching: () => void;
    #retryTimer: ReturnType<typeof setTimeout> | undefined;

    /** `getToken` throws HttpProblem; 401 calls `signedOut`. */
    constructor(
        private readonly getToken: () => Promise<Token>,
        private readonly signedOut: () => void,
    ) {
        void this.#start(firstRetryMs);
        // After a sleep the socket looks open and is not; do not wait for the SDK's timer.
        this.#stopWatching = effect(() => {
            tick.value;
            if (this.#connected.value && this.silentMs() > silenceLimitMs) this.retry();
        });
    }

    readonly phase = computed<Phase>(() => {
        tick.value;
        const channels = [...this.#entries.value.values()].map((entry) => entry.channel);
        return phaseOf({
            connected: this.#connected.value,
            following: channels.every((channel) => channel.phase.value !== 'loading'),
            hadData: channels.some((channel) => channel.hasState.value),
            denied: this.#refused.value,
            silentMs: this.silentMs(),
        });
    });

    /** Something on the page follows a channel, so there is an age to show. */
    readonly watching = computed(() => this.#entries.value.size > 0);

    silentMs(): number {
        return Math.max(0, Date.now() - this.#heardAt);
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
            this.#heardAt = Date.now();
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
            this.#connected.value = true;
        });
        centrifuge.on('connecting', () => {
            this.#connected.value = false;
        });
        centrifuge.on('disconnected', (context) => {
            this.#connected.value = false;
            if (context.code !== 0) this.#refused.value = true;
        });
        for (const entry of this.#entries.peek().values()) this.#subscribe(entry.channel);
        centrifuge.connect();
    }

    #subscribe(channel: Channel<unknown>): void {
        const subscription = this.#centrifuge?.newSubscription(channel.name);
        if (!subscription) return;
        channel.follow(subscription, () => {
            this.#unsubscribe(channel.name);
            this.#subscribe(channel);
        });
        subscription.subscribe();
    }

    #unsubscribe(name: string): void {
        const subscription = this.#centrifuge?.getSubscription(name);
        if (!subscription) return;
        subscription.unsubscribe();
        this.#centrifuge?.removeSubscription(subscription);
    }
}
