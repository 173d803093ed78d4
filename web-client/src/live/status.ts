/** What the page says about its data: one word, decided in one place. */

export type Phase = 'connecting' | 'live' | 'recovering' | 'stale' | 'denied';

export interface Evidence {
    /** The transport and the hub's greeting are there. */
    connected: boolean;
    /** Every channel on the page has its state and follows it. */
    following: boolean;
    /** Something has been shown since the page opened. */
    hadData: boolean;
    /** The hub refused for good: signed out, no membership, or a channel that is not ours. */
    denied: boolean;
    /** Since the hub was last heard; all it had sent before is on screen, so this is the data's age. */
    silentMs: number;
}

/** Without a word for longer than this, numbers are not called live: the hub pings every 25 s. */
export const silenceLimitMs = 30_000;
/** A reconnect normally takes less; after that the page stops promising. */
export const recoveryLimitMs = 10_000;

export function phaseOf(evidence: Evidence): Phase {
    if (evidence.denied) return 'denied';
    if (!evidence.hadData) return 'connecting';
    if (evidence.connected) {
        if (!evidence.following) return 'recovering';
        return evidence.silentMs > silenceLimitMs ? 'stale' : 'live';
    }
    return evidence.silentMs > recoveryLimitMs ? 'stale' : 'recovering';
}
