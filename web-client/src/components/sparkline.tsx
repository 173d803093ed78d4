import { type ReadonlySignal, useComputed } from '@preact/signals';
import type { Column, Trend } from '../live/trend';

const width = 100;
const height = 28;

interface Paths {
    whole: string;
    partial: string;
}

/** Two paths: what is final, and the last step into the bucket that still fills. */
function draw(column: Column, partial: number): Paths {
    const known = column.filter((value): value is number => value !== null);
    const top = Math.max(...known, 0);
    const bottom = Math.min(...known, top);
    const span = top - bottom || 1;
    const flat = top === bottom;
    const x = (index: number): number => (index / Math.max(1, column.length - 1)) * width;
    const y = (value: number): number =>
        flat
            ? top === 0
                ? height - 1.5
                : height / 2
            : height - 1.5 - ((value - bottom) / span) * (height - 3);
    let whole = '';
    let pen = false;
    let last: string | undefined;
    let tail = '';
    column.forEach((value, index) => {
        if (value === null) {
            pen = false;
            return;
        }
        const point = `${x(index).toFixed(1)} ${y(value).toFixed(1)}`;
        if (index === partial) {
            if (last) tail = `M${last}L${point}`;
            return;
        }
        whole += `${pen ? 'L' : 'M'}${point}`;
        pen = true;
        last = point;
    });
    return { whole, partial: tail };
}

/** A picture beside a number that says the same; hidden from screen readers. */
export function Sparkline(props: {
    trend: ReadonlySignal<Trend | undefined>;
    column: (trend: Trend) => Column;
    tone?: 'plain' | 'bad';
}) {
    const { trend, column } = props;
    const paths = useComputed<Paths>(() => {
        const now = trend.value;
        return now ? draw(column(now), now.partial) : { whole: '', partial: '' };
    });
    const whole = useComputed(() => paths.value.whole);
    const partial = useComputed(() => paths.value.partial);
    return (
        <svg
            class="sparkline"
            data-tone={props.tone ?? 'plain'}
            viewBox={`0 0 ${width} ${height}`}
            preserveAspectRatio="none"
            aria-hidden="true"
            focusable="false"
        >
            <path d={whole} />
            <path d={partial} class="sparkline-partial" />
        </svg>
    );
}
