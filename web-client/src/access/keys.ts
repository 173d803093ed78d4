/** API keys as ingest and the live channel `keys:partner:CODE` tell of them. */

export interface ApiKey {
    id: string;
    name: string;
    partner: string;
    environment: 'live' | 'test';
    scopes: string[];
    requests: number;
    events: number;
    created_at: number;
    expires_at: number | null;
    retiring_at: number | null;
    last_used_at: number | null;
    revoked_at: number | null;
    /** From here on only for who may change keys. */
    rate_limit?: number;
    max_seats?: number | null;
    seats?: number;
    ip_allow?: string[];
    revoke_reason?: string | null;
    rotated_from?: string | null;
    created_by?: { id: string; name: string } | null;
}

export interface KeyNotice {
    t: 'key';
    event: 'created' | 'updated' | 'rotated' | 'revoked' | 'used';
    id: string;
    at: number;
    /** Of what changed: all that everybody on the channel may see. */
    key?: Partial<ApiKey>;
    /** Of `used`: totals. */
    requests?: number;
    events?: number;
    seats?: number;
}

export function isKeyNotice(data: unknown): data is KeyNotice {
    return (
        typeof data === 'object' &&
        data !== null &&
        't' in data &&
        data.t === 'key' &&
        'id' in data &&
        'event' in data
    );
}

/** The list with what the notice says; undefined: it has to be asked for again. */
export function withNotice(keys: readonly ApiKey[], notice: KeyNotice): ApiKey[] | undefined {
    if (!keys.some((key) => key.id === notice.id)) return undefined;
    return keys.map((key) => {
        if (key.id !== notice.id) return key;
        const { requests, events, seats } = notice;
        return {
            ...key,
            ...notice.key,
            // Totals only grow: a notice that comes late takes nothing back.
            ...(requests !== undefined && { requests: Math.max(requests, key.requests) }),
            ...(events !== undefined && { events: Math.max(events, key.events) }),
            ...(seats !== undefined && key.seats !== undefined && { seats }),
            ...(notice.event === 'used' && {
                last_used_at: Math.max(notice.at, key.last_used_at ?? 0),
            }),
        };
    });
}

export type KeyState = 'active' | 'retiring' | 'expired' | 'revoked';

export function keyState(key: ApiKey, now: number): KeyState {
    if (key.revoked_at !== null) return 'revoked';
    const end = Math.min(key.expires_at ?? Infinity, key.retiring_at ?? Infinity);
    if (end <= now) return 'expired';
    return key.retiring_at === null ? 'active' : 'retiring';
}

/** How its text begins: enough to find it in a configuration, and no secret. */
export function prefixOf(key: ApiKey): string {
    return `mh_${key.environment}_${key.id}_…`;
}

/** Its end, whichever comes first. */
export function keyEnd(key: ApiKey): number | undefined {
    const end = Math.min(key.expires_at ?? Infinity, key.retiring_at ?? Infinity);
    return Number.isFinite(end) ? end : undefined;
}

export interface Scope {
    scope: string;
    label: string;
    permission?: 'events.tail' | 'metrics.read' | 'messages.write' | 'export.csv' | 'webhooks.write';
}

/** What a key can be for, and what its maker must be allowed to do himself. */
export const scopes: readonly Scope[] = [
    { scope: 'events:write', label: 'Send events' },
    { scope: 'events:read', label: 'Read raw events', permission: 'events.tail' },
    { scope: 'metrics:read', label: 'Read metrics', permission: 'metrics.read' },
    { scope: 'alerts:read', label: 'Read alerts', permission: 'metrics.read' },
    { scope: 'messages:write', label: 'Send messages', permission: 'messages.write' },
    { scope: 'export:read', label: 'Export', permission: 'export.csv' },
    { scope: 'webhooks:manage', label: 'Manage webhooks', permission: 'webhooks.write' },
];

/** Networks as they are written: parted by commas, blanks or lines. */
export function networksOf(text: string): string[] {
    return text.split(/[\s,]+/).filter(Boolean);
}

/** The last millisecond of the day that a date field names, in this machine's zone. */
export function endOfDay(date: string): number | undefined {
    if (!/^\d{4}-\d{2}-\d{2}$/.test(date)) return undefined;
    const at = new Date(`${date}T23:59:59.999`).getTime();
    return Number.isNaN(at) ? undefined : at;
}
