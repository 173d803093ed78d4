/** The newest jobs of a scope, in an order that can be read while it changes. */
import {
    type ReadonlySignal,
    type Signal,
    useComputed,
    useSignal,
    useSignalEffect,
} from '@preact/signals';
import { useMemo, useRef } from 'preact/hooks';
import { count } from '../format/format';
import type { Channel } from '../live/channel';
import { tick, tickMs } from '../live/clock';
import { useLive } from '../live/context';
import type { Job, JobState, JobsState } from '../live/payloads';
import type { Tree } from '../live/tree';
import { Copyable, curlLine } from './copy';
import { Icon } from './icon';
import { JobRow } from './job-row';
import { Live } from './live';
import { type ColumnDef, tableModel } from './table';

const filters = {
    all: { label: 'All', states: undefined },
    open: { label: 'In progress', states: ['requested', 'queued', 'running'] },
    completed: { label: 'Completed', states: ['completed'] },
    failed: { label: 'Failed', states: ['failed'] },
} as const satisfies Record<string, { label: string; states: readonly JobState[] | undefined }>;

type Filter = keyof typeof filters;
const filterNames = Object.keys(filters) as Filter[];

interface JobItem {
    id: string;
    job: Tree<Job>;
}

const columns: ColumnDef<JobItem>[] = [
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
): { rows: Signal<JobItem[]>; waiting: Signal<number> } {
    const model = useMemo(() => tableModel(columns, (row) => row.id), []);
    const rows = useSignal<JobItem[]>([]);
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
                        <HeaderRow platform={platform} cost={cost} />
                        <tbody>
                            {visible.map((row) => (
                                <JobRow
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

const headings = [
    'State',
    'Job',
    'Partner',
    'Model',
    'Requested',
    'Wait',
    'Duration',
    'Tokens',
    'Cost',
    'Detail',
];
const numbers = ['Wait', 'Duration', 'Tokens', 'Cost'];

function HeaderRow({ platform, cost }: { platform: boolean; cost: boolean }) {
    return (
        <thead>
            <tr>
                {headings
                    .filter((name) => (name !== 'Partner' || platform) && (name !== 'Cost' || cost))
                    .map((name) => (
                        <th
                            key={name}
                            scope="col"
                            data-column={name.toLowerCase()}
                            class={numbers.includes(name) ? 'number' : ''}
                        >
                            {name}
                        </th>
                    ))}
            </tr>
        </thead>
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
