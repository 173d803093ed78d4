import {
    type ReadonlySignal,
    type Signal,
    useComputed,
    useSignal,
    useSignalEffect,
} from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { absent, count, duration } from '../format/format';
import { type Trend, seriesWords } from '../live/trend';
import { windowName } from '../route';
import { theme } from '../theme';
import { bars, bucketLabel, hatch, middles, options, palette, splitPartial } from './chart';
import { Live } from './live';

type TrendSignal = ReadonlySignal<Trend | undefined>;

interface Plot {
    chart: uPlot;
    show: (trend: Trend) => void;
}

type Build = (host: HTMLElement, trend: Trend, pointed: Signal<number | null>) => Plot;

const xRange = (trend: Trend): { min: number; max: number } => ({
    min: trend.start[0] ?? 0,
    max: (trend.start[trend.start.length - 1] ?? 0) + trend.step,
});

const add = (a: number | null, b: number | null): number | null =>
    a === null || b === null ? null : a + b;

/** Redraws both scales in one go; uPlot derives y from the data. */
function feed(chart: uPlot, data: uPlot.AlignedData, trend: Trend): void {
    chart.batch(() => {
        chart.setData(data, false);
        chart.setScale('x', xRange(trend));
    });
}

/** Failed stands on completed, so the bar's height is what finished; the line is what was asked for. */
const buildVolume: Build = (host, first, pointed) => {
    const colours = palette();
    let trend = first;
    const partial = (): number => trend.partial;
    const solid = (stroke: string, dash?: number[]): uPlot.Series => ({
        stroke,
        width: 1.5,
        points: { show: false },
        ...(dash && { dash }),
    });
    const bar = (fill: string): uPlot.Series => {
        const paths = bars(fill, hatch(fill, colours.surface), partial);
        return { stroke: fill, fill, width: 1, points: { show: false }, ...(paths && { paths }) };
    };
    const underlay = (chart: uPlot): void => {
        if (windowName.peek() !== '5m') return;
        const { left, top, width, height } = chart.bbox;
        const from = chart.valToPos(xRange(trend).max - 5 * trend.step, 'x', true);
        chart.ctx.fillStyle = colours.band;
        chart.ctx.fillRect(from, top, left + width - from, height);
    };
    const chart = new uPlot(
        options({
            kind: 'count',
            width: host.clientWidth,
            height: host.clientHeight,
            colours,
            series: first.series,
            bare: true,
            all: [
                bar(colours.failed),
                bar(colours.completed),
                solid(colours.requested),
                solid(colours.requested, [3, 4]),
            ],
            onIndex: (index) => (pointed.value = index),
            underlay,
        }),
        [[]],
        host,
    );
    return {
        chart,
        show: (next) => {
            trend = next;
            const finished = next.completed.map((value, index) =>
                add(value, next.failed[index] ?? null),
            );
            const [whole, tail] = splitPartial(next.requested, next.partial);
            feed(chart, [middles(next), finished, next.completed, whole, tail], next);
        },
    };
};

const buildTime: Build = (host, first, pointed) => {
    const colours = palette();
    const line = (dash?: number[]): uPlot.Series => ({
        stroke: colours.time,
        width: 1.75,
        spanGaps: false,
        points: { show: true, size: 3.5, fill: colours.time, stroke: colours.time },
        ...(dash && { dash }),
    });
    const chart = new uPlot(
        options({
            kind: 'duration',
            width: host.clientWidth,
            height: host.clientHeight,
            colours,
            series: first.series,
            bare: false,
            all: [line(), line([3, 4])],
            onIndex: (index) => (pointed.value = index),
        }),
        [[]],
        host,
    );
    return {
        chart,
        show: (next) => {
            const [whole, tail] = splitPartial(next.p95, next.partial);
            feed(chart, [middles(next), whole, tail], next);
        },
    };
};

/** Owns one uPlot: made anew for another theme or series, fed at the page's 2 frames a second. */
function Chart(props: {
    build: Build;
    trend: TrendSignal;
    pointed: Signal<number | null>;
    class: string;
}) {
    const host = useRef<HTMLDivElement>(null);
    const { trend, pointed } = props;
    useEffect(() => {
        const element = host.current;
        if (!element) return;
        let plot: Plot | undefined;
        let made = '';
        let shown: Trend | undefined;
        const update = (now: Trend | undefined): void => {
            if (!now || element.clientWidth === 0) return;
            const wanted = `${now.series} ${theme.peek()} ${windowName.peek()}`;
            if (made !== wanted) {
                plot?.chart.destroy();
                plot = props.build(element, now, pointed);
                made = wanted;
                shown = undefined;
            }
            if (shown !== now) plot?.show(now);
            shown = now;
        };
        const stops = [
            trend.subscribe(update),
            theme.subscribe(() => update(trend.peek())),
            windowName.subscribe(() => update(trend.peek())),
            pointed.subscribe((index) => {
                const chart = plot?.chart;
                if (!chart || (chart.cursor.idx ?? null) === index) return;
                const x = index === null ? undefined : chart.data[0][index];
                chart.setCursor({ left: x === undefined ? -10 : chart.valToPos(x, 'x'), top: 0 });
            }),
        ];
        const observer = new ResizeObserver(() => {
            if (!plot) update(trend.peek());
            plot?.chart.setSize({ width: element.clientWidth, height: element.clientHeight });
        });
        observer.observe(element);
        return () => {
            for (const stop of stops) stop();
            observer.disconnect();
            plot?.chart.destroy();
        };
    }, []);
    return <div class={props.class} ref={host} aria-hidden="true" />;
}

function sentence(trend: Trend, index: number): string {
    const value = (column: (number | null)[]): number | undefined => column[index] ?? undefined;
    const start = trend.start[index];
    if (start === undefined) return '';
    return (
        `${bucketLabel(trend.series, start)}${index === trend.partial ? ', so far' : ''}: ` +
        `${count(value(trend.requested))} requested, ${count(value(trend.completed))} completed, ` +
        `${count(value(trend.failed))} failed, p95 ${duration(value(trend.p95))}`
    );
}

export function TrendPanel({ trend }: { trend: TrendSignal }) {
    const pointed = useSignal<number | null>(null);
    const asTable = useSignal(false);
    const series = useComputed(() => trend.value?.series).value;
    const nothing = useComputed(
        () =>
            trend.value?.requested.every(
                (value, index) =>
                    !value && !trend.value?.completed[index] && !trend.value?.failed[index],
            ) ?? false,
    ).value;
    useSignalEffect(() => {
        windowName.value;
        pointed.value = null;
    });
    return (
        <section class="panel trend" aria-labelledby="trend-title">
            <header class="panel-head">
                <h2 id="trend-title">Generations</h2>
                <p class="panel-sub">{series && seriesWords[series]}</p>
                <button
                    type="button"
                    class="button button-small"
                    aria-pressed={asTable.value}
                    onClick={() => (asTable.value = !asTable.value)}
                >
                    {asTable.value ? 'Chart' : 'Table'}
                </button>
            </header>
            {asTable.value ? (
                <TrendTable trend={trend} />
            ) : (
                <>
                    <Readout trend={trend} pointed={pointed} />
                    <Explorer trend={trend} pointed={pointed}>
                        <Chart
                            class="chart chart-volume"
                            build={buildVolume}
                            trend={trend}
                            pointed={pointed}
                        />
                        <p class="chart-title">
                            <i class="swatch swatch-line" data-series="time" />
                            Completion time, p95
                        </p>
                        <Chart
                            class="chart chart-time"
                            build={buildTime}
                            trend={trend}
                            pointed={pointed}
                        />
                        {nothing && series && (
                            <p class="chart-empty">
                                No generations{' '}
                                {seriesWords[series].split(', ')[1] &&
                                    `in the ${seriesWords[series].split(', ')[1]}`}
                                .
                            </p>
                        )}
                    </Explorer>
                </>
            )}
        </section>
    );
}

/** Legend and values in one: of the pointed bucket, else of the newest. */
function Readout({ trend, pointed }: { trend: TrendSignal; pointed: Signal<number | null> }) {
    const index = useComputed(() => {
        const now = trend.value;
        if (!now) return -1;
        return pointed.value ?? (now.partial >= 0 ? now.partial : now.start.length - 1);
    });
    const value = (column: 'requested' | 'completed' | 'failed') => (): string =>
        count(trend.value?.[column][index.value] ?? undefined);
    const when = (): string => {
        const now = trend.value;
        const start = now?.start[index.value];
        if (!now || start === undefined) return absent;
        return bucketLabel(now.series, start) + (index.value === now.partial ? ', so far' : '');
    };
    return (
        <dl class="readout">
            <div class="readout-when">
                <dt class="visually-hidden">Bucket</dt>
                <dd>
                    <Live of={when} />
                </dd>
            </div>
            <div>
                <dt>
                    <i class="swatch" data-series="completed" />
                    Completed
                </dt>
                <dd>
                    <Live of={value('completed')} />
                </dd>
            </div>
            <div>
                <dt>
                    <i class="swatch" data-series="failed" />
                    Failed
                </dt>
                <dd>
                    <Live of={value('failed')} />
                </dd>
            </div>
            <div>
                <dt>
                    <i class="swatch swatch-line" data-series="requested" />
                    Requested
                </dt>
                <dd>
                    <Live of={value('requested')} />
                </dd>
            </div>
            <div>
                <dt>
                    <i class="swatch swatch-line" data-series="time" />
                    p95
                </dt>
                <dd>
                    <Live of={() => duration(trend.value?.p95[index.value] ?? undefined)} />
                </dd>
            </div>
            <div class="readout-hint">
                <dt>
                    <i class="swatch swatch-hatch" />
                    Still filling
                </dt>
            </div>
        </dl>
    );
}

/** The charts as a slider: arrow keys walk the buckets, readers hear each one as a sentence. */
function Explorer(props: {
    trend: TrendSignal;
    pointed: Signal<number | null>;
    children: preact.ComponentChildren;
}) {
    const { trend, pointed } = props;
    const last = useComputed(() => (trend.value?.start.length ?? 1) - 1).value;
    const at = pointed.value ?? last;
    const onKeyDown = (event: KeyboardEvent): void => {
        const now = trend.peek();
        if (!now) return;
        const end = now.start.length - 1;
        const from = pointed.peek() ?? end;
        const to = { ArrowLeft: from - 1, ArrowRight: from + 1, Home: 0, End: end }[event.key];
        if (event.key === 'Escape') pointed.value = null;
        if (to === undefined) return;
        event.preventDefault();
        pointed.value = Math.min(end, Math.max(0, to));
    };
    const now = trend.peek();
    return (
        <div
            class="explorer"
            role="slider"
            tabIndex={0}
            aria-label="Generations over time; arrow keys walk through the buckets"
            aria-valuemin={0}
            aria-valuemax={last}
            aria-valuenow={at}
            aria-valuetext={now ? sentence(now, at) : 'no data yet'}
            onKeyDown={onKeyDown}
            onBlur={() => (pointed.value = null)}
        >
            {props.children}
        </div>
    );
}

function TrendTable({ trend }: { trend: TrendSignal }) {
    const now = trend.value;
    if (!now) return null;
    const rows = now.start.map((_, index) => index).reverse();
    return (
        <div
            class="scroll trend-table"
            tabIndex={0}
            role="region"
            aria-label="Generations over time"
        >
            <table class="table">
                <thead>
                    <tr>
                        <th scope="col">{now.series === 'day' ? 'Day (UTC)' : 'From'}</th>
                        <th scope="col" class="number">
                            Requested
                        </th>
                        <th scope="col" class="number">
                            Completed
                        </th>
                        <th scope="col" class="number">
                            Failed
                        </th>
                        <th scope="col" class="number">
                            p95
                        </th>
                    </tr>
                </thead>
                <tbody>
                    {rows.map((index) => (
                        <tr key={now.start[index]}>
                            <th scope="row">
                                {bucketLabel(now.series, now.start[index] ?? 0)}
                                {index === now.partial && ', so far'}
                            </th>
                            <td class="number">{count(now.requested[index] ?? undefined)}</td>
                            <td class="number">{count(now.completed[index] ?? undefined)}</td>
                            <td class="number">{count(now.failed[index] ?? undefined)}</td>
                            <td class="number">{duration(now.p95[index] ?? undefined)}</td>
                        </tr>
                    ))}
                </tbody>
            </table>
        </div>
    );
}
