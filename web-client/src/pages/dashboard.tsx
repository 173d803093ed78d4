/** What both dashboards are made of: the numbers of one scope, and its jobs. */
import type { ComponentChildren } from 'preact';
import { useEffect } from 'preact/hooks';
import { JobsPanel } from '../components/jobs';
import { PrimaryKpis, SecondaryKpis } from '../components/kpis';
import { QueuePanel } from '../components/queue';
import { StaleBanner } from '../components/status';
import { TrendPanel } from '../components/trend';
import { WindowPicker } from '../components/windows';
import type { Channel } from '../live/channel';
import { useLive } from '../live/context';
import type { JobsState, MetricsState } from '../live/payloads';
import { useTrend } from '../live/use-trend';

export function Dashboard(props: {
    title: string;
    filter?: ComponentChildren;
    metrics: Channel<MetricsState>;
    jobs: Channel<JobsState>;
    jobsTitle: string;
    platform: boolean;
    children?: ComponentChildren;
}) {
    const live = useLive();
    const { metrics, jobs, title } = props;
    const ready = metrics.hasState.value;
    useEffect(() => {
        document.title = `${title} · metrics-hub`;
    }, [title]);
    return (
        <main id="main" class="page" tabIndex={-1} data-phase={live.phase.value} aria-busy={!ready}>
            <div class="page-head">
                <div class="page-title">
                    <h1>{title}</h1>
                </div>
                <div class="page-tools">
                    {props.filter}
                    <WindowPicker />
                </div>
            </div>
            <StaleBanner live={live} />
            {ready ? <Numbers key={metrics.name} metrics={metrics} /> : <Skeleton />}
            {ready && props.children}
            <JobsPanel
                key={jobs.name}
                channel={jobs}
                title={props.jobsTitle}
                platform={props.platform}
            />
        </main>
    );
}

/** Made anew for another channel; the page's head stays, and with it the keyboard's focus. */
function Numbers({ metrics }: { metrics: Channel<MetricsState> }) {
    const trend = useTrend(metrics);
    return (
        <>
            <PrimaryKpis channel={metrics} trend={trend} />
            <div class="split-row">
                <TrendPanel trend={trend} />
                <QueuePanel channel={metrics} />
            </div>
            <SecondaryKpis channel={metrics} />
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
