// The digest of a state, computed from its definition and not by the product: the sum of XXH32 over
// `path=value` of all leaves, order-free, modulo 2^32.
const P1 = 0x9e3779b1, P2 = 0x85ebca77, P3 = 0xc2b2ae3d, P4 = 0x27d4eb2f, P5 = 0x165667b1;
const rotate = (x, n) => (x << n) | (x >>> (32 - n));

/** XXH32 with seed 0 of a Buffer, as an unsigned number. */
export function xxh32(bytes) {
    const length = bytes.length;
    let at = 0, hash;
    if (length >= 16) {
        const lanes = [(P1 + P2) | 0, P2 | 0, 0, -P1 | 0];
        for (; at + 16 <= length; at += 16)
            for (let lane = 0; lane < 4; lane++) {
                const word = bytes.readUInt32LE(at + 4 * lane);
                lanes[lane] = Math.imul(rotate((lanes[lane] + Math.imul(word, P2)) | 0, 13), P1);
            }
        hash = rotate(lanes[0], 1) + rotate(lanes[1], 7) + rotate(lanes[2], 12) + rotate(lanes[3], 18);
    } else {
        hash = P5;
    }
    hash = (hash + length) | 0;
    for (; at + 4 <= length; at += 4)
        hash = Math.imul(rotate((hash + Math.imul(bytes.readUInt32LE(at), P3)) | 0, 17), P4);
    for (; at < length; at++)
        hash = Math.imul(rotate((hash + Math.imul(bytes[at], P5)) | 0, 11), P1);
    hash = Math.imul(hash ^ (hash >>> 15), P2);
    hash = Math.imul(hash ^ (hash >>> 13), P3);
    return (hash ^ (hash >>> 16)) >>> 0;
}

function leaves(value, path, visit) {
    if (value !== null && typeof value === 'object' && !Array.isArray(value)) {
        for (const [name, member] of Object.entries(value))
            leaves(member, path === '' ? name : `${path}/${name}`, visit);
    } else if (typeof value === 'string') {
        visit(path, `"${value}`);
    } else {
        visit(path, Array.isArray(value) ? JSON.stringify(value) : String(value));
    }
}

/** Eight lower-case hex digits. */
export function digest({ t, at, ...state }) {
    let sum = 0;
    leaves(state, '', (path, value) => (sum = (sum + xxh32(Buffer.from(`${path}=${value}`))) >>> 0));
    return sum.toString(16).padStart(8, '0');
}
