/** table-core without a framework: a model of rows for given data, order and filter. */
import {
    createTable,
    getCoreRowModel,
    getFilteredRowModel,
    getSortedRowModel,
    type ColumnDef,
    type ColumnFiltersState,
    type RowData,
    type SortingState,
    type Table,
    type TableState,
} from '@tanstack/table-core';

export type { ColumnDef, ColumnFiltersState, SortingState } from '@tanstack/table-core';

export interface TableModel<Row extends RowData> {
    update(
        data: Row[],
        state: { sorting: SortingState; columnFilters?: ColumnFiltersState },
    ): Row[];
}

export function tableModel<Row extends RowData>(
    columns: ColumnDef<Row>[],
    rowId: (row: Row) => string,
): TableModel<Row> {
    const table: Table<Row> = createTable<Row>({
        data: [],
        columns,
        state: {},
        onStateChange: () => undefined,
        renderFallbackValue: null,
        getRowId: rowId,
        getCoreRowModel: getCoreRowModel(),
        getSortedRowModel: getSortedRowModel(),
        getFilteredRowModel: getFilteredRowModel(),
    });
    return {
        update(data, wanted) {
            const state: TableState = { ...table.initialState, columnFilters: [], ...wanted };
            table.setOptions((options) => ({ ...options, data, state }));
            return table.getRowModel().rows.map((row) => row.original);
        },
    };
}
