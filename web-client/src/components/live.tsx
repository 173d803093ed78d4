import { useComputed } from '@preact/signals';

/** A text that follows the signals it reads: only its own text node is touched. */
export function Live({ of }: { of: () => string }) {
    const text = useComputed(of);
    return <>{text}</>;
}
