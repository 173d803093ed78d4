import { encode } from 'uqr';
import { expect, it } from 'vitest';
import { qrPath } from './qr';

/** The modules that the path covers, row by row. */
function covered({ size, path }: { size: number; path: string }): boolean[][] {
    const rows = Array.from({ length: size }, () => Array.from({ length: size }, () => false));
    for (const [, x, y, length] of path.matchAll(/M(\d+) (\d+)h(\d+)v1h-\3z/g))
        for (let at = Number(x); at < Number(x) + Number(length); at++) {
            const row = rows[Number(y)];
            expect(row?.[at]).toBe(false);
            if (row) row[at] = true;
        }
    return rows;
}

it('draws the dark modules once each, upright, in a border of four', () => {
    const text = 'otpauth://totp/Hub:ann%40alpha.example?secret=JBSWY3DPEHPK3PXP&issuer=Hub';
    const drawn = covered(qrPath(text));
    expect(drawn).toEqual(encode(text, { ecc: 'M', border: 4 }).data);
    const size = drawn.length;
    // The module that is always dark: in the lower left, where a mirrored code has another.
    expect(drawn[size - 4 - 8]?.[4 + 8]).toBe(true);
    const border = (at: number): boolean => at < 4 || at >= size - 4;
    expect(drawn.some((row, y) => row.some((dark, x) => dark && (border(x) || border(y))))).toBe(false);
});
