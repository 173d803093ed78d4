import { expect, test } from 'vitest';
import { type Evidence, type Phase, phaseOf, silenceLimitMs } from './status';

const live: Evidence = {
    connected: true,
    following: true,
    hadData: true,
    denied: false,
    wrong: false,
    degraded: false,
    silentMs: 400,
    limitMs: silenceLimitMs(5000),
};

test.each<[string, Partial<Evidence>, Phase]>([
    ['connected and heard', {}, 'live'],
    ['before the first snapshot', { hadData: false, following: false }, 'connecting'],
    ['connected, still catching up', { following: false }, 'recovering'],
    ['connected, not catching up', { following: false, silentMs: 20_000 }, 'stale'],
    ['just lost', { connected: false, silentMs: 2000 }, 'recovering'],
    ['lost for long', { connected: false, silentMs: 20_000 }, 'stale'],
    ['lost, of a hub with short heartbeats', { connected: false, silentMs: 3000, limitMs: 2500 }, 'stale'],
    ['two heartbeats missed', { silentMs: 12_400 }, 'live'],
    ['two and a half heartbeats missed', { silentMs: 12_600 }, 'stale'],
    ['a hub without heartbeats, between pings', { silentMs: 24_000, limitMs: 30_000 }, 'live'],
    ['the database is away', { degraded: true }, 'degraded'],
    ['degraded and silent', { degraded: true, silentMs: 13_000 }, 'stale'],
    ['degraded and lost', { degraded: true, connected: false }, 'recovering'],
    ['wrong, and asked for a snapshot in vain', { wrong: true }, 'stale'],
    ['refused', { connected: false, denied: true }, 'denied'],
])('%s', (_name, evidence, phase) => {
    expect(phaseOf({ ...live, ...evidence })).toBe(phase);
});

test('a hub that names no heartbeat is measured by its pings', () => {
    expect(silenceLimitMs(undefined)).toBe(30_000);
    expect(silenceLimitMs(2000)).toBe(5000);
});
