/** What both dashboards are made of: the numbers of one scope, and its jobs. */
import type { ReadonlySignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { JobsPanel } from '../components/jobs';
import { PrimaryKpis, SecondaryKpis } from '../components/kpis';
import { QueuePanel } from '../components/queue';
import { StaleBanner } from '../components/status';
import { TrendPanel } from '../components/trend';
import { WindowPicker } from '../components/windows';
import type { Channel } from '../live/channel';
import { useLive } from '../live/context';
import type { JobsState, MetricsState } from '../live/payloads';
import { type Trend, useTrend } from '../live/trend';

export function Dashboard(props: {
    title: string;
    subtitle?: string;
    filter?: ComponentChildren;
    metrics: Channel<MetricsState>;
    jobs: Channel<JobsState>;
    jobsTitle: string;
    platform: boolean;
    children?: ComponentChildren;
}) {
    const live = useLive();
    const { metrics } = props;
    const trend = useTrend(metrics);
    const ready = metrics.hasState.value;
    return (
        <main id="main" class="page" tabIndex={-1} data-phase={live.phase.value} aria-busy={!ready}>
            <div class="page-head">
                <div class="page-title">
                    <h1>{props.title}</h1>
                    {props.subtitle && <p>{props.subtitle}</p>}
                </div>
                <div class="page-tools">
                    {props.filter}
                    <WindowPicker />
                </div>
            </div>
            <StaleBanner live={live} />
            {ready ? <Numbers metrics={metrics} trend={trend} /> : <Skeleton />}
            {ready && props.children}
            <JobsPanel channel={props.jobs} title={props.jobsTitle} platform={props.platform} />
        </main>
    );
}

function Numbers(props: {
    metrics: Channel<MetricsState>;
    trend: ReadonlySignal<Trend | undefined>;
}) {
    return (
        <>
            <PrimaryKpis channel={props.metrics} trend={props.trend} />
            <div class="split-row">
                <TrendPanel trend={props.trend} />
                <QueuePanel channel={props.metrics} />
            </div>
            <SecondaryKpis channel={props.metrics} />
        </>
    );
}

/** The shape of what is coming, so that nothing jumps when it comes. */
function Skeleton() {
    return (
        <>
            <p class="visually-hidden" role="status">
                Loading the numbers.
            </p>
            <div class="cards" aria-hidden="true">
                {[0, 1, 2, 3].map((index) => (
                    <div key={index} class="card skeleton skeleton-card" />
                ))}
            </div>
            <div class="split-row" aria-hidden="true">
                <div class="panel skeleton skeleton-trend" />
                <div class="panel skeleton skeleton-trend" />
            </div>
            <div class="panel skeleton skeleton-facts" aria-hidden="true" />
        </>
    );
}
