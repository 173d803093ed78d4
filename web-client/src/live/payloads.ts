/** Shapes of what the hub and ingest send. Members of a class that the reader may not see are absent. */

export const windowNames = ['5m', '1h', '24h', '30d'] as const;
export type WindowName = (typeof windowNames)[number];
export type SeriesName = 'minute' | 'hour' | 'day';

export interface WindowMetrics {
    requested: number;
    completed: number;
    failed: number;
    cancelled: number;
    retried: number;
    published: number;
    active_users: number;
    tokens: number;
    units: number;
    success_rate?: number;
    failure_rate?: number;
    retry_rate?: number;
    p50_ms?: number;
    p95_ms?: number;
    p99_ms?: number;
    queue_p50_ms?: number;
    queue_p95_ms?: number;
    cost?: number;
}

export interface Bucket {
    requested: number;
    completed: number;
    failed: number;
    cancelled: number;
    p95_ms?: number;
    cost?: number;
}

export interface PartnerWindow {
    requested: number;
    completed: number;
    failed: number;
    p95_ms?: number;
}

export interface PartnerMetrics {
    name: string;
    in_flight: number;
    stuck: number;
    windows: Record<WindowName, PartnerWindow>;
}

export interface NowMetrics {
    requested: number;
    queued: number;
    running: number;
    in_flight: number;
    stuck: number;
    oldest_at?: number;
    stuck_after_ms: number;
}

export interface MetricsState {
    now: NowMetrics;
    windows: Record<WindowName, WindowMetrics>;
    series: Record<SeriesName, Record<string, Bucket>>;
    partial: Record<SeriesName, string>;
    partners?: Record<string, PartnerMetrics>;
}

export type JobState = 'requested' | 'queued' | 'running' | 'completed' | 'failed' | 'cancelled';

export interface Job {
    partner: string;
    state: JobState;
    attempt: number;
    model?: string;
    entrypoint?: string;
    project?: string;
    requested_at: number;
    queued_at?: number;
    started_at?: number;
    completed_at?: number;
    failed_at?: number;
    cancelled_at?: number;
    published_at?: number;
    progress?: number;
    duration_ms?: number;
    queue_ms?: number;
    units?: number;
    tokens?: number;
    cost?: number;
    error_class?: string;
    error_message?: string;
    prompt?: string;
    asset_url?: string;
    end_user?: string;
    updated_at: number;
}

export interface JobsState {
    jobs: Record<string, Job>;
}

export interface Hello {
    user: { id: string; name: string };
    role: string;
    permissions: string[];
    partners: string[];
    channels: string[];
    time: number;
    /** At least this often every channel says something; absent: an older hub. */
    heartbeat?: number;
}

/** Of `session:self`: the reader's own access is another now, or his session is over. */
export type SessionNotice = { t: 'session' } | { t: 'ended'; reason?: string };

export interface Token {
    token: string;
    expires_ms: number;
    hub_url: string;
}
