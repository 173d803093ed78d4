/** What came of an action, said once: a success goes away by itself, a failure waits to be read. */
import { signal } from '@preact/signals';
import { messageOf } from '../session/http';
import { Cancelled } from '../session/step-up';
import { Icon } from './icon';

type Kind = 'good' | 'bad';

interface Toast {
    id: number;
    kind: Kind;
    text: string;
}

const toasts = signal<readonly Toast[]>([]);
const shownMs = 6000;
const atMost = 4;
let last = 0;

function dismiss(id: number): void {
    toasts.value = toasts.peek().filter((toast) => toast.id !== id);
}

export function notify(text: string, kind: Kind = 'good'): void {
    const id = ++last;
    toasts.value = [...toasts.peek(), { id, kind, text }].slice(-atMost);
    if (kind === 'good') setTimeout(() => dismiss(id), shownMs);
}

/** Runs an action and says what came of it; false: it failed, or was not confirmed. */
export async function attempt(action: () => Promise<unknown>, done?: string): Promise<boolean> {
    try {
        await action();
        if (done) notify(done);
        return true;
    } catch (error) {
        if (!(error instanceof Cancelled)) notify(messageOf(error), 'bad');
        return false;
    }
}

export function Toasts() {
    return (
        <div class="toasts" role="status" aria-live="polite">
            {toasts.value.map(({ id, kind, text }) => (
                <div key={id} class="toast" data-kind={kind}>
                    <Icon name={kind === 'good' ? 'check' : 'warn'} />
                    <p>{text}</p>
                    <button
                        type="button"
                        class="icon-button"
                        aria-label="Dismiss"
                        onClick={() => dismiss(id)}
                    >
                        <Icon name="cross" />
                    </button>
                </div>
            ))}
        </div>
    );
}
