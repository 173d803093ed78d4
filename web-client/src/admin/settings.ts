/** Feature flags and model configurations as ingest answers them; absent is what one may not see. */
import type { AuditActor } from './shapes';

export interface FlagItem {
    key: string;
    description: string;
    enabled: boolean;
    rollout_pct: number;
    /** How many partners it reaches at 0, 1, … 100 %. */
    reach: number[];
    updated_at: number;
    updated_by?: AuditActor | null;
}

export const modelKinds = ['video', 'image', 'stt', 'tts', 'llm'] as const;

export interface ModelItem {
    id: string;
    name: string;
    kind: (typeof modelKinds)[number];
    enabled: boolean;
    max_duration_ms: number | null;
    max_concurrent: number | null;
    /** Of a unit. */
    price?: number | null;
    version?: number;
    updated_at?: number;
    updated_by?: AuditActor | null;
}

/** What `system` publishes: that flags, or models, were changed. */
export function isSettingsNotice(data: unknown, what: 'flags' | 'models'): boolean {
    return typeof data === 'object' && data !== null && 't' in data && data.t === what;
}

/** partner_dashboard: Partner dashboard. */
export function flagTitle(key: string): string {
    const words = key.replaceAll('_', ' ').replace(/\bapi\b/, 'API');
    return words.charAt(0).toUpperCase() + words.slice(1);
}

/** Whom a percentage would reach. */
export function reachOf(flag: FlagItem, pct: number): { partners: number; of: number } {
    return { partners: flag.reach[pct] ?? 0, of: flag.reach.at(-1) ?? 0 };
}

/** What PUT /v1/models/{id} takes to leave the model as it is; its price stays unless it is named. */
export function modelBody(model: ModelItem) {
    const { name, kind, enabled, max_duration_ms, max_concurrent, version } = model;
    return { name, kind, enabled, max_duration_ms, max_concurrent, version };
}
