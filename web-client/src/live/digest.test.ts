import { describe, expect, test } from 'vitest';
import { digestOf } from './digest';
import { type Json, Tree } from './tree';
import { xxh32 } from './xxh32';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

// From the reference implementation, xxhsum -H32.
test.each<[string, number]>([
    ['', 0x02cc5d05],
    ['a', 0x550d7456],
    ['abc', 0x32d153ff],
    ['abcd', 0xa3643705],
    ['Nobody inspects the spammish repetition', 0xe2293b2f],
    ['windows/24h/cost=1234.56', 0x6d1bdf56],
    ['partners/ALPHA/name="Größe 🎬', 0x8e821127],
])('XXH32 of %j', (text, expected) => {
    expect(xxh32(bytes(text))).toBe(expected);
});

test('XXH32 of a view into a larger buffer, with a seed', () => {
    const inside = bytes('xxNobody inspects the spammish repetition').subarray(2);
    expect(xxh32(inside)).toBe(0xe2293b2f);
    expect(xxh32(bytes('Nobody inspects the spammish repetition'), 1)).not.toBe(0xe2293b2f);
});

function treeOf(state: Json): Tree<unknown> {
    const tree = new Tree<unknown>();
    tree.replace(state);
    return tree;
}

const hex = (...leaves: string[]): string =>
    (leaves.reduce((sum, leaf) => sum + xxh32(bytes(leaf)), 0) % 2 ** 32)
        .toString(16)
        .padStart(8, '0');

describe('the digest of a state', () => {
    test('is the sum over its leaves', () => {
        const state = {
            now: { stuck: 3, idle: true, none: {} },
            windows: { '5m': { rate: 0.000001, cost: -1.25 } },
            jobs: { 'ALPHA/1': { prompt: 'a "word" = /', tags: [1, 'b', { c: null }] } },
        };
        expect(digestOf(treeOf(state))).toBe(
            hex(
                'now/stuck=3',
                'now/idle=true',
                'windows/5m/rate=0.000001',
                'windows/5m/cost=-1.25',
                'jobs/ALPHA/1/prompt="a "word" = /',
                'jobs/ALPHA/1/tags=[1,"b",{"c":null}]',
            ),
        );
    });

    test('of nothing is zero', () => {
        expect(digestOf(treeOf({}))).toBe('00000000');
        expect(digestOf(treeOf({ jobs: {} }))).toBe('00000000');
    });

    test('does not depend on how the state came about', () => {
        const tree = treeOf({ a: { b: 1, gone: { deep: 1 } }, z: 'long '.repeat(1000) });
        tree.patch({ a: { c: 2, b: null, gone: null } });
        tree.patch({ a: { b: 3 } });
        expect(digestOf(tree)).toBe(digestOf(treeOf({ z: 'long '.repeat(1000), a: { c: 2, b: 3 } })));
        tree.patch({ a: { b: 4 } });
        expect(digestOf(tree)).not.toBe(digestOf(treeOf({ z: 'long '.repeat(1000), a: { c: 2, b: 3 } })));
    });

    test('tells a number from its text and a member from its place', () => {
        expect(digestOf(treeOf({ a: 1 }))).not.toBe(digestOf(treeOf({ a: '1' })));
        expect(digestOf(treeOf({ a: { b: 1 } }))).not.toBe(digestOf(treeOf({ a: { c: 1 } })));
    });
});
