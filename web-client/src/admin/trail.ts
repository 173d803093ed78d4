/** The list of the trail while it grows: what arrived live on top of what was read. */
import type { Page } from '../session/resource';
import type { AuditItem, AuditVerdict } from './shapes';

/** What the trail's channel publishes: an entry without before and after. */
export function isEntry(row: unknown): row is AuditItem {
    return (
        typeof row === 'object' &&
        row !== null &&
        't' in row &&
        row.t === 'audit' &&
        'id' in row &&
        typeof row.id === 'string' &&
        'at' in row &&
        typeof row.at === 'number' &&
        'action' in row
    );
}

/**
 * The newest page on top of the pages read so far. When nothing of it is known there may be entries
 * between the two, so the list starts anew.
 */
export function withNewest(
    now: Page<AuditItem> | undefined,
    newest: Page<AuditItem>,
): Page<AuditItem> {
    const first = now?.items[0];
    const at = first ? newest.items.findIndex(({ id }) => id === first.id) : -1;
    if (!now || at < 0) return newest;
    return { ...now, items: [...newest.items.slice(0, at), ...now.items] };
}

/** Entries that were heard of and not read yet, newest first, without those that have been read. */
export function stillUnread(heard: readonly AuditItem[], read: readonly AuditItem[]): AuditItem[] {
    const known = new Set(read.map(({ id }) => id));
    return heard.filter(({ id }) => !known.has(id));
}

/** noun.verb as words: Key rotate, User suspend. */
export function actionName(action: string): string {
    const words = action.replace(/[._]/g, ' ');
    return words.charAt(0).toUpperCase() + words.slice(1);
}

/** Of a chain that is counted over in parts. */
export function withPart(now: AuditVerdict, part: AuditVerdict): AuditVerdict {
    const chains = now.chains.map((before) => {
        const more = part.chains.find(({ chain }) => chain === before.chain);
        if (!more) return before;
        return {
            ...before,
            entries: before.entries + more.entries,
            ok: before.ok && more.ok,
            broken_at: before.broken_at ?? more.broken_at ?? null,
        };
    });
    return { ...part, chains };
}
