// What Linux says of a process: CPU time of it and its descendants, resident memory.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';

const ticksPerSecond = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));

/** Fields of /proc/PID/stat after the command's name: [0] is the state, [1] the parent. */
function stat(pid) {
    const text = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
}

function descendants(pid) {
    const parents = new Map();
    for (const entry of fs.readdirSync('/proc')) {
        if (!/^\d+$/.test(entry)) continue;
        try {
            parents.set(Number(entry), Number(stat(entry)[1]));
        } catch {
            // It ended while we looked.
        }
    }
    const tree = new Set([pid]);
    for (let size = 0; size !== tree.size; ) {
        size = tree.size;
        for (const [child, parent] of parents) if (tree.has(parent)) tree.add(child);
    }
    return tree;
}

/** User and system time of `pid` and its descendants, those that ended included, in seconds. */
export function cpuSeconds(pid) {
    let ticks = 0;
    for (const member of descendants(pid)) {
        try {
            const fields = stat(member);
            ticks += Number(fields[11]) + Number(fields[12]) + Number(fields[13]) + Number(fields[14]);
        } catch {
            // It ended while we looked; its parent has its time.
        }
    }
    return ticks / ticksPerSecond;
}

export function residentBytes(pid) {
    return Number(/VmRSS:\s+(\d+)/.exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) * 1024;
}
