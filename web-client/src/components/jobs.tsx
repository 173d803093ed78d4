import {
    effect,
    type ReadonlySignal,
    type Signal,
    useComputed,
    useSignal,
    useSignalEffect,
} from '@preact/signals';
import { useEffect, useMemo, useRef } from 'preact/hooks';
import {
    absent,
    compact,
    count,
    duration,
    elapsed,
    fullTime,
    moment,
    money,
} from '../format/format';
import type { Channel } from '../live/channel';
import { serverNow, tick, tickMs } from '../live/clock';
import { useLive } from '../live/context';
import type { Job, JobState, JobsState } from '../live/payloads';
import type { Tree } from '../live/tree';
import { Copyable, curlLine } from './copy';
import { Icon, type IconName } from './icon';
import { Live } from './live';
import { type ColumnDef, tableModel } from './table';

const looks: Record<JobState, { icon: IconName; label: string }> = {
    requested: { icon: 'dots', label: 'Requested' },
    queued: { icon: 'clock', label: 'Queued' },
    running: { icon: 'play', label: 'Running' },
    completed: { icon: 'check', label: 'Completed' },
    failed: { icon: 'cross', label: 'Failed' },
    cancelled: { icon: 'dash', label: 'Cancelled' },
};

const filters = {
    all: { label: 'All', states: undefined },
    open: { label: 'In progress', states: ['requested', 'queued', 'running'] },
    completed: { label: 'Completed', states: ['completed'] },
    failed: { label: 'Failed', states: ['failed'] },
} as const satisfies Record<string, { label: string; states: readonly JobState[] | undefined }>;

type Filter = keyof typeof filters;
const filterNames = Object.keys(filters) as Filter[];

interface JobRow {
    id: string;
    job: Tree<Job>;
}

const columns: ColumnDef<JobRow>[] = [
    {
        id: 'requested_at',
        accessorFn: (row) => row.job.at('requested_at').peek() ?? 0,
        sortingFn: 'basic',
    },
    { id: 'id', accessorFn: (row) => row.id, sortingFn: 'basic' },
    {
        id: 'state',
        accessorFn: (row) => row.job.at('state').peek(),
        filterFn: (row, id, wanted: readonly JobState[]) =>
            wanted.includes(row.getValue<JobState>(id)),
    },
];
const newestFirst = [
    { id: 'requested_at', desc: true },
    { id: 'id', desc: true },
];

const shownAtFirst = 20;

/** Something is read in the table: rows stay where they are, their cells go on. */
function useReading(): { reading: Signal<boolean>; handlers: Record<string, () => void> } {
    const reading = useSignal(false);
    const set = (value: boolean) => () => {
        reading.value = value;
    };
    return {
        reading,
        handlers: {
            onPointerEnter: set(true),
            onPointerLeave: set(false),
            onFocusIn: set(true),
            onFocusOut: set(false),
        },
    };
}

/**
 * Order of the rows. A cell changes with its job at once; rows move at most twice a second, and not
 * while somebody reads them. A job that left the list leaves the table at once, for it is empty now.
 */
function useOrder(
    channel: Channel<JobsState>,
    filter: ReadonlySignal<Filter>,
    reading: ReadonlySignal<boolean>,
): { rows: Signal<JobRow[]>; waiting: Signal<number> } {
    const model = useMemo(() => tableModel(columns, (row) => row.id), []);
    const rows = useSignal<JobRow[]>([]);
    const waiting = useSignal(0);
    const built = useRef({ key: '', at: -tickMs, filter: filter.peek() });
    useSignalEffect(() => {
        tick.value;
        const jobs = channel.state.at('jobs');
        const ids = jobs.keys;
        const wanted = filter.value;
        const held = reading.value;
        const shown = rows.peek();
        const left = shown.filter((row) => jobs.has(row.id));
        const now = performance.now();
        const last = built.current;
        const refiltered = last.filter !== wanted;
        if (!refiltered && left.length > 0 && (held || now - last.at < tickMs - 50)) {
            if (left.length < shown.length) rows.value = left;
            if (held && wanted === 'all') waiting.value = ids.length - left.length;
            return;
        }
        waiting.value = 0;
        const key = `${wanted} ${jobs.version}`;
        if (key === last.key && left.length === shown.length) return;
        built.current = { key, at: now, filter: wanted };
        const { states } = filters[wanted];
        const next = model.update(
            ids.map((id) => ({ id, job: jobs.at(id) })),
            {
                sorting: newestFirst,
                columnFilters: states ? [{ id: 'state', value: states }] : [],
            },
        );
        if (next.length !== shown.length || next.some((row, at) => row.job !== shown[at]?.job))
            rows.value = next;
    });
    return { rows, waiting };
}

export function JobsPanel(props: {
    channel: Channel<JobsState>;
    title: string;
    platform: boolean;
}) {
    const { channel, platform } = props;
    const live = useLive();
    const cost = useComputed(() => live.may('metrics.read_cost')).value;
    const filter = useSignal<Filter>('all');
    const everything = useSignal(false);
    const { reading, handlers } = useReading();
    const { rows, waiting } = useOrder(channel, filter, reading);
    const ready = channel.hasState.value;
    const visible = everything.value ? rows.value : rows.value.slice(0, shownAtFirst);
    return (
        <section class="panel jobs" aria-labelledby="jobs-title">
            <header class="panel-head">
                <h2 id="jobs-title">{props.title}</h2>
                <p class="panel-sub">newest 100</p>
                <FilterPicker filter={filter} />
                <p class="jobs-held" aria-live="off" data-on={waiting.value > 0}>
                    <Icon name="pause" />
                    <Live of={() => `${count(waiting.value)} newer, held while you read`} />
                </p>
            </header>
            {!ready ? (
                <div class="skeleton skeleton-table" />
            ) : rows.value.length === 0 ? (
                <EmptyJobs filter={filter.value} />
            ) : (
                <div class="scroll" {...handlers}>
                    <table class="table jobs-table" data-platform={platform} data-cost={cost}>
                        <thead>
                            <tr>
                                <th scope="col" data-column="state">
                                    State
                                </th>
                                <th scope="col" data-column="job">
                                    Job
                                </th>
                                {platform && (
                                    <th scope="col" data-column="partner">
                                        Partner
                                    </th>
                                )}
                                <th scope="col" data-column="model">
                                    Model
                                </th>
                                <th scope="col" data-column="requested">
                                    Requested
                                </th>
                                <th scope="col" data-column="wait" class="number">
                                    Wait
                                </th>
                                <th scope="col" data-column="duration" class="number">
                                    Duration
                                </th>
                                <th scope="col" data-column="tokens" class="number">
                                    Tokens
                                </th>
                                {cost && (
                                    <th scope="col" data-column="cost" class="number">
                                        Cost
                                    </th>
                                )}
                                <th scope="col" data-column="detail">
                                    Detail
                                </th>
                            </tr>
                        </thead>
                        <tbody>
                            {visible.map((row) => (
                                <Row
                                    key={row.id}
                                    id={row.id}
                                    job={row.job}
                                    platform={platform}
                                    cost={cost}
                                />
                            ))}
                        </tbody>
                    </table>
                </div>
            )}
            {rows.value.length > shownAtFirst && (
                <button
                    type="button"
                    class="button button-wide"
                    aria-expanded={everything.value}
                    onClick={() => (everything.value = !everything.value)}
                >
                    {everything.value ? `Show the newest ${shownAtFirst}` : 'Show all'}
                </button>
            )}
        </section>
    );
}

function FilterPicker({ filter }: { filter: Signal<Filter> }) {
    return (
        <fieldset class="segments segments-small">
            <legend class="visually-hidden">Which jobs</legend>
            {filterNames.map((name) => (
                <label key={name}>
                    <input
                        type="radio"
                        name="jobs-filter"
                        checked={filter.value === name}
                        onChange={() => (filter.value = name)}
                    />
                    <span>{filters[name].label}</span>
                </label>
            ))}
        </fieldset>
    );
}

function EmptyJobs({ filter }: { filter: Filter }) {
    if (filter !== 'all') return <p class="empty">None of the newest 100 jobs is in this state.</p>;
    return (
        <div class="empty empty-long">
            <p>
                <strong>No generations yet.</strong> A job appears here within a second of its first
                event. Send one with a live API key:
            </p>
            <Copyable text={curlLine('demo-1')} label="Command that posts one event" />
        </div>
    );
}

interface RowProps {
    id: string;
    job: Tree<Job>;
    platform: boolean;
    cost: boolean;
}

/** Rendered once per job; afterwards its cells follow their own signals. */
function Row({ id, job, platform, cost }: RowProps) {
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
