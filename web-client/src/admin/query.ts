/** The filters of a list as they stand in the address and in the request for it. */

/** For each filter what it takes: one of these words, or any short text. */
export type FilterNames<Name extends string> = Record<Name, readonly string[] | 'text' | 'time'>;

export type Filters<Name extends string> = Partial<Record<Name, string>>;

const longest = 200;

/** Unknown names and values that no control could show are left out. */
export function readFilters<Name extends string>(
    names: FilterNames<Name>,
    search: URLSearchParams,
): Filters<Name> {
    const filters: Filters<Name> = {};
    for (const name of Object.keys(names) as Name[]) {
        const takes = names[name];
        const value = (search.get(name) ?? '').trim().slice(0, longest);
        if (!value) continue;
        if (takes === 'time' ? Number.isNaN(timeOf(value)) : takes !== 'text' && !takes.includes(value))
            continue;
        filters[name] = value;
    }
    return filters;
}

/** In the order of `names`, so that equal filters are equal addresses; without the `?`. */
export function writeFilters<Name extends string>(
    names: FilterNames<Name>,
    filters: Filters<Name>,
): string {
    const search = new URLSearchParams();
    for (const name of Object.keys(names) as Name[]) {
        const value = filters[name]?.trim();
        if (value) search.set(name, value.slice(0, longest));
    }
    return search.toString();
}

/** A local time as the browser's field writes it, 2026-05-01T14:03, in epoch milliseconds; or NaN. */
function timeOf(local: string): number {
    return /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?$/.test(local) ? new Date(local).getTime() : NaN;
}

/** The request's own query: times as the server takes them. */
export function requestQuery<Name extends string>(
    names: FilterNames<Name>,
    filters: Filters<Name>,
    more: Record<string, string> = {},
): string {
    const search = new URLSearchParams(writeFilters(names, filters));
    for (const name of Object.keys(names) as Name[]) {
        const value = filters[name];
        if (names[name] === 'time' && value) search.set(name, String(timeOf(value)));
    }
    for (const [name, value] of Object.entries(more)) search.set(name, value);
    return search.toString();
}
