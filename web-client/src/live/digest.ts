/**
 * The digest of a state, to compare with the hub's: the sum over the leaves of XXH32 of
 * `path=value`. A sum needs no order, so each side walks what it holds as it holds it.
 */
import type { Json, Tree } from './tree';
import { xxh32 } from './xxh32';

const encoder = new TextEncoder();
let scratch = new Uint8Array(1024);

function hashOf(text: string): number {
    // A UTF-16 unit becomes three bytes at most.
    if (text.length * 3 > scratch.length) scratch = new Uint8Array(text.length * 6);
    const { written } = encoder.encodeInto(text, scratch);
    return xxh32(scratch.subarray(0, written));
}

function textOf(value: Json): string {
    if (typeof value === 'string') return `"${value}`;
    return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

/** Eight lower-case hexadecimal digits. */
export function digestOf<T>(tree: Tree<T>): string {
    let sum = 0;
    tree.eachLeaf((path, value) => {
        sum = (sum + hashOf(`${path}=${textOf(value)}`)) >>> 0;
    });
    return sum.toString(16).padStart(8, '0');
}
