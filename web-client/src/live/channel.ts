/** One live channel: its document as signals, kept equal to the hub's by snapshot and patches. */
import { signal } from '@preact/signals';
import type { Subscription } from 'centrifuge';
import { type Json, Tree } from './tree';

export type ChannelPhase = 'loading' | 'following' | 'denied';

type Frame =
    | { t: 'state'; at: number; [member: string]: Json }
    | { t: 'patch'; at: number; from: number; to: number; p: Json };

function isFrame(data: unknown): data is Frame {
    if (typeof data !== 'object' || data === null || !('t' in data)) return false;
    return data.t === 'state' || (data.t === 'patch' && 'p' in data);
}

export class Channel<T> {
    readonly state = new Tree<T>();
    readonly phase = signal<ChannelPhase>('loading');
    /** There has been a snapshot: what is shown is old at worst, never invented. */
    readonly hasState = signal(false);
    #offset = 0;

    constructor(readonly name: string) {}

    /** Wires the SDK's subscription; `lost` is called when a hole shows that only a snapshot helps. */
    follow(subscription: Subscription, lost: () => void): void {
        subscription.on('subscribed', (context) => {
            if (isFrame(context.data)) {
                this.#offset = context.streamPosition?.offset ?? 0;
                this.accept(context.data, lost);
            }
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
            if (isFrame(context.data)) this.accept(context.data, lost);
        });
    }

    accept(frame: Frame, lost: () => void): void {
        if (frame.t === 'state') {
            const { t: _type, at: _at, ...members } = frame;
            this.state.replace(members);
            this.hasState.value = true;
            return;
        }
        // Patches hold absolute values: one that overlaps what we have is right, one that starts
        // after it is not, and one that ends before it is old news.
        if (frame.from > this.#offset) return lost();
        if (frame.to < this.#offset) return;
        this.state.patch(frame.p);
        this.#offset = frame.to;
    }
}
