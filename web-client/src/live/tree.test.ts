import { effect } from '@preact/signals';
import { describe, expect, test } from 'vitest';
import { type Json, Tree } from './tree';

interface Document {
    a: number;
    list: Record<string, { state: string; n?: number }>;
}

function valueOf(tree: Tree<unknown>): Json | undefined {
    const node = tree as Tree<Record<string, unknown>>;
    const keys = node.peekKeys();
    if (keys.length === 0) return (tree as Tree<string>).peek();
    return Object.fromEntries(keys.map((key) => [key, valueOf(node.at(key)) as Json]));
}

/** RFC 7396, section 2, as written there. */
function merged(target: Json | undefined, patch: Json): Json {
    if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch;
    const result: { [key: string]: Json } =
        typeof target === 'object' && target !== null && !Array.isArray(target)
            ? { ...target }
            : {};
    for (const [key, value] of Object.entries(patch)) {
        if (value === null) delete result[key];
        else result[key] = merged(result[key], value);
    }
    return result;
}

describe('Tree', () => {
    test('a patch adds, changes and removes', () => {
        const tree = new Tree<Document>();
        tree.replace({ a: 1, list: { x: { state: 'queued', n: 1 }, y: { state: 'running' } } });
        tree.patch({
            a: 2,
            list: { x: { n: null, state: 'running' }, y: null, z: { state: 'new' } },
        });
        expect(valueOf(tree)).toEqual({
            a: 2,
            list: { x: { state: 'running' }, z: { state: 'new' } },
        });
    });

    test('redraws only what changed', () => {
        const tree = new Tree<Document>();
        tree.replace({ a: 1, list: { x: { state: 'queued' }, y: { state: 'queued' } } });
        const seen: string[] = [];
        const x = tree.at('list').at('x').at('state');
        const y = tree.at('list').at('y').at('state');
        effect(() => void seen.push(`x ${x.value}`));
        effect(() => void seen.push(`y ${y.value}`));
        effect(() => void seen.push(`keys ${tree.at('list').keys.join()}`));
        seen.length = 0;
        tree.patch({ list: { y: { state: 'running', n: 4 } } });
        expect(seen).toEqual(['y running']);
    });

    test('an element that waits for a member gets it, loses it and gets it back', () => {
        const tree = new Tree<Document>();
        const seen: (number | undefined)[] = [];
        effect(() => void seen.push(tree.at('a').value));
        tree.patch({ a: 5 });
        tree.patch({ a: null });
        tree.patch({ a: 6 });
        expect(seen).toEqual([undefined, 5, undefined, 6]);
    });

    test('a snapshot removes what it does not name and leaves the rest untouched', () => {
        const tree = new Tree<Document>();
        tree.replace({ a: 1, list: { x: { state: 'queued' }, y: { state: 'queued' } } });
        let redraws = -1;
        effect(() => {
            void tree.at('list').at('y').at('state').value;
            redraws += 1;
        });
        tree.replace({ a: 1, list: { y: { state: 'queued' } } });
        expect(valueOf(tree)).toEqual({ a: 1, list: { y: { state: 'queued' } } });
        expect(redraws).toBe(0);
    });

    test('the version of a subtree tells whether anything below changed', () => {
        const tree = new Tree<Document>();
        tree.replace({ a: 1, list: { x: { state: 'queued' } } });
        const before = tree.at('list').version;
        tree.patch({ a: 2 });
        expect(tree.at('list').version).toBe(before);
        tree.patch({ list: { x: { state: 'queued' } } });
        expect(tree.at('list').version).toBe(before);
        tree.patch({ list: { x: { n: 1 } } });
        expect(tree.at('list').version).toBeGreaterThan(before);
    });

    test('any sequence of patches gives what RFC 7396 says', () => {
        let seed = 7;
        const random = (below: number): number => {
            seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
            return seed % below;
        };
        const value = (depth: number): Json => {
            if (depth === 0 || random(3) === 0) return random(2) ? random(9) : `s${random(3)}`;
            const keys = Array.from({ length: 1 + random(3) }, () => 'abcd'.charAt(random(4)));
            return Object.fromEntries(
                keys.map((key) => [key, random(4) === 0 ? null : value(depth - 1)]),
            );
        };
        const patchOf = (): Json => ({ [`k${random(3)}`]: value(3), always: random(99) });
        const tree = new Tree<Record<string, Json>>();
        let expected: Json = merged(undefined, { always: 0 });
        tree.replace(expected);
        for (let step = 0; step < 2000; step += 1) {
            const patch = patchOf();
            expected = merged(expected, patch);
            tree.patch(patch);
            // An emptied object and an absent one look alike on screen.
            expect(valueOf(tree)).toEqual(prune(expected));
        }
    });
});

function prune(value: Json): Json | undefined {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
    const entries = Object.entries(value).map(([key, one]) => [key, prune(one)] as const);
    return entries.length === 0 ? undefined : (Object.fromEntries(entries) as Json);
}
