import { describe, expect, it } from 'vitest';
import { diffOf, valueText } from './diff';

describe('what an entry changed', () => {
    it('names each member with old and new', () => {
        expect(
            diffOf(
                { status: 'active', name: 'Ada', notes: null },
                { status: 'suspended', name: 'Ada', suspended_reason: 'left' },
            ),
        ).toEqual([
            { path: 'status', kind: 'changed', old: 'active', new: 'suspended' },
            { path: 'suspended_reason', kind: 'added', new: 'left' },
        ]);
    });

    it('is all new without a before, all gone without an after', () => {
        expect(diffOf(null, { id: 'rol_1' })).toEqual([{ path: 'id', kind: 'added', new: 'rol_1' }]);
        expect(diffOf({ id: 'rol_1' }, undefined)).toEqual([
            { path: 'id', kind: 'removed', old: 'rol_1' },
        ]);
        expect(diffOf(null, null)).toEqual([]);
    });

    it('goes into members, and is blind to their order', () => {
        expect(diffOf({ a: { x: 1, y: 2 } }, { a: { y: 3, x: 1 } })).toEqual([
            { path: 'a.y', kind: 'changed', old: 2, new: 3 },
        ]);
        expect(diffOf({ a: { x: 1, y: 2 } }, { a: { y: 2, x: 1 } })).toEqual([]);
    });

    it('names the elements that came to a list and those that left it', () => {
        expect(
            diffOf({ permissions: ['a', 'b', 'c'] }, { permissions: ['c', 'd', 'a'] }),
        ).toEqual([
            { path: 'permissions', kind: 'removed', old: 'b' },
            { path: 'permissions', kind: 'added', new: 'd' },
        ]);
        expect(diffOf({ p: ['a', 'a'] }, { p: ['a'] })).toEqual([
            { path: 'p', kind: 'changed', old: ['a', 'a'], new: ['a'] },
        ]);
    });

    it('follows an element of a list by what it is called, not by its place', () => {
        const before = [
            { partner: 'A', role: 'viewer' },
            { partner: 'B', role: 'admin' },
        ];
        const after = [
            { partner: 'B', role: 'manager' },
            { partner: 'C', role: 'viewer' },
        ];
        expect(diffOf({ memberships: before }, { memberships: after })).toEqual([
            { path: 'memberships.A', kind: 'removed', old: before[0] },
            { path: 'memberships.B.role', kind: 'changed', old: 'admin', new: 'manager' },
            { path: 'memberships.C', kind: 'added', new: after[1] },
        ]);
    });

    it('does not take two elements of one name for one', () => {
        const twice = [
            { partner: 'A', role: 'viewer' },
            { partner: 'A', role: 'admin' },
        ];
        expect(diffOf({ m: twice }, { m: [twice[0]] })).toEqual([
            { path: 'm', kind: 'removed', old: twice[1] },
        ]);
    });

    it('compares values of different kinds as a whole', () => {
        expect(diffOf({ a: [1] }, { a: { b: 1 } })).toEqual([
            { path: 'a', kind: 'changed', old: [1], new: { b: 1 } },
        ]);
        expect(diffOf('x', 'y')).toEqual([{ path: '', kind: 'changed', old: 'x', new: 'y' }]);
    });

    it('is not led astray by members of every object', () => {
        expect(diffOf({}, { constructor: 1 })).toEqual([
            { path: 'constructor', kind: 'added', new: 1 },
        ]);
    });
});

describe('a value on one line', () => {
    it('tells an empty text from none', () => {
        expect(valueText('')).toBe('(empty)');
        expect(valueText(undefined)).toBe('–');
        expect(valueText([])).toBe('(none)');
        expect(valueText(['a', 'b'])).toBe('a, b');
        expect(valueText({ a: 1 })).toBe('{"a":1}');
        expect(valueText(false)).toBe('false');
    });
});
