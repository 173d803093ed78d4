/** What an entry of the trail changed, member by member, from what it kept of before and after. */

export interface Change {
    path: string;
    kind: 'added' | 'removed' | 'changed';
    old?: unknown;
    new?: unknown;
}

type Members = Record<string, unknown>;

function isMembers(value: unknown): value is Members {
    return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Equal whatever the order of an object's members. */
function same(a: unknown, b: unknown): boolean {
    if (Array.isArray(a) && Array.isArray(b))
        return a.length === b.length && a.every((one, at) => same(one, b[at]));
    if (isMembers(a) && isMembers(b)) {
        const names = Object.keys(a);
        return (
            names.length === Object.keys(b).length &&
            names.every((name) => Object.hasOwn(b, name) && same(a[name], b[name]))
        );
    }
    return a === b;
}

/** Own ones only: an entry may well be about something called `constructor`. */
function member(value: Members, name: string): unknown {
    return Object.hasOwn(value, name) ? (value[name] ?? undefined) : undefined;
}

const identities = ['id', 'partner', 'code', 'name'] as const;

/** By what the elements of both lists can be told apart; undefined: only by their place. */
function identityOf(lists: unknown[][]): string | undefined {
    return identities.find((name) =>
        lists.every((list) => {
            const values = list.map((one) => (isMembers(one) ? one[name] : undefined));
            return (
                values.every((value) => typeof value === 'string') &&
                new Set(values).size === values.length
            );
        }),
    );
}

function keyed(list: unknown[], identity: string): Members {
    return Object.fromEntries(
        list.map((one) => [String((one as Members)[identity]), one] as const),
    );
}

function listChanges(path: string, before: unknown[], after: unknown[]): Change[] {
    const identity = identityOf([before, after]);
    if (identity && before.length + after.length > 0)
        return memberChanges(path, keyed(before, identity), keyed(after, identity));
    const gone = before.filter((one) => !after.some((other) => same(one, other)));
    const come = after.filter((one) => !before.some((other) => same(one, other)));
    // The same elements in another order, or another number of equal ones.
    if (!gone.length && !come.length) return [{ path, kind: 'changed', old: before, new: after }];
    return [
        ...gone.map((old): Change => ({ path, kind: 'removed', old })),
        ...come.map((one): Change => ({ path, kind: 'added', new: one })),
    ];
}

function memberChanges(path: string, before: Members, after: Members): Change[] {
    const names = [...new Set([...Object.keys(before), ...Object.keys(after)])];
    return names.flatMap((name) => {
        const inner = path ? `${path}.${name}` : name;
        return changes(inner, member(before, name), member(after, name));
    });
}

function changes(path: string, before: unknown, after: unknown): Change[] {
    if (same(before, after)) return [];
    if (isMembers(before) && isMembers(after)) return memberChanges(path, before, after);
    if (Array.isArray(before) && Array.isArray(after)) return listChanges(path, before, after);
    if (before === undefined) return [{ path, kind: 'added', new: after }];
    if (after === undefined) return [{ path, kind: 'removed', old: before }];
    return [{ path, kind: 'changed', old: before, new: after }];
}

/** A member that is null is one that is not there. `path` is empty for a value without members. */
export function diffOf(before: unknown, after: unknown): Change[] {
    const old = before ?? undefined;
    const now = after ?? undefined;
    if (isMembers(old ?? {}) && isMembers(now ?? {}))
        return memberChanges('', (old ?? {}) as Members, (now ?? {}) as Members);
    return changes('', old, now);
}

/** A value on one line, in the words of its JSON but for texts. */
export function valueText(value: unknown): string {
    if (value === undefined || value === null) return '–';
    if (typeof value === 'string') return value === '' ? '(empty)' : value;
    if (Array.isArray(value) && value.every((one) => typeof one === 'string'))
        return value.length ? value.join(', ') : '(none)';
    return JSON.stringify(value);
}
