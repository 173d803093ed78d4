import type { ReadonlySignal } from '@preact/signals';
import { useComputed } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { absent, compact, count, duration, mean, money, percent } from '../format/format';
import type { Channel } from '../live/channel';
import { useLive } from '../live/context';
import type { MetricsState, WindowMetrics } from '../live/payloads';
import { failureOf, type Trend, successOf, windowWords } from '../live/trend';
import type { Tree } from '../live/tree';
import { windowName } from '../route';
import { Live } from './live';
import { Sparkline } from './sparkline';

interface Props {
    channel: Channel<MetricsState>;
    trend: ReadonlySignal<Trend | undefined>;
}

type Reader = () => Tree<WindowMetrics>;

function readerOf(channel: Channel<MetricsState>): Reader {
    const windows = channel.state.at('windows');
    return () => windows.at(windowName.value);
}

const short = (value: number | undefined): string => compact(value, 10_000);

const finished = (window: Tree<WindowMetrics>): number | undefined => {
    const completed = window.at('completed').value;
    const failed = window.at('failed').value;
    return completed === undefined || failed === undefined ? undefined : completed + failed;
};

function Card(props: {
    id: string;
    label: string;
    value: () => string;
    note: () => string;
    spark?: ComponentChildren;
}) {
    return (
        <article class="card" data-kpi={props.id}>
            <h3>{props.label}</h3>
            <p class="card-value">
                <Live of={props.value} />
            </p>
            <p class="card-note">
                <Live of={props.note} />
            </p>
            {props.spark}
        </article>
    );
}

/** The four numbers that are looked at first. */
export function PrimaryKpis({ channel, trend }: Props) {
    const window = readerOf(channel);
    const some = (words: (n: number) => string): string => {
        const n = finished(window());
        if (n === undefined) return '';
        return n > 0 ? words(n) : `nothing finished in the ${windowWords[windowName.value]}`;
    };
    return (
        <section class="cards" aria-label="Key numbers">
            <Card
                id="generations"
                label="Generations"
                value={() => count(window().at('requested').value)}
                note={() => {
                    const w = window();
                    const cancelled = w.at('cancelled').value ?? 0;
                    if (w.at('requested').value === undefined) return '';
                    return (
                        `${short(w.at('completed').value)} completed · ${short(w.at('failed').value)} failed` +
                        (cancelled > 0 ? ` · ${short(cancelled)} cancelled` : '')
                    );
                }}
                spark={<Sparkline trend={trend} column={(t) => t.requested} />}
            />
            <Card
                id="success-rate"
                label="Success rate"
                value={() => percent(window().at('success_rate').value)}
                note={() =>
                    some(
                        (n) =>
                            `n\u00a0=\u00a0${compact(n)} · ${compact(window().at('completed').value)} completed`,
                    )
                }
                spark={<Sparkline trend={trend} column={successOf} />}
            />
            <Card
                id="failure-rate"
                label="Failure rate"
                value={() => percent(window().at('failure_rate').value)}
                note={() =>
                    some(
                        (n) =>
                            `n\u00a0=\u00a0${compact(n)} · ${compact(window().at('failed').value)} failed`,
                    )
                }
                spark={<Sparkline trend={trend} column={failureOf} tone="bad" />}
            />
            <Card
                id="p95"
                label="Completion p95"
                value={() => duration(window().at('p95_ms').value)}
                note={() => {
                    const w = window();
                    const n = w.at('completed').value;
                    if (n === undefined) return '';
                    if (n === 0) return `nothing completed in the ${windowWords[windowName.value]}`;
                    return `n\u00a0=\u00a0${compact(n)} · p50 ${duration(w.at('p50_ms').value)} · p99 ${duration(w.at('p99_ms').value)}`;
                }}
                spark={<Sparkline trend={trend} column={(t) => t.p95} />}
            />
        </section>
    );
}

function Fact(props: { id: string; label: string; value: () => string; note: () => string }) {
    return (
        <div class="fact" data-kpi={props.id}>
            <dt>{props.label}</dt>
            <dd>
                <span class="fact-value">
                    <Live of={props.value} />
                </span>
                <span class="fact-note">
                    <Live of={props.note} />
                </span>
            </dd>
        </div>
    );
}

const ratio = (part: number | undefined, whole: number | undefined): number | undefined =>
    part === undefined || !whole ? undefined : part / whole;

/** Everything else the window says, in one quiet strip. */
export function SecondaryKpis({ channel }: Pick<Props, 'channel'>) {
    const live = useLive();
    const cost = useComputed(() => live.may('metrics.read_cost')).value;
    const window = readerOf(channel);
    return (
        <dl class="facts panel" data-count={cost ? 5 : 4}>
            <Fact
                id="active-users"
                label="Active users"
                value={() => count(window().at('active_users').value)}
                note={() => {
                    const each = ratio(
                        window().at('requested').value,
                        window().at('active_users').value,
                    );
                    return each === undefined ? 'nobody yet' : `${mean(each)} generations each`;
                }}
            />
            <Fact
                id="tokens"
                label="Tokens"
                value={() => compact(window().at('tokens').value)}
                note={() => {
                    const each = ratio(window().at('tokens').value, finished(window()));
                    return each ? `${compact(Math.round(each))} per generation` : absent;
                }}
            />
            <Fact
                id="published"
                label="Published"
                value={() => count(window().at('published').value)}
                note={() => {
                    const share = ratio(
                        window().at('published').value,
                        window().at('completed').value,
                    );
                    return share === undefined
                        ? absent
                        : `${percent(Math.min(1, share))} of completed`;
                }}
            />
            <Fact
                id="retry-rate"
                label="Retry rate"
                value={() => percent(window().at('retry_rate').value)}
                note={() => `${count(window().at('retried').value)} retried`}
            />
            {cost && (
                <Fact
                    id="cost"
                    label="Provider cost"
                    value={() => money(window().at('cost').value)}
                    note={() => {
                        const each = ratio(window().at('cost').value, finished(window()));
                        return each === undefined ? absent : `${money(each)} per generation`;
                    }}
                />
            )}
        </dl>
    );
}
