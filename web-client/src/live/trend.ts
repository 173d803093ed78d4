/** The series of the chosen window as columns, for charts and sparklines. */
import type { Bucket, MetricsState, SeriesName, WindowName } from './payloads';
import type { Tree } from './tree';

export type Column = (number | null)[];

export interface Trend {
    series: SeriesName;
    /** Seconds per bucket. */
    step: number;
    /** Start of each bucket, epoch seconds; no holes. */
    start: number[];
    requested: Column;
    completed: Column;
    failed: Column;
    p95: Column;
    cost: Column;
    /** Index of the bucket that is still filling, or -1. */
    partial: number;
}

export const shapes: Record<SeriesName, { step: number; length: number }> = {
    minute: { step: 60, length: 60 },
    hour: { step: 3600, length: 24 },
    day: { step: 86_400, length: 30 },
};

export const seriesOf: Record<WindowName, SeriesName> = {
    '5m': 'minute',
    '1h': 'minute',
    '24h': 'hour',
    '30d': 'day',
};

export const seriesWords: Record<SeriesName, string> = {
    minute: 'per minute, last 60 minutes',
    hour: 'per hour, last 24 hours',
    day: 'per day (UTC), last 30 days',
};

export const windowWords: Record<WindowName, string> = {
    '5m': 'last 5 minutes',
    '1h': 'last hour',
    '24h': 'last 24 hours',
    '30d': 'last 30 days',
};

/**
 * `nowSeconds` ends the axis: when the feed is dead the chart moves on and shows the hole, since a
 * frozen chart looks alive. Buckets after the newest known one are unknown (null) and not zero.
 */
export function trendOf(state: Tree<MetricsState>, series: SeriesName, nowSeconds: number): Trend {
    const { step, length } = shapes[series];
    const buckets = state.at('series').at(series);
    const partialKey = Number(state.at('partial').at(series).peek() ?? Number.NaN);
    const newest = Number.isNaN(partialKey) ? -Infinity : partialKey;
    const end = Math.max(Math.floor(nowSeconds / step) * step, newest);
    const start = Array.from({ length }, (_, index) => end - (length - 1 - index) * step);
    const column = (member: keyof Bucket, empty: number | null): Column =>
        start.map((at) => {
            if (at > newest) return null;
            return buckets.has(String(at))
                ? (buckets.at(String(at)).at(member).peek() ?? empty)
                : empty;
        });
    return {
        series,
        step,
        start,
        requested: column('requested', 0),
        completed: column('completed', 0),
        failed: column('failed', 0),
        p95: column('p95_ms', null),
        cost: column('cost', 0),
        partial: start.indexOf(partialKey),
    };
}

/** Success per bucket; unknown where nothing finished. */
export function successOf(trend: Trend): Column {
    return trend.completed.map((completed, index) => {
        const failed = trend.failed[index] ?? 0;
        return completed === null || completed + failed === 0
            ? null
            : completed / (completed + failed);
    });
}

export function failureOf(trend: Trend): Column {
    return successOf(trend).map((rate) => (rate === null ? null : 1 - rate));
}
