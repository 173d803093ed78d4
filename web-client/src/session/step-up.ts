/**
 * What the server allows only to who has just said who he is: the call waits here until the dialog
 * (components/step-up.tsx) has settled. Calls that come meanwhile wait for the same answer.
 */
import { signal } from '@preact/signals';

export interface Confirmation {
    done: () => void;
    cancel: () => void;
}

/** The reader did not want to confirm: nothing to report. */
export class Cancelled extends Error {
    constructor() {
        super('Not confirmed; nothing was changed.');
        this.name = 'Cancelled';
    }
}

/** Set while the reader is asked. */
export const confirmation = signal<Confirmation | undefined>(undefined);

let waiting: Promise<void> | undefined;

export function confirmIdentity(): Promise<void> {
    waiting ??= new Promise<void>((resolve, reject) => {
        const settle = (how: () => void) => (): void => {
            confirmation.value = undefined;
            waiting = undefined;
            how();
        };
        confirmation.value = {
            done: settle(resolve),
            cancel: settle(() => reject(new Cancelled())),
        };
    });
    return waiting;
}
