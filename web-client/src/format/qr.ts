/** A QR code as one path of an SVG whose unit is a module. */
import { encode } from 'uqr';

export interface QrPath {
    /** Width and height, the light border that readers need included. */
    size: number;
    /** The dark modules. */
    path: string;
}

export function qrPath(text: string): QrPath {
    const { size, data } = encode(text, { ecc: 'M', border: 4 });
    const runs = data.flatMap((row, y) =>
        darkRuns(row).map(([x, length]) => `M${x} ${y}h${length}v1h-${length}z`),
    );
    return { size, path: runs.join('') };
}

/** Where dark begins in a row, and for how many modules. */
function darkRuns(row: readonly boolean[]): [number, number][] {
    const runs: [number, number][] = [];
    row.forEach((dark, x) => {
        const last = runs.at(-1);
        if (!dark) return;
        if (last && last[0] + last[1] === x) last[1] += 1;
        else runs.push([x, 1]);
    });
    return runs;
}
