/** The platform's view of its partners: who has which part, and who performs how. */
import { type ReadonlySignal, useSignal, useSignalEffect } from '@preact/signals';
import { useMemo } from 'preact/hooks';
import { compact, count, duration, percent } from '../format/format';
import type { Channel } from '../live/channel';
import { tick } from '../live/clock';
import type { MetricsState, PartnerMetrics, PartnerWindow } from '../live/payloads';
import { windowWords } from '../live/trend';
import type { Tree } from '../live/tree';
import { hrefOf, windowName } from '../route';
import { Icon } from './icon';
import { Live } from './live';
import { type ColumnDef, type SortingState, tableModel } from './table';

/** The hub names the twenty largest and sums the rest under this key. */
export const otherCode = '_other';

export interface PartnerRow {
    /** Of partner and window: another window is another row, with other cells. */
    key: string;
    code: string;
    node: Tree<PartnerMetrics>;
    window: Tree<PartnerWindow>;
}

export function nameOf(row: Pick<PartnerRow, 'code' | 'node'>): string {
    return row.code === otherCode ? 'Other partners' : (row.node.at('name').peek() ?? row.code);
}

/** Rows for ordering; rebuilt with the page's heartbeat, the cells follow their own signals. */
export function usePartnerRows(channel: Channel<MetricsState>): ReadonlySignal<PartnerRow[]> {
    const rows = useSignal<PartnerRow[]>([]);
    const built = useSignal('');
    useSignalEffect(() => {
        tick.value;
        const partners = channel.state.at('partners');
        const codes = partners.keys;
        const key = `${windowName.value} ${partners.version}`;
        if (key === built.peek()) return;
        built.value = key;
        rows.value = codes.map((code) => {
            const node = partners.at(code);
            return {
                key: `${code} ${windowName.value}`,
                code,
                node,
                window: node.at('windows').at(windowName.value),
            };
        });
    });
    return rows;
}

const requested = (row: PartnerRow): number => row.window.at('requested').peek() ?? 0;

interface Slice {
    code: string;
    name: string;
    value: number;
    share: number;
    from: number;
}

const largest = 5;

function slicesOf(rows: PartnerRow[]): { slices: Slice[]; total: number } {
    const total = rows.reduce((sum, row) => sum + requested(row), 0);
    const named = rows
        .filter((row) => row.code !== otherCode && requested(row) > 0)
        .sort((a, b) => requested(b) - requested(a));
    const top = named.slice(0, named.length <= largest + 1 ? largest + 1 : largest);
    const parts = top.map((row) => ({ code: row.code, name: nameOf(row), value: requested(row) }));
    const rest = total - parts.reduce((sum, part) => sum + part.value, 0);
    if (rest > 0) parts.push({ code: otherCode, name: 'All others', value: rest });
    let from = 0;
    const slices = parts.map((part) => {
        const slice = { ...part, share: part.value / total, from };
        from += slice.share;
        return slice;
    });
    return { slices, total };
}

const radius = 42;
const gap = 0.006;

/** Part of the whole, clockwise in the legend's order, so that position says what colour says. */
export function DistributionPanel({ rows }: { rows: ReadonlySignal<PartnerRow[]> }) {
    const { slices, total } = slicesOf(rows.value);
    const lit = useSignal<string | undefined>(undefined);
    return (
        <section class="panel distribution" aria-labelledby="distribution-title">
            <header class="panel-head">
                <h2 id="distribution-title">Partner distribution</h2>
                <p class="panel-sub">generations, {windowWords[windowName.value]}</p>
            </header>
            {total === 0 ? (
                <p class="empty">No generations in the {windowWords[windowName.value]}.</p>
            ) : (
                <div class="donut">
                    <svg viewBox="0 0 100 100" aria-hidden="true">
                        {slices.map((slice, index) => {
                            const length = Math.max(
                                0.002,
                                slice.share - (slices.length > 1 ? gap : 0),
                            );
                            return (
                                <circle
                                    key={slice.code}
                                    cx="50"
                                    cy="50"
                                    r={radius}
                                    pathLength={1}
                                    data-slice={slice.code === otherCode ? 'other' : index}
                                    data-dim={lit.value !== undefined && lit.value !== slice.code}
                                    stroke-dasharray={`${length} ${1 - length}`}
                                    stroke-dashoffset={-slice.from}
                                    onPointerEnter={() => (lit.value = slice.code)}
                                    onPointerLeave={() => (lit.value = undefined)}
                                />
                            );
                        })}
                        <text x="50" y="50" class="donut-total">
                            {compact(total)}
                        </text>
                        <text x="50" y="61" class="donut-label">
                            generations
                        </text>
                    </svg>
                    <ol class="legend">
                        {slices.map((slice, index) => (
                            <li
                                key={slice.code}
                                data-dim={lit.value !== undefined && lit.value !== slice.code}
                                onPointerEnter={() => (lit.value = slice.code)}
                                onPointerLeave={() => (lit.value = undefined)}
                            >
                                <i
                                    class="swatch"
                                    data-slice={slice.code === otherCode ? 'other' : index}
                                />
                                <span class="legend-name">{slice.name}</span>
                                <span class="legend-share">{percent(slice.share)}</span>
                                <span class="legend-value">{count(slice.value)}</span>
                            </li>
                        ))}
                    </ol>
                </div>
            )}
        </section>
    );
}

const rate = (row: PartnerRow, subscribe: boolean): number | undefined => {
    const read = (node: Tree<number>): number => (subscribe ? node.value : node.peek()) ?? 0;
    const completed = read(row.window.at('completed'));
    const failed = read(row.window.at('failed'));
    return completed + failed === 0 ? undefined : completed / (completed + failed);
};

interface PerformanceColumn {
    id: string;
    label: string;
    sort: (row: PartnerRow) => number | string | undefined;
    text: (row: PartnerRow) => string;
}

const performanceColumns: PerformanceColumn[] = [
    { id: 'name', label: 'Partner', sort: nameOf, text: nameOf },
    {
        id: 'requested',
        label: 'Generations',
        sort: requested,
        text: (row) => count(row.window.at('requested').value),
    },
    {
        id: 'success',
        label: 'Success',
        sort: (row) => rate(row, false),
        text: (row) => percent(rate(row, true)),
    },
    {
        id: 'failed',
        label: 'Failed',
        sort: (row) => row.window.at('failed').peek(),
        text: (row) => count(row.window.at('failed').value),
    },
    {
        id: 'p95',
        label: 'p95',
        sort: (row) => row.window.at('p95_ms').peek(),
        text: (row) => duration(row.window.at('p95_ms').value),
    },
    {
        id: 'in_flight',
        label: 'In flight',
        sort: (row) => row.node.at('in_flight').peek(),
        text: (row) => count(row.node.at('in_flight').value),
    },
    {
        id: 'stuck',
        label: 'Stuck',
        sort: (row) => row.node.at('stuck').peek(),
        text: (row) => count(row.node.at('stuck').value),
    },
];

const columnDefs: ColumnDef<PartnerRow>[] = performanceColumns.map((column) => ({
    id: column.id,
    accessorFn: column.sort,
    sortUndefined: 'last',
    sortingFn: column.id === 'name' ? 'text' : 'basic',
}));

export function PerformancePanel({ rows }: { rows: ReadonlySignal<PartnerRow[]> }) {
    const sorting = useSignal<SortingState>([{ id: 'requested', desc: true }]);
    const model = useMemo(() => tableModel(columnDefs, (row) => row.code), []);
    const sorted = model.update([...rows.value], { sorting: sorting.value });
    // The sum of the rest is no partner: always last.
    const ordered = [
        ...sorted.filter((row) => row.code !== otherCode),
        ...sorted.filter((row) => row.code === otherCode),
    ];
    const sortBy = (id: string): void => {
        const [now] = sorting.value;
        sorting.value = [{ id, desc: now?.id === id ? !now.desc : id !== 'name' }];
    };
    return (
        <section class="panel performance" aria-labelledby="performance-title">
            <header class="panel-head">
                <h2 id="performance-title">Performance by partner</h2>
                <p class="panel-sub">{windowWords[windowName.value]}</p>
            </header>
            {ordered.length === 0 ? (
                <p class="empty">No partner has sent an event yet.</p>
            ) : (
                <div class="scroll" tabIndex={0} role="region" aria-labelledby="performance-title">
                    <table class="table">
                        <thead>
                            <tr>
                                {performanceColumns.map((column) => (
                                    <SortHeader
                                        key={column.id}
                                        column={column}
                                        sorting={sorting.value}
                                        sortBy={sortBy}
                                    />
                                ))}
                            </tr>
                        </thead>
                        <tbody>
                            {ordered.map((row) => (
                                <PerformanceRow key={row.key} row={row} />
                            ))}
                        </tbody>
                    </table>
                </div>
            )}
        </section>
    );
}

function SortHeader(props: {
    column: PerformanceColumn;
    sorting: SortingState;
    sortBy: (id: string) => void;
}) {
    const { column, sorting } = props;
    const active = sorting[0]?.id === column.id ? sorting[0] : undefined;
    const order = active ? (active.desc ? 'descending' : 'ascending') : 'none';
    return (
        <th scope="col" aria-sort={order} class={column.id === 'name' ? '' : 'number'}>
            <button type="button" onClick={() => props.sortBy(column.id)}>
                {column.label}
                {active && <Icon name={active.desc ? 'down' : 'up'} />}
            </button>
        </th>
    );
}

function PerformanceRow({ row }: { row: PartnerRow }) {
    const stuck = (row.node.at('stuck').value ?? 0) > 0;
    return (
        <tr data-partner={row.code}>
            {performanceColumns.map((column) =>
                column.id === 'name' ? (
                    <th key={column.id} scope="row">
                        {row.code === otherCode ? (
                            nameOf(row)
                        ) : (
                            <a href={hrefOf({ page: 'partner', code: row.code }, windowName.value)}>
                                {nameOf(row)}
                            </a>
                        )}
                    </th>
                ) : (
                    <td key={column.id} class="number" data-warn={column.id === 'stuck' && stuck}>
                        {column.id === 'stuck' && stuck && <Icon name="warn" />}
                        <Live of={() => column.text(row)} />
                    </td>
                ),
            )}
        </tr>
    );
}
