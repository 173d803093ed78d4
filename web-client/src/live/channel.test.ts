import { effect } from '@preact/signals';
import { describe, expect, test, vi } from 'vitest';
import { Channel, isCheck } from './channel';
import { digestOf } from './digest';

interface Counter {
    n: number;
}

function counting(): { channel: Channel<Counter>; lost: () => void; holes: () => number } {
    let holes = 0;
    return {
        channel: new Channel<Counter>('metrics:platform'),
        lost: () => void (holes += 1),
        holes: () => holes,
    };
}

describe('Channel', () => {
    test('a snapshot, then patches in order', () => {
        const { channel, lost, holes } = counting();
        channel.accept({ t: 'state', at: 1, n: 1 }, lost);
        channel.accept({ t: 'patch', at: 2, from: 0, to: 3, p: { n: 2 } }, lost);
        channel.accept({ t: 'patch', at: 3, from: 3, to: 3, p: { n: 3 } }, lost);
        expect(channel.state.at('n').peek()).toBe(3);
        expect(channel.hasState.peek()).toBe(true);
        expect(holes()).toBe(0);
    });

    test('a patch that starts after what we have is a hole and is not applied', () => {
        const { channel, lost, holes } = counting();
        channel.accept({ t: 'state', at: 1, n: 1 }, lost);
        channel.accept({ t: 'patch', at: 2, from: 5, to: 6, p: { n: 9 } }, lost);
        expect(channel.state.at('n').peek()).toBe(1);
        expect(holes()).toBe(1);
    });

    test('a patch that ends before what we have is old news', () => {
        const { channel, lost } = counting();
        channel.accept({ t: 'state', at: 1, n: 1 }, lost);
        channel.accept({ t: 'patch', at: 2, from: 0, to: 8, p: { n: 8 } }, lost);
        channel.accept({ t: 'patch', at: 2, from: 0, to: 4, p: { n: 4 } }, lost);
        expect(channel.state.at('n').peek()).toBe(8);
    });
});

describe('a check', () => {
    const snapshot = { t: 'state', at: 1, n: 1 } as const;

    function followed(): ReturnType<typeof counting> {
        const all = counting();
        all.channel.accept(snapshot, all.lost, 7);
        return all;
    }

    test('that agrees confirms the time and changes nothing', () => {
        const { channel, lost, holes } = followed();
        channel.check({ t: 'check', to: 7, h: digestOf(channel.state), checked: 5 }, lost);
        expect(holes()).toBe(0);
        expect(channel.checked.peek()).toBe(5);
        expect(channel.mismatches.peek()).toBe(0);
    });

    test('of another digest at our position calls for a snapshot', () => {
        const { channel, holes } = followed();
        const why: string[] = [];
        channel.check({ t: 'check', to: 7, h: '00000001' }, (loss) => why.push(loss));
        expect(why).toEqual(['mismatch']);
        expect(channel.mismatches.peek()).toBe(1);
        expect(channel.wrongSince).toBeDefined();
        channel.accept(snapshot, () => {}, 8);
        expect(channel.wrongSince).toBeUndefined();
        expect(holes()).toBe(0);
    });

    test('ahead of us means that patches were lost', () => {
        const { channel, lost, holes } = followed();
        channel.check({ t: 'check', to: 8, h: digestOf(channel.state) }, lost);
        expect(holes()).toBe(1);
    });

    test('behind us says nothing about us', () => {
        const { channel, lost, holes } = followed();
        channel.check({ t: 'check', to: 6, h: '00000001', checked: 4 }, lost);
        expect(holes()).toBe(0);
    });

    test('without a digest, of a log channel, is about the time alone', () => {
        const { channel, lost, holes } = followed();
        channel.check({ t: 'check', to: 7, checked: 9 }, lost);
        expect(holes()).toBe(0);
        expect(channel.checked.peek()).toBe(9);
    });

    test('that is wrong again and again does not ask again and again', () => {
        vi.useFakeTimers();
        const { channel, lost, holes } = followed();
        const wrong = { t: 'check', to: 7, h: '00000001' } as const;
        for (let second = 0; second < 60; second += 1) {
            channel.check(wrong, lost);
            if (second < 10) channel.accept(snapshot, lost, 7);
            vi.advanceTimersByTime(1000);
        }
        expect(holes()).toBe(3); // at 0, 10 and 30 s
        expect(channel.mismatches.peek()).toBe(60);
        expect(channel.wrongSince).toBeDefined();
        vi.useRealTimers();
    });

    test('says since when the service is degraded, until it is not', () => {
        const { channel, lost } = followed();
        let draws = 0;
        const stop = effect(() => {
            channel.degraded.value;
            draws += 1;
        });
        channel.check({ t: 'check', to: 7, degraded: { redis: 3 } }, lost);
        channel.check({ t: 'check', to: 7, degraded: { redis: 3 } }, lost);
        expect(channel.degraded.peek()).toEqual({ redis: 3 });
        expect(draws).toBe(2);
        channel.check({ t: 'check', to: 7 }, lost);
        expect(channel.degraded.peek()).toBeUndefined();
        stop();
    });

    test('of the wrong form is none', () => {
        expect(isCheck({ t: 'check' })).toBe(false);
        expect(isCheck(null)).toBe(false);
        expect(isCheck({ t: 'patch', to: 1 })).toBe(false);
        expect(isCheck({ t: 'check', to: 1 })).toBe(true);
    });
});

describe('a log', () => {
    function read(): { channel: Channel<unknown>; entries: unknown[]; missed: () => number } {
        const entries: unknown[] = [];
        let missed = 0;
        const channel = new Channel<unknown>('audit:platform');
        channel.readers.add({ entry: (data) => entries.push(data), missed: () => void (missed += 1) });
        return { channel, entries, missed: () => missed };
    }

    test('hands on its entries in order, and is known to be right where they end', () => {
        const { channel, entries } = read();
        const lost = vi.fn();
        channel.open(4, false);
        channel.append({ id: 'a' }, 5);
        channel.append({ id: 'b' }, 6);
        channel.check({ t: 'check', to: 6 }, lost);
        expect(entries).toEqual([{ id: 'a' }, { id: 'b' }]);
        expect(lost).not.toHaveBeenCalled();
        expect(channel.hasState.peek()).toBe(true);
    });

    test('is followed anew when a check knows of more entries than came', () => {
        const { channel } = read();
        const lost = vi.fn();
        channel.open(4, false);
        channel.check({ t: 'check', to: 5 }, lost);
        expect(lost).toHaveBeenCalledWith('mismatch');
    });

    test('says that entries may be missing unless the hub sent them all', () => {
        const { channel, missed } = read();
        channel.open(4, false);
        expect(missed()).toBe(1);
        channel.open(9, true);
        expect(missed()).toBe(1);
        channel.open(20, false);
        expect(missed()).toBe(2);
    });
});
