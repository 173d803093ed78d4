/** One job as a row: its cells follow their own signals, so that a frame touches what changed. */
import { effect } from '@preact/signals';
import { useEffect, useMemo, useRef } from 'preact/hooks';
import { absent, compact, duration, elapsed, fullTime, moment, money } from '../format/format';
import { serverNow, tick } from '../live/clock';
import type { Job, JobState } from '../live/payloads';
import type { Tree } from '../live/tree';
import { Icon, type IconName } from './icon';
import { Live } from './live';

const looks: Record<JobState, { icon: IconName; label: string }> = {
    requested: { icon: 'dots', label: 'Requested' },
    queued: { icon: 'clock', label: 'Queued' },
    running: { icon: 'play', label: 'Running' },
    completed: { icon: 'check', label: 'Completed' },
    failed: { icon: 'cross', label: 'Failed' },
    cancelled: { icon: 'dash', label: 'Cancelled' },
};

interface RowProps {
    id: string;
    job: Tree<Job>;
    platform: boolean;
    cost: boolean;
}

/** Rendered once per job; afterwards its cells follow their own signals. */
export function JobRow({ id, job, platform, cost }: RowProps) {
    const element = useRef<HTMLTableRowElement>(null);
    useFlash(element, job);
    return useMemo(
        () => (
            <tr ref={element} data-job={id}>
                <td class="cell-state">
                    <StateCell job={job} />
                </td>
                <th scope="row" class="cell-job" title={id}>
                    {id.slice(id.indexOf('/') + 1)}
                </th>
                {platform && (
                    <td class="cell-partner">
                        <Live of={() => job.at('partner').value ?? absent} />
                    </td>
                )}
                <td class="cell-model">
                    <Live of={() => job.at('model').value ?? absent} />
                </td>
                <td class="cell-requested">
                    <RequestedCell job={job} />
                </td>
                <td class="cell-wait number">
                    <Live of={() => duration(job.at('queue_ms').value)} />
                </td>
                <td class="cell-duration number">
                    <Live of={() => runningTime(job)} />
                </td>
                <td class="cell-tokens number">
                    <Live of={() => compact(job.at('tokens').value)} />
                </td>
                {cost && (
                    <td class="cell-cost number">
                        <Live of={() => money(job.at('cost').value)} />
                    </td>
                )}
                <td class="cell-detail">
                    <DetailCell job={job} />
                </td>
            </tr>
        ),
        [id, job, platform, cost],
    );
}

/** A finished job's time, else how long it has been open, counting. */
function runningTime(job: Tree<Job>): string {
    const done = job.at('duration_ms').value;
    if (done !== undefined) return duration(done);
    const state = job.at('state').value;
    const from = job.at('requested_at').value;
    if (from === undefined || state === 'cancelled') return absent;
    if (state === 'failed') {
        const at = job.at('failed_at').value;
        return at === undefined ? absent : duration(at - from);
    }
    tick.value;
    return elapsed(serverNow() - from);
}

const flashMs = 800;

/**
 * A changed state tints its row for a moment; new rows do not flash. It is switched and not faded: a
 * fade paints sixty times a second for as long as anything happens anywhere.
 */
function useFlash(element: { readonly current: HTMLTableRowElement | null }, job: Tree<Job>): void {
    useEffect(() => {
        const state = job.at('state');
        let before = state.peek();
        let timer: ReturnType<typeof setTimeout> | undefined;
        const stop = effect(() => {
            const now = state.value;
            if (now === before) return;
            before = now;
            element.current?.setAttribute('data-changed', '');
            clearTimeout(timer);
            timer = setTimeout(() => element.current?.removeAttribute('data-changed'), flashMs);
        });
        return () => {
            stop();
            clearTimeout(timer);
        };
    }, [job]);
}

function StateCell({ job }: { job: Tree<Job> }) {
    const state = job.at('state').value ?? 'requested';
    const progress = state === 'running' ? job.at('progress').value : undefined;
    const attempt = job.at('attempt').value ?? 1;
    return (
        <span class="state" data-state={state}>
            <Icon name={looks[state].icon} />
            <span>{looks[state].label}</span>
            {progress !== undefined && <span class="state-progress">{progress} %</span>}
            {attempt > 1 && (
                <span class="state-attempt" title={`Attempt ${attempt}`}>
                    ×{attempt}
                </span>
            )}
        </span>
    );
}

function RequestedCell({ job }: { job: Tree<Job> }) {
    const at = job.at('requested_at').value;
    if (at === undefined) return <>{absent}</>;
    return (
        <time dateTime={new Date(at).toISOString()} title={fullTime(at)}>
            {moment(at, serverNow())}
        </time>
    );
}

/** Only what a browser may open from here. */
function safeUrl(text: string | undefined): string | undefined {
    if (!text || !URL.canParse(text)) return undefined;
    return /^https?:$/.test(new URL(text).protocol) ? text : undefined;
}

function DetailCell({ job }: { job: Tree<Job> }) {
    const state = job.at('state').value;
    const error = [job.at('error_class').value, job.at('error_message').value].filter(Boolean);
    const prompt = job.at('prompt').value;
    const asset = safeUrl(job.at('asset_url').value);
    const text = state === 'failed' && error.length > 0 ? error.join(': ') : (prompt ?? '');
    return (
        <span class="detail" data-state={state}>
            <span class="detail-text" title={text}>
                {text}
            </span>
            {job.at('published_at').value !== undefined && <span class="tag">Published</span>}
            {asset && (
                <a
                    href={asset}
                    target="_blank"
                    rel="noopener noreferrer"
                    aria-label="Open the asset"
                >
                    <Icon name="external" />
                </a>
            )}
        </span>
    );
}
