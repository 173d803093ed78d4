/** A list of the server as a table: its states, its next page, and order once all of it is here. */
import { useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useMemo } from 'preact/hooks';
import { messageOf } from '../session/http';
import type { List } from '../session/resource';
import { Icon } from './icon';
import { type ColumnDef, type SortingState, tableModel } from './table';

export interface Column<Row> {
    id: string;
    /** Its header; also before the cell where the table has become blocks. */
    label: string;
    cell: (row: Row) => ComponentChildren;
    number?: boolean;
    /** Names the row. */
    header?: boolean;
    /** Buttons: the label is for readers only. */
    actions?: boolean;
    sort?: (row: Row) => string | number | undefined;
}

interface Props<Row> {
    caption: string;
    list: List<Row>;
    columns: readonly Column<Row>[];
    rowKey: (row: Row) => string;
    empty: ComponentChildren;
    rowAttributes?: (row: Row) => Record<`data-${string}`, string | boolean>;
}

export function DataTable<Row>(props: Props<Row>) {
    const { list, caption } = props;
    const items = list.items.value;
    const error = list.error.value;
    const loading = list.loading.value;
    if (!items)
        return error ? (
            <Failed error={error} retry={() => void list.reload()} />
        ) : (
            <p class="empty" role="status">
                Loading {caption.toLowerCase()}…
            </p>
        );
    return (
        <div class="list" aria-busy={loading}>
            {items.length === 0 ? (
                <div class="empty">{props.empty}</div>
            ) : (
                <Rows {...props} items={items} complete={!list.hasMore.value} />
            )}
            {error && <Failed error={error} retry={() => void list.reload()} />}
            {list.hasMore.value && (
                <button
                    type="button"
                    class="button button-wide"
                    aria-disabled={loading}
                    onClick={() => {
                        if (!loading) void list.more();
                    }}
                >
                    {loading ? 'Loading…' : 'Load more'}
                </button>
            )}
        </div>
    );
}

export function Failed({ error, retry }: { error: Error; retry: () => void }) {
    return (
        <div class="list-failed" role="alert">
            <Icon name="warn" />
            <p>{messageOf(error)}</p>
            <button type="button" class="button button-small" onClick={retry}>
                Try again
            </button>
        </div>
    );
}

function Rows<Row>(props: Props<Row> & { items: Row[]; complete: boolean }) {
    const { columns, rowKey, items, complete } = props;
    const sorting = useSignal<SortingState>([]);
    const model = useMemo(
        () =>
            tableModel<Row>(
                columns.flatMap((column): ColumnDef<Row>[] =>
                    column.sort
                        ? [{ id: column.id, accessorFn: column.sort, sortUndefined: 'last' }]
                        : [],
                ),
                rowKey,
            ),
        [columns],
    );
    // In the server's order until all rows are here: the order of a part says nothing.
    const rows = complete ? model.update([...items], { sorting: sorting.value }) : items;
    const sortBy = (id: string): void => {
        const [now] = sorting.peek();
        sorting.value = [{ id, desc: now?.id === id ? !now.desc : false }];
    };
    return (
        // Roles by name: narrow screens lay the table out as blocks, which takes them away.
        <table class="table list-table" role="table">
            <caption class="visually-hidden">{props.caption}</caption>
            <thead role="rowgroup">
                <tr role="row">
                    {columns.map((column) => (
                        <Head
                            key={column.id}
                            column={column}
                            sorting={sorting.value}
                            {...(complete && column.sort && { sortBy })}
                        />
                    ))}
                </tr>
            </thead>
            <tbody role="rowgroup">
                {rows.map((row) => (
                    <tr key={rowKey(row)} role="row" {...props.rowAttributes?.(row)}>
                        {columns.map((column) => (
                            <Cell key={column.id} column={column} row={row} />
                        ))}
                    </tr>
                ))}
            </tbody>
        </table>
    );
}

function Head<Row>(props: {
    column: Column<Row>;
    sorting: SortingState;
    sortBy?: (id: string) => void;
}) {
    const { id, label, number, actions } = props.column;
    const active = props.sorting.find((one) => one.id === id);
    const order = active ? (active.desc ? 'descending' : 'ascending') : 'none';
    return (
        <th
            scope="col"
            role="columnheader"
            class={number ? 'number' : ''}
            {...(props.sortBy && { 'aria-sort': order })}
        >
            {props.sortBy ? (
                <button type="button" onClick={() => props.sortBy?.(id)}>
                    {label}
                    {active && <Icon name={active.desc ? 'down' : 'up'} />}
                </button>
            ) : (
                <span class={actions ? 'visually-hidden' : ''}>{label}</span>
            )}
        </th>
    );
}

function Cell<Row>({ column, row }: { column: Column<Row>; row: Row }) {
    const shared = {
        'data-column': column.id,
        'data-label': column.actions ? undefined : column.label,
        class: [column.number && 'number', column.actions && 'cell-actions']
            .filter(Boolean)
            .join(' '),
    };
    return column.header ? (
        <th scope="row" role="rowheader" {...shared}>
            {column.cell(row)}
        </th>
    ) : (
        <td role="cell" {...shared}>
            <div>{column.cell(row)}</div>
        </td>
    );
}
