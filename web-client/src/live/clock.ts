/** The server's time, and the page's one heartbeat: what ages on screen redraws at 2 frames a second. */
import { signal } from '@preact/signals';

export const tickMs = 500;

/** Advances every `tickMs`; readers redraw on it, independently of what arrives. */
export const tick = signal(0);

let serverAhead = 0;

setInterval(() => {
    tick.value += 1;
}, tickMs);

/** Called with the server's time when the hub greets. */
export function setServerTime(serverMs: number): void {
    serverAhead = serverMs - Date.now();
}

export function serverNow(): number {
    return Date.now() + serverAhead;
}
