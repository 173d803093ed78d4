/** XXH32 of bytes, as the hub hashes the leaves of a state (xxhash.com, version 0.8 of its specification). */

const prime1 = 0x9e3779b1;
const prime2 = 0x85ebca77;
const prime3 = 0xc2b2ae3d;
const prime4 = 0x27d4eb2f;
const prime5 = 0x165667b1;

function rotate(value: number, bits: number): number {
    return (value << bits) | (value >>> (32 - bits));
}

function round(lane: number, word: number): number {
    return Math.imul(rotate(lane + Math.imul(word, prime2), 13), prime1);
}

/** An unsigned 32-bit number. */
export function xxh32(bytes: Uint8Array, seed = 0): number {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const { length } = bytes;
    let at = 0;
    let hash = (seed + prime5) | 0;
    if (length >= 16) {
        let [a, b, c, d] = [seed + prime1 + prime2, seed + prime2, seed, seed - prime1];
        for (; at + 16 <= length; at += 16) {
            a = round(a, view.getUint32(at, true));
            b = round(b, view.getUint32(at + 4, true));
            c = round(c, view.getUint32(at + 8, true));
            d = round(d, view.getUint32(at + 12, true));
        }
        hash = (rotate(a, 1) + rotate(b, 7) + rotate(c, 12) + rotate(d, 18)) | 0;
    }
    hash = (hash + length) | 0;
    for (; at + 4 <= length; at += 4)
        hash = Math.imul(rotate(hash + Math.imul(view.getUint32(at, true), prime3), 17), prime4);
    for (; at < length; at += 1)
        hash = Math.imul(rotate(hash + Math.imul(view.getUint8(at), prime5), 11), prime1);
    hash = Math.imul(hash ^ (hash >>> 15), prime2);
    hash = Math.imul(hash ^ (hash >>> 13), prime3);
    return (hash ^ (hash >>> 16)) >>> 0;
}
