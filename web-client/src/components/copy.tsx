import { useSignal } from '@preact/signals';

/** A command or an id that can be taken along with one click. */
export function Copyable({ text, label }: { text: string; label: string }) {
    const done = useSignal(false);
    const copy = async (): Promise<void> => {
        try {
            await navigator.clipboard.writeText(text);
            done.value = true;
            setTimeout(() => (done.value = false), 2000);
        } catch {
            // Without permission the text is still there to be selected.
        }
    };
    return (
        <div class="copyable">
            <pre tabIndex={0} aria-label={label}>
                <code>{text}</code>
            </pre>
            <button type="button" class="button" onClick={() => void copy()}>
                <span aria-live="polite">{done.value ? 'Copied' : 'Copy'}</span>
            </button>
        </div>
    );
}

/** The event that fills an empty page. The key is the reader's own and never on screen. */
export function curlLine(job: string): string {
    return [
        `curl ${location.origin}/v1/events \\`,
        `  -H "Authorization: Bearer $API_KEY" \\`,
        `  -H "Content-Type: application/cloudevents+json" \\`,
        `  -d '{"specversion":"1.0","id":"${job}-1","source":"/curl",`,
        `       "type":"generation.requested","data":{"job":"${job}"}}'`,
    ].join('\n');
}
