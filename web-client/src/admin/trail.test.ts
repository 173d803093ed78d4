import { describe, expect, it } from 'vitest';
import type { AuditItem } from './shapes';
import { actionName, isEntry, stillUnread, withNewest, withPart } from './trail';

const entry = (id: string): AuditItem => ({ id, at: 1, action: 'user.suspend', outcome: 'done' });
const page = (ids: string, next?: string) => ({
    items: [...ids].map(entry),
    ...(next && { next }),
});
const idsOf = (items: AuditItem[]) => items.map(({ id }) => id).join('');

describe('the trail while it grows', () => {
    it('has what is newer on top, and still goes on where it was read to', () => {
        const joined = withNewest(page('cba', 'more'), page('edcb', 'other'));
        expect(idsOf(joined.items)).toBe('edcba');
        expect(joined.next).toBe('more');
    });

    it('starts anew when entries may be missing in between', () => {
        const joined = withNewest(page('cba', 'more'), page('zyx', 'other'));
        expect(idsOf(joined.items)).toBe('zyx');
        expect(joined.next).toBe('other');
        expect(idsOf(withNewest(undefined, page('a')).items)).toBe('a');
        expect(idsOf(withNewest(page(''), page('a')).items)).toBe('a');
    });

    it('does not show twice what was heard and then read', () => {
        expect(idsOf(stillUnread([entry('d'), entry('c')], [entry('c'), entry('b')]))).toBe('d');
    });

    it('takes only entries from its channel', () => {
        expect(isEntry({ t: 'audit', id: '2026-11-01.4', at: 1, action: 'key.rotate' })).toBe(true);
        expect(isEntry({ t: 'key', id: 'x', at: 1, action: 'a' })).toBe(false);
        expect(isEntry({ t: 'audit', id: 4, at: 1, action: 'a' })).toBe(false);
        expect(isEntry(null)).toBe(false);
    });

    it('joins what was said of parts of a chain', () => {
        const part = (entries: number, broken_at: number | null = null, next: string | null = null) => ({
            chains: [{ chain: '2026-11', entries, ok: broken_at === null, broken_at }],
            next,
        });
        expect(withPart(part(50, null, '50'), part(7))).toEqual(part(57));
        expect(withPart(part(50, 3, '50'), part(50, 70, '100'))).toEqual(part(100, 3, '100'));
        expect(withPart(part(50), { chains: [] }).chains).toEqual(part(50).chains);
    });

    it('says actions in words', () => {
        expect(actionName('user.sign_out')).toBe('User sign out');
    });
});
