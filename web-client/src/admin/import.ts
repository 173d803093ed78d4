/** What an import would do or did, row by row, from the server's answer. */
import type { ImportRow } from './shapes';

export const columns = ['email', 'name', 'partner', 'role'] as const;

/** No larger than what ingest takes as one body. */
export const largestBytes = 1_000_000;

export interface ImportSummary {
    rows: number;
    errors: number;
    changes: number;
    /** In the order in which they are told: 3 created, 1 error. */
    counts: { result: string; count: number }[];
}

const order = ['created', 'updated', 'unchanged', 'error'];

function rank(result: string): number {
    const at = order.indexOf(result);
    return at < 0 ? order.length : at;
}

export function summaryOf(rows: readonly ImportRow[]): ImportSummary {
    const counts = new Map<string, number>();
    for (const { result } of rows) counts.set(result, (counts.get(result) ?? 0) + 1);
    return {
        rows: rows.length,
        errors: counts.get('error') ?? 0,
        changes: (counts.get('created') ?? 0) + (counts.get('updated') ?? 0),
        counts: [...counts]
            .map(([result, count]) => ({ result, count }))
            .sort((a, b) => rank(a.result) - rank(b.result)),
    };
}

/** Errors first, each group in the file's order: what needs a hand is on the first screen. */
export function inReadingOrder(rows: readonly ImportRow[]): ImportRow[] {
    const bad = (row: ImportRow): number => (row.result === 'error' ? 0 : 1);
    return [...rows].sort((a, b) => bad(a) - bad(b) || a.row - b.row);
}

/** Why a file is not even sent; undefined: send it. */
export function refusalOf(file: { size: number; text: string }): string | undefined {
    if (file.size > largestBytes) return 'The file is larger than 1 MB. Import it in parts.';
    if (!file.text.trim()) return 'The file is empty.';
    return undefined;
}
