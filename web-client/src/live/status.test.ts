import { expect, test } from 'vitest';
import { type Evidence, type Phase, phaseOf } from './status';

const live: Evidence = {
    connected: true,
    following: true,
    hadData: true,
    denied: false,
    silentMs: 400,
};

test.each<[string, Partial<Evidence>, Phase]>([
    ['connected and heard', {}, 'live'],
    ['before the first snapshot', { hadData: false, following: false }, 'connecting'],
    ['connected, still catching up', { following: false }, 'recovering'],
    ['just lost', { connected: false, silentMs: 2000 }, 'recovering'],
    ['lost for long', { connected: false, silentMs: 20_000 }, 'stale'],
    ['connected, but not even a ping', { silentMs: 31_000 }, 'stale'],
    ['quiet between two pings', { silentMs: 24_000 }, 'live'],
    ['refused', { connected: false, denied: true }, 'denied'],
])('%s', (_name, evidence, phase) => {
    expect(phaseOf({ ...live, ...evidence })).toBe(phase);
});
