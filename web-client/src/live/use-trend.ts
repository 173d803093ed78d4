import { type ReadonlySignal, useSignal, useSignalEffect } from '@preact/signals';
import { windowName } from '../route';
import type { Channel } from './channel';
import { serverNow, tick } from './clock';
import type { MetricsState } from './payloads';
import { seriesOf, shapes, type Trend, trendOf } from './trend';

/** Rebuilt at most twice a second, and only when a bucket changed or time moved on. */
export function useTrend(channel: Channel<MetricsState>): ReadonlySignal<Trend | undefined> {
    const trend = useSignal<Trend | undefined>(undefined);
    const built = useSignal('');
    useSignalEffect(() => {
        tick.value;
        if (!channel.hasState.value) return;
        const series = seriesOf[windowName.value];
        const now = serverNow() / 1000;
        const version = channel.state.at('series').at(series).version;
        const key = `${series} ${version} ${Math.floor(now / shapes[series].step)}`;
        if (key === built.peek()) return;
        built.value = key;
        trend.value = trendOf(channel.state, series, now);
    });
    return trend;
}
