/** The server's time, and the page's one heartbeat: what ages on screen redraws at 2 frames a second. */
import { signal } from '@preact/signals';

export const tickMs = 500;

/** Advances every `tickMs`; readers redraw on it, independently of what arrives. */
export const tick = signal(0);

let serverAhead = 0;

/**
 * A moment on both of the machine's clocks: the steady one stands still during a sleep, the wall's
 * may be set back; the larger difference is never too small.
 */
export interface Moment {
    wall: number;
    steady: number;
}

export function momentNow(): Moment {
    return { wall: Date.now(), steady: performance.now() };
}

export function msSince(moment: Moment): number {
    return Math.max(0, Date.now() - moment.wall, performance.now() - moment.steady);
}

const setBackMs = 1000;
let last = momentNow();

/** Somebody set the clock back: the server is that much further ahead of it. */
export function noteSetBack(): void {
    const now = momentNow();
    const back = now.steady - last.steady - (now.wall - last.wall);
    if (back > setBackMs) serverAhead += back;
    last = now;
}

setInterval(() => {
    noteSetBack();
    tick.value += 1;
}, tickMs);

/** Called with the server's time when the hub greets. */
export function setServerTime(serverMs: number): void {
    serverAhead = serverMs - Date.now();
    last = momentNow();
}

/** A time of the server's on this machine's clock, by which its owner lives. */
export function localTime(serverMs: number): number {
    return serverMs - serverAhead;
}

export function serverNow(): number {
    return Date.now() + serverAhead;
}
