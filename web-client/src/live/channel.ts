/**
 * One live channel: its document as signals, kept equal to the hub's by snapshot and patches, and
 * what is known about how true it is. The hub sends a check after some patches and at each
 * heartbeat: the digest of what the document must be, and when the database last confirmed it.
 */
import { signal } from '@preact/signals';
import type { Subscription } from 'centrifuge';
import { type Moment, momentNow, msSince } from './clock';
import { digestOf } from './digest';
import { type Json, Tree } from './tree';

export type ChannelPhase = 'loading' | 'following' | 'denied';

/** Since when, in the server's time, a part of the service is away. */
export interface Degraded {
    postgres?: number;
    redis?: number;
}

export interface Check {
    t: 'check';
    to: number;
    h?: string;
    checked?: number;
    degraded?: Degraded;
}

export type Frame =
    | { t: 'state'; at: number; [member: string]: Json }
    | { t: 'patch'; at: number; from: number; to: number; p: Json };

/** Who reads a channel that is a log: it has no document, only entries, each of which comes once and in order. */
export interface LogReader {
    entry: (data: unknown) => void;
    /** There may be entries that nobody was told of: read the list again. */
    missed: () => void;
}

/** Why only a snapshot helps: publications are missing, or what came of them is wrong. */
export type Loss = 'hole' | 'mismatch';

function isFrame(data: unknown): data is Frame {
    if (typeof data !== 'object' || data === null || !('t' in data)) return false;
    return data.t === 'state' || (data.t === 'patch' && 'p' in data);
}

export function isCheck(data: unknown): data is Check {
    return (
        typeof data === 'object' &&
        data !== null &&
        't' in data &&
        data.t === 'check' &&
        'to' in data &&
        typeof data.to === 'number'
    );
}

// A snapshot that is wrong again is no accident: do not ask for the next one at once.
const firstPauseMs = 10_000;
const longestPauseMs = 300_000;

export class Channel<T> {
    readonly state = new Tree<T>();
    readonly phase = signal<ChannelPhase>('loading');
    /** There has been a snapshot: what is shown is old at worst, never invented. */
    readonly hasState = signal(false);
    /** The server's time at which the database last confirmed this position. */
    readonly checked = signal<number | undefined>(undefined);
    readonly degraded = signal<Degraded | undefined>(undefined);
    readonly mismatches = signal(0);
    /** The last frame. All that came before it is on screen. */
    heard = momentNow();
    /** Set while the document is known to be wrong and waits for its snapshot. */
    wrongSince: Moment | undefined;
    readonly readers = new Set<LogReader>();
    #offset = 0;
    #pauseMs = 0;
    #healed: Moment | undefined;

    constructor(readonly name: string) {}

    get position(): number {
        return this.#offset;
    }

    /** Wires the SDK's subscription; `lost` is called when only a snapshot helps. */
    follow(subscription: Subscription, lost: (why: Loss) => void): void {
        subscription.on('subscribed', (context) => {
            this.heard = momentNow();
            const offset = context.streamPosition?.offset ?? 0;
            if (isFrame(context.data)) this.accept(context.data, lost, offset);
            else if (this.readers.size) this.open(offset, context.recovered);
            this.phase.value = 'following';
        });
        subscription.on('subscribing', () => {
            this.phase.value = 'loading';
        });
        subscription.on('unsubscribed', (context) => {
            // 0 is our own leaving, anything else the server's final word.
            if (context.code !== 0) this.phase.value = 'denied';
        });
        subscription.on('publication', (context) => {
            this.heard = momentNow();
            if (isFrame(context.data)) this.accept(context.data, lost, context.offset);
            else if (isCheck(context.data)) this.check(context.data, lost);
            else this.append(context.data, context.offset);
        });
    }

    /** A log is followed from `offset` on. */
    open(offset: number, recovered: boolean): void {
        this.#offset = offset;
        this.hasState.value = true;
        this.wrongSince = undefined;
        if (!recovered) for (const reader of this.readers) reader.missed();
    }

    append(data: unknown, offset = this.#offset): void {
        this.#offset = Math.max(this.#offset, offset);
        for (const reader of this.readers) reader.entry(data);
    }

    /** `offset` is the position of a state; a patch names its own. */
    accept(frame: Frame, lost: (why: Loss) => void, offset = this.#offset): void {
        if (frame.t === 'state') {
            const { t: _type, at: _at, ...members } = frame;
            this.state.replace(members);
            this.#offset = offset;
            this.hasState.value = true;
            this.wrongSince = undefined;
            return;
        }
        // Patches hold absolute values: one that overlaps what we have is right, one that starts
        // after it is not, and one that ends before it is old news.
        if (frame.from > this.#offset) return lost('hole');
        if (frame.to < this.#offset) return;
        this.state.patch(frame.p);
        this.#offset = frame.to;
    }

    check(check: Check, lost: (why: Loss) => void): void {
        this.note(check);
        if (check.to < this.#offset) return;
        // What leads to `to` was sent before the check: to lack it is to have lost it.
        const right =
            check.to === this.#offset &&
            (check.h === undefined || check.h === digestOf(this.state));
        if (right) this.#pauseMs = 0;
        else this.#mismatch(lost);
    }

    /** What a check says beside the digest; also true of a check that was asked for. */
    note(check: Check): void {
        if (check.checked !== undefined) this.checked.value = check.checked;
        const { postgres, redis } = check.degraded ?? {};
        const known = this.degraded.peek();
        if (postgres === known?.postgres && redis === known?.redis) return;
        this.degraded.value = check.degraded;
    }

    #mismatch(lost: (why: Loss) => void): void {
        this.mismatches.value += 1;
        this.wrongSince ??= momentNow();
        if (this.#healed && msSince(this.#healed) < this.#pauseMs) return;
        this.#pauseMs = Math.min(Math.max(this.#pauseMs * 2, firstPauseMs), longestPauseMs);
        this.#healed = momentNow();
        lost('mismatch');
    }
}
