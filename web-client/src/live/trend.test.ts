import { expect, test } from 'vitest';
import type { MetricsState } from './payloads';
import { successOf, type Trend, trendOf } from './trend';
import { Tree } from './tree';

const minute = 1_790_000_040 - (1_790_000_040 % 60);

function trendAt(now: number): { trend: Trend; success: (number | null)[] } {
    const tree = new Tree<MetricsState>();
    tree.replace({
        series: {
            minute: {
                [String(minute - 60)]: {
                    requested: 4,
                    completed: 3,
                    failed: 1,
                    cancelled: 0,
                    p95_ms: 900,
                },
                [String(minute)]: { requested: 1, completed: 0, failed: 0, cancelled: 0 },
            },
        },
        partial: { minute: String(minute) },
    });
    const trend = trendOf(tree, 'minute', now);
    return { trend, success: successOf(trend) };
}

test('buckets without data are zero, times without samples unknown, the newest is partial', () => {
    const { trend, success } = trendAt(minute + 12);
    expect(trend.start).toHaveLength(60);
    expect(trend.partial).toBe(59);
    expect(trend.requested.slice(-3)).toEqual([0, 4, 1]);
    expect(trend.p95.slice(-3)).toEqual([null, 900, null]);
    expect(success.slice(-3)).toEqual([null, 0.75, null]);
});

test('time goes on without the hub: what is not known is a hole and not a zero', () => {
    const { trend } = trendAt(minute + 130);
    expect(trend.start.at(-1)).toBe(minute + 120);
    expect(trend.requested.slice(-4)).toEqual([4, 1, null, null]);
    expect(trend.partial).toBe(57);
});
