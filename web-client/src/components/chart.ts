/** uPlot, dressed: options that both trend charts share, and the marks of the bucket that still fills. */
import uPlot from 'uplot';
import { compact, clockTime, day, duration } from '../format/format';
import type { SeriesName } from '../live/payloads';
import type { Column, Trend } from '../live/trend';
import { token } from '../theme';

export type Draw = (chart: uPlot, trend: Trend) => void;

const axisWidth = { wide: 52, narrow: 38 };
const narrow = 480;
const seconds = [
    0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400,
];
const durationSteps = seconds.map((value) => value * 1000);
const countSteps = [1, 2, 5]
    .flatMap((unit) => Array.from({ length: 9 }, (_, power) => unit * 10 ** power))
    .sort((a, b) => a - b);

export interface Palette {
    completed: string;
    failed: string;
    requested: string;
    time: string;
    text: string;
    grid: string;
    band: string;
    surface: string;
}

export function palette(): Palette {
    return {
        completed: token('--chart-completed'),
        failed: token('--chart-failed'),
        requested: token('--chart-requested'),
        time: token('--chart-time'),
        text: token('--text-muted'),
        grid: token('--line-soft'),
        band: token('--chart-band'),
        surface: token('--surface'),
    };
}

/** Diagonal lines in the series' colour, opaque since bars stand behind bars: filling, not final. */
export function hatch(colour: string, ground: string): CanvasPattern | string {
    const ratio = devicePixelRatio;
    const size = Math.max(4, Math.round(6 * ratio));
    const tile = document.createElement('canvas');
    tile.width = size;
    tile.height = size;
    const context = tile.getContext('2d');
    if (!context) return colour;
    context.fillStyle = ground;
    context.fillRect(0, 0, size, size);
    context.strokeStyle = colour;
    context.lineWidth = Math.max(1, 1.4 * ratio);
    for (const shift of [-size, 0, size]) {
        context.beginPath();
        context.moveTo(shift, size);
        context.lineTo(shift + size, 0);
        context.stroke();
    }
    return context.createPattern(tile, 'repeat') ?? colour;
}

/** Middle of each bucket: bars stand on it and lines pass through it. */
export function middles(trend: Trend): number[] {
    return trend.start.map((at) => at + trend.step / 2);
}

/** The line that is final, and the last step into the partial bucket, drawn dashed. */
export function splitPartial(column: Column, partial: number): [Column, Column] {
    if (partial < 0) return [column, column.map(() => null)];
    const whole = column.map((value, index) => (index === partial ? null : value));
    const tail = column.map((value, index) =>
        index === partial || index === partial - 1 ? value : null,
    );
    return [whole, tail];
}

export function bucketLabel(series: SeriesName, start: number): string {
    const ms = start * 1000;
    return series === 'day' ? day(ms) : clockTime(ms);
}

/** Bars whose partial bucket is hatched. */
export function bars(
    fill: string,
    pattern: CanvasPattern | string,
    partialOf: () => number,
): uPlot.Series.PathBuilder | undefined {
    return uPlot.paths.bars?.({
        size: [0.72, 28],
        radius: 0.12,
        disp: {
            fill: {
                unit: 3,
                values: (_chart, _series, from, to) =>
                    Array.from({ length: to - from + 1 }, (_, index) =>
                        from + index === partialOf() ? (pattern as string) : fill,
                    ),
            },
            stroke: {
                unit: 3,
                values: (_chart, _series, from, to) =>
                    Array.from({ length: to - from + 1 }, () => fill),
            },
        },
    });
}

/** `bare` has no labels under it: the chart below shares its axis. */
export function options(parameters: {
    kind: 'count' | 'duration';
    width: number;
    height: number;
    colours: Palette;
    series: SeriesName;
    bare: boolean;
    all: uPlot.Series[];
    onIndex: (index: number | null) => void;
    underlay?: (chart: uPlot) => void;
}): uPlot.Options {
    const { colours, kind } = parameters;
    const font = `11px ${token('--font')}`;
    const grid: uPlot.Axis.Grid = { stroke: colours.grid, width: 1 };
    const time: uPlot.Axis = {
        stroke: colours.text,
        font,
        grid: { show: false },
        ticks: { show: false },
        gap: 6,
        size: parameters.bare ? 8 : 26,
        space: 64,
        values: (_chart, splits) =>
            splits.map((at) => (parameters.bare ? '' : bucketLabel(parameters.series, at))),
    };
    const value: uPlot.Axis = {
        stroke: colours.text,
        font,
        grid,
        ticks: { show: false },
        gap: 8,
        size: parameters.width < narrow ? axisWidth.narrow : axisWidth.wide,
        space: 34,
        incrs: kind === 'count' ? countSteps : durationSteps,
        values: (_chart, splits) =>
            splits.map((at) =>
                kind === 'count' ? compact(at, 10_000) : at === 0 ? '0' : duration(at),
            ),
    };
    return {
        width: parameters.width,
        height: parameters.height,
        padding: [8, parameters.width < narrow ? 8 : 20, 0, 0],
        legend: { show: false },
        tzDate: (at) =>
            parameters.series === 'day'
                ? uPlot.tzDate(new Date(at * 1000), 'Etc/UTC')
                : new Date(at * 1000),
        cursor: {
            y: false,
            points: { show: false },
            drag: { x: false, y: false },
            sync: { key: 'trend' },
        },
        scales: {
            x: { time: true, range: (_chart, low, high) => [low, high] },
            y: {
                range: (_chart, _low, high) => {
                    const floor = kind === 'count' ? 4 : 1000;
                    return [0, Math.max(floor, (high ?? 0) * 1.08)];
                },
            },
        },
        axes: [time, value],
        series: [{}, ...parameters.all],
        hooks: {
            setCursor: [(chart) => parameters.onIndex(chart.cursor.idx ?? null)],
            ...(parameters.underlay && { drawClear: [parameters.underlay] }),
        },
    };
}
