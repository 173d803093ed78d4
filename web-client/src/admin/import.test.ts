import { describe, expect, it } from 'vitest';
import { inReadingOrder, largestBytes, refusalOf, summaryOf } from './import';
import type { ImportRow } from './shapes';

const rows: ImportRow[] = [
    { row: 1, email: 'a@example.org', result: 'unchanged' },
    { row: 2, email: 'b@example.org', result: 'created' },
    { row: 3, email: 'x', result: 'error', reason: 'invalid', field: 'email' },
    { row: 4, email: 'c@example.org', result: 'created' },
    { row: 5, email: 'd@example.org', result: 'error', reason: 'not_found', field: 'partner' },
];

describe('the rows of an import', () => {
    it('are counted by result, in the order in which they are told', () => {
        expect(summaryOf(rows)).toEqual({
            rows: 5,
            errors: 2,
            changes: 2,
            counts: [
                { result: 'created', count: 2 },
                { result: 'unchanged', count: 1 },
                { result: 'error', count: 2 },
            ],
        });
        expect(summaryOf([])).toEqual({ rows: 0, errors: 0, changes: 0, counts: [] });
    });

    it('show what needs a hand first, else as in the file', () => {
        expect(inReadingOrder(rows).map(({ row }) => row)).toEqual([3, 5, 1, 2, 4]);
        expect(rows[0]?.row, 'the answer itself is left alone').toBe(1);
    });

    it('are not sent when the file cannot be one', () => {
        expect(refusalOf({ size: largestBytes + 1, text: 'email' })).toContain('1 MB');
        expect(refusalOf({ size: 3, text: ' \n ' })).toContain('empty');
        expect(refusalOf({ size: 10, text: 'email,name' })).toBeUndefined();
    });
});
