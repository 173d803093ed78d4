/** What the page says about its data: one word, decided in one place. */

export type Phase = 'connecting' | 'live' | 'degraded' | 'recovering' | 'stale' | 'denied';

export interface Evidence {
    /** The transport and the hub's greeting are there. */
    connected: boolean;
    /** Every channel on the page has its state and follows it. */
    following: boolean;
    /** Something has been shown since the page opened. */
    hadData: boolean;
    /** The hub refused for good: signed out, no membership, or a channel that is not ours. */
    denied: boolean;
    /** A channel's document is known to be wrong, and no snapshot has mended it yet. */
    wrong: boolean;
    /** The hub says that it cannot reach its database, or only hears of changes by polling it. */
    degraded: boolean;
    /** Of the channel that was silent the longest: as old as that the data may be. */
    silentMs: number;
    /** More silence than this is no longer live. */
    limitMs: number;
}

const heartbeatsMissed = 2.5;
/** Of a hub that names no heartbeat: it pings every 25 s. */
const pingLimitMs = 30_000;
/** A reconnect normally takes less; after that the page stops promising. */
export const recoveryLimitMs = 10_000;

export function silenceLimitMs(heartbeatMs: number | undefined): number {
    return heartbeatMs ? heartbeatMs * heartbeatsMissed : pingLimitMs;
}

export function phaseOf(evidence: Evidence): Phase {
    if (evidence.denied) return 'denied';
    if (!evidence.hadData) return 'connecting';
    if (!evidence.connected || !evidence.following)
        return evidence.silentMs > Math.min(recoveryLimitMs, evidence.limitMs)
            ? 'stale'
            : 'recovering';
    if (evidence.wrong || evidence.silentMs > evidence.limitMs) return 'stale';
    return evidence.degraded ? 'degraded' : 'live';
}
