// The state digest of the hub's checks, computed anew from a plain object: XXH32 by the letter of its
// specification, on BigInt, sharing nothing with the product.
const mask = 0xffffffffn;
const [p1, p2, p3, p4, p5] = [2654435761n, 2246822519n, 3266489917n, 668265263n, 374761393n];
const rotate = (value, bits) => ((value << bits) | (value >> (32n - bits))) & mask;
const round = (lane, word) => (rotate((lane + word * p2) & mask, 13n) * p1) & mask;

export function xxh32(text, seed = 0n) {
    const bytes = Buffer.from(text, 'utf8');
    const word = (at) => BigInt(bytes.readUInt32LE(at));
    let at = 0;
    let hash = (seed + p5) & mask;
    if (bytes.length >= 16) {
        const lanes = [seed + p1 + p2, seed + p2, seed, seed - p1].map((lane) => lane & mask);
        for (; at + 16 <= bytes.length; at += 16)
            for (let i = 0; i < 4; i++) lanes[i] = round(lanes[i], word(at + 4 * i));
        hash = lanes.reduce((sum, lane, i) => sum + rotate(lane, [1n, 7n, 12n, 18n][i]), 0n) & mask;
    }
    hash = (hash + BigInt(bytes.length)) & mask;
    for (; at + 4 <= bytes.length; at += 4)
        hash = (rotate((hash + word(at) * p3) & mask, 17n) * p4) & mask;
    for (; at < bytes.length; at++)
        hash = (rotate((hash + BigInt(bytes[at]) * p5) & mask, 11n) * p1) & mask;
    hash = ((hash ^ (hash >> 15n)) * p2) & mask;
    hash = ((hash ^ (hash >> 13n)) * p3) & mask;
    return hash ^ (hash >> 16n);
}

/** `{t, at, …}` -> eight hexadecimal digits. */
export function digestOf({ t: _type, at: _at, ...members }) {
    let sum = 0n;
    const walk = (value, path) => {
        if (value !== null && typeof value === 'object' && !Array.isArray(value)) {
            for (const [name, member] of Object.entries(value))
                walk(member, path ? `${path}/${name}` : name);
            return;
        }
        const text = typeof value === 'string' ? `"${value}`
            : Array.isArray(value) ? JSON.stringify(value) : String(value);
        sum += xxh32(`${path}=${text}`);
    };
    walk(members, '');
    return (sum & mask).toString(16).padStart(8, '0');
}
