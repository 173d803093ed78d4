import { describe, expect, it } from 'vitest';
import { readFilters, requestQuery, writeFilters } from './query';

const names = { q: 'text', kind: ['staff', 'member'], from: 'time' } as const;

describe('filters in the address', () => {
    it('come back as they went', () => {
        const filters = { q: 'a&b=c ü', kind: 'staff', from: '2026-05-01T14:03' };
        const address = writeFilters(names, filters);
        expect(readFilters(names, new URLSearchParams(address))).toEqual(filters);
    });

    it('are the same address whatever the order, and nothing when there are none', () => {
        expect(writeFilters(names, { kind: 'staff', q: 'x' })).toBe('q=x&kind=staff');
        expect(writeFilters(names, { q: '  ' })).toBe('');
    });

    it('do not take what no control could show', () => {
        const search = new URLSearchParams('q=+&kind=robot&from=yesterday&limit=9999&after=x');
        expect(readFilters(names, search)).toEqual({});
        expect(readFilters(names, new URLSearchParams({ q: 'x'.repeat(500) })).q).toHaveLength(200);
    });

    it('are sent with times in milliseconds, and with the page', () => {
        const query = new URLSearchParams(
            requestQuery(names, { from: '2026-05-01T14:03', kind: 'staff' }, { limit: '50' }),
        );
        expect(query.get('from')).toBe(String(new Date('2026-05-01T14:03').getTime()));
        expect(query.get('kind')).toBe('staff');
        expect(query.get('limit')).toBe('50');
        expect(query.has('q')).toBe(false);
    });
});
