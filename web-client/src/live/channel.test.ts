import { describe, expect, test } from 'vitest';
import { Channel } from './channel';

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
