import { type ReadonlySignal, useComputed } from '@preact/signals';
import { replaceSearch, search } from '../route';
import { type FilterNames, type Filters, readFilters, writeFilters } from './query';

export interface FilterState<Name extends string> {
    /** Keeps its identity while the address stays the same. */
    values: ReadonlySignal<Filters<Name>>;
    set: (name: Name, value: string) => void;
    clear: () => void;
}

/** A list's filters live in the address: a link shows what its sender saw. */
export function useFilters<Name extends string>(names: FilterNames<Name>): FilterState<Name> {
    const values = useComputed(() => readFilters(names, search.value));
    return {
        values,
        set: (name, value) =>
            replaceSearch(writeFilters(names, { ...values.peek(), [name]: value })),
        clear: () => replaceSearch(''),
    };
}
